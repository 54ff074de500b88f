/*
 * Constant
 *
 * The ceiling: a handler of the same HTTP library, with a thread for each
 * connection as in our server, that answers every path with the same bytes.
 *
 *   constant PORT BYTES - until its standard input is closed
 */
#include "base/annotate.h"
#include "base/num.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ulfius.h>
#include <unistd.h>

#define BYTES_MAX (1024 * 1024)

struct constant {
    char *bytes;
    size_t size_bytes;
};

static int answer(const struct _u_request *request, struct _u_response *response, void *data)
{
    const struct constant *constant = data;

    (void)request;
    (void)u_map_put(response->map_header, "Content-Type", "application/json");
    (void)ulfius_set_binary_body_response(response, 200, constant->bytes, constant->size_bytes);
    return U_CALLBACK_COMPLETE;
}

int main(int count, char **arguments)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct _u_instance instance;
    struct constant constant = {NULL, 0};
    uint32_t port;
    uint32_t size_bytes;
    char byte;

    if (count != 3 || !num_parse_u32(arguments[1], 1, 65535, &port) ||
        !num_parse_u32(arguments[2], 1, BYTES_MAX, &size_bytes)) {
        (void)fprintf(stderr, "usage: constant PORT BYTES\n");
        return 2;
    }
    address.sin_port = htons((uint16_t)port);
    constant = (struct constant){malloc(size_bytes), size_bytes};
    if (constant.bytes == NULL || ulfius_init_instance(&instance, port, &address, NULL) != U_OK)
        return 1;
    memset(constant.bytes, 'x', size_bytes);
    if (ulfius_add_endpoint_by_val(&instance, "GET", NULL, "*", 0, answer, &constant) != U_OK ||
        ulfius_start_framework(&instance) != U_OK)
        return 1;
    (void)printf("ready\n");
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    (void)ulfius_stop_framework(&instance);
    ulfius_clean_instance(&instance);
    free(constant.bytes);
    return 0;
}
