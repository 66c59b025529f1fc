/* One look at ports: on sockets of our own, with a configuration made up for it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#include "portfix-internal.h"

/* A listening (TCP) or bound socket on a free port or, unless it is 0, on *port; -1 where that can't be had. */
static int bound(const char *address, int type, bool listens, uint16_t *port) {
    const int on = 1;
    bool v6 = strchr(address, ':');
    struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(*port)};
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(*port)};
    struct sockaddr *a = v6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4;
    socklen_t len = v6 ? sizeof(a6) : sizeof(a4);
    int fd = socket(a->sa_family, type | SOCK_CLOEXEC, 0);

    inet_pton(a->sa_family, address, v6 ? (void *)&a6.sin6_addr : (void *)&a4.sin_addr);
    if (fd >= 0 && v6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (fd < 0 || bind(fd, a, len) < 0 || (listens && listen(fd, 8) < 0)) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    assert_int_equal(getsockname(fd, a, &len), 0);
    *port = ntohs(v6 ? a6.sin6_port : a4.sin_port);
    return fd;
}

static int listening(uint16_t *port) {
    int fd = bound("127.0.0.1", SOCK_STREAM, true, port);

    assert_true(fd >= 0);
    return fd;
}

/* One service, "mine", that owns a port. */
struct site {
    struct hal9_service service;
    void *services[1];
    struct hal9_config config;
    struct hal9_portfix job;
};

static void site_init(struct site *s, uint16_t port) {
    *s = (struct site){.service = {.name = (char[]){"mine"}}};
    s->service.name = hal9_strdup("mine");
    hal9_ports_add(&s->service.ports, port, port);
    s->services[0] = &s->service;
    s->config.services = (struct hal9_list){.v = s->services, .n = 1};
    s->job = (struct hal9_portfix){.config = &s->config, .settle_ms = -1};
    hal9_ports_add(&s->job.tcp, port, port);
}

static void site_clear(struct site *s) {
    free(s->service.name);
    free(s->service.identity.exe);
    hal9_strv_free(&s->service.conflicts);
    hal9_ports_clear(&s->service.ports);
    hal9_ports_clear(&s->job.tcp);
    hal9_ports_clear(&s->job.udp);
}

static struct hal9_port_findings look(const struct site *s, enum hal9_holders_depth depth) {
    struct hal9_port_findings f = {0};

    assert_ok(hal9_portfix_look(&s->job, depth, &f, NULL));
    return f;
}

static void own_exe(struct site *s) {
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

    assert_true(n > 0);
    s->service.identity.exe = hal9_strndup(exe, (size_t)n);
}

static void tells_free_from_held(void **state) {
    struct site s;
    uint16_t port = 0;
    int fd = listening(&port);
    struct hal9_port_findings f;

    (void)state;
    site_init(&s, port);
    f = look(&s, HAL9_HOLDERS_ALL);
    assert_int_equal(f.n, 1);
    assert_int_equal(f.v[0].answer, HAL9_PORT_OTHER);
    assert_int_equal(f.v[0].n_holders, 1);
    assert_int_equal(f.v[0].holders[0].proc.id.pid, getpid());
    assert_non_null(strstr(f.v[0].holders[0].address, "127.0.0.1:"));
    assert_string_equal(f.v[0].holders[0].never, "it is this very process");
    assert_int_equal(hal9_portfix_exit(&f), 1);
    hal9_port_findings_clear(&f);
    close(fd);
    f = look(&s, HAL9_HOLDERS_FIRST);
    assert_int_equal(f.v[0].answer, HAL9_PORT_FREE);
    assert_int_equal(f.v[0].n_holders, 0);
    hal9_port_findings_clear(&f);
    site_clear(&s);
}

static void knows_the_owner(void **state) {
    struct site s;
    uint16_t port = 0;
    int fd = listening(&port);
    struct hal9_port_findings f;

    (void)state;
    site_init(&s, port);
    own_exe(&s);
    f = look(&s, HAL9_HOLDERS_ALL);
    assert_int_equal(f.v[0].answer, HAL9_PORT_OWNER);
    assert_ptr_equal(f.v[0].owner, &s.service);
    assert_true(f.v[0].holders[0].is_owner);
    assert_null(f.v[0].refusal);
    hal9_port_findings_clear(&f);
    close(fd);
    site_clear(&s);
}

/* Asked by another service's name, the same port has another owner. */
static void believes_whom_it_was_asked_for(void **state) {
    struct site s;
    struct hal9_service other = {.name = (char[]){"other"}};
    uint16_t port = 0;
    int fd = listening(&port);
    struct hal9_port_findings f;

    (void)state;
    site_init(&s, port);
    own_exe(&s);
    hal9_ports_add(&other.ports, port, port);
    s.job.for_service = &other;
    f = look(&s, HAL9_HOLDERS_ALL);
    assert_ptr_equal(f.v[0].owner, &other);
    assert_int_equal(f.v[0].answer, HAL9_PORT_OTHER);
    hal9_port_findings_clear(&f);
    close(fd);
    hal9_ports_clear(&other.ports);
    site_clear(&s);
}

static void heeds_conflicts(void **state) {
    struct site s;
    uint16_t port = 0;
    int fd = listening(&port);
    struct hal9_proc self;
    struct hal9_port_findings f;

    (void)state;
    site_init(&s, port);
    assert_ok(hal9_proc_read(getpid(), HAL9_PROC_ALL, &self, NULL));
    hal9_strv_take(&s.service.conflicts, hal9_proc_name(&self));
    hal9_proc_clear(&self);
    f = look(&s, HAL9_HOLDERS_ALL);
    assert_true(f.v[0].holders[0].allowed);
    hal9_port_findings_clear(&f);
    close(fd);
    site_clear(&s);
}

static void joins_the_addresses_of_one_process(void **state) {
    struct site s;
    uint16_t port = 0;
    int v4 = listening(&port);
    int v6 = bound("::1", SOCK_STREAM, true, &port);
    struct hal9_port_findings f;

    (void)state;
    if (v6 < 0) {
        close(v4);
        skip_needs("IPv6");
    }
    site_init(&s, port);
    f = look(&s, HAL9_HOLDERS_ALL);
    assert_int_equal(f.v[0].n_holders, 1);
    assert_int_equal(f.v[0].holders[0].n_on, 2);
    assert_non_null(strstr(f.v[0].holders[0].address, ", [::1]:"));
    hal9_port_findings_clear(&f);
    close(v4);
    close(v6);
    site_clear(&s);
}

static void finds_all_that_share_a_socket(void **state) {
    struct site s;
    uint16_t port = 0;
    int fd = listening(&port);
    pid_t child = fork();
    struct hal9_port_findings f;

    (void)state;
    if (child == 0) {
        pause();
        _exit(0);
    }
    assert_true(child > 0);
    site_init(&s, port);
    s.job.config = NULL; /* on a service's port all are sought where the first isn't its own */
    f = look(&s, HAL9_HOLDERS_ALL);
    assert_int_equal(f.v[0].n_holders, 2);
    assert_true(f.v[0].holders[0].shared);
    hal9_port_findings_clear(&f);
    f = look(&s, HAL9_HOLDERS_FIRST);
    assert_int_equal(f.v[0].n_holders, 1);
    assert_true(f.v[0].maybe_shared);
    hal9_port_findings_clear(&f);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(fd);
    site_clear(&s);
}

/* A co-holder of the owner's socket is no thief: systemd and what it started share one. */
static void leaves_those_who_share_with_the_owner(void **state) {
    struct site s;
    uint16_t port = 0;
    int fd = listening(&port);
    pid_t child = fork();
    struct hal9_port_findings f;

    (void)state;
    if (child == 0) {
        /* Another program with the same socket. */
        dup2(fd, 9);
        execlp("sleep", "sleep", "60", (char *)NULL);
        _exit(127);
    }
    assert_true(child > 0);
    for (bool there = false; !there;) {
        struct hal9_proc p;

        assert_ok(hal9_proc_read(child, HAL9_PROC_EXE, &p, NULL));
        there = hal9_streq(p.comm, "sleep");
        hal9_proc_clear(&p);
    }
    site_init(&s, port);
    own_exe(&s);
    f = look(&s, HAL9_HOLDERS_ALL);
    assert_int_equal(f.v[0].n_holders, 2);
    assert_int_equal(f.v[0].answer, HAL9_PORT_OWNER);
    hal9_port_findings_clear(&f);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(fd);
    site_clear(&s);
}

static void tells_each_port_of_a_short_range(void **state) {
    struct site s;
    uint16_t port = 0;
    int fd = listening(&port);
    uint16_t first = port > 1000 ? (uint16_t)(port - 8) : 1;
    struct hal9_port_findings f;
    bool found = false;

    (void)state;
    site_init(&s, port);
    hal9_ports_clear(&s.job.tcp);
    hal9_ports_add(&s.job.tcp, first, (uint16_t)(first + 15));
    f = look(&s, HAL9_HOLDERS_FIRST);
    assert_int_equal(f.n, 16);
    hal9_port_findings_clear(&f);
    hal9_ports_clear(&s.job.tcp);
    hal9_ports_add(&s.job.tcp, 1, 65535);
    f = look(&s, HAL9_HOLDERS_FIRST);
    for (size_t i = 0; i < f.n; i++) {
        assert_true(f.v[i].listeners.n > 0);
        found = found || f.v[i].port == port;
    }
    assert_true(found);
    hal9_port_findings_clear(&f);
    close(fd);
    site_clear(&s);
}

static void keeps_protocols_apart(void **state) {
    struct site s;
    uint16_t port = 0;
    int fd = bound("127.0.0.1", SOCK_DGRAM, false, &port);
    struct hal9_port_findings f;

    (void)state;
    assert_true(fd >= 0);
    site_init(&s, port);
    hal9_ports_add(&s.job.udp, port, port);
    f = look(&s, HAL9_HOLDERS_FIRST);
    assert_int_equal(f.n, 2);
    assert_int_equal(f.v[0].proto, HAL9_TCP);
    assert_int_equal(f.v[0].answer, HAL9_PORT_FREE);
    assert_ptr_equal(f.v[0].owner, &s.service);
    assert_int_equal(f.v[1].proto, HAL9_UDP);
    assert_int_equal(f.v[1].answer, HAL9_PORT_OTHER);
    assert_null(f.v[1].owner); /* the configuration's ports are TCP */
    hal9_port_findings_clear(&f);
    close(fd);
    site_clear(&s);
}

/* Nobody listens, and still no server could have it. */
static void does_not_call_a_bound_port_free(void **state) {
    struct site s;
    uint16_t port = 0;
    int fd = bound("127.0.0.1", SOCK_STREAM, false, &port);
    struct hal9_port_findings f;

    (void)state;
    assert_true(fd >= 0);
    site_init(&s, port);
    f = look(&s, HAL9_HOLDERS_ALL);
    assert_int_equal(f.v[0].answer, HAL9_PORT_HIDDEN);
    assert_non_null(strstr(f.v[0].words, "has no listener, but"));
    assert_int_equal(hal9_portfix_exit(&f), 4);
    hal9_port_findings_clear(&f);
    close(fd);
    f = look(&s, HAL9_HOLDERS_ALL);
    assert_int_equal(f.v[0].answer, HAL9_PORT_FREE);
    hal9_port_findings_clear(&f);
    site_clear(&s);
}

static void wants_a_port_of_a_service(void **state) {
    struct hal9_service none = {.name = (char[]){"none"}};
    struct hal9_portfix p = {.for_service = &none};
    struct hal9_port_findings f = {0};
    _cleanup_error_ struct hal9_error err = {0};

    (void)state;
    assert_int_equal(hal9_portfix_look(&p, HAL9_HOLDERS_FIRST, &f, &err), HAL9_E_USAGE);
    assert_says(err, "none has no port");
    assert_int_equal(f.n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_free_from_held),
        cmocka_unit_test(knows_the_owner),
        cmocka_unit_test(believes_whom_it_was_asked_for),
        cmocka_unit_test(heeds_conflicts),
        cmocka_unit_test(joins_the_addresses_of_one_process),
        cmocka_unit_test(finds_all_that_share_a_socket),
        cmocka_unit_test(leaves_those_who_share_with_the_owner),
        cmocka_unit_test(tells_each_port_of_a_short_range),
        cmocka_unit_test(keeps_protocols_apart),
        cmocka_unit_test(does_not_call_a_bound_port_free),
        cmocka_unit_test(wants_a_port_of_a_service),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
