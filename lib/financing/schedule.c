#include "financing/schedule.h"

#include <stdio.h>
#include <string.h>

/* --- shares ------------------------------------------------------------------------------------
 */

/* @dividend / @divisor (above 0), half to the even one. */
static int64_t divide(int64_t dividend, int64_t divisor)
{
    int64_t quotient = dividend / divisor;
    int64_t rest = dividend % divisor;

    if (rest < 0) {
        rest += divisor;
        quotient--;
    }
    if (rest > divisor - rest || (rest == divisor - rest && quotient % 2 != 0))
        quotient++;
    return quotient;
}

int32_t schedule_share(const struct schedule_point *points, size_t count, int month)
{
    const struct schedule_point *point = NULL, *next = NULL;

    for (size_t i = 0; i < count && next == NULL; i++) {
        if (points[i].from_month <= month)
            point = &points[i];
        else
            next = &points[i];
    }
    if (point == NULL || (point->until_month >= 0 && month >= point->until_month))
        return 0;
    if (!point->is_linear || next == NULL)
        return point->share;
    return (int32_t)(point->share +
                     divide((int64_t)(next->share - point->share) * (month - point->from_month),
                            next->from_month - point->from_month));
}

int schedule_months(const struct schedule_point *points, size_t count)
{
    const struct schedule_point *last = &points[count - 1];
    const int from = last->from_month > 0 ? last->from_month : 0;
    int months = last->until_month >= 0 ? last->until_month : from + 12;

    if (months < 1)
        months = 1;
    return months > SCHEDULE_MONTHS_MAX ? SCHEDULE_MONTHS_MAX : months;
}

void schedule_plan(const struct schedule_point *points, size_t count, int months, int64_t budget,
                   struct schedule *schedule)
{
    struct schedule_period *period = NULL;
    int64_t spent = 0; /* until the month before */
    int64_t exact = 0; /* public of that, in millionths of a unit */
    int64_t paid = 0;

    schedule->count = 0;
    for (int month = 0; month < months; month++) {
        const int32_t share = schedule_share(points, count, month);
        const int64_t until =
            budget / months * (month + 1) + budget % months * (month + 1) / months;
        const int64_t costs = until - spent;
        int64_t public_money;

        exact += costs * share;
        public_money = divide(exact, SHARE_WHOLE) - paid;
        if (period == NULL || period->share != share) {
            period = &schedule->periods[schedule->count++];
            *period = (struct schedule_period){.from_month = month, .share = share};
        }
        period->months++;
        period->costs += costs;
        period->public_money += public_money;
        period->own_money += costs - public_money;
        paid += public_money;
        spent = until;
    }
    schedule->public_money = paid;
    schedule->own_money = spent - paid;
}

/* --- sums --------------------------------------------------------------------------------------
 */

/* ISO 4217, list one; all others have two. */
unsigned money_decimals(const char *currency)
{
    static const char NONE[] =
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
    static const char THREE[] = "BHD IQD JOD KWD LYD OMR TND";

    if (strstr(NONE, currency) != NULL)
        return 0;
    return strstr(THREE, currency) != NULL ? 3 : 2;
}

bool money_parse(const char *text, unsigned decimals, int64_t *ret_units)
{
    int64_t units = 0;
    unsigned after = 0;
    bool has_point = false;

    if (text[0] < '0' || text[0] > '9')
        return false;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '.' && !has_point && at[1] != '\0') {
            has_point = true;
            continue;
        }
        if (*at < '0' || *at > '9' || (has_point && ++after > decimals))
            return false;
        units = units * 10 + (*at - '0');
        if (units > SCHEDULE_UNITS_MAX)
            return false;
    }
    for (; after < decimals; after++)
        units *= 10;
    if (units > SCHEDULE_UNITS_MAX)
        return false;
    *ret_units = units;
    return true;
}

const char *money_text(int64_t units, unsigned decimals, char text[MONEY_TEXT_BYTES])
{
    int64_t unit = 1;

    for (unsigned i = 0; i < decimals; i++)
        unit *= 10;
    if (decimals == 0)
        (void)snprintf(text, MONEY_TEXT_BYTES, "%lld", (long long)units);
    else
        (void)snprintf(text, MONEY_TEXT_BYTES, "%lld.%0*lld", (long long)(units / unit),
                       (int)decimals, (long long)(units % unit));
    return text;
}
