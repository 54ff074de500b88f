#include "record/timed.h"

#include "base/text.h"
#include "contract/contract.h"

bool timed_has(const struct resource *resource)
{
    return resource->timed_count > 0;
}

void timed_append_join(struct text *sql, const struct resource *resource, const char *alias)
{
    if (timed_has(resource))
        text_append_format(sql, " left join published.%s_timed(now()) n on n.id = %s.id",
                           resource->table, alias);
}

void timed_append_etag(struct text *sql, const struct resource *resource, const char *etag)
{
    text_append_format(sql, timed_has(resource) ? "published.timed_etag(%s, n.members)" : "%s",
                       etag);
}

void timed_append_document(struct text *sql, const struct resource *resource, const char *document)
{
    text_append_format(sql, timed_has(resource) ? "published.timed_document(%s, n.members)" : "%s",
                       document);
}

void timed_append_past_etag(struct text *sql, const struct resource *resource, const char *etag,
                            const char *document, const char *instant)
{
    if (timed_has(resource))
        text_append_format(sql, "published.timed_etag(%s, published.%s_timed_then(%s, %s))", etag,
                           resource->table, document, instant);
    else
        text_append(sql, etag);
}

void timed_append_past_document(struct text *sql, const struct resource *resource,
                                const char *document, const char *instant)
{
    if (timed_has(resource))
        text_append_format(sql, "published.timed_document(%s, published.%s_timed_then(%s, %s))",
                           document, resource->table, document, instant);
    else
        text_append(sql, document);
}
