/*
 * Financing for somebody: stateless. What is told is about a person, so it is neither kept nor
 * logged nor cached by anybody, and no statement that the database gets has it in it but for the
 * currency.
 */
#include "handlers/handlers.h"

#include "application.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/problem.h"
#include "base/text.h"
#include "computed.h"
#include "contract/contract.h"
#include "contract/schema.h"
#include "db/db.h"
#include "financing/eligibility.h"
#include "financing/offers.h"
#include "financing/profile.h"
#include "financing/rates.h"
#include "financing/schedule.h"
#include "memo.h"
#include "present.h"
#include "record/page.h"
#include "reply.h"
#include "request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_DEFAULT 20
#define MISSING_OFFERS_SHOWN 10
#define IDS_BYTES_MAX (PAGE_ITEMS_MAX * 40)

/* What all offers that are not excluded already leave to ask. */
struct missing {
    enum criterion criterion;
    size_t decides, concerns;
    const char *first[MISSING_OFFERS_SHOWN]; /* slugs of those that it decides */
    const char *more[MISSING_OFFERS_SHOWN];  /* and of others */
};

struct matching {
    struct request *request;
    struct asked asked;
    const json_t *body;
    struct offers *offers;
    struct offers_held held;
    struct profile profile;
    struct rates rates;
    bool in_french;
    struct evaluation *found; /* in order */
    size_t found_count;
    struct traits *traits; /* of these */
    size_t counts[3];      /* by verdict */
    bool wanted[3];
    const struct evaluation *shown[PAGE_ITEMS_MAX];
    size_t shown_count, total;
    size_t limit, offset;
    struct query query; /* of what is shown */
    struct page page;
};

/* --- finding -----------------------------------------------------------------------------------
 */

static void read_wishes(struct matching *matching)
{
    const json_t *limit = json_object_get(matching->body, "limit");
    const json_t *offset = json_object_get(matching->body, "offset");
    const json_t *verdicts = json_object_get(matching->body, "verdicts"), *verdict;
    size_t i;

    matching->limit = limit == NULL ? SHOWN_DEFAULT : (size_t)json_number_value(limit);
    matching->offset = (size_t)json_number_value(offset);
    for (i = 0; i < ARRAY_LENGTH(matching->wanted); i++)
        matching->wanted[i] = verdicts == NULL;
    json_array_foreach (verdicts, i, verdict)
        for (size_t j = 0; j < ARRAY_LENGTH(matching->wanted); j++)
            if (strcmp(json_string_value(verdict), verdict_name((enum verdict)j)) == 0)
                matching->wanted[j] = true;
    for (i = 0; i < matching->asked.language_count; i++) {
        const char *language = matching->asked.languages[i];

        if (strncmp(language, "fr", 2) == 0 || strncmp(language, "en", 2) == 0) {
            matching->in_french = language[0] == 'f';
            break;
        }
    }
}

static bool needs_rate(const struct profile *profile, const struct offer *offer)
{
    return offer->currency.code[0] != '\0' &&
           (offer->minimum_units >= 0 || offer->maximum_units >= 0) &&
           strcmp(offer->currency.code, profile->currency.code) != 0;
}

/* Of the currencies of the offers, each once, and of that of the sum where there are others. */
static int read_rates(struct matching *matching, struct db *db)
{
    struct profile *profile = &matching->profile;
    struct currency *currencies = arena_alloc_array(
        matching->request->arena, matching->held.currency_count + 1, sizeof(*currencies));
    size_t count = 0;
    int r;

    if (profile->amount_units < 0)
        return 0;
    if (currencies == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < matching->held.currency_count; i++)
        if (strcmp(matching->held.currencies[i].code, profile->currency.code) != 0)
            currencies[count++] = matching->held.currencies[i];
    if (count == 0)
        return 0;
    currencies[count++] = profile->currency;
    r = rates_read(db, matching->request->arena, currencies, count,
                   json_string_value(json_object_get(matching->body, "rates_on")),
                   &matching->rates);
    profile->rates = matching->rates.rates;
    profile->rate_count = matching->rates.count;
    return r;
}

static int evaluate(struct matching *matching)
{
    matching->found = arena_alloc_array(matching->request->arena, matching->held.count + 1,
                                        sizeof(*matching->found));
    if (matching->found == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < matching->held.count; i++) {
        struct evaluation *evaluation = &matching->found[matching->found_count];

        if (!eligibility_evaluate(matching->held.items[i], &matching->profile, evaluation))
            continue;
        matching->counts[evaluation->verdict]++;
        matching->found_count++;
    }
    qsort(matching->found, matching->found_count, sizeof(*matching->found), eligibility_compare);
    for (size_t i = 0; i < matching->found_count; i++) {
        if (!matching->wanted[matching->found[i].verdict])
            continue;
        if (matching->total >= matching->offset && matching->shown_count < matching->limit)
            matching->shown[matching->shown_count++] = &matching->found[i];
        matching->total++;
    }
    return 0;
}

/* The documents of what is shown, as lists show them. */
static int fetch(struct matching *matching, struct db *db)
{
    struct request *request = matching->request;
    struct problem *problem = arena_alloc(request->arena, sizeof(*problem));
    struct query_pair pairs[2] = {{"ids", NULL}, {"limit", "100"}};
    struct text ids;
    int r = 0;

    text_init(&ids, IDS_BYTES_MAX);
    for (size_t i = 0; i < matching->shown_count; i++)
        text_append_format(&ids, "%s%s", i == 0 ? "" : ",", matching->shown[i]->offer->id);
    pairs[0].value = arena_copy(request->arena, ids.bytes);
    text_deinit(&ids);
    if (problem == NULL || pairs[0].value == NULL)
        return fault_raise(-ENOMEM);
    if (matching->shown_count == 0)
        return 0;
    if (!query_parse(request->application->contract,
                     contract_resource_find(request->application->contract, "financing-offers"),
                     QUERY_LIST, pairs, 2, matching->asked.languages,
                     matching->asked.language_count, request->arena, problem, &matching->query))
        return fault_raise(-EINVAL);
    r = page_fetch(&matching->query, &request->application->cursor_keys, db, request->arena,
                   problem, &matching->page);
    return r;
}

/* --- what to ask -------------------------------------------------------------------------------
 */

static bool is_left_to_tell(const struct evaluation *evaluation, enum criterion criterion)
{
    const struct finding *findings = evaluation->findings;

    /* The law asks for the country, too. */
    if (criterion == CRITERION_COUNTRY && findings[CRITERION_LEGAL_BASIS].reason == REASON_NOT_TOLD)
        return true;
    return criterion != CRITERION_LEGAL_BASIS && findings[criterion].reason == REASON_NOT_TOLD;
}

/* Is nothing else open that the offer states? */
static bool is_decided_by(const struct evaluation *evaluation, enum criterion criterion)
{
    for (size_t i = 0; i < CRITERION_COUNT; i++) {
        const struct finding *finding = &evaluation->findings[i];

        if (finding->verdict == VERDICT_UNKNOWN && finding->reason != REASON_NONE &&
            finding->reason != REASON_NOT_STATED && i != criterion &&
            !(i == CRITERION_LEGAL_BASIS && criterion == CRITERION_COUNTRY))
            return false;
    }
    return true;
}

static void collect_missing(const struct matching *matching, struct missing *missing)
{
    const enum criterion criterion = missing->criterion;

    for (size_t i = 0; i < matching->found_count; i++) {
        const struct evaluation *evaluation = &matching->found[i];

        if (evaluation->verdict == VERDICT_NO || !is_left_to_tell(evaluation, criterion))
            continue;
        missing->concerns++;
        if (is_decided_by(evaluation, criterion)) {
            if (missing->decides < MISSING_OFFERS_SHOWN)
                missing->first[missing->decides] = evaluation->offer->slug;
            missing->decides++;
        } else if (missing->concerns - missing->decides <= MISSING_OFFERS_SHOWN) {
            missing->more[missing->concerns - missing->decides - 1] = evaluation->offer->slug;
        }
    }
}

static int compare_missing(const void *left, const void *right)
{
    const struct missing *a = left, *b = right;

    if (a->decides != b->decides)
        return a->decides > b->decides ? -1 : 1;
    if (a->concerns != b->concerns)
        return a->concerns > b->concerns ? -1 : 1;
    return (int)a->criterion - (int)b->criterion;
}

static void append_slugs(const struct missing *missing, struct text *text)
{
    const size_t others = missing->concerns - missing->decides;
    size_t count = 0;

    for (size_t i = 0; i < missing->decides && count < MISSING_OFFERS_SHOWN; i++, count++)
        text_append_format(text, "%s\"%s\"", count == 0 ? "" : ",", missing->first[i]);
    for (size_t i = 0; i < others && count < MISSING_OFFERS_SHOWN; i++, count++)
        text_append_format(text, "%s\"%s\"", count == 0 ? "" : ",", missing->more[i]);
}

static void append_missing(const struct matching *matching, struct text *text)
{
    struct missing missing[CRITERION_COUNT] = {{0}};
    const char *separator = "";

    for (size_t i = 0; i < CRITERION_COUNT; i++) {
        missing[i].criterion = (enum criterion)i;
        collect_missing(matching, &missing[i]);
    }
    qsort(missing, CRITERION_COUNT, sizeof(missing[0]), compare_missing);
    text_append(text, ",\"missing\":[");
    for (size_t i = 0; i < CRITERION_COUNT && missing[i].concerns > 0; i++) {
        text_append_format(text, "%s{\"criterion\":\"%s\",\"question\":", separator,
                           criterion_name(missing[i].criterion));
        text_append_json(text, criterion_question(missing[i].criterion, matching->in_french));
        text_append_format(text, ",\"decides\":%zu,\"concerns\":%zu,\"offers\":[",
                           missing[i].decides, missing[i].concerns);
        append_slugs(&missing[i], text);
        text_append(text, "]}");
        separator = ",";
    }
    text_append_char(text, ']');
}

/* --- showing -----------------------------------------------------------------------------------
 */

static void append_accepted(const struct matching *matching, const struct offer *offer,
                            enum criterion criterion, struct text *text)
{
    const char *separator = "";
    const char *code;

    if (offer->sets[criterion] == 0)
        return;
    text_append(text, ",\"accepts\":[");
    for (unsigned place = 0;
         place < 64 && (code = offers_code(matching->offers, criterion, place)) != NULL; place++) {
        if ((offer->sets[criterion] >> place & 1) == 0)
            continue;
        text_append_format(text, "%s\"%s\"", separator, code);
        separator = ",";
    }
    text_append_char(text, ']');
}

/* The sum that is needed, as the offer counts. */
static void append_compared(const struct matching *matching, const struct offer *offer,
                            struct text *text)
{
    const struct profile *profile = &matching->profile;
    char amount[MONEY_TEXT_BYTES];
    int64_t units;

    if (profile->amount_units < 0 || offer->currency.code[0] == '\0' ||
        !eligibility_convert(profile->rates, profile->rate_count, profile->amount_units,
                             &profile->currency, &offer->currency, &units))
        return;
    text_append_format(text, ",\"compared\":{\"amount\":\"%s\",\"currency\":\"%s\"}",
                       money_text(units, money_decimals(offer->currency.code), amount),
                       offer->currency.code);
}

static void append_findings(const struct matching *matching, const struct evaluation *evaluation,
                            struct text *text)
{
    const char *separator = "";

    text_append(text, ",\"criteria\":[");
    for (size_t i = 0; i < CRITERION_COUNT; i++) {
        const enum criterion criterion = (enum criterion)i;
        const struct finding *finding = &evaluation->findings[i];

        if (finding->reason == REASON_NONE)
            continue;
        text_append_format(text,
                           "%s{\"criterion\":\"%s\",\"verdict\":\"%s\",\"reason\":\"%s\",\"text\":",
                           separator, criterion_name(criterion), verdict_name(finding->verdict),
                           reason_name(finding->reason));
        text_append_json(text, reason_words(criterion, finding->reason, matching->in_french));
        append_accepted(matching, evaluation->offer, criterion, text);
        if (criterion == CRITERION_AMOUNT && finding->reason != REASON_OPEN_TO_ALL)
            append_compared(matching, evaluation->offer, text);
        text_append_char(text, '}');
        separator = ",";
    }
    text_append_char(text, ']');
}

static void append_like(const struct offer *offer, unsigned reasons, const char *separator,
                        struct text *text)
{
    static const char *const NAMES[] = {"instrument", "target_groups", "stage", "sector",
                                        "purpose"};
    const char *comma = "";

    text_append_format(text, "%s{\"id\":\"%s\",\"slug\":\"%s\",\"reasons\":[", separator, offer->id,
                       offer->slug);
    for (unsigned i = 0; i < ARRAY_LENGTH(NAMES); i++) {
        if ((reasons >> i & 1) == 0)
            continue;
        text_append_format(text, "%s\"%s\"", comma, NAMES[i]);
        comma = ",";
    }
    text_append(text, "]}");
}

/* Of those that are not closed for good. */
static int collect_traits(struct matching *matching)
{
    matching->traits = arena_alloc_array(matching->request->arena, matching->found_count + 1,
                                         sizeof(*matching->traits));
    if (matching->traits == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < matching->found_count; i++)
        eligibility_traits(matching->found[i].offer, &matching->traits[i]);
    return 0;
}

static void append_similar(const struct matching *matching, const struct offer *offer,
                           struct text *text)
{
    struct alike best[ALIKE_MAX];
    const size_t count = eligibility_alike(offer, matching->traits, matching->found_count, best);

    text_append(text, ",\"similar\":[");
    for (size_t i = 0; i < count; i++)
        append_like(best[i].offer, best[i].reasons, i == 0 ? "" : ",", text);
    text_append_char(text, ']');
}

static const struct view_item *item_of(const struct page *page, const char *id)
{
    for (size_t i = 0; i < page->count; i++)
        if (strcmp(page->items[i].id, id) == 0)
            return &page->items[i];
    return NULL;
}

static void append_matches(const struct matching *matching, struct text *text)
{
    const char *separator = "";

    text_append(text, "{\"data\":[");
    for (size_t i = 0; i < matching->shown_count; i++) {
        const struct evaluation *evaluation = matching->shown[i];
        const struct view_item *item = item_of(&matching->page, evaluation->offer->id);

        if (item == NULL)
            continue; /* gone since */
        text_append_format(text, "%s{\"offer\":", separator);
        view_append(&matching->page.view, item, matching->request->arena, text);
        text_append_format(text, ",\"verdict\":\"%s\",\"as_stated\":\"%s\"",
                           verdict_name(evaluation->verdict), verdict_name(evaluation->as_stated));
        append_findings(matching, evaluation, text);
        if (evaluation->verdict == VERDICT_NO)
            append_similar(matching, evaluation->offer, text);
        text_append_char(text, '}');
        separator = ",";
    }
    text_append_char(text, ']');
}

/* Was a sum of the answer's offers compared by it? */
static bool is_used(const struct matching *matching, const struct rate *rate)
{
    const bool is_own = strcmp(rate->currency.code, matching->profile.currency.code) == 0;

    for (size_t i = 0; i < matching->found_count; i++) {
        const struct evaluation *evaluation = &matching->found[i];
        const enum reason reason = evaluation->findings[CRITERION_AMOUNT].reason;

        if (needs_rate(&matching->profile, evaluation->offer) && reason != REASON_NO_RATE &&
            reason != REASON_OPEN_TO_ALL &&
            (is_own || strcmp(evaluation->offer->currency.code, rate->currency.code) == 0))
            return true;
    }
    return false;
}

static void append_rates(const struct matching *matching, struct text *text)
{
    const struct rates *rates = &matching->rates;
    const char *separator = "";

    text_append(text, ",\"rates\":[");
    for (size_t i = 0; i < rates->count; i++) {
        const struct rate_shown *rate = &rates->shown[i];

        if (!is_used(matching, &rates->rates[i]))
            continue;
        text_append_format(
            text, "%s{\"currency\":\"%s\",\"rate\":\"%s\",\"date\":\"%s\",\"source\":", separator,
            rate->currency, rate->rate, rate->date);
        text_append_json(text, rate->source);
        text_append_char(text, '}');
        separator = ",";
    }
    text_append_char(text, ']');
}

static int show(const struct matching *matching, struct reply *reply)
{
    struct text *text = &reply->body;
    char now[CLOCK_TEXT_BYTES];

    append_matches(matching, text);
    text_append_format(text, ",\"page\":{\"limit\":%zu,\"offset\":%zu,\"total\":%zu}",
                       matching->limit, matching->offset, matching->total);
    text_append_format(text, ",\"counts\":{\"yes\":%zu,\"unknown\":%zu,\"no\":%zu}",
                       matching->counts[VERDICT_YES], matching->counts[VERDICT_UNKNOWN],
                       matching->counts[VERDICT_NO]);
    append_missing(matching, text);
    append_rates(matching, text);
    text_append_format(text, ",\"as_of\":\"%s\"}", clock_wall_text(now, sizeof(now)));
    reply->content_language = matching->in_french ? "fr" : "en";
    reply->vary_language = true;
    computed_private(reply, COMPUTED_JSON);
    return text_failed(text) ? fault_raise(-ENOMEM) : 0;
}

static int match_held(struct matching *matching, struct db *db, struct reply *reply)
{
    int r = profile_read(matching->offers, &matching->held, matching->body,
                         matching->request->arena, &matching->profile);

    matching->profile.now = (int64_t)(clock_wall_ms() / 1000);
    if (r == 0)
        r = read_rates(matching, db);
    if (r == 0)
        r = evaluate(matching);
    if (r == 0)
        r = fetch(matching, db);
    if (r == 0)
        r = collect_traits(matching);
    if (r == 0)
        r = show(matching, reply);
    page_deinit(&matching->page);
    return r;
}

static int match(struct matching *matching, struct reply *reply)
{
    struct request *request = matching->request;
    const struct application *application = request->application;
    const struct contract *contract = application->contract;
    const uint64_t generation =
        memo_generation(application->memo,
                        (uint64_t)1 << contract_resource_find(contract, "financing-offers")->index |
                            (uint64_t)1 << contract_resource_find(contract, "legal-bases")->index);
    struct db *db = NULL;
    int r = offers_hold(matching->offers, application->pool, generation,
                        memo_is_told(application->memo), &matching->held);

    if (r != 0)
        return r > 0 ? reply_database(request, reply, r) : r;
    r = db_lease(application->pool, &db);
    if (r == 0)
        r = match_held(matching, db, reply);
    db_release(db);
    offers_release(matching->offers, &matching->held);
    return r > 0 ? reply_database(request, reply, r) : r;
}

/* POST /v1/financing-offers/match: 200 offers with verdicts; 406; 422 validation-failed */
int handle_financing_match(struct request *request, struct reply *reply)
{
    struct matching *matching = arena_alloc(request->arena, sizeof(*matching));
    struct problem *problem = arena_alloc(request->arena, sizeof(*problem));
    int r = 0;

    if (matching == NULL || problem == NULL)
        return fault_raise(-ENOMEM);
    if (!present_takes(request, NULL, reply, &r) || !present_accepts_json(request, reply, &r))
        return r;
    problem_set(problem, "validation-failed", NULL);
    if (!schema_check(contract_request(request->application->contract, "FinancingProfile"),
                      request->body, "", request->arena, problem))
        return reply_problem(request, reply, problem);
    matching->request = request;
    matching->body = request->body;
    matching->offers = request->application->offers;
    present_read(request, &matching->asked);
    read_wishes(matching);
    return match(matching, reply);
}
