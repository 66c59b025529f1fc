/* The gate between two stops: it watches for a while, fails on what fails, and holds where nobody can tell. */
#include "op-world.h"
#include "service.h"

static const struct hal9_step_kind *const hold_list[] = {&kind_set, &hal9_kind_health_hold};
static const struct hal9_kinds hold_kinds = {hold_list, 2};

/* A check that ends as a file says: 0 passes, 2 fails, 3 can't tell. */
static char *check_of(const char *file) {
    _cleanup_free_ char *path = file_path(file);
    return hal9_strf("{\"command\":[\"sh\",\"-c\",\"exit $(cat %s)\"],\"name\":\"%s\"}", path,
                     file);
}

struct asked {
    const char *args;   /* "\"hold_ms\":200" */
    const char *checks; /* NULL: one of the file "health" */
    bool metric;        /* one of the file "metric", too */
};

static hal9_status plan_hold(void *data, struct hal9_plan *plan, struct hal9_error *err) {
    const struct asked *a = data;
    _cleanup_free_ char *health = check_of("health"), *metric = check_of("metric");
    _cleanup_free_ char *text = hal9_strf(
        "{\"interval_ms\":20,%s,\"services\":[{\"service\":{\"name\":\"s\"},\"checks\":[%s]}],"
        "\"metrics\":[%s]}",
        a->args, a->checks ? a->checks : health, a->metric ? metric : "");
    cJSON *args = NULL, *set = cJSON_CreateObject();
    hal9_status st = hal9_json_parse(text, strlen(text), &args, err);
    assert_ok(st);
    hal9_json_add_str(set, "path", "a");
    hal9_json_add_str(set, "value", "1");
    hal9_plan_step(plan, "set", "file.set", set, NULL);
    hal9_step_after(hal9_plan_step(plan, "hold", "health.hold", args, NULL), "set");
    return HAL9_OK;
}

static hal9_status run(struct world *w, struct asked *a, struct hal9_op_result *ret,
                       struct hal9_error *err) {
    w->env.kinds = &hold_kinds;
    return hal9_op_run(&w->env, plan_hold, a, ret, err);
}

static void it_watches_for_as_long_as_told(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct asked a = {.args = "\"hold_ms\":300", .metric = true};
    file_put("health", "0");
    file_put("metric", "0");
    const int64_t from = hal9_mono_ms();
    assert_ok(run(w, &a, &res, NULL));
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_true(hal9_mono_ms() - from >= 300);
    assert_told(w, "hold: all well, ");
}

static void a_failure_ends_the_watch_at_once(void **state) {
    struct world *w = *state;
    static const char *const files[] = {"health", "metric"};
    for (size_t i = 0; i < 2; i++) {
        _cleanup_result_ struct hal9_op_result res = {0};
        struct asked a = {.args = "\"hold_ms\":600000", .metric = true};
        file_put("a", NULL);
        file_put("health", "0");
        file_put("metric", "0");
        file_put(files[i], "2");
        assert_ok(run(w, &a, &res, NULL));
        assert_int_equal(res.state, HAL9_OP_FAILED);
        assert_says(res.error, i == 0 ? "not healthy: s: health: " : "not healthy: metric: ");
        assert_int_equal(
            cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(res.detail, "results")), 2);
    }
}

/* What the observer changes, at a word of the progress. */
static struct { const char *at, *value; } change;

static void changes(void *data, const struct hal9_step_report *r, const char *text) {
    told_progress(data, r, text);
    if (change.at && strstr(text, change.at)) {
        file_put("health", change.value);
        change.at = NULL;
    }
}

static void once_is_not_often_enough(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct asked a = {.args = "\"hold_ms\":100,\"fall\":2"};
    file_put("health", "2");
    change.at = "not healthy";
    change.value = "0";
    w->observer.on_progress = changes;
    assert_ok(run(w, &a, &res, NULL));
    assert_int_equal(res.state, HAL9_OP_DONE);
}

static void failures_are_borne_within_the_time_told(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0}, late = {0};
    struct asked a = {.args = "\"within_ms\":60000,\"fall\":1"};
    file_put("health", "2");
    change.at = "not healthy";
    change.value = "0";
    w->observer.on_progress = changes;
    assert_ok(run(w, &a, &res, NULL));
    assert_int_equal(res.state, HAL9_OP_DONE);
    struct asked b = {.args = "\"within_ms\":100,\"fall\":1"};
    file_put("health", "2");
    file_put("a", NULL);
    assert_ok(run(w, &b, &late, NULL));
    assert_int_equal(late.state, HAL9_OP_FAILED);
}

static void no_data_holds_and_a_resume_asks_again(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0}, again = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct asked a = {.args = "\"hold_ms\":50,\"on_unknown_ms\":100"};
    file_put("health", "3");
    const int64_t from = hal9_mono_ms();
    assert_int_equal(run(w, &a, &res, &err), HAL9_E_UNKNOWN);
    assert_true(hal9_mono_ms() - from >= 150);
    assert_says(err, "it can't be told whether all is well: s: health: ");
    assert_true(res.resumable);
    assert_non_null(res.detail);
    struct hal9_op o = {0};
    assert_ok(hal9_op_load(w->s, res.id, &o, NULL));
    assert_non_null(hal9_json_str(cJSON_GetArrayItem(o.steps[1].notes, 0), "held"));
    hal9_op_clear(&o);
    file_put("health", "0");
    assert_ok(hal9_op_resume(&w->env, res.id, &again, NULL));
    assert_int_equal(again.state, HAL9_OP_DONE);
}

static void no_data_may_come_back_while_it_holds(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct asked a = {.args = "\"hold_ms\":0,\"on_unknown_ms\":60000"};
    file_put("health", "3");
    change.at = "no data: s: health";
    change.value = "0";
    w->observer.on_progress = changes;
    assert_ok(run(w, &a, &res, NULL));
    assert_int_equal(res.state, HAL9_OP_DONE);
}

static void a_person_may_go_on_without_data(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct asked a = {.args = "\"hold_ms\":0,\"on_unknown_ms\":60000"};
    file_put("health", "3");
    hal9_strv_add(&w->force, "no-data");
    assert_ok(run(w, &a, &res, NULL));
    assert_int_equal(res.state, HAL9_OP_DONE);
    /* it lifts no failure */
    _cleanup_result_ struct hal9_op_result bad = {0};
    file_put("health", "2");
    file_put("a", NULL);
    assert_ok(run(w, &a, &bad, NULL));
    assert_int_equal(bad.state, HAL9_OP_FAILED);
}

static void what_only_the_host_checks_proves_nothing(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct asked a = {.args = "\"on_unknown_ms\":0", .checks = "{\"file\":\"/\"}"};
    assert_int_equal(run(w, &a, &res, &err), HAL9_E_UNKNOWN);
    assert_says(err, "s has no check that could tell");
}

static void interrupts(void *data, const struct hal9_step_report *r, const char *text) {
    told_progress(data, r, text);
    signal_soft(data);
}

static void a_signal_ends_the_watch(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct asked a = {.args = "\"hold_ms\":600000"};
    file_put("health", "0");
    w->observer.on_progress = interrupts;
    assert_int_equal(run(w, &a, &res, &err), HAL9_E_INTERRUPTED);
    assert_true(res.resumable);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(it_watches_for_as_long_as_told),
        TEST(a_failure_ends_the_watch_at_once),
        TEST(once_is_not_often_enough),
        TEST(failures_are_borne_within_the_time_told),
        TEST(no_data_holds_and_a_resume_asks_again),
        TEST(no_data_may_come_back_while_it_holds),
        TEST(a_person_may_go_on_without_data),
        TEST(what_only_the_host_checks_proves_nothing),
        TEST(a_signal_ends_the_watch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
