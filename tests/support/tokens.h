#pragma once
/*
 * Tokens
 *
 * Signing in to the server under test, as a person with the command line would: tokens are
 * made by `express-api token` with the server's own settings, once for all the tests of a
 * server.
 */
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

/*
 * http_as() - http_send() with a token
 * @token:   borrowed; NULL: without one
 * @headers: borrowed; as in http_send(). Without a Content-Type among them, a body is
 *           application/json, or application/merge-patch+json for PATCH. May be NULL.
 * @body:    borrowed; text, NULL for none
 */
struct response *http_as(const char *token, const char *method, const char *path,
                         const char *const *headers, const char *body);
