/* The pressure check: how long tasks waited for CPU, memory or IO (the kernel's PSI). */
#include "base/cleanup.h"
#include "check/drivers.h"
#include "check/runner.h"
#include "hal9ops/sys.h"

struct limits {
    double some;
    int64_t over;
    struct hal9_strv of;
};
struct params {
    struct limits pressure;
};
#define AT(member) offsetof(struct limits, member)
static const struct hal9_field limit_fields[] = {
    {.key = "some",
     .type = HAL9_T_PERCENT,
     .offset = AT(some),
     .dflt = "20%",
     .doc = "part of the time in which some task waited that is too much"},
    {.key = "over",
     .type = HAL9_T_DURATION,
     .offset = AT(over),
     .dflt = "60s",
     .doc = "the average of 10s, 60s or 300s"},
    {.key = "of",
     .type = HAL9_T_STRV,
     .offset = AT(of),
     .doc = "cpu, memory, io; default: all three"},
    {0},
};
#undef AT
static const char *const all_kinds[] = {"cpu", "memory", "io"};

/* Which of the kernel's averages; 3: none. */
static size_t average(int64_t over_ms) {
    static const int64_t spans[] = {10000, 60000, 300000};
    size_t i = 0;
    while (i < 3 && spans[i] != over_ms)
        i++;
    return i;
}

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct limits *l = object;
    const struct hal9_node *over = hal9_node_get(n, "over"), *of = hal9_node_get(n, "of");
    if (over && average(l->over) == 3)
        hal9_decoder_error(d, over, "the kernel averages pressure over 10s, 60s and 300s only");
    for (size_t i = 0; of && i < l->of.n; i++)
        if (!hal9_streq(l->of.v[i], "cpu") && !hal9_streq(l->of.v[i], "memory") &&
            !hal9_streq(l->of.v[i], "io"))
            hal9_decoder_error(d, of, "'%s' is none of cpu, memory, io", l->of.v[i]);
    for (size_t i = 0; !of && i < HAL9_ARRAY_LEN(all_kinds); i++)
        hal9_strv_add(&l->of, all_kinds[i]);
}

static const struct hal9_schema limit_schema = {
    .name = "pressure", .size = sizeof(struct limits), .fields = limit_fields, .finish = finish};
static const struct hal9_field fields[] = {
    {.key = "pressure",
     .type = HAL9_T_MAP,
     .offset = offsetof(struct params, pressure),
     .flags = HAL9_F_REQUIRED,
     .sub = &limit_schema,
     .doc = "{some: 20%, over: 60s}"},
    {0},
};
static const struct hal9_schema schema = {
    .name = "pressure", .size = sizeof(struct params), .fields = fields};

static char *default_name(const void *params) {
    (void)params;
    return hal9_strdup("pressure");
}

static void start(struct hal9_check_run *r) {
    const struct params *p = r->check->params;
    const struct limits *l = &p->pressure;
    _cleanup_error_ struct hal9_error err = {0};
    const size_t index = average(l->over);
    const char *worst = "";
    double most = -1;
    for (size_t i = 0; i < l->of.n; i++) {
        double some[3];
        if (hal9_host_pressure(l->of.v[i], some, &err) != HAL9_OK) {
            hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "%s", err.message);
            return;
        }
        const double now = some[index < 3 ? index : 1];
        cJSON_AddNumberToObject(hal9_check_evidence(r), l->of.v[i], now);
        if (now > most) {
            most = now;
            worst = l->of.v[i];
        }
    }
    hal9_check_value(r, "%", "%.1f", most);
    if (most < l->some * 100)
        hal9_check_done(r, HAL9_CHECK_PASS, NULL, "at most %.1f%% (%s)", most, worst);
    else
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_RESOURCE,
                        "tasks waited for %s %.1f%% of the time, not below %.3g%%", worst, most,
                        l->some * 100);
}

const struct hal9_check_driver hal9_check_pressure_driver = {
    .key = "pressure",
    .doc = "time lost waiting for CPU, memory or IO that must not be too much",
    .of_host = true,
    .schema = &schema,
    .name = default_name,
    .start = start,
};
