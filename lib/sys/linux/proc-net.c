/* Sockets from /proc/net, where the kernel or a sandbox has no sock_diag: slower, without cookie and cgroup. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "sys/linux/socket-internal.h"

/* The kernel prints addresses as 32-bit words in its own byte order. */
static bool parse_addr(const char *hex, size_t len, struct hal9_addr *ret) {
    ret->family = len == 32 ? AF_INET6 : AF_INET;
    for (size_t i = 0; i < len / 8; i++) {
        unsigned word;
        char digits[9] = "";
        memcpy(digits, hex + i * 8, 8);
        if (sscanf(digits, "%8x", &word) != 1)
            return false;
        memcpy(ret->bytes + i * 4, &word, 4);
    }
    return true;
}

/* "  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000  0 12345 ..." */
bool hal9_proc_net_parse(const char *line, const struct hal9_diag_query *q,
                         struct hal9_listener *ret) {
    char local[33];
    unsigned port;
    unsigned state;
    unsigned uid;
    unsigned long long inode;
    if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %u %*d %llu",
               local, &port, &state, &uid, &inode) != 5)
        return false;
    struct hal9_listener l = {
        .proto = q->proto, .port = (uint16_t)port, .uid = uid, .inode = inode};
    size_t len = strlen(local);
    if ((len != 8 && len != 32) || state > 31 || !(q->states & 1u << state) ||
        !parse_addr(local, len, &l.addr) || (q->ports && !hal9_ports_has(q->ports, l.port)))
        return false;
    *ret = l;
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
        if (hal9_proc_net_parse(line, q, &l))
            fn(&l, data);
    }
    return ferror(f) ? EIO : 0;
}
