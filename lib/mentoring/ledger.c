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

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES 160                     /* a whole one has 121 at most */
#define TIME_BYTES 24                      /* "2026-03-02T09:30:00.000Z" */
#define LINES_BYTES_MAX (16 * 1024 * 1024) /* 130 000 erasures */

/* --- reading -------------------------------------------------------------------------------- */

static bool is_time(const char *text)
{
    static const char SHAPE[] = "0000-00-00T00:00:00.000Z";

    if (strlen(text) != TIME_BYTES)
        return false;
    for (size_t i = 0; i < TIME_BYTES; i++)
        if (SHAPE[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != SHAPE[i])
            return false;
    return true;
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

static bool read_line(char *line, struct arena *arena, struct erasure *ret)
{
    char *words[5] = {NULL};

    if (split(line, words, ARRAY_LENGTH(words)) != ARRAY_LENGTH(words) ||
        !uuid_is_valid(words[0]) || !uuid_is_valid(words[1]) ||
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

static int compare(const void *left, const void *right)
{
    const struct erasure *a = left, *b = right;

    return strcmp(a->receipt, b->receipt);
}

/* Each once, in the order of the receipts. */
static size_t sort(struct erasure *erasures, size_t count)
{
    size_t kept = 0;

    qsort(erasures, count, sizeof(*erasures), compare);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || strcmp(erasures[kept - 1].receipt, erasures[i].receipt) != 0)
            erasures[kept++] = erasures[i];
    return kept;
}

static int unusable(const char *what)
{
    log_error("ledger.unusable", "what=%s reason=\"%s\"", what, strerror(errno));
    return LEDGER_UNUSABLE;
}

static int read_lines(FILE *file, struct arena *arena, struct erasure *list, size_t room,
                      size_t *ret_count)
{
    char line[LINE_BYTES];
    size_t count = 0;

    while (count < room && fgets(line, sizeof(line), file) != NULL) {
        const size_t length = strcspn(line, "\n");

        if (line[length] == '\0' && feof(file) != 0)
            break; /* the beginning of one */
        line[length] = '\0';
        if (!read_line(line, arena, &list[count])) {
            log_error("ledger.damaged", "line=%zu", count + 1);
            return LEDGER_DAMAGED;
        }
        count++;
    }
    *ret_count = count;
    return ferror(file) != 0 ? unusable("read") : 0;
}

int ledger_read(const char *path, struct arena *arena, struct erasure **ret_erasures,
                size_t *ret_count)
{
    FILE *file = fopen(path, "re");
    struct erasure *list;
    struct stat status;
    size_t room;
    int r;

    *ret_count = 0;
    *ret_erasures = NULL;
    if (file == NULL)
        return errno == ENOENT ? 0 : unusable("open");
    if (fstat(fileno(file), &status) != 0) {
        (void)fclose(file); /* only read */
        return unusable("look");
    }
    room = (size_t)status.st_size / (2 * (UUID_TEXT_BYTES - 1)) + 1; /* no line is that short */
    list = arena_alloc_array(arena, room, sizeof(*list));
    r = list == NULL ? fault_raise(-ENOMEM) : read_lines(file, arena, list, room, ret_count);
    (void)fclose(file); /* only read */
    if (r != 0)
        return r;
    if (arena_failed(arena))
        return fault_raise(-ENOMEM);
    *ret_count = sort(list, *ret_count);
    *ret_erasures = list;
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

int ledger_append(const char *path, const struct erasure *erasures, size_t count)
{
    struct text lines;
    int fd, r;

    if (count == 0)
        return 0;
    text_init(&lines, LINES_BYTES_MAX);
    for (size_t i = 0; i < count; i++)
        text_append_format(&lines, "%s %s %s %s %s\n", erasures[i].receipt,
                           erasures[i].participant_id, erasures[i].kind, erasures[i].cause,
                           erasures[i].erased_at);
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

static bool is_among(const struct erasure *erasure, const struct erasure *sorted, size_t count)
{
    return count > 0 && bsearch(erasure, sorted, count, sizeof(*sorted), compare) != NULL;
}

/* Those of @some that are not among the @others, to the front. */
static size_t keep_missing(struct erasure *some, size_t count, const struct erasure *others,
                           size_t other_count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (!is_among(&some[i], others, other_count))
            some[kept++] = some[i];
    return kept;
}

int ledger_meet(struct db *db, const char *path, struct arena *arena, struct erasure **ret_missing,
                size_t *ret_count)
{
    struct erasure *known, *written;
    size_t known_count, written_count, fresh_count;
    int r = ledger_read(path, arena, &written, &written_count);

    if (r == 0)
        r = erasure_list(db, arena, "-infinity", &known, &known_count);
    if (r != 0)
        return r;
    known_count = sort(known, known_count);
    *ret_missing = arena_alloc_array(arena, written_count + 1, sizeof(**ret_missing));
    if (*ret_missing == NULL)
        return fault_raise(-ENOMEM);
    if (written_count > 0)
        memcpy(*ret_missing, written, written_count * sizeof(*written));
    *ret_count = keep_missing(*ret_missing, written_count, known, known_count);
    fresh_count = keep_missing(known, known_count, written, written_count);
    return ledger_append(path, known, fresh_count);
}

int ledger_catch_up(struct db *db, const char *path, struct arena *arena)
{
    struct erasure *fresh, *written;
    size_t fresh_count, written_count;
    int r = erasure_list(db, arena, "yesterday", &fresh, &fresh_count);

    if (r != 0 || fresh_count == 0)
        return r;
    r = ledger_read(path, arena, &written, &written_count);
    if (r != 0)
        return r;
    fresh_count = keep_missing(fresh, fresh_count, written, written_count);
    return ledger_append(path, fresh, fresh_count);
}
