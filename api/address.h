#pragma once
/*
 * Address
 *
 * The address of a client, IPv4 and IPv6 alike: 16 bytes, IPv4 mapped into
 * ::ffff:0:0/96. Whole for limits, shortened for whatever is written down.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>

struct sockaddr;

#define ADDRESS_TEXT_BYTES 48

struct address {
    unsigned char bytes[16]; /* all zero: unknown */
};

/* Anything but IPv4 and IPv6 becomes the unknown address. @socket_address may be NULL. */
struct address address_from_socket(const struct sockaddr *socket_address);
/* A literal such as "192.0.2.1" or "2001:db8::1", no port, no brackets, no scope. */
MUST_CHECK bool address_parse(const char *text, struct address *ret_address);
/* Of this machine alone: 127.0.0.0/8 or ::1. */
bool address_is_loopback(const struct address *address);
bool address_equal(const struct address *left, const struct address *right);
/* What one household or host holds: IPv4 whole, IPv6 cut to /64. */
struct address address_of_caller(const struct address *address);
/* "" when unknown. Returns @buffer (ADDRESS_TEXT_BYTES). */
const char *address_text(const struct address *address, char *buffer, size_t size_bytes);
/* Cut to /24 (IPv4) or /48 (IPv6): says whence, not who. "-" when unknown. Returns @buffer. */
const char *address_text_short(const struct address *address, char *buffer, size_t size_bytes);
