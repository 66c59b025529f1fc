/* The plan as the journal's first line has it, and back. */
#include <string.h>
#include <unistd.h>

#include "hal9ops/sys.h"
#include "op/op-internal.h"

static const char *on_fail_name(enum hal9_on_fail f) {
    return f == HAL9_FAIL_WARN ? "warn" : "stop";
}

static hal9_status step_json(const struct operation *op, const struct op_step *s, cJSON **ret,
                             struct hal9_error *err) {
    cJSON *args = NULL;
    hal9_status st = op_pack(op->env->state, s->plan->args, &args, err);
    if (st != HAL9_OK)
        return st;
    cJSON *j = cJSON_CreateObject();
    hal9_json_add_str(j, "name", s->plan->name);
    hal9_json_add_str(j, "kind", s->plan->kind);
    hal9_json_add_int(j, "version", s->version);
    cJSON_AddItemToObject(j, "args", args);
    hal9_json_add_str(j, "title", s->plan->title);
    cJSON_AddItemToObject(j, "after", hal9_json_strv(&s->plan->after));
    hal9_json_add_str(j, "on_fail", on_fail_name(s->plan->on_fail));
    hal9_json_add_str(j, "when_failed", s->plan->when_failed);
    hal9_json_add_str(j, "or_failed", s->plan->or_failed);
    hal9_json_add_str(j, "unless_failed", s->plan->unless_failed);
    if (s->plan->guarded && s->plan->expect &&
        (st = op_pack(op->env->state, s->plan->expect, &args, err)) == HAL9_OK)
        cJSON_AddItemToObject(j, "expect", args);
    cJSON_AddBoolToObject(j, "keep_going", s->plan->keep_going);
    cJSON_AddBoolToObject(j, "passive", op_passive(s));
    if (st != HAL9_OK) {
        cJSON_Delete(j);
        return st;
    }
    *ret = j;
    return HAL9_OK;
}

/* What an older build would carry out otherwise than it was meant has the newer format; all else can still be resumed by it. */
static int format_of(const struct operation *op) {
    for (size_t i = 0; i < op->plan.n; i++)
        if (op->plan.steps[i]->or_failed || op->plan.steps[i]->unless_failed ||
            op->plan.steps[i]->guarded)
            return OP_FORMAT;
    return 1;
}

/* Who does it, where and in which boot. */
void op_add_actor(cJSON *line, const struct hal9_op_env *env) {
    _cleanup_free_ char *user = hal9_user_name(geteuid());
    hal9_json_add_str(line, "by", env->tool);
    hal9_json_add_str(line, "user", user);
    hal9_json_add_str(line, "sudo", geteuid() == 0 ? getenv("SUDO_USER") : NULL);
    hal9_json_add_int(line, "uid", (int64_t)geteuid());
    hal9_json_add_int(line, "pid", (int64_t)getpid());
    hal9_json_add_str(line, "host", hal9_host_name());
    hal9_json_add_str(line, "machine", hal9_host_machine_id());
    hal9_json_add_str(line, "boot", hal9_host_boot_id());
}

static void add_argv(cJSON *line, const char *const *argv) {
    if (!argv)
        return;
    cJSON *list = cJSON_AddArrayToObject(line, "argv");
    for (; *argv; argv++)
        cJSON_AddItemToArray(list, cJSON_CreateString(*argv));
    hal9_redact_json(NULL, list);
}

hal9_status op_plan_line(const struct operation *op, cJSON **ret, struct hal9_error *err) {
    _cleanup_json_ cJSON *line = op_line("plan", NULL);
    hal9_json_add_int(line, "hal9", format_of(op));
    hal9_json_add_str(line, "id", op->id);
    hal9_json_add_str(line, "run", op->env->run);
    op_add_actor(line, op->env);
    add_argv(line, op->env->argv);
    hal9_json_add_str(line, "title", op->plan.title);
    hal9_json_add_str(line, "service", op->plan.service);
    if (op->plan.subject)
        cJSON_AddItemToObject(line, "subject", cJSON_Duplicate(op->plan.subject, true));
    cJSON_AddItemToObject(line, "undoes", hal9_json_strv(&op->plan.undoes));
    hal9_json_add_str(line, "taken_back", op->plan.taken_back);
    cJSON_AddItemToObject(line, "resources", hal9_json_strv(&op->resources));
    cJSON *steps = cJSON_AddArrayToObject(line, "steps");
    for (size_t i = 0; i < op->plan.n; i++) {
        cJSON *step = NULL;
        hal9_status st = step_json(op, &op->steps[i], &step, err);
        if (st != HAL9_OK)
            return st;
        cJSON_AddItemToArray(steps, step);
    }
    *ret = HAL9_TAKE_PTR(line);
    return HAL9_OK;
}

static void parse_step(const cJSON *j, struct hal9_plan *plan) {
    const cJSON *args = cJSON_GetObjectItemCaseSensitive(j, "args");
    const char *title = hal9_json_str(j, "title");
    struct hal9_step *s =
        hal9_plan_step(plan, hal9_json_str(j, "name"), hal9_json_str(j, "kind"),
                       args ? cJSON_Duplicate(args, true) : NULL, title ? "%s" : NULL, title);
    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(j, "after"), &s->after);
    bool warn = hal9_streq(hal9_json_str(j, "on_fail"), on_fail_name(HAL9_FAIL_WARN));
    s->on_fail = warn ? HAL9_FAIL_WARN : HAL9_FAIL_STOP;
    s->when_failed = hal9_strdup(hal9_json_str(j, "when_failed"));
    s->or_failed = hal9_strdup(hal9_json_str(j, "or_failed"));
    s->unless_failed = hal9_strdup(hal9_json_str(j, "unless_failed"));
    s->keep_going = hal9_json_bool(j, "keep_going", false);
}

void op_plan_parse(const cJSON *line, struct hal9_plan *ret) {
    const cJSON *subject = cJSON_GetObjectItemCaseSensitive(line, "subject");
    const cJSON *step;
    ret->title = hal9_strdup(hal9_json_str(line, "title"));
    ret->service = hal9_strdup(hal9_json_str(line, "service"));
    ret->subject = subject ? cJSON_Duplicate(subject, true) : NULL;
    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(line, "undoes"), &ret->undoes);
    ret->taken_back = hal9_strdup(hal9_json_str(line, "taken_back"));
    cJSON_ArrayForEach(step, cJSON_GetObjectItemCaseSensitive(line, "steps")) {
        parse_step(step, ret);
    }
}
