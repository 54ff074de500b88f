#pragma once
/*
 * Search
 *
 * Over all resources at once: the same words, query language and ranking as q=
 * on one of them, and one page of the best.
 */
#include "base/annotate.h"
#include "record/cursor.h"
#include "record/query.h"

struct arena;
struct db;
struct db_rows;
struct problem;
struct text;

struct search {
    const struct contract *contract;
    const char *words;
    bool highlights;
    const struct resource *resources[RESOURCES_MAX]; /* where to look */
    size_t resource_count;
    uint32_t limit;
    const char *cursor;
    const char *languages[LANGUAGES_MAX];
    size_t language_count;
    bool all_languages;
};

/* As query_parse(), with the parameters of the search. */
MUST_CHECK bool search_parse(const struct contract *contract, const struct query_pair *pairs,
                             size_t count, const char *const *languages, size_t language_count,
                             struct arena *arena, struct problem *problem,
                             struct search *ret_search);

struct search_result {
    struct db_rows *rows;
    size_t first; /* row of the first match */
    size_t count;
    const char *next;
    const char *previous;
};

/*
 * search_fetch() - one page of matches
 * @ret_result: release with search_deinit(), also after a failure
 * Return: 0; PAGE_INVALID (the cursor does not fit; told in @problem); a db outcome; a fault.
 */
MUST_CHECK int search_fetch(const struct search *search, const struct cursor_keys *keys,
                            struct db *db, struct arena *arena, struct problem *problem,
                            struct search_result *ret_result);
void search_deinit(struct search_result *result);

/* A hash of what is shown; @variant as in page_etag(). In the arena. */
const char *search_etag(const struct search_result *result, const char *variant,
                        struct arena *arena);
void search_append_json(const struct search *search, const struct search_result *result,
                        struct arena *arena, struct text *text);
