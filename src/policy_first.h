/*
 * policy_first.h
 *		The policy is tried before any condition of a query.
 */
#ifndef CAREDATA_POLICY_FIRST_H
#define CAREDATA_POLICY_FIRST_H

/*
 * The planner's hook.  After every other module that has this hook: what they
 * cost, they cost with the policy's own cost.
 */
extern void caredata_policy_first_init(void);

#endif							/* CAREDATA_POLICY_FIRST_H */
