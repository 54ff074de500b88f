#include "db/outcome.h"

#include "base/annotate.h"
#include "db/db.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/*
 * The first row whose text begins the SQLSTATE decides, so a single state
 * stands above its class.
 */
static const struct {
    const char *prefix;
    int outcome;
} STATES[] = {
    {"08", DB_UNAVAILABLE},         /* connection exceptions */
    {"53", DB_UNAVAILABLE},         /* out of connections, memory or disk */
    {"57P", DB_UNAVAILABLE},        /* shut down, crashed, starting up, database dropped */
    {"25P03", DB_TIMEOUT},          /* idle in a transaction for too long: terminated */
    {"57014", DB_TIMEOUT},          /* statement_timeout, or cancelled */
    {"40001", DB_CONTENTION},       /* serialisation failure */
    {"40P01", DB_CONTENTION},       /* deadlock */
    {"55P03", DB_CONTENTION},       /* lock_timeout, or nowait */
    {"40003", DB_OUTCOME_UNKNOWN},  /* statement completion unknown */
    {"25006", DB_READ_ONLY},        /* read-only transaction: a stale primary */
    {"23505", DB_UNIQUE_VIOLATION}, /* unique */
    {"23P01", DB_UNIQUE_VIOLATION}, /* exclusion */
    {"23503", DB_FOREIGN_KEY_VIOLATION},
    {"23001", DB_FOREIGN_KEY_VIOLATION}, /* restrict */
    {"23", DB_CHECK_VIOLATION},
    {"22", DB_CHECK_VIOLATION},
    {"42501", DB_FORBIDDEN},
};

int db_outcome_of(const char *sqlstate)
{
    if (sqlstate == NULL || sqlstate[0] == '\0')
        return DB_UNAVAILABLE;

    for (size_t i = 0; i < ARRAY_LENGTH(STATES); i++)
        if (strncmp(sqlstate, STATES[i].prefix, strlen(STATES[i].prefix)) == 0)
            return STATES[i].outcome;
    return -EPROTO;
}

int db_outcome_at_commit(int outcome, bool dropped, bool warned)
{
    if (dropped && (outcome == DB_UNAVAILABLE || outcome == DB_TIMEOUT))
        return DB_OUTCOME_UNKNOWN;
    if (outcome == 0 && warned)
        return DB_OUTCOME_UNKNOWN;
    return outcome;
}

static bool starts_with_word(const char *sql, const char *word)
{
    size_t length = strlen(word);

    return strncasecmp(sql, word, length) == 0 && strchr(" \t\n(;", sql[length]) != NULL;
}

bool db_text_reads_only(const char *sql)
{
    static const char *const WRITES[] = {"insert ", "update ", "delete ", "merge "};

    if (strncmp(sql, "select", 6) == 0)
        return true;
    if (strncmp(sql, "with", 4) != 0)
        return false;

    /* A common table expression may write. "for update" is taken for a write, which does no harm.
     */
    for (size_t i = 0; i < ARRAY_LENGTH(WRITES); i++)
        if (strstr(sql, WRITES[i]) != NULL)
            return false;
    return true;
}

static unsigned occurrences(const char *text, const char *part)
{
    unsigned count = 0;

    for (text = strstr(text, part); text != NULL; text = strstr(text + 1, part))
        count++;
    return count;
}

bool db_text_marks_session(const char *sql)
{
    static const char *const PLAIN[] = {
        "select",  "with", "insert",  "update",  "delete",    "merge",           "values", "table",
        "explain", "lock", "refresh", "analyze", "set local", "set constraints", "notify"};
    bool plain = false;

    while (*sql != '\0' && strchr(" \t\n", *sql) != NULL)
        sql++;
    for (size_t i = 0; i < ARRAY_LENGTH(PLAIN) && !plain; i++)
        plain = starts_with_word(sql, PLAIN[i]);
    if (!plain)
        return true;

    if (strstr(sql, "pg_advisory_lock") != NULL || strstr(sql, "pg_try_advisory_lock") != NULL)
        return true;
    /* A setting of the transaction says so with a literal: set_config(name, value, true). */
    return occurrences(sql, "set_config(") > occurrences(sql, ", true)");
}
