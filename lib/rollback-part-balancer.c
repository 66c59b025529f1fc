/* Parts of the kind balancer: weights and states of a backend's servers. */
#include <string.h>

#include "rollback-internal.h"

static hal9_status capture(const struct rb_part *p, struct hal9_state *s, int cancel_fd,
                           cJSON **ret_state, struct hal9_error *err) {
    struct hal9_balancer_view v = {0};
    hal9_status st = hal9_balancer_look(p->balancer, p->backend, cancel_fd, &v, err);

    (void)s;
    if (st == HAL9_OK)
        *ret_state = hal9_balancer_state(&v);
    hal9_balancer_view_clear(&v);
    return st;
}

static hal9_status reach(const struct rb_part *p, int cancel_fd, struct hal9_error *err) {
    _cleanup_json_ cJSON *state = NULL;

    return capture(p, NULL, cancel_fd, &state, err);
}

static const cJSON *servers_of(const cJSON *state) {
    return cJSON_GetObjectItemCaseSensitive(state, "servers");
}

/* Only what the first tells: a kind without weights, or a member of a later build, counts for nothing. */
static bool same_server(const cJSON *wanted, const cJSON *now) {
    const cJSON *m;

    cJSON_ArrayForEach(m, wanted) {
        if (!hal9_json_equal(m, cJSON_GetObjectItemCaseSensitive(now, m->string)))
            return false;
    }
    return true;
}

static hal9_status plan(const struct rb_part *p, const cJSON *wanted, const cJSON *now,
                        struct hal9_plan *plan_, struct hal9_strv *ret_steps,
                        struct hal9_error *err) {
    _cleanup_json_ cJSON *differ = cJSON_CreateObject();
    const cJSON *one;

    cJSON_ArrayForEach(one, servers_of(wanted)) {
        const cJSON *is = cJSON_GetObjectItemCaseSensitive(servers_of(now), one->string);

        if (!is) {
            hal9_error_set(err, HAL9_E_REFUSED, "%s: server %s isn't behind it any more", p->name,
                           one->string);
            hal9_error_hint(err, "put it back into the balancer's configuration");
            return HAL9_E_REFUSED;
        }
        if (!same_server(one, is))
            cJSON_AddItemToObject(differ, one->string, cJSON_Duplicate(one, true));
    }
    if (cJSON_GetArraySize(differ) == 0)
        return HAL9_OK;
    _cleanup_free_ char *name = rb_step_name(plan_, p->name);

    hal9_plan_step(plan_, name, hal9_kind_balancer_set.name,
                   hal9_args_balancer_set(p->balancer, p->backend, differ),
                   "bring back weights and states of %s", p->name + strlen("balancer:"));
    hal9_strv_add(ret_steps, name);
    return HAL9_OK;
}

/* ---- differences ---- */

static char *server_words(const cJSON *server) {
    const char *admin = hal9_json_str(server, "admin");

    if (!server)
        return hal9_strdup("not there");
    return cJSON_HasObjectItem(server, "weight")
               ? hal9_strf("weight %lld, %s", (long long)hal9_json_int(server, "weight", 0),
                           admin ? admin : "?")
               : hal9_strdup(admin ? admin : "?");
}

static void tell(const struct rb_part *p, const char *server, const cJSON *a, const cJSON *b,
                 struct hal9_buf *words, cJSON *json) {
    _cleanup_free_ char *from = server_words(a), *to = server_words(b);

    hal9_buf_printf(words, "%s %s: %s -> %s\n", p->name + strlen("balancer:"), server, from, to);
    if (!json)
        return;
    cJSON *one = cJSON_CreateObject();

    hal9_json_add_str(one, "part", p->name);
    hal9_json_add_str(one, "server", server);
    hal9_json_add_str(one, "change", !a ? "added" : !b ? "removed" : "changed");
    hal9_json_add_str(one, "from", from);
    hal9_json_add_str(one, "to", to);
    cJSON_AddItemToArray(json, one);
}

static bool same_of_part(const struct rb_part *p, const cJSON *a, const cJSON *b) {
    (void)p;
    return same_server(a, b);
}

static hal9_status diff(const struct rb_part *p, struct hal9_state *s, const cJSON *a,
                        const cJSON *b, struct hal9_buf *ret_words, cJSON *ret_json, size_t *ret_n,
                        struct hal9_error *err) {
    _cleanup_json_ cJSON *now = NULL;
    hal9_status st = b ? HAL9_OK : capture(p, s, -1, &now, err);

    if (st != HAL9_OK)
        return st;
    *ret_n = rb_diff_members(p, servers_of(a), servers_of(b ? b : now), same_of_part, tell,
                             ret_words, ret_json);
    return HAL9_OK;
}

const struct rb_part_kind rb_part_balancer = {
    .kind = "balancer",
    .word = "routing",
    .reach = reach,
    .capture = capture,
    .plan = plan,
    .diff = diff,
};
