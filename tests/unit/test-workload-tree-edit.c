/* Trees that never were: disturbed for a rehearsal, or as this user may make them; made real by files.restore, and taken back. */
#include "tree-world.h"

struct seen {
    struct hal9_buf words;
    size_t kinds[4];
};

static int note_change(void *data, const struct hal9_tree_change *c) {
    struct seen *s = data;
    s->kinds[c->kind]++;
    hal9_buf_printf(&s->words, "%s %s\n", hal9_tree_kind_name(c->kind),
                    c->path + strlen(files_dir) + 1);
    return 0;
}

/* Disturbs it in the world, says what differs, and restores it. */
static void disturb(struct world *w, const char *name, const char *expected) {
    struct seen seen = {{0}, {0}};
    _cleanup_json_ cJSON *before = capture(w, name);
    _cleanup_free_ char *words = NULL;
    char tree[65];
    assert_ok(hal9_tree_disturb(w->s, before, tree, &words, NULL));
    assert_string_not_equal(tree, tree_of(before));
    assert_tree(name, tree_of(before)); /* nothing but the store was written */
    assert_restored(w, name, tree);
    assert_ok(hal9_tree_diff(w->s, before, NULL, note_change, &seen, NULL));
    hal9_buf_puts(&seen.words, "");
    assert_string_equal(seen.words.data, expected);
    assert_true(*words);
    assert_restored(w, name, tree_of(before));
    hal9_buf_free(&seen.words);
}

static void test_folder(void **state) {
    struct world *w = *state;
    make_tree();
    disturb(w, "tree",
            "changed tree/-odd \n name\\\nmeta tree/b/deep/none\nremoved tree/b/run\n"
            "added tree/hal9-rehearsal\n");
}

static void test_few_files(void **state) {
    struct world *w = *state;
    make_dir("one", 0755);
    file_put("one/z", "z");
    disturb(w, "one", "added one/hal9-rehearsal\nchanged one/z\n");
    file_put("one/a", "a");
    disturb(w, "one", "changed one/a\nadded one/hal9-rehearsal\nremoved one/z\n");
    make_dir("none", 0700);
    disturb(w, "none", "added none/hal9-rehearsal\n");
    /* one that is there already isn't added */
    file_put("none/hal9-rehearsal", "x");
    disturb(w, "none", "changed none/hal9-rehearsal\n");
}

static void test_single(void **state) {
    struct world *w = *state;
    _cleanup_free_ char *link = file_path("link");
    file_put("file", "text");
    disturb(w, "file", "changed file\n");
    disturb(w, "absent", "added absent\n");
    assert_int_equal(symlink("file", link), 0);
    disturb(w, "link", "changed link\n");
}

/* A mode that another had: nobody else gets more than he had. */
static void test_opens_nothing(void **state) {
    struct world *w = *state;
    struct stat st;
    _cleanup_free_ char *path = file_path("secret"), *words = NULL;
    char tree[65];
    put_mode("secret", "x", 0600);
    _cleanup_json_ cJSON *before = capture(w, "secret");
    assert_ok(hal9_tree_disturb(w->s, before, tree, &words, NULL));
    assert_restored(w, "secret", tree);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

static void test_own(void **state) {
    struct world *w = *state;
    struct stat st;
    make_tree();
    _cleanup_json_ cJSON *before = capture(w, "tree");
    _cleanup_free_ char *run = file_path("copy/b/run"), *hard = file_path("copy/b/hard");
    char tree[65];
    assert_ok(hal9_tree_own(w->s, before, tree, NULL));
    assert_restored(w, "copy", tree);
    assert_int_equal(stat(run, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755); /* not set-user-id any more */
    assert_int_equal(st.st_uid, geteuid());
    assert_int_equal(stat(hard, &st), 0);
    assert_int_equal(st.st_nlink, 2);
    assert_int_equal(getxattr(hard, "user.hal9", NULL, 0), -1);
    /* what is this user's anyway is the same again */
    _cleanup_json_ cJSON *copy = capture(w, "copy");
    char again[65];
    assert_ok(hal9_tree_own(w->s, copy, again, NULL));
    assert_string_equal(again, tree);
}

static void test_missing(void **state) {
    struct world *w = *state;
    _cleanup_json_ cJSON *bad = cJSON_CreateObject();
    _cleanup_free_ char *words = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    char tree[65];
    assert_int_equal(hal9_tree_disturb(w->s, bad, tree, &words, &err), HAL9_E_CORRUPT);
    /* a tree whose contents are not kept */
    file_put("file", "text");
    _cleanup_json_ cJSON *unkept = capture(NULL, "file");
    assert_int_not_equal(hal9_tree_disturb(w->s, unkept, tree, &words, NULL), HAL9_OK);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, tree_setup, world_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_folder),        TEST(test_few_files), TEST(test_single),
        TEST(test_opens_nothing), TEST(test_own),       TEST(test_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
