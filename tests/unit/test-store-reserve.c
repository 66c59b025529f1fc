/* The reserve for a full disk: kept ahead, used when space is missing, made again. */
#include <dirent.h>

#include "store-temp.h"

#include "sys/fault.h"

#define ID "01jd8zabcd0001"
#define ALL 20 /* files and folders */

/* Entries of reserve/, those that are being made included. */
static int kept(struct temp *t) {
    _cleanup_free_ char *path = hal9_strf("%s/reserve", hal9_state_path(t->s));
    DIR *d = opendir(path);
    struct dirent *e;
    int n = 0;
    if (!d)
        return 0;
    while ((e = readdir(d)))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static struct stat stat_of(struct temp *t, const char *id) {
    _cleanup_free_ char *path = hal9_journal_path(t->s, id);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st;
}

static int lines_of(struct temp *t, const char *id) {
    _cleanup_json_ cJSON *lines = NULL;
    assert_ok(hal9_journal_read(t->s, id, &lines, NULL, NULL));
    return cJSON_GetArraySize(lines);
}

static void kept_and_made_again(void **state) {
    struct temp *t = *state;
    hal9_state_reserve(t->s);
    assert_int_equal(kept(t), ALL);
    hal9_fault_setup("1000:EIO");
    hal9_state_reserve(t->s);
    assert_int_equal(hal9_fault_count(), 0); /* all is there: nothing is touched */
    hal9_fault_setup(NULL);
    _cleanup_free_ char *one = hal9_strf("%s/reserve/%u.f3", hal9_state_path(t->s), geteuid());
    struct stat st;
    assert_int_equal(stat(one, &st), 0);
    assert_true((size_t)st.st_blocks * 512 >= HAL9_RESERVE_SIZE);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(unlink(one), 0);
    hal9_state_reserve(t->s);
    assert_int_equal(kept(t), ALL);
}

static void nothing_is_kept_by_who_only_reads(void **state) {
    struct temp *t = *state;
    struct hal9_state *s;
    assert_ok(hal9_state_open(hal9_state_path(t->s), HAL9_STATE_READ, false, &s, NULL));
    hal9_state_reserve(s);
    hal9_state_close(s);
    assert_int_equal(kept(t), 0);
}

/* Each call that makes it fails once, and is killed once: the next one makes it whole. */
static void a_failure_is_made_good(void **state) {
    struct temp *t = *state;
    hal9_fault_setup("1000:EIO");
    hal9_state_reserve(t->s);
    unsigned points = hal9_fault_count();
    assert_true(points > ALL);
    for (unsigned n = 1; n <= points; n++) {
        for (int kill = 0; kill < 2; kill++) {
            _cleanup_free_ char *dir = hal9_strf("%s/reserve", hal9_state_path(t->s));
            _cleanup_free_ char *spec = hal9_strf("%u:%s", n, kill ? "KILL" : "ENOSPC");
            hal9_fault_setup(NULL);
            temp_remove(dir);
            pid_t pid = fork();
            if (pid == 0) {
                hal9_fault_setup(spec);
                hal9_state_reserve(t->s);
                _exit(0);
            }
            assert_int_equal(ended(pid), kill ? 128 + SIGKILL : 0);
            hal9_state_reserve(t->s);
            assert_int_equal(kept(t), ALL);
        }
    }
    printf("# failed and killed at %u points\n", points);
}

/* A whole operation's journal, under a fault; a later line follows when it is taken up again. */
static void journal_under(struct temp *t, const char *fault) {
    struct hal9_journal *j = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    hal9_fault_setup(fault);
    hal9_status status = hal9_journal_create(t->s, ID, 4096, &j, &err);
    if (status == HAL9_OK)
        status = append(j, "plan", 1, &err);
    hal9_fault_setup(NULL);
    if (status != HAL9_OK)
        fail_msg("%s: %s", fault, err.message);
    assert_ok(append(j, "begin", 2, NULL));
    assert_int_equal(lines_of(t, ID), 2);
    assert_true(hal9_journal_running(t->s, ID));
    hal9_journal_close(j);
    _cleanup_strv_ struct hal9_strv open = {0};
    assert_ok(hal9_journal_list_open(t->s, &open, NULL));
    assert_int_equal(open.n, 1);
    assert_ok(hal9_journal_reopen(t->s, ID, &j, NULL));
    assert_ok(append(j, "end", 3, NULL));
    hal9_journal_finish(j);
    assert_int_equal(lines_of(t, ID), 3);
    assert_true((size_t)stat_of(t, ID).st_size < 4096); /* the space that was kept is given back */
}

static void a_journal_on_a_full_disk(void **state) {
    struct temp *t = *state;
    /* no space, no quota, no inode for the journal or for its mark; and where nobody can ask for space, the first write tells */
    static const struct {
        const char *fault;
        int taken;
    } full[] = {{"fallocate:1:ENOSPC", 1}, {"fallocate:1+:EDQUOT", 1}, {"open:2:ENOSPC", 1},
                {"open:1:ENOSPC", 1},      {"open:1+:ENOSPC", 2},      {"write:1:ENOSPC", 1}};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(full); i++) {
        _cleanup_free_ char *path = hal9_journal_path(t->s, ID);
        unlink(path);
        hal9_state_reserve(t->s);
        assert_int_equal(kept(t), ALL);
        journal_under(t, full[i].fault);
        assert_int_equal(kept(t), ALL - full[i].taken);
    }
}

/* Where the file system can't reserve, the reserve has zero bytes: they are space, and no part of the journal. */
static void a_journal_in_written_space(void **state) {
    struct temp *t = *state;
    struct hal9_journal *j;
    hal9_fault_setup("fallocate:1+:EOPNOTSUPP");
    hal9_state_reserve(t->s);
    assert_int_equal(kept(t), ALL);
    hal9_fault_setup("open:2:ENOSPC");
    assert_ok(hal9_journal_create(t->s, ID, 4096, &j, NULL));
    hal9_fault_setup(NULL);
    _cleanup_json_ cJSON *line = NULL;
    assert_int_equal(hal9_journal_first(t->s, ID, &line, NULL), HAL9_E_NOT_FOUND);
    assert_ok(append(j, "plan", 1, NULL));
    assert_int_equal(stat_of(t, ID).st_size, HAL9_RESERVE_SIZE);
    assert_ok(hal9_journal_first(t->s, ID, &line, NULL));
    assert_int_equal(lines_of(t, ID), 1);
    hal9_journal_close(j);
    _cleanup_strv_ struct hal9_strv open = {0};
    assert_ok(hal9_journal_list_open(t->s, &open, NULL));
    assert_int_equal(open.n, 1);
    hal9_fault_setup("fallocate:1+:EOPNOTSUPP");
    assert_ok(hal9_journal_reopen(t->s, ID, &j, NULL));
    hal9_fault_setup(NULL);
    assert_ok(append(j, "end", 2, NULL));
    assert_int_equal(stat_of(t, ID).st_size, HAL9_RESERVE_SIZE);
    hal9_journal_finish(j);
    assert_true(stat_of(t, ID).st_size < 4096);
    assert_int_equal(lines_of(t, ID), 2);
}

/* A torn line is overwritten, not cut off: its space stays, and the next lines need no other. */
static void a_torn_line_keeps_its_space(void **state) {
    struct temp *t = *state;
    struct hal9_journal *j;
    _cleanup_free_ char *path = hal9_journal_path(t->s, ID);
    assert_ok(hal9_journal_create(t->s, ID, 65536, &j, NULL));
    assert_ok(append(j, "plan", 1, NULL));
    hal9_journal_close(j);
    blkcnt_t before = stat_of(t, ID).st_blocks;
    _cleanup_close_ int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "{\"type\":\"begin\",\"n\":2", 21), 21);
    hal9_fault_setup("fallocate:1+:ENOSPC");
    assert_ok(hal9_journal_reopen(t->s, ID, &j, NULL));
    assert_int_equal(stat_of(t, ID).st_blocks, before);
    assert_ok(append(j, "begin", 2, NULL));
    hal9_fault_setup(NULL);
    assert_int_equal(stat_of(t, ID).st_blocks, before);
    assert_int_equal(lines_of(t, ID), 2);
    hal9_journal_finish(j);
}

static void a_used_up_reserve_is_told(void **state) {
    struct temp *t = *state;
    struct hal9_journal *j = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    hal9_state_reserve(t->s);
    hal9_fault_setup("fallocate:1+:ENOSPC");
    int n = 0;
    for (; n < 100; n++) {
        _cleanup_free_ char *id = hal9_strf("01jd8zabcd%04d", n);
        if (hal9_journal_create(t->s, id, 4096, &j, &err) != HAL9_OK)
            break;
        assert_ok(append(j, "plan", 1, NULL));
        hal9_journal_close(j);
    }
    hal9_fault_setup(NULL);
    assert_int_equal(n, 16);
    assert_int_equal(err.code, HAL9_E_IO);
    assert_int_equal(err.errnum, ENOSPC);
    assert_non_null(strstr(err.hint, "--state-dir "));
    assert_int_equal(kept(t), 4); /* the folders */
}

/* Content, and an error's own words where it can't be put. */
static void a_blob_and_a_record_on_a_full_disk(void **state) {
    struct temp *t = *state;
    static const char *const full[] = {"mkdir:1:ENOSPC", "open:1:ENOSPC", "write:1:ENOSPC",
                                       "mkdir:1:EDQUOT"};
    char content[300];
    char sha[65];
    for (size_t i = 0; i < HAL9_ARRAY_LEN(full); i++) {
        _cleanup_buf_ struct hal9_buf back = {0};
        hal9_state_reserve(t->s);
        memset(content, 'a' + (int)i, sizeof(content));
        hal9_fault_setup(full[i]);
        hal9_status put = hal9_blob_put(t->s, content, sizeof(content), sha, NULL);
        hal9_fault_setup(NULL);
        assert_ok(put);
        assert_int_equal(kept(t), ALL - 1);
        assert_ok(hal9_blob_get(t->s, sha, &back, NULL));
        assert_int_equal(back.len, sizeof(content));
        struct hal9_service_ref ref = {.name = hal9_strf("service-%zu", i)};
        hal9_fault_setup(full[i]);
        hal9_status recorded = hal9_service_record(t->s, &ref, NULL);
        hal9_fault_setup(NULL);
        assert_ok(recorded);
        hal9_service_ref_clear(&ref);
    }
    hal9_fault_setup("write:1+:ENOSPC");
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(hal9_blob_put(t->s, "x", 1, sha, &err), HAL9_E_IO);
    hal9_fault_setup(NULL);
    assert_non_null(strstr(err.hint, "--state-dir "));
    assert_int_equal(hal9_blob_put(t->s, "x", 1, sha, NULL), HAL9_OK);
}

/* Two at once never get the same file. */
static void several_at_once(void **state) {
    struct temp *t = *state;
    enum { TAKERS = 8 };
    pid_t pid[TAKERS];
    hal9_state_reserve(t->s);
    for (int i = 0; i < TAKERS; i++) {
        pid[i] = fork();
        if (pid[i] == 0) {
            struct hal9_journal *j;
            _cleanup_free_ char *id = hal9_strf("01jd8zabcd%04d", i);
            hal9_fault_setup("fallocate:1+:ENOSPC");
            _exit(hal9_journal_create(t->s, id, 4096, &j, NULL) == HAL9_OK &&
                          append(j, "end", i, NULL) == HAL9_OK
                      ? 0
                      : 1);
        }
    }
    for (int i = 0; i < TAKERS; i++)
        assert_int_equal(ended(pid[i]), 0);
    for (int i = 0; i < TAKERS; i++) {
        _cleanup_free_ char *id = hal9_strf("01jd8zabcd%04d", i);
        _cleanup_json_ cJSON *line = NULL;
        assert_ok(hal9_journal_first(t->s, id, &line, NULL));
        assert_int_equal(hal9_json_int(line, "n", -1), i);
    }
}

static void a_spare_file_is_empty(void **state) {
    struct temp *t = *state;
    struct stat st;
    int fd;
    _cleanup_free_ char *path = hal9_strf("%s/services/out.log", hal9_state_path(t->s));
    hal9_fault_setup("fallocate:1+:EOPNOTSUPP");
    hal9_state_reserve(t->s);
    hal9_fault_setup(NULL);
    assert_ok(hal9_state_spare_file(t->s, path, 0640, &fd, NULL));
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    _cleanup_close_ int second = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(second, LOCK_EX | LOCK_NB), 0); /* nobody is kept out of it */
    close(fd);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, temp_setup, temp_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(kept_and_made_again),
        TEST(nothing_is_kept_by_who_only_reads),
        TEST(a_failure_is_made_good),
        TEST(a_journal_on_a_full_disk),
        TEST(a_journal_in_written_space),
        TEST(a_torn_line_keeps_its_space),
        TEST(a_used_up_reserve_is_told),
        TEST(a_blob_and_a_record_on_a_full_disk),
        TEST(several_at_once),
        TEST(a_spare_file_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
