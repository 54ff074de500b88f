#include "mentoring/match.h"

#include "audit/audit.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/text.h"
#include "base/uuid.h"
#include "db/db.h"
#include "db/time.h"
#include "mentoring/age.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATOR '\x1f' /* between the items of a list: no code has it */
#define ANY_SECTOR "multi_sector"
#define NUMBER_BYTES 16
#define LEVEL_BYTES 8 /* "native" */
#define LISTS_BYTES_MAX (2 * COHORT_PERSONS_MAX * (UUID_TEXT_BYTES + 1) + 2)
#define BATCH_PAIRS 100 /* proposed by one statement: each of them takes a millisecond */

/* --- statements ------------------------------------------------------------------------------- */

enum {
    PROGRAMME_ID,
    PROGRAMME_CAPACITY,
    PROGRAMME_AGE,
    PROGRAMME_DAYS,
    PROGRAMME_REQUIRED,
    PROGRAMME_WEIGHTS, /* of each component, in their order */
    PROGRAMME_COLUMNS = PROGRAMME_WEIGHTS + COMPATIBILITY_COMPONENTS
};
#define PROGRAMME                                                                                  \
    "select p.id, coalesce(p.mentor_capacity, 1), coalesce(p.mentor_minimum_age, 0), "             \
    "coalesce(p.response_days, 14), array_to_string(p.required_matches, ' '), "                    \
    "p.match_weights_language, p.match_weights_sector, p.match_weights_skills, "                   \
    "p.match_weights_goals, p.match_weights_availability, p.match_weights_distance, "              \
    "p.match_weights_capacity, p.match_weights_load "                                              \
    "from catalogue.record r join catalogue.mentoring_programmes p on p.id = r.id "                \
    "where r.resource = 'mentoring-programmes' and r.deleted_at is null "                          \
    "and r.owner_id = (select identity.acting_organisation()) and "
static const struct db_query PROGRAMME_BY_ID = {
    .name = "match_programme_by_id",
    .sql = PROGRAMME "r.id = $1::uuid",
    .param_count = 1,
};
static const struct db_query PROGRAMME_BY_SLUG = {
    .name = "match_programme_by_slug",
    .sql = PROGRAMME "r.slug = $1",
    .param_count = 1,
};

enum {
    PERSON_ID,
    PERSON_AUDIT_ID,
    PERSON_SUBJECT,
    PERSON_VERSION,
    PERSON_SECTORS,
    PERSON_SKILLS,
    PERSON_GOALS,
    PERSON_FORMATS,
    PERSON_TIMES,
    PERSON_LATITUDE,
    PERSON_LONGITUDE,
    PERSON_AGE_BAND,
    PERSON_CAPACITY,
    PERSON_LANGUAGES,
    PERSON_COLUMNS
};
#define PERSONS                                                                                    \
    "select p.id, p.audit_id, p.subject, p.version, array_to_string(p.sectors, E'\\x1f'), "        \
    "array_to_string(p.skills, E'\\x1f'), array_to_string(p.goals, E'\\x1f'), "                    \
    "array_to_string(p.formats, ' '), p.availability, (p.area_lat * 1000000)::integer, "           \
    "(p.area_lon * 1000000)::integer, p.age_band, p.capacity, "                                    \
    "(select string_agg(l.language || ' ' || l.level, E'\\x1f' order by l.language) "              \
    "from mentoring.participant_language l where l.participant_id = p.id) "                        \
    "from mentoring.participant p "                                                                \
    "where p.programme_id = $1::uuid and p.withdrawn_at is null and p.status = 'available' "       \
    "and exists (select from mentoring.consent c where c.participant_id = p.id "                   \
    "and c.purpose = 'matching' and c.withdrawn_at is null) "
#define OPEN_STATES "('proposed', 'accepted', 'active', 'paused') "
static const struct db_query MENTORS = {
    .name = "match_mentors",
    .sql = PERSONS "and p.kind = 'mentor' order by p.id limit $2::integer",
    .param_count = 2,
};
static const struct db_query MENTEE = {
    .name = "match_mentee",
    .sql = PERSONS "and p.kind = 'mentee' and p.id = $3::uuid limit $2::integer",
    .param_count = 3,
};
/* "not in", which is looked up in a hash made once: an anti-join is planned by the policies of
 * pairs, whose guess of one row makes it walk all of them for each mentee. */
static const struct db_query MENTEES = {
    .name = "match_mentees",
    .sql = PERSONS "and p.kind = 'mentee' "
                   "and ($3::text is null or p.intake = $3) "
                   "and ($4::uuid[] is null or p.id = any ($4::uuid[])) "
                   "and p.id not in (select o.mentee_id from mentoring.pair o "
                   "where o.programme_id = $1::uuid and o.mentee_id is not null "
                   "and o.state in " OPEN_STATES ") order by p.id limit $2::integer",
    .param_count = 4,
};

enum { PAIR_MENTOR, PAIR_MENTEE, PAIR_OPEN, PAIR_COLUMNS };
/* What fills the places of mentors, and of the past what these mentees have tried: a programme has
 * far more pairs that are over than people who wait. Theirs are all of this programme. */
static const struct db_query PAIRS = {
    .name = "match_pairs",
    .sql = "select p.mentor_id, p.mentee_id, true from mentoring.pair p "
           "where p.programme_id = $1::uuid and p.state in " OPEN_STATES
           "union all select p.mentor_id, p.mentee_id, false from mentoring.pair p "
           "where p.mentee_id = any ($2::uuid[]) and p.mentor_id is not null "
           "and p.state in ('declined', 'ended_early') "
           "order by 3, 1, 2",
    .param_count = 2,
};

/* In one order, so that of two who propose at once one waits for the other. */
static const struct db_query LOCK = {
    .name = "match_lock",
    .sql = "select p.id from mentoring.participant p "
           "where p.programme_id = $1::uuid and p.id = any ($2::uuid[]) order by p.id for update",
    .param_count = 2,
};
static const struct db_query PROPOSE = {
    .name = "match_propose",
    .sql = "insert into mentoring.pair (id, programme_id, mentee_id, mentor_id, score, cohort_id, "
           "respond_by) select n.id, $1::uuid, n.mentee, n.mentor, n.score, $6::uuid, "
           "now() + make_interval(days => $7::integer) "
           "from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::integer[]) "
           "as n (id, mentee, mentor, score)",
    .param_count = 7,
};
static const struct db_query NOTE_PROPOSED = {
    .name = "match_note_proposed",
    .sql = "insert into mentoring.pair_move (pair_id, version, move, to_state, actor, at) "
           "select p.id, p.version, 'propose', p.state, 'coordinator', p.proposed_at "
           "from mentoring.pair p where p.id = any ($1::uuid[])",
    .param_count = 1,
};

static const struct db_query PROPOSALS = {
    .name = "match_proposals",
    .sql = "select p.id, mentee.id, mentor.id, p.state, p.score, "
           "to_char(p.respond_by" DB_RFC3339 " from mentoring.pair p "
           "left join mentoring.participant mentee on mentee.id = p.mentee_id "
           "left join mentoring.participant mentor on mentor.id = p.mentor_id "
           "where p.cohort_id = $1::uuid order by p.id",
    .param_count = 1,
};

/* --- reading ---------------------------------------------------------------------------------- */

static int read_number(const char *text)
{
    int64_t number = 0;

    if (text != NULL && !num_parse_i64(text, INT32_MIN, INT32_MAX, &number))
        assert(false); /* the column is an integer */
    return (int)number;
}

static void digest_rows(struct digest *digest, const struct db_rows *rows, int columns)
{
    for (size_t row = 0; row < db_rows_count(rows); row++)
        for (int column = 0; column < columns; column++)
            digest_text(digest, db_rows_text(rows, row, column));
}

static bool has_word(const char *words, const char *word)
{
    const size_t length = strlen(word);

    for (const char *at = words; at != NULL && *at != '\0';
         at += strcspn(at, " "), at += *at == ' ')
        if (strcspn(at, " ") == length && strncmp(at, word, length) == 0)
            return true;
    return false;
}

/* What a pair must fit in: languages at a level at which two can work together, a sector, a skill,
 * some time, an area. That two share a language and a format at all is needed everywhere. */
static void read_rules(const struct db_rows *rows, struct compatibility_rules *ret_rules)
{
    const char *required = db_rows_text(rows, 0, PROGRAMME_REQUIRED);
    struct compatibility_rules rules = compatibility_rules_default();

    for (int i = 0; i < COMPATIBILITY_COMPONENTS; i++)
        if (db_rows_text(rows, 0, PROGRAMME_WEIGHTS + i) != NULL)
            rules.weights[i] = (uint16_t)read_number(db_rows_text(rows, 0, PROGRAMME_WEIGHTS + i));
    if (!compatibility_weights_are_valid(&rules)) /* each of them 0 */
        rules = compatibility_rules_default();
    rules.mentor_age_min = (unsigned)read_number(db_rows_text(rows, 0, PROGRAMME_AGE));
    if (has_word(required, "language"))
        rules.level_min = LEVEL_B1;
    rules.is_sector_needed = has_word(required, "sector");
    rules.is_skill_needed = has_word(required, "skills");
    rules.is_time_needed = has_word(required, "availability");
    rules.is_area_needed = has_word(required, "area");
    if (rules.is_area_needed)
        rules.distance_km_max = COMPATIBILITY_AREA_KM;
    *ret_rules = rules;
}

static int load_programme(struct db *db, const struct match_selection *selection,
                          struct match_pool *pool, uint32_t *ret_capacity)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const bool is_id = uuid_is_valid(selection->programme);
    int r = db_run(db, is_id ? &PROGRAMME_BY_ID : &PROGRAMME_BY_SLUG,
                   (const char *const[]){selection->programme}, &rows);

    if (r != 0)
        return r;
    if (db_rows_count(rows) == 0)
        return MATCH_NOT_FOUND;
    digest_rows(&pool->digest, rows, PROGRAMME_COLUMNS);
    pool->programme_id = arena_copy(pool->arena, db_rows_text(rows, 0, PROGRAMME_ID));
    pool->response_days = arena_copy(pool->arena, db_rows_text(rows, 0, PROGRAMME_DAYS));
    *ret_capacity = (uint32_t)read_number(db_rows_text(rows, 0, PROGRAMME_CAPACITY));
    read_rules(rows, &pool->rules);
    return pool->programme_id == NULL || pool->response_days == NULL ? MATCH_TOO_MANY : 0;
}

static int compare_terms(const void *one, const void *other)
{
    const uint32_t a = *(const uint32_t *)one;
    const uint32_t b = *(const uint32_t *)other;

    return (a > b) - (a < b);
}

/* How many items a text of list has. */
static size_t count_items(const char *list)
{
    size_t count = list != NULL && *list != '\0';

    for (; list != NULL && *list != '\0'; list++)
        count += *list == SEPARATOR;
    return count;
}

/* The next item, which has no end of its own; NULL: there is none. */
static const char *next_item(const char **at, size_t *ret_length)
{
    const size_t length = *at == NULL ? 0 : strcspn(*at, (const char[]){SEPARATOR, '\0'});
    const char *item = *at;

    if (length == 0)
        return NULL;
    *at += length;
    *at += **at == SEPARATOR;
    *ret_length = length;
    return item;
}

static int read_terms(struct match_pool *pool, const char *list, struct person_terms *ret_terms)
{
    uint32_t *terms = arena_alloc_array(pool->arena, count_items(list) + 1, sizeof(*terms));
    size_t count = 0;
    size_t kept = 0;
    size_t length;
    const char *item;

    if (terms == NULL)
        return MATCH_TOO_MANY;
    while ((item = next_item(&list, &length)) != NULL)
        if (terms_add_bytes(&pool->terms, item, length, &terms[count++]) != 0)
            return MATCH_TOO_MANY;
    qsort(terms, count, sizeof(*terms), compare_terms);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || terms[i] != terms[i - 1])
            terms[kept++] = terms[i];
    *ret_terms = (struct person_terms){terms, kept};
    return 0;
}

/* Who works in no particular sector says so by a term of its own. */
static int read_sectors(struct match_pool *pool, const char *list, struct person *person)
{
    uint32_t *kept = NULL;
    uint32_t any;
    size_t count = 0;
    int r = terms_add(&pool->terms, ANY_SECTOR, &any) == 0
                ? read_terms(pool, list, &person->sectors)
                : MATCH_TOO_MANY;

    if (r == 0) {
        kept = arena_alloc_array(pool->arena, person->sectors.count + 1, sizeof(*kept));
        r = kept == NULL ? MATCH_TOO_MANY : 0;
    }
    for (size_t i = 0; r == 0 && i < person->sectors.count; i++)
        if (person->sectors.terms[i] == any)
            person->is_any_sector = true;
        else
            kept[count++] = person->sectors.terms[i];
    person->sectors = (struct person_terms){kept, count};
    return r;
}

static int compare_languages(const void *one, const void *other)
{
    return compare_terms(&((const struct person_language *)one)->term,
                         &((const struct person_language *)other)->term);
}

/* "ar native", "fr B1": each once, as the table keeps them. */
static int read_languages(struct match_pool *pool, const char *list, struct person *person)
{
    struct person_language *languages =
        arena_alloc_array(pool->arena, count_items(list) + 1, sizeof(*languages));
    size_t length;
    const char *item;

    if (languages == NULL)
        return MATCH_TOO_MANY;
    while ((item = next_item(&list, &length)) != NULL) {
        struct person_language *language = &languages[person->language_count++];
        const char *space = memchr(item, ' ', length);
        char level[LEVEL_BYTES];

        assert(space != NULL);
        (void)snprintf(level, sizeof(level), "%.*s", (int)(length - (size_t)(space + 1 - item)),
                       space + 1);
        if (!language_level_of(level, &language->level))
            assert(false); /* both are of one type */
        if (terms_add_bytes(&pool->terms, item, (size_t)(space - item), &language->term) != 0)
            return MATCH_TOO_MANY;
    }
    qsort(languages, person->language_count, sizeof(*languages), compare_languages);
    person->languages = languages;
    return 0;
}

static int read_person(struct match_pool *pool, const struct db_rows *rows, size_t row,
                       uint32_t capacity, struct match_person *ret_person)
{
    const char *formats = db_rows_text(rows, row, PERSON_FORMATS);
    const uint32_t own = (uint32_t)read_number(db_rows_text(rows, row, PERSON_CAPACITY));
    struct match_person found = {
        .id = arena_copy(pool->arena, db_rows_text(rows, row, PERSON_ID)),
        .audit_id = arena_copy(pool->arena, db_rows_text(rows, row, PERSON_AUDIT_ID)),
        .person = {
            .times = (uint32_t)read_number(db_rows_text(rows, row, PERSON_TIMES)),
            .formats = (has_word(formats, "in_person") ? FORMAT_IN_PERSON : 0U) |
                       (has_word(formats, "remote") ? FORMAT_REMOTE : 0U),
            .age_most = age_oldest(db_rows_text(rows, row, PERSON_AGE_BAND)),
            .has_area = db_rows_text(rows, row, PERSON_LATITUDE) != NULL,
            .latitude_e6 = read_number(db_rows_text(rows, row, PERSON_LATITUDE)),
            .longitude_e6 = read_number(db_rows_text(rows, row, PERSON_LONGITUDE)),
            .capacity = own < capacity ? own : capacity,
        }};
    int r = found.id == NULL || found.audit_id == NULL ||
                    terms_add(&pool->terms, db_rows_text(rows, row, PERSON_SUBJECT),
                              &found.subject) != 0
                ? MATCH_TOO_MANY
                : 0;

    if (r == 0)
        r = read_sectors(pool, db_rows_text(rows, row, PERSON_SECTORS), &found.person);
    if (r == 0)
        r = read_terms(pool, db_rows_text(rows, row, PERSON_SKILLS), &found.person.skills);
    if (r == 0)
        r = read_terms(pool, db_rows_text(rows, row, PERSON_GOALS), &found.person.goals);
    if (r == 0)
        r = read_languages(pool, db_rows_text(rows, row, PERSON_LANGUAGES), &found.person);
    *ret_person = found;
    return r;
}

static int load_persons(struct db *db, const struct db_query *query, const char *const *values,
                        uint32_t capacity, struct match_pool *pool,
                        struct match_person **ret_persons, uint32_t *ret_count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct match_person *persons;
    size_t count;
    int r = db_run(db, query, values, &rows);

    if (r != 0)
        return r;
    count = db_rows_count(rows);
    if (count > pool->people_max)
        return MATCH_TOO_MANY;
    digest_rows(&pool->digest, rows, PERSON_COLUMNS);
    persons = arena_alloc_array(pool->arena, count + 1, sizeof(*persons));
    if (persons == NULL)
        return MATCH_TOO_MANY;
    for (size_t i = 0; i < count && r == 0; i++)
        r = read_person(pool, rows, i, capacity, &persons[i]);
    *ret_persons = persons;
    *ret_count = (uint32_t)count;
    return r;
}

/* --- pairs that are there -----------------------------------------------------------------------
 */

static int compare_person(const void *id, const void *person)
{
    return strcmp(id, ((const struct match_person *)person)->id);
}

/* Ids are lower-case hexadecimal: their order as texts is that of the database. */
static struct match_person *find(struct match_person *persons, uint32_t count, const char *id)
{
    return bsearch(id, persons, count, sizeof(*persons), compare_person);
}

static int compare_barred(const void *one, const void *other)
{
    const struct match_barred *a = one;
    const struct match_barred *b = other;

    if (a->mentee != b->mentee)
        return a->mentee < b->mentee ? -1 : 1;
    return (a->mentor > b->mentor) - (a->mentor < b->mentor);
}

static void append_item(struct text *text, const char *item)
{
    text_append_char(text, text->length == 0 ? '{' : ',');
    text_append(text, item);
}

static int find_pairs(struct db *db, const struct match_pool *pool, struct db_rows **ret_rows)
{
    struct text mentees;
    int r;

    text_init(&mentees, LISTS_BYTES_MAX);
    for (uint32_t i = 0; i < pool->mentee_count; i++)
        append_item(&mentees, pool->mentees[i].id);
    text_append(&mentees, mentees.length == 0 ? "{}" : "}");
    r = text_failed(&mentees)
            ? fault_raise(-ENOMEM)
            : db_run(db, &PAIRS, (const char *const[]){pool->programme_id, mentees.bytes},
                     ret_rows);
    text_deinit(&mentees);
    return r;
}

static int load_pairs(struct db *db, struct match_pool *pool)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = find_pairs(db, pool, &rows);

    if (r != 0)
        return r;
    digest_rows(&pool->digest, rows, PAIR_COLUMNS);
    pool->barred = arena_alloc_array(pool->arena, db_rows_count(rows) + 1, sizeof(*pool->barred));
    if (pool->barred == NULL)
        return MATCH_TOO_MANY;
    for (size_t row = 0; row < db_rows_count(rows); row++) {
        const bool is_open = strcmp(db_rows_text(rows, row, PAIR_OPEN), "t") == 0;
        struct match_person *mentor =
            find(pool->mentors, pool->mentor_count, db_rows_text(rows, row, PAIR_MENTOR));
        struct match_person *mentee =
            find(pool->mentees, pool->mentee_count, db_rows_text(rows, row, PAIR_MENTEE));

        if (is_open && mentor != NULL)
            mentor->person.load++;
        if (is_open && mentee != NULL)
            mentee->has_pair = true;
        if (!is_open && mentor != NULL && mentee != NULL)
            pool->barred[pool->barred_count++] =
                (struct match_barred){.mentee = (uint32_t)(mentee - pool->mentees),
                                      .mentor = (uint32_t)(mentor - pool->mentors)};
    }
    qsort(pool->barred, pool->barred_count, sizeof(*pool->barred), compare_barred);
    return 0;
}

int match_load(struct db *db, struct arena *arena, const struct match_selection *selection,
               struct match_pool *ret_pool)
{
    struct match_pool pool = {.arena = arena,
                              .people_max =
                                  selection->mentee != NULL ? CANDIDATES_MAX : COHORT_PERSONS_MAX};
    char limit[NUMBER_BYTES];
    uint32_t capacity = 0;
    int r = terms_init(&pool.terms, arena) == 0 ? 0 : MATCH_TOO_MANY;

    (void)snprintf(limit, sizeof(limit), "%u", pool.people_max + 1);
    digest_init(&pool.digest);
    if (r == 0)
        r = load_programme(db, selection, &pool, &capacity);
    if (r == 0)
        r = load_persons(db, &MENTORS, (const char *const[]){pool.programme_id, limit}, capacity,
                         &pool, &pool.mentors, &pool.mentor_count);
    if (r == 0 && selection->mentee != NULL)
        r = load_persons(db, &MENTEE,
                         (const char *const[]){pool.programme_id, limit, selection->mentee}, 0,
                         &pool, &pool.mentees, &pool.mentee_count);
    else if (r == 0)
        r = load_persons(
            db, &MENTEES,
            (const char *const[]){pool.programme_id, limit, selection->intake, selection->mentees},
            0, &pool, &pool.mentees, &pool.mentee_count);
    if (r == 0 && ((selection->mentee != NULL && pool.mentee_count == 0) ||
                   (selection->mentees != NULL && pool.mentee_count < selection->mentee_count)))
        r = MATCH_UNKNOWN_MENTEE;
    if (r == 0)
        r = load_pairs(db, &pool);
    *ret_pool = pool;
    return r;
}

const char *match_basis(const struct match_pool *pool, enum assignment_objective objective,
                        char ret_text[DIGEST_TEXT_BYTES])
{
    struct digest digest = pool->digest;

    digest_bytes(&digest, pool->rules.weights, sizeof(pool->rules.weights));
    digest_text(&digest, objective == ASSIGNMENT_MOST_PAIRS ? "most_pairs" : "best_total");
    return digest_finish(&digest, ret_text);
}

/* --- judging ---------------------------------------------------------------------------------- */

void match_judge(const struct match_pool *pool, uint32_t mentor, uint32_t mentee,
                 struct compatibility *ret_judged)
{
    const struct match_person *one = &pool->mentors[mentor];
    const struct match_person *other = &pool->mentees[mentee];
    const struct match_barred key = {.mentee = mentee, .mentor = mentor};
    unsigned barred = 0;

    if (other->has_pair)
        barred |= 1U << CRITERION_PAIRED;
    if (one->subject == other->subject)
        barred |= 1U << CRITERION_SELF;
    if (pool->barred_count > 0 &&
        bsearch(&key, pool->barred, pool->barred_count, sizeof(key), compare_barred) != NULL)
        barred |= 1U << CRITERION_EARLIER;
    compatibility_judge(&pool->rules, &one->person, &other->person, barred, ret_judged);
}

static int compare_candidates(const void *one, const void *other)
{
    const struct match_candidate *a = one;
    const struct match_candidate *b = other;

    if ((a->judged.failed == 0) != (b->judged.failed == 0))
        return a->judged.failed == 0 ? -1 : 1;
    if (a->judged.score != b->judged.score)
        return a->judged.score > b->judged.score ? -1 : 1;
    return (a->mentor > b->mentor) - (a->mentor < b->mentor); /* in the order of their ids */
}

int match_rank(const struct match_pool *pool, uint32_t mentee,
               struct match_candidate **ret_candidates)
{
    struct match_candidate *candidates =
        arena_alloc_array(pool->arena, (size_t)pool->mentor_count + 1, sizeof(*candidates));

    if (candidates == NULL)
        return MATCH_TOO_MANY;
    for (uint32_t i = 0; i < pool->mentor_count; i++) {
        candidates[i].mentor = i;
        match_judge(pool, i, mentee, &candidates[i].judged);
    }
    qsort(candidates, pool->mentor_count, sizeof(*candidates), compare_candidates);
    *ret_candidates = candidates;
    return 0;
}

/* --- everybody at once ------------------------------------------------------------------------ */

static struct assignment_id id_bytes(const char *text)
{
    struct assignment_id id = {{0}};
    size_t half = 0;

    for (; *text != '\0'; text++) {
        const int digit = *text <= '9' ? *text - '0' : *text - 'a' + 10;

        if (*text == '-')
            continue;
        assert(half / 2 < sizeof(id.bytes));
        id.bytes[half / 2] = (unsigned char)(id.bytes[half / 2] << 4 | digit);
        half++;
    }
    return id;
}

static int prepare(struct match_cohort *cohort)
{
    const struct match_pool *pool = cohort->pool;
    const size_t mentees = pool->mentee_count;
    const size_t mentors = pool->mentor_count;

    cohort->scores = calloc(mentees * mentors + 1, sizeof(*cohort->scores));
    cohort->mentee_ids = calloc(mentees + 1, sizeof(*cohort->mentee_ids));
    cohort->mentor_ids = calloc(mentors + 1, sizeof(*cohort->mentor_ids));
    cohort->places = calloc(mentors + 1, sizeof(*cohort->places));
    if (cohort->scores == NULL || cohort->mentee_ids == NULL || cohort->mentor_ids == NULL ||
        cohort->places == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < mentees; i++)
        cohort->mentee_ids[i] = id_bytes(pool->mentees[i].id);
    for (size_t i = 0; i < mentors; i++) {
        const struct person *mentor = &pool->mentors[i].person;

        cohort->mentor_ids[i] = id_bytes(pool->mentors[i].id);
        cohort->places[i] = mentor->load < mentor->capacity ? mentor->capacity - mentor->load : 0;
    }
    return 0;
}

static void judge_all(struct match_cohort *cohort)
{
    const struct match_pool *pool = cohort->pool;
    int32_t *score = cohort->scores;

    for (uint32_t mentee = 0; mentee < pool->mentee_count; mentee++) {
        for (uint32_t mentor = 0; mentor < pool->mentor_count; mentor++) {
            struct compatibility judged;

            match_judge(pool, mentor, mentee, &judged);
            *score++ = judged.failed == 0 ? judged.score : ASSIGNMENT_FORBIDDEN;
        }
    }
}

int match_cohort_solve(const struct match_pool *pool, enum assignment_objective objective,
                       struct match_cohort *ret_cohort)
{
    struct match_cohort *cohort = ret_cohort;
    int r;

    *cohort = (struct match_cohort){.pool = pool};
    if ((uint64_t)pool->mentee_count * pool->mentor_count > COHORT_PAIRS_MAX)
        return MATCH_TOO_MANY;
    r = prepare(cohort);
    if (r == 0) {
        judge_all(cohort);
        cohort->task = (struct assignment_task){.row_count = pool->mentee_count,
                                                .column_count = pool->mentor_count,
                                                .row_ids = cohort->mentee_ids,
                                                .column_ids = cohort->mentor_ids,
                                                .places = cohort->places,
                                                .scores = cohort->scores,
                                                .objective = objective};
        r = assignment_solve(&cohort->task, &cohort->assignment);
        r = r == ASSIGNMENT_TOO_LARGE ? MATCH_TOO_MANY : r;
    }
    if (r != 0)
        match_cohort_deinit(cohort);
    return r;
}

void match_cohort_deinit(struct match_cohort *cohort)
{
    assignment_deinit(&cohort->assignment);
    free(cohort->scores);
    free(cohort->mentee_ids);
    free(cohort->mentor_ids);
    free(cohort->places);
    *cohort = (struct match_cohort){0};
}

/* --- proposing ----------------------------------------------------------------------------------
 */

/* Arrays of PostgreSQL, one item for each pair of a batch. */
struct columns {
    struct text ids, mentees, mentors, scores, versions;
};
#define COLUMNS(columns)                                                                           \
    {                                                                                              \
        &(columns).ids, &(columns).mentees, &(columns).mentors, &(columns).scores,                 \
            &(columns).versions                                                                    \
    }

static void append_pair(const struct match_cohort *cohort, uint32_t mentee, uint32_t mentor,
                        struct columns *columns)
{
    const struct match_pool *pool = cohort->pool;
    char id[UUID_TEXT_BYTES];
    char score[NUMBER_BYTES];

    uuid_make_v4(id);
    (void)snprintf(score, sizeof(score), "%d",
                   cohort->scores[(size_t)mentee * pool->mentor_count + mentor] / 1000);
    append_item(&columns->ids, id);
    append_item(&columns->mentees, pool->mentees[mentee].id);
    append_item(&columns->mentors, pool->mentors[mentor].id);
    append_item(&columns->scores, score);
    append_item(&columns->versions, "1");
}

/* The next pairs from mentee *@at on; false when there are none. */
static bool fill_columns(const struct match_cohort *cohort, uint32_t *at, struct columns *columns)
{
    struct text *all[] = COLUMNS(*columns);
    uint32_t count = 0;

    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        text_clear(all[i]);
    for (; *at < cohort->pool->mentee_count && count < BATCH_PAIRS; (*at)++)
        if (cohort->assignment.columns[*at] != ASSIGNMENT_NONE) {
            append_pair(cohort, *at, cohort->assignment.columns[*at], columns);
            count++;
        }
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        text_append_char(all[i], '}');
    return count > 0;
}

/* All who are to be in a pair, at once: locks are taken in the order of ids. */
static int lock_people(struct db *db, const struct match_cohort *cohort)
{
    const struct match_pool *pool = cohort->pool;
    struct text people;
    int r;

    text_init(&people, LISTS_BYTES_MAX);
    for (uint32_t i = 0; i < pool->mentee_count; i++)
        if (cohort->assignment.columns[i] != ASSIGNMENT_NONE) {
            append_item(&people, pool->mentees[i].id);
            append_item(&people, pool->mentors[cohort->assignment.columns[i]].id);
        }
    text_append(&people, people.length == 0 ? "{}" : "}");
    r = text_failed(&people)
            ? fault_raise(-ENOMEM)
            : db_run(db, &LOCK, (const char *const[]){pool->programme_id, people.bytes}, NULL);
    text_deinit(&people);
    return r;
}

static int compare_with_now(struct db *db, const struct match_cohort *cohort,
                            const struct match_selection *selection)
{
    char then_text[DIGEST_TEXT_BYTES];
    char now_text[DIGEST_TEXT_BYTES];
    struct match_pool now;
    struct arena arena;
    int r;

    arena_init(&arena, MATCH_ARENA_BYTES_MAX);
    r = match_load(db, &arena, selection, &now);
    if (r == 0) {
        now.rules = cohort->pool->rules; /* those of the programme are in the digest */
        if (strcmp(match_basis(cohort->pool, cohort->task.objective, then_text),
                   match_basis(&now, cohort->task.objective, now_text)) != 0)
            r = MATCH_CHANGED;
    }
    arena_deinit(&arena);
    return r == MATCH_UNKNOWN_MENTEE ? MATCH_CHANGED : r;
}

static int propose(struct db *db, const struct match_cohort *cohort, const char *cohort_id,
                   const struct columns *columns)
{
    const struct match_pool *pool = cohort->pool;
    int r;

    if (text_failed(&columns->ids) || text_failed(&columns->mentees) ||
        text_failed(&columns->mentors) || text_failed(&columns->scores) ||
        text_failed(&columns->versions))
        return fault_raise(-ENOMEM);
    r = db_run(db, &PROPOSE,
               (const char *const[]){pool->programme_id, columns->ids.bytes, columns->mentees.bytes,
                                     columns->mentors.bytes, columns->scores.bytes, cohort_id,
                                     pool->response_days},
               NULL);
    if (r == DB_CHECK_VIOLATION)
        return MATCH_CHANGED; /* the database knows something that was not read */
    if (r == 0)
        r = db_run(db, &NOTE_PROPOSED, (const char *const[]){columns->ids.bytes}, NULL);
    return r == 0 ? audit_append_all(db, "pair.propose", "mentoring-pairs", columns->ids.bytes,
                                     columns->versions.bytes)
                  : r;
}

int match_propose(struct db *db, const struct match_cohort *cohort,
                  const struct match_selection *selection, const char *cohort_id)
{
    struct columns columns;
    struct text *all[] = COLUMNS(columns);
    uint32_t at = 0;
    int r = lock_people(db, cohort);

    if (r == 0)
        r = compare_with_now(db, cohort, selection);
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        text_init(all[i], BATCH_PAIRS * UUID_TEXT_BYTES + 2);
    while (r == 0 && fill_columns(cohort, &at, &columns))
        r = propose(db, cohort, cohort_id, &columns);
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        text_deinit(all[i]);
    return r;
}

int match_note_shown(struct db *db, const char *audit_ids)
{
    return audit_append_all(db, "mentor.match", "mentors", audit_ids, NULL);
}

static int note_people(struct db *db, const char *action, const char *resource,
                       const struct match_person *people, uint32_t count)
{
    struct text ids;
    int r;

    text_init(&ids, LISTS_BYTES_MAX);
    for (uint32_t i = 0; i < count; i++)
        append_item(&ids, people[i].audit_id);
    text_append(&ids, count == 0 ? "{}" : "}");
    r = text_failed(&ids) ? fault_raise(-ENOMEM)
                          : audit_append_all(db, action, resource, ids.bytes, NULL);
    text_deinit(&ids);
    return r;
}

int match_note_pool(struct db *db, const struct match_pool *pool)
{
    int r = note_people(db, "mentee.match", "mentees", pool->mentees, pool->mentee_count);

    return r == 0 ? note_people(db, "mentor.match", "mentors", pool->mentors, pool->mentor_count)
                  : r;
}

int match_proposals(struct db *db, struct arena *arena, const char *cohort_id,
                    struct match_proposal **ret_proposals, size_t *ret_count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct match_proposal *proposals;
    int r = db_run(db, &PROPOSALS, (const char *const[]){cohort_id}, &rows);

    if (r != 0)
        return r;
    *ret_count = db_rows_count(rows);
    proposals = arena_alloc_array(arena, *ret_count + 1, sizeof(*proposals));
    if (proposals == NULL)
        return fault_raise(-ENOMEM);
    for (size_t row = 0; row < *ret_count; row++)
        proposals[row] = (struct match_proposal){
            .id = arena_copy(arena, db_rows_text(rows, row, 0)),
            .mentee_id = arena_copy(arena, db_rows_text(rows, row, 1)),
            .mentor_id = arena_copy(arena, db_rows_text(rows, row, 2)),
            .state = arena_copy(arena, db_rows_text(rows, row, 3)),
            .score = arena_copy(arena, db_rows_text(rows, row, 4)),
            .respond_by = arena_copy(arena, db_rows_text(rows, row, 5)),
        };
    *ret_proposals = proposals;
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

int match_note_proposals(struct db *db, const char *action, const struct match_proposal *proposals,
                         size_t count)
{
    struct text ids;
    int r;

    text_init(&ids, LISTS_BYTES_MAX);
    for (size_t i = 0; i < count; i++)
        append_item(&ids, proposals[i].id);
    text_append(&ids, count == 0 ? "{}" : "}");
    r = text_failed(&ids) ? fault_raise(-ENOMEM)
                          : audit_append_all(db, action, "mentoring-pairs", ids.bytes, NULL);
    text_deinit(&ids);
    return r;
}
