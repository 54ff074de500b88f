#pragma once
/*
 * Invariants
 *
 * What holds of the database between any two transactions, whatever was done to it: histories
 * without gaps, in public what is published and nothing else, no reference to what is not public,
 * an audit log as it was written. The rules are SQL, in invariants.sql.
 */

/* On the database of the server in use. Ends the test, naming the rules that are broken;
 * @why (borrowed) says when that was. */
void invariants_check(const char *why);
