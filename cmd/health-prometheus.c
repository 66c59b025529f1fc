/* --output prometheus: text exposition for a textfile collector: no timestamps, no series twice, unknown never as 0 or 1. */
#include <string.h>

#include "base/cleanup.h"
#include "health.h"

static void put_label(struct hal9_buf *out, const char *name, const char *value) {
    _cleanup_free_ char *line = health_line(value);

    hal9_buf_printf(out, "%s%s=\"", out->data[out->len - 1] == '{' ? "" : ",", name);
    for (const char *p = line; *p; p++) {
        if (*p == '"' || *p == '\\')
            hal9_buf_putc(out, '\\');
        hal9_buf_putc(out, *p);
    }
    hal9_buf_putc(out, '"');
}

static void put_head(struct hal9_buf *out, const char *metric, const char *help) {
    hal9_buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", metric, help, metric);
}

static void open_service(struct hal9_buf *out, const char *metric, const struct hal9_verdict *v) {
    hal9_buf_printf(out, "%s{", metric);
    put_label(out, "service", v->service);
}

static void open_check(struct hal9_buf *out, const char *metric, const struct hal9_verdict *v,
                       size_t i) {
    _cleanup_free_ char *name = health_check_name(v, i);

    open_service(out, metric, v);
    put_label(out, "check", name);
    put_label(out, "type", v->jobs[i].check->driver->key);
}

/* One series for each state, of which one is 1: no data has no number of its own. */
static void put_service_states(struct hal9_buf *out, const struct hal9_verdict *v) {
    for (int s = HAL9_HEALTHY; s <= HAL9_HELD; s++) {
        open_service(out, "hal9_service_state", v);
        put_label(out, "state", hal9_health_state_name((enum hal9_health_state)s));
        hal9_buf_printf(out, "} %d\n", (int)v->state == s);
    }
}

static void put_score(struct hal9_buf *out, const struct hal9_verdict *v) {
    open_service(out, "hal9_service_score", v);
    hal9_buf_printf(out, "} %.6g\n", v->score);
}

static void put_check_states(struct hal9_buf *out, const struct hal9_verdict *v) {
    for (size_t i = 0; i < v->planned; i++)
        for (int s = HAL9_CHECK_PASS; s <= HAL9_CHECK_SKIPPED; s++) {
            open_check(out, "hal9_check_state", v, i);
            put_label(out, "state", hal9_check_state_name((enum hal9_check_state)s));
            hal9_buf_printf(out, "} %d\n", (int)v->jobs[i].result.state == s);
        }
}

static void put_durations(struct hal9_buf *out, const struct hal9_verdict *v) {
    for (size_t i = 0; i < v->planned; i++) {
        open_check(out, "hal9_check_duration_seconds", v, i);
        hal9_buf_printf(out, "} %.6f\n", (double)v->jobs[i].result.us / 1e6);
    }
}

static void put_values(struct hal9_buf *out, const struct hal9_verdict *v) {
    for (size_t i = 0; i < v->planned; i++) {
        double value;

        if (!health_value(&v->jobs[i], &value))
            continue;
        open_check(out, "hal9_check_value", v, i);
        put_label(out, "unit", v->jobs[i].result.unit ? v->jobs[i].result.unit : "");
        hal9_buf_printf(out, "} %.15g\n", value);
    }
}

static void write_all(const struct hal9_verdicts *v, int code, struct hal9_buf *out) {
    static const struct {
        const char *metric, *help;
        void (*put)(struct hal9_buf *out, const struct hal9_verdict *v);
    } metrics[] = {
        {"hal9_service_state", "How the service is: 1 for its state, 0 for the others.",
         put_service_states},
        {"hal9_service_score", "Weighted share of the service's checks that pass.", put_score},
        {"hal9_check_state", "What came of the check: 1 for its state, 0 for the others.",
         put_check_states},
        {"hal9_check_duration_seconds", "How long the check took.", put_durations},
        {"hal9_check_value", "What the check observed, in its unit.", put_values},
    };

    for (size_t m = 0; m < HAL9_ARRAY_LEN(metrics); m++) {
        put_head(out, metrics[m].metric, metrics[m].help);
        for (size_t i = 0; i < v->n; i++)
            metrics[m].put(out, &v->v[i]);
    }
    put_head(out, "hal9_health_exit", "Exit code of hal9-health.");
    hal9_buf_printf(out, "hal9_health_exit %d\n", code);
    put_head(out, "hal9_health_run_timestamp_seconds", "When hal9-health ran.");
    hal9_buf_printf(out, "hal9_health_run_timestamp_seconds %.3f\n",
                    (double)hal9_now_ms() / 1000.0);
}

/* Without verdicts there is nothing to say: an empty document is better than an old one that looks new. */
const struct health_form health_prometheus = {.name = "prometheus", .write = write_all};
