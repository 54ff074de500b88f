#include "coverage/overlap.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/text.h"
#include "coverage/arrays.h"
#include "db/db.h"

#include <errno.h>
#include <stdlib.h>

#define LATE_PERCENT_MAX 30 /* of all weight: the best of many share more than that */
#define NOBODY "00000000-0000-0000-0000-000000000000"

/*
 * $1 terms, $2 their weights, $3 whether early, $4 and $5 bonuses, $6 who is left out, $7 how many,
 * $8 what late terms can add. The lateral queries with offset 0 are walks of one list each:
 * joined, the planner would take the number of lists for unknown and might read the whole table.
 */
#define LISTS                                                                                      \
    "with asked as (select * from unnest($1::text[], $2::integer[], $3::boolean[]) "               \
    "as a(term, weight, early)), "                                                                 \
    "listed as (select l.id, a.weight from asked a cross join lateral ("                           \
    "select t.id from published.practices_terms t where t.term = a.term offset 0) l "              \
    "where a.early union all "                                                                     \
    "select b.id, b.weight from unnest($4::uuid[], $5::integer[]) as b(id, weight)"
#define BEST                                                                                       \
    "bound as materialized (select weight from partial order by weight desc "                      \
    "offset $7::integer - 1 limit 1), "                                                            \
    "complete as materialized (select s.id, s.weight + coalesce((select sum(a.weight) "            \
    "from asked a where not a.early and exists (select from published.practices_terms t "          \
    "where t.id = s.id and t.term = a.term)), 0) as weight from partial s "                        \
    "where s.weight + $8::bigint >= coalesce((select weight from bound), s.weight)) "              \
    "select p.id, p.slug, p.title, p.country, p.city, c.weight "                                   \
    "from complete c join published.practices p on p.id = c.id where c.weight > 0 "                \
    "order by c.weight desc, p.updated_at desc, p.id desc limit $7::integer"

enum { COLUMN_ID, COLUMN_SLUG, COLUMN_TITLE, COLUMN_COUNTRY, COLUMN_CITY, COLUMN_WEIGHT };
static const struct db_query ANY = {
    .name = "overlap_any",
    .sql = LISTS "), partial as materialized (select l.id, sum(l.weight) as weight from listed l "
                 "where l.id <> $6::uuid group by l.id), " BEST,
    .param_count = 8,
};
/* $9: the step. Its own list counts nothing, so that who shares nothing else is there, too. */
static const struct db_query OF_STEP = {
    .name = "overlap_of_step",
    .sql = LISTS " union all select t.id, 1 from published.practices_terms t where t.term = $9), "
                 "partial as materialized (select l.id, sum(l.weight) as weight from listed l "
                 "where l.id <> $6::uuid and l.id in (select t.id from published.practices_terms t "
                 "where t.term = $9) group by l.id), " BEST,
    .param_count = 9,
};

static int compare_cost(const void *left, const void *right)
{
    const struct rarity_term *a = *(const struct rarity_term *const *)left;
    const struct rarity_term *b = *(const struct rarity_term *const *)right;
    /* Practices to walk for a unit of weight: a / a.weight < b / b.weight. */
    const int64_t first = (int64_t)a->frequency * b->weight;
    const int64_t second = (int64_t)b->frequency * a->weight;

    return first < second ? -1 : first > second;
}

int64_t overlap_choose(const struct rarity_term *terms, size_t count, bool *ret_early)
{
    const struct rarity_term *order[OVERLAP_TERMS_MAX];
    int64_t total = 0, rest;

    for (size_t i = 0; i < count; i++) {
        order[i] = &terms[i];
        total += terms[i].weight;
        ret_early[i] = false;
    }
    qsort(order, count, sizeof(order[0]), compare_cost);
    rest = total;
    for (size_t i = 0; i < count && rest * 100 > total * LATE_PERCENT_MAX; i++) {
        ret_early[order[i] - terms] = true;
        rest -= order[i]->weight;
    }
    return rest;
}

static const char *or_empty(const char *literal)
{
    return literal == NULL ? "{}" : literal;
}

static int run(struct db *db, struct arena *arena, const struct overlap_query *query,
               const bool *early, int64_t rest, struct db_rows **ret_rows)
{
    struct text terms, weights, flags;
    const char *values[9];
    int r;

    text_init(&terms, REPLY_BYTES_MAX);
    text_init(&weights, REPLY_BYTES_MAX);
    text_init(&flags, REPLY_BYTES_MAX);
    for (size_t i = 0; i < query->term_count; i++) {
        array_append(&terms, query->terms[i].term);
        text_append_format(&weights, "%s%d", i == 0 ? "{" : ",", (int)query->terms[i].weight);
        text_append_format(&flags, "%s%s", i == 0 ? "{" : ",", early[i] ? "t" : "f");
    }
    text_append(&terms, query->term_count == 0 ? "{}" : "}");
    text_append(&weights, query->term_count == 0 ? "{}" : "}");
    text_append(&flags, query->term_count == 0 ? "{}" : "}");
    values[0] = terms.bytes;
    values[1] = weights.bytes;
    values[2] = flags.bytes;
    values[3] = or_empty(query->bonus_ids);
    values[4] = or_empty(query->bonuses);
    values[5] = query->except == NULL ? NOBODY : query->except;
    values[6] = arena_format(arena, "%u", (unsigned)query->limit);
    values[7] = arena_format(arena, "%lld", (long long)rest);
    values[8] = query->step;
    r = text_failed(&terms) || text_failed(&weights) || text_failed(&flags) || values[6] == NULL ||
                values[7] == NULL
            ? fault_raise(-ENOMEM)
            : db_run(db, query->step == NULL ? &ANY : &OF_STEP, values, ret_rows);
    text_deinit(&terms);
    text_deinit(&weights);
    text_deinit(&flags);
    return r;
}

static int take(const struct db_rows *rows, struct arena *arena, struct overlap_match **ret_matches,
                size_t *ret_count)
{
    const size_t count = db_rows_count(rows);
    struct overlap_match *matches = arena_alloc_array(arena, count + 1, sizeof(*matches));

    if (matches == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < count; i++) {
        matches[i] = (struct overlap_match){
            .id = arena_copy(arena, db_rows_text(rows, i, COLUMN_ID)),
            .slug = arena_copy(arena, db_rows_text(rows, i, COLUMN_SLUG)),
            .title = arena_copy(arena, db_rows_text(rows, i, COLUMN_TITLE)),
            .country = arena_copy(arena, db_rows_text(rows, i, COLUMN_COUNTRY)),
            .city = arena_copy(arena, db_rows_text(rows, i, COLUMN_CITY))};
        if (!num_parse_i64(db_rows_text(rows, i, COLUMN_WEIGHT), INT64_MIN, INT64_MAX,
                           &matches[i].weight))
            return fault_raise(-EPROTO);
    }
    *ret_matches = matches;
    *ret_count = count;
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

int overlap_fetch(struct db *db, struct arena *arena, const struct overlap_query *query,
                  struct overlap_match **ret_matches, size_t *ret_count)
{
    bool early[OVERLAP_TERMS_MAX];
    int64_t rest = overlap_choose(query->terms, query->term_count, early);
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = run(db, arena, query, early, rest, &rows);

    if (r == 0)
        r = take(rows, arena, ret_matches, ret_count);
    if (r != 0 || rest == 0)
        return r;
    /* Who is in no early list has at most the rest. */
    if (*ret_count == query->limit && (*ret_matches)[*ret_count - 1].weight > rest)
        return 0;
    for (size_t i = 0; i < query->term_count; i++)
        early[i] = true;
    db_rows_free(rows);
    rows = NULL;
    r = run(db, arena, query, early, 0, &rows);
    return r == 0 ? take(rows, arena, ret_matches, ret_count) : r;
}
