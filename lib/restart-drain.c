/*
 * Traffic taken off a service before it is stopped, and given back once it is healthy.
 *
 * Given back is what the drain found: admin state and weight. What isn't proven healthy stays drained, whichever step failed: then the next restart
 * that gets it healthy gives back what the first of them found, out of the journals. One that somebody else had drained before stays so.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "restart-internal.h"

void hal9_restart_drain_free(struct hal9_restart_drain *d) {
    if (!d)
        return;
    free(d->backend);
    free(d->server);
    free(d->instance);
    cJSON_Delete(d->back);
    free(d);
}

static const struct hal9_balancer_spec *balancer_of(const struct hal9_restart *r,
                                                    const struct hal9_service *s) {
    for (size_t i = 0; i < r->config->balancers.n; i++) {
        const struct hal9_balancer_spec *b = r->config->balancers.v[i];

        if (hal9_streq(b->name, s->drain->balancer))
            return b;
    }
    return NULL; /* the whole of the configuration was checked */
}

/* ---- what an earlier restart has left drained ---- */

struct left {
    const char *service;
    cJSON *back;
};

static const struct hal9_op_step *step_of(const struct hal9_op *op, const char *service,
                                          const char *step) {
    _cleanup_free_ char *name = hal9_strf("%s/%s", service, step);

    for (size_t i = 0; i < op->n_steps; i++)
        if (hal9_streq(op->steps[i].name, name))
            return &op->steps[i];
    return NULL;
}

static const cJSON *servers_of(const cJSON *state) {
    return cJSON_GetObjectItemCaseSensitive(state, "servers");
}

/* Skipped because it was so already. One that was killed before it did anything is skipped, too, when another run takes over. */
static bool was_so(const struct hal9_op_step *s, const cJSON *wanted) {
    return s->state == HAL9_STEP_SKIPPED && hal9_json_equal(servers_of(s->before), wanted);
}

static bool is_back(const struct hal9_op_step *undrain) {
    return undrain &&
           (undrain->state == HAL9_STEP_DONE || was_so(undrain, servers_of(undrain->args)));
}

/* By the service itself, or by its release before, which came back in its place. */
static bool has_given_back(const struct hal9_op *op, const char *service) {
    return is_back(step_of(op, service, "undrain")) ||
           is_back(step_of(op, service, "revert-undrain"));
}

/* Whether the drain may have changed something. One that failed otherwise than half-way was refused. */
static bool has_taken(const struct hal9_op_step *drain) {
    const cJSON *before = servers_of(drain->before);
    const char *admin = before && before->child ? hal9_json_str(before->child, "admin") : NULL;

    return drain->state == HAL9_STEP_DONE || drain->state == HAL9_STEP_RUNNING ||
           (drain->state == HAL9_STEP_SKIPPED && hal9_streq(admin, "drain")) ||
           (drain->state == HAL9_STEP_FAILED && drain->error.code == HAL9_E_DRIFT);
}

/* The step that still has to give back what the operation took, or NULL. *ret_took: it took something at all. */
static const struct hal9_op_step *owed(const struct hal9_op *op, const char *service,
                                       bool *ret_took) {
    const struct hal9_op_step *drain = step_of(op, service, "drain");
    const struct hal9_op_step *undrain = step_of(op, service, "undrain");

    *ret_took = undrain && (!drain || has_taken(drain));
    return *ret_took && !has_given_back(op, service) ? undrain : NULL;
}

static int see(const struct hal9_op *op, void *data) {
    struct left *left = data;
    bool took;
    const struct hal9_op_step *undrain = owed(op, left->service, &took);

    if (!took)
        return 0;
    cJSON_Delete(left->back);
    left->back =
        undrain && !op->undone_by ? cJSON_Duplicate(servers_of(undrain->args), true) : NULL;
    return 0;
}

/* What the last restart of it that drained would have given back, and didn't; fresh, or NULL. */
static cJSON *left_drained(const struct hal9_restart *r, const char *service) {
    struct left left = {.service = service};

    if (r->state)
        hal9_op_each(r->state, see, NULL, &left, NULL);
    return left.back;
}

/* ---- looking ---- */

/* An error that says which key it is about, with a code that keeps this service from being restarted: the configuration is off, or the balancer
 * can't be asked. */
static hal9_status at_drain(const struct hal9_service *s, struct hal9_error *why,
                            struct hal9_error *err) {
    const struct hal9_node *n = s->node ? hal9_node_get(s->node, "drain") : NULL;

    switch (why->code) {
    case HAL9_E_INTERRUPTED:
        return hal9_error_move(err, why);
    case HAL9_E_REFUSED:
    case HAL9_E_UNSUPPORTED:
    case HAL9_E_CONFIG:
        break;
    case HAL9_E_NOT_FOUND:
    case HAL9_E_USAGE:
        why->code = HAL9_E_CONFIG;
        break;
    default:
        why->code = HAL9_E_UNKNOWN;
        break;
    }
    hal9_error_prefix(why, "%s: drain", s->name);
    if (n && why->code != HAL9_E_REFUSED && why->code != HAL9_E_UNKNOWN)
        hal9_error_place(why, n->file, n->line, n->col);
    return hal9_error_move(err, why);
}

static uint16_t first_port(const struct hal9_service *s) {
    return s->ports.n > 0 ? s->ports.v[0].first : 0;
}

/* Its name, and where it is this host's the port whose connections the kernel counts. */
static hal9_status find_server(const struct hal9_service *s, const struct hal9_balancer_view *v,
                               struct hal9_restart_drain *d, struct hal9_error *err) {
    const char *own = NULL, *name = NULL;
    hal9_status st = hal9_balancer_own(v, s->drain->server, first_port(s), &name, err);

    if (st != HAL9_OK)
        return st;
    d->server = hal9_strdup(name);
    if (first_port(s) && hal9_balancer_own(v, NULL, first_port(s), &own, NULL) == HAL9_OK &&
        hal9_streq(own, name))
        d->port = first_port(s);
    return HAL9_OK;
}

/* {NAME: {weight?, admin}}: what is to be given back. NULL: it is off already, and not by a restart. */
static cJSON *what_is(const struct hal9_balancer_server *s) {
    if (s->admin != HAL9_ADMIN_READY)
        return NULL;
    cJSON *back = cJSON_CreateObject(), *one = cJSON_AddObjectToObject(back, s->name);

    if (s->weight >= 0)
        hal9_json_add_int(one, "weight", s->weight);
    hal9_json_add_str(one, "admin", hal9_admin_name(s->admin));
    return back;
}

static hal9_status look(const struct hal9_restart *r, const struct hal9_service *s,
                        struct hal9_restart_drain *d, struct hal9_error *err) {
    _cleanup_(hal9_balancer_view_clear) struct hal9_balancer_view v = {0};
    _cleanup_strv_ struct hal9_strv own = {0};
    hal9_status st = hal9_balancer_look(d->balancer, d->backend, r->cancel_fd, &v, err);

    if (st == HAL9_OK)
        st = find_server(s, &v, d, err);
    if (st != HAL9_OK)
        return st;
    hal9_strv_add(&own, d->server);
    if (!r->ignore_last_server)
        st = hal9_balancer_spares(&v, &own, s->drain->min_up, err);
    d->instance = hal9_strdup(v.instance);
    d->back = what_is(hal9_balancer_server(&v, d->server));
    if (!d->back)
        d->back = left_drained(r, s->name);
    d->take = true;
    return st;
}

hal9_status hal9_restart_drain(const struct hal9_restart *r, struct hal9_restart_finding *f,
                               struct hal9_error *err) {
    const struct hal9_service *s = f->service;
    _cleanup_error_ struct hal9_error why = {0};
    hal9_status st = HAL9_OK;

    hal9_restart_drain_free(f->drain);
    f->drain = NULL;
    if (!s->drain)
        return HAL9_OK;
    struct hal9_restart_drain *d = hal9_alloc(sizeof(*d));

    d->balancer = balancer_of(r, s);
    d->backend = hal9_strdup(s->drain->backend ? s->drain->backend : s->name);
    /* One that is down needs no balancer to be started: it is only given back what a restart had taken. */
    if (f->running)
        st = look(r, s, d, &why);
    else
        d->back = left_drained(r, s->name);
    if (st != HAL9_OK || (!d->take && !d->back)) {
        hal9_restart_drain_free(d);
        return st == HAL9_OK ? HAL9_OK : at_drain(s, &why, err);
    }
    if (!d->server && d->back->child)
        d->server = hal9_strdup(d->back->child->string);
    f->drain = d;
    return HAL9_OK;
}

/* ---- the steps ---- */

cJSON *hal9_restart_drain_args(const struct hal9_restart_finding *f) {
    const struct hal9_drain_spec *spec = f->service->drain;
    const struct hal9_restart_drain *d = f->drain;
    struct hal9_drain_opts o = {.timeout_ms = spec->timeout_ms,
                                .grace_ms = spec->grace_ms,
                                .min_up = spec->min_up,
                                .port = d->port};

    hal9_strv_add(&o.servers, d->server);
    cJSON *args = hal9_args_balancer_drain(d->balancer, d->backend, &o);

    hal9_strv_free(&o.servers);
    return args;
}

/* What a drain leaves is expected: another thing was set by somebody else. */
cJSON *hal9_restart_undrain_args(const struct hal9_restart_finding *f) {
    const struct hal9_restart_drain *d = f->drain;
    cJSON *args = hal9_args_balancer_set(d->balancer, d->backend, d->back);
    cJSON *expect = cJSON_AddObjectToObject(args, "expect");
    cJSON *servers = cJSON_AddObjectToObject(expect, "servers");
    const cJSON *one;

    hal9_json_add_str(expect, "instance", d->instance);
    cJSON_ArrayForEach(one, d->back) {
        cJSON *is = cJSON_Duplicate(one, true);

        cJSON_ReplaceItemInObjectCaseSensitive(is, "admin", cJSON_CreateString("drain"));
        cJSON_AddItemToObject(servers, one->string, is);
    }
    return args;
}

char *hal9_restart_drain_title(const struct hal9_restart_finding *f) {
    const struct hal9_restart_drain *d = f->drain;
    _cleanup_free_ char *span = hal9_span_text(f->service->drain->timeout_ms);

    return hal9_strf("drain %s of %s/%s, %s at most%s", d->server, d->balancer->name, d->backend,
                     span, d->back ? "" : "; it was out of service before, and stays so");
}

char *hal9_restart_undrain_title(const struct hal9_restart_finding *f) {
    return hal9_strf("put %s of %s/%s back", f->drain->server, f->drain->balancer->name,
                     f->drain->backend);
}

/* Those of one backend are drained one after the other: a restart of all is a rolling one. */
void hal9_restart_drain_after(const struct hal9_restart_finding *f,
                              const struct hal9_restart_findings *all, const struct hal9_plan *plan,
                              struct hal9_step *first) {
    for (size_t i = 0; f->drain && i < all->n && &all->v[i] != f; i++) {
        const struct hal9_restart_drain *d = all->v[i].drain;
        _cleanup_free_ char *name = hal9_strf("%s/undrain", all->v[i].service->name);

        if (d && d->balancer == f->drain->balancer && hal9_streq(d->backend, f->drain->backend) &&
            hal9_plan_find(plan, name))
            hal9_step_after(first, name);
    }
}

/* ---- how it ended ---- */

bool hal9_restart_gives_back(const struct hal9_op_step *s) {
    return hal9_endswith(s->name, "/undrain") || hal9_endswith(s->name, "/revert-undrain");
}

/* The command that puts a server back by hand; fresh, "" where the kind has none that fits a line. */
static char *by_hand(const cJSON *args, const char *server) {
    const cJSON *sockets = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(args, "balancer"), "haproxy");
    const char *socket = cJSON_GetStringValue(cJSON_GetArrayItem(sockets, 0));

    if (!socket)
        return hal9_strdup("");
    return hal9_strf(
        "; by hand: echo 'set server %s/%s state ready' | socat - %s%s",
        hal9_json_str(args, "backend"), server,
        hal9_startswith(socket, "unix:") ? "UNIX-CONNECT:" : "TCP:", strchr(socket, ':') + 1);
}

void hal9_restart_tell_drained(struct hal9_restart_finding *f, const struct hal9_op *op) {
    bool took;
    const struct hal9_op_step *undrain = owed(op, f->service->name, &took);

    if (!undrain || !f->end_words)
        return;
    const cJSON *server = servers_of(undrain->args)->child;
    _cleanup_free_ char *hand = by_hand(undrain->args, server->string);
    char *words =
        hal9_strf("%s; server %s of backend %s stays drained until  hal9-restart %s  gets "
                  "it healthy%s",
                  f->end_words, server->string, hal9_json_str(undrain->args, "backend"),
                  f->service->name, hand);

    free(f->end_words);
    f->end_words = words;
}
