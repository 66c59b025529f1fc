/* process.start on real processes: gated by the journal, recorded, logged; what is missing is told by its key. */
#include "workload-world.h"

#include "store/store-internal.h"

#define START "process.start"
#define STOP "process.stop"

/* A service of our own hal9-server. */
struct service {
    struct hal9_service_ref ref;
    struct hal9_run_spec run;
    char *ready; /* it tells there that it listens */
};

static void service_init(struct world *w, struct service *s, const char *const *more) {
    *s = (struct service){.ref.name = hal9_strdup("web"),
                          .ref.identity.exe = program("hal9-server")};
    s->ready = hal9_strf("%s/ready", w->dir);
    hal9_strv_take(&s->run.exec, program("hal9-server"));
    const char *const usual[] = {"--port", "0", "--ready-file", s->ready};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(usual); i++)
        hal9_strv_add(&s->run.exec, usual[i]);
    for (; more && *more; more++)
        hal9_strv_add(&s->run.exec, *more);
}
static void service_clear(struct service *s) {
    hal9_service_ref_clear(&s->ref);
    hal9_schema_clear(&hal9_run_schema, &s->run);
    free(s->ready);
}
#define _cleanup_service_ _cleanup_(service_clear)

static cJSON *start_args(struct service *s) {
    return hal9_args_start_service(&s->ref, &s->run);
}

static void load(struct world *w, struct service *s, struct hal9_service_ref *ret) {
    assert_ok(hal9_service_ref_load(w->s, "web", &s->ref.identity, NULL, ret, NULL));
}

/* The pid in the first line of its ready file. */
static pid_t ready_pid(const struct service *s) {
    _cleanup_buf_ struct hal9_buf text = {0};
    int pid = 0;
    eventually(access(s->ready, F_OK) == 0);
    assert_ok(hal9_file_read(s->ready, 4096, &text, NULL));
    assert_int_equal(sscanf(text.data, "%*d %d", &pid), 1);
    return (pid_t)pid;
}

static void it_runs_and_is_recorded(void **state) {
    struct world *w = *state;
    _cleanup_service_ struct service s;
    _cleanup_(hal9_service_ref_clear) struct hal9_service_ref known = {0};
    struct hal9_op o = {0};
    char id[HAL9_ID_LEN + 1];
    service_init(w, &s, NULL);
    run_done(w, START, start_args(&s));
    pid_t pid = ready_pid(&s);
    load(w, &s, &known);
    assert_int_equal(known.recorded.pid, pid);
    assert_int_equal(hal9_proc_alive(&known.recorded), HAL9_ALIVE);
    newest(w, id);
    assert_ok(hal9_op_load(w->s, id, &o, NULL));
    const cJSON *seen = cJSON_GetObjectItem(o.steps[0].after, "observed");
    assert_int_equal(hal9_json_int(seen, "pid", 0), pid);
    assert_int_equal(hal9_json_u64(seen, "start"), known.recorded.start);
    assert_string_equal(hal9_json_str(cJSON_GetObjectItem(seen, "log"), "path"), known.log_path);
    assert_int_equal(getsid(pid), pid); /* the end of a session does not take it along */
    hal9_op_clear(&o);
}

static void its_output_is_in_the_log(void **state) {
    struct world *w = *state;
    _cleanup_service_ struct service s;
    _cleanup_(hal9_service_ref_clear) struct hal9_service_ref known = {0};
    _cleanup_buf_ struct hal9_buf text = {0};
    struct stat st;
    service_init(w, &s, (const char *const[]){"--log-lines", "3", NULL});
    run_done(w, START, start_args(&s));
    ready_pid(&s);
    load(w, &s, &known);
    assert_ok(hal9_file_read(known.log_path, 1 << 20, &text, NULL));
    assert_non_null(strstr(text.data, "log line 3 of 3"));
    assert_int_equal(stat(known.log_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(hal9_endswith(known.log_path, "/services/web/out.log"));
}

static void the_log_of_a_start_begins_where_it_says(void **state) {
    struct world *w = *state;
    _cleanup_service_ struct service s;
    _cleanup_(hal9_service_ref_clear) struct hal9_service_ref known = {0};
    service_init(w, &s, NULL);
    run_done(w, START, start_args(&s));
    ready_pid(&s);
    run_done(w, STOP, hal9_args_stop_service(&s.ref, NULL));
    load(w, &s, &known);
    assert_int_equal(known.log_offset, 0);
    struct stat st;
    assert_int_equal(stat(known.log_path, &st), 0);
    run_done(w, START, start_args(&s));
    hal9_service_ref_clear(&known);
    load(w, &s, &known);
    assert_int_equal(known.log_offset, st.st_size);
}

static void a_large_log_is_put_aside(void **state) {
    struct world *w = *state;
    _cleanup_service_ struct service s;
    _cleanup_(hal9_service_ref_clear) struct hal9_service_ref known = {0};
    _cleanup_free_ char *dir = NULL;
    service_init(w, &s, NULL);
    assert_ok(hal9_state_service_dir(w->s, "web", &dir, NULL));
    _cleanup_free_ char *log = hal9_path_join(dir, "out.log");
    _cleanup_free_ char *old = hal9_path_join(dir, "out.log.1");
    assert_ok(hal9_file_write(log, "old\n", 4, 0600, NULL));
    assert_int_equal(truncate(log, (10 << 20) + 1), 0);
    run_done(w, START, start_args(&s));
    struct stat st;
    assert_int_equal(stat(old, &st), 0);
    assert_int_equal(st.st_size, (10 << 20) + 1);
    load(w, &s, &known);
    assert_int_equal(known.log_offset, 0);
}

static void one_that_runs_is_not_started_again(void **state) {
    struct world *w = *state;
    _cleanup_service_ struct service s;
    _cleanup_result_ struct hal9_op_result res = {0};
    service_init(w, &s, NULL);
    server_start("hal9-server", "--port=0");
    run_step(w, START, start_args(&s), &res);
    assert_true(res.nothing);
    assert_int_equal(copies("hal9-server", NULL), 1);
}

static void undo_stops_it_and_undo_again_starts_it(void **state) {
    struct world *w = *state;
    _cleanup_service_ struct service s;
    service_init(w, &s, NULL);
    run_done(w, START, start_args(&s));
    pid_t first = ready_pid(&s);
    undo_newest(w);
    assert_int_equal(copies("hal9-server", NULL), 0);
    assert_false(is_running(first));
    unlink(s.ready);
    undo_newest(w);
    pid_t second = ready_pid(&s);
    assert_true(first != second);
    _cleanup_(hal9_service_ref_clear) struct hal9_service_ref known = {0};
    load(w, &s, &known);
    assert_int_equal(known.recorded.pid, second);
}

/* ---- what it has around it */

static bool has_env(pid_t pid, const char *word) {
    _cleanup_free_ char *path = hal9_strf("/proc/%d/environ", (int)pid);
    _cleanup_buf_ struct hal9_buf text = {0};
    assert_ok(hal9_file_read(path, 1 << 20, &text, NULL));
    for (size_t at = 0; at < text.len; at += strlen(text.data + at) + 1)
        if (strcmp(text.data + at, word) == 0)
            return true;
    return false;
}

static void its_environment_is_small_and_told(void **state) {
    struct world *w = *state;
    _cleanup_service_ struct service s;
    _cleanup_free_ char *file = hal9_strf("%s/token", w->dir);
    _cleanup_free_ char *reference = hal9_strf("file:%s", file);
    _cleanup_buf_ struct hal9_buf cwd = {0};
    service_init(w, &s, NULL);
    assert_ok(hal9_file_write(file, "abc\n", 4, 0600, NULL));
    setenv("OPERATORS_OWN", "1", 1);
    s.run.env = cJSON_CreateObject();
    hal9_json_add_str(s.run.env, "MODE", "fast");
    hal9_json_add_int(s.run.env, "LEVEL", 3);
    hal9_json_add_str(s.run.env, "API_TOKEN", reference);
    s.run.cwd = hal9_strdup(w->dir);
    s.run.umask = hal9_strdup("027");
    run_done(w, START, start_args(&s));
    pid_t pid = ready_pid(&s);
    assert_true(has_env(pid, "MODE=fast"));
    assert_true(has_env(pid, "LEVEL=3"));
    assert_true(has_env(pid, "API_TOKEN=abc"));
    assert_false(has_env(pid, "OPERATORS_OWN=1"));
    _cleanup_free_ char *path = hal9_strf("PATH=%s", getenv("PATH"));
    assert_true(has_env(pid, path));
    unsetenv("OPERATORS_OWN");
    _cleanup_free_ char *status = hal9_strf("/proc/%d/status", (int)pid);
    assert_ok(hal9_file_read(status, 1 << 16, &cwd, NULL));
    assert_non_null(strstr(cwd.data, "\nUmask:\t0027"));
    _cleanup_free_ char *link = hal9_strf("/proc/%d/cwd", (int)pid);
    _cleanup_free_ char *there = realpath(link, NULL);
    _cleanup_free_ char *here = realpath(w->dir, NULL);
    assert_string_equal(there, here);
}

static void it_runs_as_its_user(void **state) {
    struct world *w = *state;
    _cleanup_service_ struct service s;
    struct hal9_proc p = {0};
    if (geteuid() != 0) {
        skip_needs("root");
        return;
    }
    service_init(w, &s, NULL);
    assert_int_equal(chmod(w->dir, 0777), 0);
    s.run.user = hal9_strdup("nobody");
    run_done(w, START, start_args(&s));
    pid_t pid = ready_pid(&s);
    assert_ok(hal9_proc_read(pid, HAL9_PROC_USER, &p, NULL));
    _cleanup_free_ char *user = hal9_user_name(p.uid);
    assert_string_equal(user, "nobody");
    assert_true(has_env(pid, "USER=nobody"));
    hal9_proc_clear(&p);
}

/* ---- what can't be started */

static void replace_program(struct service *s, char *path) {
    free(s->run.exec.v[0]);
    s->run.exec.v[0] = path;
}

static void what_is_missing_is_told_by_its_key(void **state) {
    struct world *w = *state;
    _cleanup_service_ struct service s;
    service_init(w, &s, NULL);
    s.run.cwd = hal9_strdup("/nowhere/at/all");
    run_fails(w, START, start_args(&s), HAL9_E_NOT_FOUND, "run.cwd /nowhere/at/all does not exist");
    free(s.run.cwd);
    s.run.cwd = NULL;
    s.run.user = hal9_strdup("nobody-of-this-name");
    run_fails(w, START, start_args(&s), HAL9_E_NOT_FOUND,
              "run.user: no user 'nobody-of-this-name'");
    free(s.run.user);
    s.run.user = NULL;
    replace_program(&s, hal9_strdup("/nowhere/server"));
    run_fails(w, START, start_args(&s), HAL9_E_NOT_FOUND,
              "run.exec /nowhere/server does not exist");
    replace_program(&s, hal9_strdup("no-such-program-anywhere"));
    run_fails(w, START, start_args(&s), HAL9_E_NOT_FOUND, "is not in PATH");
    replace_program(&s, hal9_strdup("/etc/passwd"));
    run_fails(w, START, start_args(&s), HAL9_E_PERM, "run.exec /etc/passwd is not executable");
    replace_program(&s, hal9_strdup("/etc"));
    run_fails(w, START, start_args(&s), HAL9_E_FAILED, "run.exec /etc is not a program");
    assert_int_equal(copies("hal9-server", NULL), 0);
}

static void what_the_kernel_refuses_to_run_is_told(void **state) {
    struct world *w = *state;
    _cleanup_service_ struct service s;
    _cleanup_result_ struct hal9_op_result res = {0};
    service_init(w, &s, NULL);
    char *script = hal9_strf("%s/script", w->dir);
    assert_ok(hal9_file_write(script, "#!/no/such/interpreter\n", 23, 0755, NULL));
    replace_program(&s, script);
    run_step(w, START, start_args(&s), &res);
    assert_int_equal(res.state, HAL9_OP_FAILED);
    assert_says(res.error, "cannot run");
    assert_says(res.error, "/script");
    assert_non_null(res.error.hint);
}

static void one_that_ends_at_once_shows_its_log(void **state) {
    struct world *w = *state;
    _cleanup_service_ struct service s;
    service_init(w, &s, (const char *const[]){"--exit-at-start", "3", NULL});
    struct one_step o = {START, start_args(&s)};
    _cleanup_result_ struct hal9_op_result res = {0};
    /* Whether it is seen to have ended depends on who is faster: many times, until it is. */
    for (int i = 0; i < 200 && res.state != HAL9_OP_FAILED; i++) {
        hal9_op_result_clear(&res);
        eventually(copies("hal9-server", NULL) == 0);
        assert_ok(hal9_op_run(&w->env, plan_one, &o, &res, NULL));
    }
    cJSON_Delete(o.args);
    assert_int_equal(res.state, HAL9_OP_FAILED);
    assert_says(res.error, "ended right after its start");
    _cleanup_free_ char *detail = hal9_json_text(res.detail);
    assert_non_null(strstr(detail, "cannot open database"));
}

/* ---- killed */

#ifdef HAL9_TEST_HOOKS
/* Runs the start in a child that is killed at the n-th journal line; before: when it isn't written yet. */
static void killed_at_line(struct world *w, struct service *s, int n, bool before) {
    int ready[2];
    int go[2];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    _cleanup_free_ char *stop = hal9_strf("%d:%d:%d", n, ready[1], go[0]);
    pid_t child = fork();
    if (child == 0) {
        setenv(before ? "HAL9OPS_TEST_STOP_BEFORE" : "HAL9OPS_TEST_STOP", stop, 1);
        hal9_hook_reset();
        close(ready[0]);
        close(go[1]);
        struct one_step o = {START, start_args(s)};
        struct hal9_op_result res = {0};
        hal9_op_run(&w->env, plan_one, &o, &res, NULL);
        _exit(0);
    }
    char byte;
    close(ready[1]);
    close(go[0]);
    ssize_t got = read(ready[0], &byte, 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ready[0]);
    close(go[1]);
    assert_int_equal(got, 1);
}

static void resume_all(struct world *w) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    assert_ok(hal9_journal_list_open(w->s, &ids, NULL));
    for (size_t i = 0; i < ids.n; i++) {
        _cleanup_result_ struct hal9_op_result res = {0};
        struct hal9_error err = {0};
        if (hal9_op_resume(&w->env, ids.v[i], &res, &err) != HAL9_OK)
            fail_msg("%s", err.message);
        assert_int_equal(res.state, HAL9_OP_DONE);
    }
}

/* Lines: plan, begin, note (the pid), done, end. */
static void killed_at_any_line_it_is_never_two_and_never_none(void **state) {
    struct world *w = *state;
    _cleanup_service_ struct service s;
    service_init(w, &s, NULL);
    for (int n = 1; n <= 5; n++)
        for (int before = 0; before <= 1; before++) {
            killed_at_line(w, &s, n, before);
            /* The child that stood at the gate ends with the tool. */
            if (n < 3 || (n == 3))
                eventually(copies("hal9-server", NULL) == 0);
            resume_all(w);
            if (n > 1 || !before) {
                if (copies("hal9-server", NULL) != 1)
                    fail_msg("killed %s line %d: %zu copies", before ? "before" : "after", n,
                             copies("hal9-server", NULL));
                run_done(w, STOP, hal9_args_stop_service(&s.ref, NULL));
            }
            assert_int_equal(copies("hal9-server", NULL), 0);
        }
}

/* The pid that stood at the gate when its tool was killed runs nothing, ever. */
static void at_the_gate_it_dies_with_its_tool(void **state) {
    struct world *w = *state;
    _cleanup_service_ struct service s;
    _cleanup_strv_ struct hal9_strv ids = {0};
    struct hal9_op o = {0};
    service_init(w, &s, NULL);
    killed_at_line(w, &s, 3, false);
    assert_ok(hal9_journal_list_open(w->s, &ids, NULL));
    assert_int_equal(ids.n, 1);
    assert_ok(hal9_op_load(w->s, ids.v[0], &o, NULL));
    const cJSON *note = cJSON_GetArrayItem(o.steps[0].notes, 0);
    pid_t pid = (pid_t)hal9_json_int(cJSON_GetObjectItem(note, "started"), "pid", 0);
    hal9_op_clear(&o);
    assert_true(pid > 0);
    eventually(!is_running(pid));
    assert_int_equal(access(s.ready, F_OK), -1);
}
#endif

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, workload_setup, workload_teardown)
    const struct CMUnitTest tests[] = {
        TEST(it_runs_and_is_recorded),
        TEST(its_output_is_in_the_log),
        TEST(the_log_of_a_start_begins_where_it_says),
        TEST(a_large_log_is_put_aside),
        TEST(one_that_runs_is_not_started_again),
        TEST(undo_stops_it_and_undo_again_starts_it),
        TEST(its_environment_is_small_and_told),
        TEST(it_runs_as_its_user),
        TEST(what_is_missing_is_told_by_its_key),
        TEST(what_the_kernel_refuses_to_run_is_told),
        TEST(one_that_ends_at_once_shows_its_log),
#ifdef HAL9_TEST_HOOKS
        TEST(killed_at_any_line_it_is_never_two_and_never_none),
        TEST(at_the_gate_it_dies_with_its_tool),
#endif
    };
    return cmocka_run_group_tests(tests, programs_setup, programs_teardown);
}
