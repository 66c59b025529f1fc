/* state.verify: the world is read back by other kinds' eyes, several times, and what differs is told. */
#include "op-world.h"

#define ITEM(part, path, value) \
    "{\"part\":\"" part "\",\"kind\":\"file.set\",\"args\":" SET(path, value) "}"
#define VERIFY(tries, items) \
    "{\"tries\":" tries ",\"every_ms\":20,\"resources\":[\"rollback:x\"],\"items\":[" items "]}"

static void what_is_so_passes_at_once(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"a", "file.set", SET("a", "1")},
                         {"verify", "state.verify",
                          VERIFY("3", ITEM("A", "a", "1") "," ITEM("B", "b", "2")), "a"}, );
    file_put("b", "2");
    run_job(w, &job, &res);
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_not_told(w, "verify: ");
    _cleanup_json_ cJSON *line = NULL;
    _cleanup_strv_ struct hal9_strv resources = {0};
    assert_ok(hal9_journal_first(w->s, res.id, &line, NULL));
    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(line, "resources"), &resources);
    assert_true(hal9_strv_has(&resources, "rollback:x"));
    /* nothing in it that an older build would not understand */
    assert_int_equal(hal9_json_int(line, "hal9", 0), 1);
}

static void what_differs_is_told_item_by_item(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB(
        {"a", "file.set", SET("a", "1")},
        {"verify", "state.verify",
         VERIFY("2", ITEM("A", "a", "1") "," ITEM("B", "b", "2") "," ITEM("C", "c", "3")), "a"}, );
    file_put("b", "other");
    run_job(w, &job, &res);
    assert_int_equal(res.state, HAL9_OP_FAILED);
    assert_string_equal(res.failed_step, "verify");
    assert_says(res.error, "2 of 3 parts are not as wanted: B: value is \"other\", not \"2\"; C: "
                           "value is null, not \"3\"");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(res.detail, "differences");
    assert_int_equal(cJSON_GetArraySize(list), 2);
    assert_string_equal(hal9_json_str(cJSON_GetArrayItem(list, 1), "part"), "C");
    assert_told(w, "verify: 2 of 3 parts are not yet as wanted, try 1 of 2\n");
    assert_not_told(w, "try 2 of 2");
}

static void comes_true(void *data, const struct hal9_step_report *r, const char *text) {
    told_progress(data, r, text);
    if (strstr(text, "try 2 of 5"))
        file_put("b", "2");
}

static void what_takes_a_while_passes(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"a", "file.set", SET("a", "1")},
                         {"verify", "state.verify", VERIFY("5", ITEM("B", "b", "2")), "a"}, );
    w->observer.on_progress = comes_true;
    run_job(w, &job, &res);
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_told(w, "try 2 of 5");
    assert_not_told(w, "try 3 of 5");
}

#define BLIND                                                                                   \
    "{\"part\":\"N\",\"kind\":\"file.set\",\"args\":{\"path\":\"n\",\"value\":\"1\",\"blind\":" \
    "true}}"

static void what_cannot_be_read_holds(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0}, other = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct job job = JOB({"a", "file.set", SET("a", "1")},
                         {"verify", "state.verify", VERIFY("2", BLIND), "a"}, );
    assert_int_equal(hal9_op_run(&w->env, plan_job, &job, &res, &err), HAL9_E_UNKNOWN);
    assert_says(err, "N can't be read: the file can't be looked at");
    assert_true(res.resumable);
    /* something that differs for certain is a failure, whatever else can't be read */
    struct job both =
        JOB({"a", "file.set", SET("a", "2")},
            {"verify", "state.verify", VERIFY("1", BLIND "," ITEM("B", "b", "2")), "a"}, );
    run_job(w, &both, &other);
    assert_int_equal(other.state, HAL9_OP_FAILED);
    assert_says(other.error, "2 of 2 parts are not as wanted");
}

static void interrupts(void *data, const struct hal9_step_report *r, const char *text) {
    told_progress(data, r, text);
    signal_soft(data);
}

static void a_signal_ends_its_waiting(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct job job =
        JOB({"a", "file.set", SET("a", "1")},
            {"verify", "state.verify",
             "{\"tries\":5,\"every_ms\":600000,\"items\":[" ITEM("B", "b", "2") "]}", "a"}, );
    w->observer.on_progress = interrupts;
    assert_int_equal(hal9_op_run(&w->env, plan_job, &job, &res, &err), HAL9_E_INTERRUPTED);
    assert_true(res.resumable);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_so_passes_at_once), TEST(what_differs_is_told_item_by_item),
        TEST(what_takes_a_while_passes), TEST(what_cannot_be_read_holds),
        TEST(a_signal_ends_its_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
