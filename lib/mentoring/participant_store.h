#pragma once
/*
 * Participant store
 *
 * The only module that knows the columns of tables mentoring.participant,
 * participant_language, contact and consent. It works in the transaction the
 * caller holds (caller_begin()), whose policies say what there is for whom; it
 * never commits and writes no audit entry.
 */
#include "base/annotate.h"
#include "mentoring/participant.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct db;

#define PARTICIPANTS_PAGE_MAX 100

/* Beyond the outcomes of the database. */
enum participant_store_outcome {
    PARTICIPANT_NOT_FOUND = 510, /* or not the caller's to see */
    PARTICIPANT_NOT_YOURS,       /* seen, and another's to change */
    PARTICIPANT_SUBJECT_TAKEN,   /* in the programme already */
    PARTICIPANT_WITHDRAWN,       /* has left: comes back as somebody new */
    PARTICIPANT_INTAKE_FULL,     /* all places of it are taken */
    PARTICIPANT_INTAKE_UNKNOWN,  /* the programme has no such one, or is gone */
};

/*
 * participant_store_rules() - of a programme that the caller coordinates or is in
 * @programme:   borrowed; id or slug, any text
 * @ret_intakes: owned, json_decref(); also @ret_rules->intakes
 * Return: 0; PARTICIPANT_NOT_FOUND; a db outcome; a fault.
 */
MUST_CHECK int participant_store_rules(struct db *db, struct arena *arena, const char *programme,
                                       struct participant_rules *ret_rules, json_t **ret_intakes);

enum participant_hold { PARTICIPANT_LOOK, PARTICIPANT_CHANGE };
/*
 * participant_store_get()
 * @id:   borrowed; any text
 * @hold: PARTICIPANT_CHANGE locks the row
 * Return: 0; PARTICIPANT_NOT_FOUND, _NOT_YOURS; a db outcome; a fault.
 */
MUST_CHECK int participant_store_get(struct db *db, struct arena *arena, enum participant_kind kind,
                                     const char *id, enum participant_hold hold,
                                     struct participant *ret_participant);

struct participant_filter { /* borrowed; NULL: whatever it is */
    const char *programme_id;
    const char *status;
    const char *intake;
    const char *after; /* id of the last one of the page before */
    size_t limit;      /* 1..PARTICIPANTS_PAGE_MAX + 1 */
};
/*
 * participant_store_list() - in the order of their ids
 * @is_participant: of who asks: such a one sees itself and its partners, a coordinator its
 *                  programmes
 */
MUST_CHECK int participant_store_list(struct db *db, struct arena *arena,
                                      enum participant_kind kind, bool is_participant,
                                      const struct participant_filter *filter,
                                      struct participant **ret_participants, size_t *ret_count);

/* A random id, which tells nothing, not even when it was made. Return: 0; a fault. */
MUST_CHECK int participant_store_new_id(struct arena *arena, const char **ret_id);
/*
 * participant_store_insert() - with languages and consents
 * @participant: its id and programme_id are set
 * @subject:     pseudonym of who signs in as this person
 * Return: 0; PARTICIPANT_SUBJECT_TAKEN, _INTAKE_FULL, _INTAKE_UNKNOWN: the transaction has failed;
 * a db outcome; a fault.
 */
MUST_CHECK int participant_store_insert(struct db *db, struct arena *arena,
                                        const struct participant *participant, const char *subject,
                                        const struct participant_consent *consents,
                                        size_t consent_count);
/* The profile anew, and a version more; the row is locked. Return: 0; PARTICIPANT_INTAKE_FULL,
 * _INTAKE_UNKNOWN; a db outcome; a fault. */
MUST_CHECK int participant_store_update(struct db *db, struct arena *arena,
                                        const struct participant *participant);

struct participant_contact {
    const char *channel;
    const char *address;
    const char *updated_at;
};
/* Return: 0; PARTICIPANT_NOT_FOUND: none, or not the caller's to see; a db outcome; a fault. */
MUST_CHECK int participant_store_contact(struct db *db, struct arena *arena, const char *id,
                                         struct participant_contact *ret_contact);
MUST_CHECK int participant_store_set_contact(struct db *db, struct arena *arena, const char *id,
                                             const char *channel, const char *address,
                                             struct participant_contact *ret_contact);
/* Return: 0; PARTICIPANT_NOT_FOUND: there was none; a db outcome; a fault. */
MUST_CHECK int participant_store_remove_contact(struct db *db, const char *id);

/* All that there were, the latest first. @ret_consents: arena */
MUST_CHECK int participant_store_consents(struct db *db, struct arena *arena, const char *id,
                                          struct participant_consent **ret_consents,
                                          size_t *ret_count);
/*
 * participant_store_give() - consent to a version of the words
 * The one that holds is replaced, unless it is of this version. Return: 0; a db outcome; a fault.
 */
MUST_CHECK int participant_store_give(struct db *db, struct arena *arena, const char *id,
                                      const char *purpose, const char *version,
                                      struct participant_consent *ret_consent);
/* The last one to a purpose. Return: 0; PARTICIPANT_NOT_FOUND: never given; a db outcome; a fault.
 */
MUST_CHECK int participant_store_last_consent(struct db *db, struct arena *arena, const char *id,
                                              const char *purpose,
                                              struct participant_consent *ret_consent);
/* What was withdrawn before is told again. Return: 0; PARTICIPANT_NOT_FOUND: never given; a db
 * outcome; a fault. */
MUST_CHECK int participant_store_withdraw(struct db *db, struct arena *arena, const char *id,
                                          const char *purpose,
                                          struct participant_consent *ret_consent);

/*
 * participant_store_everything() - all that is held about a person, as JSON
 * @ret_document: arena
 * Return: 0; PARTICIPANT_NOT_FOUND: not the caller's to ask for; a db outcome; a fault.
 */
MUST_CHECK int participant_store_everything(struct db *db, struct arena *arena,
                                            enum participant_kind kind, const char *id,
                                            const char **ret_document);
