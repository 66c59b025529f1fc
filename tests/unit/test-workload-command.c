/* command.run: verified, skipped when it is so, taken back by its revert; a kill in the middle. */
#include "op-world.h"

#include "hal9ops/workload.h"

static const struct hal9_step_kind *const kinds_here[] = {&hal9_kind_command_run};
static const struct hal9_kinds table = {kinds_here, HAL9_ARRAY_LEN(kinds_here)};

static int setup(void **state) {
    if (world_setup(state) != 0)
        return -1;
    ((struct world *)*state)->env.kinds = &table;
    return 0;
}

struct commands {
    const char *apply, *verify, *revert;
};

static void shell(const char *text, struct hal9_strv *ret) {
    if (!text)
        return;
    hal9_strv_add(ret, "/bin/sh");
    hal9_strv_add(ret, "-c");
    hal9_strv_take(ret, hal9_strf("cd %s && %s", files_dir, text));
}

static hal9_status plan_command(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    const struct commands *c = data;
    _cleanup_strv_ struct hal9_strv apply = {0}, verify = {0}, revert = {0};
    (void)err;
    shell(c->apply, &apply);
    shell(c->verify, &verify);
    shell(c->revert, &revert);
    ret->title = hal9_strdup("command");
    hal9_plan_step(ret, "run", "command.run",
                   hal9_args_command("mark", &apply, &verify, &revert, NULL, 10000), NULL);
    return HAL9_OK;
}

static void test_there_and_back(void **state) {
    struct world *w = *state;
    struct commands c = {"echo x >>mark", "test -e mark", "rm mark"};
    _cleanup_result_ struct hal9_op_result res = {0}, again = {0}, undo = {0}, back = {0};
    assert_ok(hal9_op_run(&w->env, plan_command, &c, &res, NULL));
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_file("mark", "x\n");
    assert_ok(hal9_op_run(&w->env, plan_command, &c, &again, NULL));
    assert_true(again.nothing);
    assert_ok(hal9_op_undo(&w->env, res.id, &undo, NULL));
    assert_file("mark", NULL);
    assert_ok(hal9_op_undo(&w->env, undo.id, &back, NULL));
    assert_file("mark", "x\n");
}

static void test_failures(void **state) {
    struct world *w = *state;
    struct commands bad = {"echo no disk >&2; exit 3", "false", "true"},
                    lies = {"true", "test -e mark", "true"}, once = {"echo x >mark", NULL, NULL};
    _cleanup_result_ struct hal9_op_result res = {0}, lied = {0}, done = {0}, undo = {0};
    _cleanup_error_ struct hal9_error err = {0};
    assert_ok(hal9_op_run(&w->env, plan_command, &bad, &res, NULL));
    assert_says(res.error, "mark failed (exit 3): no disk");
    assert_ok(hal9_op_run(&w->env, plan_command, &lies, &lied, NULL));
    assert_says(lied.error, "its verify says that it is not so");
    assert_ok(hal9_op_run(&w->env, plan_command, &once, &done, NULL));
    assert_int_equal(done.state, HAL9_OP_DONE);
    assert_int_equal(hal9_op_undo(&w->env, done.id, &undo, &err), HAL9_E_UNSUPPORTED);
    assert_says(err, "no revert command");
}

/* ---- by what a state command prints ---- */

struct texts {
    const char *state, *apply, *revert, *wanted;
};

static cJSON *args_of(const struct texts *t) {
    _cleanup_strv_ struct hal9_strv apply = {0}, revert = {0}, state = {0};
    shell(t->apply, &apply);
    shell(t->revert, &revert);
    shell(t->state, &state);
    cJSON *args = hal9_args_command("schema", &apply, NULL, &revert, NULL, 10000);
    cJSON_AddItemToObject(args, "state", hal9_json_strv(&state));
    hal9_json_add_str(args, "wanted_state", t->wanted);
    return args;
}

static hal9_status plan_texts(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    (void)err;
    ret->title = hal9_strdup("schema");
    hal9_plan_step(ret, "run", "command.run", args_of(data), NULL);
    return HAL9_OK;
}

/* One that goes to any text is its own way back; told by the text that is wanted. */
static void test_text_there_and_back(void **state) {
    struct world *w = *state;
    struct texts t = {"cat mark", "echo $HAL9OPS_STATE >mark", NULL, "7"};
    _cleanup_result_ struct hal9_op_result res = {0}, again = {0}, undo = {0}, back = {0};
    file_put("mark", "3\n");
    assert_ok(hal9_op_run(&w->env, plan_texts, &t, &res, NULL));
    assert_file("mark", "7\n");
    assert_ok(hal9_op_run(&w->env, plan_texts, &t, &again, NULL));
    assert_true(again.nothing);
    assert_ok(hal9_op_undo(&w->env, res.id, &undo, NULL));
    assert_file("mark", "3\n");
    assert_ok(hal9_op_undo(&w->env, undo.id, &back, NULL));
    assert_file("mark", "7\n");
}

static void test_text_failures(void **state) {
    struct world *w = *state;
    struct texts lies = {"cat mark", "true", "true", "7"};
    struct texts dumb = {"echo no database >&2; exit 2", "true", "true", "7"};
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error err = {0}, gone = {0};
    file_put("mark", "3\n");
    assert_ok(hal9_op_run(&w->env, plan_texts, &lies, &res, NULL));
    assert_says(res.error, "its state is '3', not '7'");
    _cleanup_json_ cJSON *args = args_of(&dumb), *is = NULL;
    assert_int_equal(hal9_command_state(args, -1, &is, &err), HAL9_E_UNKNOWN);
    assert_says(err, "state of schema ended with 2: no database");
    cJSON_ReplaceItemInObjectCaseSensitive(args, "apply", cJSON_Parse("[\"/nowhere/x\"]"));
    assert_int_equal(hal9_command_check(args, "apply", &gone), HAL9_E_NOT_FOUND);
    assert_says(gone, "apply /nowhere/x does not exist");
}

#ifdef HAL9_TEST_HOOKS
/* With a verify a resume knows what became of it. */
static void test_killed(void **state) {
    struct world *w = *state;
    struct commands c = {"echo x >>mark", "test -e mark", "rm mark"};
    unsigned points = 0;
    for (unsigned n = 1; n < 200; n++) {
        _cleanup_free_ char *spec = hal9_strf("%u:KILL", n);
        _cleanup_result_ struct hal9_op_result res = {0};
        file_put("mark", NULL);
        pid_t pid = fork();
        if (pid == 0) {
            hal9_fault_setup(spec);
            hal9_op_run(&w->env, plan_command, &c, &res, NULL);
            _exit(9);
        }
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status))
            break;
        points++;
        _cleanup_strv_ struct hal9_strv open = {0};
        assert_ok(hal9_journal_list_open(w->s, &open, NULL));
        if (open.n > 0)
            assert_ok(hal9_op_resume(&w->env, open.v[0], &res, NULL));
        else
            assert_ok(hal9_op_run(&w->env, plan_command, &c, &res, NULL));
        assert_file("mark", "x\n"); /* once, not twice */
    }
    printf("# killed at %u points\n", points);
    assert_true(points > 10);
}
#endif

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, world_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_there_and_back), TEST(test_failures), TEST(test_text_there_and_back),
        TEST(test_text_failures),
#ifdef HAL9_TEST_HOOKS
        TEST(test_killed),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
