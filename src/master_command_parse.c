/*
 * master_command_parse.c
 *		The setting caredata.master_key_command: an array of strings, as in
 *		JSON, with no escapes but those of the double quote and the backslash.
 *		Plain C on text, without PostgreSQL.
 */
#include "master_command.h"

static const char *
skip_space(const char *text)
{
	while (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r')
		text++;
	return text;
}

const char *
master_command_parse(const char *text, char *buffer,
					 char *argv[MASTER_COMMAND_ARGUMENTS + 1])
{
	int			n = 0;

	text = skip_space(text);
	if (*text++ != '[')
		return "It must be an array: [\"/path/to/program\", \"argument\"].";
	for (;;)
	{
		text = skip_space(text);
		if (*text++ != '"')
			return "Every element must be in double quotes.";
		if (n == MASTER_COMMAND_ARGUMENTS)
			return "There are too many arguments.";
		argv[n++] = buffer;
		while (*text != '"')
		{
			if (*text == '\\')
			{
				text++;
				if (*text != '"' && *text != '\\')
					return "A backslash may stand before a double quote or a backslash only.";
			}
			if (*text == '\0')
				return "A double quote is missing.";
			*buffer++ = *text++;
		}
		*buffer++ = '\0';
		text = skip_space(text + 1);
		if (*text == ']')
			break;
		if (*text++ != ',')
			return "Elements must be separated by commas.";
	}
	if (*skip_space(text + 1) != '\0')
		return "Nothing may follow the array.";
	if (argv[0][0] != '/')
		return "The path of the program must be absolute.";
	argv[n] = NULL;
	return NULL;
}
