/* What a rollback has led to: all that it stands for is read back and compared, and its services must be healthy. */
#include "rollback-to.h"

#define WITHIN_MS 60000
#define EVERY_MS 1000
#define ON_UNKNOWN_MS (5 * 60 * 1000)

/* ---- reading back ---- */

static void add_item(cJSON *items, const char *part, const char *kind, cJSON *args) {
    cJSON *j = cJSON_CreateObject();

    hal9_json_add_str(j, "part", part);
    hal9_json_add_str(j, "kind", kind);
    cJSON_AddItemToObject(j, "args", args);
    cJSON_AddItemToArray(items, j);
}

/* The steps that would restore it, whether or not it differs now. */
static void add_part(cJSON *items, const struct rb_item *i) {
    _cleanup_(hal9_plan_clear) struct hal9_plan all = {0};
    _cleanup_strv_ struct hal9_strv names = {0};
    cJSON *args = NULL;
    const char *kind =
        i->part.kind->read_back ? i->part.kind->read_back(&i->part, i->then, &args) : NULL;

    if (kind)
        add_item(items, i->part.name, kind, args);
    if (i->part.kind->read_back)
        return;
    if (i->part.kind->plan(&i->part, i->then, NULL, &all, &names, NULL) != HAL9_OK)
        return;
    for (size_t k = 0; k < all.n; k++)
        add_item(items, i->part.name, all.steps[k]->kind,
                 cJSON_Duplicate(all.steps[k]->args, true));
}

static cJSON *items_of(const struct rb_to *to) {
    cJSON *items = cJSON_CreateArray();

    for (size_t k = 0; k < to->n; k++) {
        const struct rb_item *i = &to->items[k];

        if (!i->chosen || i->unread.code != HAL9_OK)
            continue;
        if (rb_is_balancer(i))
            add_item(items, i->part.name, "balancer.set", rb_args_traffic(i));
        else
            add_part(items, i);
    }
    return items;
}

static void add_read_back(struct rb_chain *c) {
    const struct rb_to *to = c->to;
    cJSON *args = cJSON_CreateObject(), *items = items_of(to), *resources = cJSON_CreateArray();
    _cleanup_free_ char *thing = hal9_strf("rollback:%s", to->plan ? to->plan->name : to->id);
    const int n = cJSON_GetArraySize(items);

    cJSON_AddItemToArray(resources, cJSON_CreateString(thing));
    cJSON_AddItemToObject(args, "items", items);
    cJSON_AddItemToObject(args, "resources", resources);
    if (to->plan) {
        hal9_json_add_int(args, "tries", to->plan->verify_tries);
        hal9_json_add_int(args, "every_ms", to->plan->verify_every_ms);
    }
    rb_link(c, hal9_plan_step(c->plan, "verify", "state.verify", args,
                              "read back and compare %d part%s", n, n == 1 ? "" : "s"));
}

/* ---- health ---- */

static hal9_status service_json(const struct rb_to *to, const struct hal9_service *s, cJSON **ret,
                                struct hal9_error *err) {
    _cleanup_(hal9_service_ref_clear) struct hal9_service_ref ref = {0};
    hal9_status st = hal9_config_ref(s, to->job->state, &ref, err);

    if (st != HAL9_OK)
        return st;
    cJSON *j = cJSON_CreateObject(), *checks = cJSON_CreateArray();

    for (size_t i = 0; i < s->checks.n; i++) {
        const struct hal9_check *check = s->checks.v[i];

        cJSON_AddItemToArray(checks, cJSON_Duplicate(check->spec, true));
    }
    cJSON_AddItemToObject(j, "service", hal9_service_ref_json(&ref));
    cJSON_AddItemToObject(j, "checks", checks);
    *ret = j;
    return HAL9_OK;
}

/* One that the snapshot had stopped can't be healthy, and needn't be. */
static bool was_stopped(const struct rb_to *to, const char *service) {
    for (size_t k = 0; k < to->n; k++) {
        const struct rb_item *i = &to->items[k];

        if (i->chosen && i->part.service && hal9_streq(i->part.service->name, service) &&
            !hal9_json_bool(i->then, "running", true))
            return true;
    }
    return false;
}

static hal9_status services_json(const struct rb_to *to, cJSON *list, int64_t *ret_within_ms,
                                 struct hal9_error *err) {
    hal9_status st = HAL9_OK;

    for (size_t i = 0; to->plan && st == HAL9_OK && i < to->plan->health.n; i++) {
        const struct hal9_service *s = NULL;
        cJSON *j = NULL;

        if (was_stopped(to, to->plan->health.v[i]))
            continue;
        st = hal9_config_need_service(to->job->config, to->plan->health.v[i], &s, err);
        if (st == HAL9_OK)
            st = service_json(to, s, &j, err);
        if (st != HAL9_OK)
            return st;
        cJSON_AddItemToArray(list, j);
        *ret_within_ms = s->gate.within_ms > *ret_within_ms ? s->gate.within_ms : *ret_within_ms;
    }
    return st;
}

hal9_status rb_add_gate(struct rb_chain *c, const char *name, int64_t hold_ms, bool metrics,
                        char *title, struct hal9_step **ret, struct hal9_error *err) {
    const struct hal9_rollback_spec *plan = c->to->plan;
    _cleanup_free_ char *words = title;
    cJSON *args = cJSON_CreateObject(), *services = cJSON_AddArrayToObject(args, "services");
    cJSON *checks = metrics && plan ? hal9_metrics_checks(plan->metrics) : cJSON_CreateArray();
    int64_t within = 0;

    cJSON_AddItemToObject(args, "metrics", checks);
    hal9_status st = services_json(c->to, services, &within, err);

    if (st != HAL9_OK || (hold_ms <= 0 && !services->child && !checks->child)) {
        cJSON_Delete(args);
        return st;
    }
    hal9_json_add_int(args, "hold_ms", hold_ms);
    /* Between two stops a failure counts at once; at the end they get their time to recover. */
    hal9_json_add_int(args, "within_ms", hold_ms > 0 ? 0 : within > 0 ? within : WITHIN_MS);
    hal9_json_add_int(args, "interval_ms", EVERY_MS);
    hal9_json_add_int(args, "on_unknown_ms", plan ? plan->on_unknown_ms : ON_UNKNOWN_MS);
    *ret = hal9_plan_step(c->plan, name, "health.hold", args, "%s", words);
    rb_link(c, *ret);
    return HAL9_OK;
}

hal9_status rb_add_verify(struct rb_chain *c, struct hal9_error *err) {
    struct hal9_step *s = NULL;

    add_read_back(c);
    if (!c->to->plan || c->to->plan->health.n == 0)
        return HAL9_OK;
    _cleanup_strv_ struct hal9_strv asked = {0};

    for (size_t i = 0; i < c->to->plan->health.n; i++)
        if (was_stopped(c->to, c->to->plan->health.v[i]))
            rb_tell(c->to, "%s was stopped in the snapshot: whether it is healthy is not asked",
                    c->to->plan->health.v[i]);
        else
            hal9_strv_add(&asked, c->to->plan->health.v[i]);
    if (asked.n == 0)
        return HAL9_OK;
    _cleanup_free_ char *names = hal9_strv_join(&asked, ", ");

    return rb_add_gate(c, "health", 0, false,
                       hal9_strf("see that %s %s healthy", names, asked.n == 1 ? "is" : "are"), &s,
                       err);
}
