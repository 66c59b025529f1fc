/* The health gate: a started service must prove itself, and an exit fails it at once. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "check/drivers.h"
#include "check/either.h"
#include "check/jobs.h"
#include "check/look.h"
#include "check/proven.h"

#define FIRST_PAUSE_MS 200
#define DEFAULT_PAUSE_MS 1000
#define DEFAULT_WITHIN_MS 60000
#define DEFAULT_LOG_LINES 20
#define MAX_LOG ((size_t)64 * 1024)

struct gate {
    struct hal9_step_ctx *ctx;
    struct hal9_service_ref ref;
    struct hal9_check_job *jobs; /* of the round that runs; n of them */
    struct hal9_check_job *last; /* of the last round that came to its end */
    size_t n, deciding;          /* checks, and those that must pass */
    int64_t within_ms, pause_ms, begin_ms, rise, log_lines;
    int pid_fd; /* of the started process; -1: none is watched */
    struct hal9_proc_id pid;
    int64_t started_ms; /* wall clock; 0 unknown */
    struct hal9_either either;
};

static void clear_jobs(struct hal9_check_job *jobs, size_t n) {
    for (size_t i = 0; i < n; i++)
        hal9_check_result_clear(&jobs[i].result);
}

static void gate_clear(struct gate *g) {
    if (g->either.fd >= 0)
        hal9_either_close(&g->either);
    if (g->pid_fd >= 0)
        close(g->pid_fd);
    clear_jobs(g->jobs, g->n);
    clear_jobs(g->last, g->n);
    for (size_t i = 0; i < g->n; i++)
        hal9_check_free((struct hal9_check *)g->jobs[i].check);
    free(g->jobs);
    free(g->last);
    hal9_service_ref_clear(&g->ref);
}

static hal9_status read_checks(struct gate *g, const cJSON *specs, struct hal9_error *err) {
    const int n = cJSON_GetArraySize(specs);
    const cJSON *spec;
    g->jobs = hal9_alloc(((size_t)n + 1) * sizeof(*g->jobs));
    g->last = hal9_alloc(((size_t)n + 1) * sizeof(*g->last));
    cJSON_ArrayForEach(spec, specs) {
        struct hal9_check *c = NULL;
        hal9_status status = hal9_check_parse_json(spec, &c, err);
        if (status != HAL9_OK)
            return status;
        g->jobs[g->n++] = (struct hal9_check_job){.check = c, .service = &g->ref};
        g->deciding += hal9_job_decides(c);
    }
    return HAL9_OK;
}

/* What the start step journaled of the process: its identity, and where its output goes. */
static void read_start(struct gate *g, const char *step) {
    const cJSON *after = step ? hal9_step_after_of(g->ctx, step) : NULL;
    const cJSON *o = cJSON_GetObjectItemCaseSensitive(after, "observed");
    const cJSON *log = cJSON_GetObjectItemCaseSensitive(o, "log");
    const int64_t pid = hal9_json_int(o, "pid", 0);
    const char *boot = hal9_json_str(o, "boot");
    if (pid > 0) {
        g->ref.recorded = (struct hal9_proc_id){.pid = (pid_t)pid,
                                                .start = hal9_json_u64(o, "start"),
                                                .pidns = hal9_json_u64(o, "pidns")};
        if (boot)
            snprintf(g->ref.recorded.boot_id, sizeof(g->ref.recorded.boot_id), "%s", boot);
    }
    if (hal9_json_str(log, "path")) {
        free(g->ref.log_path);
        g->ref.log_path = hal9_strdup(hal9_json_str(log, "path"));
        g->ref.log_offset = hal9_json_u64(log, "offset");
    }
    g->pid = g->ref.recorded;
}

static hal9_status read_args(struct gate *g, struct hal9_error *err) {
    const cJSON *args = hal9_step_args(g->ctx);
    hal9_status status =
        hal9_service_ref_parse(cJSON_GetObjectItemCaseSensitive(args, "service"), &g->ref, err);
    if (status == HAL9_OK)
        status = read_checks(g, cJSON_GetObjectItemCaseSensitive(args, "checks"), err);
    if (status != HAL9_OK)
        return status;
    g->within_ms = hal9_json_int(args, "within_ms", DEFAULT_WITHIN_MS);
    g->pause_ms = hal9_json_int(args, "interval_ms", DEFAULT_PAUSE_MS);
    g->rise = hal9_json_int(args, "rise", 1);
    g->log_lines = hal9_json_int(args, "log_lines", DEFAULT_LOG_LINES);
    g->begin_ms = hal9_mono_ms();
    read_start(g, hal9_json_str(args, "watch_pid"));
    if (g->deciding > 0)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_UNKNOWN, "no checks: cannot prove %s healthy",
                   hal9_service_word(&g->ref));
    hal9_error_hint(err, "give it a port or checks, or restart it with --no-gate");
    return HAL9_E_UNKNOWN;
}

static void add_log(const struct gate *g, cJSON *detail) {
    _cleanup_buf_ struct hal9_buf tail = {0};
    char *rest = NULL;
    if (!g->ref.log_path || hal9_file_tail(g->ref.log_path, g->ref.log_offset, (size_t)g->log_lines,
                                           MAX_LOG, &tail, NULL) != HAL9_OK)
        return;
    hal9_redact_buf(&tail);
    cJSON *log = cJSON_AddObjectToObject(detail, "log");
    hal9_json_add_str(log, "path", g->ref.log_path);
    cJSON *lines = cJSON_AddArrayToObject(log, "lines");
    for (char *line = tail.data ? strtok_r(tail.data, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest))
        cJSON_AddItemToArray(lines, cJSON_CreateString(line));
}

/* What was found, for the fail line; on success, too, where something of the host failed. */
static void tell_detail(const struct gate *g, bool failed) {
    cJSON *detail = cJSON_CreateObject();
    cJSON *results = cJSON_AddArrayToObject(detail, "results");
    for (size_t i = 0; i < g->n; i++)
        if (g->last[i].result.reason)
            cJSON_AddItemToArray(results, hal9_job_json(&g->last[i]));
    if (failed)
        add_log(g, detail);
    hal9_step_detail(g->ctx, detail);
}

static hal9_status tell_exit(const struct gate *g, struct hal9_error *err) {
    const int64_t alive = g->started_ms > 0 ? hal9_now_ms() - g->started_ms : -1;
    _cleanup_free_ char *span = hal9_span_text(alive > 0 ? alive : 0);
    tell_detail(g, true);
    if (alive >= 0)
        return hal9_error_set(err, HAL9_E_FAILED, "%s (pid %d) exited %s after its start",
                              hal9_service_word(&g->ref), (int)g->pid.pid, span);
    return hal9_error_set(err, HAL9_E_FAILED, "%s (pid %d) exited soon after its start",
                          hal9_service_word(&g->ref), (int)g->pid.pid);
}

/* The first check that keeps the gate shut, or NULL. */
static const struct hal9_check_job *culprit(const struct hal9_check_job *jobs, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (hal9_job_decides(jobs[i].check) && jobs[i].result.state != HAL9_CHECK_PASS)
            return &jobs[i];
    return NULL;
}

static hal9_status tell_timeout(const struct gate *g, struct hal9_error *err) {
    const struct hal9_check_job *j = culprit(g->last, g->n);
    _cleanup_free_ char *span = hal9_span_text(g->within_ms);
    tell_detail(g, true);
    if (!j || !j->result.reason)
        return hal9_error_set(err, HAL9_E_FAILED, "%s is not healthy after %s",
                              hal9_service_word(&g->ref), span);
    return hal9_error_set(err, HAL9_E_FAILED, "%s is not healthy after %s: %s: %s",
                          hal9_service_word(&g->ref), span, j->check->name, j->result.reason);
}

/* A round that the deadline cut short tells less than the one before. */
static void keep_round(struct gate *g, bool cut) {
    if (cut && g->last[0].result.reason) {
        clear_jobs(g->jobs, g->n);
        return;
    }
    clear_jobs(g->last, g->n);
    memcpy(g->last, g->jobs, g->n * sizeof(*g->last));
    for (size_t i = 0; i < g->n; i++)
        g->jobs[i].result = (struct hal9_check_result){0};
}

static bool has_exited(const struct gate *g) {
    return g->pid_fd >= 0 && hal9_wait_fd(g->pid_fd, 0, -1, NULL) == HAL9_OK;
}

/* HAL9_E_TIMEOUT: not passed, or not yet often enough. */
static hal9_status one_round(struct gate *g, int64_t deadline_ms, int64_t *streak,
                             struct hal9_error *err) {
    _cleanup_error_ struct hal9_error broken = {0};
    hal9_status status = hal9_checks_run(g->jobs, g->n, deadline_ms, g->either.fd, &broken);
    const bool cut = status != HAL9_OK || hal9_mono_ms() >= deadline_ms;
    keep_round(g, cut);
    if (has_exited(g))
        return tell_exit(g, err);
    if (status != HAL9_OK)
        return hal9_error_move(err, &broken);
    const struct hal9_check_job *j = culprit(g->last, g->n);
    *streak = j || cut ? 0 : *streak + 1;
    if (j)
        hal9_step_progress(g->ctx, "waiting for %s: %s", j->check->name, j->result.reason);
    else if (*streak < g->rise)
        hal9_step_progress(g->ctx, "healthy %lld of %lld times", (long long)*streak,
                           (long long)g->rise);
    return *streak >= g->rise ? HAL9_OK : HAL9_E_TIMEOUT;
}

/* Watches the started process, where one is known. */
static hal9_status watch(struct gate *g, struct hal9_error *err) {
    struct hal9_proc p;
    if (g->pid.pid > 0) {
        if (hal9_proc_open(&g->pid, &g->pid_fd, NULL) == HAL9_E_NOT_FOUND)
            return tell_exit(g, err);
        if (hal9_proc_read(g->pid.pid, HAL9_PROC_STAT, &p, NULL) == HAL9_OK) {
            g->started_ms = p.started_ms;
            hal9_proc_clear(&p);
        }
    }
    return hal9_either_open(&g->either, hal9_step_cancel_fd(g->ctx), g->pid_fd, err);
}

static hal9_status poll_rounds(struct gate *g, struct hal9_error *err) {
    const int64_t deadline = g->begin_ms + g->within_ms;
    int64_t streak = 0, pause = FIRST_PAUSE_MS < g->pause_ms ? FIRST_PAUSE_MS : g->pause_ms;
    for (;;) {
        hal9_status status = one_round(g, deadline, &streak, err);
        if (status != HAL9_E_TIMEOUT)
            return status;
        const int64_t next = hal9_mono_ms() + pause;
        if (next >= deadline)
            return tell_timeout(g, err);
        status = hal9_step_wait(g->ctx, g->pid_fd, next, err);
        if (status == HAL9_OK && g->pid_fd >= 0)
            return tell_exit(g, err);
        if (status != HAL9_OK && status != HAL9_E_TIMEOUT)
            return status;
        hal9_error_clear(err);
        pause = pause * 3 / 2 < g->pause_ms ? pause * 3 / 2 : g->pause_ms;
    }
}

static hal9_status apply(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                         struct hal9_error *err) {
    _cleanup_(gate_clear) struct gate g = {.ctx = c, .pid_fd = -1, .either = {.fd = -1}};
    (void)before;
    (void)intent;
    hal9_status status = read_args(&g, err);
    if (status == HAL9_OK)
        status = watch(&g, err);
    if (status == HAL9_OK)
        status = poll_rounds(&g, err);
    if (status == HAL9_OK) {
        tell_detail(&g, false);
        hal9_gate_proven(c, g.ref.name);
    }
    return status;
}

static cJSON *state(bool passed) {
    cJSON *s = cJSON_CreateObject();
    cJSON_AddBoolToObject(s, "passed", passed);
    return s;
}

static hal9_status inspect(struct hal9_step_ctx *c, cJSON **ret_state, struct hal9_error *err) {
    (void)c;
    (void)err;
    *ret_state = state(false);
    return HAL9_OK;
}

static hal9_status intent(struct hal9_step_ctx *c, const cJSON *before, cJSON **ret_intent,
                          struct hal9_error *err) {
    (void)c;
    (void)before;
    (void)err;
    *ret_intent = state(true);
    return HAL9_OK;
}

static hal9_status verify(struct hal9_step_ctx *c, const cJSON *before, const cJSON *wanted,
                          cJSON **ret_after, struct hal9_error *err) {
    (void)c;
    (void)before;
    (void)wanted;
    (void)err;
    *ret_after = state(true); /* apply has seen it */
    return HAL9_OK;
}

static char *describe(const cJSON *args) {
    const cJSON *service = cJSON_GetObjectItemCaseSensitive(args, "service");
    const char *name = hal9_json_str(service, "name");
    _cleanup_free_ char *span = hal9_span_text(hal9_json_int(args, "within_ms", DEFAULT_WITHIN_MS));
    return hal9_strf("wait until %s is healthy, %s at most", name ? name : "the service", span);
}

const struct hal9_step_kind hal9_kind_health_gate = {
    .name = "health.gate",
    .version = 1,
    .flags = HAL9_KIND_PASSIVE,
    .inspect = inspect,
    .intent = intent,
    .apply = apply,
    .verify = verify,
    .describe = describe,
};
