/* JUnit XML: documents, suites and what came of a case. */
#include <string.h>

#include "base/cleanup.h"
#include "health.h"
#include "junit.h"

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

void junit_attribute(struct hal9_buf *out, const char *name, const char *value) {
    hal9_buf_printf(out, " %s=\"", name);
    put_text(out, value);
    hal9_buf_putc(out, '"');
}

void junit_outcome(struct hal9_buf *out, const char *element, const char *type,
                   const char *message) {
    hal9_buf_printf(out, "      <%s", element);
    if (type)
        junit_attribute(out, "type", type);
    junit_attribute(out, "message", message);
    hal9_buf_puts(out, "/>\n");
}

void junit_error(struct hal9_buf *out, const char *class, const char *type, const char *message) {
    hal9_buf_puts(out, "    <testcase");
    junit_attribute(out, "classname", class);
    junit_attribute(out, "name", type);
    hal9_buf_puts(out, " time=\"0\">\n");
    junit_outcome(out, "error", type, message);
    hal9_buf_puts(out, "    </testcase>\n");
}

static void put_counts(struct hal9_buf *out, const struct junit_counts *c) {
    hal9_buf_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\"", c->tests,
                    c->failures, c->errors, c->skipped);
}

void junit_suite(struct hal9_buf *out, const char *name, const struct junit_counts *c, int64_t us) {
    char now[32];

    hal9_time_format(hal9_now_ms(), now);
    hal9_buf_puts(out, "  <testsuite");
    junit_attribute(out, "name", name);
    put_counts(out, c);
    hal9_buf_printf(out, " time=\"%.6f\"", (double)us / 1e6);
    junit_attribute(out, "timestamp", now);
    junit_attribute(out, "hostname", hal9_host_name());
    hal9_buf_puts(out, ">\n");
}

void junit_document(struct hal9_buf *out, const struct junit_counts *c) {
    hal9_buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
    junit_attribute(out, "name", cli.command->name);
    put_counts(out, c);
    hal9_buf_puts(out, ">\n");
}

void junit_trouble(struct hal9_buf *out, const char *why) {
    const struct junit_counts one = {.tests = 1, .errors = 1};

    junit_document(out, &one);
    junit_suite(out, cli.command->name, &one, 0);
    junit_error(out, cli.command->name, "problem", why);
    hal9_buf_puts(out, "  </testsuite>\n</testsuites>\n");
}
