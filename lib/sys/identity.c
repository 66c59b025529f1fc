/* Whether a process is the one that a service's identity describes. */
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/sys-internal.h"

enum { SHORT_CONTAINER_ID = 12 };

bool hal9_identity_empty(const struct hal9_identity *i) {
    return !i->exe && !i->unit && !i->user && !i->cmdline && !i->container;
}

void hal9_identity_clear(struct hal9_identity *i) {
    free(i->exe);
    free(i->exe_any);
    free(i->unit);
    free(i->user);
    free(i->cmdline);
    free(i->container);
    *i = (struct hal9_identity){0};
}

void hal9_identity_copy(struct hal9_identity *to, const struct hal9_identity *from) {
    struct hal9_identity copy = {.exe = hal9_strdup(from->exe),
                                 .exe_any = hal9_strdup(from->exe_any),
                                 .unit = hal9_strdup(from->unit),
                                 .user = hal9_strdup(from->user),
                                 .cmdline = hal9_strdup(from->cmdline),
                                 .container = hal9_strdup(from->container)};
    hal9_identity_clear(to);
    *to = copy;
}

/* "/a/b/REST" below "/a": "b/REST"; else NULL. */
static const char *below(const char *path, const char *dir) {
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/')
        len--;
    return strncmp(path, dir, len) == 0 && path[len] == '/' ? path + len + 1 : NULL;
}

/* The folder that holds the releases, when a folder in a wanted path is a symlink to one of several. */
struct releases {
    char *folder; /* /opt/x/current/bin/server with current -> releases/42: "/opt/x/releases" */
    char *
        prefix; /* of each release's name: "x" where /opt/x -> x-1.2 stands beside other products; else "" */
    const char *within; /* "bin/server" */
};

static void releases_clear(struct releases *r) {
    free(r->folder);
    free(r->prefix);
}

/* Where a symlink points, also to nothing; fresh, or NULL when it is none. */
static char *link_target(const char *path) {
    char text[PATH_MAX];
    ssize_t n = readlink(path, text, sizeof(text) - 1);
    if (n < 0)
        return NULL;
    text[n] = '\0';
    _cleanup_free_ char *dir = hal9_strndup(path, (size_t)(hal9_path_base(path) - path));
    _cleanup_free_ char *joined = hal9_path_join(dir, text);
    return hal9_path_canonical(joined);
}

/* The last symlink counts. The merged /bin and /usr/bin of distributions are no releases. */
static bool find_releases(const char *wanted, struct releases *ret) {
    _cleanup_free_ char *path = hal9_strdup(wanted);
    for (char *slash = strrchr(path, '/'); slash && slash > path; slash = strrchr(path, '/')) {
        *slash = '\0';
        _cleanup_free_ char *target = link_target(path);
        if (!target)
            continue;
        char *last = strrchr(target, '/');
        *last = '\0';
        if (!*target || strcmp(target, "/usr") == 0)
            return false;
        const char *link = hal9_path_base(path);
        ret->prefix = hal9_strdup(hal9_startswith(last + 1, link) ? link : "");
        ret->folder = HAL9_TAKE_PTR(target);
        ret->within = wanted + strlen(path) + 1;
        return true;
    }
    return false;
}

/* "/opt/x/releases/41/bin/server": the same path within any release. */
static bool is_release(const char *wanted, const char *exe) {
    _cleanup_(releases_clear) struct releases r = {0};
    if (!find_releases(wanted, &r))
        return false;
    const char *inner = below(exe, r.folder);
    const char *slash = inner ? strchr(inner, '/') : NULL;
    return slash && hal9_startswith(inner, r.prefix) && strcmp(slash + 1, r.within) == 0;
}

/* Whether the file that a process runs is the wanted one: by path, by what is at that path now, or a release kept beside it. */
static bool is_file(const char *wanted, const char *path, dev_t dev, ino_t ino) {
    if (strcmp(wanted, path) == 0)
        return true;
    struct stat st;
    if (ino && stat(wanted, &st) == 0 && st.st_dev == dev && st.st_ino == ino)
        return true;
    _cleanup_free_ char *real = hal9_path_canonical(wanted);
    return strcmp(real, path) == 0 || is_release(wanted, path);
}

/* The same file name anywhere below the folder that the configuration names. */
static bool is_below(const struct hal9_identity *want, const char *path) {
    if (!want->exe_any)
        return false;
    _cleanup_free_ char *folder = hal9_path_canonical(want->exe_any);
    return below(path, folder) && strcmp(hal9_path_base(path), hal9_path_base(want->exe)) == 0;
}

/* `exe` may name a script: then the process' executable is the interpreter, and its first argument the script. */
static bool is_script(const struct hal9_identity *want, const struct hal9_proc *p) {
    _cleanup_free_ char *script = hal9_proc_script_path(p);
    if (!script)
        return false;
    struct stat st = {0};
    if (stat(script, &st) < 0)
        st.st_ino = 0;
    return is_file(want->exe, script, st.st_dev, st.st_ino) || is_below(want, script);
}

static enum hal9_match match_exe(const struct hal9_identity *want, const struct hal9_proc *p) {
    if (!p->exe)
        return p->kernel ? HAL9_NO_MATCH : HAL9_CANT_TELL;
    return is_file(want->exe, p->exe, p->exe_dev, p->exe_ino) || is_below(want, p->exe) ||
                   is_script(want, p)
               ? HAL9_MATCH
               : HAL9_NO_MATCH;
}

static enum hal9_match match_unit(const char *wanted, const struct hal9_proc *p) {
    if (!p->cgroup)
        return HAL9_CANT_TELL;
    if (!p->unit)
        return HAL9_NO_MATCH;
    const char *rest = hal9_startswith(p->unit, wanted) ? p->unit + strlen(wanted) : NULL;
    return rest && (*rest == '\0' || strcmp(rest, ".service") == 0) ? HAL9_MATCH : HAL9_NO_MATCH;
}

static enum hal9_match match_user(const char *wanted, const struct hal9_proc *p) {
    if (p->uid == (uid_t)-1)
        return HAL9_CANT_TELL;
    struct hal9_user u = {0};
    if (hal9_user_lookup(wanted, &u, NULL) == HAL9_OK) {
        bool same = u.uid == p->uid;
        hal9_user_clear(&u);
        return same ? HAL9_MATCH : HAL9_NO_MATCH;
    }
    _cleanup_free_ char *number = hal9_strf("%lu", (unsigned long)p->uid);
    return strcmp(number, wanted) == 0 ? HAL9_MATCH : HAL9_NO_MATCH;
}

static enum hal9_match match_cmdline(const char *wanted, const struct hal9_proc *p) {
    if (p->argv.n == 0)
        return p->exe || p->kernel ? HAL9_NO_MATCH : HAL9_CANT_TELL;
    _cleanup_free_ char *joined = hal9_strv_join(&p->argv, " ");
    return strstr(joined, wanted) ? HAL9_MATCH : HAL9_NO_MATCH;
}

/* By id, which may be shortened as docker and podman show it. */
static enum hal9_match match_container(const char *wanted, const struct hal9_proc *p) {
    if (!p->cgroup)
        return HAL9_CANT_TELL;
    return strlen(wanted) >= SHORT_CONTAINER_ID && hal9_startswith(p->container, wanted)
               ? HAL9_MATCH
               : HAL9_NO_MATCH;
}

enum hal9_match hal9_identity_match(const struct hal9_identity *want, const struct hal9_proc *p) {
    enum hal9_match parts[] = {
        want->exe ? match_exe(want, p) : HAL9_MATCH,
        want->unit ? match_unit(want->unit, p) : HAL9_MATCH,
        want->user ? match_user(want->user, p) : HAL9_MATCH,
        want->cmdline ? match_cmdline(want->cmdline, p) : HAL9_MATCH,
        want->container ? match_container(want->container, p) : HAL9_MATCH,
    };
    enum hal9_match all = hal9_identity_empty(want) ? HAL9_NO_MATCH : HAL9_MATCH;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(parts) && all != HAL9_NO_MATCH; i++)
        if (parts[i] != HAL9_MATCH)
            all = parts[i];
    return all;
}
