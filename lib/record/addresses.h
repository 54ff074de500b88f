#pragma once
/*
 * Addresses
 *
 * A public address belongs to one record for ever: a slug that it had before
 * leads to it, and an address of what is no longer public says so. Kept in
 * catalogue.slug_history, and for public reading in published.moved and
 * published.gone. All run in the caller's transaction.
 */
#include "base/annotate.h"

struct db;
struct resource;

/* A record that was public once gets another slug: the old one leads to it. Return: 0; a db
 * outcome; a fault; so all of them. */
MUST_CHECK int addresses_move(struct db *db, const struct resource *resource, const char *id,
                              const char *old_slug, const char *new_slug);
/* It is public: nothing says any more that it is gone, or elsewhere. */
MUST_CHECK int addresses_open(struct db *db, const struct resource *resource, const char *id,
                              const char *slug);
/* It is public no more. @replaced_by: id of the record that took its place, to which its
 * addresses lead from now on; NULL: none did. */
MUST_CHECK int addresses_close(struct db *db, const struct resource *resource, const char *id,
                               const char *slug, const char *replaced_by);
