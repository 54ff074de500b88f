#include "contract/schema_internal.h"

#include "base/fault.h"
#include "base/text.h"
#include "contract/schema.h"

#include <errno.h>
#include <string.h>

/*
 * JSON Schema's patterns are ECMA-262 regular expressions with the flag u.
 * PCRE2 reads almost the same language, so a pattern is translated: what means
 * something else there is rewritten (\s, \v, ".", long property names), and
 * what only Perl knows is refused, lest two readers of the contract disagree.
 */

/* White_Space and line terminators of ECMA-262, for use inside a class. */
#define SPACES                                                                                     \
    "\\x09-\\x0d\\x20\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff"

/* General categories by their long names, which PCRE2 lacks (Unicode, PropertyValueAliases). */
static const struct {
    const char *name;
    const char *brief;
} CATEGORIES[] = {
    {"Cased_Letter", "L&"},
    {"Close_Punctuation", "Pe"},
    {"Connector_Punctuation", "Pc"},
    {"Control", "Cc"},
    {"Currency_Symbol", "Sc"},
    {"Dash_Punctuation", "Pd"},
    {"Decimal_Number", "Nd"},
    {"Enclosing_Mark", "Me"},
    {"Final_Punctuation", "Pf"},
    {"Format", "Cf"},
    {"Initial_Punctuation", "Pi"},
    {"Letter", "L"},
    {"Letter_Number", "Nl"},
    {"Line_Separator", "Zl"},
    {"Lowercase_Letter", "Ll"},
    {"Mark", "M"},
    {"Math_Symbol", "Sm"},
    {"Modifier_Letter", "Lm"},
    {"Modifier_Symbol", "Sk"},
    {"Nonspacing_Mark", "Mn"},
    {"Number", "N"},
    {"Open_Punctuation", "Ps"},
    {"Other", "C"},
    {"Other_Letter", "Lo"},
    {"Other_Number", "No"},
    {"Other_Punctuation", "Po"},
    {"Other_Symbol", "So"},
    {"Paragraph_Separator", "Zp"},
    {"Private_Use", "Co"},
    {"Punctuation", "P"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Spacing_Mark", "Mc"},
    {"Surrogate", "Cs"},
    {"Symbol", "S"},
    {"Titlecase_Letter", "Lt"},
    {"Unassigned", "Cn"},
    {"Uppercase_Letter", "Lu"},
    {"digit", "Nd"},
    {"punct", "P"},
};

struct translation {
    const char *at;
    struct text *text;
    bool in_class;
};

/* \p{…} and \P{…}; @at stands on the letter. */
static const char *translate_property(struct translation *translation)
{
    const char *name = translation->at + 2;
    size_t length;

    if (translation->at[1] != '{')
        return "\\p needs a property in braces";
    length = strcspn(name, "}");
    if (name[length] != '}')
        return "\\p needs a property in braces";
    text_append_char(translation->text, '\\');
    text_append_bytes(translation->text, translation->at, 2);
    translation->at = name + length + 1;
    for (size_t i = 0; i < ARRAY_LENGTH(CATEGORIES); i++) {
        if (strlen(CATEGORIES[i].name) == length &&
            strncmp(CATEGORIES[i].name, name, length) == 0) {
            text_append(translation->text, CATEGORIES[i].brief);
            text_append_char(translation->text, '}');
            return NULL;
        }
    }
    text_append_bytes(translation->text, name, length + 1);
    return NULL;
}

/* @at stands behind the backslash. NULL, or why the escape is refused. */
static const char *translate_escape(struct translation *translation)
{
    char letter = *translation->at;

    switch (letter) {
    case '\0':
        return "it ends in a backslash";
    case 'p':
    case 'P':
        return translate_property(translation);
    case 's':
        text_append(translation->text, translation->in_class ? SPACES : "[" SPACES "]");
        break;
    case 'S':
        if (translation->in_class)
            return "\\S inside brackets is not supported: name the characters";
        text_append(translation->text, "[^" SPACES "]");
        break;
    case 'v':
        text_append(translation->text, "\\x0b");
        break;
    default:
        if ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z')) {
            if (strchr("dDwWbBnrtfcuxk", letter) == NULL)
                return "it has an escape that ECMA-262 does not know";
        }
        text_append_char(translation->text, '\\');
        text_append_char(translation->text, letter);
        break;
    }
    translation->at++;
    return NULL;
}

/* A group is capturing, (?:, (?=, (?!, (?<=, (?<! or (?<name>. */
static bool is_group(const char *at)
{
    if (at[1] == '*')
        return false;
    if (at[1] != '?')
        return true;
    if (at[2] == '<')
        return at[3] != '\0';
    return at[2] != '\0' && strchr(":=!", at[2]) != NULL;
}

static const char *translate(const char *pattern, struct text *text)
{
    struct translation translation = {.at = pattern, .text = text};

    while (*translation.at != '\0') {
        char character = *translation.at;
        const char *why = NULL;

        if (character == '\\') {
            translation.at++;
            why = translate_escape(&translation);
            if (why != NULL)
                return why;
            continue;
        }
        if (translation.in_class) {
            translation.in_class = character != ']';
            /* "[:" would begin a class of POSIX. */
            text_append(text, character == '[' ? "\\" : "");
            text_append_char(text, character);
        } else if (character == '.') {
            text_append(text, "[^\\n\\r\\u2028\\u2029]");
        } else {
            if (character == '(' && !is_group(translation.at))
                return "it has a group that ECMA-262 does not know";
            if (strchr("*+?}", character) != NULL && translation.at[1] == '+')
                return "it has a possessive quantifier, which ECMA-262 does not know";
            text_append_char(text, character);
            if (character == '[') {
                translation.in_class = true;
                if (translation.at[1] == '^') {
                    text_append_char(text, '^');
                    translation.at++;
                }
            }
        }
        translation.at++;
    }
    return NULL;
}

int schema_pattern_compile(const char *pattern, pcre2_code **ret_code, char *buffer,
                           size_t buffer_bytes, const char **reterr_why)
{
    /* "$" is the very end, [] matches nothing, \u and \x have ECMA's digits, no callouts to C. */
    const uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS |
                             PCRE2_ALT_BSUX | PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C;
    CLEANUP(text_deinit) struct text text = {0};
    pcre2_compile_context *context;
    PCRE2_SIZE offset;
    int error;

    text_init(&text, SCHEMA_PATTERN_BYTES_MAX);
    *reterr_why = translate(pattern, &text);
    if (*reterr_why != NULL)
        return SCHEMA_INVALID;
    if (text_failed(&text)) {
        *reterr_why = "it is too long";
        return SCHEMA_INVALID;
    }
    context = pcre2_compile_context_create(NULL);
    if (context == NULL)
        return fault_raise(-ENOMEM);
    (void)pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX); /* always 0 */
    *ret_code =
        pcre2_compile((PCRE2_SPTR)text.bytes, text.length, options, &error, &offset, context);
    pcre2_compile_context_free(context);
    if (*ret_code != NULL)
        return 0;
    if (error == PCRE2_ERROR_HEAP_FAILED) /* PCRE2's word for no memory */
        return fault_raise(-ENOMEM);
    if (pcre2_get_error_message(error, (PCRE2_UCHAR *)buffer, buffer_bytes) < 0)
        *reterr_why = "PCRE2 refuses it";
    else
        *reterr_why = buffer;
    return SCHEMA_INVALID;
}
