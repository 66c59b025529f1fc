/* hal9-rollback flags list, get, set, watch: feature flags, wherever they are kept. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "rollback.h"

/* What the operands mean: a store of the configuration or of --store, a flag, a value. */
struct wish {
    const struct hal9_flag_spec *store;
    struct hal9_flag_spec *told; /* --store's, owned */
    const char *flag, *value;
    int64_t every_ms;
};

static const char *store_name(const struct wish *w) {
    return w->store->name ? w->store->name : hal9_flag_kind(w->store);
}

/* ---- which store */

static const struct hal9_flag_spec *store_named(const char *name) {
    const struct hal9_list *all = &cli.config->flags;

    for (size_t i = 0; i < all->n; i++) {
        const struct hal9_flag_spec *f = all->v[i];

        if (f && hal9_streq(f->name, name))
            return f;
    }
    return NULL;
}

static char *store_names(struct hal9_strv *ret) {
    const struct hal9_list *all = &cli.config->flags;

    for (size_t i = 0; i < all->n; i++) {
        const struct hal9_flag_spec *f = all->v[i];

        if (f)
            hal9_strv_add(ret, f->name);
    }
    return hal9_strv_join(ret, ", ");
}

static int no_store(const char *name) {
    _cleanup_strv_ struct hal9_strv names = {0};
    _cleanup_free_ char *all = store_names(&names);
    const char *near = name ? hal9_suggest(name, (const char *const *)names.v, names.n) : NULL;
    const char *file = cli.config->path ? cli.config->path : "the configuration";

    if (near)
        return cli_usage("no flag store '%s' in %s; did you mean '%s'?", name, file, near);
    if (name && names.n > 0)
        return cli_usage("no flag store '%s' in %s, which has: %s", name, file, all);
    if (names.n > 1)
        return cli_usage("which flag store? %s has: %s", file, all);
    return cli_usage("%s has no flag store; name one with --store, such as "
                     "--store flagd:/etc/hal9/flags.json",
                     cli.config->path ? file : "there is no configuration, which");
}

/* name NULL: the only one there is. */
static int find_store(struct wish *w, const char *name) {
    _cleanup_error_ struct hal9_error err = {0};

    if (rollback_options.store) {
        if (name)
            return cli_usage("--store names the store already; leave out '%s'", name);
        if (hal9_flag_told(rollback_options.store, rollback_options.token, &w->told, &err) !=
            HAL9_OK)
            return cli_error(&err);
        w->store = w->told;
        return CLI_HOLDS;
    }
    if (rollback_options.token)
        return cli_usage("--token goes with --store");
    if (name)
        w->store = store_named(name);
    else if (cli.config->flags.n == 1)
        w->store = cli.config->flags.v[0];
    return w->store ? CLI_HOLDS : no_store(name);
}

/* ---- records */

static cJSON *record_of(const struct wish *w, const char *flag) {
    cJSON *r = hal9_record_new(cli.out, "flag");

    hal9_json_add_str(r, "store", store_name(w));
    hal9_json_add_str(r, "type", hal9_flag_kind(w->store));
    hal9_json_add_str(r, "flag", flag);
    return r;
}

static void tell(const struct wish *w, const char *flag, const cJSON *state) {
    cJSON *r = record_of(w, flag);
    _cleanup_free_ char *words = hal9_flag_words(w->store, flag, state);

    hal9_json_add_str(r, "value", words);
    cJSON_AddItemToObject(r, "state", cJSON_Duplicate(state, true));
    hal9_stream_emit(cli.out, r);
}

/* ---- list, get */

static int list(struct wish *w) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_json_ cJSON *all = NULL;
    const cJSON *f;

    if (hal9_flags_read(w->store, NULL, cli.cancel.soft_fd, &all, &err) != HAL9_OK)
        return cli_error(&err);
    cJSON_ArrayForEach(f, all) {
        tell(w, f->string, f);
    }
    if (!all->child)
        cli_warn("%s has no flag at all", store_name(w));
    return CLI_HOLDS;
}

/* A name that isn't there is answered with the nearest that is. */
static int no_flag(const struct wish *w) {
    _cleanup_json_ cJSON *all = NULL;
    const char **names;
    const char *near;
    size_t n = 0;
    int code;
    const cJSON *f;

    if (hal9_flags_read(w->store, NULL, cli.cancel.soft_fd, &all, NULL) != HAL9_OK)
        return cli_usage("no flag '%s' in %s", w->flag, store_name(w));
    names = hal9_alloc(((size_t)cJSON_GetArraySize(all) + 1) * sizeof(*names));
    cJSON_ArrayForEach(f, all) {
        names[n++] = f->string;
    }
    near = hal9_suggest(w->flag, names, n);
    code = near ? cli_usage("no flag '%s' in %s; did you mean '%s'?", w->flag, store_name(w), near)
                : cli_usage("no flag '%s' in %s; hal9-rollback flags list names them", w->flag,
                            store_name(w));
    free(names);
    return code;
}

/* The flag's state, fresh; CLI_HOLDS, or all is told. */
static int look(const struct wish *w, cJSON **ret) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_strv_ struct hal9_strv names = {0};
    _cleanup_json_ cJSON *all = NULL;

    hal9_strv_add(&names, w->flag);
    if (hal9_flags_read(w->store, &names, cli.cancel.soft_fd, &all, &err) != HAL9_OK)
        return cli_error(&err);
    *ret = cJSON_DetachItemFromObjectCaseSensitive(all, w->flag);
    if (*ret && !cJSON_IsNull(*ret))
        return CLI_HOLDS;
    cJSON_Delete(*ret);
    *ret = NULL;
    return no_flag(w);
}

static int get(struct wish *w) {
    _cleanup_json_ cJSON *state = NULL;
    int code = look(w, &state);

    if (code == CLI_HOLDS)
        tell(w, w->flag, state);
    return code;
}

/* ---- set */

/* Looked at anew each time it is planned: the last time is under the lock. */
static hal9_status plan_set(void *data, struct hal9_plan *plan, struct hal9_error *err) {
    const struct wish *w = data;
    _cleanup_strv_ struct hal9_strv names = {0};
    _cleanup_json_ cJSON *all = NULL;
    cJSON *wanted = NULL;
    hal9_status st;

    hal9_strv_add(&names, w->flag);
    st = hal9_flags_read(w->store, &names, cli.cancel.soft_fd, &all, err);
    const cJSON *now = cJSON_GetObjectItemCaseSensitive(all, w->flag);

    if (st == HAL9_OK)
        st = hal9_flag_wanted(w->store, w->flag, now, w->value, &wanted, err);
    if (st != HAL9_OK || hal9_flag_equal(w->store, now, wanted)) {
        cJSON_Delete(wanted);
        return st;
    }
    _cleanup_free_ char *is = hal9_flag_words(w->store, w->flag, now);
    _cleanup_free_ char *shall = hal9_flag_words(w->store, w->flag, wanted);
    _cleanup_json_ cJSON *flags = cJSON_CreateObject();

    cJSON_AddItemToObject(flags, w->flag, wanted);
    plan->title = hal9_strf("%s: %s %s -> %s", store_name(w), w->flag, is, shall);
    plan->subject = cJSON_CreateObject();
    hal9_json_add_str(plan->subject, "store", store_name(w));
    hal9_json_add_str(plan->subject, "flag", w->flag);
    hal9_plan_step(plan, "flag", "flag.set", hal9_args_flag_set(w->store, flags), "%s",
                   plan->title);
    return HAL9_OK;
}

static int outcome(const struct wish *w, const struct hal9_op_result *r, hal9_status s,
                   const struct hal9_error *err) {
    if (s != HAL9_OK) {
        int code = cli_error(err);

        if (!r->resumable)
            return code;
        cli_next("hal9-rollback resume %s", cli_short(r->id));
        return code < CLI_SIGNAL ? CLI_UNFINISHED : code;
    }
    if (r->nothing)
        return cli_say("%s is so already\n", w->flag), CLI_HOLDS;
    if (cli.dry_run)
        return CLI_NOT;
    if (r->state != HAL9_OP_FAILED) {
        cli_say("%s of %s is set. Undo: hal9-rollback undo %s\n", w->flag, store_name(w),
                cli_short(r->id));
        return CLI_HOLDS;
    }
    cli_next("hal9-rollback flags get %s   (how it is now)", w->flag);
    if (cJSON_GetObjectItemCaseSensitive(r->detail, "now"))
        cli_next("hal9-rollback undo %s   (what was done of it is taken back)", cli_short(r->id));
    if (cJSON_GetObjectItemCaseSensitive(r->detail, "now"))
        return CLI_UNFINISHED;
    return cli_exit_code(&r->error) == CLI_USAGE ? CLI_NOT : cli_exit_code(&r->error);
}

/* Everything that can be wrong is found before a state directory is made. */
static int set(struct wish *w) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_json_ cJSON *now = NULL, *wanted = NULL;
    struct hal9_op_result r = {0};
    struct hal9_op_env env;
    hal9_status s;
    int code = look(w, &now);

    if (code != CLI_HOLDS)
        return code;
    if (hal9_flag_wanted(w->store, w->flag, now, w->value, &wanted, &err) != HAL9_OK)
        return cli_error(&err);
    if (hal9_flag_equal(w->store, now, wanted)) {
        _cleanup_free_ char *words = hal9_flag_words(w->store, w->flag, now);

        cli_say("%s of %s is %s already\n", w->flag, store_name(w), words);
        return CLI_HOLDS;
    }
    if (!cli.dry_run) {
        hal9_state_close(cli.state);
        cli.state = NULL;
        code = cli_open_state(HAL9_STATE_WRITE);
        if (code != CLI_HOLDS)
            return code;
    }
    cli_op_env(&env);
    s = hal9_op_run(&env, plan_set, w, &r, &err);
    code = outcome(w, &r, s, &err);
    hal9_op_result_clear(&r);
    return code;
}

/* ---- watch */

static void on_changed(void *data, const cJSON *before, const cJSON *now) {
    const struct wish *w = data;
    const cJSON *f;

    cJSON_ArrayForEach(f, now) {
        cJSON *r = record_of(w, f->string);
        _cleanup_free_ char *from = hal9_flag_words(
            w->store, f->string, cJSON_GetObjectItemCaseSensitive(before, f->string));
        _cleanup_free_ char *to = hal9_flag_words(w->store, f->string, f);

        hal9_json_add_str(r, "from", from);
        hal9_json_add_str(r, "to", to);
        cJSON_AddItemToObject(r, "state", cJSON_Duplicate(f, true));
        hal9_stream_emit(cli.out, r);
    }
}

static void on_trouble(void *data, const struct hal9_error *e) {
    const struct wish *w = data;

    if (e)
        cli_error(e);
    else
        cli_warn("%s can be read again", store_name(w));
}

static void on_begun(void *data, const cJSON *now) {
    const struct wish *w = data;

    cli_warn("watching %d flags of %s; Ctrl-C ends it", cJSON_GetArraySize(now), store_name(w));
}

static int watch(struct wish *w) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_strv_ struct hal9_strv names = {0};
    struct hal9_flag_watch how = {.names = w->flag ? &names : NULL,
                                  .every_ms = w->every_ms,
                                  .cancel_fd = cli.cancel.soft_fd,
                                  .begun = cli.quiet ? NULL : on_begun,
                                  .changed = on_changed,
                                  .trouble = on_trouble,
                                  .data = w};

    hal9_strv_add(&names, w->flag);
    cli.clock = true;
    if (hal9_flags_watch(w->store, &how, &err) != HAL9_OK)
        return cli_error(&err);
    return CLI_HOLDS;
}

/* ---- operands */

static const struct verb {
    const char *name;
    int (*run)(struct wish *w);
    size_t least, most; /* operands behind the store */
    const char *operands;
} verbs[] = {
    {"list", list, 0, 0, "[STORE]"},
    {"get", get, 1, 1, "[STORE] FLAG"},
    {"set", set, 2, 2, "[STORE] FLAG on|off|25%|VARIANT|VALUE"},
    {"watch", watch, 0, 1, "[STORE] [FLAG]"},
};

static const struct verb *find_verb(const char *word) {
    const char *names[HAL9_ARRAY_LEN(verbs)];
    const char *near;

    for (size_t i = 0; i < HAL9_ARRAY_LEN(verbs); i++) {
        names[i] = verbs[i].name;
        if (hal9_streq(word, names[i]))
            return &verbs[i];
    }
    near = word ? hal9_suggest(word, names, HAL9_ARRAY_LEN(names)) : NULL;
    if (near)
        cli_usage("flags has no '%s'; did you mean '%s'?", word, near);
    else
        cli_usage("flags wants list, get, set or watch");
    return NULL;
}

/* The store stands first where there is one operand more than the flag and its value, and for watch where the word is a store's name. */
static int operands(const struct verb *v, struct wish *w) {
    const struct hal9_strv *o = &cli.operands;
    const size_t given = o->n - 2;
    const bool named =
        given > 0 && !rollback_options.store && v->least < v->most && store_named(o->v[2]) != NULL;
    const bool first = given > v->most || named;
    const size_t at = first ? 3 : 2;
    int code;

    if (given < v->least || given > v->most + 1)
        return cli_usage("flags %s wants %s", v->name, v->operands);
    code = find_store(w, first ? o->v[2] : NULL);
    if (code != CLI_HOLDS)
        return code;
    w->flag = o->n > at ? o->v[at] : NULL;
    w->value = o->n > at + 1 ? o->v[at + 1] : NULL;
    return CLI_HOLDS;
}

static int every(struct wish *w) {
    _cleanup_error_ struct hal9_error err = {0};

    if (!rollback_options.every)
        return CLI_HOLDS;
    if (hal9_parse_duration(rollback_options.every, &w->every_ms, &err) != HAL9_OK)
        return cli_usage("--every: %s", err.message);
    if (w->every_ms < 200)
        return cli_usage("--every: '%s' is too often; 200ms at least", rollback_options.every);
    return CLI_HOLDS;
}

int rollback_flags(void) {
    const struct verb *v = find_verb(cli.operands.n > 1 ? cli.operands.v[1] : NULL);
    struct wish w = {0};
    int code;

    if (!v)
        return CLI_USAGE;
    code = every(&w);
    if (code == CLI_HOLDS)
        code = operands(v, &w);
    if (code == CLI_HOLDS)
        code = v->run(&w);
    hal9_flag_free(w.told);
    return code;
}
