/*
 * master_command_test.c
 *		How the command that prints the master key is split into arguments.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master_command.h"
#include "tap.h"

static const struct
{
	const char *text;
	int			count;
	const char *arguments[4];
}			accepted[] =
{
	{"[\"/bin/cat\"]", 1, {"/bin/cat"}},
	{" [ \"/bin/cat\" , \"a b\" ] ", 2, {"/bin/cat", "a b"}},
	{"\t[\"/bin/cat\",\n\"\",\r\"x\"]\n", 3, {"/bin/cat", "", "x"}},
	{"[\"/a \\\"b\\\"\", \"\\\\\", \"$(x); *\"]", 3, {"/a \"b\"", "\\", "$(x); *"}},
	{"[\"/x\", \"[]\", \",\", \"]\"]", 4, {"/x", "[]", ",", "]"}}
};

static const char *const refused[] = {
	"", " ", "[", "]", "[]", "[ ]", "/bin/cat", "\"/bin/cat\"", "[/bin/cat]",
	"['/bin/cat']", "[\"/bin/cat\"", "[\"/bin/cat\",]", "[\"/bin/cat\",",
	"[\"/bin/cat", "[\"/bin/cat\\", "[\"/bin/cat\\\"]", "[\"/bin/\\cat\"]",
	"[\"/bin/cat\" \"x\"]", "[\"/bin/cat\"]]", "[\"/bin/cat\"] x",
	"[\"bin/cat\"]", "[\"\"]", "[\"./cat\"]", "[\"~/cat\"]", "[,\"/bin/cat\"]",
	"[[\"/bin/cat\"]]", "{\"/bin/cat\"}", "[null]", "[\"/x\", 1]"
};

/* Memory of exactly the size that is promised, for the sanitizer to guard. */
static const char *
parse(const char *text, char **buffer, char **argv)
{
	char	   *copy = malloc(strlen(text) + 1);
	const char *wrong;

	*buffer = malloc(strlen(text) + 1);
	strcpy(copy, text);
	wrong = master_command_parse(copy, *buffer, argv);
	free(copy);
	return wrong;
}

int
main(void)
{
	char	   *argv[MASTER_COMMAND_ARGUMENTS + 1];
	char	   *buffer;
	char		text[16 + 4 * (MASTER_COMMAND_ARGUMENTS + 1)];
	size_t		i;
	int			n;

	for (i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++)
	{
		int			same = parse(accepted[i].text, &buffer, argv) == NULL;

		for (n = 0; same && n < accepted[i].count; n++)
			same = argv[n] != NULL && strcmp(argv[n], accepted[i].arguments[n]) == 0;
		ok(same && argv[accepted[i].count] == NULL, "accepted: %s", accepted[i].text);
		free(buffer);
	}
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
	{
		ok(parse(refused[i], &buffer, argv) != NULL, "refused: %s", refused[i]);
		free(buffer);
	}

	/* as many arguments as there may be, and one more */
	for (n = MASTER_COMMAND_ARGUMENTS; n <= MASTER_COMMAND_ARGUMENTS + 1; n++)
	{
		int			j;

		strcpy(text, "[\"/x\"");
		for (j = 1; j < n; j++)
			strcat(text, ",\"\"");
		strcat(text, "]");
		ok((parse(text, &buffer, argv) == NULL) == (n == MASTER_COMMAND_ARGUMENTS),
		   "%d arguments", n);
		free(buffer);
	}
	return done();
}
