/* An operation without an end, to go on with or to end: its journal taken for writing, read again under its own lock. */
#include <string.h>

#include "hal9ops/sys.h"
#include "op/op-internal.h"

/* Names who has it: the last line that says so counts. */
static void say_who(struct hal9_state *state, const char *id, struct hal9_error *err) {
    _cleanup_json_ cJSON *lines = NULL;
    const cJSON *line;
    const cJSON *who = NULL;
    bool torn;
    if (hal9_journal_read(state, id, &lines, &torn, NULL) != HAL9_OK)
        return;
    cJSON_ArrayForEach(line, lines) {
        const char *type = hal9_json_str(line, "type");
        if (hal9_streq(type, "plan") || hal9_streq(type, "resume"))
            who = line;
    }
    const char *by = hal9_json_str(who, "by");
    const char *user = hal9_json_str(who, "user");
    if (who)
        hal9_error_set(err, HAL9_E_BUSY, "operation %s is running: %s, pid %lld, user %s", id,
                       by ? by : "?", (long long)hal9_json_int(who, "pid", 0), user ? user : "?");
}

hal9_status op_busy(struct hal9_state *state, const char *id, struct hal9_error *err) {
    hal9_error_set(err, HAL9_E_BUSY, "operation %s is running in another process", id);
    say_who(state, id, err);
    hal9_error_hint(err, "wait for its end; hal9-rollback status tells what runs");
    return HAL9_E_BUSY;
}

static hal9_status read_open(struct operation *op, const char *id, bool *ret_open,
                             struct hal9_error *err) {
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    hal9_status st = op_read(op->env->state, id, true, &o, err);
    if (st != HAL9_OK)
        return st;
    *ret_open = o.state == HAL9_OP_OPEN;
    op->end = o.state;
    memcpy(op->id, o.id, sizeof(op->id));
    if (*ret_open)
        st = op_set_loaded(op, &o, err);
    op_commit_loaded(op);
    return st;
}

hal9_status op_reopen(struct operation *op, const char *id, bool *ret_open,
                      struct hal9_error *err) {
    _cleanup_error_ struct hal9_error e = {0};
    hal9_status st = hal9_journal_reopen(op->env->state, id, &op->journal, &e);
    if (st == HAL9_E_BUSY)
        return op_busy(op->env->state, id, err);
    if (st == HAL9_E_REFUSED) /* it has come to its end meanwhile */
        return read_open(op, id, ret_open, err);
    if (st != HAL9_OK)
        return hal9_error_move(err, &e);
    return read_open(op, id, ret_open, err);
}

bool op_of_this_host(const cJSON *plan_line) {
    return hal9_streq(hal9_json_str(plan_line, "machine"), hal9_host_machine_id());
}

hal9_status op_need_host(const struct hal9_op *o, struct hal9_error *err) {
    if (op_of_this_host(o->plan))
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_REFUSED, "operation %s is of host %s, and this is %s", o->id,
                   o->host ? o->host : "?", hal9_host_name());
    hal9_error_hint(err, "go on there");
    return HAL9_E_REFUSED;
}
