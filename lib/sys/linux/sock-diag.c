/* Sockets from the kernel: sock_diag(7), inet_diag. The kernel filters states and ports, so that little is copied. */
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/linux/socket-internal.h"

enum {
    REPLY_MAX = 65536,
    RANGES_MAX = 64,   /* the kernel checks the program in a time that is quadratic in its length */
    RANGE_LEN = 5 * 4, /* two comparisons of two words, one jump */
};

struct request {
    struct nlmsghdr head;
    struct inet_diag_req_v2 body;
    struct rtattr filter;
    struct inet_diag_bc_op code[RANGES_MAX * 5];
};

int hal9_diag_open(void) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0)
        return -1;
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    if (connect(fd, (struct sockaddr *)&kernel, sizeof(kernel)) == 0)
        return fd;
    int failed = errno;
    close(fd);
    errno = failed;
    return -1;
}

/* For each range: source port >= first or on to the next range; <= last or on to the next; jump to the end, which accepts. What
 * fails the last range jumps 4 behind the end, which refuses. */
size_t hal9_diag_bytecode(const struct hal9_ports *ports, void *ret, size_t room) {
    size_t len = ports->n * RANGE_LEN - 4; /* no jump in the last range */
    if (ports->n == 0 || ports->n > RANGES_MAX || len > room)
        return 0;
    struct inet_diag_bc_op *op = ret;
    for (size_t i = 0; i < ports->n; i++) {
        bool is_last = i + 1 == ports->n;
        op[0] = (struct inet_diag_bc_op){.code = INET_DIAG_BC_S_GE, .yes = 8, .no = RANGE_LEN};
        op[1] = (struct inet_diag_bc_op){.no = ports->v[i].first};
        op[2] = (struct inet_diag_bc_op){.code = INET_DIAG_BC_S_LE, .yes = 8, .no = RANGE_LEN - 8};
        op[3] = (struct inet_diag_bc_op){.no = ports->v[i].last};
        if (!is_last)
            op[4] = (struct inet_diag_bc_op){.code = INET_DIAG_BC_JMP,
                                             .yes = 4,
                                             .no = (unsigned short)(len - i * RANGE_LEN - 16)};
        op += 5;
    }
    return len;
}

static int send_request(int fd, struct request *r) {
    return HAL9_RETRY(send(fd, r, r->head.nlmsg_len, 0)) < 0 ? errno : 0;
}

/* What the attributes behind a message tell. */
static void read_attributes(const struct nlmsghdr *h, struct hal9_listener *l) {
    const struct inet_diag_msg *m = NLMSG_DATA(h);
    const struct rtattr *a = (const struct rtattr *)(m + 1);
    size_t left = h->nlmsg_len - NLMSG_LENGTH(sizeof(*m));
    while (left >= sizeof(*a) && a->rta_len >= sizeof(*a) && a->rta_len <= left) {
        size_t len = a->rta_len - RTA_LENGTH(0);
        if (a->rta_type == INET_DIAG_SKV6ONLY && len >= 1)
            l->v6only = *(const uint8_t *)RTA_DATA(a) != 0;
        else if (a->rta_type == INET_DIAG_CGROUP_ID && len >= sizeof(l->cgroup_id))
            memcpy(&l->cgroup_id, RTA_DATA(a), sizeof(l->cgroup_id));
        size_t step = RTA_ALIGN(a->rta_len);
        if (step > left)
            break;
        left -= step;
        a = (const struct rtattr *)((const char *)a + step);
    }
}

static void read_connection(const struct inet_diag_msg *m, const struct hal9_diag_query *q,
                            void *data) {
    struct hal9_connection c = {.state = m->idiag_state,
                                .local_port = ntohs(m->id.idiag_sport),
                                .peer_port = ntohs(m->id.idiag_dport),
                                .local.family = m->idiag_family,
                                .peer.family = m->idiag_family,
                                .inode = m->idiag_inode};
    const size_t len = m->idiag_family == AF_INET6 ? 16 : 4;
    memcpy(c.local.bytes, m->id.idiag_src, len);
    memcpy(c.peer.bytes, m->id.idiag_dst, len);
    if (!q->peer_port || q->peer_port == c.peer_port)
        q->connection(&c, data);
}

/* The states are checked again: an exact request answers with whatever it meets. */
static void read_socket(const struct nlmsghdr *h, const struct hal9_diag_query *q, hal9_diag_fn fn,
                        void *data) {
    const struct inet_diag_msg *m = NLMSG_DATA(h);
    if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)) || !(q->states & 1u << m->idiag_state))
        return;
    if (q->connection) {
        read_connection(m, q, data);
        return;
    }
    struct hal9_listener l = {.proto = q->proto,
                              .port = ntohs(m->id.idiag_sport),
                              .inode = m->idiag_inode,
                              .uid = m->idiag_uid,
                              .ifindex = m->id.idiag_if,
                              .cookie = m->id.idiag_cookie[0] | (uint64_t)m->id.idiag_cookie[1]
                                                                    << 32};
    l.addr.family = m->idiag_family;
    memcpy(l.addr.bytes, m->id.idiag_src, m->idiag_family == AF_INET6 ? 16 : 4);
    read_attributes(h, &l);
    if (!q->ports || hal9_ports_has(q->ports, l.port))
        fn(&l, data);
}

/* One datagram of the answer. *ret_end: nothing more comes. 0, or an errno. */
static int read_reply(const char *reply, size_t len, const struct hal9_diag_query *q, bool dump,
                      hal9_diag_fn fn, void *data, bool *ret_end) {
    const struct nlmsghdr *h = (const struct nlmsghdr *)reply;
    for (; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
        *ret_end = !dump || h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR;
        if (h->nlmsg_type == NLMSG_ERROR) {
            const struct nlmsgerr *e = NLMSG_DATA(h);
            return h->nlmsg_len < NLMSG_LENGTH(sizeof(*e)) ? EPROTO : -e->error;
        }
        if (h->nlmsg_type == NLMSG_DONE) {
            int failed = 0;
            if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(failed)))
                memcpy(&failed, NLMSG_DATA(h), sizeof(failed));
            return -failed;
        }
        if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY)
            read_socket(h, q, fn, data);
    }
    return 0;
}

static int read_answer(int fd, const struct hal9_diag_query *q, bool dump, hal9_diag_fn fn,
                       void *data) {
    _cleanup_free_ char *reply = hal9_realloc_array(NULL, REPLY_MAX, 1);
    bool end = false;
    while (!end) {
        ssize_t n = HAL9_RETRY(recv(fd, reply, REPLY_MAX, 0));
        if (n < 0)
            return errno;
        if (n == 0)
            return EPROTO;
        int failed = read_reply(reply, (size_t)n, q, dump, fn, data, &end);
        if (failed)
            return failed;
    }
    return 0;
}

int hal9_diag_dump(int fd, const struct hal9_diag_query *q, hal9_diag_fn fn, void *data) {
    struct request r = {
        .head = {.nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.sdiag_family = (uint8_t)q->family,
                 .sdiag_protocol = q->proto == HAL9_UDP ? IPPROTO_UDP : IPPROTO_TCP,
                 .idiag_states = q->states,
                 .id = {.idiag_dport = htons(q->peer_port)}},
    };
    r.head.nlmsg_len = NLMSG_LENGTH(sizeof(r.body));
    if (q->ports && q->ports->n == 1 && q->ports->v[0].first == q->ports->v[0].last) {
        r.body.id.idiag_sport = htons(q->ports->v[0].first);
    } else if (q->ports && q->ports->n > 0) {
        size_t len = hal9_diag_bytecode(q->ports, r.code, sizeof(r.code));
        r.filter = (struct rtattr){.rta_type = INET_DIAG_REQ_BYTECODE,
                                   .rta_len = (unsigned short)RTA_LENGTH(len)};
        if (len > 0)
            r.head.nlmsg_len += (uint32_t)RTA_LENGTH(len);
    }
    int failed = send_request(fd, &r);
    return failed ? failed : read_answer(fd, q, true, fn, data);
}

int hal9_diag_exact(int fd, const struct hal9_addr *to, uint16_t port, hal9_diag_fn fn,
                    void *data) {
    struct hal9_diag_query q = {
        .family = to->family, .proto = HAL9_TCP, .states = HAL9_DIAG_LISTEN};
    struct request r = {
        .head = {.nlmsg_len = NLMSG_LENGTH(sizeof(r.body)),
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST},
        .body = {.sdiag_family = (uint8_t)to->family,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_states = ~0u,
                 .id = {.idiag_sport = htons(port),
                        .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
    };
    memcpy(r.body.id.idiag_src, to->bytes, sizeof(r.body.id.idiag_src));
    int failed = send_request(fd, &r);
    return failed ? failed : read_answer(fd, &q, false, fn, data);
}
