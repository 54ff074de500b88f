#pragma once
/*
 * Housekeeper
 *
 * The thread of a server that does the rounds of lib/housekeeping, about once a
 * minute, and what it has to tell. A database that cannot be reached costs it
 * the round.
 */
#include "base/annotate.h"

struct db_pool;
struct housekeeper;
struct housekeeping_settings;
struct text;

/*
 * housekeeper_start() - @pool: borrowed until housekeeper_stop(); of role express_writer
 * @settings: copied; its texts borrowed as long
 * Return: 0; a fault.
 */
MUST_CHECK int housekeeper_start(struct db_pool *pool, const struct housekeeping_settings *settings,
                                 struct housekeeper **ret_housekeeper);
/* After the transaction that runs: a statement's time at most. Takes NULL. */
void housekeeper_stop(struct housekeeper *housekeeper);

/* Its part of the metrics. @housekeeper may be NULL. */
void housekeeper_append_metrics(struct housekeeper *housekeeper, struct text *text);
