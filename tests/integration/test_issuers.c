/*
 * Outside issuers: whose tokens are taken, for what, and what becomes of them when the keys of
 * their issuer are not to be had.
 */
#include "base/clock.h"
#include "base/num.h"
#include "base/text.h"
#include "support/forge.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/server.h"
#include "support/tokens.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PRIVATE "/v1/clients?limit=1" /* for administrators */
#define PUBLIC "/v1/practices?limit=1"
#define KID "key-of-the-network"
#define HEADER "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"" KID "\"}"
#define PATH_BYTES 400
#define TEXT_BYTES_MAX (64 * 1024)
#define NEW_KEY_MS_MAX 60000
#define ANSWER_MS_MAX 10000 /* far below a wait for an issuer that never answers */

extern char **environ;

/* The web server of the issuers, its folder, and the server under test. */
static struct {
    pid_t pid;
    int in, out;
    uint32_t port;
    char folder[PATH_BYTES];
    struct test_server server;
} site;
static struct forge_key key; /* of the issuer /network */

static void end(void);

TestSuite(issuers, .fini = end, .timeout = 300);

/* --- the site ----------------------------------------------------------------------------- */

static char *file_of(const char *name)
{
    static char path[PATH_BYTES + 40];

    (void)snprintf(path, sizeof(path), "%s/%s", site.folder, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(file_of(name), "w");

    cr_assert_not_null(file, "%s", name);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

static void write_keys(const char *name, json_t *const *keys, size_t count)
{
    json_auto_t *list = json_array(), *set = json_pack("{sO}", "keys", list);
    char *text;

    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(list, keys[i]); /* looked at through the text */
    text = json_dumps(set, 0);
    write_file(name, text);
    free(text);
}

static void start_site(void)
{
    const char *source = getenv("EXPRESS_SOURCE_DIR");
    char script[PATH_BYTES], *words[] = {script, site.folder, NULL}, line[20] = "";
    posix_spawn_file_actions_t actions;
    int in[2], out[2];

    (void)snprintf(site.folder, sizeof(site.folder), "/tmp/express-issuers-XXXXXX");
    cr_assert_not_null(mkdtemp(site.folder));
    (void)snprintf(script, sizeof(script), "%s/tests/support/issuer.py",
                   source == NULL ? "." : source);
    cr_assert(pipe(in) == 0 && pipe(out) == 0);
    (void)fcntl(in[1], F_SETFD, FD_CLOEXEC);
    (void)fcntl(out[0], F_SETFD, FD_CLOEXEC);
    cr_assert_eq(posix_spawn_file_actions_init(&actions), 0);
    cr_assert_eq(posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO), 0);
    cr_assert_eq(posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO), 0);
    cr_assert_eq(posix_spawn(&site.pid, script, &actions, NULL, words, environ), 0, "%s", script);
    (void)posix_spawn_file_actions_destroy(&actions); /* always 0 in glibc */
    (void)close(in[0]);                               /* the site's now */
    (void)close(out[1]);
    site.in = in[1];
    site.out = out[0];
    cr_assert_gt(read(site.out, line, sizeof(line) - 1), 0);
    line[strcspn(line, "\n")] = '\0';
    cr_assert(num_parse_u32(line, 1, UINT16_MAX, &site.port), "%s", line);
}

static void stop_site(void)
{
    if (site.pid == 0)
        return;
    (void)close(site.in); /* the end of its input ends it */
    (void)close(site.out);
    (void)waitpid(site.pid, NULL, 0);
    site.pid = 0;
}

/* How often was this path asked for? */
static unsigned fetches(const char *path)
{
    FILE *file = fopen(file_of("requests"), "r");
    unsigned count = 0;
    char line[100];

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        count += strcmp(line, path) == 0;
    }
    if (file != NULL)
        (void)fclose(file); /* only read */
    return count;
}

static void append_issuer(struct text *list, const char *name, const char *path)
{
    text_append_format(
        list,
        "%s{\"issuer\":\"http://127.0.0.1:%u/%s\",\"audience\":\"express\",\"jwks_uri\":"
        "\"http://127.0.0.1:%u%s\",\"algorithms\":[\"RS256\",\"ES256\"],"
        "\"roles\":{\"claim\":[\"realm_access\",\"roles\"],\"map\":{\"express-admins\":\"admin\","
        "\"express-editors\":\"editor\",\"express-partners\":\"partner\"}},"
        "\"organisation\":{\"claim\":\"house\",\"map\":{\"house-7\":\"univerbal\"}}}",
        list->length > 1 ? "," : "", site.port, name, site.port, path);
}

/* The issuer /network has our key; those of the other names are what their paths are. */
static void begin_with(json_t *const *weak, size_t weak_count)
{
    static const char *const OTHERS[][2] = {{"other", "/keys/other"}, {"weak", "/keys/weak"},
                                            {"html", "/html"},        {"large", "/large"},
                                            {"broken", "/broken"},    {"slow", "/slow"}};
    char setting[PATH_BYTES + 60], *what = NULL;
    struct text list;

    key = forge_key_make(FORGE_P256);
    start_site();
    write_keys("network", &(json_t *){forge_key_to_jwk(&key, KID)}, 1);
    write_keys("other", &(json_t *){forge_key_to_jwk(&key, "key-of-another")}, 1);
    write_keys("weak", weak, weak_count);
    text_init(&list, TEXT_BYTES_MAX);
    text_append_char(&list, '[');
    append_issuer(&list, "network", "/keys/network");
    for (size_t i = 0; i < ARRAY_LENGTH(OTHERS); i++)
        append_issuer(&list, OTHERS[i][0], OTHERS[i][1]);
    text_append_char(&list, ']');
    write_file("issuers", list.bytes);
    text_deinit(&list);
    (void)snprintf(setting, sizeof(setting), "EXPRESS_ISSUERS=%s", file_of("issuers"));
    if (!test_server_start(&site.server,
                           (const char *const[]){"EXPRESS_RATE_LIMIT=0", setting, NULL}, &what))
        cr_assert_fail("%s", what);
    test_server_use(&site.server);
}

static void begin(void)
{
    begin_with(NULL, 0);
}

static void end(void)
{
    static const char *const FILES[] = {"network", "other", "weak", "issuers", "requests"};
    char *what = NULL;

    stop_site();
    if (!test_server_stop(&site.server, &what))
        cr_assert_fail("%s", what);
    for (size_t i = 0; i < ARRAY_LENGTH(FILES); i++)
        (void)unlink(file_of(FILES[i])); /* each may be missing */
    (void)rmdir(site.folder);
    forge_key_deinit(&key);
    test_ends_without_leaks();
}

/* --- tokens ------------------------------------------------------------------------------- */

/* What a good token says. Owned, json_decref(). */
static json_t *claims_of(const char *issuer, const char *role)
{
    json_int_t now = (json_int_t)time(NULL);
    char name[100];

    (void)snprintf(name, sizeof(name), "http://127.0.0.1:%u/%s", site.port, issuer);
    return json_pack("{ss ss ss sI sI s{s[s]} ss}", "iss", name, "aud", "express", "sub",
                     "person-1", "iat", now - 300, "exp", now + 300, "realm_access", "roles", role,
                     "house", "house-7");
}

static char *sign(const struct forge_key *with, const char *header, const json_t *claims)
{
    char *payload = json_dumps(claims, JSON_COMPACT);
    char *token = forge_token(with, header, payload);

    free(payload);
    return token;
}

static char *token_of(const char *issuer, const char *role)
{
    json_auto_t *claims = claims_of(issuer, role);

    return sign(&key, HEADER, claims);
}

static int status_of(const char *token, const char *path)
{
    struct response *response = http_as(token, "GET", path, NULL, NULL);
    int status = response->status;

    response_free(response);
    return status;
}

static void check_refused(const char *token, const char *why)
{
    CLEANUP(response_freep) struct response *response = http_as(token, "GET", PUBLIC, NULL, NULL);

    cr_assert_eq(response->status, 401, "%s: %d %s", why, response->status, response->body);
    cr_assert_str_eq(response_text_at(response, "/type"), "/problems/invalid-token", "%s", why);
}

/* --- what they may ------------------------------------------------------------------------ */

Test(issuers, the_roles_of_an_issuer_come_to_ours_by_its_map, .init = begin)
{
    static const struct {
        const char *role;
        int status;
        const char *why;
    } ROWS[] = {
        {"express-admins", 200, "an administrator"},
        {"express-editors", 403, "an editor"},
        {"express-partners", 403, "a partner"},
        {"admin", 401, "a role of the name of ours that is not mapped"},
        {"Express-Admins", 401, "in other letters"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char *token = token_of("network", ROWS[i].role);

        cr_assert_eq(status_of(token, PRIVATE), ROWS[i].status, "%s", ROWS[i].why);
        free(token);
    }
}

Test(issuers, what_a_token_says_of_its_own_rights_does_not_count, .init = begin)
{
    static const char *const NAMES[] = {"role", "roles", "organisation", "client_id", "scope"};
    json_auto_t *claims = claims_of("network", "express-editors");
    char *token;

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        (void)json_object_set_new(claims, NAMES[i], json_string("admin"));
    token = sign(&key, HEADER, claims);
    cr_assert_eq(status_of(token, PRIVATE), 403);
    free(token);
}

/* --- keys --------------------------------------------------------------------------------- */

/* Checks A7. */
Test(issuers, a_key_is_one_of_the_issuer_that_the_token_names, .init = begin)
{
    static const char *const KIDS[] = {"unknown",     "key-of-another",       "../keys/network",
                                       "' or '1'='1", "http://127.0.0.1:1/k", "",
                                       KID " ",       "KEY-OF-THE-NETWORK"};
    json_auto_t *claims = claims_of("network", "express-admins");
    char long_kid[4100], header[4300], *token;

    for (size_t i = 0; i < ARRAY_LENGTH(KIDS); i++) {
        (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%s\"}", KIDS[i]);
        token = sign(&key, header, claims);
        check_refused(token, KIDS[i]);
        free(token);
    }
    memset(long_kid, 'k', sizeof(long_kid) - 1);
    long_kid[sizeof(long_kid) - 1] = '\0';
    (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%s\"}", long_kid);
    token = sign(&key, header, claims);
    check_refused(token, "a kid of 4 kB");
    free(token);
    token = sign(&key, "{\"alg\":\"ES256\"}", claims);
    check_refused(token, "no kid");
    free(token);
    cr_assert_leq(fetches("/keys/network"), 2, "at the start, and once for a key not known");
}

/* Checks A8, A10, A11. */
Test(issuers, the_algorithm_is_that_of_the_key, .init = begin)
{
    static const struct {
        const char *header, *why;
    } ROWS[] = {
        {"{\"alg\":\"RS256\",\"kid\":\"" KID "\"}", "RSA with a key of a curve"},
        {"{\"alg\":\"ES384\",\"kid\":\"" KID "\"}", "another curve"},
        {"{\"alg\":\"none\",\"kid\":\"" KID "\"}", "none"},
        {"{\"alg\":\"HS256\",\"kid\":\"" KID "\"}", "a secret"},
        {"{\"alg\":\"ES256\",\"kid\":\"" KID "\",\"crit\":[\"exp\"]}", "crit"},
        {"{\"alg\":\"ES256\",\"kid\":\"" KID "\",\"jku\":\"http://127.0.0.1:1/\"}", "jku"},
        {"{\"alg\":\"ES256\",\"kid\":\"" KID "\",\"jwk\":{}}", "jwk"},
        {"{\"alg\":\"ES256\",\"kid\":\"" KID "\",\"b64\":false}", "b64"},
        {"{\"alg\":\"ES256\",\"alg\":\"ES256\",\"kid\":\"" KID "\"}", "alg twice"},
        {"{\"alg\":\"ES256\",\"kid\":\"" KID "\",\"typ\":\"dpop+jwt\"}", "another type"},
    };
    json_auto_t *claims = claims_of("network", "express-admins");

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char *token = sign(&key, ROWS[i].header, claims);

        check_refused(token, ROWS[i].why);
        free(token);
    }
    char *good = sign(&key, HEADER, claims);

    cr_assert_eq(status_of(good, PRIVATE), 200, "the same with the right header");
    free(good);
}

static const struct {
    enum forge_kind kind;
    const char *algorithm, *kid;
} WEAK[] = {{FORGE_RSA_1024, "RS256", "short"},
            {FORGE_P384, "ES256", "curve"},
            {FORGE_RSA_EXPONENT_3, "RS256", "exponent"}};
static struct forge_key weak_keys[ARRAY_LENGTH(WEAK)];

static void begin_weak(void)
{
    json_t *jwks[ARRAY_LENGTH(WEAK)];

    for (size_t i = 0; i < ARRAY_LENGTH(WEAK); i++) {
        weak_keys[i] = forge_key_make(WEAK[i].kind);
        jwks[i] = forge_key_to_jwk(&weak_keys[i], WEAK[i].kid);
    }
    begin_with(jwks, ARRAY_LENGTH(WEAK));
}

/* Checks A8. */
Test(issuers, keys_that_are_too_weak_are_left_out_and_said_in_the_log, .init = begin_weak)
{
    json_auto_t *claims = claims_of("weak", "express-admins");

    for (size_t i = 0; i < ARRAY_LENGTH(WEAK); i++) {
        char header[100], *token;

        (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}", WEAK[i].algorithm,
                       WEAK[i].kid);
        token = sign(&weak_keys[i], header, claims);
        check_refused(token, WEAK[i].kid);
        cr_assert_eq(test_server_log_lines(WEAK[i].kid), 1, "%s", WEAK[i].kid);
        free(token);
        forge_key_deinit(&weak_keys[i]);
    }
}

/* --- claims ------------------------------------------------------------------------------- */

/* The claim @name of a good token becomes @value, JSON; NULL: it is left out. */
static void check_claim(const char *name, const char *value, int status, const char *why)
{
    json_auto_t *claims = claims_of("network", "express-admins");
    char *text, *payload, *token, mark[40];
    struct text changed;
    const char *at;

    (void)json_object_del(claims, name); /* it may not be there */
    text = json_dumps(claims, JSON_COMPACT);
    text_init(&changed, TEXT_BYTES_MAX);
    /* As text: not all of the values are such as a JSON library would write. */
    if (value != NULL)
        text_append_format(&changed, "{\"%s\":%s,%s", name, value, text + 1);
    else
        text_append(&changed, text);
    payload = changed.bytes;
    (void)snprintf(mark, sizeof(mark), "\"%s\"", name);
    at = strstr(payload, mark);
    cr_assert(value == NULL || at != NULL);
    token = forge_token(&key, HEADER, payload);
    cr_assert_eq(status_of(token, PUBLIC), status, "%s: %s", name, why);
    free(token);
    text_deinit(&changed);
    free(text);
}

static void check_time(const char *name, int64_t seconds_from_now, int status, const char *why)
{
    char value[40];

    (void)snprintf(value, sizeof(value), "%" PRId64, (int64_t)time(NULL) + seconds_from_now);
    check_claim(name, value, status, why);
}

/* Checks A12, A13, A17. */
Test(issuers, a_token_is_good_in_its_time_alone, .init = begin)
{
    char value[40];

    check_time("exp", -70, 401, "ended more than a minute ago");
    check_time("exp", -50, 200, "clocks differ by a minute");
    check_time("nbf", 70, 401, "not yet");
    check_time("nbf", 50, 200, "clocks differ by a minute");
    check_time("iat", 70, 401, "made later than now");
    check_time("exp", 3290, 200, "almost an hour in all");
    check_time("exp", 3310, 401, "an hour at most");
    check_claim("exp", NULL, 401, "no end");
    check_claim("iat", NULL, 401, "no beginning");
    check_claim("exp", "\"2000000000\"", 401, "a text");
    check_claim("exp", "null", 401, "null");
    check_claim("exp", "-1", 401, "negative");
    check_claim("exp", "9223372036854775808", 401, "beyond 64 bits");
    check_claim("exp", "1e400", 401, "beyond all");
    check_claim("exp", "true", 401, "a truth");
    (void)snprintf(value, sizeof(value), "%" PRId64 ".5", (int64_t)time(NULL) + 600);
    check_claim("exp", value, 200, "with a fraction (RFC 7519)");
}

/* Checks A14, A15, A16. */
Test(issuers, a_token_is_for_us_and_of_its_issuer, .init = begin)
{
    char value[200], *many;
    struct text text;

    check_claim("aud", NULL, 401, "for nobody");
    check_claim("aud", "\"other\"", 401, "for somebody else");
    check_claim("aud", "[\"other\"]", 401, "for others");
    check_claim("aud", "[\"other\",\"express\"]", 200, "for us among others");
    check_claim("aud", "1", 401, "a number");
    check_claim("aud", "[]", 401, "nobody in a list");
    text_init(&text, TEXT_BYTES_MAX);
    text_append(&text, "[\"express\"");
    for (int i = 0; i < 1000; i++)
        text_append(&text, ",\"a\"");
    text_append_char(&text, ']');
    many = text.bytes;
    check_claim("aud", many, 401, "for a thousand");
    text_deinit(&text);
    check_claim("iss", NULL, 401, "of nobody");
    check_claim("iss", "\"https://login.example.org\"", 401, "of somebody else");
    (void)snprintf(value, sizeof(value), "\"http://127.0.0.1:%u/network/\"", site.port);
    check_claim("iss", value, 401, "with a slash more");
    (void)snprintf(value, sizeof(value), "\"http://127.0.0.1:%u/Network\"", site.port);
    check_claim("iss", value, 401, "in other letters");
    check_claim("sub", NULL, 401, "about nobody");
    check_claim("sub", "7", 401, "about a number");
    check_claim("nonce", "\"n-1\"", 401, "an identity token, which is not for us to take");
}

/* Checks A11. */
Test(issuers, a_claim_that_is_there_twice_is_refused, .init = begin)
{
    static const char *const NAMES[] = {"sub", "aud", "exp", "iss", "realm_access"};
    json_auto_t *claims = claims_of("network", "express-admins");
    char *text = json_dumps(claims, JSON_COMPACT);

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
        char *value = json_dumps(json_object_get(claims, NAMES[i]), JSON_ENCODE_ANY), *token;
        struct text twice;

        text_init(&twice, TEXT_BYTES_MAX);
        text_append_format(&twice, "{\"%s\":%s,%s", NAMES[i], value, text + 1);
        token = forge_token(&key, HEADER, twice.bytes);
        check_refused(token, NAMES[i]);
        text_deinit(&twice);
        free(token);
        free(value);
    }
    free(text);
}

/* --- an issuer that is not well ----------------------------------------------------------- */

/* Checks A21. */
Test(issuers, an_issuer_whose_keys_are_not_to_be_had_holds_nobody_up, .init = begin)
{
    static const char *const NAMES[] = {"html", "large", "slow", "broken"};
    char *good = token_of("network", "express-admins");

    cr_assert_eq(status_of(good, PRIVATE), 200);
    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
        uint64_t before = clock_monotonic_ms();
        char *token = token_of(NAMES[i], "express-admins");
        CLEANUP(response_freep)
        struct response *response = http_as(token, "GET", PUBLIC, NULL, NULL);

        /* It may be a good token: that is not known. */
        cr_assert_eq(response->status, 503, "%s: %d", NAMES[i], response->status);
        cr_assert_not_null(response_header(response, "Retry-After"));
        cr_assert_lt(clock_monotonic_ms() - before, ANSWER_MS_MAX, "%s", NAMES[i]);
        cr_assert_eq(status_of(good, PRIVATE), 200, "others go on");
        free(token);
    }
    free(good);
}

/* Checks A21. */
Test(issuers, an_issuer_that_is_gone_leaves_its_known_keys_in_use, .init = begin)
{
    char *known = token_of("network", "express-admins"), *later, *unknown;
    json_auto_t *claims = claims_of("network", "express-admins");
    uint64_t before;

    cr_assert_eq(status_of(known, PRIVATE), 200);
    stop_site();
    (void)json_object_set_new(claims, "sub", json_string("person-2"));
    later = sign(&key, HEADER, claims);
    cr_assert_eq(status_of(later, PRIVATE), 200, "a token of the same key");
    unknown = sign(&key, "{\"alg\":\"ES256\",\"kid\":\"unknown\"}", claims);
    before = clock_monotonic_ms();
    cr_assert_eq(status_of(unknown, PRIVATE), 401, "a key not known");
    cr_assert_lt(clock_monotonic_ms() - before, ANSWER_MS_MAX);
    cr_assert_eq(status_of(known, PRIVATE), 200);
    free(unknown);
    free(later);
    free(known);
}

/* Checks A22. */
Test(issuers, a_new_key_of_an_issuer_is_taken_as_soon_as_a_token_names_it, .init = begin)
{
    const uint64_t deadline = clock_monotonic_ms() + NEW_KEY_MS_MAX;
    struct forge_key next = forge_key_make(FORGE_RSA_2048);
    json_auto_t *claims = claims_of("network", "express-admins");
    char *old = token_of("network", "express-admins"), *new;

    cr_assert_eq(status_of(old, PRIVATE), 200);
    write_keys("network",
               (json_t *[]){forge_key_to_jwk(&key, KID), forge_key_to_jwk(&next, "next")}, 2);
    new = sign(&next, "{\"alg\":\"RS256\",\"kid\":\"next\"}", claims);
    /* Keys are asked for again every thirty seconds at most. */
    while (status_of(new, PRIVATE) != 200) {
        cr_assert_eq(status_of(old, PRIVATE), 200, "the old one");
        cr_assert_lt(clock_monotonic_ms(), deadline, "the new one");
        (void)poll(NULL, 0, 200); /* only not to spin */
    }
    cr_assert_eq(status_of(old, PRIVATE), 200, "the old one");
    cr_assert_leq(fetches("/keys/network"), 2);
    forge_key_deinit(&next);
    free(new);
    free(old);
}
