#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static const unsigned char MAPPED_PREFIX[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_mapped(const struct address *address)
{
    return memcmp(address->bytes, MAPPED_PREFIX, sizeof(MAPPED_PREFIX)) == 0;
}

static bool is_unknown(const struct address *address)
{
    static const struct address UNKNOWN;

    return address_equal(address, &UNKNOWN);
}

static struct address mapped(const struct in_addr *ipv4)
{
    struct address address;

    memcpy(address.bytes, MAPPED_PREFIX, sizeof(MAPPED_PREFIX));
    memcpy(address.bytes + sizeof(MAPPED_PREFIX), ipv4, 4);
    return address;
}

struct address address_from_socket(const struct sockaddr *socket_address)
{
    struct address address = {{0}};

    if (socket_address == NULL)
        return address;
    if (socket_address->sa_family == AF_INET) {
        struct sockaddr_in ipv4;

        memcpy(&ipv4, socket_address, sizeof(ipv4));
        return mapped(&ipv4.sin_addr);
    }
    if (socket_address->sa_family == AF_INET6) {
        struct sockaddr_in6 ipv6;

        memcpy(&ipv6, socket_address, sizeof(ipv6));
        memcpy(address.bytes, &ipv6.sin6_addr, sizeof(address.bytes));
    }
    return address;
}

bool address_parse(const char *text, struct address *ret_address)
{
    struct in_addr ipv4;
    struct in6_addr ipv6;

    if (inet_pton(AF_INET, text, &ipv4) == 1) {
        *ret_address = mapped(&ipv4);
        return true;
    }
    if (inet_pton(AF_INET6, text, &ipv6) == 1) {
        memcpy(ret_address->bytes, &ipv6, sizeof(ret_address->bytes));
        return true;
    }
    return false;
}

bool address_equal(const struct address *left, const struct address *right)
{
    return memcmp(left->bytes, right->bytes, sizeof(left->bytes)) == 0;
}

bool address_is_loopback(const struct address *address)
{
    static const struct address IPV6 = {{[15] = 1}};

    return (is_mapped(address) && address->bytes[12] == 127) || address_equal(address, &IPV6);
}

struct address address_of_caller(const struct address *address)
{
    struct address caller = *address;

    if (!is_mapped(address))
        memset(caller.bytes + 8, 0, 8);
    return caller;
}

static const char *written(const struct address *address, char *buffer, size_t size_bytes)
{
    const char *text = is_mapped(address)
                           ? inet_ntop(AF_INET, address->bytes + 12, buffer, (socklen_t)size_bytes)
                           : inet_ntop(AF_INET6, address->bytes, buffer, (socklen_t)size_bytes);

    if (text == NULL)
        buffer[0] = '\0';
    return buffer;
}

const char *address_text(const struct address *address, char *buffer, size_t size_bytes)
{
    if (is_unknown(address)) {
        buffer[0] = '\0';
        return buffer;
    }
    return written(address, buffer, size_bytes);
}

const char *address_text_short(const struct address *address, char *buffer, size_t size_bytes)
{
    struct address network = *address;

    if (is_unknown(address)) {
        memcpy(buffer, "-", 2);
        return buffer;
    }
    if (is_mapped(address))
        network.bytes[15] = 0;
    else
        memset(network.bytes + 6, 0, 10);
    return written(&network, buffer, size_bytes);
}
