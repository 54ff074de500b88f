#include "base/problem.h"
#include "base/text.h"
#include "request.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What passes the decoder is clean: UTF-8, no control bytes, no way up the tree. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct problem problem;
    struct arena arena;
    struct request request = {.arena = &arena};
    char *raw;

    arena_init(&arena, 1024 * 1024);
    problem = (struct problem){0};
    raw = arena_copy_bytes(&arena, (const char *)data, size);
    if (raw != NULL && request_decode_path(&request, raw, &problem)) {
        size_t length = strlen(request.path);

        assert(request.path[0] == '/');
        assert(length <= strlen(raw) && length <= PATH_BYTES_MAX);
        assert(text_is_utf8(request.path, length));
        assert(strstr(request.path, "//") == NULL && strstr(request.path, "/../") == NULL);
        assert(strpbrk(request.path, "\r\n\t\\;\x7f") == NULL);
    } else if (raw != NULL) {
        assert(strcmp(problem.code, "invalid-path") == 0);
    }
    arena_deinit(&arena);
    return 0;
}
