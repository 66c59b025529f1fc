/* --output tap: TAP 13, a test point for each check; a stream without its plan is a failure to whoever reads it. */
#include <string.h>

#include "base/cleanup.h"
#include "health.h"

/* '#' would begin a directive, a backslash an escape. */
static void put_words(struct hal9_buf *out, const char *text) {
    _cleanup_free_ char *line = health_line(text);

    for (const char *p = line; *p; p++) {
        if (*p == '#' || *p == '\\')
            hal9_buf_putc(out, '\\');
        hal9_buf_putc(out, *p);
    }
}

/* JSON is YAML. */
static void put_member(struct hal9_buf *out, const char *name, cJSON *value) {
    _cleanup_free_ char *text = hal9_json_text(value);

    hal9_buf_printf(out, "  %s: %s\n", name, text);
    cJSON_Delete(value);
}

static void put_diagnostics(struct hal9_buf *out, const struct hal9_check_job *j) {
    const struct hal9_check_result *r = &j->result;

    hal9_buf_puts(out, "  ---\n");
    put_member(out, "message", cJSON_CreateString(r->reason ? r->reason : ""));
    put_member(out, "severity", cJSON_CreateString(hal9_check_state_name(r->state)));
    if (r->cause)
        put_member(out, "cause", cJSON_CreateString(r->cause));
    put_member(out, "type", cJSON_CreateString(j->check->driver->key));
    put_member(out, "duration_ms", cJSON_CreateNumber((double)r->us / 1000));
    if (r->evidence)
        put_member(out, "evidence", cJSON_Duplicate(r->evidence, true));
    hal9_buf_puts(out, "  ...\n");
}

static void put_check(struct hal9_buf *out, const struct hal9_verdict *v, size_t i, size_t number) {
    const struct hal9_check_job *j = &v->jobs[i];
    const bool fine = j->result.state == HAL9_CHECK_PASS || j->result.state == HAL9_CHECK_SKIPPED;
    _cleanup_free_ char *name = health_point_name(v, i, ": ");

    hal9_buf_printf(out, "%sok %zu - ", fine ? "" : "not ", number);
    put_words(out, name);
    if (j->result.state == HAL9_CHECK_SKIPPED) {
        hal9_buf_puts(out, " # SKIP ");
        put_words(out, j->result.reason ? j->result.reason : "");
    }
    hal9_buf_putc(out, '\n');
    if (!fine)
        put_diagnostics(out, j);
}

/* A service that has no checks is a failed point of its own: an empty plan would read as "skipped". */
static size_t points(const struct hal9_verdicts *v) {
    size_t n = 0;

    for (size_t i = 0; i < v->n; i++)
        n += v->v[i].planned > 0 ? v->v[i].planned : 1;
    return n;
}

static void write_all(const struct hal9_verdicts *v, int code, struct hal9_buf *out) {
    const size_t n = points(v);
    size_t number = 0;

    (void)code;
    hal9_buf_printf(out, "TAP version 13\n1..%zu\n", n > 0 ? n : 1);
    if (n == 0)
        hal9_buf_puts(out, "not ok 1 - nothing to probe\n");
    for (size_t i = 0; i < v->n; i++) {
        const struct hal9_verdict *one = &v->v[i];

        for (size_t k = 0; k < one->planned; k++)
            put_check(out, one, k, ++number);
        if (one->planned == 0) {
            hal9_buf_printf(out, "not ok %zu - ", ++number);
            put_words(out, one->service);
            hal9_buf_puts(out, ": no checks\n");
        }
        hal9_buf_puts(out, "# ");
        put_words(out, one->service);
        hal9_buf_printf(out, " is %s%s%s\n", hal9_health_state_name(one->state),
                        one->cause ? ", " : "", one->cause ? one->cause : "");
    }
}

static void write_trouble(const char *why, struct hal9_buf *out) {
    hal9_buf_puts(out, "TAP version 13\nBail out! ");
    put_words(out, why);
    hal9_buf_putc(out, '\n');
}

const struct health_form health_tap = {
    .name = "tap",
    .write = write_all,
    .write_trouble = write_trouble,
};
