#pragma once
/*
 * What the handlers of mentors, mentees and what belongs to them have in common.
 */
#include "base/annotate.h"
#include "mentoring/participant.h"
#include "mentoring/participant_store.h"
#include "writing.h"

#include <jansson.h>

/* Whose address it is that was asked for. */
enum participant_kind participants_kind(const struct writing *writing);

/* Of every function that gives int: 0; WRITING_ANSWERED; a db outcome; a fault. */

/* The person of the path. */
MUST_CHECK int participants_get(struct writing *writing, enum participant_hold hold,
                                struct participant *ret_participant);
/* For the audit log: "mentor.read"; under the name that it has there. */
void participants_note(struct writing *writing, const struct participant *participant,
                       const char *verb);
/* What the store did not do. Outcomes of the database are the frame's. */
MUST_CHECK int participants_refuse(struct writing *writing, int outcome);
/* JSON behind what the reply has already. @shown: stolen; NULL: no memory for it */
MUST_CHECK int participants_append(struct writing *writing, json_t *shown);
