/* Two at once, and what an earlier one left unfinished on the same thing. */
#include "op-world.h"

#define DIES(path, value) "{\"path\":\"" path "\",\"value\":\"" value "\",\"die\":true}"

static struct job dying_job(void) {
    static const struct spec v[] = {
        {"one", "file.set", SET("a", "1")},
        {"two", "file.set", DIES("b", "1"), "one"},
    };
    return (struct job){.title = "dies", .v = v, .n = HAL9_ARRAY_LEN(v)};
}

/* Leaves an operation open in its second step, on file:a and file:b. */
static void leave_open(struct world *w, char ret[15]) {
    struct job job = dying_job();
    run_and_die(w, &job);
    newest(w, ret);
    forget(w);
}

static void is_superseded(struct world *w, const char *id, const char *by) {
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    assert_ok(hal9_op_load(w->s, id, &o, NULL));
    assert_int_equal(o.state, HAL9_OP_SUPERSEDED);
    if (by)
        assert_string_equal(o.ended_by, by);
    else
        assert_null(o.ended_by);
}

static void the_next_on_the_same_thing_takes_over(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"b", "file.set", SET("b", "2")}, );
    char id[15];
    leave_open(w, id);
    run_job(w, &job, &res);
    assert_told(w, "found superseded: step 'two' had changed nothing\nplan of 1\n");
    assert_int_equal(job.calls, 3); /* once more after that */
    is_superseded(w, id, res.id);
    assert_file("b", "2");
    assert_int_equal(open_operations(w), 0);
}

static void what_was_done_is_told(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"b", "file.set", SET("b", "2")}, );
    char id[15];
    leave_open(w, id);
    file_put("b", "1");
    run_job(w, &job, &res);
    assert_told(w, "found superseded: step 'two' was done\n");
    assert_int_equal(step_state_of(w, id, "two"), HAL9_STEP_DONE);
}

/* The lock files are gone, as after a boot: the open mark is enough. */
static void without_the_locks_notes(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"b", "file.set", SET("b", "2")}, );
    char id[15];
    leave_open(w, id);
    world_remove(w->locks);
    run_job(w, &job, &res);
    is_superseded(w, id, res.id);
}

static void on_other_things_it_stays(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"c", "file.set", SET("c", "2")}, );
    char id[15];
    leave_open(w, id);
    run_job(w, &job, &res);
    assert_int_equal(state_of(w, id), HAL9_OP_OPEN);
    assert_not_told(w, "found");
}

static void when_all_is_so_nobody_took_over(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"a", "file.set", SET("a", "1")}, );
    char id[15];
    leave_open(w, id);
    run_job(w, &job, &res);
    assert_true(res.nothing);
    assert_int_equal(operations(w), 1);
    is_superseded(w, id, NULL);
}

/* Opens a second state directory in the same world; what the first left is known by its lock files. */
static void other_state(struct world *w, struct hal9_state **ret_old) {
    _cleanup_free_ char *path = hal9_strf("%s/other", w->dir);
    *ret_old = w->s;
    w->s = NULL;
    assert_ok(hal9_state_open(path, HAL9_STATE_WRITE, false, &w->s, NULL));
    w->env.state = w->s;
}

static void in_another_state_directory(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"b", "file.set", SET("b", "2")}, );
    struct hal9_state *old;
    char id[15];
    leave_open(w, id);
    other_state(w, &old);
    run_job(w, &job, &res);
    assert_told(w, "found superseded");
    hal9_state_close(w->s);
    w->s = w->env.state = old;
    is_superseded(w, id, res.id);
}

/* A note that leads to a directory of links is not followed. */
static void not_through_links(void **state) {
    struct world *w = *state;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"b", "file.set", SET("b", "2")}, );
    struct hal9_state *old;
    char id[15];
    leave_open(w, id);
    _cleanup_free_ char *journal = hal9_strf("%s/state/journal", w->dir);
    _cleanup_free_ char *elsewhere = hal9_strf("%s/elsewhere", w->dir);
    assert_int_equal(rename(journal, elsewhere), 0);
    assert_int_equal(symlink(elsewhere, journal), 0);
    other_state(w, &old);
    assert_int_equal(hal9_op_run(&w->env, plan_job, &job, &res, &err), HAL9_E_REFUSED);
    assert_says(err, "not a plain one");
    hal9_state_close(w->s);
    w->s = w->env.state = old;
    assert_int_equal(state_of(w, id), HAL9_OP_OPEN);
}

static void past_what_cannot_be_read_only_by_force(void **state) {
    struct world *w = *state;
    if (geteuid() != 0)
        skip_needs("root");
    char id[15];
    leave_open(w, id);
    _cleanup_free_ char *path = hal9_strf("%s/other", w->dir);
    assert_int_equal(chmod(w->dir, 0711), 0);
    assert_int_equal(chmod(files_dir, 0777), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chown(path, 65534, 65534), 0);
    pid_t pid = fork();
    if (pid == 0) { /* another user, with a state directory of its own */
        struct hal9_op_result res = {0};
        struct hal9_error err = {0};
        struct job job = JOB({"c", "file.set", SET("b", "2")}, );
        if (setgid(65534) < 0 || setuid(65534) < 0 ||
            hal9_state_open(path, HAL9_STATE_WRITE, false, &w->env.state, NULL) != HAL9_OK)
            _exit(10);
        if (hal9_op_run(&w->env, plan_job, &job, &res, &err) != HAL9_E_REFUSED)
            _exit(11);
        if (!strstr(err.message, id) || !strstr(err.hint, "--force=foreign"))
            _exit(12);
        hal9_strv_add(&w->force, "foreign");
        _exit(hal9_op_run(&w->env, plan_job, &job, &res, &err) == HAL9_OK ? 0 : 13);
    }
    assert_int_equal(child_end(pid), 0);
    assert_file("b", "2");
    assert_int_equal(state_of(w, id), HAL9_OP_OPEN);
}

static void notes_are_hints(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_strv_ struct hal9_strv names = {0};
    struct hal9_locks *locks;
    struct job job = JOB({"b", "file.set", SET("b", "2")}, );
    hal9_strv_add(&names, "file:b");
    const struct hal9_lock_opts o = {.dir = w->locks, .cancel_fd = -1};
    assert_ok(hal9_locks_take(&names, &o, &locks, NULL));
    const struct hal9_lock_note lies = {.operation = (char *)(uintptr_t) "01jd8z4k2m7f3a",
                                        .state_dir = (char *)(uintptr_t) "/nowhere",
                                        .pid = 1};
    assert_ok(hal9_locks_note(locks, &lies, NULL));
    hal9_locks_release(locks);
    run_job(w, &job, &res);
    assert_file("b", "2");
}

/* ---- two at once */

static int ready[2], go[2];

/* A child that holds file:a until it is let go. */
static pid_t hold(struct world *w) {
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct hal9_op_result res = {0};
        struct job job = JOB({"hold", "hold", SET("a", "1")}, );
        hold_ready = ready[1];
        hold_go = go[0];
        _exit(hal9_op_run(&w->env, plan_job, &job, &res, NULL) == HAL9_OK ? 0 : 1);
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    return pid;
}
static void let_go(void) {
    assert_int_equal(write(go[1], "!", 1), 1);
}
static void closed(void) {
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(go[i]);
    }
}

static void the_second_is_told_who_is_first(void **state) {
    struct world *w = *state;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"a", "file.set", SET("a", "2")}, );
    char id[15];
    pid_t pid = hold(w);
    newest(w, id);
    assert_int_equal(hal9_op_run(&w->env, plan_job, &job, &res, &err), HAL9_E_BUSY);
    assert_true(strstr(err.message, id) && strstr(err.message, "hal9-test"));
    {
        static hal9_status (*const deeds[])(const struct hal9_op_env *, const char *,
                                            struct hal9_op_result *, struct hal9_error *) = {
            hal9_op_resume, hal9_op_abort, hal9_op_undo};
        char who[64];
        snprintf(who, sizeof(who), "hal9-test, pid %d, user ", (int)pid);
        for (size_t i = 0; i < HAL9_ARRAY_LEN(deeds); i++) {
            hal9_error_clear(&err);
            assert_int_equal(deeds[i](&w->env, id, &res, &err), HAL9_E_BUSY);
            assert_says(err, who);
        }
    }
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    assert_ok(hal9_op_load(w->s, id, &o, NULL));
    assert_true(o.running && !o.resumable);
    let_go();
    assert_int_equal(child_end(pid), 0);
    closed();
    assert_file("a", "1");
}

/* Lets the other go when it is waited for. */
static void told_wait_and_let_go(void *data, const char *resource,
                                 const struct hal9_lock_note *who) {
    told_wait(data, resource, who);
    let_go();
}

static void the_second_waits_its_turn(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"a", "file.set", SET("a", "2")}, );
    pid_t pid = hold(w);
    w->env.lock_timeout_ms = -1;
    w->observer.on_wait = told_wait_and_let_go;
    run_job(w, &job, &res);
    assert_told(w, "waits for file:a, hal9-test\n");
    assert_not_told(w, "found");
    assert_file("a", "2");
    assert_int_equal(child_end(pid), 0);
    closed();
    assert_int_equal(operations(w), 2);
}

static void a_signal_ends_the_waiting(void **state) {
    struct world *w = *state;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = JOB({"a", "file.set", SET("a", "2")}, );
    pid_t pid = hold(w);
    w->env.lock_timeout_ms = -1;
    signal_soft(w);
    assert_int_equal(hal9_op_run(&w->env, plan_job, &job, &res, &err), HAL9_E_INTERRUPTED);
    assert_string_equal(res.id, "");
    let_go();
    assert_int_equal(child_end(pid), 0);
    closed();
}

/* ---- plans that change */

static hal9_status growing(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    int *calls = data;
    (void)err;
    int files = *calls < 2 ? ++*calls : *calls;
    for (int i = 0; i < files; i++) {
        char name[] = {(char)('a' + i), 0};
        cJSON *args = cJSON_CreateObject();
        hal9_json_add_str(args, "path", name);
        hal9_json_add_str(args, "value", "1");
        hal9_plan_step(ret, name, "file.set", args, NULL);
    }
    return HAL9_OK;
}

static void more_is_locked_when_more_is_touched(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    int calls = 0;
    assert_ok(hal9_op_run(&w->env, growing, &calls, &res, NULL));
    assert_int_equal(res.done, 2);
    assert_file("b", "1");
}

static hal9_status endless(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    int *calls = data;
    (void)err;
    (*calls)++;
    _cleanup_free_ char *name = hal9_strf("f%d", *calls);
    cJSON *args = cJSON_CreateObject();
    hal9_json_add_str(args, "path", name);
    hal9_json_add_str(args, "value", "1");
    hal9_plan_step(ret, "set", "file.set", args, NULL);
    return HAL9_OK;
}

static void what_never_settles_is_given_up(void **state) {
    struct world *w = *state;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_result_ struct hal9_op_result res = {0};
    int calls = 0;
    assert_int_equal(hal9_op_run(&w->env, endless, &calls, &res, &err), HAL9_E_BUSY);
    assert_int_equal(calls, 6);
    assert_int_equal(operations(w), 0);
}

static hal9_status vanishing(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    int *calls = data;
    return ++*calls == 1 ? endless(calls, ret, err) : HAL9_OK;
}

static void what_another_has_done_meanwhile_is_nothing(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    int calls = 0;
    assert_ok(hal9_op_run(&w->env, vanishing, &calls, &res, NULL));
    assert_true(res.nothing);
    assert_int_equal(operations(w), 0);
}

static hal9_status refusing(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    (void)data;
    hal9_plan_step(ret, "set", "file.set", NULL, NULL);
    return hal9_error_set(err, HAL9_E_REFUSED, "a stranger has it");
}

static void the_planners_own_error_is_told(void **state) {
    struct world *w = *state;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_result_ struct hal9_op_result res = {0};
    assert_int_equal(hal9_op_run(&w->env, refusing, NULL, &res, &err), HAL9_E_REFUSED);
    assert_string_equal(err.message, "a stranger has it");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_next_on_the_same_thing_takes_over),
        TEST(what_was_done_is_told),
        TEST(without_the_locks_notes),
        TEST(on_other_things_it_stays),
        TEST(when_all_is_so_nobody_took_over),
        TEST(in_another_state_directory),
        TEST(not_through_links),
        TEST(past_what_cannot_be_read_only_by_force),
        TEST(notes_are_hints),
        TEST(the_second_is_told_who_is_first),
        TEST(the_second_waits_its_turn),
        TEST(a_signal_ends_the_waiting),
        TEST(more_is_locked_when_more_is_touched),
        TEST(what_never_settles_is_given_up),
        TEST(what_another_has_done_meanwhile_is_nothing),
        TEST(the_planners_own_error_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
