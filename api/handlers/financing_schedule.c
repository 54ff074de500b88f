/*
 * Schedules of financing offers, computed for a budget.
 */
#include "handlers/handlers.h"

#include "application.h"
#include "base/arena.h"
#include "base/day.h"
#include "base/fault.h"
#include "base/num.h"
#include "base/problem.h"
#include "base/text.h"
#include "computed.h"
#include "financing/schedule.h"
#include "present.h"
#include "reply.h"
#include "request.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define DAY_TEXT_BYTES 16
#define SHARE_TEXT_BYTES 16

struct asked_schedule {
    struct day start;
    int64_t budget;
    const char *currency;
    unsigned decimals;
    uint32_t months; /* 0: by the schedule */
};

struct placed {
    struct schedule_point points[SCHEDULE_POINTS_MAX];
    size_t count;
    const char *left_out[SCHEDULE_POINTS_MAX];
    size_t left_out_count;
};

/* --- reading -----------------------------------------------------------------------------------
 */

static const char *currency_of(const json_t *record)
{
    static const char *const SUMS[] = {"maximum_amount", "minimum_amount"};

    for (size_t i = 0; i < ARRAY_LENGTH(SUMS); i++) {
        const json_t *currency = json_object_get(json_object_get(record, SUMS[i]), "currency");

        if (currency != NULL)
            return json_string_value(currency);
    }
    return "EUR";
}

static void refuse(struct request *request, struct problem *problem, const char *name,
                   const char *value, const char *expected)
{
    problem_add(problem, request->arena, NULL, name, value == NULL ? "required" : "invalid-value",
                "%s", expected);
}

static bool read_asked(struct request *request, const json_t *record, struct problem *problem,
                       struct asked_schedule *asked)
{
    const char *start = request_parameter(request, "start");
    const char *budget = request_parameter(request, "budget");
    const char *currency = request_parameter(request, "currency");
    const char *months = request_parameter(request, "months");

    *asked = (struct asked_schedule){.currency = currency};
    if (currency == NULL)
        asked->currency = currency_of(record);
    else if (strlen(currency) != 3 || strspn(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
        refuse(request, problem, "currency", currency, "a currency has three capitals, as EUR");
    asked->decimals = money_decimals(asked->currency);
    if (start == NULL || !day_parse(start, &asked->start))
        refuse(request, problem, "start", start,
               "start is a day or a month, such as 2027-01-15 or 2027-01");
    if (budget == NULL || !money_parse(budget, asked->decimals, &asked->budget))
        refuse(request, problem, "budget", budget,
               "budget is a sum such as 48000.00, with no more decimals than the currency has, and "
               "ten milliards at most");
    if (months != NULL && !num_parse_u32(months, 1, SCHEDULE_MONTHS_MAX, &asked->months))
        refuse(request, problem, "months", months, "months is a whole number from 1 to 600");
    return problem->error_count == 0;
}

/*
 * The month whose share a point is the first to be, because it is in force on its first day; below
 * 0: since before the start, as only a date of the calendar can be. False: it has none.
 */
static bool read_month(const struct asked_schedule *asked, const json_t *point, bool *ret_dated,
                       int *ret_month)
{
    const json_t *from = json_object_get(point, "from_month");
    const char *date = json_string_value(json_object_get(point, "date"));
    struct day day;

    *ret_dated = from == NULL;
    if (from != NULL)
        *ret_month = (int)json_integer_value(from);
    else if (date != NULL && day_parse(date, &day))
        *ret_month = day_months_until(asked->start, day);
    else
        return false;
    return *ret_month <= SCHEDULE_MONTHS_MAX;
}

static int32_t share_of(const json_t *point)
{
    return (int32_t)lround(json_number_value(json_object_get(point, "public_share_percent")) *
                           (SHARE_WHOLE / 100));
}

static void leave_out(struct placed *placed, const json_t *point)
{
    placed->left_out[placed->left_out_count++] = json_string_value(json_object_get(point, "at"));
}

/*
 * The points that have a month and a share, each behind the one before. Of dates that are past, or
 * come to be in force in the same month, the last counts.
 */
static void place(const json_t *record, const struct asked_schedule *asked, struct placed *placed)
{
    const json_t *listed = json_object_get(record, "schedule");
    const json_t *last = NULL, *point;
    bool is_last_dated = false, is_dated;
    int month;
    size_t i;

    json_array_foreach (listed, i, point) {
        const json_t *until = json_object_get(point, "until_month");
        const char *interpolation = json_string_value(json_object_get(point, "interpolation"));
        const int before = placed->count > 0 ? placed->points[placed->count - 1].from_month : 0;

        if (i >= SCHEDULE_POINTS_MAX)
            break;
        if (!read_month(asked, point, &is_dated, &month) ||
            json_object_get(point, "public_share_percent") == NULL ||
            (last != NULL && (month < before || (month == before && !is_last_dated)))) {
            leave_out(placed, point);
            continue;
        }
        if (last != NULL && is_last_dated && (month <= 0 || month == before)) {
            leave_out(placed, last);
            placed->count--;
        }
        last = point;
        is_last_dated = is_dated;
        placed->points[placed->count++] = (struct schedule_point){
            .from_month = month,
            .until_month = until == NULL ? -1 : (int)json_integer_value(until),
            .is_linear = interpolation != NULL && strcmp(interpolation, "linear") == 0,
            .share = share_of(point),
        };
    }
}

/* --- showing -----------------------------------------------------------------------------------
 */

static const char *day_text(struct day day, char text[DAY_TEXT_BYTES])
{
    (void)snprintf(text, DAY_TEXT_BYTES, "%04d-%02d-%02d", day.year % 10000, day.month % 100,
                   day.day % 100);
    return text;
}

/* "93.4722", without zeros at its end. */
static const char *share_text(int32_t share, char text[SHARE_TEXT_BYTES])
{
    size_t length;

    (void)snprintf(text, SHARE_TEXT_BYTES, "%d.%04d", (int)(share / (SHARE_WHOLE / 100)),
                   (int)(share % (SHARE_WHOLE / 100)));
    length = strlen(text);
    while (text[length - 1] == '0')
        text[--length] = '\0';
    if (text[length - 1] == '.')
        text[length - 1] = '\0';
    return text;
}

static json_t *period_json(const struct asked_schedule *asked, const struct schedule_period *period)
{
    const struct day until =
        day_before(day_add_months(asked->start, period->from_month + period->months));
    char from_text[DAY_TEXT_BYTES], until_text[DAY_TEXT_BYTES], share[SHARE_TEXT_BYTES];
    char costs[MONEY_TEXT_BYTES], public_money[MONEY_TEXT_BYTES], own[MONEY_TEXT_BYTES];

    return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s}", "from",
                     day_text(day_add_months(asked->start, period->from_month), from_text), "until",
                     day_text(until, until_text), "months", period->months, "public_share_percent",
                     share_text(period->share, share), "costs",
                     money_text(period->costs, asked->decimals, costs), "public",
                     money_text(period->public_money, asked->decimals, public_money), "own",
                     money_text(period->own_money, asked->decimals, own));
}

static json_t *schedule_json(const json_t *record, const struct asked_schedule *asked,
                             const struct placed *placed, const struct schedule *schedule,
                             int months)
{
    char start[DAY_TEXT_BYTES], budget[MONEY_TEXT_BYTES];
    char public_money[MONEY_TEXT_BYTES], own[MONEY_TEXT_BYTES];
    const json_t *note = json_object_get(record, "schedule_note");
    json_t *periods = json_array(), *left_out = json_array(), *json;
    int failed = periods == NULL || left_out == NULL ? 1 : 0;

    for (size_t i = 0; i < schedule->count && failed == 0; i++)
        failed = json_array_append_new(periods, period_json(asked, &schedule->periods[i]));
    for (size_t i = 0; i < placed->left_out_count && failed == 0; i++)
        failed = json_array_append_new(left_out, json_string(placed->left_out[i]));
    json = json_pack("{s:{s:O, s:O, s:O}, s:s, s:i, s:{s:s, s:s}, s:o, s:s, s:s, s:o}", "offer",
                     "id", json_object_get(record, "id"), "slug", json_object_get(record, "slug"),
                     "title", json_object_get(record, "title"), "start",
                     day_text(asked->start, start), "months", months, "budget", "amount",
                     money_text(asked->budget, asked->decimals, budget), "currency",
                     asked->currency, "periods", periods, "public",
                     money_text(schedule->public_money, asked->decimals, public_money), "own",
                     money_text(schedule->own_money, asked->decimals, own), "left_out", left_out);
    if (json != NULL && note != NULL)
        failed |= json_object_set(json, "note", (json_t *)(uintptr_t)note);
    if (failed == 0)
        return json;
    json_decref(json);
    return NULL;
}

static int reply_schedule(struct request *request, struct reply *reply, const json_t *record)
{
    struct asked_schedule asked;
    struct placed *placed = arena_alloc(request->arena, sizeof(*placed));
    struct schedule *schedule = arena_alloc(request->arena, sizeof(*schedule));
    struct problem *problem = arena_alloc(request->arena, sizeof(*problem));
    int months;
    int r;

    if (placed == NULL || schedule == NULL || problem == NULL)
        return fault_raise(-ENOMEM);
    problem_set(problem, "invalid-parameter", NULL);
    if (!read_asked(request, record, problem, &asked))
        return reply_problem(request, reply, problem);
    place(record, &asked, placed);
    if (placed->count == 0)
        return reply_problem_code(request, reply, "no-schedule", NULL);
    months = asked.months > 0 ? (int)asked.months : schedule_months(placed->points, placed->count);
    schedule_plan(placed->points, placed->count, months, asked.budget, schedule);
    r = computed_json(reply, schedule_json(record, &asked, placed, schedule, months));
    return r == 0 ? computed_public(request, reply, COMPUTED_JSON) : r;
}

/* GET /v1/financing-offers/{id}/schedule: 200; 304; 308; 400 invalid-parameter; 404 not-found,
 * no-schedule; 406; 410 */
int handle_financing_schedule(struct request *request, struct reply *reply)
{
    static const char *const KNOWN[] = {"start", "budget", "currency", "months", NULL};
    static const enum computed_form FORMS[] = {COMPUTED_JSON};
    enum computed_form form;
    json_t *record = NULL;
    int r = 0;

    if (!present_takes(request, KNOWN, reply, &r) ||
        !computed_form(request, reply, FORMS, ARRAY_LENGTH(FORMS), &form, &r) ||
        !computed_record(request, reply, "financing-offers", &record, &r))
        return r;
    r = reply_schedule(request, reply, record);
    json_decref(record);
    return r;
}
