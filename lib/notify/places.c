/* Where notifications are kept: the state directory, and a spare one for when that takes nothing. */
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "notify/notify-internal.h"
#include "store/store-internal.h"

static bool open_spare(struct hal9_places *p, struct hal9_error *err) {
    if (p->own || !p->spare_dir ||
        hal9_state_open(p->spare_dir, HAL9_STATE_WRITE, false, &p->own, err) != HAL9_OK)
        return false;
    p->v[p->n++] = p->own;
    return true;
}

void hal9_places_open(const struct hal9_notify *n, struct hal9_places *ret) {
    *ret = (struct hal9_places){.spare_dir = n->spare_dir};
    if (n->state)
        ret->v[ret->n++] = n->state;
    if (n->state && n->spare_dir && strcmp(hal9_state_path(n->state), n->spare_dir) == 0)
        ret->spare_dir = NULL;
    if (ret->spare_dir && access(ret->spare_dir, W_OK | X_OK) == 0)
        open_spare(ret, NULL);
}

void hal9_places_close(struct hal9_places *p) {
    hal9_state_close(p->own);
    *p = (struct hal9_places){.n = 0};
}

hal9_status hal9_places_write(struct hal9_places *p,
                              hal9_status (*write)(struct hal9_state *s, void *data,
                                                   struct hal9_error *err),
                              void *data, struct hal9_error *err) {
    _cleanup_error_ struct hal9_error first = {0};
    hal9_status status = hal9_error_set(&first, HAL9_E_USAGE, "there is no state directory");
    for (size_t i = 0; i < p->n; i++) {
        _cleanup_error_ struct hal9_error e = {0};
        status = write(p->v[i], data, &e);
        if (status == HAL9_OK)
            return HAL9_OK;
        if (i == 0)
            hal9_error_move(&first, &e);
    }
    if (open_spare(p, NULL) && write(p->own, data, NULL) == HAL9_OK) {
        hal9_log(1, "%s; %s is used instead", first.message, p->spare_dir);
        return HAL9_OK;
    }
    hal9_state_explain(&first, status);
    return hal9_error_move(err, &first);
}
