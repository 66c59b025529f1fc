/* The open-files check: the host's table of open files must not be nearly full. */
#include "base/cleanup.h"
#include "check/drivers.h"
#include "check/runner.h"
#include "hal9ops/sys.h"

struct limits {
    double below;
};
struct params {
    struct limits files;
};
static const struct hal9_field limit_fields[] = {
    {.key = "below",
     .type = HAL9_T_PERCENT,
     .offset = offsetof(struct limits, below),
     .dflt = "80%",
     .doc = "part of the table that may be used"},
    {0},
};
static const struct hal9_schema limit_schema = {
    .name = "open-files", .size = sizeof(struct limits), .fields = limit_fields};
static const struct hal9_field fields[] = {
    {.key = "open-files",
     .type = HAL9_T_MAP,
     .offset = offsetof(struct params, files),
     .flags = HAL9_F_REQUIRED,
     .sub = &limit_schema,
     .doc = "{below: 80%}"},
    {0},
};
static const struct hal9_schema schema = {
    .name = "open-files", .size = sizeof(struct params), .fields = fields};

static char *default_name(const void *params) {
    (void)params;
    return hal9_strdup("open-files");
}

static void start(struct hal9_check_run *r) {
    const struct params *p = r->check->params;
    _cleanup_error_ struct hal9_error err = {0};
    uint64_t used = 0, max = 0;
    if (hal9_host_open_files(&used, &max, &err) != HAL9_OK) {
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "%s", err.message);
        return;
    }
    const double part = max ? (double)used / (double)max : 0;
    hal9_check_value(r, "%", "%.2f", 100 * part);
    cJSON_AddNumberToObject(hal9_check_evidence(r), "open", (double)used);
    if (part < p->files.below)
        hal9_check_done(r, HAL9_CHECK_PASS, NULL, "%llu open (%.2f%%)", (unsigned long long)used,
                        100 * part);
    else
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_RESOURCE,
                        "%llu files open (%.2f%%), not below %.3g%%", (unsigned long long)used,
                        100 * part, 100 * p->files.below);
}

const struct hal9_check_driver hal9_check_open_files_driver = {
    .key = "open-files",
    .doc = "room that must be left in the table of open files",
    .of_host = true,
    .schema = &schema,
    .name = default_name,
    .start = start,
};
