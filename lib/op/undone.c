/* Who took back whom: read off the plan lines of later operations, never written into the earlier one's journal. */
#include <string.h>

#include "op/op-internal.h"

void op_undo_index_free(struct op_undo_index *x) {
    for (size_t i = 0; i < x->n; i++) {
        free(x->v[i].undone);
        free(x->v[i].by);
    }
    free(x->v);
    *x = (struct op_undo_index){0};
}

static void add_line(struct op_undo_index *x, const char *by, const cJSON *line) {
    _cleanup_strv_ struct hal9_strv undoes = {0};
    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(line, "undoes"), &undoes);
    for (size_t i = 0; i < undoes.n; i++)
        *HAL9_APPEND(x->v, x->n, x->cap) =
            (struct op_undo_pair){hal9_strdup(undoes.v[i]), hal9_strdup(by)};
}

/* A journal whose plan can't be read takes nothing back: whoever reads it will hear of the damage. */
hal9_status op_undo_index(struct hal9_state *state, const char *from, struct op_undo_index *ret,
                          struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    hal9_status st = hal9_journal_list(state, &ids, err);
    for (size_t i = 0; st == HAL9_OK && i < ids.n; i++) {
        _cleanup_json_ cJSON *line = NULL;
        if (from && strcmp(ids.v[i], from) <= 0)
            continue;
        if (hal9_journal_first(state, ids.v[i], &line, NULL) == HAL9_OK)
            add_line(ret, ids.v[i], line);
    }
    return st;
}

static bool is_done(struct hal9_state *state, const char *id) {
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    return op_read(state, id, false, &o, NULL) == HAL9_OK && o.state == HAL9_OP_DONE;
}

/* An undo has a later id than what it takes back, so this ends. */
const char *op_undone_by(struct hal9_state *state, const struct op_undo_index *x, const char *id) {
    for (size_t i = x->n; i-- > 0;) {
        const struct op_undo_pair *p = &x->v[i];
        if (hal9_streq(p->undone, id) && strcmp(p->by, id) > 0 && is_done(state, p->by) &&
            !op_undone_by(state, x, p->by))
            return p->by;
    }
    return NULL;
}
