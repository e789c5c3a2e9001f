/*
 * name_fold.c
 *		Letters of any script's look as capital ASCII letters, without
 *		PostgreSQL.
 *
 * Version 1 of the folding.  Unicode's decomposition, which is the caller's,
 * takes accents off; here the marks are dropped, and letters that Unicode does
 * not decompose are given the ASCII letters that they are filed under.  It
 * depends on no locale.  Digests are made of the result, so a change of it is
 * a new version beside this one.
 */
#include "name_fold.h"

/* In order of the code points.  Capital and small letter give the same. */
static const struct
{
	uint32_t	point;
	char		letters[NAME_FOLD_MAX + 1];
}			letters[] = {
	{0xC6, "AE"}, {0xD0, "D"}, {0xD8, "O"}, {0xDE, "TH"}, {0xDF, "SS"},
	{0xE6, "AE"}, {0xF0, "D"}, {0xF8, "O"}, {0xFE, "TH"}, {0x110, "D"},
	{0x111, "D"}, {0x126, "H"}, {0x127, "H"}, {0x131, "I"}, {0x138, "Q"},
	{0x141, "L"}, {0x142, "L"}, {0x14A, "N"}, {0x14B, "N"}, {0x152, "OE"},
	{0x153, "OE"}, {0x166, "T"}, {0x167, "T"}, {0x180, "B"}, {0x181, "B"},
	{0x186, "O"}, {0x187, "C"}, {0x188, "C"}, {0x189, "D"}, {0x18A, "D"},
	{0x18E, "E"}, {0x18F, "E"}, {0x190, "E"}, {0x191, "F"}, {0x192, "F"},
	{0x193, "G"}, {0x197, "I"}, {0x198, "K"}, {0x199, "K"}, {0x19A, "L"},
	{0x19D, "N"}, {0x19E, "N"}, {0x19F, "O"}, {0x1A4, "P"}, {0x1A5, "P"},
	{0x1AC, "T"}, {0x1AD, "T"}, {0x1AE, "T"}, {0x1B2, "V"}, {0x1B3, "Y"},
	{0x1B4, "Y"}, {0x1B5, "Z"}, {0x1B6, "Z"}, {0x1DD, "E"}, {0x1E4, "G"},
	{0x1E5, "G"}, {0x221, "D"}, {0x224, "Z"}, {0x225, "Z"}, {0x23A, "A"},
	{0x23B, "C"}, {0x23C, "C"}, {0x23D, "L"}, {0x23E, "T"}, {0x243, "B"},
	{0x244, "U"}, {0x246, "E"}, {0x247, "E"}, {0x248, "J"}, {0x249, "J"},
	{0x24C, "R"}, {0x24D, "R"}, {0x24E, "Y"}, {0x24F, "Y"}, {0x253, "B"},
	{0x254, "O"}, {0x256, "D"}, {0x257, "D"}, {0x259, "E"}, {0x25B, "E"},
	{0x260, "G"}, {0x268, "I"}, {0x269, "I"}, {0x26B, "L"}, {0x272, "N"},
	{0x275, "O"}, {0x289, "U"}, {0x28B, "V"}, {0x1E9E, "SS"}
};

size_t
caredata_fold_code_point(uint32_t point, char *out)
{
	size_t		low = 0;
	size_t		high = sizeof(letters) / sizeof(letters[0]);

	if (caredata_is_apostrophe(point))
	{
		out[0] = '\'';
		return 1;
	}
	if (point < 0x80)
	{
		out[0] = (char) (point >= 'a' && point <= 'z' ? point - ('a' - 'A') : point);
		return 1;
	}
	/* hyphens and dashes */
	if ((point >= 0x2010 && point <= 0x2015) || point == 0x2212)
	{
		out[0] = '-';
		return 1;
	}
	while (low < high)
	{
		size_t		middle = (low + high) / 2;

		if (letters[middle].point < point)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < sizeof(letters) / sizeof(letters[0]) && letters[low].point == point)
	{
		size_t		n = 0;

		for (; letters[low].letters[n] != '\0'; n++)
			out[n] = letters[low].letters[n];
		return n;
	}
	return 0;
}

bool
caredata_is_apostrophe(uint32_t point)
{
	switch (point)
	{
		case '\'':
		case '`':
		case 0xB4:				/* acute accent */
		case 0x2B9:				/* modifier letters */
		case 0x2BB:
		case 0x2BC:
		case 0x2BD:
		case 0x2C8:
		case 0x2018:			/* quotation marks */
		case 0x2019:
		case 0x201B:
		case 0x2032:			/* prime */
		case 0xFF07:			/* full width */
			return true;
		default:
			return false;
	}
}

size_t
caredata_fold_words(char *text, size_t length)
{
	size_t		n = 0;
	bool		gap = false;
	size_t		i;

	for (i = 0; i < length; i++)
	{
		char		c = text[i];

		if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		{
			if (gap && n > 0)
				text[n++] = ' ';
			text[n++] = c;
			gap = false;
		}
		else if (c != '\'')
			gap = true;
	}
	return n;
}
