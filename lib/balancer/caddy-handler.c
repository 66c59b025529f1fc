/* Reads and writes the servers of a reverse_proxy handler (Caddy: modules/caddyhttp/reverseproxy). */
#include "balancer/caddy-handler.h"

#include <string.h>

#include "base/cleanup.h"

#define PARKED "X-Hal9ops-Parked" /* a header that no response has */
#define MAX_ENTRIES 4096

const char *caddy_server_name(const struct caddy_server *s) {
    return hal9_json_str(s->upstream, "dial");
}

struct caddy_server *caddy_handler_find(const struct caddy_handler *h, const char *name) {
    for (size_t i = 0; i < h->n; i++)
        if (hal9_streq(caddy_server_name(&h->v[i]), name))
            return &h->v[i];
    return NULL;
}

void caddy_handler_clear(struct caddy_handler *h) {
    for (size_t i = 0; i < h->n; i++)
        cJSON_Delete(h->v[i].upstream);
    free(h->v);
    cJSON_Delete(h->json);
    *h = (struct caddy_handler){0};
}

/* ---- reading ---- */

static const cJSON *policy_of(const cJSON *handler) {
    const cJSON *lb = cJSON_GetObjectItemCaseSensitive(handler, "load_balancing");

    return cJSON_GetObjectItemCaseSensitive(lb, "selection_policy");
}

static hal9_status read_upstreams(struct caddy_handler *h, struct hal9_error *err) {
    const cJSON *weights = cJSON_GetObjectItemCaseSensitive(policy_of(h->json), "weights");
    const cJSON *upstream;
    int index = 0;

    cJSON_ArrayForEach(upstream, cJSON_GetObjectItemCaseSensitive(h->json, "upstreams")) {
        const cJSON *told = cJSON_GetArrayItem(weights, index++);
        const int64_t weight = h->weighted && cJSON_IsNumber(told) ? (int64_t)told->valuedouble : 1;
        const char *dial = hal9_json_str(upstream, "dial");
        struct caddy_server *s = dial ? caddy_handler_find(h, dial) : NULL;

        if (!dial)
            return hal9_error_set(err, HAL9_E_CONFIG, "an upstream without an address (dial)");
        if (!s) {
            s = HAL9_APPEND(h->v, h->n, h->cap);
            *s = (struct caddy_server){.upstream = cJSON_Duplicate(upstream, true)};
        }
        s->weight += weight;
    }
    return HAL9_OK;
}

/* The values of the header that no response has; NULL: none is parked. */
static cJSON *parked_values(const cJSON *response) {
    const cJSON *match = cJSON_GetObjectItemCaseSensitive(response, "match");
    const cJSON *headers = cJSON_GetObjectItemCaseSensitive(match, "headers");

    return cJSON_GetObjectItemCaseSensitive(headers, PARKED);
}

static hal9_status read_parked(struct caddy_handler *h, struct hal9_error *err) {
    const cJSON *response, *value;

    cJSON_ArrayForEach(response, cJSON_GetObjectItemCaseSensitive(h->json, "handle_response")) {
        cJSON_ArrayForEach(value, parked_values(response)) {
            const char *text = cJSON_GetStringValue(value);
            _cleanup_json_ cJSON *note = NULL;
            hal9_status st = hal9_json_parse(text ? text : "", text ? strlen(text) : 0, &note, err);
            cJSON *upstream = cJSON_DetachItemFromObjectCaseSensitive(note, "upstream");
            struct caddy_server s = {.upstream = upstream,
                                     .weight = hal9_json_int(note, "weight", 0)};

            if (st != HAL9_OK || !hal9_json_str(upstream, "dial") ||
                !hal9_admin_parse(hal9_json_str(note, "admin"), &s.admin)) {
                cJSON_Delete(upstream);
                return hal9_error_set(err, HAL9_E_CORRUPT, "a parked server can't be read: %s",
                                      text ? text : "");
            }
            if (caddy_handler_find(h, hal9_json_str(upstream, "dial")))
                cJSON_Delete(upstream); /* somebody has put it back by hand: what runs counts */
            else
                *HAL9_APPEND(h->v, h->n, h->cap) = s;
        }
    }
    return HAL9_OK;
}

hal9_status caddy_handler_read(cJSON *json, struct caddy_handler *ret, struct hal9_error *err) {
    struct caddy_handler h = {.json = json};
    hal9_status st = HAL9_OK;

    h.weighted = hal9_streq(hal9_json_str(policy_of(json), "policy"), "weighted_round_robin");
    if (!hal9_streq(hal9_json_str(json, "handler"), "reverse_proxy"))
        st = hal9_error_set(err, HAL9_E_CONFIG, "it is no reverse_proxy handler");
    if (st == HAL9_OK)
        st = read_upstreams(&h, err);
    if (st == HAL9_OK)
        st = read_parked(&h, err);
    if (st == HAL9_OK)
        *ret = h;
    else
        caddy_handler_clear(&h);
    return st;
}

/* ---- writing ---- */

static bool is_on(const struct caddy_server *s) {
    return s->weight > 0 && s->admin == HAL9_ADMIN_READY;
}

static cJSON *weighted_upstreams(struct caddy_handler *h) {
    cJSON *upstreams = cJSON_CreateArray(), *weights = cJSON_CreateArray();

    for (size_t i = 0; i < h->n; i++) {
        if (!is_on(&h->v[i]))
            continue;
        cJSON_AddItemToArray(upstreams, cJSON_Duplicate(h->v[i].upstream, true));
        cJSON_AddItemToArray(weights, cJSON_CreateNumber((double)h->v[i].weight));
    }
    cJSON *policy = (cJSON *)policy_of(h->json);

    cJSON_DeleteItemFromObjectCaseSensitive(policy, "weights");
    cJSON_AddItemToObject(policy, "weights", weights);
    return upstreams;
}

/* Each server as many times as it weighs, well mixed: at each place stands the one that lags most behind its share. */
static cJSON *repeated_upstreams(const struct caddy_handler *h, int64_t total) {
    cJSON *upstreams = cJSON_CreateArray();
    _cleanup_free_ int64_t *credit = hal9_alloc((h->n + 1) * sizeof(*credit));

    for (int64_t place = 0; place < total; place++) {
        size_t best = h->n;

        for (size_t i = 0; i < h->n; i++) {
            if (!is_on(&h->v[i]))
                continue;
            credit[i] += h->v[i].weight;
            if (best == h->n || credit[i] > credit[best])
                best = i;
        }
        if (best == h->n)
            break;
        credit[best] -= total;
        cJSON_AddItemToArray(upstreams, cJSON_Duplicate(h->v[best].upstream, true));
    }
    return upstreams;
}

static void drop_parked(cJSON *responses) {
    for (int i = cJSON_GetArraySize(responses) - 1; i >= 0; i--)
        if (parked_values(cJSON_GetArrayItem(responses, i)))
            cJSON_DeleteItemFromArray(responses, i);
}

static void write_parked(struct caddy_handler *h) {
    cJSON *responses = cJSON_GetObjectItemCaseSensitive(h->json, "handle_response");
    cJSON *values = cJSON_CreateArray();

    drop_parked(responses);
    for (size_t i = 0; i < h->n; i++) {
        if (is_on(&h->v[i]))
            continue;
        _cleanup_json_ cJSON *note = cJSON_CreateObject();

        cJSON_AddItemToObject(note, "upstream", cJSON_Duplicate(h->v[i].upstream, true));
        hal9_json_add_int(note, "weight", h->v[i].weight);
        hal9_json_add_str(note, "admin", hal9_admin_name(h->v[i].admin));
        _cleanup_free_ char *text = hal9_json_text(note);

        cJSON_AddItemToArray(values, cJSON_CreateString(text));
    }
    if (cJSON_GetArraySize(values) == 0) {
        cJSON_Delete(values);
        if (responses && cJSON_GetArraySize(responses) == 0)
            cJSON_DeleteItemFromObjectCaseSensitive(h->json, "handle_response");
        return;
    }
    if (!responses)
        responses = cJSON_AddArrayToObject(h->json, "handle_response");
    cJSON *response = cJSON_CreateObject();
    cJSON *match = cJSON_AddObjectToObject(response, "match");

    cJSON_AddItemToObject(cJSON_AddObjectToObject(match, "headers"), PARKED, values);
    cJSON_AddItemToArray(responses, response);
}

hal9_status caddy_handler_write(struct caddy_handler *h, struct hal9_error *err) {
    int64_t total = 0;

    for (size_t i = 0; i < h->n; i++)
        total += is_on(&h->v[i]) ? h->v[i].weight : 0;
    if (!h->weighted && total > MAX_ENTRIES) {
        hal9_error_set(
            err, HAL9_E_LIMIT,
            "weights of %lld in all would take as many upstreams, and at most %d will do",
            (long long)total, MAX_ENTRIES);
        hal9_error_hint(err,
                        "with the policy weighted_round_robin (Caddy 2.7) any weights will do");
        return HAL9_E_LIMIT;
    }
    cJSON *upstreams = h->weighted ? weighted_upstreams(h) : repeated_upstreams(h, total);

    cJSON_DeleteItemFromObjectCaseSensitive(h->json, "upstreams");
    cJSON_AddItemToObject(h->json, "upstreams", upstreams);
    write_parked(h);
    return HAL9_OK;
}
