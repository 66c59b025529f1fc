/* Archives: what is written is read back, and what no reader may take is refused. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

#include "sys/archive-internal.h"
#include "sys/fault.h"

#ifdef HAL9_TEST_HOOKS
#define NEEDS_HOOKS()
#else
#define NEEDS_HOOKS() skip()
#endif

static char dir[] = "/tmp/hal9-archive.XXXXXX";

static int set_up(void **state) {
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    return rmdir(dir); /* no temporary file is left */
}

static char *in_dir(const char *name) {
    _cleanup_free_ char *path = hal9_strf("%s/%s", dir, name);

    return HAL9_TAKE_PTR(path);
}

static const struct hal9_archive_opts packed = {.gzip = true}, plain = {.gzip = false};

static struct hal9_archive_entry file_entry(const char *path) {
    return (struct hal9_archive_entry){.path = path,
                                       .mode = S_IFREG | 0640,
                                       .uid = 12,
                                       .gid = 34,
                                       .user = "hal9",
                                       .mtime = {1700000000, 0}};
}

static void add_text(struct hal9_archive_writer *w, const char *path, const char *text) {
    struct hal9_archive_entry e = file_entry(path);
    _cleanup_error_ struct hal9_error err = {0};

    assert_ok(hal9_archive_add(w, &e, text, strlen(text), &err));
}

static int open_file(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

/* The next entry's path and content are these. */
static void expect_text(struct hal9_archive_reader *r, const char *path, const char *text) {
    _cleanup_buf_ struct hal9_buf b = {0};
    struct hal9_archive_entry e;
    bool end;

    assert_ok(hal9_archive_next(r, &e, &end, NULL));
    assert_false(end);
    assert_string_equal(e.path, path);
    assert_int_equal(e.mode, S_IFREG | 0640);
    assert_int_equal(e.uid, 12);
    assert_int_equal(e.gid, 34);
    assert_string_equal(e.user, "hal9");
    assert_int_equal(e.mtime.tv_sec, 1700000000);
    assert_int_equal(e.size, strlen(text));
    assert_ok(hal9_archive_read(r, 1000, &b, NULL));
    assert_int_equal(b.len, strlen(text));
    assert_memory_equal(b.data ? b.data : "", text, b.len);
}

static void expect_end(struct hal9_archive_reader *r) {
    struct hal9_archive_entry e;
    bool end = false;

    assert_ok(hal9_archive_next(r, &e, &end, NULL));
    assert_true(end);
}

static void round_trip(const struct hal9_archive_opts *o) {
    _cleanup_free_ char *path = in_dir("a.tar");
    _cleanup_archive_writer_ struct hal9_archive_writer *w = NULL;
    _cleanup_archive_reader_ struct hal9_archive_reader *r = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    char far_name[301] = "deep/";
    struct hal9_archive_entry link = {.path = "to", .mode = S_IFLNK | 0777, .link = "../there"};
    struct hal9_archive_entry folder = {.path = "d", .mode = S_IFDIR | 0755}, got;
    struct stat st;
    bool end;

    memset(far_name + 5, 'n', 295);
    assert_ok(hal9_archive_create(path, 0600, o, &w, &err));
    add_text(w, "one", "first\n");
    add_text(w, "d\xc3\xa4h/\xff", ""); /* UTF-8, and what is none */
    add_text(w, far_name, "far");
    assert_ok(hal9_archive_add(w, &link, NULL, 0, &err));
    assert_ok(hal9_archive_add(w, &folder, NULL, 0, &err));
    assert_int_equal(access(path, F_OK), -1);
    assert_ok(hal9_archive_finish(&w, &err));
    assert_null(w);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);

    _cleanup_close_ int fd = open_file(path);

    assert_ok(hal9_archive_open(fd, o, &r, &err));
    expect_text(r, "one", "first\n");
    expect_text(r, "d\xc3\xa4h/\xff", "");
    expect_text(r, far_name, "far");
    assert_ok(hal9_archive_next(r, &got, &end, &err));
    assert_true(S_ISLNK(got.mode));
    assert_string_equal(got.link, "../there");
    assert_ok(hal9_archive_next(r, &got, &end, &err));
    assert_true(S_ISDIR(got.mode));
    expect_end(r);
    unlink(path);
}

static void test_round_trip(void **state) {
    (void)state;
    round_trip(&packed);
    round_trip(&plain);
}

static void test_same_bytes_each_time(void **state) {
    struct hal9_buf made[2] = {0};
    (void)state;
    for (int i = 0; i < 2; i++) {
        _cleanup_free_ char *path = in_dir("same.tar.gz");
        _cleanup_archive_writer_ struct hal9_archive_writer *w = NULL;

        assert_ok(hal9_archive_create(path, 0600, &packed, &w, NULL));
        add_text(w, "x", "y");
        assert_ok(hal9_archive_finish(&w, NULL));
        _cleanup_close_ int fd = open_file(path);
        char bytes[4096];
        ssize_t n = read(fd, bytes, sizeof(bytes));

        assert_true(n > 8);
        hal9_buf_add(&made[i], bytes, (size_t)n);
        assert_memory_equal(bytes + 4, "\0\0\0\0", 4); /* gzip's own time */
        unlink(path);
    }
    assert_int_equal(made[0].len, made[1].len);
    assert_memory_equal(made[0].data, made[1].data, made[0].len);
    for (int i = 0; i < 2; i++)
        hal9_buf_free(&made[i]);
}

static void test_from_a_descriptor(void **state) {
    _cleanup_free_ char *path = in_dir("fd.tar"), *from = in_dir("from");
    _cleanup_archive_writer_ struct hal9_archive_writer *w = NULL;
    _cleanup_archive_reader_ struct hal9_archive_reader *r = NULL;
    _cleanup_buf_ struct hal9_buf b = {0};
    struct hal9_archive_entry e = file_entry("cut");
    uint64_t came = 0;
    bool end;
    (void)state;

    _cleanup_close_ int in = open(from, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(in, "0123456789", 10), 10);
    assert_int_equal(lseek(in, 2, SEEK_SET), 2);
    /* to a pipe's like; shorter than it was when its size was asked for */
    _cleanup_close_ int out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_ok(hal9_archive_create_fd(out, &plain, &w, NULL));
    assert_ok(hal9_archive_add_fd(w, &e, in, 12, &came, NULL));
    assert_int_equal(came, 8);
    assert_ok(hal9_archive_finish(&w, NULL));

    _cleanup_close_ int fd = open_file(path);
    assert_ok(hal9_archive_open(fd, &plain, &r, NULL));
    assert_ok(hal9_archive_next(r, &e, &end, NULL));
    assert_ok(hal9_archive_read(r, 12, &b, NULL));
    assert_int_equal(b.len, 12);
    assert_memory_equal(b.data, "23456789\0\0\0\0", 12);
    unlink(path);
    unlink(from);
}

static void test_writer_refuses(void **state) {
    static const char *const paths[] = {"", "/etc/passwd", "..", "a/../b", "a/.."};
    _cleanup_free_ char *path = in_dir("no.tar");
    _cleanup_archive_writer_ struct hal9_archive_writer *w = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    const struct hal9_archive_opts small = {.max_bytes = 10, .max_entries = 2};
    struct hal9_archive_entry e = {.path = "pipe", .mode = S_IFIFO | 0600};
    (void)state;

    assert_ok(hal9_archive_create(path, 0600, &small, &w, &err));
    for (size_t i = 0; i < HAL9_ARRAY_LEN(paths); i++) {
        struct hal9_archive_entry bad = file_entry(paths[i]);

        assert_int_equal(hal9_archive_add(w, &bad, "", 0, &err), HAL9_E_USAGE);
    }
    assert_int_equal(hal9_archive_add(w, &e, "", 0, &err), HAL9_E_USAGE);
    e = file_entry("a..b/...");
    assert_int_equal(hal9_archive_add(w, &e, "0123456789+", 11, &err), HAL9_E_LIMIT);
    assert_ok(hal9_archive_add(w, &e, "0123456789", 10, &err));
    assert_int_equal(hal9_archive_add(w, &e, "1", 1, &err), HAL9_E_LIMIT);
    add_text(w, "b", "");
    assert_int_equal(hal9_archive_add(w, &e, "", 0, &err), HAL9_E_LIMIT);
    hal9_archive_drop(&w);
    assert_int_equal(access(path, F_OK), -1); /* and tear_down: no temporary file */
}

/* An archive that this writer would not make, by libarchive itself. */
static int make_bad(const char *path, const char *name, mode_t mode, const char *hardlink,
                    la_int64_t size) {
    const struct hal9_archive_table *lib;
    _cleanup_free_ char *file = in_dir(path);

    assert_ok(hal9_archive_library(&lib, NULL));
    struct hal9_archive_writer *w = NULL;
    _cleanup_close_ int out = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_ok(hal9_archive_create_fd(out, &plain, &w, NULL));
    struct hal9_archive_entry e = {.path = "x", .mode = S_IFREG | 0600};
    char content[2048] = "";

    assert_ok(hal9_archive_add(w, &e, content, (size_t)size, NULL));
    assert_ok(hal9_archive_finish(&w, NULL));
    /* the header of a tar is plain enough to be written over: name, type, link, checksum */
    unsigned char head[512];

    assert_int_equal(pread(out, head, sizeof(head), 0), sizeof(head));
    memset(head, 0, 100);
    snprintf((char *)head, 100, "%s", name);
    head[156] = (unsigned char)(hardlink ? '1' : S_ISFIFO(mode) ? '6' : S_ISCHR(mode) ? '3' : '0');
    if (hardlink)
        snprintf((char *)head + 157, 100, "%s", hardlink);
    unsigned sum = 0;

    memset(head + 148, ' ', 8);
    for (size_t i = 0; i < sizeof(head); i++)
        sum += head[i];
    snprintf((char *)head + 148, 8, "%06o", sum);
    assert_int_equal(pwrite(out, head, sizeof(head), 0), sizeof(head));
    int fd = open_file(file);

    unlink(file);
    return fd;
}

static void test_reader_refuses(void **state) {
    static const struct {
        const char *name, *hardlink, *says;
        mode_t mode;
    } bad[] = {
        {"/etc/passwd", NULL, "leads out of it: /etc/passwd", S_IFREG},
        {"../x", NULL, "leads out of it: ../x", S_IFREG},
        {"a/../../x", NULL, "leads out of it", S_IFREG},
        {"fifo", NULL, "fifo in the archive is no file", S_IFIFO},
        {"dev", NULL, "dev in the archive is no file", S_IFCHR},
        {"hard", "target", "hard in the archive is no file", S_IFREG},
    };
    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++) {
        _cleanup_close_ int fd = make_bad("bad.tar", bad[i].name, bad[i].mode, bad[i].hardlink, 0);
        _cleanup_archive_reader_ struct hal9_archive_reader *r = NULL;
        _cleanup_error_ struct hal9_error err = {0};
        struct hal9_archive_entry e;
        bool end;

        assert_ok(hal9_archive_open(fd, &plain, &r, &err));
        assert_int_equal(hal9_archive_next(r, &e, &end, &err), HAL9_E_REFUSED);
        assert_says(err, bad[i].says);
    }
}

/* A gigabyte of zeros is a megabyte of gzip: the cap counts what comes out. */
static void test_reader_bombs(void **state) {
    _cleanup_free_ char *path = in_dir("bomb.tar.gz"), *from = in_dir("zeros");
    _cleanup_archive_writer_ struct hal9_archive_writer *w = NULL;
    const struct hal9_archive_opts small = {.max_bytes = 100000, .max_entries = 3};
    const char *const names[] = {"a", "b", "c", "d"};
    struct hal9_archive_entry e = file_entry("zeros");
    (void)state;

    _cleanup_close_ int in = open(from, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(in, 8 << 20), 0);
    assert_ok(hal9_archive_create(path, 0600, &packed, &w, NULL));
    for (size_t i = 0; i < 2; i++)
        add_text(w, names[i], "x");
    assert_ok(hal9_archive_add_fd(w, &e, in, 8 << 20, NULL, NULL));
    assert_ok(hal9_archive_finish(&w, NULL));
    _cleanup_close_ int fd = open_file(path);
    _cleanup_archive_reader_ struct hal9_archive_reader *r = NULL;
    _cleanup_buf_ struct hal9_buf b = {0};
    _cleanup_error_ struct hal9_error err = {0};
    bool end;

    assert_ok(hal9_archive_open(fd, &small, &r, &err));
    expect_text(r, "a", "x");
    assert_ok(hal9_archive_next(r, &e, &end, &err));
    assert_int_equal(hal9_archive_read(r, 0, &b, &err), HAL9_E_LIMIT);
    assert_int_equal(hal9_archive_next(r, &e, &end, &err), HAL9_E_LIMIT);
    assert_says(err, "more than 100000 bytes");
    unlink(path);
    unlink(from);
}

static void test_damaged(void **state) {
    _cleanup_free_ char *path = in_dir("bad");
    (void)state;
    static const char *const texts[] = {"no archive at all, whatever its name says",
                                        "\x1f\x8b\x08\0\0\0"};

    for (size_t i = 0; i < HAL9_ARRAY_LEN(texts); i++) {
        _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        _cleanup_archive_reader_ struct hal9_archive_reader *r = NULL;
        _cleanup_error_ struct hal9_error err = {0};
        struct hal9_archive_entry e;
        bool end;

        assert_true(write(fd, texts[i], 6 + 36 * (i == 0)) > 0);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        hal9_status st = hal9_archive_open(fd, &packed, &r, &err);

        if (st == HAL9_OK)
            st = hal9_archive_next(r, &e, &end, &err);
        assert_int_equal(st, HAL9_E_CORRUPT);
        unlink(path);
    }
}

/* Each write, sync and rename fails once: an error with the reason, the old file as it was, nothing left beside it. */
static void test_full_disk(void **state) {
    static const char *const faults[] = {"open:1:ENOSPC", "chmod:1:EPERM", "write:1:ENOSPC",
                                         "fsync:1:EIO", "rename:1:EACCES"};
    _cleanup_free_ char *path = in_dir("old.tar.gz");
    (void)state;

    NEEDS_HOOKS();
    for (size_t i = 0; i < HAL9_ARRAY_LEN(faults); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        _cleanup_archive_writer_ struct hal9_archive_writer *w = NULL;

        hal9_fault_setup(faults[i]);
        hal9_status st = hal9_archive_create(path, 0600, &packed, &w, &err);

        if (st == HAL9_OK) {
            add_text(w, "x", "y");
            st = hal9_archive_finish(&w, &err);
        }
        hal9_fault_setup(NULL);
        assert_true(st == HAL9_E_IO || st == HAL9_E_PERM);
        assert_true(err.errnum != 0);
        assert_int_equal(access(path, F_OK), -1);
    }
}

/* A write that fails in the middle of a large entry, and one that is given up there. */
static void test_given_up(void **state) {
    _cleanup_free_ char *path = in_dir("large.tar"), *from = in_dir("zeros");
    const char *const faults[] = {"write:2:ENOSPC", NULL};
    struct hal9_archive_entry e = file_entry("zeros");
    (void)state;

    NEEDS_HOOKS();
    _cleanup_close_ int in = open(from, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(in, 1 << 20), 0);
    for (size_t i = 0; i < 2; i++) {
        _cleanup_archive_writer_ struct hal9_archive_writer *w = NULL;
        _cleanup_error_ struct hal9_error err = {0};

        hal9_fault_setup(faults[i]);
        assert_ok(hal9_archive_create(path, 0600, &plain, &w, &err));
        hal9_status st = hal9_archive_add_fd(w, &e, in, 1 << 20, NULL, &err);

        assert_int_equal(st, faults[i] ? HAL9_E_IO : HAL9_OK);
        assert_int_equal(err.errnum, faults[i] ? ENOSPC : 0);
        hal9_fault_setup(NULL);
        hal9_archive_drop(&w);
        assert_int_equal(access(path, F_OK), -1);
    }
    unlink(from);
}

/* What a killed writer has left goes; what a living one has stays. */
static void test_sweep(void **state) {
    _cleanup_free_ char *path = in_dir("kept.tar"), *left = in_dir(".archive.left"),
                        *other = in_dir("other");
    _cleanup_archive_writer_ struct hal9_archive_writer *w = NULL;
    (void)state;

    assert_int_equal(close(open(left, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
    assert_int_equal(close(open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
    assert_ok(hal9_archive_create(path, 0600, &plain, &w, NULL));
    hal9_archive_sweep(dir);
    assert_int_equal(access(left, F_OK), -1);
    assert_int_equal(access(other, F_OK), 0);
    assert_ok(hal9_archive_finish(&w, NULL));
    assert_int_equal(access(path, F_OK), 0);
    hal9_archive_sweep("/nonexistent");
    unlink(path);
    unlink(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),        cmocka_unit_test(test_same_bytes_each_time),
        cmocka_unit_test(test_from_a_descriptor), cmocka_unit_test(test_writer_refuses),
        cmocka_unit_test(test_reader_refuses),    cmocka_unit_test(test_reader_bombs),
        cmocka_unit_test(test_damaged),           cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_given_up),          cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
