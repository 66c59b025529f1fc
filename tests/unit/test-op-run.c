/* The executor: what runs, in which order, what is skipped, what a failure keeps from running. */
#include "op-world.h"

static void steps_run_in_order_and_are_journaled(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    struct job job = JOB({"one", "file.set", SET_MARKED("a", "1", "1")},
                         {"three", "file.set", SET_MARKED("c", "3", "3"), "two"},
                         {"two", "file.set", SET_MARKED("b", "2", "2"), "one"}, );
    job.service = "web";
    run_job(w, &job, &res);
    assert_string_equal(touched_here, "123");
    assert_file("c", "3");
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_true(res.changed && !res.nothing && !res.resumable);
    assert_int_equal(res.done, 3);
    assert_int_equal(job.calls, 2); /* without locks, then under them */
    assert_ok(hal9_op_load(w->s, res.id, &o, NULL));
    assert_int_equal(o.state, HAL9_OP_DONE);
    assert_string_equal(o.by, "hal9-test");
    assert_string_equal(o.run, "run1");
    assert_string_equal(o.service, "web");
    assert_true(o.started_ms > 0 && o.ended_ms >= o.started_ms && o.changed);
    assert_int_equal(o.n_done, 3);
    assert_string_equal(o.steps[1].name, "three");
    assert_int_equal(o.steps[1].order, 3);
    assert_string_equal(o.steps[0].title, "set a");
    assert_string_equal(hal9_json_str(o.steps[1].after, "value"), "3");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(o.plan, "resources")), 4);
    assert_int_equal(open_operations(w), 0);
    assert_told(w, "plan of 3\none running\none done\ntwo running\ntwo done\n"
                   "three running\nthree done\nend done\n");
}

static void what_is_so_is_not_done_again(void **state) {
    struct world *w = *state;
    struct hal9_op_result res = {0};
    struct job job = JOB({"one", "file.set", SET("a", "1")}, {"two", "file.set", SET("b", "2")},
                         {"gate", "gate", SET("a", "1"), "one,two"}, );
    file_put("a", "1");
    run_job(w, &job, &res);
    assert_int_equal(res.skipped, 1);
    assert_int_equal(res.done, 2);
    assert_told(w, "one skipped\n");
    assert_not_told(w, "one running\n");
    hal9_op_result_clear(&res);
    run_job(w, &job, &res);
    assert_true(res.nothing && !res.changed);
    assert_string_equal(res.id, "");
    assert_int_equal(operations(w), 1);
    hal9_op_result_clear(&res);
}

static void an_empty_plan_is_nothing(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = {.n = 0};
    run_job(w, &job, &res);
    assert_true(res.nothing);
    assert_int_equal(job.calls, 1);
    assert_int_equal(operations(w), 0);
}

static void gates_alone_are_run(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"gate", "gate", SET_MARKED("a", "1", "g")}, );
    file_put("a", "1");
    run_job(w, &job, &res);
    assert_string_equal(touched_here, "g");
    assert_false(res.nothing);
    assert_false(res.changed);
    assert_int_equal(operations(w), 1);
}

static void a_failure_stops_what_comes_after(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"one", "file.set", SET("a", "1")}, {"gate", "gate", SET("a", "2"), "one"},
                         {"after", "file.set", SET("b", "1"), "gate"},
                         {"later", "file.set", SET("d", "1"), "after"},
                         {"beside", "file.set", SET("c", "1"), "one"}, );
    run_job(w, &job, &res);
    assert_int_equal(res.state, HAL9_OP_FAILED);
    assert_string_equal(res.failed_step, "gate");
    assert_string_equal(res.failed_kind, "gate");
    assert_int_equal(res.error.code, HAL9_E_FAILED);
    assert_string_equal(res.error.message, "the gate wants 2");
    assert_string_equal(hal9_json_str(res.detail, "found"), "1");
    assert_int_equal(res.not_run, 2);
    assert_file("b", NULL);
    assert_file("c", "1"); /* independent branches go on */
    assert_told(w, "gate failed\n");
    assert_told(w, "after not_run: step 'gate' failed\n");
    assert_told(w, "later not_run: step 'after' did not run\n");
    assert_told(w, "end failed\n");
    assert_int_equal(step_state_of(w, res.id, "gate"), HAL9_STEP_FAILED);
    assert_int_equal(step_state_of(w, res.id, "later"), HAL9_STEP_NOT_RUN);
}

static void a_warning_does_not(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"gate", "gate", SET("a", "2"), .warn = true},
                         {"after", "file.set", SET("b", "1"), "gate"}, );
    run_job(w, &job, &res);
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_int_equal(res.warned, 1);
    assert_null(res.failed_step);
    assert_file("b", "1");
    assert_int_equal(step_state_of(w, res.id, "gate"), HAL9_STEP_WARNED);
}

static const struct spec with_revert[] = {
    {"set", "file.set", SET("a", "1")},
    {"gate", "gate", SET("ok", "1"), "set"},
    {"revert", "file.set", SET("a", "0"), "gate", "gate"},
    {"regate", "gate", SET("a", "0"), "revert", "gate"},
    {"last", "file.set", SET("z", "1"), "gate,regate"},
};

static void a_revert_runs_on_failure(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = {.v = with_revert, .n = HAL9_ARRAY_LEN(with_revert)};
    run_job(w, &job, &res);
    assert_int_equal(res.state, HAL9_OP_FAILED);
    assert_string_equal(res.failed_step, "gate");
    assert_int_equal(res.done, 3);
    assert_int_equal(res.not_run, 1);
    assert_file("a", "0");
    assert_file("z", NULL);
}

/* A revert of a start and its gate: whichever fails, and the other need not have run. */
static void a_revert_runs_on_either_failure(void **state) {
    struct world *w = *state;
    for (int i = 0; i < 3; i++) {
        _cleanup_result_ struct hal9_op_result res = {0};
        struct job job =
            JOB({"start", "gate", i == 1 ? SET("a", "2") : SET("a", "1")},
                {"gate", "gate", i == 2 ? SET("a", "2") : SET("a", "1"), "start"},
                {"revert", "file.set", SET("b", "back"), "gate", "gate", .or_failed = "start"},
                {"again", "gate", SET("b", "back"), "revert", "gate", .or_failed = "start"},
                {"after", "file.set", SET("c", "1"), "gate"}, );
        forget(w);
        file_put("a", "1");
        file_put("b", NULL);
        file_put("c", NULL);
        run_job(w, &job, &res);
        assert_int_equal(res.state, i == 0 ? HAL9_OP_DONE : HAL9_OP_FAILED);
        assert_file("b", i == 0 ? NULL : "back");
        assert_file("c", i == 0 ? "1" : NULL);
        assert_int_equal(step_state_of(w, res.id, "revert"),
                         i == 0 ? HAL9_STEP_NOT_RUN : HAL9_STEP_DONE);
        assert_int_equal(step_state_of(w, res.id, "again"),
                         i == 0 ? HAL9_STEP_NOT_RUN : HAL9_STEP_DONE);
    }
}

/* What keeps both from running is no reason to revert anything. */
static void a_revert_of_neither_does_not_run(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job =
        JOB({"prove", "gate", SET("a", "2")}, {"start", "gate", SET("a", "1"), "prove"},
            {"gate", "gate", SET("a", "1"), "start"},
            {"revert", "file.set", SET("b", "back"), "gate", "gate", .or_failed = "start"}, );
    file_put("a", "1");
    run_job(w, &job, &res);
    assert_int_equal(res.state, HAL9_OP_FAILED);
    assert_file("b", NULL);
}

/* Told on the way, and under the locks again. */
static void a_held_service_is_left_alone(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct job job = JOB({"one", "file.set", SET("a", "1")}, );
    job.service = "web";
    assert_ok(hal9_hold_put(w->s, "web", hal9_now_ms() + 60000, "repair", NULL));
    assert_int_equal(hal9_op_run(&w->env, plan_job, &job, &res, &err), HAL9_E_REFUSED);
    assert_says(err, "web is held by ");
    assert_non_null(strstr(err.hint, "hal9-restart unhold web"));
    assert_file("a", NULL);
    assert_int_equal(operations(w), 0);
    bool held;
    assert_ok(hal9_hold_drop(w->s, "web", &held, NULL));
    run_job(w, &job, &res);
    assert_file("a", "1");
}

static void a_revert_does_not_run_on_success(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = {.v = with_revert, .n = HAL9_ARRAY_LEN(with_revert)};
    file_put("ok", "1");
    run_job(w, &job, &res);
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_int_equal(res.done, 3);
    assert_int_equal(res.not_run, 0);
    assert_file("a", "1");
    assert_file("z", "1");
    assert_not_told(w, "revert");
    assert_int_equal(step_state_of(w, res.id, "revert"), HAL9_STEP_NOT_RUN);
}

static void a_revert_of_what_was_not_reached_does_not_run(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job =
        JOB({"first", "gate", SET("no", "1")}, {"gate", "gate", SET("ok", "1"), "first"},
            {"revert", "file.set", SET("a", "0"), "gate", "gate"},
            {"last", "file.set", SET("z", "1"), "revert"}, );
    run_job(w, &job, &res);
    assert_int_equal(res.failed, 1);
    assert_file("a", NULL);
    assert_file("z", NULL);
}

static void a_step_that_can_not_be_done_fails(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"set", "file.set", SET("a/b", "1")}, );
    run_job(w, &job, &res);
    assert_int_equal(res.state, HAL9_OP_FAILED);
    assert_int_equal(res.error.code, HAL9_E_NOT_FOUND);
    assert_true(res.changed);
}

static void what_is_not_as_intended_afterwards_fails(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"set", "file.set", "{\"path\":\"a\",\"value\":\"1\",\"lie\":true}"}, );
    file_put("a", "0");
    run_job(w, &job, &res);
    assert_int_equal(res.state, HAL9_OP_FAILED);
    assert_says(res.error, "not as intended");
    const cJSON *now = cJSON_GetObjectItem(res.detail, "now");
    assert_string_equal(hal9_json_str(now, "value"), "0");
}

static void what_cannot_be_looked_at_fails(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"set", "file.set", "{\"path\":\"a\",\"value\":\"1\",\"blind\":true}"}, );
    run_job(w, &job, &res);
    assert_int_equal(res.state, HAL9_OP_FAILED);
    assert_false(res.changed);
    assert_string_equal(res.error.message, "the file can't be looked at");
    assert_int_equal(step_state_of(w, res.id, "set"), HAL9_STEP_FAILED);
}

static void independent_steps_run_at_once(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"a", "meet", "{\"n\":3}"}, {"b", "meet", "{\"n\":3}"},
                         {"c", "meet", "{\"n\":3}"}, {"d", "file.set", SET("d", "1"), "a,b,c"}, );
    barrier.arrived = 0;
    run_job(w, &job, &res);
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_file("d", "1");
}

static void no_more_at_once_than_told(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"a", "file.set", SET_MARKED("a", "1", "a")},
                         {"b", "file.set", SET_MARKED("b", "1", "b")},
                         {"c", "file.set", SET_MARKED("c", "1", "c")}, );
    w->env.parallel = 1;
    run_job(w, &job, &res);
    assert_string_equal(touched_here, "abc"); /* one by one, as the plan has them */
}

static void plans_that_make_no_graph_are_refused(void **state) {
    struct world *w = *state;
    static const struct {
        struct spec v[2];
        const char *says;
    } bad[] = {
        {{{"a", "idle", NULL, "b"}, {"b", "idle", NULL, "a"}}, "in a ring"},
        {{{"a", "idle"}, {"a", "idle"}}, "two steps named 'a'"},
        {{{"a", "idle", NULL, "c"}, {"b", "idle"}}, "'c', which is not in the plan"},
        {{{"a", "idle"}, {"b", "idle", NULL, NULL, "b"}}, "'b', which is itself"},
        {{{"a", "idle"}, {"b", "teleport"}}, "of kind teleport, which this build doesn't know"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        _cleanup_result_ struct hal9_op_result res = {0};
        struct job job = {.v = bad[i].v, .n = 2};
        assert_int_not_equal(hal9_op_run(&w->env, plan_job, &job, &res, &err), HAL9_OK);
        assert_says(err, bad[i].says);
    }
    assert_int_equal(operations(w), 0);
}

static void names_of_states(void **state) {
    (void)state;
    assert_string_equal(hal9_step_state_name(HAL9_STEP_NOT_RUN), "not_run");
    assert_string_equal(hal9_op_state_name(HAL9_OP_SUPERSEDED), "superseded");
    assert_ptr_equal(hal9_kind_find(&test_kinds, "gate"), &kind_gate);
    assert_null(hal9_kind_find(&test_kinds, "gat"));
    assert_null(hal9_kind_find(&test_kinds, NULL));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(steps_run_in_order_and_are_journaled),
        TEST(what_is_so_is_not_done_again),
        TEST(an_empty_plan_is_nothing),
        TEST(gates_alone_are_run),
        TEST(a_failure_stops_what_comes_after),
        TEST(a_warning_does_not),
        TEST(a_revert_runs_on_either_failure),
        TEST(a_revert_of_neither_does_not_run),
        TEST(a_held_service_is_left_alone),
        TEST(a_revert_runs_on_failure),
        TEST(a_revert_does_not_run_on_success),
        TEST(a_revert_of_what_was_not_reached_does_not_run),
        TEST(a_step_that_can_not_be_done_fails),
        TEST(what_is_not_as_intended_afterwards_fails),
        TEST(what_cannot_be_looked_at_fails),
        TEST(independent_steps_run_at_once),
        TEST(no_more_at_once_than_told),
        TEST(plans_that_make_no_graph_are_refused),
        cmocka_unit_test(names_of_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
