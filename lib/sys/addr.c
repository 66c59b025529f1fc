/* Addresses of sockets. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
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

bool hal9_addr_of_text(const char *text, struct hal9_addr *ret) {
    struct hal9_addr a = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
    if (inet_pton(a.family, text, a.bytes) != 1)
        return false;
    *ret = a;
    return true;
}

/* The bytes of its IPv4 address, or its own; and how many. */
static const uint8_t *plain_bytes(const struct hal9_addr *a, size_t *ret_len) {
    *ret_len = a->family == AF_INET6 && !hal9_addr_mapped(a) ? 16 : 4;
    return hal9_addr_mapped(a) ? a->bytes + sizeof(mapped_prefix) : a->bytes;
}

bool hal9_addr_same(const struct hal9_addr *a, const struct hal9_addr *b) {
    size_t n;
    size_t m;
    const uint8_t *one = plain_bytes(a, &n);
    const uint8_t *two = plain_bytes(b, &m);
    return n == m && memcmp(one, two, n) == 0;
}

static bool is_loopback(const struct hal9_addr *a) {
    static const uint8_t v6[16] = {[15] = 1};
    size_t n;
    const uint8_t *bytes = plain_bytes(a, &n);
    return n == 4 ? bytes[0] == 127 : memcmp(bytes, v6, n) == 0;
}

bool hal9_addr_of_host(const struct hal9_addr *a) {
    struct ifaddrs *list = NULL;
    bool found = is_loopback(a);
    if (found || getifaddrs(&list) != 0)
        return found;
    for (const struct ifaddrs *i = list; i && !found; i = i->ifa_next) {
        struct hal9_addr one = {.family = i->ifa_addr ? i->ifa_addr->sa_family : AF_UNSPEC};
        if (one.family == AF_INET)
            memcpy(one.bytes, &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr,
                   4);
        else if (one.family == AF_INET6)
            memcpy(one.bytes, &((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr,
                   16);
        else
            continue;
        found = hal9_addr_same(a, &one);
    }
    freeifaddrs(list);
    return found;
}
