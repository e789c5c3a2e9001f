/*
 * name_fold_fuzz.c
 *		Any code points as a name: capitals, digits and single spaces come out,
 *		in no more room than promised, and folding them again changes nothing.
 *		SLK-581 of the result has its letters.
 */
#include "name_fold.h"
#include "slk581.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t		points = size / 3;
	char	   *text = malloc(points * NAME_FOLD_MAX + 1);
	char	   *again = malloc(points * NAME_FOLD_MAX + 1);
	char		slk[SLK581_FAMILY + SLK581_GIVEN];
	size_t		n = 0;
	size_t		m = 0;
	size_t		i;

	CHECK(text != NULL && again != NULL);
	for (i = 0; i < points; i++)
		n += caredata_fold_code_point((uint32_t) data[3 * i] << 16 |
									  (uint32_t) data[3 * i + 1] << 8 |
									  data[3 * i + 2], text + n);
	CHECK(n <= points * NAME_FOLD_MAX);
	n = caredata_fold_words(text, n);
	for (i = 0; i < n; i++)
		CHECK((text[i] >= 'A' && text[i] <= 'Z') || (text[i] >= '0' && text[i] <= '9') ||
			  (text[i] == ' ' && i > 0 && i + 1 < n && text[i + 1] != ' '));
	for (i = 0; i < n; i++)
		m += caredata_fold_code_point((unsigned char) text[i], again + m);
	m = caredata_fold_words(again, m);
	CHECK(m == n && memcmp(text, again, n) == 0);

	caredata_slk581_family(text, n, slk);
	caredata_slk581_given(text, n, slk + SLK581_FAMILY);
	for (i = 0; i < sizeof(slk); i++)
		CHECK((slk[i] >= 'A' && slk[i] <= 'Z') || slk[i] == '2' || slk[i] == '9');
	(void) caredata_slk581_sex(text, n);

	free(text);
	free(again);
	return 0;
}
