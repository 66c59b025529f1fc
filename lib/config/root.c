/* The schema of the whole file, out of the rooms' tables, and what only the whole can tell. */
#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/config-internal.h"

#define AT(member) offsetof(struct hal9_config, member)

static const struct hal9_field fields[] = {
    {.key = "hal9",
     .type = HAL9_T_INT,
     .offset = AT(version),
     .flags = HAL9_F_REQUIRED,
     .min = 1,
     .max = 1e6,
     .doc = "version of this format: 1"},
    {.key = "state",
     .type = HAL9_T_STRING,
     .offset = AT(state),
     .doc = "state directory shared by several users (mode 2770)"},
    {.key = "staging",
     .type = HAL9_T_BOOL,
     .offset = AT(staging),
     .doc = "true: rehearsals may disturb this environment"},
    {.key = "environment",
     .type = HAL9_T_STRING,
     .offset = AT(environment),
     .doc = "name of this environment, for --env; without it one with staging: true is staging"},
    {.key = "services",
     .type = HAL9_T_DICT,
     .offset = AT(services),
     .sub = &hal9_service_schema,
     .doc = "the services of this site"},
    {.key = "balancers",
     .type = HAL9_T_DICT,
     .offset = AT(balancers),
     .sub = &hal9_balancer_schema,
     .doc = "load balancers"},
    {.key = "flags",
     .type = HAL9_T_DICT,
     .offset = AT(flags),
     .sub = &hal9_flag_schema,
     .doc = "feature flag stores"},
    {.key = "rollback",
     .type = HAL9_T_DICT,
     .offset = AT(rollback),
     .sub = &hal9_rollback_schema,
     .doc = "rollback plans"},
    {.key = "scale",
     .type = HAL9_T_DICT,
     .offset = AT(scale),
     .sub = &hal9_scale_schema,
     .doc = "workloads that are scaled"},
    {.key = "notify",
     .type = HAL9_T_LIST,
     .offset = AT(notify),
     .sub = &hal9_notify_schema,
     .doc = "who is told, and of what"},
    {0},
};

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    const struct hal9_config *c = object;

    if (c->version > 1) {
        hal9_decoder_error(d, hal9_node_get(n, "hal9"),
                           "this file has format %lld; this build knows 1", (long long)c->version);
        hal9_decoder_hint(d, "a newer hal9ops reads it");
    }
}

const struct hal9_schema hal9_config_root_schema = {
    .name = "hal9.yaml",
    .size = sizeof(struct hal9_config),
    .fields = fields,
    .finish = finish,
    .doc = "the truth about a site, for all hal9ops tools",
};

cJSON *hal9_config_schema(void) {
    return hal9_schema_json(&hal9_config_root_schema);
}

bool hal9_config_reserved(const char *word) {
    static const char *const words[] = {
        "watch",     "prove",  "init",    "trends",   "report",  "notifications", /* health */
        "bundle",    "hold",   "unhold",  "holds",    "release",                  /* restart */
        "snapshot",  "list",   "show",    "diff",     "to",      "undo",          "resume",
        "abort",     "status", "history", "rehearse", "forward", "flags", /* rollback */
        "tick",      "prune",  "export",  "import",                       /* rollback */
        "plan",      "render", "apply",   "now",      "explain", "simulate",      "forecast",
        "rightsize", "cost", /* scale */
    };

    for (size_t i = 0; i < HAL9_ARRAY_LEN(words); i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

struct hal9_error *hal9_config_error(struct hal9_errors *errors, const struct hal9_node *at,
                                     const char *fmt, ...) {
    struct hal9_error *e = HAL9_APPEND(errors->v, errors->n, errors->cap);
    _cleanup_free_ char *text = NULL;
    va_list ap;

    memset(e, 0, sizeof(*e));
    va_start(ap, fmt);
    text = hal9_vstrf(fmt, ap);
    va_end(ap);
    hal9_error_set(e, HAL9_E_CONFIG, "%s", text);
    if (at)
        hal9_error_place(e, at->file, at->line, at->col);
    return e;
}
