/* Which step may run: the graph's order, what a failure keeps from running, and where an interruption may not stop. */
#include "op/op-internal.h"

bool op_step_ended(const struct op_step *s) {
    return s->state != HAL9_STEP_PENDING && s->state != HAL9_STEP_RUNNING;
}

static bool has_failed(const struct op_step *s) {
    return s->state == HAL9_STEP_FAILED || s->state == HAL9_STEP_WARNED;
}

/* Something was done that may not be left without s: what its predecessors did, or what they left as
 * an earlier one did it. */
static bool must_follow(const struct operation *op, const struct op_step *s) {
    for (size_t i = 0; i < s->plan->after.n; i++) {
        const struct op_step *p = &op->steps[s->after[i]];
        if (!p->plan->keep_going)
            continue;
        if (p->state == HAL9_STEP_DONE || p->state == HAL9_STEP_WARNED)
            return true;
        if (p->state == HAL9_STEP_SKIPPED && p->committed)
            return true;
    }
    return false;
}

void op_commit_loaded(struct operation *op) {
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < op->plan.n; i++) {
            struct op_step *s = &op->steps[i];
            if (!s->committed && must_follow(op, s))
                s->committed = again = true;
        }
    }
}

enum verdict { WAIT, READY, BARRED, NEEDLESS };

bool op_left_out(const struct op_step *s) {
    return s->state == HAL9_STEP_NOT_RUN && s->needless;
}

/* A step of a way that is left where a step fails: so are all those after it on that way. */
static enum verdict for_success(const struct operation *op, const struct op_step *s) {
    const struct op_step *of = &op->steps[s->unless_failed];
    if (!op_step_ended(of))
        return WAIT;
    return has_failed(of) || op_left_out(of) ? NEEDLESS : READY;
}

/* It failed, or the way that it is on was left because something failed before it. */
static bool is_lost(const struct op_step *s) {
    return has_failed(s) ||
           (op_left_out(s) && s->unless_failed != OP_NONE && s->when_failed == OP_NONE);
}

/* A step that runs on a failure: needless when what it is for went well, or was never begun. */
static enum verdict for_failure(const struct operation *op, const struct op_step *s) {
    const struct op_step *of = &op->steps[s->when_failed];
    const struct op_step * or = s->or_failed == OP_NONE ? of : &op->steps[s->or_failed];
    if (!op_step_ended(of) || !op_step_ended(or))
        return WAIT;
    return is_lost(of) || is_lost(or) ? READY : NEEDLESS;
}

/* What s is there for may have failed, or not have run because of the other's failure. */
static bool is_reason(const struct op_step *s, const struct op_step *p) {
    return p->index == s->when_failed || p->index == s->or_failed;
}

static enum verdict judge(const struct operation *op, const struct op_step *s) {
    enum verdict v = s->when_failed == OP_NONE ? READY : for_failure(op, s);
    if (v == READY && s->unless_failed != OP_NONE)
        v = for_success(op, s);
    if (v != READY)
        return v;
    for (size_t i = 0; i < s->plan->after.n; i++) {
        const struct op_step *p = &op->steps[s->after[i]];
        if (!op_step_ended(p))
            return WAIT;
        if (is_reason(s, p))
            continue;
        if (p->state == HAL9_STEP_FAILED || (p->state == HAL9_STEP_NOT_RUN && !p->needless))
            v = BARRED;
    }
    return v;
}

/* "step 'gate' failed", fresh. */
static char *barred_by(const struct operation *op, const struct op_step *s) {
    for (size_t i = 0; i < s->plan->after.n; i++) {
        const struct op_step *p = &op->steps[s->after[i]];
        if (is_reason(s, p))
            continue;
        if (p->state == HAL9_STEP_FAILED)
            return hal9_strf("step '%s' failed", p->plan->name);
        if (p->state == HAL9_STEP_NOT_RUN && !p->needless)
            return hal9_strf("step '%s' did not run", p->plan->name);
    }
    return NULL;
}

/* "left out: step 'gate' failed", fresh: the first on the way that did. */
static char *left_out_by(const struct operation *op, const struct op_step *s) {
    const struct op_step *of = s;
    while (of->unless_failed != OP_NONE && !has_failed(of))
        of = &op->steps[of->unless_failed];
    return hal9_strf("left out: step '%s' failed", of->plan->name);
}

/* Whoever comes after a needless step goes on, unless what it was for wasn't reached either. */
static void leave_out(struct operation *op, struct op_step *s, enum verdict v) {
    s->state = HAL9_STEP_NOT_RUN;
    if (v == NEEDLESS && s->when_failed != OP_NONE) {
        const struct op_step *of = &op->steps[s->when_failed];
        s->needless = of->state != HAL9_STEP_NOT_RUN || of->needless;
    } else if (v == NEEDLESS) {
        s->needless = true;
        s->why = left_out_by(op, s);
    }
    if (v == BARRED)
        s->why = barred_by(op, s);
    if (s->when_failed == OP_NONE)
        op_tell_step(op, s, HAL9_STEP_NOT_RUN);
}

struct op_step *op_next_ready(struct operation *op, enum op_pace pace) {
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < op->plan.n; i++) {
            struct op_step *s = &op->steps[i];
            if (s->state != HAL9_STEP_PENDING || s->parked)
                continue;
            enum verdict v = judge(op, s);
            if (v == WAIT)
                continue;
            if (v != READY) {
                leave_out(op, s, v);
                again = true;
                continue;
            }
            s->committed = must_follow(op, s);
            if (pace == OP_ALL || (pace == OP_COMMITTED && s->committed))
                return s;
        }
    }
    return NULL;
}
