/* The parts of a snapshot: the table of their kinds, and which there are in a plan or a document. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "rollback-internal.h"

static const struct rb_part_kind *const table[] = {
    &rb_part_balancer, &rb_part_flags,   &rb_part_files,
    &rb_part_release,  &rb_part_command, &rb_part_service,
};

const struct rb_part_kind *rb_part_kind(const char *kind) {
    for (size_t i = 0; i < HAL9_ARRAY_LEN(table); i++)
        if (hal9_streq(table[i]->kind, kind))
            return table[i];
    return NULL;
}

void rb_part_clear(struct rb_part *p) {
    free(p->name);
    free(p->path);
    *p = (struct rb_part){0};
}

void rb_parts_clear(struct rb_parts *p) {
    for (size_t i = 0; i < p->n; i++)
        rb_part_clear(&p->v[i]);
    free(p->v);
    *p = (struct rb_parts){0};
}

bool rb_part_meant(const struct rb_part *p, const char *word) {
    return hal9_streq(word, p->kind->kind) || hal9_streq(word, p->kind->word) ||
           hal9_streq(word, p->name);
}

/* ---- making them ---- */

static hal9_status need_kind(const char *kind, const struct rb_part_kind **ret,
                             struct hal9_error *err) {
    *ret = rb_part_kind(kind);
    if (*ret)
        return HAL9_OK;
    return hal9_error_set(err, HAL9_E_UNSUPPORTED, "this build has no driver for %s parts", kind);
}

/* Takes name and path. */
static struct rb_part *add(struct rb_parts *parts, const struct rb_part_kind *kind, char *name,
                           char *path) {
    for (size_t i = 0; i < parts->n; i++)
        if (hal9_streq(parts->v[i].name, name)) {
            free(name);
            free(path);
            return &parts->v[i];
        }
    struct rb_part *p = HAL9_APPEND(parts->v, parts->n, parts->cap);

    *p = (struct rb_part){.kind = kind, .name = name, .path = path};
    return p;
}

/* Absolute, without slashes at its end or doubled; links in it stay as they are named. Fresh. */
static hal9_status whole_path(const char *path, char **ret, struct hal9_error *err) {
    _cleanup_free_ char *here = *path == '/' ? hal9_strdup("") : getcwd(NULL, 0);
    struct hal9_buf b = {0};

    if (!*path)
        return hal9_error_set(err, HAL9_E_USAGE, "the path of a file is empty");
    if (!here)
        return hal9_error_errno(err, errno, "cannot tell the current directory");
    _cleanup_free_ char *all = hal9_strf("%s/%s", here, path);

    for (const char *p = all; *p;) {
        size_t len = strcspn(++p, "/");

        if (len == 2 && memcmp(p, "..", 2) == 0) {
            hal9_buf_free(&b);
            return hal9_error_set(err, HAL9_E_USAGE, "'%s' has a '..' in it; name it without",
                                  path);
        }
        if (len > 0 && !(len == 1 && *p == '.')) {
            hal9_buf_putc(&b, '/');
            hal9_buf_add(&b, p, len);
        }
        p += len;
    }
    if (b.len == 0)
        hal9_buf_putc(&b, '/');
    *ret = hal9_buf_take(&b);
    return HAL9_OK;
}

static hal9_status add_path(struct rb_parts *parts, const char *kind, const char *path,
                            const struct hal9_part_spec *spec, struct hal9_error *err) {
    const struct rb_part_kind *k;
    char *whole = NULL;
    hal9_status st = need_kind(kind, &k, err);

    if (st == HAL9_OK)
        st = whole_path(path, &whole, err);
    if (st != HAL9_OK)
        return st;
    struct rb_part *p = add(parts, k, hal9_strf("%s:%s", kind, whole), whole);

    if (spec)
        p->spec = spec;
    return HAL9_OK;
}

hal9_status rb_parts_add_file(struct rb_parts *parts, const char *path, struct hal9_error *err) {
    return add_path(parts, "files", path, NULL, err);
}

static const struct hal9_balancer_spec *balancer_named(const struct hal9_config *c,
                                                       const char *name) {
    for (size_t i = 0; c && i < c->balancers.n; i++) {
        const struct hal9_balancer_spec *b = c->balancers.v[i];

        if (hal9_streq(b->name, name))
            return b;
    }
    return NULL;
}

static const struct hal9_flag_spec *flags_named(const struct hal9_config *c, const char *name) {
    for (size_t i = 0; c && i < c->flags.n; i++) {
        const struct hal9_flag_spec *f = c->flags.v[i];

        if (hal9_streq(f->name, name))
            return f;
    }
    return NULL;
}

static hal9_status add_balancer(const struct hal9_config *c, const char *balancer,
                                const char *backend, struct rb_parts *parts, struct rb_part **ret,
                                struct hal9_error *err) {
    const struct rb_part_kind *k;
    const struct hal9_balancer_spec *b = balancer_named(c, balancer);
    hal9_status st = need_kind("balancer", &k, err);

    if (st == HAL9_OK && !b)
        st = hal9_error_set(err, HAL9_E_CONFIG, "no balancer '%s' in %s", balancer,
                            c && c->path ? c->path : "the configuration, for there is none");
    if (st != HAL9_OK)
        return st;
    *ret = add(parts, k, hal9_strf("balancer:%s/%s", balancer, backend), NULL);
    (*ret)->balancer = b;
    (*ret)->backend = backend;
    return HAL9_OK;
}

static hal9_status add_flags(const struct hal9_config *c, const char *store, struct rb_parts *parts,
                             struct rb_part **ret, struct hal9_error *err) {
    const struct rb_part_kind *k;
    const struct hal9_flag_spec *f = flags_named(c, store);
    hal9_status st = need_kind("flags", &k, err);

    if (st == HAL9_OK && !f)
        st = hal9_error_set(err, HAL9_E_CONFIG, "no flag store '%s' in %s", store,
                            c && c->path ? c->path : "the configuration, for there is none");
    if (st != HAL9_OK)
        return st;
    *ret = add(parts, k, hal9_strf("flags:%s", store), NULL);
    (*ret)->flags = f;
    return HAL9_OK;
}

static hal9_status add_command(const struct hal9_part_spec *s, struct rb_parts *parts,
                               struct rb_part **ret, struct hal9_error *err) {
    const struct rb_part_kind *k;
    hal9_status st = need_kind("command", &k, err);

    if (st == HAL9_OK)
        *ret = add(parts, k, hal9_strf("command:%s", s->command), NULL);
    return st;
}

/* One that this build can stop and start; the service is there: the configuration was checked. */
static hal9_status service_named(const struct hal9_config *c, const char *name,
                                 const struct hal9_service **ret, struct hal9_error *err) {
    const struct hal9_service *s = c ? hal9_config_service(c, name) : NULL;
    const enum hal9_run_kind kind = s && s->run ? hal9_run_kind(s->run) : HAL9_RUN_NONE;

    if (!s)
        return hal9_error_set(err, HAL9_E_CONFIG, "no service '%s' in the configuration", name);
    *ret = s;
    if (kind == HAL9_RUN_EXEC || kind == HAL9_RUN_SYSTEMD)
        return HAL9_OK;
    hal9_status st =
        kind == HAL9_RUN_NONE
            ? hal9_error_set(err, HAL9_E_CONFIG,
                             "service %s has no run: nothing says how it is started", name)
            : hal9_error_set(err, HAL9_E_UNSUPPORTED,
                             "service %s runs by %s: this build has no driver for such parts", name,
                             kind == HAL9_RUN_KUBERNETES ? "kubernetes" : "container");

    if (s->node)
        hal9_error_place(err, s->node->file, s->node->line, s->node->col);
    return st;
}

static hal9_status add_service(const struct hal9_config *c, const char *name,
                               struct rb_parts *parts, struct rb_part **ret,
                               struct hal9_error *err) {
    const struct rb_part_kind *k;
    const struct hal9_service *service = NULL;
    hal9_status st = need_kind("service", &k, err);

    if (st == HAL9_OK)
        st = service_named(c, name, &service, err);
    if (st != HAL9_OK)
        return st;
    *ret = add(parts, k, hal9_strf("service:%s", name), NULL);
    (*ret)->service = service;
    return HAL9_OK;
}

static hal9_status add_spec(const struct hal9_config *c, const struct hal9_part_spec *s,
                            struct rb_parts *parts, struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    struct rb_part *p = NULL;

    if (s->balancer)
        st = add_balancer(c, s->balancer, s->backend, parts, &p, err);
    else if (s->flags)
        st = add_flags(c, s->flags, parts, &p, err);
    else if (s->release)
        st = add_path(parts, "release", s->release, s, err);
    else if (s->command)
        st = add_command(s, parts, &p, err);
    else if (s->service)
        st = add_service(c, s->service, parts, &p, err);
    for (size_t i = 0; st == HAL9_OK && i < s->files.n; i++)
        st = add_path(parts, "files", s->files.v[i], s, err);
    if (p)
        p->spec = s;
    return st;
}

hal9_status rb_parts_of_plan(const struct hal9_config *c, const struct hal9_rollback_spec *plan,
                             struct rb_parts *ret, struct hal9_error *err) {
    hal9_status st = HAL9_OK;

    for (size_t i = 0; st == HAL9_OK && i < plan->parts.n; i++)
        st = add_spec(c, plan->parts.v[i], ret, err);
    if (st != HAL9_OK)
        hal9_error_prefix(err, "plan %s", plan->name);
    return st;
}

/* ---- out of documents ---- */

/* "edge/hal9" is a balancer of the configuration and a backend, which points into the name. */
static hal9_status balancer_of(const struct hal9_config *c, const char *rest, struct rb_part *p,
                               struct hal9_error *err) {
    const char *slash = strchr(rest, '/');
    _cleanup_free_ char *name = slash ? hal9_strndup(rest, (size_t)(slash - rest)) : NULL;

    if (!slash)
        return hal9_error_set(err, HAL9_E_CORRUPT, "'%s' names no backend", rest);
    p->balancer = balancer_named(c, name);
    p->backend = slash + 1;
    if (p->balancer)
        return HAL9_OK;
    return hal9_error_set(err, HAL9_E_CONFIG, "no balancer '%s' in the configuration", name);
}

/* A command is the configuration's, never the snapshot's: what is run stands there. */
static hal9_status command_of(const struct hal9_config *c, const char *name, struct rb_part *p,
                              struct hal9_error *err) {
    for (size_t i = 0; c && i < c->rollback.n; i++) {
        const struct hal9_rollback_spec *plan = c->rollback.v[i];

        for (size_t k = 0; k < plan->parts.n; k++) {
            const struct hal9_part_spec *s = plan->parts.v[k];

            if (!hal9_streq(s->command, name))
                continue;
            p->spec = s;
            return HAL9_OK;
        }
    }
    return hal9_error_set(err, HAL9_E_CONFIG, "no command '%s' in the plans of the configuration",
                          name);
}

/* What the part's name points to. */
static hal9_status take_rest(const struct hal9_config *c, const char *rest, struct rb_part *p,
                             struct hal9_error *err) {
    const char *kind = p->kind->kind;

    if (strcmp(kind, "files") == 0 || strcmp(kind, "release") == 0)
        p->path = hal9_strdup(rest);
    else if (strcmp(kind, "balancer") == 0)
        return balancer_of(c, rest, p, err);
    else if (strcmp(kind, "command") == 0)
        return command_of(c, rest, p, err);
    else if (strcmp(kind, "service") == 0)
        return service_named(c, rest, &p->service, err);
    else if (!(p->flags = flags_named(c, rest)))
        return hal9_error_set(err, HAL9_E_CONFIG, "no flag store '%s' in the configuration", rest);
    return HAL9_OK;
}

hal9_status rb_part_of_snapshot(const struct hal9_config *c, const cJSON *part, struct rb_part *ret,
                                struct hal9_error *err) {
    const char *name = hal9_json_str(part, "part"), *kind = hal9_json_str(part, "kind");
    const char *rest = name ? strchr(name, ':') : NULL;
    struct rb_part p = {0};

    if (!rest || !kind)
        return hal9_error_set(err, HAL9_E_CORRUPT, "a part of the snapshot has no name or kind");
    hal9_status st = need_kind(kind, &p.kind, err);

    if (st != HAL9_OK)
        return st;
    p.name = hal9_strdup(name);
    rest = p.name + (rest + 1 - name);
    st = take_rest(c, rest, &p, err);
    if (st == HAL9_OK)
        *ret = p;
    else
        rb_part_clear(&p);
    return st;
}

const cJSON *rb_snapshot_state(const cJSON *snapshot, const char *name) {
    const cJSON *one;

    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(snapshot, "parts")) {
        if (hal9_streq(hal9_json_str(one, "part"), name))
            return cJSON_GetObjectItemCaseSensitive(one, "state");
    }
    return NULL;
}

size_t rb_diff_members(const struct rb_part *p, const cJSON *a, const cJSON *b,
                       bool (*same)(const struct rb_part *p, const cJSON *a, const cJSON *b),
                       void (*tell)(const struct rb_part *p, const char *name, const cJSON *a,
                                    const cJSON *b, struct hal9_buf *words, cJSON *json),
                       struct hal9_buf *words, cJSON *json) {
    const cJSON *one;
    size_t n = 0;

    cJSON_ArrayForEach(one, a) {
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(b, one->string);

        if (other && same(p, one, other))
            continue;
        tell(p, one->string, one, other, words, json);
        n++;
    }
    cJSON_ArrayForEach(one, b) {
        if (cJSON_GetObjectItemCaseSensitive(a, one->string))
            continue;
        tell(p, one->string, NULL, one, words, json);
        n++;
    }
    return n;
}
