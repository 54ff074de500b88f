/* What waits for somebody: the records that the caller may edit, and the queue of the editors. */
#include "handlers/handlers.h"

#include "application.h"
#include "base/annotate.h"
#include "base/problem.h"
#include "base/text.h"
#include "contract/contract.h"
#include "editing.h"
#include "listing.h"
#include "present.h"
#include "reply.h"
#include "request.h"
#include "writing.h"

#include <string.h>

#define NAME_BYTES_MAX 100

/* An id or a slug, or nothing. */
static int read_owner(struct writing *writing, struct edit_list *list)
{
    const char *owner = request_parameter(writing->request, "owner");
    const size_t length = owner == NULL ? 0 : strlen(owner);

    list->owner = owner;
    if (owner == NULL || (length > 0 && length <= NAME_BYTES_MAX &&
                          strspn(owner, "abcdefghijklmnopqrstuvwxyzABCDEF0123456789-") == length))
        return 0;
    problem_set(writing->problem, "invalid-parameter", NULL);
    problem_add(writing->problem, writing->request->arena, NULL, "owner", "unknown-value",
                "this is no id and no slug of an organisation");
    return writing_refuse_problem(writing, writing->problem);
}

typedef int (*append_function)(const struct edit *edit, const struct edit_list *list,
                               struct text *text, const char **ret_next);

static int append(struct writing *writing, const struct listing *listing, struct edit_list *list,
                  append_function append_list)
{
    const struct edit edit = editing_edit(writing);
    struct text *text = &writing->reply->body;
    const char *next = NULL;
    int r;

    list->after = listing->after;
    list->limit = listing->limit;
    text_append(text, "{\"data\":");
    r = append_list(&edit, list, text, &next);
    if (r == EDIT_NOT_FOUND)
        return writing_refuse(writing, "invalid-cursor", NULL);
    return r == 0 ? listing_end(writing, listing, next) : r;
}

static int read_resources(struct writing *writing, struct edit_list *list)
{
    const struct contract *contract = writing->request->application->contract;

    return listing_words(writing, "resource", contract_resource_paths(contract),
                         contract_resource_count(contract), &list->resources,
                         &list->resource_count);
}

/* What both lists are asked by. */
static int read_common(struct writing *writing, struct listing *listing, struct edit_list *list)
{
    int r = listing_read(writing, listing);

    if (r == 0)
        r = read_owner(writing, list);
    return r == 0 ? read_resources(writing, list) : r;
}

static int look_at_copies(struct writing *writing)
{
    static const char *const STATUSES[] = {"draft", "in_review", "published", "archived"};
    struct edit_list list = {0};
    struct listing listing;
    int r = read_common(writing, &listing, &list);

    if (r == 0)
        r = listing_words(writing, "status", STATUSES, ARRAY_LENGTH(STATUSES), &list.statuses,
                          &list.status_count);
    writing->effect.action = "working-copies.list";
    return r == 0 ? append(writing, &listing, &list, edit_append_working_copies) : r;
}

/* GET /v1/working-copies: 200 what the caller may edit, what changed last first */
int handle_working_copies_list(struct request *request, struct reply *reply)
{
    static const char *const KNOWN[] = {"resource", "status", "owner", "limit", "cursor", NULL};
    int r = 0;

    return present_takes(request, KNOWN, reply, &r) ? writing_look(request, reply, look_at_copies)
                                                    : r;
}

static int look_at_queue(struct writing *writing)
{
    static const char *const KINDS[] = {"record", "change", "proposal"};
    struct edit_list list = {0};
    struct listing listing;
    int r = read_common(writing, &listing, &list);

    if (r == 0)
        r = listing_words(writing, "kind", KINDS, ARRAY_LENGTH(KINDS), &list.kinds,
                          &list.kind_count);
    writing->effect.action = "reviews.list";
    return r == 0 ? append(writing, &listing, &list, edit_append_reviews) : r;
}

/* GET /v1/reviews: 200 what waits for an editor, what has waited longest first */
int handle_reviews_list(struct request *request, struct reply *reply)
{
    static const char *const KNOWN[] = {"kind", "resource", "owner", "limit", "cursor", NULL};
    int r = 0;

    return present_takes(request, KNOWN, reply, &r) ? writing_look(request, reply, look_at_queue)
                                                    : r;
}
