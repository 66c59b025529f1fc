/* Whether a later operation stands in the way of an undo: it touched the same things, and what it did still holds. */
#include <string.h>

#include "op/op-internal.h"

/* Takes back the operation itself or later ones only: they and it cancel out. */
static bool cancels(const struct hal9_op *later, const char *id) {
    for (size_t i = 0; i < later->undoes.n; i++)
        if (strcmp(later->undoes.v[i], id) < 0)
            return false;
    return later->undoes.n > 0;
}

/* A step that was begun may have changed something, too. */
static bool has_changed(const struct hal9_op *o) {
    for (size_t i = 0; i < o->n_steps; i++)
        if (o->steps[i].state == HAL9_STEP_RUNNING && !o->steps[i].passive)
            return true;
    return o->changed;
}

static hal9_status refuse(const struct hal9_op *later, const char *id, const char *what,
                          struct hal9_error *err) {
    hal9_error_set(err, HAL9_E_REFUSED, "operation %s (%s: %s) came after %s and touched %s, too",
                   later->id, later->by ? later->by : "?", later->title ? later->title : "?", id,
                   what);
    hal9_error_hint(err, "take that back first: hal9-rollback undo %s", later->id);
    return HAL9_E_REFUSED;
}

static const char *shared(const struct hal9_strv *a, const struct hal9_strv *b) {
    for (size_t i = 0; i < a->n; i++)
        if (hal9_strv_has(b, a->v[i]))
            return a->v[i];
    return NULL;
}

static hal9_status check(struct hal9_state *state, const struct op_undo_index *x, const char *id,
                         const struct hal9_strv *touched, const char *later, const char *but_run,
                         struct hal9_error *err) {
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    _cleanup_json_ cJSON *line = NULL;
    _cleanup_strv_ struct hal9_strv theirs = {0};
    if (hal9_journal_first(state, later, &line, NULL) != HAL9_OK)
        return HAL9_OK; /* it never began, or reading it will tell of the damage */
    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(line, "resources"), &theirs);
    const char *what = shared(&theirs, touched);
    if (!what || (but_run && hal9_streq(hal9_json_str(line, "run"), but_run)) ||
        !op_of_this_host(line))
        return HAL9_OK;
    hal9_status st = op_read(state, later, false, &o, err);
    if (st != HAL9_OK)
        return st;
    if (!has_changed(&o) || cancels(&o, id) || op_undone_by(state, x, later))
        return HAL9_OK;
    return refuse(&o, id, what, err);
}

struct touching {
    const struct hal9_strv *touched;
    struct hal9_strv ids;
};

static int add_touching(void *data, const struct hal9_journal_head *h) {
    struct touching *t = data;
    if (hal9_head_touches(h, t->touched))
        hal9_strv_add(&t->ids, h->id);
    return 0;
}

hal9_status op_nothing_later(struct hal9_state *state, const struct hal9_op *o, const char *but_run,
                             struct hal9_error *err) {
    _cleanup_(op_undo_index_free) struct op_undo_index x = {0};
    _cleanup_strv_ struct hal9_strv touched = {0};
    struct touching later = {.touched = &touched};
    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(o->plan, "resources"), &touched);
    hal9_status st = op_undo_index(state, o->id, &x, err);
    if (st == HAL9_OK)
        st = hal9_journal_heads(state, o->id, add_touching, &later, err);
    for (size_t i = later.ids.n; st == HAL9_OK && i-- > 0;)
        st = check(state, &x, o->id, &touched, later.ids.v[i], but_run, err);
    hal9_strv_free(&later.ids);
    return st;
}
