/*
 * Words: records that have them in title and summary come first, ranked by
 * these alone, found by an index of their own; the long texts are looked at
 * only when these do not fill the page. Of both at most SEARCH_MATCHES_MAX
 * are ranked: ranking all matches of a common word takes fifty times longer
 * and nobody pages that far.
 */
#include "record/compose_internal.h"

#include <stdio.h>

static void append_ranked(struct text *sql, const struct ranking *ranking, const char *matches,
                          const char *rank, const char *gate)
{
    const char *direction = ranking->backward ? "asc" : "desc";

    text_append_format(sql,
                       "select m.id, %s as rank from (select s.id, s.brief, q.query from q, "
                       "published.%s_search s",
                       rank, ranking->table);
    if (ranking->conditions[0] != '\0')
        text_append_format(sql, " join published.%s p on p.id = s.id", ranking->table);
    text_append_format(sql, " where %s%s%s limit %d) m", matches, gate, ranking->conditions,
                       SEARCH_MATCHES_MAX);
    if (ranking->beyond != NULL)
        text_append_format(sql, " where (%s, m.id) %s %s", rank, ranking->backward ? ">" : "<",
                           ranking->beyond);
    if (ranking->limit != NULL)
        text_append_format(sql, " order by 2 %s, 1 %s limit %s", direction, direction,
                           ranking->limit);
}

void compose_ranking(struct text *sql, const struct ranking *ranking)
{
    char gate[96] = "";

    /* Read backward, the lowest come first. The limit is one of ours, "$1::integer": it fits. */
    if (ranking->limit == NULL)
        (void)snprintf(gate, sizeof(gate), " and (select count(*) from best) < %d",
                       SEARCH_MATCHES_MAX);
    else if (!ranking->backward)
        (void)snprintf(gate, sizeof(gate), " and (select count(*) from best) < %s", ranking->limit);
    text_append(sql, "best as materialized (");
    append_ranked(sql, ranking, "s.brief @@ q.query", "1::float4 + ts_rank(m.brief, m.query)", "");
    text_append(sql, "), others as (");
    append_ranked(sql, ranking, "s.vector @@ q.query and not s.brief @@ q.query",
                  "ts_rank(m.brief, m.query)", gate);
    text_append_char(sql, ')');
}
