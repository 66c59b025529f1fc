/* An operation out of its journal's lines. */
#include <string.h>

#include "op/op-internal.h"

static const cJSON *get(const cJSON *line, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(line, name);
}

/* A member's copy takes the place of what was there. */
static void keep(cJSON **to, const cJSON *line, const char *name) {
    const cJSON *value = get(line, name);
    cJSON_Delete(*to);
    *to = value ? cJSON_Duplicate(value, true) : NULL;
}

static void keep_str(char **to, const cJSON *line, const char *name) {
    free(*to);
    *to = hal9_strdup(hal9_json_str(line, name));
}

static int64_t time_of(const cJSON *line) {
    const char *text = hal9_json_str(line, "time");
    int64_t ms = 0;
    if (text)
        hal9_time_parse(text, &ms, NULL);
    return ms;
}

static hal9_status read_plan(const cJSON *line, const char *id, struct hal9_op *o,
                             struct hal9_error *err) {
    int64_t format = hal9_json_int(line, "hal9", 0);
    if (!hal9_streq(hal9_json_str(line, "type"), "plan") ||
        !hal9_streq(hal9_json_str(line, "id"), id))
        return hal9_error_set(err, HAL9_E_CORRUPT, "journal %s does not begin with its plan", id);
    if (format > OP_FORMAT) {
        hal9_error_set(err, HAL9_E_USAGE, "operation %s is of journal format %lld, newer than %d",
                       id, (long long)format, OP_FORMAT);
        hal9_error_hint(err, "use the hal9ops that made it, or a newer one");
        return HAL9_E_USAGE;
    }
    o->id = hal9_strdup(id);
    keep_str(&o->run, line, "run");
    keep_str(&o->by, line, "by");
    keep_str(&o->user, line, "user");
    keep_str(&o->host, line, "host");
    keep_str(&o->title, line, "title");
    keep_str(&o->service, line, "service");
    hal9_json_get_strv(get(line, "undoes"), &o->undoes);
    o->started_ms = time_of(line);
    o->plan = cJSON_Duplicate(line, true);
    const cJSON *list = get(line, "steps");
    o->steps = hal9_realloc_array(NULL, (size_t)cJSON_GetArraySize(list) + 1, sizeof(*o->steps));
    const cJSON *j;
    cJSON_ArrayForEach(j, list) {
        struct hal9_op_step *s = &o->steps[o->n_steps++];
        memset(s, 0, sizeof(*s));
        keep_str(&s->name, j, "name");
        keep_str(&s->kind, j, "kind");
        keep_str(&s->title, j, "title");
        keep(&s->args, j, "args");
        keep(&s->expect, j, "expect");
        s->version = (int)hal9_json_int(j, "version", 0);
        s->passive = hal9_json_bool(j, "passive", false);
        s->warns = hal9_streq(hal9_json_str(j, "on_fail"), "warn");
        s->notes = cJSON_CreateArray();
    }
    return HAL9_OK;
}

static hal9_status status_named(const char *name) {
    for (int i = 0; i <= HAL9_E_PROTOCOL; i++)
        if (hal9_streq(hal9_status_name((hal9_status)i), name))
            return (hal9_status)i;
    return HAL9_E_FAILED;
}

static void read_fail(struct hal9_op_step *s, const cJSON *line) {
    const cJSON *error = get(line, "error");
    const char *message = hal9_json_str(error, "message");
    const char *hint = hal9_json_str(error, "hint");
    s->state = s->warns ? HAL9_STEP_WARNED : HAL9_STEP_FAILED;
    s->ms = hal9_json_int(line, "ms", 0);
    hal9_error_clear(&s->error);
    hal9_error_set(&s->error, status_named(hal9_json_str(error, "code")), "%s",
                   message ? message : "failed");
    if (hint)
        hal9_error_hint(&s->error, "%s", hint);
    s->error.errnum = (int)hal9_json_int(error, "errno", 0);
    free(s->reason);
    s->reason = hal9_strdup(s->error.message);
    keep(&s->detail, line, "detail");
}

/* Settled as half-way: neither as before nor as intended. */
static bool half_way(const struct hal9_op_step *s) {
    return s->error.code == HAL9_E_DRIFT && !s->passive;
}

static void read_step(struct hal9_op *o, struct hal9_op_step *s, const char *type,
                      const cJSON *line) {
    if (hal9_streq(type, "begin")) {
        s->state = HAL9_STEP_RUNNING;
        keep(&s->before, line, "before");
        keep(&s->intent, line, "intent");
    } else if (hal9_streq(type, "note")) {
        const cJSON *note = get(line, "note");
        if (note)
            cJSON_AddItemToArray(s->notes, cJSON_Duplicate(note, true));
    } else if (hal9_streq(type, "done")) {
        s->state = HAL9_STEP_DONE;
        s->ms = hal9_json_int(line, "ms", 0);
        s->order = ++o->n_done;
        o->changed = o->changed || !s->passive;
        keep(&s->after, line, "after");
        keep(&s->detail, line, "detail");
    } else if (hal9_streq(type, "skip")) {
        s->state = HAL9_STEP_SKIPPED;
        keep_str(&s->reason, line, "why");
        if (!s->before)
            keep(&s->before, line, "before");
    } else if (hal9_streq(type, "fail")) {
        read_fail(s, line);
        o->changed = o->changed || half_way(s);
    }
}

static enum hal9_op_state end_state(const cJSON *line) {
    const char *name = hal9_json_str(line, "state");
    for (int i = HAL9_OP_DONE; i <= HAL9_OP_SUPERSEDED; i++)
        if (hal9_streq(hal9_op_state_name((enum hal9_op_state)i), name))
            return (enum hal9_op_state)i;
    return HAL9_OP_FAILED;
}

static void read_end(struct hal9_op *o, const cJSON *line) {
    o->state = end_state(line);
    o->ended_ms = time_of(line);
    keep_str(&o->ended_by, line, "by");
    for (size_t i = 0; i < o->n_steps; i++)
        if (o->steps[i].state == HAL9_STEP_PENDING)
            o->steps[i].state = HAL9_STEP_NOT_RUN;
}

static struct hal9_op_step *find(const struct hal9_op *o, const char *name, size_t *near) {
    for (size_t k = 0; k < o->n_steps; k++) {
        size_t i = (*near + k) % o->n_steps; /* lines come mostly in the plan's order */
        if (hal9_streq(o->steps[i].name, name)) {
            *near = i;
            return &o->steps[i];
        }
    }
    return NULL;
}

bool op_taken_back(const struct hal9_op *o) {
    const char *name = hal9_json_str(o->plan, "taken_back");
    size_t near = 0;
    const struct hal9_op_step *s = name && o->n_steps > 0 ? find(o, name, &near) : NULL;
    return s && s->state == HAL9_STEP_DONE;
}

hal9_status op_read_lines(const cJSON *lines, const char *id, struct hal9_op *o,
                          struct hal9_error *err) {
    const cJSON *line;
    size_t near = 0;
    size_t number = 0;
    if (!lines->child)
        return hal9_error_set(err, HAL9_E_NOT_FOUND, "operation %s never began", id);
    hal9_status st = read_plan(lines->child, id, o, err);
    if (st != HAL9_OK)
        return st;
    cJSON_ArrayForEach(line, lines) {
        const char *type = hal9_json_str(line, "type");
        const char *name = hal9_json_str(line, "step");
        number++;
        if (hal9_streq(type, "end"))
            read_end(o, line);
        if (!name)
            continue;
        struct hal9_op_step *s = find(o, name, &near);
        if (!s)
            return hal9_error_set(err, HAL9_E_CORRUPT,
                                  "journal %s, line %zu: step '%s' is not in its plan", id, number,
                                  name);
        read_step(o, s, type, line);
    }
    o->changed = o->changed && !op_taken_back(o);
    return HAL9_OK;
}
