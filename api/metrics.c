#include "metrics.h"

#include "application.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "creating.h"
#include "db/db.h"
#include "routes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Upper bounds in µs: from an answer out of memory to one that times out. */
static const uint32_t BOUNDS_US[] = {250,   500,    1000,   2500,   5000,    10000,  25000,
                                     50000, 100000, 250000, 500000, 1000000, 2500000};
#define BOUND_COUNT (sizeof(BOUNDS_US) / sizeof(BOUNDS_US[0]))
#define CLASS_COUNT 5 /* 1xx to 5xx */

struct series {
    const char *name;
    atomic_uint_fast64_t requests[CLASS_COUNT];
    atomic_uint_fast64_t buckets[BOUND_COUNT + 1];
    atomic_uint_fast64_t duration_us;
    atomic_uint_fast64_t bytes;
};

struct metrics {
    const struct route *routes;
    size_t *series_of_route; /* rows of the same name share one */
    struct series *series;
    size_t series_count;
    uint64_t started_wall_ms;
    uint64_t started_us;
    atomic_int_fast64_t in_flight;
    atomic_int_fast64_t connections;
    atomic_uint_fast64_t library_messages;
    atomic_uint_fast64_t limited;
    atomic_uint_fast64_t cut;
};

static size_t add_series(struct metrics *metrics, const char *name)
{
    for (size_t i = 0; i < metrics->series_count; i++) {
        if (strcmp(metrics->series[i].name, name) == 0)
            return i;
    }
    metrics->series[metrics->series_count].name = name;
    return metrics->series_count++;
}

int metrics_new(const struct route *routes, size_t route_count, struct metrics **ret_metrics)
{
    static const char *const OTHERS[METRICS_OTHER_COUNT] = {"unmatched", "options"};
    struct metrics *metrics = calloc(1, sizeof(*metrics));

    if (metrics != NULL) {
        metrics->series = calloc(route_count + METRICS_OTHER_COUNT, sizeof(struct series));
        metrics->series_of_route = calloc(route_count + 1, sizeof(size_t));
    }
    if (metrics == NULL || metrics->series == NULL || metrics->series_of_route == NULL) {
        metrics_free(metrics);
        return fault_raise(-ENOMEM);
    }
    metrics->routes = routes;
    metrics->started_wall_ms = clock_wall_ms();
    metrics->started_us = clock_monotonic_us();
    for (size_t i = 0; i < METRICS_OTHER_COUNT; i++)
        add_series(metrics, OTHERS[i]);
    for (size_t i = 0; i < route_count; i++)
        metrics->series_of_route[i] = add_series(metrics, routes[i].name);
    *ret_metrics = metrics;
    return 0;
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    free(metrics->series);
    free(metrics->series_of_route);
    free(metrics);
}

size_t metrics_series(const struct metrics *metrics, const struct route *route)
{
    return metrics->series_of_route[route - metrics->routes];
}

size_t metrics_series_other(const struct metrics *metrics, enum metrics_other other)
{
    (void)metrics; /* the others come first, in their order */
    return (size_t)other;
}

static void add(atomic_uint_fast64_t *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static uint64_t get(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void metrics_request_begins(struct metrics *metrics)
{
    atomic_fetch_add_explicit(&metrics->in_flight, 1, memory_order_relaxed);
}

void metrics_request_ends(struct metrics *metrics, size_t series_index, int status, uint64_t bytes,
                          uint64_t duration_us)
{
    struct series *series = &metrics->series[series_index];
    size_t bucket = 0;

    while (bucket < BOUND_COUNT && duration_us > BOUNDS_US[bucket])
        bucket++;
    if (status >= 100 && status < 600)
        add(&series->requests[status / 100 - 1], 1);
    add(&series->buckets[bucket], 1);
    add(&series->duration_us, duration_us);
    add(&series->bytes, bytes);
    atomic_fetch_sub_explicit(&metrics->in_flight, 1, memory_order_relaxed);
}

void metrics_connection(struct metrics *metrics, int change)
{
    atomic_fetch_add_explicit(&metrics->connections, change, memory_order_relaxed);
}

void metrics_library_message(struct metrics *metrics)
{
    add(&metrics->library_messages, 1);
}

void metrics_limited(struct metrics *metrics)
{
    add(&metrics->limited, 1);
}

void metrics_cut(struct metrics *metrics)
{
    add(&metrics->cut, 1);
}

static void head(struct text *text, const char *name, const char *type, const char *help)
{
    text_append_format(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void single(struct text *text, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    head(text, name, type, help);
    text_append_format(text, "%s %" PRIu64 "\n", name, value);
}

static void render_requests(const struct metrics *metrics, struct text *text)
{
    head(text, "express_requests_total", "counter", "Requests by route and class of status.");
    for (size_t i = 0; i < metrics->series_count; i++) {
        for (size_t class = 0; class < CLASS_COUNT; class ++) {
            uint64_t count = get(&metrics->series[i].requests[class]);

            if (count > 0)
                text_append_format(
                    text, "express_requests_total{route=\"%s\",status=\"%zuxx\"} %" PRIu64 "\n",
                    metrics->series[i].name, class + 1, count);
        }
    }
    head(text, "express_response_bytes_total", "counter", "Bytes of the bodies sent.");
    for (size_t i = 0; i < metrics->series_count; i++)
        text_append_format(text, "express_response_bytes_total{route=\"%s\"} %" PRIu64 "\n",
                           metrics->series[i].name, get(&metrics->series[i].bytes));
}

static void render_durations(const struct metrics *metrics, struct text *text)
{
    head(text, "express_request_duration_seconds", "histogram", "Time until the answer was ready.");
    for (size_t i = 0; i < metrics->series_count; i++) {
        const struct series *series = &metrics->series[i];
        uint64_t count = 0;

        for (size_t bucket = 0; bucket < BOUND_COUNT; bucket++) {
            count += get(&series->buckets[bucket]);
            text_append_format(text,
                               "express_request_duration_seconds_bucket{route=\"%s\",le=\"%g\"} "
                               "%" PRIu64 "\n",
                               series->name, BOUNDS_US[bucket] / 1e6, count);
        }
        count += get(&series->buckets[BOUND_COUNT]);
        text_append_format(text,
                           "express_request_duration_seconds_bucket{route=\"%s\",le=\"+Inf\"} "
                           "%" PRIu64 "\n"
                           "express_request_duration_seconds_sum{route=\"%s\"} %.6f\n"
                           "express_request_duration_seconds_count{route=\"%s\"} %" PRIu64 "\n",
                           series->name, count, series->name,
                           (double)get(&series->duration_us) / 1e6, series->name, count);
    }
}

/* The same of each pool, under names that begin with @prefix. */
static void pool_single(struct text *text, const char *prefix, const char *name, const char *type,
                        const char *help, uint64_t value)
{
    char whole[64];

    (void)snprintf(whole, sizeof(whole), "express_%s_%s", prefix, name); /* of constants: it fits */
    single(text, whole, type, help, value);
}

static void render_pool(struct db_pool *pool, const char *prefix, struct text *text)
{
    struct db_pool_figures figures;

    if (pool == NULL)
        return;
    db_pool_figures(pool, &figures);
    pool_single(text, prefix, "connections", "gauge", "Open database connections.", figures.open);
    pool_single(text, prefix, "leased", "gauge", "Database connections in use.", figures.leased);
    pool_single(text, prefix, "waiting", "gauge", "Threads that wait for one.", figures.waiting);
    pool_single(text, prefix, "leases_total", "counter", "Leases given.", figures.leases);
    pool_single(text, prefix, "waits_total", "counter", "Leases that had to wait.", figures.waits);
    text_append_format(text,
                       "# HELP express_%s_wait_seconds_total Time spent waiting for a lease.\n"
                       "# TYPE express_%s_wait_seconds_total counter\n"
                       "express_%s_wait_seconds_total %.6f\n",
                       prefix, prefix, prefix, (double)figures.wait_us / 1e6);
    pool_single(text, prefix, "busy_total", "counter", "Leases refused, none being free.",
                figures.busy);
    pool_single(text, prefix, "lost_total", "counter", "Connections lost.", figures.lost);
}

static void render_pools(const struct application *application, struct text *text)
{
    struct db_pool_figures figures;

    render_pool(application->pool, "pool", text);
    render_pool(application->private_pool, "write_pool", text);
    if (application->pool == NULL)
        return;
    /* Of public reading alone: what the server does by itself would be in the way. */
    db_pool_figures(application->pool, &figures);
    single(text, "express_database_timeouts_total", "counter", "Statements that took too long.",
           figures.timeouts);
    single(text, "express_database_statements_total", "counter", "Statements run.",
           figures.statements);
}

static void render_creating(struct creating *creating, struct text *text)
{
    struct creating_figures figures;

    if (creating == NULL)
        return;
    creating_figures(creating, &figures);
    single(text, "express_creates_waiting", "gauge",
           "Creates that wait for a transaction of their caller.", figures.waiting);
    single(text, "express_creates_total", "counter",
           "Records created by transactions that may take several.", figures.created);
    single(text, "express_create_transactions_total", "counter", "Such transactions.",
           figures.transactions);
}

static void render_auth(struct auth *auth, struct text *text)
{
    struct auth_figures figures;

    if (auth == NULL)
        return;
    auth_figures(auth, &figures);
    single(text, "express_auth_listening", "gauge",
           "Whether changes of clients, keys and tokens are told at once.", figures.is_listening);
    single(text, "express_auth_tokens_total", "counter", "Tokens that were good.",
           figures.identified);
    single(text, "express_auth_tokens_remembered_total", "counter",
           "Those of them that were known already.", figures.remembered);
    single(text, "express_auth_tokens_refused_total", "counter", "Tokens that were not good.",
           figures.refused);
    single(text, "express_auth_rechecks_total", "counter",
           "Questions to the database whether a token still holds.", figures.rechecks);
    single(text, "express_auth_keys", "gauge", "Keys that verify our tokens.", figures.keys);
    single(text, "express_auth_key_load_failures_total", "counter",
           "Times that our keys could not be read.", figures.key_load_failures);
    single(text, "express_auth_issuers", "gauge", "Outside issuers.", figures.issuers);
    single(text, "express_auth_issuer_fetch_failures_total", "counter",
           "Times that the keys of an outside issuer could not be fetched.",
           figures.fetch_failures);
}

/* The second number of /proc/self/statm: resident pages. */
static uint64_t resident_bytes(void)
{
    char line[128];
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t length;
    char *end;
    unsigned long pages;

    if (file < 0)
        return 0;
    length = read(file, line, sizeof(line) - 1);
    (void)close(file); /* read only: nothing can be lost */
    if (length <= 0)
        return 0;
    line[length] = '\0';
    (void)strtoul(line, &end, 10); /* the whole size is of no interest */
    pages = strtoul(end, NULL, 10);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t open_files(void)
{
    DIR *directory = opendir("/proc/self/fd");
    uint64_t count = 0;

    if (directory == NULL)
        return 0;
    while (readdir(directory) != NULL)
        count++;
    (void)closedir(directory);         /* read only */
    return count >= 3 ? count - 3 : 0; /* ".", "..", and the directory's own */
}

static void render_process(const struct metrics *metrics, struct text *text)
{
    single(text, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    single(text, "process_open_fds", "gauge", "Open file descriptors.", open_files());
    head(text, "process_start_time_seconds", "gauge", "Start, in seconds since 1970.");
    text_append_format(text, "process_start_time_seconds %.3f\n",
                       (double)metrics->started_wall_ms / 1e3);
    head(text, "express_uptime_seconds", "gauge", "Time since the start.");
    text_append_format(text, "express_uptime_seconds %.3f\n",
                       (double)(clock_monotonic_us() - metrics->started_us) / 1e6);
}

void metrics_render(struct metrics *metrics, const struct application *application,
                    struct text *text)
{
    int_fast64_t in_flight = atomic_load_explicit(&metrics->in_flight, memory_order_relaxed);
    int_fast64_t connections = atomic_load_explicit(&metrics->connections, memory_order_relaxed);

    render_requests(metrics, text);
    render_durations(metrics, text);
    single(text, "express_requests_in_flight", "gauge", "Requests being answered.",
           in_flight > 0 ? (uint64_t)in_flight : 0);
    single(text, "express_connections", "gauge", "Open client connections.",
           connections > 0 ? (uint64_t)connections : 0);
    single(text, "express_requests_limited_total", "counter", "Requests refused by rate limit.",
           get(&metrics->limited));
    single(text, "express_connections_cut_total", "counter",
           "Connections cut because a request did not arrive in time.", get(&metrics->cut));
    single(text, "express_http_library_messages_total", "counter",
           "Messages of the HTTP library, most about clients that went away.",
           get(&metrics->library_messages));
    render_pools(application, text);
    render_creating(application->creating, text);
    render_auth(application->auth, text);
    render_process(metrics, text);
}
