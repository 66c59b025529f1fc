/* Sockets from /proc/net, where the kernel or a sandbox has no sock_diag: slower, without cookie and cgroup. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "sys/linux/socket-internal.h"

enum { V4_DIGITS = 8, V6_DIGITS = 32 };

/* The kernel prints addresses as 32-bit words in its own byte order. */
static bool scan_addr(const char **at, struct hal9_addr *ret) {
    *at += strspn(*at, " ");
    size_t len = strcspn(*at, ":");
    if (len != V4_DIGITS && len != V6_DIGITS)
        return false;
    ret->family = len == V6_DIGITS ? AF_INET6 : AF_INET;
    for (size_t i = 0; i < len / 8; i++) {
        char digits[9] = "";
        const char *digit = digits;
        uint64_t value;
        memcpy(digits, *at + i * 8, 8);
        if (!hal9_scan_number(&digit, 16, &value) || *digit)
            return false;
        uint32_t word = (uint32_t)value;
        memcpy(ret->bytes + i * 4, &word, sizeof(word));
    }
    *at += len + 1;
    return true;
}

/* "  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000  0 12345 ...": number, local and remote
 * address, state, queues, timer, retransmits, user, timeout, inode. */
bool hal9_proc_net_parse(const char *line, const struct hal9_diag_query *q,
                         struct hal9_listener *ret) {
    struct hal9_listener l = {.proto = q->proto};
    uint64_t port;
    uint64_t state;
    uint64_t uid;
    const char *at = line;
    hal9_scan_words(&at, 1);
    if (!scan_addr(&at, &l.addr) || !hal9_scan_number(&at, 16, &port))
        return false;
    hal9_scan_words(&at, 1);
    if (!hal9_scan_number(&at, 16, &state))
        return false;
    hal9_scan_words(&at, 3);
    if (!hal9_scan_number(&at, 10, &uid))
        return false;
    hal9_scan_words(&at, 1);
    if (!hal9_scan_number(&at, 10, &l.inode) || state > 31 || !(q->states & 1u << state))
        return false;
    l.port = (uint16_t)port;
    l.uid = (uid_t)uid;
    if (q->ports && !hal9_ports_has(q->ports, l.port))
        return false;
    *ret = l;
    return true;
}

bool hal9_proc_net_connection(const char *line, const struct hal9_diag_query *q,
                              struct hal9_connection *ret) {
    struct hal9_connection c = {0};
    struct hal9_listener l;
    uint64_t port;
    uint64_t state;
    const char *at = line;
    if (!hal9_proc_net_parse(line, q, &l))
        return false;
    hal9_scan_words(&at, 1);
    if (!scan_addr(&at, &c.local) || !hal9_scan_number(&at, 16, &port))
        return false;
    c.local_port = (uint16_t)port;
    if (!scan_addr(&at, &c.peer) || !hal9_scan_number(&at, 16, &port) ||
        !hal9_scan_number(&at, 16, &state))
        return false;
    c.peer_port = (uint16_t)port;
    c.state = (enum hal9_tcp_state)state;
    c.inode = l.inode;
    if (q->peer_port && q->peer_port != c.peer_port)
        return false;
    *ret = c;
    return true;
}

int hal9_proc_net_dump(const struct hal9_diag_query *q, hal9_diag_fn fn, void *data) {
    char path[32];
    snprintf(path, sizeof(path), "/proc/net/%s%s", q->proto == HAL9_UDP ? "udp" : "tcp",
             q->family == AF_INET6 ? "6" : "");
    _cleanup_fclose_ FILE *f = fopen(path, "re");
    if (!f) /* no IPv6 on this host */
        return errno == ENOENT && q->family == AF_INET6 ? 0 : errno;
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, f) > 0) {
        struct hal9_listener l;
        struct hal9_connection c;
        if (!q->connection && hal9_proc_net_parse(line, q, &l))
            fn(&l, data);
        else if (q->connection && hal9_proc_net_connection(line, q, &c))
            q->connection(&c, data);
    }
    return ferror(f) ? EIO : 0;
}
