/* The load check: tasks that run or wait, a CPU. */
#include "base/cleanup.h"
#include "check/drivers.h"
#include "check/runner.h"
#include "hal9ops/sys.h"

struct limits {
    double below;
    int64_t over;
};
struct params {
    struct limits load;
};
#define AT(member) offsetof(struct limits, member)
static const struct hal9_field limit_fields[] = {
    {.key = "below",
     .type = HAL9_T_NUMBER,
     .offset = AT(below),
     .dflt = "2",
     .min = 0,
     .max = 10000,
     .doc = "load of a CPU that is too much"},
    {.key = "over",
     .type = HAL9_T_DURATION,
     .offset = AT(over),
     .dflt = "1m",
     .doc = "the average of 1m, 5m or 15m"},
    {0},
};
#undef AT

/* Which of the kernel's averages; 3: none. */
static size_t average(int64_t over_ms) {
    static const int64_t spans[] = {60000, 300000, 900000};
    size_t i = 0;
    while (i < 3 && spans[i] != over_ms)
        i++;
    return i;
}

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    const struct limits *l = object;
    const struct hal9_node *over = hal9_node_get(n, "over");
    if (over && average(l->over) == 3)
        hal9_decoder_error(d, over, "the kernel averages load over 1m, 5m and 15m only");
}

static const struct hal9_schema limit_schema = {
    .name = "load", .size = sizeof(struct limits), .fields = limit_fields, .finish = finish};
static const struct hal9_field fields[] = {
    {.key = "load",
     .type = HAL9_T_MAP,
     .offset = offsetof(struct params, load),
     .flags = HAL9_F_REQUIRED,
     .sub = &limit_schema,
     .doc = "{below: 1.5} a CPU"},
    {0},
};
static const struct hal9_schema schema = {
    .name = "load", .size = sizeof(struct params), .fields = fields};

static char *default_name(const void *params) {
    (void)params;
    return hal9_strdup("load");
}

static void start(struct hal9_check_run *r) {
    const struct params *p = r->check->params;
    _cleanup_error_ struct hal9_error err = {0};
    double all[3];
    unsigned cpus = 1;
    if (hal9_host_load(all, &cpus, &err) != HAL9_OK) {
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "%s", err.message);
        return;
    }
    const size_t i = average(p->load.over);
    const double load = all[i < 3 ? i : 0] / (cpus ? cpus : 1);
    cJSON_AddNumberToObject(hal9_check_evidence(r), "cpus", cpus);
    hal9_check_value(r, "a CPU", "%.2f", load);
    if (load < p->load.below)
        hal9_check_done(r, HAL9_CHECK_PASS, NULL, "%.2f a CPU", load);
    else
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_RESOURCE,
                        "load is %.2f a CPU, not below %.3g", load, p->load.below);
}

const struct hal9_check_driver hal9_check_load_driver = {
    .key = "load",
    .doc = "load that must not be too high",
    .of_host = true,
    .schema = &schema,
    .name = default_name,
    .start = start,
};
