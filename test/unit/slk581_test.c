/*
 * slk581_test.c
 *		Letters of names and code of sex of SLK-581.
 */
#include <string.h>

#include "slk581.h"
#include "tap.h"

static const struct
{
	const char *family;
	const char *given;
	const char *letters;
}			names[] = {
	{"TURNBULL", "MALCOLM", "URBAL"}, {"MCCORMACK", "MICHAEL", "CCRIC"},
	{"MORRISON", "SCOTT", "ORICO"}, {"HANSON", "PAULINE", "ANOAU"},
	{"ABBOTT", "TONY", "BBTON"}, {"DOE", "JOHN", "OE2OH"},
	{"SMITH", "JANE", "MIHAN"}, {"O BARE", "FOO", "BAEOO"},
	{"LEI", "PH", "EI2H2"}, {"ZU", "MALCOLM", "U22AL"},
	{"TURNBULL", "ED", "URBD2"}, {"TURNBULL", "HI HO", "URBIH"},
	{"OMALLEY", "MALCOLM", "MALAL"}, {"OBER", "Y", "BE222"},
	{"HUA", "YO", "UA2O2"}, {"FARR", "JO", "AR2O2"},
	{"CITIZEN", "JANE", "ITZAN"}, {"ADAMOPOULOS", "NICK", "DAOIC"},
	{"SILBY", "JAYDEN", "ILYAY"}, {"", "", "99999"}, {"", "CHER", "999HE"},
	{"SMITH", "JOHN", "MIHOH"}, {"JONES", "", "ONS99"}, {"X", "Y", "22222"},
	{"S M 1 ITH", "J0HN", "MIHHN"}, {" ", "1 2", "99999"}
};

static bool
is_sex(const char *sex, char code)
{
	return caredata_slk581_sex(sex, strlen(sex)) == code;
}

int
main(void)
{
	size_t		i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		char		out[SLK581_FAMILY + SLK581_GIVEN];

		caredata_slk581_family(names[i].family, strlen(names[i].family), out);
		caredata_slk581_given(names[i].given, strlen(names[i].given),
							  out + SLK581_FAMILY);
		ok(memcmp(out, names[i].letters, sizeof(out)) == 0, "%s, %s: %s",
		   names[i].family, names[i].given, names[i].letters);
	}
	ok(is_sex("1", '1') && is_sex("FEMALE", '2') && is_sex("3", '3') &&
	   is_sex("OTHER", '3'), "sex");
	ok(is_sex("9", '9') && is_sex("0", '9') && is_sex("", '9') &&
	   is_sex("WHAT", '9') && is_sex("12", '9'), "sex not stated");
	return done();
}
