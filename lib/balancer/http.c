/*
 * A routing admin API: two paths of the traffic, "hierarchical" (the new one) and "flat", whose shares are percentages that add up to 100.
 *
 *     GET   URL/config                 {..., "hierarchical": {"enabled": true}, "traffic_split": {"hierarchical_percentage": 25, "flat_percentage": 75}}
 *     PATCH URL/routing/traffic-split  {"hierarchical_percentage": 25, "flat_percentage": 75}
 *     POST  URL/routing/hierarchical   {"enabled": false, "drain_timeout_ms": 30000}
 *     PUT   URL/config                 the whole document, where PATCH or POST are not there (404, 405, 501)
 *
 * The members are found wherever they stand in the document; enabled is that of "hierarchical", or "hierarchical_enabled", else true.
 */
#include <string.h>

#include "balancer/api.h"
#include "balancer/driver.h"
#include "base/cleanup.h"

#define DRAIN_MS 30000

static const char *const paths[] = {"hierarchical", "flat"};
static const char *const shares[] = {"hierarchical_percentage", "flat_percentage"};

/* The first member of that name, at any depth; the document is of the parser's making: 100 deep at most. */
static cJSON *member(cJSON *j, const char *name) {
    cJSON *found = cJSON_IsObject(j) ? cJSON_GetObjectItemCaseSensitive(j, name) : NULL, *child;

    cJSON_ArrayForEach(child, j) {
        if (found)
            break;
        if (cJSON_IsObject(child) || cJSON_IsArray(child))
            found = member(child, name);
    }
    return found;
}

static cJSON *enabled_member(cJSON *config) {
    cJSON *enabled = cJSON_GetObjectItemCaseSensitive(member(config, "hierarchical"), "enabled");

    return enabled ? enabled : member(config, "hierarchical_enabled");
}

struct routing {
    cJSON *config; /* owned */
    char *etag;
    int64_t share[2];
    bool enabled;
};

static void routing_clear(struct routing *r) {
    cJSON_Delete(r->config);
    free(r->etag);
}

static hal9_status read_routing(const struct hal9_balancer_spec *b, int cancel_fd,
                                struct routing *ret, struct hal9_error *err) {
    const struct bal_api_call call = {.url = b->http, .path = "/config"};
    _cleanup_(hal9_http_response_clear) struct hal9_http_response r = {0};
    hal9_status st = bal_api(b, &call, cancel_fd, &r, err);

    if (st == HAL9_OK && r.status >= 300)
        st = bal_api_refused(b, &call, &r, err);
    if (st == HAL9_OK)
        st = bal_api_json(b, &call, &r, &ret->config, err);
    for (int i = 0; st == HAL9_OK && i < 2; i++) {
        const cJSON *share = member(ret->config, shares[i]);

        if (!cJSON_IsNumber(share) || share->valuedouble < 0 || share->valuedouble > 100)
            return hal9_error_set(err, HAL9_E_PROTOCOL,
                                  "balancer %s: GET /config tells no %s of 0 to 100", b->name,
                                  shares[i]);
        ret->share[i] = (int64_t)share->valuedouble;
    }
    if (st != HAL9_OK)
        return st;
    ret->enabled = !cJSON_IsFalse(enabled_member(ret->config));
    ret->etag = hal9_strdup(hal9_http_header(&r, "etag"));
    return HAL9_OK;
}

static hal9_status look(const struct hal9_balancer_spec *b, const char *backend, int cancel_fd,
                        struct hal9_balancer_view *ret, struct hal9_error *err) {
    _cleanup_(routing_clear) struct routing now = {0};
    hal9_status st = read_routing(b, cancel_fd, &now, err);
    uint16_t port;

    (void)backend; /* the API has but one */
    for (int i = 0; st == HAL9_OK && i < 2; i++) {
        struct hal9_balancer_server *s = bal_view_add(ret, paths[i]);

        s->weight = now.share[i];
        if (i == 0 && !now.enabled)
            s->admin = HAL9_ADMIN_DRAIN;
    }
    ret->percentages = true;
    ret->shared = !bal_api_local(b->http, &port);
    return st;
}

/* ---- writing ---- */

static void put_number(cJSON *config, const char *name, int64_t value) {
    cJSON *m = member(config, name);

    if (m)
        cJSON_SetNumberValue(m, (double)value);
}

/* For a server that takes its configuration only as a whole. */
static hal9_status put_config(const struct hal9_balancer_spec *b, struct routing *wanted,
                              int cancel_fd, struct hal9_error *err) {
    const struct bal_api_call call = {.url = b->http,
                                      .path = "/config",
                                      .method = "PUT",
                                      .body = wanted->config,
                                      .match = wanted->etag};
    _cleanup_(hal9_http_response_clear) struct hal9_http_response r = {0};
    cJSON *enabled = enabled_member(wanted->config);

    for (int i = 0; i < 2; i++)
        put_number(wanted->config, shares[i], wanted->share[i]);
    if (enabled)
        enabled->type = wanted->enabled ? cJSON_True : cJSON_False;
    hal9_status st = bal_api(b, &call, cancel_fd, &r, err);

    if (st == HAL9_OK && r.status == 412)
        return hal9_error_set(err, HAL9_E_DRIFT,
                              "balancer %s: its configuration was changed meanwhile", b->name);
    return st == HAL9_OK && r.status >= 300 ? bal_api_refused(b, &call, &r, err) : st;
}

/* *ret_whole: the server has no such call. */
static hal9_status tell(const struct hal9_balancer_spec *b, const char *method, const char *path,
                        const cJSON *body, int cancel_fd, bool *ret_whole, struct hal9_error *err) {
    const struct bal_api_call call = {.url = b->http, .path = path, .method = method, .body = body};
    _cleanup_(hal9_http_response_clear) struct hal9_http_response r = {0};
    hal9_status st = bal_api(b, &call, cancel_fd, &r, err);

    if (st != HAL9_OK)
        return st;
    *ret_whole = r.status == 404 || r.status == 405;
    return *ret_whole || r.status < 300 ? HAL9_OK : bal_api_refused(b, &call, &r, err);
}

static hal9_status wanted_of(const struct hal9_balancer_spec *b, const cJSON *servers,
                             struct routing *r, struct hal9_error *err) {
    const cJSON *h = cJSON_GetObjectItemCaseSensitive(servers, paths[0]);
    const cJSON *f = cJSON_GetObjectItemCaseSensitive(servers, paths[1]);
    enum hal9_admin admin = r->enabled ? HAL9_ADMIN_READY : HAL9_ADMIN_DRAIN,
                    flat = HAL9_ADMIN_READY;

    r->share[0] = hal9_json_int(h, "weight", r->share[0]);
    r->share[1] = hal9_json_int(f, "weight", r->share[1]);
    (void)hal9_admin_parse(hal9_json_str(h, "admin"), &admin);
    (void)hal9_admin_parse(hal9_json_str(f, "admin"), &flat);
    r->enabled = admin == HAL9_ADMIN_READY;
    if (flat != HAL9_ADMIN_READY || admin == HAL9_ADMIN_MAINT)
        return hal9_error_set(
            err, HAL9_E_UNSUPPORTED,
            "balancer %s: only hierarchical can be drained, and nothing can be in maintenance",
            b->name);
    if (r->share[0] + r->share[1] != 100)
        return hal9_error_set(err, HAL9_E_UNSUPPORTED,
                              "balancer %s: hierarchical %lld and flat %lld don't add up to 100",
                              b->name, (long long)r->share[0], (long long)r->share[1]);
    return HAL9_OK;
}

static hal9_status set(const struct hal9_balancer_spec *b, const char *backend,
                       const cJSON *servers, const struct hal9_balancer_view *now, int cancel_fd,
                       struct hal9_error *err) {
    _cleanup_(routing_clear) struct routing r = {0};
    _cleanup_json_ cJSON *split = cJSON_CreateObject(), *state = cJSON_CreateObject();
    hal9_status st = read_routing(b, cancel_fd, &r, err);
    bool whole = false, whole_too = false;

    (void)backend;
    for (size_t i = 0; st == HAL9_OK && i < 2 && i < now->n; i++)
        if (now->v[i].weight != r.share[i])
            st = hal9_error_set(err, HAL9_E_DRIFT, "balancer %s: its shares were changed meanwhile",
                                b->name);
    const bool was = r.enabled;
    const int64_t had = r.share[0];

    if (st == HAL9_OK)
        st = wanted_of(b, servers, &r, err);
    if (st != HAL9_OK)
        return st;
    for (int i = 0; i < 2; i++)
        hal9_json_add_int(split, shares[i], r.share[i]);
    cJSON_AddBoolToObject(state, "enabled", r.enabled);
    hal9_json_add_int(state, "drain_timeout_ms", DRAIN_MS);
    /* Visitors are sent elsewhere before a path is closed, and a path is opened before they are sent there. */
    if (r.enabled && !was)
        st = tell(b, "POST", "/routing/hierarchical", state, cancel_fd, &whole_too, err);
    if (st == HAL9_OK && r.share[0] != had)
        st = tell(b, "PATCH", "/routing/traffic-split", split, cancel_fd, &whole, err);
    if (st == HAL9_OK && !r.enabled && was)
        st = tell(b, "POST", "/routing/hierarchical", state, cancel_fd, &whole_too, err);
    return st == HAL9_OK && (whole || whole_too) ? put_config(b, &r, cancel_fd, err) : st;
}

const struct hal9_balancer_driver hal9_balancer_http = {.key = "http", .look = look, .set = set};
