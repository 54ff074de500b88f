/*
 * Names are looked up once a resource, however many records hold them: an
 * import of 100 000 records asks the database once for each of its resources.
 * That is why two rounds go over the records, one that collects the names and
 * one that replaces them.
 */
#include "record/references.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/problem.h"
#include "base/text.h"
#include "base/uuid.h"
#include "contract/contract.h"
#include "db/db.h"
#include "record/model.h"
#include "record/visit.h"

#include <errno.h>
#include <search.h>
#include <string.h>

#define LIST_BYTES_MAX (256u * 1024 * 1024) /* of an import */
#define NEAREST_MAX 3 /* look-ups of what a misspelt name may mean: each reads all slugs */

/*
 * By slug, by id, or by an earlier slug. Of several drafts with one slug the public record comes
 * first, then what is the caller's own. Columns: name, id.
 */
enum { FOUND_NAME, FOUND_ID };
static const struct db_query LOOK_UP = {
    .name = "references_find",
    .sql = "select found.name, found.id from (\n"
           "select r.slug as name, r.id, case when r.first_published_at is not null then 0 "
           "when r.owner_id = identity.acting_organisation() then 1 else 2 end as place, "
           "r.created_at from catalogue.record r where r.resource = $1 "
           "and r.slug = any($2::text[]) and r.deleted_at is null\n"
           "union all select r.id::text, r.id, 3, r.created_at from catalogue.record r "
           "where r.resource = $1 and r.id = any($3::uuid[]) and r.deleted_at is null\n"
           "union all select m.slug, r.id, 4, r.created_at from published.moved m "
           "join catalogue.record r on r.id = m.id and r.deleted_at is null "
           "where m.resource = $1 and m.slug = any($2::text[])) found "
           "order by found.place, found.created_at",
    .param_count = 3,
};
static const struct db_query NEAREST = {
    .name = "references_nearest",
    .sql = "select r.slug from catalogue.record r where r.resource = $1 and r.deleted_at is null "
           "and extensions.similarity(r.slug, $2) > 0.3 "
           "order by extensions.similarity(r.slug, $2) desc, r.slug limit 1",
    .param_count = 2,
};

const char *reference_name(const json_t *reference)
{
    const char *name = json_string_value(reference);

    if (name == NULL)
        name = json_string_value(json_object_get(reference, "id"));
    if (name == NULL)
        name = json_string_value(json_object_get(reference, "slug"));
    return name;
}

void reference_list_add(struct text *list, const char *item)
{
    text_append(list, list->length == 0 ? "{" : ",");
    text_append_json(list, item); /* quotes and backslashes are escaped alike in both */
}

void reference_list_end(struct text *list)
{
    text_append(list, list->length == 0 ? "{}" : "}");
}

/* --- resolving ------------------------------------------------------------------------------- */

/* What is known by (resource, slug or id): among the holders, or in the database. */
struct known {
    const struct resource *resource;
    const char *name;
    const char *id; /* "" while it is not known */
    struct known *next_unknown;
};

struct resolver {
    struct db *db;
    struct arena *arena;
    struct problem *problem;
    void *known;           /* a tree of struct known, by tsearch() */
    struct known *unknown; /* those of them to be looked up */
    unsigned nearest_count;
};

static int known_compare(const void *left, const void *right)
{
    const struct known *a = left;
    const struct known *b = right;

    if (a->resource != b->resource)
        return a->resource->index < b->resource->index ? -1 : 1;
    return strcmp(a->name, b->name);
}

static struct known *known_find(struct resolver *resolver, const struct resource *resource,
                                const char *name)
{
    const struct known wanted = {.resource = resource, .name = name};
    void *const *found = tfind(&wanted, &resolver->known, known_compare);

    return found == NULL ? NULL : *found;
}

static int known_add(struct resolver *resolver, const struct resource *resource, const char *name,
                     const char *id)
{
    struct known *known;

    if (name == NULL || known_find(resolver, resource, name) != NULL)
        return 0;
    known = arena_alloc(resolver->arena, sizeof(*known));
    if (known == NULL)
        return fault_raise(-ENOMEM);
    *known = (struct known){resource, name, id, resolver->unknown};
    if (id[0] == '\0')
        resolver->unknown = known;
    if (tsearch(known, &resolver->known, known_compare) == NULL)
        return fault_raise(-ENOMEM);
    return 0;
}

static void forget_all(struct resolver *resolver)
{
    while (resolver->known != NULL) {
        const struct known *first = *(void *const *)resolver->known;

        (void)tdelete(first, &resolver->known, known_compare);
    }
}

/* An id in the letters in which it is stored. Copied: the second round frees what it lies in. */
static const char *plain_name(struct resolver *resolver, const char *name)
{
    char lower[UUID_TEXT_BYTES];

    if (!uuid_is_valid(name))
        return arena_copy(resolver->arena, name);
    uuid_make_lower(name, lower);
    return arena_copy(resolver->arena, lower);
}

/* What a record refers to by id, it may go on referring to. */
static int note_known(void *data, const struct property *property, const char *pointer,
                      json_t *reference, json_t **ret_replacement)
{
    struct resolver *resolver = data;
    const char *id = json_string_value(reference);

    (void)pointer;
    (void)ret_replacement;
    if (property->kind != PROPERTY_RELATION || id == NULL)
        return 0;
    id = arena_copy(resolver->arena, id);
    return id == NULL ? fault_raise(-ENOMEM) : known_add(resolver, property->target, id, id);
}

/* First round: note the names that are not known yet, as (resource, name) without id. */
static int note_unknown(void *data, const struct property *property, const char *pointer,
                        json_t *reference, json_t **ret_replacement)
{
    struct resolver *resolver = data;
    const char *name = reference_name(reference);

    (void)pointer;
    (void)ret_replacement;
    if (property->kind != PROPERTY_RELATION || name == NULL ||
        known_find(resolver, property->target, name) != NULL)
        return 0;
    name = plain_name(resolver, name);
    return name == NULL ? fault_raise(-ENOMEM) : known_add(resolver, property->target, name, "");
}

static int queue_look_up(struct resolver *resolver, const struct resource *resource,
                         struct db_rows **ret_rows)
{
    struct text names;
    struct text ids;
    int r = 0;

    text_init(&names, LIST_BYTES_MAX);
    text_init(&ids, LIST_BYTES_MAX);
    for (const struct known *known = resolver->unknown; known != NULL;
         known = known->next_unknown) {
        if (known->resource != resource)
            continue;
        reference_list_add(&names, known->name);
        if (uuid_is_valid(known->name))
            reference_list_add(&ids, known->name);
    }
    if (names.length > 0) {
        reference_list_end(&names);
        reference_list_end(&ids);
        r = text_failed(&names) || text_failed(&ids)
                ? fault_raise(-ENOMEM)
                : db_queue(resolver->db, &LOOK_UP,
                           (const char *const[]){resource->path, names.bytes, ids.bytes}, ret_rows);
    }
    text_deinit(&names);
    text_deinit(&ids);
    return r;
}

static int note_found(struct resolver *resolver, const struct resource *resource,
                      const struct db_rows *rows)
{
    for (size_t row = 0; row < db_rows_count(rows); row++) {
        struct known *known = known_find(resolver, resource, db_rows_text(rows, row, FOUND_NAME));

        if (known == NULL || known->id[0] != '\0')
            continue;
        known->id = arena_copy(resolver->arena, db_rows_text(rows, row, FOUND_ID));
        if (known->id == NULL)
            return fault_raise(-ENOMEM);
    }
    return 0;
}

/* All resources in one flight. */
static int look_up(struct resolver *resolver, const struct contract *contract)
{
    const size_t count = contract_resource_count(contract);
    struct db_rows **rows = arena_alloc_array(resolver->arena, count, sizeof(struct db_rows *));
    int r = rows == NULL ? fault_raise(-ENOMEM) : 0;

    for (size_t i = 0; rows != NULL && i < count; i++)
        rows[i] = NULL;
    for (size_t i = 0; i < count && r == 0; i++)
        r = queue_look_up(resolver, contract_resource(contract, i), &rows[i]);
    if (r == 0)
        r = db_flush(resolver->db);
    for (size_t i = 0; rows != NULL && i < count; i++) {
        if (r == 0 && rows[i] != NULL)
            r = note_found(resolver, contract_resource(contract, i), rows[i]);
        db_rows_free(rows[i]);
    }
    return r;
}

/* What a name that leads nowhere may have meant; NULL: nobody knows. */
static int find_nearest(struct resolver *resolver, const struct resource *resource,
                        const char *name, const char **ret_nearest)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r;

    *ret_nearest = NULL;
    if (uuid_is_valid(name) || strlen(name) > SLUG_BYTES_MAX ||
        resolver->nearest_count++ >= NEAREST_MAX)
        return 0;
    r = db_run(resolver->db, &NEAREST, (const char *const[]){resource->path, name}, &rows);
    if (r == 0 && db_rows_count(rows) == 1)
        *ret_nearest = arena_copy(resolver->arena, db_rows_text(rows, 0, 0));
    return r;
}

/* Second round: put the id in the place of each name; what is unknown still is a fault. */
static int replace_name(void *data, const struct property *property, const char *pointer,
                        json_t *reference, json_t **ret_replacement)
{
    struct resolver *resolver = data;
    const char *name = reference_name(reference);
    const struct known *known;
    const char *nearest;
    int r;

    if (property->kind != PROPERTY_RELATION || name == NULL)
        return 0; /* the schema has told what is no name */
    name = plain_name(resolver, name);
    if (name == NULL)
        return fault_raise(-ENOMEM);
    known = known_find(resolver, property->target, name);
    if (known != NULL && known->id[0] != '\0') {
        *ret_replacement = json_string(known->id);
        return *ret_replacement == NULL ? fault_raise(-ENOMEM) : 0;
    }
    r = find_nearest(resolver, property->target, name, &nearest);
    if (r != 0)
        return r;
    problem_add(resolver->problem, resolver->arena, pointer, NULL, "unknown-reference",
                "there is no record of %s with this slug or id%s%s%s", property->target->path,
                nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest,
                nearest == NULL ? "" : "'?");
    return 0;
}

static int visit_all(struct resolver *resolver, const struct reference_holder *holders,
                     size_t count, record_visitor visit)
{
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++)
        r = record_visit(holders[i].resource, holders[i].record, holders[i].pointer, visit,
                         resolver);
    return r;
}

int references_resolve(const struct model *model, struct db *db,
                       const struct reference_holder *holders, size_t count, struct arena *arena,
                       struct problem *problem)
{
    const struct contract *contract = model_contract(model);
    struct resolver resolver = {.db = db, .arena = arena, .problem = problem};
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++) {
        if (holders[i].id == NULL)
            continue;
        r = known_add(&resolver, holders[i].resource, holders[i].slug, holders[i].id);
        if (r == 0)
            r = known_add(&resolver, holders[i].resource, holders[i].id, holders[i].id);
        if (r == 0 && holders[i].before != NULL)
            r = record_visit(holders[i].resource, holders[i].before, "", note_known, &resolver);
    }
    if (r == 0)
        r = visit_all(&resolver, holders, count, note_unknown);
    if (r == 0 && resolver.unknown != NULL)
        r = look_up(&resolver, contract);
    if (r == 0)
        r = visit_all(&resolver, holders, count, replace_name);
    forget_all(&resolver);
    return r;
}
