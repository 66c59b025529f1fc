/* Who holds a socket among hundreds of processes: lists so long that threads share them. */
#include <fcntl.h>
#include <netinet/in.h>
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
#include "sys/linux/holder-search.h"

enum { CROWD = 240 };

struct crowd {
    pid_t pids[CROWD];
    char *cgroup; /* or NULL */
    struct hal9_listeners ls;
};

static int listening(uint16_t *ret_port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

/* Ends with its parent, or when it is killed. */
static void be_one(const char *comm, int ready) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, comm);
    close(ready);
    for (;;)
        pause();
}

/* A crowd; those from `first` to `last` hold one listener, which the first of them made. */
static void gather(struct crowd *c, int first, int last) {
    uint16_t port = 0;
    int ready[2];
    int fd = -1;
    char byte;
    assert_int_equal(pipe(ready), 0);
    for (int i = 0; i < CROWD; i++) {
        if (i == first)
            fd = listening(&port);
        c->pids[i] = fork();
        assert_true(c->pids[i] >= 0);
        if (c->pids[i] == 0) {
            close(ready[0]);
            be_one(i == first ? "the-first" : "one-of-many", ready[1]);
        }
        if (i == last)
            close(fd);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 0);
    close(ready[0]);
    _cleanup_(hal9_ports_clear) struct hal9_ports ports = {0};
    hal9_ports_add(&ports, port, port);
    assert_ok(hal9_sock_listeners(&ports, HAL9_TCP, &c->ls, NULL));
    assert_int_equal(c->ls.n, 1);
}

static void disperse(struct crowd *c) {
    for (int i = 0; i < CROWD; i++)
        kill(c->pids[i], SIGKILL);
    for (int i = 0; i < CROWD; i++)
        waitpid(c->pids[i], NULL, 0);
    hal9_listeners_clear(&c->ls);
}

/* By eight threads more, on however many CPUs. */
static void search(const struct crowd *c, enum hal9_holders_depth depth, struct hal9_holders *ret) {
    struct hal9_pids pids = {0};
    struct hal9_search s;
    for (int i = 0; i < CROWD; i++)
        *HAL9_APPEND(pids.v, pids.n, pids.cap) = c->pids[i];
    for (int i = 0; i < 4 * CROWD; i++) /* nobody's; a long list is worth the threads */
        *HAL9_APPEND(pids.v, pids.n, pids.cap) = -1;
    hal9_search_start(&s, &c->ls, depth, ret);
    s.idle = 8;
    hal9_search_look(&s, &pids, NULL);
    assert_true(hal9_search_done(&s) == (depth == HAL9_HOLDERS_FIRST));
    hal9_search_clear(&s);
    hal9_pids_clear(&pids);
}

/* Whichever thread meets a holder first: the first of the list is told. */
static void tells_the_first_in_order(void **state) {
    (void)state;
    struct crowd c = {0};
    gather(&c, 20, CROWD - 1);
    for (int round = 0; round < 20; round++) {
        struct hal9_holders hs = {0};
        search(&c, HAL9_HOLDERS_FIRST, &hs);
        assert_int_equal(hs.n, 1);
        assert_int_equal(hs.v[0].proc.id.pid, c.pids[20]);
        assert_string_equal(hs.v[0].proc.comm, "the-first");
        hal9_holders_clear(&hs);
    }
    struct hal9_holders hs = {0};
    search(&c, HAL9_HOLDERS_ALL, &hs);
    assert_int_equal(hs.n, CROWD - 20);
    hal9_holders_clear(&hs);
    disperse(&c);
}

static void tells_all_once(void **state) {
    (void)state;
    struct crowd c = {0};
    gather(&c, 20, CROWD - 21);
    struct hal9_holders hs = {0};
    bool told[CROWD] = {false};
    assert_ok(hal9_sock_holders(&c.ls, HAL9_HOLDERS_ALL, NULL, &hs, NULL));
    assert_int_equal(hs.n, CROWD - 40);
    for (size_t i = 0; i < hs.n; i++) {
        int who = 20;
        while (who < CROWD - 20 && c.pids[who] != hs.v[i].proc.id.pid)
            who++;
        assert_true(who < CROWD - 20);
        assert_false(told[who]);
        told[who] = true;
        assert_true(i == 0 || hs.v[i - 1].proc.id.start <= hs.v[i].proc.id.start);
    }
    hal9_holders_clear(&hs);
    disperse(&c);
}

/* ---- in a large cgroup */

static void join(const char *cgroup) {
    _cleanup_free_ char *procs = hal9_path_join(cgroup, "cgroup.procs");
    _cleanup_close_ int fd = open(procs, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "0", 1), 1);
}

/* In a cgroup of its own and, when that is done, in the root's again. */
static void gather_in_cgroup(struct crowd *c, const char *mount) {
    c->cgroup = hal9_strf("%s/hal9-test-%d", mount, (int)getpid());
    assert_int_equal(mkdir(c->cgroup, 0755), 0);
    join(c->cgroup);
    gather(c, CROWD / 2, CROWD / 2);
    join(mount);
}

static void looks_in_large_cgroups(void **state) {
    (void)state;
    static const char *const names[][2] = {
        {NULL}, {"/opt/nobody/has-this-name", NULL}, {"/opt/x/the-first", NULL}};
    _cleanup_free_ char *mount = hal9_cgroup_mount();
    if (!mount || access(mount, W_OK) != 0) {
        free(HAL9_TAKE_PTR(mount));
        skip_needs("a cgroup2 tree that this user may change");
    }
    struct crowd c = {0};
    gather_in_cgroup(&c, mount);
    for (size_t i = 0; i < HAL9_ARRAY_LEN(names); i++) {
        struct hal9_holders hs = {0};
        assert_ok(hal9_sock_holders(&c.ls, HAL9_HOLDERS_FIRST, names[i], &hs, NULL));
        assert_int_equal(hs.n, 1);
        assert_int_equal(hs.v[0].proc.id.pid, c.pids[CROWD / 2]);
        assert_false(hs.maybe_shared); /* it is where its socket was made, and has no kin */
        hal9_holders_clear(&hs);
    }
    disperse(&c);
    assert_int_equal(rmdir(c.cgroup), 0);
    free(c.cgroup);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_first_in_order),
        cmocka_unit_test(tells_all_once),
        cmocka_unit_test(looks_in_large_cgroups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
