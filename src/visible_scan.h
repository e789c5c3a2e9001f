/*
 * visible_scan.h
 *		A sequential scan that tests the bits of a visible set itself.
 */
#ifndef CAREDATA_VISIBLE_SCAN_H
#define CAREDATA_VISIBLE_SCAN_H

/* Setting caredata.enable_visible_scan, the planner's hook, the node. */
extern void caredata_visible_scan_init(void);

#endif							/* CAREDATA_VISIBLE_SCAN_H */
