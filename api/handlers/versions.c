/* The history of a record: its versions, one of them, and going back to one. */
#include "handlers/handlers.h"

#include "base/arena.h"
#include "base/num.h"
#include "base/text.h"
#include "editing.h"
#include "listing.h"
#include "present.h"
#include "reply.h"
#include "request.h"
#include "writing.h"

#include <stdint.h>

/* --- the list ------------------------------------------------------------------------------------
 */

static int append_versions(struct writing *writing, const struct edit_record *record,
                           const struct listing *listing)
{
    const struct edit edit = editing_edit(writing);
    struct text *text = &writing->reply->body;
    int64_t before = 0;
    long next = 0;
    int r;

    if (listing->after != NULL && !num_parse_i64(listing->after, 1, INT32_MAX, &before))
        return writing_refuse(writing, "invalid-cursor", NULL);
    text_append(text, "{\"data\":");
    r = edit_append_versions(&edit, record, (long)before, listing->limit, text, &next);
    if (r != 0)
        return editing_told(writing, record, r);
    return listing_end(writing, listing,
                       next == 0 ? NULL : arena_format(writing->request->arena, "%ld", next));
}

static int list(struct writing *writing)
{
    struct listing listing;
    struct edit_record record = {0};
    int r = listing_read(writing, &listing);

    if (r == 0)
        r = editing_look(writing, EDITING_DELETED_TOO, &record);
    if (r == 0) {
        editing_effect(writing, &record, "versions.read");
        r = append_versions(writing, &record, &listing);
    }
    edit_deinit(&record);
    return r;
}

/* GET /v1/{resource}/{id}/versions: 200 the versions, newest first; 404 */
int handle_versions_list(struct request *request, struct reply *reply)
{
    static const char *const KNOWN[] = {"limit", "cursor", NULL};
    int r = 0;

    return present_takes(request, KNOWN, reply, &r) ? writing_look(request, reply, list) : r;
}

/* --- one version ---------------------------------------------------------------------------------
 */

/* 0: the path names none. */
static long number_of(const struct request *request)
{
    int64_t number = 0;

    return num_parse_i64(request_segment(request, "version"), 1, INT32_MAX, &number) ? (long)number
                                                                                     : 0;
}

static int refuse_version(struct writing *writing)
{
    return writing_refuse(writing, "not-found", "The record has no version of this number.");
}

static int add_link(struct writing *writing, const struct edit_record *record)
{
    const char *copy = editing_address(writing, record->resource, record->slug, "/working-copy");
    const char *versions = editing_address(writing, record->resource, record->slug, "/versions");

    return reply_header(
        writing->reply, "Link",
        copy == NULL || versions == NULL
            ? NULL
            : arena_format(writing->request->arena,
                           "<%s>; rel=\"latest-version\", <%s>; rel=\"version-history\"", copy,
                           versions));
}

static int show_version(struct writing *writing, const struct edit_record *record)
{
    const struct edit edit = editing_edit(writing);
    const long number = number_of(writing->request);
    int r = number == 0 ? EDIT_NOT_FOUND
                        : edit_append_version(&edit, record, number, &writing->reply->body);

    if (r == EDIT_NOT_FOUND)
        return refuse_version(writing);
    if (r != 0)
        return editing_told(writing, record, r);
    editing_effect(writing, record, "version.read");
    writing->effect.version = number;
    writing->reply->content_type = "application/json";
    return add_link(writing, record);
}

static int look(struct writing *writing)
{
    struct edit_record record;
    int r = editing_look(writing, EDITING_DELETED_TOO, &record);

    if (r == 0)
        r = show_version(writing, &record);
    edit_deinit(&record);
    return r;
}

/* GET /v1/{resource}/{id}/versions/{version}: 200 the record as it was; 404 */
int handle_version_read(struct request *request, struct reply *reply)
{
    int r = 0;

    return present_takes(request, NULL, reply, &r) ? writing_look(request, reply, look) : r;
}

/* --- going back ----------------------------------------------------------------------------------
 */

static int restore_number(struct writing *writing, struct edit_record *record)
{
    const struct edit edit = editing_edit(writing);
    const long number = number_of(writing->request);
    int r = number == 0 ? EDIT_NOT_FOUND : edit_restore(&edit, record, number);

    if (r == EDIT_NOT_FOUND)
        return refuse_version(writing);
    r = editing_told(writing, record, r);
    if (r != 0)
        return r;
    editing_effect(writing, record, "record.restore");
    return editing_show(writing, record, 200);
}

static int restore(struct writing *writing)
{
    struct edit_record record;
    int r = editing_find(writing, EDITING_DELETED_TOO, &record);

    if (r == 0)
        r = editing_match(writing, &record, EDITING_MATCH_OPTIONAL);
    if (r == 0)
        r = restore_number(writing, &record);
    edit_deinit(&record);
    return r;
}

/* POST /v1/{resource}/{id}/versions/{version}/restore: 200 the content of then; 404; 409; 422 */
int handle_version_restore(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){restore, editing_replay});
}
