/*
 * A sandbox: the parts of a plan copied below a folder, and a configuration that says so. What can't be copied (a server elsewhere) is left out by name. A
 * rehearsal on it is the same as one on the real things: the same steps, the same journal.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hal9ops/sys.h"
#include "rollback-rehearse.h"
#include "sys/fault.h"

struct making {
    const struct hal9_config *config;
    const struct hal9_rollback_spec *plan;
    const struct hal9_op_env *env;
    struct hal9_sandbox *box;
    struct rb_parts parts;
    cJSON *snapshot;
    cJSON *doc, *balancers, *flags, *list; /* of the configuration that is made */
    struct hal9_plan copies;               /* steps that make the copies */
    struct rb_parts traffic;  /* parts of balancers, whose states are set when they run */
    struct hal9_buf backends; /* of the balancer that is made now */
    struct hal9_strv names;   /* of parts in the sandbox, beside labels */
};

static int cancel_of(const struct making *m) {
    return m->env->cancel ? m->env->cancel->soft_fd : -1;
}

static void leave_out(struct making *m, const struct rb_part *p, const char *why) {
    hal9_strv_add(&m->box->left_out, p->name);
    hal9_strv_add(&m->box->whys, why);
}

static cJSON *add_part(struct making *m, const struct rb_part *p, char *name) {
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

static hal9_status copy_files(struct making *m, const struct rb_part *p, const cJSON *state,
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

static hal9_status copy_flags(struct making *m, const struct rb_part *p, struct hal9_error *err) {
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

static hal9_status copy_release(struct making *m, const struct rb_part *p, const cJSON *state,
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

static void add_backend(struct making *m, const struct rb_part *p, const cJSON *state) {
    const cJSON *s;

    hal9_buf_printf(&m->backends, "backend %s\n  balance roundrobin\n", p->backend);
    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(state, "servers")) {
        hal9_buf_printf(&m->backends, "  server %s 127.0.0.1:1 weight %lld%s\n", s->string,
                        (long long)hal9_json_int(s, "weight", 1),
                        hal9_streq(hal9_json_str(s, "admin"), "maint") ? " disabled" : "");
    }
}

static void copy_balancer(struct making *m, const struct rb_part *p, const cJSON *state) {
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

static hal9_status start_balancer(struct making *m, const struct rb_part *first,
                                  struct hal9_error *err) {
    const cJSON *b = cJSON_GetObjectItemCaseSensitive(m->balancers, first->balancer->name);
    const char *socket = hal9_json_str(b, "haproxy") + strlen("unix:");
    _cleanup_free_ char *name = hal9_strndup(base_of(socket), strcspn(base_of(socket), "."));

    return rb_haproxy_start(m->box->root, name, m->backends.data, socket, cancel_of(m), err);
}

/* All parts of one balancer are backends of one process. */
static hal9_status make_balancer(struct making *m, size_t at, struct hal9_error *err) {
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

static bool is_first_of_balancer(const struct making *m, size_t at) {
    for (size_t i = 0; i < at; i++)
        if (m->parts.v[i].balancer == m->parts.v[at].balancer)
            return false;
    return true;
}

static const char *gap_of(const struct making *m, const char *name) {
    const cJSON *one;

    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(m->snapshot, "parts")) {
        if (hal9_streq(hal9_json_str(one, "part"), name))
            return hal9_json_str(one, "gap");
    }
    return "it is not in the snapshot";
}

static hal9_status copy_part(struct making *m, size_t at, struct hal9_error *err) {
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

/* What a part needs, by the names of the sandbox. */
static void add_needs(struct making *m) {
    cJSON *j;
    size_t at = 0;

    cJSON_ArrayForEach(j, m->list) {
        const char *label = m->box->labels.v[at++];
        cJSON *needs = cJSON_CreateArray();

        for (size_t i = 0; i < m->parts.n; i++) {
            const struct rb_part *p = &m->parts.v[i];

            for (size_t n = 0; p->spec && hal9_streq(p->name, label) && n < p->spec->needs.n; n++) {
                const char *word = p->spec->needs.v[n];

                for (size_t k = 0; k < m->names.n; k++)
                    if (hal9_streq(m->box->labels.v[k], word))
                        word = m->names.v[k];
                cJSON_AddItemToArray(needs, cJSON_CreateString(word));
            }
        }
        if (needs->child)
            cJSON_AddItemToObject(j, "needs", needs);
        else
            cJSON_Delete(needs);
    }
}

/* ---- the configuration ---- */

static void begin_config(struct making *m) {
    m->doc = cJSON_CreateObject();
    hal9_json_add_int(m->doc, "hal9", 1);
    cJSON_AddTrueToObject(m->doc, "staging");
    m->balancers = cJSON_AddObjectToObject(m->doc, "balancers");
    m->flags = cJSON_AddObjectToObject(m->doc, "flags");
    cJSON *plan =
        cJSON_AddObjectToObject(cJSON_AddObjectToObject(m->doc, "rollback"), m->plan->name);

    m->list = cJSON_AddArrayToObject(plan, "parts");
    cJSON *verify = cJSON_AddObjectToObject(plan, "verify");

    hal9_json_add_int(verify, "tries", 3);
    hal9_json_add_str(verify, "every", "100ms");
    cJSON *gradual = cJSON_AddObjectToObject(plan, "gradual"), *stops = cJSON_CreateArray();

    for (size_t i = 0; i < m->plan->stops.n; i++) {
        int64_t n = 10;

        hal9_parse_int(m->plan->stops.v[i], 0, 1000, &n, NULL);
        cJSON_AddItemToArray(stops, cJSON_CreateNumber((double)n));
    }
    cJSON_AddItemToObject(gradual, "stops", stops);
}

static hal9_status load_config(struct making *m, struct hal9_error *err) {
    _cleanup_free_ char *text = hal9_json_text(m->doc);
    struct hal9_errors errors = {0};
    hal9_status st = hal9_file_write(m->box->config_path, text, strlen(text), 0600, err);

    if (st == HAL9_OK &&
        hal9_config_load(m->box->config_path, &m->box->config, &errors) != HAL9_OK) {
        st = errors.n > 0 ? hal9_error_move(err, &errors.v[0])
                          : hal9_error_set(err, HAL9_E_CONFIG, "the sandbox can't be read");
        hal9_error_prefix(err, "the sandbox' configuration");
    }
    hal9_errors_clear(&errors);
    return st;
}

/* ---- the copies made ---- */

static hal9_status take_steps(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    struct making *m = data;

    for (size_t i = 0; i < m->copies.n; i++)
        hal9_plan_step(ret, m->copies.steps[i]->name, m->copies.steps[i]->kind,
                       cJSON_Duplicate(m->copies.steps[i]->args, true), "copy %s",
                       m->copies.steps[i]->name);
    for (size_t i = 0; i < m->traffic.n; i++) {
        _cleanup_strv_ struct hal9_strv names = {0};
        struct rb_part p = m->traffic.v[i];
        const cJSON *state = rb_snapshot_state(m->snapshot, p.name);

        for (size_t k = 0; k < m->box->config->balancers.n; k++) {
            const struct hal9_balancer_spec *b = m->box->config->balancers.v[k];

            if (hal9_streq(b->name, p.balancer->name)) {
                p.balancer = b;
                break;
            }
        }
        p.kind->plan(&p, state, NULL, ret, &names, err);
    }
    ret->title = hal9_strf("sandbox of %s", m->plan->name);
    return HAL9_OK;
}

static hal9_status make_copies(struct making *m, struct hal9_error *err) {
    _cleanup_(hal9_op_result_clear) struct hal9_op_result res = {0};
    struct hal9_op_env env = *m->env;

    env.state = m->box->state;
    env.lock_dir = m->box->lock_dir;
    env.observer = NULL;
    hal9_status st = hal9_op_run(&env, take_steps, m, &res, err);

    if (st == HAL9_OK && res.state == HAL9_OP_FAILED)
        st = hal9_error_set(err, HAL9_E_FAILED, "the sandbox can't be made: %s: %s",
                            res.failed_step ? res.failed_step : "?",
                            res.error.message ? res.error.message : "?");
    return st;
}

/* ---- */

/* Its contents come into the sandbox' own state directory; it is asked for there, and gone before the rehearsal takes its own. */
static hal9_status read_parts(struct making *m, struct hal9_error *err) {
    const struct hal9_snapshot_opts o = {.config = m->config,
                                         .state = m->box->state,
                                         .plan = m->plan->name,
                                         .best_effort = true,
                                         .cancel_fd = cancel_of(m)};
    hal9_status st = rb_parts_of_plan(m->config, m->plan, &m->parts, err);

    return st == HAL9_OK ? hal9_rollback_snapshot(&o, &m->snapshot, err) : st;
}

static hal9_status open_box(struct making *m, void (*told)(void *data, const char *words),
                            void *data, struct hal9_error *err) {
    hal9_status st = rb_sandbox_root(&m->box->root, &m->box->lock_fd, told, data, err);

    if (st != HAL9_OK)
        return st;
    _cleanup_free_ char *state = hal9_path_join(m->box->root, "state");

    m->box->lock_dir = hal9_path_join(m->box->root, "locks");
    m->box->config_path = hal9_path_join(m->box->root, "hal9.yaml");
    st = hal9_dir_make(m->box->lock_dir, 0700, err);
    return st == HAL9_OK ? hal9_state_open(state, HAL9_STATE_WRITE, false, &m->box->state, err)
                         : st;
}

hal9_status hal9_sandbox_make(const struct hal9_config *c, const char *plan,
                              const struct hal9_op_env *env,
                              void (*told)(void *data, const char *words), void *data,
                              struct hal9_sandbox *ret, struct hal9_error *err) {
    struct making m = {.config = c, .env = env, .box = ret};

    *ret = (struct hal9_sandbox){.lock_fd = -1};
    hal9_status st = rb_plan_find(c, plan, &m.plan, err);

    if (st == HAL9_OK)
        st = open_box(&m, told, data, err);
    if (st == HAL9_OK)
        st = read_parts(&m, err);
    if (st == HAL9_OK)
        begin_config(&m);
    for (size_t i = 0; st == HAL9_OK && i < m.parts.n; i++) {
        st = copy_part(&m, i, err);
        if (st != HAL9_OK)
            hal9_error_prefix(err, "%s", m.parts.v[i].name);
    }
    if (st == HAL9_OK && ret->labels.n > 0) {
        add_needs(&m);
        st = load_config(&m, err);
        if (st == HAL9_OK)
            st = make_copies(&m, err);
    }
    cJSON_Delete(m.doc);
    cJSON_Delete(m.snapshot);
    hal9_plan_clear(&m.copies);
    hal9_buf_free(&m.backends);
    hal9_strv_free(&m.names);
    free(m.traffic.v); /* copies of parts, which own nothing */
    rb_parts_clear(&m.parts);
    return st;
}

void hal9_sandbox_clear(struct hal9_sandbox *s) {
    if (s->root)
        rb_sandbox_remove(s->root);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    hal9_state_close(s->state);
    hal9_config_free(s->config);
    hal9_strv_free(&s->labels);
    hal9_strv_free(&s->left_out);
    hal9_strv_free(&s->whys);
    hal9_strv_free(&s->unread);
    free(s->root);
    free(s->lock_dir);
    free(s->config_path);
    *s = (struct hal9_sandbox){.lock_fd = -1};
}
