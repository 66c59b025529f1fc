/* What goes to the journal. Callers hold the operation's lock. */
#include <string.h>

#include "op/op-internal.h"

#define RESERVE_LEAST ((size_t)64 * 1024)

cJSON *op_line(const char *type, const struct op_step *s) {
    char now[32];
    hal9_time_format(hal9_now_ms(), now);
    cJSON *line = cJSON_CreateObject();
    hal9_json_add_str(line, "type", type);
    if (s)
        hal9_json_add_str(line, "step", s->plan->name);
    hal9_json_add_str(line, "time", now);
    return line;
}

/* Adds a state, large ones by their blob. NULL: nothing. */
static hal9_status add_state(const struct operation *op, cJSON *line, const char *name,
                             const cJSON *value, struct hal9_error *err) {
    cJSON *packed = NULL;
    if (!value)
        return HAL9_OK;
    hal9_status st = op_pack(op->env->state, value, &packed, err);
    if (st == HAL9_OK)
        cJSON_AddItemToObject(line, name, packed);
    return st;
}

/* The plan is the first line: its space, and that of all that is to come, is had before anything is done. */
hal9_status op_write_plan(struct operation *op, struct hal9_error *err) {
    _cleanup_json_ cJSON *line = NULL;
    hal9_status st = op_plan_line(op, &line, err);
    if (st != HAL9_OK)
        return st;
    _cleanup_free_ char *text = hal9_json_text(line);
    size_t reserve = strlen(text) * 3 + RESERVE_LEAST;
    st = hal9_journal_create(op->env->state, op->id, reserve, &op->journal, err);
    return st == HAL9_OK ? hal9_journal_append(op->journal, line, true, err) : st;
}

hal9_status op_write_begin(struct operation *op, struct op_step *s, struct hal9_error *err) {
    _cleanup_json_ cJSON *line = op_line("begin", s);
    hal9_status st = add_state(op, line, "before", s->before, err);
    if (st == HAL9_OK)
        st = add_state(op, line, "intent", s->intent, err);
    return st == HAL9_OK ? hal9_journal_append(op->journal, line, true, err) : st;
}

hal9_status op_write_note(struct operation *op, struct op_step *s, const cJSON *note,
                          struct hal9_error *err) {
    _cleanup_json_ cJSON *line = op_line("note", s);
    hal9_status st = add_state(op, line, "note", note, err);
    return st == HAL9_OK ? hal9_journal_append(op->journal, line, true, err) : st;
}

hal9_status op_write_done(struct operation *op, struct op_step *s, struct hal9_error *err) {
    _cleanup_json_ cJSON *line = op_line("done", s);
    hal9_json_add_int(line, "ms", s->ms);
    hal9_status st = add_state(op, line, "after", s->result, err);
    if (st == HAL9_OK)
        st = add_state(op, line, "detail", s->detail, err);
    return st == HAL9_OK ? hal9_journal_append(op->journal, line, true, err) : st;
}

/* Not worth a sync of its own: the next inspection would come to the same. */
hal9_status op_write_skip(struct operation *op, struct op_step *s, struct hal9_error *err) {
    _cleanup_json_ cJSON *line = op_line("skip", s);
    hal9_json_add_str(line, "why", s->why);
    hal9_status st = s->begun ? HAL9_OK : add_state(op, line, "before", s->before, err);
    return st == HAL9_OK ? hal9_journal_append(op->journal, line, s->begun, err) : st;
}

hal9_status op_write_fail(struct operation *op, struct op_step *s, struct hal9_error *err) {
    _cleanup_json_ cJSON *line = op_line("fail", s);
    hal9_json_add_int(line, "ms", s->ms);
    cJSON *error = cJSON_AddObjectToObject(line, "error");
    hal9_json_add_str(error, "code", hal9_status_name(s->error.code));
    hal9_json_add_str(error, "message", s->error.message);
    hal9_json_add_str(error, "hint", s->error.hint);
    hal9_redact_record(error);
    if (s->error.errnum)
        hal9_json_add_int(error, "errno", s->error.errnum);
    hal9_status st = add_state(op, line, "detail", s->detail, err);
    return st == HAL9_OK ? hal9_journal_append(op->journal, line, true, err) : st;
}

hal9_status op_write_resume(struct operation *op, struct hal9_error *err) {
    _cleanup_json_ cJSON *line = op_line("resume", NULL);
    op_add_actor(line, op->env);
    return hal9_journal_append(op->journal, line, true, err);
}

hal9_status op_write_end(struct operation *op, enum hal9_op_state state, const char *by,
                         struct hal9_error *err) {
    _cleanup_json_ cJSON *line = op_line("end", NULL);
    hal9_json_add_str(line, "state", hal9_op_state_name(state));
    hal9_json_add_str(line, "by", by);
    hal9_status st = hal9_journal_append(op->journal, line, true, err);
    if (st != HAL9_OK)
        return st;
    op->end = state;
    hal9_journal_finish(op->journal);
    op->journal = NULL;
    return HAL9_OK;
}
