#include "mentoring/statistics.h"

#include "audit/audit.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/num.h"
#include "base/text.h"
#include "db/db.h"
#include "db/time.h"
#include "mentoring/disclosure.h"
#include "mentoring/terms.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CATEGORIES_MAX 4
#define ALL_OTHERS "all_others"
#define PAIRS_BYTES_MAX (256 * 1024 * 1024) /* a million pairs of one year */
#define WEEKS 53 /* of a year, the last one short: one statement each, which ends in time */
#define NUMBER_BYTES 24
#define YEARS_BYTES_MAX (64 * 1024) /* more than there are years of four digits */
#define DOCUMENT_BYTES_MAX (4 * 1024 * 1024)

/* Few categories each: the more there are, the more rows rest on few people. */
static const struct {
    const char *name;
    size_t count;
    const char *categories[CATEGORIES_MAX];
} FAMILIES[STATISTICS_FAMILIES] = {
    [STATISTICS_COMPLETION] = {"completion", 2, {"completed", "ended_early"}},
    [STATISTICS_TIME_TO_MATCH] = {"time_to_match",
                                  3,
                                  {"under_30_days", "30_to_89_days", "90_days_or_more"}},
    [STATISTICS_MEETINGS] = {"meetings", 3, {"under_6", "6_to_11", "12_or_more"}},
    [STATISTICS_OUTCOME] = {"outcomes",
                            4,
                            {"business_created", "job", "training", "other_or_none"}},
};
static const char *const DIMENSIONS[STATISTICS_DIMENSIONS] = {"country", "sector", "language"};

static const struct db_query DUE = {
    .name = "statistics_due",
    .sql =
        "select d.year from (select extract(year from now() at time zone 'UTC')::integer - "
        "case when extract(month from now() at time zone 'UTC') >= 7 then 1 else 2 end as year) d "
        "where not exists (select from published.mentoring_statistics s where s.year = d.year) "
        "and d.year <> all (string_to_array($1, ' ')::integer[])",
    .param_count = 1,
};
enum { MENTOR, MENTEE, PROGRAMME, VALUES, CATEGORIES = VALUES + STATISTICS_DIMENSIONS };
static const struct db_query PAIRS = {
    .name = "statistics_pairs",
    .sql = "select mentor, mentee, programme, country, sector, language, "
           "case completion when 'completed' then 0 else 1 end, "
           "case when waited_days < 30 then 0 when waited_days < 90 then 1 else 2 end, "
           "case when meetings < 6 then 0 when meetings < 12 then 1 else 2 end, "
           "case outcome when 'business_created' then 0 when 'job' then 1 when 'training' then 2 "
           "else 3 end from mentoring.statistics_rows($1::integer, $2::integer, $3::bigint)",
    .param_count = 3,
};
static const struct db_query PUBLISH = {
    .name = "statistics_publish",
    .sql = "select mentoring.publish_statistics($1::integer, $2::json)",
    .param_count = 2,
};
static const struct db_query YEARS = {
    .name = "statistics_years",
    .sql = "select s.year, to_char(s.published_at" DB_RFC3339
           " from published.mentoring_statistics s order by s.year",
};
static const struct db_query LIST = {
    .name = "statistics_list",
    .sql =
        "select s.year, to_char(s.published_at at time zone 'UTC', 'YYYY-MM-DD'), s.document "
        "from published.mentoring_statistics s where $1::integer is null or s.year = $1::integer "
        "order by s.year desc",
    .param_count = 1,
};

size_t statistics_category_count(enum statistics_family family)
{
    return FAMILIES[family].count;
}

/* --- counting ------------------------------------------------------------------------------------
 */

/* On whom a cell rests. Somebody of number 0 would not be counted, and be one too few. */
struct cell {
    uint32_t count, mentors, mentees;
    uint64_t last_mentor, last_mentee;
};
struct row {
    const char *value;
    struct cell all;
    uint32_t programmes; /* with enough people in this row */
    struct cell families[STATISTICS_FAMILIES][CATEGORIES_MAX];
    enum disclosure_mark marks[STATISTICS_FAMILIES];
};

/* One dimension. Row 0 is for what is put together, and for all of a table without dimension. */
struct sheet {
    struct row *rows;
    size_t row_count;
    uint32_t *row_of; /* of each pair, before values are put together */
    uint32_t *shown;  /* of each row: itself, or 0 */
    struct cell *one; /* of each row: on whom of one programme it rests */
};
/* A pair of a programme, and its mentor or its mentee. */
struct by_programme {
    uint64_t programme, person;
    uint32_t pair;
};

struct book {
    struct arena *arena;
    struct statistics_pair *pairs;
    size_t count;
    struct by_programme *mentors, *mentees; /* programme by programme, the persons ascending */
    struct row whole;
    struct sheet sheets[STATISTICS_DIMENSIONS];
};

static uint32_t people_of(const struct cell *cell)
{
    return cell->mentors < cell->mentees ? cell->mentors : cell->mentees;
}

static void count_mentor(struct cell *cell, uint64_t mentor)
{
    cell->count++;
    cell->mentors += cell->last_mentor != mentor;
    cell->last_mentor = mentor;
}

static void count_mentee(struct cell *cell, uint64_t mentee)
{
    cell->mentees += cell->last_mentee != mentee;
    cell->last_mentee = mentee;
}

static int compare_mentors(const void *one, const void *other)
{
    const struct statistics_pair *a = one;
    const struct statistics_pair *b = other;

    return (a->mentor > b->mentor) - (a->mentor < b->mentor);
}

/* Indexes of pairs whose mentees ascend: so that no pair has to move for it. */
struct by_mentee {
    uint64_t mentee;
    uint32_t pair;
};

static int compare_mentees(const void *one, const void *other)
{
    const struct by_mentee *a = one;
    const struct by_mentee *b = other;

    return (a->mentee > b->mentee) - (a->mentee < b->mentee);
}

typedef void count_person(struct cell *cell, uint64_t person);

static void count_into(struct row *row, const struct statistics_pair *pair, count_person *count,
                       uint64_t person)
{
    count(&row->all, person);
    for (size_t f = 0; f < STATISTICS_FAMILIES; f++)
        count(&row->families[f][pair->categories[f]], person);
}

static void clear_rows(struct sheet *sheet)
{
    for (size_t i = 0; i < sheet->row_count; i++)
        sheet->rows[i] = (struct row){.value = sheet->rows[i].value};
}

/* Counts a sheet anew, with what is put together by now; NULL: the whole. */
static void count_sheet(struct book *book, struct sheet *sheet, const struct by_mentee *by_mentee)
{
    for (size_t i = 0; i < book->count; i++) {
        const uint32_t pair = by_mentee[i].pair;
        struct row *first =
            sheet == NULL ? &book->whole : &sheet->rows[sheet->shown[sheet->row_of[i]]];
        struct row *second =
            sheet == NULL ? &book->whole : &sheet->rows[sheet->shown[sheet->row_of[pair]]];

        count_into(first, &book->pairs[i], count_mentor, book->pairs[i].mentor);
        count_into(second, &book->pairs[pair], count_mentee, book->pairs[pair].mentee);
    }
}

static bool is_enough(const struct cell *cell)
{
    return people_of(cell) >= DISCLOSURE_PEOPLE_MIN;
}

static int compare_programmes(const void *one, const void *other)
{
    const struct by_programme *a = one;
    const struct by_programme *b = other;

    if (a->programme != b->programme)
        return a->programme < b->programme ? -1 : 1;
    return (a->person > b->person) - (a->person < b->person);
}

static int sort_programmes(struct book *book)
{
    book->mentors = arena_alloc_array(book->arena, book->count + 1, sizeof(*book->mentors));
    book->mentees = arena_alloc_array(book->arena, book->count + 1, sizeof(*book->mentees));
    if (book->mentors == NULL || book->mentees == NULL)
        return fault_raise(-ENOMEM);
    for (uint32_t i = 0; i < book->count; i++) {
        const struct statistics_pair *pair = &book->pairs[i];

        book->mentors[i] = (struct by_programme){pair->programme, pair->mentor, i};
        book->mentees[i] = (struct by_programme){pair->programme, pair->mentee, i};
    }
    qsort(book->mentors, book->count, sizeof(*book->mentors), compare_programmes);
    qsort(book->mentees, book->count, sizeof(*book->mentees), compare_programmes);
    return 0;
}

static size_t row_number(const struct sheet *sheet, const struct by_programme *entry)
{
    return sheet == NULL ? 0 : sheet->shown[sheet->row_of[entry->pair]];
}

/* The programmes of each row of a sheet; NULL: of the whole. */
static void count_programmes(struct book *book, struct sheet *sheet)
{
    struct cell whole;
    struct cell *cells = sheet == NULL ? &whole : sheet->one;
    const size_t row_count = sheet == NULL ? 1 : sheet->row_count;
    size_t end;

    for (size_t start = 0; start < book->count; start = end) {
        memset(cells, 0, row_count * sizeof(*cells));
        for (end = start;
             end < book->count && book->mentors[end].programme == book->mentors[start].programme;
             end++) {
            count_mentor(&cells[row_number(sheet, &book->mentors[end])], book->mentors[end].person);
            count_mentee(&cells[row_number(sheet, &book->mentees[end])], book->mentees[end].person);
        }
        for (size_t i = 0; i < row_count; i++)
            if (is_enough(&cells[i]))
                (sheet == NULL ? &book->whole : &sheet->rows[i])->programmes++;
    }
}

/* --- putting small values together
 * ---------------------------------------------------------------- */

static int compare_rows(const void *one, const void *other)
{
    return strcmp(((const struct row *)one)->value, ((const struct row *)other)->value);
}

static int fill_sheet(struct book *book, struct sheet *sheet, size_t dimension)
{
    struct terms terms;
    int r = terms_init(&terms, book->arena);

    sheet->row_of = arena_alloc_array(book->arena, book->count + 1, sizeof(*sheet->row_of));
    if (sheet->row_of == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < book->count && r == 0; i++)
        r = terms_add(&terms, book->pairs[i].values[dimension], &sheet->row_of[i]);
    if (r != 0)
        return fault_fold(r);
    sheet->row_count = terms.count + 1;
    sheet->rows = arena_alloc_array(book->arena, sheet->row_count, sizeof(*sheet->rows));
    sheet->shown = arena_alloc_array(book->arena, sheet->row_count, sizeof(*sheet->shown));
    sheet->one = arena_alloc_array(book->arena, sheet->row_count, sizeof(*sheet->one));
    if (sheet->rows == NULL || sheet->shown == NULL || sheet->one == NULL)
        return fault_raise(-ENOMEM);
    sheet->rows[0].value = ALL_OTHERS;
    for (uint32_t i = 1; i < sheet->row_count; i++) {
        sheet->rows[i].value = terms_text(&terms, i);
        sheet->shown[i] = i;
    }
    return 0;
}

/* The row of fewest people that stands for itself, of equal ones the first by its value; 0: none.
 */
static uint32_t fewest(const struct sheet *sheet)
{
    uint32_t found = 0;

    for (uint32_t i = 1; i < sheet->row_count; i++) {
        const struct row *row = &sheet->rows[i];
        const struct row *best = &sheet->rows[found];

        if (sheet->shown[i] != i)
            continue;
        if (found == 0 || people_of(&row->all) < people_of(&best->all) ||
            (people_of(&row->all) == people_of(&best->all) && compare_rows(row, best) < 0))
            found = i;
    }
    return found;
}

/* Every row that is left has enough people, and row 0 has them or is empty. */
static void put_together(struct book *book, struct sheet *sheet, const struct by_mentee *by_mentee)
{
    count_sheet(book, sheet, by_mentee);
    for (uint32_t i = 1; i < sheet->row_count; i++)
        if (!is_enough(&sheet->rows[i].all))
            sheet->shown[i] = 0;
    clear_rows(sheet);
    count_sheet(book, sheet, by_mentee);
    while (sheet->rows[0].all.count > 0 && !is_enough(&sheet->rows[0].all)) {
        sheet->shown[fewest(sheet)] = 0; /* there is one: the whole has enough */
        clear_rows(sheet);
        count_sheet(book, sheet, by_mentee);
    }
    count_programmes(book, sheet);
    qsort(sheet->rows + 1, sheet->row_count - 1, sizeof(*sheet->rows), compare_rows);
}

/* --- withholding
 * ---------------------------------------------------------------------------------- */

static void fill_table(const struct row *const *rows, size_t row_count, size_t family,
                       uint32_t *counts, uint32_t *people)
{
    const size_t categories = FAMILIES[family].count;

    for (size_t i = 0; i < row_count; i++)
        for (size_t c = 0; c < categories; c++) {
            counts[i * categories + c] = rows[i]->families[family][c].count;
            people[i * categories + c] = people_of(&rows[i]->families[family][c]);
        }
}

/* The rows that are told of, in the arena; NULL: it is full. */
static struct row **told_rows(struct book *book, const struct sheet *sheet, size_t *ret_count)
{
    struct row **rows = arena_alloc_array(book->arena, sheet->row_count + 1, sizeof(struct row *));

    *ret_count = 0;
    for (size_t i = 1; rows != NULL && i <= sheet->row_count; i++) {
        struct row *row = &sheet->rows[i % sheet->row_count]; /* all others come last */

        if (row->all.count > 0)
            rows[(*ret_count)++] = row;
    }
    return rows;
}

/* Marks the rows of a sheet; @ret_is_possible: as disclosure_protect(). */
static int protect_rows(struct book *book, struct row **rows, size_t row_count, size_t family,
                        bool *ret_is_possible)
{
    const size_t cells = row_count * FAMILIES[family].count + 1;
    uint32_t *counts = arena_alloc_array(book->arena, cells, sizeof(*counts));
    uint32_t *people = arena_alloc_array(book->arena, cells, sizeof(*people));
    enum disclosure_mark *marks = arena_alloc_array(book->arena, row_count + 1, sizeof(*marks));

    if (counts == NULL || people == NULL || marks == NULL)
        return fault_raise(-ENOMEM);
    fill_table((const struct row *const *)rows, row_count, family, counts, people);
    *ret_is_possible = disclosure_protect(
        &(struct disclosure_table){row_count, FAMILIES[family].count, counts, people},
        DISCLOSURE_PEOPLE_MIN, marks);
    for (size_t i = 0; i < row_count; i++)
        rows[i]->marks[family] = marks[i];
    return 0;
}

static void withhold(struct row *row, size_t family)
{
    if (row->marks[family] == DISCLOSURE_SHOWN)
        row->marks[family] = DISCLOSURE_PROTECTS;
}

/* The totals of a family stand in every dimension: where they leave no room in one of them, the
 * family is withheld in all. */
static int protect_family(struct book *book, size_t family)
{
    struct row *whole = &book->whole;
    bool is_possible = true;
    int r = protect_rows(book, &whole, 1, family, &is_possible);

    for (size_t d = 0; d < STATISTICS_DIMENSIONS && r == 0; d++) {
        bool is_possible_here = true;
        size_t count;
        struct row **rows = told_rows(book, &book->sheets[d], &count);

        r = rows == NULL ? fault_raise(-ENOMEM)
                         : protect_rows(book, rows, count, family, &is_possible_here);
        is_possible = is_possible && is_possible_here;
    }
    if (r != 0 || is_possible)
        return r;
    withhold(whole, family);
    for (size_t d = 0; d < STATISTICS_DIMENSIONS; d++)
        for (size_t i = 0; i < book->sheets[d].row_count; i++)
            withhold(&book->sheets[d].rows[i], family);
    return 0;
}

/* --- telling
 * -------------------------------------------------------------------------------------- */

static void tell_row(const struct row *row, struct text *text)
{
    text_append_format(text, "\"programmes\":%u,\"pairs\":%u", row->programmes,
                       disclosure_round(row->all.count));
    for (size_t f = 0; f < STATISTICS_FAMILIES; f++) {
        const char *reason = disclosure_reason(row->marks[f]);

        text_append_format(text, ",\"%s\":{", FAMILIES[f].name);
        if (reason != NULL)
            text_append_format(text, "\"suppressed\":\"%s\"", reason);
        for (size_t c = 0; reason == NULL && c < FAMILIES[f].count; c++)
            text_append_format(text, "%s\"%s\":%u", c == 0 ? "" : ",", FAMILIES[f].categories[c],
                               disclosure_round(row->families[f][c].count));
        text_append_char(text, '}');
    }
}

static int tell_sheet(struct book *book, size_t dimension, struct text *text)
{
    size_t count;
    struct row **rows = told_rows(book, &book->sheets[dimension], &count);

    if (rows == NULL)
        return fault_raise(-ENOMEM);
    text_append_format(text, "%s\"%s\":[", dimension == 0 ? "" : ",", DIMENSIONS[dimension]);
    for (size_t i = 0; i < count; i++) {
        text_append(text, i == 0 ? "{\"value\":" : ",{\"value\":");
        text_append_json(text, rows[i]->value);
        text_append_char(text, ',');
        tell_row(rows[i], text);
        text_append_char(text, '}');
    }
    text_append_char(text, ']');
    return 0;
}

static int fill_book(struct book *book)
{
    struct by_mentee *by_mentee =
        arena_alloc_array(book->arena, book->count + 1, sizeof(*by_mentee));
    int r = by_mentee == NULL ? fault_raise(-ENOMEM) : 0;

    if (r != 0)
        return r;
    if (book->count > 0)
        qsort(book->pairs, book->count, sizeof(*book->pairs), compare_mentors);
    for (size_t i = 0; i < book->count; i++)
        by_mentee[i] = (struct by_mentee){book->pairs[i].mentee, (uint32_t)i};
    qsort(by_mentee, book->count, sizeof(*by_mentee), compare_mentees);
    count_sheet(book, NULL, by_mentee);
    if (!is_enough(&book->whole.all))
        return 0;
    r = sort_programmes(book);
    if (r == 0)
        count_programmes(book, NULL);
    for (size_t d = 0; d < STATISTICS_DIMENSIONS && r == 0; d++) {
        r = fill_sheet(book, &book->sheets[d], d);
        if (r == 0)
            put_together(book, &book->sheets[d], by_mentee);
    }
    for (size_t f = 0; f < STATISTICS_FAMILIES && r == 0; f++)
        r = protect_family(book, f);
    return r;
}

int statistics_tell(struct arena *arena, struct statistics_pair *pairs, size_t count,
                    struct text *text)
{
    struct book book = {.arena = arena, .pairs = pairs, .count = count};
    int r = fill_book(&book);

    if (r != 0)
        return fault_fold(r);
    if (!is_enough(&book.whole.all)) {
        text_append_format(text, "\"suppressed\":\"%s\"", disclosure_reason(DISCLOSURE_FEW));
        return 0;
    }
    tell_row(&book.whole, text);
    text_append(text, ",\"by\":{");
    for (size_t d = 0; d < STATISTICS_DIMENSIONS && r == 0; d++)
        r = tell_sheet(&book, d, text);
    text_append_char(text, '}');
    return r;
}

/* --- publishing ------------------------------------------------------------------------------- */

static int64_t read_number(const char *text)
{
    int64_t number = 0;

    if (!num_parse_i64(text, INT64_MIN, INT64_MAX, &number))
        assert(false); /* the column is an integer */
    return number;
}

struct pairs {
    struct arena *arena;
    struct statistics_pair *items;
    size_t count, room;
};

/* The old array stays in the arena: together they are as large as the new one. */
static int make_room(struct pairs *pairs, size_t more)
{
    struct statistics_pair *items;

    if (pairs->count + more <= pairs->room)
        return 0;
    pairs->room = 2 * (pairs->count + more);
    items = arena_alloc_array(pairs->arena, pairs->room, sizeof(*items));
    if (items == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < pairs->count; i++)
        items[i] = pairs->items[i];
    pairs->items = items;
    return 0;
}

static int read_pairs(const struct db_rows *rows, struct pairs *pairs)
{
    int r = make_room(pairs, db_rows_count(rows));

    for (size_t row = 0; r == 0 && row < db_rows_count(rows); row++) {
        struct statistics_pair *pair = &pairs->items[pairs->count++];

        pair->mentor = (uint64_t)read_number(db_rows_text(rows, row, MENTOR));
        pair->mentee = (uint64_t)read_number(db_rows_text(rows, row, MENTEE));
        pair->programme = (uint64_t)read_number(db_rows_text(rows, row, PROGRAMME));
        for (int d = 0; d < STATISTICS_DIMENSIONS; d++)
            pair->values[d] = arena_copy(pairs->arena, db_rows_text(rows, row, VALUES + d));
        for (int f = 0; f < STATISTICS_FAMILIES; f++)
            pair->categories[f] = (uint8_t)read_number(db_rows_text(rows, row, CATEGORIES + f));
        if (arena_failed(pairs->arena))
            r = fault_raise(-ENOMEM);
    }
    return r;
}

static int fetch_pairs(struct db *db, const char *year, struct pairs *pairs)
{
    char seed[NUMBER_BYTES];
    char week[NUMBER_BYTES];
    int64_t number;
    int r = 0;

    randombytes_buf(&number, sizeof(number));
    (void)snprintf(seed, sizeof(seed), "%" PRId64, number);
    for (int i = 0; i < WEEKS && r == 0; i++) {
        CLEANUP(db_rows_freep) struct db_rows *rows = NULL;

        (void)snprintf(week, sizeof(week), "%d", i);
        r = db_run(db, &PAIRS, (const char *const[]){year, week, seed}, &rows);
        if (r == 0)
            r = read_pairs(rows, pairs);
    }
    return r;
}

static int publish(struct db *db, const char *year)
{
    struct arena arena;
    struct pairs pairs = {.arena = &arena};
    struct text document;
    int r;

    arena_init(&arena, PAIRS_BYTES_MAX);
    text_init(&document, DOCUMENT_BYTES_MAX);
    text_append_char(&document, '{');
    r = fetch_pairs(db, year, &pairs);
    if (r == 0)
        r = statistics_tell(&arena, pairs.items, pairs.count, &document);
    text_append_char(&document, '}');
    if (r == 0 && text_failed(&document))
        r = fault_raise(-ENOMEM);
    if (r == 0)
        r = db_run(db, &PUBLISH, (const char *const[]){year, document.bytes}, NULL);
    if (r == 0)
        r = audit_append(
            db, &(struct audit_entry){.action = "statistics.publish", .resource = "statistics"});
    text_deinit(&document);
    arena_deinit(&arena);
    return r;
}

int statistics_years(struct db *db, struct arena *arena, struct statistics_told **ret_told,
                     size_t *ret_count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct statistics_told *told;
    int r = db_run(db, &YEARS, NULL, &rows);

    if (r != 0)
        return r;
    *ret_count = db_rows_count(rows);
    told = arena_alloc_array(arena, *ret_count + 1, sizeof(*told));
    for (size_t i = 0; i < *ret_count && told != NULL; i++)
        told[i] =
            (struct statistics_told){.year = arena_copy(arena, db_rows_text(rows, i, 0)),
                                     .published_at = arena_copy(arena, db_rows_text(rows, i, 1))};
    *ret_told = told;
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

int statistics_publish(struct db *db, const struct statistics_told *told, size_t told_count,
                       uint64_t *ret_done)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct text years;
    int r;

    text_init(&years, YEARS_BYTES_MAX);
    for (size_t i = 0; i < told_count; i++)
        text_append_format(&years, "%s%s", i == 0 ? "" : " ", told[i].year);
    r = text_failed(&years) ? fault_raise(-ENOMEM)
                            : db_run(db, &DUE, (const char *const[]){years.bytes}, &rows);
    text_deinit(&years);
    if (r != 0)
        return r;
    *ret_done = db_rows_count(rows);
    return *ret_done == 0 ? 0 : publish(db, db_rows_text(rows, 0, 0));
}

int statistics_list(struct db *db, const char *year, struct text *text)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &LIST, (const char *const[]){year}, &rows);

    if (r != 0)
        return r;
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const char *document = db_rows_text(rows, i, 2);

        text_append_format(text, "%s{\"year\":%s,\"published_on\":\"%s\",", i == 0 ? "" : ",",
                           db_rows_text(rows, i, 0), db_rows_text(rows, i, 1));
        text_append(text, document + 1); /* it is an object of ours: the rest of its members */
    }
    return 0;
}
