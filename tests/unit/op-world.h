/* A world for tests of the executor: a directory with a state directory, locks and files; plans out of tables; an observer that remembers. */
#ifndef HAL9_TESTS_OP_WORLD_H
#define HAL9_TESTS_OP_WORLD_H

#include <ftw.h>
#include <pthread.h>
#include <sys/wait.h>

#include "op-kinds.h"

/* Plans are tables here, and what a step doesn't name it doesn't have. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct world {
    char dir[64];
    struct hal9_state *s;
    char *locks;
    struct hal9_op_env env;
    struct hal9_strv force;
    struct hal9_observer observer;
    struct hal9_buf told; /* a line for each call */
    struct hal9_cancel cancel;
    int soft, hard; /* write a byte to ask for a stop */
};

/* One step of a plan; after: names, separated by commas. */
struct spec {
    const char *name, *kind, *args, *after, *when_failed;
    bool keep_going, warn;
    const char *or_failed;
    const char *unless_failed, *expect;
};
struct job {
    const char *title, *service, *taken_back;
    const struct spec *v;
    size_t n;
    int calls;
    /* Called before each planning. */
    void (*before)(int call);
};
#define SET(path, value) "{\"path\":\"" path "\",\"value\":\"" value "\"}"
#define SET_MARKED(path, value, mark) \
    "{\"path\":\"" path "\",\"value\":\"" value "\",\"mark\":\"" mark "\"}"
#define JOB(...)                                                  \
    {                                                             \
        .title = "test", .v = (const struct spec[]){__VA_ARGS__}, \
        .n = HAL9_ARRAY_LEN(((const struct spec[]){__VA_ARGS__})) \
    }

static inline void add_after(struct hal9_step *s, const char *names) {
    while (names && *names) {
        size_t len = strcspn(names, ",");
        _cleanup_free_ char *one = hal9_strndup(names, len);
        hal9_step_after(s, one);
        names += len + (names[len] == ',');
    }
}

static inline hal9_status plan_job(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    struct job *job = data;
    job->calls++;
    if (job->before)
        job->before(job->calls);
    ret->title = hal9_strdup(job->title);
    ret->service = hal9_strdup(job->service);
    ret->taken_back = hal9_strdup(job->taken_back);
    for (size_t i = 0; i < job->n; i++) {
        const struct spec *p = &job->v[i];
        const char *text = p->args ? p->args : "{}";
        cJSON *args = NULL;
        hal9_status st = hal9_json_parse(text, strlen(text), &args, err);
        if (st != HAL9_OK)
            return st;
        struct hal9_step *s = hal9_plan_step(ret, p->name, p->kind, args, NULL);
        add_after(s, p->after);
        s->when_failed = hal9_strdup(p->when_failed);
        s->or_failed = hal9_strdup(p->or_failed);
        s->unless_failed = hal9_strdup(p->unless_failed);
        s->guarded = p->expect != NULL;
        if (p->expect && p->expect[0])
            assert_ok(hal9_json_parse(p->expect, strlen(p->expect), &s->expect, err));
        s->keep_going = p->keep_going;
        s->on_fail = p->warn ? HAL9_FAIL_WARN : HAL9_FAIL_STOP;
    }
    return HAL9_OK;
}

/* ---- the observer */

static inline void told_plan(void *data, const char *id, const struct hal9_plan *plan) {
    hal9_buf_printf(&((struct world *)data)->told, "plan of %zu%s\n", plan->n, id ? "" : ", dry");
}
static inline void told_step(void *data, const struct hal9_step_report *r) {
    const char *because = r->state == HAL9_STEP_NOT_RUN && r->reason ? r->reason : NULL;
    hal9_buf_printf(&((struct world *)data)->told, "%s %s%s%s\n", r->name,
                    hal9_step_state_name(r->state), because ? ": " : "", because ? because : "");
}
static inline void told_progress(void *data, const struct hal9_step_report *r, const char *text) {
    hal9_buf_printf(&((struct world *)data)->told, "%s: %s\n", r->name, text);
}
static inline void told_wait(void *data, const char *resource, const struct hal9_lock_note *who) {
    hal9_buf_printf(&((struct world *)data)->told, "waits for %s, %s\n", resource,
                    who ? who->tool : "?");
}
static inline void told_found(void *data, const char *id, const char *what) {
    (void)id;
    hal9_buf_printf(&((struct world *)data)->told, "found %s\n", what);
}
static inline void told_end(void *data, const char *id, enum hal9_op_state state) {
    (void)id;
    hal9_buf_printf(&((struct world *)data)->told, "end %s\n", hal9_op_state_name(state));
}

static inline void assert_told(struct world *w, const char *words) {
    if (!w->told.data || !strstr(w->told.data, words))
        fail_msg("not told: '%s' in:\n%s", words, w->told.data ? w->told.data : "");
}
static inline void assert_not_told(struct world *w, const char *words) {
    if (w->told.data && strstr(w->told.data, words))
        fail_msg("told: '%s' in:\n%s", words, w->told.data);
}
/* What was told so far is forgotten. */
static inline void forget(struct world *w) {
    hal9_buf_reset(&w->told);
    if (w->told.data)
        w->told.data[0] = '\0';
    memset(touched_here, 0, sizeof(touched_here));
}

/* ---- life */

static inline int world_remove_one(const char *path, const struct stat *st, int type,
                                   struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}
static inline void world_remove(const char *dir) {
    nftw(dir, world_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void world_open(struct world *w) {
    _cleanup_free_ char *path = hal9_strf("%s/state", w->dir);
    if (w->s)
        hal9_state_close(w->s);
    assert_ok(hal9_state_open(path, HAL9_STATE_WRITE, false, &w->s, NULL));
    w->env.state = w->s;
}

/* Fresh signals: none was given. */
static inline void world_signals(struct world *w) {
    int soft[2];
    int hard[2];
    assert_int_equal(pipe2(soft, O_CLOEXEC), 0);
    assert_int_equal(pipe2(hard, O_CLOEXEC), 0);
    if (w->soft > 0) {
        close(w->soft);
        close(w->hard);
        close(w->cancel.soft_fd);
        close(w->cancel.hard_fd);
    }
    w->cancel = (struct hal9_cancel){.soft_fd = soft[0], .hard_fd = hard[0]};
    w->soft = soft[1];
    w->hard = hard[1];
}

static inline void signal_soft(struct world *w) {
    assert_int_equal(write(w->soft, "!", 1), 1);
}
static inline void signal_hard(struct world *w) {
    assert_int_equal(write(w->hard, "!", 1), 1);
}

static inline const char *fast_dir(void) {
    return access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
}

static inline int world_setup(void **state) {
    static const char *const argv[] = {"hal9-test", "--yes", NULL};
    struct world *w = hal9_alloc(sizeof(*w));
    snprintf(w->dir, sizeof(w->dir), "%s/hal9-op.XXXXXX", fast_dir());
    if (!mkdtemp(w->dir))
        return -1;
    snprintf(files_dir, sizeof(files_dir), "%s/files", w->dir);
    mkdir(files_dir, 0700);
    w->locks = hal9_strf("%s/locks", w->dir);
    w->observer = (struct hal9_observer){w,         told_plan,  told_step, told_progress,
                                         told_wait, told_found, told_end};
    w->env = (struct hal9_op_env){.tool = "hal9-test",
                                  .run = "run1",
                                  .argv = argv,
                                  .lock_dir = w->locks,
                                  .force = &w->force,
                                  .kinds = &test_kinds,
                                  .observer = &w->observer,
                                  .cancel = &w->cancel};
    world_signals(w);
    world_open(w);
    forget(w);
    *state = w;
    return 0;
}

static inline int world_teardown(void **state) {
    struct world *w = *state;
    hal9_state_close(w->s);
    hal9_strv_free(&w->force);
    hal9_buf_free(&w->told);
    close(w->soft);
    close(w->hard);
    close(w->cancel.soft_fd);
    close(w->cancel.hard_fd);
    world_remove(w->dir);
    free(w->locks);
    free(w);
    return 0;
}

#define _cleanup_result_ _cleanup_(hal9_op_result_clear)

/* Number of operations that have a journal. */
static inline size_t operations(struct world *w) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    assert_ok(hal9_journal_list(w->s, &ids, NULL));
    return ids.n;
}
static inline size_t open_operations(struct world *w) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    assert_ok(hal9_journal_list_open(w->s, &ids, NULL));
    return ids.n;
}
/* The id of the newest operation. */
static inline void newest(struct world *w, char ret[HAL9_ID_LEN + 1]) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    assert_ok(hal9_journal_list(w->s, &ids, NULL));
    assert_true(ids.n > 0);
    memcpy(ret, ids.v[ids.n - 1], HAL9_ID_LEN + 1);
}
static inline enum hal9_op_state state_of(struct world *w, const char *id) {
    struct hal9_op o = {0};
    struct hal9_error err = {0};
    if (hal9_op_load(w->s, id, &o, &err) != HAL9_OK)
        fail_msg("%s: %s", id, err.message);
    enum hal9_op_state state = o.state;
    hal9_op_clear(&o);
    return state;
}
static inline enum hal9_step_state step_state_of(struct world *w, const char *id,
                                                 const char *step) {
    struct hal9_op o = {0};
    enum hal9_step_state state = HAL9_STEP_RUNNING;
    bool found = false;
    assert_ok(hal9_op_load(w->s, id, &o, NULL));
    for (size_t i = 0; i < o.n_steps; i++)
        if (hal9_streq(o.steps[i].name, step)) {
            state = o.steps[i].state;
            found = true;
        }
    hal9_op_clear(&o);
    assert_true(found);
    return state;
}

/* Runs a job that must come to an end of itself. */
static inline void run_job(struct world *w, struct job *job, struct hal9_op_result *ret) {
    struct hal9_error err = {0};
    if (hal9_op_run(&w->env, plan_job, job, ret, &err) != HAL9_OK)
        fail_msg("%s", err.message);
}

/* How a forked child ended: its exit code, or 128 + signal. */
static inline int child_end(pid_t pid) {
    int status;
    if (waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Runs a job in a child that dies where the job tells it to ("die"), and expects that. */
static inline void run_and_die(struct world *w, struct job *job) {
    pid_t pid = fork();
    if (pid == 0) {
        struct hal9_op_result res = {0};
        _exit(hal9_op_run(&w->env, plan_job, job, &res, NULL) == HAL9_OK ? 0 : 1);
    }
    assert_int_equal(child_end(pid), 77);
}

#endif
