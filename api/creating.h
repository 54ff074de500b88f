#pragma once
/*
 * Creating
 *
 * A record that is created by itself goes through writing_run(). Records that a
 * caller creates at the same time share a transaction: while one is under way,
 * those that come wait for it, and the next one takes them all. Nobody waits for
 * company.
 *
 * What is promised stays: each is answered once it is durable, has an entry in
 * the audit log under its own request id, and a key of its own. One that
 * anything is wrong with, and all that would share its transaction, go through
 * writing_run() instead.
 */
#include "base/annotate.h"

#include <stdint.h>

struct creating;
struct reply;
struct request;

/* @wait_ms: for others of the caller; who waits for longer goes by itself */
MUST_CHECK int creating_new(uint32_t wait_ms, struct creating **ret_creating);
void creating_free(struct creating *creating); /* takes NULL */

struct creating_figures {
    uint64_t waiting;      /* creates, for a transaction that takes them along */
    uint64_t created;      /* records */
    uint64_t transactions; /* that created them */
};
void creating_figures(struct creating *creating, struct creating_figures *ret_figures);

/*
 * creating_try() - create the record of the request, with others or by itself
 * Return: 0: answered; CREATING_ALONE: nothing has happened, and it is for writing_run(); a fault.
 */
enum creating_outcome { CREATING_ALONE = 500 };
MUST_CHECK int creating_try(struct request *request, struct reply *reply);
