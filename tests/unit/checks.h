/* Checks out of YAML, for tests, and their runs. */
#ifndef HAL9_TESTS_CHECKS_H
#define HAL9_TESTS_CHECKS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/check.h"

/* The check that the text tells; the errors otherwise. */
static inline struct hal9_check *check_decode(const char *yaml, struct hal9_errors *errors) {
    struct hal9_doc *doc = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_check *c = hal9_alloc(sizeof(*c));
    if (hal9_yaml_parse("hal9.yaml", yaml, strlen(yaml), &doc, &err) != HAL9_OK)
        fail_msg("%s: %s", yaml, err.message);
    hal9_status status = hal9_schema_decode(&hal9_check_schema, hal9_doc_root(doc), c, errors);
    hal9_doc_free(doc);
    if (status == HAL9_OK)
        return c;
    hal9_check_free(c);
    return NULL;
}

static inline struct hal9_check *check_make(const char *yaml) {
    _cleanup_(hal9_errors_clear) struct hal9_errors errors = {0};
    struct hal9_check *c = check_decode(yaml, &errors);
    if (!c)
        fail_msg("%s: %s", yaml, errors.v[0].message);
    return c;
}

/* printf for YAML. */
#define check_makef(...) check_make_take(hal9_strf(__VA_ARGS__))
static inline struct hal9_check *check_make_take(char *yaml) {
    struct hal9_check *c = check_make(yaml);
    free(yaml);
    return c;
}

/* Runs one check, which it frees; the result is the caller's. */
static inline struct hal9_check_result check_run(struct hal9_check *c,
                                                 const struct hal9_service_ref *service) {
    struct hal9_check_job job = {.check = c, .service = service};
    assert_ok(hal9_checks_run(&job, 1, -1, -1, NULL));
    hal9_check_free(c);
    assert_non_null(job.result.reason);
    return job.result;
}

#define assert_result(r, wanted, wanted_cause, words)                                             \
    do {                                                                                          \
        if ((r).state != (wanted) || !hal9_streq((r).cause, (wanted_cause)) ||                    \
            !strstr((r).reason, (words)))                                                         \
            fail_msg("%s, %s: %s", hal9_check_state_name((r).state), (r).cause ? (r).cause : "-", \
                     (r).reason);                                                                 \
    } while (0)

#endif
