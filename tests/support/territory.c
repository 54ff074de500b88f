#include "support/territory.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void territory_expect_drawing(const char *svg, const char *title)
{
    static const char PARSE[] =
        "import sys, xml.etree.ElementTree as t; r = t.parse(sys.argv[1]).getroot(); "
        "n = '{http://www.w3.org/2000/svg}'; assert r.tag == n + 'svg'; "
        "assert r.get('role') == 'img'; assert r.find(n + 'desc').text; "
        "assert not list(r.iter(n + 'script')); sys.stdout.write(r.find(n + 'title').text)";
    char path[] = "/tmp/express-svg-XXXXXX", command[1024], said[256] = "";
    const int fd = mkstemp(path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w"), *parser;

    cr_assert_not_null(file);
    cr_assert_geq(fputs(svg, file), 0);
    cr_assert_eq(fclose(file), 0);
    (void)snprintf(command, sizeof(command), "python3 -c \"%s\" %s", PARSE, path);
    parser = popen(command, "r");
    cr_assert_not_null(parser);
    cr_assert_not_null(fgets(said, sizeof(said), parser));
    cr_assert_eq(pclose(parser), 0);
    cr_assert_str_eq(said, title);
    (void)remove(path);
}

void territory_check_points(json_t *candidate)
{
    const double rounding = 0.05 * (double)(json_array_size(at(candidate, "reasons")) + 1);
    double sum = 0;
    json_t *reason;
    size_t i;

    json_array_foreach (at(candidate, "reasons"), i, reason) {
        sum += number_at(reason, "points");
        cr_assert_str_not_empty(text_at(reason, "words"));
    }
    cr_assert_float_eq(number_at(candidate, "points"), sum, rounding + 1e-6, "%f, not %f",
                       number_at(candidate, "points"), sum);
}

bool territory_is_similar(const char *slug)
{
    json_t *answer = get("/v1/practices/t-here/similar?limit=100"), *match;
    bool found = false;
    size_t i;

    json_array_foreach (at(answer, "data"), i, match)
        found = found || strcmp(text_at(at(match, "practice"), "slug"), slug) == 0;
    json_decref(answer);
    return found;
}

void territory_wait_until(bool (*is_there)(const char *slug), const char *slug, bool expected)
{
    for (unsigned i = 0; i < 200; i++) {
        if (is_there(slug) == expected)
            return;
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    cr_assert_fail("%s: still %s", slug, expected ? "missing" : "there");
}

void territory_ready(void)
{
    records_ready();
    territory_wait_until(territory_is_similar, "t-best", true);
}
