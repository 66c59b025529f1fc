/* Reading operations back: one, all, with large states; and a dry run, which leaves nothing to read. */
#include "op-world.h"

#include "op/op-internal.h"

/* ---- dry runs */

/* No state directory, no locks: and none is made. */
static void a_dry_run_leaves_nothing(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"a", "file.set", SET("a", "1")}, {"b", "file.set", SET("b", "1"), "a"},
                         {"gate", "gate", SET_MARKED("b", "1", "g"), "b"},
                         {"revert", "file.set", SET("b", "0"), "gate", "gate"}, );
    file_put("a", "1");
    w->env.dry_run = true;
    w->env.state = NULL;
    run_job(w, &job, &res);
    assert_told(w, "plan of 4, dry\na skipped\nb pending\ngate pending\nrevert pending\n");
    assert_not_told(w, "\nend ");
    assert_string_equal(touched_here, "");
    assert_string_equal(res.id, "");
    assert_false(res.nothing);
    assert_int_equal(res.skipped, 1);
    assert_int_equal(job.calls, 1);
    assert_file("b", NULL);
    assert_int_equal(operations(w), 0);
    assert_int_not_equal(access(w->locks, F_OK), 0);
}

static void a_dry_run_of_what_is_so_is_nothing(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"a", "file.set", SET("a", "1")}, {"gate", "gate", SET("a", "1"), "a"}, );
    file_put("a", "1");
    w->env.dry_run = true;
    run_job(w, &job, &res);
    assert_true(res.nothing);
    assert_told(w, "a skipped\ngate skipped\n");
}

/* The start is so now, but the stop before it would change that. */
static void a_dry_run_sees_what_would_come(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job =
        JOB({"start", "file.set", SET("up", "1"), "stop"}, {"stop", "file.set", SET("up", "0")}, );
    file_put("up", "1");
    w->env.dry_run = true;
    run_job(w, &job, &res);
    assert_told(w, "start pending\nstop pending\n");
}

static void a_dry_undo_and_a_dry_resume(void **state) {
    struct world *w = *state;
    struct hal9_op_result dry = {0};
    struct job job = JOB({"a", "file.set", SET("a", "1")},
                         {"b", "file.set", "{\"path\":\"b\",\"value\":\"1\",\"die\":true}", "a"}, );
    char id[15];
    run_and_die(w, &job);
    newest(w, id);
    w->env.dry_run = true;
    assert_ok(hal9_op_resume(&w->env, id, &dry, NULL));
    assert_told(w, "a done\nb pending\n");
    hal9_op_result_clear(&dry);
    forget(w);
    assert_ok(hal9_op_undo(&w->env, id, &dry, NULL));
    assert_told(w, "plan of 1, dry\nundo-a pending\n");
    hal9_op_result_clear(&dry);
    assert_ok(hal9_op_abort(&w->env, id, &dry, NULL));
    hal9_op_result_clear(&dry);
    assert_int_equal(state_of(w, id), HAL9_OP_OPEN);
    assert_int_equal(operations(w), 1);
    assert_file("a", "1");
}

static void without_a_state_directory_nothing_is_done(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"a", "file.set", SET("a", "1")}, );
    w->env.state = NULL;
    assert_int_equal(hal9_op_run(&w->env, plan_job, &job, &res, NULL), HAL9_E_USAGE);
    assert_int_equal(hal9_op_resume(&w->env, "01jd8z4k2m7f3a", &res, NULL), HAL9_E_USAGE);
    assert_int_equal(hal9_op_undo(&w->env, "01jd8z4k2m7f3a", &res, NULL), HAL9_E_USAGE);
    assert_file("a", NULL);
}

/* ---- reading */

static hal9_status plan_large(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    const char *value = data;
    (void)err;
    cJSON *args = cJSON_CreateObject();
    hal9_json_add_str(args, "path", "large");
    hal9_json_add_str(args, "value", value);
    hal9_plan_step(ret, "set", "file.set", args, "set %s", "much");
    ret->subject = cJSON_CreateObject();
    hal9_json_add_int(ret->subject, "port", 8080);
    return HAL9_OK;
}

static int keep_after(const struct hal9_op *o, void *data) {
    cJSON **kept = data;
    *kept = cJSON_Duplicate(o->steps[0].after, true);
    return 0;
}

static void large_states_lie_in_blobs(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_json_ cJSON *seen = NULL;
    static char value[100001];
    memset(value, 'v', sizeof(value) - 1);
    assert_ok(hal9_op_run(&w->env, plan_large, value, &res, NULL));
    _cleanup_free_ char *path = hal9_strf("%s/state/journal/%s.ndjson", w->dir, res.id);
    assert_ok(hal9_file_read(path, 1 << 20, &text, NULL));
    assert_true(text.len < 4000);
    assert_ok(hal9_op_load(w->s, res.id, &o, NULL));
    assert_string_equal(hal9_json_str(o.steps[0].args, "value"), value);
    assert_string_equal(hal9_json_str(o.steps[0].intent, "value"), value);
    assert_string_equal(hal9_json_str(o.steps[0].after, "value"), value);
    assert_string_equal(o.steps[0].title, "set much");
    assert_int_equal(hal9_json_int(cJSON_GetObjectItem(o.plan, "subject"), "port", 0), 8080);
    assert_ok(hal9_op_each(w->s, keep_after, NULL, &seen, NULL));
    assert_int_equal(strlen(hal9_json_str(seen, "blob")), 64);
    /* and they are what undo works with */
    _cleanup_result_ struct hal9_op_result undo = {0};
    struct hal9_op_result redo = {0};
    assert_ok(hal9_op_undo(&w->env, res.id, &undo, NULL));
    assert_file("large", NULL);
    assert_ok(hal9_op_undo(&w->env, undo.id, &redo, NULL));
    assert_file("large", value);
    hal9_op_result_clear(&redo);
}

static void a_blob_that_is_damaged_is_told(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op o = {0};
    static char value[20001];
    memset(value, 'v', sizeof(value) - 1);
    assert_ok(hal9_op_run(&w->env, plan_large, value, &res, NULL));
    _cleanup_free_ char *blobs = hal9_strf("%s/state/blobs", w->dir);
    world_remove(blobs);
    assert_int_not_equal(hal9_op_load(w->s, res.id, &o, &err), HAL9_OK);
    assert_non_null(err.message);
}

struct listing {
    struct hal9_buf text;
    int limit;
};
static int list_one(const struct hal9_op *o, void *data) {
    struct listing *l = data;
    hal9_buf_printf(&l->text, "%s %s %s\n", o->title, hal9_op_state_name(o->state),
                    o->resumable ? "resumable" : "-");
    return --l->limit == 0;
}
static void list_bad(const char *id, const struct hal9_error *e, void *data) {
    struct listing *l = data;
    hal9_buf_printf(&l->text, "bad %s\n", hal9_status_name(e->code));
    assert_true(hal9_id_valid(id));
}

static void all_oldest_first(void **state) {
    struct world *w = *state;
    struct hal9_op_result res = {0};
    struct job one = JOB({"a", "file.set", SET("a", "1")}, );
    struct job two = JOB({"b", "file.set", SET("b", "1")}, );
    struct job dies = JOB({"c", "file.set", "{\"path\":\"c\",\"value\":\"1\",\"die\":true}"}, );
    char id[15];
    one.title = "one";
    two.title = "two";
    dies.title = "three";
    run_job(w, &one, &res);
    memcpy(id, res.id, 15);
    hal9_op_result_clear(&res);
    run_job(w, &two, &res);
    char damaged[15];
    memcpy(damaged, res.id, 15);
    hal9_op_result_clear(&res);
    run_and_die(w, &dies);
    assert_ok(hal9_op_undo(&w->env, id, &res, NULL));
    hal9_op_result_clear(&res);
    _cleanup_free_ char *path = hal9_strf("%s/state/journal/%s.ndjson", w->dir, damaged);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "x", 1, 30), 1);
    /* one that was killed before its plan was written */
    struct hal9_journal *j;
    char empty[15];
    hal9_id_new(empty);
    assert_ok(hal9_journal_create(w->s, empty, 4096, &j, NULL));
    hal9_journal_close(j);
    struct listing l = {.limit = -1};
    assert_ok(hal9_op_each(w->s, list_one, list_bad, &l, NULL));
    assert_string_equal(l.text.data, "one undone -\nbad corrupt\nthree open resumable\n"
                                     "undo: one done -\n");
    hal9_buf_reset(&l.text);
    l.limit = 1;
    assert_ok(hal9_op_each(w->s, list_one, list_bad, &l, NULL));
    assert_string_equal(l.text.data, "one undone -\n");
    hal9_buf_free(&l.text);
    struct hal9_op o = {0};
    assert_int_equal(hal9_op_load(w->s, empty, &o, NULL), HAL9_E_NOT_FOUND);
    assert_int_equal(hal9_op_load(w->s, damaged, &o, NULL), HAL9_E_CORRUPT);
}

static void a_newer_format_is_refused(void **state) {
    struct world *w = *state;
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op_result res = {0};
    struct hal9_journal *j;
    static const char id[] = "01jd8z4k2m7f3a";
    _cleanup_json_ cJSON *line = cJSON_CreateObject();
    hal9_json_add_str(line, "type", "plan");
    hal9_json_add_int(line, "hal9", 3);
    hal9_json_add_str(line, "id", id);
    assert_ok(hal9_journal_create(w->s, id, 4096, &j, NULL));
    assert_ok(hal9_journal_append(j, line, true, NULL));
    hal9_journal_close(j);
    assert_int_equal(hal9_op_resume(&w->env, id, &res, &err), HAL9_E_USAGE);
    assert_says(err, "format 3, newer than 2");
}

static void a_plan_that_is_none_is_corrupt(void **state) {
    struct world *w = *state;
    struct hal9_op o = {0};
    static const char *const lines[][2] = {
        {"{\"type\":\"begin\",\"step\":\"a\"}", NULL},
        {"{\"type\":\"plan\",\"hal9\":1,\"id\":\"01jd8z4k2m7f3b\"}", NULL},
        {"{\"type\":\"plan\",\"hal9\":1,\"id\":\"01jd8z4k2m7f3a\",\"steps\":[]}",
         "{\"type\":\"begin\",\"step\":\"a\"}"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(lines); i++) {
        _cleanup_json_ cJSON *array = cJSON_CreateArray();
        for (int k = 0; k < 2 && lines[i][k]; k++)
            cJSON_AddItemToArray(array, cJSON_Parse(lines[i][k]));
        assert_int_equal(op_read_lines(array, "01jd8z4k2m7f3a", &o, NULL), HAL9_E_CORRUPT);
        hal9_op_clear(&o);
    }
    (void)w;
}

/* ---- many */

#define MANY 1000

static hal9_status plan_many(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    const bool *chained = data;
    (void)err;
    for (int i = 0; i < MANY; i++) {
        _cleanup_free_ char *name = hal9_strf("step%d", i);
        _cleanup_free_ char *before = hal9_strf("step%d", i - 1);
        struct hal9_step *s = hal9_plan_step(ret, name, "idle", NULL, NULL);
        if (*chained && i > 0)
            hal9_step_after(s, before);
    }
    struct hal9_step *gate = hal9_plan_step(ret, "last", "file.set", NULL, NULL);
    hal9_json_add_str(gate->args, "path", "many");
    hal9_json_add_str(gate->args, "value", "1");
    hal9_step_after(gate, "step999");
    return HAL9_OK;
}

static void a_thousand_steps(void **state) {
    struct world *w = *state;
    for (int chained = 1; chained >= 0; chained--) {
        _cleanup_result_ struct hal9_op_result res = {0};
        bool in_a_row = chained;
        int64_t start = hal9_mono_us();
        file_put("many", NULL);
        assert_ok(hal9_op_run(&w->env, plan_many, &in_a_row, &res, NULL));
        printf("# %d steps %s: %.1f ms\n", MANY, chained ? "in a row" : "at once",
               (double)(hal9_mono_us() - start) / 1000.0);
        assert_int_equal(res.skipped, MANY);
        assert_int_equal(res.done, 1);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_dry_run_leaves_nothing),
        TEST(a_dry_run_of_what_is_so_is_nothing),
        TEST(a_dry_run_sees_what_would_come),
        TEST(a_dry_undo_and_a_dry_resume),
        TEST(without_a_state_directory_nothing_is_done),
        TEST(large_states_lie_in_blobs),
        TEST(a_blob_that_is_damaged_is_told),
        TEST(all_oldest_first),
        TEST(a_newer_format_is_refused),
        TEST(a_plan_that_is_none_is_corrupt),
        TEST(a_thousand_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
