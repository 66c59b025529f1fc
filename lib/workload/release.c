/* The step kind release.switch: the symlink to the release in use, replaced in one rename. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "hal9ops/sys.h"
#include "sys/fault.h"
#include "workload/workload-internal.h"

/* The link's folder, open, and its name in it. */
struct link {
    int dir;
    char *folder;
    char *name;
};

static void link_clear(struct link *l) {
    if (l->dir >= 0)
        close(l->dir);
    free(l->folder);
    free(l->name);
}

static hal9_status link_open(const char *path, struct link *ret, struct hal9_error *err) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    *ret = (struct link){.dir = -1};
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return hal9_error_set(err, HAL9_E_USAGE, "'%s' is not the path of a symlink", path);
    ret->folder = !slash          ? hal9_strdup(".")
                  : slash == path ? hal9_strdup("/")
                                  : hal9_strndup(path, (size_t)(slash - path));
    ret->name = hal9_strdup(name);
    ret->dir = open(ret->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ret->dir < 0)
        return hal9_error_errno(err, errno, "cannot open the folder of %s", path);
    return HAL9_OK;
}

/* *ret NULL: there is none. */
static hal9_status read_link(const struct link *l, const char *path, char **ret,
                             struct hal9_error *err) {
    char text[PATH_MAX + 1];
    ssize_t n = readlinkat(l->dir, l->name, text, sizeof(text) - 1);
    if (n >= 0) {
        *ret = hal9_strndup(text, (size_t)n);
        return HAL9_OK;
    }
    if (errno == ENOENT) {
        *ret = NULL;
        return HAL9_OK;
    }
    if (errno != EINVAL)
        return hal9_error_errno(err, errno, "cannot read the link %s", path);
    struct stat st;
    bool folder = fstatat(l->dir, l->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
    hal9_error_set(err, HAL9_E_REFUSED, "%s is %s, not a symlink to a release", path,
                   folder ? "a folder" : "a file");
    hal9_error_hint(err, "move it aside and make it a symlink; nothing was changed");
    return HAL9_E_REFUSED;
}

hal9_status hal9_release_target(const char *path, char **ret, struct hal9_error *err) {
    _cleanup_(link_clear) struct link l;
    hal9_status st = link_open(path, &l, err);
    return st == HAL9_OK ? read_link(&l, path, ret, err) : st;
}

cJSON *hal9_args_release(const char *path, const char *target) {
    cJSON *j = cJSON_CreateObject();
    hal9_json_add_str(j, "link", path);
    if (target)
        hal9_json_add_str(j, "target", target);
    else
        cJSON_AddNullToObject(j, "target");
    return j;
}

/* ---- the kind ---------------------------------------------------------------------------------- */

static const char *link_of(const cJSON *args) {
    const char *path = hal9_json_str(args, "link");
    return path ? path : "";
}

char *wl_file_resource(const char *path) {
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *folder = !slash          ? hal9_strdup(".")
                                  : slash == path ? hal9_strdup("/")
                                                  : hal9_strndup(path, (size_t)(slash - path));
    _cleanup_free_ char *real = hal9_path_canonical(folder);
    _cleanup_free_ char *whole = hal9_path_join(real, slash ? slash + 1 : path);
    return hal9_strf("file:%s", whole);
}

static hal9_status resources(const cJSON *args, struct hal9_strv *ret, struct hal9_error *err) {
    (void)err;
    hal9_strv_take(ret, wl_file_resource(link_of(args)));
    wl_copy_resources(args, ret);
    hal9_strv_sort_unique(ret);
    return HAL9_OK;
}

static cJSON *target_state(const char *target) {
    cJSON *state = cJSON_CreateObject();
    if (target)
        hal9_json_add_str(state, "target", target);
    else
        cJSON_AddNullToObject(state, "target");
    return state;
}

static hal9_status inspect(struct hal9_step_ctx *c, cJSON **ret, struct hal9_error *err) {
    _cleanup_free_ char *target = NULL;
    hal9_status st = hal9_release_target(link_of(hal9_step_args(c)), &target, err);
    if (st == HAL9_OK)
        *ret = target_state(target);
    return st;
}

/* Whether what it shall point to is there. */
static hal9_status need_target(const char *path, const char *target, struct hal9_error *err) {
    _cleanup_(link_clear) struct link l;
    struct stat st;
    hal9_status s = link_open(path, &l, err);
    if (s != HAL9_OK || fstatat(l.dir, target, &st, 0) == 0)
        return s;
    if (errno != ENOENT && errno != ENOTDIR)
        return hal9_error_errno(err, errno, "cannot look at the release %s", target);
    hal9_error_set(err, HAL9_E_REFUSED, "the release %s is not there; %s stays as it is", target,
                   path);
    hal9_error_hint(err, "ls -t %s; it may have been cleaned up",
                    *target == '/' ? target : l.folder);
    return HAL9_E_REFUSED;
}

hal9_status hal9_release_check(const char *path, const char *target, struct hal9_error *err) {
    _cleanup_free_ char *now = NULL;
    hal9_status st = hal9_release_target(path, &now, err);
    return st == HAL9_OK && target && !hal9_streq(now, target) ? need_target(path, target, err)
                                                               : st;
}

static hal9_status intent(struct hal9_step_ctx *c, const cJSON *before, cJSON **ret,
                          struct hal9_error *err) {
    const cJSON *args = hal9_step_args(c);
    const char *target = hal9_json_str(args, "target");
    hal9_status st = HAL9_OK;
    /* What is so already needs nothing to be there. */
    if (target && !hal9_streq(hal9_json_str(before, "target"), target))
        st = need_target(link_of(args), target, err);
    if (st == HAL9_OK)
        *ret = target_state(target);
    return st;
}

/* The new one has the old one's owner, where this user may give it. */
static void keep_owner(const struct link *l, const char *temp) {
    struct stat st;
    if (geteuid() == 0 && fstatat(l->dir, l->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        hal9_sys_fchownat(l->dir, temp, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        hal9_log(1, "the owner of %s could not be kept: %s", l->name, strerror(errno));
}

/* The temporary name is always the same: what a killed run left is taken away by the next. */
static hal9_status replace(const struct link *l, const char *path, const char *target,
                           struct hal9_error *err) {
    _cleanup_free_ char *temp = hal9_strf(".%.200s.hal9-new", l->name);
    if (hal9_sys_unlinkat(l->dir, temp, 0) < 0 && errno != ENOENT)
        return hal9_error_errno(err, errno, "cannot take away %s/%s", l->folder, temp);
    if (hal9_sys_symlinkat(target, l->dir, temp) < 0)
        return hal9_error_errno(err, errno, "cannot make a link in %s", l->folder);
    keep_owner(l, temp);
    if (hal9_sys_renameat(l->dir, temp, l->dir, l->name) == 0)
        return HAL9_OK;
    hal9_status st = hal9_error_errno(err, errno, "cannot replace %s", path);
    hal9_sys_discardat(l->dir, temp);
    return st;
}

static hal9_status apply(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent_,
                         struct hal9_error *err) {
    _cleanup_(link_clear) struct link l;
    _cleanup_free_ char *now = NULL;
    const char *path = link_of(hal9_step_args(c));
    const char *target = hal9_json_str(intent_, "target");
    (void)before;
    hal9_status st = link_open(path, &l, err);
    if (st == HAL9_OK)
        st = read_link(&l, path, &now, err); /* something else may stand there by now */
    if (st != HAL9_OK)
        return st;
    if (target)
        st = replace(&l, path, target, err);
    else if (hal9_sys_unlinkat(l.dir, l.name, 0) < 0 && errno != ENOENT)
        st = hal9_error_errno(err, errno, "cannot remove %s", path);
    if (st == HAL9_OK && HAL9_RETRY(hal9_sys_fsync(l.dir)) < 0 && errno != EINVAL)
        st = hal9_error_errno(err, errno, "cannot sync %s", l.folder);
    return st;
}

static hal9_status invert(struct hal9_step_ctx *c, const cJSON *before, const cJSON *after,
                          const char **ret_kind, cJSON **ret_args, char **ret_title,
                          struct hal9_error *err) {
    const char *path = link_of(hal9_step_args(c));
    const char *target = hal9_json_str(before, "target");
    (void)after;
    /* Before anything is stopped in favour of it. */
    hal9_status st = target ? need_target(path, target, err) : HAL9_OK;
    if (st != HAL9_OK)
        return st;
    *ret_kind = hal9_kind_release_switch.name;
    *ret_args = hal9_args_release(path, target);
    *ret_title =
        target ? hal9_strf("switch %s back to %s", path, target) : hal9_strf("remove %s", path);
    return HAL9_OK;
}

static char *describe(const cJSON *args) {
    const char *target = hal9_json_str(args, "target");
    return target ? hal9_strf("switch %s to %s", link_of(args), target)
                  : hal9_strf("remove %s", link_of(args));
}

const struct hal9_step_kind hal9_kind_release_switch = {
    .name = "release.switch",
    .version = 1,
    .resources = resources,
    .inspect = inspect,
    .intent = intent,
    .apply = apply,
    .invert = invert,
    .describe = describe,
};
