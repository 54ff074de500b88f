#include "auth/caller.h"

#include "support/leaks.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(caller, .fini = test_ends_without_leaks);

Test(caller, roles_are_known_by_the_names_that_the_database_uses)
{
    const struct {
        enum caller_role role;
        const char *name;
        bool is_borne_by_tokens;
    } rows[] = {
        {CALLER_ANONYMOUS, "anonymous", false}, {CALLER_PARTICIPANT, "participant", true},
        {CALLER_PARTNER, "partner", true},      {CALLER_COORDINATOR, "coordinator", true},
        {CALLER_EDITOR, "editor", true},        {CALLER_ADMIN, "admin", true},
        {CALLER_SERVICE, "service", false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        enum caller_role role = CALLER_ANONYMOUS;

        cr_assert_str_eq(caller_role_name(rows[i].role), rows[i].name);
        cr_assert_eq(caller_role_of(rows[i].name, &role), rows[i].is_borne_by_tokens, "%s",
                     rows[i].name);
        cr_assert_eq(role, rows[i].is_borne_by_tokens ? rows[i].role : CALLER_ANONYMOUS);
    }
}

Test(caller, nobody_becomes_somebody_by_a_name_that_is_nearly_a_role)
{
    const char *const names[] = {"",       "Admin", "admin ",   " admin", "administrator",
                                 "system", "owner", "partner\n"};

    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        enum caller_role role;

        cr_assert_not(caller_role_of(names[i], &role), "\"%s\"", names[i]);
    }
}

/* Checks Z8. */
Test(caller, a_role_grants_its_scopes_and_narrower_writing)
{
    const struct {
        enum caller_role role;
        const char *scope;
        bool granted;
    } rows[] = {
        {CALLER_PARTICIPANT, "read", true},
        {CALLER_PARTICIPANT, "write", true}, /* its own pairs: what it writes is its role's */
        {CALLER_PARTICIPANT, "write:mentoring-pairs", true},
        {CALLER_PARTICIPANT, "review", false},
        {CALLER_PARTNER, "write", true},
        {CALLER_PARTNER, "write:financing-offers", true},
        {CALLER_PARTNER, "write:", false},
        {CALLER_PARTNER, "write:Practices", false},
        {CALLER_PARTNER, "write:a b", false},
        {CALLER_PARTNER, "write:-", false},
        {CALLER_PARTNER, "writ", false},
        {CALLER_PARTNER, "", false},
        {CALLER_PARTNER, "read write", false},
        {CALLER_PARTNER, "review", false},
        {CALLER_COORDINATOR, "write", true},
        {CALLER_COORDINATOR, "admin", false},
        {CALLER_EDITOR, "review", true},
        {CALLER_EDITOR, "admin", false},
        {CALLER_ADMIN, "admin", true},
        {CALLER_ADMIN, "review", true},
        {CALLER_ANONYMOUS, "read", false},
        {CALLER_SERVICE, "admin", false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        cr_assert_eq(caller_role_grants(rows[i].role, rows[i].scope), rows[i].granted, "%s \"%s\"",
                     caller_role_name(rows[i].role), rows[i].scope);
}

/* Checks Z8. */
Test(caller, a_scope_for_one_resource_writes_no_other)
{
    const struct {
        const char *scopes, *resource;
        bool may;
    } rows[] = {
        {"read write", "practices", true},
        {"write:practices", "practices", true},
        {"read write:networks write:practices", "practices", true},
        {"read write:practices", "networks", false},
        {"write:practices-of-others", "practices", false},
        {"write:practice", "practices", false},
        {"rewrite:practices", "practices", false},
        {"read", "practices", false},
        {"", "practices", false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct caller caller = {.role = CALLER_PARTNER};

        memcpy(caller.scopes, rows[i].scopes, strlen(rows[i].scopes) + 1);
        cr_assert_eq(caller_may_write(&caller, rows[i].resource), rows[i].may, "\"%s\" %s",
                     rows[i].scopes, rows[i].resource);
    }
}

Test(caller, scopes_are_whole_words)
{
    const struct caller caller = {.scopes = "read  write:practices"};

    cr_assert(caller_has_scope(&caller, "read"));
    cr_assert(caller_has_scope(&caller, "write:practices"));
    cr_assert_not(caller_has_scope(&caller, "write"));
    cr_assert_not(caller_has_scope(&caller, "rea"));
    cr_assert_not(caller_has_scope(&caller, ""));
}

Test(caller, nobody_in_particular_and_the_server_have_no_scopes)
{
    const struct caller anonymous = caller_anonymous();
    const struct caller service = caller_service();

    cr_assert_eq(anonymous.role, CALLER_ANONYMOUS);
    cr_assert_str_eq(anonymous.name, "anonymous");
    cr_assert_str_empty(anonymous.scopes);
    cr_assert_eq(service.role, CALLER_SERVICE);
    cr_assert_str_empty(service.scopes);
    cr_assert_str_empty(service.organisation_id);
}
