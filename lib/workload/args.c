/* Args of the step kinds, out of what was found and configured. */
#include <string.h>

#include "workload/workload-internal.h"

static cJSON *socket_json(const struct hal9_listener *l) {
    char address[64];
    cJSON *j = cJSON_CreateObject();
    hal9_listener_text(l, address);
    hal9_json_add_str(j, "proto", l->proto == HAL9_UDP ? "udp" : "tcp");
    hal9_json_add_int(j, "port", l->port);
    hal9_json_add_u64(j, "inode", l->inode);
    hal9_json_add_u64(j, "cookie", l->cookie);
    hal9_json_add_str(j, "address", address);
    return j;
}

static bool told_before(const struct hal9_holders *h, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (hal9_proc_id_equal(&h->v[i].proc.id, &h->v[n].proc.id))
            return true;
    return false;
}

cJSON *hal9_args_stop_holders(const struct hal9_listeners *l, const struct hal9_holders *h,
                              const struct hal9_stop_spec *stop) {
    cJSON *j = cJSON_CreateObject();
    hal9_json_add_str(j, "what", "holders");
    hal9_json_add_u64(j, "netns", hal9_sock_netns());
    hal9_json_add_str(j, "boot", hal9_host_boot_id());
    cJSON *sockets = cJSON_AddArrayToObject(j, "sockets");
    for (size_t i = 0; i < l->n; i++)
        cJSON_AddItemToArray(sockets, socket_json(&l->v[i]));
    cJSON *processes = cJSON_AddArrayToObject(j, "processes");
    for (size_t i = 0; i < h->n; i++)
        if (!told_before(h, i))
            cJSON_AddItemToArray(processes, wl_proc_json(&h->v[i].proc));
    wl_stop_add(j, stop);
    return j;
}

cJSON *hal9_args_stop_service(const struct hal9_service_ref *ref,
                              const struct hal9_stop_spec *stop) {
    cJSON *j = cJSON_CreateObject();
    hal9_json_add_str(j, "what", "service");
    cJSON_AddItemToObject(j, "service", hal9_service_ref_json(ref));
    wl_stop_add(j, stop);
    return j;
}

static void add_run(cJSON *j, const struct hal9_run_spec *run) {
    hal9_json_add_str(j, "user", run->user);
    hal9_json_add_str(j, "cwd", run->cwd);
    hal9_json_add_str(j, "umask", run->umask);
    if (run->env)
        cJSON_AddItemToObject(j, "env", cJSON_Duplicate(run->env, true));
}

cJSON *hal9_args_start_service(const struct hal9_service_ref *ref,
                               const struct hal9_run_spec *run) {
    cJSON *j = cJSON_CreateObject();
    cJSON *command = cJSON_CreateObject();
    cJSON_AddItemToObject(j, "service", hal9_service_ref_json(ref));
    hal9_json_add_str(command, "name", ref->name);
    cJSON_AddItemToObject(command, "argv", hal9_json_strv(&run->exec));
    add_run(command, run);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(j, "commands"), command);
    hal9_json_add_str(j, "place", ref->name);
    return j;
}

cJSON *hal9_args_unit(const char *unit, int64_t timeout_ms) {
    cJSON *j = cJSON_CreateObject();
    hal9_json_add_str(j, "unit", unit);
    hal9_json_add_int(j, "timeout_ms", timeout_ms);
    return j;
}

static cJSON *port_args(enum hal9_proto proto, uint16_t port) {
    cJSON *j = cJSON_CreateObject();
    hal9_json_add_str(j, "proto", proto == HAL9_UDP ? "udp" : "tcp");
    hal9_json_add_int(j, "port", port);
    return j;
}

cJSON *hal9_args_prove(enum hal9_proto proto, uint16_t port, int64_t within_ms) {
    cJSON *j = port_args(proto, port);
    hal9_json_add_int(j, "within_ms", within_ms);
    return j;
}

cJSON *hal9_args_prove_freed(enum hal9_proto proto, uint16_t port, int64_t within_ms,
                             const struct hal9_service_ref *owner) {
    cJSON *j = hal9_args_prove(proto, port, within_ms);
    cJSON_AddTrueToObject(j, "freed");
    if (owner)
        cJSON_AddItemToObject(j, "owner", hal9_service_ref_json(owner));
    return j;
}

cJSON *hal9_args_settle(enum hal9_proto proto, uint16_t port, int64_t settle_ms,
                        const struct hal9_service_ref *owner) {
    cJSON *j = port_args(proto, port);
    hal9_json_add_int(j, "settle_ms", settle_ms);
    if (owner)
        cJSON_AddItemToObject(j, "owner", hal9_service_ref_json(owner));
    return j;
}

cJSON *hal9_args_bundle(const struct hal9_bundle *b) {
    cJSON *j = cJSON_CreateObject();
    cJSON_AddItemToObject(j, "service", hal9_service_ref_json(b->service));
    if (b->files)
        cJSON_AddItemToObject(j, "files", hal9_json_strv(b->files));
    hal9_json_add_str(j, "journal", b->journal);
    hal9_json_add_int(j, "last_ms", b->last_ms);
    hal9_json_add_u64(j, "max", b->max);
    hal9_json_add_int(j, "within_ms", b->within_ms);
    return j;
}

cJSON *hal9_args_preflight(const struct hal9_strv *argv, const struct hal9_run_spec *run,
                           int64_t timeout_ms) {
    cJSON *j = cJSON_CreateObject();
    hal9_json_add_str(j, "name", "preflight");
    cJSON_AddItemToObject(j, "argv", hal9_json_strv(argv));
    if (run)
        add_run(j, run);
    hal9_json_add_int(j, "timeout_ms", timeout_ms);
    return j;
}
