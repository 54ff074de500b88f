#include "environment.h"

#include "base/annotate.h"
#include "settings.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define WHOLE "EXPRESS_DATABASE_URL=postgres:///of-file\nEXPRESS_SECRET=" SECRET "\n"

static char folder[] = "/tmp/express-environment-XXXXXX";
static char path[64];
static char *errors_text;
static size_t errors_size;

static void begin(void)
{
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_lt(snprintf(path, sizeof(path), "%s/environment", folder), (int)sizeof(path));
    unsetenv("EXPRESS_DATABASE_URL");
    unsetenv("EXPRESS_SECRET");
    setenv("EXPRESS_DATA_DIR", folder, 1);
}

static void end(void)
{
    (void)unlink(path);
    (void)rmdir(folder);
    free(errors_text);
    test_ends_without_leaks();
}

TestSuite(environment, .init = begin, .fini = end);

static void write_file(const char *text, size_t size_bytes, mode_t mode)
{
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file);
    cr_assert_eq(fwrite(text, 1, size_bytes, file), size_bytes);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(chmod(path, mode), 0);
}

static int load(void)
{
    FILE *errors;
    int r;

    free(errors_text);
    errors = open_memstream(&errors_text, &errors_size);
    r = environment_load(errors);
    cr_assert_eq(fclose(errors), 0);
    return r;
}

Test(environment, what_the_file_says_is_in_force_where_nothing_else_is)
{
    struct settings settings;
    FILE *errors;

    write_file(WHOLE, strlen(WHOLE), 0600);
    errors = open_memstream(&errors_text, &errors_size);
    cr_assert_eq(settings_read(&settings, errors), 0);
    cr_assert_eq(fclose(errors), 0);
    cr_assert_str_eq(settings.database_url, "postgres:///of-file");
    cr_assert_str_eq(settings.secret, SECRET);
    cr_assert_not(settings_secret_is_random(&settings));
}

Test(environment, a_variable_that_is_set_goes_before_the_file)
{
    struct settings settings;
    FILE *errors;

    setenv("EXPRESS_SECRET", "another-secret-of-thirty-two-characters", 1);
    write_file(WHOLE, strlen(WHOLE), 0600);
    errors = open_memstream(&errors_text, &errors_size);
    cr_assert_eq(settings_read(&settings, errors), 0);
    cr_assert_eq(fclose(errors), 0);
    cr_assert_str_eq(settings.database_url, "postgres:///of-file");
    cr_assert_str_eq(settings.secret, "another-secret-of-thirty-two-characters");
}

Test(environment, a_database_that_is_named_leaves_the_file_alone)
{
    setenv("EXPRESS_DATABASE_URL", "postgres:///named", 1);
    write_file("nonsense", 8, 0666);
    cr_assert_eq(load(), 0, "%s", errors_text);
    cr_assert_null(environment_value("EXPRESS_SECRET"),
                   "a secret of the file belongs to the file's database");
}

Test(environment, no_file_is_no_fault)
{
    cr_assert_eq(load(), 0);
    cr_assert_null(environment_value("EXPRESS_DATABASE_URL"));
    setenv("EXPRESS_DATA_DIR", "/nonexistent/folder", 1);
    cr_assert_eq(load(), 0);
}

Test(environment, the_check_says_where_a_value_is_from)
{
    struct settings settings;
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    write_file(WHOLE, strlen(WHOLE), 0600);
    cr_assert_eq(settings_read(&settings, stderr), 0);
    settings_print(&settings, file);
    cr_assert_eq(fclose(file), 0);
    cr_assert_not_null(strstr(text, "EXPRESS_DATABASE_URL=postgres:///of-file (file)\n"), "%s",
                       text);
    cr_assert_not_null(strstr(text, "EXPRESS_SECRET=(set) (file)\n"), "%s", text);
    cr_assert_not_null(strstr(text, "EXPRESS_PORT=8080 (default)\n"), "%s", text);
    free(text);
}

Test(environment, what_others_could_have_written_is_refused)
{
    static const mode_t MODES[] = {0620, 0602, 0666};

    for (size_t i = 0; i < ARRAY_LENGTH(MODES); i++) {
        write_file(WHOLE, strlen(WHOLE), MODES[i]);
        cr_assert_eq(load(), ENVIRONMENT_REFUSED, "mode %o", (unsigned)MODES[i]);
        cr_assert_not_null(strstr(errors_text, "may be written by others"), "%s", errors_text);
        cr_assert_null(environment_value("EXPRESS_DATABASE_URL"));
        cr_assert_eq(unlink(path), 0);
    }
    if (geteuid() == 0) {
        write_file(WHOLE, strlen(WHOLE), 0644);
        cr_assert_eq(chmod(folder, 0755), 0);
        cr_assert_eq(chown(path, 65534, 65534), 0);
        cr_assert_eq(seteuid(65533), 0);
        cr_assert_eq(load(), ENVIRONMENT_REFUSED);
        cr_assert_not_null(strstr(errors_text, "belongs to another user"), "%s", errors_text);
        cr_assert_eq(seteuid(0), 0);
    }
}

Test(environment, a_file_that_is_none_is_refused)
{
    static const struct {
        const char *text;
        size_t size_bytes;
        const char *why;
    } ROWS[] = {
        {"EXPRESS_PORT=80\n", 16, "another setting"},
        {"export EXPRESS_SECRET=" SECRET "\n", 55, "a script"},
        {"EXPRESS_SECRET\n", 15, "no value"},
        {"EXPRESS_SECRET=a\0b\n", 19, "a NUL byte"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        write_file(ROWS[i].text, ROWS[i].size_bytes, 0600);
        cr_assert_eq(load(), ENVIRONMENT_REFUSED, "%s", ROWS[i].why);
        cr_assert_null(strstr(errors_text, SECRET), "%s", errors_text);
        cr_assert_null(environment_value("EXPRESS_SECRET"), "%s", ROWS[i].why);
    }
}

Test(environment, a_file_beyond_all_measure_is_refused)
{
    char *text = malloc(20000);

    cr_assert_not_null(text);
    memset(text, 'a', 20000);
    memcpy(text, "EXPRESS_SECRET=", 15);
    write_file(text, 20000, 0600);
    free(text);
    cr_assert_eq(load(), ENVIRONMENT_REFUSED);
}

Test(environment, a_link_or_a_folder_is_refused)
{
    cr_assert_eq(symlink("/etc/hostname", path), 0);
    cr_assert_eq(load(), ENVIRONMENT_REFUSED);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(load(), ENVIRONMENT_REFUSED);
    cr_assert_eq(rmdir(path), 0);
}
