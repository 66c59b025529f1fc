/* Where a migration stands: by its traffic, and by what earlier runs have proven. */
#include <math.h>
#include <string.h>

#include "rollback-forward.h"

#define NEAR 0.5 /* percent: weights are whole numbers */

const struct hal9_phase_spec *rb_phase(const struct hal9_forward_spec *f, size_t k) {
    return f->phases.v[k];
}

static bool stands_at(const struct hal9_phase_spec *p, double share) {
    return fabs((double)p->share - share) <= NEAR;
}

size_t rb_forward_start(const struct hal9_forward_spec *f, double share,
                        const struct hal9_strv *passed) {
    const size_t n = f->phases.n;

    for (size_t k = n; passed && k-- > 0;)
        if (stands_at(rb_phase(f, k), share) && hal9_strv_has(passed, rb_phase(f, k)->name))
            return k + 1;
    /* Somebody else has led it to its end. */
    if (!passed && rb_phase(f, n - 1)->share > 0 &&
        share >= (double)rb_phase(f, n - 1)->share - NEAR)
        return n;
    for (size_t k = 0; k < n; k++)
        if ((double)rb_phase(f, k)->share >= share - NEAR)
            return k;
    return n;
}

/* ---- what was done ---- */

static const cJSON *forward_of(const struct hal9_op *o) {
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(o->plan, "subject"),
                                            "forward");
}

/* "canary/watch" is of canary. NULL: it is a step of the way back. Borrowed from forward. */
static const char *phase_of(const cJSON *forward, const char *step) {
    const cJSON *name;

    cJSON_ArrayForEach(name, cJSON_GetObjectItemCaseSensitive(forward, "phases")) {
        const size_t len = cJSON_IsString(name) ? strlen(name->valuestring) : 0;

        if (len > 0 && strncmp(step, name->valuestring, len) == 0 && step[len] == '/')
            return name->valuestring;
    }
    return NULL;
}

static bool is_watch(const char *step) {
    return hal9_endswith(step, "/watch");
}

void hal9_forward_end_clear(struct hal9_forward_end *e) {
    free(e->reached);
    free(e->phase);
    free(e->why);
    free(e->snapshot);
    free(e->lost);
    *e = (struct hal9_forward_end){0};
}

static void set(char **to, const char *text) {
    free(*to);
    *to = hal9_strdup(text);
}

static void take_step(const cJSON *forward, const struct hal9_op_step *s,
                      struct hal9_forward_end *ret) {
    const char *phase = phase_of(forward, s->name);
    const char *why = s->error.message ? s->error.message : s->reason ? s->reason : "?";

    if (phase && s->state == HAL9_STEP_DONE && is_watch(s->name))
        set(&ret->reached, phase);
    if (phase && s->state == HAL9_STEP_FAILED && !ret->phase) {
        ret->phase = hal9_strdup(phase);
        ret->why = hal9_strdup(why);
    }
    if (phase)
        return;
    if (hal9_streq(s->name, "verify") && s->state == HAL9_STEP_DONE)
        ret->back = true;
    if (s->state == HAL9_STEP_FAILED && !ret->lost) {
        ret->sick = hal9_streq(s->name, "health");
        ret->lost = hal9_strf("%s: %s", s->title ? s->title : s->name, why);
    }
}

bool hal9_forward_end(const struct hal9_op *o, struct hal9_forward_end *ret) {
    const cJSON *forward = forward_of(o);

    if (!forward || o->undoes.n > 0)
        return false;
    *ret = (struct hal9_forward_end){
        .snapshot = hal9_strdup(hal9_json_str(hal9_rollback_subject(o), "snapshot"))};
    for (size_t i = 0; i < o->n_steps; i++)
        take_step(forward, &o->steps[i], ret);
    return true;
}

void rb_past_clear(struct rb_past *p) {
    free(p->id);
    free(p->snapshot);
    hal9_strv_free(&p->passed);
    *p = (struct rb_past){0};
}

struct search {
    const char *plan;
    struct rb_past *past;
};

static void add_passed(const struct hal9_op *o, struct hal9_strv *passed) {
    for (size_t i = 0; i < o->n_steps; i++)
        if (is_watch(o->steps[i].name) && o->steps[i].state == HAL9_STEP_DONE)
            hal9_strv_take(passed, hal9_strndup(o->steps[i].name,
                                                strlen(o->steps[i].name) - strlen("/watch")));
}

/* One that goes on where another stood has that one's snapshot, and what it has proven. */
static void take_forward(struct search *s, const struct hal9_op *o) {
    _cleanup_(hal9_forward_end_clear) struct hal9_forward_end e = {0};
    struct rb_past *p = s->past;

    if (!hal9_forward_end(o, &e))
        return;
    if (o->undone_by || e.back || !hal9_streq(p->snapshot, e.snapshot))
        rb_past_clear(p);
    if (o->undone_by || e.back)
        return;
    set(&p->id, o->id);
    set(&p->snapshot, e.snapshot);
    p->open = o->state == HAL9_OP_OPEN;
    p->lost = e.phase != NULL;
    add_passed(o, &p->passed);
}

static int look(const struct hal9_op *o, void *data) {
    struct search *s = data;
    const cJSON *rollback = hal9_rollback_subject(o);

    if (!hal9_streq(hal9_json_str(rollback, "plan"), s->plan))
        return 0;
    if (forward_of(o))
        take_forward(s, o);
    else if (o->state == HAL9_OP_DONE && o->undoes.n == 0)
        rb_past_clear(s->past); /* it was rolled back since */
    return 0;
}

hal9_status rb_past_find(struct hal9_state *state, const char *plan, struct rb_past *ret,
                         struct hal9_error *err) {
    struct search s = {plan, ret};

    return state ? hal9_op_each(state, look, NULL, &s, err) : HAL9_OK;
}
