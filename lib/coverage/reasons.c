#include "coverage/reasons.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WORDS_BYTES_MAX 256

/* %s is the value, in words. */
static const struct {
    const char *property;
    const char *code;
    const char *words[2]; /* by reason_side */
} KINDS[] = {
    {"value_chain_steps", "same_step", {"Both cover the step: %s.", "Covers the step: %s."}},
    {"target_groups",
     "same_target_group",
     {"Both are for: %s.", "Is for whom the place works for: %s."}},
    {"sectors", "same_sector", {"Both work in: %s.", "Works in a sector of the place: %s."}},
    {"municipality_roles",
     "same_municipality_role",
     {"In both the municipality contributes: %s.",
      "Needs of the municipality what it already contributes: %s."}},
    {"good_practice_themes",
     "same_theme",
     {"Both illustrate theme %s of good practice.", "Illustrates theme %s of good practice."}},
    {"country", "same_country", {"Both are in: %s.", "Is in the same country: %s."}},
};

double reason_points(int64_t part, int64_t whole)
{
    return whole <= 0 ? 0 : round(1000.0 * (double)part / (double)whole) / 10;
}

json_t *reason_of(const char *code, double points, const char *words)
{
    return json_pack("{s:s, s:f, s:s}", "code", code, "points", points, "words", words);
}

json_t *reason_of_term(const char *term, enum reason_side side, double points)
{
    const char *equals = strchr(term, '=');
    const size_t length = equals == NULL ? 0 : (size_t)(equals - term);
    char value[WORDS_BYTES_MAX], words[WORDS_BYTES_MAX * 2];

    for (size_t i = 0; equals != NULL && i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        const char *pattern = KINDS[i].words[side], *at = strstr(pattern, "%s");
        json_t *reason;

        if (strlen(KINDS[i].property) != length || strncmp(KINDS[i].property, term, length) != 0)
            continue;
        (void)snprintf(value, sizeof(value), "%s", equals + 1);
        for (char *letter = value; *letter != '\0'; letter++)
            if (*letter == '_')
                *letter = ' ';
        (void)snprintf(words, sizeof(words), "%.*s%s%s", (int)(at - pattern), pattern, value,
                       at + 2);
        reason = reason_of(KINDS[i].code, points, words);
        if (reason != NULL &&
            (json_object_set_new(reason, "property", json_string(KINDS[i].property)) != 0 ||
             json_object_set_new(reason, "value", json_string(equals + 1)) != 0)) {
            json_decref(reason);
            return NULL;
        }
        return reason;
    }
    return reason_of("other", points, term);
}
