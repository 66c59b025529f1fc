/* What the first lines of journals tell, out of one file that is only a cache; ids that follow each other wherever the clock is. */
#include "store-temp.h"

#include "sys/fault.h"

static void operation(struct hal9_state *s, const char *id, const char *run, const char *thing,
                      const char *undoes) {
    struct hal9_journal *j;
    struct hal9_strv one = {0};
    struct hal9_strv two = {0};
    _cleanup_json_ cJSON *plan = cJSON_CreateObject();
    hal9_strv_add(&one, thing);
    hal9_strv_add(&two, undoes);
    hal9_json_add_str(plan, "type", "plan");
    hal9_json_add_str(plan, "run", run);
    cJSON_AddItemToObject(plan, "resources", hal9_json_strv(&one));
    cJSON_AddItemToObject(plan, "undoes", hal9_json_strv(&two));
    assert_ok(hal9_journal_create(s, id, 4096, &j, NULL));
    assert_ok(hal9_journal_append(j, plan, true, NULL));
    hal9_journal_close(j);
    hal9_strv_free(&one);
    hal9_strv_free(&two);
}

static int add(void *data, const struct hal9_journal_head *h) {
    struct hal9_strv web = {0};
    hal9_strv_add(&web, "service:web");
    hal9_buf_printf(data, "%s %s [%s]%s\n", h->id, h->run ? h->run : "none", h->undoes,
                    hal9_head_touches(h, &web) ? " web" : "");
    hal9_strv_free(&web);
    return 0;
}

static char *heads(struct hal9_state *s, const char *after) {
    struct hal9_buf text = {0};
    assert_ok(hal9_journal_heads(s, after, add, &text, NULL));
    return hal9_buf_take(&text);
}

#define N 100 /* so many that the index is asked */

static void fill(struct hal9_state *s) {
    for (int i = 0; i < N; i++) {
        char id[32];
        snprintf(id, sizeof(id), "01jd8z4k2%05d", i);
        operation(s, id, i % 3 ? "some-run" : NULL, i % 2 ? "service:web" : "port:1/8080",
                  i == 50 ? "01jd8z4k200049" : NULL);
    }
}

static char *index_of(struct temp *t) {
    return hal9_state_sub(t->s, "index", NULL);
}

static void it_is_only_a_cache(void **state) {
    struct temp *t = *state;
    fill(t->s);
    _cleanup_free_ char *path = index_of(t);
    _cleanup_buf_ struct hal9_buf index = {0};
    _cleanup_free_ char *want = heads(t->s, NULL);
    assert_non_null(strstr(want, "01jd8z4k200050 some-run [01jd8z4k200049]\n"));
    assert_non_null(strstr(want, "01jd8z4k200051 none [] web\n"));
    assert_ok(hal9_file_read(path, 1 << 20, &index, NULL));
    /* gone; every byte of a line flipped; cut in the middle; of another order; of journals that aren't there */
    unlink(path);
    _cleanup_free_ char *without = heads(t->s, NULL);
    assert_string_equal(without, want);
    assert_true(there(path)); /* made whole again */
    for (size_t at = 0; at < 60; at++) {
        index.data[at] ^= 1;
        assert_ok(hal9_file_write(path, index.data, index.len - at * 7, 0600, NULL));
        _cleanup_free_ char *flipped = heads(t->s, NULL);
        assert_string_equal(flipped, want);
        index.data[at] ^= 1;
    }
    _cleanup_buf_ struct hal9_buf twice = {0};
    hal9_buf_add(&twice, index.data + 500, index.len - 500);
    hal9_buf_add(&twice, index.data, index.len);
    assert_ok(hal9_file_write(path, twice.data, twice.len, 0600, NULL));
    _cleanup_free_ char *doubled = heads(t->s, NULL);
    assert_string_equal(doubled, want);
    _cleanup_free_ char *gone = hal9_journal_path(t->s, "01jd8z4k200050");
    unlink(gone);
    _cleanup_free_ char *less = heads(t->s, NULL);
    assert_null(strstr(less, "01jd8z4k200050"));
    assert_int_equal(strlen(less),
                     strlen(want) - strlen("01jd8z4k200050 some-run [01jd8z4k200049]\n"));
}

/* Every journal but the newest is unreadable now: who asks for what the index has doesn't open them. */
static void journals_are_not_opened(void **state) {
    struct temp *t = *state;
    fill(t->s);
    _cleanup_free_ char *want = heads(t->s, NULL);
    for (int i = 0; i < N; i++) {
        char id[32];
        snprintf(id, sizeof(id), "01jd8z4k2%05d", i);
        journal_put(t->s, id, "garbage\n", 8);
    }
    _cleanup_free_ char *got = heads(t->s, NULL);
    assert_string_equal(got, want);
}

static void only_later_ones(void **state) {
    struct temp *t = *state;
    fill(t->s);
    _cleanup_free_ char *none = heads(t->s, "01jd8z4k200099");
    assert_string_equal(none, "");
    _cleanup_free_ char *last = heads(t->s, "01jd8z4k200098");
    assert_int_equal(strncmp(last, "01jd8z4k200099 ", 15), 0);
    _cleanup_free_ char *most = heads(t->s, "01jd8z4k200009");
    assert_int_equal(strncmp(most, "01jd8z4k200010 ", 15), 0);
}

static void newest_is(struct temp *t, const char *want) {
    char id[HAL9_ID_LEN + 1] = "";
    assert_true(hal9_journal_newest(t->s, id));
    assert_string_equal(id, want);
}

static void the_newest(void **state) {
    struct temp *t = *state;
    char id[HAL9_ID_LEN + 1];
    _cleanup_free_ char *path = index_of(t);
    assert_false(hal9_journal_newest(t->s, id));
    operation(t->s, "01jd8z4k2m0002", "r", "x", NULL);
    newest_is(t, "01jd8z4k2m0002");
    operation(t->s, "01jd8z4k2m0001", "r", "x", NULL); /* began earlier, came later */
    newest_is(t, "01jd8z4k2m0002");
    unlink(path);
    newest_is(t, "01jd8z4k2m0002");
    /* one that could not be added takes the index along */
    operation(t->s, "01jd8z4k2m0003", "r", "x", NULL);
#ifdef HAL9_TEST_HOOKS
    hal9_fault_setup("write:2:EIO");
    operation(t->s, "01jd8z4k2m0004", "r", "x", NULL);
    hal9_fault_setup(NULL);
    assert_false(there(path));
    newest_is(t, "01jd8z4k2m0004");
#endif
}

/* The clock is set back by a year between two operations: ids are in the order of the operations all the same. */
static void ids_follow_the_newest(void **state) {
    struct temp *t = *state;
    char last[HAL9_ID_LEN + 1];
    char next[HAL9_ID_LEN + 1];
    setenv("HAL9OPS_NOW", "2090-01-01T00:00:00Z", 1);
    hal9_id_new(last);
    operation(t->s, last, "r", "x", NULL);
    for (int i = 0; i < 5; i++) {
        pid_t pid = fork(); /* another process, which knows only what stands on the disk */
        if (pid == 0) {
            setenv("HAL9OPS_NOW", "2089-01-01T00:00:00Z", 1);
            if (!hal9_journal_newest(t->s, last))
                _exit(1);
            hal9_id_follow(last);
            hal9_id_new(next);
            if (strcmp(next, last) <= 0 || strncmp(next, last, 6) != 0)
                _exit(2);
            operation(t->s, next, "r", "x", NULL);
            _exit(0);
        }
        assert_int_equal(ended(pid), 0);
    }
    unsetenv("HAL9OPS_NOW");
    /* a name that no clock can have given is not followed */
    hal9_id_follow("zzzzzzzzzzzzzz");
    hal9_id_new(next);
    assert_true(next[0] == '0');
}

static size_t shortest(struct temp *t, const char *a, const char *b) {
    struct hal9_strv ids = {0};
    hal9_strv_add(&ids, a);
    hal9_strv_add(&ids, b);
    size_t len = hal9_journal_short(t->s, &ids);
    hal9_strv_free(&ids);
    return len;
}

static void ids_are_as_long_as_they_must_be(void **state) {
    struct temp *t = *state;
    operation(t->s, "01jd8z4k2m7f3a", "r", "x", NULL);
    assert_int_equal(shortest(t, "01jd8z4k2m7f3a", NULL), 4);
    operation(t->s, "01jd8z4k2n7f3a", "r", "x", NULL);
    assert_int_equal(shortest(t, "01jd8z4k2m7f3a", NULL), 5);
    operation(t->s, "01jd8z4k2n2222", "r", "x", NULL);
    assert_int_equal(shortest(t, "01jd8z4k2n2222", NULL), 4);
    assert_int_equal(shortest(t, "01jd8z4k2n2222", "01jd8z4k2m7f3a"), 5); /* one list, one width */
    /* "01jd" is how all of them begin */
    operation(t->s, "01jd8z4k2n01jd", "r", "x", NULL);
    assert_int_equal(shortest(t, "01jd8z4k2n01jd", NULL), 5);
    char *id = NULL;
    assert_ok(hal9_journal_find(t->s, "n01jd", &id, NULL));
    free(id);
}

static void the_last_by_their_names(void **state) {
    struct temp *t = *state;
    fill(t->s);
    _cleanup_strv_ struct hal9_strv ids = {0};
    assert_ok(hal9_journal_last(t->s, 3, &ids, NULL));
    _cleanup_free_ char *got = hal9_strv_join(&ids, " ");
    assert_string_equal(got, "01jd8z4k200097 01jd8z4k200098 01jd8z4k200099");
    size_t n = 0;
    assert_ok(hal9_journal_count(t->s, &n, NULL));
    assert_int_equal(n, N);
    operation(t->s, "01jd8z4k200200", "r", "x",
              NULL); /* what is kept of the names doesn't hide it */
    _cleanup_strv_ struct hal9_strv again = {0};
    assert_ok(hal9_journal_last(t->s, 1, &again, NULL));
    assert_string_equal(again.v[0], "01jd8z4k200200");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, temp_setup, temp_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(it_is_only_a_cache),      TEST(journals_are_not_opened),
        TEST(only_later_ones),         TEST(the_newest),
        TEST(ids_follow_the_newest),   TEST(ids_are_as_long_as_they_must_be),
        TEST(the_last_by_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
