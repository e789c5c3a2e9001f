/*
 * tap.h
 *		What a unit test prints: "ok N - name" or "not ok N - name", then
 *		the plan.
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int	tap_tests = 0;
static int	tap_failures = 0;

static bool ok(bool passed, const char *name, ...)
__attribute__((format(printf, 2, 3)));

static bool
ok(bool passed, const char *name, ...)
{
	char		text[200];
	char	   *p;
	va_list		args;

	if (!passed)
		tap_failures++;
	va_start(args, name);
	vsnprintf(text, sizeof(text), name, args);
	va_end(args);
	/* one line a test, whatever its name quotes */
	for (p = text; *p != '\0'; p++)
		if ((unsigned char) *p < ' ')
			*p = '?';
	printf("%s %d - %s\n", passed ? "ok" : "not ok", ++tap_tests, text);
	return passed;
}

/* What main() returns. */
static int
done(void)
{
	printf("1..%d\n", tap_tests);
	return tap_failures == 0 ? 0 : 1;
}

#endif							/* TAP_H */
