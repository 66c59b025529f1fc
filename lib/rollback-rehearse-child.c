/* One rollback of a rehearsal in a process of its own, which may be killed at a line of its journal, and is then resumed by another. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

#include "hal9ops/sys.h"
#include "rollback-rehearse.h"
#include "sys/fault.h"

#define WORDS_MAX ((size_t)64 << 10)
#define GRACE_MS (10 * 60 * 1000) /* a rollback that hangs for so long will not come to its end */

void rb_child_clear(struct rb_child *c) {
    hal9_strv_free(&c->parts);
    free(c->operation);
    free(c->words);
    *c = (struct rb_child){0};
}

/* ---- its journal ---- */

static char *journal_path(const struct rb_rehearsal *r, const char *id) {
    return hal9_strf("%s/journal/%s.ndjson", hal9_state_path(r->job->state), id);
}

static bool is_ours(const struct rb_rehearsal *r, const char *id) {
    struct hal9_op o = {0};
    const bool ours = hal9_op_load(r->job->state, id, &o, NULL) == HAL9_OK &&
                      hal9_streq(hal9_json_str(hal9_rollback_subject(&o), "snapshot"), r->id);

    hal9_op_clear(&o);
    return ours;
}

/* The newest rollback to the rehearsal's snapshot that came after `since`. */
static void find_operation(const struct rb_rehearsal *r, const char *since, struct rb_child *c) {
    _cleanup_strv_ struct hal9_strv ids = {0};

    if (c->operation || hal9_journal_list(r->job->state, &ids, NULL) != HAL9_OK)
        return;
    for (size_t i = ids.n; !c->operation && i-- > 0 && strcmp(ids.v[i], since) > 0;)
        if (is_ours(r, ids.v[i]))
            c->operation = hal9_strdup(ids.v[i]);
}

static size_t count_lines(const struct rb_rehearsal *r, const char *id) {
    _cleanup_free_ char *path = journal_path(r, id);
    _cleanup_buf_ struct hal9_buf b = {0};
    size_t n = 0;

    if (hal9_file_read(path, SIZE_MAX / 2, &b, NULL) != HAL9_OK)
        return 0;
    for (size_t i = 0; i < b.len; i++)
        n += b.data[i] == '\n';
    return n;
}

static bool is_passive(const struct hal9_op *o, const char *step) {
    for (size_t i = 0; i < o->n_steps; i++)
        if (hal9_streq(o->steps[i].name, step))
            return o->steps[i].passive;
    return true;
}

size_t rb_child_changes(const struct rb_rehearsal *r, const struct rb_child *c, size_t **ret) {
    _cleanup_json_ cJSON *lines = NULL;
    struct hal9_op o = {0};
    const cJSON *line;
    size_t n = 0, at = 0;
    bool torn;

    *ret = NULL;
    if (!c->operation ||
        hal9_journal_read(r->job->state, c->operation, &lines, &torn, NULL) != HAL9_OK ||
        hal9_op_load(r->job->state, c->operation, &o, NULL) != HAL9_OK)
        return 0;
    *ret = hal9_alloc(((size_t)cJSON_GetArraySize(lines) + 1) * sizeof(**ret));
    cJSON_ArrayForEach(line, lines) {
        at++;
        if (hal9_streq(hal9_json_str(line, "type"), "begin") &&
            !is_passive(&o, hal9_json_str(line, "step")))
            (*ret)[n++] = at;
    }
    hal9_op_clear(&o);
    return n;
}

/* ---- the process ---- */

/* Where its words go: a file without a name. -1 where none can be had, as the disk is full: then it has none. */
static int words_file(const struct rb_rehearsal *r) {
    _cleanup_free_ char *path =
        hal9_strf("%s/.rehearsal.%d", hal9_state_path(r->job->state), (int)getpid());
    const int fd = hal9_sys_open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd >= 0)
        hal9_sys_unlink(path);
    return fd;
}

/* The first line that says what is wrong. */
static char *words_of(int fd) {
    char text[4096];
    const ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
    const char *from = text, *tool = "hal9-rollback: ";

    if (n <= 0)
        return NULL;
    text[n] = '\0';
    if (hal9_startswith(from, tool))
        from += strlen(tool);
    return hal9_strndup(from, strcspn(from, "\n"));
}

static hal9_status start(const struct rb_rehearsal *r, const struct hal9_strv *args, int words,
                         struct hal9_child *ret, struct hal9_error *err) {
    const struct hal9_strv *cmd = r->job->command;
    const char **argv = hal9_alloc((cmd->n + args->n + 2) * sizeof(*argv));
    size_t n = 0;

    argv[n++] = "hal9-rollback";
    for (size_t i = 1; i < cmd->n; i++)
        argv[n++] = cmd->v[i];
    for (size_t i = 0; i < args->n; i++)
        argv[n++] = args->v[i];
    const struct hal9_spawn s = {.argv = argv,
                                 .exe = cmd->v[0],
                                 .envp = r->job->envp,
                                 .stdio = {-1, -1, words},
                                 .new_session = true};
    hal9_status st = hal9_spawn(&s, ret, err);

    free(argv);
    return st;
}

/* ---- waiting for a line ---- */

struct watch {
    uv_loop_t loop;
    uv_fs_event_t journal;
    uv_poll_t end, stop;
    bool ended, stopped;
};

static void on_journal(uv_fs_event_t *e, const char *name, int events, int status) {
    (void)name, (void)events, (void)status;
    uv_stop(e->loop);
}

static void on_readable(uv_poll_t *p, int status, int events) {
    (void)status, (void)events;
    *(bool *)p->data = true;
    uv_poll_stop(p);
}

static void close_handle(uv_handle_t *h, void *data) {
    (void)data;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

static void watch_close(struct watch *w) {
    uv_walk(&w->loop, close_handle, NULL);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    uv_loop_close(&w->loop);
}

/* Before the process is started: no line is missed. */
static hal9_status watch_open(const struct rb_rehearsal *r, struct watch *w,
                              struct hal9_error *err) {
    _cleanup_free_ char *dir = hal9_strf("%s/journal", hal9_state_path(r->job->state));

    *w = (struct watch){.ended = false};
    if (uv_loop_init(&w->loop) != 0)
        return hal9_error_set(err, HAL9_E_IO, "cannot wait for events");
    uv_fs_event_init(&w->loop, &w->journal);
    const int e = uv_fs_event_start(&w->journal, on_journal, dir, 0);

    if (e == 0)
        return HAL9_OK;
    watch_close(w);
    return hal9_error_set(err, HAL9_E_IO, "cannot watch %s: %s", dir, uv_strerror(e));
}

static void watch_fd(struct watch *w, uv_poll_t *p, int fd, bool *flag) {
    if (fd < 0 || uv_poll_init(&w->loop, p, fd) != 0)
        return;
    p->data = flag;
    uv_poll_start(p, UV_READABLE, on_readable);
}

/* Kills it when its journal has that line. False: it ended before. */
static bool kill_at(const struct rb_rehearsal *r, const char *since, struct hal9_child *child,
                    struct watch *w, struct rb_child *c) {
    watch_fd(w, &w->end, child->fd, &w->ended);
    watch_fd(w, &w->stop, r->env->cancel ? r->env->cancel->hard_fd : -1, &w->stopped);
    while (!w->ended && !w->stopped) {
        find_operation(r, since, c);
        if (c->operation && count_lines(r, c->operation) >= c->kill_at)
            return hal9_proc_signal(child->fd, &child->id, SIGKILL, NULL) == HAL9_OK;
        uv_run(&w->loop, UV_RUN_ONCE);
    }
    return false;
}

/* ---- a run ---- */

static void add_arguments(const struct rb_rehearsal *r, const struct rb_child *c,
                          struct hal9_strv *ret) {
    hal9_strv_add(ret, "to");
    hal9_strv_add(ret, r->id);
    hal9_strv_add(ret, "--plan");
    hal9_strv_add(ret, r->plan->name);
    hal9_strv_add(ret, "--strategy");
    hal9_strv_add(ret, hal9_strategy_name(c->strategy));
    hal9_strv_take(ret, hal9_strf("--every=%lldms", (long long)r->job->every_ms));
    if (c->parts.n > 0) {
        _cleanup_free_ char *parts = hal9_strv_join(&c->parts, ",");

        hal9_strv_take(ret, hal9_strf("--parts=%s", parts));
    }
    if (c->best_effort)
        hal9_strv_add(ret, "--best-effort");
}

static hal9_status wait_end(const struct rb_rehearsal *r, struct hal9_child *child, int *ret_exit,
                            struct hal9_error *err) {
    hal9_status st = hal9_child_wait(child, hal9_mono_ms() + GRACE_MS,
                                     r->env->cancel ? r->env->cancel->hard_fd : -1, ret_exit, err);

    if (st != HAL9_OK)
        hal9_error_prefix(err, "a rollback of the rehearsal (pid %d)", (int)child->id.pid);
    return st;
}

/* words: of the process that was waited for last. */
static hal9_status run_once(const struct rb_rehearsal *r, const struct hal9_strv *args,
                            const char *since, struct rb_child *c, struct hal9_error *err) {
    struct hal9_child child = HAL9_CHILD_INIT;
    _cleanup_close_ int words = words_file(r);
    struct watch w;
    const bool kills = c->kill_at > 0 && !c->killed;
    hal9_status st = kills ? watch_open(r, &w, err) : HAL9_OK;

    if (st != HAL9_OK)
        return st;
    st = start(r, args, words, &child, err);
    if (st == HAL9_OK && kills)
        c->killed = kill_at(r, since, &child, &w, c);
    if (kills)
        watch_close(&w);
    if (st == HAL9_OK)
        st = wait_end(r, &child, &c->exit, err);
    hal9_child_clear(&child);
    free(HAL9_TAKE_PTR(c->words));
    if (st == HAL9_OK && c->exit != 0 && !(kills && c->killed))
        c->words = words_of(words);
    return st;
}

/* It may have come to its end before the signal did. */
static hal9_status go_on(const struct rb_rehearsal *r, struct rb_child *c, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv args = {0};
    struct hal9_op o = {0};
    hal9_status st = hal9_op_load(r->job->state, c->operation, &o, err);
    const bool open = st == HAL9_OK && o.state == HAL9_OP_OPEN;

    hal9_op_clear(&o);
    if (st != HAL9_OK)
        return st;
    c->killed_line = count_lines(r, c->operation);
    if (!open) {
        c->killed = false;
        c->exit = 0;
        return HAL9_OK;
    }
    hal9_strv_add(&args, "resume");
    hal9_strv_add(&args, c->operation);
    return run_once(r, &args, "", c, err);
}

hal9_status rb_child_run(const struct rb_rehearsal *r, struct rb_child *c, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv args = {0};
    const int64_t begun = hal9_mono_ms();
    char since[HAL9_ID_LEN + 1];

    hal9_id_new(since);
    add_arguments(r, c, &args);
    hal9_status st = run_once(r, &args, since, c, err);

    if (st == HAL9_OK && c->killed)
        st = go_on(r, c, err);
    c->ms = hal9_mono_ms() - begun;
    find_operation(r, since, c);
    if (c->operation)
        c->lines = count_lines(r, c->operation);
    return st;
}
