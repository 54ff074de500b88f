#pragma once
/*
 * Due
 *
 * What time alone does to pairs: proposals that nobody answered in time expire,
 * planned meetings of which nobody says what became become overdue. Everything
 * that is due is found in the tables, so that nothing is lost with a server; what
 * somebody works on just now is left for the next time. (That a pair is past its
 * time is no change: lists find it with due=true.)
 */
#include "base/annotate.h"

#include <stddef.h>
#include <stdint.h>

struct db;

/*
 * Both in the transaction of the server itself (caller_service()), up to @limit rows, each with
 * its entry in the audit log; a pair also with its move.
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int due_expire_pairs(struct db *db, uint32_t limit, uint64_t *ret_done);
MUST_CHECK int due_mark_meetings(struct db *db, uint32_t limit, uint64_t *ret_done);
