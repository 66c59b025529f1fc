/* A child in the loop: what it says is collected, its end is told, and it never outlives its check. */
#ifndef HAL9_CHECK_KID_H
#define HAL9_CHECK_KID_H

#include "hal9ops/sys.h"

struct uv_loop_s;
struct hal9_kid;
struct hal9_kid_result {
    int exit;               /* or 128 + signal */
    struct hal9_buf out[2]; /* each cut at max bytes */
};
/* Watches a child that leads its own session. child and the descriptors (-1: none) are taken. done is called once from the loop, unless killed; the
 * result is borrowed. */
struct hal9_kid *hal9_kid_watch(struct uv_loop_s *loop, struct hal9_child *child, int out, int err,
                                size_t max,
                                void (*done)(void *data, const struct hal9_kid_result *result),
                                void *data);
/* Kills it with all it started, and doesn't wait for one that hangs in the kernel. */
void hal9_kid_kill(struct hal9_kid *k);

#endif
