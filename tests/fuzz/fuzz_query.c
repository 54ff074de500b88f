#include "base/problem.h"
#include "base/text.h"
#include "request.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every parameter that is kept is clean text with a name; every refusal names its faults. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct problem problem;
    struct arena arena;
    struct request request = {.arena = &arena};
    char *raw;

    arena_init(&arena, 1024 * 1024);
    problem = (struct problem){0};
    raw = arena_copy_bytes(&arena, (const char *)data, size);
    if (raw != NULL) {
        bool good = request_decode_query(&request, raw, &problem);

        assert(good == (problem.error_count == 0));
        assert(request.parameter_count <= QUERY_PARAMETERS_MAX);
    }
    for (size_t i = 0; i < request.parameter_count; i++) {
        const struct request_parameter *parameter = &request.parameters[i];

        assert(parameter->name[0] != '\0');
        assert(text_is_utf8(parameter->name, strlen(parameter->name)));
        assert(text_is_utf8(parameter->value, strlen(parameter->value)));
        assert(strpbrk(parameter->value, "\r\n\t\x7f") == NULL);
        assert(request_parameter(&request, parameter->name) != NULL);
    }
    arena_deinit(&arena);
    return 0;
}
