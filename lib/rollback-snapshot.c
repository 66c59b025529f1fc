/* Taking a snapshot: every part is read, then one document says so; it is there whole or not at all. */
#include <string.h>
#include <unistd.h>

#include "hal9ops/sys.h"
#include "rollback-internal.h"

static void tell(const struct hal9_snapshot_opts *o, char *words) {
    if (o->told)
        o->told(o->data, words);
    free(words);
}

static hal9_status parts_of(const struct hal9_snapshot_opts *o, const char **ret_plan,
                            struct rb_parts *ret, struct hal9_error *err) {
    const struct hal9_rollback_spec *plan = NULL;
    const bool only_files = !o->plan && o->files && o->files->n > 0;
    hal9_status st = only_files ? HAL9_OK : rb_plan_find(o->config, o->plan, &plan, err);

    if (st == HAL9_OK && plan)
        st = rb_parts_of_plan(o->config, plan, ret, err);
    for (size_t i = 0; st == HAL9_OK && o->files && i < o->files->n; i++)
        st = rb_parts_add_file(ret, o->files->v[i], err);
    *ret_plan = plan ? plan->name : NULL;
    return st;
}

/* What can't be read is neither this nor that. */
static hal9_status cannot_read(const struct rb_part *p, struct hal9_error *e,
                               struct hal9_error *err) {
    if (e->code == HAL9_E_INTERRUPTED || e->code == HAL9_E_USAGE)
        return hal9_error_move(err, e);
    /* a disk that is full, too: then the packs can't be written, which isn't the part's fault */
    hal9_error_prefix(e, "%s", p->name);
    if (!e->hint)
        hal9_error_hint(e, "nothing was written; --best-effort takes the rest and marks the gap");
    if (e->code != HAL9_E_PERM && e->code != HAL9_E_IO)
        e->code = HAL9_E_UNKNOWN;
    return hal9_error_move(err, e);
}

/* A symlink is kept as the link that it is: a person may have meant the file. */
static void mention_link(const struct hal9_snapshot_opts *o, const struct rb_part *p) {
    char target[4096];
    ssize_t n =
        strcmp(p->kind->kind, "files") == 0 ? readlink(p->path, target, sizeof(target) - 1) : -1;

    if (n > 0)
        tell(o, hal9_strf("%s is a symlink and kept as that; to keep what it points to, name %.*s",
                          p->path, (int)n, target));
}

static hal9_status capture(const struct hal9_snapshot_opts *o, const struct rb_part *p,
                           cJSON *parts, struct hal9_error *err) {
    struct hal9_error e = {0};
    cJSON *state = NULL, *one;
    hal9_status st = p->kind->capture(p, o->state, o->cancel_fd, &state, &e);
    const bool gap = st != HAL9_OK && o->best_effort && e.code != HAL9_E_INTERRUPTED;

    if (st != HAL9_OK && !gap)
        return cannot_read(p, &e, err);
    one = cJSON_CreateObject();
    hal9_json_add_str(one, "part", p->name);
    hal9_json_add_str(one, "kind", p->kind->kind);
    if (gap) {
        hal9_json_add_str(one, "gap", e.message);
        tell(o, hal9_strf("%s is left out: %s", p->name, e.message));
    } else {
        cJSON_AddItemToObject(one, "state", state);
        mention_link(o, p);
    }
    hal9_error_clear(&e);
    cJSON_AddItemToArray(parts, one);
    return HAL9_OK;
}

static cJSON *document(const struct hal9_snapshot_opts *o, const char *plan) {
    cJSON *d = cJSON_CreateObject();
    char id[HAL9_ID_LEN + 1], time[32];
    _cleanup_free_ char *user = hal9_user_name(geteuid());

    hal9_id_new(id);
    hal9_time_format(hal9_now_ms(), time);
    hal9_json_add_int(d, "hal9_snapshot", 1);
    hal9_json_add_str(d, "id", id);
    hal9_json_add_str(d, "name", o->name);
    hal9_json_add_str(d, "time", time);
    hal9_json_add_str(d, "host", hal9_host_name());
    hal9_json_add_str(d, "machine", hal9_host_machine_id());
    hal9_json_add_str(d, "user", user);
    hal9_json_add_str(d, "reason", o->reason ? o->reason : "asked");
    hal9_json_add_str(d, "plan", plan);
    return d;
}

/* A name must not be taken for an id, an option or a word of the tool's own. */
static hal9_status check_name(const char *name, struct hal9_error *err) {
    if (!name)
        return HAL9_OK;
    if (!*name || strlen(name) > 100 || *name == '-' || strpbrk(name, "/\n\t"))
        return hal9_error_set(err, HAL9_E_USAGE,
                              "'%s' is no name for a snapshot: up to 100 characters, no slashes",
                              name);
    if (strcmp(name, "last-healthy") == 0 || hal9_id_valid(name))
        return hal9_error_set(err, HAL9_E_USAGE, "'%s' has a meaning of its own; take another name",
                              name);
    return HAL9_OK;
}

static hal9_status keep(const struct hal9_snapshot_opts *o, const cJSON *d,
                        struct hal9_error *err) {
    return o->state && hal9_state_is_writable(o->state) ? hal9_snapshot_put(o->state, d, err)
                                                        : HAL9_OK;
}

/* Refused before the work, where it can be. */
static hal9_status name_free(const struct hal9_snapshot_opts *o, struct hal9_error *err) {
    _cleanup_free_ char *id = NULL;
    _cleanup_json_ cJSON *other = NULL;

    if (!o->name || !o->state || hal9_snapshot_find(o->state, o->name, &id, NULL) != HAL9_OK ||
        hal9_snapshot_get(o->state, id, &other, NULL) != HAL9_OK ||
        !hal9_streq(hal9_json_str(other, "name"), o->name))
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_USAGE, "there is a snapshot '%s' already: %s", o->name, id);
    hal9_error_hint(err, "take another name, or hal9-rollback prune %s", o->name);
    return HAL9_E_USAGE;
}

hal9_status hal9_rollback_snapshot(const struct hal9_snapshot_opts *o, cJSON **ret,
                                   struct hal9_error *err) {
    _cleanup_(rb_parts_clear) struct rb_parts parts = {0};
    const char *plan = NULL;
    hal9_status st = check_name(o->name, err);

    if (st == HAL9_OK)
        st = name_free(o, err);
    if (st == HAL9_OK)
        st = parts_of(o, &plan, &parts, err);
    if (st != HAL9_OK)
        return st;
    _cleanup_json_ cJSON *d = document(o, plan);
    cJSON *all = cJSON_AddArrayToObject(d, "parts");

    for (size_t i = 0; st == HAL9_OK && i < parts.n; i++)
        st = capture(o, &parts.v[i], all, err);
    if (st != HAL9_OK)
        return st;
    cJSON_AddItemToObject(d, "services", rb_services(o->config, o->state));
    cJSON_AddItemToObject(d, "facts", rb_facts(o->state ? hal9_state_path(o->state) : NULL));
    cJSON *connections = rb_connections();

    if (connections)
        cJSON_AddItemToObject(d, "connections", connections);
    st = keep(o, d, err);
    if (st == HAL9_OK)
        *ret = HAL9_TAKE_PTR(d);
    return st;
}

cJSON *hal9_rollback_describe_snapshot(const cJSON *s) {
    cJSON *d = cJSON_CreateObject(), *parts, *gaps = cJSON_CreateArray();
    int64_t files = 0, bytes = 0;
    const cJSON *one;

    hal9_json_add_str(d, "id", hal9_json_str(s, "id"));
    hal9_json_add_str(d, "name", hal9_json_str(s, "name"));
    hal9_json_add_str(d, "taken", hal9_json_str(s, "time"));
    hal9_json_add_str(d, "why", hal9_json_str(s, "reason"));
    hal9_json_add_str(d, "plan", hal9_json_str(s, "plan"));
    parts = cJSON_AddArrayToObject(d, "parts");
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(s, "parts")) {
        const cJSON *state = cJSON_GetObjectItemCaseSensitive(one, "state");
        const char *name = hal9_json_str(one, "part");

        cJSON_AddItemToArray(state ? parts : gaps, cJSON_CreateString(name ? name : "?"));
        files += hal9_json_int(state, "files", 0);
        bytes += hal9_json_int(state, "bytes", 0);
    }
    if (cJSON_GetArraySize(gaps) > 0)
        cJSON_AddItemToObject(d, "gaps", gaps);
    else
        cJSON_Delete(gaps);
    hal9_json_add_int(d, "files", files);
    hal9_json_add_int(d, "bytes", bytes);
    if (hal9_streq(hal9_json_str(s, "reason"), "healthy"))
        cJSON_AddTrueToObject(d, "healthy");
    return d;
}
