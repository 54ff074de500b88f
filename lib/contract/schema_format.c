#include "contract/schema_internal.h"

#include "base/num.h"
#include "base/uuid.h"
#include "contract/schema.h"

#include <assert.h>
#include <string.h>

/*
 * Formats are asserted, not noted: "format: date" in the contract is a promise
 * that the value goes into a date column. Written by hand rather than as
 * regular expressions, because most of them have a calendar or a range in them.
 */

static bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

static bool is_letter(char character)
{
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
}

/* Exactly @count digits at *@at, which moves behind them. */
static bool take_digits(const char **at, size_t count, unsigned *ret_number)
{
    unsigned number = 0;

    for (size_t i = 0; i < count; i++) {
        if (!is_digit((*at)[i]))
            return false;
        number = number * 10 + (unsigned)((*at)[i] - '0');
    }
    *at += count;
    *ret_number = number;
    return true;
}

static bool take_character(const char **at, char character)
{
    if (**at != character)
        return false;
    (*at)++;
    return true;
}

static unsigned days_of_month(unsigned year, unsigned month)
{
    static const unsigned char DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return DAYS[month - 1] + (month == 2 && is_leap ? 1u : 0u);
}

/* Year 0 is refused: PostgreSQL has none. */
static bool take_year(const char **at, unsigned *ret_year)
{
    return take_digits(at, 4, ret_year) && *ret_year > 0;
}

static bool take_month(const char **at, unsigned *ret_month)
{
    return take_character(at, '-') && take_digits(at, 2, ret_month) && *ret_month >= 1 &&
           *ret_month <= 12;
}

static bool take_date(const char **at)
{
    unsigned year;
    unsigned month;
    unsigned day;

    return take_year(at, &year) && take_month(at, &month) && take_character(at, '-') &&
           take_digits(at, 2, &day) && day >= 1 && day <= days_of_month(year, month);
}

static bool is_date(const char *text)
{
    return take_date(&text) && *text == '\0';
}

static bool is_partial_date(const char *text)
{
    const char *at = text;
    unsigned year;
    unsigned month;

    if (!take_year(&at, &year))
        return false;
    if (*at == '\0')
        return true;
    if (!take_month(&at, &month))
        return false;
    return *at == '\0' || is_date(text);
}

/* RFC 3339 section 5.6. */
static bool is_date_time(const char *text)
{
    unsigned hour;
    unsigned minute;
    unsigned second;
    unsigned offset_hour = 0;
    unsigned offset_minute = 0;
    unsigned utc_minute;
    bool is_behind = false;

    if (!take_date(&text) || (*text != 'T' && *text != 't'))
        return false;
    text++;
    if (!take_digits(&text, 2, &hour) || !take_character(&text, ':') ||
        !take_digits(&text, 2, &minute) || !take_character(&text, ':') ||
        !take_digits(&text, 2, &second))
        return false;
    if (take_character(&text, '.')) {
        if (!is_digit(*text))
            return false;
        while (is_digit(*text))
            text++;
    }
    if (*text == 'Z' || *text == 'z') {
        text++;
    } else {
        is_behind = *text == '-';
        if (*text != '+' && *text != '-')
            return false;
        text++;
        if (!take_digits(&text, 2, &offset_hour) || !take_character(&text, ':') ||
            !take_digits(&text, 2, &offset_minute))
            return false;
    }
    if (*text != '\0' || hour > 23 || minute > 59 || second > 60 || offset_hour > 23 ||
        offset_minute > 59)
        return false;
    if (second < 60)
        return true;
    /* A leap second exists only at the end of a day in UTC. */
    utc_minute = hour * 60 + minute + 24 * 60;
    if (is_behind)
        utc_minute += offset_hour * 60 + offset_minute;
    else
        utc_minute -= offset_hour * 60 + offset_minute;
    return utc_minute % (24 * 60) == 23 * 60 + 59;
}

static bool is_uri(const char *text)
{
    return schema_uri_is_valid(text, true);
}

static bool is_uri_reference(const char *text)
{
    return schema_uri_is_valid(text, false);
}

static bool is_json_pointer(const char *text)
{
    if (*text != '\0' && *text != '/')
        return false;
    for (; *text != '\0'; text++) {
        if (*text == '~' && text[1] != '0' && text[1] != '1')
            return false;
    }
    return true;
}

static bool is_four_octets(const char *text)
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned octet;
        size_t length = strspn(text, "0123456789");

        if (length < 1 || length > 3 || (length > 1 && *text == '0'))
            return false;
        if (!take_digits(&text, length, &octet) || octet > 255)
            return false;
        if (i < 3 && !take_character(&text, '.'))
            return false;
    }
    return strcmp(text, "]") == 0;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]", of which only the characters are checked. */
static bool is_address_literal(const char *text)
{
    size_t length;

    if (strncmp(text, "[IPv6:", 6) != 0)
        return is_four_octets(text + 1);
    text += 6;
    length = strspn(text, "0123456789abcdefABCDEF:.");
    return length >= 2 && strcmp(text + length, "]") == 0;
}

/* Labels of letters, digits and inner hyphens, with a dot between them. */
static bool is_domain(const char *text)
{
    size_t label_length = 0;

    if (strlen(text) > 253)
        return false;
    for (size_t i = 0;; i++) {
        if (text[i] == '.' || text[i] == '\0') {
            if (label_length == 0 || label_length > 63 || text[i - 1] == '-')
                return false;
            if (text[i] == '\0')
                return true;
            label_length = 0;
        } else if (is_letter(text[i]) || is_digit(text[i]) ||
                   (text[i] == '-' && label_length > 0)) {
            label_length++;
        } else {
            return false;
        }
    }
}

/* Moves *@at behind the quoted text. */
static bool take_quoted(const char **at)
{
    if (!take_character(at, '"'))
        return false;
    while (**at != '"') {
        if (**at == '\\')
            (*at)++;
        if (**at < ' ' || **at > '~') /* and the end */
            return false;
        (*at)++;
    }
    (*at)++;
    return true;
}

static bool take_dotted_atoms(const char **at)
{
    static const char ATOM[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                               "!#$%&'*+/=?^_`{|}~-";

    do {
        size_t length = strspn(*at, ATOM);

        if (length == 0)
            return false;
        *at += length;
    } while (take_character(at, '.'));
    return true;
}

/* RFC 5321 section 4.1.2. */
static bool is_email(const char *text)
{
    const char *at = text;

    if (*at == '"' ? !take_quoted(&at) : !take_dotted_atoms(&at))
        return false;
    if (at - text > 64 || !take_character(&at, '@'))
        return false;
    return *at == '[' ? is_address_literal(at) : is_domain(at);
}

struct subtag {
    const char *start;
    size_t length;
    bool is_alphabetic;
};

/* One to eight letters or digits up to "-" or the end. */
static bool take_subtag(const char **at, struct subtag *ret_subtag)
{
    struct subtag subtag = {.start = *at, .is_alphabetic = true};

    while (is_letter(**at) || is_digit(**at)) {
        subtag.is_alphabetic = subtag.is_alphabetic && is_letter(**at);
        subtag.length++;
        (*at)++;
    }
    if (subtag.length < 1 || subtag.length > 8 || (**at != '-' && **at != '\0'))
        return false;
    if (**at == '-') {
        (*at)++;
        if (**at == '\0')
            return false;
    }
    *ret_subtag = subtag;
    return true;
}

/* BCP 47 (RFC 5646 section 2.1), well-formed; whether the subtags are registered is not asked. */
static bool is_language_tag(const char *text)
{
    enum { LANGUAGE, SCRIPT, REGION, VARIANT, EXTENSION, PRIVATE_USE } stage = LANGUAGE;
    unsigned extended_count = 0;
    bool needs_subtag = false;
    struct subtag subtag;

    if (!take_subtag(&text, &subtag) || !subtag.is_alphabetic)
        return false;
    if (subtag.length == 1) {
        if ((subtag.start[0] | 0x20) != 'x')
            return false;
        stage = PRIVATE_USE;
        needs_subtag = true;
    }
    while (*text != '\0') {
        bool is_variant;

        if (!take_subtag(&text, &subtag))
            return false;
        if (stage == PRIVATE_USE || (stage == EXTENSION && subtag.length > 1)) {
            needs_subtag = false;
            continue;
        }
        if (needs_subtag)
            return false;
        is_variant = subtag.length >= 5 || (subtag.length == 4 && is_digit(subtag.start[0]));
        if (subtag.length == 1) {
            stage = (subtag.start[0] | 0x20) == 'x' ? PRIVATE_USE : EXTENSION;
            needs_subtag = true;
        } else if (stage == LANGUAGE && subtag.length == 3 && subtag.is_alphabetic &&
                   extended_count < 3) {
            extended_count++;
        } else if (stage < SCRIPT && subtag.length == 4 && subtag.is_alphabetic) {
            stage = SCRIPT;
        } else if (stage < REGION && ((subtag.length == 2 && subtag.is_alphabetic) ||
                                      (subtag.length == 3 && is_digit(subtag.start[0]) &&
                                       is_digit(subtag.start[1]) && is_digit(subtag.start[2])))) {
            stage = REGION;
        } else if (stage <= VARIANT && is_variant) {
            stage = VARIANT;
        } else {
            return false;
        }
    }
    return !needs_subtag;
}

static const struct schema_format FORMATS[] = {
    {"date", is_date, "a date such as 2024-05-31"},
    {"date-time", is_date_time, "a time with its offset, such as 2024-05-31T14:30:00Z"},
    {"decimal", num_is_decimal, "a decimal number in a string, such as \"1250.50\""},
    {"email", is_email, "an e-mail address"},
    {"json-pointer", is_json_pointer, "a JSON Pointer such as /title"},
    {"language-tag", is_language_tag, "a language tag such as en or pt-BR"},
    {"partial-date", is_partial_date, "a year, a month or a date: 2024, 2024-05 or 2024-05-31"},
    {"uri", is_uri, "an address such as https://example.org/ (no spaces, no user name)"},
    {"uri-reference", is_uri_reference, "an address, or a part of one such as /path?query"},
    {"uuid", uuid_is_valid, "a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057"},
    /* Ranges that the schema's own minimum and maximum state. */
    {"double", NULL, NULL},
    {"int32", NULL, NULL},
    {"int64", NULL, NULL},
};

const struct schema_format *schema_format_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(FORMATS); i++) {
        if (strcmp(FORMATS[i].name, name) == 0)
            return &FORMATS[i];
    }
    return NULL;
}

bool schema_format_is(const char *format, const char *value)
{
    const struct schema_format *found = schema_format_find(format);

    assert(found != NULL);
    return found->fits == NULL || found->fits(value);
}
