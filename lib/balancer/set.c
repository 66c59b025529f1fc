/* The step kind balancer.set: weights and admin states of servers, a whole backend at once. */
#include <stdlib.h>

#include "balancer/job.h"
#include "base/cleanup.h"

#define OTHERS_TOLD 20 /* names; more are counted */

/* Servers of the backend that the step doesn't name: they came since it was planned, or are none of its business. */
static void tell_others(cJSON *observed, const struct hal9_balancer_view *v, const cJSON *named,
                        size_t n_named) {
    if (v->n <= n_named)
        return;
    cJSON *others = cJSON_CreateArray();
    const cJSON *next = named->child;

    for (size_t i = 0; i < v->n; i++) {
        const char *name = v->v[i].name;
        const cJSON *one = next && hal9_streq(next->string, name)
                               ? next
                               : cJSON_GetObjectItemCaseSensitive(named, name);

        next = one ? one->next : next;
        if (!one && cJSON_GetArraySize(others) < OTHERS_TOLD)
            cJSON_AddItemToArray(others, cJSON_CreateString(name));
    }
    cJSON_AddItemToObject(observed, "others", others);
    hal9_json_add_int(observed, "others_count", (int64_t)(v->n - n_named));
}

/* Static balancing: the only weight but 0 that can be set. */
static void tell_static(cJSON *observed, const struct hal9_balancer_view *v, const cJSON *named) {
    cJSON *only = v->all_or_nothing ? cJSON_AddObjectToObject(observed, "only_weight") : NULL;

    for (size_t i = 0; only && i < v->n; i++)
        if (cJSON_GetObjectItemCaseSensitive(named, v->v[i].name))
            hal9_json_add_int(only, v->v[i].name, v->v[i].initial_weight);
}

static hal9_status state_of(struct hal9_step_ctx *c, const struct bal_job *j,
                            const struct hal9_balancer_view *v, cJSON **ret_state,
                            struct hal9_error *err) {
    _cleanup_json_ cJSON *state = cJSON_CreateObject();
    cJSON *servers = cJSON_AddObjectToObject(state, "servers");
    cJSON *observed = cJSON_AddObjectToObject(state, "observed"), *forgotten = NULL;
    size_t n = 0;
    const cJSON *one;

    cJSON_ArrayForEach(one, j->servers) {
        const struct hal9_balancer_server *s = bal_find_near(v, one->string, n++);

        if (!s)
            return bal_no_server(j->spec->name, v, one->string, err);
        const cJSON *was = bal_forgotten(c, v, one->string);

        cJSON_AddItemToObject(servers, one->string,
                              was ? cJSON_Duplicate(was, true) : bal_server_part(s, one));
        if (was && !forgotten)
            forgotten = cJSON_AddArrayToObject(observed, "forgotten");
        if (was)
            cJSON_AddItemToArray(forgotten, cJSON_CreateString(one->string));
    }
    hal9_json_add_str(observed, "instance", v->instance);
    tell_others(observed, v, j->servers, n);
    tell_static(observed, v, j->servers);
    *ret_state = HAL9_TAKE_PTR(state);
    return HAL9_OK;
}

static hal9_status inspect(struct hal9_step_ctx *c, cJSON **ret_state, struct hal9_error *err) {
    _cleanup_(hal9_balancer_view_clear) struct hal9_balancer_view v = {0};
    _cleanup_job_ struct bal_job j = {0};
    hal9_status st = bal_job_parse(c, &j, err);

    if (st == HAL9_OK && !bal_recall(c, &v))
        st = bal_job_look(&j, c, true, &v, err);
    if (st == HAL9_OK)
        st = state_of(c, &j, &v, ret_state, err);
    if (st == HAL9_OK)
        bal_remember(c, &v);
    return st;
}

/* A weight that the balancer can't have is told before anything is done. */
static hal9_status check_weight(const cJSON *before, const cJSON *wanted, struct hal9_error *err) {
    const cJSON *only = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(before, "observed"), "only_weight");
    const int64_t weight = hal9_json_int(wanted, "weight", 0);
    const int64_t full = hal9_json_int(only, wanted->string, -1);

    if (!only || weight == 0 || weight == full)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_USAGE,
                   "server %s can't have the weight %lld: its backend's balancing is static, and "
                   "only 0 and %lld are possible",
                   wanted->string, (long long)weight, (long long)full);
    hal9_error_hint(err, "shares of traffic want  balance roundrobin, leastconn or random");
    return HAL9_E_USAGE;
}

/* Neither as expected nor as wanted: somebody else has changed it since this was planned. A balancer that was reloaded has forgotten. */
static hal9_status check_expected(struct hal9_step_ctx *c, const cJSON *before, const cJSON *now,
                                  const cJSON *wanted, struct hal9_error *err) {
    const cJSON *expect = cJSON_GetObjectItemCaseSensitive(hal9_step_args(c), "expect");
    const cJSON *was = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(expect, "servers"), wanted->string);
    const char *instance =
        hal9_json_str(cJSON_GetObjectItemCaseSensitive(before, "observed"), "instance");
    const cJSON *one;

    if (!was || hal9_step_forced(c, "drift") ||
        (instance && hal9_json_str(expect, "instance") &&
         !hal9_streq(instance, hal9_json_str(expect, "instance"))))
        return HAL9_OK;
    cJSON_ArrayForEach(one, now) {
        const cJSON *old = cJSON_GetObjectItemCaseSensitive(was, one->string);

        if (!old || hal9_json_equal(one, old) ||
            hal9_json_equal(one, cJSON_GetObjectItemCaseSensitive(wanted, one->string)))
            continue;
        _cleanup_free_ char *is = hal9_json_text(one);

        hal9_error_set(err, HAL9_E_DRIFT, "server %s has %s %s, which somebody else has set since",
                       wanted->string, one->string, is);
        hal9_error_hint(err, "look why; --force=drift sets it all the same");
        return HAL9_E_DRIFT;
    }
    return HAL9_OK;
}

static hal9_status intent(struct hal9_step_ctx *c, const cJSON *before, cJSON **ret_intent,
                          struct hal9_error *err) {
    const cJSON *wanted = cJSON_GetObjectItemCaseSensitive(hal9_step_args(c), "servers");
    const cJSON *now = cJSON_GetObjectItemCaseSensitive(before, "servers");
    _cleanup_json_ cJSON *state = cJSON_CreateObject();
    cJSON *servers = cJSON_AddObjectToObject(state, "servers");
    const cJSON *one, *is = now ? now->child : NULL; /* of the same order: inspect made it */

    cJSON_ArrayForEach(one, wanted) {
        cJSON *to = cJSON_CreateObject();
        const int64_t weight = hal9_json_int(one, "weight", -1);

        cJSON_AddItemToObject(servers, one->string, to);
        if (weight >= 0 && cJSON_GetObjectItemCaseSensitive(is, "weight"))
            hal9_json_add_int(to, "weight", weight);
        hal9_json_add_str(to, "admin", hal9_json_str(one, "admin"));
        hal9_status st = check_weight(before, one, err);

        if (st == HAL9_OK)
            st = check_expected(c, before, is, one, err);
        if (st != HAL9_OK)
            return st;
        is = is ? is->next : NULL;
    }
    *ret_intent = HAL9_TAKE_PTR(state);
    return HAL9_OK;
}

/* What isn't so yet; NULL: it is. */
static cJSON *change_of(const struct hal9_balancer_server *s, const cJSON *wanted) {
    const int64_t weight = hal9_json_int(wanted, "weight", -1);
    const char *admin = hal9_json_str(wanted, "admin");
    cJSON *change = cJSON_CreateObject();

    if (weight >= 0 && (weight != s->weight || s->differs))
        hal9_json_add_int(change, "weight", weight);
    if (admin && (!hal9_streq(admin, hal9_admin_name(s->admin)) || s->differs))
        hal9_json_add_str(change, "admin", admin);
    if (change->child)
        return change;
    cJSON_Delete(change);
    return NULL;
}

/* Makes the changes; what is seen after them is the verify's to judge. */
static hal9_status change(struct hal9_step_ctx *c, const struct bal_job *j, const cJSON *changes,
                          const struct hal9_balancer_view *now, struct hal9_error *err) {
    struct hal9_balancer_view after = {.lean = true, .old_sessions = -1};
    const int cancel_fd = hal9_step_cancel_fd(c);

    if (!j->driver->set_and_look)
        return j->driver->set(j->spec, j->backend, changes, now, cancel_fd, err);
    after.backend = hal9_strdup(j->backend);
    hal9_status st =
        j->driver->set_and_look(j->spec, j->backend, changes, now, cancel_fd, &after, err);

    if (st == HAL9_OK)
        bal_remember(c, &after);
    hal9_balancer_view_clear(&after);
    return st;
}

static hal9_status apply(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent_,
                         struct hal9_error *err) {
    _cleanup_(hal9_balancer_view_clear) struct hal9_balancer_view v = {0};
    _cleanup_job_ struct bal_job j = {0};
    _cleanup_json_ cJSON *changes = cJSON_CreateObject();
    hal9_status st = bal_job_parse(c, &j, err);
    size_t n = 0;
    const cJSON *one;

    (void)before;
    if (st == HAL9_OK && !bal_recall(c, &v))
        st = bal_job_look(&j, c, true, &v, err);
    if (st != HAL9_OK)
        return st;
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(intent_, "servers")) {
        const struct hal9_balancer_server *s = bal_find_near(&v, one->string, n++);

        if (!s)
            return bal_no_server(j.spec->name, &v, one->string, err);
        cJSON *it = change_of(s, one);

        if (it)
            cJSON_AddItemToObject(changes, one->string, it);
    }
    bal_tell_shared(&j, &v);
    return changes->child ? change(c, &j, changes, &v, err) : HAL9_OK;
}

static char *describe(const cJSON *args) {
    const cJSON *servers = cJSON_GetObjectItemCaseSensitive(args, "servers");
    const char *backend = hal9_json_str(args, "backend");
    const int n = cJSON_GetArraySize(servers);

    if (n == 1)
        return hal9_strf("set server %s of backend %s", servers->child->string,
                         backend ? backend : "");
    return hal9_strf("set %d servers of backend %s", n, backend ? backend : "");
}

const struct hal9_step_kind hal9_kind_balancer_set = {
    .name = "balancer.set",
    .version = 1,
    .resources = bal_step_resources,
    .inspect = inspect,
    .intent = intent,
    .apply = apply,
    .recover = bal_recover,
    .invert = bal_invert,
    .describe = describe,
};

cJSON *hal9_args_balancer_set(const struct hal9_balancer_spec *b, const char *backend,
                              const cJSON *servers) {
    cJSON *args = bal_args(b, backend);

    cJSON_AddItemToObject(args, "servers", cJSON_Duplicate(servers, true));
    return args;
}
