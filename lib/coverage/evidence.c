#include "coverage/evidence.h"

#include "base/annotate.h"
#include "base/arena.h"
#include "base/fault.h"
#include "coverage/place.h"
#include "db/db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_BYTES_MAX 128

/* From kind to kind through the index of terms, which holds few, whatever it holds of each. */
static const struct db_query KINDS = {
    .name = "evidence_kinds",
    .sql = "with recursive kinds(term) as ("
           "select (select min(t.term) from published.legal_bases_terms t "
           "where t.term >= 'kind=' and t.term < 'kind>') union all "
           "select (select min(t.term) from published.legal_bases_terms t "
           "where t.term > k.term and t.term < 'kind>') from kinds k where k.term is not null) "
           "select substr(k.term, 6) from kinds k where k.term is not null and exists ("
           "select from published.legal_bases_terms t where t.term = k.term and t.country = $1)",
    .param_count = 1,
};

#define HERE(place) "select there.id from (" place("adoptions", "'adopter@'") ") there order by 1"
static const struct db_query ADOPTIONS[PLACE_KINDS] = {
    [PLACE_NAMED] = {.name = "evidence_here_named", .sql = HERE(PLACE_OF_NAME), .param_count = 2},
    [PLACE_AROUND] = {.name = "evidence_here_around",
                      .sql = HERE(PLACE_OF_POINT),
                      .param_count = 2},
    [PLACE_MEMBERS] = {.name = "evidence_here_members",
                       .sql = HERE(PLACE_OF_MEMBERS),
                       .param_count = 2},
};

static int read_texts(struct db *db, struct arena *arena, const struct db_query *query,
                      const char *const *values, const char *const **ret_texts, size_t *ret_count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char **texts;
    const int r = db_run(db, query, values, &rows);

    if (r != 0)
        return r;
    texts = arena_alloc_array(arena, db_rows_count(rows) + 1, sizeof(*texts));
    for (size_t i = 0; i < db_rows_count(rows) && texts != NULL; i++)
        texts[i] = arena_copy(arena, db_rows_text(rows, i, 0));
    *ret_texts = texts;
    *ret_count = db_rows_count(rows);
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

int evidence_read_place(struct db *db, struct arena *arena, const struct place *place,
                        const char *country, struct evidence_place *ret)
{
    const char *values[2];
    int r = place_values(place, arena, values);

    *ret = (struct evidence_place){.country = country};
    if (r == 0)
        r = read_texts(db, arena, &ADOPTIONS[place->kind], values, &ret->here, &ret->here_count);
    if (r == 0 && country != NULL)
        r = read_texts(db, arena, &KINDS, &country, &ret->kinds, &ret->kind_count);
    return r;
}

/* --- law ---------------------------------------------------------------------------------------
 */

static bool is_in_union(const char *country)
{
    static const char MEMBERS[] = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL "
                                  "PL PT RO SE SI SK";

    return strlen(country) == 2 && strstr(MEMBERS, country) != NULL;
}

enum transfer_law evidence_law(const struct evidence_place *place, const char *country,
                               const char *scope, const char *kind)
{
    if (place->country == NULL)
        return LAW_UNKNOWN;
    if (strcmp(country, place->country) == 0 || strcmp(scope, "international") == 0 ||
        strcmp(scope, "intercontinental") == 0 ||
        (strcmp(scope, "european") == 0 && is_in_union(place->country)))
        return LAW_HOLDS;
    if (country[0] == '\0')
        return LAW_UNKNOWN;
    for (size_t i = 0; i < place->kind_count; i++)
        if (strcmp(place->kinds[i], kind) == 0)
            return LAW_SIMILAR;
    return LAW_MISSING;
}

/* --- points ------------------------------------------------------------------------------------
 */

bool evidence_next(const char **at, struct evidence_item *ret)
{
    const char *item = *at + strspn(*at, " ");
    const size_t length = strcspn(item, " ");

    *at = item + length;
    if (length < EVIDENCE_ID_LENGTH + 2)
        return false;
    *ret = (struct evidence_item){.kind = item[0],
                                  .id = item + 1,
                                  .value = item + EVIDENCE_ID_LENGTH + 2,
                                  .value_length = length - EVIDENCE_ID_LENGTH - 2};
    return true;
}

static int compare_ids(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;

    return strncmp(*a, *b, EVIDENCE_ID_LENGTH);
}

bool evidence_is_here(const struct evidence_place *place, const char *id)
{
    return place->here_count > 0 &&
           bsearch(&id, place->here, place->here_count, sizeof(*place->here), compare_ids) != NULL;
}

/* Cuts at the next slash; "" where there is none. */
static const char *cut(char **at)
{
    char *item = *at, *slash = strchr(item, '/');

    *at = slash == NULL ? item + strlen(item) : slash + 1;
    if (slash != NULL)
        *slash = '\0';
    return item;
}

static int points_of_law(const struct evidence_place *place, char *value)
{
    const char *country = cut(&value), *scope = cut(&value);

    return transfer_law_points(evidence_law(place, country, scope, value));
}

int evidence_points(const struct evidence_place *place, const char *evidence)
{
    struct evidence_item item;
    int adoption = 0, law = 0;
    bool has_law = false;

    while (evidence_next(&evidence, &item)) {
        char value[VALUE_BYTES_MAX];
        int points;

        (void)snprintf(value, sizeof(value), "%.*s", (int)item.value_length, item.value);
        if (item.kind == 'a' && evidence_is_here(place, item.id))
            continue; /* what it does here is not what it did elsewhere */
        if (item.kind == 'a') {
            points = transfer_adoption_points(value);
            adoption = points > adoption ? points : adoption;
        } else {
            points = points_of_law(place, value);
            law = !has_law || points < law ? points : law;
            has_law = true;
        }
    }
    return adoption + law;
}
