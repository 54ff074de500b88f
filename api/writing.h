#pragma once
/*
 * Writing
 *
 * The frame of every request that changes something, and of every one that
 * reads what is not public: one transaction for one caller, with its entry in
 * the audit log. A handler gives the frame its step, which does the one thing
 * that is particular to it and makes the reply.
 *
 * Around the step of a change the frame reads dry_run, claims the
 * Idempotency-Key, stores what came of it, commits (or not, with dry_run=true),
 * and does all of it again when the transaction met another one. So a step can
 * run several times, each time on a body of its own and an empty reply, and
 * nothing of it is kept unless the frame says so.
 */
#include "base/annotate.h"
#include "base/problem.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct db;
struct reply;
struct request;

/* Beyond the outcomes of the database. */
enum writing_outcome { WRITING_ANSWERED = 400 /* a refusal is in the reply: nothing is kept */ };

/* What was done or read: for the audit log, and for answering again. Texts live until the reply is
 * sent. */
struct writing_effect {
    const char *action;   /* of the audit log: "record.create"; NULL: nothing to note */
    const char *resource; /* "practices"; NULL: of none */
    const char *id;       /* of the record, proposal, client …; NULL: of none */
    const char *audit_id; /* what the audit log calls it, where that is not its id; NULL: it is */
    long version;         /* 0: none */
    const char *const *properties;
    size_t property_count;
};

struct writing {
    struct request *request; /* borrowed */
    struct reply *reply;     /* borrowed */
    struct db *db;           /* borrowed; in a transaction of caller_begin() */
    json_t *body;            /* borrowed; the step may change it. NULL: there is none */
    struct problem *problem; /* borrowed; empty */
    bool dry_run;
    struct writing_effect effect; /* filled by the step */
    void *data;                   /* borrowed; what the handler gave to its step */
};

struct writing_step {
    /*
     * Do it, fill @writing->effect and the reply.
     * Return: 0: keep it; WRITING_ANSWERED; a db outcome; a fault.
     */
    int (*act)(struct writing *writing);
    /*
     * It was carried out before: the reply again, as the caller may see it now. The effect has id
     * and version, the reply the status of then; the effect's action is not looked at. NULL: the
     * request takes no Idempotency-Key.
     * Return: as act().
     */
    int (*replay)(struct writing *writing);
};

/*
 * writing_run() - carry out a change
 * Answers by itself: 400 for parameters other than dry_run and for keys that are none, 403 when
 * the database says no, 406, 409 and 422 for keys in use, 503 for what the database cannot do.
 * Return: 0; a fault.
 */
MUST_CHECK int writing_run(struct request *request, struct reply *reply,
                           const struct writing_step *step);
/* The same; @data: borrowed, into @writing->data. */
MUST_CHECK int writing_run_with(struct request *request, struct reply *reply,
                                const struct writing_step *step, void *data);

/*
 * writing_look() - read what is not public
 * @look: as writing_step.act, but changes nothing. The handler has looked at the parameters.
 * Return: 0; a fault.
 */
MUST_CHECK int writing_look(struct request *request, struct reply *reply,
                            int (*look)(struct writing *writing));
/* The same; @data: borrowed, into @writing->data. */
MUST_CHECK int writing_look_with(struct request *request, struct reply *reply,
                                 int (*look)(struct writing *writing), void *data);

/* For steps. Return: WRITING_ANSWERED; a fault. */
MUST_CHECK int writing_refuse(struct writing *writing, const char *code, const char *detail);
/* With @writing->problem, or one of the step's own. */
MUST_CHECK int writing_refuse_problem(struct writing *writing, const struct problem *problem);
/*
 * writing_check_body() - hold the body against a schema of the contract, such as "ReturnRequest"
 * Return: 0; WRITING_ANSWERED (422 validation-failed); a fault.
 */
MUST_CHECK int writing_check_body(struct writing *writing, const char *schema);
/* The same into @writing->problem, without refusing: for steps that look for more first. */
void writing_tell_faults(struct writing *writing, const char *schema);
