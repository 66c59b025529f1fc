/* Signals: the first stops at the next safe place, the second at once; what is left open goes on later. */
#include "op-world.h"

/* When to give which signal: at a step's report in a state. */
static struct {
    const char *step;
    enum hal9_step_state state;
    bool hard;
} when;

static void give_signal(void *data, const struct hal9_step_report *r) {
    struct world *w = data;
    told_step(data, r);
    if (!hal9_streq(r->name, when.step) || r->state != when.state)
        return;
    signal_soft(w);
    if (when.hard)
        signal_hard(w);
}

static void interrupt(struct world *w, struct job *job, struct hal9_op_result *ret,
                      struct hal9_error *err) {
    w->observer.on_step = give_signal;
    assert_int_equal(hal9_op_run(&w->env, plan_job, job, ret, err), HAL9_E_INTERRUPTED);
    assert_true(ret->resumable);
    assert_int_equal(ret->state, HAL9_OP_OPEN);
    assert_int_equal(state_of(w, ret->id), HAL9_OP_OPEN);
    assert_true(err->hint && strstr(err->hint, ret->id));
    assert_told(w, "end open\n");
    world_signals(w);
    w->observer.on_step = told_step;
    forget(w);
}

static void goes_on(struct world *w, const char *id) {
    _cleanup_result_ struct hal9_op_result res = {0};
    struct hal9_error err = {0};
    if (hal9_op_resume(&w->env, id, &res, &err) != HAL9_OK)
        fail_msg("%s", err.message);
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_string_equal(res.id, id);
    assert_int_equal(open_operations(w), 0);
}

static void stops_between_steps(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct job job =
        JOB({"one", "file.set", SET("a", "1")}, {"two", "file.set", SET("b", "1"), "one"}, );
    when.step = "one";
    when.state = HAL9_STEP_RUNNING;
    when.hard = false;
    interrupt(w, &job, &res, &err);
    assert_string_equal(err.message, "stopped after step 'one'");
    assert_file("a", "1");
    assert_file("b", NULL);
    goes_on(w, res.id);
    assert_file("b", "1");
    assert_not_told(w, "one running");
}

static const struct spec restart[] = {
    {"stop", "file.set", SET("up", "0"), .keep_going = true},
    {"free", "gate", SET("up", "0"), "stop", .keep_going = true},
    {"start", "file.set", SET("up", "1"), "free"},
    {"gate", "gate", SET("up", "1"), "start"},
    {"last", "file.set", SET("last", "1"), "gate"},
};

static void never_between_stop_and_start(void **state) {
    struct world *w = *state;
    static const char *const at[] = {"stop", "free"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(at); i++) {
        _cleanup_result_ struct hal9_op_result res = {0};
        _cleanup_error_ struct hal9_error err = {0};
        struct job job = {.v = restart, .n = HAL9_ARRAY_LEN(restart)};
        file_put("up", "old");
        file_put("last", NULL);
        when.step = at[i];
        when.state = HAL9_STEP_RUNNING;
        interrupt(w, &job, &res, &err);
        assert_string_equal(err.message, "stopped after step 'start'");
        assert_file("up", "1");
        assert_file("last", NULL);
        goes_on(w, res.id);
        assert_file("last", "1");
    }
}

static void what_was_down_before_may_stay_down(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct job job = JOB({"stop", "file.set", SET("up", "0"), .keep_going = true},
                         {"start", "file.set", SET("up", "1"), "stop"}, );
    file_put("up", "0");
    when.step = "stop";
    when.state = HAL9_STEP_SKIPPED;
    interrupt(w, &job, &res, &err);
    assert_file("up", "0");
}

static void a_waiting_gate_is_called_off(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct job job = JOB({"one", "file.set", SET("a", "1")},
                         {"gate", "gate", "{\"path\":\"a\",\"value\":\"1\",\"wait\":true}", "one"},
                         {"two", "file.set", SET("b", "1"), "gate"}, );
    when.step = "gate";
    when.state = HAL9_STEP_RUNNING;
    interrupt(w, &job, &res, &err);
    assert_string_equal(err.message, "stopped in the middle of step 'gate'");
    assert_int_equal(step_state_of(w, res.id, "gate"), HAL9_STEP_RUNNING);
    assert_file("b", NULL);
    /* a gate is run anew, and once more it waits until it is called off */
    _cleanup_result_ struct hal9_op_result again = {0};
    w->observer.on_step = give_signal;
    hal9_error_clear(&err);
    assert_int_equal(hal9_op_resume(&w->env, res.id, &again, &err), HAL9_E_INTERRUPTED);
    assert_told(w, "gate running\ngate: waiting for 1\n");
}

static void nothing_is_begun_when_a_signal_came_before(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct job job = JOB({"one", "file.set", SET("a", "1")}, );
    signal_soft(w);
    assert_int_equal(hal9_op_run(&w->env, plan_job, &job, &res, &err), HAL9_E_INTERRUPTED);
    assert_string_equal(res.id, "");
    assert_int_equal(operations(w), 0);
}

static void a_signal_in_the_last_step_changes_nothing(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"one", "file.set", SET("a", "1")}, );
    when.step = "one";
    when.state = HAL9_STEP_RUNNING;
    w->observer.on_step = give_signal;
    run_job(w, &job, &res);
    assert_int_equal(res.state, HAL9_OP_DONE);
}

/* The first signal lets a step that acts finish; the second ends its waiting. */
static void the_second_signal_ends_all_waiting(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct job job = JOB({"hold", "hold", SET("a", "1"), .keep_going = true},
                         {"two", "file.set", SET("b", "1"), "hold"}, );
    int ready[2];
    int go[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    hold_ready = ready[1];
    hold_go = go[0];
    when.step = "hold";
    when.state = HAL9_STEP_RUNNING;
    when.hard = true;
    interrupt(w, &job, &res, &err);
    when.hard = false;
    assert_string_equal(err.message, "stopped in the middle of step 'hold'");
    assert_file("a", NULL);
    assert_file("b", NULL);
    assert_int_equal(write(go[1], "!", 1), 1);
    goes_on(w, res.id);
    assert_file("a", "1");
    assert_file("b", "1");
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(go[i]);
    }
}

/* A branch that was stopped between its stop and its start goes on though another was called off. */
static void other_branches_come_to_a_safe_place(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct job job = JOB({"wait", "gate", "{\"path\":\"x\",\"value\":\"1\",\"wait\":true}"},
                         {"stop", "file.set", SET("up", "0"), .keep_going = true},
                         {"start", "file.set", SET("up", "1"), "stop"},
                         {"last", "file.set", SET("last", "1"), "start"}, );
    file_put("up", "old");
    when.step = "stop";
    when.state = HAL9_STEP_DONE;
    interrupt(w, &job, &res, &err);
    assert_file("up", "1");
    assert_file("last", NULL);
    assert_int_equal(step_state_of(w, res.id, "wait"), HAL9_STEP_RUNNING);
}

/* The end of --timeout is a safe stop like a signal's, and told as what it is. */
static void the_end_of_the_time_is_a_safe_stop(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct job job = JOB({"stop", "file.set", SET("up", "0"), .keep_going = true},
                         {"start", "file.set", SET("up", "1"), "stop"},
                         {"last", "file.set", SET("last", "1"), "start"}, );
    file_put("up", "old");
    when.step = "stop";
    when.state = HAL9_STEP_DONE;
    w->observer.on_step = give_signal;
    w->cancel.timed_out = 1;
    assert_int_equal(hal9_op_run(&w->env, plan_job, &job, &res, &err), HAL9_E_TIMEOUT);
    assert_string_equal(err.message, "the time is over: stopped after step 'start'");
    assert_true(res.resumable);
    assert_file("up", "1");
    assert_file("last", NULL);
    world_signals(w);
    w->observer.on_step = told_step;
    goes_on(w, res.id);
    assert_file("last", "1");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(stops_between_steps),
        TEST(the_end_of_the_time_is_a_safe_stop),
        TEST(never_between_stop_and_start),
        TEST(what_was_down_before_may_stay_down),
        TEST(a_waiting_gate_is_called_off),
        TEST(nothing_is_begun_when_a_signal_came_before),
        TEST(a_signal_in_the_last_step_changes_nothing),
        TEST(the_second_signal_ends_all_waiting),
        TEST(other_branches_come_to_a_safe_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
