#include "listing.h"

#include "application.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/problem.h"
#include "base/text.h"
#include "present.h"
#include "record/cursor.h"
#include "reply.h"
#include "request.h"
#include "writing.h"

#include <errno.h>
#include <sodium.h>
#include <stdint.h>
#include <string.h>

/* A cursor of the catalogue ends in a record's id; these end in none. */
#define NO_ID "00000000-0000-0000-0000-000000000000"

/* Who asked for what. */
static void fingerprint_of(const struct request *request,
                           unsigned char ret_hash[QUERY_FINGERPRINT_BYTES])
{
    static const char *const FILTERS[] = {
        "kind",  "resource", "status",    "owner", "client", "action", "record", "since",
        "until", "intake",   "programme", "state", "mentor", "mentee", "due",    "overdue"};
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, QUERY_FINGERPRINT_BYTES);
    (void)crypto_generichash_update(&state, (const unsigned char *)request->caller.name,
                                    strlen(request->caller.name) + 1);
    (void)crypto_generichash_update(&state, (const unsigned char *)request->path,
                                    strlen(request->path) + 1);
    for (size_t i = 0; i < ARRAY_LENGTH(FILTERS); i++) {
        const char *value = request_parameter(request, FILTERS[i]);

        if (value == NULL)
            value = "";
        (void)crypto_generichash_update(&state, (const unsigned char *)value, strlen(value) + 1);
    }
    (void)crypto_generichash_final(&state, ret_hash, QUERY_FINGERPRINT_BYTES);
}

static int refuse(struct writing *writing, const char *name, const char *code, const char *detail)
{
    problem_set(writing->problem, "invalid-parameter", NULL);
    problem_add(writing->problem, writing->request->arena, NULL, name, code, "%s", detail);
    return writing_refuse_problem(writing, writing->problem);
}

int listing_read(struct writing *writing, struct listing *ret_listing)
{
    struct request *request = writing->request;
    const char *limit = request_parameter(request, "limit");
    const char *text = request_parameter(request, "cursor");
    unsigned char fingerprint[QUERY_FINGERPRINT_BYTES];
    struct listing listing = {.after = NULL};
    struct cursor cursor = {0};
    uint32_t items = PAGE_ITEMS_DEFAULT;

    if (limit != NULL && !num_parse_u32(limit, 1, PAGE_ITEMS_MAX, &items))
        return refuse(writing, "limit", "out-of-range", "a whole number from 1 to 100");
    listing.limit = items;
    if (text != NULL) {
        fingerprint_of(request, fingerprint);
        if (strlen(text) > CURSOR_BYTES_MAX ||
            !cursor_decode(&request->application->cursor_keys, text, fingerprint, request->arena,
                           &cursor) ||
            cursor.value_count != 1 || cursor.values[0] == NULL)
            return writing_refuse(writing, "invalid-cursor", NULL);
        listing.after = cursor.values[0];
    }
    *ret_listing = listing;
    return 0;
}

/* --- words
 * ---------------------------------------------------------------------------------------- */

static const char *find_word(const char *word, size_t length, const char *const *known,
                             size_t known_count)
{
    for (size_t i = 0; i < known_count; i++)
        if (strlen(known[i]) == length && memcmp(known[i], word, length) == 0)
            return known[i];
    return NULL;
}

static int refuse_word(struct writing *writing, const char *name, const char *word, size_t length,
                       const char *const *known, size_t known_count)
{
    struct arena *arena = writing->request->arena;
    const char *copy = arena_copy_bytes(arena, word, length);
    const char *nearest = copy == NULL ? NULL : text_nearest(copy, known, known_count);
    const char *detail =
        nearest == NULL
            ? "one of the values is not known here; the contract lists them all"
            : arena_format(arena, "one of the values is not known here; did you mean '%s'?",
                           nearest);

    return detail == NULL ? fault_raise(-ENOMEM) : refuse(writing, name, "unknown-value", detail);
}

int listing_words(struct writing *writing, const char *name, const char *const *known,
                  size_t known_count, const char *const **ret_words, size_t *ret_count)
{
    const char *at = request_parameter(writing->request, name);
    const char **words;
    size_t count = 0;

    *ret_words = NULL;
    *ret_count = 0;
    if (at == NULL)
        return 0;
    words = arena_alloc_array(writing->request->arena, LISTING_WORDS_MAX, sizeof(*words));
    if (words == NULL)
        return fault_raise(-ENOMEM);
    for (bool is_last = false; !is_last; count++) {
        const size_t length = strcspn(at, ",");

        if (count == LISTING_WORDS_MAX)
            return refuse(writing, name, "too-many-values", "these are more values than there are");
        words[count] = find_word(at, length, known, known_count);
        if (words[count] == NULL)
            return refuse_word(writing, name, at, length, known, known_count);
        is_last = at[length] == '\0';
        at += length + 1;
    }
    *ret_words = words;
    *ret_count = count;
    return 0;
}

/* --- places
 * ---------------------------------------------------------------------------------------- */

const char *listing_place(const struct writing *writing, const char *at, const char *id)
{
    return arena_format(writing->request->arena, "%s %s", at, id);
}

int listing_read_place(struct writing *writing, const struct listing *listing, const char **ret_at,
                       const char **ret_id)
{
    const char *space = listing->after == NULL ? NULL : strchr(listing->after, ' ');

    *ret_at = NULL;
    *ret_id = NULL;
    if (listing->after == NULL)
        return 0;
    if (space == NULL) /* sealed by us, under another version */
        return writing_refuse(writing, "invalid-cursor", NULL);
    *ret_at =
        arena_copy_bytes(writing->request->arena, listing->after, (size_t)(space - listing->after));
    *ret_id = space + 1;
    return *ret_at == NULL ? fault_raise(-ENOMEM) : 0;
}

/* --- the end of a page
 * ------------------------------------------------------------------------------ */

static const char *seal(const struct writing *writing, const char *next)
{
    const struct request *request = writing->request;
    const struct cursor cursor = {.values = {next}, .value_count = 1, .id = NO_ID};
    unsigned char fingerprint[QUERY_FINGERPRINT_BYTES];

    fingerprint_of(request, fingerprint);
    return cursor_encode(&request->application->cursor_keys, &cursor, fingerprint, request->arena);
}

int listing_end(struct writing *writing, const struct listing *listing, const char *next)
{
    struct reply *reply = writing->reply;
    const char *cursor = next == NULL ? NULL : seal(writing, next);

    if (next != NULL && cursor == NULL)
        return fault_raise(-ENOMEM);
    text_append_format(&reply->body, ",\"page\":{\"limit\":%u,\"next\":", listing->limit);
    if (cursor == NULL)
        text_append(&reply->body, "null");
    else
        text_append_json(&reply->body, cursor);
    text_append(&reply->body, ",\"previous\":null}}");
    reply->content_type = "application/json";
    return present_page_links(writing->request, NULL, cursor, NULL, reply);
}
