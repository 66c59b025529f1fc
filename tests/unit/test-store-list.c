/* Which operations there are, which are open, which one a person means. */
#include "store-temp.h"

static void touch(const char *path) {
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
}

static void touch_in(const struct temp *t, const char *folder, const char *name) {
    _cleanup_free_ char *path = hal9_state_sub(t->s, folder, name);
    touch(path);
}

static char *listed(struct hal9_state *s, bool open_ones) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    assert_ok(open_ones ? hal9_journal_list_open(s, &ids, NULL) : hal9_journal_list(s, &ids, NULL));
    return hal9_strv_join(&ids, " ");
}

static void expect(struct hal9_state *s, bool open_ones, const char *want) {
    _cleanup_free_ char *got = listed(s, open_ones);
    assert_string_equal(got, want);
}

static void journals_are_listed_in_order(void **state) {
    struct temp *t = *state;
    expect(t->s, false, "");
    journal_of(t->s, "01jd8z4k2m0003", 1);
    journal_of(t->s, "01jd8z4k2m0001", 1);
    journal_of(t->s, "01jd8z4k2m0002", 1);
    touch_in(t, "journal", "README");
    touch_in(t, "journal", ".01jd8z4k2m0004.ndjson");
    touch_in(t, "journal", "01jd8z4k2m0005.ndjson.bak");
    touch_in(t, "journal", "01JD8Z4K2M0006.ndjson");
    expect(t->s, false, "01jd8z4k2m0001 01jd8z4k2m0002 01jd8z4k2m0003");
}

/* Ends a journal but is killed, as it were, before the mark goes. */
static void end_without_finish(struct hal9_state *s, const char *id) {
    struct hal9_journal *j;
    assert_ok(hal9_journal_create(s, id, 4096, &j, NULL));
    assert_ok(append(j, "plan", 1, NULL));
    assert_ok(append(j, "end", 2, NULL));
    hal9_journal_close(j);
}

static bool marked(struct hal9_state *s, const char *id) {
    _cleanup_free_ char *mark = hal9_mark_path(s, id);
    return there(mark);
}

#define BEGUN "01jd8z4k2m0001"
#define ENDED "01jd8z4k2m0002"
#define NO_FILE "01jd8z4k2m0003"
#define NO_LINE "01jd8z4k2m0004"
#define DAMAGED "01jd8z4k2m0005"

static void open_ones_have_begun_and_not_ended(void **state) {
    struct temp *t = *state;
    journal_of(t->s, BEGUN, 2);
    end_without_finish(t->s, ENDED);
    touch_in(t, "open", NO_FILE);
    journal_of(t->s, NO_LINE, 1);
    journal_put(t->s, NO_LINE, "{\"type\":\"pl", 0);
    journal_of(t->s, DAMAGED, 1);
    journal_put(t->s, DAMAGED, "garbage\n", 8);
    touch_in(t, "open", "garbage");

    struct hal9_state *reader;
    assert_ok(hal9_state_open(hal9_state_path(t->s), HAL9_STATE_READ, false, &reader, NULL));
    expect(reader, true, BEGUN " " DAMAGED);
    hal9_state_close(reader);
    assert_true(marked(t->s, ENDED) && marked(t->s, NO_FILE) && marked(t->s, NO_LINE));

    expect(t->s, true, BEGUN " " DAMAGED); /* who may write tidies up */
    assert_true(marked(t->s, BEGUN) && marked(t->s, DAMAGED));
    assert_false(marked(t->s, ENDED) || marked(t->s, NO_FILE) || marked(t->s, NO_LINE));
    expect(t->s, false, BEGUN " " ENDED " " NO_LINE " " DAMAGED);
}

/* A process that stands between making the mark and making the journal must keep its mark. */
static void a_mark_in_the_making_stays(void **state) {
    struct temp *t = *state;
    touch_in(t, "open", NO_FILE);
    _cleanup_free_ char *mark = hal9_mark_path(t->s, NO_FILE);
    int fd = open(mark, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    expect(t->s, true, "");
    assert_true(there(mark));
    close(fd);
    expect(t->s, true, "");
    assert_false(there(mark));
}

static void running_ones_keep_their_marks(void **state) {
    struct temp *t = *state;
    struct hal9_journal *j;
    assert_ok(hal9_journal_create(t->s, BEGUN, 0, &j, NULL));
    expect(t->s, true, BEGUN);
    assert_ok(append(j, "plan", 1, NULL));
    expect(t->s, true, BEGUN);
    assert_ok(append(j, "end", 2, NULL));
    expect(t->s, true, "");
    assert_true(marked(t->s, BEGUN));
    hal9_journal_finish(j);
    assert_false(marked(t->s, BEGUN));
}

static void a_lost_mark_comes_back(void **state) {
    struct temp *t = *state;
    journal_of(t->s, BEGUN, 1);
    _cleanup_free_ char *mark = hal9_mark_path(t->s, BEGUN);
    assert_int_equal(unlink(mark), 0);
    expect(t->s, true, "");
    struct hal9_journal *j;
    assert_ok(hal9_journal_reopen(t->s, BEGUN, &j, NULL));
    hal9_journal_close(j);
    expect(t->s, true, BEGUN);
}

/* A directory that somebody has prepared: nothing in it makes us wait. */
static void pipes_and_links_do_not_stop_us(void **state) {
    struct temp *t = *state;
    _cleanup_free_ char *journal = hal9_journal_path(t->s, BEGUN);
    _cleanup_free_ char *mark = hal9_mark_path(t->s, BEGUN);
    _cleanup_free_ char *format = hal9_state_sub(t->s, "format", NULL);
    assert_int_equal(mkfifo(journal, 0600), 0);
    assert_int_equal(mkfifo(mark, 0600), 0);
    expect(t->s, true, BEGUN);
    assert_false(hal9_journal_running(t->s, BEGUN));
    cJSON *line = NULL;
    struct hal9_journal *j = NULL;
    assert_int_equal(hal9_journal_read(t->s, BEGUN, &line, NULL, NULL), HAL9_E_CORRUPT);
    assert_int_equal(hal9_journal_first(t->s, BEGUN, &line, NULL), HAL9_E_CORRUPT);
    assert_int_not_equal(hal9_journal_reopen(t->s, BEGUN, &j, NULL), HAL9_OK);
    assert_int_equal(unlink(journal), 0);
    assert_int_equal(symlink("/etc/passwd", journal), 0);
    assert_int_not_equal(hal9_journal_read(t->s, BEGUN, &line, NULL, NULL), HAL9_OK);
    assert_int_not_equal(hal9_journal_reopen(t->s, BEGUN, &j, NULL), HAL9_OK);
    assert_int_equal(unlink(format), 0);
    assert_int_equal(mkfifo(format, 0600), 0);
    struct hal9_state *s = NULL;
    assert_int_equal(hal9_state_open(hal9_state_path(t->s), HAL9_STATE_READ, false, &s, NULL),
                     HAL9_E_CORRUPT);
    assert_null(line);
    assert_null(j);
    assert_null(s);
}

static void expect_find(struct hal9_state *s, const char *word, const char *want) {
    _cleanup_free_ char *id = NULL;
    assert_ok(hal9_journal_find(s, word, &id, NULL));
    assert_string_equal(id, want);
}

static void words_find_operations(void **state) {
    struct temp *t = *state;
    journal_of(t->s, "01jd8z4k2m7f3a", 1);
    journal_of(t->s, "01jd8z4k2n7f3b", 1);
    journal_of(t->s, "02aaaaaaaa0000", 1);
    expect_find(t->s, "7f3a", "01jd8z4k2m7f3a");
    expect_find(t->s, "7F3A", "01jd8z4k2m7f3a");
    expect_find(t->s, "02", "02aaaaaaaa0000");
    expect_find(t->s, "oooo", "02aaaaaaaa0000"); /* as the letters are misread */
    expect_find(t->s, "OIJD8Z4K2M7F3A", "01jd8z4k2m7f3a");
    expect_find(t->s, "01jd8z4k2m", "01jd8z4k2m7f3a");
}

static void words_that_do_not_fit(void **state) {
    struct temp *t = *state;
    char *id = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(hal9_journal_find(t->s, "7f3a", &id, &err), HAL9_E_NOT_FOUND);
    assert_non_null(strstr(err.hint, "hal9-rollback history"));
    for (int i = 0; i < 7; i++) {
        _cleanup_free_ char *name = hal9_strf("01jd8z4k2m000%d", i);
        journal_of(t->s, name, 1);
    }
    assert_int_equal(hal9_journal_find(t->s, "01", &id, &err), HAL9_E_USAGE);
    assert_says(err, "7 operations: 01jd8z4k2m0006, 01jd8z4k2m0005");
    assert_says(err, "01jd8z4k2m0002 and 2 more");
    assert_null(strstr(err.message, "01jd8z4k2m0001"));
    assert_int_equal(hal9_journal_find(t->s, "1", &id, &err), HAL9_E_USAGE);
    assert_int_equal(hal9_journal_find(t->s, "", &id, &err), HAL9_E_USAGE);
    assert_int_equal(hal9_journal_find(t->s, "01jd8z4k2m0096", &id, &err), HAL9_E_NOT_FOUND);
    assert_non_null(strstr(err.hint, "did you mean 01jd8z4k2m000"));
    assert_int_equal(hal9_journal_find(t->s, "../../../x", &id, &err), HAL9_E_NOT_FOUND);
    assert_null(id);
}

/* 20,000 empty files: were one of them opened, it would be no journal. */
static void many_are_listed_from_names_alone(void **state) {
    struct temp *t = *state;
    for (int i = 0; i < 20000; i++) {
        char name[64];
        snprintf(name, sizeof(name), "01jd8z4k2%05d.ndjson", (i * 7919) % 20000);
        touch_in(t, "journal", name);
    }
    struct hal9_strv ids = {0};
    assert_ok(hal9_journal_list(t->s, &ids, NULL));
    assert_int_equal(ids.n, 20000);
    for (size_t i = 1; i < ids.n; i++)
        assert_true(strcmp(ids.v[i - 1], ids.v[i]) < 0);
    hal9_strv_free(&ids);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, temp_setup, temp_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(journals_are_listed_in_order),
        TEST(open_ones_have_begun_and_not_ended),
        TEST(a_mark_in_the_making_stays),
        TEST(running_ones_keep_their_marks),
        TEST(a_lost_mark_comes_back),
        TEST(pipes_and_links_do_not_stop_us),
        TEST(words_find_operations),
        TEST(words_that_do_not_fit),
        TEST(many_are_listed_from_names_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
