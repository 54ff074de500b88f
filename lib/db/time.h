#pragma once
/*
 * Times in SQL
 *
 * How a statement shows a timestamptz: by RFC 3339, in UTC. The end of a call that the text before
 * it begins: "select to_char(p.started_at" DB_RFC3339 ", …".
 */
#define DB_TIME_AS(seconds) " at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:" seconds "\"Z\"')"

/* Milliseconds: what partners are shown of records and people. */
#define DB_RFC3339 DB_TIME_AS("SS.MS")
/* Whole seconds: of clients and keys. */
#define DB_RFC3339_SECONDS DB_TIME_AS("SS")
/* Microseconds, all that PostgreSQL keeps: of what is sorted by it. */
#define DB_RFC3339_EXACT DB_TIME_AS("SS.US")
