/* The memory check: what programs can still have (MemAvailable), without touching swap. */
#include "base/cleanup.h"
#include "check/drivers.h"
#include "check/limit.h"
#include "check/runner.h"
#include "hal9ops/sys.h"

struct limits {
    struct hal9_limit available;
    double below;
};
struct params {
    struct limits memory;
};
#define AT(member) offsetof(struct limits, member)
static const struct hal9_field limit_fields[] = {
    {.key = "available",
     .type = HAL9_T_CUSTOM,
     .offset = AT(available),
     .decode = hal9_limit_decode,
     .clear = hal9_limit_clear,
     .form = hal9_limit_form,
     .doc = "what must be left: 10% or 500Mi; default 10%"},
    {.key = "below",
     .type = HAL9_T_PERCENT,
     .offset = AT(below),
     .doc = "what may be used at most"},
    {0},
};
#undef AT

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct limits *l = object;
    (void)d;
    if (!l->available.set && !hal9_node_get(n, "below"))
        l->available = (struct hal9_limit){.set = true, .part = 0.1};
    if (hal9_node_get(n, "below") && !l->available.set)
        l->available = (struct hal9_limit){.set = true, .part = 1 - l->below};
}

static const struct hal9_schema limit_schema = {
    .name = "memory", .size = sizeof(struct limits), .fields = limit_fields, .finish = finish};
static const struct hal9_field fields[] = {
    {.key = "memory",
     .type = HAL9_T_MAP,
     .offset = offsetof(struct params, memory),
     .flags = HAL9_F_REQUIRED,
     .sub = &limit_schema,
     .doc = "{available: 10%} or {below: 90%}"},
    {0},
};
static const struct hal9_schema schema = {
    .name = "memory", .size = sizeof(struct params), .fields = fields};

static char *default_name(const void *params) {
    (void)params;
    return hal9_strdup("memory");
}

static void start(struct hal9_check_run *r) {
    const struct params *p = r->check->params;
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_memory m;
    if (hal9_host_memory(&m, &err) != HAL9_OK) {
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "%s", err.message);
        return;
    }
    _cleanup_free_ char *room = hal9_size_text(m.available);
    _cleanup_free_ char *limit = hal9_limit_text(&p->memory.available);
    const double percent = m.total ? 100 * (double)m.available / (double)m.total : 0;
    cJSON_AddNumberToObject(hal9_check_evidence(r), "available", (double)m.available);
    cJSON_AddNumberToObject(hal9_check_evidence(r), "total", (double)m.total);
    hal9_check_value(r, "%", "%.1f", percent);
    if (hal9_limit_met(&p->memory.available, (double)m.available, (double)m.total))
        hal9_check_done(r, HAL9_CHECK_PASS, NULL, "%s available (%.1f%%)", room, percent);
    else
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_RESOURCE,
                        "%s of memory available (%.1f%%), less than %s", room, percent, limit);
}

const struct hal9_check_driver hal9_check_memory_driver = {
    .key = "memory",
    .doc = "memory that must be left",
    .of_host = true,
    .schema = &schema,
    .name = default_name,
    .start = start,
};
