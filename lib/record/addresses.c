#include "record/addresses.h"

#include "contract/contract.h"
#include "db/db.h"

static const struct db_query MOVE = {
    .name = "addresses_move",
    .sql = "with remembered as (insert into catalogue.slug_history (resource, old_slug, record_id) "
           "values ($1, $3, $2::uuid) on conflict (resource, old_slug) do update "
           "set record_id = excluded.record_id, since = excluded.since),\n"
           "told as (insert into published.moved (resource, slug, id) values ($1, $3, $2::uuid) "
           "on conflict (resource, slug) do update set id = excluded.id),\n"
           "forgotten as (delete from catalogue.slug_history where resource = $1 and "
           "old_slug = $4)\n"
           "delete from published.moved where resource = $1 and slug = $4",
    .param_count = 4,
};
/* The id, too: after a merge it led to the other record. */
static const struct db_query OPEN = {
    .name = "addresses_open",
    .sql = "with forgotten as (delete from catalogue.slug_history where resource = $1 and "
           "old_slug = $3),\n"
           "here as (delete from published.moved where resource = $1 and slug in ($2, $3))\n"
           "delete from published.gone where resource = $1 and id = $2::uuid",
    .param_count = 3,
};
static const struct db_query CLOSE = {
    .name = "addresses_close",
    .sql = "with elsewhere as (insert into published.moved (resource, slug, id) "
           "select $1, name, $4::uuid from unnest(array[$2, $3] || array("
           "select m.slug from published.moved m where m.resource = $1 and m.id = $2::uuid)) "
           "as led(name) where $4 is not null "
           "on conflict (resource, slug) do update set id = excluded.id)\n"
           "insert into published.gone (resource, id, slug, replaced_by) "
           "values ($1, $2::uuid, $3, $4::uuid) on conflict (resource, id) do update set "
           "slug = excluded.slug, deleted_at = excluded.deleted_at, "
           "replaced_by = excluded.replaced_by",
    .param_count = 4,
};

int addresses_move(struct db *db, const struct resource *resource, const char *id,
                   const char *old_slug, const char *new_slug)
{
    return db_run(db, &MOVE, (const char *const[]){resource->path, id, old_slug, new_slug}, NULL);
}

int addresses_open(struct db *db, const struct resource *resource, const char *id, const char *slug)
{
    return db_run(db, &OPEN, (const char *const[]){resource->path, id, slug}, NULL);
}

int addresses_close(struct db *db, const struct resource *resource, const char *id,
                    const char *slug, const char *replaced_by)
{
    return db_run(db, &CLOSE, (const char *const[]){resource->path, id, slug, replaced_by}, NULL);
}
