/* Going on after a kill: what the world says now decides about a step that was begun; and aborting. */
#include "op-world.h"

#define DIES(path, value) "{\"path\":\"" path "\",\"value\":\"" value "\",\"die\":true}"
#define DIES_HALF_WAY(path, value) \
    "{\"path\":\"" path "\",\"value\":\"" value "\",\"via\":\"half\",\"die\":true}"

/* The kinds as a fresh process would have them: nothing dies any more. */
static struct hal9_step_kind tame_set, tame_sure;
static const struct hal9_step_kind *tame_kinds[HAL9_ARRAY_LEN(all_kinds)];

static hal9_status tame_apply(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                              struct hal9_error *err) {
    (void)before;
    const char *value = hal9_json_str(intent, "value");
    _cleanup_free_ char *path = file_path(hal9_json_str(hal9_step_args(c), "path"));
    touched("t");
    return hal9_file_write(path, value, strlen(value), 0600, err);
}

static const struct hal9_kinds *tame(void) {
    static struct hal9_kinds kinds = {tame_kinds, HAL9_ARRAY_LEN(tame_kinds)};
    memcpy(tame_kinds, all_kinds, sizeof(all_kinds));
    tame_set = kind_set;
    tame_sure = kind_sure;
    tame_set.apply = tame_sure.apply = tame_apply;
    tame_kinds[0] = &tame_set;
    tame_kinds[1] = &tame_sure;
    return &kinds;
}

/* Leaves an operation that was killed in step "two", whose kind and args are told. */
static void killed(struct world *w, const char *kind, const char *args, char ret[15]) {
    const struct spec v[] = {
        {"one", "file.set", SET("a", "1")},
        {"two", kind, args, "one"},
        {"three", "file.set", SET("c", "1"), "two"},
    };
    struct job job = {.title = "test", .v = v, .n = HAL9_ARRAY_LEN(v)};
    file_put("b", "0");
    run_and_die(w, &job);
    newest(w, ret);
    assert_int_equal(state_of(w, ret), HAL9_OP_OPEN);
    assert_int_equal(step_state_of(w, ret, "two"), HAL9_STEP_RUNNING);
    w->env.kinds = tame();
    forget(w);
}

static void resumes(struct world *w, const char *id) {
    struct hal9_error err = {0};
    _cleanup_result_ struct hal9_op_result res = {0};
    if (hal9_op_resume(&w->env, id, &res, &err) != HAL9_OK)
        fail_msg("%s", err.message);
    assert_int_equal(res.state, HAL9_OP_DONE);
    assert_int_equal(res.done, 3);
    assert_file("a", "1");
    assert_file("b", "1");
    assert_file("c", "1");
    assert_int_equal(open_operations(w), 0);
    assert_int_equal(state_of(w, id), HAL9_OP_DONE);
}

static void as_before_is_carried_out_again(void **state) {
    struct world *w = *state;
    char id[15];
    killed(w, "file.set", DIES("b", "1"), id);
    resumes(w, id);
    assert_string_equal(touched_here, "tt");
}

static void as_intended_is_done(void **state) {
    struct world *w = *state;
    char id[15];
    killed(w, "file.set", DIES("b", "1"), id);
    file_put("b", "1");
    resumes(w, id);
    assert_string_equal(touched_here, "t"); /* the third alone */
}

static void its_kind_knows_better(void **state) {
    struct world *w = *state;
    char id[15];
    killed(w, "file.sure", DIES_HALF_WAY("b", "1"), id);
    assert_file("b", "half");
    resumes(w, id);
}

static void half_way_a_person_must_look(void **state) {
    struct world *w = *state;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_result_ struct hal9_op_result res = {0};
    char id[15];
    killed(w, "file.set", DIES_HALF_WAY("b", "1"), id);
    assert_int_equal(hal9_op_resume(&w->env, id, &res, &err), HAL9_E_DRIFT);
    assert_says(err, "step 'two' was left half-way");
    assert_true(strstr(err.hint, "--force=drift") && strstr(err.hint, id));
    assert_string_equal(res.failed_step, "two");
    assert_true(res.resumable);
    static const struct {
        const char *name, *value;
    } three[] = {{"before", "0"}, {"intent", "1"}, {"now", "half"}};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(three); i++)
        assert_string_equal(hal9_json_str(cJSON_GetObjectItem(res.detail, three[i].name), "value"),
                            three[i].value);
    assert_file("b", "half");
    assert_file("c", NULL);
    assert_int_equal(state_of(w, id), HAL9_OP_OPEN);
    hal9_strv_add(&w->force, "drift");
    resumes(w, id);
}

static void what_cannot_be_told_stays_open(void **state) {
    struct world *w = *state;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_result_ struct hal9_op_result res = {0};
    char id[15];
    killed(w, "file.sure", DIES_HALF_WAY("b", "1"), id);
    tame_sure.inspect = NULL; /* and nobody has it recovered */
    tame_sure.recover = NULL;
    assert_int_equal(hal9_op_resume(&w->env, id, &res, &err), HAL9_E_DRIFT);
    assert_int_equal(state_of(w, id), HAL9_OP_OPEN);
}

static void notes_tell_a_kind_that_cannot_look(void **state) {
    struct world *w = *state;
    struct job job =
        JOB({"line", "line", "{\"path\":\"log\"}"}, {"die", "file.set", DIES("b", "1"), "line"}, );
    char id[15];
    run_and_die(w, &job);
    newest(w, id);
    w->env.kinds = tame();
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    assert_ok(hal9_op_load(w->s, id, &o, NULL));
    assert_int_equal(cJSON_GetArraySize(o.steps[0].notes), 1);
    assert_int_equal(hal9_json_int(cJSON_GetArrayItem(o.steps[0].notes, 0), "length", -1), 0);
    assert_file("log", "line\n");
}

static void an_ended_operation_is_nothing(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct hal9_op_result again = {0};
    struct job job = JOB({"one", "file.set", SET("a", "1")}, );
    run_job(w, &job, &res);
    assert_ok(hal9_op_resume(&w->env, res.id, &again, NULL));
    assert_true(again.nothing);
    assert_string_equal(again.why, "it has ended already: done");
    hal9_op_result_clear(&again);
    assert_ok(hal9_op_abort(&w->env, res.id, &again, NULL));
    assert_true(again.nothing);
    hal9_op_result_clear(&again);
}

static void what_is_not_there_is_not_found(void **state) {
    struct world *w = *state;
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op_result res = {0};
    assert_int_equal(hal9_op_resume(&w->env, "01jd8z4k2m7f3a", &res, &err), HAL9_E_NOT_FOUND);
}

/* The operation's lines once more, as another host would have written them. */
static void copy_as_elsewhere(struct world *w, const char *id, const char *copy_id) {
    _cleanup_json_ cJSON *lines = NULL;
    cJSON *line;
    struct hal9_journal *j;
    assert_ok(hal9_journal_read(w->s, id, &lines, NULL, NULL));
    cJSON_ReplaceItemInObjectCaseSensitive(lines->child, "id", cJSON_CreateString(copy_id));
    cJSON_ReplaceItemInObjectCaseSensitive(lines->child, "machine", cJSON_CreateString("0123"));
    cJSON_ReplaceItemInObjectCaseSensitive(lines->child, "host", cJSON_CreateString("web-9"));
    assert_ok(hal9_journal_create(w->s, copy_id, 4096, &j, NULL));
    cJSON_ArrayForEach(line, lines) assert_ok(hal9_journal_append(j, line, true, NULL));
    hal9_journal_close(j);
}

static void only_on_its_host(void **state) {
    struct world *w = *state;
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op_result res = {0};
    static const char there[] = "01jd8z4k2m7f3a";
    char id[15];
    killed(w, "file.set", DIES("b", "1"), id);
    copy_as_elsewhere(w, id, there);
    assert_ok(hal9_op_abort(&w->env, id, &res, NULL));
    hal9_op_result_clear(&res);
    assert_int_equal(hal9_op_resume(&w->env, there, &res, &err), HAL9_E_REFUSED);
    assert_says(err, "of host web-9");
    hal9_error_clear(&err);
    assert_int_equal(hal9_op_abort(&w->env, there, &res, &err), HAL9_E_REFUSED);
    /* nor does it stand in the way here */
    struct job job = JOB({"one", "file.set", SET("b", "2")}, );
    run_job(w, &job, &res);
    assert_int_equal(state_of(w, there), HAL9_OP_OPEN);
    hal9_op_result_clear(&res);
    hal9_strv_add(&w->force, "foreign");
    assert_ok(hal9_op_abort(&w->env, there, &res, NULL));
    assert_string_equal(res.why, "step 'two' was begun, and its end is not known");
    assert_int_equal(state_of(w, there), HAL9_OP_ABORTED);
    assert_int_equal(step_state_of(w, there, "two"), HAL9_STEP_FAILED);
    hal9_op_result_clear(&res);
}

static void kinds_of_another_build_are_refused(void **state) {
    struct world *w = *state;
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op_result res = {0};
    char id[15];
    killed(w, "file.sure", DIES("b", "1"), id);
    tame_set.version = 1;
    assert_int_equal(hal9_op_resume(&w->env, id, &res, &err), HAL9_E_UNSUPPORTED);
    assert_says(err, "step 'three' is of kind file.set, version 2; this build knows version 1");
    hal9_error_clear(&err);
    tame_set.version = 2;
    tame_sure.name = "file.unsure";
    assert_int_equal(hal9_op_resume(&w->env, id, &res, &err), HAL9_E_UNSUPPORTED);
    assert_says(err, "of kind file.sure, which this build doesn't know");
    assert_int_equal(state_of(w, id), HAL9_OP_OPEN);
    /* a person may freeze it all the same */
    assert_ok(hal9_op_abort(&w->env, id, &res, NULL));
    assert_string_equal(res.why, "step 'two' was begun, and its end is not known");
    hal9_op_result_clear(&res);
}

static void a_damaged_journal_is_refused(void **state) {
    struct world *w = *state;
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op_result res = {0};
    char id[15];
    killed(w, "file.set", DIES("b", "1"), id);
    _cleanup_free_ char *path = hal9_strf("%s/state/journal/%s.ndjson", w->dir, id);
    _cleanup_buf_ struct hal9_buf text = {0};
    assert_ok(hal9_file_read(path, 1 << 20, &text, NULL));
    char *third = memchr(memchr(text.data, '\n', text.len) + 1, '\n', 1000);
    third[20] ^= 1;
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, text.data, text.len), text.len);
    assert_int_equal(hal9_op_resume(&w->env, id, &res, &err), HAL9_E_CORRUPT);
    assert_true(strstr(err.message, "line 3") || err.line == 3);
    assert_file("c", NULL);
    /* and a run on the same thing is not done past it without a word */
    struct job job = JOB({"set", "file.set", SET("b", "9")}, );
    hal9_error_clear(&err);
    assert_int_equal(hal9_op_run(&w->env, plan_job, &job, &res, &err), HAL9_E_REFUSED);
    assert_true(strstr(err.message, id) && strstr(err.hint, "--force=foreign"));
    hal9_strv_add(&w->force, "foreign");
    run_job(w, &job, &res);
    assert_file("b", "9");
    hal9_op_result_clear(&res);
}

static void abort_freezes(void **state) {
    struct world *w = *state;
    static const struct {
        const char *now, *words;
        enum hal9_step_state step;
    } found[] = {
        {"0", "step 'two' had changed nothing", HAL9_STEP_SKIPPED},
        {"1", "step 'two' was done", HAL9_STEP_DONE},
        {"9", "step 'two' was left half-way", HAL9_STEP_FAILED},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(found); i++) {
        _cleanup_result_ struct hal9_op_result res = {0};
        char id[15];
        file_put("a", NULL);
        w->env.kinds = &test_kinds;
        killed(w, "file.set", DIES("b", "1"), id);
        file_put("b", found[i].now);
        assert_ok(hal9_op_abort(&w->env, id, &res, NULL));
        assert_string_equal(res.why, found[i].words);
        assert_int_equal(res.state, HAL9_OP_ABORTED);
        assert_false(res.resumable);
        assert_int_equal(state_of(w, id), HAL9_OP_ABORTED);
        assert_int_equal(step_state_of(w, id, "two"), found[i].step);
        assert_int_equal(step_state_of(w, id, "three"), HAL9_STEP_NOT_RUN);
        assert_string_equal(touched_here, "");
        assert_file("b", found[i].now);
        assert_int_equal(open_operations(w), 0);
    }
}

static void failed_steps_stay_failed(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"gate", "gate", SET("x", "1")}, {"no", "file.set", SET("n", "1"), "gate"},
                         {"revert", "file.set", DIES("r", "1"), "gate", "gate"}, );
    char id[15];
    run_and_die(w, &job);
    newest(w, id);
    w->env.kinds = tame();
    file_put("x", "1"); /* it would pass now */
    assert_ok(hal9_op_resume(&w->env, id, &res, NULL));
    assert_int_equal(res.state, HAL9_OP_FAILED);
    assert_string_equal(res.failed_step, "gate");
    assert_string_equal(res.error.message, "the gate wants 1");
    assert_file("r", "1");
    assert_file("n", NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(as_before_is_carried_out_again),
        TEST(as_intended_is_done),
        TEST(its_kind_knows_better),
        TEST(half_way_a_person_must_look),
        TEST(what_cannot_be_told_stays_open),
        TEST(notes_tell_a_kind_that_cannot_look),
        TEST(an_ended_operation_is_nothing),
        TEST(what_is_not_there_is_not_found),
        TEST(only_on_its_host),
        TEST(kinds_of_another_build_are_refused),
        TEST(a_damaged_journal_is_refused),
        TEST(abort_freezes),
        TEST(failed_steps_stay_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
