/* What the files of hal9-rollback watch share. */
#ifndef HAL9_ROLLBACK_WATCH_H
#define HAL9_ROLLBACK_WATCH_H

#include "rollback-trigger.h"

enum rb_metric { RB_ERROR_RATE, RB_P99, RB_SCORE, RB_METRICS };

/* One measured value, until it counts. */
struct rb_sample {
    enum rb_metric metric;
    char *series; /* what tells it from others of its metric: service and labels; "" */
    char *service;
    int64_t time_ms;
    double value;
};
struct rb_series {
    enum rb_metric metric;
    char *name;
    struct rb_window window;
};
struct hal9_rollback_watch {
    struct hal9_rollback_watch_opts o;
    const struct hal9_limit_spec *limits[RB_METRICS]; /* NULL: no trigger on it */
    struct rb_rule rules[RB_METRICS];
    enum hal9_watch_action told[RB_METRICS]; /* the last decision that was news */
    struct rb_sample *samples;               /* collected */
    size_t n, cap, at;                       /* those before `at` have counted */
    struct rb_series *series;
    size_t n_series, cap_series;
    int64_t from_ms; /* what was measured up to here is of before the last rollback */
};

/* ---- rollback-watch.c */
/* "error_rate", static. */
const char *rb_metric_name(enum rb_metric m);
/* Collects one; series and service may be NULL. */
void rb_collect(struct hal9_rollback_watch *w, enum rb_metric m, const char *series,
                const char *service, int64_t time_ms, double value);

#endif
