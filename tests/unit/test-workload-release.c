/* release.switch: atomic, refused where it must be, taken back; a kill at any point leaves the old link or the new one. */
#include "op-world.h"

#include "hal9ops/workload.h"

static const struct hal9_step_kind *const kinds_here[] = {&hal9_kind_release_switch};
static const struct hal9_kinds table = {kinds_here, HAL9_ARRAY_LEN(kinds_here)};

static int setup(void **state) {
    if (world_setup(state) != 0)
        return -1;
    struct world *w = *state;
    w->env.kinds = &table;
    for (int i = 1; i <= 3; i++) {
        _cleanup_free_ char *dir = hal9_strf("%s/releases/%d", files_dir, i);
        struct timespec times[2] = {{1000 + i, 0}, {1000 + i, 0}};
        if (hal9_dir_make(dir, 0755, NULL) != HAL9_OK || utimensat(AT_FDCWD, dir, times, 0) < 0)
            return -1;
    }
    _cleanup_free_ char *link = file_path("current");
    return symlink("releases/1", link);
}

static const char *wanted;  /* of the plan */
static bool checked = true; /* the planner looks first */
static hal9_status plan_switch(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    _cleanup_free_ char *link = file_path("current");
    hal9_status st = checked ? hal9_release_check(link, wanted, err) : HAL9_OK;
    (void)data;
    if (st != HAL9_OK)
        return st;
    ret->title = hal9_strdup("switch");
    hal9_plan_step(ret, "switch", "release.switch", hal9_args_release(link, wanted), NULL);
    return HAL9_OK;
}

static void assert_link(const char *target) {
    _cleanup_free_ char *link = file_path("current");
    _cleanup_free_ char *now = NULL;
    assert_ok(hal9_release_target(link, &now, NULL));
    if (target)
        assert_string_equal(now ? now : "(none)", target);
    else
        assert_null(now);
}

static hal9_status switch_to(struct world *w, const char *target, struct hal9_op_result *res,
                             struct hal9_error *err) {
    wanted = target;
    return hal9_op_run(&w->env, plan_switch, NULL, res, err);
}

static void test_there_and_back(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0}, again = {0}, undo = {0};
    assert_ok(switch_to(w, "releases/2", &res, NULL));
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_link("releases/2");
    assert_ok(switch_to(w, "releases/2", &again, NULL));
    assert_true(again.nothing);
    assert_ok(hal9_op_undo(&w->env, res.id, &undo, NULL));
    assert_link("releases/1");
}

static void test_no_link_before(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0}, undo = {0};
    file_put("current", NULL);
    assert_ok(switch_to(w, "releases/2", &res, NULL));
    assert_link("releases/2");
    assert_ok(hal9_op_undo(&w->env, res.id, &undo, NULL));
    assert_link(NULL);
}

static void test_refused(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(switch_to(w, "releases/9", &res, &err), HAL9_E_REFUSED);
    assert_says(err, "releases/9 is not there");
    assert_link("releases/1");
    file_put("current", NULL);
    _cleanup_free_ char *link = file_path("current");
    assert_int_equal(mkdir(link, 0755), 0);
    assert_int_equal(switch_to(w, "releases/2", &res, &err), HAL9_E_REFUSED);
    assert_says(err, "is a folder, not a symlink");
    assert_int_equal(rmdir(link), 0);
    file_put("current", "text");
    assert_int_equal(switch_to(w, "releases/2", &res, &err), HAL9_E_REFUSED);
    assert_says(err, "is a file, not a symlink");
    assert_file("current", "text");
    assert_int_equal(operations(w), 0);
    checked = false; /* the step itself says no, too */
    assert_ok(switch_to(w, "releases/2", &res, &err));
    checked = true;
    assert_int_equal(res.state, HAL9_OP_FAILED);
    assert_file("current", "text");
}

static void test_drift(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0}, undo = {0};
    _cleanup_error_ struct hal9_error err = {0};
    assert_ok(switch_to(w, "releases/2", &res, NULL));
    file_put("current", NULL);
    _cleanup_free_ char *link = file_path("current");
    assert_int_equal(symlink("releases/3", link), 0);
    assert_int_equal(hal9_op_undo(&w->env, res.id, &undo, &err), HAL9_E_DRIFT);
    assert_link("releases/3");
}

static void test_list(void **state) {
    (void)state;
    _cleanup_free_ char *link = file_path("current");
    _cleanup_strv_ struct hal9_strv all = {0};
    assert_ok(hal9_release_list(link, &all, NULL));
    _cleanup_free_ char *text = hal9_strv_join(&all, " ");
    assert_string_equal(text, "releases/3 releases/2 releases/1");
}

#ifdef HAL9_TEST_HOOKS
/* Each point once: the link is the old one or the new one, and after resume the new one. */
static void sweep(struct world *w, const char *outcome, bool kill) {
    unsigned points = 0;
    for (unsigned n = 1; n < 400; n++) {
        _cleanup_free_ char *spec = hal9_strf("%u:%s", n, outcome);
        _cleanup_result_ struct hal9_op_result res = {0};
        _cleanup_free_ char *link = file_path("current"), *now = NULL;
        unlink(link);
        assert_int_equal(symlink("releases/1", link), 0);
        pid_t pid = fork();
        if (pid == 0) {
            hal9_fault_setup(spec);
            hal9_status st = switch_to(w, "releases/2", &res, NULL);
            bool reached = hal9_fault_count() >= n;
            _exit(!reached ? 9 : st == HAL9_OK && res.state == HAL9_OP_DONE ? 0 : 1);
        }
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 9)
            break;
        points++;
        assert_int_equal(WIFSIGNALED(status), kill);
        assert_ok(hal9_release_target(link, &now, NULL));
        assert_true(hal9_streq(now, "releases/1") || hal9_streq(now, "releases/2"));
        assert_ok(switch_to(w, "releases/2", &res, NULL)); /* supersedes what was left */
        assert_link("releases/2");
        _cleanup_free_ char *temp = file_path(".current.hal9-new");
        if (now && hal9_streq(now, "releases/1"))
            assert_int_equal(access(temp, F_OK), -1);
    }
    printf("# %u points with %s\n", points, outcome);
    assert_true(points > 5 && points < 399);
}
static void test_kills(void **state) {
    sweep(*state, "KILL", true);
}
static void test_full_disk(void **state) {
    sweep(*state, "ENOSPC", false);
}
#endif

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, world_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_there_and_back), TEST(test_no_link_before), TEST(test_refused),
        TEST(test_drift),          TEST(test_list),
#ifdef HAL9_TEST_HOOKS
        TEST(test_kills),          TEST(test_full_disk),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
