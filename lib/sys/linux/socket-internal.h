/* What the files that look for sockets and their holders share. */
#ifndef HAL9_SYS_LINUX_SOCKET_INTERNAL_H
#define HAL9_SYS_LINUX_SOCKET_INTERNAL_H

#include "sys/linux/linux-internal.h"

/* ---- sock_diag.c: NETLINK_SOCK_DIAG ------------------------------------------------------------ */

enum { HAL9_DIAG_ESTABLISHED = 1 << 1, HAL9_DIAG_CLOSE = 1 << 7, HAL9_DIAG_LISTEN = 1 << 10 };

struct hal9_diag_query {
    int family; /* AF_INET, AF_INET6 */
    enum hal9_proto proto;
    uint32_t states;
    const struct hal9_ports *ports; /* local ports; NULL or empty: all */
    /* connections, with both their ends: called in place of the hal9_diag_fn */
    void (*connection)(const struct hal9_connection *c, void *data);
    uint16_t peer_port; /* of connections; 0: any */
};
typedef void (*hal9_diag_fn)(const struct hal9_listener *l, void *data);
/* Opens the netlink socket. -1 and errno. */
int hal9_diag_open(void);
/* Calls fn for each socket of a filtered dump. 0, or an errno: ENOENT where the kernel has no such module. */
int hal9_diag_dump(int fd, const struct hal9_diag_query *q, hal9_diag_fn fn, void *data);
/* The TCP listener that a connection to this address and port would reach: one request, no dump. 0, or an errno (ENOENT: none). */
int hal9_diag_exact(int fd, const struct hal9_addr *to, uint16_t port, hal9_diag_fn fn, void *data);

/* Filter of local ports for the kernel, INET_DIAG_REQ_BYTECODE. Returns its length, 0 when the set is too large for one (then the
 * caller filters alone). */
size_t hal9_diag_bytecode(const struct hal9_ports *ports, void *ret, size_t room);

/* ---- proc-net.c: /proc/net -------------------------------------------------------------------- */

/* The same from /proc/net/tcp and its like: no cookie, no cgroup. 0, or an errno. */
int hal9_proc_net_dump(const struct hal9_diag_query *q, hal9_diag_fn fn, void *data);
/* One line. False: not a socket of these states. */
bool hal9_proc_net_parse(const char *line, const struct hal9_diag_query *q,
                         struct hal9_listener *ret);
/* The same with both ends. */
bool hal9_proc_net_connection(const char *line, const struct hal9_diag_query *q,
                              struct hal9_connection *ret);

/* ---- listeners.c ------------------------------------------------------------------------------ */

/* Sockets by sock_diag, else by /proc/net. diag may be -1. 0, or an errno. */
int hal9_sockets_dump(int diag, const struct hal9_diag_query *q, hal9_diag_fn fn, void *data);

/* ---- fds.c: sockets among a process' descriptors -------------------------------------------------- */

/* Calls hit for each socket among the descriptors of an open /proc/PID; a non-zero return ends it. 0, or an errno. */
int hal9_fds_each(int dir, int (*hit)(int fd, uint64_t inode, void *data), void *data);

/* ---- cgroup-tree.c ---------------------------------------------------------------------------- */

/* Where the cgroup2 tree is mounted; fresh, or NULL. */
char *hal9_cgroup_mount(void);
/* The mount point of the first cgroup2 in the text of /proc/self/mountinfo; fresh, or NULL. */
char *hal9_cgroup_mount_of_text(const char *text);
/* Opens the directory of the cgroup with this id. -1 and errno. */
int hal9_cgroup_open(const char *mount, uint64_t id);
/* The pids in an open cgroup directory, appended. -1 and errno. */
int hal9_cgroup_pids(int dir, pid_t **pids, size_t *n, size_t *cap);
/* The same of the cgroups below it, too, `depth` levels down. */
int hal9_cgroup_each(int dir, int depth, pid_t **pids, size_t *n, size_t *cap);

#endif
