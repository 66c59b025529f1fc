/* --output junit of a rehearsal: a suite for each rollback, a case for each part; what could not be told is an error, not a failure. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "junit.h"
#include "rollback.h"

static const char *str(const cJSON *j, const char *name) {
    const char *s = hal9_json_str(j, name);

    return s ? s : "";
}

static void count(const cJSON *run, struct junit_counts *c) {
    const cJSON *p;

    cJSON_ArrayForEach(p, cJSON_GetObjectItemCaseSensitive(run, "parts")) {
        c->tests++;
        c->failures += hal9_streq(str(p, "state"), "fail");
        c->errors += hal9_streq(str(p, "state"), "unknown");
        c->skipped += hal9_streq(str(p, "state"), "skipped");
    }
}

static void put_case(struct hal9_buf *out, const char *suite, const cJSON *p) {
    const char *state = str(p, "state"), *reason = str(p, "reason");

    hal9_buf_puts(out, "    <testcase");
    junit_attribute(out, "classname", suite);
    junit_attribute(out, "name", str(p, "part"));
    hal9_buf_printf(out, " time=\"%.3f\"", (double)hal9_json_int(p, "ms", 0) / 1e3);
    if (strcmp(state, "pass") == 0) {
        hal9_buf_puts(out, "/>\n");
        return;
    }
    hal9_buf_puts(out, ">\n");
    if (strcmp(state, "skipped") == 0)
        junit_outcome(out, "skipped", NULL, reason);
    else if (strcmp(state, "fail") == 0)
        junit_outcome(out, "failure", "rollback", reason);
    else
        junit_outcome(out, "error", "unknown", reason);
    hal9_buf_puts(out, "    </testcase>\n");
}

static void put_suite(struct hal9_buf *out, const cJSON *run) {
    struct junit_counts c = {0};
    const cJSON *p;

    count(run, &c);
    junit_suite(out, str(run, "name"), &c, hal9_json_int(run, "run_ms", 0) * 1000);
    cJSON_ArrayForEach(p, cJSON_GetObjectItemCaseSensitive(run, "parts")) {
        put_case(out, str(run, "name"), p);
    }
    hal9_buf_puts(out, "  </testsuite>\n");
}

int rollback_junit(const cJSON *runs, const char *trouble, int code) {
    _cleanup_buf_ struct hal9_buf out = {0};
    struct junit_counts c = {0};
    const cJSON *run;

    cJSON_ArrayForEach(run, runs) {
        count(run, &c);
    }
    if (trouble && c.tests > 0) { /* it broke off: a suite says so, beside those that there are */
        const struct junit_counts one = {.tests = 1, .errors = 1};

        c.tests++;
        c.errors++;
        junit_document(&out, &c);
        junit_suite(&out, cli.command->name, &one, 0);
        junit_error(&out, cli.command->name, "problem", trouble);
        hal9_buf_puts(&out, "  </testsuite>\n");
    } else if (c.tests > 0) {
        junit_document(&out, &c);
    } else {
        junit_trouble(&out, trouble ? trouble : "there is nothing to rehearse");
    }
    cJSON_ArrayForEach(run, runs) {
        put_suite(&out, run);
    }
    if (c.tests > 0)
        hal9_buf_puts(&out, "</testsuites>\n");
    if (fwrite(out.data, out.len, 1, stdout) == 1 && fflush(stdout) == 0)
        return code;
    cli_warn("cannot write to stdout: %s", strerror(errno));
    return CLI_UNKNOWN;
}
