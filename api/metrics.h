#pragma once
/*
 * Metrics
 *
 * Counters that threads add to without a lock, and their text for Prometheus.
 * A series belongs to a route's name, so nothing that clients send can make
 * new ones.
 */
#include "base/annotate.h"

#include <stddef.h>
#include <stdint.h>

struct application;
struct metrics;
struct route;
struct text;

/* What is counted beside the routes of the table. */
enum metrics_other { METRICS_UNMATCHED, METRICS_OPTIONS, METRICS_OTHER_COUNT };

/* metrics_new() - @routes: borrowed for as long as the metrics live. Return: 0; a fault. */
MUST_CHECK int metrics_new(const struct route *routes, size_t route_count,
                           struct metrics **ret_metrics);
void metrics_free(struct metrics *metrics); /* takes NULL */

/* The series of a route of the table, or of one of the others: valid until metrics_free(). */
size_t metrics_series(const struct metrics *metrics, const struct route *route);
size_t metrics_series_other(const struct metrics *metrics, enum metrics_other other);

void metrics_request_begins(struct metrics *metrics);
/* @duration_us: until the answer was ready, or its stream had ended */
void metrics_request_ends(struct metrics *metrics, size_t series, int status, uint64_t bytes,
                          uint64_t duration_us);
void metrics_connection(struct metrics *metrics, int change);
/* A message of the HTTP library: most are about clients that went away. */
void metrics_library_message(struct metrics *metrics);
void metrics_limited(struct metrics *metrics);
void metrics_cut(struct metrics *metrics); /* a connection cut by our own deadline */

/* The exposition format 0.0.4. Of @application pools and auth count; any of them may be NULL. */
void metrics_render(struct metrics *metrics, const struct application *application,
                    struct text *text);
