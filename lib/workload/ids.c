/* Processes and ports in args, notes and states, and in words. */
#include <string.h>

#include "workload/workload-internal.h"

void wl_id_add(cJSON *to, const struct hal9_proc_id *id) {
    hal9_json_add_int(to, "pid", id->pid);
    hal9_json_add_u64(to, "start", id->start);
    hal9_json_add_str(to, "boot", id->boot_id);
    hal9_json_add_u64(to, "pidns", id->pidns);
}

bool wl_id_parse(const cJSON *j, struct hal9_proc_id *ret) {
    int64_t pid = hal9_json_int(j, "pid", 0);
    const char *boot = hal9_json_str(j, "boot");
    if (pid <= 0 || pid > INT32_MAX || (boot && strlen(boot) >= sizeof(ret->boot_id)))
        return false;
    *ret = (struct hal9_proc_id){
        .pid = (pid_t)pid, .start = hal9_json_u64(j, "start"), .pidns = hal9_json_u64(j, "pidns")};
    if (boot)
        memcpy(ret->boot_id, boot, strlen(boot) + 1);
    return true;
}

cJSON *wl_proc_json(const struct hal9_proc *p) {
    _cleanup_free_ char *name = hal9_proc_name(p);
    cJSON *j = cJSON_CreateObject();
    wl_id_add(j, &p->id);
    hal9_json_add_str(j, "name", name);
    hal9_json_add_str(j, "exe", p->exe);
    if (p->exe_ino) {
        hal9_json_add_u64(j, "dev", p->exe_dev);
        hal9_json_add_u64(j, "ino", p->exe_ino);
    }
    if (p->uid != (uid_t)-1) {
        _cleanup_free_ char *user = hal9_user_name(p->uid);
        hal9_json_add_str(j, "user", user);
    }
    hal9_json_add_str(j, "unit", p->unit);
    return j;
}

enum hal9_alive wl_alive(const struct hal9_proc_id *id) {
    if (*id->boot_id && *hal9_host_boot_id() && strcmp(id->boot_id, hal9_host_boot_id()) != 0)
        return HAL9_GONE;
    return hal9_proc_alive(id);
}

char *wl_proc_words(const struct hal9_proc *p) {
    _cleanup_free_ char *name = hal9_proc_name(p);
    return hal9_strf("%s (pid %d)", name, (int)p->id.pid);
}

char *wl_port_resource(uint16_t port) {
    return hal9_strf("port:%llu/%u", (unsigned long long)hal9_sock_netns(), port);
}

void wl_copy_resources(const cJSON *args, struct hal9_strv *ret) {
    const cJSON *name;
    cJSON_ArrayForEach(name, cJSON_GetObjectItemCaseSensitive(args, "resources")) {
        hal9_strv_add(ret, cJSON_GetStringValue(name));
    }
}

char *wl_place(const struct hal9_state *state, const char *name) {
    enum { SUFFIX = 8 };
    char sha[65];
    const char *path = state ? hal9_state_path(state) : "";
    if (!name || strcmp(path, "/var/lib/hal9ops") == 0)
        return hal9_strdup(name);
    hal9_sha256_hex(path, strlen(path), sha);
    return hal9_strf("%s-%.*s", name, SUFFIX, sha);
}
