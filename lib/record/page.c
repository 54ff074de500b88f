#include "record/page.h"

#include "base/arena.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/problem.h"
#include "base/text.h"
#include "base/uuid.h"
#include "db/db.h"
#include "record/compose.h"
#include "record/history.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Up to here an estimate is counted, because counting so few is as quick as planning. */
#define COUNTED_MAX 1000
#define LANGUAGES_SHOWN 8

/* --- fetching -------------------------------------------------------------------------------- */

static int run(struct db *db, struct statement *statement, struct db_rows **ret_rows)
{
    int r = statement_failed(statement)
                ? fault_raise(-ENOMEM)
                : db_run_text(db, statement->sql.bytes, statement->plan, statement->count,
                              statement->values, ret_rows);

    text_deinit(&statement->sql);
    return r;
}

static int fetch_rows(const struct query *query, const struct cursor *cursor, struct db *db,
                      struct arena *arena, struct db_rows **ret_rows)
{
    struct statement statement;

    if (query->as_of != NULL)
        compose_history_page(arena, query, cursor, &statement);
    else
        compose_page(arena, query, cursor, &statement);
    return run(db, &statement, ret_rows);
}

static const char *cursor_at(const struct page *page, const struct cursor_keys *keys, size_t row,
                             bool backward, struct arena *arena)
{
    struct cursor cursor = {.backward = backward,
                            .value_count = page->query->sort_count,
                            .id = db_rows_text(page->rows, row, PAGE_ID)};
    unsigned char fingerprint[QUERY_FINGERPRINT_BYTES];

    for (size_t i = 0; i < cursor.value_count; i++)
        cursor.values[i] = db_rows_text(page->rows, row, PAGE_SORT_VALUES + (int)i);
    query_fingerprint(page->query, fingerprint);
    return cursor_encode(keys, &cursor, fingerprint, arena);
}

static struct view_item item_at(const struct db_rows *rows, size_t row)
{
    return (struct view_item){
        .id = db_rows_text(rows, row, PAGE_ID),
        .etag = db_rows_text(rows, row, PAGE_ETAG),
        .document = {db_rows_text(rows, row, PAGE_DOCUMENT),
                     db_rows_bytes(rows, row, PAGE_DOCUMENT)},
        .translations = db_rows_text(rows, row, PAGE_TRANSLATIONS),
        .distance_km = db_rows_text(rows, row, PAGE_DISTANCE),
        .highlights = db_rows_text(rows, row, PAGE_HIGHLIGHTS),
    };
}

/*
 * The rows hold one more than the page when there is more in the direction
 * that was read: at the end forward, at the beginning backward.
 */
static int take_items(struct page *page, const struct cursor *cursor,
                      const struct cursor_keys *keys, struct arena *arena)
{
    const size_t row_count = db_rows_count(page->rows);
    const bool backward = cursor != NULL && cursor->backward;
    const bool more = row_count > page->query->limit;
    const bool has_next = backward || more;
    const bool has_previous = backward ? more : cursor != NULL;
    const size_t first = more && backward ? 1 : 0;

    page->count = more ? page->query->limit : row_count;
    page->items = arena_alloc_array(arena, page->count, sizeof(*page->items));
    if (page->items == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < page->count; i++)
        page->items[i] = item_at(page->rows, first + i);
    if (page->count == 0)
        return 0;
    page->corrected = db_rows_text(page->rows, 0, PAGE_CORRECTED);
    if (has_next)
        page->next = cursor_at(page, keys, first + page->count - 1, false, arena);
    if (has_previous)
        page->previous = cursor_at(page, keys, first, true, arena);
    /* A list without the cursor to its next page would seem to end here. */
    if ((has_next && page->next == NULL) || (has_previous && page->previous == NULL))
        return fault_raise(arena_failed(arena) ? -ENOMEM : -EOVERFLOW);
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

/* --- counting --------------------------------------------------------------------------------- */

static int fetch_total(struct page *page, struct db *db, struct arena *arena)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const unsigned most = page->query->count == COUNT_EXACT ? 0 : COUNTED_MAX + 1;
    struct statement statement;
    int r;

    if (page->query->as_of != NULL)
        compose_history_count(arena, page->query, most, &statement);
    else
        compose_count(arena, page->query, most, &statement);
    r = run(db, &statement, &rows);
    if (r != 0)
        return r;
    page->has_total = true;
    page->total = strtoull(db_rows_text(rows, 0, 0), NULL, 10);
    return 0;
}

/* What the planner thinks: [{"Plan": {"Plan Rows": n, …}}]. */
static int fetch_estimate(struct page *page, struct db *db, struct arena *arena)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct statement statement;
    json_auto_t *plan = NULL;
    json_int_t estimated;
    int r;

    compose_estimate(arena, page->query, &statement);
    r = run(db, &statement, &rows);
    if (r != 0)
        return r;
    plan = json_loads(db_rows_text(rows, 0, 0), 0, NULL);
    estimated = json_integer_value(
        json_object_get(json_object_get(json_array_get(plan, 0), "Plan"), "Plan Rows"));
    page->total_is_estimate = true;
    if (estimated > COUNTED_MAX)
        page->total = (uint64_t)estimated;
    return 0;
}

static int fetch_facets(struct page *page, struct db *db, struct arena *arena)
{
    struct page_facet_value *values;
    struct statement statement;
    int r;

    compose_facets(arena, page->query, &statement);
    r = run(db, &statement, &page->facet_rows);
    if (r != 0)
        return r;
    page->facet_value_count = db_rows_count(page->facet_rows);
    values = arena_alloc_array(arena, page->facet_value_count, sizeof(*values));
    if (values == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < page->facet_value_count; i++)
        values[i] = (struct page_facet_value){
            .property = resource_leaf(page->query->resource, db_rows_text(page->facet_rows, i, 0)),
            .value = db_rows_text(page->facet_rows, i, 1),
            .count = db_rows_text(page->facet_rows, i, 2),
            .title = db_rows_text(page->facet_rows, i, 3),
        };
    page->facets = values;
    return 0;
}

/* --- an empty page may mean that what was asked about does not exist -----------------------------
 */

/* Is there a published record? Else *ret_nearest is the slug most like @name, in the arena, or
 * NULL. */
static int look_up_present(const struct resource *resource, const char *name, struct db *db,
                           struct arena *arena, bool *ret_exists, const char **ret_nearest)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(db_rows_freep) struct db_rows *nearest = NULL;
    const char *sql =
        arena_format(arena, "select 1 from published.%s_documents where %s", resource->table,
                     uuid_is_valid(name) ? "id = $1::uuid" : "slug = $1");
    int r =
        sql == NULL ? fault_raise(-ENOMEM) : db_run_text(db, sql, DB_PLAN_GENERIC, 1, &name, &rows);

    if (r != 0)
        return r;
    *ret_exists = db_rows_count(rows) > 0;
    *ret_nearest = NULL;
    if (*ret_exists || uuid_is_valid(name))
        return 0;
    sql = arena_format(arena,
                       "select slug from published.%s_documents where slug operator(extensions.%%) "
                       "$1 order by extensions.similarity(slug, $1) desc, slug limit 1",
                       resource->table);
    r = sql == NULL ? fault_raise(-ENOMEM)
                    : db_run_text(db, sql, DB_PLAN_GENERIC, 1, &name, &nearest);
    if (r == 0 && db_rows_count(nearest) > 0)
        *ret_nearest = arena_copy(arena, db_rows_text(nearest, 0, 0));
    return r;
}

/* The same; or was there one ever, when the list is one of an earlier time? */
static int look_up(const struct query *query, const struct resource *resource, const char *name,
                   struct db *db, struct arena *arena, bool *ret_exists, const char **ret_nearest)
{
    int r = look_up_present(resource, name, db, arena, ret_exists, ret_nearest);

    if (r == 0 && !*ret_exists && query->as_of != NULL)
        r = history_knows(resource, name, db, ret_exists);
    return r;
}

/* Is there the record that the list is related to, under this name? */
static int look_up_related(const struct query *query, struct db *db, struct arena *arena,
                           bool *ret_exists)
{
    const struct query asked = {.resource = query->related, .as_of = query->as_of};
    const char *nearest;
    struct read read;
    int r;

    if (query->as_of == NULL)
        return look_up_present(query->related, query->related_to, db, arena, ret_exists, &nearest);
    r = history_fetch(&asked, query->related_to, db, arena, &read);
    read_deinit(&read);
    *ret_exists = r == 0;
    return r == READ_NOT_FOUND || r == READ_MOVED || r == READ_GONE ? 0 : r;
}

static int refuse_unknown_references(const struct page *page, struct db *db, struct arena *arena,
                                     struct problem *problem)
{
    const struct query *query = page->query;

    for (size_t i = 0; i < query->condition_count; i++) {
        const struct filter *filter = query->conditions[i].filter;

        if (filter->property->kind != PROPERTY_RELATION)
            continue;
        for (size_t j = 0; j < query->conditions[i].value_count; j++) {
            const char *name = query->conditions[i].values[j];
            const char *nearest;
            bool exists;
            int r = look_up(query, filter->property->target, name, db, arena, &exists, &nearest);

            if (r != 0)
                return r;
            if (!exists)
                problem_add(problem, arena, NULL, filter->name, "unknown-value",
                            "there is no record of %s with this id or slug%s%s%s",
                            filter->property->target->path,
                            nearest == NULL ? "" : "; did you mean '",
                            nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
        }
    }
    return problem->error_count > 0 ? PAGE_INVALID : 0;
}

static int explain_empty(const struct page *page, struct db *db, struct arena *arena,
                         struct problem *problem)
{
    const struct query *query = page->query;
    bool exists = true;
    int r = 0;

    if (query->related != NULL)
        r = look_up_related(query, db, arena, &exists);
    if (r == 0 && !exists)
        r = PAGE_NOT_FOUND;
    if (r == 0)
        r = refuse_unknown_references(page, db, arena, problem);
    return r;
}

/* --- the whole
 * ------------------------------------------------------------------------------------ */

static int fetch_beside(struct page *page, struct db *db, struct arena *arena)
{
    const struct query *query = page->query;
    int r = 0;

    if (query->count != COUNT_NONE)
        r = fetch_total(page, db, arena);
    if (r == 0 && query->count == COUNT_ESTIMATED && page->total > COUNTED_MAX)
        r = fetch_estimate(page, db, arena);
    if (r == 0 && query->facet_count > 0)
        r = fetch_facets(page, db, arena);
    return r;
}

int page_fetch(const struct query *query, const struct cursor_keys *keys, struct db *db,
               struct arena *arena, struct problem *problem, struct page *ret_page)
{
    unsigned char fingerprint[QUERY_FINGERPRINT_BYTES];
    struct cursor cursor;
    const struct cursor *from = NULL;
    int r;

    *ret_page = (struct page){.query = query};
    if (query->cursor != NULL) {
        query_fingerprint(query, fingerprint);
        if (!cursor_decode(keys, query->cursor, fingerprint, arena, &cursor) ||
            cursor.value_count != query->sort_count) {
            problem_set(problem, "invalid-cursor", NULL);
            problem_add(problem, arena, NULL, "cursor", "invalid-cursor",
                        "the cursor was changed, or belongs to other filters or another order");
            return PAGE_INVALID;
        }
        from = &cursor;
    }
    r = fetch_rows(query, from, db, arena, &ret_page->rows);
    if (r == 0)
        r = take_items(ret_page, from, keys, arena);
    if (r == 0 && ret_page->count == 0 && from == NULL)
        r = explain_empty(ret_page, db, arena, problem);
    if (r == 0)
        r = fetch_beside(ret_page, db, arena);
    if (r == 0)
        r = view_prepare(&ret_page->view, db, query, ret_page->items, ret_page->count);
    return r;
}

int page_gone(const struct query *query, struct db *db, struct arena *arena,
              struct db_rows **ret_rows)
{
    struct statement statement;
    int r;

    *ret_rows = NULL;
    if (query->as_of != NULL)
        return 0;
    compose_history_gone(arena, query, &statement);
    r = statement_failed(&statement) ? fault_raise(-ENOMEM)
                                     : db_run_text(db, statement.sql.bytes, statement.plan,
                                                   statement.count, statement.values, ret_rows);
    text_deinit(&statement.sql);
    return r;
}

void page_deinit(struct page *page)
{
    view_deinit(&page->view);
    db_rows_free(page->rows);
    db_rows_free(page->facet_rows);
    *page = (struct page){0};
}

/* --- showing
 * ---------------------------------------------------------------------------------------- */

const char *page_etag(const struct page *page, const char *variant, struct arena *arena)
{
    struct digest digest;
    char text[DIGEST_TEXT_BYTES];

    digest_init(&digest);
    digest_text(&digest, variant);
    for (size_t i = 0; i < page->count; i++) {
        digest_text(&digest, page->items[i].id);
        digest_text(&digest, page->items[i].etag);
        digest_text(&digest, page->items[i].highlights);
    }
    view_digest(&page->view, &digest);
    for (size_t i = 0; i < page->facet_value_count; i++) {
        digest_text(&digest, page->facets[i].value);
        digest_text(&digest, page->facets[i].count);
        digest_text(&digest, page->facets[i].title);
    }
    digest_text(&digest, page->next);
    digest_text(&digest, page->previous);
    digest_text(&digest, page->corrected);
    if (page->has_total)
        digest_bytes(&digest, &page->total, sizeof(page->total));
    return arena_copy(arena, digest_finish(&digest, text));
}

static void append_cursor(struct text *text, const char *name, const char *cursor)
{
    text_append_format(text, ",\"%s\":", name);
    if (cursor == NULL)
        text_append(text, "null");
    else
        text_append_json(text, cursor);
}

static void append_facet_value(struct text *text, const struct page_facet_value *value)
{
    text_append(text, "{\"value\":");
    if (value->property->kind == PROPERTY_INTEGER || value->property->kind == PROPERTY_BOOLEAN)
        text_append(text, value->value);
    else
        text_append_json(text, value->value);
    if (value->title != NULL) {
        text_append(text, ",\"title\":");
        text_append_json(text, value->title);
    }
    text_append_format(text, ",\"count\":%s}", value->count);
}

static void append_facets(const struct page *page, struct text *text)
{
    if (page->query->facet_count == 0)
        return;
    text_append(text, ",\"facets\":{");
    for (size_t i = 0; i < page->query->facet_count; i++) {
        const struct property *property = page->query->facets[i];
        const char *separator = "";

        text_append_format(text, "%s\"%s\":[", i == 0 ? "" : ",", property->path);
        for (size_t j = 0; j < page->facet_value_count; j++) {
            if (page->facets[j].property != property)
                continue;
            text_append(text, separator);
            append_facet_value(text, &page->facets[j]);
            separator = ",";
        }
        text_append_char(text, ']');
    }
    text_append_char(text, '}');
}

static bool is_on_page(const struct page *page, const char *id)
{
    for (size_t i = 0; i < page->count; i++)
        if (strcasecmp(page->items[i].id, id) == 0)
            return true;
    return false;
}

static bool is_named_before(const struct query *query, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(query->ids[i], query->ids[at]) == 0)
            return true;
    return false;
}

/* meta: how the search was understood, and which of ids= do not exist. */
static void append_meta(const struct page *page, struct text *text)
{
    const struct query *query = page->query;
    const bool whole = page->next == NULL && query->cursor == NULL && query->id_count > 0;
    const char *separator = "";

    if (page->corrected == NULL && !whole)
        return;
    text_append(text, ",\"meta\":{");
    if (page->corrected != NULL) {
        text_append(text, "\"search\":{\"corrected\":");
        text_append_json(text, page->corrected);
        text_append_char(text, '}');
    }
    if (whole) {
        text_append_format(text, "%s\"missing\":[", page->corrected == NULL ? "" : ",");
        for (size_t i = 0; i < query->id_count; i++) {
            if (is_on_page(page, query->ids[i]) || is_named_before(query, i))
                continue;
            text_append_format(text, "%s\"%s\"", separator, query->ids[i]);
            separator = ",";
        }
        text_append_char(text, ']');
    }
    text_append_char(text, '}');
}

void page_append_json(const struct page *page, struct arena *arena, struct text *text)
{
    text_append(text, "{\"data\":[");
    for (size_t i = 0; i < page->count; i++) {
        if (i > 0)
            text_append_char(text, ',');
        view_append(&page->view, &page->items[i], arena, text);
    }
    text_append_format(text, "],\"page\":{\"limit\":%u", page->query->limit);
    append_cursor(text, "next", page->next);
    append_cursor(text, "previous", page->previous);
    if (page->has_total)
        text_append_format(text, ",\"total\":%llu,\"total_is_estimate\":%s",
                           (unsigned long long)page->total,
                           page->total_is_estimate ? "true" : "false");
    text_append_char(text, '}');
    append_facets(page, text);
    append_meta(page, text);
    text_append_char(text, '}');
}

const char *page_languages(const struct page *page, struct arena *arena)
{
    struct {
        const char *language;
        size_t count;
    } found[LANGUAGES_SHOWN] = {{0}};
    struct text list;
    const char *result;

    for (size_t i = 0; i < page->count; i++) {
        const char *languages = view_languages(&page->view, &page->items[i], arena);
        const size_t length = languages == NULL ? 0 : strcspn(languages, ",");

        for (size_t j = 0; length > 0 && j < LANGUAGES_SHOWN; j++) {
            if (found[j].count == 0)
                found[j].language = arena_copy_bytes(arena, languages, length);
            if (found[j].language == NULL)
                break;
            if (strlen(found[j].language) == length &&
                strncmp(found[j].language, languages, length) == 0) {
                found[j].count++;
                break;
            }
        }
    }
    text_init(&list, 512);
    for (;;) {
        size_t most = 0;

        for (size_t j = 1; j < LANGUAGES_SHOWN; j++)
            if (found[j].count > found[most].count)
                most = j;
        if (found[most].count == 0)
            break;
        text_append_format(&list, "%s%s", list.length == 0 ? "" : ", ", found[most].language);
        found[most].count = 0;
    }
    result = list.length == 0 ? NULL : arena_copy_bytes(arena, list.bytes, list.length);
    text_deinit(&list);
    return result;
}
