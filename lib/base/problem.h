#pragma once
/*
 * Problem
 *
 * What a client did wrong, collected so that it hears all at once (RFC 9457).
 * The code names the page /problems/{code}. Texts are constants or made in the
 * request's arena; they never quote a value of a private record.
 */
#include "base/annotate.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct text;

struct problem_error {
    const char *pointer;   /* JSON Pointer into the body, or NULL */
    const char *parameter; /* query parameter, header or path segment, or NULL */
    const char *code;      /* kebab-case, stable: "required", "unknown-parameter" */
    const char *detail;    /* a sentence that says what, and how to mend it */
};

struct problem {
    int status;
    const char *code; /* of the type URI: "invalid-parameter" */
    const char *title;
    const char *detail;      /* may be NULL */
    const char *oauth_error; /* also "error" and "error_description" of RFC 6749; NULL: without */
    struct problem_error errors[FAULTS_MAX];
    size_t error_count; /* errors beyond FAULTS_MAX are counted, not kept */
};

/*
 * problem_add() - one more fault
 * @problem:   borrowed
 * @arena:     borrowed; the texts are copied into it
 * @pointer:   borrowed; may be NULL
 * @parameter: borrowed; may be NULL
 * @code:      borrowed; a constant, kept
 * @format:    printf format of the detail
 */
void problem_add(struct problem *problem, struct arena *arena, const char *pointer,
                 const char *parameter, const char *code, const char *format, ...)
    PRINTF_LIKE(6, 7);

/* Is there a fault of this place of the body? Then a second one says nothing new. */
bool problem_tells(const struct problem *problem, const char *pointer);

/* Set status, code, title and detail from one of the known problems; the errors stay. */
void problem_set(struct problem *problem, const char *code, const char *detail);

/* The known problems: what /problems/{code} explains. */
struct problem_kind {
    const char *code;
    int status;
    const char *title;
    const char *explanation; /* what it means, a paragraph */
    const char *mend;        /* what to do about it, a paragraph */
};
const struct problem_kind *problem_kind_find(const char *code);
const struct problem_kind *problem_kinds(size_t *ret_count);
/* What to type in a shell to mend it, with $API for the address of the service; NULL: nothing. */
const char *problem_example(const char *code);

/* application/problem+json of @problem; @instance and @request_id may be NULL. */
void problem_render(const struct problem *problem, const char *instance, const char *request_id,
                    struct text *text);
