#include "negotiate.h"

#include "base/annotate.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* One member of the list: "text/html;level=1;q=0.4". */
struct item {
    const char *range;
    size_t range_length;
    int quality;
    bool has_parameters; /* besides q and charset */
};

struct match {
    int quality;
    int specificity; /* 0: none fits */
    size_t position; /* of the member that decided */
    size_t good_items;
};

static bool is_token_character(char character)
{
    static const char OTHERS[] = "!#$%&'*+-.^_`|~";

    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') ||
           (character != '\0' && strchr(OTHERS, character) != NULL);
}

static const char *skip_spaces(const char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

static const char *skip_token(const char *at)
{
    while (is_token_character(*at))
        at++;
    return at;
}

/* To the comma that ends this member, past quoted strings, or to the end. */
static const char *skip_member(const char *at)
{
    bool quoted = false;

    for (; *at != '\0'; at++) {
        if (quoted && *at == '\\' && at[1] != '\0')
            at++;
        else if (*at == '"')
            quoted = !quoted;
        else if (*at == ',' && !quoted)
            break;
    }
    return at;
}

/* qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ) */
static bool parse_quality(const char *at, const char *end, int *ret_quality)
{
    int quality;
    int unit = 100;

    if (at == end || (*at != '0' && *at != '1'))
        return false;
    quality = (*at++ - '0') * NEGOTIATE_QUALITY_MAX;
    if (at < end && *at++ != '.')
        return false;
    for (; at < end; at++, unit /= 10) {
        if (*at < '0' || *at > '9' || unit == 0)
            return false;
        quality += (*at - '0') * unit;
    }
    if (quality > NEGOTIATE_QUALITY_MAX)
        return false;
    *ret_quality = quality;
    return true;
}

static const char *parse_parameter_value(const char *at)
{
    if (*at != '"')
        return skip_token(at);
    for (at++; *at != '"'; at++) {
        if (*at == '\\' && at[1] != '\0')
            at++;
        if (*at == '\0')
            return NULL;
    }
    return at + 1;
}

/* ";name=value" …, up to @end. */
static bool parse_parameters(const char *at, const char *end, struct item *item)
{
    while (at < end) {
        const char *name;
        const char *name_end;
        const char *value;

        at = skip_spaces(at);
        if (at == end)
            return true;
        if (*at != ';')
            return false;
        name = skip_spaces(at + 1);
        name_end = skip_token(name);
        if (name_end == name || *name_end != '=')
            return false;
        value = name_end + 1;
        at = parse_parameter_value(value);
        if (at == NULL || at == value || at > end)
            return false;
        if (name_end - name == 1 && (*name == 'q' || *name == 'Q')) {
            if (!parse_quality(value, at, &item->quality))
                return false;
        } else if (name_end - name != 7 || strncasecmp(name, "charset", 7) != 0) {
            item->has_parameters = true;
        }
    }
    return true;
}

/* RFC 4647 section 2.1: letters, digits and hyphens, or "*". */
static bool is_language_range(const char *at, const char *end)
{
    if (end - at == 1 && *at == '*')
        return true;
    for (; at < end; at++) {
        if (!((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
              (*at >= '0' && *at <= '9') || *at == '-'))
            return false;
    }
    return true;
}

static bool parse_item(enum negotiate_kind kind, const char *at, const char *end,
                       struct item *ret_item)
{
    struct item item = {.range = at, .quality = NEGOTIATE_QUALITY_MAX};
    const char *range_end = skip_token(at);

    if (range_end == at || (kind == NEGOTIATE_LANGUAGE && !is_language_range(at, range_end)))
        return false;
    if (kind == NEGOTIATE_MEDIA) {
        const char *subtype = range_end + 1;

        if (*range_end != '/')
            return false;
        range_end = skip_token(subtype);
        if (range_end == subtype)
            return false;
    }
    item.range_length = (size_t)(range_end - at);
    if (!parse_parameters(range_end, end, &item))
        return false;
    *ret_item = item;
    return true;
}

static bool same(const char *bytes, size_t length, const char *text)
{
    return strlen(text) == length && strncasecmp(bytes, text, length) == 0;
}

static int media_specificity(const struct item *item, const char *candidate)
{
    size_t length = item->range_length;

    if (item->has_parameters)
        return 0;
    if (same(item->range, length, "*/*"))
        return 1;
    if (length > 2 && item->range[length - 1] == '*' && item->range[length - 2] == '/' &&
        strncasecmp(item->range, candidate, length - 1) == 0)
        return 2;
    return same(item->range, length, candidate) ? 3 : 0;
}

static int language_specificity(const struct item *item, const char *candidate)
{
    size_t length = item->range_length;
    size_t candidate_length = strlen(candidate);

    if (length == 1 && item->range[0] == '*')
        return 1;
    if (length == candidate_length)
        return strncasecmp(item->range, candidate, length) == 0 ? 1000 : 0;
    if (length < candidate_length)
        return candidate[length] == '-' && strncasecmp(item->range, candidate, length) == 0
                   ? 2 + (int)(length < 900 ? length : 900)
                   : 0;
    /* A longer range falls back to us (RFC 4647 section 3.4), but only where nothing fits better.
     */
    return item->range[candidate_length] == '-' &&
                   strncasecmp(item->range, candidate, candidate_length) == 0
               ? 2
               : 0;
}

static int coding_specificity(const struct item *item, const char *candidate)
{
    if (item->range_length == 1 && item->range[0] == '*')
        return 1;
    if (same(item->range, item->range_length, candidate))
        return 2;
    /* RFC 9110 section 8.4.1.3 */
    return strcmp(candidate, "gzip") == 0 && same(item->range, item->range_length, "x-gzip") ? 2
                                                                                             : 0;
}

static int specificity_of(enum negotiate_kind kind, const struct item *item, const char *candidate)
{
    switch (kind) {
    case NEGOTIATE_MEDIA:
        return media_specificity(item, candidate);
    case NEGOTIATE_LANGUAGE:
        return language_specificity(item, candidate);
    case NEGOTIATE_CODING:
        return coding_specificity(item, candidate);
    }
    return 0;
}

static struct match match_header(enum negotiate_kind kind, const char *header,
                                 const char *candidate)
{
    struct match best = {0};
    const char *at = header;

    for (size_t position = 0; position < NEGOTIATE_ITEMS_MAX && *at != '\0'; position++) {
        const char *end;
        struct item item;

        at = skip_spaces(at);
        end = skip_member(at);
        if (parse_item(kind, at, end, &item)) {
            int specificity = specificity_of(kind, &item, candidate);

            best.good_items++;
            if (specificity > best.specificity ||
                (specificity == best.specificity && specificity > 0 &&
                 item.quality > best.quality)) {
                best.specificity = specificity;
                best.quality = item.quality;
                best.position = position;
            }
        }
        at = *end == ',' ? end + 1 : end;
    }
    return best;
}

static struct match match_of(enum negotiate_kind kind, const char *header, const char *candidate)
{
    struct match match = {0};

    if (header != NULL)
        match = match_header(kind, header, candidate);
    if (kind == NEGOTIATE_CODING) {
        if (match.specificity == 0 && strcmp(candidate, "identity") == 0)
            match.quality = 1;
    } else if (match.good_items == 0) {
        match.quality = NEGOTIATE_QUALITY_MAX;
    }
    return match;
}

int negotiate_quality(enum negotiate_kind kind, const char *header, const char *candidate)
{
    return match_of(kind, header, candidate).quality;
}

int negotiate_best(enum negotiate_kind kind, const char *header, const char *const *candidates,
                   size_t candidate_count)
{
    struct match best = {0};
    int best_index = -1;

    for (size_t i = 0; i < candidate_count; i++) {
        struct match match = match_of(kind, header, candidates[i]);

        if (match.quality > best.quality ||
            (kind == NEGOTIATE_LANGUAGE && match.quality == best.quality && match.quality > 0 &&
             match.position < best.position)) {
            best = match;
            best_index = (int)i;
        }
    }
    return best_index;
}
