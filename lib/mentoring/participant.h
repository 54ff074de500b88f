#pragma once
/*
 * Participant
 *
 * A mentor or a mentee: what is known of a person in a mentoring programme,
 * which is what is needed to find somebody who fits, and nothing else. The
 * contract says what a body looks like; here is what it cannot say: that a place is no more
 * precise than it should be, and what the rules of the programme want.
 */
#include "base/annotate.h"
#include "base/uuid.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct problem;

enum participant_kind { PARTICIPANT_MENTOR, PARTICIPANT_MENTEE };

/* "mentor"; a constant. */
const char *participant_kind_name(enum participant_kind kind);
/* "mentors", as in addresses; a constant. */
const char *participant_kind_path(enum participant_kind kind);

#define PARTICIPANT_LANGUAGES_MAX 20 /* as the contract says */
#define PARTICIPANT_CONSENTS_MAX 4   /* one for each purpose */
#define PARTICIPANT_WORDS_MAX 50     /* of the longest list, skills */
#define PARTICIPANT_WORD_BYTES 120   /* an address of ESCO */
#define PARTICIPANT_TERM_BYTES 60    /* any other word */

/* One bit for each part of each day: bit 0 is Monday morning, 1 its afternoon, 2 its evening. */
#define PARTICIPANT_DAYS 7
#define PARTICIPANT_DAY_PARTS 3

struct participant_language {
    const char *language; /* BCP 47 */
    const char *level;    /* "A1" … "native" */
};

struct participant { /* all texts in an arena, or constants */
    enum participant_kind kind;
    const char *id;
    const char *audit_id; /* what the audit log calls this person */
    const char *programme_id;
    const char *programme_slug; /* NULL: the caller may not see the programme */
    const char *status;         /* "available", "paused" */
    struct participant_language languages[PARTICIPANT_LANGUAGES_MAX];
    size_t language_count;
    const char *sectors; /* words separated by spaces, as the three that follow; "": none */
    const char *skills;
    const char *goals;
    const char *formats;
    uint32_t availability;
    const char *area_country; /* NULL: unknown, as all that follow */
    bool has_place;
    int lat_tenths, lon_tenths; /* of a degree */
    const char *age_band;       /* "25_34" */
    unsigned capacity;          /* pairs at once; 0 of a mentee */
    const char *intake;
    long version;
    const char *created_at; /* RFC 3339 UTC, as all times here */
    const char *updated_at;
    const char *withdrawn_at; /* NULL: in the programme */
};

enum participant_outcome { PARTICIPANT_INVALID = 500 };

/*
 * participant_from_json() - the profile that a body tells
 * @body:    borrowed; any JSON: what MentorProfile or MenteeProfile of the contract refuse in it is
 *           passed over here
 * @ret:     its profile is replaced, what is absent by nothing; the rest stays
 * @problem: borrowed; what the contract found, if it found anything; gets every fault of another
 *           place
 *
 * Return: 0; PARTICIPANT_INVALID; a fault.
 */
MUST_CHECK int participant_from_json(const json_t *body, struct arena *arena,
                                     struct participant *ret, struct problem *problem);

/* The profile as it is written; owned, json_decref(). NULL when out of memory. */
json_t *participant_profile(const struct participant *participant);
/* The whole, without links. As above. */
json_t *participant_to_json(const struct participant *participant);

/* What a programme wants of its people. */
struct participant_rules { /* texts in an arena */
    char programme_id[UUID_TEXT_BYTES];
    const char *programme_slug;
    unsigned mentor_capacity;
    unsigned mentor_minimum_age; /* 0: any */
    json_t *intakes; /* [{"name", "opens_on", "closes_on", "is_over", "is_ahead", "is_full"}];
                        borrowed */
};

/*
 * participant_obeys() - is this what the programme wants?
 * @before:  borrowed; the person as it was: of a mentee, an intake that is over, ahead or full is
 *           only refused to who comes into it. NULL: new
 * @problem: borrowed; gets every fault of a place that has none yet
 */
MUST_CHECK bool participant_obeys(const struct participant *participant,
                                  const struct participant *before,
                                  const struct participant_rules *rules, struct arena *arena,
                                  struct problem *problem);

/* Somebody else took the last place of it meanwhile. */
void participant_tell_intake_full(struct arena *arena, struct problem *problem);
/* It is not there, or not any more: a programme that is gone has none. */
void participant_tell_intake_unknown(struct arena *arena, struct problem *problem);

struct participant_consent {
    const char *purpose;
    const char *version;
    const char *given_at;
    const char *withdrawn_at; /* NULL: it holds */
    bool is_replaced;
};
/* Owned, json_decref(). NULL when out of memory. */
json_t *participant_consent_to_json(const struct participant_consent *consent);

/*
 * participant_read_consents() - the consents that somebody comes with
 * @list:    borrowed; any JSON, as of participant_from_json()
 * @problem: borrowed; likewise
 * Return: 0; PARTICIPANT_INVALID: one twice, or none to be in the programme; a fault.
 */
MUST_CHECK int
participant_read_consents(const json_t *list, struct arena *arena,
                          struct participant_consent ret_consents[PARTICIPANT_CONSENTS_MAX],
                          size_t *ret_count, struct problem *problem);
