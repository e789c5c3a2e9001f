/*
 * slk581.c
 *		SLK-581, without PostgreSQL: METeOR 750410.
 *
 * Names come folded (name_fold.h), so that an accented letter counts as the
 * letter it is; whatever is no letter does not count.  Titles are the
 * caller's: the definition does not take them off.
 */
#include "slk581.h"

#include <string.h>

static void
take_letters(const char *name, size_t length, const int *places, size_t count,
			 char *out)
{
	int			letters = 0;
	size_t		i;
	size_t		n;

	memset(out, '2', count);
	for (i = 0; i < length; i++)
	{
		if (name[i] < 'A' || name[i] > 'Z')
			continue;
		letters++;
		for (n = 0; n < count; n++)
			if (places[n] == letters)
				out[n] = name[i];
		if (letters == places[count - 1])
			break;
	}
	if (letters == 0)
		memset(out, '9', count);
}

void
caredata_slk581_family(const char *name, size_t length, char *out)
{
	static const int places[SLK581_FAMILY] = {2, 3, 5};

	take_letters(name, length, places, SLK581_FAMILY, out);
}

void
caredata_slk581_given(const char *name, size_t length, char *out)
{
	static const int places[SLK581_GIVEN] = {2, 3};

	take_letters(name, length, places, SLK581_GIVEN, out);
}

char
caredata_slk581_sex(const char *sex, size_t length)
{
	static const struct
	{
		const char *word;
		char		code;
	}			words[] = {
		{"1", '1'}, {"M", '1'}, {"MALE", '1'},
		{"2", '2'}, {"F", '2'}, {"FEMALE", '2'},
		{"3", '3'}, {"I", '3'}, {"INTERSEX", '3'}, {"INDETERMINATE", '3'},
		{"O", '3'}, {"OTHER", '3'}
	};
	size_t		i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].word) == length &&
			memcmp(words[i].word, sex, length) == 0)
			return words[i].code;
	return '9';
}
