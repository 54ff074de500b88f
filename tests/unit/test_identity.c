#include "identity.h"

#include "auth/caller.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(identity, .fini = test_ends_without_leaks);

static struct caller caller_of(enum caller_role role, const char *scopes)
{
    struct caller caller = caller_anonymous();

    caller.role = role;
    (void)snprintf(caller.scopes, sizeof(caller.scopes), "%s", scopes);
    return caller;
}

/* The whole table: who may use which routes with all the scopes of the role. */
Test(identity, each_role_may_use_its_routes_and_no_others)
{
    static const enum identity_right RIGHTS[] = {
        ['.'] = RIGHT_GIVEN, ['?'] = RIGHT_NOBODY, ['-'] = RIGHT_ROLE_MISSING};
    static const char *const ROWS[] = {
        /* public, sign-in, signed-in, reader, writer, reviewer, admin; mentoring, its writer,
           participant, coordinator, eraser */
        [CALLER_ANONYMOUS] = "..??????????", [CALLER_PARTICIPANT] = "...----...-.",
        [CALLER_PARTNER] = ".....-------",   [CALLER_COORDINATOR] = ".....--..-..",
        [CALLER_EDITOR] = "......------",    [CALLER_ADMIN] = ".......----.",
    };

    for (size_t role = 0; role < sizeof(ROWS) / sizeof(ROWS[0]); role++) {
        const struct caller caller =
            caller_of((enum caller_role)role, caller_role_scopes((enum caller_role)role));

        for (size_t access = 0; access <= ACCESS_ERASER; access++)
            cr_assert_eq(identity_right((enum route_access)access, &caller, "practices"),
                         RIGHTS[(unsigned char)ROWS[role][access]], "%s, %zu",
                         caller_role_name(caller.role), access);
    }
}

Test(identity, a_scope_that_the_token_lacks_is_missing_whatever_the_role)
{
    static const struct {
        enum route_access access;
        const char *scopes;
        const char *resource;
        enum identity_right right;
        const char *why;
    } ROWS[] = {
        {ACCESS_READER, "write review admin", "practices", RIGHT_SCOPE_MISSING, "no reading"},
        {ACCESS_READER, "read", NULL, RIGHT_GIVEN, "reading"},
        {ACCESS_WRITER, "read", "practices", RIGHT_SCOPE_MISSING, "reading is not writing"},
        {ACCESS_WRITER, "write", "practices", RIGHT_GIVEN, "writing"},
        {ACCESS_WRITER, "write:practices", "practices", RIGHT_GIVEN, "writing this"},
        {ACCESS_WRITER, "write:practices", "networks", RIGHT_SCOPE_MISSING, "writing another"},
        {ACCESS_WRITER, "write:practices", "practice", RIGHT_SCOPE_MISSING, "the beginning of it"},
        {ACCESS_WRITER, "write:practice", "practices", RIGHT_SCOPE_MISSING, "a longer one"},
        {ACCESS_WRITER, "write:practices", NULL, RIGHT_SCOPE_MISSING, "of no resource"},
        {ACCESS_WRITER, "read write:networks write:practices", "practices", RIGHT_GIVEN,
         "the last"},
        {ACCESS_REVIEWER, "read write", "practices", RIGHT_SCOPE_MISSING, "no reviewing"},
        {ACCESS_ADMIN, "read write review", NULL, RIGHT_SCOPE_MISSING, "no administration"},
        {ACCESS_SIGNED_IN, "", NULL, RIGHT_GIVEN, "being somebody needs no scope"},
    };

    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        const struct caller admin = caller_of(CALLER_ADMIN, ROWS[i].scopes);

        cr_assert_eq(identity_right(ROWS[i].access, &admin, ROWS[i].resource), ROWS[i].right, "%s",
                     ROWS[i].why);
    }
}
