/* Copies of parts for a sandbox, one kind after the other; what can't be copied is left out, and why. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hal9ops/sys.h"
#include "rollback-sandbox.h"
#include "sys/fault.h"

static void leave_out(struct rb_making *m, const struct rb_part *p, const char *why) {
    hal9_strv_add(&m->box->left_out, p->name);
    hal9_strv_add(&m->box->whys, why);
}

static cJSON *add_part(struct rb_making *m, const struct rb_part *p, char *name) {
    cJSON *j = cJSON_CreateObject();

    cJSON_AddItemToArray(m->list, j);
    hal9_strv_add(&m->box->labels, p->name);
    hal9_strv_take(&m->names, name);
    return j;
}

/* ---- files ---- */

static hal9_status make_folder(const char *path, struct hal9_error *err) {
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *folder = hal9_strndup(path, (size_t)(slash - path));

    return hal9_dir_make(folder, 0700, err);
}

static hal9_status copy_files(struct rb_making *m, const struct rb_part *p, const cJSON *state,
                              struct hal9_error *err) {
    _cleanup_free_ char *path = hal9_strf("%s/files%s", m->box->root, p->path);
    char tree[65];
    hal9_status st = hal9_tree_own(m->box->state, state, tree, err);

    if (st == HAL9_OK)
        st = make_folder(path, err);
    if (st != HAL9_OK)
        return st;
    if (!hal9_json_bool(state, "absent", false))
        hal9_plan_step(&m->copies, p->name, hal9_kind_files_restore.name,
                       hal9_args_files(path, tree), NULL);
    hal9_json_add_str(add_part(m, p, hal9_strf("files:%s", path)), "files", path);
    return HAL9_OK;
}

/* ---- flags ---- */

static hal9_status copy_flags(struct rb_making *m, const struct rb_part *p,
                              struct hal9_error *err) {
    const struct hal9_flag_spec *f = p->flags;
    const char *from = f->flagd ? f->flagd : f->env;
    const char *kind = hal9_flag_kind(f);
    _cleanup_buf_ struct hal9_buf data = {0};

    if (!from) {
        _cleanup_free_ char *why = hal9_strf("%s is not copied: it is a server", kind);

        leave_out(m, p, why);
        return HAL9_OK;
    }
    _cleanup_free_ char *path =
        hal9_strf("%s/flags%s", m->box->root, *from == '/' ? from : "/store");
    hal9_status st = hal9_file_read(from, (size_t)64 << 20, &data, err);

    if (st == HAL9_OK)
        st = make_folder(path, err);
    if (st == HAL9_OK)
        st = hal9_file_write(path, data.data ? data.data : "", data.len, 0600, err);
    if (st != HAL9_OK)
        return st;
    hal9_json_add_str(cJSON_AddObjectToObject(m->flags, f->name), kind, path);
    hal9_json_add_str(add_part(m, p, hal9_strdup(p->name)), "flags", f->name);
    return HAL9_OK;
}

/* ---- releases: folders of the same names, with a link ---- */

static const char *base_of(const char *path) {
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static hal9_status make_release(const char *dir, const char *target, struct hal9_error *err) {
    _cleanup_free_ char *path = hal9_strf("%s/releases/%s", dir, base_of(target));

    return *base_of(target) ? hal9_dir_make(path, 0700, err) : HAL9_OK;
}

static hal9_status copy_release(struct rb_making *m, const struct rb_part *p, const cJSON *state,
                                struct hal9_error *err) {
    const char *target = hal9_json_str(state, "target");
    _cleanup_free_ char *dir = hal9_strf("%s/release-%zu", m->box->root, m->names.n);
    _cleanup_free_ char *link = hal9_strf("%s/%s", dir, base_of(p->path));
    _cleanup_strv_ struct hal9_strv kept = {0};

    if (!target || !*base_of(target)) {
        leave_out(m, p, "there is no link to a release");
        return HAL9_OK;
    }
    hal9_release_list(p->path, &kept, NULL);
    hal9_strv_add(&kept, target);
    if (kept.n < 3) /* a link alone: something to switch to */
        hal9_strv_add(&kept, "hal9-rehearsal");
    hal9_status st = hal9_dir_make(dir, 0700, err);

    for (size_t i = 0; st == HAL9_OK && i < kept.n; i++)
        st = make_release(dir, kept.v[i], err);
    _cleanup_free_ char *to = hal9_strf("releases/%s", base_of(target));

    if (st == HAL9_OK && hal9_sys_symlink(to, link) < 0)
        st = hal9_error_errno(err, errno, "cannot make the link %s", link);
    if (st == HAL9_OK)
        hal9_json_add_str(add_part(m, p, hal9_strf("release:%s", link)), "release", link);
    return st;
}

/* ---- balancers ---- */

static void add_backend(struct rb_making *m, const struct rb_part *p, const cJSON *state) {
    const cJSON *s;

    hal9_buf_printf(&m->backends, "backend %s\n  balance roundrobin\n", p->backend);
    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(state, "servers")) {
        hal9_buf_printf(&m->backends, "  server %s 127.0.0.1:1 weight %lld%s\n", s->string,
                        (long long)hal9_json_int(s, "weight", 1),
                        hal9_streq(hal9_json_str(s, "admin"), "maint") ? " disabled" : "");
    }
}

static void copy_balancer(struct rb_making *m, const struct rb_part *p, const cJSON *state) {
    const struct hal9_part_spec *spec = p->spec;

    if (!cJSON_HasObjectItem(m->balancers, p->balancer->name)) {
        cJSON *b = cJSON_AddObjectToObject(m->balancers, p->balancer->name);
        _cleanup_free_ char *socket = hal9_strf("unix:%s/b%zu.sock", m->box->root, m->names.n);

        hal9_json_add_str(b, "haproxy", socket);
    }
    add_backend(m, p, state);
    cJSON *j = add_part(m, p, hal9_strdup(p->name)), *drain;

    hal9_json_add_str(j, "balancer", p->balancer->name);
    hal9_json_add_str(j, "backend", p->backend);
    if (spec && spec->fresh.n > 0)
        cJSON_AddItemToObject(j, "new", hal9_json_strv(&spec->fresh));
    drain = cJSON_AddObjectToObject(j, "drain");
    hal9_json_add_str(drain, "timeout", "1s");
    hal9_json_add_str(drain, "grace", "0s");
    *HAL9_APPEND(m->traffic.v, m->traffic.n, m->traffic.cap) = *p;
}

static hal9_status start_balancer(struct rb_making *m, const struct rb_part *first,
                                  struct hal9_error *err) {
    const cJSON *b = cJSON_GetObjectItemCaseSensitive(m->balancers, first->balancer->name);
    const char *socket = hal9_json_str(b, "haproxy") + strlen("unix:");
    _cleanup_free_ char *name = hal9_strndup(base_of(socket), strcspn(base_of(socket), "."));

    return rb_haproxy_start(m->box->root, name, m->backends.data, socket,
                            m->env->cancel ? m->env->cancel->soft_fd : -1, err);
}

/* All parts of one balancer are backends of one process. */
static hal9_status make_balancer(struct rb_making *m, size_t at, struct hal9_error *err) {
    const struct rb_part *first = &m->parts.v[at];
    bool any = false;

    hal9_buf_reset(&m->backends);
    for (size_t i = at; i < m->parts.n; i++) {
        const struct rb_part *p = &m->parts.v[i];
        const cJSON *state = rb_snapshot_state(m->snapshot, p->name);

        if (p->balancer != first->balancer || !state)
            continue;
        copy_balancer(m, p, state);
        any = true;
    }
    return any ? start_balancer(m, first, err) : HAL9_OK;
}

static const char *cannot_stand_in(const struct rb_part *p) {
    static const char no_haproxy[] = "needs haproxy";

    if (!hal9_streq(hal9_balancer_kind(p->balancer), "haproxy"))
        return "its balancer is not copied: only haproxy can be";
    return rb_haproxy() ? NULL : no_haproxy;
}

/* ---- all parts ---- */

static bool is_first_of_balancer(const struct rb_making *m, size_t at) {
    for (size_t i = 0; i < at; i++)
        if (m->parts.v[i].balancer == m->parts.v[at].balancer)
            return false;
    return true;
}

static const char *gap_of(const struct rb_making *m, const char *name) {
    const cJSON *one;

    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(m->snapshot, "parts")) {
        if (hal9_streq(hal9_json_str(one, "part"), name))
            return hal9_json_str(one, "gap");
    }
    return "it is not in the snapshot";
}

hal9_status rb_sandbox_copy(struct rb_making *m, size_t at, struct hal9_error *err) {
    const struct rb_part *p = &m->parts.v[at];
    const cJSON *state = rb_snapshot_state(m->snapshot, p->name);
    const bool server = p->flags && !p->flags->flagd && !p->flags->env;

    if (p->balancer && cannot_stand_in(p)) {
        leave_out(m, p, cannot_stand_in(p));
        return HAL9_OK;
    }
    if (p->balancer && is_first_of_balancer(m, at)) {
        hal9_status st = make_balancer(m, at, err);

        if (st != HAL9_OK)
            return st;
    }
    if (!state && !server) {
        _cleanup_free_ char *why = hal9_strf("can't be read: %s", gap_of(m, p->name));

        leave_out(m, p, why);
        hal9_strv_add(&m->box->unread, p->name);
        return HAL9_OK;
    }
    if (p->balancer)
        return HAL9_OK;
    if (p->flags)
        return copy_flags(m, p, err);
    if (hal9_streq(p->kind->kind, "files"))
        return copy_files(m, p, state, err);
    if (hal9_streq(p->kind->kind, "release"))
        return copy_release(m, p, state, err);
    leave_out(m, p, "its kind is not copied");
    return HAL9_OK;
}
