/*
 * A list follows the indexes from the newest row down, programme by programme
 * and state by state for a coordinator: the policies alone would look at every
 * pair there is, and a filter at every one that is over.
 */
#include "mentoring/pair_store.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/num.h"
#include "base/uuid.h"
#include "db/db.h"
#include "db/time.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_BYTES 24
#define LAST_ID "ffffffff-ffff-ffff-ffff-ffffffffffff"
#define STATES_OPEN "('proposed', 'accepted', 'active', 'paused')"
/* A reason is between who gave it and the coordinator. */
#define ACTS_AS_COORDINATOR "(select identity.acting_role()) = 'coordinator'"
#define CALLER_SIDE                                                                                \
    "case (select identity.acting_subject()) when p.mentor_subject then 'mentor' "                 \
    "when p.mentee_subject then 'mentee' end"
#define REASON                                                                                     \
    "case when " ACTS_AS_COORDINATOR " then p.reason else (select m.reason "                       \
    "from mentoring.pair_move m where m.pair_id = p.id and m.version = p.version "                 \
    "and m.side = " CALLER_SIDE ") end"
#define COLUMNS                                                                                    \
    "p.id, p.programme_id, r.slug, g.title, p.state, p.version, "                                  \
    "case when " ACTS_AS_COORDINATOR " then p.score end, mentor.id, mentee.id, "                   \
    "to_char(p.proposed_at" DB_RFC3339 ", to_char(p.respond_by" DB_RFC3339                         \
    ", to_char(p.mentor_accepted_at" DB_RFC3339 ", to_char(p.mentee_accepted_at" DB_RFC3339        \
    ", to_char(p.accepted_at" DB_RFC3339 ", to_char(p.started_at" DB_RFC3339                       \
    ", to_char(p.due_at" DB_RFC3339 ", to_char(p.paused_at" DB_RFC3339                             \
    ", to_char(p.ended_at" DB_RFC3339 ", " REASON ", to_char(p.updated_at" DB_RFC3339              \
    ", case when " ACTS_AS_COORDINATOR " then 'coordinator' else " CALLER_SIDE " end"
#define BESIDE                                                                                     \
    " left join catalogue.record r on r.id = p.programme_id "                                      \
    "left join catalogue.mentoring_programmes g on g.id = p.programme_id "                         \
    "left join mentoring.participant mentor on mentor.id = p.mentor_id "                           \
    "left join mentoring.participant mentee on mentee.id = p.mentee_id "
enum {
    PAIR_ID,
    PAIR_PROGRAMME,
    PAIR_PROGRAMME_SLUG,
    PAIR_PROGRAMME_TITLE,
    PAIR_STATE,
    PAIR_VERSION,
    PAIR_SCORE,
    PAIR_MENTOR_ID,
    PAIR_MENTEE_ID,
    PAIR_PROPOSED_AT,
    PAIR_RESPOND_BY,
    PAIR_MENTOR_ACCEPTED,
    PAIR_MENTEE_ACCEPTED,
    PAIR_ACCEPTED_AT,
    PAIR_STARTED_AT,
    PAIR_DUE_AT,
    PAIR_PAUSED_AT,
    PAIR_ENDED_AT,
    PAIR_REASON,
    PAIR_UPDATED_AT,
    PAIR_CALLER
};
static const struct db_query GET = {
    .name = "pair_get",
    .sql = "select " COLUMNS " from mentoring.pair p" BESIDE "where p.id = $1::uuid",
    .param_count = 1,
};
/* What was read before the lock was had may be old: read it after that, in a statement of its own.
 */
static const struct db_query LOCK_SHARE = {
    .name = "pair_lock_share",
    .sql = "select from mentoring.pair where id = $1::uuid for share",
    .param_count = 1,
};
static const struct db_query LOCK_UPDATE = {
    .name = "pair_lock_update",
    .sql = "select from mentoring.pair where id = $1::uuid for no key update",
    .param_count = 1,
};

/* The newest first: ids are random, and tell no order. $1, $2: the place of the last one of the
 * page before; the time goes with it, as an erasure may change that of the pair. Both bare: around
 * a coalesce() PostgreSQL would not look into an index before it has asked the policies. $3 states,
 * $4 how many, $5 programme */
#define NEWEST_FIRST "order by p.proposed_at desc, p.id desc "
#define BEHIND "(p.proposed_at, p.id) < ($1::timestamptz, $2::uuid) "
#define OF_STATES "($3::text is null or p.state = any (string_to_array($3, ','))) "
#define IS_DUE "p.state in ('active', 'paused') and p.due_at < now() "
/* For each programme of the organisation, and each of @PARTS of it, the newest that @CONDITIONS
 * lets through: each of them stands together in an index, in this order. */
#define OF_ORGANISATION(PARTS, CONDITIONS)                                                         \
    "select " COLUMNS " from (select p.* from ("                                                   \
    "select r.id from catalogue.record r where r.resource = 'mentoring-programmes' "               \
    "and r.owner_id = (select identity.acting_organisation()) and r.deleted_at is null "           \
    "and ($5::text is null or r.id::text = $5 or r.slug = $5)) programme " PARTS                   \
    "cross join lateral (select p.* from mentoring.pair p "                                        \
    "where p.programme_id = programme.id and " BEHIND CONDITIONS NEWEST_FIRST                      \
    "limit $4::integer) p " NEWEST_FIRST "limit $4::integer) p" BESIDE NEWEST_FIRST
static const struct db_query LIST_OF_ORGANISATION = {
    .name = "pair_list_of_organisation",
    .sql = OF_ORGANISATION("", "and $3::text is null "),
    .param_count = 5,
};
static const struct db_query LIST_OF_STATES = {
    .name = "pair_list_of_states",
    .sql = OF_ORGANISATION("cross join (select distinct s as state "
                           "from unnest(string_to_array($3, ',')) s) wanted ",
                           "and p.state = wanted.state "),
    .param_count = 5,
};
static const struct db_query LIST_DUE = {
    .name = "pair_list_due",
    .sql = OF_ORGANISATION("", "and " OF_STATES "and " IS_DUE),
    .param_count = 5,
};
/* Few rows, which their person leads to; $6 mentor, $7 mentee, $8 due. Whoever is not shown is not
 * found either: asked for is the person that the caller may see, and not the pair's knowledge. */
#define OF_FEW(PERSON)                                                                             \
    "select " COLUMNS " from mentoring.pair p" BESIDE "where " PERSON " and " BEHIND               \
    "and " OF_STATES "and ($5::text is null or p.programme_id::text = $5 or r.slug = $5) "         \
    "and ($6::uuid is null or mentor.id = $6::uuid) "                                              \
    "and ($7::uuid is null or mentee.id = $7::uuid) "                                              \
    "and (not $8::boolean or (" IS_DUE ")) " NEWEST_FIRST "limit $4::integer"
static const struct db_query LIST_OF_MENTOR = {
    .name = "pair_list_of_mentor",
    .sql = OF_FEW("p.mentor_id = $6::uuid"),
    .param_count = 8,
};
static const struct db_query LIST_OF_MENTEE = {
    .name = "pair_list_of_mentee",
    .sql = OF_FEW("p.mentee_id = $7::uuid"),
    .param_count = 8,
};
static const struct db_query LIST_OF_ONESELF = {
    .name = "pair_list_of_oneself",
    .sql = OF_FEW("(p.mentor_subject = (select identity.acting_subject()) "
                  "or p.mentee_subject = (select identity.acting_subject()))"),
    .param_count = 8,
};
static const struct db_query NOTE_READ = {
    .name = "pair_note_read",
    .sql = "select audit.append('pair.read', 'mentoring-pairs', seen.id, seen.version, null) "
           "from unnest(string_to_array($1, ',')::uuid[], string_to_array($2, ',')::integer[]) "
           "seen (id, version)",
    .param_count = 2,
};

enum { PERSON_KIND, PERSON_PROGRAMME, PERSON_SUBJECT };
static const struct db_query FIND_PERSON = {
    .name = "pair_find_person",
    .sql = "select kind, programme_id, subject from mentoring.participant where id = $1::uuid",
    .param_count = 1,
};
static const struct db_query PROPOSE = {
    .name = "pair_propose",
    .sql = "insert into mentoring.pair (id, programme_id, mentor_id, mentee_id, respond_by) "
           "select $1::uuid, g.id, $3::uuid, $4::uuid, "
           "date_trunc('milliseconds', now()) + coalesce(g.response_days, 14) * interval '1 day' "
           "from catalogue.mentoring_programmes g where g.id = $2::uuid",
    .param_count = 4,
};
/* The clock, not the beginning of the transaction, which may have waited for another move. */
static const struct db_query MOVE = {
    .name = "pair_move",
    .sql = "with clock as materialized ("
           "select date_trunc('milliseconds', clock_timestamp()) as at) "
           "update mentoring.pair p set state = $2, version = p.version + 1, reason = $3, "
           "mentor_accepted_at = case when $4 = 'mentor' then clock.at "
           "else p.mentor_accepted_at end, "
           "mentee_accepted_at = case when $4 = 'mentee' then clock.at "
           "else p.mentee_accepted_at end, "
           "accepted_at = case when $2 = 'accepted' then clock.at else p.accepted_at end, "
           "started_at = case when $5::boolean then clock.at else p.started_at end, "
           "due_at = case when $5::boolean then (select clock.at + nullif(g.duration_months, 0) "
           "* interval '1 month' from catalogue.mentoring_programmes g "
           "where g.id = p.programme_id) else p.due_at end, "
           "paused_at = case when $2 = 'paused' then clock.at end, "
           "ended_at = case when $2 not in " STATES_OPEN " then clock.at end, "
           "updated_at = clock.at from clock where p.id = $1::uuid",
    .param_count = 5,
};
static const struct db_query NOTE_MOVE = {
    .name = "pair_note_move",
    .sql = "insert into mentoring.pair_move "
           "(pair_id, version, move, from_state, to_state, actor, side, reason, at) "
           "select p.id, p.version, $2, $3, p.state, $4, $5, p.reason, p.updated_at "
           "from mentoring.pair p where p.id = $1::uuid",
    .param_count = 5,
};

#define MOVE_COLUMNS                                                                               \
    "m.version, m.move, m.from_state, m.to_state, m.actor, m.side, "                               \
    "case when " ACTS_AS_COORDINATOR " or m.side = $2 then m.reason end, to_char(m.at" DB_RFC3339
enum { MOVE_VERSION, MOVE_MOVE, MOVE_FROM, MOVE_TO, MOVE_ACTOR, MOVE_SIDE, MOVE_REASON, MOVE_AT };
static const struct db_query MOVES = {
    .name = "pair_moves",
    .sql = "select " MOVE_COLUMNS " from mentoring.pair_move m where m.pair_id = $1::uuid "
           "and m.version > coalesce($3::integer, 0) order by m.version limit $4::integer",
    .param_count = 4,
};
static const struct db_query LAST_MOVE = {
    .name = "pair_last_move",
    .sql = "select " MOVE_COLUMNS " from mentoring.pair_move m where m.pair_id = $1::uuid "
           "order by m.version desc limit 1",
    .param_count = 2,
};

/* --- reading -------------------------------------------------------------------------------- */

static int read_pair(const struct db_rows *rows, size_t row, struct arena *arena,
                     struct pair *ret_pair)
{
    struct pair pair = {.caller = pair_actor_of(db_rows_text(rows, row, PAIR_CALLER))};
    const struct {
        const char **text;
        int column;
    } TEXTS[] = {
        {&pair.id, PAIR_ID},
        {&pair.programme_id, PAIR_PROGRAMME},
        {&pair.programme_slug, PAIR_PROGRAMME_SLUG},
        {&pair.programme_title, PAIR_PROGRAMME_TITLE},
        {&pair.score, PAIR_SCORE},
        {&pair.person_ids[PAIR_MENTOR], PAIR_MENTOR_ID},
        {&pair.person_ids[PAIR_MENTEE], PAIR_MENTEE_ID},
        {&pair.proposed_at, PAIR_PROPOSED_AT},
        {&pair.respond_by, PAIR_RESPOND_BY},
        {&pair.side_accepted_at[PAIR_MENTOR], PAIR_MENTOR_ACCEPTED},
        {&pair.side_accepted_at[PAIR_MENTEE], PAIR_MENTEE_ACCEPTED},
        {&pair.accepted_at, PAIR_ACCEPTED_AT},
        {&pair.started_at, PAIR_STARTED_AT},
        {&pair.due_at, PAIR_DUE_AT},
        {&pair.paused_at, PAIR_PAUSED_AT},
        {&pair.ended_at, PAIR_ENDED_AT},
        {&pair.reason, PAIR_REASON},
        {&pair.updated_at, PAIR_UPDATED_AT},
    };
    int64_t version;

    if (!pair_state_of(db_rows_text(rows, row, PAIR_STATE), &pair.state) ||
        !num_parse_i64(db_rows_text(rows, row, PAIR_VERSION), 1, INT32_MAX, &version))
        return fault_raise(-EPROTO);
    pair.version = (long)version;
    for (size_t i = 0; i < ARRAY_LENGTH(TEXTS); i++)
        *TEXTS[i].text = arena_copy(arena, db_rows_text(rows, row, TEXTS[i].column));
    *ret_pair = pair;
    return 0;
}

int pair_store_get(struct db *db, struct arena *arena, const char *id, enum pair_lock lock,
                   struct pair *ret_pair)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *const values[] = {id};
    struct pair pair;
    int r = 0;

    if (!uuid_is_valid(id))
        return PAIR_STORE_NOT_FOUND;
    if (lock != PAIR_LOCK_NONE)
        r = db_run(db, lock == PAIR_LOCK_SHARE ? &LOCK_SHARE : &LOCK_UPDATE, values, NULL);
    if (r == 0)
        r = db_run(db, &GET, values, &rows);
    if (r != 0)
        return r;
    if (db_rows_count(rows) == 0)
        return PAIR_STORE_NOT_FOUND;
    r = read_pair(rows, 0, arena, &pair);
    if (r != 0)
        return r;
    if (arena_failed(arena))
        return fault_raise(-ENOMEM);
    *ret_pair = pair;
    return 0;
}

/* By the filter that leaves the fewest. */
static const struct db_query *list_for(const struct pair_filter *filter)
{
    if (filter->mentee_id != NULL)
        return &LIST_OF_MENTEE;
    if (filter->mentor_id != NULL)
        return &LIST_OF_MENTOR;
    if (filter->is_due)
        return &LIST_DUE;
    return filter->states != NULL ? &LIST_OF_STATES : &LIST_OF_ORGANISATION;
}

int pair_store_list(struct db *db, struct arena *arena, const struct pair_filter *filter,
                    bool is_coordinator, struct pair **ret_pairs, size_t *ret_count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char limit[NUMBER_BYTES];
    const bool is_first = filter->after_at == NULL;
    const char *const values[] = {is_first ? "infinity" : filter->after_at,
                                  is_first ? LAST_ID : filter->after_id,
                                  filter->states,
                                  limit,
                                  filter->programme,
                                  filter->mentor_id,
                                  filter->mentee_id,
                                  filter->is_due ? "true" : "false"};
    struct pair *pairs = arena_alloc_array(arena, filter->limit + 1, sizeof(*pairs));
    int r;

    if (pairs == NULL)
        return fault_raise(-ENOMEM);
    (void)snprintf(limit, sizeof(limit), "%zu", filter->limit + 1);
    r = db_run(db, is_coordinator ? list_for(filter) : &LIST_OF_ONESELF, values, &rows);
    for (size_t i = 0; r == 0 && i < db_rows_count(rows); i++)
        r = read_pair(rows, i, arena, &pairs[i]);
    if (r != 0)
        return r;
    if (arena_failed(arena))
        return fault_raise(-ENOMEM);
    *ret_pairs = pairs;
    *ret_count = db_rows_count(rows);
    return 0;
}

int pair_store_note_read(struct db *db, struct arena *arena, const struct pair *pairs, size_t count)
{
    const char *ids = "", *versions = "";

    if (count == 0)
        return 0;
    for (size_t i = 0; i < count && ids != NULL && versions != NULL; i++) {
        ids = arena_format(arena, "%s%s%s", ids, i == 0 ? "" : ",", pairs[i].id);
        versions = arena_format(arena, "%s%s%ld", versions, i == 0 ? "" : ",", pairs[i].version);
    }
    if (ids == NULL || versions == NULL)
        return fault_raise(-ENOMEM);
    return db_run(db, &NOTE_READ, (const char *const[]){ids, versions}, NULL);
}

/* --- proposing ------------------------------------------------------------------------------ */

struct person {
    char programme_id[UUID_TEXT_BYTES];
    const char *subject; /* arena */
};

/* Return: 0; @unknown; a db outcome; a fault. */
static int find_person(struct db *db, struct arena *arena, const char *id, const char *kind,
                       int unknown, struct person *ret_person)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &FIND_PERSON, (const char *const[]){id}, &rows);

    if (r != 0)
        return r;
    if (db_rows_count(rows) == 0 || strcmp(db_rows_text(rows, 0, PERSON_KIND), kind) != 0)
        return unknown;
    (void)snprintf(ret_person->programme_id, sizeof(ret_person->programme_id), "%s",
                   db_rows_text(rows, 0, PERSON_PROGRAMME));
    ret_person->subject = arena_copy(arena, db_rows_text(rows, 0, PERSON_SUBJECT));
    return ret_person->subject == NULL ? fault_raise(-ENOMEM) : 0;
}

static int outcome_of(const struct db *db, int r)
{
    static const struct {
        const char *constraint;
        int outcome;
    } RULES[] = {
        {"pair_person_available", PAIR_STORE_UNAVAILABLE},
        {"pair_capacity", PAIR_STORE_CAPACITY_EXHAUSTED},
        {"pair_mentee_open", PAIR_STORE_MENTEE_HAS_PAIR},
        {"pair_not_oneself", PAIR_STORE_ONESELF},
        {"pair_transition", PAIR_STORE_IMPOSSIBLE},
    };

    if (r != DB_CHECK_VIOLATION && r != DB_UNIQUE_VIOLATION)
        return r;
    for (size_t i = 0; i < ARRAY_LENGTH(RULES); i++)
        if (strcmp(db_constraint(db), RULES[i].constraint) == 0)
            return RULES[i].outcome;
    return r;
}

static int note_move(struct db *db, const char *id, const char *move, const char *from,
                     enum pair_actor actor, enum pair_actor side)
{
    return db_run(db, &NOTE_MOVE,
                  (const char *const[]){id, move, from, pair_actor_name(actor),
                                        side == PAIR_NOBODY ? NULL : pair_actor_name(side)},
                  NULL);
}

int pair_store_propose(struct db *db, struct arena *arena, const char *mentor_id,
                       const char *mentee_id, const char **ret_id)
{
    struct person mentor, mentee;
    char *id = arena_alloc(arena, UUID_TEXT_BYTES);
    int r = id == NULL
                ? fault_raise(-ENOMEM)
                : find_person(db, arena, mentor_id, "mentor", PAIR_STORE_UNKNOWN_MENTOR, &mentor);

    if (r == 0)
        r = find_person(db, arena, mentee_id, "mentee", PAIR_STORE_UNKNOWN_MENTEE, &mentee);
    if (r != 0)
        return r;
    if (strcmp(mentor.programme_id, mentee.programme_id) != 0)
        return PAIR_STORE_OTHER_PROGRAMME;
    if (strcmp(mentor.subject, mentee.subject) == 0)
        return PAIR_STORE_ONESELF;
    uuid_make_v4(id);
    r = db_run(db, &PROPOSE, (const char *const[]){id, mentor.programme_id, mentor_id, mentee_id},
               NULL);
    if (r != 0)
        return outcome_of(db, r);
    *ret_id = id;
    return note_move(db, id, "propose", NULL, PAIR_COORDINATOR, PAIR_NOBODY);
}

/* --- moving --------------------------------------------------------------------------------- */

int pair_store_move(struct db *db, const struct pair *pair, const struct pair_step *step)
{
    const struct pair_transition *transition = pair_transition(pair->state, step->move);
    const bool is_acceptance = step->move == PAIR_ACCEPT && step->side < PAIR_SIDES;
    enum pair_state to;
    int r;

    if (transition == NULL)
        return PAIR_STORE_IMPOSSIBLE;
    to = transition->to;
    if (is_acceptance && pair->side_accepted_at[PAIR_SIDES - 1 - step->side] == NULL)
        to = PAIR_PROPOSED; /* the other side has not */
    r = db_run(db, &MOVE,
               (const char *const[]){pair->id, pair_state_name(to), step->reason,
                                     is_acceptance ? pair_actor_name(step->side) : NULL,
                                     step->move == PAIR_START ? "true" : "false"},
               NULL);
    if (r != 0)
        return outcome_of(db, r);
    return note_move(db, pair->id, pair_move_name(step->move), pair_state_name(pair->state),
                     pair->caller, step->side);
}

/* --- what was done -------------------------------------------------------------------------- */

static struct pair_move_made move_of(const struct db_rows *rows, size_t row, struct arena *arena)
{
    return (struct pair_move_made){
        .version = arena_copy(arena, db_rows_text(rows, row, MOVE_VERSION)),
        .move = arena_copy(arena, db_rows_text(rows, row, MOVE_MOVE)),
        .from = arena_copy(arena, db_rows_text(rows, row, MOVE_FROM)),
        .to = arena_copy(arena, db_rows_text(rows, row, MOVE_TO)),
        .actor = arena_copy(arena, db_rows_text(rows, row, MOVE_ACTOR)),
        .side = arena_copy(arena, db_rows_text(rows, row, MOVE_SIDE)),
        .reason = arena_copy(arena, db_rows_text(rows, row, MOVE_REASON)),
        .at = arena_copy(arena, db_rows_text(rows, row, MOVE_AT)),
    };
}

static const char *side_of(const struct pair *pair)
{
    return pair->caller < PAIR_SIDES ? pair_actor_name(pair->caller) : NULL;
}

int pair_store_moves(struct db *db, struct arena *arena, const struct pair *pair, const char *after,
                     size_t limit, struct pair_move_made **ret_moves, size_t *ret_count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct pair_move_made *moves = arena_alloc_array(arena, limit + 1, sizeof(*moves));
    char limit_text[NUMBER_BYTES];
    int r;

    if (moves == NULL)
        return fault_raise(-ENOMEM);
    (void)snprintf(limit_text, sizeof(limit_text), "%zu", limit + 1);
    r = db_run(db, &MOVES, (const char *const[]){pair->id, side_of(pair), after, limit_text},
               &rows);
    if (r != 0)
        return r;
    for (size_t i = 0; i < db_rows_count(rows); i++)
        moves[i] = move_of(rows, i, arena);
    if (arena_failed(arena))
        return fault_raise(-ENOMEM);
    *ret_moves = moves;
    *ret_count = db_rows_count(rows);
    return 0;
}

int pair_store_last_move(struct db *db, struct arena *arena, const struct pair *pair,
                         struct pair_move_made *ret_move)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct pair_move_made last = {.move = NULL};
    int r = db_run(db, &LAST_MOVE, (const char *const[]){pair->id, side_of(pair)}, &rows);

    if (r != 0)
        return r;
    if (db_rows_count(rows) > 0)
        last = move_of(rows, 0, arena);
    if (arena_failed(arena))
        return fault_raise(-ENOMEM);
    *ret_move = last;
    return 0;
}
