/* What a bundle has besides logs: the service's processes, who has its ports, the host, the configuration, what was found. */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "workload/bundle.h"

enum { PROCESSES_MAX = 32 };

/* ---- secrets ---- */

static void learn_references(struct wl_bundle *b) {
    const cJSON *item;

    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(b->args, "secrets")) {
        if (cJSON_IsString(item))
            hal9_redactor_learn_reference(b->redactor, item->valuestring);
    }
}

/* ---- processes ---- */

/* "--token", "abc" or "--token=abc": what follows is known then, wherever else it stands. */
static void learn_arguments(struct wl_bundle *b, const struct hal9_strv *argv) {
    for (size_t i = 0; i < argv->n; i++) {
        const char *arg = argv->v[i], *name = arg + strspn(arg, "-");

        if (strchr(arg, '='))
            hal9_redactor_learn_env(b->redactor, name);
        else if (name > arg && i + 1 < argv->n && argv->v[i + 1][0] != '-' &&
                 hal9_secret_name(name))
            hal9_redactor_learn(b->redactor, argv->v[i + 1]);
    }
}

/* Names only; the values that look so are learned. */
static void add_environment(struct wl_bundle *b, const struct hal9_proc_id *id,
                            struct hal9_buf *ret) {
    _cleanup_(hal9_proc_capture_clear) struct hal9_proc_capture c = {0};
    _cleanup_error_ struct hal9_error e = {0};

    hal9_buf_puts(ret, "== environment: names\n");
    if (hal9_proc_capture(id, &c, &e) != HAL9_OK) {
        hal9_buf_printf(ret, "(%s)\n", e.message);
        return;
    }
    for (size_t i = 0; i < c.env.n; i++) {
        hal9_redactor_learn_env(b->redactor, c.env.v[i]);
        hal9_buf_printf(ret, "%.*s\n", (int)strcspn(c.env.v[i], "="), c.env.v[i]);
    }
}

static void add_process(struct wl_bundle *b, const struct hal9_proc *p) {
    _cleanup_free_ char *path = hal9_strf("processes/%d.txt", (int)p->id.pid);
    _cleanup_free_ char *from = wl_proc_words(p);
    _cleanup_free_ char *user = p->uid == (uid_t)-1 ? NULL : hal9_user_name(p->uid);
    _cleanup_strv_ struct hal9_strv argv = {0};
    _cleanup_error_ struct hal9_error e = {0};
    char since[32];

    learn_arguments(b, &p->argv);
    hal9_strv_copy(&argv, &p->argv);
    b->redacted += hal9_redact_argv(b->redactor, &argv);
    _cleanup_free_ char *typed = argv.n > 0 ? hal9_shell_quote((const char *const *)argv.v) : NULL;
    struct wl_entry *entry = wl_bundle_add(b, path, from);
    struct hal9_buf *text = &entry->data;

    hal9_time_format(p->started_ms, since);
    hal9_buf_printf(text, "%s\nuser %s, parent %d, since %s\nexe %s%s\ncwd %s\nargv %s\n", from,
                    user ? user : "?", (int)p->ppid, since, p->exe ? p->exe : "?",
                    p->exe_deleted ? " (replaced on disk)" : "", p->cwd ? p->cwd : "?",
                    typed ? typed : "?");
    if (hal9_proc_facts(&p->id, text, &e) != HAL9_OK)
        hal9_buf_printf(text, "(%s)\n", e.message);
    add_environment(b, &p->id, text);
}

static void add_processes(struct wl_bundle *b) {
    struct hal9_proc *procs = NULL;
    size_t n = 0;
    bool hidden = false;
    _cleanup_error_ struct hal9_error e = {0};

    if (hal9_service_procs(&b->ref, &procs, &n, &hidden, &e) != HAL9_OK)
        wl_bundle_leave_out(b, "processes", e.message);
    else if (hidden && geteuid() != 0)
        wl_bundle_leave_out(b, "some processes", "they can't be seen by this user");
    else if (n == 0)
        wl_bundle_leave_out(b, "processes", "none runs");
    for (size_t i = 0; i < n; i++) {
        if (i < PROCESSES_MAX)
            add_process(b, &procs[i]);
        hal9_proc_clear(&procs[i]);
    }
    if (n > PROCESSES_MAX)
        wl_bundle_leave_out(b, "further processes", "there are too many");
    free(procs);
}

/* ---- ports ---- */

static void add_holders(const struct hal9_listeners *l, struct hal9_buf *text) {
    struct hal9_holders holders = {0};
    _cleanup_error_ struct hal9_error e = {0};

    if (l->n == 0)
        hal9_buf_puts(text, "nobody listens\n");
    else if (hal9_sock_holders(l, HAL9_HOLDERS_ALL, NULL, &holders, &e) != HAL9_OK)
        hal9_buf_printf(text, "(%s)\n", e.message);
    for (size_t i = 0; i < holders.n; i++) {
        char address[64];
        _cleanup_free_ char *who = wl_proc_words(&holders.v[i].proc);

        hal9_listener_text(&l->v[holders.v[i].listener], address);
        hal9_buf_printf(text, "%s: %s, descriptor %d%s%s\n", address, who, holders.v[i].fd,
                        holders.v[i].proc.unit ? ", unit " : "",
                        holders.v[i].proc.unit ? holders.v[i].proc.unit : "");
    }
    if (holders.hidden)
        hal9_buf_puts(text, "some holders can't be seen by this user\n");
    hal9_holders_clear(&holders);
}

static void add_ports(struct wl_bundle *b) {
    const cJSON *ports = cJSON_GetObjectItemCaseSensitive(b->args, "ports"), *item;
    struct hal9_ports set = {0};
    struct hal9_listeners l = {0};
    _cleanup_error_ struct hal9_error e = {0};

    if (cJSON_GetArraySize(ports) == 0)
        return;
    struct wl_entry *entry = wl_bundle_add(b, "ports.txt", "who has its ports");

    cJSON_ArrayForEach(item, ports) {
        uint16_t port = (uint16_t)item->valueint;
        size_t connections = 0;

        hal9_ports_add(&set, port, port);
        if (hal9_sock_connections(port, &connections, NULL) == HAL9_OK)
            hal9_buf_printf(&entry->data, "%u: %zu connections\n", port, connections);
    }
    if (hal9_sock_listeners(&set, HAL9_TCP, &l, &e) != HAL9_OK)
        hal9_buf_printf(&entry->data, "(%s)\n", e.message);
    else
        add_holders(&l, &entry->data);
    hal9_listeners_clear(&l);
    hal9_ports_clear(&set);
}

/* ---- host ---- */

static void add_pressure(struct hal9_buf *t, const char *what) {
    double some[3];

    if (hal9_host_pressure(what, some, NULL) == HAL9_OK)
        hal9_buf_printf(t, "pressure of %s: %.1f %% in 10 s, %.1f %% in 60 s, %.1f %% in 300 s\n",
                        what, some[0], some[1], some[2]);
}

static void add_host(struct wl_bundle *b) {
    struct hal9_buf *t = &wl_bundle_add(b, "host.txt", "the host")->data;
    struct utsname u = {0};
    struct hal9_memory m;
    double load[3];
    unsigned cpus;
    uint64_t open_files, most;
    char now[32];

    uname(&u);
    hal9_time_format(hal9_now_ms(), now);
    hal9_buf_printf(t, "%s, %s %s %s, hal9ops %s\n%s, boot %s\n", hal9_host_name(), u.sysname,
                    u.release, u.machine, hal9_version(), now, hal9_host_boot_id());
    if (hal9_host_memory(&m, NULL) == HAL9_OK) {
        _cleanup_free_ char *total = hal9_size_text(m.total), *free_ = hal9_size_text(m.available);
        _cleanup_free_ char *swap = hal9_size_text(m.swap_free);

        hal9_buf_printf(t, "memory: %s available of %s, swap %s free\n", free_, total, swap);
    }
    if (hal9_host_load(load, &cpus, NULL) == HAL9_OK)
        hal9_buf_printf(t, "load: %.2f %.2f %.2f, %u CPUs\n", load[0], load[1], load[2], cpus);
    if (hal9_host_open_files(&open_files, &most, NULL) == HAL9_OK)
        hal9_buf_printf(t, "open files: %llu of %llu\n", (unsigned long long)open_files,
                        (unsigned long long)most);
    add_pressure(t, "cpu");
    add_pressure(t, "memory");
    add_pressure(t, "io");
}

static void add_json(struct wl_bundle *b, const char *member, const char *path, const char *from) {
    const cJSON *j = cJSON_GetObjectItemCaseSensitive(b->args, member);

    if (!j)
        return;
    struct wl_entry *e = wl_bundle_add(b, path, from);
    char *text = cJSON_Print(j);

    hal9_buf_puts(&e->data, text ? text : "");
    hal9_buf_putc(&e->data, '\n');
    cJSON_free(text);
}

void wl_bundle_facts(struct wl_bundle *b) {
    learn_references(b);
    add_processes(b);
    add_ports(b);
    add_host(b);
    add_json(b, "config", "config.json", "its section of the configuration");
    add_json(b, "found", "found.json", "what was found before anything was done");
}
