/* Processes: reading, telling apart, names; on real ones. */
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/sys.h"
#include "sys/linux/linux-internal.h"

/* A child that sleeps until it is killed, having told that it runs. */
static pid_t sleeper(const char *comm) {
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

static void parses_stat_with_odd_names(void **state) {
    (void)state;
    static const char rest[] = " S 1 2 3 4 5 4194560 6 7 8 9 10 11 12 13 20 0 3 0 987654 1 2";
    static const char *const names[] = {"sh",         "a) S 5 (b", ") ) )",      "",
                                        "with blank", "tab\there", "line\nbreak"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(names); i++) {
        _cleanup_free_ char *text = hal9_strf("4711 (%s)%s", names[i], rest);
        struct hal9_stat s;
        assert_true(hal9_stat_parse(text, &s));
        assert_string_equal(s.comm, names[i]);
        assert_int_equal(s.pid, 4711);
        assert_int_equal(s.ppid, 1);
        assert_int_equal(s.state, 'S');
        assert_int_equal(s.threads, 3);
        assert_int_equal(s.start, 987654);
        assert_false(s.kernel);
    }
    struct hal9_stat s;
    assert_true(
        hal9_stat_parse("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 1 0", &s));
    assert_true(s.kernel);
    assert_false(hal9_stat_parse("", &s));
    assert_false(hal9_stat_parse("4711 sh S 1", &s));
    assert_false(hal9_stat_parse("4711 (sh) S 1 2 3", &s));
}

static void reads_itself(void **state) {
    (void)state;
    struct hal9_proc p;
    assert_ok(hal9_proc_read(getpid(), HAL9_PROC_ALL, &p, NULL));
    struct stat st;
    assert_int_equal(stat("/proc/self/exe", &st), 0);
    assert_int_equal(p.id.pid, getpid());
    assert_int_equal(p.ppid, getppid());
    assert_int_equal(p.uid, geteuid());
    assert_int_equal(p.gid, getegid());
    assert_true(p.exe_dev == st.st_dev && p.exe_ino == st.st_ino);
    assert_false(p.exe_deleted);
    assert_true(hal9_endswith(p.exe, "/test-sys-proc"));
    assert_true(p.argv.n >= 1);
    _cleanup_free_ char *cwd = getcwd(NULL, 0);
    assert_string_equal(p.cwd, cwd);
    assert_int_equal(strlen(p.id.boot_id), 36);
    assert_true(p.id.pidns > 0 && p.id.start > 0);
    assert_true(p.cgroup && p.cgroup[0] == '/');
    assert_false(p.kernel);
    hal9_proc_clear(&p);
}

static void tells_the_start_on_the_wall_clock(void **state) {
    (void)state;
    pid_t pid = sleeper("clock");
    struct hal9_proc p;
    assert_ok(hal9_proc_read(pid, HAL9_PROC_STAT, &p, NULL));
    int64_t age = hal9_now_ms() - p.started_ms;
    assert_true(age > -1000 && age < 60000);
    hal9_proc_clear(&p);
    finish(pid);
}

static void reads_odd_comm_and_empty_cmdline(void **state) {
    (void)state;
    pid_t pid = sleeper("x) Z 1 (");
    struct hal9_proc p;
    assert_ok(hal9_proc_read(pid, HAL9_PROC_ALL, &p, NULL));
    assert_string_equal(p.comm, "x) Z 1 (");
    assert_int_equal(p.ppid, getpid());
    hal9_proc_clear(&p);
    finish(pid);
    /* a kernel thread has no arguments and no executable */
    if (hal9_proc_read(2, HAL9_PROC_ALL, &p, NULL) == HAL9_OK) {
        if (p.kernel) {
            assert_int_equal(p.argv.n, 0);
            assert_null(p.exe);
            assert_non_null(hal9_proc_untouchable(&p));
        }
        hal9_proc_clear(&p);
    }
}

static void reads_huge_and_blank_arguments(void **state) {
    (void)state;
    enum { HUGE_LEN = 100000 };
    char *huge = hal9_alloc(HUGE_LEN + 1);
    memset(huge, 'x', HUGE_LEN);
    const char *argv[] = {"sh", "-c", "kill -STOP $$", "", "a b", huge, "", NULL};
    struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}};
    struct hal9_child c = HAL9_CHILD_INIT;
    assert_ok(hal9_spawn(&s, &c, NULL));
    struct hal9_proc p;
    assert_ok(hal9_proc_read(c.id.pid, HAL9_PROC_ARGV, &p, NULL));
    assert_int_equal(p.argv.n, 7);
    assert_string_equal(p.argv.v[3], "");
    assert_string_equal(p.argv.v[4], "a b");
    assert_int_equal(strlen(p.argv.v[5]), HUGE_LEN);
    assert_string_equal(p.argv.v[6], "");
    hal9_proc_clear(&p);
    finish(c.id.pid);
    hal9_child_clear(&c);
    free(huge);
}

static void gone_zombies_and_reused_pids(void **state) {
    (void)state;
    pid_t pid = sleeper("zombie");
    struct hal9_proc_id id;
    assert_ok(hal9_platform_proc_id(pid, &id, NULL));
    assert_int_equal(hal9_proc_alive(&id), HAL9_ALIVE);

    /* another process with its pid */
    struct hal9_proc_id other = id;
    other.start++;
    int fd = -7;
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(hal9_proc_alive(&other), HAL9_GONE);
    assert_int_equal(hal9_proc_open(&other, &fd, &err), HAL9_E_NOT_FOUND);
    assert_int_equal(fd, -7);
    other = id;
    other.start = 0; /* any */
    assert_int_equal(hal9_proc_alive(&other), HAL9_ALIVE);
    other = id;
    other.pidns++;
    assert_int_equal(hal9_proc_alive(&other), HAL9_HIDDEN);
    assert_int_equal(hal9_proc_open(&other, &fd, &err), HAL9_E_PERM);
    other = id;
    other.boot_id[0] = other.boot_id[0] == 'a' ? 'b' : 'a';
    assert_int_equal(hal9_proc_alive(&other), HAL9_HIDDEN);

    assert_ok(hal9_proc_open(&id, &fd, NULL));
    assert_ok(hal9_proc_signal(fd, &id, 0, NULL));
    assert_int_equal(hal9_wait_fd(fd, hal9_mono_ms(), -1, NULL), HAL9_E_TIMEOUT);
    assert_ok(hal9_proc_signal(fd, &id, SIGKILL, NULL));
    assert_ok(hal9_wait_fd(fd, hal9_mono_ms() + 10000, -1, NULL));
    /* not reaped yet: a zombie is gone */
    struct hal9_proc p;
    int second = -7;
    assert_int_equal(hal9_proc_alive(&id), HAL9_GONE);
    assert_int_equal(hal9_proc_read(pid, HAL9_PROC_ALL, &p, NULL), HAL9_E_NOT_FOUND);
    assert_int_equal(hal9_proc_open(&id, &second, NULL), HAL9_E_NOT_FOUND);
    assert_int_equal(hal9_proc_signal(fd, &id, SIGTERM, NULL), HAL9_E_NOT_FOUND);
    waitpid(pid, NULL, 0);
    assert_int_equal(hal9_proc_alive(&id), HAL9_GONE);
    assert_int_equal(hal9_proc_signal(fd, &id, SIGTERM, NULL), HAL9_E_NOT_FOUND);
    assert_int_equal(hal9_proc_read(pid, HAL9_PROC_ALL, &p, &err), HAL9_E_NOT_FOUND);
    close(fd);
}

/* A child with this very pid, which must be free. */
static pid_t fork_as(pid_t pid) {
    struct clone_args args = {
        .exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&pid, .set_tid_size = 1};
    pid_t got = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (got == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    return got;
}

/* As PID 1 of a namespace: 42 is started, ends, and a stranger gets its pid. 0: all is told right. */
static int reuse_a_pid(void) {
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("proc", "/proc", "proc", 0, NULL) != 0)
        return 77;
    struct hal9_proc_id id;
    int old_fd = -1;
    int fd = -1;
    pid_t pid = fork_as(42);
    if (pid != 42 || hal9_platform_proc_id(pid, &id, NULL) != HAL9_OK ||
        hal9_proc_open(&id, &old_fd, NULL) != HAL9_OK)
        return 77;
    finish(pid);
    struct hal9_proc_id stranger;
    hal9_wait_fd(-1, hal9_mono_ms() + 30, -1, NULL); /* start times tick every 10 ms */
    if (fork_as(42) != 42 || hal9_platform_proc_id(42, &stranger, NULL) != HAL9_OK)
        return 1;
    if (stranger.start == id.start)
        return 5;
    if (hal9_proc_alive(&id) != HAL9_GONE || hal9_proc_alive(&stranger) != HAL9_ALIVE)
        return 2;
    if (hal9_proc_open(&id, &fd, NULL) != HAL9_E_NOT_FOUND)
        return 3;
    /* a descriptor from before never reaches the stranger */
    if (hal9_proc_signal(old_fd, &id, SIGKILL, NULL) != HAL9_E_NOT_FOUND ||
        hal9_proc_alive(&stranger) != HAL9_ALIVE)
        return 4;
    finish(42);
    return 0;
}

static void a_reused_pid_is_a_stranger(void **state) {
    (void)state;
    pid_t keeper = fork();
    if (keeper == 0) {
        if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0)
            _exit(77);
        pid_t init = fork();
        if (init == 0)
            _exit(reuse_a_pid());
        int status;
        waitpid(init, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
    }
    int status;
    waitpid(keeper, &status, 0);
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A directory of /proc stays with its process, even when that has ended. */
static void an_open_directory_pins_the_process(void **state) {
    (void)state;
    pid_t pid = sleeper("pinned");
    int dir = hal9_procfs_open(pid);
    struct hal9_stat s;
    assert_int_equal(hal9_stat_read(dir, &s), 0);
    finish(pid);
    assert_int_equal(hal9_stat_read(dir, &s), ESRCH);
    close(dir);
}

struct seen {
    pid_t wanted;
    int found;
    int calls;
};

static int look_for(const struct hal9_proc *p, void *data) {
    struct seen *seen = data;
    seen->calls++;
    if (p->id.pid == seen->wanted)
        seen->found++;
    return 0;
}

static int stop_at_once(const struct hal9_proc *p, void *data) {
    (void)p;
    ((struct seen *)data)->calls++;
    return 1;
}

static void walks_all(void **state) {
    (void)state;
    pid_t pid = sleeper("walked");
    struct seen seen = {.wanted = pid};
    assert_ok(hal9_proc_each(HAL9_PROC_ALL, look_for, &seen, NULL));
    assert_int_equal(seen.found, 1);
    assert_true(seen.calls >= 2);
    finish(pid);
    seen = (struct seen){.wanted = pid};
    assert_ok(hal9_proc_each(HAL9_PROC_STAT, look_for, &seen, NULL));
    assert_int_equal(seen.found, 0);
    seen.calls = 0;
    assert_ok(hal9_proc_each(HAL9_PROC_STAT, stop_at_once, &seen, NULL));
    assert_int_equal(seen.calls, 1);
}

static void some_are_untouchable(void **state) {
    (void)state;
    struct hal9_proc p;
    pid_t pid = sleeper("ordinary");
    assert_ok(hal9_proc_read(1, HAL9_PROC_ALL, &p, NULL));
    assert_non_null(strstr(hal9_proc_untouchable(&p), "PID 1"));
    hal9_proc_clear(&p);
    assert_ok(hal9_proc_read(getpid(), HAL9_PROC_ALL, &p, NULL));
    assert_non_null(hal9_proc_untouchable(&p));
    hal9_proc_clear(&p);
    if (getppid() > 1) {
        assert_ok(hal9_proc_read(getppid(), HAL9_PROC_ALL, &p, NULL));
        assert_non_null(strstr(hal9_proc_untouchable(&p), "ancestor"));
        hal9_proc_clear(&p);
    }
    assert_ok(hal9_proc_read(pid, HAL9_PROC_ALL, &p, NULL));
    assert_null(hal9_proc_untouchable(&p));
    static const char *const names[] = {"/usr/sbin/sshd",       "/usr/bin/containerd-shim-runc-v2",
                                        "/usr/bin/conmon",      "/usr/bin/dockerd",
                                        "/lib/systemd/systemd", "/usr/bin/docker-proxy"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(names); i++) {
        free(p.exe);
        p.exe = hal9_strdup(names[i]);
        assert_non_null(hal9_proc_untouchable(&p));
    }
    hal9_proc_clear(&p);
    assert_true(hal9_proc_descends(pid, getpid()));
    assert_true(hal9_proc_descends(pid, getppid()));
    assert_false(hal9_proc_descends(getpid(), pid));
    assert_false(hal9_proc_descends(pid, pid));
    finish(pid);
}

/* exe, arguments divided by '|', name */
static void names_interpreters_by_their_script(void **state) {
    (void)state;
    static const struct {
        const char *exe;
        const char *argv;
        const char *name;
    } cases[] = {
        {"/usr/bin/python3.11", "python3|app.py|--port|80", "app.py"},
        {"/usr/bin/python3.11", "python3|-u|-W|ignore|/srv/app.py", "app.py"},
        {"/usr/bin/python3.11", "python3|-m|http.server|8080", "http.server"},
        {"/usr/bin/python3.11", "python3|-c|import os", "python3.11"},
        {"/usr/bin/python3.11", "python3", "python3.11"},
        {"/usr/bin/node", "node|--require|./x.js|server.js", "server.js"},
        {"/usr/bin/node", "node|--inspect=9229|dist/server.js", "server.js"},
        {"/usr/bin/dash", "sh|-e|/srv/run.sh|-c", "run.sh"},
        {"/usr/bin/bash", "bash|-c|sleep 5", "bash"},
        {"/usr/bin/bash", "-bash", "bash"},
        {"/usr/lib/jvm/bin/java", "java|-Xmx1g|-cp|a.jar:b.jar|com.example.Main|x",
         "com.example.Main"},
        {"/usr/lib/jvm/bin/java", "java|-jar|/srv/app.jar", "app.jar"},
        {"/usr/bin/perl", "perl|-w|/srv/x.pl", "x.pl"},
        {"/opt/hal9/hal9-server", "hal9-server|app.py", "hal9-server"},
        {"/usr/bin/nodemon", "nodemon|server.js", "nodemon"},
        {NULL, "", "comm-name"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct hal9_proc p = {.comm = hal9_strdup("comm-name"), .exe = hal9_strdup(cases[i].exe)};
        _cleanup_free_ char *args = hal9_strdup(cases[i].argv);
        char *save;
        for (char *arg = strtok_r(args, "|", &save); arg; arg = strtok_r(NULL, "|", &save))
            hal9_strv_add(&p.argv, arg);
        _cleanup_free_ char *name = hal9_proc_name(&p);
        assert_string_equal(name, cases[i].name);
        assert_true(hal9_proc_named(&p, name));
        assert_false(hal9_proc_named(&p, "layer9-server"));
        assert_false(hal9_proc_named(&p, ""));
        hal9_proc_clear(&p);
    }
}

static void is_named_by_path_and_unit(void **state) {
    (void)state;
    struct hal9_proc p = {.comm = hal9_strdup("hal9"),
                          .exe = hal9_strdup("/usr/bin/python3"),
                          .unit = hal9_strdup("layer9.service"),
                          .cwd = hal9_strdup("/nowhere/here")};
    hal9_strv_add(&p.argv, "python3");
    hal9_strv_add(&p.argv, "../app.py");
    assert_true(hal9_proc_named(&p, "/usr/bin/python3"));
    assert_true(hal9_proc_named(&p, "/nowhere/app.py"));
    assert_true(hal9_proc_named(&p, "layer9.service"));
    assert_true(hal9_proc_named(&p, "hal9"));
    assert_false(hal9_proc_named(&p, "layer9"));
    assert_false(hal9_proc_named(&p, "/nowhere/here/app.py"));
    struct hal9_proc twin;
    hal9_proc_copy(&twin, &p);
    hal9_proc_clear(&p);
    assert_string_equal(twin.argv.v[1], "../app.py");
    assert_string_equal(twin.unit, "layer9.service");
    hal9_proc_clear(&twin);
}

static void cgroup_paths(void **state) {
    (void)state;
#define ID64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    static const struct {
        const char *path;
        const char *unit;
        const char *container;
    } cases[] = {
        {"/", NULL, NULL},
        {"/system.slice/layer9.service", "layer9.service", NULL},
        {"/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service", NULL},
        {"/system.slice/a\\x2db.service", "a\\x2db.service", NULL},
        {"/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service", "foo.service",
         NULL},
        {"/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service", NULL},
        {"/user.slice/user-1000.slice/session-3.scope", NULL, NULL},
        {"/system.slice/web.service/workers", "web.service", NULL},
        {"/system.slice/.service", NULL, NULL},
        {"/system.slice/docker-" ID64 ".scope", NULL, ID64},
        {"/docker/" ID64, NULL, ID64},
        {"/machine.slice/libpod-" ID64 ".scope/container", NULL, ID64},
        {"/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID64 ".scope", NULL, ID64},
        {"/docker/" ID64 "0", NULL, NULL},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *unit = hal9_cgroup_unit(cases[i].path);
        _cleanup_free_ char *container = hal9_cgroup_container(cases[i].path);
        assert_true(hal9_streq(unit, cases[i].unit));
        assert_true(hal9_streq(container, cases[i].container));
    }
    static const struct {
        const char *text;
        const char *path;
    } texts[] = {
        {"0::/system.slice/a.service\n", "/system.slice/a.service"},
        {"9:name=systemd:/system.slice/a.service\n4:memory:/x\n0::/\n", "/system.slice/a.service"},
        {"9:name=systemd:/init.scope\n0::/hal9ops/web\n", "/hal9ops/web"},
        {"4:memory:/x\n0::/\n", "/"},
        {"4:memory:/x::/y\n", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(texts); i++) {
        _cleanup_free_ char *path = hal9_cgroup_of_text(texts[i].text);
        assert_true(hal9_streq(path, texts[i].path));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_stat_with_odd_names),
        cmocka_unit_test(reads_itself),
        cmocka_unit_test(tells_the_start_on_the_wall_clock),
        cmocka_unit_test(reads_odd_comm_and_empty_cmdline),
        cmocka_unit_test(reads_huge_and_blank_arguments),
        cmocka_unit_test(gone_zombies_and_reused_pids),
        cmocka_unit_test(a_reused_pid_is_a_stranger),
        cmocka_unit_test(an_open_directory_pins_the_process),
        cmocka_unit_test(walks_all),
        cmocka_unit_test(some_are_untouchable),
        cmocka_unit_test(names_interpreters_by_their_script),
        cmocka_unit_test(is_named_by_path_and_unit),
        cmocka_unit_test(cgroup_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
