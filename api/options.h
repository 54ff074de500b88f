#pragma once
/* Options of a command: "--name value", each once at most. */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>

struct option_value {
    const char *name; /* "--role" */
    const char *text; /* borrowed from the words; as it was when the option was not given */
    bool is_needed;
};

/*
 * options_read()
 * @options: their texts are set
 * @usage:   borrowed; said on standard error together with what is wrong
 * Return: false when a word is no option, or has no value, or comes twice, or is missing.
 */
MUST_CHECK bool options_read(struct option_value *options, size_t option_count, int word_count,
                             char **words, const char *usage);
