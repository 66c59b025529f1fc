/* files.restore: back to the capture, and back again; killed at any moment; what others changed since is told. */
#include "tree-world.h"

/* Changes of every kind. */
static void spoil(void) {
    _cleanup_free_ char *link = file_path("tree/link"), *fifo = file_path("tree/fifo"),
                        *run = file_path("tree/b/run"), *b = file_path("tree/b"),
                        *empty = file_path("tree/empty");
    file_put("tree/a.txt", "spoiled\n"); /* and tree/b/hard */
    file_put("tree/new", "new");
    assert_int_equal(unlink(link), 0);
    file_put("tree/link", "a file where a link was");
    assert_int_equal(unlink(fifo), 0);
    assert_int_equal(unlink(run), 0);
    make_dir("tree/b/run", 0700);
    file_put("tree/b/run/in", "in");
    assert_int_equal(chmod(b, 0700), 0);
    assert_int_equal(rmdir(empty), 0);
    file_put("tree/empty", "a file where a folder was");
}

static void test_there_and_back(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0}, again = {0}, undo = {0};
    make_tree();
    _cleanup_json_ cJSON *good = capture(w, "tree");
    spoil();
    _cleanup_json_ cJSON *bad = capture(NULL, "tree");
    assert_ok(restore(w, "tree", tree_of(good), &res, NULL));
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_tree("tree", tree_of(good));
    assert_ok(restore(w, "tree", tree_of(good), &again, NULL));
    assert_true(again.nothing);
    assert_ok(hal9_op_undo(&w->env, res.id, &undo, NULL));
    assert_tree("tree", tree_of(bad));
}

static void test_all_gone(void **state) {
    struct world *w = *state;
    make_tree();
    _cleanup_json_ cJSON *good = capture(w, "tree"), *none = NULL;
    _cleanup_free_ char *tree = file_path("tree");
    world_remove(tree);
    none = capture(w, "tree");
    assert_restored(w, "tree", tree_of(good));
    assert_restored(w, "tree", tree_of(none)); /* and absent again */
    assert_int_equal(access(tree, F_OK), -1);
}

static void test_untouched_stays(void **state) {
    struct world *w = *state;
    struct stat before, after;
    make_tree();
    _cleanup_json_ cJSON *good = capture(w, "tree");
    _cleanup_free_ char *run = file_path("tree/b/run");
    assert_int_equal(stat(run, &before), 0);
    file_put("tree/new", "x");
    assert_restored(w, "tree", tree_of(good));
    assert_int_equal(stat(run, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_ctim.tv_nsec, after.st_ctim.tv_nsec);
}

static void test_hard_links(void **state) {
    struct world *w = *state;
    struct stat a, b;
    make_tree();
    _cleanup_json_ cJSON *good = capture(w, "tree");
    _cleanup_free_ char *one = file_path("tree/a.txt"), *two = file_path("tree/b/hard");
    assert_int_equal(unlink(two), 0);
    file_put("tree/b/hard", "another");
    assert_restored(w, "tree", tree_of(good));
    assert_int_equal(stat(one, &a) | stat(two, &b), 0);
    assert_int_equal(a.st_ino, b.st_ino);
    assert_file("tree/b/hard", "one\ntwo\nthree\n");
}

/* A folder that is a symlink by now leads outside: nothing is written there. */
static void test_symlink_swapped_in(void **state) {
    struct world *w = *state;
    make_tree();
    _cleanup_json_ cJSON *good = capture(w, "tree");
    make_dir("outside", 0755);
    make_dir("outside/deep", 0755);
    _cleanup_free_ char *b = file_path("tree/b"), *outside = file_path("outside");
    world_remove(b);
    assert_int_equal(symlink(outside, b), 0);
    assert_restored(w, "tree", tree_of(good)); /* the link goes, the folder comes */
    assert_file("outside/deep/none", NULL);
    assert_file("outside/run", NULL);
}

/* Swapped in between plan and act, above what is restored: refused, and nothing goes through it. */
static hal9_status plan_then_swap(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    _cleanup_free_ char *b = file_path("tree/b"), *outside = file_path("outside");
    (void)err;
    ret->title = hal9_strdup("restore");
    hal9_plan_step(ret, "restore", "files.restore", cJSON_Duplicate(data, true), NULL);
    world_remove(b);
    unlink(b);
    assert_int_equal(symlink(outside, b), 0);
    return HAL9_OK;
}

static void test_symlink_above(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    make_tree();
    make_dir("outside", 0755);
    _cleanup_json_ cJSON *good = capture(w, "tree/b/run");
    file_put("tree/b/run", "spoiled");
    _cleanup_free_ char *path = file_path("tree/b/run");
    _cleanup_json_ cJSON *args = hal9_args_files(path, tree_of(good));
    assert_ok(hal9_op_run(&w->env, plan_then_swap, args, &res, NULL));
    assert_int_equal(res.state, HAL9_OP_FAILED);
    assert_int_equal(res.error.code, HAL9_E_DRIFT);
    assert_says(res.error, "tree/b was a folder, and is a symlink");
    assert_file("outside/run", NULL);
}

static void test_drift_in_undo(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0}, undo = {0}, forced = {0};
    _cleanup_error_ struct hal9_error err = {0};
    make_tree();
    _cleanup_json_ cJSON *good = capture(w, "tree");
    file_put("tree/a.txt", "bad");
    assert_ok(restore(w, "tree", tree_of(good), &res, NULL));
    file_put("tree/a.txt", "by hand");
    assert_int_equal(hal9_op_undo(&w->env, res.id, &undo, &err), HAL9_E_DRIFT);
    assert_file("tree/a.txt", "by hand");
    hal9_strv_add(&w->force, "drift");
    assert_ok(hal9_op_undo(&w->env, res.id, &forced, NULL));
    assert_file("tree/a.txt", "bad");
}

/* A content that is damaged is told before anything is touched. */
static void test_damaged_content(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_strv_ struct hal9_strv names = {0};
    struct hal9_packs *packs;
    make_tree();
    _cleanup_json_ cJSON *good = capture(w, "tree");
    spoil();
    _cleanup_json_ cJSON *bad = capture(NULL, "tree");
    assert_ok(hal9_packs_open(w->s, &packs, NULL));
    hal9_packs_names(packs, &names);
    hal9_packs_close(packs);
    _cleanup_free_ char *path = hal9_strf("%s/packs/%s", hal9_state_path(w->s), names.v[0]);
    _cleanup_buf_ struct hal9_buf bytes = {0};
    assert_ok(hal9_file_read(path, 1 << 20, &bytes, NULL));
    char *at = memmem(bytes.data, bytes.len, "one\ntwo", 7);
    assert_non_null(at);
    at[1] ^= 1;
    assert_ok(hal9_file_write(path, bytes.data, bytes.len, 0600, NULL));
    assert_ok(restore(w, "tree", tree_of(good), &res, NULL));
    assert_int_equal(res.state, HAL9_OP_FAILED);
    assert_int_equal(res.error.code, HAL9_E_CORRUPT);
    assert_tree("tree", tree_of(bad));
}

#ifdef HAL9_TEST_HOOKS
static void start_bad(struct world *w) {
    _cleanup_free_ char *tree = file_path("tree");
    (void)w;
    world_remove(tree);
    make_tree();
    spoil();
}

/* Runs the restore in a child with this fault. 9: the point was not reached; 128 + signal; 0 it ended well; 1 it did not. */
static int run_with(struct world *w, const char *spec, unsigned n, const char *tree) {
    pid_t pid = fork();
    if (pid == 0) {
        _cleanup_result_ struct hal9_op_result res = {0};
        hal9_fault_setup(spec);
        hal9_status st = restore(w, "tree", tree, &res, NULL);
        _exit(hal9_fault_count() < n ? 9 : st == HAL9_OK && res.state == HAL9_OP_DONE ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The files that a reader sees are old or new ones, never half of one. */
static void assert_no_halves(void) {
    static const char *const names[] = {"tree/a.txt", "tree/b/hard"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(names); i++) {
        _cleanup_free_ char *text = file_get(names[i]);
        if (text && strcmp(text, "spoiled\n") != 0 && strcmp(text, "one\ntwo\nthree\n") != 0)
            fail_msg("%s is half: '%s'", names[i], text);
    }
}

/* At each point: killed, then resumed, it ends as the capture; undone, as it was before. */
static void test_kills(void **state) {
    struct world *w = *state;
    unsigned points = 0;
    make_tree();
    _cleanup_json_ cJSON *good = capture(w, "tree");
    start_bad(w);
    _cleanup_json_ cJSON *bad = capture(NULL, "tree");
    for (unsigned n = 1; n < 1000; n++) {
        _cleanup_free_ char *spec = hal9_strf("%u:KILL", n);
        start_bad(w);
        _cleanup_json_ cJSON *bad_now = capture(NULL, "tree");
        int end = run_with(w, spec, n, tree_of(good));
        if (end == 9)
            break;
        points++;
        assert_int_equal(end, 128 + SIGKILL);
        assert_no_halves();
        _cleanup_strv_ struct hal9_strv open = {0};
        assert_ok(hal9_journal_list_open(w->s, &open, NULL));
        if (open.n == 0) { /* before it began, or after its end */
            assert_restored(w, "tree", tree_of(good));
            continue;
        }
        _cleanup_result_ struct hal9_op_result res = {0}, undo = {0};
        _cleanup_error_ struct hal9_error err = {0};
        if (n % 2 == 0) {
            if (hal9_op_resume(&w->env, open.v[0], &res, &err) != HAL9_OK)
                fail_msg("point %u: %s", n, err.message);
            assert_int_equal(res.state, HAL9_OP_DONE);
            assert_tree("tree", tree_of(good));
        }
        if (hal9_op_undo(&w->env, open.v[0], &undo, &err) != HAL9_OK)
            fail_msg("point %u, undo: %s", n, err.message);
        assert_tree("tree", tree_of(bad_now));
    }
    printf("# killed at %u points\n", points);
    assert_true(points > 60 && points < 999);
}

static void test_full_disk(void **state) {
    struct world *w = *state;
    unsigned points = 0, survived = 0;
    make_tree();
    _cleanup_json_ cJSON *good = capture(w, "tree");
    for (unsigned n = 1; n < 1000; n++) {
        _cleanup_free_ char *spec = hal9_strf("%u:ENOSPC", n);
        start_bad(w);
        int end = run_with(w, spec, n, tree_of(good));
        if (end == 9)
            break;
        points++;
        survived += end == 0;
        assert_no_halves();
        assert_true(end == 0 || end == 1);
        assert_restored(w, "tree", tree_of(good));
    }
    printf("# no space at %u points, %u of them did no harm\n", points, survived);
    assert_true(points > 60 && points < 999);
}

/* By hand in the middle: told at resume, and kept; overwritten only when forced. */
static void test_drift_in_resume(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0}, forced = {0};
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_strv_ struct hal9_strv open = {0};
    make_tree();
    _cleanup_json_ cJSON *good = capture(w, "tree");
    start_bad(w);
    assert_int_equal(run_with(w, "rename:4:KILL", 1, tree_of(good)), 128 + SIGKILL);
    file_put("tree/new", "by hand");
    assert_ok(hal9_journal_list_open(w->s, &open, NULL));
    assert_int_equal(open.n, 1);
    assert_int_equal(hal9_op_resume(&w->env, open.v[0], &res, &err), HAL9_E_DRIFT);
    assert_file("tree/new", "by hand");
    hal9_strv_add(&w->force, "drift");
    assert_ok(hal9_op_resume(&w->env, open.v[0], &forced, NULL));
    assert_int_equal(forced.state, HAL9_OP_DONE);
    assert_tree("tree", tree_of(good));
}
#endif

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, tree_setup, world_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_there_and_back), TEST(test_all_gone),           TEST(test_untouched_stays),
        TEST(test_hard_links),     TEST(test_symlink_swapped_in), TEST(test_drift_in_undo),
        TEST(test_symlink_above),  TEST(test_damaged_content),
#ifdef HAL9_TEST_HOOKS
        TEST(test_kills),          TEST(test_full_disk),          TEST(test_drift_in_resume),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
