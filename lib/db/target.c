/*
 * Where to connect, and with which options.
 *
 * The session's settings travel in the start-up packet, so that RESET returns
 * to them: a role set there cannot be left with RESET ROLE. It still takes a
 * login role that may do no more than it: SET ROLE NONE goes back to that.
 *
 * libpq moves on to the next of several hosts by itself when one refuses, but
 * a host that swallows packets holds the whole attempt, because connect_timeout
 * is for the blocking calls only. So each missed deadline turns the list of
 * hosts by one for the next attempt. The look-up of a host name blocks beyond
 * our deadline: use hostaddr, a socket directory or a local resolver.
 */
#include "db/internal.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "db/outcome.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <libpq-fe.h>

#define OPTIONS_BYTES_MAX 4096
#define KEYWORDS_MAX 64 /* libpq 15 knows 41 */
#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS 1000 /* so that all is well two seconds after the server is back */

struct db_target {
    const char *keywords[KEYWORDS_MAX]; /* ended by NULL */
    const char *values[KEYWORDS_MAX];
    size_t count;
    unsigned host_count;
    PQconninfoOption *url; /* owned */
    char *options;         /* owned */
    char *application;     /* owned; may be NULL */
};

static bool is_role_name(const char *name)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyz_";

    if (name[0] == '\0' || strchr(LETTERS, name[0]) == NULL || strlen(name) > 63)
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(name);
}

static void add(struct db_target *target, const char *keyword, const char *value)
{
    assert(target->count < KEYWORDS_MAX - 1);
    target->keywords[target->count] = keyword;
    target->values[target->count] = value;
    target->count++;
}

static unsigned host_count(const char *list)
{
    unsigned count = 1;

    for (; *list != '\0'; list++)
        if (*list == ',')
            count++;
    return count;
}

/* The value of `options`: ours, then the url's, which may override them, then what rights hang on.
 */
static char *session_options(const struct db_pool_settings *settings, const char *of_url)
{
    struct text options;
    size_t length;

    text_init(&options, OPTIONS_BYTES_MAX);
    text_append(&options, "-c plan_cache_mode=force_generic_plan -c jit=off -c timezone=UTC"
                          " -c datestyle=ISO -c default_text_search_config=pg_catalog.simple"
                          " -c search_path=pg_catalog,extensions");
    text_append_format(&options, " -c statement_timeout=%u -c lock_timeout=%u",
                       settings->statement_ms, settings->lock_ms);
    if (settings->statement_ms != 0)
        text_append(&options, " -c idle_in_transaction_session_timeout=5s");
    if (of_url != NULL)
        text_append_format(&options, " %s", of_url);
    if (settings->role != NULL)
        text_append_format(&options, " -c role=%s", settings->role);
    if (settings->session != NULL)
        text_append_format(&options, " -c %s", settings->session);
    return text_steal(&options, &length);
}

int db_target_new(const struct db_pool_settings *settings, struct db_target **ret_target)
{
    const char *of_url = NULL;
    struct db_target *target;

    if (settings->role != NULL && !is_role_name(settings->role))
        return fault_raise(-EINVAL);
    target = calloc(1, sizeof(*target));
    if (target == NULL)
        return fault_raise(-ENOMEM);

    /* Its error text quotes the url with the password: it is not asked for. */
    target->url = PQconninfoParse(settings->url, NULL);
    if (target->url == NULL) {
        db_target_free(target);
        log_error("db.url", "reason=\"not a connection string\"");
        return fault_raise(-EINVAL);
    }
    if (settings->application != NULL) {
        target->application = strdup(settings->application);
        if (target->application == NULL) {
            db_target_free(target);
            return fault_raise(-ENOMEM);
        }
        add(target, "application_name", target->application);
    }

    add(target, "connect_timeout", "2");
    add(target, "keepalives_idle", "5");
    add(target, "keepalives_interval", "2");
    add(target, "keepalives_count", "3");
    add(target, "tcp_user_timeout", "5000");
    target->host_count = 1;
    for (const PQconninfoOption *option = target->url; option->keyword != NULL; option++) {
        if (option->val == NULL)
            continue;
        if (strcmp(option->keyword, "options") == 0) {
            of_url = option->val;
            continue;
        }
        if (strncmp(option->keyword, "host", 4) == 0)
            target->host_count = host_count(option->val);
        add(target, option->keyword, option->val); /* a later one wins */
    }
    target->options = session_options(settings, of_url);
    if (target->options == NULL) {
        db_target_free(target);
        return fault_raise(-ENOMEM);
    }
    add(target, "options", target->options);
    add(target, "client_encoding", "UTF8");

    *ret_target = target;
    return 0;
}

void db_target_free(struct db_target *target)
{
    if (target == NULL)
        return;
    PQconninfoFree(target->url);
    free(target->options);
    free(target->application);
    free(target);
}

/* "a,b,c" turned by 1 is "b,c,a". Owned by the caller; NULL when out of memory. */
static char *turned(const char *list, unsigned turn)
{
    const char *head = list;
    struct text text;
    size_t length;

    while (turn > 0) {
        head = strchr(head, ',') + 1;
        turn--;
    }
    text_init(&text, strlen(list) + 2);
    text_append(&text, head);
    text_append_char(&text, ',');
    text_append_bytes(&text, list, (size_t)(head - list) - 1);
    return text_steal(&text, &length);
}

static PGconn *start(const struct db_target *target, unsigned turn)
{
    const char *values[KEYWORDS_MAX] = {0};
    char *made[KEYWORDS_MAX] = {0};
    PGconn *pg = NULL;
    bool failed = false;

    turn %= target->host_count;
    for (size_t i = 0; i < target->count; i++) {
        const char *keyword = target->keywords[i];
        bool is_list = strcmp(keyword, "host") == 0 || strcmp(keyword, "hostaddr") == 0 ||
                       strcmp(keyword, "port") == 0;

        values[i] = target->values[i];
        if (turn == 0 || !is_list || host_count(values[i]) != target->host_count)
            continue;
        made[i] = turned(values[i], turn);
        failed = failed || made[i] == NULL;
        values[i] = made[i];
    }
    if (!failed)
        pg = PQconnectStartParams(target->keywords, values, 0);
    for (size_t i = 0; i < target->count; i++)
        free(made[i]);
    return pg;
}

/*
 * A message of libpq ends with "FATAL:  57P03" when the server refused, thanks
 * to PQERRORS_SQLSTATE, and holds its own words about the network otherwise.
 * Neither has anything of the server's data in it.
 */
static void log_refusal(const PGconn *pg)
{
    const char *message = PQerrorMessage(pg);
    const char *fatal = strstr(message, "FATAL:  ");
    char state[DB_SQLSTATE_BYTES] = "";
    char quoted[300];
    int outcome;

    if (fatal != NULL)
        memcpy(state, fatal + 8, strnlen(fatal + 8, sizeof(state) - 1));
    outcome = db_outcome_of(state);
    if (outcome == DB_UNAVAILABLE)
        log_warn("db.connect", "sqlstate=%s reason=%s", state,
                 log_quote(quoted, sizeof(quoted), message));
    else /* a wrong password, role or database does not mend itself */
        log_error("db.connect", "sqlstate=%s reason=%s", state,
                  log_quote(quoted, sizeof(quoted), message));
}

static int finish_handshake(PGconn *pg, uint64_t deadline_ms)
{
    PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;

    while (wanted != PGRES_POLLING_OK) {
        short revents;
        int r;

        if (wanted == PGRES_POLLING_FAILED || PQstatus(pg) == CONNECTION_BAD) {
            log_refusal(pg);
            return DB_UNAVAILABLE;
        }
        /* The socket may be another one after every step. */
        r = db_wire_poll(PQsocket(pg), wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT,
                         deadline_ms, &revents);
        if (r != 0) {
            log_warn("db.connect", "reason=\"no answer in %d ms\"", DB_CONNECT_MS);
            return r;
        }
        wanted = PQconnectPoll(pg);
    }
    return 0;
}

/* Not in the start-up packet: a server that does not know the setting would refuse us. */
static int watch_client(PGconn *pg, uint64_t deadline_ms)
{
    int r;

    if (PQserverVersion(pg) < 140000)
        return 0;
    r = db_wire_command(pg, "set client_connection_check_interval = '1s'", deadline_ms);
    /* A server whose system cannot do it answers 22023, which is no loss. */
    return r == DB_CHECK_VIOLATION ? 0 : r;
}

static void ignore_notice(void *data, const PGresult *notice)
{
    (void)data;
    (void)notice;
}

int db_target_open(const struct db_target *target, unsigned turn, struct pg_conn **ret_pg)
{
    uint64_t deadline_ms = clock_monotonic_ms() + DB_CONNECT_MS;
    PGconn *pg = start(target, turn);
    int r;

    if (pg == NULL)
        return fault_raise(-ENOMEM);
    /* Before the first byte from the server: its words must reach neither stderr nor a message. */
    (void)PQsetNoticeReceiver(pg, ignore_notice, NULL);
    (void)PQsetErrorVerbosity(pg, PQERRORS_SQLSTATE);

    r = finish_handshake(pg, deadline_ms);
    if (r == 0 && PQsetnonblocking(pg, 1) != 0)
        r = DB_UNAVAILABLE;
    if (r == 0)
        r = watch_client(pg, deadline_ms);
    if (r != 0) {
        PQfinish(pg);
        return r > 0 && r != DB_TIMEOUT ? DB_UNAVAILABLE : r;
    }
    *ret_pg = pg;
    return 0;
}

unsigned db_backoff_ms(unsigned failures)
{
    unsigned longest_ms = BACKOFF_FIRST_MS;
    unsigned chance = 0;

    while (failures > 1 && longest_ms < BACKOFF_LAST_MS) {
        longest_ms *= 2;
        failures--;
    }
    if (longest_ms > BACKOFF_LAST_MS)
        longest_ms = BACKOFF_LAST_MS;
    if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != (ssize_t)sizeof(chance))
        chance = (unsigned)(clock_monotonic_us() & 0xffffU);
    return longest_ms / 2 + chance % (longest_ms / 2 + 1);
}
