#include "record/search.h"

#include "base/arena.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/problem.h"
#include "base/text.h"
#include "db/db.h"
#include "record/compose.h"
#include "record/page.h"
#include "record/view.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SQL_BYTES_MAX (128 * 1024)

enum {
    HIT_RESOURCE,
    HIT_ID,
    HIT_ETAG,
    HIT_DOCUMENT,
    HIT_TRANSLATIONS,
    HIT_RANK,
    HIT_CORRECTED,
    HIT_HIGHLIGHTS
};

/* --- what is asked --------------------------------------------------------------------------- */

/* The parameters that a search has in common with a list are read by the same code. */
static bool is_of_list(const char *name)
{
    static const char *const NAMES[] = {"q", "highlights", "limit", "cursor", "lang"};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        if (strcmp(NAMES[i], name) == 0)
            return true;
    return false;
}

static void add_resource(struct search *search, const char *name, struct arena *arena,
                         struct problem *problem)
{
    const struct resource *resource = contract_resource_find(search->contract, name);
    const char *nearest = text_nearest(name, contract_resource_paths(search->contract),
                                       contract_resource_count(search->contract));

    for (size_t i = 0; i < search->resource_count; i++)
        if (search->resources[i] == resource)
            return;
    if (resource != NULL)
        search->resources[search->resource_count++] = resource;
    else
        problem_add(problem, arena, NULL, "resource", "unknown-value",
                    "a value is not the name of a resource%s%s%s",
                    nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest,
                    nearest == NULL ? "" : "'?");
}

static void parse_resources(struct search *search, const char *value, struct arena *arena,
                            struct problem *problem)
{
    char *copy = arena_copy(arena, value);

    for (char *item = copy; item != NULL;) {
        char *comma = strchr(item, ',');

        if (comma != NULL)
            *comma = '\0';
        add_resource(search, item, arena, problem);
        item = comma == NULL ? NULL : comma + 1;
    }
}

bool search_parse(const struct contract *contract, const struct query_pair *pairs, size_t count,
                  const char *const *languages, size_t language_count, struct arena *arena,
                  struct problem *problem, struct search *ret_search)
{
    struct query *query = arena_alloc(arena, sizeof(*query));
    struct query_pair *of_list = arena_alloc_array(arena, count, sizeof(*of_list));
    size_t of_list_count = 0;
    bool named = false;

    *ret_search = (struct search){.contract = contract};
    if (query == NULL || of_list == NULL)
        return false;
    problem_set(problem, "invalid-parameter", NULL);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pairs[i].name, "resource") == 0) {
            named = true;
            parse_resources(ret_search, pairs[i].value, arena, problem);
        } else if (is_of_list(pairs[i].name)) {
            of_list[of_list_count++] = pairs[i];
        } else {
            problem_add(problem, arena, NULL, pairs[i].name, "unknown-parameter",
                        "this is not a parameter of the search; it takes q, resource, limit, "
                        "cursor, highlights and lang");
        }
    }
    /* Any resource will do: these parameters mean the same for all. */
    (void)!query_parse(contract, contract_resource(contract, 0), QUERY_LIST, of_list, of_list_count,
                       languages, language_count, arena, problem, query);
    if (query->search == NULL && problem->error_count == 0)
        problem_add(problem, arena, NULL, "q", "required", "q is missing: the words to search for");
    for (size_t i = 0; !named && i < contract_resource_count(contract); i++)
        ret_search->resources[ret_search->resource_count++] = contract_resource(contract, i);
    ret_search->words = query->search;
    ret_search->highlights = query->highlights;
    ret_search->limit = query->limit;
    ret_search->cursor = query->cursor;
    ret_search->all_languages = query->all_languages;
    ret_search->language_count = query->language_count;
    memcpy(ret_search->languages, query->languages, sizeof(query->languages));
    return problem->error_count == 0;
}

/* --- finding ---------------------------------------------------------------------------------- */

static void append_highlight(struct text *sql, const char *name, const char *property)
{
    text_append_format(sql, "'%s', published.highlighted(shown, d.translations, '%s', q.query)",
                       name, property);
}

/* The best of one resource, strictly beyond the cursor ($3, $4) when there is one. */
static void append_branch(struct text *sql, const struct search *search,
                          const struct resource *resource, const struct cursor *cursor)
{
    const bool backward = cursor != NULL && cursor->backward;
    const char *direction = backward ? "asc" : "desc";
    const struct ranking ranking = {.table = resource->table,
                                    .conditions = "",
                                    .beyond = cursor == NULL ? NULL : "($3::float4, $4::uuid)",
                                    .limit = "$2::integer",
                                    .backward = backward};

    text_append(sql, "(with ");
    compose_ranking(sql, &ranking);
    text_append_format(sql,
                       " select '%s' as resource, d.id, d.etag, coalesce(d.card, d.document) as "
                       "document, d.translations, k.rank, q.corrected, ",
                       resource->path);
    if (search->highlights) {
        text_append(sql, "(select json_strip_nulls(json_build_object(");
        append_highlight(sql, "title", resource->label->name);
        if (resource_property(resource, "summary") != NULL) {
            text_append(sql, ", ");
            append_highlight(sql, "summary", "summary");
        }
        text_append(sql, "))::text from (select coalesce(d.card, d.document)::json as shown) x)");
    } else {
        text_append(sql, "null::text");
    }
    text_append_format(sql,
                       " as highlights from (select id, rank from best union all select id, rank "
                       "from others order by 2 %s, 1 %s limit $2::integer) k join "
                       "published.%s_documents d on d.id = k.id cross join q)",
                       direction, direction, resource->table);
}

static int run_search(const struct search *search, const struct cursor *cursor, struct db *db,
                      struct arena *arena, struct db_rows **ret_rows)
{
    const bool backward = cursor != NULL && cursor->backward;
    const char *limit = arena_format(arena, "%u", search->limit + 1);
    const char *values[] = {search->words, limit, cursor == NULL ? NULL : cursor->values[0],
                            cursor == NULL ? NULL : cursor->id};
    struct text sql;
    int r;

    text_init(&sql, SQL_BYTES_MAX);
    text_append(&sql, "with q as materialized (select * from published.search_query($1)) select "
                      "resource, id, etag, document, translations, rank::text, corrected, "
                      "highlights from (select * from (");
    for (size_t i = 0; i < search->resource_count; i++) {
        if (i > 0)
            text_append(&sql, " union all ");
        append_branch(&sql, search, search->resources[i], cursor);
    }
    text_append_format(&sql,
                       ") found order by rank %s, id %s limit $2::integer) page order by "
                       "page.rank desc, page.id desc",
                       backward ? "asc" : "desc", backward ? "asc" : "desc");
    r = text_failed(&sql) || limit == NULL
            ? fault_raise(-ENOMEM)
            : db_run_text(db, sql.bytes, DB_PLAN_GENERIC, cursor == NULL ? 2 : 4, values, ret_rows);
    text_deinit(&sql);
    return r;
}

static void fingerprint_of(const struct search *search,
                           unsigned char ret_hash[QUERY_FINGERPRINT_BYTES])
{
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, QUERY_FINGERPRINT_BYTES);
    (void)crypto_generichash_update(&state, (const unsigned char *)search->words,
                                    strlen(search->words) + 1);
    for (size_t i = 0; i < search->resource_count; i++)
        (void)crypto_generichash_update(&state, (const unsigned char *)search->resources[i]->path,
                                        strlen(search->resources[i]->path) + 1);
    (void)crypto_generichash_final(&state, ret_hash, QUERY_FINGERPRINT_BYTES);
}

static const char *cursor_at(const struct db_rows *rows, size_t row, bool backward,
                             const struct cursor_keys *keys, const unsigned char *fingerprint,
                             struct arena *arena)
{
    const struct cursor cursor = {.backward = backward,
                                  .values = {db_rows_text(rows, row, HIT_RANK)},
                                  .value_count = 1,
                                  .id = db_rows_text(rows, row, HIT_ID)};

    return cursor_encode(keys, &cursor, fingerprint, arena);
}

int search_fetch(const struct search *search, const struct cursor_keys *keys, struct db *db,
                 struct arena *arena, struct problem *problem, struct search_result *ret_result)
{
    unsigned char fingerprint[QUERY_FINGERPRINT_BYTES];
    struct cursor cursor;
    const struct cursor *from = NULL;
    bool more;
    bool backward;
    int r;

    *ret_result = (struct search_result){0};
    fingerprint_of(search, fingerprint);
    if (search->cursor != NULL) {
        if (!cursor_decode(keys, search->cursor, fingerprint, arena, &cursor) ||
            cursor.value_count != 1 || cursor.values[0] == NULL) {
            problem_set(problem, "invalid-cursor", NULL);
            problem_add(problem, arena, NULL, "cursor", "invalid-cursor",
                        "the cursor was changed, or belongs to another search");
            return PAGE_INVALID;
        }
        from = &cursor;
    }
    r = run_search(search, from, db, arena, &ret_result->rows);
    if (r != 0)
        return r;
    backward = from != NULL && from->backward;
    more = db_rows_count(ret_result->rows) > search->limit;
    ret_result->count = more ? search->limit : db_rows_count(ret_result->rows);
    if (ret_result->count == 0)
        return 0;
    /* Read backward, the row too many comes first. */
    ret_result->first = more && backward ? 1 : 0;
    if (backward || more)
        ret_result->next = cursor_at(ret_result->rows, ret_result->first + ret_result->count - 1,
                                     false, keys, fingerprint, arena);
    if (backward ? more : from != NULL)
        ret_result->previous =
            cursor_at(ret_result->rows, ret_result->first, true, keys, fingerprint, arena);
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

void search_deinit(struct search_result *result)
{
    db_rows_free(result->rows);
    *result = (struct search_result){0};
}

/* --- showing -------------------------------------------------------------------------------------
 */

const char *search_etag(const struct search_result *result, const char *variant,
                        struct arena *arena)
{
    struct digest digest;
    char text[DIGEST_TEXT_BYTES];

    digest_init(&digest);
    digest_text(&digest, variant);
    for (size_t i = 0; i < result->count; i++) {
        digest_text(&digest, db_rows_text(result->rows, result->first + i, HIT_ETAG));
        digest_text(&digest, db_rows_text(result->rows, result->first + i, HIT_RANK));
        digest_text(&digest, db_rows_text(result->rows, result->first + i, HIT_HIGHLIGHTS));
    }
    digest_text(&digest, result->next);
    digest_text(&digest, result->previous);
    return arena_copy(arena, digest_finish(&digest, text));
}

static void append_member(struct text *text, const char *name, struct slice value)
{
    if (value.length == 0)
        return;
    text_append_format(text, ",\"%s\":", name);
    text_append_bytes(text, value.bytes, value.length);
}

static void append_hit(const struct search *search, const struct search_result *result, size_t row,
                       struct arena *arena, struct text *text)
{
    const struct resource *resource =
        contract_resource_find(search->contract, db_rows_text(result->rows, row, HIT_RESOURCE));
    struct query *query = arena_alloc(arena, sizeof(*query));
    const struct view view = {.query = query};
    const struct view_item item = {.id = db_rows_text(result->rows, row, HIT_ID),
                                   .etag = db_rows_text(result->rows, row, HIT_ETAG),
                                   .document = {db_rows_text(result->rows, row, HIT_DOCUMENT),
                                                db_rows_bytes(result->rows, row, HIT_DOCUMENT)},
                                   .translations =
                                       db_rows_text(result->rows, row, HIT_TRANSLATIONS)};
    const char *highlights = db_rows_text(result->rows, row, HIT_HIGHLIGHTS);
    struct text shown;
    struct slice record;
    struct slice self;

    if (query == NULL || resource == NULL)
        return;
    query->resource = resource;
    query->language_count = search->language_count;
    memcpy(query->languages, search->languages, sizeof(query->languages));
    text_init(&shown, REPLY_BYTES_MAX);
    view_append(&view, &item, arena, &shown);
    record = (struct slice){shown.bytes, shown.length};
    self = slice_member(slice_member(record, "links"), "self");

    text_append_format(text, "{\"resource\":\"%s\",\"id\":\"%s\"", resource->path, item.id);
    append_member(text, "slug", slice_member(record, "slug"));
    append_member(text, "title", slice_member(record, resource->label->name));
    append_member(text, "summary", slice_member(record, "summary"));
    append_member(text, "language", slice_member(record, "language"));
    text_append_format(text, ",\"score\":%s", db_rows_text(result->rows, row, HIT_RANK));
    if (highlights != NULL)
        text_append_format(text, ",\"highlights\":%s", highlights);
    text_append(text, ",\"links\":{\"self\":");
    text_append_bytes(text, self.bytes, self.length);
    text_append(text, "}}");
    if (text_failed(&shown))
        text->failed = true;
    text_deinit(&shown);
}

static void append_cursor(struct text *text, const char *name, const char *cursor)
{
    text_append_format(text, ",\"%s\":", name);
    if (cursor == NULL)
        text_append(text, "null");
    else
        text_append_json(text, cursor);
}

void search_append_json(const struct search *search, const struct search_result *result,
                        struct arena *arena, struct text *text)
{
    const char *corrected =
        result->count == 0 ? NULL : db_rows_text(result->rows, result->first, HIT_CORRECTED);

    text_append(text, "{\"data\":[");
    for (size_t i = 0; i < result->count; i++) {
        if (i > 0)
            text_append_char(text, ',');
        append_hit(search, result, result->first + i, arena, text);
    }
    text_append_format(text, "],\"page\":{\"limit\":%u", search->limit);
    append_cursor(text, "next", result->next);
    append_cursor(text, "previous", result->previous);
    text_append_char(text, '}');
    if (corrected != NULL) {
        text_append(text, ",\"meta\":{\"search\":{\"corrected\":");
        text_append_json(text, corrected);
        text_append(text, "}}");
    }
    text_append_char(text, '}');
}
