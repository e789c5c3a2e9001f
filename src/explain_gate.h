/*
 * explain_gate.h
 *		Whether what runs is run by EXPLAIN ANALYZE.
 */
#ifndef CAREDATA_EXPLAIN_GATE_H
#define CAREDATA_EXPLAIN_GATE_H

/* The utility hook. */
extern void caredata_explain_gate_init(void);

/* Raise if an EXPLAIN ANALYZE of somebody who is no superuser is under way. */
extern void caredata_refuse_explain_analyze(void);

#endif							/* CAREDATA_EXPLAIN_GATE_H */
