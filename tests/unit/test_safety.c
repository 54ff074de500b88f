#include "safety.h"

#include "base/annotate.h"
#include "base/log.h"
#include "db/db.h"
#include "settings.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(safety, .fini = test_ends_without_leaks);

/* Nothing about it is unsafe, wherever it listens. */
static struct settings safe(void)
{
    return (struct settings){
        .database_url = "postgresql://db.example.org/express?sslmode=verify-full",
        .public_database_url = "postgresql://db.example.org/express?sslmode=verify-full",
        .bind = "0.0.0.0",
        .admin_bind = "127.0.0.1",
        .base_url = "https://api.example.org",
        .secret = "0123456789abcdef0123456789abcdef",
        .rate_limit = 50,
        .log_level = LOG_LEVEL_INFO,
        .allow_unsafe = "",
    };
}

static char *judged(const struct settings *settings, int expected)
{
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    cr_assert_eq(safety_judge(settings, file), expected);
    cr_assert_eq(fclose(file), 0);
    return text;
}

Test(safety, settings_of_production_pass_without_a_word)
{
    struct settings settings = safe();
    char *text = judged(&settings, 0);

    cr_assert_str_empty(text);
    free(text);
}

static void forget_base(struct settings *settings)
{
    settings->base_url = "";
}

static void open_base(struct settings *settings)
{
    settings->base_url = "http://api.example.org";
}

static void limit_nothing(struct settings *settings)
{
    settings->rate_limit = 0;
}

static void show_metrics(struct settings *settings)
{
    settings->admin_bind = "0.0.0.0";
}

static void tell_all(struct settings *settings)
{
    settings->log_level = LOG_LEVEL_DEBUG;
}

static void open_database(struct settings *settings)
{
    settings->database_url = "postgresql://db.example.org/express?sslmode=require";
}

static void open_public_database(struct settings *settings)
{
    settings->public_database_url = "host=192.0.2.1 dbname=express";
}

static const struct {
    const char *setting;
    void (*spoil)(struct settings *settings);
} ROWS[] = {
    {"EXPRESS_BASE_URL", forget_base},
    {"EXPRESS_BASE_URL", open_base},
    {"EXPRESS_RATE_LIMIT", limit_nothing},
    {"EXPRESS_ADMIN_BIND", show_metrics},
    {"EXPRESS_LOG_LEVEL", tell_all},
    {"EXPRESS_DATABASE_URL", open_database},
    {"EXPRESS_PUBLIC_DATABASE_URL", open_public_database},
};

Test(safety, each_hazard_is_refused_by_name_with_how_to_mend_it)
{
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct settings settings = safe();
        struct hazard hazards[HAZARDS_MAX];
        char *text;

        ROWS[i].spoil(&settings);
        cr_assert_eq(safety_find(&settings, hazards), 1, "row %zu", i);
        cr_assert_str_eq(hazards[0].setting, ROWS[i].setting, "row %zu", i);
        text = judged(&settings, SAFETY_REFUSED);
        cr_assert_not_null(strstr(text, ROWS[i].setting), "%s", text);
        cr_assert_not_null(strstr(text, hazards[0].mend), "%s", text);
        cr_assert_not_null(strstr(text, "EXPRESS_ALLOW_UNSAFE"), "%s", text);
        free(text);
    }
}

Test(safety, a_random_secret_is_a_hazard)
{
    struct settings settings;
    struct hazard hazards[HAZARDS_MAX];

    setenv("EXPRESS_DATABASE_URL", "postgresql:///express", 1);
    setenv("EXPRESS_BASE_URL", "https://api.example.org", 1);
    setenv("EXPRESS_BIND", "::", 1);
    cr_assert_eq(settings_read(&settings, stderr), 0);
    cr_assert_eq(safety_find(&settings, hazards), 1);
    cr_assert_str_eq(hazards[0].setting, "EXPRESS_SECRET");
}

Test(safety, whoever_listens_to_this_machine_alone_may_do_as_they_like)
{
    static const char *const BINDS[] = {"127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"};

    for (size_t i = 0; i < ARRAY_LENGTH(BINDS); i++) {
        struct settings settings = safe();
        struct hazard hazards[HAZARDS_MAX];

        limit_nothing(&settings);
        settings.bind = BINDS[i];
        cr_assert_eq(safety_find(&settings, hazards), 0, "%s", BINDS[i]);
    }
}

Test(safety, what_is_said_to_be_meant_passes_and_nothing_else)
{
    static const struct {
        const char *allow;
        int expected;
    } CASES[] = {
        {"1", 0},
        {"EXPRESS_RATE_LIMIT,EXPRESS_LOG_LEVEL", 0},
        {"EXPRESS_LOG_LEVEL,EXPRESS_PORT,EXPRESS_RATE_LIMIT", 0},
        {"EXPRESS_RATE_LIMIT", SAFETY_REFUSED},
        {"EXPRESS_LOG_LEVEL", SAFETY_REFUSED},
        {"EXPRESS_LOG,EXPRESS_RATE", SAFETY_REFUSED},
        {"", SAFETY_REFUSED},
    };

    log_set_level(LOG_LEVEL_ERROR);
    for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
        struct settings settings = safe();

        limit_nothing(&settings);
        tell_all(&settings);
        settings.allow_unsafe = CASES[i].allow;
        free(judged(&settings, CASES[i].expected));
    }
}

Test(safety, a_database_is_protected_by_place_or_by_certificate)
{
    static const struct {
        const char *url;
        bool is_protected;
    } CASES[] = {
        {"postgresql:///express", true},
        {"postgresql://postgres@/express?host=%2Frun%2Fpostgresql", true},
        {"host=/run/postgresql", true},
        {"postgresql://localhost/express", true},
        {"postgresql://127.0.0.1:5432/express", true},
        {"postgresql://[::1]/express", true},
        {"postgresql://localhost,127.0.0.1/express", true},
        {"postgresql://db.example.org/express?sslmode=verify-full", true},
        {"postgresql://a.example.org,b.example.org/x?sslmode=verify-full", true},
        {"postgresql://db.example.org/express", false},
        {"postgresql://db.example.org/express?sslmode=require", false},
        {"postgresql://db.example.org/express?sslmode=verify-ca", false},
        {"postgresql://localhost,db.example.org/express", false},
        {"host=localhost hostaddr=192.0.2.1", false},
        {"host=db.example.org hostaddr=127.0.0.1", true},
        {"service=express", false},
        {"postgresql://localhost.example.org/express", false},
        {"postgresql://10.0.0.1/express", false},
        {"not a connection string", false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++)
        cr_assert_eq(db_url_is_protected(CASES[i].url), CASES[i].is_protected, "%s", CASES[i].url);
}

Test(safety, what_libpq_takes_from_its_own_environment_counts)
{
    setenv("PGHOST", "db.example.org", 1);
    cr_assert_not(db_url_is_protected("postgresql:///express"));
    setenv("PGSSLMODE", "verify-full", 1);
    cr_assert(db_url_is_protected("postgresql:///express"));
    cr_assert_not(db_url_is_protected("postgresql:///express?sslmode=disable"));
}

Test(safety, names_that_are_none_are_refused_as_a_setting)
{
    static const struct {
        const char *list;
        int expected;
    } CASES[] = {
        {"1", 0},
        {"EXPRESS_RATE_LIMIT", 0},
        {"EXPRESS_RATE_LIMIT,EXPRESS_SECRET", 0},
        {"yes", SETTINGS_INVALID},
        {"EXPRESS_RATE", SETTINGS_INVALID},
        {"EXPRESS_RATE_LIMIT,", SETTINGS_INVALID},
        {"EXPRESS_RATE_LIMIT, EXPRESS_SECRET", SETTINGS_INVALID},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
        struct settings settings;

        setenv("EXPRESS_ALLOW_UNSAFE", CASES[i].list, 1);
        cr_assert_eq(settings_read(&settings, stderr), CASES[i].expected, "%s", CASES[i].list);
    }
}
