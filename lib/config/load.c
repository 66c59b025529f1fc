/* Reads hal9.yaml and conf.d/ beside it into one configuration. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "config/config-internal.h"
#include "hal9ops/sys.h"

#define CONFIG_MAX (16u << 20)
#define ERRORS_MAX 100

static hal9_status fail(struct hal9_errors *errors, struct hal9_error *err) {
    hal9_status code = err->code;
    struct hal9_error *e = HAL9_APPEND(errors->v, errors->n, errors->cap);

    *e = *err;
    memset(err, 0, sizeof(*err));
    return code;
}

/* Root runs what the file says: so nobody else may own or write it. */
static hal9_status trusted(const char *path, struct hal9_error *err) {
    struct stat st;
    const char *why = NULL;

    if (geteuid() != 0 || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return HAL9_OK; /* what is no file is refused when it is read, and needs no chown */
    if (st.st_uid != 0)
        why = "belongs to another user";
    else if (st.st_mode & S_IWOTH)
        why = "can be written by everybody";
    else if ((st.st_mode & S_IWGRP) && st.st_gid != 0)
        why = "can be written by its group";
    if (!why)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_CONFIG, "%s %s; root does not act on it", path, why);
    hal9_error_hint(err, "chown root %s && chmod go-w %s", path, path);
    return HAL9_E_CONFIG;
}

/* Decodes one file; its document stays in cfg->docs, because errors and nodes point into it. */
static hal9_status read_one(struct hal9_config *cfg, const char *path, struct hal9_config *ret,
                            struct hal9_errors *errors) {
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_doc *doc = NULL;

    if (trusted(path, &err) != HAL9_OK ||
        hal9_file_read(path, CONFIG_MAX, &text, &err) != HAL9_OK ||
        hal9_yaml_parse(path, text.data ? text.data : "", text.len, &doc, &err) != HAL9_OK)
        return fail(errors, &err);
    hal9_buf_free(&text);
    text = (struct hal9_buf){0};
    *HAL9_APPEND(cfg->docs.v, cfg->docs.n, cfg->docs.cap) = doc;
    return hal9_schema_decode(&hal9_config_root_schema, hal9_doc_root(doc), ret, errors);
}

/* Moves the entries of one list to another; a name that is there already is an error. */
static void merge_list(struct hal9_list *to, struct hal9_list *from, bool named, const char *what,
                       const char *path, struct hal9_errors *errors) {
    for (size_t i = 0; i < from->n; i++) {
        const char *name = named ? *(char **)from->v[i] : NULL;

        for (size_t k = 0; named && k < to->n; k++) {
            if (!hal9_streq(*(char **)to->v[k], name))
                continue;
            struct hal9_error *e = hal9_config_error(
                errors, NULL, "%s '%s' is in another file of this configuration already", what,
                name);

            hal9_error_place(e, path, 0, 0);
        }
        *HAL9_APPEND(to->v, to->n, to->cap) = from->v[i];
    }
    from->n = 0;
}

static void merge(struct hal9_config *to, struct hal9_config *from, const char *path,
                  struct hal9_errors *errors) {
    merge_list(&to->services, &from->services, true, "service", path, errors);
    merge_list(&to->balancers, &from->balancers, true, "balancer", path, errors);
    merge_list(&to->flags, &from->flags, true, "flag store", path, errors);
    merge_list(&to->rollback, &from->rollback, true, "rollback plan", path, errors);
    merge_list(&to->scale, &from->scale, true, "scaled workload", path, errors);
    merge_list(&to->notify, &from->notify, false, "notification", path, errors);
    if (!to->state)
        to->state = HAL9_TAKE_PTR(from->state);
    to->staging |= from->staging;
}

/* conf.d beside the file, in the order of the names. */
static void read_conf_d(struct hal9_config *cfg, struct hal9_errors *errors) {
    char *slash = strrchr(cfg->path, '/');
    _cleanup_free_ char *dir =
        slash ? hal9_strndup(cfg->path, (size_t)(slash - cfg->path)) : hal9_strdup(".");
    _cleanup_free_ char *pattern = hal9_strf("%s/conf.d/*.yaml", dir);
    glob_t files = {0};

    if (glob(pattern, 0, NULL, &files) == 0) {
        for (size_t i = 0; i < files.gl_pathc; i++) {
            struct hal9_config part = {0};

            read_one(cfg, files.gl_pathv[i], &part, errors);
            merge(cfg, &part, files.gl_pathv[i], errors);
            hal9_schema_clear(&hal9_config_root_schema, &part);
        }
    }
    globfree(&files);
}

static int by_place(const void *a, const void *b) {
    const struct hal9_error *one = a, *two = b;
    int files = one->file && two->file ? strcmp(one->file, two->file) : 0;

    if (files != 0)
        return files;
    if (one->line != two->line)
        return one->line < two->line ? -1 : 1;
    return one->col != two->col ? (one->col < two->col ? -1 : 1) : 0;
}

/* What the whole told, in the order of the places; at most as many as can be read. */
static void put_in_order(struct hal9_errors *errors, size_t first) {
    size_t n = errors->n - first;

    if (n > 1)
        qsort(errors->v + first, n, sizeof(*errors->v), by_place);
    while (errors->n > first + ERRORS_MAX)
        hal9_error_clear(&errors->v[--errors->n]);
    if (n > ERRORS_MAX)
        hal9_config_error(errors, NULL, "there are %zu more such errors", n - ERRORS_MAX);
}

hal9_status hal9_config_load(const char *option, struct hal9_config **ret,
                             struct hal9_errors *errors) {
    struct hal9_config *cfg = hal9_alloc(sizeof(*cfg));
    _cleanup_error_ struct hal9_error err = {0};
    size_t before = errors->n;

    if (hal9_config_find(option, &cfg->path, &err) != HAL9_OK) {
        hal9_config_free(cfg);
        return fail(errors, &err);
    }
    if (cfg->path) {
        read_one(cfg, cfg->path, cfg, errors);
        read_conf_d(cfg, errors);
        /* Names are looked at only in a file that is otherwise sound: one slip gives one error. */
        if (errors->n == before) {
            hal9_config_check(cfg, errors);
            put_in_order(errors, before);
        }
    }
    if (errors->n > before) {
        hal9_config_free(cfg);
        return errors->v[before].code;
    }
    hal9_config_tell_apart(cfg);
    *ret = cfg;
    return HAL9_OK;
}

void hal9_config_free(struct hal9_config *c) {
    if (!c)
        return;
    hal9_schema_clear(&hal9_config_root_schema, c);
    for (size_t i = 0; i < c->docs.n; i++)
        hal9_doc_free(c->docs.v[i]);
    free(c->docs.v);
    free(c->path);
    free(c);
}
