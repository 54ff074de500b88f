/*
 * A list asks for its people by what they can be found by: the programmes of
 * the coordinator, the pairs of the participant. The policies would come to
 * the same people, by looking at every row.
 */
#include "mentoring/participant_store.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/num.h"
#include "base/uuid.h"
#include "db/db.h"
#include "db/time.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES 24
#define INTAKE_PLACES "participant_intake_full"
#define INTAKE_KNOWN "participant_intake_known"
#define SUBJECT_KEY "participant_present"

enum { RULES_ID, RULES_SLUG, RULES_CAPACITY, RULES_AGE, RULES_INTAKES };
static const struct db_query RULES = {
    .name = "participant_rules",
    .sql = "select id, slug, mentor_capacity, mentor_minimum_age, intakes "
           "from mentoring.programme_rules($1::uuid, $2)",
    .param_count = 2,
};

enum {
    PERSON_ID,
    PERSON_AUDIT_ID,
    PERSON_PROGRAMME,
    PERSON_SLUG,
    PERSON_STATUS,
    PERSON_LANGUAGES,
    PERSON_SECTORS,
    PERSON_SKILLS,
    PERSON_GOALS,
    PERSON_FORMATS,
    PERSON_AVAILABILITY,
    PERSON_COUNTRY,
    PERSON_LAT,
    PERSON_LON,
    PERSON_AGE_BAND,
    PERSON_CAPACITY,
    PERSON_INTAKE,
    PERSON_VERSION,
    PERSON_CREATED,
    PERSON_UPDATED,
    PERSON_WITHDRAWN
};
#define PERSON                                                                                     \
    "select p.id, p.audit_id, p.programme_id, r.slug, p.status, "                                  \
    "(select string_agg(l.language || ' ' || l.level, ' ' order by l.level desc, l.language) "     \
    "from mentoring.participant_language l where l.participant_id = p.id), "                       \
    "array_to_string(p.sectors, ' '), array_to_string(p.skills, ' '), "                            \
    "array_to_string(p.goals, ' '), array_to_string(p.formats, ' '), p.availability, "             \
    "p.area_country, (p.area_lat * 10)::integer, (p.area_lon * 10)::integer, p.age_band, "         \
    "p.capacity, p.intake, p.version, to_char(p.created_at" DB_RFC3339                             \
    ", to_char(p.updated_at" DB_RFC3339 ", to_char(p.withdrawn_at" DB_RFC3339                      \
    " from mentoring.participant p "                                                               \
    "left join catalogue.record r on r.id = p.programme_id "
static const struct db_query GET = {
    .name = "participant_get",
    .sql = PERSON "where p.id = $1::uuid and p.kind = $2::mentoring.participant_kind",
    .param_count = 2,
};
static const struct db_query LOCK = {
    .name = "participant_lock",
    .sql = "select from mentoring.participant p where p.id = $1::uuid "
           "and p.kind = $2::mentoring.participant_kind for update",
    .param_count = 2,
};
#define FILTERS                                                                                    \
    "and p.kind = $1::mentoring.participant_kind and ($3::text is null or p.status = $3) "         \
    "and ($4::text is null or p.intake = $4) and ($5::uuid is null or p.id > $5::uuid) "           \
    "order by p.id limit $6::integer"
static const struct db_query LIST_OF_COORDINATOR = {
    .name = "participant_list_of_coordinator",
    .sql = PERSON "where p.programme_id = any (array(select o.id from catalogue.record o "
                  "where o.owner_id = (select identity.acting_organisation()) "
                  "and o.resource = 'mentoring-programmes' and o.deleted_at is null "
                  "and ($2::uuid is null or o.id = $2::uuid))) " FILTERS,
    .param_count = 6,
};
static const struct db_query LIST_OF_PARTICIPANT = {
    .name = "participant_list_of_participant",
    .sql = PERSON "where p.id = any (array("
                  "select q.id from mentoring.participant q "
                  "where q.subject = (select identity.acting_subject()) "
                  "union select x.mentor_id from mentoring.pair x "
                  "where x.mentee_subject = (select identity.acting_subject()) "
                  "union select x.mentee_id from mentoring.pair x "
                  "where x.mentor_subject = (select identity.acting_subject()))) "
                  "and ($2::uuid is null or p.programme_id = $2::uuid) " FILTERS,
    .param_count = 6,
};
#define WORDS(n) "coalesce(string_to_array(nullif($" #n ", ''), ' '), '{}')"
static const struct db_query INSERT = {
    .name = "participant_insert",
    .sql =
        "insert into mentoring.participant (id, kind, programme_id, subject, status, sectors, "
        "skills, goals, formats, availability, area_country, area_lat, area_lon, age_band, "
        "capacity, intake) values ($1::uuid, $2::mentoring.participant_kind, $3::uuid, $4, "
        "$5, " WORDS(6) ", " WORDS(7) ", " WORDS(8) ", " WORDS(
            9) ", $10::integer, $11, "
               "$12::integer / 10.0, $13::integer / 10.0, $14::mentoring.age_band, $15::integer, "
               "$16)",
    .param_count = 16,
};
static const struct db_query UPDATE = {
    .name = "participant_update",
    .sql =
        "update mentoring.participant set version = version + 1, "
        "updated_at = date_trunc('milliseconds', now()), active_at = now(), status = $2, "
        "sectors = " WORDS(3) ", skills = " WORDS(4) ", goals = " WORDS(
            5) ", "
               "formats = " WORDS(
                   6) ", availability = $7::integer, area_country = $8, "
                      "area_lat = $9::integer / 10.0, area_lon = $10::integer / 10.0, "
                      "age_band = $11::mentoring.age_band, capacity = $12::integer, intake = $13 "
                      "where id = $1::uuid",
    .param_count = 13,
};
static const struct db_query TOUCH = {
    .name = "participant_touch",
    .sql = "update mentoring.participant set active_at = now() where id = $1::uuid",
    .param_count = 1,
};
static const struct db_query FORGET_LANGUAGES = {
    .name = "participant_forget_languages",
    .sql = "delete from mentoring.participant_language where participant_id = $1::uuid",
    .param_count = 1,
};
static const struct db_query ADD_LANGUAGES = {
    .name = "participant_add_languages",
    .sql = "insert into mentoring.participant_language (participant_id, language, level) "
           "select $1::uuid, t.language, t.level::mentoring.language_level "
           "from unnest(string_to_array($2, ' '), string_to_array($3, ' ')) t (language, level)",
    .param_count = 3,
};

enum { CONTACT_CHANNEL, CONTACT_ADDRESS, CONTACT_UPDATED };
static const struct db_query CONTACT = {
    .name = "participant_contact",
    .sql =
        "select c.channel, c.address, to_char(c.updated_at" DB_RFC3339 " from mentoring.contact c "
        "where c.participant_id = $1::uuid",
    .param_count = 1,
};
static const struct db_query SET_CONTACT = {
    .name = "participant_set_contact",
    .sql = "insert into mentoring.contact (participant_id, channel, address) "
           "values ($1::uuid, $2, $3) on conflict (participant_id) do update "
           "set channel = excluded.channel, address = excluded.address, updated_at = now()",
    .param_count = 3,
};
static const struct db_query REMOVE_CONTACT = {
    .name = "participant_remove_contact",
    .sql = "delete from mentoring.contact where participant_id = $1::uuid",
    .param_count = 1,
};

/* When one begins and ends, a trigger says. */
enum { CONSENT_PURPOSE, CONSENT_VERSION, CONSENT_GIVEN, CONSENT_WITHDRAWN, CONSENT_REPLACED };
#define CONSENT                                                                                    \
    "purpose, version, to_char(given_at" DB_RFC3339 ", to_char(withdrawn_at" DB_RFC3339            \
    ", replaced "
static const struct db_query CONSENTS = {
    .name = "participant_consents",
    .sql = "select " CONSENT "from mentoring.consent where participant_id = $1::uuid "
           "order by given_at desc, purpose",
    .param_count = 1,
};
static const struct db_query LAST_CONSENT = {
    .name = "participant_last_consent",
    .sql = "select " CONSENT "from mentoring.consent where participant_id = $1::uuid "
           "and purpose = $2 order by given_at desc limit 1",
    .param_count = 2,
};
static const struct db_query REPLACE_CONSENT = {
    .name = "participant_replace_consent",
    .sql = "update mentoring.consent set withdrawn_at = now(), replaced = true "
           "where participant_id = $1::uuid and purpose = $2 and withdrawn_at is null "
           "and version <> $3",
    .param_count = 3,
};
static const struct db_query GIVE = {
    .name = "participant_give",
    .sql = "insert into mentoring.consent (participant_id, purpose, version, given_at) "
           "select $1::uuid, $2, $3, now() where not exists (select from mentoring.consent c "
           "where c.participant_id = $1::uuid and c.purpose = $2 and c.withdrawn_at is null)",
    .param_count = 3,
};
static const struct db_query WITHDRAW = {
    .name = "participant_withdraw",
    .sql = "update mentoring.consent set withdrawn_at = now() where participant_id = $1::uuid "
           "and purpose = $2 and withdrawn_at is null returning " CONSENT,
    .param_count = 2,
};

static const struct db_query EVERYTHING = {
    .name = "participant_everything",
    .sql = "select mentoring.subject_access($1::uuid, $2::mentoring.participant_kind)",
    .param_count = 2,
};

/* --- rules ---------------------------------------------------------------------------------- */

static unsigned number_of(const char *text)
{
    uint32_t number = 0;

    /* The schema keeps it in its range. */
    return text != NULL && num_parse_u32(text, 0, UINT32_MAX, &number) ? number : 0;
}

int participant_store_rules(struct db *db, struct arena *arena, const char *programme,
                            struct participant_rules *ret_rules, json_t **ret_intakes)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct participant_rules rules = {.programme_slug = NULL};
    int r = db_run(db, &RULES,
                   (const char *const[]){uuid_is_valid(programme) ? programme : NULL, programme},
                   &rows);

    if (r != 0)
        return r;
    if (db_rows_count(rows) == 0)
        return PARTICIPANT_NOT_FOUND;
    uuid_make_lower(db_rows_text(rows, 0, RULES_ID), rules.programme_id);
    rules.programme_slug = arena_copy(arena, db_rows_text(rows, 0, RULES_SLUG));
    rules.mentor_capacity = number_of(db_rows_text(rows, 0, RULES_CAPACITY));
    rules.mentor_minimum_age = number_of(db_rows_text(rows, 0, RULES_AGE));
    rules.intakes = json_loads(db_rows_text(rows, 0, RULES_INTAKES), 0, NULL);
    if (rules.intakes == NULL || rules.programme_slug == NULL) {
        json_decref(rules.intakes);
        return fault_raise(-ENOMEM);
    }
    *ret_rules = rules;
    *ret_intakes = rules.intakes;
    return 0;
}

/* --- people --------------------------------------------------------------------------------- */

/* "fr native ar B2" */
static void read_languages(const char *words, struct arena *arena, struct participant *participant)
{
    while (words != NULL && *words != '\0' &&
           participant->language_count < PARTICIPANT_LANGUAGES_MAX) {
        const size_t language = strcspn(words, " "), level = strcspn(words + language + 1, " ");

        participant->languages[participant->language_count++] =
            (struct participant_language){arena_copy_bytes(arena, words, language),
                                          arena_copy_bytes(arena, words + language + 1, level)};
        words += language + 1 + level;
        words += strspn(words, " ");
    }
}

static int tenths_of(const char *text)
{
    int64_t tenths = 0;

    return text != NULL && num_parse_i64(text, -1800, 1800, &tenths) ? (int)tenths : 0;
}

static void read_person(const struct db_rows *rows, size_t row, enum participant_kind kind,
                        struct arena *arena, struct participant *ret)
{
    const char *lat = db_rows_text(rows, row, PERSON_LAT);

    *ret = (struct participant){
        .kind = kind,
        .id = arena_copy(arena, db_rows_text(rows, row, PERSON_ID)),
        .audit_id = arena_copy(arena, db_rows_text(rows, row, PERSON_AUDIT_ID)),
        .programme_id = arena_copy(arena, db_rows_text(rows, row, PERSON_PROGRAMME)),
        .programme_slug = arena_copy(arena, db_rows_text(rows, row, PERSON_SLUG)),
        .status = arena_copy(arena, db_rows_text(rows, row, PERSON_STATUS)),
        .sectors = arena_copy(arena, db_rows_text(rows, row, PERSON_SECTORS)),
        .skills = arena_copy(arena, db_rows_text(rows, row, PERSON_SKILLS)),
        .goals = arena_copy(arena, db_rows_text(rows, row, PERSON_GOALS)),
        .formats = arena_copy(arena, db_rows_text(rows, row, PERSON_FORMATS)),
        .availability = number_of(db_rows_text(rows, row, PERSON_AVAILABILITY)),
        .area_country = arena_copy(arena, db_rows_text(rows, row, PERSON_COUNTRY)),
        .has_place = lat != NULL,
        .lat_tenths = tenths_of(lat),
        .lon_tenths = tenths_of(db_rows_text(rows, row, PERSON_LON)),
        .age_band = arena_copy(arena, db_rows_text(rows, row, PERSON_AGE_BAND)),
        .capacity = number_of(db_rows_text(rows, row, PERSON_CAPACITY)),
        .intake = arena_copy(arena, db_rows_text(rows, row, PERSON_INTAKE)),
        .version = (long)number_of(db_rows_text(rows, row, PERSON_VERSION)),
        .created_at = arena_copy(arena, db_rows_text(rows, row, PERSON_CREATED)),
        .updated_at = arena_copy(arena, db_rows_text(rows, row, PERSON_UPDATED)),
        .withdrawn_at = arena_copy(arena, db_rows_text(rows, row, PERSON_WITHDRAWN)),
    };
    read_languages(db_rows_text(rows, row, PERSON_LANGUAGES), arena, ret);
}

static int lock(struct db *db, const char *const values[2])
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &LOCK, values, &rows);

    if (r != 0)
        return r;
    return db_rows_count(rows) == 0 ? PARTICIPANT_NOT_YOURS : 0;
}

int participant_store_get(struct db *db, struct arena *arena, enum participant_kind kind,
                          const char *id, enum participant_hold hold,
                          struct participant *ret_participant)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *const values[2] = {id, participant_kind_name(kind)};
    int r, locked = 0;

    if (!uuid_is_valid(id))
        return PARTICIPANT_NOT_FOUND;
    if (hold == PARTICIPANT_CHANGE)
        locked = lock(db, values);
    if (locked != 0 && locked != PARTICIPANT_NOT_YOURS)
        return locked;
    r = db_run(db, &GET, values, &rows);
    if (r != 0)
        return r;
    if (db_rows_count(rows) == 0)
        return PARTICIPANT_NOT_FOUND;
    if (locked != 0)
        return locked;
    read_person(rows, 0, kind, arena, ret_participant);
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

int participant_store_list(struct db *db, struct arena *arena, enum participant_kind kind,
                           bool is_participant, const struct participant_filter *filter,
                           struct participant **ret_participants, size_t *ret_count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct participant *list;
    char limit[NUMBER_BYTES];
    int r;

    (void)snprintf(limit, sizeof(limit), "%zu", filter->limit);
    r = db_run(db, is_participant ? &LIST_OF_PARTICIPANT : &LIST_OF_COORDINATOR,
               (const char *const[]){participant_kind_name(kind), filter->programme_id,
                                     filter->status, filter->intake, filter->after, limit},
               &rows);
    if (r != 0)
        return r;
    *ret_count = db_rows_count(rows);
    list = arena_alloc_array(arena, *ret_count + 1, sizeof(*list));
    if (list == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < *ret_count; i++)
        read_person(rows, i, kind, arena, &list[i]);
    *ret_participants = list;
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

static int add_languages(struct db *db, struct arena *arena, const struct participant *participant)
{
    const char *languages = "", *levels = "";

    for (size_t i = 0; i < participant->language_count; i++) {
        const struct participant_language *language = &participant->languages[i];
        const char *space = i == 0 ? "" : " ";

        languages = arena_format(arena, "%s%s%s", languages, space, language->language);
        levels = arena_format(arena, "%s%s%s", levels, space, language->level);
        if (languages == NULL || levels == NULL)
            return fault_raise(-ENOMEM);
    }
    return db_run(db, &ADD_LANGUAGES, (const char *const[]){participant->id, languages, levels},
                  NULL);
}

int participant_store_new_id(struct arena *arena, const char **ret_id)
{
    char id[UUID_TEXT_BYTES];

    uuid_make_v4(id);
    *ret_id = arena_copy(arena, id);
    return *ret_id == NULL ? fault_raise(-ENOMEM) : 0;
}

struct numbers {
    char availability[NUMBER_BYTES], lat[NUMBER_BYTES], lon[NUMBER_BYTES], capacity[NUMBER_BYTES];
};

static void write_numbers(const struct participant *participant, struct numbers *ret)
{
    (void)snprintf(ret->availability, NUMBER_BYTES, "%u", (unsigned)participant->availability);
    (void)snprintf(ret->lat, NUMBER_BYTES, "%d", participant->lat_tenths);
    (void)snprintf(ret->lon, NUMBER_BYTES, "%d", participant->lon_tenths);
    (void)snprintf(ret->capacity, NUMBER_BYTES, "%u", participant->capacity);
}

static int outcome_of(const struct db *db, int r)
{
    if (r == DB_UNIQUE_VIOLATION && strcmp(db_constraint(db), SUBJECT_KEY) == 0)
        return PARTICIPANT_SUBJECT_TAKEN;
    if (r == DB_CHECK_VIOLATION && strcmp(db_constraint(db), INTAKE_PLACES) == 0)
        return PARTICIPANT_INTAKE_FULL;
    if (r == DB_CHECK_VIOLATION && strcmp(db_constraint(db), INTAKE_KNOWN) == 0)
        return PARTICIPANT_INTAKE_UNKNOWN;
    return r;
}

int participant_store_insert(struct db *db, struct arena *arena,
                             const struct participant *participant, const char *subject,
                             const struct participant_consent *consents, size_t consent_count)
{
    struct numbers numbers;
    int r;

    write_numbers(participant, &numbers);
    r = db_run(db, &INSERT,
               (const char *const[]){
                   participant->id, participant_kind_name(participant->kind),
                   participant->programme_id, subject, participant->status, participant->sectors,
                   participant->skills, participant->goals, participant->formats,
                   numbers.availability, participant->area_country,
                   participant->has_place ? numbers.lat : NULL,
                   participant->has_place ? numbers.lon : NULL, participant->age_band,
                   participant->capacity == 0 ? NULL : numbers.capacity, participant->intake},
               NULL);
    r = outcome_of(db, r);
    if (r == 0)
        r = add_languages(db, arena, participant);
    for (size_t i = 0; i < consent_count && r == 0; i++)
        r = db_run(db, &GIVE,
                   (const char *const[]){participant->id, consents[i].purpose, consents[i].version},
                   NULL);
    return r;
}

int participant_store_update(struct db *db, struct arena *arena,
                             const struct participant *participant)
{
    struct numbers numbers;
    int r;

    write_numbers(participant, &numbers);
    r = db_run(db, &UPDATE,
               (const char *const[]){
                   participant->id, participant->status, participant->sectors, participant->skills,
                   participant->goals, participant->formats, numbers.availability,
                   participant->area_country, participant->has_place ? numbers.lat : NULL,
                   participant->has_place ? numbers.lon : NULL, participant->age_band,
                   participant->capacity == 0 ? NULL : numbers.capacity, participant->intake},
               NULL);
    r = outcome_of(db, r);
    if (r == 0)
        r = db_run(db, &FORGET_LANGUAGES, (const char *const[]){participant->id}, NULL);
    return r == 0 ? add_languages(db, arena, participant) : r;
}

/* --- contact -------------------------------------------------------------------------------- */

static int touch(struct db *db, const char *id)
{
    return db_run(db, &TOUCH, (const char *const[]){id}, NULL);
}

int participant_store_contact(struct db *db, struct arena *arena, const char *id,
                              struct participant_contact *ret_contact)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &CONTACT, (const char *const[]){id}, &rows);

    if (r != 0)
        return r;
    if (db_rows_count(rows) == 0)
        return PARTICIPANT_NOT_FOUND;
    *ret_contact = (struct participant_contact){
        .channel = arena_copy(arena, db_rows_text(rows, 0, CONTACT_CHANNEL)),
        .address = arena_copy(arena, db_rows_text(rows, 0, CONTACT_ADDRESS)),
        .updated_at = arena_copy(arena, db_rows_text(rows, 0, CONTACT_UPDATED)),
    };
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

int participant_store_set_contact(struct db *db, struct arena *arena, const char *id,
                                  const char *channel, const char *address,
                                  struct participant_contact *ret_contact)
{
    int r = db_run(db, &SET_CONTACT, (const char *const[]){id, channel, address}, NULL);

    if (r == 0)
        r = touch(db, id);
    return r == 0 ? participant_store_contact(db, arena, id, ret_contact) : r;
}

int participant_store_remove_contact(struct db *db, const char *id)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &REMOVE_CONTACT, (const char *const[]){id}, &rows);

    if (r != 0)
        return r;
    return db_rows_affected(rows) == 0 ? PARTICIPANT_NOT_FOUND : touch(db, id);
}

/* --- consent -------------------------------------------------------------------------------- */

static void read_consent(const struct db_rows *rows, size_t row, struct arena *arena,
                         struct participant_consent *ret)
{
    *ret = (struct participant_consent){
        .purpose = arena_copy(arena, db_rows_text(rows, row, CONSENT_PURPOSE)),
        .version = arena_copy(arena, db_rows_text(rows, row, CONSENT_VERSION)),
        .given_at = arena_copy(arena, db_rows_text(rows, row, CONSENT_GIVEN)),
        .withdrawn_at = arena_copy(arena, db_rows_text(rows, row, CONSENT_WITHDRAWN)),
        .is_replaced = strcmp(db_rows_text(rows, row, CONSENT_REPLACED), "t") == 0,
    };
}

int participant_store_consents(struct db *db, struct arena *arena, const char *id,
                               struct participant_consent **ret_consents, size_t *ret_count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct participant_consent *list;
    int r = db_run(db, &CONSENTS, (const char *const[]){id}, &rows);

    if (r != 0)
        return r;
    *ret_count = db_rows_count(rows);
    list = arena_alloc_array(arena, *ret_count + 1, sizeof(*list));
    for (size_t i = 0; i < *ret_count && list != NULL; i++)
        read_consent(rows, i, arena, &list[i]);
    *ret_consents = list;
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

/* The row of one consent, of a query with id and purpose. */
static int one_consent(struct db *db, struct arena *arena, const struct db_query *query,
                       const char *id, const char *purpose, struct participant_consent *ret_consent)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, query, (const char *const[]){id, purpose}, &rows);

    if (r != 0)
        return r;
    if (db_rows_count(rows) == 0)
        return PARTICIPANT_NOT_FOUND;
    read_consent(rows, 0, arena, ret_consent);
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

int participant_store_last_consent(struct db *db, struct arena *arena, const char *id,
                                   const char *purpose, struct participant_consent *ret_consent)
{
    return one_consent(db, arena, &LAST_CONSENT, id, purpose, ret_consent);
}

int participant_store_give(struct db *db, struct arena *arena, const char *id, const char *purpose,
                           const char *version, struct participant_consent *ret_consent)
{
    const char *const values[] = {id, purpose, version};
    int r = db_run(db, &REPLACE_CONSENT, values, NULL);

    if (r == 0)
        r = db_run(db, &GIVE, values, NULL);
    if (r == 0)
        r = touch(db, id);
    return r == 0 ? one_consent(db, arena, &LAST_CONSENT, id, purpose, ret_consent) : r;
}

int participant_store_withdraw(struct db *db, struct arena *arena, const char *id,
                               const char *purpose, struct participant_consent *ret_consent)
{
    /* Before: afterwards the person may be out of the caller's sight. */
    int r = touch(db, id);

    if (r == 0)
        r = one_consent(db, arena, &WITHDRAW, id, purpose, ret_consent);
    return r == PARTICIPANT_NOT_FOUND
               ? one_consent(db, arena, &LAST_CONSENT, id, purpose, ret_consent)
               : r;
}

/* --- everything ----------------------------------------------------------------------------- */

int participant_store_everything(struct db *db, struct arena *arena, enum participant_kind kind,
                                 const char *id, const char **ret_document)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &EVERYTHING, (const char *const[]){id, participant_kind_name(kind)}, &rows);

    if (r != 0)
        return r;
    if (db_rows_text(rows, 0, 0) == NULL)
        return PARTICIPANT_NOT_FOUND;
    *ret_document = arena_copy(arena, db_rows_text(rows, 0, 0));
    return *ret_document == NULL ? fault_raise(-ENOMEM) : 0;
}
