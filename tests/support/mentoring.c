#include "support/mentoring.h"

#include "base/annotate.h"
#include "base/uuid.h"
#include "db/db.h"
#include "support/database.h"
#include "support/http.h"
#include "support/sql.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *mentoring_coordinator(void)
{
    return token_for("coordinator", ORGANISATION);
}

const char *mentoring_other_coordinator(void)
{
    return token_for("coordinator", OTHER_ORGANISATION);
}

static void add(json_t *object, const char *members)
{
    json_auto_t *more = NULL;
    json_error_t error;

    if (members == NULL)
        return;
    more = json_loads(members, 0, &error);
    cr_assert_not_null(more, "%s: %s", members, error.text);
    cr_assert_eq(json_object_update(object, more), 0);
}

static void step(const char *token, const char *id, const char *name)
{
    CLEANUP(response_freep)
    struct response *response = write_as(
        token, "POST", path_of("/v1/mentoring-programmes/%s/%s", id, name), NULL, NULL, NULL);

    expect_status(response, 200, name);
}

char *mentoring_programme(const char *members)
{
    json_auto_t *programme = json_pack("{s:s,s:s,s:s,s:i,s:i}", "title", "A programme of a test",
                                       "summary", "Written by a test.", "delivery_format",
                                       "one_to_one", "duration_months", 6, "mentor_capacity", 2);
    CLEANUP(response_freep) struct response *made = NULL;
    char *id;

    add(programme, members);
    made = write_as(mentoring_coordinator(), "POST", "/v1/mentoring-programmes", NULL, NULL,
                    programme);
    expect_status(made, 201, "a programme");
    id = strdup(response_text_at(made, "/id"));
    cr_assert_not_null(id);
    step(mentoring_coordinator(), id, "submit");
    step(writer_editor(), id, "publish");
    return id;
}

json_t *mentoring_draft(const char *programme, const char *members)
{
    json_t *draft = json_pack(
        "{s:s,s:[{s:s,s:s}],s:[s,s],s:{s:[s]},s:[{s:s,s:s},{s:s,s:s},{s:s,s:s},{s:s,s:s}]}",
        "programme", programme, "languages", "language", "fr", "level", "native", "formats",
        "in_person", "remote", "availability", "monday", "evening", "consents", "purpose",
        "programme", "version", "1", "purpose", "matching", "version", "1", "purpose", "contact",
        "version", "1", "purpose", "statistics", "version", "1");

    cr_assert_not_null(draft);
    add(draft, members);
    return draft;
}

void mentoring_person(const char *path, const char *programme, const char *members,
                      struct test_person *ret_person)
{
    json_auto_t *draft = mentoring_draft(programme, members);
    CLEANUP(response_freep) struct response *made = NULL;
    char subject[UUID_TEXT_BYTES];

    *ret_person = (struct test_person){.path = path};
    uuid_make_v4(subject);
    if (json_object_get(draft, "subject") == NULL)
        (void)json_object_set_new(draft, "subject", json_string(subject));
    made = write_as(mentoring_coordinator(), "POST", path_of("/v1/%s", path), NULL, NULL, draft);
    expect_status(made, 201, path);
    (void)snprintf(ret_person->id, sizeof(ret_person->id), "%s", response_text_at(made, "/id"));
    (void)snprintf(ret_person->subject, sizeof(ret_person->subject), "%s",
                   json_string_value(json_object_get(draft, "subject")));
    ret_person->token = token_of_subject(ret_person->subject);
}

struct db *mentoring_lease(struct db_pool *pool)
{
    char *owner = test_database_value("select id from catalogue.record where resource = "
                                      "'organisations' and slug = '" ORGANISATION "'");
    struct db *db = NULL;

    cr_assert_eq(db_lease(pool, &db), 0);
    cr_assert_eq(db_begin(db), 0);
    (void)sql_value(db,
                    "select set_config('express.role', 'coordinator', true) || "
                    "set_config('express.organisation', '%s', true)",
                    owner);
    free(owner);
    return db;
}

long mentoring_pairs_looked_at(struct db *db)
{
    return strtol(
        sql_value(db, "select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) "
                      "from pg_stat_xact_all_tables where relid = 'mentoring.pair'::regclass"),
        NULL, 10);
}
