/* Two parts of a rollback on one thing: one of them would undo what the other has restored. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/config-internal.h"

/* ---- paths ---- */

/* What a part restores as a file, a folder or a link. */
struct covered {
    char *path; /* as it is compared: without doubled and last slashes */
    const char *what, *name;
    const struct hal9_part_spec *part;
};
struct all_covered {
    struct covered *v;
    size_t n, cap;
};

static char *plain(const char *path) {
    struct hal9_buf b = {0};

    for (const char *p = path; *p;) {
        size_t slashes = strspn(p, "/"), len = strcspn(p + slashes, "/");

        if (len > 0 && !(len == 1 && p[slashes] == '.')) {
            if (slashes > 0)
                hal9_buf_putc(&b, '/');
            hal9_buf_add(&b, p + slashes, len);
        }
        p += slashes + len;
    }
    if (b.len == 0)
        hal9_buf_putc(&b, *path == '/' ? '/' : '.');
    return hal9_buf_take(&b);
}

/* Whether inner is outer, or in it. */
static bool is_in(const char *outer, const char *inner) {
    size_t len = strlen(outer);

    if (strcmp(outer, "/") == 0 || strcmp(outer, ".") == 0)
        return (*inner == '/') == (*outer == '/');
    return strncmp(outer, inner, len) == 0 && (inner[len] == '\0' || inner[len] == '/');
}

static void complain(const struct covered *a, const struct covered *b, struct hal9_errors *errors) {
    if (strcmp(a->path, b->path) == 0)
        hal9_config_error(errors, b->part->node, "two parts on one path: %s is %s%s and %s%s",
                          b->path, a->what, a->name, b->what, b->name);
    else
        hal9_config_error(errors, b->part->node,
                          "two parts on one path: %s (%s%s) and %s (%s%s) lie in one another",
                          a->path, a->what, a->name, b->path, b->what, b->name);
}

/* Links may lie side by side in one folder; what a file or folder covers it covers alone. */
static void cover(struct all_covered *all, const struct hal9_part_spec *part, const char *path,
                  const char *what, const char *name, struct hal9_errors *errors) {
    struct covered one = {plain(path), what, name, part};

    for (size_t i = 0; i < all->n; i++)
        if (is_in(all->v[i].path, one.path) || is_in(one.path, all->v[i].path)) {
            complain(&all->v[i], &one, errors);
            break;
        }
    *HAL9_APPEND(all->v, all->n, all->cap) = one;
}

static const struct hal9_flag_spec *store_named(const struct hal9_config *c, const char *name) {
    for (size_t i = 0; i < c->flags.n; i++) {
        const struct hal9_flag_spec *f = c->flags.v[i];

        if (hal9_streq(f->name, name))
            return f;
    }
    return NULL;
}

void hal9_config_check_paths(const struct hal9_config *c, const struct hal9_rollback_spec *r,
                             struct hal9_errors *errors) {
    struct all_covered all = {0};

    for (size_t k = 0; k < r->parts.n; k++) {
        const struct hal9_part_spec *p = r->parts.v[k];
        const struct hal9_service *s = p->service ? hal9_config_service(c, p->service) : NULL;
        const struct hal9_flag_spec *f = p->flags ? store_named(c, p->flags) : NULL;
        const char *store = f ? f->flagd ? f->flagd : f->env : NULL;

        for (size_t i = 0; i < p->files.n; i++)
            cover(&all, p, p->files.v[i], "files", "", errors);
        if (p->release)
            cover(&all, p, p->release, "a release", "", errors);
        if (s && s->release)
            cover(&all, p, s->release->current, "the release of service ", s->name, errors);
        if (store)
            cover(&all, p, store, "the flag store ", f->name, errors);
    }
    for (size_t i = 0; i < all.n; i++)
        free(all.v[i].path);
    free(all.v);
}

/* ---- commands ---- */

static bool same_argv(const struct hal9_strv *a, const struct hal9_strv *b) {
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i], b->v[i]) != 0)
            return false;
    return true;
}

static bool same_command(const struct hal9_part_spec *a, const struct hal9_part_spec *b) {
    return same_argv(&a->apply, &b->apply) && same_argv(&a->verify, &b->verify) &&
           same_argv(&a->state, &b->state) && same_argv(&a->revert, &b->revert);
}

/* Snapshots know a command, and a service, by its name: it is one thing in all plans, and one part in each. */
static void check_pair(const struct hal9_part_spec *a, const struct hal9_part_spec *b,
                       bool one_plan, struct hal9_errors *errors) {
    if (a->command && hal9_streq(a->command, b->command) && (one_plan || !same_command(a, b)))
        hal9_config_error(errors, b->node, "there are two commands '%s'; a name is one command's",
                          b->command);
    if (one_plan && a->service && hal9_streq(a->service, b->service))
        hal9_config_error(errors, b->node, "two parts cover service %s", b->service);
}

static void check_against(const struct hal9_config *c, size_t plan, size_t part,
                          struct hal9_errors *errors) {
    const struct hal9_rollback_spec *mine = c->rollback.v[plan];

    for (size_t i = 0; i <= plan; i++) {
        const struct hal9_rollback_spec *r = c->rollback.v[i];

        for (size_t k = 0; k < (i == plan ? part : r->parts.n); k++)
            check_pair(r->parts.v[k], mine->parts.v[part], i == plan, errors);
    }
}

void hal9_config_check_commands(const struct hal9_config *c, struct hal9_errors *errors) {
    for (size_t i = 0; i < c->rollback.n; i++) {
        const struct hal9_rollback_spec *r = c->rollback.v[i];

        for (size_t k = 0; k < r->parts.n; k++)
            check_against(c, i, k, errors);
    }
}
