/* Looks at listeners and processes for many checks in one go, in a worker thread. */
#include <string.h>

#include "base/cleanup.h"
#include "check/run.h"

/* Between two looks lies this many times what the last one took: on a host with thousands of
 * processes, answers that trickle in must not each cost a walk over all of them. */
#define PAUSE 3

static void on_batch(uv_timer_t *t);

static void schedule(struct hal9_runner *u) {
    const int64_t wait_us = u->look_end_us + PAUSE * u->look_cost_us - hal9_mono_us();
    if (u->working || u->closed)
        return;
    uv_update_time(&u->loop);
    uv_timer_start(&u->batch_timer, on_batch, wait_us > 0 ? (uint64_t)wait_us / 1000 : 0, 0);
}

static void work(uv_work_t *w) {
    struct hal9_runner *u = w->data;
    u->look_begin_us = hal9_mono_us();
    hal9_look_run(&u->look);
    for (size_t i = 0; i < u->n_batch; i++)
        u->batch[i]->run.check->driver->look(&u->batch[i]->run, &u->look);
}

static void after_work(uv_work_t *w, int status) {
    struct hal9_runner *u = w->data;
    (void)status;
    u->working = false;
    u->look_end_us = hal9_mono_us();
    u->look_cost_us = u->look_end_us - u->look_begin_us;
    for (size_t i = 0; i < u->n_batch; i++)
        hal9_item_end(u->batch[i]);
    for (size_t i = 0; i < u->n; i++)
        if (u->items[i].stage == HAL9_ITEM_WAITING) {
            schedule(u);
            return;
        }
}

static void on_batch(uv_timer_t *t) {
    struct hal9_runner *u = t->data;
    hal9_look_clear(&u->look);
    u->n_batch = 0;
    for (size_t i = 0; i < u->n; i++) {
        struct hal9_check_item *item = &u->items[i];
        if (item->stage != HAL9_ITEM_WAITING)
            continue;
        item->stage = HAL9_ITEM_LOOKING;
        u->batch[u->n_batch++] = item;
        if (item->port)
            hal9_look_add(&u->look, item->proto, item->port, item->run.service);
    }
    u->work.data = u;
    u->working = true;
    uv_queue_work(&u->loop, &u->work, work, after_work);
}

void hal9_check_look(struct hal9_check_run *r, enum hal9_proto proto, uint16_t port) {
    struct hal9_check_item *item = r->runner;
    item->stage = HAL9_ITEM_WAITING;
    item->proto = proto;
    item->port = port;
    schedule(item->runner);
}
