#pragma once
/*
 * Faults
 *
 * A function that can fail returns int: 0 done, > 0 an outcome named in its
 * header, < 0 a fault (-errno). A fault is logged once, where it is raised,
 * and passed up unchanged until the dispatcher answers 500 or 503.
 */
#include "base/annotate.h"

/* Raise a fault here: logs file and line. @error is a negative errno. */
#define fault_raise(error) fault_raise_at((error), __FILE__, __LINE__)
/* Pass a result up: faults unchanged, a forgotten outcome becomes a fault. */
#define fault_fold(result) fault_fold_at((result), __FILE__, __LINE__)

int fault_raise_at(int error, const char *file, int line);
int fault_fold_at(int result, const char *file, int line);
