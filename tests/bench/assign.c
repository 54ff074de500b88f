/*
 * Assign
 *
 * How long the assignment of a cohort takes: made-up mentors and mentees, every
 * pair judged, the best assignment of all, and for each mentee what her best
 * alternative would have cost the others.
 *
 *   assign MENTEES MENTORS - prints one line
 */
#include "base/annotate.h"
#include "base/clock.h"
#include "base/num.h"
#include "mentoring/assignment.h"
#include "mentoring/compatibility.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PERSONS_MAX 4000
#define TERMS_MAX 4

struct made {
    struct person person;
    struct person_language languages[2];
    uint32_t sectors[2], skills[TERMS_MAX], goals[2];
};

static uint64_t seed = 88172645463325252U;

/* xorshift64 (G. Marsaglia, 2003): the same people in each run. */
static uint32_t below(uint32_t bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 20) % bound);
}

/* Ascending terms, each some steps after the last one. */
static struct person_terms draw_terms(uint32_t *terms, size_t count, uint32_t step)
{
    uint32_t last = 0;

    for (size_t i = 0; i < count; i++)
        terms[i] = last += 1 + below(step);
    return (struct person_terms){terms, count};
}

static void make(struct made *made)
{
    uint32_t languages[2];
    struct person *person = &made->person;

    (void)draw_terms(languages, 2, 4);
    for (size_t i = 0; i < 2; i++)
        made->languages[i] = (struct person_language){
            languages[i], (enum language_level)(LEVEL_A2 + below(LEVEL_NATIVE - LEVEL_A1))};
    *person = (struct person){
        .languages = made->languages,
        .language_count = 2,
        .sectors = draw_terms(made->sectors, 2, 6),
        .skills = draw_terms(made->skills, TERMS_MAX, 10),
        .goals = draw_terms(made->goals, 2, 4),
        .times = below(1U << 21),
        .formats = 1 + below(3),
        .has_area = true,
        .latitude_e6 = (int32_t)(50000000 + below(10) * 100000),
        .longitude_e6 = (int32_t)(4000000 + below(15) * 100000),
        .capacity = 1 + below(3),
    };
}

static double seconds_since(uint64_t start_us)
{
    return (double)(clock_monotonic_us() - start_us) / 1e6;
}

/* For each mentee whom another mentor would have suited better: what that would have cost. */
static void weigh_alternatives(const struct assignment_task *task,
                               const struct assignment *assignment)
{
    for (uint32_t row = 0; row < task->row_count; row++) {
        const int32_t *scores = &task->scores[(size_t)row * task->column_count];
        uint32_t best = ASSIGNMENT_NONE;
        struct assignment_loss loss;

        for (uint32_t c = 0; c < task->column_count; c++)
            if (scores[c] >= 0 && c != assignment->columns[row] &&
                (best == ASSIGNMENT_NONE || scores[c] > scores[best]))
                best = c;
        if (best != ASSIGNMENT_NONE && (assignment->columns[row] == ASSIGNMENT_NONE ||
                                        scores[best] > scores[assignment->columns[row]]))
            assignment_loss_of(assignment, row, best, &loss);
    }
}

static int run(uint32_t mentees, uint32_t mentors)
{
    static struct made rows[PERSONS_MAX];
    static struct made columns[PERSONS_MAX];
    static struct assignment_id row_ids[PERSONS_MAX];
    static struct assignment_id column_ids[PERSONS_MAX];
    static uint32_t places[PERSONS_MAX];
    const struct compatibility_rules rules = compatibility_rules_default();
    int32_t *scores = calloc((size_t)mentees * mentors, sizeof(*scores));
    struct assignment_task task = {mentees, mentors, row_ids, column_ids, places, scores, 0};
    struct assignment assignment;
    uint64_t start_us = clock_monotonic_us();
    double judging;
    double solving;

    if (scores == NULL)
        return 1;
    for (uint32_t i = 0; i < mentees || i < mentors; i++) {
        make(&rows[i]);
        make(&columns[i]);
        places[i] = columns[i].person.capacity;
        row_ids[i].bytes[0] = column_ids[i].bytes[0] = (unsigned char)(i >> 8);
        row_ids[i].bytes[1] = column_ids[i].bytes[1] = (unsigned char)i;
    }
    for (uint32_t r = 0; r < mentees; r++)
        for (uint32_t c = 0; c < mentors; c++) {
            struct compatibility judged;

            compatibility_judge(&rules, &columns[c].person, &rows[r].person, 0, &judged);
            scores[(size_t)r * mentors + c] =
                judged.failed == 0 ? judged.score : ASSIGNMENT_FORBIDDEN;
        }
    judging = seconds_since(start_us);
    start_us = clock_monotonic_us();
    if (assignment_solve(&task, &assignment) != 0)
        return 1;
    solving = seconds_since(start_us);
    start_us = clock_monotonic_us();
    weigh_alternatives(&task, &assignment);
    (void)printf("assign: %u mentees, %u mentors: %.3f s to judge, %.3f s to assign, %.3f s to "
                 "explain; %u pairs, mean score %.3f\n",
                 mentees, mentors, judging, solving, seconds_since(start_us), assignment.pair_count,
                 (double)assignment.total / 1e6 / assignment.pair_count);
    assignment_deinit(&assignment);
    free(scores);
    return 0;
}

int main(int count, char **arguments)
{
    uint32_t mentees;
    uint32_t mentors;

    if (count != 3 || !num_parse_u32(arguments[1], 1, PERSONS_MAX, &mentees) ||
        !num_parse_u32(arguments[2], 1, PERSONS_MAX, &mentors)) {
        (void)fprintf(stderr, "usage: assign MENTEES MENTORS\n");
        return 2;
    }
    return run(mentees, mentors);
}
