#include "financing/profile.h"

#include "base/arena.h"
#include "base/fault.h"
#include "financing/offers.h"

#include <errno.h>
#include <string.h>

/* Who is of the first group is of the second, too. */
static const struct {
    const char *narrow, *wide;
} WIDER[] = {
    {"migrant_entrepreneurs", "entrepreneurs"},
    {"social_entrepreneurs", "entrepreneurs"},
    {"rejected_asylum_seekers", "migrants"},
    {"migrant_entrepreneurs", "migrants"},
    {"migrant_women", "migrants"},
    {"migrant_workers", "migrants"},
    {"young_migrants", "migrants"},
    {"undocumented_migrants", "migrants"},
    {"unaccompanied_minors", "migrants"},
    {"asylum_seekers", "migrants"},
    {"refugees", "migrants"},
};

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
    uint64_t *groups = &profile->sets[CRITERION_TARGET_GROUPS];
    const json_t *group;
    size_t i;

    for (i = 0; i < ARRAY_LENGTH(ONE); i++) {
        const char *code = text_of(body, ONE[i].name);

        if (code != NULL)
            profile->sets[ONE[i].criterion] = offers_bit(offers, ONE[i].criterion, code);
    }
    profile->is_unfounded =
        text_of(body, "legal_form") != NULL && strcmp(text_of(body, "legal_form"), "not_yet") == 0;
    json_array_foreach (json_object_get(body, "target_groups"), i, group)
        *groups |= offers_bit(offers, CRITERION_TARGET_GROUPS, json_string_value(group));
    for (i = 0; i < ARRAY_LENGTH(WIDER); i++)
        if ((*groups & offers_bit(offers, CRITERION_TARGET_GROUPS, WIDER[i].narrow)) != 0)
            *groups |= offers_bit(offers, CRITERION_TARGET_GROUPS, WIDER[i].wide);
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

int profile_read(const struct offers *offers, const struct offers_held *held, const json_t *body,
                 struct arena *arena, struct profile *profile)
{
    const char *country = text_of(body, "country");
    const char *city = text_of(body, "city");
    const json_t *age = json_object_get(body, "age");
    const json_t *amount = json_object_get(body, "amount");

    *profile = (struct profile){.age = -1, .amount_cents = -1};
    if (country != NULL)
        profile->country = offers_two_letters(country, strlen(country));
    if (city != NULL) {
        const uint64_t told = offers_city(city);

        profile->has_city = true;
        for (size_t i = 0; i < held->count && profile->city == 0; i++)
            if (held->items[i]->city == told)
                profile->city = told;
    }
    if (age != NULL)
        profile->age = (int)json_number_value(age);
    if (amount != NULL) {
        const char *sum = text_of(amount, "amount");

        profile->amount_cents = offers_cents(sum, strlen(sum));
        memcpy(profile->currency.code, text_of(amount, "currency"), sizeof(profile->currency.code));
    }
    read_sets(offers, body, profile);
    return read_languages(body, arena, profile);
}
