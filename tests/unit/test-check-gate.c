/* The health gate with real servers: slow, failing, exiting, hanging ones. */
#include "op-world.h"
#include "service.h"

/* A start that was made before: tells what process.start would. */
static hal9_status started_inspect(struct hal9_step_ctx *c, cJSON **ret, struct hal9_error *err) {
    (void)c, (void)err;
    *ret = cJSON_CreateObject();
    cJSON_AddBoolToObject(*ret, "running", false);
    return HAL9_OK;
}

static hal9_status started_intent(struct hal9_step_ctx *c, const cJSON *before, cJSON **ret,
                                  struct hal9_error *err) {
    (void)c, (void)before, (void)err;
    *ret = cJSON_CreateObject();
    cJSON_AddBoolToObject(*ret, "running", true);
    return HAL9_OK;
}

static hal9_status started_verify(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                                  cJSON **ret, struct hal9_error *err) {
    (void)before, (void)err;
    *ret = cJSON_Duplicate(intent, true);
    cJSON_AddItemToObject(*ret, "observed", cJSON_Duplicate(hal9_step_args(c), true));
    return HAL9_OK;
}

static const struct hal9_step_kind kind_started = {.name = "test.started",
                                                   .version = 1,
                                                   .flags = HAL9_KIND_PASSIVE,
                                                   .inspect = started_inspect,
                                                   .intent = started_intent,
                                                   .verify = started_verify};
static const struct hal9_step_kind *const gate_list[] = {&kind_started, &hal9_kind_health_gate};
static const struct hal9_kinds gate_kinds = {gate_list, 2};

/* What the gate is to be asked. */
struct asked {
    pid_t pid; /* 0: no start step */
    int port;
    const char *more;   /* further checks as JSON, ",{…}" or "" */
    const char *checks; /* all of them, instead */
    const char *args;   /* further args: "\"rise\":2" */
    int within_ms;      /* 0: 20 s */
    char *log;
    uint64_t offset;
};

static cJSON *parse(char *text) {
    cJSON *j = NULL;
    assert_ok(hal9_json_parse(text, strlen(text), &j, NULL));
    free(text);
    return j;
}

static cJSON *started_args(const struct asked *a) {
    struct hal9_proc p = {0};
    cJSON *j = cJSON_CreateObject();
    assert_ok(hal9_proc_read(a->pid, HAL9_PROC_STAT, &p, NULL));
    hal9_json_add_int(j, "pid", p.id.pid);
    hal9_json_add_u64(j, "start", p.id.start);
    hal9_json_add_u64(j, "pidns", p.id.pidns);
    hal9_json_add_str(j, "boot", p.id.boot_id);
    hal9_proc_clear(&p);
    if (a->log) {
        cJSON *log = cJSON_AddObjectToObject(j, "log");
        hal9_json_add_str(log, "path", a->log);
        hal9_json_add_u64(log, "offset", a->offset);
    }
    return j;
}

static hal9_status plan_gate(void *data, struct hal9_plan *plan, struct hal9_error *err) {
    const struct asked *a = data;
    (void)err;
    struct hal9_service_ref ref = service_of("hal9-server");
    cJSON *args = parse(hal9_strf("{\"within_ms\":%d%s%s%s}", a->within_ms ? a->within_ms : 20000,
                                  a->args ? "," : "", a->args ? a->args : "",
                                  a->pid ? ",\"watch_pid\":\"start\"" : ""));
    cJSON_AddItemToObject(args, "service", hal9_service_ref_json(&ref));
    cJSON_AddItemToObject(args, "checks",
                          parse(a->checks
                                    ? hal9_strdup(a->checks)
                                    : hal9_strf("[{\"http\":\"http://127.0.0.1:%d/health\"}%s]",
                                                a->port, a->more ? a->more : "")));
    if (a->pid)
        hal9_plan_step(plan, "start", "test.started", started_args(a), NULL);
    struct hal9_step *gate = hal9_plan_step(plan, "gate", "health.gate", args, NULL);
    if (a->pid)
        hal9_step_after(gate, "start");
    plan->title = hal9_strdup("gate");
    hal9_service_ref_clear(&ref);
    return HAL9_OK;
}

static void pass_gate(struct world *w, struct asked *a, struct hal9_op_result *res) {
    _cleanup_error_ struct hal9_error err = {0};
    w->env.kinds = &gate_kinds;
    if (hal9_op_run(&w->env, plan_gate, a, res, &err) != HAL9_OK)
        fail_msg("%s", err.message);
}

#define assert_failed(res, words)                       \
    do {                                                \
        assert_int_equal((res).state, HAL9_OP_FAILED);  \
        assert_string_equal((res).failed_step, "gate"); \
        if (!strstr((res).error.message, (words)))      \
            fail_msg("%s", (res).error.message);        \
    } while (0)

static const cJSON *result_of(const struct hal9_op_result *res, int index) {
    return cJSON_GetArrayItem(cJSON_GetObjectItem(res->detail, "results"), index);
}

static struct fixture start(const char *option) {
    return fixture_start("hal9-server", (const char *[]){"--port", "0", option, NULL});
}

static void a_healthy_service_passes(void **state) {
    struct world *w = *state;
    struct hal9_op_result res = {0};
    struct fixture f = start(NULL);
    struct asked a = {.pid = f.pid, .port = f.port, .args = "\"rise\":2,\"interval_ms\":50"};
    pass_gate(w, &a, &res);
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_told(w, "gate: healthy 1 of 2 times");
    hal9_op_result_clear(&res);
    fixture_stop(&f);
}

static void a_slow_one_is_waited_for(void **state) {
    struct world *w = *state;
    struct hal9_op_result res = {0};
    struct fixture f = start("--slow-health=700");
    struct asked a = {.pid = f.pid, .port = f.port};
    const int64_t begin = hal9_mono_ms();
    pass_gate(w, &a, &res);
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_true(hal9_mono_ms() - begin >= 500);
    assert_told(w, "gate: waiting for http /health: 503, not 200-299");
    hal9_op_result_clear(&res);
    fixture_stop(&f);
}

static void one_that_never_gets_healthy_fails_with_its_log(void **state) {
    struct world *w = *state;
    struct hal9_op_result res = {0};
    struct fixture f = start("--status=500");
    struct asked a = {.pid = f.pid,
                      .port = f.port,
                      .within_ms = 700,
                      .args = "\"log_lines\":2",
                      .log = hal9_strf("%s/log", files_dir)};
    file_put("log", "before\none\ntwo\nthree\n");
    a.offset = strlen("before\n");
    pass_gate(w, &a, &res);
    assert_failed(res, "hal9-server is not healthy after 0.7 s: http /health: 500, not 200-299");
    const cJSON *log = cJSON_GetObjectItem(res.detail, "log");
    const cJSON *lines = cJSON_GetObjectItem(log, "lines");
    assert_string_equal(hal9_json_str(log, "path"), a.log);
    assert_int_equal(cJSON_GetArraySize(lines), 2);
    assert_string_equal(cJSON_GetArrayItem(lines, 0)->valuestring, "two");
    assert_string_equal(hal9_json_str(result_of(&res, 0), "check"), "http /health");
    assert_string_equal(hal9_json_str(result_of(&res, 0), "state"), "fail");
    assert_string_equal(hal9_json_str(result_of(&res, 0), "cause"), "check_failed");
    free(a.log);
    hal9_op_result_clear(&res);
    fixture_stop(&f);
}

static void a_round_cut_short_does_not_hide_the_reason(void **state) {
    struct world *w = *state;
    struct hal9_op_result res = {0};
    struct fixture f = start("--slow-health=60000");
    struct peer silent = {.hold = true};
    peer_start(&silent);
    char *more = hal9_strf(",{\"tcp\":\"127.0.0.1:%d\",\"expect\":\"x\",\"timeout\":\"300ms\","
                           "\"listener\":\"any\"}",
                           silent.port);
    struct asked a = {.pid = f.pid, .port = f.port, .within_ms = 900, .more = more};
    pass_gate(w, &a, &res);
    assert_failed(res, "http /health: 503, not 200-299");
    assert_non_null(strstr(hal9_json_str(result_of(&res, 1), "reason"), "no answer within 0.3 s"));
    hal9_op_result_clear(&res);
    free(more);
    peer_stop(&silent);
    fixture_stop(&f);
}

static void an_exit_fails_it_at_once(void **state) {
    struct world *w = *state;
    struct hal9_op_result res = {0};
    struct fixture f = fixture_start("hal9-server", (const char *[]){"--port", "0", "--status=503",
                                                                     "--exit-after", "600", NULL});
    struct asked a = {.pid = f.pid, .port = f.port, .within_ms = 60000};
    char words[64];
    const int64_t begin = hal9_mono_ms();
    pass_gate(w, &a, &res);
    assert_true(hal9_mono_ms() - begin < 20000);
    snprintf(words, sizeof(words), "hal9-server (pid %d) exited ", (int)f.pid);
    assert_failed(res, words);
    assert_failed(res, " after its start");
    assert_string_equal(hal9_json_str(result_of(&res, 0), "check"), "http /health");
    hal9_op_result_clear(&res);
    fixture_stop(&f);
}

static void an_exit_ends_a_check_that_hangs(void **state) {
    struct world *w = *state;
    struct hal9_op_result res = {0};
    struct fixture f =
        fixture_start("hal9-server", (const char *[]){"--port", "0", "--exit-after", "600", NULL});
    struct peer silent = {.hold = true};
    peer_start(&silent);
    char *checks =
        hal9_strf("[{\"http\":\"http://127.0.0.1:%d/\",\"timeout\":\"50s\"}]", silent.port);
    struct asked a = {.pid = f.pid, .checks = checks, .within_ms = 60000};
    const int64_t begin = hal9_mono_ms();
    pass_gate(w, &a, &res);
    assert_true(hal9_mono_ms() - begin < 20000);
    assert_failed(res, "exited");
    hal9_op_result_clear(&res);
    free(checks);
    peer_stop(&silent);
    fixture_stop(&f);
}

static void the_wrong_service_does_not_pass(void **state) {
    struct world *w = *state;
    struct hal9_op_result res = {0};
    struct fixture thief = fixture_start("layer9-server", (const char *[]){"--port", "0", NULL});
    struct asked a = {.port = thief.port, .within_ms = 600};
    pass_gate(w, &a, &res);
    assert_failed(res, "answers 200, but its listener is layer9-server");
    assert_string_equal(hal9_json_str(result_of(&res, 0), "cause"), "port_conflict");
    hal9_op_result_clear(&res);
    fixture_stop(&thief);
}

static void another_instance_is_the_wrong_owner(void **state) {
    struct world *w = *state;
    struct hal9_op_result res = {0};
    struct fixture stale = start(NULL), fresh = start(NULL);
    struct asked a = {.pid = fresh.pid, .port = stale.port, .within_ms = 600};
    pass_gate(w, &a, &res);
    assert_failed(res, "the one that was started is pid");
    assert_string_equal(hal9_json_str(result_of(&res, 0), "cause"), "wrong_owner");
    hal9_op_result_clear(&res);
    fixture_stop(&stale);
    fixture_stop(&fresh);
}

static void without_checks_nothing_is_proven(void **state) {
    struct world *w = *state;
    static const char *const checks[] = {"[]", "[{\"memory\":{\"available\":\"0%\"}}]",
                                         "[{\"process\":\"hal9-server\",\"critical\":false}]"};
    struct fixture f = start(NULL);
    for (size_t i = 0; i < HAL9_ARRAY_LEN(checks); i++) {
        struct hal9_op_result res = {0};
        struct asked a = {.pid = f.pid, .checks = checks[i]};
        pass_gate(w, &a, &res);
        assert_failed(res, "no checks: cannot prove hal9-server healthy");
        hal9_op_result_clear(&res);
    }
    fixture_stop(&f);
}

static void what_is_the_hosts_only_degrades(void **state) {
    struct world *w = *state;
    struct hal9_op_result res = {0};
    struct fixture f = start(NULL);
    struct asked a = {.pid = f.pid, .port = f.port, .more = ",{\"disk\":\"/\",\"free\":\"100%\"}"};
    pass_gate(w, &a, &res);
    assert_int_equal(res.state, HAL9_OP_DONE);
    hal9_op_result_clear(&res);
    a.more = ",{\"disk\":\"/\",\"free\":\"100%\",\"critical\":true}";
    a.within_ms = 500;
    pass_gate(w, &a, &res);
    assert_failed(res, "disk /: ");
    hal9_op_result_clear(&res);
    fixture_stop(&f);
}

static void a_signal_ends_the_waiting(void **state) {
    struct world *w = *state;
    struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct fixture f = start("--status=503");
    struct asked a = {.pid = f.pid, .port = f.port, .within_ms = 60000};
    signal_soft(w);
    w->env.kinds = &gate_kinds;
    const int64_t begin = hal9_mono_ms();
    assert_int_equal(hal9_op_run(&w->env, plan_gate, &a, &res, &err), HAL9_E_INTERRUPTED);
    assert_true(hal9_mono_ms() - begin < 20000);
    hal9_op_result_clear(&res);
    fixture_stop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_healthy_service_passes, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_slow_one_is_waited_for, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(one_that_never_gets_healthy_fails_with_its_log, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_round_cut_short_does_not_hide_the_reason, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(an_exit_fails_it_at_once, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(an_exit_ends_a_check_that_hangs, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(the_wrong_service_does_not_pass, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(another_instance_is_the_wrong_owner, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(without_checks_nothing_is_proven, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(what_is_the_hosts_only_degrades, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_signal_ends_the_waiting, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, programs_setup, programs_teardown);
}
