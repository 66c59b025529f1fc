/* An operation that will not go on: what became of each begun step is looked up and written down. Nothing is ever applied here. */
#include "op/op-internal.h"

static void add_words(struct hal9_strv *words, const struct op_step *s, const char *what) {
    hal9_strv_take(words, hal9_strf("step '%s' %s", s->plan->name, what));
}

static hal9_status is_done(struct operation *op, struct op_step *s, const cJSON *now,
                           struct hal9_error *err) {
    s->result = op_after_of_begun(s, now);
    hal9_status st = op_write_done(op, s, err);
    if (st == HAL9_OK) {
        s->state = HAL9_STEP_DONE;
        s->order = ++op->done;
    }
    return st;
}

static hal9_status is_not_begun(struct operation *op, struct op_step *s, struct hal9_error *err) {
    s->why = hal9_strdup("not begun: nothing had changed");
    hal9_status st = op_write_skip(op, s, err);
    if (st == HAL9_OK)
        s->state = HAL9_STEP_SKIPPED;
    return st;
}

/* Takes why. */
static hal9_status is_open(struct operation *op, struct op_step *s, struct hal9_error *why,
                           struct hal9_error *err) {
    hal9_error_move(&s->error, why);
    hal9_status st = op_write_fail(op, s, err);
    if (st == HAL9_OK)
        s->state = HAL9_STEP_FAILED;
    return st;
}

static hal9_status look(struct operation *op, struct op_step *s, enum op_begun *ret, cJSON **now,
                        struct hal9_error *err) {
    struct hal9_step_ctx c = op_ctx(op, s);
    if (!s->kind || s->version > s->kind->version)
        return hal9_error_set(err, HAL9_E_UNSUPPORTED, "its kind %s is not known to this build",
                              s->plan->kind);
    hal9_status st = op_inspect(&c, now, err);
    return st == HAL9_OK ? op_judge_begun(&c, *now, ret, err) : st;
}

static hal9_status settle_step(struct operation *op, struct op_step *s, bool blind,
                               struct hal9_strv *words, struct hal9_error *err) {
    _cleanup_error_ struct hal9_error why = {0};
    _cleanup_json_ cJSON *now = NULL;
    enum op_begun found = OP_HALF_WAY;
    if (op_passive(s))
        return is_not_begun(op, s, err);
    if (blind)
        hal9_error_set(&why, HAL9_E_UNKNOWN, "what became of it was not looked up");
    else
        look(op, s, &found, &now, &why);
    if (why.code != HAL9_OK) {
        hal9_error_prefix(&why, "it was begun, and its end is not known");
        add_words(words, s, "was begun, and its end is not known");
        return is_open(op, s, &why, err);
    }
    if (found == OP_IS_DONE) {
        add_words(words, s, "was done");
        return is_done(op, s, now, err);
    }
    if (found == OP_NOT_BEGUN) {
        add_words(words, s, "had changed nothing");
        return is_not_begun(op, s, err);
    }
    cJSON_Delete(s->detail);
    s->detail = op_three_values(s->before, s->intent, now);
    hal9_error_set(&why, HAL9_E_DRIFT, "left half-way: neither as before nor as intended");
    add_words(words, s, "was left half-way");
    return is_open(op, s, &why, err);
}

hal9_status op_settle(struct operation *op, bool blind, char **ret_words, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv words = {0};
    hal9_status st = HAL9_OK;
    for (size_t i = 0; st == HAL9_OK && i < op->plan.n; i++)
        if (op->steps[i].begun && !op_step_ended(&op->steps[i])) {
            st = settle_step(op, &op->steps[i], blind, &words, err);
            if (st == HAL9_OK)
                op_tell_step(op, &op->steps[i], op->steps[i].state);
        }
    if (st != HAL9_OK)
        return st;
    size_t done = 0;
    for (size_t i = 0; i < op->plan.n; i++)
        done += op->steps[i].state == HAL9_STEP_DONE;
    *ret_words = words.n > 0 ? hal9_strv_join(&words, ", ")
                             : hal9_strf("%zu of %zu steps were done", done, op->plan.n);
    return HAL9_OK;
}
