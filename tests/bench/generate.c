/*
 * Makes up a catalogue to measure with: organisations and practices in the
 * shape for writing, in files that `express-api import` takes. The same numbers
 * give the same bytes, everywhere.
 *
 *   generate [--practices N] [--organisations N] [--offers N] --out DIR
 *
 * DIR/organisations/organisations.json
 * DIR/practices-001/practices.json … 10 000 records a file
 * DIR/offers/financing-offers.json
 * DIR/words: 400 words to search for, from common to rare
 */
#include "base/num.h"
#include "base/text.h"
#include "bench/words.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RECORDS_A_FILE 10000
#define WORDS_MAX 8192
#define WORD_BYTES_MAX 40
#define PATH_TEXT_BYTES_MAX 4096
#define TEXT_BYTES_MAX (64 * 1024)
#define SUMMARY_BYTES 300
#define DESCRIPTION_BYTES 1500
#define SEARCH_WORDS 400
#define SEED_ORGANISATIONS 1
#define SEED_PRACTICES 2
#define SEED_OFFERS 3

static const char *const COUNTRIES[] = {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI",
                                        "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MT",
                                        "NL", "PL", "PT", "RO", "SE", "SI", "SK", "CH", "NO", "GB"};
static const char *const STEPS[] = {"competence_assessment", "training",   "mentoring",
                                    "information_campaign",  "networking", "financing"};
static const char *const SECTORS[] = {
    "agriculture", "care",    "catering",      "cleaning",  "construction",     "crafts",
    "culture",     "digital", "education",     "energy",    "finance",          "health",
    "hospitality", "housing", "interpreting",  "logistics", "manufacturing",    "mobility",
    "recycling",   "retail",  "social_action", "textile",   "sustainable_food", "tourism"};
static const char *const GROUPS[] = {
    "asylum_seekers", "entrepreneurs", "jobseekers",     "migrant_entrepreneurs",
    "migrant_women",  "migrants",      "municipalities", "newcomers",
    "refugees",       "trainers",      "volunteers",     "young_migrants"};
static const char *const LANGUAGES[] = {"en", "de", "fr", "es", "it", "pl", "pt", "nl",
                                        "el", "ro", "ar", "uk", "fa", "tr", "ru", "so"};
static const char *const STATES[] = {"active", "active", "active", "pilot", "paused", "ended"};
static const char *const CITY_BEGINNINGS[] = {"Alten", "Neu",   "Saint-", "Villa", "Porto",
                                              "Monte", "San ",  "Ober",   "Unter", "Castel",
                                              "Nova",  "Stara", "Kis",    "Berg",  "Wald"};
static const char *const CITY_ENDINGS[] = {"burg",  "ville", "stad",  "mira",    "lando",
                                           "nova",  "dorf",  "grad",  "minster", "field",
                                           "haven", "bruck", "polis", "heim",    "lac"};
static const char *const FORMS[] = {"association", "cooperative", "company", "foundation",
                                    "social_enterprise"};
static const char *const KINDS[] = {"Cooperative", "Foundation", "Institute",
                                    "Network",     "Workshop",   "Association"};

static const char *const INSTRUMENTS[] = {"award", "grant",       "guarantee", "in_kind",
                                          "loan",  "microcredit", "subsidy",   "equity"};
static const char *const STAGES[] = {"idea",     "informal", "test",  "launch",
                                     "start_up", "early",    "growth"};
static const char *const CURRENCIES[] = {"EUR", "EUR", "EUR", "SEK", "GBP"};

#define PICK(random, list) (list)[below((random), ARRAY_LENGTH(list))]

/* --- chance: splitmix64 ---------------------------------------------------------------------- */

struct random {
    uint64_t state;
};

static uint64_t next(struct random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t below(struct random *random, size_t count)
{
    return (size_t)(next(random) % count);
}

static double fraction(struct random *random)
{
    return (double)(next(random) >> 11) / 9007199254740992.0;
}

/* --- words --------------------------------------------------------------------------------------
 */

struct vocabulary {
    char words[WORDS_MAX][WORD_BYTES_MAX];
    double reaches[WORDS_MAX]; /* the share of all words up to this one, rising */
    size_t count;
};

static void add_word(struct vocabulary *vocabulary, const char *beginning, const char *ending)
{
    if (vocabulary->count < WORDS_MAX)
        (void)snprintf(vocabulary->words[vocabulary->count++], WORD_BYTES_MAX, "%s%s", beginning,
                       ending);
}

static void make_vocabulary(struct vocabulary *vocabulary)
{
    double reach = 0;

    for (size_t i = 0; i < ARRAY_LENGTH(COMMON_WORDS); i++)
        add_word(vocabulary, COMMON_WORDS[i], "");
    for (size_t i = 0; i < ARRAY_LENGTH(TOPICS); i++)
        add_word(vocabulary, TOPICS[i], "");
    for (size_t i = 0; i < ARRAY_LENGTH(VERBS); i++)
        add_word(vocabulary, VERBS[i], "");
    for (size_t i = 0; i < ARRAY_LENGTH(BEGINNINGS); i++)
        for (size_t j = 0; j < ARRAY_LENGTH(TOPICS); j++)
            add_word(vocabulary, BEGINNINGS[i], TOPICS[j]);
    for (size_t i = 0; i < ARRAY_LENGTH(TOPICS); i++)
        for (size_t j = 0; j < ARRAY_LENGTH(ENDINGS); j++)
            add_word(vocabulary, TOPICS[i], ENDINGS[j]);
    /* Zipf's law, flattened a little at the head. */
    for (size_t i = 0; i < vocabulary->count; i++) {
        reach += 1 / pow((double)i + 6, 0.95);
        vocabulary->reaches[i] = reach;
    }
    for (size_t i = 0; i < vocabulary->count; i++)
        vocabulary->reaches[i] /= reach;
}

static const char *any_word(const struct vocabulary *vocabulary, struct random *random)
{
    const double wanted = fraction(random);
    size_t low = 0;
    size_t high = vocabulary->count - 1;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (vocabulary->reaches[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return vocabulary->words[low];
}

static void append_capital(struct text *text, const char *word)
{
    text_append_char(text,
                     word[0] >= 'a' && word[0] <= 'z' ? (char)(word[0] - 'a' + 'A') : word[0]);
    text_append(text, word + 1);
}

static void append_sentence(struct text *text, const struct vocabulary *vocabulary,
                            struct random *random)
{
    const size_t count = 6 + below(random, 12);

    append_capital(text, any_word(vocabulary, random));
    for (size_t i = 1; i < count; i++) {
        text_append_char(text, ' ');
        text_append(text, any_word(vocabulary, random));
        if (below(random, 16) == 0 && i + 1 < count)
            text_append_char(text, ',');
    }
    if (below(random, 32) == 0)
        text_append_format(text, " “%s” – %zu %%", PICK(random, TOPICS), 1 + below(random, 90));
    text_append_char(text, '.');
}

/* Whole sentences, at least @size_bytes. */
static void append_prose(struct text *text, const struct vocabulary *vocabulary,
                         struct random *random, size_t size_bytes)
{
    const size_t start = text->length;

    while (text->length - start < size_bytes) {
        if (text->length > start)
            text_append_char(text, ' ');
        append_sentence(text, vocabulary, random);
    }
}

/* --- records
 * -------------------------------------------------------------------------------------- */

struct maker {
    const struct vocabulary *vocabulary;
    struct random random;
    struct text text; /* of one property */
    struct text record;
};

/* ,"name":"what the maker's text holds", which is emptied. */
static void add_text(struct maker *maker, const char *name)
{
    text_append_format(&maker->record, ",\"%s\":", name);
    text_append_json(&maker->record, maker->text.bytes);
    text_clear(&maker->text);
}

static void add_choice(struct maker *maker, const char *name, const char *choice)
{
    text_append_format(&maker->record, ",\"%s\":\"%s\"", name, choice);
}

/* Between @least and @most different items, one after the other from a random place. */
static void add_choices(struct maker *maker, const char *name, const char *const *list,
                        size_t list_count, size_t least, size_t most)
{
    const size_t count = least + below(&maker->random, most - least + 1);
    const size_t stride = 1 + below(&maker->random, list_count / most);
    const size_t start = below(&maker->random, list_count);

    text_append_format(&maker->record, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++)
        text_append_format(&maker->record, "%s\"%s\"", i == 0 ? "" : ",",
                           list[(start + i * stride) % list_count]);
    text_append_char(&maker->record, ']');
}

static void make_organisation(struct maker *maker, unsigned number)
{
    struct random *random = &maker->random;

    text_append_format(&maker->record, "{\"slug\":\"organisation-%u\"", number);
    append_capital(&maker->text, PICK(random, TOPICS));
    text_append_char(&maker->text, ' ');
    append_capital(&maker->text, PICK(random, TOPICS));
    text_append_format(&maker->text, " %s %u", PICK(random, KINDS), number);
    add_text(maker, "name");
    add_choice(maker, "legal_form", PICK(random, FORMS));
    append_prose(&maker->text, maker->vocabulary, random, 100);
    add_text(maker, "summary");
    add_choice(maker, "country", PICK(random, COUNTRIES));
    text_append_char(&maker->record, '}');
}

static void add_title(struct maker *maker)
{
    struct random *random = &maker->random;

    append_capital(&maker->text, PICK(random, VERBS));
    text_append_format(&maker->text, " %s %s with %s %s for %s",
                       any_word(maker->vocabulary, random), PICK(random, TOPICS),
                       PICK(random, TOPICS), any_word(maker->vocabulary, random),
                       PICK(random, TOPICS));
    add_text(maker, "title");
}

static void add_place(struct maker *maker)
{
    struct random *random = &maker->random;

    add_choice(maker, "country", PICK(random, COUNTRIES));
    text_append_format(&maker->text, "%s%s", PICK(random, CITY_BEGINNINGS),
                       PICK(random, CITY_ENDINGS));
    add_text(maker, "city");
    text_append_format(&maker->record, ",\"location\":{\"lat\":%.3f,\"lon\":%.3f}",
                       35 + 32 * fraction(random), -10 + 38 * fraction(random));
}

static void make_practice(struct maker *maker, unsigned number, unsigned organisation_count)
{
    struct random *random = &maker->random;

    text_append_format(&maker->record, "{\"slug\":\"practice-%u\"", number);
    add_title(maker);
    append_prose(&maker->text, maker->vocabulary, random, SUMMARY_BYTES);
    add_text(maker, "summary");
    append_prose(&maker->text, maker->vocabulary, random, DESCRIPTION_BYTES);
    add_text(maker, "description");
    add_place(maker);
    text_append_format(&maker->record, ",\"organisations\":[\"organisation-%zu\"]",
                       1 + below(random, organisation_count));
    add_choices(maker, "value_chain_steps", STEPS, ARRAY_LENGTH(STEPS), 1, 3);
    add_choices(maker, "sectors", SECTORS, ARRAY_LENGTH(SECTORS), 1, 3);
    add_choices(maker, "target_groups", GROUPS, ARRAY_LENGTH(GROUPS), 1, 4);
    add_choice(maker, "activity_status", PICK(random, STATES));
    text_append_format(&maker->record, ",\"started_on\":\"%zu-%02zu-%02zu\"",
                       2005 + below(random, 20), 1 + below(random, 12), 1 + below(random, 28));
    add_choices(maker, "languages", LANGUAGES, ARRAY_LENGTH(LANGUAGES), 1, 2);
    text_append_char(&maker->record, '}');
}

/* What offers state, and what they leave open, is by chance. */
static void make_offer(struct maker *maker, unsigned number, unsigned organisation_count)
{
    struct random *random = &maker->random;
    const size_t amount = 1000 + 500 * below(random, 100);
    const char *currency = PICK(random, CURRENCIES);

    text_append_format(&maker->record, "{\"slug\":\"offer-%u\"", number);
    add_title(maker);
    append_prose(&maker->text, maker->vocabulary, random, SUMMARY_BYTES);
    add_text(maker, "summary");
    add_place(maker);
    add_choice(maker, "instrument", PICK(random, INSTRUMENTS));
    text_append_format(&maker->record,
                       ",\"provider\":\"organisation-%zu\",\"maximum_amount\":{\"amount\":"
                       "\"%zu\",\"currency\":\"%s\"},\"application\":{\"deadline_kind\":"
                       "\"cut_offs\",\"time_zone\":\"Europe/Brussels\",\"deadlines\":["
                       "{\"date\":\"%zu-%02zu-01\"},{\"date\":\"%zu-%02zu-15\"}]},"
                       "\"eligibility\":{\"minimum_age\":%zu",
                       1 + below(random, organisation_count), amount, currency,
                       2024 + below(random, 4), 1 + below(random, 12), 2028 + below(random, 4),
                       1 + below(random, 12), 16 + below(random, 10));
    if (below(random, 3) > 0)
        add_choices(maker, "target_groups", GROUPS, ARRAY_LENGTH(GROUPS), 1, 4);
    if (below(random, 3) > 0)
        add_choices(maker, "legal_forms", FORMS, ARRAY_LENGTH(FORMS), 1, 3);
    if (below(random, 3) > 0)
        add_choices(maker, "stages", STAGES, ARRAY_LENGTH(STAGES), 1, 3);
    if (below(random, 3) > 0)
        add_choices(maker, "sectors", SECTORS, ARRAY_LENGTH(SECTORS), 1, 3);
    text_append(&maker->record, "}}");
}

/* --- files
 * ------------------------------------------------------------------------------------------ */

struct file {
    FILE *stream;
    char path[PATH_TEXT_BYTES_MAX];
};

static bool file_open(struct file *file, const char *folder, const char *below_it, const char *name)
{
    char path[PATH_TEXT_BYTES_MAX];
    int length = snprintf(path, sizeof(path), "%s%s", folder, below_it);
    int longer = snprintf(file->path, sizeof(file->path), "%s%s/%s", folder, below_it, name);

    if (length < 0 || longer < 0 || (size_t)longer >= sizeof(file->path))
        return false;
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        perror(path);
        return false;
    }
    file->stream = fopen(file->path, "we");
    if (file->stream == NULL)
        perror(file->path);
    return file->stream != NULL;
}

static bool file_close(struct file *file)
{
    const bool failed = ferror(file->stream) != 0;

    if (fclose(file->stream) == 0 && !failed)
        return true;
    perror(file->path);
    return false;
}

static bool write_record(struct maker *maker, struct file *file, bool first)
{
    const bool complete = !text_failed(&maker->record) && !text_failed(&maker->text);

    (void)fprintf(file->stream, "%s%s", first ? "[\n" : ",\n", maker->record.bytes);
    text_clear(&maker->record);
    return complete;
}

static bool write_organisations(struct maker *maker, const char *folder, unsigned count)
{
    struct file file;
    bool complete = true;

    maker->random.state = SEED_ORGANISATIONS;
    if (!file_open(&file, folder, "/organisations", "organisations.json"))
        return false;
    for (unsigned i = 1; i <= count && complete; i++) {
        make_organisation(maker, i);
        complete = write_record(maker, &file, i == 1);
    }
    (void)fprintf(file.stream, "\n]\n");
    return file_close(&file) && complete;
}

static bool write_practices(struct maker *maker, const char *folder, unsigned count,
                            unsigned organisation_count)
{
    bool complete = true;

    maker->random.state = SEED_PRACTICES;
    for (unsigned done = 0, number = 1; done < count && complete; number++) {
        const unsigned end = count - done > RECORDS_A_FILE ? done + RECORDS_A_FILE : count;
        struct file file;
        char name[32];

        (void)snprintf(name, sizeof(name), "/practices-%03u", number);
        if (!file_open(&file, folder, name, "practices.json"))
            return false;
        for (unsigned i = done; i < end && complete; i++) {
            make_practice(maker, i + 1, organisation_count);
            complete = write_record(maker, &file, i == done);
        }
        (void)fprintf(file.stream, "\n]\n");
        complete = file_close(&file) && complete;
        done = end;
    }
    return complete;
}

static bool write_offers(struct maker *maker, const char *folder, unsigned count,
                         unsigned organisation_count)
{
    struct file file;
    bool complete = true;

    maker->random.state = SEED_OFFERS;
    if (!file_open(&file, folder, "/offers", "financing-offers.json"))
        return false;
    for (unsigned i = 1; i <= count && complete; i++) {
        make_offer(maker, i, organisation_count);
        complete = write_record(maker, &file, i == 1);
    }
    (void)fprintf(file.stream, "\n]\n");
    return file_close(&file) && complete;
}

/* What people search for: not the words that nearly every text has, else from common to rare. */
static bool write_words(const struct vocabulary *vocabulary, const char *folder)
{
    const size_t first = ARRAY_LENGTH(COMMON_WORDS);
    struct file file;

    if (!file_open(&file, folder, "", "words"))
        return false;
    for (size_t i = 0; i < SEARCH_WORDS; i++) {
        /* Spread evenly, and in no order: 149 and 400 have no common divisor. */
        const size_t place = (i * 149) % SEARCH_WORDS;
        const size_t at = first + place * (vocabulary->count - first) / SEARCH_WORDS;

        (void)fprintf(file.stream, "%s\n", vocabulary->words[at]);
    }
    return file_close(&file);
}

/* --- the program
 * --------------------------------------------------------------------------------------- */

struct options {
    uint32_t practices;
    uint32_t organisations;
    uint32_t offers;
    const char *out;
};

static bool read_options(int count, char **arguments, struct options *options)
{
    for (int i = 1; i + 1 < count; i += 2) {
        const char *value = arguments[i + 1];

        if (strcmp(arguments[i], "--out") == 0)
            options->out = value;
        else if (strcmp(arguments[i], "--practices") == 0) {
            if (!num_parse_u32(value, 1, 10000000, &options->practices))
                return false;
        } else if (strcmp(arguments[i], "--organisations") == 0) {
            if (!num_parse_u32(value, 1, 10000, &options->organisations))
                return false;
        } else if (strcmp(arguments[i], "--offers") == 0) {
            if (!num_parse_u32(value, 1, 1000000, &options->offers))
                return false;
        } else
            return false;
    }
    return count % 2 == 1 && options->out != NULL;
}

int main(int count, char **arguments)
{
    static struct vocabulary vocabulary;
    struct options options = {.practices = 100000, .organisations = 10000, .offers = 10000};
    struct maker maker = {.vocabulary = &vocabulary};
    bool complete;

    if (!read_options(count, arguments, &options)) {
        (void)fprintf(
            stderr, "usage: generate [--practices N] [--organisations N] [--offers N] --out DIR\n");
        return 2;
    }
    if (mkdir(options.out, 0777) != 0 && errno != EEXIST) {
        perror(options.out);
        return 1;
    }
    make_vocabulary(&vocabulary);
    text_init(&maker.text, TEXT_BYTES_MAX);
    text_init(&maker.record, TEXT_BYTES_MAX);
    complete = write_organisations(&maker, options.out, options.organisations) &&
               write_practices(&maker, options.out, options.practices, options.organisations) &&
               write_offers(&maker, options.out, options.offers, options.organisations) &&
               write_words(&vocabulary, options.out);
    text_deinit(&maker.text);
    text_deinit(&maker.record);
    return complete ? 0 : 1;
}
