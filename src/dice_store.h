/*
 * dice_store.h
 *		The rows of one side of dice_join(): id, CLK and block, read once.
 */
#ifndef CAREDATA_DICE_STORE_H
#define CAREDATA_DICE_STORE_H

#include "executor/tuptable.h"
#include "utils/tuplestore.h"

/* Read pointers of a store. */
enum
{
	DICE_LEFT,					/* the next record of the left */
	DICE_BLOCK,					/* first row of a block, on the right */
	DICE_SCAN,					/* the next row of the right */
	DICE_POINTERS
};

typedef struct DiceStore
{
	Tuplestorestate *tuples;
	TupleTableSlot *slot;
	int64		position[DICE_POINTERS];	/* rows before the pointer */
	int64		without_clk;
	int64		without_block;
} DiceStore;

/* A row of a store, as long as its slot is not used again. */
typedef struct DiceRow
{
	int64		position;
	text	   *id;
	const uint8 *clk;
	text	   *block;			/* NULL without blocks */
} DiceRow;

/*
 * Read one side with the caller's rights, in the order of its blocks if it has
 * any; the caller has connected to SPI.  type: the OID of clk.  *bytes is the
 * length of a CLK, 0 while none was seen; another length raises, and so does
 * an id that comes twice.
 */
extern DiceStore *caredata_dice_read(Oid relation, Name id, Name clk,
									 Name block, Oid type, int *bytes);
extern void caredata_dice_free(DiceStore *store);

/* The next row behind a read pointer, which moves on; false at the end. */
extern bool caredata_dice_next_row(DiceStore *store, int pointer, DiceRow *row);
extern void caredata_dice_copy_pointer(DiceStore *store, int from, int to);

/* Bytewise order, which is that of the collation "C". */
extern int	caredata_compare_bytes(const text *a, const text *b);
extern text *caredata_copy_text(const text *value);

#endif							/* CAREDATA_DICE_STORE_H */
