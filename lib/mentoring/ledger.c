/*
 * A crash may leave the beginning of a line at the end of the file. It was
 * never promised to anybody, so whoever writes next cuts it off; the database
 * has that erasure, and brings it again.
 */
#include "mentoring/ledger.h"

#include "base/annotate.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "base/uuid.h"
#include "db/db.h"
#include "mentoring/statistics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES 160    /* a whole one has 121 at most */
#define LINE_BYTES_MIN 40 /* of statistics, the shortest */
#define YEAR_BYTES 4      /* "2026" */
#define STATISTICS "statistics"
#define LINE_WORDS 5                       /* of an erasure */
#define TOLD_WORDS 3                       /* of statistics */
#define TIME_BYTES 24                      /* "2026-03-02T09:30:00.000Z" */
#define LINES_BYTES_MAX (16 * 1024 * 1024) /* 130 000 erasures */

/* --- reading -------------------------------------------------------------------------------- */

/* Digits where @shape has noughts, and the same elsewhere. */
static bool has_shape(const char *text, const char *shape, size_t length)
{
    if (strlen(text) != length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (shape[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i])
            return false;
    return true;
}

static bool is_time(const char *text)
{
    return has_shape(text, "0000-00-00T00:00:00.000Z", TIME_BYTES);
}

/* Cuts @line into words at single spaces. Return: how many, no more than @max + 1. */
static size_t split(char *line, char **words, size_t max)
{
    size_t count = 0;

    while (line != NULL && count <= max) {
        char *space = strchr(line, ' ');

        if (count < max)
            words[count] = line;
        count++;
        if (space != NULL)
            *space++ = '\0';
        line = space;
    }
    return count;
}

static bool read_erasure(char *const words[LINE_WORDS], struct arena *arena, struct erasure *ret)
{
    if (!uuid_is_valid(words[0]) || !uuid_is_valid(words[1]) ||
        (strcmp(words[2], "mentor") != 0 && strcmp(words[2], "mentee") != 0) ||
        (strcmp(words[3], "request") != 0 && strcmp(words[3], "retention") != 0) ||
        !is_time(words[4]))
        return false;
    *ret = (struct erasure){
        .receipt = arena_copy(arena, words[0]),
        .participant_id = arena_copy(arena, words[1]),
        .kind = arena_copy(arena, words[2]),
        .cause = arena_copy(arena, words[3]),
        .erased_at = arena_copy(arena, words[4]),
    };
    return true;
}

static bool read_told(char *const words[LINE_WORDS], struct arena *arena,
                      struct statistics_told *ret)
{
    if (strcmp(words[0], STATISTICS) != 0 || !has_shape(words[1], "0000", YEAR_BYTES) ||
        !is_time(words[2]))
        return false;
    *ret = (struct statistics_told){.year = arena_copy(arena, words[1]),
                                    .published_at = arena_copy(arena, words[2])};
    return true;
}

/* False: it is none. There is room for one more of each kind. */
static bool read_line(char *line, struct arena *arena, struct ledger *ledger)
{
    char *words[LINE_WORDS] = {NULL};

    switch (split(line, words, LINE_WORDS)) {
    case LINE_WORDS:
        return read_erasure(words, arena, &ledger->erasures[ledger->erasure_count]) &&
               ++ledger->erasure_count > 0;
    case TOLD_WORDS:
        return read_told(words, arena, &ledger->told[ledger->told_count]) &&
               ++ledger->told_count > 0;
    default:
        return false;
    }
}

static int compare_erasures(const void *left, const void *right)
{
    const struct erasure *a = left, *b = right;

    return strcmp(a->receipt, b->receipt);
}

static int compare_told(const void *left, const void *right)
{
    const struct statistics_told *a = left, *b = right;

    return strcmp(a->year, b->year);
}

/* Each once, in the order of receipts and years. */
static void sort(struct ledger *ledger)
{
    size_t erasures = 0, told = 0;

    if (ledger->erasure_count > 0)
        qsort(ledger->erasures, ledger->erasure_count, sizeof(*ledger->erasures), compare_erasures);
    for (size_t i = 0; i < ledger->erasure_count; i++)
        if (erasures == 0 ||
            compare_erasures(&ledger->erasures[erasures - 1], &ledger->erasures[i]) != 0)
            ledger->erasures[erasures++] = ledger->erasures[i];
    ledger->erasure_count = erasures;
    if (ledger->told_count > 0)
        qsort(ledger->told, ledger->told_count, sizeof(*ledger->told), compare_told);
    for (size_t i = 0; i < ledger->told_count; i++)
        if (told == 0 || compare_told(&ledger->told[told - 1], &ledger->told[i]) != 0)
            ledger->told[told++] = ledger->told[i];
    ledger->told_count = told;
}

static int unusable(const char *what)
{
    log_error("ledger.unusable", "what=%s reason=\"%s\"", what, strerror(errno));
    return LEDGER_UNUSABLE;
}

static int read_lines(FILE *file, struct arena *arena, struct ledger *ledger, size_t room)
{
    char line[LINE_BYTES];
    size_t count = 0;

    while (count < room && fgets(line, sizeof(line), file) != NULL) {
        const size_t length = strcspn(line, "\n");

        if (line[length] == '\0' && feof(file) != 0)
            break; /* the beginning of one */
        line[length] = '\0';
        if (!read_line(line, arena, ledger)) {
            log_error("ledger.damaged", "line=%zu", count + 1);
            return LEDGER_DAMAGED;
        }
        count++;
    }
    return ferror(file) != 0 ? unusable("read") : 0;
}

static int make_room(struct arena *arena, size_t room, struct ledger *ret_ledger)
{
    *ret_ledger = (struct ledger){
        .erasures = arena_alloc_array(arena, room, sizeof(*ret_ledger->erasures)),
        .told = arena_alloc_array(arena, room, sizeof(*ret_ledger->told)),
    };
    return ret_ledger->erasures == NULL || ret_ledger->told == NULL ? fault_raise(-ENOMEM) : 0;
}

int ledger_read(const char *path, struct arena *arena, struct ledger *ret_ledger)
{
    FILE *file = fopen(path, "re");
    struct ledger ledger;
    struct stat status;
    size_t room;
    int r;

    *ret_ledger = (struct ledger){0};
    if (file == NULL)
        return errno == ENOENT ? 0 : unusable("open");
    if (fstat(fileno(file), &status) != 0) {
        (void)fclose(file); /* only read */
        return unusable("look");
    }
    room = (size_t)status.st_size / LINE_BYTES_MIN + 1;
    r = make_room(arena, room, &ledger);
    if (r == 0)
        r = read_lines(file, arena, &ledger, room);
    (void)fclose(file); /* only read */
    if (r != 0)
        return r;
    if (arena_failed(arena))
        return fault_raise(-ENOMEM);
    sort(&ledger);
    *ret_ledger = ledger;
    return 0;
}

/* --- writing -------------------------------------------------------------------------------- */

/* Cuts off the beginning of a line that a crash has left. */
static int mend_end(int fd)
{
    off_t end = lseek(fd, 0, SEEK_END);
    char byte = '\n';

    if (end < 0)
        return unusable("seek");
    while (end > 0) {
        if (pread(fd, &byte, 1, end - 1) != 1)
            return unusable("read");
        if (byte == '\n')
            break;
        end--;
    }
    return ftruncate(fd, end) == 0 ? 0 : unusable("cut");
}

static int write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        const ssize_t written = write(fd, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return unusable("write");
        bytes += written;
        length -= (size_t)written;
    }
    return fsync(fd) == 0 ? 0 : unusable("sync");
}

static void append_lines(const struct ledger *ledger, struct text *lines)
{
    for (size_t i = 0; i < ledger->erasure_count; i++) {
        const struct erasure *erasure = &ledger->erasures[i];

        text_append_format(lines, "%s %s %s %s %s\n", erasure->receipt, erasure->participant_id,
                           erasure->kind, erasure->cause, erasure->erased_at);
    }
    for (size_t i = 0; i < ledger->told_count; i++)
        text_append_format(lines, STATISTICS " %s %s\n", ledger->told[i].year,
                           ledger->told[i].published_at);
}

int ledger_append(const char *path, const struct ledger *ledger)
{
    struct text lines;
    int fd, r;

    if (ledger->erasure_count + ledger->told_count == 0)
        return 0;
    text_init(&lines, LINES_BYTES_MAX);
    append_lines(ledger, &lines);
    fd = text_failed(&lines) ? -1 : open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        r = text_failed(&lines) ? fault_raise(-ENOMEM) : unusable("open");
        text_deinit(&lines);
        return r;
    }
    r = flock(fd, LOCK_EX) == 0 ? 0 : unusable("lock");
    if (r == 0)
        r = mend_end(fd);
    if (r == 0)
        r = write_all(fd, lines.bytes, lines.length);
    if (close(fd) != 0 && r == 0) /* which also unlocks it */
        r = unusable("close");
    text_deinit(&lines);
    return r;
}

/* --- both ----------------------------------------------------------------------------------- */

/* Is it in a sorted array? */
static bool is_among(const void *item, const void *items, size_t count, size_t bytes,
                     int (*compare)(const void *, const void *))
{
    return count > 0 && bsearch(item, items, count, bytes, compare) != NULL;
}

/* What is in @some and not in @others; both are sorted. */
static int find_missing(const struct ledger *some, const struct ledger *others, struct arena *arena,
                        struct ledger *ret_missing)
{
    int r = make_room(arena, some->erasure_count + some->told_count + 1, ret_missing);

    for (size_t i = 0; r == 0 && i < some->erasure_count; i++)
        if (!is_among(&some->erasures[i], others->erasures, others->erasure_count,
                      sizeof(*others->erasures), compare_erasures))
            ret_missing->erasures[ret_missing->erasure_count++] = some->erasures[i];
    for (size_t i = 0; r == 0 && i < some->told_count; i++)
        if (!is_among(&some->told[i], others->told, others->told_count, sizeof(*others->told),
                      compare_told))
            ret_missing->told[ret_missing->told_count++] = some->told[i];
    return r;
}

int ledger_meet(struct db *db, const char *path, struct arena *arena, struct ledger *ret_missing)
{
    struct ledger known = {0}, written, fresh;
    int r = ledger_read(path, arena, &written); /* first: what is written was in the database */

    if (r == 0)
        r = erasure_list(db, arena, "-infinity", &known.erasures, &known.erasure_count);
    if (r == 0)
        r = statistics_years(db, arena, &known.told, &known.told_count);
    if (r != 0)
        return r;
    sort(&known);
    r = find_missing(&written, &known, arena, ret_missing);
    if (r == 0)
        r = find_missing(&known, &written, arena, &fresh);
    return r == 0 ? ledger_append(path, &fresh) : r;
}
