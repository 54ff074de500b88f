#include "base/log.h"

#include "base/annotate.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(log, .fini = test_ends_without_leaks);

Test(log, client_text_is_quoted_and_what_is_not_plain_is_escaped)
{
    static const struct {
        const char *text, *quoted, *why;
    } ROWS[] = {
        {NULL, "\"\"", "nothing"},
        {"", "\"\"", "empty"},
        {"GET /v1", "\"GET /v1\"", "plain"},
        {"a\"b", "\"a\\x22b\"", "a quote"},
        {"a\\b", "\"a\\x5cb\"", "a backslash"},
        {"a\r\nevent=http.access", "\"a\\x0d\\x0aevent=http.access\"", "a forged line"},
        {"\x1b[31mred", "\"\\x1b[31mred\"", "a colour of the terminal"},
        {"\x7f", "\"\\x7f\"", "DEL"},
        {"\xE2\x80\xA8", "\"\\xe2\\x80\\xa8\"", "a line separator of Unicode"},
        {"\xFF\xFE", "\"\\xff\\xfe\"", "no UTF-8"},
        {"%s%n%p", "\"%s%n%p\"", "directives are only text"},
    };
    char buffer[128];

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        cr_assert_eq(log_quote(buffer, sizeof(buffer), ROWS[i].text), buffer);
        cr_assert_str_eq(buffer, ROWS[i].quoted, "%s: %s", ROWS[i].why, buffer);
    }
}

Test(log, text_that_does_not_fit_is_cut_and_marked_within_the_buffer)
{
    static const char *const TEXTS[] = {"abcdefghijklmnopqrstuvwxyz", "\n\n\n\n\n\n\n\n\n\n",
                                        "a\nb\nc\nd\ne\nf", "\"\"\"\"\"\"\"\"\"\""};

    for (size_t size_bytes = 8; size_bytes < 32; size_bytes++) {
        for (size_t i = 0; i < ARRAY_LENGTH(TEXTS); i++) {
            /* Exactly as large as we say: a write past its end is seen. */
            char *buffer = malloc(size_bytes);
            size_t length;

            length = strlen(log_quote(buffer, size_bytes, TEXTS[i]));
            cr_assert_lt(length, size_bytes);
            cr_assert_eq(buffer[0], '"');
            cr_assert_eq(buffer[length - 1], '"');
            if (length < strlen(TEXTS[i]) + 2)
                cr_assert_eq(memcmp(buffer + length - 4, "...\"", 4), 0, "%s", buffer);
            free(buffer);
        }
    }
}

/* Standard error of this process, read back. */
static int saved, reading;

static void listen_to_errors(void)
{
    FILE *file = tmpfile();

    cr_assert_not_null(file);
    reading = dup(fileno(file));
    saved = dup(STDERR_FILENO);
    cr_assert(reading >= 0 && saved >= 0);
    cr_assert_eq(dup2(reading, STDERR_FILENO), STDERR_FILENO);
    (void)fcntl(STDERR_FILENO, F_SETFL, O_APPEND);
    (void)fclose(file); /* the two descriptors keep it */
}

static size_t heard(char *buffer, size_t size_bytes)
{
    ssize_t length;

    cr_assert_eq(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    cr_assert_eq(lseek(reading, 0, SEEK_SET), 0);
    length = read(reading, buffer, size_bytes - 1);
    cr_assert_geq(length, 0);
    buffer[length] = '\0';
    (void)close(reading);
    (void)close(saved);
    return (size_t)length;
}

Test(log, a_line_has_time_level_event_request_and_then_what_the_caller_says)
{
    char line[4096];

    listen_to_errors();
    log_set_request("the-request");
    log_warn("pool.wait", "waited_ms=%u", 12u);
    log_set_request(NULL);
    (void)heard(line, sizeof(line));
    cr_assert_eq(strncmp(line, "time=", 5), 0, "%s", line);
    cr_assert_str_eq(line + 5 + 24, " level=warn event=pool.wait request_id=the-request "
                                    "waited_ms=12\n");
}

Test(log, a_request_is_named_up_to_the_longest_id_that_there_is)
{
    char line[4096];

    listen_to_errors();
    log_write(LOG_LEVEL_ERROR, "alone", "%s", "");
    log_set_request("0123456789012345678901234567890123456789012345678901234567890123-too-long");
    log_info("cut", "a=1");
    log_set_request(NULL);
    (void)heard(line, sizeof(line));
    cr_assert_not_null(strstr(line, "level=error event=alone \n"), "%s", line);
    cr_assert_not_null(strstr(line, " request_id=01234567890123456789012345678901234567890123456789"
                                    "01234567890123 a=1\n"),
                       "%s", line);
}

Test(log, lines_above_the_level_are_dropped)
{
    static const struct {
        enum log_level level;
        size_t lines;
    } ROWS[] = {
        {LOG_LEVEL_ERROR, 1}, {LOG_LEVEL_WARN, 2}, {LOG_LEVEL_INFO, 3}, {LOG_LEVEL_DEBUG, 4}};

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char lines[4096];
        size_t count = 0;

        listen_to_errors();
        log_set_level(ROWS[i].level);
        log_error("e", "a=1");
        log_warn("w", "a=1");
        log_info("i", "a=1");
        log_debug("d", "a=1");
        (void)heard(lines, sizeof(lines));
        for (const char *at = lines; (at = strchr(at, '\n')) != NULL; at++)
            count++;
        cr_assert_eq(count, ROWS[i].lines);
    }
}

Test(log, a_line_of_any_length_is_one_line_within_its_bound)
{
    char text[10000], line[8192];
    size_t length;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    listen_to_errors();
    log_error("long", "text=%s", text);
    length = heard(line, sizeof(line));
    cr_assert_leq(length, 2048);
    cr_assert_gt(length, 2000);
    cr_assert_eq(strchr(line, '\n'), line + length - 1);
}

#define THREADS 4
#define EACH 500

static void *write_many(void *data)
{
    const char *name = data;

    log_set_request(name);
    for (int i = 0; i < EACH; i++)
        log_error("mixed", "name=%s end=true", name);
    return NULL;
}

Test(log, threads_never_mix_their_lines_nor_their_requests)
{
    static char names[THREADS][8] = {"aaaa", "bbbb", "cccc", "dddd"};
    size_t size_bytes = (size_t)THREADS * EACH * 128;
    char *lines = malloc(size_bytes);
    pthread_t threads[THREADS];
    size_t count = 0;

    listen_to_errors();
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, write_many, names[i]), 0);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    (void)heard(lines, size_bytes);
    for (char *line = lines, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        const char *request, *name;

        *end = '\0';
        request = strstr(line, "request_id=");
        name = strstr(line, " name=");
        cr_assert(request != NULL && name != NULL, "%s", line);
        cr_assert_eq(memcmp(request + 11, name + 6, 4), 0, "%s", line);
        cr_assert_str_eq(name + 10, " end=true", "%s", line);
        count++;
    }
    cr_assert_eq(count, (size_t)THREADS * EACH);
    free(lines);
}
