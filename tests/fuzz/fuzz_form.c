#include "base/problem.h"
#include "base/text.h"
#include "identity.h"
#include "request.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_clean(const char *text)
{
    assert(text_is_utf8(text, strlen(text)));
    assert(strpbrk(text, "\r\n\t\x7f") == NULL);
}

/* The body of a form: every parameter is clean, and there once; a refusal quotes nothing. */
static void check_form(const char *bytes, size_t size_bytes, struct arena *arena)
{
    static struct problem problem;
    struct request request = {.arena = arena};
    bool good;

    problem = (struct problem){0};
    good = request_decode_form(&request, bytes, size_bytes, &problem);
    assert(good == (problem.code == NULL));
    assert(request.form_count <= FORM_PARAMETERS_MAX);
    for (size_t i = 0; i < request.form_count; i++) {
        assert(request.form[i].name[0] != '\0' && request.form[i].value[0] != '\0');
        check_clean(request.form[i].name);
        check_clean(request.form[i].value);
        assert(request_form(&request, request.form[i].name) == request.form[i].value);
    }
}

/* The same bytes as an Authorization header. */
static void check_basic(const char *bytes, size_t size_bytes, struct arena *arena)
{
    const char *value = arena_copy_bytes(arena, bytes, size_bytes);
    const char *id, *secret;

    if (value == NULL || !identity_basic(arena, value, &id, &secret))
        return;
    check_clean(id);
    check_clean(secret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;

    arena_init(&arena, 1024 * 1024);
    check_form((const char *)data, size, &arena);
    check_basic((const char *)data, size, &arena);
    arena_deinit(&arena);
    return 0;
}
