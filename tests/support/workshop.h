#pragma once
/*
 * Workshop
 *
 * For tests of the engine of editing, below HTTP: a database of the test file's
 * own, a copy of the founding catalogue; connections as the role that the server's have;
 * and sessions, each one transaction on behalf of one caller. What a handler might
 * forget to check is left out on purpose, so that it is seen what the engine and the
 * policies of the database make of it.
 *
 *     WORKSHOP_BEFORE_TESTS()
 *     WORKSHOP_AFTER_TESTS()
 */
#include "auth/caller.h"
#include "base/annotate.h"
#include "base/arena.h"
#include "base/problem.h"
#include "base/text.h"
#include "base/uuid.h"
#include "db/db.h"
#include "record/edit.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct contract;
struct db_pool;
struct model;
struct resource;

/* Two macros on two lines: Criterion names a hook after its line. */
#define WORKSHOP_BEFORE_TESTS()                                                                    \
    ReportHook(PRE_ALL)(struct criterion_test_set * tests)                                         \
    {                                                                                              \
        (void)tests; /* of no use here: the hook's type is Criterion's */                          \
        workshop_before_all();                                                                     \
    }
#define WORKSHOP_AFTER_TESTS()                                                                     \
    ReportHook(POST_ALL)(struct criterion_global_stats * stats)                                    \
    {                                                                                              \
        (void)stats; /* likewise */                                                                \
        workshop_after_all();                                                                      \
    }
void workshop_before_all(void);
void workshop_after_all(void);

#define WORKSHOP_ORGANISATIONS 3

struct workshop {
    struct contract *contract;
    struct model *model;
    struct db_pool *pool;
    char organisations[WORKSHOP_ORGANISATIONS][UUID_TEXT_BYTES]; /* A, B and C of the tests */
};
/* Everything here ends the test when it fails, with the reason. */
struct workshop workshop_open(void);
void workshop_close(struct workshop *workshop);

/* Initialised in place: its parts point to one another. */
struct session {
    struct workshop *workshop;
    struct db *db;
    struct arena arena;
    struct problem problem;
    struct caller caller;
    struct edit edit;
    struct edit_record record; /* what was found or made last */
    struct text json;
};
/* @organisation: index of it; below 0: none */
void session_begin(struct session *session, struct workshop *workshop, enum caller_role role,
                   int organisation);
void session_commit(struct session *session);
void session_drop(struct session *session);

/* The problem, with everything that is known about it; until the next call. */
const char *session_told(struct session *session);
/* Was this told? @pointer: NULL: of no pointer */
bool session_has_error(const struct session *session, const char *pointer, const char *code);
void session_must(struct session *session, int r, const char *file, int line);
#define must(session, r) session_must((session), (r), __FILE__, __LINE__)

const struct resource *session_resource(const struct session *session, const char *path);
/* On session->record. Results of the functions of edit.h. */
MUST_CHECK int session_create(struct session *session, const char *path, const char *json);
MUST_CHECK int session_find(struct session *session, const char *path, const char *name);
MUST_CHECK int session_patch(struct session *session, const char *json);
MUST_CHECK int session_replace(struct session *session, const char *json);
/* The working copy as it is shown, which obeys the contract. Owned, json_decref(). */
json_t *session_shown(struct session *session);
/* A part of it as text, by a dotted path: "owner.slug"; until the next call. "" is nothing. */
const char *session_shows(struct session *session, const char *path);

/* Whole sessions, committed. @json: members beside title and summary, "" or ", \"city\": …". */
void workshop_draft(struct workshop *workshop, int organisation, const char *title,
                    const char *json, char ret_id[UUID_TEXT_BYTES]);
void workshop_publish(struct workshop *workshop, int organisation, const char *title,
                      const char *json, char ret_id[UUID_TEXT_BYTES]);
void workshop_take(struct workshop *workshop, enum caller_role role, int organisation,
                   const char *id, enum edit_step step);
void workshop_patch(struct workshop *workshop, enum caller_role role, int organisation,
                    const char *id, const char *json);

/* What the database holds, seen by its superuser: the first value of the first row, until the next
 * call; "(null)". */
const char *workshop_value(const char *format, ...) PRINTF_LIKE(1, 2);
#define expect_value(expected, ...)                                                                \
    do {                                                                                           \
        const char *value_ = workshop_value(__VA_ARGS__);                                          \
        cr_expect_str_eq(value_, expected, "%s instead of %s", value_, expected);                  \
    } while (0)
