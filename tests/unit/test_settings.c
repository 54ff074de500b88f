#include "settings.h"

#include "base/log.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define SECRET "0123456789abcdef0123456789abcdef"

TestSuite(settings, .fini = test_ends_without_leaks);

static char *errors_text;
static size_t errors_size;

static void begin(void)
{
    setenv("EXPRESS_DATABASE_URL", "postgres:///express", 1);
    setenv("EXPRESS_SECRET", SECRET, 1);
}

/* What settings_read() says goes into errors_text, which the caller frees. */
static int read_all(struct settings *settings)
{
    FILE *errors = open_memstream(&errors_text, &errors_size);
    int r = settings_read(settings, errors);

    cr_assert_eq(fclose(errors), 0);
    return r;
}

static char *printed(const struct settings *settings)
{
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    settings_print(settings, file);
    cr_assert_eq(fclose(file), 0);
    return text;
}

Test(settings, the_defaults_are_in_force_when_nothing_is_set, .init = begin)
{
    struct settings settings;

    cr_assert_eq(read_all(&settings), 0, "%s", errors_text);
    cr_assert_str_empty(errors_text);
    cr_assert_str_eq(settings.database_url, "postgres:///express");
    cr_assert_str_eq(settings.public_database_url, "postgres:///express");
    cr_assert_str_eq(settings.bind, "127.0.0.1");
    cr_assert_eq(settings.port, 8080);
    cr_assert_str_eq(settings.admin_bind, "127.0.0.1");
    cr_assert_eq(settings.admin_port, 0);
    cr_assert_str_eq(settings.base_url, "");
    cr_assert_eq(settings.rate_limit, 50);
    cr_assert_str_eq(settings.trusted_proxy, "");
    cr_assert_eq(settings.pool_size, 8);
    cr_assert_eq(settings.connections_max, 1000);
    cr_assert_eq(settings.drain_s, 30);
    cr_assert_eq(settings.log_level, LOG_LEVEL_INFO);
    free(errors_text);
}

Test(settings, what_is_set_is_in_force, .init = begin)
{
    struct settings settings;

    setenv("EXPRESS_PUBLIC_DATABASE_URL", "postgres:///public", 1);
    setenv("EXPRESS_BIND", "::", 1);
    setenv("EXPRESS_PORT", "0", 1);
    setenv("EXPRESS_BASE_URL", "https://api.example.org/express", 1);
    setenv("EXPRESS_LOG_LEVEL", "error", 1);
    setenv("EXPRESS_RATE_LIMIT", "", 1);
    cr_assert_eq(read_all(&settings), 0, "%s", errors_text);
    cr_assert_str_eq(settings.public_database_url, "postgres:///public");
    cr_assert_str_eq(settings.bind, "::");
    cr_assert_eq(settings.port, 0);
    cr_assert_str_eq(settings.base_url, "https://api.example.org/express");
    cr_assert_eq(settings.log_level, LOG_LEVEL_ERROR);
    cr_assert_eq(settings.rate_limit, 50, "set to nothing is not set");
    free(errors_text);
}

Test(settings, each_bad_value_is_refused_by_name, .init = begin)
{
    static const char *const ROWS[][2] = {
        {"EXPRESS_PORT", "65536"},        {"EXPRESS_PORT", "-1"},
        {"EXPRESS_PORT", "80 "},          {"EXPRESS_PORT", "http"},
        {"EXPRESS_BIND", "localhost"},    {"EXPRESS_ADMIN_BIND", "1.2.3"},
        {"EXPRESS_BASE_URL", "ftp://a"},  {"EXPRESS_BASE_URL", "https://a/"},
        {"EXPRESS_BASE_URL", "https://"}, {"EXPRESS_BASE_URL", "https://a?b"},
        {"EXPRESS_SECRET", "short"},      {"EXPRESS_TRUSTED_PROXY", "proxy"},
        {"EXPRESS_POOL_SIZE", "0"},       {"EXPRESS_LOG_LEVEL", "loud"},
    };

    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct settings settings;

        setenv(ROWS[i][0], ROWS[i][1], 1);
        cr_assert_eq(read_all(&settings), SETTINGS_INVALID, "%s=%s", ROWS[i][0], ROWS[i][1]);
        cr_assert_not_null(strstr(errors_text, ROWS[i][0]), "%s", errors_text);
        free(errors_text);
        unsetenv(ROWS[i][0]);
        begin();
    }
}

Test(settings, all_faults_are_told_at_once)
{
    struct settings settings;

    setenv("EXPRESS_PORT", "x", 1);
    setenv("EXPRESS_BIND", "x", 1);
    cr_assert_eq(read_all(&settings), SETTINGS_INVALID);
    cr_assert_not_null(strstr(errors_text, "EXPRESS_PORT is not a whole number in the range "
                                           "0..65535\n"));
    cr_assert_not_null(strstr(errors_text, "EXPRESS_BIND is not an IP address\n"));
    free(errors_text);
}

Test(settings, a_misspelt_name_is_pointed_out, .init = begin)
{
    struct settings settings;

    setenv("EXPRESS_PROT", "1", 1);
    cr_assert_eq(read_all(&settings), 0);
    cr_assert_not_null(strstr(errors_text, "did you mean EXPRESS_PORT?"), "%s", errors_text);
    free(errors_text);
}

Test(settings, a_missing_database_is_said_by_who_needs_one)
{
    struct settings settings;
    char *text = NULL;
    size_t size_bytes = 0;
    FILE *errors = open_memstream(&text, &size_bytes);

    unsetenv("EXPRESS_DATABASE_URL");
    cr_assert_eq(read_all(&settings), 0);
    cr_assert_not(settings_name_database(&settings, errors));
    fclose(errors);
    cr_assert_not_null(strstr(text, "EXPRESS_DATABASE_URL"), "%s", text);
    free(text);
    free(errors_text);
}

Test(settings, without_a_secret_one_is_made_for_this_process, .init = begin)
{
    struct settings settings;

    unsetenv("EXPRESS_SECRET");
    cr_assert_eq(read_all(&settings), 0);
    cr_assert_eq(strlen(settings.secret), 64);
    cr_assert(settings_secret_is_random(&settings));
    free(errors_text);
}

Test(settings, secrets_and_passwords_are_never_printed)
{
    static const char *const URLS[] = {
        "postgres://user:hunter2@host/db",
        "postgres://host/db?password=hunter2",
        "host=h password=hunter2",
        "postgres://user:hunter2@host:5432/db?sslmode=require",
    };

    setenv("EXPRESS_SECRET", SECRET, 1);
    for (size_t i = 0; i < sizeof(URLS) / sizeof(URLS[0]); i++) {
        struct settings settings;
        char *text;

        setenv("EXPRESS_DATABASE_URL", URLS[i], 1);
        cr_assert_eq(read_all(&settings), 0);
        text = printed(&settings);
        cr_assert_null(strstr(text, "hunter2"), "%s", text);
        cr_assert_null(strstr(text, SECRET), "%s", text);
        cr_assert_not_null(strstr(text, "EXPRESS_PORT=8080 (default)\n"), "%s", text);
        free(text);
        free(errors_text);
    }
}

Test(settings, the_help_names_every_variable)
{
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    settings_print_help(file);
    cr_assert_eq(fclose(file), 0);
    cr_assert_not_null(strstr(text, "EXPRESS_DATABASE_URL"));
    cr_assert_not_null(strstr(text, "EXPRESS_LOG_LEVEL"));
    cr_assert_not_null(strstr(text, "(0..65535)"));
    free(text);
}
