/* A schema with all types, shared by the tests of the decoder. */
#ifndef HAL9_TESTS_DOC_SCHEMA_H
#define HAL9_TESTS_DOC_SCHEMA_H

#include <stdlib.h>
#include <string.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/doc.h"

HAL9_DEFINE_CLEANUP(struct hal9_doc *, hal9_doc_free);
#define _cleanup_doc_ _cleanup_(hal9_doc_freep)
#define _cleanup_errors_ _cleanup_(hal9_errors_clear)

struct stop {
    char *signal;
    int64_t grace_ms;
    bool kill;
};
static const struct hal9_field stop_fields[] = {
    {.key = "signal",
     .type = HAL9_T_STRING,
     .offset = offsetof(struct stop, signal),
     .flags = HAL9_F_SCALAR,
     .dflt = "TERM",
     .doc = "first signal"},
    {.key = "grace",
     .type = HAL9_T_DURATION,
     .offset = offsetof(struct stop, grace_ms),
     .dflt = "30s",
     .doc = "time to end"},
    {.key = "kill", .type = HAL9_T_BOOL, .offset = offsetof(struct stop, kill), .dflt = "true"},
    {0},
};
static const struct hal9_schema stop_schema = {
    .name = "stop", .size = sizeof(struct stop), .fields = stop_fields};

struct drain {
    char *balancer;
    int64_t min_up;
};
static const struct hal9_field drain_fields[] = {
    {.key = "balancer",
     .type = HAL9_T_STRING,
     .offset = offsetof(struct drain, balancer),
     .flags = HAL9_F_REQUIRED,
     .doc = "which one"},
    {.key = "min_up",
     .type = HAL9_T_INT,
     .offset = offsetof(struct drain, min_up),
     .dflt = "1",
     .min = 0,
     .max = 100},
    {0},
};
static const struct hal9_schema drain_schema = {
    .name = "drain", .size = sizeof(struct drain), .fields = drain_fields};

struct run {
    struct hal9_strv exec;
    char *user;
};
static const struct hal9_field run_fields[] = {
    {.key = "exec",
     .type = HAL9_T_STRV,
     .offset = offsetof(struct run, exec),
     .flags = HAL9_F_SCALAR},
    {.key = "user", .type = HAL9_T_STRING, .offset = offsetof(struct run, user)},
    {0},
};
static const struct hal9_schema run_schema = {
    .name = "run", .size = sizeof(struct run), .fields = run_fields};

struct service {
    char *name;
    char *text;
    bool flag;
    int64_t keep, any;
    double weight, ratio;
    int64_t within_ms;
    uint64_t free;
    double share, cpu;
    uint16_t port;
    char *revert;
    struct hal9_strv depends;
    char *token;
    struct stop stop;
    struct drain *drain;
    struct hal9_list runs;
    cJSON *labels;
    int custom;
    int finished;
};
#define AT(m) offsetof(struct service, m)

static void decode_custom(struct hal9_decoder *d, const struct hal9_node *n,
                          const struct hal9_field *f, void *field) {
    assert_string_equal(f->key, "custom");
    if (n->kind == HAL9_NODE_INT)
        *(int *)field = atoi(n->text);
    else {
        hal9_decoder_error(d, n, "custom wants a number");
        hal9_decoder_hint(d, "such as %d", 7);
    }
}
static void finish_service(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct service *s = object;
    s->finished++;
    if (s->keep == 13)
        hal9_decoder_error(d, hal9_node_get(n, "keep"), "13 is never kept");
}
static const char *const reverts[] = {"changed", "always", "never", NULL};
static const struct hal9_field service_fields[] = {
    {.key = "name", .type = HAL9_T_STRING, .offset = AT(name), .flags = HAL9_F_KEY},
    {.key = "text", .type = HAL9_T_STRING, .offset = AT(text)},
    {.key = "flag", .type = HAL9_T_BOOL, .offset = AT(flag)},
    {.key = "keep", .type = HAL9_T_INT, .offset = AT(keep), .dflt = "5", .min = 1, .max = 1000},
    {.key = "any", .type = HAL9_T_INT, .offset = AT(any)},
    {.key = "weight", .type = HAL9_T_NUMBER, .offset = AT(weight), .dflt = "1"},
    {.key = "ratio", .type = HAL9_T_NUMBER, .offset = AT(ratio), .min = 0, .max = 1},
    {.key = "within", .type = HAL9_T_DURATION, .offset = AT(within_ms)},
    {.key = "free", .type = HAL9_T_SIZE, .offset = AT(free)},
    {.key = "share", .type = HAL9_T_PERCENT, .offset = AT(share)},
    {.key = "cpu", .type = HAL9_T_CPU, .offset = AT(cpu)},
    {.key = "port", .type = HAL9_T_PORT, .offset = AT(port)},
    {.key = "revert",
     .type = HAL9_T_CHOICE,
     .offset = AT(revert),
     .dflt = "changed",
     .choices = reverts},
    {.key = "depends", .type = HAL9_T_STRV, .offset = AT(depends)},
    {.key = "token", .type = HAL9_T_SECRET, .offset = AT(token)},
    {.key = "stop", .type = HAL9_T_MAP, .offset = AT(stop), .sub = &stop_schema},
    {.key = "drain", .type = HAL9_T_PTR, .offset = AT(drain), .sub = &drain_schema},
    {.key = "runs", .type = HAL9_T_LIST, .offset = AT(runs), .sub = &run_schema},
    {.key = "labels", .type = HAL9_T_JSON, .offset = AT(labels)},
    {.key = "custom",
     .type = HAL9_T_CUSTOM,
     .offset = AT(custom),
     .decode = decode_custom,
     .form = "{\"type\":\"integer\"}"},
    {.key = "old", .type = HAL9_T_STRING, .offset = AT(text), .flags = HAL9_F_HIDDEN},
    {0},
};
static const struct hal9_schema service_schema = {.name = "a service",
                                                  .size = sizeof(struct service),
                                                  .fields = service_fields,
                                                  .finish = finish_service,
                                                  .doc = "a service"};

struct root {
    int64_t version;
    struct hal9_list services;
};
static const struct hal9_field root_fields[] = {
    {.key = "hal9",
     .type = HAL9_T_INT,
     .offset = offsetof(struct root, version),
     .flags = HAL9_F_REQUIRED,
     .doc = "version of this format: 1"},
    {.key = "services",
     .type = HAL9_T_DICT,
     .offset = offsetof(struct root, services),
     .sub = &service_schema},
    {0},
};
static const struct hal9_schema root_schema = {
    .name = "hal9.yaml", .size = sizeof(struct root), .fields = root_fields};

static inline void root_clear(struct root *r) {
    hal9_schema_clear(&root_schema, r);
}
#define _cleanup_root_ _cleanup_(root_clear)

static inline hal9_status decode(const char *yaml, struct root *ret, struct hal9_errors *errors) {
    struct hal9_doc *d = NULL;
    assert_ok(hal9_yaml_parse("hal9.yaml", yaml, strlen(yaml), &d, NULL));
    hal9_status code = hal9_schema_decode(&root_schema, hal9_doc_root(d), ret, errors);
    hal9_doc_free(d); /* what was decoded stands on its own */
    return code;
}

#endif
