/* Reading operations: one, or all of a state directory. */
#include <string.h>

#include "op/op-internal.h"

static void step_clear(struct hal9_op_step *s) {
    free(s->name);
    free(s->kind);
    free(s->title);
    free(s->reason);
    cJSON_Delete(s->args);
    cJSON_Delete(s->before);
    cJSON_Delete(s->intent);
    cJSON_Delete(s->after);
    cJSON_Delete(s->detail);
    cJSON_Delete(s->notes);
    hal9_error_clear(&s->error);
}

void hal9_op_clear(struct hal9_op *o) {
    for (size_t i = 0; i < o->n_steps; i++)
        step_clear(&o->steps[i]);
    free(o->steps);
    free(o->id);
    free(o->run);
    free(o->by);
    free(o->user);
    free(o->host);
    free(o->title);
    free(o->service);
    free(o->undone_by);
    free(o->ended_by);
    hal9_strv_free(&o->undoes);
    cJSON_Delete(o->plan);
    memset(o, 0, sizeof(*o));
}

static hal9_status unpack_notes(struct hal9_state *state, cJSON *notes, struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    int n = cJSON_GetArraySize(notes);
    for (int i = 0; st == HAL9_OK && i < n; i++) {
        cJSON *whole = cJSON_Duplicate(cJSON_GetArrayItem(notes, i), true);
        st = op_unpack(state, &whole, err);
        cJSON_ReplaceItemInArray(notes, i, whole);
    }
    return st;
}

static hal9_status unpack_step(struct hal9_state *state, struct hal9_op_step *s,
                               struct hal9_error *err) {
    cJSON **const values[] = {&s->args, &s->before, &s->intent, &s->after, &s->detail};
    hal9_status st = HAL9_OK;
    for (size_t i = 0; st == HAL9_OK && i < HAL9_ARRAY_LEN(values); i++)
        st = op_unpack(state, values[i], err);
    return st == HAL9_OK ? unpack_notes(state, s->notes, err) : st;
}

hal9_status op_read(struct hal9_state *state, const char *id, bool blobs, struct hal9_op *ret,
                    struct hal9_error *err) {
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    _cleanup_json_ cJSON *lines = NULL;
    bool torn;
    hal9_status st = hal9_journal_read(state, id, &lines, &torn, err);
    if (st == HAL9_OK)
        st = op_read_lines(lines, id, &o, err);
    for (size_t i = 0; blobs && st == HAL9_OK && i < o.n_steps; i++)
        st = unpack_step(state, &o.steps[i], err);
    if (st != HAL9_OK)
        return st;
    *ret = o;
    memset(&o, 0, sizeof(o));
    return HAL9_OK;
}

static void complete(struct hal9_state *state, const struct op_undo_index *x, struct hal9_op *o) {
    const char *by = op_undone_by(state, x, o->id);
    o->undone_by = hal9_strdup(by);
    if (o->state == HAL9_OP_OPEN) {
        o->running = hal9_journal_running(state, o->id);
        o->resumable = !o->running;
    } else if (by) {
        o->state = HAL9_OP_UNDONE;
    }
}

hal9_status hal9_op_load(struct hal9_state *s, const char *id, struct hal9_op *ret,
                         struct hal9_error *err) {
    _cleanup_(op_undo_index_free) struct op_undo_index x = {0};
    struct hal9_op o = {0};
    hal9_status st = op_undo_index(s, id, &x, err);
    if (st == HAL9_OK)
        st = op_read(s, id, true, &o, err);
    if (st != HAL9_OK)
        return st;
    complete(s, &x, &o);
    *ret = o;
    return HAL9_OK;
}

hal9_status hal9_op_each(struct hal9_state *s, int (*fn)(const struct hal9_op *o, void *data),
                         void (*bad)(const char *id, const struct hal9_error *e, void *data),
                         void *data, struct hal9_error *err) {
    _cleanup_(op_undo_index_free) struct op_undo_index x = {0};
    _cleanup_strv_ struct hal9_strv ids = {0};
    hal9_status st = hal9_journal_list(s, &ids, err);
    if (st == HAL9_OK)
        st = op_undo_index(s, NULL, &x, err);
    if (st != HAL9_OK)
        return st;
    int end = 0;
    for (size_t i = 0; i < ids.n && end == 0; i++) {
        _cleanup_error_ struct hal9_error e = {0};
        _cleanup_(hal9_op_clear) struct hal9_op o = {0};
        st = op_read(s, ids.v[i], false, &o, &e);
        if (st == HAL9_E_NOT_FOUND) /* it never began */
            continue;
        if (st != HAL9_OK) {
            if (bad)
                bad(ids.v[i], &e, data);
            continue;
        }
        complete(s, &x, &o);
        end = fn(&o, data);
    }
    return HAL9_OK;
}
