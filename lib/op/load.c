/* Reading operations: one, or all of a state directory. */
#include <string.h>

#include "op/op-internal.h"

static void step_clear(struct hal9_op_step *s) {
    free(s->name);
    free(s->kind);
    free(s->title);
    free(s->reason);
    cJSON_Delete(s->args);
    cJSON_Delete(s->expect);
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
    cJSON **const values[] = {&s->args, &s->expect, &s->before, &s->intent, &s->after, &s->detail};
    hal9_status st = HAL9_OK;
    for (size_t i = 0; st == HAL9_OK && i < HAL9_ARRAY_LEN(values); i++)
        st = op_unpack(state, values[i], err);
    return st == HAL9_OK ? unpack_notes(state, s->notes, err) : st;
}

/* A shared state directory, and states that are one user's alone. */
static void say_private(const struct hal9_op *o, const struct hal9_op_step *s,
                        struct hal9_error *err) {
    const char *user = o->user ? o->user : "its user";
    hal9_error_set(err, HAL9_E_PERM,
                   "what step '%s' of operation %s keeps is secret, and for user %s alone", s->name,
                   o->id, user);
    hal9_error_hint(err, "have user %s or root do it", user);
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
        if ((st = unpack_step(state, &o.steps[i], err)) == HAL9_E_PERM)
            say_private(&o, &o.steps[i], err);
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

static hal9_status load(struct hal9_state *s, const char *id, bool blobs, struct hal9_op *ret,
                        struct hal9_error *err) {
    _cleanup_(op_undo_index_free) struct op_undo_index x = {0};
    struct hal9_op o = {0};
    hal9_status st = op_read(s, id, blobs, &o, err);
    if (st != HAL9_OK)
        return st;
    if (o.state != HAL9_OP_OPEN) /* nobody takes back what has no end */
        st = op_undo_index(s, id, &x, err);
    if (st != HAL9_OK) {
        hal9_op_clear(&o);
        return st;
    }
    complete(s, &x, &o);
    *ret = o;
    return HAL9_OK;
}

hal9_status hal9_op_load(struct hal9_state *s, const char *id, struct hal9_op *ret,
                         struct hal9_error *err) {
    return load(s, id, true, ret, err);
}

hal9_status hal9_op_look(struct hal9_state *s, const char *id, struct hal9_op *ret,
                         struct hal9_error *err) {
    return load(s, id, false, ret, err);
}

struct each {
    struct hal9_state *state;
    const struct op_undo_index *undone;
    int (*fn)(const struct hal9_op *o, void *data);
    void (*bad)(const char *id, const struct hal9_error *e, void *data);
    void *data;
};

/* What fn returned; 0 also for one that is passed over. */
static int each_one(const struct each *e, const char *id) {
    _cleanup_error_ struct hal9_error why = {0};
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    hal9_status st = op_read(e->state, id, false, &o, &why);
    if (st == HAL9_OK) {
        complete(e->state, e->undone, &o);
        return e->fn(&o, e->data);
    }
    if (st != HAL9_E_NOT_FOUND && e->bad) /* that one never began */
        e->bad(id, &why, e->data);
    return 0;
}

hal9_status hal9_op_each(struct hal9_state *s, int (*fn)(const struct hal9_op *o, void *data),
                         void (*bad)(const char *id, const struct hal9_error *e, void *data),
                         void *data, struct hal9_error *err) {
    return hal9_op_last(s, 0, fn, bad, data, err);
}

/* Whether an operation has begun: its journal has a line. */
static bool has_begun(struct hal9_state *s, const char *id) {
    _cleanup_json_ cJSON *line = NULL;
    return hal9_journal_first(s, id, &line, NULL) != HAL9_E_NOT_FOUND;
}

/* The newest n that have begun: the few that haven't are looked beyond. */
static hal9_status newest(struct hal9_state *s, size_t n, struct hal9_strv *ret,
                          struct hal9_error *err) {
    for (size_t want = n;; want *= 4) {
        _cleanup_strv_ struct hal9_strv ids = {0};
        size_t begun = 0;
        hal9_status st = hal9_journal_last(s, want, &ids, err);
        if (st != HAL9_OK)
            return st;
        size_t from = ids.n;
        while (n > 0 && from > 0 && begun < n)
            begun += has_begun(s, ids.v[--from]);
        if (n > 0 && begun < n && ids.n == want)
            continue;
        for (size_t i = n > 0 ? from : 0; i < ids.n; i++)
            hal9_strv_add(ret, ids.v[i]);
        return HAL9_OK;
    }
}

hal9_status hal9_op_last(struct hal9_state *s, size_t n,
                         int (*fn)(const struct hal9_op *o, void *data),
                         void (*bad)(const char *id, const struct hal9_error *e, void *data),
                         void *data, struct hal9_error *err) {
    _cleanup_(op_undo_index_free) struct op_undo_index x = {0};
    _cleanup_strv_ struct hal9_strv ids = {0};
    const struct each e = {s, &x, fn, bad, data};
    hal9_status st = newest(s, n, &ids, err);
    /* an undo is later than what it takes back */
    if (st == HAL9_OK && ids.n > 0)
        st = op_undo_index(s, ids.v[0], &x, err);
    if (st != HAL9_OK)
        return st;
    for (size_t i = 0; i < ids.n && each_one(&e, ids.v[i]) == 0; i++)
        continue;
    return HAL9_OK;
}
