/* Journals: the chain of checksums, torn tails of every length, damage, reserved space. */
#include <pthread.h>

#include "store-temp.h"

#include "sys/fault.h"

#define ID "01jd8z4k2m7f3a"
#define LINES 5

static void lines_come_back(void **state) {
    struct temp *t = *state;
    journal_of(t->s, ID, LINES);
    _cleanup_json_ cJSON *lines = NULL;
    bool torn = true;
    assert_ok(hal9_journal_read(t->s, ID, &lines, &torn, NULL));
    assert_false(torn);
    assert_int_equal(cJSON_GetArraySize(lines), LINES);
    for (int i = 0; i < LINES; i++) {
        const cJSON *line = cJSON_GetArrayItem(lines, i);
        assert_int_equal(hal9_json_int(line, "n", 0), i + 1);
        assert_string_equal(hal9_json_str(line, "text"), "\"}\\n ü \x01");
        assert_null(cJSON_GetObjectItemCaseSensitive(line, "crc"));
    }
}

/* Told apart from the code under test: the checksum of each line, seeded with the one before. */
static void checksums_chain(void **state) {
    struct temp *t = *state;
    journal_of(t->s, ID, LINES);
    _cleanup_buf_ struct hal9_buf text = {0};
    journal_bytes(t->s, ID, &text);
    uint32_t crc = 0;
    char *save;
    int n = 0;
    for (char *line = strtok_r(text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *seal = strstr(line, ",\"crc\":\"");
        assert_non_null(seal);
        crc = hal9_crc32c(crc, line, (size_t)(seal - line));
        char want[32];
        snprintf(want, sizeof(want), ",\"crc\":\"%08x\"}", crc);
        assert_string_equal(seal, want);
        n++;
    }
    assert_int_equal(n, LINES);
}

static int newlines(const char *data, size_t len) {
    int n = 0;
    for (size_t i = 0; i < len; i++)
        n += data[i] == '\n';
    return n;
}

static void expect_lines(struct hal9_state *s, int want, bool want_torn) {
    _cleanup_json_ cJSON *lines = NULL;
    bool torn = !want_torn;
    assert_ok(hal9_journal_read(s, ID, &lines, &torn, NULL));
    assert_int_equal(cJSON_GetArraySize(lines), want);
    assert_int_equal(torn, want_torn);
}

static void torn_at_every_byte(void **state) {
    struct temp *t = *state;
    journal_of(t->s, ID, LINES);
    _cleanup_buf_ struct hal9_buf text = {0};
    journal_bytes(t->s, ID, &text);
    for (size_t cut = 0; cut <= text.len; cut++) {
        bool whole = cut == 0 || text.data[cut - 1] == '\n';
        int want = newlines(text.data, cut);
        journal_put(t->s, ID, text.data, cut);
        expect_lines(t->s, want, !whole);
        struct hal9_journal *j;
        assert_ok(hal9_journal_reopen(t->s, ID, &j, NULL));
        expect_lines(t->s, want, false); /* it was cut */
        assert_ok(append(j, "begin", 99, NULL));
        hal9_journal_close(j);
        expect_lines(t->s, want + 1, false); /* and the chain goes on */
    }
}

/* Zero bytes at the end, as a crash leaves them where space was reserved. */
static void trailing_zeroes_are_torn(void **state) {
    struct temp *t = *state;
    journal_of(t->s, ID, LINES);
    _cleanup_buf_ struct hal9_buf text = {0};
    journal_bytes(t->s, ID, &text);
    static const char zeroes[5000];
    for (size_t cut = 0; cut <= text.len; cut += 7) {
        _cleanup_buf_ struct hal9_buf damaged = {0};
        hal9_buf_add(&damaged, text.data, cut);
        hal9_buf_add(&damaged, zeroes, cut % 2 ? 1 : sizeof(zeroes));
        journal_put(t->s, ID, damaged.data, damaged.len);
        expect_lines(t->s, newlines(text.data, cut), true);
    }
    struct hal9_journal *j;
    assert_ok(hal9_journal_reopen(t->s, ID, &j, NULL));
    hal9_journal_close(j);
    _cleanup_buf_ struct hal9_buf after = {0};
    journal_bytes(t->s, ID, &after);
    assert_null(memchr(after.data, '\0', after.len));
}

/* A sector of the last line that never reached the disk, though its newline did: never durable. */
static void a_lost_sector_of_the_last_line_is_torn(void **state) {
    struct temp *t = *state;
    struct hal9_journal *j;
    assert_ok(hal9_journal_create(t->s, ID, 0, &j, NULL));
    assert_ok(append(j, "plan", 1, NULL));
    _cleanup_buf_ struct hal9_buf head = {0};
    journal_bytes(t->s, ID, &head);
    char text[2001] = {0};
    memset(text, 'x', 2000);
    _cleanup_json_ cJSON *line = cJSON_CreateObject();
    hal9_json_add_str(line, "text", text);
    assert_ok(hal9_journal_append(j, line, false, NULL));
    hal9_journal_close(j);
    const size_t holes[][2] = {{512, 1024}, {1024, 1536}, {512, 1536}, {head.len, 512}};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(holes); i++) {
        _cleanup_buf_ struct hal9_buf bytes = {0};
        journal_bytes(t->s, ID, &bytes);
        _cleanup_buf_ struct hal9_buf whole = {0};
        hal9_buf_add(&whole, bytes.data, bytes.len);
        memset(bytes.data + holes[i][0], 0, holes[i][1] - holes[i][0]);
        journal_put(t->s, ID, bytes.data, bytes.len);
        expect_lines(t->s, 1, true);
        bytes.data[holes[i][1]] = 0; /* not a sector: damage */
        journal_put(t->s, ID, bytes.data, bytes.len);
        cJSON *lines = NULL;
        assert_int_equal(hal9_journal_read(t->s, ID, &lines, NULL, NULL), HAL9_E_CORRUPT);
        journal_put(t->s, ID, whole.data, whole.len);
    }
}

static unsigned line_of(const struct hal9_buf *text, size_t at) {
    return (unsigned)newlines(text->data, at) + 1;
}

/* Every bit of every byte, one at a time: told with its line. */
static void flipped_bits_are_told(void **state) {
    struct temp *t = *state;
    journal_of(t->s, ID, LINES);
    _cleanup_buf_ struct hal9_buf text = {0};
    journal_bytes(t->s, ID, &text);
    _cleanup_free_ char *path = hal9_journal_path(t->s, ID);
    for (size_t bit = 0; bit < (text.len - 1) * 8; bit++) {
        char was = text.data[bit / 8];
        text.data[bit / 8] = (char)(was ^ (1 << bit % 8));
        _cleanup_error_ struct hal9_error err = {0};
        cJSON *lines = NULL;
        struct hal9_scan scan;
        /* the file itself for some, the same check on the bytes for all: 10,000 files take long */
        hal9_status status = hal9_scan_lines(text.data, text.len, path, ID, &scan, &err);
        if (bit % 97 == 0) {
            journal_put(t->s, ID, text.data, text.len);
            assert_int_equal(hal9_journal_read(t->s, ID, &lines, NULL, NULL), status);
        }
        assert_int_equal(status, HAL9_E_CORRUPT);
        assert_int_equal(err.line, line_of(&text, bit / 8));
        assert_string_equal(err.file, path);
        text.data[bit / 8] = was;
    }
}

static void damage_in_the_middle_is_refused(void **state) {
    struct temp *t = *state;
    journal_of(t->s, ID, LINES);
    _cleanup_buf_ struct hal9_buf text = {0};
    journal_bytes(t->s, ID, &text);
    char *second = strchr(text.data, '\n') + 1;
    memset(second + 5, 0, 3);
    journal_put(t->s, ID, text.data, text.len);
    _cleanup_error_ struct hal9_error err = {0};
    cJSON *lines = NULL;
    struct hal9_journal *j = NULL;
    assert_int_equal(hal9_journal_read(t->s, ID, &lines, NULL, &err), HAL9_E_CORRUPT);
    assert_says(err, "line 2");
    assert_says(err, ID);
    assert_non_null(err.hint);
    assert_int_equal(hal9_journal_reopen(t->s, ID, &j, &err), HAL9_E_CORRUPT);
    assert_null(lines);
    assert_null(j);
    _cleanup_buf_ struct hal9_buf after = {0};
    journal_bytes(t->s, ID, &after); /* and it is as it was */
    assert_int_equal(after.len, text.len);
    assert_memory_equal(after.data, text.data, text.len);
}

/* Lines that are whole but stand in another order, twice, or come from another journal. */
static void moved_lines_are_told(void **state) {
    struct temp *t = *state;
    journal_of(t->s, ID, 2);
    _cleanup_buf_ struct hal9_buf text = {0};
    journal_bytes(t->s, ID, &text);
    size_t first = (size_t)(strchr(text.data, '\n') - text.data) + 1;
    _cleanup_buf_ struct hal9_buf swapped = {0};
    hal9_buf_add(&swapped, text.data + first, text.len - first);
    hal9_buf_add(&swapped, text.data, first);
    _cleanup_buf_ struct hal9_buf twice = {0};
    hal9_buf_add(&twice, text.data, text.len);
    hal9_buf_add(&twice, text.data, text.len);
    cJSON *lines = NULL;
    journal_put(t->s, ID, swapped.data, swapped.len);
    assert_int_equal(hal9_journal_read(t->s, ID, &lines, NULL, NULL), HAL9_E_CORRUPT);
    journal_put(t->s, ID, twice.data, twice.len);
    assert_int_equal(hal9_journal_read(t->s, ID, &lines, NULL, NULL), HAL9_E_CORRUPT);
}

static struct stat stat_of(struct hal9_state *s) {
    struct stat st;
    _cleanup_free_ char *path = hal9_journal_path(s, ID);
    assert_int_equal(stat(path, &st), 0);
    return st;
}

/* Whether space can be reserved here at all; some file systems can't. */
static bool can_reserve(const struct temp *t) {
    _cleanup_free_ char *path = hal9_strf("%s/probe", t->dir);
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return fd >= 0 && hal9_sys_fallocate(fd, 0, 4096) == 0;
}

static void space_is_kept_ahead(void **state) {
    struct temp *t = *state;
    if (!can_reserve(t))
        skip_needs("a file system with fallocate");
    const size_t reserve = 256 * 1024;
    struct hal9_journal *j;
    assert_ok(hal9_journal_create(t->s, ID, reserve, &j, NULL));
    assert_int_equal(stat_of(t->s).st_size, 0);
    _cleanup_free_ char *text = hal9_alloc(20001);
    memset(text, 'x', 20000);
    _cleanup_json_ cJSON *line = cJSON_CreateObject();
    hal9_json_add_str(line, "text", text);
    for (int i = 0; i < 40; i++) {
        struct stat st = stat_of(t->s);
        assert_true((size_t)st.st_blocks * 512 >= (size_t)st.st_size + reserve / 2);
        assert_ok(hal9_journal_append(j, line, false, NULL));
    }
    hal9_journal_close(j);
    assert_true((size_t)stat_of(t->s).st_blocks * 512 >=
                (size_t)stat_of(t->s).st_size + reserve / 2);
    assert_ok(
        hal9_journal_reopen(t->s, ID, &j, NULL)); /* what is kept shrinks to what is given back */
    hal9_journal_finish(j);
    assert_true((size_t)stat_of(t->s).st_blocks * 512 <
                (size_t)stat_of(t->s).st_size + reserve / 4);
}

static void without_fallocate_it_goes_on(void **state) {
    struct temp *t = *state;
    hal9_fault_setup("fallocate:1+:EOPNOTSUPP");
    journal_of(t->s, ID, 3);
    unsigned tried = hal9_fault_count();
    hal9_fault_setup(NULL);
    assert_int_equal(tried, 1); /* once is enough */
    expect_lines(t->s, 3, false);
}

static void a_full_disk_is_told_before_anything_is_done(void **state) {
    struct temp *t = *state;
    hal9_fault_setup("fallocate:1:ENOSPC");
    struct hal9_journal *j = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    hal9_status status = hal9_journal_create(t->s, ID, 4096, &j, &err);
    hal9_fault_setup(NULL);
    assert_int_equal(status, HAL9_E_IO);
    assert_null(j);
    assert_int_equal(err.errnum, ENOSPC);
    assert_non_null(strstr(err.hint, "--state-dir "));
    _cleanup_free_ char *path = hal9_journal_path(t->s, ID);
    _cleanup_free_ char *mark = hal9_mark_path(t->s, ID);
    assert_false(there(path));
    assert_false(there(mark));
}

/* Space that is reserved carries on when the disk fills up behind it. */
static void the_reserve_outlasts_a_full_disk(void **state) {
    struct temp *t = *state;
    struct hal9_journal *j;
    assert_ok(hal9_journal_create(t->s, ID, 1000, &j, NULL));
    hal9_fault_setup("fallocate:1+:ENOSPC");
    for (int i = 1; i <= 10; i++)
        assert_ok(append(j, "begin", i, NULL));
    hal9_fault_setup(NULL);
    hal9_journal_close(j);
    expect_lines(t->s, 10, false);
}

static void a_failed_write_leaves_nothing(void **state) {
    struct temp *t = *state;
    struct hal9_journal *j;
    _cleanup_error_ struct hal9_error err = {0};
    assert_ok(hal9_journal_create(t->s, ID, 4096, &j, NULL));
    assert_ok(append(j, "plan", 1, NULL));
    hal9_fault_setup("write:1:ENOSPC");
    assert_int_equal(append(j, "begin", 2, &err), HAL9_E_IO);
    hal9_fault_setup(NULL);
    assert_non_null(strstr(err.hint, "--state-dir "));
    assert_ok(append(j, "begin", 3, NULL));
    hal9_journal_close(j);
    expect_lines(t->s, 2, false);
}

/* What is on the disk after a failed sync nobody knows; the next one would say that all is well. */
static void nothing_follows_a_failed_sync(void **state) {
    struct temp *t = *state;
    struct hal9_journal *j;
    _cleanup_error_ struct hal9_error err = {0};
    assert_ok(hal9_journal_create(t->s, ID, 4096, &j, NULL));
    assert_ok(append(j, "plan", 1, NULL));
    hal9_fault_setup("fsync:1:EIO");
    assert_int_equal(append(j, "begin", 2, &err), HAL9_E_IO);
    hal9_fault_setup(NULL);
    assert_int_equal(append(j, "begin", 3, &err), HAL9_E_IO);
    assert_says(err, "could not be made durable");
    hal9_journal_close(j);
    assert_ok(hal9_journal_reopen(t->s, ID, &j, NULL));
    assert_ok(append(j, "begin", 4, NULL));
    hal9_journal_close(j);
}

/* The first durable line syncs the file and both directories; the others the file alone. */
static void the_first_line_syncs_the_directories(void **state) {
    struct temp *t = *state;
    struct hal9_journal *j;
    assert_ok(hal9_journal_create(t->s, ID, 4096, &j, NULL));
    hal9_fault_setup("fsync:1000:EIO"); /* counts syncs alone */
    assert_ok(append(j, "plan", 1, NULL));
    assert_int_equal(hal9_fault_count(), 3);
    assert_ok(append(j, "begin", 2, NULL));
    assert_int_equal(hal9_fault_count(), 4);
    _cleanup_json_ cJSON *line = cJSON_Parse("{\"type\":\"note\"}");
    assert_ok(hal9_journal_append(j, line, false, NULL));
    assert_int_equal(hal9_fault_count(), 4);
    hal9_fault_setup(NULL);
    hal9_journal_close(j);
}

static void bad_lines_and_ids_are_refused(void **state) {
    struct temp *t = *state;
    struct hal9_journal *j = NULL;
    assert_int_equal(hal9_journal_create(t->s, "../../etc/pass", 0, &j, NULL), HAL9_E_USAGE);
    assert_int_equal(hal9_journal_create(t->s, "short", 0, &j, NULL), HAL9_E_USAGE);
    assert_null(j);
    assert_ok(hal9_journal_create(t->s, ID, 0, &j, NULL));
    struct hal9_journal *again = NULL;
    assert_int_equal(hal9_journal_create(t->s, ID, 0, &again, NULL), HAL9_E_EXISTS);
    assert_null(again);
    static const char *const bad[] = {"{}", "[1]", "\"x\"", "{\"a\":1,\"crc\":\"0\"}"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++) {
        _cleanup_json_ cJSON *line = cJSON_Parse(bad[i]);
        assert_int_equal(hal9_journal_append(j, line, false, NULL), HAL9_E_USAGE);
    }
    hal9_journal_close(j);
    _cleanup_free_ char *mark = hal9_mark_path(t->s, ID);
    assert_true(there(mark)); /* the second create has not taken it along */
}

static void the_first_line_alone(void **state) {
    struct temp *t = *state;
    _cleanup_json_ cJSON *line = NULL;
    assert_int_equal(hal9_journal_first(t->s, ID, &line, NULL), HAL9_E_NOT_FOUND);
    journal_of(t->s, ID, 3);
    assert_ok(hal9_journal_first(t->s, ID, &line, NULL));
    assert_int_equal(hal9_json_int(line, "n", 0), 1);
    _cleanup_buf_ struct hal9_buf text = {0};
    journal_bytes(t->s, ID, &text);
    cJSON *none = NULL;
    journal_put(t->s, ID, text.data, 20); /* torn before it was whole */
    assert_int_equal(hal9_journal_first(t->s, ID, &none, NULL), HAL9_E_NOT_FOUND);
    text.data[5] ^= 1;
    journal_put(t->s, ID, text.data, text.len);
    assert_int_equal(hal9_journal_first(t->s, ID, &none, NULL), HAL9_E_CORRUPT);
    assert_null(none);
}

/* A first line longer than what is read at once. */
static void a_long_first_line(void **state) {
    struct temp *t = *state;
    struct hal9_journal *j;
    assert_ok(hal9_journal_create(t->s, ID, 0, &j, NULL));
    _cleanup_free_ char *text = hal9_alloc(300001);
    memset(text, 'x', 300000);
    _cleanup_json_ cJSON *line = cJSON_CreateObject();
    hal9_json_add_str(line, "text", text);
    assert_ok(hal9_journal_append(j, line, true, NULL));
    assert_ok(append(j, "begin", 2, NULL));
    hal9_journal_close(j);
    _cleanup_json_ cJSON *first = NULL;
    assert_ok(hal9_journal_first(t->s, ID, &first, NULL));
    assert_string_equal(hal9_json_str(first, "text"), text);
}

static void one_writer_at_a_time(void **state) {
    struct temp *t = *state;
    struct hal9_journal *j;
    struct hal9_journal *second = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    assert_false(hal9_journal_running(t->s, ID));
    assert_ok(hal9_journal_create(t->s, ID, 0, &j, NULL));
    assert_ok(append(j, "plan", 1, NULL));
    assert_true(hal9_journal_running(t->s, ID));
    assert_int_equal(hal9_journal_reopen(t->s, ID, &second, &err), HAL9_E_BUSY);
    assert_says(err, ID);
    hal9_journal_close(j);
    assert_false(hal9_journal_running(t->s, ID));
    assert_ok(hal9_journal_reopen(t->s, ID, &second, NULL));
    assert_true(hal9_journal_running(t->s, ID));
    hal9_journal_close(second);
}

/* A reader that looks whether it runs doesn't make a writer believe that another writer is there. */
static void readers_do_not_keep_writers_out(void **state) {
    struct temp *t = *state;
    journal_of(t->s, ID, 1);
    pid_t pids[3];
    int stop[2];
    assert_int_equal(pipe(stop), 0);
    fcntl(stop[0], F_SETFL, O_NONBLOCK);
    for (size_t i = 0; i < HAL9_ARRAY_LEN(pids); i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            close(stop[1]);
            char byte;
            while (read(stop[0], &byte, 1) < 0)
                hal9_journal_running(t->s, ID);
            _exit(0);
        }
    }
    close(stop[0]);
    for (int i = 0; i < 300; i++) {
        struct hal9_journal *j;
        assert_ok(hal9_journal_reopen(t->s, ID, &j, NULL));
        hal9_journal_close(j);
    }
    close(stop[1]);
    for (size_t i = 0; i < HAL9_ARRAY_LEN(pids); i++)
        assert_int_equal(ended(pids[i]), 0);
}

static void an_ended_journal_takes_no_more(void **state) {
    struct temp *t = *state;
    struct hal9_journal *j;
    assert_ok(hal9_journal_create(t->s, ID, 4096, &j, NULL));
    assert_ok(append(j, "plan", 1, NULL));
    assert_ok(append(j, "end", 2, NULL));
    hal9_journal_finish(j);
    _cleanup_free_ char *mark = hal9_mark_path(t->s, ID);
    assert_false(there(mark));
    struct hal9_journal *again = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(hal9_journal_reopen(t->s, ID, &again, &err), HAL9_E_REFUSED);
    assert_says(err, "has ended");
    assert_false(there(mark));
    assert_int_equal(hal9_journal_reopen(t->s, "01jd8z4k2m0000", &again, &err), HAL9_E_NOT_FOUND);
    assert_non_null(strstr(err.hint, "hal9-rollback history"));
    assert_null(again);
}

struct writer {
    struct hal9_journal *j;
    int first;
};
static void *write_many(void *data) {
    struct writer *w = data;
    for (int i = 0; i < 50; i++)
        append(w->j, "note", w->first + i, NULL);
    return NULL;
}

static void threads_write_whole_lines(void **state) {
    struct temp *t = *state;
    struct hal9_journal *j;
    assert_ok(hal9_journal_create(t->s, ID, 4096, &j, NULL));
    pthread_t threads[4];
    struct writer writers[4];
    for (int i = 0; i < 4; i++) {
        writers[i] = (struct writer){j, i * 50};
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &writers[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    hal9_journal_close(j);
    expect_lines(t->s, 200, false);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, temp_setup, temp_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(lines_come_back),
        TEST(checksums_chain),
        TEST(torn_at_every_byte),
        TEST(trailing_zeroes_are_torn),
        TEST(a_lost_sector_of_the_last_line_is_torn),
        TEST(flipped_bits_are_told),
        TEST(damage_in_the_middle_is_refused),
        TEST(moved_lines_are_told),
        TEST(space_is_kept_ahead),
        TEST(without_fallocate_it_goes_on),
        TEST(a_full_disk_is_told_before_anything_is_done),
        TEST(the_reserve_outlasts_a_full_disk),
        TEST(a_failed_write_leaves_nothing),
        TEST(nothing_follows_a_failed_sync),
        TEST(the_first_line_syncs_the_directories),
        TEST(bad_lines_and_ids_are_refused),
        TEST(the_first_line_alone),
        TEST(a_long_first_line),
        TEST(one_writer_at_a_time),
        TEST(readers_do_not_keep_writers_out),
        TEST(an_ended_journal_takes_no_more),
        TEST(threads_write_whole_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
