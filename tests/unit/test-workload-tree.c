/* Captured trees: what is kept, what is the same, what differs, and what the stat cache may be trusted with. */
#include "tree-world.h"

static void test_same_is_same(void **state) {
    struct world *w = *state;
    make_tree();
    _cleanup_json_ cJSON *one = capture(w, "tree"), *two = capture(w, "tree"),
                         *dry = capture(NULL, "tree");
    assert_string_equal(tree_of(one), tree_of(two));
    assert_string_equal(tree_of(one), tree_of(dry));
    assert_int_equal(hal9_json_int(one, "files", 0), 7);
    assert_int_equal(hal9_json_int(one, "bytes", 0), 14 + 14 + 10 + 3);
}

static void test_absent(void **state) {
    struct world *w = *state;
    _cleanup_json_ cJSON *none = capture(w, "none"), *below = capture(w, "none/at/all");
    assert_true(hal9_json_bool(none, "absent", false));
    assert_true(hal9_json_bool(below, "absent", false));
    assert_string_equal(tree_of(none), tree_of(below));
}

/* Each of these is another tree. */
static void test_all_counts(void **state) {
    struct world *w = *state;
    make_tree();
    _cleanup_strv_ struct hal9_strv seen = {0};
    _cleanup_free_ char *a = file_path("tree/a.txt"), *link = file_path("tree/link"),
                        *fifo = file_path("tree/fifo"), *hard = file_path("tree/b/hard"),
                        *b = file_path("tree/b"), *gone = file_path("tree/empty");
    for (int i = 0; i < 9; i++) {
        if (i == 1)
            assert_int_equal(chmod(a, 0600), 0);
        if (i == 2)
            age("tree/a.txt", 1000000001);
        if (i == 3)
            assert_int_equal(unlink(link) | symlink("b", link), 0);
        if (i == 4)
            assert_int_equal(unlink(fifo), 0);
        if (i == 5)
            assert_int_equal(unlink(hard), 0);
        if (i == 6)
            assert_int_equal(chmod(b, 0700), 0);
        if (i == 7)
            assert_int_equal(rmdir(gone), 0);
        if (i == 8)
            file_put("tree/b/run", "#!/bin/ss\n");
        _cleanup_json_ cJSON *now = capture(w, "tree");
        assert_false(hal9_strv_has(&seen, tree_of(now)));
        hal9_strv_add(&seen, tree_of(now));
        assert_tree("tree", tree_of(now));
    }
}

/* The same size and time, within the tick in which it was read: git calls such an entry racily clean. */
static void test_racily_clean(void **state) {
    struct world *w = *state;
    const struct timespec times[2] = {{1000, 0}, {1000, 0}};
    _cleanup_free_ char *path = file_path("f");
    for (int i = 0; i < 20; i++) {
        file_put("f", "aaaa");
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        _cleanup_json_ cJSON *one = capture(w, "f");
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(pwrite(fd, "bbbb", 4, 0), 4);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        _cleanup_json_ cJSON *two = capture(w, "f");
        assert_string_not_equal(tree_of(one), tree_of(two));
        file_put("f", NULL);
    }
}

/* A cache that is cut, flipped or of other packs is passed over. */
static void test_damaged_cache(void **state) {
    struct world *w = *state;
    make_tree();
    _cleanup_json_ cJSON *one = capture(w, "tree");
    _cleanup_free_ char *dir = hal9_strf("%s/treecache", hal9_state_path(w->s));
    _cleanup_free_ char *find = hal9_strf("%s/tree", files_dir);
    char hex[65];
    hal9_sha256_hex(find, strlen(find), hex);
    _cleanup_free_ char *cache = hal9_strf("%s/%.32s.%u", dir, hex, (unsigned)geteuid());
    _cleanup_buf_ struct hal9_buf whole = {0};
    assert_ok(hal9_file_read(cache, 1 << 20, &whole, NULL));
    assert_true(whole.len > 500);
    for (size_t i = 0; i < whole.len; i += 97) {
        whole.data[i] ^= 1;
        const struct iovec piece = {whole.data, i % 2 ? i : whole.len};
        assert_ok(hal9_cache_write(cache, &piece, 1, NULL));
        whole.data[i] ^= 1;
        _cleanup_json_ cJSON *two = capture(w, "tree");
        assert_string_equal(tree_of(one), tree_of(two));
    }
}

struct seen {
    struct hal9_buf words;
};
static int note_change(void *data, const struct hal9_tree_change *c) {
    struct seen *s = data;
    hal9_buf_printf(&s->words, "%s %s\n", hal9_tree_kind_name(c->kind),
                    c->path + strlen(files_dir) + 1);
    return 0;
}

static void test_diff(void **state) {
    struct world *w = *state;
    struct seen seen = {{0}};
    make_tree();
    _cleanup_json_ cJSON *one = capture(w, "tree");
    _cleanup_free_ char *b = file_path("tree/b"), *fifo = file_path("tree/fifo");
    file_put("tree/b/deep/new", "x");
    file_put("tree/a.txt", "one\n2\nthree\n"); /* and tree/b/hard by it */
    assert_int_equal(chmod(b, 0711), 0);
    assert_int_equal(unlink(fifo), 0);
    static const char *const expected = "changed tree/a.txt\nmeta tree/b\nadded tree/b/deep/new\n"
                                        "changed tree/b/hard\nremoved tree/fifo\n";
    assert_ok(hal9_tree_diff(w->s, one, NULL, note_change, &seen, NULL));
    assert_string_equal(seen.words.data, expected);
    _cleanup_json_ cJSON *two = capture(w, "tree");
    hal9_buf_reset(&seen.words);
    assert_ok(hal9_tree_diff(w->s, one, two, note_change, &seen, NULL));
    assert_string_equal(seen.words.data, expected);
    hal9_buf_free(&seen.words);
}

static void test_many_folders(void **state) {
    struct world *w = *state;
    make_dir("many", 0755);
    for (int i = 0; i < 60; i++) {
        _cleanup_free_ char *dir = hal9_strf("many/%d", i);
        make_dir(dir, 0755);
        for (int k = 0; k < 5; k++) {
            _cleanup_free_ char *name = hal9_strf("%s/%d", dir, k), *text = hal9_strf("%d", i * k);
            file_put(name, text);
        }
    }
    _cleanup_json_ cJSON *one = capture(w, "many"), *two = capture(w, "many");
    assert_string_equal(tree_of(one), tree_of(two));
    assert_int_equal(hal9_json_int(one, "files", 0), 300);
    assert_tree("many", tree_of(one));
}

static void test_refused(void **state) {
    struct world *w = *state;
    _cleanup_json_ cJSON *j = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(hal9_tree_capture(w->s, "/", -1, &j, &err), HAL9_E_USAGE);
    assert_int_equal(hal9_tree_capture(w->s, hal9_state_path(w->s), -1, &j, &err), HAL9_E_USAGE);
    assert_says(err, "is the state directory itself");
    if (geteuid() != 0) {
        put_mode("secret", "x", 0);
        _cleanup_free_ char *path = file_path("secret");
        assert_int_equal(hal9_tree_capture(w->s, path, -1, &j, &err), HAL9_E_PERM);
    }
}

static void test_state_dir_left_out(void **state) {
    struct world *w = *state;
    _cleanup_json_ cJSON *one = NULL, *two = NULL;
    assert_ok(hal9_tree_capture(w->s, w->dir, -1, &one, NULL));
    assert_ok(hal9_tree_capture(w->s, w->dir, -1, &two, NULL));
    assert_string_equal(tree_of(one), tree_of(two));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, tree_setup, world_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_same_is_same), TEST(test_absent),        TEST(test_all_counts),
        TEST(test_racily_clean), TEST(test_damaged_cache), TEST(test_diff),
        TEST(test_many_folders), TEST(test_refused),       TEST(test_state_dir_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
