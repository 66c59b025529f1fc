/* --output junit: a suite for each service, a case for each check; what could not be told is an error, not a failure. */
#include <string.h>

#include "base/cleanup.h"
#include "health.h"

static void put_text(struct hal9_buf *out, const char *text) {
    static const struct {
        char c;
        const char *entity;
    } entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}};
    _cleanup_free_ char *line = health_line(text);

    for (const char *p = line; *p; p++) {
        const char *entity = NULL;

        for (size_t i = 0; i < HAL9_ARRAY_LEN(entities); i++)
            if (entities[i].c == *p)
                entity = entities[i].entity;
        if (entity)
            hal9_buf_puts(out, entity);
        else
            hal9_buf_putc(out, *p);
    }
}

static void put_attribute(struct hal9_buf *out, const char *name, const char *value) {
    hal9_buf_printf(out, " %s=\"", name);
    put_text(out, value);
    hal9_buf_putc(out, '"');
}

static void put_outcome(struct hal9_buf *out, const char *element, const char *type,
                        const char *message) {
    hal9_buf_printf(out, "      <%s", element);
    put_attribute(out, "type", type);
    put_attribute(out, "message", message);
    hal9_buf_puts(out, "/>\n");
}

static void put_case(struct hal9_buf *out, const struct hal9_verdict *v, size_t i) {
    const struct hal9_check_result *r = &v->jobs[i].result;
    const char *reason = r->reason ? r->reason : "";
    _cleanup_free_ char *name = health_check_name(v, i);

    hal9_buf_puts(out, "    <testcase");
    put_attribute(out, "classname", v->service);
    put_attribute(out, "name", name);
    hal9_buf_printf(out, " time=\"%.6f\"", (double)r->us / 1e6);
    if (r->state == HAL9_CHECK_PASS) {
        hal9_buf_puts(out, "/>\n");
        return;
    }
    hal9_buf_puts(out, ">\n");
    if (r->state == HAL9_CHECK_FAIL)
        put_outcome(out, "failure", r->cause ? r->cause : "check_failed", reason);
    else if (r->state == HAL9_CHECK_UNKNOWN)
        put_outcome(out, "error", "unknown", reason);
    else
        hal9_buf_puts(out, "      <skipped/>\n");
    hal9_buf_puts(out, "    </testcase>\n");
}

/* A case that only says why there is none. */
static void put_error(struct hal9_buf *out, const char *class, const char *type,
                      const char *message) {
    hal9_buf_puts(out, "    <testcase");
    put_attribute(out, "classname", class);
    put_attribute(out, "name", type);
    hal9_buf_puts(out, " time=\"0\">\n");
    put_outcome(out, "error", type, message);
    hal9_buf_puts(out, "    </testcase>\n");
}

struct counts {
    size_t tests, failures, errors, skipped;
};

static void count(const struct hal9_verdict *v, struct counts *c) {
    c->tests += v->planned > 0 ? v->planned : 1;
    c->failures += v->failed;
    c->errors += v->planned > 0 ? v->unknown : 1;
    c->skipped += v->planned - v->passed - v->failed - v->unknown;
}

static void put_counts(struct hal9_buf *out, const struct counts *c) {
    hal9_buf_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\"", c->tests,
                    c->failures, c->errors, c->skipped);
}

static void open_suite(struct hal9_buf *out, const char *name, const struct counts *c, int64_t us) {
    char now[32];

    hal9_time_format(hal9_now_ms(), now);
    hal9_buf_puts(out, "  <testsuite");
    put_attribute(out, "name", name);
    put_counts(out, c);
    hal9_buf_printf(out, " time=\"%.6f\"", (double)us / 1e6);
    put_attribute(out, "timestamp", now);
    put_attribute(out, "hostname", hal9_host_name());
    hal9_buf_puts(out, ">\n");
}

static void put_suite(struct hal9_buf *out, const struct hal9_verdict *v) {
    struct counts c = {0};

    count(v, &c);
    open_suite(out, v->service, &c, v->us);
    for (size_t i = 0; i < v->planned; i++)
        put_case(out, v, i);
    if (v->planned == 0)
        put_error(out, v->service, "no_checks", v->reason ? v->reason : "");
    hal9_buf_puts(out, "  </testsuite>\n");
}

static void open_document(struct hal9_buf *out, const struct counts *c) {
    hal9_buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
    put_attribute(out, "name", cli.command->name);
    put_counts(out, c);
    hal9_buf_puts(out, ">\n");
}

static void write_trouble(const char *why, struct hal9_buf *out) {
    const struct counts one = {.tests = 1, .errors = 1};

    open_document(out, &one);
    open_suite(out, cli.command->name, &one, 0);
    put_error(out, cli.command->name, "problem", why);
    hal9_buf_puts(out, "  </testsuite>\n</testsuites>\n");
}

static void write_all(const struct hal9_verdicts *v, int code, struct hal9_buf *out) {
    struct counts c = {0};

    (void)code;
    if (v->n == 0) {
        write_trouble("nothing to probe: no service and no check", out);
        return;
    }
    for (size_t i = 0; i < v->n; i++)
        count(&v->v[i], &c);
    open_document(out, &c);
    for (size_t i = 0; i < v->n; i++)
        put_suite(out, &v->v[i]);
    hal9_buf_puts(out, "</testsuites>\n");
}

const struct health_form health_junit = {
    .name = "junit",
    .write = write_all,
    .write_trouble = write_trouble,
};
