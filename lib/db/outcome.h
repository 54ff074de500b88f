#pragma once
/*
 * Outcomes of PostgreSQL
 *
 * What an SQLSTATE means to our callers, and what may be concluded from the
 * text of a statement. Pure functions: no connection, no log.
 */
#include <stdbool.h>

/*
 * db_outcome_of() - the outcome of a failed statement
 * @sqlstate: borrowed; NULL or "" when the result had none: libpq's own error, a loss
 *
 * Return: an outcome of db.h; -EPROTO for what only a bug of ours explains.
 */
int db_outcome_of(const char *sqlstate);

/*
 * db_outcome_at_commit() - what a COMMIT came to, or a statement that commits itself
 * @outcome: 0, an outcome, a fault: the statement's own
 * @dropped: the connection was given up while we waited for the answer
 * @warned:  the server sent a WARNING, as it does when it stops waiting for a standby
 */
int db_outcome_at_commit(int outcome, bool dropped, bool warned);

/* Can the statement be run twice without a trace? Only lower-case "select" and "with" qualify. */
bool db_text_reads_only(const char *sql);

/* Can the statement change the session beyond its transaction (set, listen, create temporary ...)?
 */
bool db_text_marks_session(const char *sql);
