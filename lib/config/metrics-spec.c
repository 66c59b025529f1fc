/* The schema of a rollback plan's metrics, and the checks that they stand for. */
#include "base/cleanup.h"
#include "config/config-internal.h"

#define AT(member) offsetof(struct hal9_metrics_spec, member)
#define METRIC(member) offsetof(struct hal9_metric_spec, member)

static const struct hal9_field metric_fields[] = {
    {.key = "query",
     .type = HAL9_T_STRING,
     .offset = METRIC(query),
     .flags = HAL9_F_REQUIRED,
     .doc = "PromQL; of several series the worst counts"},
    {.key = "below",
     .type = HAL9_T_STRING,
     .offset = METRIC(below),
     .flags = HAL9_F_REQUIRED,
     .doc = "what it must be below: a number, 5% of one, 100ms of a second"},
    {0},
};
static const struct hal9_schema metric_schema = {
    .name = "a metric",
    .size = sizeof(struct hal9_metric_spec),
    .fields = metric_fields,
    .doc = "a query, and what its value must be below",
};

static const struct hal9_field fields[] = {
    {.key = "prometheus",
     .type = HAL9_T_STRING,
     .offset = AT(prometheus),
     .flags = HAL9_F_REQUIRED,
     .doc = "URL of the Prometheus server"},
    {.key = "token",
     .type = HAL9_T_SECRET,
     .offset = AT(token),
     .doc = "reference to a bearer token"},
    {.key = "error_rate",
     .type = HAL9_T_PTR,
     .offset = AT(error_rate),
     .sub = &metric_schema,
     .doc = "share of requests that fail"},
    {.key = "p99",
     .type = HAL9_T_PTR,
     .offset = AT(p99),
     .sub = &metric_schema,
     .doc = "time that 99 of 100 requests take at most, in seconds"},
    {0},
};

static void add_check(cJSON *list, const struct hal9_metrics_spec *m, const char *name,
                      const struct hal9_metric_spec *metric) {
    if (!metric)
        return;
    cJSON *check = cJSON_CreateObject();

    hal9_json_add_str(check, "prometheus", m->prometheus);
    hal9_json_add_str(check, "query", metric->query);
    hal9_json_add_str(check, "below", metric->below);
    hal9_json_add_str(check, "token", m->token);
    hal9_json_add_str(check, "name", name);
    cJSON_AddItemToArray(list, check);
}

cJSON *hal9_metrics_checks(const struct hal9_metrics_spec *m) {
    cJSON *list = cJSON_CreateArray();

    if (!m)
        return list;
    add_check(list, m, "error rate", m->error_rate);
    add_check(list, m, "p99", m->p99);
    return list;
}

/* What is wrong with a metric is what its check finds wrong. */
static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    const struct hal9_metrics_spec *m = object;
    _cleanup_json_ cJSON *checks = hal9_metrics_checks(m);
    const cJSON *spec;

    if (!m->error_rate && !m->p99)
        hal9_decoder_error(d, n, "metrics want error_rate, p99 or both");
    if (!m->prometheus)
        return;
    cJSON_ArrayForEach(spec, checks) {
        _cleanup_error_ struct hal9_error err = {0};
        struct hal9_check *c = NULL;

        if (hal9_json_str(spec, "query") && hal9_json_str(spec, "below") &&
            hal9_check_parse_json(spec, &c, &err) != HAL9_OK)
            hal9_decoder_error(d, n, "%s: %s", hal9_json_str(spec, "name"), err.message);
        hal9_check_free(c);
    }
}

const struct hal9_schema hal9_metrics_schema = {
    .name = "metrics",
    .size = sizeof(struct hal9_metrics_spec),
    .fields = fields,
    .finish = finish,
    .doc = "figures of a Prometheus server; no data is neither good nor bad",
};
