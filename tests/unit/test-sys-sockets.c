/* Listeners, their holders, and whether a port can be bound; on sockets of our own. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/sys.h"
#include "sys/linux/socket-internal.h"

enum { V6ONLY = 1, REUSEADDR = 2 };

/* A bound socket on a free port (or *port, unless 0), TCP ones listening. -1 where that can't be had. */
static int bound(const char *address, int type, int options, uint16_t *port) {
    const int on = 1;
    int off = options & V6ONLY ? 1 : 0;
    bool v6 = strchr(address, ':');
    struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(*port)};
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(*port)};
    struct sockaddr *a = v6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4;
    socklen_t len = v6 ? sizeof(a6) : sizeof(a4);
    assert_int_equal(
        inet_pton(a->sa_family, address, v6 ? (void *)&a6.sin6_addr : (void *)&a4.sin_addr), 1);
    int fd = socket(a->sa_family, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (v6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (options & REUSEADDR)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, a, len) < 0 || (type == SOCK_STREAM && listen(fd, 8) < 0)) {
        close(fd);
        return -1;
    }
    assert_int_equal(getsockname(fd, a, &len), 0);
    *port = ntohs(v6 ? a6.sin6_port : a4.sin_port);
    return fd;
}

static uint64_t inode_of(int fd) {
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return st.st_ino;
}

static struct hal9_listeners listeners(uint16_t first, uint16_t last, unsigned protos) {
    struct hal9_ports ports = {0};
    struct hal9_listeners found = {0};
    hal9_ports_add(&ports, first, last);
    assert_ok(hal9_sock_listeners(&ports, protos, &found, NULL));
    hal9_ports_clear(&ports);
    return found;
}

static void parses_ports(void **state) {
    (void)state;
    struct hal9_ports tcp = {0};
    struct hal9_ports udp = {0};
    assert_ok(hal9_ports_parse("8080", &tcp, &udp, NULL));
    assert_ok(hal9_ports_parse("8000-8010", &tcp, &udp, NULL));
    assert_ok(hal9_ports_parse("53/udp", &tcp, &udp, NULL));
    assert_ok(hal9_ports_parse("1-65535/tcp", &tcp, &udp, NULL));
    assert_int_equal(tcp.n, 3);
    assert_int_equal(udp.n, 1);
    assert_int_equal(tcp.v[1].last, 8010);
    assert_true(hal9_ports_has(&udp, 53));
    assert_false(hal9_ports_has(&udp, 8080));
    static const char *const bad[] = {
        "",    "0",   "65536",   "-1",  "80-",     "-80",    "80-79", "80-80-81", "a",     "80a",
        " 80", "+80", "80/sctp", "80/", "80/udp ", "080808", "1-0",   "/udp",     "80 -81"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        assert_int_equal(hal9_ports_parse(bad[i], &tcp, &udp, &err), HAL9_E_USAGE);
        assert_says(err, bad[i]);
    }
    assert_int_equal(tcp.n, 3);
    hal9_ports_clear(&tcp);
    hal9_ports_clear(&udp);
    assert_true(hal9_ports_has(&tcp, 1)); /* empty: all */
}

static void says_addresses(void **state) {
    (void)state;
    static const struct {
        const char *address;
        bool v6only;
        const char *text;
        bool any, mapped;
    } cases[] = {{"127.0.0.1", false, "127.0.0.1:8080", false, false},
                 {"0.0.0.0", false, "0.0.0.0:8080", true, false},
                 {"::", true, "[::]:8080", true, false},
                 {"::", false, "*:8080", true, false},
                 {"::1", false, "[::1]:8080", false, false},
                 {"::ffff:127.0.0.1", false, "[::ffff:127.0.0.1]:8080", false, true}};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct hal9_listener l = {.port = 8080, .v6only = cases[i].v6only};
        char text[64];
        l.addr.family = strchr(cases[i].address, ':') ? AF_INET6 : AF_INET;
        inet_pton(l.addr.family, cases[i].address, l.addr.bytes);
        hal9_listener_text(&l, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(hal9_addr_any(&l.addr), cases[i].any);
        assert_int_equal(hal9_addr_mapped(&l.addr), cases[i].mapped);
    }
}

static void keep(const struct hal9_listener *l, void *data) {
    struct hal9_listeners *all = data;
    *HAL9_APPEND(all->v, all->n, all->cap) = *l;
}

/* Whether an exact request for a loopback address gives this socket. */
static bool found_at_once(uint16_t port, uint64_t inode) {
    static const struct hal9_addr loopback[] = {{.family = AF_INET, .bytes = {127, 0, 0, 1}},
                                                {.family = AF_INET6, .bytes = {[15] = 1}}};
    struct hal9_listeners got = {0};
    int diag = hal9_diag_open();
    for (size_t i = 0; i < HAL9_ARRAY_LEN(loopback); i++) {
        int failed = hal9_diag_exact(diag, &loopback[i], port, keep, &got);
        assert_true(failed == 0 || failed == ENOENT);
    }
    bool found = false;
    for (size_t i = 0; i < got.n; i++)
        found = found || got.v[i].inode == inode;
    hal9_listeners_clear(&got);
    close(diag);
    return found;
}

static void finds_each_kind_of_listener(void **state) {
    (void)state;
    static const struct {
        const char *address;
        int type, options;
        bool any, mapped, v6only;
        bool fast; /* reached by a loopback address */
    } cases[] = {
        {"127.0.0.1", SOCK_STREAM, 0, false, false, false, true},
        {"127.1.2.3", SOCK_STREAM, 0, false, false, false, false},
        {"0.0.0.0", SOCK_STREAM, 0, true, false, false, true},
        {"::1", SOCK_STREAM, 0, false, false, false, true},
        {"::", SOCK_STREAM, V6ONLY, true, false, true, true},
        {"::", SOCK_STREAM, 0, true, false, false, true},
        {"::ffff:127.0.0.1", SOCK_STREAM, 0, false, true, false, true},
        {"127.0.0.1", SOCK_DGRAM, 0, false, false, false, false},
        {"::", SOCK_DGRAM, 0, true, false, false, false},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        uint16_t port = 0;
        int fd = bound(cases[i].address, cases[i].type, cases[i].options, &port);
        if (fd < 0) {
            print_message("no socket on %s here\n", cases[i].address);
            continue;
        }
        enum hal9_proto proto = cases[i].type == SOCK_DGRAM ? HAL9_UDP : HAL9_TCP;
        struct hal9_listeners found = listeners(port, port, proto);
        assert_int_equal(found.n, 1);
        const struct hal9_listener *l = &found.v[0];
        assert_int_equal(l->port, port);
        assert_int_equal(l->proto, proto);
        assert_true(l->inode == inode_of(fd));
        assert_int_equal(l->uid, geteuid());
        assert_int_equal(hal9_addr_any(&l->addr), cases[i].any);
        assert_int_equal(hal9_addr_mapped(&l->addr), cases[i].mapped);
        if (cases[i].any)
            assert_int_equal(l->v6only, cases[i].v6only);
        assert_true(l->cookie != 0);
        struct hal9_listeners first = {0};
        assert_ok(hal9_sock_first_listener(proto, port, &first, NULL));
        assert_int_equal(first.n, 1);
        assert_true(first.v[0].inode == l->inode && first.v[0].cookie == l->cookie);
        assert_true(found_at_once(port, l->inode) == cases[i].fast);
        hal9_listeners_clear(&first);
        hal9_listeners_clear(&found);
        /* the other protocol's port is another one */
        found = listeners(port, port, proto == HAL9_TCP ? HAL9_UDP : HAL9_TCP);
        for (size_t k = 0; k < found.n; k++)
            assert_true(found.v[k].inode != inode_of(fd));
        hal9_listeners_clear(&found);
        close(fd);
        found = listeners(port, port, proto);
        assert_int_equal(found.n, 0);
        assert_ok(hal9_sock_first_listener(proto, port, &found, NULL));
        assert_int_equal(found.n, 0);
    }
}

/* Connections, both ends, are never listed: neither as TCP, nor connected UDP. */
static void never_a_client(void **state) {
    (void)state;
    uint16_t port = 0;
    int server = bound("127.0.0.1", SOCK_STREAM, 0, &port);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
    int accepted = accept(server, NULL, NULL);
    struct sockaddr_in own;
    socklen_t len = sizeof(own);
    getsockname(client, (struct sockaddr *)&own, &len);
    size_t n = 99;
    assert_ok(hal9_sock_connections(port, &n, NULL));
    assert_int_equal(n, 1);
    struct hal9_listeners found = listeners(ntohs(own.sin_port), ntohs(own.sin_port), HAL9_TCP);
    assert_int_equal(found.n, 0);
    close(server);
    found = listeners(port, port, HAL9_TCP); /* its connection lives on, and is no listener */
    assert_int_equal(found.n, 0);
    assert_ok(hal9_sock_first_listener(HAL9_TCP, port, &found, NULL));
    assert_int_equal(found.n, 0);
    close(client);
    close(accepted);
    assert_ok(hal9_sock_connections(port, &n, NULL));
    assert_int_equal(n, 0);

    uint16_t other = 0;
    uint16_t mine = 0;
    int peer = bound("127.0.0.1", SOCK_DGRAM, 0, &other);
    int sender = bound("127.0.0.1", SOCK_DGRAM, 0, &mine);
    to.sin_port = htons(other);
    assert_int_equal(connect(sender, (struct sockaddr *)&to, sizeof(to)), 0);
    found = listeners(mine, mine, HAL9_UDP);
    assert_int_equal(found.n, 0);
    close(peer);
    close(sender);
}

/* Several ranges in one kernel filter: exactly what is in them. */
static void filters_ranges_in_the_kernel(void **state) {
    (void)state;
    enum { N = 6 };
    int fds[N];
    uint16_t ports[N];
    for (int i = 0; i < N; i++) {
        ports[i] = 0;
        fds[i] = bound(i % 2 ? "127.0.0.1" : "0.0.0.0", SOCK_STREAM, 0, &ports[i]);
        assert_true(fds[i] >= 0);
    }
    for (unsigned set = 1; set < 1u << N; set++) {
        struct hal9_ports wanted = {0};
        for (int i = 0; i < N; i++)
            if (set >> i & 1)
                hal9_ports_add(&wanted, ports[i], ports[i]);
        int diag = hal9_diag_open();
        struct hal9_listeners found = {0};
        assert_ok(hal9_sock_listeners(&wanted, HAL9_TCP, &found, NULL));
        assert_int_equal(found.n, __builtin_popcount(set));
        for (size_t k = 0; k < found.n; k++) {
            assert_true(hal9_ports_has(&wanted, found.v[k].port));
            assert_true(k == 0 || found.v[k - 1].port < found.v[k].port);
        }
        hal9_listeners_clear(&found);
        hal9_ports_clear(&wanted);
        close(diag);
    }
    for (int i = 0; i < N; i++)
        close(fds[i]);
}

static void count_one(const struct hal9_listener *l, void *data) {
    (void)l;
    ++*(size_t *)data;
}

/* What the kernel answers to the filter, without our own filter behind it. */
static void the_kernel_takes_the_filter(void **state) {
    (void)state;
    uint16_t port = 0;
    int fd = bound("127.0.0.1", SOCK_STREAM, 0, &port);
    int diag = hal9_diag_open();
    assert_true(diag >= 0);
    for (unsigned n = 2; n <= 64; n += 31) {
        struct hal9_ports ports = {0};
        for (unsigned i = 1; i < n; i++)
            hal9_ports_add(&ports, (uint16_t)i, (uint16_t)i);
        hal9_ports_add(&ports, port, port);
        struct inet_diag_bc_op code[64 * 5];
        assert_true(hal9_diag_bytecode(&ports, code, sizeof(code)) == n * 20 - 4);
        struct hal9_diag_query q = {
            .family = AF_INET, .proto = HAL9_TCP, .states = HAL9_DIAG_LISTEN, .ports = &ports};
        size_t seen = 0;
        assert_int_equal(hal9_diag_dump(diag, &q, count_one, &seen), 0);
        assert_true(seen >= 1);
        hal9_ports_clear(&ports);
    }
    close(diag);
    close(fd);
}

static void many_ranges(void **state) {
    (void)state;
    uint16_t port = 0;
    int fd = bound("127.0.0.1", SOCK_STREAM, 0, &port);
    struct hal9_ports ports = {0};
    for (unsigned i = 0; i < 200; i++)
        hal9_ports_add(&ports, (uint16_t)(i * 2 + 1), (uint16_t)(i * 2 + 1));
    hal9_ports_add(&ports, port, port);
    char room[8192];
    assert_int_equal(hal9_diag_bytecode(&ports, room, sizeof(room)), 0);
    struct hal9_listeners found = {0};
    assert_ok(hal9_sock_listeners(&ports, HAL9_TCP, &found, NULL));
    bool seen = false;
    for (size_t i = 0; i < found.n; i++) {
        assert_true(hal9_ports_has(&ports, found.v[i].port));
        seen = seen || found.v[i].port == port;
    }
    assert_true(seen);
    hal9_listeners_clear(&found);
    hal9_ports_clear(&ports);
    close(fd);
}

static void proc_net_says_the_same(void **state) {
    (void)state;
    static const struct {
        const char *address;
        int type;
    } cases[] = {{"127.0.0.1", SOCK_STREAM},
                 {"::1", SOCK_STREAM},
                 {"::ffff:127.0.0.1", SOCK_STREAM},
                 {"0.0.0.0", SOCK_DGRAM},
                 {"::1", SOCK_DGRAM}};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        uint16_t port = 0;
        int fd = bound(cases[i].address, cases[i].type, 0, &port);
        if (fd < 0)
            continue;
        struct hal9_ports one = {0};
        hal9_ports_add(&one, port, port);
        bool udp = cases[i].type == SOCK_DGRAM;
        struct hal9_diag_query q = {.family = strchr(cases[i].address, ':') ? AF_INET6 : AF_INET,
                                    .proto = udp ? HAL9_UDP : HAL9_TCP,
                                    .states = udp ? HAL9_DIAG_CLOSE : HAL9_DIAG_LISTEN,
                                    .ports = &one};
        struct hal9_listeners slow = {0};
        assert_int_equal(hal9_proc_net_dump(&q, keep, &slow), 0);
        struct hal9_listeners quick = listeners(port, port, q.proto);
        assert_int_equal(slow.n, 1);
        assert_int_equal(quick.n, 1);
        assert_true(slow.v[0].inode == quick.v[0].inode && slow.v[0].uid == quick.v[0].uid);
        assert_int_equal(slow.v[0].port, port);
        assert_memory_equal(&slow.v[0].addr, &quick.v[0].addr, sizeof(slow.v[0].addr));
        hal9_listeners_clear(&slow);
        hal9_listeners_clear(&quick);
        hal9_ports_clear(&one);
        close(fd);
    }
    struct hal9_diag_query q = {.states = HAL9_DIAG_LISTEN};
    struct hal9_listener l;
    assert_false(hal9_proc_net_parse("  sl  local_address rem_address   st tx_queue", &q, &l));
    assert_false(hal9_proc_net_parse("", &q, &l));
    assert_false(hal9_proc_net_parse(
        " 1: 0100007F:1F90 0100007F:0050 01 00000000:00000000 00:00000000 00000000 0 0 7 1", &q,
        &l));
}

/* A child that holds what its parent opened, until it is killed. */
static pid_t sharer(const char *comm) {
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, comm);
        close(ready[0]);
        close(ready[1]);
        for (;;)
            pause();
    }
    close(ready[1]);
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 0);
    close(ready[0]);
    return pid;
}

static void finish(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void finds_all_holders(void **state) {
    (void)state;
    uint16_t ports[2] = {0, 0};
    int shared = bound("127.0.0.1", SOCK_STREAM, 0, &ports[0]);
    int twin = fcntl(shared, F_DUPFD_CLOEXEC, 50);
    pid_t first = sharer("sharer-one");
    int own = bound("127.0.0.1", SOCK_STREAM, 0, &ports[1]);
    pid_t second = sharer("sharer-two"); /* holds both */

    struct hal9_ports wanted = {0};
    struct hal9_listeners ls = {0};
    hal9_ports_add(&wanted, ports[0], ports[0]);
    hal9_ports_add(&wanted, ports[1], ports[1]);
    assert_ok(hal9_sock_listeners(&wanted, HAL9_TCP, &ls, NULL));
    assert_int_equal(ls.n, 2);
    struct hal9_holders hs = {0};
    assert_ok(hal9_sock_holders(&ls, HAL9_HOLDERS_ALL, NULL, &hs, NULL));
    assert_int_equal(hs.n, 5);
    assert_false(hs.hidden);
    assert_false(hs.maybe_shared);
    int seen[2][3] = {{0}};
    for (size_t i = 0; i < hs.n; i++) {
        const struct hal9_holder *h = &hs.v[i];
        int who = h->proc.id.pid == getpid() ? 0
                  : h->proc.id.pid == first  ? 1
                  : h->proc.id.pid == second ? 2
                                             : -1;
        assert_true(who >= 0);
        int which = ls.v[h->listener].port == ports[0] ? 0 : 1;
        seen[which][who]++;
        assert_true(h->proc.exe && h->proc.argv.n > 0);
        assert_true(i == 0 || hs.v[i - 1].listener <= h->listener);
        struct stat st;
        assert_int_equal(fstat(h->fd, &st),
                         0); /* descriptors are the same here as in the children */
        assert_true(st.st_ino == ls.v[h->listener].inode);
    }
    assert_true(seen[0][0] == 1 && seen[0][1] == 1 && seen[0][2] == 1);
    assert_true(seen[1][0] == 1 && seen[1][1] == 0 && seen[1][2] == 1);
    hal9_holders_clear(&hs);

    assert_ok(hal9_sock_holders(&ls, HAL9_HOLDERS_FIRST, NULL, &hs, NULL));
    assert_int_equal(hs.n, 2);
    assert_true(hs.maybe_shared);
    hal9_holders_clear(&hs);

    bool holds = true;
    assert_ok(hal9_sock_held_by(first, inode_of(own), &holds, NULL));
    assert_false(holds);
    assert_ok(hal9_sock_held_by(second, inode_of(own), &holds, NULL));
    assert_true(holds);
    finish(first);
    finish(second);
    assert_int_equal(hal9_sock_held_by(second, inode_of(own), &holds, NULL), HAL9_E_NOT_FOUND);
    close(shared);
    close(twin);
    close(own);
    hal9_listeners_clear(&ls);
    hal9_ports_clear(&wanted);
}

/* The one with the expected name is told, though its parent has the socket, too, and comes first in /proc. */
static void looks_at_names_first(void **state) {
    (void)state;
    uint16_t port = 0;
    int fd = bound("127.0.0.1", SOCK_STREAM, 0, &port);
    pid_t pid = sharer("a-rather-long-n"); /* the kernel keeps 15 characters */
    close(fd);
    struct hal9_listeners ls = listeners(port, port, HAL9_TCP);
    assert_int_equal(ls.n, 1);
    const char *names[] = {"/opt/x/a-rather-long-name", NULL};
    struct hal9_holders hs = {0};
    assert_ok(hal9_sock_holders(&ls, HAL9_HOLDERS_FIRST, names, &hs, NULL));
    assert_int_equal(hs.n, 1);
    assert_int_equal(hs.v[0].proc.id.pid, pid);
    hal9_holders_clear(&hs);
    finish(pid);
    hal9_listeners_clear(&ls);
}

/* Another user's listener: it is there, but not its owner. */
static void hidden_owner(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip();
    uint16_t port = 0;
    int fd = bound("127.0.0.1", SOCK_STREAM, 0, &port);
    pid_t pid = fork();
    if (pid == 0) {
        close(fd);
        if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
            _exit(90);
        struct hal9_listeners ls = listeners(port, port, HAL9_TCP);
        struct hal9_holders hs = {0};
        bool holds;
        if (ls.n != 1 || ls.v[0].uid != 0)
            _exit(91);
        if (hal9_sock_holders(&ls, HAL9_HOLDERS_ALL, NULL, &hs, NULL) != HAL9_OK || hs.n != 0 ||
            !hs.hidden)
            _exit(92);
        if (hal9_sock_held_by(getppid(), ls.v[0].inode, &holds, NULL) != HAL9_E_PERM)
            _exit(93);
        hal9_listeners_clear(&ls);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(WEXITSTATUS(status), 0);
    close(fd);
}

/* skip() passes over cleanups: what it hangs on is found out here. */
static bool may_make_cgroups(void) {
    _cleanup_free_ char *mount = hal9_cgroup_mount();
    return mount && access(mount, W_OK) == 0;
}

/* By the cgroup that made the socket; needs a cgroup of its own. */
static void finds_holders_by_cgroup(void **state) {
    (void)state;
    if (!may_make_cgroups())
        skip();
    _cleanup_free_ char *mount = hal9_cgroup_mount();
    _cleanup_free_ char *dir = hal9_strf("%s/hal9-test-%d", mount, (int)getpid());
    assert_int_equal(mkdir(dir, 0755), 0);
    _cleanup_free_ char *procs = hal9_path_join(dir, "cgroup.procs");
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "in-a-cgroup");
        int fd = open(procs, O_WRONLY);
        if (fd < 0 || write(fd, "0", 1) != 1)
            _exit(1);
        uint16_t port = 0;
        int s = bound("127.0.0.1", SOCK_STREAM, 0, &port);
        if (s < 0 || write(pipes[1], &port, sizeof(port)) < 0)
            _exit(2);
        for (;;)
            pause();
    }
    uint16_t port;
    close(pipes[1]);
    ssize_t n = read(pipes[0], &port, sizeof(port));
    close(pipes[0]);
    if (n == sizeof(port)) {
        struct stat st;
        assert_int_equal(stat(dir, &st), 0);
        struct hal9_listeners ls = listeners(port, port, HAL9_TCP);
        assert_int_equal(ls.n, 1);
        assert_true(ls.v[0].cgroup_id == st.st_ino);
        int cgroup = hal9_cgroup_open(mount, ls.v[0].cgroup_id);
        assert_true(cgroup >= 0);
        pid_t *pids = NULL;
        size_t count = 0;
        size_t cap = 0;
        assert_int_equal(hal9_cgroup_pids(cgroup, &pids, &count, &cap), 0);
        assert_int_equal(count, 1);
        assert_int_equal(pids[0], pid);
        free(pids);
        close(cgroup);
        assert_int_equal(hal9_cgroup_open(mount, ls.v[0].cgroup_id ^ (uint64_t)1 << 40), -1);
        struct hal9_holders hs = {0};
        assert_ok(hal9_sock_holders(&ls, HAL9_HOLDERS_FIRST, NULL, &hs, NULL));
        assert_int_equal(hs.n, 1);
        assert_int_equal(hs.v[0].proc.id.pid, pid);
        assert_false(hs.maybe_shared);
        assert_true(hal9_endswith(dir, hs.v[0].proc.cgroup));
        hal9_holders_clear(&hs);
        hal9_listeners_clear(&ls);
    }
    finish(pid);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(n, sizeof(port));
}

static void finds_the_cgroup_mount(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *mount;
    } cases[] = {
        {"24 1 0:21 / /proc rw - proc proc rw\n31 24 0:28 / /sys/fs/cgroup rw shared:4 - cgroup2 "
         "cgroup2 rw\n",
         "/sys/fs/cgroup"},
        {"31 24 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n40 31 0:37 / /sys/fs/cgroup/systemd rw "
         "- cgroup cgroup rw,name=systemd\n"
         "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
         "/sys/fs/cgroup/unified"},
        {"31 24 0:28 / /mnt/a\\040b\\134c rw - cgroup2 none rw\n", "/mnt/a b\\c"},
        {"31 24 0:28 / /sys rw - sysfs sysfs rw\n", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *mount = hal9_cgroup_mount_of_text(cases[i].text);
        assert_true(hal9_streq(mount, cases[i].mount));
    }
}

static enum hal9_bindable can_bind(enum hal9_proto proto, uint16_t port) {
    enum hal9_bindable got = (enum hal9_bindable)99;
    assert_ok(hal9_sock_can_bind(proto, port, &got, NULL));
    return got;
}

static void proves_that_a_port_can_be_bound(void **state) {
    (void)state;
    static const char *const addresses[] = {"127.0.0.1", "0.0.0.0", "::", "::1", "127.9.9.9"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(addresses); i++) {
        uint16_t port = 0;
        int fd = bound(addresses[i], SOCK_STREAM, REUSEADDR, &port);
        if (fd < 0)
            continue;
        assert_int_equal(can_bind(HAL9_TCP, port), HAL9_BIND_LISTENER);
        close(fd);
        assert_int_equal(can_bind(HAL9_TCP, port), HAL9_BIND_OK);
        fd = bound(addresses[i], SOCK_DGRAM, REUSEADDR, &port);
        if (fd < 0)
            continue;
        assert_int_equal(can_bind(HAL9_UDP, port), HAL9_BIND_LISTENER);
        assert_int_equal(can_bind(HAL9_TCP, port), HAL9_BIND_OK);
        close(fd);
        assert_int_equal(can_bind(HAL9_UDP, port), HAL9_BIND_OK);
    }
}

/* The server's side closes first and so keeps the connection in TIME_WAIT. */
static uint16_t closed_connection(int options) {
    uint16_t port = 0;
    int server = bound("127.0.0.1", SOCK_STREAM, options, &port);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
    int accepted = accept(server, NULL, NULL);
    close(accepted);
    char byte;
    assert_int_equal(read(client, &byte, 1), 0);
    close(client);
    close(server);
    return port;
}

static void tells_time_wait(void **state) {
    (void)state;
    assert_int_equal(can_bind(HAL9_TCP, closed_connection(REUSEADDR)), HAL9_BIND_TIME_WAIT);
    assert_int_equal(can_bind(HAL9_TCP, closed_connection(0)), HAL9_BIND_BLOCKED);
}

static bool has_privileged_ports(void) {
    _cleanup_buf_ struct hal9_buf first = {0};
    return hal9_file_read("/proc/sys/net/ipv4/ip_unprivileged_port_start", 100, &first, NULL) ==
               HAL9_OK &&
           strtol(first.data, NULL, 10) > 1;
}

static void tells_a_forbidden_port(void **state) {
    (void)state;
    if (geteuid() != 0 || !has_privileged_ports())
        skip();
    pid_t pid = fork();
    if (pid == 0)
        _exit(setuid(65534) == 0 && can_bind(HAL9_TCP, 1) == HAL9_BIND_DENIED ? 0 : 1);
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

/* Another namespace has the port free. */
static void network_namespaces(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip();
    uint64_t here = hal9_sock_netns();
    assert_true(here != 0);
    uint16_t port = 0;
    int fd = bound("127.0.0.1", SOCK_STREAM, 0, &port);
    pid_t pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWNET) != 0)
            _exit(77);
        struct hal9_listeners ls = listeners(port, port, HAL9_TCP);
        _exit(ls.n == 0 && hal9_sock_netns() != here ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    close(fd);
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_ports),
        cmocka_unit_test(says_addresses),
        cmocka_unit_test(finds_each_kind_of_listener),
        cmocka_unit_test(never_a_client),
        cmocka_unit_test(filters_ranges_in_the_kernel),
        cmocka_unit_test(the_kernel_takes_the_filter),
        cmocka_unit_test(many_ranges),
        cmocka_unit_test(proc_net_says_the_same),
        cmocka_unit_test(finds_all_holders),
        cmocka_unit_test(looks_at_names_first),
        cmocka_unit_test(hidden_owner),
        cmocka_unit_test(finds_holders_by_cgroup),
        cmocka_unit_test(finds_the_cgroup_mount),
        cmocka_unit_test(proves_that_a_port_can_be_bound),
        cmocka_unit_test(tells_time_wait),
        cmocka_unit_test(tells_a_forbidden_port),
        cmocka_unit_test(network_namespaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
