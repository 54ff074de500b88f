#pragma once
/*
 * Age
 *
 * Of a person only the band is known, such as "35_49". Whoever is in it may be as old as its last
 * year, and nobody is asked to prove more: a minimum age is met by a band that reaches it. Coming
 * into a programme and being matched in it go by the same function.
 */

/* The last year of a band; 0: NULL, or none that there is. */
unsigned age_oldest(const char *band);
