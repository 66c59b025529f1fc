/* Who took back whom: read off the plan lines of later operations, never written into the earlier one's journal. */
#include <stdlib.h>
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

static int add_head(void *data, const struct hal9_journal_head *h) {
    struct op_undo_index *x = data;
    for (const char *c = h->undoes; *c; c += *c == ',') {
        size_t len = strcspn(c, ",");
        *HAL9_APPEND(x->v, x->n, x->cap) =
            (struct op_undo_pair){hal9_strndup(c, len), hal9_strdup(h->id)};
        c += len;
    }
    return 0;
}

static int by_undone(const void *a, const void *b) {
    const struct op_undo_pair *x = a;
    const struct op_undo_pair *y = b;
    int order = strcmp(x->undone, y->undone);
    return order ? order : strcmp(x->by, y->by);
}

hal9_status op_undo_index(struct hal9_state *state, const char *from, struct op_undo_index *ret,
                          struct hal9_error *err) {
    hal9_status st = hal9_journal_heads(state, from, add_head, ret, err);
    if (ret->n > 1)
        qsort(ret->v, ret->n, sizeof(*ret->v), by_undone);
    return st;
}

/* The first pair of what was undone that isn't less than id. */
static size_t first_of(const struct op_undo_index *x, const char *id) {
    size_t low = 0;
    for (size_t high = x->n; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(x->v[middle].undone, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_done(struct hal9_state *state, const char *id) {
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    return op_read(state, id, false, &o, NULL) == HAL9_OK && o.state == HAL9_OP_DONE;
}

/* An undo has a later id than what it takes back, so this ends. */
const char *op_undone_by(struct hal9_state *state, const struct op_undo_index *x, const char *id) {
    size_t from = first_of(x, id);
    size_t to = from;
    while (to < x->n && strcmp(x->v[to].undone, id) == 0)
        to++;
    while (to-- > from) {
        const struct op_undo_pair *p = &x->v[to];
        if (strcmp(p->by, id) > 0 && is_done(state, p->by) && !op_undone_by(state, x, p->by))
            return p->by;
    }
    return NULL;
}
