/*
 * Parts of the kind service: which revision of it runs, and whether it does.
 *
 * Stop, switch of the release, start, gate, in this order: an undo goes it backwards, and starts the program that ran before once the link
 * points to it again.
 */
#include "rollback-service.h"

static const char *link_of(const struct rb_part *p) {
    return p->service->release ? p->service->release->current : NULL;
}

/* ---- how it is ---- */

static hal9_status capture(const struct rb_part *p, struct hal9_state *s, int cancel_fd,
                           cJSON **ret_state, struct hal9_error *err) {
    _cleanup_(hal9_service_ref_clear) struct hal9_service_ref ref = {0};
    hal9_status st = hal9_config_ref(p->service, s, &ref, err);

    (void)cancel_fd;
    return st == HAL9_OK ? hal9_service_revision(&ref, link_of(p), ret_state, err) : st;
}

static hal9_status reach(const struct rb_part *p, int cancel_fd, struct hal9_error *err) {
    _cleanup_json_ cJSON *state = NULL;

    return capture(p, NULL, cancel_fd, &state, err);
}

static const cJSON *get(const cJSON *state, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(state, key);
}

static bool runs(const cJSON *state) {
    return hal9_json_bool(state, "running", false);
}

static bool same_release(const struct rb_part *p, const cJSON *wanted, const cJSON *now) {
    return !link_of(p) || !get(wanted, "release") ||
           hal9_json_equal(get(wanted, "release"), get(now, "release"));
}

/* A digest that one of the two doesn't have decides nothing; that the program was replaced on disk since its start does. */
static bool same_exe(const cJSON *wanted, const cJSON *now) {
    const cJSON *a = get(wanted, "exe"), *b = get(now, "exe");
    const char *x = hal9_json_str(a, "sha256"), *y = hal9_json_str(b, "sha256");

    if (!a || !b)
        return true;
    return hal9_streq(hal9_json_str(a, "path"), hal9_json_str(b, "path")) &&
           hal9_json_bool(a, "replaced", false) == hal9_json_bool(b, "replaced", false) &&
           (!x || !y || hal9_streq(x, y));
}

/* Other arguments are a reason for a restart only where it brings back those of the snapshot: those are the configuration's. */
static bool arguments_come_back(const struct rb_part *p, const cJSON *wanted) {
    _cleanup_strv_ struct hal9_strv argv = {0};

    for (size_t i = 0; i < p->service->run->exec.n; i++)
        hal9_strv_add(&argv, p->service->run->exec.v[i]);
    hal9_redact_argv(NULL, &argv);
    _cleanup_json_ cJSON *j = hal9_json_strv(&argv);

    return argv.n > 0 && hal9_json_equal(j, get(wanted, "argv"));
}

static bool same_process(const struct rb_part *p, const cJSON *wanted, const cJSON *now) {
    return same_exe(wanted, now) && (hal9_json_equal(get(wanted, "argv"), get(now, "argv")) ||
                                     !arguments_come_back(p, wanted));
}

/* ---- and how it gets there ---- */

static hal9_status add_release(const struct rb_service_chain *c, const cJSON *wanted,
                               struct hal9_error *err) {
    const char *target = hal9_json_str(wanted, "release"), *link = link_of(c->part);
    hal9_status st = hal9_release_check(link, target, err);

    if (st == HAL9_OK)
        rb_service_step(c, hal9_kind_release_switch.name, hal9_args_release(link, target), NULL);
    return st;
}

static hal9_status plan(const struct rb_part *p, const cJSON *wanted, const cJSON *now,
                        struct hal9_plan *plan_, struct hal9_strv *ret_steps,
                        struct hal9_error *err) {
    struct rb_service_chain c = {.part = p, .plan = plan_, .names = ret_steps};
    const bool release = !same_release(p, wanted, now);
    const bool stops = runs(now) && (!runs(wanted) || release || !same_process(p, wanted, now));
    const bool starts = runs(wanted) && (!runs(now) || stops);
    hal9_status st = HAL9_OK;

    if (!release && !stops && !starts)
        return HAL9_OK;
    st = hal9_config_ref(p->service, p->state, &c.ref, err);
    if (st == HAL9_OK && stops)
        rb_service_stop(&c)->keep_going = starts;
    if (st == HAL9_OK && release)
        st = add_release(&c, wanted, err);
    if (st == HAL9_OK && starts)
        rb_service_start(&c, hal9_json_str(wanted, "release"));
    hal9_service_ref_clear(&c.ref);
    return st;
}

/* What of it a rollback answers for: what it can't bring back is told by diff alone. */
static const char *read_back(const struct rb_part *p, const cJSON *wanted, cJSON **ret_args) {
    static const char *const ids[] = {"path", "sha256"};
    _cleanup_(hal9_service_ref_clear) struct hal9_service_ref ref = {0};
    _cleanup_json_ cJSON *is = cJSON_CreateObject();
    const cJSON *exe = get(wanted, "exe");

    if (hal9_config_ref(p->service, p->state, &ref, NULL) != HAL9_OK)
        return NULL;
    cJSON_AddBoolToObject(is, "running", runs(wanted));
    if (link_of(p) && get(wanted, "release"))
        cJSON_AddItemToObject(is, "release", cJSON_Duplicate(get(wanted, "release"), true));
    if (runs(wanted) && exe && !hal9_json_bool(exe, "replaced", false)) {
        cJSON *to = cJSON_AddObjectToObject(is, "exe");

        for (size_t i = 0; i < HAL9_ARRAY_LEN(ids); i++)
            hal9_json_add_str(to, ids[i], hal9_json_str(exe, ids[i]));
    }
    if (runs(wanted) && arguments_come_back(p, wanted))
        cJSON_AddItemToObject(is, "argv", cJSON_Duplicate(get(wanted, "argv"), true));
    *ret_args = hal9_args_revision(&ref, link_of(p), is);
    return hal9_kind_service_revision.name;
}

/* ---- differences ---- */

struct telling {
    const struct rb_part *part;
    struct hal9_buf *words;
    cJSON *json;
    size_t n;
};

static void tell(struct telling *t, const char *what, const char *from, const char *to) {
    t->n++;
    hal9_buf_printf(t->words, "service %s: %s %s -> %s\n", t->part->service->name, what,
                    from ? from : "not known", to ? to : "not known");
    if (!t->json)
        return;
    cJSON *one = cJSON_CreateObject();

    hal9_json_add_str(one, "part", t->part->name);
    hal9_json_add_str(one, "change", "changed");
    hal9_json_add_str(one, "words", what);
    hal9_json_add_str(one, "from", from);
    hal9_json_add_str(one, "to", to);
    cJSON_AddItemToArray(t->json, one);
}

static void tell_exe(struct telling *t, const cJSON *a, const cJSON *b) {
    const cJSON *const both[] = {get(a, "exe"), get(b, "exe")};
    char *words[2];

    if (same_exe(a, b))
        return;
    for (int i = 0; i < 2; i++) {
        const char *path = hal9_json_str(both[i], "path"), *sha = hal9_json_str(both[i], "sha256");

        words[i] = hal9_strf("%s (%s%.12s)", path ? path : "?",
                             hal9_json_bool(both[i], "replaced", false) ? "replaced on disk"
                             : sha                                      ? "sha256 "
                                                                        : "not readable",
                             sha ? sha : "");
    }
    tell(t, "program", words[0], words[1]);
    free(words[0]);
    free(words[1]);
}

static char *argv_words(const cJSON *state) {
    _cleanup_strv_ struct hal9_strv argv = {0};

    hal9_json_get_strv(get(state, "argv"), &argv);
    return argv.n > 0 ? hal9_strv_join(&argv, " ") : NULL;
}

static void tell_argv(struct telling *t, const cJSON *a, const cJSON *b) {
    _cleanup_free_ char *from = argv_words(a), *to = argv_words(b);

    if (from && to && !hal9_streq(from, to))
        tell(t, "arguments", from, to);
}

static void tell_unit(struct telling *t, const cJSON *a, const cJSON *b) {
    static const char *const keys[][2] = {
        {"file", "unit file"}, {"sha256", "unit file's sha256"}, {"active", "unit is"}};

    for (size_t i = 0; i < HAL9_ARRAY_LEN(keys); i++) {
        const char *from = hal9_json_str(get(a, "unit"), keys[i][0]);
        const char *to = hal9_json_str(get(b, "unit"), keys[i][0]);

        if ((from || to) && !hal9_streq(from, to))
            tell(t, keys[i][1], from, to);
    }
}

static hal9_status diff(const struct rb_part *p, struct hal9_state *s, const cJSON *a,
                        const cJSON *b, struct hal9_buf *ret_words, cJSON *ret_json, size_t *ret_n,
                        struct hal9_error *err) {
    struct telling t = {p, ret_words, ret_json, 0};
    _cleanup_json_ cJSON *now = NULL;
    hal9_status st = b ? HAL9_OK : capture(p, s, -1, &now, err);

    if (st != HAL9_OK)
        return st;
    b = b ? b : now;
    if (runs(a) != runs(b))
        tell(&t, "is", runs(a) ? "running" : "stopped", runs(b) ? "running" : "stopped");
    if (!same_release(p, a, b))
        tell(&t, "release", hal9_json_str(a, "release"), hal9_json_str(b, "release"));
    tell_exe(&t, a, b);
    tell_argv(&t, a, b);
    tell_unit(&t, a, b);
    *ret_n = t.n;
    return HAL9_OK;
}

const struct rb_part_kind rb_part_service = {
    .kind = "service",
    .word = "workload",
    .reach = reach,
    .capture = capture,
    .plan = plan,
    .diff = diff,
    .read_back = read_back,
    .last = true,
};
