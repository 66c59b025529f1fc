/* What is saved of a service before it is stopped: the step and its args, out of the configuration and what was found. */
#include "base/cleanup.h"
#include "restart-internal.h"

static cJSON *ports_json(const struct hal9_service *s) {
    cJSON *ports = cJSON_CreateArray();

    for (size_t i = 0; i < s->ports.n; i++)
        cJSON_AddItemToArray(ports, cJSON_CreateNumber(s->ports.v[i].first));
    return ports;
}

/* What was seen a moment ago, and what the verdict in the pipe said. */
static cJSON *found_json(const struct hal9_restart *r, const struct hal9_restart_finding *f) {
    const cJSON *verdict = cJSON_GetObjectItemCaseSensitive(r->verdicts, f->service->name);
    cJSON *found = cJSON_CreateObject();

    hal9_json_add_str(found, "words", f->words);
    hal9_json_add_str(found, "ill", f->ill);
    if (verdict)
        cJSON_AddItemToObject(found, "verdict", cJSON_Duplicate(verdict, true));
    hal9_redact_json(NULL, found);
    return found;
}

static cJSON *config_json(const struct hal9_service *s) {
    cJSON *section = s->node ? hal9_node_json(s->node) : cJSON_CreateObject();

    hal9_redact_json(NULL, section);
    return section;
}

static const char *journal_of(const struct hal9_service *s) {
    if (s->logs && s->logs->journal)
        return s->logs->journal;
    return s->run ? s->run->systemd : NULL;
}

/* Of the whole site, as a log may have any of them; their values are read when the bundle is made. */
static cJSON *references(const struct hal9_config *c) {
    _cleanup_strv_ struct hal9_strv all = {0};

    hal9_config_secrets(c, &all);
    return hal9_json_strv(&all);
}

cJSON *hal9_restart_bundle_args(const struct hal9_restart *r,
                                const struct hal9_restart_finding *f) {
    const struct hal9_service *s = f->service;
    const struct hal9_bundle b = {.service = &f->ref,
                                  .files = s->logs ? &s->logs->files : NULL,
                                  .journal = journal_of(s),
                                  .last_ms = s->logs ? s->logs->last_ms : HAL9_BUNDLE_LAST_MS,
                                  .max = s->logs ? s->logs->max : HAL9_BUNDLE_MAX,
                                  .within_ms =
                                      s->logs ? s->logs->within_ms : HAL9_BUNDLE_WITHIN_MS};
    cJSON *args = hal9_args_bundle(&b);

    cJSON_AddItemToObject(args, "ports", ports_json(s));
    cJSON_AddItemToObject(args, "config", config_json(s));
    cJSON_AddItemToObject(args, "found", found_json(r, f));
    cJSON_AddItemToObject(args, "secrets", references(r->config));
    return args;
}

bool hal9_restart_has_evidence(const struct hal9_restart *r, const struct hal9_restart_finding *f) {
    return !r->no_bundle && (f->service->logs || f->running || f->ref.log_path);
}

/* ---- a bundle alone ---- */

static hal9_status add_service(const struct hal9_restart *r, const char *name,
                               struct hal9_plan *plan, struct hal9_error *err) {
    struct hal9_restart_findings all = {0};
    struct hal9_restart_finding f = {0};
    hal9_status st = hal9_config_need_service(r->config, name, &f.service, err);

    if (st == HAL9_OK)
        st = hal9_restart_running(r, &f, err);
    if (st == HAL9_OK) {
        _cleanup_free_ char *step = hal9_strf("%s/bundle", name);

        hal9_plan_step(plan, step, "logs.bundle", hal9_restart_bundle_args(r, &f),
                       "save the logs of %s", name);
    }
    *HAL9_APPEND(all.v, all.n, all.cap) = f;
    hal9_restart_findings_clear(&all);
    return st;
}

static hal9_status plan_bundles(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    const struct hal9_restart *r = data;
    hal9_status st = HAL9_OK;

    for (size_t i = 0; st == HAL9_OK && i < r->services.n; i++)
        st = add_service(r, r->services.v[i], ret, err);
    _cleanup_free_ char *names = hal9_strv_join(&r->services, ", ");

    ret->title = hal9_strf("save the logs of %s", names);
    ret->service = r->services.n == 1 ? hal9_strdup(names) : NULL;
    return st;
}

hal9_status hal9_restart_bundle(const struct hal9_restart *r, const struct hal9_op_env *env,
                                struct hal9_op_result *ret, struct hal9_error *err) {
    struct hal9_restart copy = *r;

    return hal9_op_run(env, plan_bundles, &copy, ret, err);
}
