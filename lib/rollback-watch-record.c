/* What a record of the pipe tells a trigger: a verdict its score, a check or a sample its value. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "rollback-watch.h"

/* "error rate" and "error_rate" are the same. */
static bool is_named(const char *name, enum rb_metric m) {
    const char *want = rb_metric_name(m);

    for (; *name && *want; name++, want++)
        if (*name != *want && !(*want == '_' && (*name == ' ' || *name == '-')))
            return false;
    return !*name && !*want;
}

static bool find_metric(const char *name, enum rb_metric *ret) {
    for (int m = 0; name && m < RB_METRICS; m++)
        if (is_named(name, (enum rb_metric)m)) {
            *ret = (enum rb_metric)m;
            return true;
        }
    return false;
}

/* Into the metric's own unit; NaN: of a unit that means nothing here, or no number at all. */
static double scaled(enum rb_metric m, double value, const char *unit) {
    if (!unit || !*unit || (m != RB_P99 && (strcmp(unit, "1") == 0 || strcmp(unit, "ratio") == 0)))
        return value;
    if (m != RB_P99)
        return strcmp(unit, "%") == 0 ? value / 100 : NAN;
    if (strcmp(unit, "s") == 0)
        return value;
    return strcmp(unit, "ms") == 0 ? value / 1000 : strcmp(unit, "us") == 0 ? value / 1000000 : NAN;
}

static double number_of(const cJSON *value) {
    char *end;

    if (cJSON_IsNumber(value))
        return value->valuedouble;
    if (!cJSON_IsString(value) || !value->valuestring[0] || strchr(" \t\n", value->valuestring[0]))
        return NAN;
    const double number = strtod(value->valuestring, &end);

    return *end ? NAN : number;
}

static bool time_of(const cJSON *r, int64_t *ret) {
    const char *at = hal9_json_str(r, "at");

    if (!at)
        at = hal9_json_str(r, "time");
    return at && hal9_time_parse(at, ret, NULL) == HAL9_OK;
}

static bool is_meant(const struct hal9_rollback_watch *w, const cJSON *r, const char *service) {
    const char *plan = hal9_json_str(r, "plan");

    return (!service || hal9_strv_has(&w->o.plan->health, service)) &&
           (!plan || strcmp(plan, w->o.plan->name) == 0);
}

static void take_verdict(struct hal9_rollback_watch *w, const cJSON *r, int64_t time_ms) {
    static const char *const known[] = {"healthy", "degraded", "failing"};
    const char *state = hal9_json_str(r, "state"), *service = hal9_json_str(r, "service");
    const cJSON *score = cJSON_GetObjectItemCaseSensitive(r, "score");

    if (!service || !cJSON_IsNumber(score) || hal9_streq(hal9_json_str(r, "cause"), "operation"))
        return;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(known); i++)
        if (hal9_streq(state, known[i]) && is_meant(w, r, service))
            rb_collect(w, RB_SCORE, NULL, service, time_ms, score->valuedouble);
}

static void take_check(struct hal9_rollback_watch *w, const cJSON *r, int64_t time_ms) {
    const char *state = hal9_json_str(r, "state"), *service = hal9_json_str(r, "service");
    const double value = number_of(cJSON_GetObjectItemCaseSensitive(r, "value"));
    enum rb_metric m;

    if ((hal9_streq(state, "pass") || hal9_streq(state, "fail")) && is_meant(w, r, service) &&
        find_metric(hal9_json_str(r, "check"), &m))
        rb_collect(w, m, "check", service, time_ms, scaled(m, value, hal9_json_str(r, "unit")));
}

static void take_sample(struct hal9_rollback_watch *w, const cJSON *r, int64_t time_ms) {
    const cJSON *labels = cJSON_GetObjectItemCaseSensitive(r, "labels"),
                *value = cJSON_GetObjectItemCaseSensitive(r, "value"),
                *count = cJSON_GetObjectItemCaseSensitive(r, "count");
    _cleanup_free_ char *series = labels ? hal9_json_text(labels) : NULL;
    const char *service = hal9_json_str(r, "service");
    enum rb_metric m;

    if (!cJSON_IsNumber(value) || !is_meant(w, r, service) ||
        !find_metric(hal9_json_str(r, "metric"), &m) || !w->limits[m])
        return;
    if (m == RB_ERROR_RATE && cJSON_IsNumber(count) &&
        count->valuedouble < (double)w->limits[m]->min)
        return;
    rb_collect(w, m, series, service, time_ms,
               scaled(m, value->valuedouble, hal9_json_str(r, "unit")));
}

void hal9_rollback_watch_record(struct hal9_rollback_watch *w, const cJSON *record) {
    const char *kind = hal9_json_str(record, "kind");
    int64_t time_ms;

    if (!time_of(record, &time_ms) ||
        (w->o.machine && !hal9_streq(hal9_json_str(record, "machine"), w->o.machine)))
        return;
    if (hal9_streq(kind, "verdict"))
        take_verdict(w, record, time_ms);
    else if (hal9_streq(kind, "check"))
        take_check(w, record, time_ms);
    else if (hal9_streq(kind, "sample"))
        take_sample(w, record, time_ms);
}
