/*
 * master_command_fuzz.c
 *		Any text as caredata.master_key_command: nothing out of bounds, and
 *		what is accepted is an absolute path with arguments out of the text.
 */
#include "fuzz.h"
#include "master_command.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *argv[MASTER_COMMAND_ARGUMENTS + 1];
	char	   *text = malloc(size + 1);
	char	   *buffer = malloc(size + 1);
	int			n;

	CHECK(text != NULL && buffer != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (master_command_parse(text, buffer, argv) == NULL)
	{
		CHECK(argv[0] != NULL && argv[0][0] == '/');
		for (n = 0; argv[n] != NULL; n++)
		{
			CHECK(n < MASTER_COMMAND_ARGUMENTS);
			CHECK(argv[n] >= buffer &&
				  argv[n] + strlen(argv[n]) <= buffer + size);
		}
	}
	free(text);
	free(buffer);
	return 0;
}
