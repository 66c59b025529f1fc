/*
 * When a rollback is due by itself: windows over samples, and what cool-down and attempts leave of it. All of it is pure: the times are those of the
 * samples, or told by the caller; no clock is read here, so that a recorded stream says the same each time.
 */
#ifndef HAL9_ROLLBACK_TRIGGER_H
#define HAL9_ROLLBACK_TRIGGER_H

#include "hal9ops/rollback.h"

/* What decides over one series; of a limit and its trigger. */
struct rb_rule {
    double limit, clear;
    bool below; /* a score: bad is what lies below the limit */
    int64_t over_ms, gap_ms, samples;
};
/* How one series is. */
struct rb_window {
    bool any, over;   /* there was a sample; it is beyond the limit, and not well again yet */
    bool fired;       /* over, and it was for as long, and in as many samples, as it takes */
    int64_t since_ms; /* over: since when */
    int64_t last_ms;
    int64_t beyond, well; /* samples in a row, up to the last one */
};
enum rb_said {
    RB_NOTHING, /* no data, late or told already: the window is as it was */
    RB_TAKEN,
    RB_FIRES,  /* beyond the limit, for as long and in as many samples as the rule wants */
    RB_CLEARS, /* well again, after it was beyond */
};
/* One sample. A value that is no number is no data: it neither fires nor clears. A time that is not behind the last one's is late or a copy, unless
 * it lies back by more than a window: then the clock was set back, and all begins anew. So it does behind a gap. */
enum rb_said rb_window_take(struct rb_window *w, const struct rb_rule *r, int64_t time_ms,
                            double value);

/* Cool-down and attempts. Those older than `within` are dropped from *a; a time in the future is one of a clock that was set back since: it counts as now. */
enum hal9_watch_action rb_decide(const struct hal9_trigger_spec *t, struct hal9_attempts *a,
                                 int64_t now_ms, int64_t *ret_until_ms);

#endif
