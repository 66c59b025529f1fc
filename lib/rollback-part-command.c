/* Parts of the kind command: what only commands of the site's own can tell and change, a database's schema, a cache. */
#include <string.h>

#include "hal9ops/workload.h"
#include "rollback-internal.h"

/* ---- how it is ---- */

static const char *name_of(const struct rb_part *p) {
    return p->spec->command;
}

static cJSON *args_of(const struct rb_part *p) {
    const struct hal9_part_spec *s = p->spec;
    cJSON *args =
        hal9_args_command(s->command, &s->apply, &s->verify, &s->revert, NULL, s->timeout_ms);

    if (s->state.n > 0)
        cJSON_AddItemToObject(args, "state", hal9_json_strv(&s->state));
    return args;
}

/* A program that is not there, or may not be run, is the configuration's fault: told with its place. */
static hal9_status may_run(const struct rb_part *p, const cJSON *args, const char *which,
                           const char *key, struct hal9_error *err) {
    const struct hal9_node *at = p->spec->node ? hal9_node_get(p->spec->node, key) : NULL;
    _cleanup_error_ struct hal9_error e = {0};

    if (hal9_command_check(args, which, &e) == HAL9_OK)
        return HAL9_OK;
    hal9_error_prefix(&e, "command %s", name_of(p));
    if (at)
        hal9_error_place(&e, at->file, at->line, at->col);
    e.code = HAL9_E_CONFIG;
    return hal9_error_move(err, &e);
}

static hal9_status may_read(const struct rb_part *p, const cJSON *args, struct hal9_error *err) {
    hal9_status st = HAL9_OK;

    if (p->spec->verify.n > 0)
        st = may_run(p, args, "verify", "verify", err);
    if (st == HAL9_OK && p->spec->state.n > 0)
        st = may_run(p, args, "state", "state", err);
    return st;
}

static hal9_status reach(const struct rb_part *p, int cancel_fd, struct hal9_error *err) {
    _cleanup_json_ cJSON *args = args_of(p);

    (void)cancel_fd;
    return may_read(p, args, err);
}

static hal9_status capture(const struct rb_part *p, struct hal9_state *s, int cancel_fd,
                           cJSON **ret_state, struct hal9_error *err) {
    _cleanup_json_ cJSON *args = args_of(p);
    hal9_status st = may_read(p, args, err);

    (void)s;
    return st == HAL9_OK ? hal9_command_state(args, cancel_fd, ret_state, err) : st;
}

/* ---- and how it gets there ---- */

static const cJSON *so_of(const cJSON *state) {
    const cJSON *so = cJSON_GetObjectItemCaseSensitive(state, "so");

    return cJSON_IsBool(so) ? so : NULL;
}

static bool same(const cJSON *a, const cJSON *b) {
    const cJSON *so = so_of(a), *other = so_of(b);
    const char *text = hal9_json_str(a, "state"), *there = hal9_json_str(b, "state");

    return cJSON_IsTrue(so) == cJSON_IsTrue(other) &&
           (text ? hal9_streq(text, there) : there == NULL);
}

/* Where verify tells the two apart it tells the way, too; else revert is the way back to what was, told by its text, and where there is none apply is. */
static bool goes_back(const struct rb_part *p, const cJSON *wanted, const cJSON *now) {
    const cJSON *then = so_of(wanted), *is = so_of(now);

    if (then && (!now || cJSON_IsTrue(then) != cJSON_IsTrue(is)))
        return !cJSON_IsTrue(then);
    return p->spec->revert.n > 0;
}

/* Of command.run. Where the way is back, what reverts is what this step applies. */
static cJSON *args_to(const struct rb_part *p, const cJSON *wanted, bool back) {
    cJSON *args = args_of(p);
    const cJSON *so = so_of(wanted);

    if (back) {
        cJSON *apply = cJSON_DetachItemFromObjectCaseSensitive(args, "apply");
        cJSON *revert = cJSON_DetachItemFromObjectCaseSensitive(args, "revert");

        cJSON_AddItemToObject(args, "apply", revert ? revert : cJSON_CreateArray());
        cJSON_AddItemToObject(args, "revert", apply);
    }
    cJSON_ReplaceItemInObjectCaseSensitive(args, "wanted",
                                           cJSON_CreateBool(so ? cJSON_IsTrue(so) : true));
    hal9_json_add_str(args, "wanted_state", hal9_json_str(wanted, "state"));
    return args;
}

static hal9_status no_way_back(const struct rb_part *p, struct hal9_error *err) {
    const struct hal9_node *at = p->spec->node;

    hal9_error_set(err, HAL9_E_REFUSED,
                   "command %s was not so in the snapshot, and it has no revert", name_of(p));
    if (at)
        hal9_error_place(err, at->file, at->line, at->col);
    hal9_error_hint(err, "give it a revert; or roll back without it: --parts");
    return HAL9_E_REFUSED;
}

static hal9_status told_otherwise(const struct rb_part *p, const cJSON *wanted, const cJSON *now,
                                  struct hal9_error *err) {
    const bool alike = !so_of(wanted) == !so_of(now) &&
                       !hal9_json_str(wanted, "state") == !hal9_json_str(now, "state");

    if (alike)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_REFUSED,
                   "command %s was told by other means in the snapshot than in the configuration "
                   "now: the two can't be compared",
                   name_of(p));
    hal9_error_hint(err, "give it the verify and state that it had; or leave it out: --parts");
    return HAL9_E_REFUSED;
}

static hal9_status plan(const struct rb_part *p, const cJSON *wanted, const cJSON *now,
                        struct hal9_plan *plan_, struct hal9_strv *ret_steps,
                        struct hal9_error *err) {
    hal9_status st = told_otherwise(p, wanted, now, err);

    if (st != HAL9_OK || same(wanted, now))
        return st;
    const bool back = goes_back(p, wanted, now);
    _cleanup_json_ cJSON *args = args_to(p, wanted, back);
    _cleanup_free_ char *name = rb_step_name(plan_, p->name);

    if (back && p->spec->revert.n == 0)
        return no_way_back(p, err);
    st = may_run(p, args, "apply", back ? "revert" : "apply", err);
    if (st != HAL9_OK)
        return st;
    hal9_plan_step(plan_, name, hal9_kind_command_run.name, HAL9_TAKE_PTR(args), "%s %s",
                   back ? "take back" : "run", name_of(p));
    hal9_strv_add(ret_steps, name);
    return HAL9_OK;
}

static const char *read_back(const struct rb_part *p, const cJSON *wanted, cJSON **ret_args) {
    *ret_args = args_to(p, wanted, false);
    return hal9_kind_command_run.name;
}

/* ---- differences ---- */

static char *words_of(const cJSON *state) {
    const char *text = hal9_json_str(state, "state");
    const cJSON *so = so_of(state);

    if (text && !strchr(text, '\n') && strlen(text) <= 200)
        return hal9_strf("\"%s\"", text);
    if (text)
        return hal9_strf("a text of %zu bytes", strlen(text));
    return hal9_strdup(!so ? "not known" : cJSON_IsTrue(so) ? "so" : "not so");
}

/* Where both texts are the same it is verify's answer that differs. */
static void tell(const struct rb_part *p, const cJSON *a, const cJSON *b, struct hal9_buf *words,
                 cJSON *json) {
    const char *was = hal9_json_str(a, "state"), *is = hal9_json_str(b, "state");
    _cleanup_json_ cJSON *sa = cJSON_Duplicate(a, true), *sb = cJSON_Duplicate(b, true);

    if (was && is && hal9_streq(was, is)) {
        cJSON_DeleteItemFromObjectCaseSensitive(sa, "state");
        cJSON_DeleteItemFromObjectCaseSensitive(sb, "state");
    }
    _cleanup_free_ char *from = words_of(sa), *to = words_of(sb);

    hal9_buf_printf(words, "command %s: %s -> %s\n", name_of(p), from, to);
    if (was && is && (strchr(was, '\n') || strchr(is, '\n'))) {
        _cleanup_free_ char *x = hal9_strf("%s\n", was), *y = hal9_strf("%s\n", is);

        rb_unified_diff(x, strlen(x), y, strlen(y), words);
    }
    if (!json)
        return;
    cJSON *one = cJSON_CreateObject();

    hal9_json_add_str(one, "part", p->name);
    hal9_json_add_str(one, "change", "changed");
    hal9_json_add_str(one, "from", from);
    hal9_json_add_str(one, "to", to);
    cJSON_AddItemToArray(json, one);
}

static hal9_status diff(const struct rb_part *p, struct hal9_state *s, const cJSON *a,
                        const cJSON *b, struct hal9_buf *ret_words, cJSON *ret_json, size_t *ret_n,
                        struct hal9_error *err) {
    _cleanup_json_ cJSON *now = NULL;
    hal9_status st = b ? HAL9_OK : capture(p, s, -1, &now, err);

    if (st != HAL9_OK)
        return st;
    *ret_n = same(a, b ? b : now) ? 0 : 1;
    if (*ret_n > 0)
        tell(p, a, b ? b : now, ret_words, ret_json);
    return HAL9_OK;
}

const struct rb_part_kind rb_part_command = {
    .kind = "command",
    .word = NULL,
    .reach = reach,
    .capture = capture,
    .plan = plan,
    .diff = diff,
    .read_back = read_back,
};
