/*
 * hal9ops/check.h - checks: one driver a kind, all at once in one loop; the health gate.
 *
 * Floor 4.
 *
 *     struct hal9_check_job jobs[2] = {{.check = a, .service = &ref}, {.check = b, .service = &ref}};
 *     hal9_checks_run(jobs, 2, deadline, cancel_fd, &err);
 *     puts(hal9_check_state_name(jobs[0].result.state));
 */
#ifndef HAL9OPS_CHECK_H
#define HAL9OPS_CHECK_H

#include <hal9ops/doc.h>
#include <hal9ops/op.h>
#include <hal9ops/store.h>

struct uv_loop_s;
struct hal9_http_pool;

enum hal9_check_state { HAL9_CHECK_PASS, HAL9_CHECK_FAIL, HAL9_CHECK_UNKNOWN, HAL9_CHECK_SKIPPED };
/* "pass", "fail", "unknown", "skipped". Static. */
HAL9_API const char *hal9_check_state_name(enum hal9_check_state s);

struct hal9_check_driver;
struct hal9_look; /* who listens where; check/look.h */
/* A check as configured. */
struct hal9_check {
    char *name; /* default: "http /health", "tcp 127.0.0.1:5432", "disk /" */
    const struct hal9_check_driver *driver;
    void *params;       /* driver->schema's struct */
    int64_t timeout_ms; /* default 5 s */
    int64_t every_ms;   /* watch; 0: the watch's */
    double weight;      /* default 1 */
    int rise, fall;     /* watch; default 2 and 3 */
    int critical;       /* 1: failing, 0: degraded, -1: the driver's way */
    cJSON *spec;        /* as written: for step args and records without secrets */
    unsigned line;      /* its place in the config; 0 none */
};
/* Decodes {http: URL, expect: …, name: …}: exactly one driver's key. */
extern const struct hal9_schema hal9_check_schema;
/* NULL is allowed. */
HAL9_API void hal9_check_free(struct hal9_check *c);
/* From JSON (step args, `spec`) or a word of the command line: http://…, https://…, tcp://host:port, udp://…, disk:/path, process:NAME, port:8080, memory:, load:, command:… */
HAL9_API hal9_status hal9_check_parse_json(const cJSON *spec, struct hal9_check **ret,
                                           struct hal9_error *err);
HAL9_API hal9_status hal9_check_parse_word(const char *word, struct hal9_check **ret,
                                           struct hal9_error *err);
/* The owner check that `port: 8080` implies. */
HAL9_API struct hal9_check *hal9_check_owner(uint16_t port);

struct hal9_check_result {
    enum hal9_check_state state;
    /* static: "port_conflict", "not_running", "wrong_owner", "check_failed", "resource"; NULL when passed or unknown */
    const char *cause;
    /* words: "port 8080 answers 200, but its listener is …"; "200 in 1.8 ms" */
    char *reason;
    char *value, *unit; /* the observed figure as text, or NULL */
    int64_t us;         /* it took so long */
    cJSON *evidence;    /* object, or NULL */
};
struct hal9_check_job {
    const struct hal9_check *check;
    const struct hal9_service_ref *service; /* NULL: none */
    struct hal9_check_result result;        /* filled */
};
/* Runs them at once. Each ends at its own timeout or the deadline (monotonic ms, < 0 none) as unknown or failed, by driver. HAL9_E_INTERRUPTED by cancel_fd. */
HAL9_API hal9_status hal9_checks_run(struct hal9_check_job *jobs, size_t n, int64_t deadline_ms,
                                     int cancel_fd, struct hal9_error *err);
HAL9_API void hal9_check_result_clear(struct hal9_check_result *r);

/* ---- drivers (one file a kind, one line in check/table.c) ---------------------------------------- */

struct hal9_check_run { /* one running check */
    const struct hal9_check *check;
    const struct hal9_service_ref *service;
    struct uv_loop_s *loop;
    struct hal9_http_pool *http; /* made at first use by hal9_check_http() */
    struct hal9_check_result *result;
    void *own; /* the driver's */
    void *runner;
};
struct hal9_check_driver {
    const char *key; /* "http" */
    const char *doc;
    bool of_host;                      /* a failure makes the service degraded, not failing */
    const struct hal9_schema *schema;  /* its own key and companions */
    char *(*name)(const void *params); /* default name, fresh; params may lack what was wrong */
    /* Looks at the whole check after its params are decoded; may add errors. NULL-able. */
    void (*finish)(struct hal9_decoder *d, const struct hal9_node *n, struct hal9_check *c);
    void (*start)(struct hal9_check_run *r); /* ends in hal9_check_done(), now or from the loop */
    /* Deadline or interrupt: release, don't call done; NULL: nothing to release. */
    void (*cancel)(struct hal9_check_run *r);
    /* The check's own time is over: release, then end in hal9_check_done() or a look at the port's
     * listener. NULL: cancel, and failed with "no answer within 5 s". */
    void (*timeout)(struct hal9_check_run *r);
    /* After hal9_check_look(): in a worker thread, where blocking calls are fine, with what
     * listens on the port. Ends in hal9_check_done(). */
    void (*look)(struct hal9_check_run *r, struct hal9_look *look);
};
/* The table of check kinds, one driver a file. Static. */
HAL9_API const struct hal9_check_driver *const *hal9_check_drivers(size_t *ret_n);
/* Ends a run: fills state, cause and reason. Call once. */
void hal9_check_done(struct hal9_check_run *r, enum hal9_check_state s, const char *cause,
                     const char *reason_fmt, ...) HAL9_PRINTF(4, 5);

/* ---- step kind ------------------------------------------------------------------------------------ */

/* health.gate (passive): args {service: ref, checks: [spec], within_ms, interval_ms, rise, watch_pid: step name of the start, log_lines}. Passes when all checks
 * pass `rise` times in a row within the time; fails at once when the started process has ended. Detail: results, log tail {path, lines}. */
extern const struct hal9_step_kind hal9_kind_health_gate;

/*
 * health.hold (passive, holds): args {services: [{service: ref, checks: [spec]}], metrics: [spec], hold_ms, within_ms, interval_ms, fall, on_unknown_ms}. Watches
 * them for hold_ms and passes when at its end all pass; a failure fails it once it was seen `fall` times (2) in a row, but not before within_ms. Where it
 * can't be told at the end (unknown, no check), it goes on asking for on_unknown_ms (5 min) and then is held, HAL9_E_UNKNOWN; force "no-data" passes. Detail: results.
 */
extern const struct hal9_step_kind hal9_kind_health_hold;

#endif
