/* balancer CONFIG NAME BACKEND look | set SERVERS | drain OPTIONS: one operation on a balancer of a configuration, for the bench and for
 * tests/real. SERVERS: {"s1": {"weight": 5}}, or @FILE of that; OPTIONS: {"servers": ["s1"], "timeout_ms", "grace_ms", "min_up", "port"}. The state directory is
 * HAL9OPS_STATE_DIR, guards are lifted by HAL9_TEST_FORCE. Prints the state, or the operation's id and end. Exits 0 done, 1 failed, 2 not begun. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "hal9ops/config.h"
#include "hal9ops/sys.h"

struct job {
    const struct hal9_balancer_spec *spec;
    const char *backend, *verb;
    cJSON *words;
};

static hal9_status plan(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    const struct job *j = data;
    struct hal9_drain_opts o = {.timeout_ms = hal9_json_int(j->words, "timeout_ms", 5000),
                                .grace_ms = hal9_json_int(j->words, "grace_ms", 0),
                                .min_up = hal9_json_int(j->words, "min_up", 1),
                                .port = (uint16_t)hal9_json_int(j->words, "port", 0)};

    (void)err;
    ret->title = hal9_strf("%s %s", j->verb, j->backend);
    if (strcmp(j->verb, "set") == 0) {
        hal9_plan_step(ret, "set", "balancer.set",
                       hal9_args_balancer_set(j->spec, j->backend, j->words), NULL);
        return HAL9_OK;
    }
    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(j->words, "servers"), &o.servers);
    hal9_plan_step(ret, "drain", "balancer.drain",
                   hal9_args_balancer_drain(j->spec, j->backend, &o), NULL);
    hal9_strv_free(&o.servers);
    return HAL9_OK;
}

static void progress(void *data, const struct hal9_step_report *r, const char *text) {
    (void)data, (void)r;
    fprintf(stderr, "progress: %s\n", text);
}

static int tell(const struct hal9_error *e) {
    _cleanup_free_ char *text = hal9_error_text(e);

    fprintf(stderr, "balancer: %s: %s\n", hal9_status_name(e->code), text);
    return 2;
}

static int run(struct job *j) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_strv_ struct hal9_strv force = {0};
    const struct hal9_observer observer = {.on_progress = progress};
    struct hal9_op_env env = {.tool = "balancer",
                              .run = "test",
                              .lock_dir = getenv("HAL9OPS_LOCK_DIR"),
                              .kinds = hal9_kinds(),
                              .force = &force,
                              .observer = &observer};
    struct hal9_op_result res = {0};

    if (getenv("HAL9_TEST_FORCE"))
        hal9_strv_add(&force, getenv("HAL9_TEST_FORCE"));
    hal9_status st =
        hal9_state_open(getenv("HAL9OPS_STATE_DIR"), HAL9_STATE_WRITE, false, &env.state, &err);

    if (st == HAL9_OK)
        st = hal9_op_run(&env, plan, j, &res, &err);
    if (st == HAL9_OK && res.nothing)
        puts("nothing");
    else if (st == HAL9_OK)
        printf("%s %s\n", res.id, hal9_op_state_name(res.state));
    int code = st != HAL9_OK ? tell(&err) : 0;

    if (st == HAL9_OK && res.state == HAL9_OP_FAILED) {
        tell(&res.error);
        code = 1;
    }
    hal9_op_result_clear(&res);
    hal9_state_close(env.state);
    return code;
}

static int look(const struct job *j) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_(hal9_balancer_view_clear) struct hal9_balancer_view v = {0};

    if (hal9_balancer_look(j->spec, j->backend, -1, &v, &err) != HAL9_OK)
        return tell(&err);
    _cleanup_json_ cJSON *state = hal9_balancer_state(&v);

    cJSON_AddBoolToObject(state, "all_or_nothing", v.all_or_nothing);
    cJSON_AddBoolToObject(state, "shared", v.shared);
    _cleanup_free_ char *text = hal9_json_text(state);

    puts(text);
    return 0;
}

static const struct hal9_balancer_spec *find(const struct hal9_config *c, const char *name) {
    for (size_t i = 0; i < c->balancers.n; i++) {
        const struct hal9_balancer_spec *b = c->balancers.v[i];

        if (hal9_streq(b->name, name))
            return b;
    }
    return NULL;
}

static cJSON *read_words(const char *text) {
    _cleanup_buf_ struct hal9_buf file = {0};
    cJSON *words = NULL;

    if (text[0] == '@' && hal9_file_read(text + 1, (size_t)1 << 24, &file, NULL) == HAL9_OK)
        text = file.data;
    hal9_json_parse(text, strlen(text), &words, NULL);
    return words;
}

int main(int argc, char **argv) {
    struct hal9_config *config = NULL;
    struct hal9_errors errors = {0};
    int code = 2;

    if (argc < 5 || !getenv("HAL9OPS_STATE_DIR"))
        return 2;
    hal9_log_setup("balancer", 0);
    if (hal9_config_load(argv[1], &config, &errors) != HAL9_OK) {
        for (size_t i = 0; i < errors.n; i++)
            tell(&errors.v[i]);
        hal9_errors_clear(&errors);
        return 2;
    }
    struct job j = {.spec = find(config, argv[2]), .backend = argv[3], .verb = argv[4]};

    if (argc > 5)
        j.words = read_words(argv[5]);
    if (j.spec)
        code = strcmp(j.verb, "look") == 0 ? look(&j) : run(&j);
    cJSON_Delete(j.words);
    hal9_config_free(config);
    return code;
}
