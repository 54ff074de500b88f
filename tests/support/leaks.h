#pragma once
/*
 * Leaks
 *
 * Criterion passes over what a sanitizer finds at the end of a test's process.
 * Every suite therefore ends with:
 *
 *     TestSuite(name, .fini = test_ends_without_leaks);
 */

/* Aborts, and so fails the test, when memory was lost. Does nothing without AddressSanitizer. */
void test_ends_without_leaks(void);
