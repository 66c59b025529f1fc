/* A backend as it was seen: its servers, and what of it is kept. */
#include <string.h>

#include "balancer/driver.h"
#include "base/cleanup.h"
#include "hal9ops/sys.h"

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
    hal9_error_set(err, HAL9_E_NOT_FOUND, "backend %s%s%s has no server '%s'", v->backend,
                   balancer ? " of balancer " : "", balancer ? balancer : "", server);
    hint_names(err, server, &names, "server");
    return HAL9_E_NOT_FOUND;
}

/* ---- what may be taken out ---- */

/* Takes traffic now. One that isn't checked counts: the balancer sends it some. */
static bool serves(const struct hal9_balancer_server *s) {
    return s->admin == HAL9_ADMIN_READY && s->up != 0 && s->weight != 0;
}

hal9_status hal9_balancer_spares(const struct hal9_balancer_view *v,
                                 const struct hal9_strv *servers, int64_t min_up,
                                 struct hal9_error *err) {
    _cleanup_free_ char *names = hal9_strv_join(servers, ", ");
    int64_t now = 0, after = 0;

    for (size_t i = 0; i < v->n; i++) {
        now += serves(&v->v[i]);
        after += serves(&v->v[i]) && !hal9_strv_has(servers, v->v[i].name);
    }
    if (after == now || after >= min_up)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_REFUSED,
                   "backend %s: without %s %lld of its %zu servers would be up and take traffic; "
                   "min_up is %lld",
                   v->backend, names, (long long)after, v->n, (long long)min_up);
    hal9_error_hint(err, "bring the others up first; to go on all the same: --yes "
                         "--force=last-server");
    return HAL9_E_REFUSED;
}

/* ---- which one is this host's ---- */

/* "10.0.0.5:8080", "[::1]:8080", "web-1:8080": whether that is this host at this port. */
static bool is_own(const struct hal9_balancer_view *v, const char *address, uint16_t port) {
    const char *colon = address ? strrchr(address, ':') : NULL;
    struct hal9_addr a;
    int64_t number;

    if (!colon || hal9_parse_int(colon + 1, 1, 65535, &number, NULL) != HAL9_OK || number != port)
        return false;
    const bool brackets = address[0] == '[';
    _cleanup_free_ char *host =
        hal9_strndup(address + brackets, (size_t)(colon - address) - 2 * (size_t)brackets);

    if (!hal9_addr_of_text(host, &a))
        return hal9_streq(host, hal9_host_name()) || (!v->remote && hal9_streq(host, "localhost"));
    const bool loopback = hal9_startswith(host, "127.") || hal9_streq(host, "::1");

    return hal9_addr_of_host(&a) && !(v->remote && loopback);
}

/* "s1 (127.0.0.1:9001), s2 (127.0.0.1:9002)", of those that fit (or of all). */
static char *name_servers(const struct hal9_balancer_view *v, const size_t *which, size_t n) {
    _cleanup_strv_ struct hal9_strv words = {0};

    for (size_t i = 0; i < n && i < NAMES_SHOWN; i++) {
        const struct hal9_balancer_server *s = &v->v[which ? which[i] : i];

        hal9_strv_take(&words, s->address ? hal9_strf("%s (%s)", s->name, s->address)
                                          : hal9_strdup(s->name));
    }
    if (n > NAMES_SHOWN)
        hal9_strv_take(&words, hal9_strf("%zu more", n - NAMES_SHOWN));
    return hal9_strv_join(&words, ", ");
}

hal9_status hal9_balancer_own(const struct hal9_balancer_view *v, const char *told, uint16_t port,
                              const char **ret_server, struct hal9_error *err) {
    const struct hal9_balancer_server *s = told ? bal_view_find(v, told) : NULL;
    _cleanup_free_ size_t *fit = NULL;
    size_t n = 0, cap = 0;

    if (told && !s)
        return bal_no_server(NULL, v, told, err);
    for (size_t i = 0; !told && i < v->n; i++)
        if (is_own(v, v->v[i].address, port))
            *HAL9_APPEND(fit, n, cap) = i;
    if (told || n == 1) {
        *ret_server = told ? s->name : v->v[fit[0]].name;
        return HAL9_OK;
    }
    _cleanup_free_ char *names = n > 0 ? name_servers(v, fit, n) : name_servers(v, NULL, v->n);

    if (n > 0)
        hal9_error_set(err, HAL9_E_USAGE,
                       "backend %s: %zu servers have this host's address and port %u: %s",
                       v->backend, n, port, names);
    else
        hal9_error_set(err, HAL9_E_NOT_FOUND,
                       "backend %s: no server has this host's address and port %u%s%s", v->backend,
                       port, v->n > 0 ? "; it has " : "", names);
    hal9_error_hint(err, "tell which one it is:  drain: {server: NAME}");
    return n > 0 ? HAL9_E_USAGE : HAL9_E_NOT_FOUND;
}
