/* What the files of hal9-health share: what is asked for, and how it is told. */
#ifndef HAL9_CMD_HEALTH_H
#define HAL9_CMD_HEALTH_H

#include "cli.h"

/* What is asked for: services by name, checks of the command line. */
struct health_asked {
    struct hal9_strv services;
    struct hal9_list checks; /* struct hal9_check * */
    struct hal9_upstream upstream;
};

/* ---- health-tell.c: records, and the words round them */

/* The members of a begin record: planned, services. */
cJSON *health_planned(const struct health_asked *a);
/* A verdict as a record; the caller's. */
cJSON *health_verdict_record(const struct hal9_verdict *v);
/* All verdicts and checks, the next steps and the summary. */
void health_tell_all(const struct hal9_verdicts *v);
/* What to do next about one that is not healthy, and the big letters. */
void health_advise(const struct hal9_verdict *v);
/* What this stage counted, for its end. */
struct hal9_stage_result health_counts(const struct hal9_verdicts *v, int code);

/* Says what came of a check: its newest answer. */
void health_tell_check(const struct hal9_verdict *v, size_t index);

/* ---- health-watch.c: hal9-health watch */

struct health_watch_options { /* as told */
    const char *every, *flap, *rounds;
    bool all, exit_zero;
};
/* Rounds until a signal, --rounds or --timeout ends them. Returns the exit code. */
int health_watch(const struct health_asked *a, const struct health_watch_options *o);

/* ---- health-output.c: documents for other programs */

/* The further words of --output; NULL-terminated. */
extern const char *const health_outputs[];
/* Writes the document that --output asks for to stdout: of the verdicts, or of why there are none. Returns the exit code
 * of that form. */
int health_document(const struct hal9_verdicts *v, int code);

/* One form: health-nagios.c, health-junit.c, health-tap.c, health-prometheus.c. */
struct health_form {
    const char *name;
    void (*write)(const struct hal9_verdicts *v, int code, struct hal9_buf *out);
    /* There are no verdicts, because of this; NULL: the document is empty, then. */
    void (*write_trouble)(const char *why, struct hal9_buf *out);
    int (*exit_code)(const struct hal9_verdicts *v, int code); /* NULL: as all tools */
};
extern const struct health_form health_nagios, health_junit, health_tap, health_prometheus;
/* One line of text: control characters become blanks, bytes that are not UTF-8 become '?'. */
char *health_line(const char *text);
/* What a check is called in its service: its name, with a number where the name was there before. Fresh. */
char *health_check_name(const struct hal9_verdict *v, size_t index);
/* "SERVICE", SEPARATOR and that name; of a check of the command line, which is all of its service, its name alone. Fresh. */
char *health_point_name(const struct hal9_verdict *v, size_t index, const char *separator);
/* The observed figure; false where there is none that is a number. */
bool health_value(const struct hal9_check_job *j, double *ret);

#endif
