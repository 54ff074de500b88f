#pragma once
/* UUIDs (RFC 9562), as 36 lower-case characters. */
#include <stdbool.h>

#define UUID_TEXT_BYTES 37

/* Exactly 8-4-4-4-12 hexadecimal digits, either case. */
bool uuid_is_valid(const char *text);
/* The same id as it is stored and shown; @text is valid. */
void uuid_make_lower(const char *text, char ret_text[UUID_TEXT_BYTES]);
/* Version 7: time-ordered, for public records. Threads may call it at once. */
void uuid_make_v7(char ret_text[UUID_TEXT_BYTES]);
/* Version 4: random, for people and what belongs to them; tells nothing. */
void uuid_make_v4(char ret_text[UUID_TEXT_BYTES]);
