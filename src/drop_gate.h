/*
 * drop_gate.h
 *		The extension is not dropped from under a care database.
 */
#ifndef CAREDATA_DROP_GATE_H
#define CAREDATA_DROP_GATE_H

/* Setting caredata.allow_drop, and the hook. */
extern void caredata_drop_gate_init(void);

#endif							/* CAREDATA_DROP_GATE_H */
