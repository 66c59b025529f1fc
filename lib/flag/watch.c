/* Watching a store: files by their directories' events, servers by asking again; what differs is told. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "flag/flag-internal.h"
#include "hal9ops/sys.h"

#define EVERY_MS 10000
#define SETTLE_MS 50 /* a change comes in several events */

/* What wakes it: events of the file (NULL for servers), the time, the cancel fd. */
struct alarm {
    uv_loop_t loop;
    uv_fs_event_t events[3]; /* the file, its directory, the directory that its symlink stands in */
    uv_timer_t timer;
    uv_poll_t cancel;
    bool has_cancel, cancelled;
};

static void on_cancel(uv_poll_t *p, int status, int events) {
    struct alarm *a = p->data;
    (void)status, (void)events;
    a->cancelled = true;
    uv_stop(&a->loop);
}

static void on_time(uv_timer_t *t) {
    uv_stop(t->loop);
}

static void on_event(uv_fs_event_t *e, const char *name, int events, int status) {
    struct alarm *a = e->data;
    (void)name, (void)events, (void)status;
    uv_timer_start(&a->timer, on_time, SETTLE_MS, 0);
}

static hal9_status alarm_open(struct alarm *a, int cancel_fd, struct hal9_error *err) {
    if (uv_loop_init(&a->loop) != 0)
        return hal9_error_set(err, HAL9_E_IO, "no events can be had here");
    for (size_t i = 0; i < HAL9_ARRAY_LEN(a->events); i++) {
        uv_fs_event_init(&a->loop, &a->events[i]);
        a->events[i].data = a;
    }
    uv_timer_init(&a->loop, &a->timer);
    if (cancel_fd >= 0 && uv_poll_init(&a->loop, &a->cancel, cancel_fd) == 0) {
        a->has_cancel = true;
        a->cancel.data = a;
        uv_poll_start(&a->cancel, UV_READABLE, on_cancel);
    }
    return HAL9_OK;
}

static void close_handle(uv_handle_t *h, void *data) {
    (void)data;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

static void alarm_close(struct alarm *a) {
    uv_walk(&a->loop, close_handle, NULL);
    uv_run(&a->loop, UV_RUN_DEFAULT);
    uv_loop_close(&a->loop);
}

static void watch_path(struct alarm *a, size_t i, const char *path) {
    uv_fs_event_stop(&a->events[i]);
    if (path && uv_fs_event_start(&a->events[i], on_event, path, 0) != 0)
        hal9_log(1, "%s has no events; it is looked at now and then", path);
}

static char *directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        return hal9_strdup(".");
    return slash == path ? hal9_strdup("/") : hal9_strndup(path, (size_t)(slash - path));
}

/* Anew each time: the file may be another one by now. Before it is read, so that no change falls between the two. */
static void arm(struct alarm *a, const char *path) {
    char real[PATH_MAX];
    _cleanup_free_ char *here = directory_of(path);
    const bool found = realpath(path, real) != NULL;
    _cleanup_free_ char *there = found ? directory_of(real) : NULL;
    watch_path(a, 0, found ? real : NULL);
    watch_path(a, 1, here);
    watch_path(a, 2, there);
}

/* false: it is over. */
static bool wait_for(struct alarm *a, int64_t ms) {
    uv_timer_start(&a->timer, on_time, (uint64_t)ms, 0);
    uv_run(&a->loop, UV_RUN_DEFAULT);
    return !a->cancelled;
}

/* ---- what differs */

static void compare(const struct hal9_flag_spec *f, const cJSON *of, const cJSON *was,
                    const cJSON *is, cJSON *before, cJSON *now) {
    const cJSON *flag;
    cJSON_ArrayForEach(flag, of) {
        const cJSON *one = cJSON_GetObjectItemCaseSensitive(was, flag->string);
        const cJSON *two = cJSON_GetObjectItemCaseSensitive(is, flag->string);
        if (hal9_flag_equal(f, one, two) || cJSON_GetObjectItemCaseSensitive(now, flag->string))
            continue;
        cJSON_AddItemToObject(before, flag->string,
                              one ? cJSON_Duplicate(one, true) : cJSON_CreateNull());
        cJSON_AddItemToObject(now, flag->string,
                              two ? cJSON_Duplicate(two, true) : cJSON_CreateNull());
    }
}

static void tell(const struct hal9_flag_spec *f, const struct hal9_flag_watch *w, const cJSON *was,
                 const cJSON *is) {
    _cleanup_json_ cJSON *before = cJSON_CreateObject();
    _cleanup_json_ cJSON *now = cJSON_CreateObject();
    compare(f, was, was, is, before, now);
    compare(f, is, was, is, before, now);
    if (now->child)
        w->changed(w->data, before, now);
}

/* ---- the watch */

struct watching {
    const struct hal9_flag_spec *f;
    const struct fl_driver *d;
    const struct hal9_flag_watch *w;
    struct alarm alarm;
    struct fl_seen seen;
    cJSON *last;
    bool trouble; /* it could not be read the last time */
};

static void look(struct watching *g) {
    const struct fl_call call = {.f = g->f, .cancel_fd = g->w->cancel_fd};
    _cleanup_error_ struct hal9_error e = {0};
    cJSON *now = NULL;
    hal9_status st = g->d->read(&call, g->w->names, &g->seen, &now, &e);
    if (st == HAL9_E_INTERRUPTED)
        return;
    if (st != HAL9_OK) {
        free(g->seen.etag); /* what it stood for was not read */
        g->seen = (struct fl_seen){0};
        if (!g->trouble && g->w->trouble)
            g->w->trouble(g->w->data, &e);
        g->trouble = true;
        return;
    }
    if (g->trouble && g->w->trouble)
        g->w->trouble(g->w->data, NULL);
    g->trouble = false;
    if (!now)
        return; /* the server says that it is the same */
    tell(g->f, g->w, g->last, now);
    cJSON_Delete(g->last);
    g->last = now;
}

static const char *path_of(const struct hal9_flag_spec *f) {
    return f->flagd ? f->flagd : f->env;
}

static hal9_status run(struct watching *g, struct hal9_error *err) {
    const struct fl_call call = {.f = g->f, .cancel_fd = g->w->cancel_fd};
    const int64_t every = g->w->every_ms > 0 ? g->w->every_ms : EVERY_MS;
    const char *path = path_of(g->f);
    if (path)
        arm(&g->alarm, path);
    hal9_status st = g->d->read(&call, g->w->names, &g->seen, &g->last, err);
    if (st != HAL9_OK)
        return st;
    if (g->w->begun)
        g->w->begun(g->w->data, g->last);
    while (wait_for(&g->alarm, every)) {
        if (path)
            arm(&g->alarm, path);
        look(g);
    }
    return HAL9_OK;
}

hal9_status hal9_flags_watch(const struct hal9_flag_spec *f, const struct hal9_flag_watch *w,
                             struct hal9_error *err) {
    struct watching g = {.f = f, .d = fl_driver_of(f), .w = w};
    if (!g.d)
        return hal9_error_set(err, HAL9_E_CONFIG, "the flag store %s has no kind", fl_name(f));
    hal9_status st = alarm_open(&g.alarm, w->cancel_fd, err);
    if (st != HAL9_OK)
        return st;
    st = run(&g, err);
    alarm_close(&g.alarm);
    cJSON_Delete(g.last);
    free(g.seen.etag);
    return st;
}
