/* Addresses of sockets. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "sys/sys-internal.h"

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

bool hal9_addr_any(const struct hal9_addr *a) {
    static const uint8_t zero[16];
    return memcmp(a->bytes, zero, a->family == AF_INET6 ? 16 : 4) == 0;
}

bool hal9_addr_mapped(const struct hal9_addr *a) {
    return a->family == AF_INET6 && memcmp(a->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

void hal9_addr_text(const struct hal9_addr *a, uint16_t port, char ret[64]) {
    char text[INET6_ADDRSTRLEN] = "?";
    if (a->family == 0) {
        snprintf(ret, 64, "*:%u", port);
        return;
    }
    inet_ntop(a->family, a->bytes, text, sizeof(text));
    snprintf(ret, 64, a->family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
}

void hal9_listener_text(const struct hal9_listener *l, char ret[64]) {
    struct hal9_addr both = {0};
    bool dual = l->addr.family == AF_INET6 && !l->v6only && hal9_addr_any(&l->addr);
    hal9_addr_text(dual ? &both : &l->addr, l->port, ret);
}
