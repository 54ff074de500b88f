#include "options.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define OPTIONS_MAX 16

static struct option_value *find(struct option_value *options, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    }
    return NULL;
}

static void tell_unknown(const struct option_value *options, size_t count, const char *word)
{
    const char *names[OPTIONS_MAX] = {NULL};
    const char *nearest;

    for (size_t i = 0; i < count && i < OPTIONS_MAX; i++)
        names[i] = options[i].name;
    nearest = text_nearest(word, names, count < OPTIONS_MAX ? count : OPTIONS_MAX);
    (void)fprintf(stderr, "express-api: there is no option %s%s%s\n", word,
                  nearest == NULL ? "" : "; did you mean ", nearest == NULL ? "" : nearest);
}

bool options_read(struct option_value *options, size_t option_count, int word_count, char **words,
                  const char *usage)
{
    bool given[OPTIONS_MAX] = {false};
    bool good = true;

    for (int i = 0; good && i < word_count; i += 2) {
        struct option_value *option = find(options, option_count, words[i]);

        good = false;
        if (option == NULL)
            tell_unknown(options, option_count, words[i]);
        else if (i + 1 == word_count)
            (void)fprintf(stderr, "express-api: %s needs a value\n", words[i]);
        else if (given[option - options])
            (void)fprintf(stderr, "express-api: %s is given twice\n", words[i]);
        else
            good = true;
        if (good) {
            given[option - options] = true;
            option->text = words[i + 1];
        }
    }
    for (size_t i = 0; good && i < option_count; i++) {
        if (options[i].is_needed && !given[i]) {
            (void)fprintf(stderr, "express-api: %s is missing\n", options[i].name);
            good = false;
        }
    }
    if (!good)
        (void)fprintf(stderr, "%s\n", usage);
    return good;
}
