/* Ways that are left where a gate fails, gates that can't tell, and what others changed since the plan was made. */
#include "op-world.h"

/* Two stops, each with a gate, then the rest: a failed gate leaves out the further stops. */
static const struct spec stops[] = {
    {"stop-1", "file.set", SET_MARKED("w", "1", "1")},
    {"gate-1", "gate", SET("health", "ok"), "stop-1", .warn = true},
    {"stop-2", "file.set", SET_MARKED("w", "2", "2"), "gate-1", .unless_failed = "gate-1"},
    {"gate-2", "gate", SET("health", "ok"), "stop-2", .warn = true, .unless_failed = "stop-2"},
    {"off", "file.set", SET_MARKED("w", "0", "o"), "gate-2"},
    {"rest", "file.set", SET_MARKED("f", "1", "r"), "off"},
};

static void all_stops_are_made_while_the_gates_pass(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = {.v = stops, .n = HAL9_ARRAY_LEN(stops)};
    file_put("health", "ok");
    run_job(w, &job, &res);
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_int_equal(res.done, 6);
    assert_string_equal(touched_here, "12or");
}

static void a_failed_gate_leaves_out_the_further_stops(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = {.v = stops, .n = HAL9_ARRAY_LEN(stops)};
    file_put("health", "bad");
    run_job(w, &job, &res);
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_string_equal(touched_here, "1or");
    assert_int_equal(res.warned, 1);
    assert_int_equal(res.not_run, 0);
    assert_told(w, "stop-2 not_run: left out: step 'gate-1' failed\n");
    assert_told(w, "gate-2 not_run: left out: step 'gate-1' failed\n");
    assert_int_equal(step_state_of(w, res.id, "stop-2"), HAL9_STEP_NOT_RUN);
}

/* Killed after the gate had failed: what is left out is read off the journal again. */
static void a_resume_leaves_out_the_same(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    char id[HAL9_ID_LEN + 1];
    struct spec deadly[HAL9_ARRAY_LEN(stops)];
    memcpy(deadly, stops, sizeof(stops));
    deadly[4].args = "{\"path\":\"w\",\"value\":\"0\",\"die\":true,\"mark\":\"o\"}";
    struct job job = {.v = deadly, .n = HAL9_ARRAY_LEN(deadly)};
    file_put("health", "bad");
    run_and_die(w, &job);
    newest(w, id);
    /* "die" stands in the journal: the world is as intended when it is looked at again */
    file_put("w", "0");
    assert_ok(hal9_op_resume(&w->env, id, &res, NULL));
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_string_equal(touched_here, "r");
    assert_int_equal(step_state_of(w, id, "stop-2"), HAL9_STEP_NOT_RUN);
    assert_file("w", "0");
}

static void a_gate_that_cannot_tell_holds(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0}, again = {0}, third = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct job job = JOB({"one", "file.set", SET("a", "1")},
                         {"gate", "ask", SET("health", "ok"), "one", .warn = true},
                         {"two", "file.set", SET("b", "1"), "gate"}, );
    assert_int_equal(hal9_op_run(&w->env, plan_job, &job, &res, &err), HAL9_E_UNKNOWN);
    assert_true(res.resumable);
    assert_int_equal(res.state, HAL9_OP_OPEN);
    assert_string_equal(res.failed_step, "gate");
    assert_string_equal(err.message, "nobody answers");
    assert_non_null(strstr(err.hint, res.id));
    assert_told(w, "gate pending\n");
    assert_file("b", NULL);
    hal9_error_clear(&err);
    assert_int_equal(hal9_op_resume(&w->env, res.id, &again, &err), HAL9_E_UNKNOWN);
    file_put("health", "ok");
    assert_ok(hal9_op_resume(&w->env, res.id, &third, NULL));
    assert_int_equal(third.state, HAL9_OP_DONE);
    assert_file("b", "1");
}

#define VALUE(v) "{\"value\":\"" v "\"}"

static const struct spec guarded[] = {
    {"one", "file.set", SET("a", "1"), .expect = VALUE("0")},
    {"two", "file.set", SET("b", "1"), "one", .expect = VALUE("0")},
    {"three", "file.set", SET("a", "2"), "two", .expect = VALUE("0")},
};

static void what_the_operation_did_itself_is_no_drift(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = {.v = guarded, .n = HAL9_ARRAY_LEN(guarded)};
    file_put("a", "0");
    file_put("b", "0");
    run_job(w, &job, &res);
    assert_int_equal(res.done, 3);
    assert_file("a", "2");
}

static void what_others_changed_is_not_overwritten(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0}, again = {0}, forced = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct job job = {.v = guarded, .n = HAL9_ARRAY_LEN(guarded)};
    file_put("a", "0");
    file_put("b", "by hand");
    assert_int_equal(hal9_op_run(&w->env, plan_job, &job, &res, &err), HAL9_E_DRIFT);
    assert_true(res.resumable);
    assert_file("a", "1");
    assert_file("b", "by hand");
    assert_string_equal(res.failed_step, "two");
    assert_non_null(strstr(err.message, "value is \"by hand\", was \"0\""));
    assert_string_equal(hal9_json_str(cJSON_GetObjectItemCaseSensitive(res.detail, "now"), "value"),
                        "by hand");
    hal9_error_clear(&err);
    assert_int_equal(hal9_op_resume(&w->env, res.id, &again, &err), HAL9_E_DRIFT);
    hal9_strv_add(&w->force, "drift");
    assert_ok(hal9_op_resume(&w->env, res.id, &forced, NULL));
    assert_int_equal(forced.state, HAL9_OP_DONE);
    assert_file("b", "1");
    assert_file("a", "2");
}

/* The value that an earlier step of the operation left is what a later one must find. */
static void a_change_between_two_steps_is_found(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct spec by_hand[HAL9_ARRAY_LEN(guarded)];
    memcpy(by_hand, guarded, sizeof(guarded));
    by_hand[1].args = SET("a", "by hand"); /* plays the other */
    by_hand[1].kind = "file.quiet";
    by_hand[1].expect = NULL;
    struct job job = {.v = by_hand, .n = HAL9_ARRAY_LEN(by_hand)};
    file_put("a", "0");
    assert_int_equal(hal9_op_run(&w->env, plan_job, &job, &res, &err), HAL9_E_DRIFT);
    assert_non_null(strstr(err.message, "value is \"by hand\", was \"1\""));
}

static void what_is_as_intended_already_is_no_drift(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = {.v = guarded, .n = HAL9_ARRAY_LEN(guarded)};
    file_put("a", "0");
    file_put("b", "1");
    run_job(w, &job, &res);
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_int_equal(step_state_of(w, res.id, "two"), HAL9_STEP_SKIPPED);
}

/* Without words of the planner it is what is there under the locks. */
static void the_executor_looks_by_itself(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0}, again = {0}, drift = {0};
    _cleanup_error_ struct hal9_error err = {0};
    const struct spec v[] = {
        {"gate", "ask", SET("health", "ok")},
        {"two", "file.set", SET("b", "1"), "gate", .expect = ""},
    };
    struct job job = {.v = v, .n = HAL9_ARRAY_LEN(v)};
    file_put("b", "0");
    assert_int_equal(hal9_op_run(&w->env, plan_job, &job, &res, &err), HAL9_E_UNKNOWN);
    file_put("health", "ok");
    file_put("b", "by hand");
    hal9_error_clear(&err);
    assert_int_equal(hal9_op_resume(&w->env, res.id, &drift, &err), HAL9_E_DRIFT);
    file_put("b", "0");
    assert_ok(hal9_op_resume(&w->env, res.id, &again, NULL));
    assert_file("b", "1");
}

#define AWAY(path, value) "{\"path\":\"" path "\",\"value\":\"" value "\",\"away\":\"away\"}"

/* A peer that has gone in the middle: nothing has failed, somebody must bring it back. */
static void a_guarded_step_waits_for_its_peer(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0}, again = {0}, lied = {0};
    _cleanup_error_ struct hal9_error err = {0};
    const struct spec v[] = {
        {"one", "file.quiet", SET("away", "yes")},
        {"two", "file.set", AWAY("b", "1"), "one", .expect = ""},
    };
    struct job job = {.v = v, .n = HAL9_ARRAY_LEN(v)};
    assert_int_equal(hal9_op_run(&w->env, plan_job, &job, &res, &err), HAL9_E_IO);
    assert_says(err, "it is away");
    assert_true(res.resumable);
    assert_string_equal(res.failed_step, "two");
    assert_non_null(strstr(err.hint, res.id));
    file_put("away", NULL);
    assert_ok(hal9_op_resume(&w->env, res.id, &again, NULL));
    assert_int_equal(again.state, HAL9_OP_DONE);
    assert_file("b", "1");
    /* before anything is done it is nobody's operation */
    file_put("away", "yes");
    struct job early = JOB({"one", "file.set", AWAY("b", "2"), .expect = ""}, );
    hal9_error_clear(&err);
    assert_int_equal(hal9_op_run(&w->env, plan_job, &early, &lied, &err), HAL9_E_IO);
    assert_string_equal(lied.id, "");
    assert_int_equal(open_operations(w), 0);
    file_put("away", NULL);
    /* what was carried out and isn't so has failed */
    struct job lie =
        JOB({"one", "file.set", "{\"path\":\"b\",\"value\":\"2\",\"lie\":true}", .expect = ""}, );
    run_job(w, &lie, &lied);
    assert_int_equal(lied.state, HAL9_OP_FAILED);
}

/* What is expected, when it is large, lies in a blob and comes back whole. */
static void large_expectations_survive_a_resume(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0}, again = {0};
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_free_ char *large = hal9_alloc(20001);
    memset(large, 'x', 20000);
    _cleanup_free_ char *expect = hal9_strf("{\"value\":\"%s\"}", large);
    const struct spec v[] = {
        {"one", "file.set", SET("a", "1")},
        {"gate", "ask", SET("health", "ok"), "one"},
        {"two", "file.set", SET("b", "1"), "gate", .expect = expect},
    };
    struct job job = {.v = v, .n = HAL9_ARRAY_LEN(v)};
    file_put("b", large);
    assert_int_equal(hal9_op_run(&w->env, plan_job, &job, &res, &err), HAL9_E_UNKNOWN);
    file_put("health", "ok");
    assert_ok(hal9_op_resume(&w->env, res.id, &again, NULL));
    assert_int_equal(again.state, HAL9_OP_DONE);
    assert_file("b", "1");
}

/* A way up whose failure, wherever it is, leads to the way back behind its last step. */
static const struct spec up[] = {
    {"one", "file.set", SET_MARKED("w", "1", "1")},
    {"gate-1", "gate", SET("health", "ok"), "one", .unless_failed = "one"},
    {"two", "file.set", SET_MARKED("w", "2", "2"), "gate-1", .unless_failed = "gate-1"},
    {"gate-2", "gate", SET("full", "ok"), "two", .unless_failed = "two"},
    {"back", "file.set", SET_MARKED("w", "0", "b"), "gate-2", .when_failed = "gate-2"},
    {"proof", "gate", SET("old", "ok"), "back", .when_failed = "gate-2"},
};

static void run_up(struct world *w, struct hal9_op_result *res) {
    struct job job = {.title = "up", .v = up, .n = HAL9_ARRAY_LEN(up), .taken_back = "proof"};
    file_put("w", "0");
    run_job(w, &job, res);
}

static void a_way_that_goes_well_needs_no_way_back(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0}, undo = {0};
    file_put("health", "ok");
    file_put("full", "ok");
    run_up(w, &res);
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_string_equal(touched_here, "12");
    assert_ok(hal9_op_undo(&w->env, res.id, &undo, NULL));
    assert_false(undo.nothing);
    assert_file("w", "0");
}

static void what_fails_early_leads_to_the_way_back(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0}, undo = {0};
    file_put("health", "bad");
    file_put("old", "ok");
    run_up(w, &res);
    assert_int_equal(res.state, HAL9_OP_FAILED);
    assert_string_equal(res.failed_step, "gate-1");
    assert_string_equal(touched_here, "1b");
    assert_int_equal(res.not_run, 0);
    assert_told(w, "two not_run: left out: step 'gate-1' failed\n");
    assert_told(w, "gate-2 not_run: left out: step 'gate-1' failed\n");
    assert_file("w", "0");
    /* It is all back: an undo would only walk the same way twice. */
    assert_ok(hal9_op_undo(&w->env, res.id, &undo, NULL));
    assert_true(undo.nothing);
    assert_non_null(strstr(undo.why, "took back itself"));
    assert_string_equal(touched_here, "1b");
}

static void what_fails_last_leads_to_the_way_back(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    file_put("health", "ok");
    file_put("full", "bad");
    file_put("old", "ok");
    run_up(w, &res);
    assert_int_equal(res.state, HAL9_OP_FAILED);
    assert_string_equal(res.failed_step, "gate-2");
    assert_string_equal(touched_here, "12b");
}

/* Then it is not taken back, and an undo has all to do. */
static void a_way_back_that_is_not_proven_can_be_undone(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0}, undo = {0};
    file_put("health", "bad");
    file_put("old", "bad");
    run_up(w, &res);
    assert_int_equal(res.state, HAL9_OP_FAILED);
    assert_string_equal(res.failed_step, "gate-1");
    assert_ok(hal9_op_undo(&w->env, res.id, &undo, NULL));
    assert_false(undo.nothing);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(all_stops_are_made_while_the_gates_pass),
        TEST(a_failed_gate_leaves_out_the_further_stops),
        TEST(a_resume_leaves_out_the_same),
        TEST(a_gate_that_cannot_tell_holds),
        TEST(what_the_operation_did_itself_is_no_drift),
        TEST(what_others_changed_is_not_overwritten),
        TEST(a_change_between_two_steps_is_found),
        TEST(what_is_as_intended_already_is_no_drift),
        TEST(the_executor_looks_by_itself),
        TEST(a_guarded_step_waits_for_its_peer),
        TEST(large_expectations_survive_a_resume),
        TEST(a_way_that_goes_well_needs_no_way_back),
        TEST(what_fails_early_leads_to_the_way_back),
        TEST(what_fails_last_leads_to_the_way_back),
        TEST(a_way_back_that_is_not_proven_can_be_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
