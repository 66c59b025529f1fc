/* Taking back: what an operation did, if the world is as it left it and nobody built on it since. */
#include "op-world.h"

static void does(struct world *w, const char *run, struct job *job, char ret[15]) {
    _cleanup_result_ struct hal9_op_result res = {0};
    w->env.run = run;
    run_job(w, job, &res);
    assert_false(res.nothing);
    memcpy(ret, res.id, 15);
    w->env.run = "later";
    forget(w);
}

static void takes_back(struct world *w, const char *id, char ret[15]) {
    struct hal9_error err = {0};
    _cleanup_result_ struct hal9_op_result res = {0};
    if (hal9_op_undo(&w->env, id, &res, &err) != HAL9_OK)
        fail_msg("%s", err.message);
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_false(res.nothing);
    memcpy(ret, res.id, 15);
}

static void nothing_to_take_back(struct world *w, const char *id, const char *why) {
    _cleanup_result_ struct hal9_op_result res = {0};
    size_t before = operations(w);
    assert_ok(hal9_op_undo(&w->env, id, &res, NULL));
    assert_true(res.nothing);
    assert_non_null(res.why);
    if (!strstr(res.why, why))
        fail_msg("'%s' is not in '%s'", why, res.why);
    assert_int_equal(operations(w), before);
}

static void refused(struct world *w, const char *id, hal9_status code, const char *says) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_result_ struct hal9_op_result res = {0};
    assert_int_equal(hal9_op_undo(&w->env, id, &res, &err), code);
    if (!strstr(err.message, says))
        fail_msg("'%s' is not in '%s'", says, err.message);
}

#define TWO_FILES                                                                    \
    {                                                                                \
        .title = "two files", .service = "web", .n = 4, .v = (const struct spec[]) { \
            {"a", "file.set", SET("a", "1")}, {"gate", "gate", SET("a", "1"), "a"},  \
                {"b", "file.set", SET("b", "1"), "gate"}, {                          \
                "log", "line", "{\"path\":\"log\"}", "b"                             \
            }                                                                        \
        }                                                                            \
    }

static void back_and_forth(void **state) {
    struct world *w = *state;
    struct job job = TWO_FILES;
    char id[15];
    char undo[15];
    char redo[15];
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    file_put("b", "old");
    does(w, "r", &job, id);
    takes_back(w, id, undo);
    assert_file("a", NULL);
    assert_file("b", "old");
    assert_told(w, "undo-b running\nundo-b done\nundo-a running\nundo-a done\nend done\n");
    assert_int_equal(state_of(w, id), HAL9_OP_UNDONE);
    assert_ok(hal9_op_load(w->s, undo, &o, NULL));
    assert_int_equal(o.undoes.n, 1);
    assert_string_equal(o.undoes.v[0], id);
    assert_string_equal(o.title, "undo: two files");
    assert_string_equal(o.service, "web");
    assert_string_equal(o.steps[0].title, "set b"); /* of the inverse step's kind */
    nothing_to_take_back(w, id, "already undone by");
    takes_back(w, undo, redo);
    assert_file("a", "1");
    assert_file("b", "1");
    assert_int_equal(state_of(w, undo), HAL9_OP_UNDONE);
    assert_int_equal(state_of(w, id), HAL9_OP_DONE);
    takes_back(w, id, undo); /* and once more */
    assert_file("b", "old");
    assert_int_equal(operations(w), 4);
}

static void not_what_others_changed_since(void **state) {
    struct world *w = *state;
    struct job job = TWO_FILES;
    char id[15];
    char undo[15];
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_result_ struct hal9_op_result res = {0};
    does(w, "r", &job, id);
    file_put("a", "9");
    assert_int_equal(hal9_op_undo(&w->env, id, &res, &err), HAL9_E_DRIFT);
    assert_says(err, "what step 'a' of operation");
    assert_says(err, "before {\"value\":null}, then {\"value\":\"1\"}, now {\"value\":\"9\"}");
    assert_true(strstr(err.hint, "--force=drift") != NULL);
    assert_string_equal(res.failed_step, "a");
    assert_string_equal(hal9_json_str(cJSON_GetObjectItem(res.detail, "now"), "value"), "9");
    assert_file("b", "1"); /* nothing is taken back before all is compared */
    assert_int_equal(operations(w), 1);
    hal9_strv_add(&w->force, "drift");
    takes_back(w, id, undo);
    assert_file("a", NULL);
}

static void what_is_back_already_is_left_out(void **state) {
    struct world *w = *state;
    struct job job = TWO_FILES;
    char id[15];
    char undo[15];
    does(w, "r", &job, id);
    file_put("b", NULL);
    takes_back(w, id, undo);
    assert_not_told(w, "undo-b");
    assert_file("a", NULL);
    struct job again = TWO_FILES;
    does(w, "r", &again, id);
    file_put("a", NULL);
    file_put("b", NULL);
    nothing_to_take_back(w, id, "left to take back");
}

static void steps_on_one_file_go_back_one_by_one(void **state) {
    struct world *w = *state;
    struct job job =
        JOB({"first", "file.set", SET("a", "1")}, {"second", "file.set", SET("a", "2"), "first"}, );
    char id[15];
    char undo[15];
    file_put("a", "0");
    does(w, "r", &job, id);
    takes_back(w, id, undo);
    assert_file("a", "0");
    assert_told(w, "undo-second done\nundo-first running\nundo-first done\n");
}

static void what_has_no_inverse_stays(void **state) {
    struct world *w = *state;
    struct job job = JOB({"set", "file.set", "{\"path\":\"a\",\"value\":\"1\",\"final\":true}"}, );
    struct job gate = JOB({"gate", "gate", SET("a", "1")}, );
    char id[15];
    does(w, "r", &job, id);
    nothing_to_take_back(w, id, "left to take back");
    does(w, "r", &gate, id);
    nothing_to_take_back(w, id, "changed nothing");
    assert_file("a", "1");
}

static void later_operations_come_first(void **state) {
    struct world *w = *state;
    struct job one = JOB({"a", "file.set", SET("a", "1")}, {"b", "file.set", SET("b", "1")}, );
    struct job two = JOB({"a", "file.set", SET("a", "2")}, );
    struct job beside = JOB({"c", "file.set", SET("c", "1")}, );
    char first[15];
    char second[15];
    char third[15];
    char undo[15];
    does(w, "r", &one, first);
    does(w, "r", &two, second);
    does(w, "r", &beside, third);
    refused(w, first, HAL9_E_REFUSED, second);
    refused(w, first, HAL9_E_REFUSED, "touched file:a, too");
    takes_back(w, second, undo);
    takes_back(w, first, undo);
    assert_file("a", NULL);
    assert_file("b", NULL);
    assert_file("c", "1");
    /* the first again: what undid it is undone, which makes it no later operation */
    takes_back(w, undo, undo);
    assert_file("a", "1");
    takes_back(w, first, undo);
    assert_file("a", NULL);
}

static void a_run_goes_back_newest_first(void **state) {
    struct world *w = *state;
    struct job one = JOB({"a", "file.set", SET("a", "1")}, );
    struct job gate = JOB({"gate", "gate", SET("a", "1")}, );
    struct job two = JOB({"a", "file.set", SET("a", "2")}, );
    struct job other = JOB({"z", "file.set", SET("z", "1")}, );
    struct hal9_op_result *res = NULL;
    size_t n = 0;
    char id[15];
    file_put("a", "0");
    does(w, "incident", &one, id);
    does(w, "incident", &gate, id);
    does(w, "incident", &two, id);
    does(w, "other", &other, id);
    w->env.dry_run = true;
    assert_ok(hal9_op_undo_run(&w->env, "incident", &res, &n, NULL));
    assert_int_equal(n, 2);
    assert_file("a", "2");
    for (size_t i = 0; i < n; i++)
        hal9_op_result_clear(&res[i]);
    free(res);
    assert_int_equal(operations(w), 4);
    w->env.dry_run = false;
    assert_ok(hal9_op_undo_run(&w->env, "incident", &res, &n, NULL));
    assert_int_equal(n, 2);
    assert_file("a", "0");
    assert_file("z", "1");
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(res[i].state, HAL9_OP_DONE);
        assert_false(res[i].nothing);
        hal9_op_result_clear(&res[i]);
    }
    free(res);
    assert_ok(hal9_op_undo_run(&w->env, "incident", &res, &n, NULL));
    assert_int_equal(n, 2);
    assert_true(res[0].nothing && res[1].nothing);
    for (size_t i = 0; i < n; i++)
        hal9_op_result_clear(&res[i]);
    free(res);
    assert_int_equal(hal9_op_undo_run(&w->env, "nobody", &res, &n, NULL), HAL9_E_NOT_FOUND);
    assert_null(res);
}

/* What can't be taken back doesn't keep the rest of its run from it. */
static void a_run_goes_back_around_what_stays(void **state) {
    struct world *w = *state;
    struct job one = JOB({"a", "file.set", SET("a", "1")}, );
    struct job log = JOB({"log", "line", "{\"path\":\"a.log\"}"}, );
    struct hal9_op_result *res = NULL;
    size_t n = 0;
    char id[15];
    one.service = log.service = "web";
    does(w, "incident", &one, id);
    does(w, "incident", &log, id);
    assert_ok(hal9_op_undo_run(&w->env, "incident", &res, &n, NULL));
    assert_int_equal(n, 2);
    assert_true(res[0].nothing);
    assert_false(res[1].nothing);
    assert_file("a", NULL);
    for (size_t i = 0; i < n; i++)
        hal9_op_result_clear(&res[i]);
    free(res);
}

static void half_of_a_failed_one(void **state) {
    struct world *w = *state;
    struct job job = JOB({"a", "file.set", SET("a", "1")}, {"gate", "gate", SET("no", "1"), "a"},
                         {"b", "file.set", SET("b", "1"), "gate"}, );
    char id[15];
    char undo[15];
    does(w, "r", &job, id);
    assert_int_equal(state_of(w, id), HAL9_OP_FAILED);
    takes_back(w, id, undo);
    assert_file("a", NULL);
    assert_int_equal(state_of(w, id), HAL9_OP_UNDONE);
}

/* One that was killed is ended first: its last step is found done, and goes back, too. */
static void one_without_an_end(void **state) {
    struct world *w = *state;
    struct job job = JOB({"a", "file.set", SET("a", "1")},
                         {"b", "file.set", "{\"path\":\"b\",\"value\":\"1\",\"die\":true}", "a"}, );
    char id[15];
    char undo[15];
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_result_ struct hal9_op_result res = {0};
    run_and_die(w, &job);
    newest(w, id);
    file_put("b", "1");
    file_put("a", "9");
    assert_int_equal(hal9_op_undo(&w->env, id, &res, &err), HAL9_E_DRIFT);
    assert_int_equal(state_of(w, id), HAL9_OP_OPEN); /* not ended while it can't be taken back */
    file_put("a", "1");
    takes_back(w, id, undo);
    assert_told(w, "found aborted: step 'b' was done\n");
    assert_told(w, "undo-b running\nundo-b done\nundo-a running\n");
    assert_file("a", NULL);
    assert_file("b", NULL);
    assert_int_equal(state_of(w, id), HAL9_OP_UNDONE);
    assert_int_equal(open_operations(w), 0);
}

/* The step that was killed is on the same thing as an earlier one: what it left is not somebody else's. */
static void one_without_an_end_on_one_thing(void **state) {
    struct world *w = *state;
    struct job job =
        JOB({"one", "file.set", SET("a", "1")},
            {"two", "file.set", "{\"path\":\"a\",\"value\":\"2\",\"die\":true}", "one"}, );
    char id[15];
    char undo[15];
    file_put("a", "0");
    run_and_die(w, &job);
    newest(w, id);
    file_put("a", "2");
    takes_back(w, id, undo);
    assert_file("a", "0");
    assert_int_equal(open_operations(w), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(back_and_forth),
        TEST(not_what_others_changed_since),
        TEST(what_is_back_already_is_left_out),
        TEST(steps_on_one_file_go_back_one_by_one),
        TEST(what_has_no_inverse_stays),
        TEST(later_operations_come_first),
        TEST(a_run_goes_back_newest_first),
        TEST(a_run_goes_back_around_what_stays),
        TEST(half_of_a_failed_one),
        TEST(one_without_an_end),
        TEST(one_without_an_end_on_one_thing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
