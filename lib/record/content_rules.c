/*
 * What several properties of an offer say together. No schema can tell that with the place of the
 * fault, and the constraints of the tables that can tell it at all tell one, without its place. It
 * stands here rather than with what is made of offers, because whatever writes a record comes by.
 */
#include "record/content_internal.h"

#include "base/annotate.h"
#include "base/problem.h"
#include "contract/contract.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define POINTER_BYTES_MAX 1024
#define NAME_BYTES_MAX 64

struct rules {
    const char *prefix;
    struct arena *arena;
    struct problem *problem;
};

static void PRINTF_LIKE(4, 5) refuse(const struct rules *rules, const char *code,
                                     const char *detail, const char *pointer, ...)
{
    char where[POINTER_BYTES_MAX], full[POINTER_BYTES_MAX * 2];
    va_list list;

    va_start(list, pointer);
    (void)vsnprintf(where, sizeof(where), pointer, list);
    va_end(list);
    (void)snprintf(full, sizeof(full), "%s%s", rules->prefix, where);
    problem_add(rules->problem, rules->arena, full, NULL, code, "%s", detail);
}

static bool is_above(const json_t *object, const char *lower, const char *higher)
{
    const json_t *from = json_object_get(object, lower), *until = json_object_get(object, higher);

    return json_is_integer(from) && json_is_integer(until) &&
           json_integer_value(from) > json_integer_value(until);
}

/* --- sums --- */

/* Decimal numbers without a sign, by their digits: below 0, 0, above 0. */
static int compare_decimals(const char *left, const char *right)
{
    const char *const sides[] = {left + strspn(left, "0"), right + strspn(right, "0")};
    const size_t whole[] = {strcspn(sides[0], "."), strcspn(sides[1], ".")};
    size_t i = 0;

    if (whole[0] != whole[1])
        return whole[0] < whole[1] ? -1 : 1;
    for (; sides[0][i] != '\0' && sides[0][i] == sides[1][i]; i++)
        ;
    /* What is left of one side alone counts unless it is zeros. */
    if (sides[0][i] == '\0' || sides[1][i] == '\0')
        return (int)(strspn(sides[0] + i, ".0") != strlen(sides[0] + i)) -
               (int)(strspn(sides[1] + i, ".0") != strlen(sides[1] + i));
    return sides[0][i] < sides[1][i] ? -1 : 1;
}

static void check_sums(const struct rules *rules, const json_t *data)
{
    const json_t *least = json_object_get(data, "minimum_amount");
    const json_t *most = json_object_get(data, "maximum_amount");
    const char *from = json_string_value(json_object_get(least, "amount"));
    const char *until = json_string_value(json_object_get(most, "amount"));

    if (from != NULL && until != NULL &&
        json_equal(json_object_get(least, "currency"), json_object_get(most, "currency")) == 1 &&
        compare_decimals(from, until) > 0)
        refuse(rules, "out-of-order", "the largest sum is below the smallest",
               "/maximum_amount/amount");
}

/* --- dates --- */

/* The name by which calendars know it: its key, or else its day. */
static bool name_of(const json_t *deadline, char name[NAME_BYTES_MAX])
{
    const char *key = json_string_value(json_object_get(deadline, "key"));
    const char *date = json_string_value(json_object_get(deadline, "date"));

    (void)snprintf(name, NAME_BYTES_MAX, "%s %s", key == NULL ? "on" : "key",
                   key != NULL    ? key
                   : date == NULL ? ""
                                  : date);
    return key != NULL || date != NULL;
}

static bool is_repeated(const json_t *deadlines, size_t at)
{
    char name[NAME_BYTES_MAX], other[NAME_BYTES_MAX];

    if (!name_of(json_array_get(deadlines, at), name))
        return false;
    for (size_t i = 0; i < at; i++)
        if (name_of(json_array_get(deadlines, i), other) && strcmp(name, other) == 0)
            return true;
    return false;
}

static void check_deadlines(const struct rules *rules, const json_t *application)
{
    const char *kind = json_string_value(json_object_get(application, "deadline_kind"));
    const char *opens_on = json_string_value(json_object_get(application, "opens_on"));
    const json_t *deadlines = json_object_get(application, "deadlines"), *deadline;
    size_t lasting = 0;
    size_t i;

    json_array_foreach (deadlines, i, deadline) {
        const char *date = json_string_value(json_object_get(deadline, "date"));
        const bool is_lasting = !json_is_true(json_object_get(deadline, "cancelled"));

        lasting += is_lasting ? 1 : 0;
        if (is_lasting && opens_on != NULL && date != NULL && strcmp(date, opens_on) < 0)
            refuse(rules, "out-of-order", "one cannot apply before opens_on",
                   "/application/deadlines/%zu/date", i);
        if (is_repeated(deadlines, i))
            refuse(rules, "duplicate-items",
                   "calendars know a deadline by its key, or else its day: one of these has the "
                   "same, and needs a key of its own",
                   "/application/deadlines/%zu", i);
    }
    if (kind != NULL && strcmp(kind, "single") == 0 && lasting > 1)
        refuse(rules, "too-many-items",
               "single is one deadline that is not cancelled; several are cut_offs",
               "/application/deadlines");
}

static void check_schedule(const struct rules *rules, const json_t *schedule)
{
    const json_t *point;
    size_t i;

    json_array_foreach (schedule, i, point) {
        const json_t *from = json_object_get(point, "from_month");
        const json_t *until = json_object_get(point, "until_month");

        if (json_is_integer(from) && json_is_integer(until) &&
            json_integer_value(from) >= json_integer_value(until))
            refuse(rules, "out-of-order", "the share ends before it begins",
                   "/schedule/%zu/until_month", i);
    }
}

static void check_offer(const struct rules *rules, const json_t *data)
{
    if (is_above(json_object_get(data, "eligibility"), "minimum_age", "maximum_age"))
        refuse(rules, "out-of-order", "the highest age is below the lowest",
               "/eligibility/maximum_age");
    check_sums(rules, data);
    check_schedule(rules, json_object_get(data, "schedule"));
    check_deadlines(rules, json_object_get(data, "application"));
}

void content_check_rules(const struct resource *resource, const json_t *data, const char *pointer,
                         struct arena *arena, struct problem *problem)
{
    const struct rules rules = {.prefix = pointer, .arena = arena, .problem = problem};

    if (strcmp(resource->path, "financing-offers") == 0)
        check_offer(&rules, data);
}
