#include "support/offers.h"

#include "base/annotate.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

json_t *offer_record(const char *title, const char *more)
{
    json_auto_t *added = json_loads(more, 0, NULL);
    json_t *record = json_pack("{s:s, s:s, s:s}", "title", title, "instrument", "grant", "summary",
                               "An offer of the tests.");

    cr_assert(added != NULL && record != NULL, "%s", more);
    cr_assert_eq(json_object_update(record, added), 0);
    return record;
}

char *offer_draft(const char *title, const char *more)
{
    json_auto_t *record = offer_record(title, more);
    CLEANUP(response_freep)
    struct response *response =
        write_as(writer_partner(), "POST", "/v1/financing-offers", NULL, NULL, record);
    char *slug;

    expect_status(response, 201, title);
    slug = strdup(response_text_at(response, "/slug"));
    cr_assert_not_null(slug);
    return slug;
}

void offer_step(const char *token, const char *slug, const char *name)
{
    CLEANUP(response_freep)
    struct response *copy = read_as(token, path_of("/v1/financing-offers/%s/working-copy", slug));
    CLEANUP(response_freep)
    struct response *response =
        write_as(token, "POST", path_of("/v1/financing-offers/%s/%s", slug, name),
                 response_header(copy, "ETag"), NULL, NULL);

    expect_status(response, 200, name);
}

char *offer_publish(const char *title, const char *more)
{
    char *slug = offer_draft(title, more);

    offer_step(writer_partner(), slug, "submit");
    offer_step(writer_editor(), slug, "publish");
    return slug;
}

bool offer_is_listed(const char *filters, const char *slug)
{
    CLEANUP(response_freep)
    struct response *response =
        http_get(path_of("/v1/financing-offers?limit=100&fields=id&%s", filters));
    const json_t *record;
    size_t i;

    expect_status(response, 200, filters);
    json_array_foreach (response_at(response, "/data"), i, record)
        if (strcmp(json_string_value(json_object_get(record, "slug")), slug) == 0)
            return true;
    return false;
}

struct response *offer_match(const char *profile)
{
    return http_post("/v1/financing-offers/match", profile);
}

const json_t *offer_matched(struct response *response, const char *slug)
{
    const json_t *item;
    size_t i;

    expect_status(response, 200, slug);
    json_array_foreach (response_at(response, "/data"), i, item)
        if (strcmp(json_string_value(json_object_get(json_object_get(item, "offer"), "slug")),
                   slug) == 0)
            return item;
    return NULL;
}

void pause_shortly(void)
{
    const struct timespec pause = {0, PAUSE_MS * 1000000L};

    (void)nanosleep(&pause, NULL);
}

struct response *offer_match_with(const char *profile, const char *slug)
{
    for (unsigned waited = 0; waited < WAIT_MS_MAX; waited += PAUSE_MS) {
        struct response *response = offer_match(profile);

        if (offer_matched(response, slug) != NULL)
            return response;
        response_free(response);
        pause_shortly();
    }
    cr_assert_fail("%s is not matched", slug);
    return NULL;
}

const char *offer_finding(const json_t *item, const char *criterion)
{
    static char text[64];
    const json_t *found;
    size_t i;

    json_array_foreach (json_object_get(item, "criteria"), i, found)
        if (strcmp(json_string_value(json_object_get(found, "criterion")), criterion) == 0) {
            (void)snprintf(text, sizeof(text), "%s %s",
                           json_string_value(json_object_get(found, "verdict")),
                           json_string_value(json_object_get(found, "reason")));
            return text;
        }
    return "";
}

void offer_propose(const char *slug, const char *patch)
{
    CLEANUP(response_freep)
    struct response *copy =
        read_as(writer_partner(), path_of("/v1/financing-offers/%s/working-copy", slug));
    json_auto_t *body = json_loads(patch, 0, NULL);
    CLEANUP(response_freep)
    struct response *response =
        write_as(writer_partner(), "PATCH", path_of("/v1/financing-offers/%s", slug),
                 response_header(copy, "ETag"), NULL, body);

    expect_status(response, 200, patch);
}

void offer_change(const char *slug, const char *patch)
{
    offer_propose(slug, patch);
    offer_step(writer_partner(), slug, "submit");
    offer_step(writer_editor(), slug, "publish");
}
