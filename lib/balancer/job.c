/* What the step kinds of balancers have in common: args, states, going on after a kill, taking back. */
#include "balancer/job.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/cleanup.h"

hal9_status bal_job_parse(const struct hal9_step_ctx *c, struct bal_job *ret,
                          struct hal9_error *err) {
    const cJSON *args = hal9_step_args(c);
    const char *backend = hal9_json_str(args, "backend");
    struct bal_job j = {.backend = backend,
                        .servers = cJSON_GetObjectItemCaseSensitive(args, "servers")};

    if (!backend || !j.servers)
        return hal9_error_set(err, HAL9_E_CORRUPT, "the step names no backend or no servers");
    hal9_status st =
        hal9_balancer_parse(cJSON_GetObjectItemCaseSensitive(args, "balancer"), &j.spec, err);

    if (st == HAL9_OK)
        st = bal_driver(j.spec, &j.driver, err);
    if (st == HAL9_OK)
        *ret = j;
    else
        bal_job_clear(&j);
    return st;
}

void bal_job_clear(struct bal_job *j) {
    hal9_balancer_free(j->spec);
    *j = (struct bal_job){0};
}

hal9_status bal_job_look(const struct bal_job *j, struct hal9_step_ctx *c, bool lean,
                         struct hal9_balancer_view *ret, struct hal9_error *err) {
    return bal_look(j->spec, j->backend, lean, hal9_step_cancel_fd(c), ret, err);
}

/* ---- seen a moment ago ---- */

#define MOMENT_MS 50

static struct {
    pthread_mutex_t lock;
    uint64_t operation;
    const cJSON *args; /* whose: a step's stay where they are while its plan holds */
    int64_t at_ms;
    struct hal9_balancer_view view;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

void bal_remember(const struct hal9_step_ctx *c, struct hal9_balancer_view *v) {
    pthread_mutex_lock(&seen.lock);
    hal9_balancer_view_clear(&seen.view);
    seen.view = *v;
    seen.operation = hal9_step_serial(c);
    seen.args = hal9_step_args(c);
    seen.at_ms = hal9_mono_ms();
    pthread_mutex_unlock(&seen.lock);
    *v = (struct hal9_balancer_view){0};
}

bool bal_recall(const struct hal9_step_ctx *c, struct hal9_balancer_view *ret) {
    pthread_mutex_lock(&seen.lock);
    const bool good = seen.args == hal9_step_args(c) && seen.operation == hal9_step_serial(c) &&
                      hal9_mono_ms() - seen.at_ms < MOMENT_MS;

    if (good)
        *ret = seen.view;
    else
        hal9_balancer_view_clear(&seen.view);
    seen.view = (struct hal9_balancer_view){0};
    seen.args = NULL;
    pthread_mutex_unlock(&seen.lock);
    return good;
}

cJSON *bal_args(const struct hal9_balancer_spec *b, const char *backend) {
    _cleanup_strv_ struct hal9_strv names = {0};
    cJSON *args = cJSON_CreateObject();

    cJSON_AddItemToObject(args, "balancer", hal9_balancer_json(b));
    hal9_json_add_str(args, "backend", backend);
    bal_resources(b, backend, &names, NULL);
    cJSON_AddItemToObject(args, "resources", hal9_json_strv(&names));
    return args;
}

hal9_status bal_step_resources(const cJSON *args, struct hal9_strv *ret, struct hal9_error *err) {
    const cJSON *name;

    (void)err;
    cJSON_ArrayForEach(name, cJSON_GetObjectItemCaseSensitive(args, "resources")) {
        hal9_strv_add(ret, cJSON_GetStringValue(name));
    }
    hal9_strv_sort_unique(ret);
    return HAL9_OK;
}

struct hal9_balancer_server *bal_find_near(const struct hal9_balancer_view *v, const char *name,
                                           size_t guess) {
    if (guess < v->n && hal9_streq(v->v[guess].name, name))
        return &v->v[guess];
    return bal_view_find(v, name);
}

cJSON *bal_server_part(const struct hal9_balancer_server *s, const cJSON *members) {
    cJSON *j = cJSON_CreateObject();

    if (s->weight >= 0 && cJSON_GetObjectItemCaseSensitive(members, "weight"))
        hal9_json_add_int(j, "weight", s->weight);
    if (cJSON_GetObjectItemCaseSensitive(members, "admin"))
        hal9_json_add_str(j, "admin", hal9_admin_name(s->admin));
    hal9_json_add_str(j, "differs", s->differs);
    return j;
}

const cJSON *bal_forgotten(const struct hal9_step_ctx *c, const struct hal9_balancer_view *now,
                           const char *server) {
    const cJSON *then = hal9_step_result(c);

    if (!then || !hal9_balancer_forgot(then, now, server))
        return NULL;
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(then, "servers"),
                                            server);
}

void bal_tell_shared(const struct bal_job *j, const struct hal9_balancer_view *v) {
    if (v->shared)
        hal9_log(0,
                 "balancer %s is reached over the network: another host may work on backend %s at "
                 "the same time, and no lock of this host excludes that",
                 j->spec->name ? j->spec->name : "", j->backend);
}

/* ---- after a kill ---- */

static const cJSON *server_of(const cJSON *state, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(state, "servers"),
                                            name);
}

/* Each member as before or as intended: a batch that was cut in the middle. */
static bool is_half(const cJSON *now, const cJSON *before, const cJSON *intent) {
    const cJSON *one;

    cJSON_ArrayForEach(one, now) {
        if (!hal9_json_equal(one, cJSON_GetObjectItemCaseSensitive(before, one->string)) &&
            !hal9_json_equal(one, cJSON_GetObjectItemCaseSensitive(intent, one->string)) &&
            !hal9_streq(one->string, "differs"))
            return false;
    }
    return true;
}

hal9_status bal_recover(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                        const cJSON *now, enum hal9_recovery *ret, struct hal9_error *err) {
    _cleanup_(hal9_balancer_view_clear) struct hal9_balancer_view v = {0};
    _cleanup_job_ struct bal_job j = {0};
    hal9_status st = bal_job_parse(c, &j, err);
    const cJSON *one;

    if (st == HAL9_OK)
        st = bal_job_look(&j, c, true, &v, err);
    if (st != HAL9_OK)
        return st;
    *ret = HAL9_RECOVER_APPLY;
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(now, "servers")) {
        if (!is_half(one, server_of(before, one->string), server_of(intent, one->string)) &&
            !hal9_balancer_forgot(before, &v, one->string))
            *ret = HAL9_RECOVER_STOP;
    }
    bal_remember(c, &v);
    return HAL9_OK;
}

/* ---- taking back ---- */

hal9_status bal_invert(struct hal9_step_ctx *c, const cJSON *before, const cJSON *after,
                       const char **ret_kind, cJSON **ret_args, char **ret_title,
                       struct hal9_error *err) {
    const cJSON *args = hal9_step_args(c);
    cJSON *servers = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(before, "servers"), true);
    cJSON *one, *inverse = cJSON_CreateObject();

    (void)after, (void)err;
    cJSON_ArrayForEach(one, servers) {
        cJSON_DeleteItemFromObjectCaseSensitive(one, "differs");
    }
    static const char *const same[] = {"balancer", "backend", "resources"};

    for (size_t i = 0; i < HAL9_ARRAY_LEN(same); i++)
        cJSON_AddItemToObject(
            inverse, same[i],
            cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(args, same[i]), true));
    cJSON_AddItemToObject(inverse, "servers", servers);
    *ret_kind = hal9_kind_balancer_set.name;
    *ret_title =
        hal9_strf("set %d server%s of backend %s as before", cJSON_GetArraySize(servers),
                  cJSON_GetArraySize(servers) == 1 ? "" : "s", hal9_json_str(args, "backend"));
    *ret_args = inverse;
    return HAL9_OK;
}
