/* Parts of the kind release: which release a symlink points to. */
#include "hal9ops/workload.h"
#include "rollback-internal.h"

static hal9_status reach(const struct rb_part *p, int cancel_fd, struct hal9_error *err) {
    _cleanup_free_ char *target = NULL;

    (void)cancel_fd;
    return hal9_release_target(p->path, &target, err);
}

static hal9_status capture(const struct rb_part *p, struct hal9_state *s, int cancel_fd,
                           cJSON **ret_state, struct hal9_error *err) {
    _cleanup_free_ char *target = NULL;
    hal9_status st = hal9_release_target(p->path, &target, err);

    (void)s, (void)cancel_fd;
    if (st != HAL9_OK)
        return st;
    *ret_state = cJSON_CreateObject();
    if (target)
        hal9_json_add_str(*ret_state, "target", target);
    else
        cJSON_AddNullToObject(*ret_state, "target");
    return HAL9_OK;
}

static hal9_status plan(const struct rb_part *p, const cJSON *wanted, const cJSON *now,
                        struct hal9_plan *plan_, struct hal9_strv *ret_steps,
                        struct hal9_error *err) {
    const char *target = hal9_json_str(wanted, "target");

    if (hal9_streq(target, hal9_json_str(now, "target")) ||
        (!target && !hal9_json_str(now, "target")))
        return HAL9_OK;
    hal9_status st = hal9_release_check(p->path, target, err);

    if (st != HAL9_OK)
        return st;
    _cleanup_free_ char *name = rb_step_name(plan_, p->name);

    hal9_plan_step(plan_, name, hal9_kind_release_switch.name, hal9_args_release(p->path, target),
                   NULL);
    hal9_strv_add(ret_steps, name);
    return HAL9_OK;
}

static hal9_status diff(const struct rb_part *p, struct hal9_state *s, const cJSON *a,
                        const cJSON *b, struct hal9_buf *ret_words, cJSON *ret_json, size_t *ret_n,
                        struct hal9_error *err) {
    _cleanup_json_ cJSON *now = NULL;
    hal9_status st = b ? HAL9_OK : capture(p, s, -1, &now, err);

    if (st != HAL9_OK)
        return st;
    const char *from = hal9_json_str(a, "target"), *to = hal9_json_str(b ? b : now, "target");

    *ret_n = 0;
    if (hal9_streq(from, to) || (!from && !to))
        return HAL9_OK;
    *ret_n = 1;
    hal9_buf_printf(ret_words, "%s: %s -> %s\n", p->path, from ? from : "(no link)",
                    to ? to : "(no link)");
    if (ret_json) {
        cJSON *one = cJSON_CreateObject();

        hal9_json_add_str(one, "part", p->name);
        hal9_json_add_str(one, "path", p->path);
        hal9_json_add_str(one, "change", "changed");
        hal9_json_add_str(one, "from", from);
        hal9_json_add_str(one, "to", to);
        cJSON_AddItemToArray(ret_json, one);
    }
    return HAL9_OK;
}

const struct rb_part_kind rb_part_release = {
    .kind = "release",
    .word = NULL,
    .reach = reach,
    .capture = capture,
    .plan = plan,
    .diff = diff,
};
