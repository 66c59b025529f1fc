/* One descriptor that gets readable when any of several does. */
#ifndef HAL9_CHECK_EITHER_H
#define HAL9_CHECK_EITHER_H

#include <uv.h>

#include "hal9ops/base.h"

struct hal9_either {
    uv_loop_t loop;
    uv_poll_t poll[2];
    int fd; /* -1: neither is there */
};
/* a, b: -1 for none. */
hal9_status hal9_either_open(struct hal9_either *e, int a, int b, struct hal9_error *err);
void hal9_either_close(struct hal9_either *e);

#endif
