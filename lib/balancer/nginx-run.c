/* nginx' commands (test, reload), and its processes: a master with workers, of which those of before a reload end late. */
#include <string.h>

#include "balancer/nginx.h"

#include "balancer/driver.h"
#include "base/cleanup.h"

#define COMMAND_MS 20000
#define RELOADED_MS 10000
#define POLL_MS 20
#define MAX_OUTPUT ((size_t)16 * 1024)
#define MAX_WORKERS 1024
#define PID_FILE "/run/nginx.pid"

/* ---- processes ---- */

struct workers {
    pid_t master;
    pid_t v[MAX_WORKERS], old[MAX_WORKERS];
    size_t n, n_old;
    uint64_t newest;
    uint64_t since; /* start time of the newest before a reload */
    bool serving;   /* one of those from before still takes visitors */
};

static int take_worker(const struct hal9_proc *p, void *data) {
    struct workers *w = data;

    if (p->ppid != w->master || w->n == MAX_WORKERS)
        return 0;
    w->v[w->n++] = p->id.pid;
    if (p->id.start > w->newest)
        w->newest = p->id.start;
    /* its title: "nginx: worker process is shutting down" */
    if (p->argv.n > 0 && strstr(p->argv.v[0], "shutting down"))
        w->old[w->n_old++] = p->id.pid;
    else if (p->id.start <= w->since)
        w->serving = true;
    return 0;
}

static pid_t master_pid(const struct hal9_balancer_spec *b) {
    _cleanup_buf_ struct hal9_buf text = {0};
    int64_t pid = 0;

    if (hal9_file_read(b->pid ? b->pid : PID_FILE, 64, &text, NULL) != HAL9_OK || !text.data)
        return 0;
    text.data[strcspn(text.data, " \r\n")] = '\0';
    return hal9_parse_int(text.data, 2, INT32_MAX, &pid, NULL) == HAL9_OK ? (pid_t)pid : 0;
}

void ng_master_look(const struct hal9_balancer_spec *b, struct ng_master *ret) {
    struct hal9_proc p = {0};
    const pid_t pid = master_pid(b);
    _cleanup_free_ struct workers *w = hal9_alloc(sizeof(*w));

    if (pid == 0 || hal9_proc_read(pid, HAL9_PROC_STAT, &p, NULL) != HAL9_OK)
        return;
    ret->id = p.id;
    hal9_proc_clear(&p);
    w->master = pid;
    (void)hal9_proc_each(HAL9_PROC_STAT, take_worker, w, NULL);
    ret->newest = w->newest;
}

void ng_count_sessions(const struct hal9_balancer_spec *b, struct hal9_balancer_view *v) {
    _cleanup_free_ struct workers *w = hal9_alloc(sizeof(*w));

    w->master = master_pid(b);
    if (w->master == 0 || hal9_proc_each(HAL9_PROC_ARGV, take_worker, w, NULL) != HAL9_OK ||
        w->n == 0)
        return;
    v->old_sessions = 0;
    for (size_t i = 0; i < v->n; i++) {
        struct hal9_addr addr;
        struct hal9_connections_want want = {.states = 1U << HAL9_TCP_ESTABLISHED, .peer = &addr};
        size_t all, old;

        if (!bal_address_parse(v->v[i].name, &addr, &want.peer_port) ||
            hal9_connections_held(&want, w->v, w->n, &all, NULL) != HAL9_OK ||
            hal9_connections_held(&want, w->old, w->n_old, &old, NULL) != HAL9_OK) {
            v->old_sessions = -1;
            return;
        }
        v->v[i].sessions = (int64_t)all;
        v->old_sessions += (int64_t)old;
    }
}

/* ---- commands ---- */

static void first_line(const struct hal9_run_result *r, char ret[256]) {
    const struct hal9_buf *from = r->err.len > 0 ? &r->err : &r->out;

    snprintf(ret, 256, "%.*s", from->data ? (int)strcspn(from->data, "\n") : 0,
             from->data ? from->data : "");
}

static hal9_status run(const struct hal9_strv *told, const char *const *otherwise, int cancel_fd,
                       const char *what, struct hal9_error *err) {
    _cleanup_(hal9_run_result_clear) struct hal9_run_result r = {0};
    const struct hal9_spawn spawn = {.argv = told->n > 0 ? (const char *const *)told->v : otherwise,
                                     .stdio = {-1, -1, -1}};
    _cleanup_free_ char *typed = hal9_shell_quote(spawn.argv);
    hal9_status st = hal9_run(&spawn, COMMAND_MS, cancel_fd, MAX_OUTPUT, &r, err);
    char line[256];

    if (st != HAL9_OK) {
        hal9_error_prefix(err, "nginx: %s: %s", what, typed);
        return st;
    }
    if (r.exit == 0)
        return HAL9_OK;
    first_line(&r, line);
    hal9_error_set(err, HAL9_E_FAILED, "nginx: %s: %s (exit %d)", what,
                   line[0] ? line : "failed without a word", r.exit);
    hal9_error_hint(err, "see for yourself: %s", typed);
    return HAL9_E_FAILED;
}

hal9_status ng_test(const struct hal9_balancer_spec *b, int cancel_fd, struct hal9_error *err) {
    static const char *const usual[] = {"nginx", "-t", "-q", NULL};

    return run(&b->test, usual, cancel_fd, "it refuses its new configuration", err);
}

/* Whether a worker was started since, and those from before take no more visitors. */
static bool has_reloaded(const struct hal9_balancer_spec *b, const struct ng_master *before) {
    _cleanup_free_ struct workers *w = hal9_alloc(sizeof(*w));

    w->master = master_pid(b);
    w->since = before->newest;
    if (w->master != before->id.pid)
        return true; /* it was replaced as a whole */
    return hal9_proc_each(HAL9_PROC_ARGV, take_worker, w, NULL) == HAL9_OK &&
           w->newest > before->newest && !w->serving;
}

hal9_status ng_reload(const struct hal9_balancer_spec *b, const struct ng_master *before,
                      int cancel_fd, struct hal9_error *err) {
    static const char *const usual[] = {"nginx", "-s", "reload", NULL};
    const int64_t deadline = hal9_mono_ms() + RELOADED_MS;
    hal9_status st = run(&b->reload, usual, cancel_fd, "it can't be reloaded", err);

    while (st == HAL9_OK && before->id.pid > 0 && !has_reloaded(b, before)) {
        if (hal9_mono_ms() > deadline) {
            hal9_error_set(err, HAL9_E_TIMEOUT,
                           "nginx (pid %d) was told to reload, and goes on as before after %d s",
                           (int)before->id.pid, RELOADED_MS / 1000);
            hal9_error_hint(err, "its error log says why");
            return HAL9_E_TIMEOUT;
        }
        st = hal9_wait_fd(-1, hal9_mono_ms() + POLL_MS, cancel_fd, err);
    }
    return st;
}
