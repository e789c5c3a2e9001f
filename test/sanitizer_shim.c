/*
 * sanitizer_shim.c
 *		Lets PostgreSQL start under a preloaded address sanitizer.
 *
 * The sanitizer looks for swift_demangle() when it starts up, which may happen
 * inside the C library's locale code; where the look-up fails, the error
 * message wants a lock that is held already, and the process hangs.  Found,
 * it is never called: nothing here is written in Swift.
 */
char *swift_demangle(const char *name, unsigned long length, char *buffer,
					 unsigned long *buffer_length, unsigned int flags);

char *
swift_demangle(const char *name, unsigned long length, char *buffer,
			   unsigned long *buffer_length, unsigned int flags)
{
	return (char *) 0;
}
