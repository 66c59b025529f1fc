/* steps DIR N: an operation of N steps that do nothing, one after the other, each with its begin and its done in a journal below
 * DIR: what the executor and the journal cost by themselves. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "hal9ops/op.h"
#include "hal9ops/sys.h"

static hal9_status nothing(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                           struct hal9_error *err) {
    (void)c, (void)before, (void)intent, (void)err;
    return HAL9_OK;
}

static const struct hal9_step_kind kind = {.name = "nothing", .version = 1, .apply = nothing};
static const struct hal9_step_kind *const kinds[] = {&kind};

static hal9_status plan(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    (void)err;
    const int *n = data;
    char before[16];
    char name[16] = "";
    ret->title = hal9_strdup("do nothing");
    for (int i = 0; i < *n; i++) {
        snprintf(before, sizeof(before), "%s", name);
        snprintf(name, sizeof(name), "s%d", i);
        struct hal9_step *s = hal9_plan_step(ret, name, "nothing", cJSON_CreateObject(), NULL);
        if (i > 0)
            hal9_step_after(s, before);
    }
    return HAL9_OK;
}

static hal9_status run(const char *dir, int n, struct hal9_op_result *ret, struct hal9_error *err) {
    _cleanup_free_ char *state = hal9_path_join(dir, "state");
    _cleanup_free_ char *locks = hal9_path_join(dir, "locks");
    const struct hal9_kinds all = {kinds, HAL9_ARRAY_LEN(kinds)};
    struct hal9_op_env env = {.tool = "bench", .run = "bench", .lock_dir = locks, .kinds = &all};
    hal9_status st = hal9_state_open(state, HAL9_STATE_WRITE, false, &env.state, err);
    if (st == HAL9_OK)
        st = hal9_op_run(&env, plan, &n, ret, err);
    hal9_state_close(env.state);
    return st;
}

int main(int argc, char **argv) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op_result res = {0};
    int n = argc == 3 ? atoi(argv[2]) : 0;
    if (n < 1)
        return 2;
    hal9_status st = run(argv[1], n, &res, &err);
    bool good = st == HAL9_OK && res.done == (size_t)n;
    if (!good)
        fprintf(stderr, "steps: %zu of %d done: %s\n", res.done, n, err.message ? err.message : "");
    hal9_op_result_clear(&res);
    return good ? 0 : 1;
}
