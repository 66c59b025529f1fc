/* Who a process must be: by executable (also replaced, deleted, of another release), script, unit, user, arguments. */
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/sys.h"

static char dir[] = "/tmp/hal9-identity.XXXXXX";

static char *at(const char *name) {
    _cleanup_free_ char *path = hal9_path_join(dir, name);
    return hal9_path_canonical(path);
}

/* Copies `sleep` to a path below the directory. */
static void install(const char *name) {
    _cleanup_free_ char *path = hal9_path_join(dir, name);
    _cleanup_free_ char *folder = hal9_strndup(path, (size_t)(strrchr(path, '/') - path));
    _cleanup_buf_ struct hal9_buf program = {0};
    assert_ok(hal9_dir_make(folder, 0755, NULL));
    assert_ok(hal9_file_read("/bin/sleep", 10 << 20, &program, NULL));
    assert_ok(hal9_file_write(path, program.data, program.len, 0755, NULL));
}

static int set_up(void **state) {
    (void)state;
    return mkdtemp(dir) && chmod(dir, 0755) == 0 ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    const char *argv[] = {"rm", "-rf", dir, NULL};
    struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}};
    struct hal9_run_result r = {0};
    hal9_status status = hal9_run(&s, 20000, -1, 1000, &r, NULL);
    hal9_run_result_clear(&r);
    return status == HAL9_OK ? 0 : -1;
}

static struct hal9_child start(const char *const *argv) {
    struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}};
    struct hal9_child c = HAL9_CHILD_INIT;
    assert_ok(hal9_spawn(&s, &c, NULL));
    return c;
}

static struct hal9_child start_program(const char *name) {
    _cleanup_free_ char *path = hal9_path_join(dir, name);
    const char *argv[] = {path, "600", NULL};
    return start(argv);
}

static void finish(struct hal9_child *c) {
    int code;
    kill(c->id.pid, SIGKILL);
    assert_ok(hal9_child_wait(c, -1, -1, &code, NULL));
    hal9_child_clear(c);
}

static enum hal9_match match(const struct hal9_child *c, struct hal9_identity want) {
    struct hal9_proc p;
    assert_ok(hal9_proc_read(c->id.pid, HAL9_PROC_ALL, &p, NULL));
    enum hal9_match got = hal9_identity_match(&want, &p);
    hal9_proc_clear(&p);
    return got;
}

static enum hal9_match match_exe(const struct hal9_child *c, const char *name) {
    _cleanup_free_ char *path = hal9_path_join(dir, name);
    return match(c, (struct hal9_identity){.exe = path});
}

static void link_to(const char *target, const char *name) {
    _cleanup_free_ char *path = hal9_path_join(dir, name);
    unlink(path);
    assert_int_equal(symlink(target, path), 0);
}

static void by_path_also_replaced_or_deleted(void **state) {
    (void)state;
    install("bin/server");
    install("bin/other");
    struct hal9_child c = start_program("bin/server");
    assert_int_equal(match_exe(&c, "bin/server"), HAL9_MATCH);
    assert_int_equal(match_exe(&c, "bin/../bin//server"), HAL9_MATCH);
    assert_int_equal(match_exe(&c, "bin/other"), HAL9_NO_MATCH);
    assert_int_equal(match_exe(&c, "server"), HAL9_NO_MATCH);
    link_to("bin/server", "alias");
    assert_int_equal(match_exe(&c, "alias"), HAL9_MATCH);
    install("bin/server"); /* a new file in its place */
    struct hal9_proc p;
    assert_ok(hal9_proc_read(c.id.pid, HAL9_PROC_EXE, &p, NULL));
    assert_true(p.exe_deleted);
    assert_true(hal9_endswith(p.exe, "/bin/server"));
    hal9_proc_clear(&p);
    assert_int_equal(match_exe(&c, "bin/server"), HAL9_MATCH);
    assert_int_equal(match_exe(&c, "alias"), HAL9_MATCH);
    _cleanup_free_ char *path = at("bin/server");
    unlink(path);
    assert_int_equal(match_exe(&c, "bin/server"), HAL9_MATCH);
    assert_int_equal(match_exe(&c, "bin/other"), HAL9_NO_MATCH);
    finish(&c);
}

static void a_name_that_ends_as_the_kernels_mark(void **state) {
    (void)state;
    install("bin/odd (deleted)");
    struct hal9_child c = start_program("bin/odd (deleted)");
    struct hal9_proc p;
    assert_ok(hal9_proc_read(c.id.pid, HAL9_PROC_EXE, &p, NULL));
    assert_false(p.exe_deleted);
    assert_true(hal9_endswith(p.exe, "/bin/odd (deleted)"));
    hal9_proc_clear(&p);
    finish(&c);
}

static void any_kept_release(void **state) {
    (void)state;
    install("app/releases/41/bin/server");
    install("app/releases/42/bin/server");
    install("app/releases/42/bin/tool");
    install("app/other/42/bin/server");
    link_to("releases/41", "app/current");
    struct hal9_child old = start_program("app/current/bin/server");
    struct hal9_child tool = start_program("app/releases/42/bin/tool");
    struct hal9_child other = start_program("app/other/42/bin/server");
    assert_int_equal(match_exe(&old, "app/current/bin/server"), HAL9_MATCH);
    link_to("releases/42", "app/current"); /* switched while it runs */
    assert_int_equal(match_exe(&old, "app/current/bin/server"), HAL9_MATCH);
    struct hal9_child new = start_program("app/current/bin/server");
    assert_int_equal(match_exe(&new, "app/current/bin/server"), HAL9_MATCH);
    assert_int_equal(match_exe(&tool, "app/current/bin/server"), HAL9_NO_MATCH);
    assert_int_equal(match_exe(&other, "app/current/bin/server"), HAL9_NO_MATCH);
    assert_int_equal(match_exe(&new, "app/releases/41/bin/server"), HAL9_NO_MATCH);
    link_to("releases/43", "app/current"); /* to nowhere yet */
    assert_int_equal(match_exe(&old, "app/current/bin/server"), HAL9_MATCH);
    /* a folder told by the configuration */
    _cleanup_free_ char *exe = hal9_path_join(dir, "gone/server");
    _cleanup_free_ char *any = hal9_path_join(dir, "app/releases/");
    assert_int_equal(match(&old, (struct hal9_identity){.exe = exe, .exe_any = any}), HAL9_MATCH);
    assert_int_equal(match(&other, (struct hal9_identity){.exe = exe, .exe_any = any}),
                     HAL9_NO_MATCH);
    assert_int_equal(match(&tool, (struct hal9_identity){.exe = exe, .exe_any = any}),
                     HAL9_NO_MATCH);
    finish(&old);
    finish(&new);
    finish(&tool);
    finish(&other);
}

/* /opt/x -> x-1.2 beside other products whose program has the same name. */
static void releases_beside_other_products(void **state) {
    (void)state;
    install("opt/hal-1.1/server");
    install("opt/hal-1.2/server");
    install("opt/layer/server");
    link_to("hal-1.2", "opt/hal");
    struct hal9_child old = start_program("opt/hal-1.1/server");
    struct hal9_child stranger = start_program("opt/layer/server");
    assert_int_equal(match_exe(&old, "opt/hal/server"), HAL9_MATCH);
    assert_int_equal(match_exe(&stranger, "opt/hal/server"), HAL9_NO_MATCH);
    finish(&old);
    finish(&stranger);
}

static void by_script(void **state) {
    (void)state;
    static const char text[] = "#!/bin/sh\nread line\n";
    _cleanup_free_ char *script = at("run.sh");
    _cleanup_free_ char *other = at("other.sh");
    assert_ok(hal9_file_write(script, text, strlen(text), 0755, NULL));
    assert_ok(hal9_file_write(other, text, strlen(text), 0755, NULL));
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const char *argv[] = {script, "--port", "80", NULL};
    struct hal9_spawn s = {.argv = argv, .stdio = {ends[0], -1, -1}};
    struct hal9_child c = HAL9_CHILD_INIT;
    assert_ok(hal9_spawn(&s, &c, NULL));
    const char *relative[] = {"sh", "./run.sh", NULL};
    struct hal9_spawn s2 = {.argv = relative, .cwd = dir, .stdio = {ends[0], -1, -1}};
    struct hal9_child c2 = HAL9_CHILD_INIT;
    assert_ok(hal9_spawn(&s2, &c2, NULL));
    const char *mentions[] = {"sleep", "600", script,
                              NULL}; /* not its interpreter: a mere argument */
    struct hal9_spawn s3 = {.argv = mentions, .exe = "/bin/sleep", .stdio = {-1, -1, -1}};
    assert_int_equal(match(&c, (struct hal9_identity){.exe = script}), HAL9_MATCH);
    assert_int_equal(match(&c2, (struct hal9_identity){.exe = script}), HAL9_MATCH);
    assert_int_equal(match(&c, (struct hal9_identity){.exe = other}), HAL9_NO_MATCH);
    struct hal9_child c3 = HAL9_CHILD_INIT;
    if (hal9_spawn(&s3, &c3, NULL) == HAL9_OK) {
        struct hal9_proc p;
        if (hal9_proc_read(c3.id.pid, HAL9_PROC_ALL, &p, NULL) == HAL9_OK) {
            struct hal9_identity want = {.exe = script};
            assert_int_equal(hal9_identity_match(&want, &p), HAL9_NO_MATCH);
            hal9_proc_clear(&p);
        }
        finish(&c3);
    }
    finish(&c);
    finish(&c2);
    close(ends[0]);
    close(ends[1]);
}

static void by_user_arguments_unit_container(void **state) {
    (void)state;
    char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    char short_id[] = "0123456789ab";
    char name[] = "01234";
    struct hal9_proc p = {.uid = 0,
                          .exe = hal9_strdup("/usr/bin/java"),
                          .cgroup = hal9_strdup("/x"),
                          .unit = hal9_strdup("web.service"),
                          .container = hal9_strdup(id)};
    hal9_strv_add(&p.argv, "java");
    hal9_strv_add(&p.argv, "-jar");
    hal9_strv_add(&p.argv, "app.jar");
    const struct {
        struct hal9_identity want;
        enum hal9_match got;
    } cases[] = {
        {{.user = "root"}, HAL9_MATCH},
        {{.user = "0"}, HAL9_MATCH},
        {{.user = "nobody"}, HAL9_NO_MATCH},
        {{.user = "no-such-user"}, HAL9_NO_MATCH},
        {{.cmdline = "-jar app.jar"}, HAL9_MATCH},
        {{.cmdline = "other.jar"}, HAL9_NO_MATCH},
        {{.unit = "web.service"}, HAL9_MATCH},
        {{.unit = "web"}, HAL9_MATCH},
        {{.unit = "we"}, HAL9_NO_MATCH},
        {{.container = id}, HAL9_MATCH},
        {{.container = short_id}, HAL9_MATCH},
        {{.container = name}, HAL9_NO_MATCH},
        {{.user = "root", .cmdline = "app.jar", .unit = "web"}, HAL9_MATCH},
        {{.user = "root", .cmdline = "app.jar", .unit = "db"}, HAL9_NO_MATCH},
        {{.exe_any = "/usr"}, HAL9_NO_MATCH}, /* only widens exe */
        {{NULL, NULL, NULL, NULL, NULL, NULL}, HAL9_NO_MATCH},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++)
        assert_int_equal(hal9_identity_match(&cases[i].want, &p), cases[i].got);
    hal9_proc_clear(&p);
}

static void what_is_hidden_cant_be_told(void **state) {
    (void)state;
    struct hal9_proc p = {.uid = (uid_t)-1, .comm = hal9_strdup("x")};
    struct hal9_identity wants[] = {
        {.exe = "/bin/x"}, {.unit = "x"}, {.user = "root"}, {.cmdline = "x"}, {.container = "x"}};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(wants); i++)
        assert_int_equal(hal9_identity_match(&wants[i], &p), HAL9_CANT_TELL);
    p.uid = 1; /* what can be told decides */
    struct hal9_identity both = {.exe = "/bin/x", .user = "root"};
    assert_int_equal(hal9_identity_match(&both, &p), HAL9_NO_MATCH);
    p.kernel = true;
    assert_int_equal(hal9_identity_match(&wants[0], &p), HAL9_NO_MATCH);
    hal9_proc_clear(&p);
    assert_true(hal9_identity_empty(&(struct hal9_identity){.exe_any = "/usr"}));
    struct hal9_identity copy = {0};
    hal9_identity_copy(&copy, &both);
    hal9_identity_copy(&copy, &both); /* replaces */
    assert_string_equal(copy.exe, "/bin/x");
    assert_string_equal(copy.user, "root");
    hal9_identity_clear(&copy);
}

/* Started with odd values, captured, started again from that: the same. */
static void captures_and_starts_again(void **state) {
    (void)state;
    _cleanup_free_ char *out = at("out.log");
    _cleanup_free_ char *folder = at("");
    assert_ok(hal9_file_write(out, "", 0, 0644, NULL));
    FILE *log = fopen(out, "ae");
    const char *argv[] = {"odd name", "600", NULL};
    const char *envp[] = {"A=1", "EMPTY=", "LINES=a\nb", NULL};
    const char *sleeping[] = {"sh", "-c", "exec sleep 600", "", "x y", NULL};
    struct rlimit limits[RLIM_NLIMITS];
    for (unsigned i = 0; i < RLIM_NLIMITS; i++)
        assert_int_equal(getrlimit(i, &limits[i]), 0);
    limits[RLIMIT_NOFILE].rlim_cur = 99;
    gid_t groups[] = {4, 20};
    bool root = geteuid() == 0;
    struct hal9_spawn s = {.argv = argv,
                           .exe = "/bin/sleep",
                           .envp = envp,
                           .cwd = dir,
                           .stdio = {-1, fileno(log), -1},
                           .set_umask = true,
                           .umask = 027,
                           .limits = limits,
                           .n_limits = RLIM_NLIMITS,
                           .set_user = root,
                           .uid = 65534,
                           .gid = 65533,
                           .groups = groups,
                           .n_groups = 2};

    struct hal9_child c = HAL9_CHILD_INIT;
    assert_ok(hal9_spawn(&s, &c, NULL));
    fclose(log);
    struct hal9_proc_capture got = {0};
    _cleanup_error_ struct hal9_error err = {0};
    if (hal9_proc_capture(&c.id, &got, &err) != HAL9_OK)
        fail_msg("%s", err.message);
    assert_true(hal9_endswith(got.exe, "/sleep"));
    assert_int_equal(got.argv.n, 2);
    assert_string_equal(got.argv.v[0], "odd name");
    assert_int_equal(got.env.n, 3);
    assert_string_equal(got.env.v[2], "LINES=a\nb");
    assert_string_equal(got.cwd, folder);
    assert_int_equal(got.umask, 027);
    assert_int_equal(got.limits[RLIMIT_NOFILE].rlim_cur, 99);
    assert_int_equal(got.n_limits, RLIM_NLIMITS);
    assert_string_equal(got.stdout_path, out);
    assert_string_equal(got.stderr_path, "/dev/null");
    assert_false(got.shows_title);
    if (root) {
        assert_int_equal(got.uid, 65534);
        assert_int_equal(got.gid, 65533);
        assert_int_equal(got.n_groups, 2);
        assert_int_equal(got.groups[1], 20);
    }
    struct hal9_spawn again = {.argv = (const char *const *)got.argv.v,
                               .exe = got.exe,
                               .envp = (const char *const *)got.env.v,
                               .cwd = got.cwd,
                               .stdio = {-1, -1, -1},
                               .set_umask = true,
                               .umask = got.umask,
                               .limits = got.limits,
                               .n_limits = got.n_limits,
                               .set_user = true,
                               .uid = got.uid,
                               .gid = got.gid,
                               .groups = got.groups,
                               .n_groups = got.n_groups};
    struct hal9_child c2 = HAL9_CHILD_INIT;
    assert_ok(hal9_spawn(&again, &c2, NULL));
    struct hal9_proc_capture twin = {0};
    assert_ok(hal9_proc_capture(&c2.id, &twin, NULL));
    assert_string_equal(twin.exe, got.exe);
    assert_string_equal(twin.cwd, got.cwd);
    assert_int_equal(twin.uid, got.uid);
    assert_memory_equal(twin.limits, got.limits, sizeof(got.limits));
    struct hal9_proc_id stranger = c2.id;
    stranger.start++;
    struct hal9_proc_capture none = {0};
    assert_int_equal(hal9_proc_capture(&stranger, &none, NULL), HAL9_E_NOT_FOUND);
    assert_null(none.exe);
    hal9_proc_capture_clear(&got);
    hal9_proc_capture_clear(&twin);
    finish(&c);
    finish(&c2);
    c = start(sleeping);
    assert_int_equal(hal9_proc_alive(&c.id), HAL9_ALIVE);
    finish(&c);
}

/* As nginx shows itself: what it was started with is lost. */
static void tells_a_title(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const char *argv[] = {"nginx: master process /usr/sbin/nginx", NULL};
    struct hal9_spawn s = {.argv = argv, .exe = "/bin/cat", .stdio = {ends[0], -1, -1}};
    struct hal9_child c = HAL9_CHILD_INIT;
    assert_ok(hal9_spawn(&s, &c, NULL));
    struct hal9_proc_capture got = {0};
    assert_ok(hal9_proc_capture(&c.id, &got, NULL));
    assert_true(got.shows_title);
    hal9_proc_capture_clear(&got);
    finish(&c);
    close(ends[0]);
    close(ends[1]);
}

static void captures_nothing_of_others(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip();
    pid_t pid = fork();
    if (pid == 0) {
        struct hal9_proc_id id = {.pid = getppid()};
        struct hal9_proc_capture c = {0};
        if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
            _exit(90);
        _exit(hal9_proc_capture(&id, &c, NULL) == HAL9_E_PERM && !c.exe ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_path_also_replaced_or_deleted),
        cmocka_unit_test(a_name_that_ends_as_the_kernels_mark),
        cmocka_unit_test(any_kept_release),
        cmocka_unit_test(releases_beside_other_products),
        cmocka_unit_test(by_script),
        cmocka_unit_test(by_user_arguments_unit_container),
        cmocka_unit_test(what_is_hidden_cant_be_told),
        cmocka_unit_test(captures_and_starts_again),
        cmocka_unit_test(tells_a_title),
        cmocka_unit_test(captures_nothing_of_others),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
