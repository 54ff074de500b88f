#include "record/store.h"

#include "contract/contract.h"
#include "db/db.h"
#include "record/model.h"

#include <stddef.h>

const json_t *store_value(const struct property *property, const json_t *data)
{
    const struct property *outermost = property;
    const struct property *path[8];
    size_t depth = 0;

    for (const struct property *at = property->parent; at != NULL; at = at->parent)
        if (at->is_array)
            outermost = at;
    for (const struct property *at = outermost; at != NULL && depth < ARRAY_LENGTH(path);
         at = at->parent)
        path[depth++] = at;
    while (depth > 0 && data != NULL)
        data = json_object_get(data, path[--depth]->name);
    return data;
}

int store_fill(const struct model_store *store, struct db *db, const char *items, bool are_new,
               const json_t *data)
{
    int r = 0;

    if (!are_new && store->remove != NULL)
        r = db_queue_text(db, store->remove, DB_PLAN_GENERIC, 1, &items, NULL);
    if (r == 0)
        r = db_queue_text(db, are_new ? store->insert : store->put, DB_PLAN_GENERIC, 1, &items,
                          NULL);
    for (size_t i = 0; i < store->list_count && r == 0; i++)
        if (data == NULL || store_value(store->lists[i].property, data) != NULL)
            r = db_queue_text(db, store->lists[i].insert, DB_PLAN_GENERIC, 1, &items, NULL);
    return r;
}
