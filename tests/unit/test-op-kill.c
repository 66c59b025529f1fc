/* kill -9 before every system call that changes something: whatever goes on then reaches the right end, and undo the beginning. */
#include "op-world.h"

#ifdef HAL9_TEST_HOOKS

#define SURE(path, value) "{\"path\":\"" path "\",\"value\":\"" value "\",\"via\":\"half\"}"

static const struct spec steps[] = {
    {"stop", "file.set", SET("up", "0"), .keep_going = true},
    {"move", "file.sure", SURE("b", "1"), "stop"},
    {"line", "line", "{\"path\":\"log\"}", "move"},
    {"gate", "gate", SET("b", "2"), "line", .warn = true},
    {"big", "file.set", NULL, "gate"},
};
/* Without what can't be seen: a run that takes over would do it once more. */
static const struct spec seen[] = {
    {"stop", "file.set", SET("up", "0"), .keep_going = true},
    {"move", "file.sure", SURE("b", "1"), "stop"},
    {"gate", "gate", SET("b", "1"), "move"},
    {"start", "file.set", SET("up", "1"), "gate"},
};

/* The large step's value is larger than what a journal takes. */
static char large[20000];

static hal9_status plan_steps(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    struct job job = {.title = "kill", .v = steps, .n = HAL9_ARRAY_LEN(steps)};
    (void)data;
    hal9_status st = plan_job(&job, ret, err);
    cJSON *args = hal9_plan_find(ret, "big")->args;
    memset(large, 'x', sizeof(large) - 1);
    hal9_json_add_str(args, "path", "big");
    hal9_json_add_str(args, "value", large);
    return st;
}

static hal9_status plan_seen(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    struct job job = {.title = "kill", .v = seen, .n = HAL9_ARRAY_LEN(seen)};
    (void)data;
    return plan_job(&job, ret, err);
}

/* As before the first run: the files, and a state directory and locks of which nobody has heard. */
static void begin_anew(struct world *w) {
    hal9_state_close(w->s);
    w->s = NULL;
    _cleanup_free_ char *path = hal9_strf("%s/state", w->dir);
    world_remove(path);
    world_remove(w->locks);
    world_remove(files_dir);
    mkdir(files_dir, 0700);
    file_put("up", "1 ");
    file_put("b", "0");
    world_open(w);
    forget(w);
}

/* As a process that knows nothing of the earlier one would find it. */
static void next_process(struct world *w) {
    world_open(w);
    forget(w);
}

typedef hal9_status (*deed)(struct world *w, const char *id);

static hal9_status deed_run(struct world *w, const char *id) {
    _cleanup_result_ struct hal9_op_result res = {0};
    (void)id;
    return hal9_op_run(&w->env, plan_steps, NULL, &res, NULL);
}
static hal9_status deed_run_seen(struct world *w, const char *id) {
    _cleanup_result_ struct hal9_op_result res = {0};
    (void)id;
    return hal9_op_run(&w->env, plan_seen, NULL, &res, NULL);
}
static hal9_status deed_resume(struct world *w, const char *id) {
    _cleanup_result_ struct hal9_op_result res = {0};
    return hal9_op_resume(&w->env, id, &res, NULL);
}
static hal9_status deed_undo(struct world *w, const char *id) {
    _cleanup_result_ struct hal9_op_result res = {0};
    return hal9_op_undo(&w->env, id, &res, NULL);
}
static hal9_status deed_abort(struct world *w, const char *id) {
    _cleanup_result_ struct hal9_op_result res = {0};
    return hal9_op_abort(&w->env, id, &res, NULL);
}

/* Does it in a child under a fault. True: it was killed. */
static bool killed_in(struct world *w, deed d, const char *id, const char *fault) {
    pid_t pid = fork();
    if (pid == 0) {
        hal9_fault_setup(fault);
        _exit(d(w, id) == HAL9_OK ? 0 : 1);
    }
    int end = child_end(pid);
    if (end != 0 && end != 128 + SIGKILL)
        fail_msg("the child ended with %d under %s", end, fault);
    next_process(w);
    return end != 0;
}

static bool killed_at(struct world *w, deed d, const char *id, unsigned n) {
    char fault[32];
    snprintf(fault, sizeof(fault), "%u:KILL", n);
    return killed_in(w, d, id, fault);
}

static void must(struct world *w, deed d, const char *id, unsigned n) {
    hal9_status st = d(w, id);
    if (st != HAL9_OK)
        fail_msg("after a kill at %u: %s", n, hal9_status_name(st));
    next_process(w);
}

/* The only open operation that has begun, or none. */
static bool is_open(struct world *w, char ret[15]) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    assert_ok(hal9_journal_list_open(w->s, &ids, NULL));
    assert_true(ids.n <= 1);
    if (ids.n == 1)
        memcpy(ret, ids.v[0], 15);
    return ids.n == 1;
}

/* One that began, ended or not. */
static bool any(struct world *w, char ret[15]) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    assert_ok(hal9_journal_list(w->s, &ids, NULL));
    if (ids.n == 0 || hal9_op_load(w->s, ids.v[ids.n - 1], &o, NULL) != HAL9_OK)
        return false;
    memcpy(ret, ids.v[ids.n - 1], 15);
    return true;
}

static void at_the_end(void) {
    assert_file("up", "0");
    assert_file("b", "1");
    assert_file("log", "line\n"); /* once, not twice, not never */
    assert_file("big", large);
}

static void at_the_beginning(void) {
    assert_file("up", "1 ");
    assert_file("b", "0");
    assert_file("big", NULL);
}

static void resume_reaches_the_end(void **state) {
    struct world *w = *state;
    unsigned n = 1;
    char id[15];
    for (;; n++) {
        begin_anew(w);
        if (!killed_at(w, deed_run, NULL, n))
            break;
        if (is_open(w, id))
            must(w, deed_resume, id, n);
        else if (!any(w, id))
            must(w, deed_run, NULL, n);
        at_the_end();
        assert_int_equal(open_operations(w), 0);
        assert_true(any(w, id));
        must(w, deed_undo, id, n);
        at_the_beginning();
    }
    at_the_end();
    printf("# killed at %u points\n", n - 1);
    assert_true(n > 50);
}

/* The run is killed, then what resumes it. */
static void a_killed_resume_is_resumed(void **state) {
    struct world *w = *state;
    unsigned n = 1;
    unsigned twice = 0;
    char id[15];
    for (;; n += 2) {
        begin_anew(w);
        if (!killed_at(w, deed_run, NULL, n))
            break;
        if (!is_open(w, id))
            continue;
        if (killed_at(w, deed_resume, id, 1 + n * 7 % 31)) {
            twice++;
            if (is_open(w, id))
                must(w, deed_resume, id, n);
        }
        at_the_end();
        assert_int_equal(open_operations(w), 0);
    }
    assert_true(twice > 10);
}

/* A torn last line is cut, and what it said is done again. */
static void torn_lines_are_no_hindrance(void **state) {
    struct world *w = *state;
    unsigned n = 1;
    char id[15];
    char fault[32];
    for (;; n++) {
        begin_anew(w);
        snprintf(fault, sizeof(fault), "write:%u:TORN", n);
        if (!killed_in(w, deed_run, NULL, fault))
            break;
        if (is_open(w, id))
            must(w, deed_resume, id, n);
        else if (!any(w, id))
            must(w, deed_run, NULL, n);
        at_the_end();
    }
    assert_true(n > 10);
}

static void the_next_run_takes_over(void **state) {
    struct world *w = *state;
    unsigned n = 1;
    char id[15];
    for (;; n++) {
        begin_anew(w);
        if (!killed_at(w, deed_run_seen, NULL, n))
            break;
        bool was_open = is_open(w, id);
        must(w, deed_run_seen, NULL, n);
        assert_file("up", "1");
        assert_file("b", "1");
        assert_int_equal(open_operations(w), 0);
        if (was_open)
            assert_int_equal(state_of(w, id), HAL9_OP_SUPERSEDED);
        /* all of it back, newest first */
        struct hal9_op_result *res = NULL;
        size_t done = 0;
        assert_ok(hal9_op_undo_run(&w->env, "run1", &res, &done, NULL));
        for (size_t i = 0; i < done; i++)
            hal9_op_result_clear(&res[i]);
        free(res);
        assert_file("up", "1 ");
        assert_file("b", "0");
    }
    assert_true(n > 40);
}

static void a_killed_undo_goes_on(void **state) {
    struct world *w = *state;
    unsigned n = 1;
    char id[15];
    char open[15];
    for (;; n++) {
        begin_anew(w);
        must(w, deed_run, NULL, 0);
        assert_true(any(w, id));
        if (!killed_at(w, deed_undo, id, n))
            break;
        if (is_open(w, open) && n % 2 == 0)
            must(w, deed_resume, open, n);
        must(w, deed_undo, id, n); /* anew, or already undone */
        at_the_beginning();
        assert_int_equal(open_operations(w), 0);
        assert_true(any(w, open));
        if (state_of(w, id) == HAL9_OP_UNDONE) {
            must(w, deed_undo, open, n); /* the newest is what undid it */
            at_the_end();
        }
    }
    at_the_beginning();
    assert_true(n > 40);
}

/* Several steps are under way when it is killed: which ones, is up to the threads. */
static const struct spec branches[] = {
    {"a", "file.sure", SURE("a", "1")},          {"b", "file.sure", SURE("b", "1")},
    {"c", "file.sure", SURE("c", "1")},          {"log", "line", "{\"path\":\"log\"}", "a"},
    {"z", "file.set", SET("z", "1"), "b,c,log"},
};

static hal9_status deed_run_branches(struct world *w, const char *id) {
    _cleanup_result_ struct hal9_op_result res = {0};
    struct job job = {.title = "kill", .v = branches, .n = HAL9_ARRAY_LEN(branches)};
    (void)id;
    return hal9_op_run(&w->env, plan_job, &job, &res, NULL);
}

static void branches_are_resumed(void **state) {
    struct world *w = *state;
    char id[15];
    for (unsigned n = 1;; n += 2) {
        begin_anew(w);
        if (!killed_at(w, deed_run_branches, NULL, n))
            break;
        if (is_open(w, id))
            must(w, deed_resume, id, n);
        else if (!any(w, id))
            must(w, deed_run_branches, NULL, n);
        assert_file("a", "1");
        assert_file("b", "1");
        assert_file("c", "1");
        assert_file("z", "1");
        assert_file("log", "line\n");
        assert_true(any(w, id));
        must(w, deed_undo, id, n);
        assert_file("a", NULL);
        assert_file("b", "0");
        assert_file("c", NULL);
        assert_file("z", NULL);
    }
}

/* Killed in the run, in the abort, and then taken back. */
static void a_killed_abort_goes_on(void **state) {
    struct world *w = *state;
    unsigned n = 1;
    unsigned aborted = 0;
    char id[15];
    for (;; n += 4) {
        begin_anew(w);
        if (!killed_at(w, deed_run, NULL, n))
            break;
        if (!is_open(w, id))
            continue;
        if (killed_at(w, deed_abort, id, 1 + n % 7) && is_open(w, id))
            must(w, deed_abort, id, n);
        assert_int_equal(state_of(w, id), HAL9_OP_ABORTED);
        must(w, deed_undo, id, n);
        at_the_beginning();
        aborted++;
    }
    assert_true(aborted > 10);
}

/* Nothing is done that isn't journaled: a disk that is full from the n-th write on. */
static void a_full_disk_stops_before_acting(void **state) {
    struct world *w = *state;
    char id[15];
    unsigned stopped = 0;
    for (unsigned n = 1;; n++) {
        char fault[32];
        snprintf(fault, sizeof(fault), "write:%u+:ENOSPC", n);
        begin_anew(w);
        pid_t pid = fork();
        if (pid == 0) {
            hal9_fault_setup(fault);
            _exit(deed_run(w, NULL) == HAL9_OK ? 0 : 1);
        }
        if (child_end(pid) == 0)
            break;
        stopped++;
        next_process(w);
        if (!any(w, id)) {
            at_the_beginning();
            continue;
        }
        if (is_open(w, id))
            must(w, deed_resume, id, n);
        assert_int_equal(open_operations(w), 0);
        must(w, deed_undo, id, n);
        at_the_beginning();
    }
    assert_true(stopped > 10);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(resume_reaches_the_end),          TEST(a_killed_resume_is_resumed),
        TEST(torn_lines_are_no_hindrance),     TEST(the_next_run_takes_over),
        TEST(a_killed_undo_goes_on),           TEST(a_killed_abort_goes_on),
        TEST(a_full_disk_stops_before_acting), TEST(branches_are_resumed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void) {
    puts("1..1\nok 1 - kills # SKIP needs a build with HAL9_TEST_HOOKS");
    return 0;
}

#endif
