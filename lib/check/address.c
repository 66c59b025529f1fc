/* Addresses of peers: taken apart, and whether they are this host's own. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "check/look.h"
#include "check/text.h"

/* ::ffff:127.0.0.1 is 127.0.0.1. */
static void unmap(struct hal9_addr *a) {
    if (!hal9_addr_mapped(a))
        return;
    memmove(a->bytes, a->bytes + 12, 4);
    memset(a->bytes + 4, 0, 12);
    a->family = AF_INET;
}

bool hal9_addr_parse(const char *text, struct hal9_addr *ret, uint16_t *ret_port) {
    _cleanup_free_ char *host = NULL, *why = NULL;
    struct hal9_addr a = {0};
    if (!hal9_host_port(text, &host, ret_port, &why))
        return false;
    host[strcspn(host, "%")] = '\0'; /* the zone of a link-local address */
    a.family = strchr(host, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(a.family, host, a.bytes) != 1)
        return false;
    unmap(&a);
    *ret = a;
    return true;
}

static bool same_address(const struct hal9_addr *a, const struct sockaddr *b) {
    if (!b || b->sa_family != a->family)
        return false;
    if (a->family == AF_INET)
        return memcmp(a->bytes, &((const struct sockaddr_in *)(const void *)b)->sin_addr, 4) == 0;
    return memcmp(a->bytes, &((const struct sockaddr_in6 *)(const void *)b)->sin6_addr, 16) == 0;
}

bool hal9_addr_is_local(const struct hal9_addr *a) {
    struct ifaddrs *all = NULL;
    bool found = a->family == AF_INET && a->bytes[0] == 127;
    if (found || getifaddrs(&all) != 0)
        return found;
    for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next)
        found = same_address(a, i->ifa_addr);
    freeifaddrs(all);
    return found;
}
