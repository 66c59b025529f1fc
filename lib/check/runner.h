/* What drivers ask of the loop that runs them. */
#ifndef HAL9_CHECK_RUNNER_H
#define HAL9_CHECK_RUNNER_H

#include "check/look.h"
#include "hal9ops/check.h"
#include "hal9ops/net.h"

#define HAL9_CAUSE_CONFLICT "port_conflict"
#define HAL9_CAUSE_NOT_RUNNING "not_running"
#define HAL9_CAUSE_WRONG_OWNER "wrong_owner"
#define HAL9_CAUSE_FAILED "check_failed"
#define HAL9_CAUSE_RESOURCE "resource"

/* Calls driver->look() soon, in a worker thread, once for all checks that wait by then; with the listeners of the
 * port, unless it is 0. */
void hal9_check_look(struct hal9_check_run *r, enum hal9_proto proto, uint16_t port);
/* The pool of this run, made at first use. */
hal9_status hal9_check_http(struct hal9_check_run *r, struct hal9_http_pool **ret,
                            struct hal9_error *err);
/* The check's evidence, made at first use. */
cJSON *hal9_check_evidence(struct hal9_check_run *r);
/* The observed figure. */
void hal9_check_value(struct hal9_check_run *r, const char *unit, const char *fmt, ...)
    HAL9_PRINTF(3, 4);

#endif
