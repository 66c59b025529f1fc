/* Runs checks at once in one loop: each with its own timer, all with one deadline. */
#include <string.h>
#include <uv.h>

#include "base/cleanup.h"
#include "check/run.h"

const char *hal9_check_state_name(enum hal9_check_state s) {
    static const char *const names[] = {"pass", "fail", "unknown", "skipped"};
    return names[s];
}

void hal9_check_result_clear(struct hal9_check_result *r) {
    free(r->reason);
    free(r->value);
    free(r->unit);
    cJSON_Delete(r->evidence);
    *r = (struct hal9_check_result){0};
}

static void close_all(struct hal9_runner *u) {
    if (u->closed)
        return;
    u->closed = true;
    hal9_http_pool_free(u->pool);
    for (size_t i = 0; i < u->n; i++)
        uv_close((uv_handle_t *)&u->items[i].timer, NULL);
    uv_close((uv_handle_t *)&u->deadline, NULL);
    uv_close((uv_handle_t *)&u->batch_timer, NULL);
    if (u->has_cancel)
        uv_close((uv_handle_t *)&u->cancel, NULL);
}

void hal9_item_end(struct hal9_check_item *item) {
    struct hal9_runner *u = item->runner;
    uv_timer_stop(&item->timer);
    item->stage = HAL9_ITEM_ENDED;
    if (--u->left == 0)
        close_all(u);
}

static void fill(struct hal9_check_item *item, enum hal9_check_state s, const char *cause,
                 char *reason) {
    struct hal9_check_result *r = item->run.result;
    r->state = s;
    r->cause = s == HAL9_CHECK_FAIL ? cause : NULL;
    r->reason = reason;
    r->us = hal9_mono_us() - item->begin_us;
    item->filled = true;
}

void hal9_check_done(struct hal9_check_run *r, enum hal9_check_state s, const char *cause,
                     const char *reason_fmt, ...) {
    struct hal9_check_item *item = r->runner;
    va_list ap;
    va_start(ap, reason_fmt);
    fill(item, s, cause, hal9_vstrf(reason_fmt, ap));
    va_end(ap);
    /* From the worker thread the loop must not be touched: it ends the item itself. */
    if (item->stage != HAL9_ITEM_LOOKING)
        hal9_item_end(item);
}

static void release(struct hal9_check_item *item) {
    const struct hal9_check_driver *d = item->run.check->driver;
    if (d->cancel && (item->stage == HAL9_ITEM_RUNNING || item->stage == HAL9_ITEM_WAITING))
        d->cancel(&item->run);
}

static void on_timeout(uv_timer_t *t) {
    struct hal9_check_item *item = t->data;
    const struct hal9_check *c = item->run.check;
    if (item->stage != HAL9_ITEM_RUNNING)
        return; /* its answer is there, only the look at the listener is not */
    if (c->driver->timeout) {
        c->driver->timeout(&item->run);
        return;
    }
    _cleanup_free_ char *span = hal9_span_text(c->timeout_ms);
    release(item);
    hal9_check_done(&item->run, HAL9_CHECK_FAIL,
                    c->driver->of_host ? HAL9_CAUSE_RESOURCE : HAL9_CAUSE_FAILED,
                    "no answer within %s", span);
}

/* Ends what still runs. What the worker thread has in hand ends when that is done. */
static void end_all(struct hal9_runner *u, const char *why) {
    for (size_t i = 0; i < u->n; i++) {
        struct hal9_check_item *item = &u->items[i];
        if (item->stage == HAL9_ITEM_ENDED || item->stage == HAL9_ITEM_LOOKING)
            continue;
        release(item);
        fill(item, HAL9_CHECK_UNKNOWN, NULL, hal9_strdup(why));
        hal9_item_end(item);
    }
}

static void on_deadline(uv_timer_t *t) {
    struct hal9_runner *u = t->data;
    u->over = true;
    end_all(u, "not finished when the time was over");
}

static void on_cancel(uv_poll_t *p, int status, int events) {
    struct hal9_runner *u = p->data;
    (void)status;
    (void)events;
    uv_poll_stop(p);
    u->interrupted = u->over = true;
    end_all(u, "interrupted");
}

static void start_item(struct hal9_check_item *item) {
    const struct hal9_check *c = item->run.check;
    item->stage = HAL9_ITEM_RUNNING;
    item->begin_us = hal9_mono_us();
    uv_timer_start(&item->timer, on_timeout, (uint64_t)c->timeout_ms, 0);
    c->driver->start(&item->run);
}

static void init_items(struct hal9_runner *u, struct hal9_check_job *jobs) {
    for (size_t i = 0; i < u->n; i++) {
        struct hal9_check_item *item = &u->items[i];
        hal9_check_result_clear(&jobs[i].result);
        item->runner = u;
        item->run = (struct hal9_check_run){.check = jobs[i].check,
                                            .service = jobs[i].service,
                                            .loop = &u->loop,
                                            .result = &jobs[i].result,
                                            .runner = item};
        uv_timer_init(&u->loop, &item->timer);
        item->timer.data = item;
    }
}

static bool start_cancel(struct hal9_runner *u, int cancel_fd) {
    if (cancel_fd < 0)
        return true;
    if (uv_poll_init(&u->loop, &u->cancel, cancel_fd) != 0)
        return false;
    u->has_cancel = true;
    u->cancel.data = u;
    return uv_poll_start(&u->cancel, UV_READABLE | UV_DISCONNECT, on_cancel) == 0;
}

static void start_all(struct hal9_runner *u, int64_t deadline_ms) {
    const int64_t left = deadline_ms - hal9_mono_ms();
    uv_update_time(&u->loop);
    if (deadline_ms >= 0)
        uv_timer_start(&u->deadline, on_deadline, left > 0 ? (uint64_t)left : 0, 0);
    for (size_t i = 0; i < u->n; i++)
        start_item(&u->items[i]);
}

static void clear_runner(struct hal9_runner *u) {
    for (size_t i = 0; i < u->n; i++)
        hal9_port_outcome_free(u->items[i].outcome);
    hal9_look_clear(&u->look);
    free(u->items);
    free(u->batch);
}

hal9_status hal9_checks_run(struct hal9_check_job *jobs, size_t n, int64_t deadline_ms,
                            int cancel_fd, struct hal9_error *err) {
    struct hal9_runner u = {.n = n, .left = n};
    if (n == 0)
        return HAL9_OK;
    int code = uv_loop_init(&u.loop);
    if (code != 0)
        return hal9_error_set(err, HAL9_E_IO, "cannot make an event loop: %s", uv_strerror(code));
    u.items = hal9_alloc(n * sizeof(*u.items));
    u.batch = hal9_alloc(n * sizeof(*u.batch));
    uv_timer_init(&u.loop, &u.deadline);
    uv_timer_init(&u.loop, &u.batch_timer);
    u.deadline.data = u.batch_timer.data = &u;
    init_items(&u, jobs);
    const bool watched = start_cancel(&u, cancel_fd);
    if (watched)
        start_all(&u, deadline_ms);
    else
        close_all(&u);
    uv_run(&u.loop, UV_RUN_DEFAULT);
    uv_loop_close(&u.loop);
    clear_runner(&u);
    if (!watched)
        return hal9_error_set(err, HAL9_E_IO, "cannot wait for the descriptor %d", cancel_fd);
    if (u.interrupted)
        return hal9_error_set(err, HAL9_E_INTERRUPTED, "interrupted");
    return HAL9_OK;
}

hal9_status hal9_check_http(struct hal9_check_run *r, struct hal9_http_pool **ret,
                            struct hal9_error *err) {
    struct hal9_check_item *item = r->runner;
    struct hal9_runner *u = item->runner;
    hal9_status status = u->pool ? HAL9_OK : hal9_http_pool_new(&u->loop, &u->pool, err);
    if (status == HAL9_OK)
        *ret = r->http = u->pool;
    return status;
}

cJSON *hal9_check_evidence(struct hal9_check_run *r) {
    if (!r->result->evidence)
        r->result->evidence = cJSON_CreateObject();
    return r->result->evidence;
}

void hal9_check_value(struct hal9_check_run *r, const char *unit, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    free(r->result->value);
    free(r->result->unit);
    r->result->value = hal9_vstrf(fmt, ap);
    r->result->unit = hal9_strdup(unit);
    va_end(ap);
}
