/* Who a process is, for records and people; what is known of a service's processes. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "check/look.h"
#include "hal9ops/doc.h"

char *hal9_proc_who(const struct hal9_proc *p) {
    _cleanup_free_ char *name = hal9_proc_name(p);
    return hal9_strf("%s (pid %d)", name, (int)p->id.pid);
}

void hal9_proc_evidence(const struct hal9_proc *p, cJSON *evidence) {
    _cleanup_free_ char *name = hal9_proc_name(p);
    char started[32];
    if (cJSON_HasObjectItem(evidence, "pid"))
        return;
    hal9_time_format(p->started_ms, started);
    hal9_json_add_int(evidence, "pid", p->id.pid);
    hal9_json_add_str(evidence, "started", started);
    hal9_json_add_str(evidence, "exe", p->exe);
    hal9_json_add_str(evidence, "name", name);
    hal9_json_add_str(evidence, "unit", p->unit);
    hal9_json_add_str(evidence, "container", p->container);
    if (p->uid != (uid_t)-1) {
        _cleanup_free_ char *user = hal9_user_name(p->uid);
        hal9_json_add_str(evidence, "user", user);
    }
}

void hal9_owner_evidence(const struct hal9_owner_view *v, cJSON *evidence) {
    hal9_json_add_str(evidence, "address", v->address);
    if (v->has_proc)
        hal9_proc_evidence(&v->proc, evidence);
    else if (v->address) {
        _cleanup_free_ char *user = hal9_user_name(v->listener.uid);
        hal9_json_add_str(evidence, "user", user);
    }
}

bool hal9_service_known(const struct hal9_service_ref *s) {
    return s && (!hal9_identity_empty(&s->identity) || s->unit || s->place || s->recorded.pid > 0);
}

const char *hal9_service_word(const struct hal9_service_ref *s) {
    return s && s->name ? s->name : "the service";
}

/* Else one root process out of sight would keep every stopped service from being told as stopped. */
bool hal9_identity_plausible(const struct hal9_identity *want, const struct hal9_proc *p) {
    const char *slash = want->exe ? strrchr(want->exe, '/') : NULL;
    const char *name = slash ? slash + 1 : want->exe;
    if (!name || (p->comm && strncmp(p->comm, name, 15) == 0))
        return true;
    for (size_t i = 0; i < p->argv.n; i++)
        if (strstr(p->argv.v[i], name))
            return true;
    return false;
}

struct hidden {
    const struct hal9_service_ref *service;
    bool found;
};

static int find_hidden(const struct hal9_proc *p, void *data) {
    struct hidden *h = data;
    h->found = hal9_service_is(h->service, p) == HAL9_SERVICE_CANT_TELL &&
               hal9_identity_plausible(&h->service->identity, p);
    return h->found;
}

static bool may_be_hidden(const struct hal9_service_ref *service) {
    struct hidden h = {.service = service};
    return hal9_proc_each(HAL9_PROC_ALL, find_hidden, &h, NULL) != HAL9_OK || h.found;
}

enum hal9_running hal9_service_running(const struct hal9_service_ref *service, char **ret_who,
                                       cJSON *evidence) {
    struct hal9_proc *procs = NULL;
    size_t n = 0;
    bool hidden = false;
    if (!hal9_service_known(service))
        return HAL9_RUNS_HIDDEN;
    if (hal9_service_procs(service, &procs, &n, &hidden, NULL) != HAL9_OK)
        return HAL9_RUNS_HIDDEN;
    if (n > 0) {
        *ret_who = hal9_proc_who(&procs[0]);
        if (evidence)
            hal9_proc_evidence(&procs[0], evidence);
    }
    for (size_t i = 0; i < n; i++)
        hal9_proc_clear(&procs[i]);
    free(procs);
    if (n > 0)
        return HAL9_RUNS;
    return hidden && may_be_hidden(service) ? HAL9_RUNS_HIDDEN : HAL9_RUNS_NOT;
}
