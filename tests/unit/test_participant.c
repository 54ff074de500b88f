#include "mentoring/participant.h"

#include "base/arena.h"
#include "base/problem.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(participant, .fini = test_ends_without_leaks);

#define ARENA_BYTES (1024 * 1024)

static json_t *body_of(const char *text)
{
    json_t *body = json_loads(text, 0, NULL);

    cr_assert_not_null(body, "%s", text);
    return body;
}

Test(participant, a_profile_comes_out_as_it_went_in)
{
    static const char *const PROFILES[] = {
        "{\"status\":\"paused\",\"languages\":[{\"language\":\"fr\",\"level\":\"B1\"}],\"sectors\":"
        "[\"digital\"],\"skills\":[\"a\",\"b\"],\"goals\":[],\"formats\":[\"remote\"],"
        "\"availability\":{\"monday\":[\"morning\",\"afternoon\",\"evening\"],\"sunday\":"
        "[\"evening\"]},\"area\":{\"country\":\"BE\",\"lat\":-89.9,\"lon\":179.9},\"age_band\":"
        "\"25_34\",\"intake\":\"spring\",\"capacity\":2}",
        "{\"status\":\"available\",\"languages\":[{\"language\":\"pt-BR\",\"level\":\"native\"}],"
        "\"sectors\":[],\"skills\":[],\"goals\":[],\"formats\":[\"remote\"],\"availability\":{},"
        "\"area\":{\"country\":\"FR\"},\"capacity\":1}",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(PROFILES); i++) {
        json_auto_t *body = body_of(PROFILES[i]), *shown = NULL;
        struct participant mentor = {.kind = PARTICIPANT_MENTOR};
        struct problem problem = {0};
        struct arena arena;

        arena_init(&arena, ARENA_BYTES);
        cr_assert_eq(participant_from_json(body, &arena, &mentor, &problem), 0);
        shown = participant_profile(&mentor);
        cr_assert_not_null(shown);
        cr_assert(json_equal(shown, body), "profile %zu", i);
        arena_deinit(&arena);
    }
}

Test(participant, the_week_has_a_bit_for_each_part_of_each_day)
{
    json_auto_t *body =
        body_of("{\"languages\":[],\"formats\":[],\"availability\":{\"monday\":"
                "[\"morning\"],\"tuesday\":[\"evening\"],\"sunday\":[\"evening\"]}}");
    struct participant mentee = {.kind = PARTICIPANT_MENTEE};
    struct problem problem = {0};
    struct arena arena;

    arena_init(&arena, ARENA_BYTES);
    cr_assert_eq(participant_from_json(body, &arena, &mentee, &problem), 0);
    cr_assert_eq(mentee.availability, 1u | 1u << 5 | 1u << 20);
    cr_assert_eq(mentee.capacity, 0);
    arena_deinit(&arena);
}

/* Checks V8. */
Test(participant, a_place_is_taken_as_coarse_as_it_should_be_or_not_at_all)
{
    static const struct {
        double lat;
        bool is_coarse;
    } ROWS[] = {{50, true},     {50.1, true},   {-50.9, true},    {0, true},  {89.9, true},
                {50.85, false}, {50.01, false}, {50.0001, false}, {0.3, true}};

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        json_auto_t *body =
            json_pack("{s:{s:s,s:f,s:f}}", "area", "country", "BE", "lat", ROWS[i].lat, "lon", 4.4);
        struct participant mentee = {.kind = PARTICIPANT_MENTEE};
        struct problem problem = {0};
        struct arena arena;

        arena_init(&arena, ARENA_BYTES);
        cr_assert_eq(participant_from_json(body, &arena, &mentee, &problem),
                     ROWS[i].is_coarse ? 0 : PARTICIPANT_INVALID, "%f", ROWS[i].lat);
        cr_assert_eq(mentee.has_place, ROWS[i].is_coarse);
        if (!ROWS[i].is_coarse)
            cr_assert_str_eq(problem.errors[0].pointer, "/area/lat");
        arena_deinit(&arena);
    }
}

Test(participant, what_the_contract_refuses_is_passed_over)
{
    static const char *const BODIES[] = {
        "[]",
        "[{\"languages\":1}]",
        "{\"languages\":7,\"skills\":\"x\",\"formats\":{},\"availability\":[],\"area\":1}",
        "{\"languages\":[7,null,{},{\"language\":7},{\"language\":\"fr\"}]}",
        "{\"skills\":[7,null,{}],\"goals\":[[]],\"sectors\":[true]}",
        "{\"availability\":{\"monday\":[7,null],\"tuesday\":\"morning\",\"sunday\":{}}}",
        "{\"area\":{\"country\":7,\"lat\":\"x\",\"lon\":null}}",
        "{\"area\":{\"country\":\"BE\",\"lat\":1e300,\"lon\":-1e300}}",
        "{\"status\":7,\"age_band\":[],\"intake\":{},\"capacity\":\"x\"}",
        "{\"capacity\":-9223372036854775807}",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(BODIES); i++) {
        struct participant_consent consents[PARTICIPANT_CONSENTS_MAX];
        struct participant mentor = {.kind = PARTICIPANT_MENTOR};
        json_auto_t *body = body_of(BODIES[i]);
        struct problem problem = {0};
        struct arena arena;
        size_t count;

        arena_init(&arena, ARENA_BYTES);
        cr_assert_eq(participant_from_json(body, &arena, &mentor, &problem), 0, "%s", BODIES[i]);
        cr_assert_not(mentor.has_place && mentor.lat_tenths != 0, "%s", BODIES[i]);
        cr_assert_eq(participant_read_consents(body, &arena, consents, &count, &problem),
                     PARTICIPANT_INVALID);
        cr_assert_eq(count, 0, "%s", BODIES[i]);
        arena_deinit(&arena);
    }
}

Test(participant, a_place_of_the_body_has_one_fault)
{
    json_auto_t *body = body_of("{\"area\":{\"country\":\"BE\",\"lat\":50.85,\"lon\":4.35}}");
    struct participant mentee = {.kind = PARTICIPANT_MENTEE};
    struct problem problem = {0};
    struct arena arena;

    arena_init(&arena, ARENA_BYTES);
    problem_add(&problem, &arena, "/area/lat", NULL, "wrong-type", "told before");
    cr_assert(problem_tells(&problem, "/area/lat"));
    cr_assert_not(problem_tells(&problem, "/area"));
    cr_assert_eq(participant_from_json(body, &arena, &mentee, &problem), PARTICIPANT_INVALID);
    cr_assert_eq(problem.error_count, 2);
    cr_assert_str_eq(problem.errors[1].pointer, "/area/lon");
    arena_deinit(&arena);
}

Test(participant, a_full_arena_is_a_fault)
{
    json_auto_t *body = body_of("{\"languages\":[{\"language\":\"fr\",\"level\":\"B1\"}],"
                                "\"formats\":[\"remote\"],\"age_band\":\"25_34\"}");
    struct participant mentee = {.kind = PARTICIPANT_MENTEE};
    struct problem problem = {0};
    struct arena arena = {0};

    cr_assert(participant_from_json(body, &arena, &mentee, &problem) < 0);
}
