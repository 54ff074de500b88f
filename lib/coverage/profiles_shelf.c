/*
 * The shelf: ids and terms are found by hashing, each term is a bit. It has no lock of its own, and
 * is filled without one before it is shown.
 *
 * A practice keeps its place when it goes (it often comes back), marked as gone; a full load, at
 * the start and when the database turns out to be another one, begins anew.
 */
#include "coverage/profiles_internal.h"

#include "base/fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLACES_MIN 1024

/* --- ids ---------------------------------------------------------------------------------------
 */

static int digit(char character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

/* Ids come from the database, in its one form. */
static bool read_id(const char *text, unsigned char ret_id[ID_BYTES])
{
    size_t count = 0;

    for (const char *at = text; *at != '\0' && count < ID_BYTES;) {
        if (*at == '-') {
            at++;
            continue;
        }
        if (digit(at[0]) < 0 || digit(at[1]) < 0)
            return false;
        ret_id[count++] = (unsigned char)(digit(at[0]) << 4 | digit(at[1]));
        at += 2;
    }
    return count == ID_BYTES;
}

void shelf_write_id(const unsigned char id[ID_BYTES], char ret_text[PROFILES_ID_BYTES])
{
    static const char DIGITS[] = "0123456789abcdef";
    size_t length = 0;

    for (size_t i = 0; i < ID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            ret_text[length++] = '-';
        ret_text[length++] = DIGITS[id[i] >> 4];
        ret_text[length++] = DIGITS[id[i] & 15];
    }
    ret_text[length] = '\0';
}

/* FNV-1a: ids and terms are ours, nobody can choose them to collide. */
static size_t hash(const void *bytes, size_t size_bytes)
{
    const unsigned char *at = bytes;
    uint64_t value = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < size_bytes; i++)
        value = (value ^ at[i]) * UINT64_C(1099511628211);
    return (size_t)(value ^ value >> 32);
}

/* The place of the id, or the free one where it would be. */
static uint32_t *place_of(const struct shelf *shelf, const unsigned char id[ID_BYTES])
{
    size_t at = hash(id, ID_BYTES) & (shelf->place_count - 1);

    while (shelf->places[at] != 0 &&
           memcmp(shelf->items[shelf->places[at] - 1].id, id, ID_BYTES) != 0)
        at = (at + 1) & (shelf->place_count - 1);
    return &shelf->places[at];
}

struct profile *shelf_find(const struct shelf *shelf, const char *text)
{
    unsigned char id[ID_BYTES];
    uint32_t place;

    if (text == NULL || shelf->place_count == 0 || !read_id(text, id))
        return NULL;
    place = *place_of(shelf, id);
    return place == 0 ? NULL : &shelf->items[place - 1];
}

/* --- keeping -----------------------------------------------------------------------------------
 */

static int grow(struct shelf *shelf)
{
    const size_t capacity = shelf->capacity == 0 ? PLACES_MIN : shelf->capacity * 2;
    struct profile *items = realloc(shelf->items, capacity * sizeof(*items));
    uint32_t *places;

    if (items == NULL)
        return fault_raise(-ENOMEM);
    shelf->items = items;
    places = calloc(capacity * 2, sizeof(*places));
    if (places == NULL)
        return fault_raise(-ENOMEM);
    free(shelf->places);
    shelf->places = places;
    shelf->place_count = capacity * 2;
    shelf->capacity = capacity;
    for (size_t i = 0; i < shelf->count; i++)
        *place_of(shelf, shelf->items[i].id) = (uint32_t)i + 1;
    return 0;
}

int shelf_number_of(struct shelf *shelf, const char *term, size_t length, bool adds)
{
    size_t at = hash(term, length) & (TERM_PLACES - 1);

    for (; shelf->numbers[at] != 0; at = (at + 1) & (TERM_PLACES - 1)) {
        const char *known = shelf->terms[shelf->numbers[at] - 1];

        if (strncmp(known, term, length) == 0 && known[length] == '\0')
            return shelf->numbers[at] - 1;
    }
    if (!adds || shelf->term_count == PROFILES_TERMS_MAX || length >= TERM_BYTES)
        return -1;
    memcpy(shelf->terms[shelf->term_count], term, length);
    shelf->terms[shelf->term_count][length] = '\0';
    shelf->numbers[at] = (uint16_t)++shelf->term_count;
    return (int)shelf->term_count - 1;
}

static void count_terms(struct shelf *shelf, const struct profile *profile, bool adds)
{
    for (size_t i = 0; i < PROFILES_TERMS_MAX; i++)
        if ((profile->terms[i / 64] >> (i % 64) & 1) != 0)
            shelf->frequencies[i] += adds ? 1 : (uint32_t)-1;
}

void shelf_forget(struct shelf *shelf, struct profile *profile)
{
    if (profile == NULL || !profile->is_there)
        return;
    count_terms(shelf, profile, false);
    profile->is_there = false;
    shelf->there_count--;
}

static void set_terms(struct shelf *shelf, struct profile *profile, const char *terms)
{
    memset(profile->terms, 0, sizeof(profile->terms));
    for (const char *at = terms; *at != '\0';) {
        const size_t length = strcspn(at, " ");
        const int number = length == 0 ? -1 : shelf_number_of(shelf, at, length, true);

        if (number >= 0)
            profile->terms[number / 64] |= UINT64_C(1) << (number % 64);
        at += length + (at[length] == ' ' ? 1 : 0);
    }
}

static struct profile *add(struct shelf *shelf, const char *id)
{
    struct profile *profile;

    if (shelf->count == shelf->capacity && grow(shelf) != 0)
        return NULL;
    profile = &shelf->items[shelf->count];
    *profile = (struct profile){0};
    if (!read_id(id, profile->id))
        return NULL;
    *place_of(shelf, profile->id) = (uint32_t)shelf->count + 1;
    shelf->count++;
    return profile;
}

/* NULL for nothing: most have none of it. */
static int copy_text(const char *text, char **ret_copy)
{
    *ret_copy = text[0] == '\0' ? NULL : strdup(text);
    return *ret_copy == NULL && text[0] != '\0' ? fault_raise(-ENOMEM) : 0;
}

static void free_texts(struct profile *profile)
{
    free(profile->organisations);
    free(profile->evidence);
    free(profile->indicators);
}

int shelf_put(struct shelf *shelf, const struct profiles_item *item)
{
    struct profile *profile = shelf_find(shelf, item->id);
    struct profile texts = {.organisations = strdup(item->organisations)};
    int r = texts.organisations == NULL ? fault_raise(-ENOMEM) : 0;

    if (r == 0)
        r = copy_text(item->evidence, &texts.evidence);
    if (r == 0)
        r = copy_text(item->indicators, &texts.indicators);
    if (r == 0 && profile == NULL) {
        profile = add(shelf, item->id);
        r = profile == NULL ? fault_raise(-ENOMEM) : 0;
    }
    if (r != 0) {
        free_texts(&texts);
        return r;
    }
    shelf_forget(shelf, profile);
    set_terms(shelf, profile, item->terms);
    free_texts(profile);
    profile->organisations = texts.organisations;
    profile->evidence = texts.evidence;
    profile->indicators = texts.indicators;
    profile->updated_us = item->updated_us;
    profile->looked_us = item->looked_us;
    profile->due_us = item->due_us;
    profile->ended_us = item->ended_us;
    profile->is_idle = item->is_idle;
    (void)snprintf(profile->country, sizeof(profile->country), "%s", item->country);
    profile->is_there = true;
    shelf->there_count++;
    count_terms(shelf, profile, true);
    return 0;
}

void shelf_free(struct shelf *shelf)
{
    if (shelf == NULL)
        return;
    for (size_t i = 0; i < shelf->count; i++)
        free_texts(&shelf->items[i]);
    free(shelf->items);
    free(shelf->places);
    free(shelf);
}
