/*
 * Why in memory: a profile is held against every offer, so no index helps, and in SQL ten thousand
 * offers with fourteen criteria take twenty times as long (tools/bench measures both). Why only
 * what changed: an editor at work would otherwise make each answer read all documents again. The
 * ids and ETags of all are asked for after each change, and that is one range of one index.
 *
 * Who reads holds a set that nobody changes any more. One at a time makes the next one, with a
 * connection of its own and without a lock; who waits for it has neither, so that a slow refill
 * leaves the pool to the other answers. Sets share the entries that are the same.
 */
#include "financing/offers.h"

#include "base/fault.h"
#include "base/num.h"
#include "base/text.h"
#include "base/uuid.h"
#include "contract/contract.h"
#include "db/db.h"
#include "financing/cities.h"
#include "financing/schedule.h"
#include "record/slice.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define RESOURCE "financing-offers"
#define ETAG_BYTES 40
#define BATCH_OFFERS 500 /* a megabyte of documents at once */
#define COUNTRIES_MAX 64 /* the contract has 60 and one */
#define LANGUAGES_MAX 32 /* 30 */
#define MOMENTS_MAX 128  /* 100 deadlines make 102 spans */
#define CURRENCIES_MAX 64
#define NAME_BYTES_MAX 512
#define DEGREES_BYTES_MAX 40

static const struct db_query LIST = {
    .name = "offers_list",
    .sql = "select id, etag from published.financing_offers_documents order by id",
    .param_count = 0,
};
static const struct db_query READ = {
    .name = "offers_read",
    .sql = "select id, etag, slug, document from published.financing_offers_documents "
           "where id = any($1::uuid[]) order by id",
    .param_count = 1,
};
/* Spans without bounds begin and end where 64 bits of seconds do. */
static const struct db_query MOMENTS = {
    .name = "offers_moments",
    .sql = "select id, case when isfinite(valid_from) then extract(epoch from valid_from)::bigint "
           "else -9223372036854775807 end, case when isfinite(valid_until) then "
           "ceil(extract(epoch from valid_until))::bigint else 9223372036854775807 end, "
           "application_status, extract(epoch from closes_at)::bigint "
           "from published.financing_moment where id = any($1::uuid[]) order by id, valid_from",
    .param_count = 1,
};
static const struct db_query LAWS = {
    .name = "offers_laws",
    .sql = "select id, country from published.legal_bases order by id",
    .param_count = 0,
};

struct entry {
    struct offer offer;
    size_t sets; /* that it is in; under the lock */
    char id[UUID_TEXT_BYTES];
    char law[UUID_TEXT_BYTES]; /* "": none */
    char etag[ETAG_BYTES];
    /* its arrays and slug follow in the same piece of memory */
};

struct offer_set {
    size_t holders;             /* under the lock; to be the present one counts as one */
    struct entry **entries;     /* in order of their ids */
    const struct offer **items; /* the offers of these */
    size_t count;
    struct currency currencies[CURRENCIES_MAX];
    size_t currency_count;
};

struct offers {
    const struct property *sets[CRITERION_COUNT]; /* whose values are the bits; or NULL */
    const struct property *instrument;
    const struct property *open_to_all;
    pthread_mutex_t lock;
    pthread_cond_t is_done;    /* a refill has ended */
    struct offer_set *present; /* NULL: there has been none */
    uint64_t generation;       /* of the present set */
    bool is_filling;
    uint64_t begun, ended; /* refills */
    int result;            /* of the last one */
};

int offers_new(const struct contract *contract, struct offers **ret_offers)
{
    static const struct {
        enum criterion criterion;
        const char *path;
    } SETS[] = {
        {CRITERION_TARGET_GROUPS, "eligibility.target_groups"},
        {CRITERION_GENDER, "eligibility.genders"},
        {CRITERION_RESIDENCE_STATUS, "eligibility.residence_statuses"},
        {CRITERION_LEGAL_FORM, "eligibility.legal_forms"},
        {CRITERION_STAGE, "eligibility.stages"},
        {CRITERION_SECTOR, "eligibility.sectors"},
        {CRITERION_PURPOSE, "eligibility.purposes"},
    };
    const struct resource *resource = contract_resource_find(contract, RESOURCE);
    struct offers *offers = calloc(1, sizeof(*offers));

    if (offers == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < ARRAY_LENGTH(SETS); i++)
        offers->sets[SETS[i].criterion] = resource_leaf(resource, SETS[i].path);
    offers->instrument = resource_leaf(resource, "instrument");
    offers->open_to_all = resource_leaf(resource, "eligibility.open_to_all");
    (void)pthread_mutex_init(&offers->lock, NULL);
    (void)pthread_cond_init(&offers->is_done, NULL);
    *ret_offers = offers;
    return 0;
}

static void free_set(struct offer_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++)
        if (set->entries[i]->sets == 0)
            free(set->entries[i]);
    free(set->entries);
    free(set->items);
    free(set);
}

/* Under the lock. */
static void let_go(struct offer_set *set)
{
    if (set == NULL || --set->holders > 0)
        return;
    for (size_t i = 0; i < set->count; i++)
        set->entries[i]->sets--;
    free_set(set);
}

void offers_free(struct offers *offers)
{
    if (offers == NULL)
        return;
    let_go(offers->present);
    (void)pthread_cond_destroy(&offers->is_done);
    (void)pthread_mutex_destroy(&offers->lock);
    free(offers);
}

/* --- codes, names, sums ------------------------------------------------------------------------
 */

/* The place of a code among the values; the count when it is none of them. */
static size_t place_of(const struct property *property, const char *code, size_t length)
{
    size_t i = 0;

    while (i < property->value_count && (strlen(property->values[i]) != length ||
                                         memcmp(property->values[i], code, length) != 0))
        i++;
    return i;
}

static uint64_t bit_of(const struct property *property, const char *code, size_t length)
{
    const size_t place = place_of(property, code, length);

    return place < property->value_count && place < 64 ? (uint64_t)1 << place : 0;
}

uint64_t offers_bit(const struct offers *offers, enum criterion criterion, const char *code)
{
    return bit_of(offers->sets[criterion], code, strlen(code));
}

const char *offers_code(const struct offers *offers, enum criterion criterion, unsigned place)
{
    const struct property *property = offers->sets[criterion];

    return property == NULL || place >= property->value_count ? NULL : property->values[place];
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

uint16_t offers_two_letters(const char *text, size_t length)
{
    /* Of a tag of three letters its third goes into the high bits: "fro" is not "fr". */
    if (length < 2 || !is_letter(text[0]) || !is_letter(text[1]))
        return 0;
    return (uint16_t)((text[0] & 0x1F) | (text[1] & 0x1F) << 5 |
                      (length > 2 && is_letter(text[2]) ? (text[2] & 0x1F) << 10 : 0));
}

int64_t offers_units(const char *text, size_t length, unsigned decimals)
{
    int64_t units = 0;
    size_t i = 0;
    unsigned place = 0;
    bool is_past_half = false, is_half = false;

    for (; i < length && text[i] != '.'; i++)
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(units, 10, &units) ||
            __builtin_add_overflow(units, text[i] - '0', &units))
            return -1;
    for (i++; i < length || place < decimals; i++, place++) {
        const int digit = i < length ? text[i] - '0' : 0;

        if (digit < 0 || digit > 9)
            return -1;
        if (place < decimals) {
            if (__builtin_mul_overflow(units, 10, &units) ||
                __builtin_add_overflow(units, digit, &units))
                return -1;
        } else if (place == decimals) {
            is_past_half = digit > 5;
            is_half = digit == 5;
        } else if (is_half && digit > 0) {
            is_past_half = true;
        }
    }
    if (is_past_half || (is_half && units % 2 != 0))
        units++;
    return units;
}

/* --- one offer, out of its document ------------------------------------------------------------
 */

struct draft {
    struct offer offer;
    uint16_t countries[COUNTRIES_MAX];
    uint16_t languages[LANGUAGES_MAX];
    char law[UUID_TEXT_BYTES];
};

static uint64_t read_set(const struct property *property, struct slice value)
{
    const char *at = value.bytes;
    struct slice item;
    uint64_t set = 0;

    if (value.length == 0)
        return 0;
    while (slice_next_item(&at, &item)) {
        const struct slice code = slice_unquoted(item);

        set |= bit_of(property, code.bytes, code.length);
    }
    return set;
}

static void add_code(uint16_t *codes, size_t *count, size_t most, struct slice value)
{
    const struct slice text = slice_unquoted(value);
    const uint16_t code = offers_two_letters(text.bytes, text.length);

    if (code != 0 && *count < most)
        codes[(*count)++] = code;
}

static void add_codes(uint16_t *codes, size_t *count, size_t most, struct slice value)
{
    const char *at = value.bytes;
    struct slice item;

    while (value.length > 0 && slice_next_item(&at, &item))
        add_code(codes, count, most, item);
}

static int read_age(struct slice value)
{
    int age = 0;

    for (size_t i = 0; i < value.length && i < 3; i++)
        age = age * 10 + (value.bytes[i] - '0');
    return value.length == 0 ? -1 : age;
}

static int64_t read_sum(struct slice money, struct currency *currency)
{
    const struct slice amount = slice_unquoted(slice_member(money, "amount"));
    const struct slice code = slice_unquoted(slice_member(money, "currency"));

    if (money.length == 0 || code.length != 3)
        return -1;
    memcpy(currency->code, code.bytes, 3);
    return offers_units(amount.bytes, amount.length, money_decimals(currency->code));
}

static void read_sums(struct slice document, struct offer *offer)
{
    struct currency minimum = {""}, maximum = {""};

    offer->minimum_units = read_sum(slice_member(document, "minimum_amount"), &minimum);
    offer->maximum_units = read_sum(slice_member(document, "maximum_amount"), &maximum);
    offer->currency = offer->maximum_units >= 0 ? maximum : minimum;
    /* A lowest sum in another currency than the highest says too little to go by. */
    if (offer->minimum_units >= 0 && strcmp(minimum.code, offer->currency.code) != 0)
        offer->minimum_units = -1;
}

static void read_eligibility(const struct offers *offers, struct slice eligibility,
                             struct draft *draft)
{
    static const struct {
        const char *name;
        enum criterion criterion;
    } IN_WORDS[] = {{"residence_status", CRITERION_RESIDENCE_STATUS},
                    {"themes", CRITERION_SECTOR},
                    {"legal_condition", CRITERION_LEGAL_BASIS}};
    struct offer *offer = &draft->offer;
    const char *at = eligibility.bytes;
    struct slice_member member;

    const uint64_t anybody = offers_bit(offers, CRITERION_TARGET_GROUPS, "residents");
    const uint64_t anything = offers_bit(offers, CRITERION_SECTOR, "multi_sector");

    offer->minimum_age = offer->maximum_age = -1;
    while (eligibility.length > 0 && slice_next_member(&at, &member)) {
        for (size_t i = 0; i < CRITERION_COUNT; i++)
            if (offers->sets[i] != NULL && slice_equals(member.name, offers->sets[i]->name))
                offer->sets[i] = read_set(offers->sets[i], member.value);
        if (slice_equals(member.name, "minimum_age"))
            offer->minimum_age = read_age(member.value);
        else if (slice_equals(member.name, "maximum_age"))
            offer->maximum_age = read_age(member.value);
        else if (slice_equals(member.name, "languages"))
            add_codes(draft->languages, &offer->language_count, LANGUAGES_MAX, member.value);
        else if (slice_equals(member.name, "open_to_all"))
            offer->open_to_all = (uint32_t)read_set(offers->open_to_all, member.value);
        for (size_t i = 0; i < ARRAY_LENGTH(IN_WORDS); i++)
            if (slice_equals(member.name, IN_WORDS[i].name) && member.value.length > 2)
                offer->in_words |= 1u << IN_WORDS[i].criterion;
    }
    if ((offer->sets[CRITERION_TARGET_GROUPS] & anybody) != 0)
        offer->of_any |= 1u << CRITERION_TARGET_GROUPS;
    if ((offer->sets[CRITERION_SECTOR] & anything) != 0)
        offer->of_any |= 1u << CRITERION_SECTOR;
}

static bool read_degrees(struct slice number, double most, double *degrees)
{
    char text[DEGREES_BYTES_MAX];

    if (number.length == 0 || number.length >= sizeof(text))
        return false;
    memcpy(text, number.bytes, number.length);
    text[number.length] = '\0';
    return num_parse_double(text, -most, most, degrees);
}

static void read_place(struct slice location, struct offer *offer)
{
    offer->is_placed = location.length > 0 &&
                       read_degrees(slice_member(location, "lat"), 90, &offer->latitude) &&
                       read_degrees(slice_member(location, "lon"), 180, &offer->longitude);
}

static void read_document(const struct offers *offers, struct slice document, struct draft *draft)
{
    struct offer *offer = &draft->offer;
    const struct slice country = slice_member(document, "country");
    const struct slice city = slice_member(document, "city");
    const struct slice law =
        slice_unquoted(slice_member(slice_member(document, "legal_basis"), "id"));
    const struct slice instrument = slice_unquoted(slice_member(document, "instrument"));

    read_eligibility(offers, slice_member(document, "eligibility"), draft);
    read_place(slice_member(document, "location"), offer);
    read_sums(document, offer);
    if (country.length > 0)
        add_code(draft->countries, &offer->country_count, COUNTRIES_MAX, country);
    add_codes(draft->countries, &offer->country_count, COUNTRIES_MAX,
              slice_member(document, "countries"));
    if (city.length > 0) {
        struct text name;

        text_init(&name, NAME_BYTES_MAX * 2);
        slice_append_decoded(city, &name);
        offer->city = city_of(name.bytes);
        text_deinit(&name);
    }
    offer->recurs =
        slice_equals(slice_member(slice_member(document, "application"), "recurring"), "true");
    offer->instrument = (unsigned)place_of(offers->instrument, instrument.bytes, instrument.length);
    offer->has_law = law.length == UUID_TEXT_BYTES - 1;
    if (offer->has_law)
        memcpy(draft->law, law.bytes, law.length);
}

/* The draft and its arrays in one piece of memory; NULL when there is none. */
static struct entry *make_entry(const struct draft *draft, const char *id, const char *etag,
                                const char *slug, const struct offer_moment *moments,
                                size_t moment_count)
{
    const struct offer *of = &draft->offer;
    const size_t moments_bytes = moment_count * sizeof(*moments);
    const size_t codes_bytes = (of->country_count + of->language_count) * sizeof(uint16_t);
    const size_t slug_bytes = strlen(slug) + 1;
    struct entry *entry = calloc(1, sizeof(*entry) + moments_bytes + codes_bytes + slug_bytes);
    struct offer_moment *kept;
    uint16_t *codes;
    char *name;

    if (entry == NULL)
        return NULL;
    kept = (struct offer_moment *)(entry + 1);
    codes = (uint16_t *)(kept + moment_count);
    name = (char *)(codes + of->country_count + of->language_count);
    memcpy(kept, moments, moments_bytes);
    memcpy(codes, draft->countries, of->country_count * sizeof(*codes));
    memcpy(codes + of->country_count, draft->languages, of->language_count * sizeof(*codes));
    memcpy(name, slug, slug_bytes);
    memcpy(entry->law, draft->law, sizeof(entry->law));
    entry->offer = *of;
    entry->offer.moments = kept;
    entry->offer.moment_count = moment_count;
    entry->offer.countries = codes;
    entry->offer.languages = codes + of->country_count;
    entry->offer.slug = name;
    entry->offer.id = entry->id;
    memcpy(entry->id, id, UUID_TEXT_BYTES - 1);
    if (strlen(etag) < ETAG_BYTES)
        memcpy(entry->etag, etag, strlen(etag) + 1);
    return entry;
}

/* --- reading those that changed ----------------------------------------------------------------
 */

static enum offer_status status_of(const char *name)
{
    if (name == NULL)
        return OFFER_STATUS_UNKNOWN;
    return name[0] == 'o' ? OFFER_OPEN : name[0] == 'u' ? OFFER_UPCOMING : OFFER_CLOSED;
}

/* The spans of the offer @id, from row *@at on. */
static size_t take_moments(const struct db_rows *rows, size_t *at, const char *id,
                           struct offer_moment moments[MOMENTS_MAX])
{
    size_t count = 0;

    while (*at < db_rows_count(rows) && strcmp(db_rows_text(rows, *at, 0), id) < 0)
        (*at)++;
    for (; *at < db_rows_count(rows) && strcmp(db_rows_text(rows, *at, 0), id) == 0; (*at)++) {
        const char *closes_at = db_rows_text(rows, *at, 4);

        if (count == MOMENTS_MAX)
            continue;
        moments[count++] = (struct offer_moment){
            .from = strtoll(db_rows_text(rows, *at, 1), NULL, 10),
            .until = strtoll(db_rows_text(rows, *at, 2), NULL, 10),
            .status = status_of(db_rows_text(rows, *at, 3)),
            .closes_at = closes_at == NULL ? INT64_MAX : strtoll(closes_at, NULL, 10),
        };
    }
    return count;
}

static size_t row_of_law(const struct db_rows *laws, const char *id)
{
    size_t low = 0, high = db_rows_count(laws);

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(db_rows_text(laws, middle, 0), id);

        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return db_rows_count(laws);
}

/* In which country a law holds: that changes without the offer. 0: in no one, or there is none. */
static uint16_t country_of_law(const struct db_rows *laws, const char *id)
{
    const size_t row = id[0] == '\0' ? SIZE_MAX : row_of_law(laws, id);
    const char *country = row < db_rows_count(laws) ? db_rows_text(laws, row, 1) : NULL;

    return country == NULL ? 0 : offers_two_letters(country, 2);
}

/* Adds the offers with the ids of an array literal to @set, in order. */
static int read_batch(const struct offers *offers, struct db *db, const struct db_rows *laws,
                      const char *ids, struct offer_set *set)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(db_rows_freep) struct db_rows *moments = NULL;
    size_t at = 0;
    int r = db_run(db, &READ, &ids, &rows);

    if (r == 0)
        r = db_run(db, &MOMENTS, &ids, &moments);
    for (size_t row = 0; r == 0 && row < db_rows_count(rows); row++) {
        const char *id = db_rows_text(rows, row, 0);
        struct offer_moment spans[MOMENTS_MAX];
        struct draft draft = {0};
        size_t span_count = take_moments(moments, &at, id, spans);
        struct entry *entry;

        read_document(offers,
                      (struct slice){db_rows_text(rows, row, 3), db_rows_bytes(rows, row, 3)},
                      &draft);
        draft.offer.law_country = country_of_law(laws, draft.law);
        entry = make_entry(&draft, id, db_rows_text(rows, row, 1), db_rows_text(rows, row, 2),
                           spans, span_count);
        if (entry == NULL)
            return fault_raise(-ENOMEM);
        set->entries[set->count++] = entry;
    }
    return r;
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *const *a = left;
    const struct entry *const *b = right;

    return strcmp((*a)->id, (*b)->id);
}

/* The present entry of a row that lists an id and an ETag; NULL: there is none, or another. */
static struct entry *find_kept(const struct offer_set *present, size_t *at, const char *id,
                               const char *etag, const struct db_rows *laws)
{
    struct entry *entry;

    while (present != NULL && *at < present->count && strcmp(present->entries[*at]->id, id) < 0)
        (*at)++;
    if (present == NULL || *at == present->count)
        return NULL;
    entry = present->entries[*at];
    return strcmp(entry->id, id) == 0 && strcmp(entry->etag, etag) == 0 &&
                   entry->offer.law_country == country_of_law(laws, entry->law)
               ? entry
               : NULL;
}

/* Reads what is not there yet, and takes over what is. @set has room for every row of @listed. */
static int collect(const struct offers *offers, struct db *db, const struct db_rows *listed,
                   const struct db_rows *laws, struct offer_set *set)
{
    struct text ids;
    size_t waiting = 0;
    size_t at = 0;
    int r = 0;

    text_init(&ids, BATCH_OFFERS * (UUID_TEXT_BYTES + 1));
    for (size_t row = 0; row < db_rows_count(listed) && r == 0; row++) {
        const char *id = db_rows_text(listed, row, 0);
        struct entry *kept =
            find_kept(offers->present, &at, id, db_rows_text(listed, row, 1), laws);

        if (kept != NULL) {
            set->entries[set->count++] = kept;
        } else {
            text_append_format(&ids, "%s%s", waiting == 0 ? "{" : ",", id);
            waiting++;
        }
        if (waiting > 0 && (waiting == BATCH_OFFERS || row + 1 == db_rows_count(listed))) {
            text_append_char(&ids, '}');
            r = text_failed(&ids) ? fault_raise(-ENOMEM)
                                  : read_batch(offers, db, laws, ids.bytes, set);
            text_clear(&ids);
            waiting = 0;
        }
    }
    text_deinit(&ids);
    return r;
}

static void note_currencies(struct offer_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct currency *currency = &set->items[i]->currency;
        size_t j = 0;

        if (currency->code[0] == '\0')
            continue;
        while (j < set->currency_count && strcmp(set->currencies[j].code, currency->code) != 0)
            j++;
        if (j == set->currency_count && j < CURRENCIES_MAX)
            set->currencies[set->currency_count++] = *currency;
    }
}

/* Whoever fills is alone at it: the present set stays while they look at it. */
static int make_set(const struct offers *offers, struct db *db, struct offer_set *set)
{
    CLEANUP(db_rows_freep) struct db_rows *listed = NULL;
    CLEANUP(db_rows_freep) struct db_rows *laws = NULL;
    int r = db_run(db, &LAWS, NULL, &laws);

    if (r == 0)
        r = db_run(db, &LIST, NULL, &listed);
    if (r != 0)
        return r;
    set->entries = calloc(db_rows_count(listed) + 1, sizeof(struct entry *));
    set->items = calloc(db_rows_count(listed) + 1, sizeof(struct offer *));
    if (set->entries == NULL || set->items == NULL)
        return fault_raise(-ENOMEM);
    r = collect(offers, db, listed, laws, set);
    qsort(set->entries, set->count, sizeof(struct entry *), compare_entries);
    for (size_t i = 0; i < set->count; i++)
        set->items[i] = &set->entries[i]->offer;
    note_currencies(set);
    return r;
}

static int fill(struct offers *offers, struct db_pool *pool, uint64_t generation)
{
    struct offer_set *set = calloc(1, sizeof(*set));
    CLEANUP(db_releasep) struct db *db = NULL;
    int r = set == NULL ? fault_raise(-ENOMEM) : db_lease(pool, &db);

    if (r == 0)
        r = make_set(offers, db, set);
    (void)pthread_mutex_lock(&offers->lock);
    if (r == 0) {
        set->holders = 1;
        for (size_t i = 0; i < set->count; i++)
            set->entries[i]->sets++;
        let_go(offers->present);
        offers->present = set;
        offers->generation = generation;
    } else {
        free_set(set);
    }
    (void)pthread_mutex_unlock(&offers->lock);
    return r;
}

/* Is the present set what it must be for whoever came when @begun refills had begun? */
static bool is_current(const struct offers *offers, uint64_t generation, bool is_told,
                       uint64_t begun)
{
    if (offers->present == NULL || offers->generation < generation)
        return false;
    return is_told || offers->ended > begun;
}

/* Under the lock, which is given up meanwhile: a refill, or the wait for that of another. */
static int refill(struct offers *offers, struct db_pool *pool, uint64_t generation)
{
    const uint64_t ended = offers->ended;
    int r;

    if (offers->is_filling) {
        while (offers->ended == ended)
            (void)pthread_cond_wait(&offers->is_done, &offers->lock);
        return offers->result;
    }
    offers->is_filling = true;
    offers->begun++;
    (void)pthread_mutex_unlock(&offers->lock);
    r = fill(offers, pool, generation);
    (void)pthread_mutex_lock(&offers->lock);
    offers->result = r;
    offers->is_filling = false;
    offers->ended = offers->begun;
    (void)pthread_cond_broadcast(&offers->is_done);
    return r;
}

int offers_hold(struct offers *offers, struct db_pool *pool, uint64_t generation, bool is_told,
                struct offers_held *ret_held)
{
    uint64_t begun;
    int r = 0;

    (void)pthread_mutex_lock(&offers->lock);
    begun = offers->begun;
    while (r == 0 && !is_current(offers, generation, is_told, begun))
        r = refill(offers, pool, generation);
    if (r == 0) {
        struct offer_set *set = offers->present;

        set->holders++;
        *ret_held = (struct offers_held){
            .set = set,
            .items = set->items,
            .count = set->count,
            .currencies = set->currencies,
            .currency_count = set->currency_count,
        };
    }
    (void)pthread_mutex_unlock(&offers->lock);
    return r;
}

void offers_release(struct offers *offers, const struct offers_held *held)
{
    (void)pthread_mutex_lock(&offers->lock);
    let_go(held->set);
    (void)pthread_mutex_unlock(&offers->lock);
}
