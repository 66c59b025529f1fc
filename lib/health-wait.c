/* Rounds of checks until all are well, or the time is over. */
#include "hal9ops/health.h"

#define FIRST_PAUSE_MS 100
#define LONGEST_PAUSE_MS 500
#define LAST_ROUND_MS 100 /* kept for one more round at the end */

/* Whether the end of the time cut checks short: then the round before tells more. */
static bool was_cut(const struct hal9_verdicts *v, int64_t end) {
    for (size_t i = 0; i < v->n; i++)
        if (v->v[i].unknown > 0 && hal9_mono_ms() >= end)
            return true;
    return false;
}

static void keep_last(struct hal9_verdicts *last, struct hal9_verdicts *v, int64_t end) {
    struct hal9_verdicts *drop = last->n > 0 && was_cut(v, end) ? v : last;

    hal9_verdicts_clear(drop);
    if (drop == last)
        *last = *v;
}

/* When to ask again, ever more calmly; -1: the time is over. */
static int64_t next_round(int64_t end, int64_t *pause) {
    const int64_t now = hal9_mono_ms(), last = end - LAST_ROUND_MS;
    int64_t next = now + *pause;

    *pause = *pause * 2 < LONGEST_PAUSE_MS ? *pause * 2 : LONGEST_PAUSE_MS;
    if (now >= last)
        return -1;
    return next < last ? next : last;
}

hal9_status hal9_health_wait(const struct hal9_health *h, int64_t within_ms,
                             void (*told)(void *data, const struct hal9_verdicts *v), void *data,
                             struct hal9_verdicts *ret, struct hal9_error *err) {
    int64_t end = hal9_mono_ms() + within_ms, pause = FIRST_PAUSE_MS, next = 0;
    struct hal9_health round = *h;
    struct hal9_verdicts last = {0};
    hal9_status rc = HAL9_OK;

    if (h->deadline_ms >= 0 && h->deadline_ms < end)
        end = h->deadline_ms;
    while (rc == HAL9_OK) {
        struct hal9_verdicts v = {0};

        rc = hal9_health_run(&round, &v, err);
        if (rc != HAL9_OK)
            break;
        keep_last(&last, &v, end);
        if (hal9_health_exit(&last) == 0 || (next = next_round(end, &pause)) < 0) {
            *ret = last;
            return HAL9_OK;
        }
        if (told)
            told(data, &last);
        /* The first round may take the time that its checks want; what comes later ends with the whole. */
        round.deadline_ms = end;
        /* Nothing signals that a service got well: it has to be asked again. */
        rc = hal9_wait_fd(-1, next, h->cancel_fd, err);
    }
    hal9_verdicts_clear(&last);
    return rc;
}
