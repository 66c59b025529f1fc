/* Which snapshots a plan's keep lets go: the older ones that nobody has named. */
#include <string.h>

#include "rollback-internal.h"

/* One snapshot, as far as it matters here. */
struct kept {
    char *id, *plan;
    bool named, healthy;
};
struct all {
    struct kept *v; /* oldest first */
    size_t n, cap;
};

static void clear(struct all *a) {
    for (size_t i = 0; i < a->n; i++) {
        free(a->v[i].id);
        free(a->v[i].plan);
    }
    free(a->v);
}

static hal9_status read_all(struct hal9_state *s, struct all *ret, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    hal9_status st = hal9_snapshot_list(s, &ids, err);

    for (size_t i = 0; st == HAL9_OK && i < ids.n; i++) {
        _cleanup_json_ cJSON *one = NULL;

        if (hal9_snapshot_get(s, ids.v[i], &one, NULL) != HAL9_OK)
            continue; /* a damaged one is a person's to look at */
        *HAL9_APPEND(ret->v, ret->n, ret->cap) =
            (struct kept){.id = hal9_strdup(ids.v[i]),
                          .plan = hal9_strdup(hal9_json_str(one, "plan")),
                          .named = hal9_json_str(one, "name") != NULL,
                          .healthy = hal9_streq(hal9_json_str(one, "reason"), "healthy")};
    }
    return st;
}

/* Those with a name, and the newest that was taken in health, stay and count for none. */
static void of_plan(const struct hal9_rollback_spec *plan, const struct all *all,
                    struct hal9_strv *ret) {
    int64_t left = plan->keep;
    bool healthy = false;

    for (size_t i = all->n; i-- > 0;) {
        const struct kept *k = &all->v[i];
        const bool last_healthy = k->healthy && !healthy;

        if (!hal9_streq(k->plan, plan->name) || k->named)
            continue;
        healthy = healthy || k->healthy;
        if (left > 0)
            left--;
        else if (!last_healthy)
            hal9_strv_add(ret, k->id);
    }
}

hal9_status hal9_rollback_overdue(const struct hal9_config *c, struct hal9_state *s,
                                  struct hal9_strv *ret, struct hal9_error *err) {
    struct all all = {0};
    bool any = false;

    for (size_t i = 0; i < c->rollback.n; i++)
        any = any || ((const struct hal9_rollback_spec *)c->rollback.v[i])->keep > 0;
    hal9_status st = any ? read_all(s, &all, err) : HAL9_OK;

    for (size_t i = 0; st == HAL9_OK && i < c->rollback.n; i++) {
        const struct hal9_rollback_spec *plan = c->rollback.v[i];

        if (plan->keep > 0)
            of_plan(plan, &all, ret);
    }
    clear(&all);
    return st;
}
