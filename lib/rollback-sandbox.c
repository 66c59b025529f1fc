/*
 * A sandbox: the parts of a plan copied below a folder, and a configuration that says so. What can't be copied (a server elsewhere) is left out by name. A
 * rehearsal on it is the same as one on the real things: the same steps, the same journal.
 */
#include <string.h>
#include <unistd.h>

#include "hal9ops/sys.h"
#include "rollback-sandbox.h"

static int cancel_of(const struct rb_making *m) {
    return m->env->cancel ? m->env->cancel->soft_fd : -1;
}

/* What a part needs, by the names of the sandbox. */
static void add_needs(struct rb_making *m) {
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

static void begin_config(struct rb_making *m) {
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

static hal9_status load_config(struct rb_making *m, struct hal9_error *err) {
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
    struct rb_making *m = data;

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

static hal9_status make_copies(struct rb_making *m, struct hal9_error *err) {
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
static hal9_status read_parts(struct rb_making *m, struct hal9_error *err) {
    const struct hal9_snapshot_opts o = {.config = m->config,
                                         .state = m->box->state,
                                         .plan = m->plan->name,
                                         .best_effort = true,
                                         .cancel_fd = cancel_of(m)};
    hal9_status st = rb_parts_of_plan(m->config, m->plan, &m->parts, err);

    return st == HAL9_OK ? hal9_rollback_snapshot(&o, &m->snapshot, err) : st;
}

static hal9_status open_box(struct rb_making *m, void (*told)(void *data, const char *words),
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
    struct rb_making m = {.config = c, .env = env, .box = ret};

    *ret = (struct hal9_sandbox){.lock_fd = -1};
    hal9_status st = rb_plan_find(c, plan, &m.plan, err);

    if (st == HAL9_OK)
        st = open_box(&m, told, data, err);
    if (st == HAL9_OK)
        st = read_parts(&m, err);
    if (st == HAL9_OK)
        begin_config(&m);
    for (size_t i = 0; st == HAL9_OK && i < m.parts.n; i++) {
        st = rb_sandbox_copy(&m, i, err);
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
