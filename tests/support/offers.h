#pragma once
/*
 * Offers
 *
 * What the tests of financing offers share: offers to be written, their way to the public,
 * whether a list has them, and whom they are matched to. Whatever goes wrong in here ends the test.
 *
 * @more: borrowed; a JSON object, whose members are added to those that every offer needs
 */
#include "support/http.h"

#include <jansson.h>
#include <stdbool.h>

/* How long is waited for what the server hears of by itself, and between two looks. */
#define WAIT_MS_MAX 20000
#define PAUSE_MS 50

void pause_shortly(void);

/* As POST takes it; owned. */
json_t *offer_record(const char *title, const char *more);
/* A new draft of the partner. Return: owned, free(); its slug. */
char *offer_draft(const char *title, const char *more);
/* Drafted by the partner, submitted, published by the editor. Owned, free(); its slug. */
char *offer_publish(const char *title, const char *more);
/* One step, which must succeed: "submit". */
void offer_step(const char *token, const char *slug, const char *name);
/* A change of the partner, which waits. @patch: borrowed; a JSON object */
void offer_propose(const char *slug, const char *patch);
/* Changes what is public, as the partner and the editor. */
void offer_change(const char *slug, const char *patch);

/* Is it among the first hundred that the filters find? "country=BE&closes_after=2100-01-01" */
bool offer_is_listed(const char *filters, const char *slug);

/* The matches of a profile, a JSON text. Owned by the caller, as of http_get(). */
struct response *offer_match(const char *profile);
/* The same, as soon as the server has heard of what was published. */
struct response *offer_match_with(const char *profile, const char *slug);
/* What is said of an offer; borrowed from the response. NULL: it is not among them. */
const json_t *offer_matched(struct response *response, const char *slug);
/* "yes met" of a criterion; "" when it is not there. Good until the next call. */
const char *offer_finding(const json_t *item, const char *criterion);
