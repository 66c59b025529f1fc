/* The triggers of a plan over what is measured: samples are collected, count in order, and lead to decisions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rollback-to.h"
#include "rollback-watch.h"

#define SERIES_MAX 1000
#define SAMPLES_MAX 100000

static const char *const metric_names[] = {"error_rate", "p99", "score"};
static const char *const metric_words[] = {"error rate", "p99", "health score"};
static const char *const action_names[] = {NULL, "fired", "held", "cooldown", "attempts"};

const char *rb_metric_name(enum rb_metric m) {
    return metric_names[m];
}

const char *hal9_watch_action_name(enum hal9_watch_action a) {
    return action_names[a];
}

void hal9_watch_decision_clear(struct hal9_watch_decision *d) {
    free(d->service);
    free(d->reason);
    *d = (struct hal9_watch_decision){0};
}

/* ---- made and freed ---- */

static struct rb_rule rule_of(const struct hal9_trigger_spec *t, const struct hal9_limit_spec *l,
                              bool below) {
    return (struct rb_rule){
        .limit = l->limit,
        .clear = l->clear,
        .below = below,
        .over_ms = l->over_ms,
        .gap_ms = t->gap_ms > 0    ? t->gap_ms
                  : l->over_ms > 0 ? l->over_ms
                                   : INT64_C(60000),
        .samples = t->samples,
    };
}

hal9_status hal9_rollback_watch_new(const struct hal9_rollback_watch_opts *o,
                                    struct hal9_rollback_watch **ret, struct hal9_error *err) {
    const struct hal9_trigger_spec *t = o->plan->trigger;

    if (!t) {
        hal9_error_set(err, HAL9_E_USAGE, "plan %s has no trigger: nothing says when it is due",
                       o->plan->name);
        hal9_error_hint(err, "trigger: {error_rate: {above: 5%%, over: 60s}}; see hal9.yaml(5)");
        return HAL9_E_USAGE;
    }
    struct hal9_rollback_watch *w = hal9_alloc(sizeof(*w));

    w->o = *o;
    w->limits[RB_ERROR_RATE] = t->error_rate;
    w->limits[RB_P99] = t->p99;
    w->limits[RB_SCORE] = t->score;
    for (int m = 0; m < RB_METRICS; m++)
        if (w->limits[m])
            w->rules[m] = rule_of(t, w->limits[m], m == RB_SCORE);
    *ret = w;
    return HAL9_OK;
}

static void clear_sample(struct rb_sample *s) {
    free(s->series);
    free(s->service);
}

void hal9_rollback_watch_drop(struct hal9_rollback_watch *w) {
    for (size_t i = 0; i < w->n; i++)
        clear_sample(&w->samples[i]);
    w->n = w->at = 0;
}

static void forget_series(struct hal9_rollback_watch *w) {
    for (size_t i = 0; i < w->n_series; i++)
        free(w->series[i].name);
    w->n_series = 0;
}

void hal9_rollback_watch_free(struct hal9_rollback_watch *w) {
    if (!w)
        return;
    hal9_rollback_watch_drop(w);
    forget_series(w);
    free(w->samples);
    free(w->series);
    free(w);
}

void hal9_rollback_watch_acted(struct hal9_rollback_watch *w, int64_t time_ms) {
    forget_series(w);
    memset(w->told, 0, sizeof(w->told));
    w->from_ms = time_ms;
}

bool hal9_rollback_watch_stands(const struct hal9_rollback_watch *w) {
    for (size_t i = 0; i < w->n_series; i++)
        if (w->series[i].window.fired)
            return true;
    return false;
}

bool hal9_rollback_watch_well(const struct hal9_rollback_watch *w) {
    bool measured[RB_METRICS] = {false};

    for (size_t i = 0; i < w->n_series; i++) {
        const struct rb_series *s = &w->series[i];

        if (s->window.over || s->window.well < w->rules[s->metric].samples)
            return false;
        measured[s->metric] = true;
    }
    for (int m = 0; m < RB_METRICS; m++)
        if (w->limits[m] && !measured[m])
            return false;
    return true;
}

hal9_status hal9_rollback_watch_target(const struct hal9_rollback_watch *w,
                                       struct hal9_error *err) {
    const struct hal9_rollback_to job = {.config = w->o.config,
                                         .state = w->o.state,
                                         .snapshot = w->o.plan->trigger->to,
                                         .plan = w->o.plan->name,
                                         .cancel_fd = -1};
    struct rb_to to = {.job = &job};
    hal9_status st = rb_to_open(&to, err);

    rb_to_clear(&to);
    return st;
}

/* ---- collecting ---- */

void rb_collect(struct hal9_rollback_watch *w, enum rb_metric m, const char *series,
                const char *service, int64_t time_ms, double value) {
    if (!w->limits[m] || isnan(value) || w->n >= SAMPLES_MAX)
        return;
    if (w->o.max_age_ms > 0 && hal9_now_ms() - time_ms > w->o.max_age_ms) {
        hal9_log(1, "%s: measured longer ago than may be acted on", metric_words[m]);
        return;
    }
    *HAL9_APPEND(w->samples, w->n, w->cap) = (struct rb_sample){
        .metric = m,
        .series = hal9_strf("%s %s", service ? service : "", series ? series : ""),
        .service = hal9_strdup(service),
        .time_ms = time_ms,
        .value = value};
}

/* NULL: there are too many. */
static struct rb_window *window_of(struct hal9_rollback_watch *w, const struct rb_sample *s) {
    for (size_t i = 0; i < w->n_series; i++)
        if (w->series[i].metric == s->metric && strcmp(w->series[i].name, s->series) == 0)
            return &w->series[i].window;
    if (w->n_series >= SERIES_MAX)
        return NULL;
    struct rb_series *fresh = HAL9_APPEND(w->series, w->n_series, w->cap_series);

    *fresh = (struct rb_series){.metric = s->metric, .name = hal9_strdup(s->series)};
    return &fresh->window;
}

/* ---- words ---- */

static char *value_words(enum rb_metric m, double value) {
    if (isinf(value))
        return hal9_strdup("endless");
    if (m == RB_ERROR_RATE)
        return hal9_strf("%.3g%%", value * 100);
    if (m == RB_P99)
        return value < 10 ? hal9_strf("%.4g ms", value * 1000) : hal9_strf("%.4g s", value);
    return hal9_strf("%.3g", value);
}

/* "front: health score is 0.2, below 0.5 for 60 s". Fresh. */
static char *what_is(const struct hal9_rollback_watch *w, const struct rb_sample *s,
                     const struct rb_window *v) {
    _cleanup_free_ char *value = value_words(s->metric, s->value),
                        *limit = value_words(s->metric, w->rules[s->metric].limit),
                        *span = hal9_span_text(v->last_ms - v->since_ms);

    return hal9_strf("%s%s%s is %s, %s %s for %s", s->service ? s->service : "",
                     s->service ? ": " : "", metric_words[s->metric], value,
                     w->rules[s->metric].below ? "below" : "above", limit, span);
}

/* ---- deciding ---- */

/* Why a rollback that is due must not begin now; NULL: nothing is in its way. Fresh. */
static char *held_by(const struct hal9_rollback_watch *w) {
    const struct hal9_rollback_spec *plan = w->o.plan;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_free_ char *id = NULL;
    bool running = false;

    if (!w->o.state || w->o.max_age_ms == 0)
        return NULL;
    for (size_t i = 0; i < plan->health.n; i++)
        if (hal9_hold_check(w->o.state, plan->health.v[i], &err) != HAL9_OK)
            return hal9_strdup(err.message);
    if (hal9_rollback_unfinished(w->o.state, plan->name, &id, &running, &err) != HAL9_OK)
        return hal9_strdup(err.message);
    if (id && running)
        return hal9_strf("operation %s is at work on the plan", id);
    return id ? hal9_strf("operation %s on the plan is unfinished: hal9-rollback resume %s", id, id)
              : NULL;
}

static char *words_of(const struct hal9_rollback_watch *w, const struct hal9_attempts *a,
                      const struct hal9_watch_decision *d, const char *what, const char *held) {
    const struct hal9_trigger_spec *t = w->o.plan->trigger;

    if (d->action == HAL9_WATCH_FIRED)
        return hal9_strf("%s: %s back to %s", what,
                         w->o.max_age_ms > 0 ? "rolling" : "it would roll", t->to);
    if (d->action == HAL9_WATCH_HELD)
        return hal9_strf("%s; nothing is done: %s", what, held);
    if (d->action == HAL9_WATCH_COOLDOWN) {
        _cleanup_free_ char *cooldown = hal9_span_text(t->cooldown_ms);
        char clock[16];

        hal9_time_clock(d->until_ms, clock);
        return hal9_strf("%s; nothing is done within %s of the last rollback, until %s", what,
                         cooldown, clock);
    }
    return hal9_strf("%s; nothing is done: it was tried %zu times already", what, a->n);
}

static void decide(struct hal9_rollback_watch *w, struct hal9_attempts *a,
                   const struct rb_sample *s, const struct rb_window *v,
                   struct hal9_watch_decision *ret) {
    const int64_t now = w->o.max_age_ms > 0 ? hal9_now_ms() : s->time_ms;
    _cleanup_free_ char *what = what_is(w, s, v), *held = NULL;

    *ret = (struct hal9_watch_decision){.trigger = metric_names[s->metric],
                                        .unit = s->metric == RB_P99 ? "s" : "",
                                        .service = hal9_strdup(s->service),
                                        .value = s->value,
                                        .limit = w->rules[s->metric].limit,
                                        .over_ms = w->rules[s->metric].over_ms,
                                        .since_ms = v->since_ms,
                                        .at_ms = s->time_ms};
    ret->action = rb_decide(w->o.plan->trigger, a, now, &ret->until_ms);
    /* What stands in the way for good is told rather than what will be over by itself. */
    if (ret->action != HAL9_WATCH_ATTEMPTS && (held = held_by(w))) {
        ret->action = HAL9_WATCH_HELD;
        ret->until_ms = 0;
    }
    ret->reason = words_of(w, a, ret, what, held);
}

/* Measured before the last rollback ended. A time that lies far before it is of a clock that was set back since. */
static bool is_of_before(struct hal9_rollback_watch *w, const struct rb_sample *s) {
    const struct rb_rule *r = &w->rules[s->metric];
    const int64_t window = r->over_ms + r->gap_ms;

    if (s->time_ms > w->from_ms)
        return false;
    if (w->from_ms - s->time_ms > (window > w->o.max_age_ms ? window : w->o.max_age_ms))
        w->from_ms = 0;
    return w->from_ms > 0;
}

bool hal9_rollback_watch_next(struct hal9_rollback_watch *w, struct hal9_attempts *a,
                              struct hal9_watch_decision *ret) {
    while (w->at < w->n) {
        const struct rb_sample *s = &w->samples[w->at++];
        struct rb_window *v = is_of_before(w, s) ? NULL : window_of(w, s);
        const enum rb_said said =
            v ? rb_window_take(v, &w->rules[s->metric], s->time_ms, s->value) : RB_NOTHING;

        if (said == RB_CLEARS)
            w->told[s->metric] = HAL9_WATCH_NONE;
        if (said != RB_FIRES)
            continue;
        decide(w, a, s, v, ret);
        if (ret->action == HAL9_WATCH_FIRED || ret->action != w->told[s->metric]) {
            w->told[s->metric] = ret->action;
            return true;
        }
        hal9_watch_decision_clear(ret);
    }
    hal9_rollback_watch_drop(w);
    return false;
}

/* ---- operations on the plan ---- */

static bool is_on(const struct hal9_op *o, const char *plan) {
    return hal9_streq(hal9_json_str(hal9_rollback_subject(o), "plan"), plan);
}

hal9_status hal9_rollback_unfinished(struct hal9_state *s, const char *plan, char **ret_id,
                                     bool *ret_running, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv open = {0};
    hal9_status st = hal9_journal_list_open(s, &open, err);
    char *id = NULL;

    *ret_running = false;
    for (size_t i = 0; st == HAL9_OK && !id && i < open.n; i++) {
        _cleanup_(hal9_op_clear) struct hal9_op op = {0};

        if (hal9_op_load(s, open.v[i], &op, NULL) != HAL9_OK || !is_on(&op, plan) ||
            op.state != HAL9_OP_OPEN)
            continue;
        id = hal9_strdup(op.id);
        *ret_running = op.running;
    }
    if (st == HAL9_OK)
        *ret_id = id;
    return st;
}

struct since {
    const char *plan;
    int64_t time_ms;
    char *id;
};

static int look_since(const struct hal9_op *o, void *data) {
    struct since *s = data;

    if (o->started_ms >= s->time_ms && is_on(o, s->plan)) {
        free(s->id);
        s->id = hal9_strdup(o->id);
    }
    return 0;
}

char *hal9_rollback_since(struct hal9_state *s, const char *plan, int64_t time_ms) {
    struct since look = {.plan = plan, .time_ms = time_ms};

    hal9_op_each(s, look_since, NULL, &look, NULL); /* what can't be read tells nothing */
    return look.id;
}
