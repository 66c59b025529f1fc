/* A backend as it was seen: its servers, and what of it is kept. */
#include <string.h>

#include "balancer/driver.h"
#include "base/cleanup.h"

#define NAMES_SHOWN 10 /* in a hint */

static const char *const admins[] = {"ready", "drain", "maint"};

const char *hal9_admin_name(enum hal9_admin a) {
    return admins[a];
}

bool hal9_admin_parse(const char *word, enum hal9_admin *ret) {
    for (size_t i = 0; i < HAL9_ARRAY_LEN(admins); i++)
        if (hal9_streq(admins[i], word)) {
            *ret = (enum hal9_admin)i;
            return true;
        }
    return false;
}

void hal9_balancer_view_clear(struct hal9_balancer_view *v) {
    for (size_t i = 0; i < v->n; i++) {
        free(v->v[i].name);
        free(v->v[i].address);
        free(v->v[i].differs);
    }
    free(v->v);
    free(v->backend);
    free(v->instance);
    *v = (struct hal9_balancer_view){0};
}

struct hal9_balancer_server *bal_view_add(struct hal9_balancer_view *v, const char *name) {
    struct hal9_balancer_server *s = HAL9_APPEND(v->v, v->n, v->cap);

    *s = (struct hal9_balancer_server){.name = hal9_strdup(name),
                                       .weight = -1,
                                       .initial_weight = -1,
                                       .up = -1,
                                       .sessions = -1,
                                       .idle = -1};
    return s;
}

struct hal9_balancer_server *bal_view_find(const struct hal9_balancer_view *v, const char *name) {
    for (size_t i = 0; i < v->n; i++)
        if (hal9_streq(v->v[i].name, name))
            return &v->v[i];
    return NULL;
}

const struct hal9_balancer_server *hal9_balancer_server(const struct hal9_balancer_view *v,
                                                        const char *name) {
    return bal_view_find(v, name);
}

/* ---- what is kept ---- */

cJSON *bal_server_json(const struct hal9_balancer_server *s) {
    cJSON *j = cJSON_CreateObject();

    if (s->weight >= 0)
        hal9_json_add_int(j, "weight", s->weight);
    hal9_json_add_str(j, "admin", hal9_admin_name(s->admin));
    hal9_json_add_str(j, "differs", s->differs);
    return j;
}

cJSON *hal9_balancer_state(const struct hal9_balancer_view *v) {
    cJSON *state = cJSON_CreateObject();
    cJSON *servers = cJSON_AddObjectToObject(state, "servers");
    cJSON *observed = cJSON_AddObjectToObject(state, "observed");

    hal9_json_add_str(observed, "instance", v->instance);
    cJSON *up = cJSON_AddObjectToObject(observed, "up");
    cJSON *sessions = cJSON_AddObjectToObject(observed, "sessions");
    cJSON *addresses = cJSON_AddObjectToObject(observed, "addresses");

    for (size_t i = 0; i < v->n; i++) {
        const struct hal9_balancer_server *s = &v->v[i];

        cJSON_AddItemToObject(servers, s->name, bal_server_json(s));
        if (s->up >= 0)
            cJSON_AddBoolToObject(up, s->name, s->up);
        if (s->sessions >= 0)
            hal9_json_add_int(sessions, s->name, s->sessions);
        hal9_json_add_str(addresses, s->name, s->address);
    }
    if (v->old_sessions >= 0)
        hal9_json_add_int(observed, "old_sessions", v->old_sessions);
    return state;
}

bool hal9_balancer_forgot(const cJSON *then, const struct hal9_balancer_view *now,
                          const char *server) {
    const cJSON *observed = cJSON_GetObjectItemCaseSensitive(then, "observed");
    const char *instance = hal9_json_str(observed, "instance");
    const struct hal9_balancer_server *s = bal_view_find(now, server);

    if (!instance || !now->instance || hal9_streq(instance, now->instance) || !s)
        return false;
    if (s->differs) /* one of its processes was reloaded, another was not */
        return true;
    return (s->weight < 0 || s->weight == s->initial_weight) &&
           s->admin == (s->configured_off ? HAL9_ADMIN_MAINT : HAL9_ADMIN_READY);
}

/* ---- what is not there ---- */

/* "did you mean 'a'?", or which there are. */
static void hint_names(struct hal9_error *err, const char *word, const struct hal9_strv *known,
                       const char *what) {
    const char *near = hal9_suggest(word, (const char *const *)known->v, known->n);
    _cleanup_strv_ struct hal9_strv some = {0};

    if (near) {
        hal9_error_hint(err, "did you mean '%s'?", near);
        return;
    }
    for (size_t i = 0; i < known->n && i < NAMES_SHOWN; i++)
        hal9_strv_add(&some, known->v[i]);
    _cleanup_free_ char *names = hal9_strv_join(&some, ", ");

    if (known->n > 0)
        hal9_error_hint(err, "it has %zu %s%s: %s%s", known->n, what, known->n > 1 ? "s" : "",
                        names, known->n > NAMES_SHOWN ? ", ..." : "");
}

hal9_status bal_no_backend(const struct hal9_balancer_spec *b, const char *backend,
                           const struct hal9_strv *known, struct hal9_error *err) {
    hal9_error_set(err, HAL9_E_NOT_FOUND, "balancer %s: no backend '%s'", b->name ? b->name : "",
                   backend);
    hint_names(err, backend, known, "backend");
    return HAL9_E_NOT_FOUND;
}

hal9_status bal_no_server(const char *balancer, const struct hal9_balancer_view *v,
                          const char *server, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv names = {0};

    for (size_t i = 0; i < v->n; i++)
        hal9_strv_add(&names, v->v[i].name);
    hal9_error_set(err, HAL9_E_NOT_FOUND, "backend %s of balancer %s has no server '%s'",
                   v->backend, balancer ? balancer : "", server);
    hint_names(err, server, &names, "server");
    return HAL9_E_NOT_FOUND;
}
