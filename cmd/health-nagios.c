/* --output nagios: one line with the worst, figures behind '|', then a line for each service; exit 0 to 3. */
#include <string.h>

#include "base/cleanup.h"
#include "health.h"

enum { OK, WARNING, CRITICAL, UNKNOWN };
static const char *const names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

static int status_of(const struct hal9_verdict *v) {
    switch (v->state) {
    case HAL9_FAILING:
        return CRITICAL;
    case HAL9_DEGRADED:
        return WARNING;
    case HAL9_HEALTH_UNKNOWN:
        return UNKNOWN;
    default:
        return OK;
    }
}

/* Critical is worst, then warning, then unknown. */
static const struct hal9_verdict *worst_of(const struct hal9_verdicts *v) {
    static const int rank[] = {[OK] = 0, [UNKNOWN] = 1, [WARNING] = 2, [CRITICAL] = 3};
    const struct hal9_verdict *worst = NULL;

    for (size_t i = 0; i < v->n; i++)
        if (!worst || rank[status_of(&v->v[i])] > rank[status_of(worst)])
            worst = &v->v[i];
    return worst;
}

/* '|' begins the figures, so it can't stand in words. */
static void put_words(struct hal9_buf *out, const char *text) {
    _cleanup_free_ char *line = health_line(text);

    for (char *p = line; *p; p++)
        hal9_buf_putc(out, *p == '|' ? '!' : *p);
}

static void put_service(struct hal9_buf *out, const struct hal9_verdict *v) {
    put_words(out, v->service);
    hal9_buf_printf(out, " %s", hal9_health_state_name(v->state));
    if (v->cause) {
        hal9_buf_puts(out, " (");
        put_words(out, v->cause);
        hal9_buf_puts(out, ")");
    }
    if (v->reason) {
        hal9_buf_puts(out, ": ");
        put_words(out, v->reason);
    }
}

/* 'label': neither '=' nor a single quote, which is doubled. */
static void put_label(struct hal9_buf *out, const char *label) {
    _cleanup_free_ char *line = health_line(label);

    hal9_buf_puts(out, " '");
    for (const char *p = line; *p; p++) {
        if (*p == '\'')
            hal9_buf_putc(out, '\'');
        hal9_buf_putc(out, *p == '=' || *p == '|' ? '_' : *p);
    }
    hal9_buf_puts(out, "'=");
}

/* The guidelines know s, us, ms, %, B and c. */
static const char *unit_of(const struct hal9_check_job *j) {
    static const char *const known[][2] = {{"%", "%"}, {"ms", "ms"}, {"bytes", "B"}, {"s", "s"}};

    for (size_t i = 0; j->result.unit && i < HAL9_ARRAY_LEN(known); i++)
        if (strcmp(j->result.unit, known[i][0]) == 0)
            return known[i][1];
    return "";
}

static void put_figures(struct hal9_buf *out, const struct hal9_verdict *v) {
    _cleanup_free_ char *score = hal9_strf("%s score", v->service);

    put_label(out, score);
    hal9_buf_printf(out, "%.6g;;;0;1", v->score);
    for (size_t i = 0; i < v->planned; i++) {
        _cleanup_free_ char *name = health_point_name(v, i, " ");
        double value;

        if (!health_value(&v->jobs[i], &value))
            continue;
        put_label(out, name);
        hal9_buf_printf(out, "%s%s", v->jobs[i].result.value, unit_of(&v->jobs[i]));
    }
}

static int exit_code(const struct hal9_verdicts *v, int code) {
    const struct hal9_verdict *worst = worst_of(v);

    if (code >= CLI_SIGNAL)
        return code;
    /* What came down the pipe may be worse than what was found. */
    if (!worst || (code != CLI_HOLDS && code != CLI_NOT && status_of(worst) == OK))
        return UNKNOWN;
    return status_of(worst);
}

static void write_all(const struct hal9_verdicts *v, int code, struct hal9_buf *out) {
    const struct hal9_verdict *worst = worst_of(v);
    size_t good = 0;

    for (size_t i = 0; i < v->n; i++)
        good += status_of(&v->v[i]) == OK;
    hal9_buf_printf(out, "HEALTH %s: ", names[exit_code(v, code) % 4]);
    if (!worst)
        hal9_buf_puts(out, "nothing to probe");
    else if (good == v->n)
        hal9_buf_printf(out, "%zu of %zu services healthy", good, v->n);
    else
        put_service(out, worst);
    for (size_t i = 0; i < v->n; i++) {
        if (i == 0)
            hal9_buf_puts(out, " |");
        put_figures(out, &v->v[i]);
    }
    hal9_buf_putc(out, '\n');
    for (size_t i = 0; i < v->n; i++) {
        hal9_buf_printf(out, "%s: ", names[status_of(&v->v[i])]);
        put_service(out, &v->v[i]);
        hal9_buf_putc(out, '\n');
    }
}

static void write_trouble(const char *why, struct hal9_buf *out) {
    hal9_buf_puts(out, "HEALTH UNKNOWN: ");
    put_words(out, why);
    hal9_buf_putc(out, '\n');
}

const struct health_form health_nagios = {
    .name = "nagios",
    .write = write_all,
    .write_trouble = write_trouble,
    .exit_code = exit_code,
};
