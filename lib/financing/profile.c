#include "financing/profile.h"

#include "base/arena.h"
#include "base/fault.h"
#include "financing/cities.h"
#include "financing/offers.h"
#include "financing/schedule.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define DEGREE 0.017453292519943295 /* in radians */

/* Who is of the first group is of the second, too; narrower ones come first. */
static const struct {
    const char *narrow, *wide;
} WIDER[] = {
    {"unaccompanied_minors", "young_migrants"},
    {"migrant_entrepreneurs", "entrepreneurs"},
    {"social_entrepreneurs", "entrepreneurs"},
    {"social_entrepreneurs", "social_economy_actors"},
    {"asylum_seekers", "migrants"},
    {"migrant_entrepreneurs", "migrants"},
    {"migrant_women", "migrants"},
    {"migrant_workers", "migrants"},
    {"newcomers", "migrants"},
    {"refugees", "migrants"},
    {"rejected_asylum_seekers", "migrants"},
    {"undocumented_migrants", "migrants"},
    {"young_migrants", "migrants"},
};

/* Who has told the status has told the group. */
static const struct {
    const char *status, *group;
} OF_STATUS[] = {
    {"asylum_seeker", "asylum_seekers"},
    {"recognised_refugee", "refugees"},
    {"rejected_asylum_seeker", "rejected_asylum_seekers"},
    {"undocumented", "undocumented_migrants"},
};

/*
 * What one is in rather than is: nobody thinks of telling all of it, and some of it nobody likes to
 * tell. Not told, it is not excluded.
 */
static const char *const CIRCUMSTANCES[] = {
    "disadvantaged_people",
    "exploited_workers",
    "families",
    "homeless_people",
    "jobseekers",
    "marginalised_groups",
    "newcomers",
    "older_people",
    "people_with_disabilities",
    "school_dropouts",
    "social_assistance_recipients",
    "students",
    "volunteers",
};
static const char *const OF_WOMEN[] = {"migrant_women", "socially_excluded_women",
                                       "women_far_from_employment"};

static const char *text_of(const json_t *body, const char *name)
{
    return json_string_value(json_object_get(body, name));
}

static void read_sets(const struct offers *offers, const json_t *body, struct profile *profile)
{
    static const struct {
        enum criterion criterion;
        const char *name;
    } ONE[] = {
        {CRITERION_GENDER, "gender"},         {CRITERION_RESIDENCE_STATUS, "residence_status"},
        {CRITERION_LEGAL_FORM, "legal_form"}, {CRITERION_STAGE, "stage"},
        {CRITERION_SECTOR, "sector"},         {CRITERION_PURPOSE, "purpose"}};
    size_t i;

    for (i = 0; i < ARRAY_LENGTH(ONE); i++) {
        const char *code = text_of(body, ONE[i].name);

        if (code != NULL)
            profile->sets[ONE[i].criterion] = offers_bit(offers, ONE[i].criterion, code);
    }
    profile->is_unfounded =
        text_of(body, "legal_form") != NULL && strcmp(text_of(body, "legal_form"), "not_yet") == 0;
    if (profile->sets[CRITERION_SECTOR] == offers_bit(offers, CRITERION_SECTOR, "multi_sector"))
        profile->open[CRITERION_SECTOR] = ~profile->sets[CRITERION_SECTOR];
}

static uint64_t group_of(const struct offers *offers, const char *code)
{
    return offers_bit(offers, CRITERION_TARGET_GROUPS, code);
}

/* Groups that are a status: who has one of these has no other. */
static uint64_t groups_of_status(const struct offers *offers)
{
    uint64_t groups = 0;

    for (size_t i = 0; i < ARRAY_LENGTH(OF_STATUS); i++)
        groups |= group_of(offers, OF_STATUS[i].group);
    return groups;
}

/* What is told, and what follows from it. */
static uint64_t told_groups(const struct offers *offers, const json_t *body, bool is_woman)
{
    const char *status = text_of(body, "residence_status");
    uint64_t groups = 0;
    const json_t *group;
    size_t i;

    json_array_foreach (json_object_get(body, "target_groups"), i, group)
        groups |= group_of(offers, json_string_value(group));
    for (i = 0; i < ARRAY_LENGTH(OF_STATUS); i++)
        if (status != NULL && strcmp(status, OF_STATUS[i].status) == 0)
            groups |= group_of(offers, OF_STATUS[i].group);
    for (i = 0; i < ARRAY_LENGTH(WIDER); i++)
        if ((groups & group_of(offers, WIDER[i].narrow)) != 0)
            groups |= group_of(offers, WIDER[i].wide);
    if (is_woman && (groups & group_of(offers, "migrants")) != 0)
        groups |= group_of(offers, "migrant_women");
    return groups;
}

/* What may be hers, too: "migrants" says of nobody that they are no refugees, nor "refugees" that
 * they are not young. A status alone says nothing of groups that are none. */
static uint64_t open_groups(const struct offers *offers, const json_t *body, uint64_t told)
{
    const uint64_t statuses = groups_of_status(offers);
    uint64_t open = json_object_get(body, "target_groups") == NULL ? UINT64_MAX : 0;

    for (size_t i = ARRAY_LENGTH(WIDER); i-- > 0;)
        if (((told | open) & group_of(offers, WIDER[i].wide)) != 0)
            open |= group_of(offers, WIDER[i].narrow);
    for (size_t i = 0; i < ARRAY_LENGTH(CIRCUMSTANCES); i++)
        open |= group_of(offers, CIRCUMSTANCES[i]);
    return (told & statuses) != 0 ? open & ~statuses : open;
}

static void read_groups(const struct offers *offers, const json_t *body, struct profile *profile)
{
    const char *gender = text_of(body, "gender");
    const bool is_woman = gender != NULL && strcmp(gender, "female") == 0;
    const uint64_t told = told_groups(offers, body, is_woman);
    uint64_t *open = &profile->open[CRITERION_TARGET_GROUPS];

    profile->sets[CRITERION_TARGET_GROUPS] = told;
    *open = open_groups(offers, body, told);
    for (size_t i = 0; i < ARRAY_LENGTH(OF_WOMEN); i++)
        if (gender == NULL || is_woman)
            *open |= group_of(offers, OF_WOMEN[i]);
        else
            *open &= ~group_of(offers, OF_WOMEN[i]);
}

static int read_languages(const json_t *body, struct arena *arena, struct profile *profile)
{
    const json_t *listed = json_object_get(body, "languages"), *language;
    uint16_t *codes = arena_alloc_array(arena, json_array_size(listed) + 1, sizeof(*codes));
    size_t i;

    if (codes == NULL)
        return fault_raise(-ENOMEM);
    json_array_foreach (listed, i, language)
        codes[i] = offers_two_letters(json_string_value(language), json_string_length(language));
    profile->languages = codes;
    profile->language_count = json_array_size(listed);
    return 0;
}

static bool is_of_country(const struct offer *offer, uint16_t country)
{
    for (size_t i = 0; i < offer->country_count; i++)
        if (offer->countries[i] == country)
            return true;
    return country == 0 || offer->country_count == 0;
}

/* Where the city lies, by the offers that are there. */
static void find_spots(const struct offers_held *held, struct profile *profile)
{
    for (size_t i = 0; i < held->count && profile->spot_count < SPOTS_MAX; i++) {
        const struct offer *offer = held->items[i];
        size_t j = 0;

        if (offer->city != profile->city || !offer->is_placed ||
            !is_of_country(offer, profile->country))
            continue;
        while (j < profile->spot_count &&
               (fabs(profile->spots[j].latitude - offer->latitude) > 0 ||
                fabs(profile->spots[j].longitude - offer->longitude) > 0))
            j++;
        if (j == profile->spot_count)
            profile->spots[profile->spot_count++] =
                (struct spot){.latitude = offer->latitude,
                              .longitude = offer->longitude,
                              .narrowing = cos(offer->latitude * DEGREE)};
    }
}

int profile_read(const struct offers *offers, const struct offers_held *held, const json_t *body,
                 struct arena *arena, struct profile *profile)
{
    const char *country = text_of(body, "country");
    const char *city = text_of(body, "city");
    const json_t *age = json_object_get(body, "age");
    const json_t *amount = json_object_get(body, "amount");

    *profile = (struct profile){.age = -1, .amount_units = -1};
    if (country != NULL)
        profile->country = offers_two_letters(country, strlen(country));
    if (city != NULL) {
        profile->city = city_of(city);
        find_spots(held, profile);
    }
    if (age != NULL)
        profile->age = (int)json_number_value(age);
    if (amount != NULL) {
        const char *sum = text_of(amount, "amount");

        profile->amount_units =
            offers_units(sum, strlen(sum), money_decimals(text_of(amount, "currency")));
        memcpy(profile->currency.code, text_of(amount, "currency"), sizeof(profile->currency.code));
    }
    read_sets(offers, body, profile);
    read_groups(offers, body, profile);
    return read_languages(body, arena, profile);
}
