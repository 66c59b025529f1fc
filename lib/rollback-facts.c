/* What a snapshot tells of its moment beside what it keeps: the host and the services' processes. */
#include <math.h>

#include "hal9ops/sys.h"
#include "rollback-internal.h"

static void add_memory(cJSON *to) {
    struct hal9_memory m;

    if (hal9_host_memory(&m, NULL) != HAL9_OK)
        return;
    cJSON *j = cJSON_AddObjectToObject(to, "memory");

    hal9_json_add_int(j, "total", (int64_t)m.total);
    hal9_json_add_int(j, "available", (int64_t)m.available);
    hal9_json_add_int(j, "swap_total", (int64_t)m.swap_total);
    hal9_json_add_int(j, "swap_free", (int64_t)m.swap_free);
}

static void add_load(cJSON *to) {
    double load[3];
    unsigned cpus;

    if (hal9_host_load(load, &cpus, NULL) != HAL9_OK)
        return;
    cJSON *j = cJSON_AddArrayToObject(to, "load");

    hal9_json_add_int(to, "cpus", cpus);
    for (int i = 0; i < 3; i++)
        cJSON_AddItemToArray(j, cJSON_CreateNumber(round(load[i] * 100) / 100));
}

static void add_disk(cJSON *to, const char *path) {
    struct hal9_disk d;

    if (hal9_host_disk(path, &d, NULL) != HAL9_OK)
        return;
    cJSON *j = cJSON_CreateObject();

    hal9_json_add_int(j, "total", (int64_t)d.total);
    hal9_json_add_int(j, "available", (int64_t)d.available);
    cJSON_AddItemToObject(to, path, j);
}

static int count(const struct hal9_proc *p, void *data) {
    (void)p;
    ++*(int64_t *)data;
    return 0;
}

cJSON *rb_facts(const char *state_path) {
    cJSON *facts = cJSON_CreateObject();
    int64_t processes = 0;

    add_load(facts);
    add_memory(facts);
    cJSON *disk = cJSON_AddObjectToObject(facts, "disk");

    add_disk(disk, "/");
    if (state_path)
        add_disk(disk, state_path);
    if (hal9_proc_each(HAL9_PROC_STAT, count, &processes, NULL) == HAL9_OK)
        hal9_json_add_int(facts, "processes", processes);
    return facts;
}

/* ---- connections ---- */

enum {
    PORTS_MAX = 200
}; /* of peers that are named one by one: clients' ports are as many as clients */

struct tally {
    size_t by_state[HAL9_TCP_STATES];
    size_t by_port[65536];
};

static void add_connection(const struct hal9_connection *c, void *data) {
    struct tally *t = data;

    if (c->state > 0 && c->state < HAL9_TCP_STATES)
        t->by_state[c->state]++;
    if (c->state == HAL9_TCP_ESTABLISHED)
        t->by_port[c->peer_port]++;
}

cJSON *rb_connections(void) {
    const struct hal9_connections_want all = {0};
    _cleanup_free_ struct tally *t = hal9_alloc(sizeof(*t));
    int n = 0;

    if (hal9_connections_each(&all, add_connection, t, NULL) != HAL9_OK)
        return NULL;
    cJSON *j = cJSON_CreateObject();

    hal9_json_add_int(j, "established", (int64_t)t->by_state[HAL9_TCP_ESTABLISHED]);
    cJSON *states = cJSON_AddObjectToObject(j, "by_state");
    cJSON *ports = cJSON_AddObjectToObject(j, "by_port");

    for (int s = 1; s < HAL9_TCP_STATES; s++)
        if (t->by_state[s] > 0)
            hal9_json_add_int(states, hal9_tcp_state_name((enum hal9_tcp_state)s),
                              (int64_t)t->by_state[s]);
    for (int port = 0; port < 65536 && n < PORTS_MAX; port++) {
        char name[16];

        if (t->by_port[port] == 0)
            continue;
        snprintf(name, sizeof(name), "%d", port);
        hal9_json_add_int(ports, name, (int64_t)t->by_port[port]);
        n++;
    }
    return j;
}

/* ---- services ---- */

/* *ret_hidden: there may be more. */
static cJSON *pids_of(const struct hal9_service *service, struct hal9_state *s, bool *ret_hidden) {
    struct hal9_service_ref ref = {0};
    struct hal9_proc *procs = NULL;
    size_t n = 0;
    cJSON *pids = NULL;

    if (hal9_config_ref(service, s, &ref, NULL) == HAL9_OK &&
        hal9_service_procs(&ref, &procs, &n, ret_hidden, NULL) == HAL9_OK) {
        pids = cJSON_CreateArray();
        for (size_t i = 0; i < n; i++)
            cJSON_AddItemToArray(pids, cJSON_CreateNumber(procs[i].id.pid));
    }
    for (size_t i = 0; i < n; i++)
        hal9_proc_clear(&procs[i]);
    free(procs);
    hal9_service_ref_clear(&ref);
    return pids;
}

cJSON *rb_services(const struct hal9_config *c, struct hal9_state *s) {
    cJSON *all = cJSON_CreateArray();

    for (size_t i = 0; c && i < c->services.n; i++) {
        const struct hal9_service *service = c->services.v[i];
        bool hidden = false;
        cJSON *one = cJSON_CreateObject(), *pids = pids_of(service, s, &hidden);

        hal9_json_add_str(one, "name", service->name);
        if (pids) /* without: it can't be told */
            cJSON_AddItemToObject(one, "pids", pids);
        if (hidden)
            cJSON_AddTrueToObject(one, "hidden");
        cJSON_AddItemToArray(all, one);
    }
    return all;
}
