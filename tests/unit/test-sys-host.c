/* Facts about the host, and the places where detached services live. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/sys.h"
#include "sys/linux/socket-internal.h"

static void tells_resources(void **state) {
    (void)state;
    struct hal9_memory m;
    assert_ok(hal9_host_memory(&m, NULL));
    assert_true(m.total > 1 << 20 && m.available <= m.total && m.swap_free <= m.swap_total);
    long pages = sysconf(_SC_PHYS_PAGES);
    assert_true(m.total / 1024 == (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024);
    double load[3] = {-1, -1, -1};
    unsigned cpus = 0;
    assert_ok(hal9_host_load(load, &cpus, NULL));
    assert_true(load[0] >= 0 && load[2] >= 0 && cpus >= 1);
    uint64_t open_files;
    uint64_t max;
    assert_ok(hal9_host_open_files(&open_files, &max, NULL));
    assert_true(open_files > 0 && open_files <= max);
}

static void tells_pressure_or_that_there_is_none(void **state) {
    (void)state;
    double some[3] = {-1, -1, -1};
    _cleanup_error_ struct hal9_error err = {0};
    hal9_status status = hal9_host_pressure("cpu", some, &err);
    if (status == HAL9_OK) {
        assert_true(some[0] >= 0 && some[1] >= 0 && some[2] >= 0);
    } else {
        assert_int_equal(status, HAL9_E_UNSUPPORTED);
        assert_true(some[0] < 0); /* untouched */
    }
    assert_int_equal(hal9_host_pressure("../version", some, &err), HAL9_E_USAGE);
}

static void tells_disks(void **state) {
    (void)state;
    struct hal9_disk d;
    struct statvfs st;
    assert_ok(hal9_host_disk("/", &d, NULL));
    assert_int_equal(statvfs("/", &st), 0);
    assert_true(d.total == st.f_blocks * st.f_frsize && d.available <= d.total &&
                d.inodes_free <= d.inodes);
    assert_ok(hal9_host_disk("/proc", &d, NULL));
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(hal9_host_disk("/nowhere", &d, &err), HAL9_E_NOT_FOUND);
    assert_says(err, "/nowhere");
}

/* Cached, so each in a process of its own. */
static int names(const char *host, const char *machine) {
    if (host)
        setenv("HAL9OPS_HOST", host, 1);
    if (machine)
        setenv("HAL9OPS_MACHINE", machine, 1);
    char own[256] = "";
    gethostname(own, sizeof(own) - 1);
    if (strcmp(hal9_host_name(), host ? host : own) != 0 ||
        (machine && strcmp(hal9_host_machine_id(), machine) != 0))
        return 1;
    return strlen(hal9_host_boot_id()) == 36 ? 0 : 2;
}

static void tells_its_name(void **state) {
    (void)state;
    static const char *const cases[][2] = {{NULL, NULL}, {"web-1", "b1c5"}};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(names(cases[i][0], cases[i][1]));
        int status;
        waitpid(pid, &status, 0);
        assert_int_equal(status, 0);
    }
}

/* skip() passes over cleanups: what it hangs on is found out here. */
static enum hal9_detach available(void) {
    _cleanup_free_ char *why = NULL;
    enum hal9_detach how = hal9_detach_available(&why);
    assert_non_null(why);
    assert_true(how == HAL9_DETACH_SCOPE ? !*why : *why); /* says why not more */
    return how;
}

/* A service that forks is found with its child, in the place that was made for it. */
static void lives_in_a_place_of_its_own(void **state) {
    (void)state;
    enum hal9_detach how = available();
    if (how == HAL9_DETACH_NONE)
        skip();
    _cleanup_free_ char *name =
        hal9_strf("test/%d x", (int)getpid()); /* not a name for folders or units */
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const char *argv[] = {"sh", "-c", "sleep 600 & echo; wait", NULL};
    struct hal9_spawn s = {
        .argv = argv, .stdio = {-1, ends[1], -1}, .gated = true, .new_session = true};
    struct hal9_child c[2] = {HAL9_CHILD_INIT, HAL9_CHILD_INIT};
    _cleanup_error_ struct hal9_error err = {0};
    for (int i = 0; i < 2; i++) { /* the second joins the first */
        assert_ok(hal9_spawn(&s, &c[i], NULL));
        if (hal9_detach_move(how, name, c[i].id.pid, &err) != HAL9_OK)
            fail_msg("%s", err.message);
        assert_ok(hal9_child_release(&c[i], NULL));
        char byte;
        assert_int_equal(read(ends[0], &byte, 1), 1); /* its sleep is there */
    }
    pid_t *pids = NULL;
    size_t n = 0;
    assert_ok(hal9_detach_pids(name, &pids, &n, NULL));
    assert_int_equal(n, 4);
    bool seen[2] = {false, false};
    for (size_t i = 0; i < n; i++) {
        seen[0] = seen[0] || pids[i] == c[0].id.pid;
        seen[1] = seen[1] || pids[i] == c[1].id.pid;
        assert_true(pids[i] == c[0].id.pid || pids[i] == c[1].id.pid ||
                    hal9_proc_descends(pids[i], c[0].id.pid) ||
                    hal9_proc_descends(pids[i], c[1].id.pid));
    }
    assert_true(seen[0] && seen[1]);
    struct hal9_proc p;
    assert_ok(hal9_proc_read(c[0].id.pid, HAL9_PROC_CGROUP, &p, NULL));
    assert_non_null(
        strstr(p.cgroup, how == HAL9_DETACH_SCOPE ? "hal9-test\\x2f" : "/hal9ops/test\\x2f"));
    _cleanup_free_ char *cgroup = hal9_strdup(p.cgroup);
    hal9_proc_clear(&p);
    for (size_t i = 0; i < n; i++) {
        struct hal9_proc_id id = {.pid = pids[i]};
        int fd;
        if (hal9_proc_open(&id, &fd, NULL) != HAL9_OK)
            continue;
        hal9_proc_signal(fd, &id, SIGKILL, NULL);
        hal9_wait_fd(fd, -1, -1, NULL);
        close(fd);
    }
    free(pids);
    for (int i = 0; i < 2; i++) {
        int code;
        assert_ok(hal9_child_wait(&c[i], -1, -1, &code, NULL));
        hal9_child_clear(&c[i]);
    }
    pids = NULL;
    n = 0;
    assert_ok(hal9_detach_pids(name, &pids, &n, NULL));
    assert_int_equal(n, 0);
    free(pids);
    close(ends[0]);
    close(ends[1]);
    if (how == HAL9_DETACH_CGROUP) {
        _cleanup_free_ char *mount = hal9_cgroup_mount();
        _cleanup_free_ char *dir = hal9_strf("%s%s", mount, cgroup);
        assert_int_equal(rmdir(dir), 0);
    }
}

static void no_place_has_no_processes(void **state) {
    (void)state;
    pid_t *pids = NULL;
    size_t n = 0;
    assert_ok(hal9_detach_pids("no-such-service", &pids, &n, NULL));
    assert_int_equal(n, 0);
    assert_null(pids);
}

static void a_failed_move_says_so(void **state) {
    (void)state;
    if (available() != HAL9_DETACH_CGROUP)
        skip();
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_not_equal(hal9_detach_move(HAL9_DETACH_CGROUP, "gone", pid, &err), HAL9_OK);
    assert_says(err, "cannot move process");
    _cleanup_free_ char *mount = hal9_cgroup_mount();
    _cleanup_free_ char *dir = hal9_path_join(mount, "hal9ops/gone");
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(hal9_detach_move(HAL9_DETACH_NONE, "gone", pid, &err),
                     HAL9_OK); /* nothing to do */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_resources),
        cmocka_unit_test(tells_pressure_or_that_there_is_none),
        cmocka_unit_test(tells_disks),
        cmocka_unit_test(tells_its_name),
        cmocka_unit_test(lives_in_a_place_of_its_own),
        cmocka_unit_test(no_place_has_no_processes),
        cmocka_unit_test(a_failed_move_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
