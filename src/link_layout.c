/*
 * link_layout.c
 *		Where a record packed for a model has its keys, frequencies and values.
 */
#include "link_layout.h"

#include <string.h>

#include "link_value.h"
#include "nhs_number_parse.h"

/* ------------------------------------------------------------------------
 * The model
 * ------------------------------------------------------------------------
 */

static bool
is_joint(const LinkComparison *comparison)
{
	return comparison->kind == LINK_KIND_FORENAME_SURNAME ||
		comparison->kind == LINK_KIND_NAME_PAIR;
}

/* Whether a level's weight is moved by the frequency of that. */
bool
caredata_link_level_frequency(const LinkComparison *comparison, int level,
							  LinkFrequencyOf of)
{
	const LinkLevel *row = &comparison->level[comparison->nlevels - 1 - level];
	int			code = (int) row->parameter;

	if (row->frequency_weight == 0 || row->test == LINK_TEST_ELSE)
		return false;
	switch (row->test)
	{
		case LINK_TEST_FORENAME_EXACT:
			return of == LINK_FREQUENCY_FORENAME;
		case LINK_TEST_SURNAME_EXACT:
			return of == LINK_FREQUENCY_SURNAME;
		case LINK_TEST_PAIR:
			/* each of the two that agrees exactly, read straight */
			return code < 25 &&
				((of == LINK_FREQUENCY_FORENAME && code / 5 == LINK_ALIKE_EXACT) ||
				 (of == LINK_FREQUENCY_SURNAME && code % 5 == LINK_ALIKE_EXACT));
		default:
			return of == LINK_FREQUENCY_VALUE;
	}
}

/* Forenames are compared with surnames, so all names have the same codes. */
static void
give_names_same_codes(LinkModel *model)
{
	bool		double_metaphone = false;
	bool		soundex = false;
	int			i;

	for (i = 0; i < model->nfields; i++)
	{
		double_metaphone |= model->field[i].double_metaphone;
		soundex |= model->field[i].soundex;
	}
	for (i = 0; i < model->nfields; i++)
	{
		bool		is_name = model->field[i].kind == LINK_KIND_FORENAME ||
		model->field[i].kind == LINK_KIND_SURNAME;

		model->field[i].double_metaphone = is_name && double_metaphone;
		model->field[i].soundex = is_name && soundex;
	}
}

bool
caredata_link_lay_out(LinkModel *model)
{
	int			shift = 0;
	int			of;
	int			i;
	int			j;

	give_names_same_codes(model);
	model->nslots = 0;
	for (i = 0; i < model->ncomparisons; i++)
	{
		LinkComparison *c = &model->comparison[i];

		c->bits = 1;
		while ((1 << c->bits) < c->nlevels + 1)
			c->bits++;
		c->shift = shift;
		shift += c->bits;

		for (of = 0; of < LINK_FREQUENCIES; of++)
		{
			c->slot[of] = -1;
			for (j = 0; j < c->nlevels; j++)
				if (caredata_link_level_frequency(c, j, of))
				{
					c->slot[of] = model->nslots++;
					break;
				}
		}
		memset(c->pair_level, 0, sizeof(c->pair_level));
		if (c->kind == LINK_KIND_NAME_PAIR)
			for (j = 0; j < c->nlevels; j++)
				if (c->level[j].test == LINK_TEST_PAIR)
					c->pair_level[(int) c->level[j].parameter] =
						(signed char) (c->nlevels - 1 - j);
	}

	model->nkeys = 0;
	for (i = 0; i < model->nrules; i++)
	{
		LinkRule   *rule = &model->rule[i];

		rule->left_key = rule->right_key = model->nkeys++;
		for (j = 0; j < rule->nparts; j++)
			if (rule->left[j].field != rule->right[j].field)
			{
				rule->right_key = model->nkeys++;
				break;
			}
	}
	return shift <= LINK_PATTERN_BITS;
}

/* ------------------------------------------------------------------------
 * Records
 * ------------------------------------------------------------------------
 */

size_t
caredata_link_header_length(const LinkModel *model)
{
	return RECORD_FIXED + 2 * (size_t) model->nfields +
		8 * (size_t) model->nkeys + 8 * (size_t) model->nslots;
}

bool
caredata_link_write_header(const LinkModel *model, const size_t *lengths,
						   unsigned char *record)
{
	size_t		end = 0;
	int			i;

	memset(record, 0, caredata_link_header_length(model));
	record[0] = RECORD_VERSION;
	record[1] = (unsigned char) model->nfields;
	record[2] = (unsigned char) model->nkeys;
	record[3] = (unsigned char) model->nslots;
	for (i = 0; i < model->nfields; i++)
	{
		uint16_t	stored;

		end += lengths[i];
		if (end > UINT16_MAX)
			return false;
		stored = (uint16_t) end;
		memcpy(record + RECORD_FIXED + 2 * i, &stored, 2);
	}
	return true;
}

/* Whether a value has the length that its kind asks for. */
static bool
value_fits(const LinkField *field, Value value)
{
	if (value.length == 0)
		return false;
	if (is_absent(value))
		return value.bytes[0] >= LINK_MISSING && value.bytes[0] <= LINK_TOO_LONG;
	switch (field->kind)
	{
		case LINK_KIND_TEXT:
		case LINK_KIND_FORENAME:
		case LINK_KIND_SURNAME:
			{
				size_t		prefix = string_prefix(field);
				size_t		width = value.bytes[0];

				return value.length > prefix && (width == 1 || width == 4) &&
					(value.length - prefix) % width == 0 &&
					(value.length - prefix) / width <= LINK_MAX_STRING;
			}
		case LINK_KIND_DATE:
			return value.length == DATE_VALUE;
		case LINK_KIND_NHS_NUMBER:
			return value.length == NHS_NUMBER_DIGITS;
		case LINK_KIND_POSTCODE:
			{
				int64_t		postcode;

				/* its parts are cut off its end, so it must have one */
				if (value.length != 8)
					return false;
				memcpy(&postcode, value.bytes, 8);
				return (postcode >> 16 & 0xFF) != 0;
			}
		case LINK_KIND_NUMBER:
			return value.length == 8;
		case LINK_KIND_SEX:
			return value.length == 2;
		default:
			return false;
	}
}

bool
caredata_link_open(const LinkModel *model, const unsigned char *bytes,
				   size_t length, LinkRecord *record)
{
	size_t		header = caredata_link_header_length(model);
	int			i;

	if (length < header || bytes[0] != RECORD_VERSION ||
		bytes[1] != model->nfields || bytes[2] != model->nkeys ||
		bytes[3] != model->nslots)
		return false;
	record->bytes = bytes;
	record->length = length;
	record->nfields = model->nfields;
	record->nkeys = model->nkeys;
	record->nslots = model->nslots;
	record->ends = bytes + RECORD_FIXED;
	record->keys = record->ends + 2 * model->nfields;
	record->slots = record->keys + 8 * model->nkeys;
	record->data = bytes + header;
	for (i = 0; i < model->nfields; i++)
	{
		unsigned	start = i == 0 ? 0 : get_end(record, i - 1);

		if (get_end(record, i) < start || get_end(record, i) > length - header ||
			!value_fits(&model->field[i], get_value(record, i)))
			return false;
	}
	return model->nfields > 0 &&
		get_end(record, model->nfields - 1) == length - header;
}

LinkAbsence
caredata_link_absence(const LinkRecord *record, int field)
{
	Value		value = get_value(record, field);

	return is_absent(value) ? (LinkAbsence) value.bytes[0] : LINK_PRESENT;
}

int
caredata_link_order(const LinkRecord *a, const LinkRecord *b, int field)
{
	Value		left = get_value(a, field);
	Value		right = get_value(b, field);

	if (left.length != right.length)
		return left.length < right.length ? -1 : 1;
	return memcmp(left.bytes, right.bytes, left.length);
}

int64_t
caredata_link_key(const LinkRecord *record, int key)
{
	int64_t		value;

	memcpy(&value, record->keys + 8 * key, 8);
	return value;
}

double
caredata_link_frequency(const LinkRecord *record, int slot)
{
	double		value;

	memcpy(&value, record->slots + 8 * slot, 8);
	return value;
}

int64_t
caredata_link_slot_hash(const LinkModel *model, const LinkRecord *record,
						int slot)
{
	int			i;
	int			of;

	for (i = 0; i < model->ncomparisons; i++)
		for (of = 0; of < LINK_FREQUENCIES; of++)
		{
			const LinkComparison *c = &model->comparison[i];
			uint64_t	hash = LINK_HASH_START;
			int			first = 0;
			int			last = is_joint(c) ? 1 : 0;

			if (c->slot[of] != slot)
				continue;
			if (of == LINK_FREQUENCY_FORENAME)
				last = 0;
			else if (of == LINK_FREQUENCY_SURNAME)
				first = 1;
			for (; first <= last; first++)
			{
				Value		value = get_value(record, c->field[first]);

				if (is_absent(value))
					return 0;
				value = essence(&model->field[c->field[first]], value);
				hash = link_hash(hash, value.bytes, value.length);
			}
			return link_hash_end(hash);
		}
	return 0;
}

static void
put_int64(unsigned char *at, int64_t value)
{
	memcpy(at, &value, 8);
}

void
caredata_link_set_key(const LinkRecord *record, unsigned char *bytes, int key,
					  int64_t value)
{
	put_int64(bytes + (record->keys - record->bytes) + 8 * key, value);
}

void
caredata_link_set_frequency(const LinkRecord *record, unsigned char *bytes,
							int slot, double value)
{
	memcpy(bytes + (record->slots - record->bytes) + 8 * slot, &value, 8);
}
