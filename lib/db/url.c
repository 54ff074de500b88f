/*
 * Whether a connection string keeps what travels to itself.
 *
 * A socket of this machine and its loopback do. Anything else needs TLS whose
 * certificate is held against the name of the host (verify-full): less than
 * that keeps out who listens, but not who stands in between. What the string
 * leaves open, libpq takes from its own environment; so do we. A service file
 * is not looked into: what it says of the host counts as unknown.
 */
#include "db/db.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include <libpq-fe.h>

#define HOST_BYTES 256

static const char *find(const PQconninfoOption *options, const char *keyword)
{
    for (; options != NULL && options->keyword != NULL; options++) {
        if (strcmp(options->keyword, keyword) == 0)
            return options->val != NULL && options->val[0] != '\0' ? options->val : NULL;
    }
    return NULL;
}

static const char *find_either(const PQconninfoOption *of_url, const PQconninfoOption *defaults,
                               const char *keyword)
{
    const char *value = find(of_url, keyword);

    return value != NULL ? value : find(defaults, keyword);
}

static bool is_local(const char *host)
{
    struct in6_addr ipv6;
    struct in_addr ipv4;

    if (host[0] == '\0' || host[0] == '/' || host[0] == '@' || strcmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &ipv4) == 1)
        return ntohl(ipv4.s_addr) >> 24 == IN_LOOPBACKNET;
    return inet_pton(AF_INET6, host, &ipv6) == 1 && IN6_IS_ADDR_LOOPBACK(&ipv6);
}

/* "a,b,c": every one of them */
static bool are_local(const char *list)
{
    char host[HOST_BYTES];

    for (;;) {
        size_t length = strcspn(list, ",");

        if (length >= sizeof(host))
            return false;
        memcpy(host, list, length);
        host[length] = '\0';
        if (!is_local(host))
            return false;
        if (list[length] == '\0')
            return true;
        list += length + 1;
    }
}

bool db_url_is_protected(const char *url)
{
    PQconninfoOption *of_url = PQconninfoParse(url, NULL);
    PQconninfoOption *defaults = PQconndefaults();
    const char *mode = find_either(of_url, defaults, "sslmode");
    const char *host = find_either(of_url, defaults, "hostaddr");
    bool is_protected;

    if (host == NULL)
        host = find_either(of_url, defaults, "host");
    if (mode != NULL && strcmp(mode, "verify-full") == 0)
        is_protected = true;
    else if (of_url == NULL || find_either(of_url, defaults, "service") != NULL)
        is_protected = false;
    else
        is_protected = host == NULL || are_local(host);
    PQconninfoFree(of_url);
    PQconninfoFree(defaults);
    return is_protected;
}
