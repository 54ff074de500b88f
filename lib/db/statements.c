/*
 * A hash table whose members are also chained by last use. All of it is
 * allocated with the pool: the texts of composed statements alone come and go.
 * A struct db_query is known by its address, which costs a comparison of two
 * words; a composed text by its hash and then byte by byte, so that no two
 * texts can ever be taken for each other.
 */
#include "db/internal.h"

#include "base/fault.h"
#include "db/outcome.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int db_statements_init(struct db_statements *statements, unsigned max)
{
    size_t bucket_count = 16;

    assert(max > 0);
    while (bucket_count < max)
        bucket_count *= 2;
    *statements = (struct db_statements){
        .items = calloc(max, sizeof(*statements->items)),
        .buckets = calloc(bucket_count, sizeof(struct db_statement *)),
        .bucket_mask = bucket_count - 1,
    };
    if (statements->items == NULL || statements->buckets == NULL) {
        free(statements->items);
        free(statements->buckets);
        *statements = (struct db_statements){0};
        return fault_raise(-ENOMEM);
    }

    for (unsigned i = 0; i < max; i++) {
        statements->items[i].bucket_next = statements->unused;
        statements->unused = &statements->items[i];
    }
    return 0;
}

void db_statements_deinit(struct db_statements *statements)
{
    if (statements->items == NULL)
        return;
    db_statements_clear(statements);
    free(statements->items);
    free(statements->buckets);
    *statements = (struct db_statements){0};
}

void db_statements_clear(struct db_statements *statements)
{
    while (statements->oldest != NULL)
        db_statements_remove(statements, statements->oldest);
    statements->last_serial = 0;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 32);
}

void db_call_init(struct db_call *call, const struct db_query *query, const char *sql)
{
    *call = (struct db_call){.query = query, .sql = sql};
    if (query != NULL) {
        call->hash = mix(0, (uint64_t)(uintptr_t)query);
        return;
    }

    /* Eight bytes at a time: composed texts have some thousand bytes, and this runs every time. */
    call->length = strlen(sql);
    call->hash = mix(1, call->length);
    for (size_t i = 0; i < call->length; i += sizeof(uint64_t)) {
        size_t left = call->length - i;
        uint64_t word = 0;

        memcpy(&word, sql + i, left < sizeof(word) ? left : sizeof(word));
        call->hash = mix(call->hash, word);
    }
}

static bool is_same(const struct db_statement *statement, const struct db_call *call)
{
    if (statement->hash != call->hash || statement->query != call->query)
        return false;
    if (call->query != NULL)
        return statement->sql == call->sql;
    return statement->length == call->length &&
           memcmp(statement->sql, call->sql, call->length) == 0;
}

static void unlink_use(struct db_statements *statements, struct db_statement *statement)
{
    if (statement->newer != NULL)
        statement->newer->older = statement->older;
    else
        statements->newest = statement->older;
    if (statement->older != NULL)
        statement->older->newer = statement->newer;
    else
        statements->oldest = statement->newer;
}

static void link_newest(struct db_statements *statements, struct db_statement *statement)
{
    statement->newer = NULL;
    statement->older = statements->newest;
    if (statements->newest != NULL)
        statements->newest->newer = statement;
    else
        statements->oldest = statement;
    statements->newest = statement;
}

struct db_statement *db_statements_find(struct db_statements *statements,
                                        const struct db_call *call)
{
    struct db_statement *statement = statements->buckets[call->hash & statements->bucket_mask];

    while (statement != NULL && !is_same(statement, call))
        statement = statement->bucket_next;
    if (statement != NULL && statement != statements->newest) {
        unlink_use(statements, statement);
        link_newest(statements, statement);
    }
    return statement;
}

struct db_statement *db_statements_victim(const struct db_statements *statements)
{
    return statements->unused != NULL ? NULL : statements->oldest;
}

void db_statements_remove(struct db_statements *statements, struct db_statement *statement)
{
    struct db_statement **link = &statements->buckets[statement->hash & statements->bucket_mask];

    while (*link != statement)
        link = &(*link)->bucket_next;
    *link = statement->bucket_next;
    unlink_use(statements, statement);

    free(statement->copy);
    *statement = (struct db_statement){.bucket_next = statements->unused};
    statements->unused = statement;
}

int db_statements_add(struct db_statements *statements, const struct db_call *call, unsigned serial)
{
    struct db_statement *statement = statements->unused;
    struct db_statement **bucket = &statements->buckets[call->hash & statements->bucket_mask];
    char *copy = NULL;

    assert(statement != NULL);
    if (call->query == NULL) {
        copy = malloc(call->length + 1);
        if (copy == NULL)
            return fault_raise(-ENOMEM);
        memcpy(copy, call->sql, call->length + 1);
    }

    statements->unused = statement->bucket_next;
    *statement = (struct db_statement){
        .query = call->query,
        .sql = copy != NULL ? copy : call->sql,
        .copy = copy,
        .length = call->length,
        .hash = call->hash,
        .serial = serial,
        .marks_session = db_text_marks_session(call->sql),
        .bucket_next = *bucket,
    };
    *bucket = statement;
    link_newest(statements, statement);
    return 0;
}

void db_statement_name(char ret_name[DB_STATEMENT_NAME_BYTES], unsigned serial)
{
    /* "s" and at most ten digits: it always fits. */
    (void)snprintf(ret_name, DB_STATEMENT_NAME_BYTES, "s%u", serial);
}
