#pragma once
/*
 * Routes
 *
 * One row a route; the dispatcher does all else around the handler. Patterns
 * have segments {like_this}; literal segments win over captured ones.
 */
#include "request.h"

#include <stddef.h>

struct reply;

/* Who may use a route; a bad token is refused on every one, the public ones included. */
enum route_access {
    ACCESS_PUBLIC,    /* anybody */
    ACCESS_SIGN_IN,   /* anybody; Basic credentials in Authorization are the handler's to judge */
    ACCESS_SIGNED_IN, /* whoever has a token, whatever its role */
    ACCESS_READER,    /* partner, coordinator, editor, admin; scope read */
    ACCESS_WRITER,    /* the same; scope write, or write:{resource} of this path */
    ACCESS_REVIEWER,  /* editor, admin; scope review */
    ACCESS_ADMIN,     /* admin; scope admin */
    /* People in programmes, and who coordinates them: nobody above them, whatever their rank. The
     * scope may be narrowed to the first word of the path: "write:mentoring-pairs". */
    ACCESS_MENTORING,        /* participant, coordinator; scope read */
    ACCESS_MENTORING_WRITER, /* the same; scope write */
    ACCESS_PARTICIPANT,      /* participant; scope write: what nobody else may say */
    ACCESS_COORDINATOR,      /* coordinator; scope write */
    ACCESS_ERASER /* participant, coordinator, and admin: who erases people; scope write */
};

enum route_body {
    BODY_NONE,
    BODY_JSON,         /* application/json, into request->body */
    BODY_MERGE_PATCH,  /* application/merge-patch+json, an object, into request->body */
    BODY_FORM,         /* application/x-www-form-urlencoded, into request->form */
    BODY_JSON_OPTIONAL /* nothing (request->body is NULL), or as BODY_JSON */
};

struct route {
    enum request_method method;
    const char *pattern;
    const char *name; /* for logs and metrics: "practices.list" is logged as resource plus this */
    enum route_access access;
    enum route_body body;
    int (*handle)(struct request *request, struct reply *reply);
};

extern const struct route ROUTES[];
extern const size_t ROUTE_COUNT;

/*
 * routes_match() - the route of a method and decoded path
 * @ret_allow: set to a comma-separated list ("GET, HEAD, OPTIONS") when the path is known
 *
 * Return: the route with request->segments filled; NULL: *ret_allow is NULL
 * when the path is unknown (404), else the method is not allowed (405).
 */
const struct route *routes_match(struct request *request, const char **ret_allow);
