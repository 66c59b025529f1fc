/* Out of the spool: receivers side by side in threads, each one's notifications in order, all within
 * one deadline. What became of them is told from the calling thread. */
#include "notify/flush.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "hal9ops/sys.h"
#include "notify/queue.h"

#define LEFT_MIN_MS 50 /* with less than that left nothing is begun */
#define THREADS_MAX 16

/* ---- gathering */

static struct hal9_lane *lane_of(struct hal9_flush *f, const char *dest) {
    for (size_t i = 0; i < f->n_lanes; i++)
        if (strcmp(f->lanes[i].dest, dest) == 0)
            return &f->lanes[i];
    struct hal9_lane *l = HAL9_APPEND(f->lanes, f->n_lanes, f->cap_lanes);
    *l = (struct hal9_lane){.dest = hal9_strdup(dest), .spec = hal9_notify_find(f->n->specs, dest)};
    return l;
}

static void gather_one(struct hal9_flush *f, struct hal9_state *s, const char *id) {
    struct hal9_item item;
    _cleanup_error_ struct hal9_error err = {0};
    hal9_status status = hal9_spool_read(s, false, id, &item, &err);
    if (status == HAL9_OK) {
        struct hal9_lane *l = lane_of(f, item.dest);
        *HAL9_APPEND(l->v, l->n, l->cap) = (struct hal9_entry){.s = s, .item = item};
    } else if (status == HAL9_E_CORRUPT || status == HAL9_E_LIMIT)
        hal9_spool_set_aside(s, id);
    else if (status != HAL9_E_NOT_FOUND)
        hal9_log(1, "%s", err.message);
}

static hal9_status gather(struct hal9_flush *f, const struct hal9_places *p,
                          struct hal9_error *err) {
    for (size_t i = 0; i < p->n; i++) {
        _cleanup_strv_ struct hal9_strv ids = {0};
        hal9_status status = hal9_spool_list(p->v[i], false, &ids, err);
        if (status != HAL9_OK)
            return status;
        for (size_t k = 0; k < ids.n; k++)
            gather_one(f, p->v[i], ids.v[k]);
    }
    return HAL9_OK;
}

/* ---- order: the oldest incident first, and within it as things happened */

static bool same_incident(const struct hal9_entry *a, const struct hal9_entry *b) {
    return strcmp(a->item.told.key, b->item.told.key) == 0;
}

static int in_order(const void *left, const void *right) {
    const struct hal9_entry *a = left;
    const struct hal9_entry *b = right;
    if (a->first_ms != b->first_ms)
        return a->first_ms < b->first_ms ? -1 : 1;
    const int key = strcmp(a->item.told.key, b->item.told.key);
    if (key != 0)
        return key;
    return (a->item.seq > b->item.seq) - (a->item.seq < b->item.seq);
}

static void sort_lane(struct hal9_lane *l) {
    for (size_t i = 0; i < l->n; i++) {
        l->v[i].first_ms = l->v[i].item.told.time_ms;
        for (size_t k = 0; k < l->n; k++)
            if (same_incident(&l->v[i], &l->v[k]) && l->v[k].item.told.time_ms < l->v[i].first_ms)
                l->v[i].first_ms = l->v[k].item.told.time_ms;
    }
    if (l->n > 1)
        qsort(l->v, l->n, sizeof(*l->v), in_order);
}

/* A recovery must not overtake the failure that it ends. */
static bool waits_for_earlier(const struct hal9_lane *l, size_t at) {
    for (size_t i = at; i > 0 && same_incident(&l->v[i - 1], &l->v[at]); i--)
        if (!l->v[i - 1].gone)
            return true;
    return false;
}

/* ---- sending */

static void run_lane(struct hal9_flush *f, struct hal9_lane *l) {
    sort_lane(l);
    l->where = (struct hal9_spool_breaker){.s = l->v[0].s, .dest = l->dest};
    l->breaker = hal9_spool_breaker_new(&l->where);
    for (size_t i = 0; i < l->n; i++) {
        if (f->deadline_ms - hal9_mono_ms() < LEFT_MIN_MS)
            break;
        if (!hal9_flush_due(&l->v[i].item) || waits_for_earlier(l, i))
            continue;
        if (!hal9_flush_one(f, l, &l->v[i]))
            break;
    }
    hal9_breaker_free(l->breaker);
}

static void *run_lanes(void *data) {
    struct hal9_flush *f = data;
    for (;;) {
        const size_t at = atomic_fetch_add(&f->next, 1);
        if (at >= f->n_lanes)
            return NULL;
        run_lane(f, &f->lanes[at]);
    }
}

/* Where no thread can be had the calling one does it all. */
static void send_all(struct hal9_flush *f) {
    pthread_t threads[THREADS_MAX];
    size_t n = 0;
    hal9_host_name(); /* cached before there are threads */
    while (n + 1 < f->n_lanes && n < THREADS_MAX &&
           pthread_create(&threads[n], NULL, run_lanes, f) == 0)
        n++;
    run_lanes(f);
    while (n > 0)
        pthread_join(threads[--n], NULL);
}

static void clear_flush(struct hal9_flush *f) {
    for (size_t i = 0; i < f->n_lanes; i++) {
        for (size_t k = 0; k < f->lanes[i].n; k++)
            hal9_item_clear(&f->lanes[i].v[k].item);
        free(f->lanes[i].v);
        free(f->lanes[i].dest);
    }
    free(f->lanes);
    hal9_notifications_clear(&f->told);
    pthread_mutex_destroy(&f->lock);
}

hal9_status hal9_notify_flush(const struct hal9_notify *n, struct hal9_error *err) {
    struct hal9_flush f = {
        .n = n,
        .deadline_ms = hal9_mono_ms() + (n->within_ms > 0 ? n->within_ms : HAL9_NOTIFY_WITHIN_MS)};
    struct hal9_places places;
    pthread_mutex_init(&f.lock, NULL);
    hal9_places_open(n, &places);
    hal9_status status = gather(&f, &places, err);
    if (f.n_lanes > 0)
        send_all(&f);
    for (size_t i = 0; i < f.told.n; i++)
        hal9_notify_tell(n, &f.told.v[i], f.told.v[i].state);
    clear_flush(&f);
    hal9_places_close(&places);
    return status;
}
