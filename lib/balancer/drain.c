/*
 * The step kind balancer.drain: no new visitors, and a bounded wait for those that are there.
 *
 * State: {"servers": {NAME: {"admin"}}, "waiting": bool}. What waits is not as intended, so that one that was killed in its wait goes on with it.
 * Looked at later, to be taken back, it waits no more: only what an administrator may have changed is compared then.
 */
#include <stdlib.h>

#include "balancer/job.h"
#include "base/cleanup.h"
#include "hal9ops/sys.h"

enum {
    FIRST_PAUSE_MS = 20,
    LAST_PAUSE_MS = 250, /* the Runtime API can only be asked again */
};

struct drain {
    struct hal9_step_ctx *c;
    struct bal_job job;
    struct hal9_strv servers;
    int64_t timeout_ms, grace_ms, min_up;
    uint16_t port;
    struct hal9_balancer_view view; /* as it was seen last */
    int64_t begin_ms;
};

static void drain_clear(struct drain *d) {
    bal_job_clear(&d->job);
    hal9_strv_free(&d->servers);
    hal9_balancer_view_clear(&d->view);
}

static hal9_status look(struct drain *d, struct hal9_error *err) {
    struct hal9_balancer_view v = {0};
    hal9_status st = bal_job_look(&d->job, d->c, false, &v, err);

    if (st != HAL9_OK)
        return st;
    hal9_balancer_view_clear(&d->view);
    d->view = v;
    for (size_t i = 0; i < d->servers.n; i++)
        if (!bal_view_find(&v, d->servers.v[i]))
            return bal_no_server(d->job.spec->name, &d->view, d->servers.v[i], err);
    return HAL9_OK;
}

static hal9_status open_drain(struct drain *d, struct hal9_step_ctx *c, struct hal9_error *err) {
    const cJSON *args = hal9_step_args(c);
    hal9_status st = bal_job_parse(c, &d->job, err);

    if (st != HAL9_OK)
        return st;
    d->c = c;
    hal9_json_get_strv(d->job.servers, &d->servers);
    d->timeout_ms = hal9_json_int(args, "timeout_ms", 30000);
    d->grace_ms = hal9_json_int(args, "grace_ms", 0);
    d->min_up = hal9_json_int(args, "min_up", 1);
    d->port = (uint16_t)hal9_json_int(args, "port", 0);
    return look(d, err);
}

/* ---- who is still there ---- */

static const struct hal9_balancer_server *server(const struct drain *d, size_t i) {
    return bal_view_find(&d->view, d->servers.v[i]);
}

/* Connections of this host's port, less those that the balancer keeps open and unused. -1: not asked for, or not known. */
static int64_t kernel_count(const struct drain *d, int64_t idle) {
    const struct hal9_connections_want want = {.states = 1u << HAL9_TCP_ESTABLISHED,
                                               .local_port = d->port};
    struct hal9_connection_counts counts;

    if (!d->port || hal9_connections_count(&want, &counts, NULL) != HAL9_OK)
        return -1;
    return (int64_t)counts.total > idle ? (int64_t)counts.total - idle : 0;
}

/* The larger of what the balancer and the kernel tell. -1: neither does. */
static int64_t left(const struct drain *d) {
    int64_t sessions = 0, idle = 0;

    for (size_t i = 0; i < d->servers.n; i++) {
        const struct hal9_balancer_server *s = server(d, i);

        sessions = s->sessions < 0 || sessions < 0 ? -1 : sessions + s->sessions;
        idle += s->idle > 0 ? s->idle : 0;
    }
    const int64_t kernel = kernel_count(d, idle);

    return kernel > sessions ? kernel : sessions;
}

/* ---- states ---- */

static const cJSON *noted(const struct hal9_step_ctx *c, const char *name) {
    const cJSON *note, *found = NULL;

    cJSON_ArrayForEach(note, hal9_step_notes(c)) {
        const cJSON *one = cJSON_GetObjectItemCaseSensitive(note, name);

        found = one ? one : found;
    }
    return found;
}

/* One in maintenance takes even less: it is left so. */
static bool is_off(const struct hal9_balancer_server *s) {
    return s->admin != HAL9_ADMIN_READY && !s->differs;
}

static bool is_waiting(const struct drain *d) {
    bool off = true;

    if (hal9_step_result(d->c) || noted(d->c, "over"))
        return false;
    if (noted(d->c, "began"))
        return true;
    for (size_t i = 0; i < d->servers.n; i++)
        off &= is_off(server(d, i));
    return !off || left(d) != 0;
}

static cJSON *state_of(const struct drain *d) {
    _cleanup_json_ cJSON *members = cJSON_CreateObject();
    cJSON *state = cJSON_CreateObject(), *servers = cJSON_AddObjectToObject(state, "servers");
    const cJSON *over = noted(d->c, "over");

    cJSON_AddTrueToObject(members, "admin");
    for (size_t i = 0; i < d->servers.n; i++) {
        const char *name = d->servers.v[i];
        const cJSON *was = bal_forgotten(d->c, &d->view, name);

        cJSON_AddItemToObject(servers, name,
                              was ? cJSON_Duplicate(was, true)
                                  : bal_server_part(server(d, i), members));
    }
    cJSON_AddBoolToObject(state, "waiting", is_waiting(d));
    cJSON *observed = cJSON_AddObjectToObject(state, "observed");

    hal9_json_add_str(observed, "instance", d->view.instance);
    hal9_json_add_int(observed, "sessions", left(d));
    if (over)
        hal9_json_add_int(observed, "remained", hal9_json_int(over, "remained", -1));
    return state;
}

static hal9_status inspect(struct hal9_step_ctx *c, cJSON **ret_state, struct hal9_error *err) {
    _cleanup_(drain_clear) struct drain d = {0};
    hal9_status st = open_drain(&d, c, err);

    if (st == HAL9_OK)
        *ret_state = state_of(&d);
    return st;
}

static hal9_status intent(struct hal9_step_ctx *c, const cJSON *before, cJSON **ret_intent,
                          struct hal9_error *err) {
    cJSON *state = cJSON_CreateObject(), *servers = cJSON_AddObjectToObject(state, "servers");
    const cJSON *one;

    (void)c, (void)err;
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(before, "servers")) {
        const bool maint = hal9_streq(hal9_json_str(one, "admin"), "maint");
        cJSON *to = cJSON_AddObjectToObject(servers, one->string);

        hal9_json_add_str(to, "admin", maint ? "maint" : "drain");
    }
    cJSON_AddFalseToObject(state, "waiting");
    *ret_intent = state;
    return HAL9_OK;
}

/* ---- draining ---- */

/* Whether another one is down that may come up: it was restarted just before, and its checks have not passed often enough. */
static bool may_come(const struct drain *d) {
    for (size_t i = 0; i < d->view.n; i++) {
        const struct hal9_balancer_server *s = &d->view.v[i];

        if (s->admin == HAL9_ADMIN_READY && s->up == 0 && s->weight != 0 &&
            !hal9_strv_has(&d->servers, s->name))
            return true;
    }
    return false;
}

/* Until enough others are up. */
static hal9_status wait_spared(struct drain *d, struct hal9_error *err) {
    const int64_t deadline = hal9_mono_ms() + d->timeout_ms;

    if (hal9_step_forced(d->c, "last-server"))
        return HAL9_OK;
    for (;;) {
        _cleanup_error_ struct hal9_error why = {0};

        if (hal9_balancer_spares(&d->view, &d->servers, d->min_up, &why) == HAL9_OK)
            return HAL9_OK;
        if (!may_come(d) || hal9_mono_ms() >= deadline)
            return hal9_error_move(err, &why);
        hal9_step_progress(d->c, "waiting until another server is up");
        hal9_status st = hal9_step_wait(d->c, -1, hal9_mono_ms() + LAST_PAUSE_MS / 2, err);

        if (st == HAL9_OK || st == HAL9_E_TIMEOUT)
            st = look(d, err);
        if (st != HAL9_OK)
            return st;
    }
}

/* Those that are not off yet are told so: again, where a reload made the balancer forget. */
static hal9_status set_off(struct drain *d, struct hal9_error *err) {
    _cleanup_json_ cJSON *changes = cJSON_CreateObject();

    for (size_t i = 0; i < d->servers.n; i++)
        if (!is_off(server(d, i)))
            hal9_json_add_str(cJSON_AddObjectToObject(changes, d->servers.v[i]), "admin", "drain");
    if (!changes->child)
        return HAL9_OK;
    hal9_status st = wait_spared(d, err);

    if (st != HAL9_OK)
        return st;
    return d->job.driver->set(d->job.spec, d->job.backend, changes, &d->view,
                              hal9_step_cancel_fd(d->c), err);
}

/* One that takes traffic again in the middle: a reload forgot the drain, or somebody did it. */
static hal9_status still_off(struct drain *d, const char *instance, struct hal9_error *err) {
    for (size_t i = 0; i < d->servers.n; i++) {
        if (is_off(server(d, i)))
            continue;
        if (!hal9_streq(instance, d->view.instance))
            return set_off(d, err);
        hal9_error_set(err, HAL9_E_DRIFT, "server %s was made %s by somebody else while it drained",
                       d->servers.v[i], hal9_admin_name(server(d, i)->admin));
        hal9_error_hint(err, "find out who wants it in service, then run it again");
        return HAL9_E_DRIFT;
    }
    return HAL9_OK;
}

static void tell_left(struct drain *d, int64_t n) {
    if (n < 0)
        hal9_step_progress(d->c, "how many sessions are left isn't told; waiting");
    else
        hal9_step_progress(d->c, "%lld session%s left", (long long)n, n == 1 ? "" : "s");
}

/* Until nobody is left, or the time is over. A balancer that is away for a moment (a reload) is asked again. */
static hal9_status wait_empty(struct drain *d, int64_t *ret_left, struct hal9_error *err) {
    const int64_t deadline = d->begin_ms + d->timeout_ms;
    int64_t pause = FIRST_PAUSE_MS;

    for (;;) {
        _cleanup_error_ struct hal9_error why = {0};
        _cleanup_free_ char *instance = hal9_strdup(d->view.instance);
        hal9_status st = look(d, &why);

        if (st == HAL9_OK)
            st = still_off(d, instance, &why);
        if (st == HAL9_OK)
            *ret_left = left(d);
        if (st == HAL9_OK)
            tell_left(d, *ret_left);
        const int64_t now = hal9_mono_ms();

        if (st == HAL9_E_INTERRUPTED || st == HAL9_E_DRIFT || st == HAL9_E_NOT_FOUND ||
            st == HAL9_E_REFUSED || (st != HAL9_OK && now >= deadline))
            return hal9_error_move(err, &why);
        if (st == HAL9_OK && (*ret_left == 0 || now >= deadline))
            return HAL9_OK;
        st = hal9_step_wait(d->c, -1, now + pause < deadline ? now + pause : deadline, err);
        if (st != HAL9_OK && st != HAL9_E_TIMEOUT)
            return st;
        pause = pause * 2 < LAST_PAUSE_MS ? pause * 2 : LAST_PAUSE_MS;
    }
}

static void tell_remained(const struct drain *d, int64_t remained) {
    _cleanup_free_ char *span = hal9_span_text(d->timeout_ms);
    _cleanup_free_ char *names = hal9_strv_join(&d->servers, ", ");

    if (remained > 0)
        hal9_log(0, "backend %s, %s: %lld session%s left after %s; what comes next cuts them off",
                 d->job.backend, names, (long long)remained, remained == 1 ? " is" : "s are", span);
    else if (remained < 0)
        hal9_log(0, "backend %s, %s: how many sessions are left after %s is not known",
                 d->job.backend, names, span);
}

static cJSON *over_json(const struct drain *d, int64_t remained) {
    cJSON *j = cJSON_CreateObject();

    hal9_json_add_int(j, "remained", remained);
    hal9_json_add_int(j, "waited_ms", hal9_mono_ms() - d->begin_ms);
    return j;
}

static hal9_status note(struct drain *d, const char *name, cJSON *value, struct hal9_error *err) {
    cJSON *n = cJSON_CreateObject();

    cJSON_AddItemToObject(n, name, value);
    return hal9_step_note(d->c, n, err);
}

static hal9_status run(struct drain *d, struct hal9_error *err) {
    int64_t remained = -1;
    hal9_status st = wait_empty(d, &remained, err);

    if (st == HAL9_OK && d->grace_ms > 0 && remained == 0) {
        hal9_step_progress(d->c, "no session left; a moment of grace");
        st = hal9_step_wait(d->c, -1, hal9_mono_ms() + d->grace_ms, err);
        st = st == HAL9_E_TIMEOUT ? HAL9_OK : st;
    }
    if (st != HAL9_OK)
        return st;
    tell_remained(d, remained);
    hal9_step_detail(d->c, over_json(d, remained));
    return note(d, "over", over_json(d, remained), err);
}

static hal9_status apply(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent_,
                         struct hal9_error *err) {
    _cleanup_(drain_clear) struct drain d = {0};
    hal9_status st = open_drain(&d, c, err);

    (void)before, (void)intent_;
    if (st != HAL9_OK)
        return st;
    bal_tell_shared(&d.job, &d.view);
    if (!noted(c, "began"))
        st = note(&d, "began", cJSON_CreateTrue(), err);
    if (st == HAL9_OK)
        st = set_off(&d, err);
    d.begin_ms = hal9_mono_ms();
    return st == HAL9_OK ? run(&d, err) : st;
}

static char *describe(const cJSON *args) {
    _cleanup_strv_ struct hal9_strv servers = {0};
    const char *backend = hal9_json_str(args, "backend");

    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(args, "servers"), &servers);
    _cleanup_free_ char *names = hal9_strv_join(&servers, ", ");
    _cleanup_free_ char *span = hal9_span_text(hal9_json_int(args, "timeout_ms", 0));

    return hal9_strf("drain %s of backend %s, %s at most", names, backend ? backend : "", span);
}

const struct hal9_step_kind hal9_kind_balancer_drain = {
    .name = "balancer.drain",
    .version = 1,
    .resources = bal_step_resources,
    .inspect = inspect,
    .intent = intent,
    .apply = apply,
    .recover = bal_recover,
    .invert = bal_invert,
    .describe = describe,
};

cJSON *hal9_args_balancer_drain(const struct hal9_balancer_spec *b, const char *backend,
                                const struct hal9_drain_opts *o) {
    cJSON *args = bal_args(b, backend);

    cJSON_AddItemToObject(args, "servers", hal9_json_strv(&o->servers));
    hal9_json_add_int(args, "timeout_ms", o->timeout_ms);
    hal9_json_add_int(args, "grace_ms", o->grace_ms);
    hal9_json_add_int(args, "min_up", o->min_up);
    if (o->port)
        hal9_json_add_int(args, "port", o->port);
    return args;
}
