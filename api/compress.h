#pragma once
/*
 * Content codings
 *
 * gzip by libdeflate, zstd by libzstd, br by libbrotlienc, at their fast
 * levels: an answer is coded while the client waits. The states of gzip and
 * zstd are kept in a small pool, because a thread here serves one connection
 * and there may be a thousand of them.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_BROTLI, CODING_ZSTD, CODING_COUNT };

const char *coding_name(enum coding coding);        /* of Content-Encoding: "gzip" */
const char *coding_etag_suffix(enum coding coding); /* "", "-gz", "-br", "-zst" */

/*
 * coding_choose() - what Accept-Encoding asks for
 * @accept_encoding: borrowed; NULL when the header was not sent
 * @worthwhile:      false: a short body, to be coded only when identity is refused
 * @ret_coding:      set only when the result is 0
 *
 * Return: 0; CODING_NONE_ACCEPTABLE.
 */
enum coding_outcome { CODING_NONE_ACCEPTABLE = 1 };
MUST_CHECK int coding_choose(const char *accept_encoding, bool worthwhile, enum coding *ret_coding);

/*
 * coding_compress() - a coded copy of a body
 * @coding:    not CODING_IDENTITY
 * @ret_bytes: owned by the caller, free()
 *
 * Return: 0; a fault.
 */
MUST_CHECK int coding_compress(enum coding coding, const char *bytes, size_t size_bytes,
                               char **ret_bytes, size_t *ret_size_bytes);

/* Gives the kept states back; no other thread may be compressing. */
void coding_deinit(void);
