/* The snapshots that `last-healthy` means: taken when a service has passed its gate. */
#include "rollback-internal.h"

enum { KEEP = 5 };

/* The same but for what is only observed. */
static bool same_states(const cJSON *a, const cJSON *b) {
    _cleanup_json_ cJSON *x = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(a, "parts"), true);
    _cleanup_json_ cJSON *y = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(b, "parts"), true);
    cJSON *const both[] = {x, y};

    for (size_t i = 0; i < HAL9_ARRAY_LEN(both); i++) {
        const cJSON *one;

        cJSON_ArrayForEach(one, both[i]) {
            cJSON_DeleteItemFromObjectCaseSensitive(cJSON_GetObjectItemCaseSensitive(one, "state"),
                                                    "observed");
        }
    }
    return x && y && hal9_json_equal(x, y);
}

/* Ids of the plan's healthy ones, oldest first; *ret_newest is the last one's document, or NULL. */
static hal9_status healthy_of(struct hal9_state *s, const char *plan, struct hal9_strv *ret,
                              cJSON **ret_newest, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    hal9_status st = hal9_snapshot_list(s, &ids, err);

    for (size_t i = 0; st == HAL9_OK && i < ids.n; i++) {
        _cleanup_json_ cJSON *one = NULL;

        if (hal9_snapshot_get(s, ids.v[i], &one, NULL) != HAL9_OK ||
            !hal9_streq(hal9_json_str(one, "reason"), "healthy") ||
            !hal9_streq(hal9_json_str(one, "plan"), plan))
            continue;
        hal9_strv_add(ret, ids.v[i]);
        cJSON_Delete(*ret_newest);
        *ret_newest = HAL9_TAKE_PTR(one);
    }
    return st;
}

static hal9_status note(const struct hal9_config *c, struct hal9_state *s, const char *plan,
                        struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    _cleanup_json_ cJSON *newest = NULL, *now = NULL;
    struct hal9_snapshot_opts o = {.config = c,
                                   .state = s,
                                   .plan = plan,
                                   .reason = "healthy",
                                   .best_effort = true,
                                   .cancel_fd = -1};
    hal9_status st = healthy_of(s, plan, &ids, &newest, err);

    if (st == HAL9_OK)
        st = hal9_rollback_snapshot(&o, &now, err);
    if (st != HAL9_OK)
        return st;
    if (newest && same_states(newest, now)) /* the newer one says the same, and is the newer */
        st = hal9_snapshot_delete(s, hal9_json_str(newest, "id"), err);
    else if (ids.n >= KEEP)
        st = hal9_snapshot_delete(s, ids.v[0], err);
    for (size_t i = 1; st == HAL9_OK && i + KEEP <= ids.n; i++)
        st = hal9_snapshot_delete(s, ids.v[i], err);
    return st;
}

hal9_status hal9_rollback_note_healthy(const struct hal9_config *c, struct hal9_state *s,
                                       const char *service, struct hal9_error *err) {
    hal9_status st = HAL9_OK;

    for (size_t i = 0; c && st == HAL9_OK && i < c->rollback.n; i++) {
        const struct hal9_rollback_spec *plan = c->rollback.v[i];

        if (hal9_strv_has(&plan->health, service))
            st = note(c, s, plan->name, err);
    }
    return st;
}

/* Its final gate, of all the plan's services, was passed in that very operation. */
static bool gate_passed(const struct hal9_op *o, const struct hal9_rollback_spec *plan) {
    for (size_t i = o->n_steps; i-- > 0;) {
        const struct hal9_op_step *s = &o->steps[i];

        if (hal9_streq(s->name, "health"))
            return s->state == HAL9_STEP_DONE &&
                   (size_t)cJSON_GetArraySize(
                       cJSON_GetObjectItemCaseSensitive(s->args, "services")) == plan->health.n;
    }
    return false;
}

/* Whether it went to the snapshot of a rehearsal: that is there for the rehearsal alone, and so is what comes of it. */
static bool was_rehearsed(struct hal9_state *s, const struct hal9_op *o) {
    const char *id = hal9_json_str(hal9_rollback_subject(o), "snapshot");
    _cleanup_json_ cJSON *snapshot = NULL;

    return id && hal9_snapshot_get(s, id, &snapshot, NULL) == HAL9_OK &&
           hal9_streq(hal9_json_str(snapshot, "reason"), "rehearsal");
}

hal9_status hal9_rollback_note_ended(const struct hal9_config *c, struct hal9_state *s,
                                     const char *id, struct hal9_error *err) {
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    const struct hal9_rollback_spec *plan = NULL;
    hal9_status st = hal9_op_load(s, id, &o, err);

    if (st != HAL9_OK)
        return st;
    const char *name = hal9_json_str(hal9_rollback_subject(&o), "plan");

    if (o.state != HAL9_OP_DONE || o.undoes.n > 0 || !name ||
        rb_plan_find(c, name, &plan, NULL) != HAL9_OK || !gate_passed(&o, plan) ||
        was_rehearsed(s, &o))
        return HAL9_OK;
    return note(c, s, name, err);
}
