/* --output junit: a suite for each service, a case for each check; what could not be told is an error, not a failure. */
#include <string.h>

#include "base/cleanup.h"
#include "health.h"
#include "junit.h"

static void put_case(struct hal9_buf *out, const struct hal9_verdict *v, size_t i) {
    const struct hal9_check_result *r = &v->jobs[i].result;
    const char *reason = r->reason ? r->reason : "";
    _cleanup_free_ char *name = health_check_name(v, i);

    hal9_buf_puts(out, "    <testcase");
    junit_attribute(out, "classname", v->service);
    junit_attribute(out, "name", name);
    hal9_buf_printf(out, " time=\"%.6f\"", (double)r->us / 1e6);
    if (r->state == HAL9_CHECK_PASS) {
        hal9_buf_puts(out, "/>\n");
        return;
    }
    hal9_buf_puts(out, ">\n");
    if (r->state == HAL9_CHECK_FAIL)
        junit_outcome(out, "failure", r->cause ? r->cause : "check_failed", reason);
    else if (r->state == HAL9_CHECK_UNKNOWN)
        junit_outcome(out, "error", "unknown", reason);
    else
        hal9_buf_puts(out, "      <skipped/>\n");
    hal9_buf_puts(out, "    </testcase>\n");
}

static void count(const struct hal9_verdict *v, struct junit_counts *c) {
    c->tests += v->planned > 0 ? v->planned : 1;
    c->failures += v->failed;
    c->errors += v->planned > 0 ? v->unknown : 1;
    c->skipped += v->planned - v->passed - v->failed - v->unknown;
}

static void put_suite(struct hal9_buf *out, const struct hal9_verdict *v) {
    struct junit_counts c = {0};

    count(v, &c);
    junit_suite(out, v->service, &c, v->us);
    for (size_t i = 0; i < v->planned; i++)
        put_case(out, v, i);
    if (v->planned == 0)
        junit_error(out, v->service, "no_checks", v->reason ? v->reason : "");
    hal9_buf_puts(out, "  </testsuite>\n");
}

static void write_trouble(const char *why, struct hal9_buf *out) {
    junit_trouble(out, why);
}

static void write_all(const struct hal9_verdicts *v, int code, struct hal9_buf *out) {
    struct junit_counts c = {0};

    (void)code;
    if (v->n == 0) {
        write_trouble("nothing to probe: no service and no check", out);
        return;
    }
    for (size_t i = 0; i < v->n; i++)
        count(&v->v[i], &c);
    junit_document(out, &c);
    for (size_t i = 0; i < v->n; i++)
        put_suite(out, &v->v[i]);
    hal9_buf_puts(out, "</testsuites>\n");
}

const struct health_form health_junit = {
    .name = "junit",
    .write = write_all,
    .write_trouble = write_trouble,
};
