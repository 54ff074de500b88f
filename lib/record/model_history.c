/*
 * The history of what is public: two statements at the end of rendering the
 * records $1 (uuid[]). What is not public any more, or not in this form, gets an
 * end; what is public without being in the history gets a row. The present has
 * no end.
 *
 * Times are kept to the millisecond, as updated_at is: read as of its
 * updated_at, a record is what it became then. Within a transaction, and within a
 * millisecond, there is one form of a record, the last. A transaction that began
 * before another one and ends after it comes after it here, too, so that the rows
 * of a record never overlap.
 *
 * When a record has no row yet, it is public since its last change: whatever was
 * before is not known, and a reader is told that there was nothing.
 */
#include "record/model_internal.h"

#include "base/text.h"

#define NOW "date_trunc('milliseconds', now())"

void compose_history(struct statements *statements, struct text *sql,
                     const struct resource *resource)
{
    text_append_format(sql,
                       "with past as materialized (\n"
                       "select h.id, h.valid_from, h.valid_from = " NOW " or h.xmin = "
                       "pg_current_xact_id()::xid as is_passing from published.history h left join "
                       "published.%s_documents d on d.id = h.id where h.id = any($1::uuid[]) and "
                       "h.valid_to is null and h.etag is distinct from d.etag),\n"
                       "passing as (delete from published.history h using past where h.id = "
                       "past.id and h.valid_from = past.valid_from and past.is_passing)\n"
                       "update published.history h set valid_to = greatest(" NOW ", "
                       "h.valid_from + interval '1 millisecond') from past where h.id = past.id "
                       "and h.valid_from = past.valid_from and not past.is_passing",
                       resource->table);
    statements_add(statements, sql);
    text_append_format(sql,
                       "insert into published.history (resource, id, valid_from, slug, etag, "
                       "updated_at, document, translations)\n"
                       "select '%s', d.id, coalesce((select greatest(max(h.valid_to), " NOW ") "
                       "from published.history h where h.id = d.id having count(*) > 0), "
                       "date_trunc('milliseconds', greatest(r.updated_at, "
                       "r.first_published_at))), d.slug, d.etag, d.updated_at, d.document, "
                       "d.translations\n"
                       "from published.%s_documents d join catalogue.record r on r.id = d.id "
                       "where d.id = any($1::uuid[]) and not exists (select from "
                       "published.history h where h.id = d.id and h.valid_to is null)",
                       resource->path, resource->table);
    statements_add(statements, sql);
}
