/*
 * Planted faults
 *
 * One of each kind that the test run must never pass over; planted_faults.sh
 * compiles this with sanitizers, runs it and expects the run to turn red.
 * Never part of the build.
 */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>

Test(planted, a_leak)
{
    char *volatile lost = malloc(7);

    cr_assert(lost != NULL);
    lost = NULL;
}

Test(planted, an_overflow)
{
    volatile char *bytes = malloc(7);

    cr_assert(bytes != NULL);
    bytes[7] = 'x';
    free((void *)bytes);
}

Test(planted, undefined_behaviour)
{
    volatile int largest = INT_MAX;

    largest = largest + 1;
    cr_assert(largest != 0);
}
