/* Files and paths, and faults at every point of a write. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/sys.h"
#include "sys/fault.h"

/* Builds without HAL9_TEST_HOOKS never fail on request. */
#ifdef HAL9_TEST_HOOKS
#define NEEDS_HOOKS()
#else
#define NEEDS_HOOKS() skip()
#endif

static char dir[] = "/tmp/hal9-files.XXXXXX";

static int set_up(void **state) {
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    return rmdir(dir); /* and so: nothing of the tests, no temporary file is left */
}

static char *in_dir(const char *name) {
    return hal9_path_join(dir, name);
}

static size_t entries(const char *path) {
    DIR *d = opendir(path);
    size_t n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static void assert_content(const char *path, const char *want) {
    _cleanup_buf_ struct hal9_buf got = {0};
    assert_ok(hal9_file_read(path, 1000, &got, NULL));
    assert_string_equal(got.data, want);
}

static void reads_with_a_cap(void **state) {
    (void)state;
    _cleanup_free_ char *path = in_dir("capped");
    assert_ok(hal9_file_write(path, "0123456789", 10, 0600, NULL));
    _cleanup_buf_ struct hal9_buf got = {0};
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(hal9_file_read(path, 9, &got, &err), HAL9_E_LIMIT);
    assert_null(got.data);
    assert_ok(hal9_file_read(path, 10, &got, NULL));
    assert_string_equal(got.data, "0123456789");
    unlink(path);
    assert_int_equal(hal9_file_read(path, 10, &got, &err), HAL9_E_NOT_FOUND);
    assert_says(err, path);
    assert_int_equal(hal9_file_read(dir, 10, &got, &err), HAL9_E_IO);
    _cleanup_buf_ struct hal9_buf none = {0};
    assert_ok(hal9_file_write(path, "", 0, 0600, NULL));
    assert_ok(hal9_file_read(path, 0, &none, NULL));
    assert_int_equal(none.len, 0);
    unlink(path);
    assert_ok(
        hal9_file_read("/proc/self/status", 1 << 20, &none, NULL)); /* its size is told as 0 */
    assert_true(none.len > 100);
}

/* A pipe without a writer, a device without an end: refused before anything waits for them. */
static void what_is_no_file_is_refused(void **state) {
    (void)state;
    _cleanup_free_ char *fifo = in_dir("fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    const char *const paths[] = {fifo, "/dev/zero", "/dev/null", dir};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(paths); i++) {
        _cleanup_buf_ struct hal9_buf got = {0};
        _cleanup_error_ struct hal9_error err = {0};
        hal9_buf_puts(&got, "kept");
        assert_int_equal(hal9_file_read(paths[i], 10, &got, &err), HAL9_E_IO);
        assert_says(err, i == 0 ? "nobody writes to it" : "not a file");
        assert_string_equal(got.data, "kept");
    }
    unlink(fifo);
}

static void writes_whole_with_its_mode(void **state) {
    (void)state;
    _cleanup_free_ char *path = in_dir("written");
    mode_t before = umask(077);
    struct stat st;
    assert_ok(hal9_file_write(path, "one", 3, 0664, NULL));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0664);
    ino_t first = st.st_ino;
    assert_ok(hal9_file_write(path, "", 0, 0600, NULL));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 0);
    assert_true(st.st_ino != first); /* replaced, not overwritten */
    umask(before);
    unlink(path);
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(hal9_file_write("/nowhere/at/all", "x", 1, 0600, &err), HAL9_E_NOT_FOUND);
    assert_says(err, "/nowhere/at");
}

/* Each of its points fails in turn: then the old content stands, and nothing beside it. */
static void a_failed_write_leaves_the_old(void **state) {
    (void)state;
    NEEDS_HOOKS();
    _cleanup_free_ char *path = in_dir("precious");
    assert_ok(hal9_file_write(path, "old", 3, 0600, NULL));
    hal9_fault_setup("1000:EIO");
    assert_ok(hal9_file_write(path, "old", 3, 0600, NULL));
    unsigned points = hal9_fault_count();
    assert_true(points >= 5); /* open, write, chmod, fsync, rename, fsync of the directory */
    for (unsigned n = 1; n <= points; n++) {
        _cleanup_free_ char *spec = hal9_strf("%u:ENOSPC", n);
        _cleanup_error_ struct hal9_error err = {0};
        hal9_fault_setup(spec);
        assert_int_equal(hal9_file_write(path, "new", 3, 0600, &err), HAL9_E_IO);
        assert_int_equal(err.errnum, ENOSPC);
        hal9_fault_setup(NULL);
        assert_int_equal(entries(dir), 1);
        assert_content(path, n < points ? "old" : "new");
    }
    hal9_fault_setup("write:1:EINTR"); /* that is no failure */
    assert_ok(hal9_file_write(path, "newer", 5, 0600, NULL));
    hal9_fault_setup(NULL);
    assert_content(path, "newer");
    unlink(path);
}

/* Killed at each point: the old or the new content, never half. */
static void a_killed_write_is_never_half(void **state) {
    (void)state;
    NEEDS_HOOKS();
    _cleanup_free_ char *sub = in_dir("sub");
    _cleanup_free_ char *path = hal9_path_join(sub, "precious");
    assert_int_equal(mkdir(sub, 0700), 0);
    static const char *const specs[] = {"1:KILL", "write:1:TORN", "2:KILL", "3:KILL",
                                        "4:KILL", "5:KILL",       "6:KILL"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(specs); i++) {
        assert_ok(hal9_file_write(path, "old content", 11, 0600, NULL));
        pid_t pid = fork();
        if (pid == 0) {
            hal9_fault_setup(specs[i]);
            hal9_file_write(path, "new content", 11, 0600, NULL);
            _exit(0);
        }
        int status;
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status));
        assert_content(path, i + 1 < HAL9_ARRAY_LEN(specs) ? "old content" : "new content");
    }
    DIR *d = opendir(sub);
    for (struct dirent *e; (e = readdir(d));)
        unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    rmdir(sub);
}

/* On a file system of 64 KiB in a mount namespace of its own. 77: this user can't have one. */
static int write_to_a_full_disk(const char *mount_point) {
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", mount_point, "tmpfs", 0, "size=64k") != 0)
        return 77;
    _cleanup_free_ char *path = hal9_path_join(mount_point, "file");
    static char big[256 * 1024];
    memset(big, 'x', sizeof(big));
    struct hal9_error err = {0};
    if (hal9_file_write(path, "old", 3, 0600, NULL) != HAL9_OK)
        return 1;
    hal9_status status = hal9_file_write(path, big, sizeof(big), 0600, &err);
    bool told = status == HAL9_E_IO && err.errnum == ENOSPC && strstr(err.message, path);
    hal9_error_clear(&err);
    struct hal9_buf got = {0};
    bool old = hal9_file_read(path, 10, &got, NULL) == HAL9_OK && strcmp(got.data, "old") == 0;
    hal9_buf_free(&got);
    return told && old && entries(mount_point) == 1 ? 0 : 2;
}

static void a_full_disk_leaves_the_old(void **state) {
    (void)state;
    char mount_point[sizeof(dir) + 8];
    snprintf(mount_point, sizeof(mount_point), "%s/full", dir);
    assert_int_equal(mkdir(mount_point, 0700), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(write_to_a_full_disk(mount_point));
    int status;
    waitpid(pid, &status, 0);
    rmdir(mount_point);
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

static void tails(void **state) {
    (void)state;
    _cleanup_free_ char *path = in_dir("log");
    static const struct {
        const char *text;
        uint64_t offset;
        size_t lines, max;
        const char *want;
    } cases[] = {
        {"a\nb\nc\n", 0, 2, 100, "b\nc\n"},
        {"a\nb\nc\n", 0, 9, 100, "a\nb\nc\n"},
        {"a\nb\nc", 0, 1, 100, "c"},
        {"a\nb\nc\n", 4, 9, 100, "c\n"},
        {"a\nb\nc\n", 6, 9, 100, ""},
        {"a\nb\nc\n", 99, 1, 100, "c\n"},
        {"", 0, 5, 100, ""},
        {"\n\n\n", 0, 2, 100, "\n\n"},
        {"aaaa\nbbbb\ncc\n", 0, 9, 10, "bbbb\ncc\n"},
        {"aaaaaaaaaa\n", 0, 9, 4, "aaa\n"},
        {"a\nb\nc\n", 0, 0, 100, ""},
        {"one\n", 0, 3, 0, ""},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        assert_ok(hal9_file_write(path, cases[i].text, strlen(cases[i].text), 0600, NULL));
        _cleanup_buf_ struct hal9_buf got = {0};
        assert_ok(hal9_file_tail(path, cases[i].offset, cases[i].lines, cases[i].max, &got, NULL));
        assert_string_equal(got.data ? got.data : "", cases[i].want);
    }
    unlink(path);
    _cleanup_buf_ struct hal9_buf none = {0};
    assert_int_equal(hal9_file_tail(path, 0, 1, 1, &none, NULL), HAL9_E_NOT_FOUND);
}

static void makes_directories(void **state) {
    (void)state;
    _cleanup_free_ char *deep = in_dir("a/b//c/");
    _cleanup_free_ char *a = in_dir("a");
    _cleanup_free_ char *b = in_dir("a/b");
    _cleanup_free_ char *c = in_dir("a/b/c");
    mode_t before = umask(077);
    assert_ok(hal9_dir_make(a, 0700, NULL));
    assert_ok(hal9_dir_make(deep, 02770, NULL));
    assert_ok(hal9_dir_make(deep, 0700, NULL));
    umask(before);
    struct stat st;
    assert_int_equal(stat(a, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(c, &st), 0);
    assert_int_equal(st.st_mode & 07777, 02770);
    assert_ok(hal9_dir_sync(c, NULL));
    rmdir(c);
    assert_ok(hal9_file_write(c, "", 0, 0600, NULL));
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(hal9_dir_make(deep, 0700, &err), HAL9_E_IO);
    assert_int_equal(err.errnum, ENOTDIR);
    unlink(c);
    rmdir(b);
    rmdir(a);
}

static void canonical_paths(void **state) {
    (void)state;
    _cleanup_free_ char *base = hal9_path_canonical(dir);
    _cleanup_free_ char *link = in_dir("current");
    _cleanup_free_ char *through = in_dir("current/x/./y/../z");
    _cleanup_free_ char *target = in_dir("r1");
    assert_int_equal(mkdir(target, 0700), 0);
    assert_int_equal(symlink("r1", link), 0);
    _cleanup_free_ char *got = hal9_path_canonical(through);
    _cleanup_free_ char *want = hal9_strf("%s/r1/x/z", base);
    assert_string_equal(got, want);
    _cleanup_free_ char *root = hal9_path_canonical("/../nowhere//a/");
    assert_string_equal(root, "/nowhere/a");
    _cleanup_free_ char *slash = hal9_path_canonical("//");
    assert_string_equal(slash, "/");
    assert_int_equal(chdir(dir), 0);
    _cleanup_free_ char *relative = hal9_path_canonical("nothing");
    _cleanup_free_ char *there = hal9_strf("%s/nothing", base);
    assert_string_equal(relative, there);
    assert_int_equal(chdir("/"), 0);
    unlink(link);
    rmdir(target);
}

static void joins(void **state) {
    (void)state;
    static const char *const cases[][3] = {{"/a", "b", "/a/b"},
                                           {"/a/", "b", "/a/b"},
                                           {"", "b", "b"},
                                           {"/a", "/b", "/b"},
                                           {"/", "b", "/b"}};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *got = hal9_path_join(cases[i][0], cases[i][1]);
        assert_string_equal(got, cases[i][2]);
    }
}

static void faults_by_name_and_onward(void **state) {
    (void)state;
    NEEDS_HOOKS();
    _cleanup_free_ char *path = in_dir("onward");
    hal9_fault_setup("fsync:2+:EIO");
    assert_int_equal(hal9_file_write(path, "a", 1, 0600, NULL), HAL9_E_IO); /* the directory's */
    assert_int_equal(hal9_file_write(path, "a", 1, 0600, NULL), HAL9_E_IO);
    hal9_fault_setup("rename:2:EIO");
    assert_ok(hal9_file_write(path, "a", 1, 0600, NULL));
    assert_int_equal(hal9_file_write(path, "a", 1, 0600, NULL), HAL9_E_IO);
    assert_ok(hal9_file_write(path, "a", 1, 0600, NULL));
    hal9_fault_setup(NULL);
    unlink(path);
}

/* What the environment asks for reaches a process from its start. */
static void counts_points_for_the_environment(void **state) {
    (void)state;
    NEEDS_HOOKS();
    _cleanup_free_ char *path = in_dir("counted");
    _cleanup_free_ char *count = in_dir("count");
    _cleanup_free_ char *spec = hal9_strf("count:%s", count);
    fflush(NULL); /* the child must not write what waits here */
    pid_t pid = fork();
    if (pid == 0) {
        hal9_fault_setup(spec);
        exit(hal9_file_write(path, "a", 1, 0600, NULL) == HAL9_OK ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_content(count, "6\n");
    unlink(path);
    unlink(count);
}

static void users(void **state) {
    (void)state;
    struct hal9_user u = {0};
    assert_ok(hal9_user_lookup("root", &u, NULL));
    assert_int_equal(u.uid, 0);
    assert_string_equal(u.name, "root");
    assert_true(u.home && u.n_groups >= 1);
    hal9_user_clear(&u);
    assert_ok(hal9_user_lookup("0", &u, NULL));
    assert_string_equal(u.name, "root");
    hal9_user_clear(&u);
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(hal9_user_lookup("no-such-user", &u, &err), HAL9_E_NOT_FOUND);
    assert_says(err, "no-such-user");
    _cleanup_free_ char *root = hal9_user_name(0);
    assert_string_equal(root, "root");
    _cleanup_free_ char *number = hal9_user_name(3999999999u);
    assert_string_equal(number, "3999999999");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_with_a_cap),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(writes_whole_with_its_mode),
        cmocka_unit_test(a_failed_write_leaves_the_old),
        cmocka_unit_test(a_killed_write_is_never_half),
        cmocka_unit_test(a_full_disk_leaves_the_old),
        cmocka_unit_test(tails),
        cmocka_unit_test(makes_directories),
        cmocka_unit_test(canonical_paths),
        cmocka_unit_test(joins),
        cmocka_unit_test(faults_by_name_and_onward),
        cmocka_unit_test(counts_points_for_the_environment),
        cmocka_unit_test(users),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
