/* Checks of the host: process, disk, memory, load, pressure, open-files, command, file. */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "service.h"

static struct hal9_check_result run(const char *yaml) {
    return check_run(check_make(yaml), NULL);
}

static void processes_are_counted(void **state) {
    (void)state;
    struct fixture f = fixture_start("hold-port", (const char *[]){"--port", "0", NULL});
    struct hal9_service_ref ref = service_of("hold-port");
    char pidfile[] = "/tmp/hal9-check-XXXXXX";
    int fd = mkstemp(pidfile);
    assert_true(fd >= 0);
    dprintf(fd, "%d\n", (int)f.server_pid);
    struct hal9_check_result r = run("process: hold-port");
    assert_result(r, HAL9_CHECK_PASS, NULL, "run");
    hal9_check_result_clear(&r);
    r = check_run(check_makef("process: {exe: %s, pidfile: %s}", ref.identity.exe, pidfile), NULL);
    assert_result(r, HAL9_CHECK_PASS, NULL, "hold-port (pid ");
    assert_int_equal(hal9_json_int(r.evidence, "pid", 0), f.server_pid);
    assert_string_equal(r.value, "1");
    hal9_check_result_clear(&r);
    r = check_run(check_makef("{process: {pidfile: %s}, count: '>= 2'}", pidfile), NULL);
    assert_result(r, HAL9_CHECK_FAIL, "check_failed", "not >= 2");
    hal9_check_result_clear(&r);
    r = run("process: no-such-program");
    assert_result(r, HAL9_CHECK_FAIL, "not_running", "no process no-such-program");
    hal9_check_result_clear(&r);
    r = run("{process: no-such-program, count: 0}");
    assert_result(r, HAL9_CHECK_PASS, NULL, "0 of no-such-program run");
    hal9_check_result_clear(&r);
    fixture_stop(&f);
    r = check_run(check_makef("process: {pidfile: %s}", pidfile), NULL);
    assert_result(r, HAL9_CHECK_FAIL, "not_running", "no process");
    hal9_check_result_clear(&r);
    assert_int_equal(ftruncate(fd, 0), 0);
    r = check_run(check_makef("process: {pidfile: %s}", pidfile), NULL);
    assert_result(r, HAL9_CHECK_FAIL, "not_running", "holds no pid");
    hal9_check_result_clear(&r);
    unlink(pidfile);
    r = check_run(check_makef("process: {pidfile: %s}", pidfile), NULL);
    assert_result(r, HAL9_CHECK_FAIL, "not_running", pidfile);
    hal9_check_result_clear(&r);
    close(fd);
    hal9_service_ref_clear(&ref);
}

static void a_zombie_does_not_run(void **state) {
    (void)state;
    siginfo_t info;
    const pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    char pidfile[] = "/tmp/hal9-check-XXXXXX";
    int fd = mkstemp(pidfile);
    dprintf(fd, "%d", (int)pid);
    struct hal9_check_result r = check_run(check_makef("process: {pidfile: %s}", pidfile), NULL);
    assert_result(r, HAL9_CHECK_FAIL, "not_running", "no process");
    hal9_check_result_clear(&r);
    waitpid(pid, NULL, 0);
    close(fd);
    unlink(pidfile);
}

static void disks_have_room_or_not(void **state) {
    (void)state;
    struct hal9_check_result r = run("{disk: /, free: 1, inodes: 0%}");
    assert_result(r, HAL9_CHECK_PASS, NULL, " left (");
    assert_string_equal(r.unit, "%");
    assert_true(r.evidence && cJSON_GetObjectItem(r.evidence, "available")->valuedouble > 0);
    hal9_check_result_clear(&r);
    r = run("{disk: /, free: 100%}");
    assert_result(r, HAL9_CHECK_FAIL, "resource", "less than 100%");
    hal9_check_result_clear(&r);
    r = run("{disk: /, free: 1000Ti}");
    assert_result(r, HAL9_CHECK_FAIL, "resource", "less than 1000");
    hal9_check_result_clear(&r);
    r = run("disk: /no/such/mount");
    assert_result(r, HAL9_CHECK_FAIL, "resource", "/no/such/mount");
    hal9_check_result_clear(&r);
    /* procfs has neither blocks nor inodes: that is no full disk of inodes. */
    r = run("{disk: /proc, free: 0%, inodes: 5%}");
    assert_result(r, HAL9_CHECK_PASS, NULL, "left");
    hal9_check_result_clear(&r);
}

enum { NO_RIGHT = 77 };

/* In a mount namespace of its own: a file system whose server never answers, beside a healthy one. */
static int ask_beside_a_hung_mount(const char *dir) {
    char options[64];
    const int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
    if (fuse < 0 || unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("hang", dir, "fuse", 0, options) != 0)
        return NO_RIGHT;
    struct hal9_check_job jobs[] = {
        {.check = check_makef("{disk: %s, timeout: 300ms}", dir)},
        {.check = check_make("{disk: /, free: 1, inodes: 0%}")},
    };
    const int64_t begin = hal9_mono_ms();
    /* Twice: what hangs from the first round must not hold up the second. */
    for (int round = 0; round < 2; round++)
        if (hal9_checks_run(jobs, 2, -1, -1, NULL) != HAL9_OK ||
            jobs[0].result.state != HAL9_CHECK_FAIL || jobs[1].result.state != HAL9_CHECK_PASS ||
            !strstr(jobs[0].result.reason, "gave no answer within 0.3 s"))
            return 1;
    return hal9_mono_ms() - begin < 5000 && jobs[1].result.us < 290000 ? 0 : 2;
}

static void a_hung_mount_ends_at_its_timeout(void **state) {
    (void)state;
    char dir[] = "/tmp/hal9-hang-XXXXXX";
    int status = 0;
    assert_non_null(mkdtemp(dir));
    const pid_t pid = fork();
    if (pid == 0)
        _exit(ask_beside_a_hung_mount(dir));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    rmdir(dir);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_RIGHT) {
        print_message("skipped: needs root and /dev/fuse\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void memory_load_and_files_are_measured(void **state) {
    (void)state;
    static const struct {
        const char *yaml;
        enum hal9_check_state state;
        const char *cause, *words;
    } cases[] = {
        {"memory: {available: 1}", HAL9_CHECK_PASS, NULL, "available ("},
        {"memory: {available: 100%}", HAL9_CHECK_FAIL, "resource", "less than 100%"},
        {"memory: {below: 100%}", HAL9_CHECK_PASS, NULL, "available ("},
        {"memory: {below: 0%}", HAL9_CHECK_FAIL, "resource", "less than 100%"},
        {"load: {below: 10000}", HAL9_CHECK_PASS, NULL, "a CPU"},
        {"load: {below: 0}", HAL9_CHECK_FAIL, "resource", "a CPU, not below 0"},
        {"open-files: {below: 100%}", HAL9_CHECK_PASS, NULL, "open ("},
        {"open-files: {below: 0%}", HAL9_CHECK_FAIL, "resource", "not below 0%"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct hal9_check_result r = run(cases[i].yaml);
        assert_result(r, cases[i].state, cases[i].cause, cases[i].words);
        assert_non_null(r.value);
        hal9_check_result_clear(&r);
    }
}

static void pressure_is_measured_where_the_kernel_does(void **state) {
    (void)state;
    struct hal9_check_result r = run("pressure: {some: 100%, over: 10s}");
    if (access("/proc/pressure/cpu", R_OK) != 0) {
        assert_int_equal(r.state, HAL9_CHECK_UNKNOWN);
    } else
        assert_result(r, HAL9_CHECK_PASS, NULL, "at most ");
    hal9_check_result_clear(&r);
    r = run("pressure: {some: 0%}");
    assert_int_not_equal(r.state, HAL9_CHECK_PASS);
    hal9_check_result_clear(&r);
}

static void commands_have_nagios_codes(void **state) {
    (void)state;
    static const struct {
        const char *yaml;
        enum hal9_check_state state;
        const char *cause, *words;
    } cases[] = {
        {"command: [sh, -c, 'echo \"OK - fine | time=1s\"; echo more']", HAL9_CHECK_PASS, NULL,
         "OK - fine"},
        {"command: [sh, -c, 'echo WARNING; exit 1']", HAL9_CHECK_FAIL, "check_failed", "WARNING"},
        {"command: [sh, -c, 'echo CRITICAL; exit 2']", HAL9_CHECK_FAIL, "check_failed", "CRITICAL"},
        {"command: [sh, -c, 'echo no idea; exit 3']", HAL9_CHECK_UNKNOWN, NULL, "no idea"},
        {"command: [sh, -c, 'exit 77']", HAL9_CHECK_UNKNOWN, NULL, "exit 77"},
        {"command: [sh, -c, 'echo oops >&2; exit 2']", HAL9_CHECK_FAIL, "check_failed", "oops"},
        {"command: [sh, -c, 'kill -9 $$']", HAL9_CHECK_UNKNOWN, NULL, "signal 9"},
        {"command: /no/such/program", HAL9_CHECK_UNKNOWN, NULL, "/no/such/program"},
        {"{command: [sleep, '60'], timeout: 200ms}", HAL9_CHECK_FAIL, "check_failed",
         "no answer within 0.2 s"},
        /* A child that keeps the output open is not waited for. */
        {"{command: [sh, -c, 'sleep 60 & echo fine'], timeout: 20s}", HAL9_CHECK_PASS, NULL,
         "fine"},
        {"command: [sh, -c, 'yes | head -c 10000000']", HAL9_CHECK_PASS, NULL, "y"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        const int64_t begin = hal9_mono_ms();
        struct hal9_check_result r = run(cases[i].yaml);
        assert_result(r, cases[i].state, cases[i].cause, cases[i].words);
        assert_null(strstr(r.reason, "time=1s"));
        assert_true(hal9_mono_ms() - begin < 15000);
        hal9_check_result_clear(&r);
    }
}

/* What a command starts ends with it when its time is over. */
static void a_timeout_kills_the_whole_group(void **state) {
    (void)state;
    char path[] = "/tmp/hal9-check-XXXXXX";
    int fd = mkstemp(path);
    char text[32] = {0};
    struct hal9_check_result r = check_run(
        check_makef("{command: [sh, -c, 'sleep 60 & echo $! >%s; wait'], timeout: 500ms}", path),
        NULL);
    assert_int_equal(r.state, HAL9_CHECK_FAIL);
    hal9_check_result_clear(&r);
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    const struct hal9_proc_id id = {.pid = atoi(text)};
    int pidfd = -1;
    assert_true(id.pid > 0);
    if (hal9_proc_open(&id, &pidfd, NULL) == HAL9_OK) {
        assert_ok(hal9_wait_fd(pidfd, hal9_mono_ms() + 5000, -1, NULL));
        close(pidfd);
    }
    close(fd);
    unlink(path);
}

static void files_are_fresh_and_whole(void **state) {
    (void)state;
    char path[] = "/tmp/hal9-check-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "one\ntwo\n", 8), 8);
    const struct timespec past[2] = {{.tv_sec = time(NULL) - 600}, {.tv_sec = time(NULL) - 600}};
    assert_int_equal(futimens(fd, past), 0);
    const struct {
        const char *more;
        enum hal9_check_state state;
        const char *words;
    } cases[] = {
        {"newer: 1h", HAL9_CHECK_PASS, "8 bytes"},
        {"newer: 5m", HAL9_CHECK_FAIL, "not newer than 5 min"},
        {"older: 5m", HAL9_CHECK_PASS, "old"},
        {"older: 1h", HAL9_CHECK_FAIL, "not older than"},
        {"larger: 7", HAL9_CHECK_PASS, "8 bytes"},
        {"larger: 8", HAL9_CHECK_FAIL, "8 bytes, not more than 8"},
        {"contains: two", HAL9_CHECK_PASS, "contains"},
        {"contains: '~ ^two$'", HAL9_CHECK_PASS, "contains"},
        {"contains: three", HAL9_CHECK_FAIL, "does not contain 'three'"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct hal9_check_result r =
            check_run(check_makef("{file: %s, %s}", path, cases[i].more), NULL);
        assert_result(r, cases[i].state, cases[i].state == HAL9_CHECK_FAIL ? "resource" : NULL,
                      cases[i].words);
        hal9_check_result_clear(&r);
    }
    close(fd);
    unlink(path);
    struct hal9_check_result r = check_run(check_makef("file: %s", path), NULL);
    assert_result(r, HAL9_CHECK_FAIL, "resource", "No such file");
    hal9_check_result_clear(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_are_counted),
        cmocka_unit_test(a_zombie_does_not_run),
        cmocka_unit_test(disks_have_room_or_not),
        cmocka_unit_test(a_hung_mount_ends_at_its_timeout),
        cmocka_unit_test(memory_load_and_files_are_measured),
        cmocka_unit_test(pressure_is_measured_where_the_kernel_does),
        cmocka_unit_test(commands_have_nagios_codes),
        cmocka_unit_test(a_timeout_kills_the_whole_group),
        cmocka_unit_test(files_are_fresh_and_whole),
    };
    return cmocka_run_group_tests(tests, programs_setup, programs_teardown);
}
