/* What only the whole configuration can tell: names that point to nothing, cycles, two owners of
 * one thing. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/config-internal.h"

/* The node of the i-th element of a list (or of the one value in its place) below a map. */
static const struct hal9_node *element(const struct hal9_node *map, const char *key, size_t i) {
    const struct hal9_node *n = map ? hal9_node_get(map, key) : NULL;

    if (n && n->kind == HAL9_NODE_LIST && i < n->n)
        return n->items[i];
    return n ? n : map;
}

/* Every named entry begins with its name. */
struct named {
    char *name;
};

static bool has_name(const struct hal9_list *l, const char *name) {
    for (size_t i = 0; i < l->n; i++) {
        const struct hal9_service *s = l->v[i];

        if (hal9_streq(s->name, name))
            return true;
    }
    return false;
}

_Static_assert(offsetof(struct hal9_service, name) == 0 &&
                   offsetof(struct hal9_balancer_spec, name) == 0 &&
                   offsetof(struct hal9_flag_spec, name) == 0 &&
                   offsetof(struct hal9_rollback_spec, name) == 0 &&
                   offsetof(struct hal9_scale_spec, name) == 0,
               "a named entry begins with its name");

static const char *nearest(const struct hal9_list *l, const char *word) {
    _cleanup_free_ const char **names = hal9_alloc((l->n + 1) * sizeof(*names));

    for (size_t i = 0; i < l->n; i++)
        names[i] = ((const struct named *)l->v[i])->name;
    return hal9_suggest(word, names, l->n);
}

static void missing(struct hal9_errors *errors, const struct hal9_list *l, const char *what,
                    const char *name, const struct hal9_node *at) {
    /* After so many nobody reads them all, and the nearest of thousands takes its time. */
    const char *near = errors->n < 100 && l->n < 2000 ? nearest(l, name) : NULL;

    if (near)
        hal9_config_error(errors, at, "no %s '%s'; did you mean '%s'?", what, name, near);
    else
        hal9_config_error(errors, at, "no %s '%s' in this configuration", what, name);
}

static void need(struct hal9_errors *errors, const struct hal9_list *l, const char *what,
                 const char *name, const struct hal9_node *at) {
    if (name && !has_name(l, name))
        missing(errors, l, what, name, at);
}

/* The services by name: a file of some thousands is read as fast as one of ten. */
struct by_name {
    const struct hal9_service **v;
    size_t n;
};

static int compare_names(const void *a, const void *b) {
    return strcmp((*(const struct hal9_service *const *)a)->name,
                  (*(const struct hal9_service *const *)b)->name);
}

static struct by_name sort_names(const struct hal9_config *c) {
    struct by_name all = {hal9_alloc((c->services.n + 1) * sizeof(*all.v)), c->services.n};

    for (size_t i = 0; i < all.n; i++)
        all.v[i] = c->services.v[i];
    qsort(all.v, all.n, sizeof(*all.v), compare_names);
    return all;
}

/* Where it is among them; n: nowhere. */
static size_t place_of(const struct by_name *all, const char *name) {
    struct hal9_service wanted = {.name = (char *)name};
    const struct hal9_service *key = &wanted, **found;

    found = bsearch(&key, all->v, all->n, sizeof(*all->v), compare_names);
    return found ? (size_t)(found - all->v) : all->n;
}

static void check_names(const struct hal9_config *c, const struct by_name *all,
                        struct hal9_errors *errors) {
    for (size_t i = 0; i < c->services.n; i++) {
        const struct hal9_service *s = c->services.v[i];

        if (hal9_config_reserved(s->name))
            hal9_config_error(errors, s->node, "'%s' can't be a service's name: it is a subcommand",
                              s->name);
        if (s->name[0] == '\0' || s->name[0] == '-' || strpbrk(s->name, "/ \t\n") ||
            strlen(s->name) > 128)
            hal9_config_error(errors, s->node,
                              "'%s' can't be a service's name: no blanks, no slash, no leading "
                              "'-', at most 128 characters",
                              s->name);
        for (size_t k = 0; k < s->depends.n; k++)
            if (place_of(all, s->depends.v[k]) == all->n)
                missing(errors, &c->services, "service", s->depends.v[k],
                        element(s->node, "depends", k));
        if (s->drain)
            need(errors, &c->balancers, "balancer", s->drain->balancer,
                 element(hal9_node_get(s->node, "drain"), "balancer", 0));
    }
}

static void check_ports(const struct hal9_config *c, struct hal9_errors *errors) {
    for (size_t i = 0; i < c->services.n; i++) {
        const struct hal9_service *s = c->services.v[i];

        for (size_t k = 0; k < s->ports.n; k++) {
            const struct hal9_service *first = hal9_config_port_owner(c, s->ports.v[k].first);

            if (first && first != s)
                hal9_config_error(
                    errors, element(s->node, hal9_node_get(s->node, "ports") ? "ports" : "port", k),
                    "port %u is %s's already; a port has one owner", s->ports.v[k].first,
                    first->name);
        }
    }
}

/* Depth-first over depends; mark: 0 new, 1 on the path, 2 done. */
static bool walk(const struct by_name *all, const struct hal9_service *s, char *mark,
                 struct hal9_strv *path) {
    const size_t at = place_of(all, s->name);

    if (at == all->n || mark[at] == 2)
        return true;
    hal9_strv_add(path, s->name);
    if (mark[at] == 1)
        return false;
    mark[at] = 1;
    for (size_t k = 0; k < s->depends.n; k++) {
        const size_t d = place_of(all, s->depends.v[k]);

        if (d < all->n && !walk(all, all->v[d], mark, path))
            return false;
    }
    mark[at] = 2;
    free(path->v[--path->n]);
    path->v[path->n] = NULL;
    return true;
}

/* The way round; of a long one its two ends. */
static char *circle_text(const struct hal9_strv *path) {
    _cleanup_strv_ struct hal9_strv shown = {0};

    for (size_t i = 0; i < path->n; i++)
        if (path->n <= 12 || i < 6 || i >= path->n - 5)
            hal9_strv_add(&shown, path->v[i]);
        else if (i == 6)
            hal9_strv_add(&shown, "...");
    return hal9_strv_join(&shown, " -> ");
}

static void check_cycles(const struct hal9_config *c, const struct by_name *all,
                         struct hal9_errors *errors) {
    _cleanup_free_ char *mark = hal9_alloc(c->services.n + 1);

    for (size_t i = 0; i < c->services.n; i++) {
        _cleanup_strv_ struct hal9_strv path = {0};
        const struct hal9_service *s = c->services.v[i];

        if (walk(all, s, mark, &path))
            continue;
        _cleanup_free_ char *text = circle_text(&path);

        hal9_config_error(errors, element(s->node, "depends", 0),
                          "services depend on each other in a circle: %s", text);
        return;
    }
}

static void check_part(const struct hal9_config *c, const struct hal9_rollback_spec *r, size_t k,
                       struct hal9_errors *errors) {
    const struct hal9_part_spec *p = r->parts.v[k];
    const struct hal9_node *at = element(r->node, "parts", k);

    need(errors, &c->balancers, "balancer", p->balancer, at);
    need(errors, &c->flags, "flag store", p->flags, at);
    need(errors, &c->services, "service", p->service, at);
}

/* The source's words for kinds of parts. */
static const char *kind_of(const char *word) {
    static const char *const words[][2] = {{"routing", "balancer"},
                                           {"features", "flags"},
                                           {"state", "files"},
                                           {"workload", "service"}};

    for (size_t i = 0; i < HAL9_ARRAY_LEN(words); i++)
        if (hal9_streq(word, words[i][0]))
            return words[i][1];
    return word;
}

static bool part_is(const struct hal9_part_spec *p, const char *word) {
    const char *colon = strchr(word, ':'), *kind = kind_of(word);
    const char *mine = p->balancer  ? "balancer"
                       : p->flags   ? "flags"
                       : p->release ? "release"
                       : p->command ? "command"
                       : p->service ? "service"
                                    : "files";

    if (!colon)
        return hal9_streq(kind, mine);
    if (strncmp(word, mine, strlen(mine)) != 0 || word[strlen(mine)] != ':')
        return false;
    if (!p->balancer)
        return hal9_streq(colon + 1, p->flags) || hal9_streq(colon + 1, p->release) ||
               hal9_streq(colon + 1, p->command) || hal9_streq(colon + 1, p->service) ||
               hal9_strv_has(&p->files, colon + 1);
    _cleanup_free_ char *name = hal9_strf("%s/%s", p->balancer, p->backend);

    return hal9_streq(colon + 1, name);
}

/* What a part needs is another part of the plan. */
static void check_needs(const struct hal9_rollback_spec *r, size_t k, struct hal9_errors *errors) {
    const struct hal9_part_spec *p = r->parts.v[k];

    for (size_t i = 0; i < p->needs.n; i++) {
        bool found = false;

        for (size_t m = 0; m < r->parts.n; m++)
            found = found || (m != k && part_is(r->parts.v[m], p->needs.v[i]));
        if (!found)
            hal9_config_error(errors, element(element(r->node, "parts", k), "needs", i),
                              "needs names another part of the plan, such as flags or flags:main; "
                              "none is '%s'",
                              p->needs.v[i]);
    }
}

static void check_rollback(const struct hal9_config *c, struct hal9_errors *errors) {
    for (size_t i = 0; i < c->rollback.n; i++) {
        const struct hal9_rollback_spec *r = c->rollback.v[i];

        for (size_t k = 0; k < r->parts.n; k++)
            check_part(c, r, k, errors);
        hal9_config_check_paths(c, r, errors);
        for (size_t k = 0; k < r->parts.n; k++)
            check_needs(r, k, errors);
        for (size_t k = 0; k < r->health.n; k++)
            need(errors, &c->services, "service", r->health.v[k], element(r->node, "health", k));
    }
}

void hal9_config_check(const struct hal9_config *c, struct hal9_errors *errors) {
    struct by_name all = sort_names(c);

    check_names(c, &all, errors);
    check_ports(c, errors);
    check_cycles(c, &all, errors);
    check_rollback(c, errors);
    hal9_config_check_commands(c, errors);
    free(all.v);
}
