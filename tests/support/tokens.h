#pragma once
/*
 * Tokens
 *
 * Signing in to the server under test. As a person with the command line would: tokens are
 * made by `express-api token` with the server's own settings, once for all the tests of a
 * server. Or as a program does: with a client that an administrator registers.
 */
struct http_pending;
struct response;

/*
 * token_for() - a token of a role
 * @role:         borrowed; "partner", "editor"
 * @organisation: borrowed; slug of an organisation of the catalogue; NULL: none
 *
 * Return: borrowed, lives as long as the test. A token that cannot be made ends the test.
 */
const char *token_for(const char *role, const char *organisation);

/* The same with fewer scopes than the role has: "read", "write:practices". */
const char *token_with_scopes(const char *role, const char *organisation, const char *scopes);

/* Of a participant: who signs in as the person that this is the subject of. */
const char *token_of_subject(const char *subject);

/*
 * http_as() - http_send() with a token
 * @token:   borrowed; NULL: without one
 * @headers: borrowed; as in http_send(). Without a Content-Type among them, a body is
 *           application/json, or application/merge-patch+json for PATCH. May be NULL.
 * @body:    borrowed; text, NULL for none
 */
struct response *http_as(const char *token, const char *method, const char *path,
                         const char *const *headers, const char *body);

/* The same, begun and left to itself: http_end() gives its answer. */
struct http_pending *http_begin_as(const char *token, const char *method, const char *path,
                                   const char *const *headers, const char *body);

/* A client that was registered over the API. */
struct test_client {
    char id[40];
    char secret[80];
};
/*
 * client_make()
 * @role:         borrowed
 * @organisation: borrowed; slug of an organisation of the catalogue
 * @scopes:       borrowed; JSON, such as "[\"read\"]"; NULL: all of the role
 */
void client_make(const char *role, const char *organisation, const char *scopes,
                 struct test_client *ret_client);
/* A token of the client; @scope: NULL: all that it has. Owned, free(). */
char *client_token(const struct test_client *client, const char *scope);

/*
 * http_form() - POST of a form
 * @client: borrowed; its credentials by HTTP Basic; NULL: without
 * @form:   borrowed; encoded
 */
struct response *http_form(const struct test_client *client, const char *path, const char *form);
