/* The loop's own state: run.c drives it, batch.c looks at listeners for it. */
#ifndef HAL9_CHECK_RUN_H
#define HAL9_CHECK_RUN_H

#include <uv.h>

#include "check/look.h"
#include "check/outcome.h"
#include "check/runner.h"

enum hal9_item_stage {
    HAL9_ITEM_RUNNING = 1,
    HAL9_ITEM_WAITING, /* for a look */
    HAL9_ITEM_LOOKING, /* in the worker thread's hands */
    HAL9_ITEM_ENDED,
};
struct hal9_runner;
struct hal9_check_item {
    struct hal9_check_run run;
    struct hal9_runner *runner;
    enum hal9_item_stage stage;
    uv_timer_t timer;
    int64_t begin_us;
    bool filled; /* the result is there */
    enum hal9_proto proto;
    uint16_t port;                     /* to look at; 0: none */
    struct hal9_port_outcome *outcome; /* what the port's check found before the look, or NULL */
};
struct hal9_runner {
    uv_loop_t loop;
    struct hal9_check_item *items;
    size_t n, left;
    uv_timer_t deadline, batch_timer;
    uv_poll_t cancel;
    struct hal9_http_pool *pool;
    bool has_cancel, closed, over, interrupted;
    /* The look that runs: one at a time. */
    uv_work_t work;
    bool working;
    struct hal9_check_item **batch; /* n_batch of n */
    size_t n_batch;
    struct hal9_look look;
    int64_t look_begin_us, look_end_us, look_cost_us;
};

void hal9_item_end(struct hal9_check_item *item);

#endif
