/* The state directory: where it is, how it is made, whether this build knows its format. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/store-internal.h"
#include "sys/fault.h"

static const char *const folders[] = {"journal", "open", "blobs", "services"};

static const char *environment(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* Where state goes when nobody says. Root's is the host's, whatever XDG_STATE_HOME sudo has left. */
static char *usual_place(void) {
    if (geteuid() == 0)
        return hal9_strdup("/var/lib/hal9ops");
    const char *xdg = environment("XDG_STATE_HOME");
    if (xdg && *xdg == '/') /* the specification wants relative ones ignored */
        return hal9_path_join(xdg, "hal9ops");
    const char *home = environment("HOME");
    if (home && *home == '/')
        return hal9_path_join(home, ".local/state/hal9ops");
    /* cron and containers leave it out: the user's entry tells */
    _cleanup_(hal9_user_clear) struct hal9_user user = {0};
    _cleanup_free_ char *uid = hal9_strf("%u", (unsigned)geteuid());
    if (hal9_user_lookup(uid, &user, NULL) != HAL9_OK || !user.home || *user.home != '/')
        return NULL;
    return hal9_path_join(user.home, ".local/state/hal9ops");
}

hal9_status hal9_state_find(const char *option, const char *config, char **ret_path,
                            struct hal9_error *err) {
    if (option && !*option)
        return hal9_error_set(err, HAL9_E_USAGE, "the name of the state directory is empty");
    const char *told = option ? option : environment("HAL9OPS_STATE_DIR");
    if (!told && config && *config)
        told = config;
    _cleanup_free_ char *place = told ? hal9_strdup(told) : usual_place();
    if (!place) {
        hal9_error_set(err, HAL9_E_USAGE,
                       "no state directory: HOME is not set, and this user has no entry "
                       "that tells");
        hal9_error_hint(err, "name one with --state-dir DIR or HAL9OPS_STATE_DIR");
        return HAL9_E_USAGE;
    }
    *ret_path = hal9_path_canonical(place);
    return HAL9_OK;
}

char *hal9_state_sub(const struct hal9_state *s, const char *dir, const char *name) {
    _cleanup_free_ char *part = hal9_state_part(s, dir);
    return name ? hal9_path_join(part, name) : HAL9_TAKE_PTR(part);
}

mode_t hal9_state_dir_mode(const struct hal9_state *s) {
    return s->shared ? 02770 : 0700;
}

mode_t hal9_state_file_mode(const struct hal9_state *s) {
    return s->shared ? 0660 : 0600;
}

/* One that no full or read-only disk is behind. Fresh. */
static char *other_place(void) {
    const char *runtime = environment("XDG_RUNTIME_DIR");
    if (geteuid() == 0)
        return hal9_strdup("/run/hal9ops");
    return runtime ? hal9_strf("%s/hal9ops", runtime)
                   : hal9_strf("/tmp/hal9ops-state-%u", (unsigned)geteuid());
}

hal9_status hal9_state_explain(struct hal9_error *err, hal9_status status) {
    if (status == HAL9_OK || !err || err->hint)
        return status;
    switch (err->errnum) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOSPC:
    case EDQUOT: {
        _cleanup_free_ char *other = other_place();
        hal9_error_hint(err, "the state can go elsewhere: --state-dir %s", other);
        break;
    }
    default:
        break;
    }
    return status;
}

hal9_status hal9_state_writable(const struct hal9_state *s, struct hal9_error *err) {
    if (s->mode == HAL9_STATE_WRITE)
        return HAL9_OK;
    return hal9_error_set(err, HAL9_E_USAGE, "the state directory %s was opened for reading alone",
                          s->path);
}

static char *parent_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash != path ? hal9_strndup(path, (size_t)(slash - path)) : hal9_strdup("/");
}

/* Makes a directory and syncs each folder that got an entry by it. Parents are the world's to pass
 * through when the directory is shared. */
static hal9_status make_durable(const char *path, mode_t mode, struct hal9_error *err) {
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return HAL9_OK;
    _cleanup_free_ char *parent = parent_of(path);
    hal9_status status = HAL9_OK;
    if (strcmp(parent, path) != 0)
        status = make_durable(parent, (mode & 070) ? 0755 : 0700, err);
    if (status == HAL9_OK)
        status = hal9_dir_make(path, mode, err);
    return status == HAL9_OK ? hal9_dir_sync(parent, err) : status;
}

/* "1\n". *ret_missing: there is none. */
static hal9_status format_check(const struct hal9_state *s, bool *ret_missing,
                                struct hal9_error *err) {
    _cleanup_free_ char *path = hal9_state_sub(s, "format", NULL);
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_error_ struct hal9_error e = {0};
    *ret_missing = false;
    if (hal9_store_read(path, 64, &text, &e) != HAL9_OK) {
        *ret_missing = e.code == HAL9_E_NOT_FOUND;
        return *ret_missing ? HAL9_OK : hal9_error_move(err, &e);
    }
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        text.data[--text.len] = '\0';
    int64_t format;
    if (hal9_parse_int(text.len > 0 ? text.data : "", 1, 1000000, &format, NULL) != HAL9_OK) {
        hal9_error_set(err, HAL9_E_CORRUPT, "%s does not hold the number of a format", path);
        hal9_error_hint(err, "write %d into it if the directory is known to be good",
                        HAL9_STATE_FORMAT);
        return HAL9_E_CORRUPT;
    }
    if (format <= HAL9_STATE_FORMAT)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_USAGE, "state directory %s has format %d, this build knows %d",
                   s->path, (int)format, HAL9_STATE_FORMAT);
    hal9_error_hint(err, "use the newer hal9ops that wrote it, or another --state-dir");
    return HAL9_E_USAGE;
}

hal9_status hal9_state_format(const struct hal9_state *s, struct hal9_error *err) {
    bool missing;
    return format_check(s, &missing, err);
}

/* What is there already may say that it is shared; one that anybody may write is nobody's to trust:
 * its journals would be carried out by resume. */
static hal9_status look(struct hal9_state *s, struct hal9_error *err) {
    struct stat st;
    if (stat(s->path, &st) < 0)
        return errno == ENOENT
                   ? HAL9_OK
                   : hal9_error_errno(err, errno, "cannot look at the state directory %s", s->path);
    if (!S_ISDIR(st.st_mode))
        return hal9_error_set(err, HAL9_E_USAGE, "the state directory %s is not a directory",
                              s->path);
    if (st.st_mode & S_IWOTH) {
        hal9_error_set(err, HAL9_E_REFUSED, "the state directory %s may be written by anybody",
                       s->path);
        hal9_error_hint(err, "chmod o-w %s, or name another --state-dir", s->path);
        return HAL9_E_REFUSED;
    }
    if ((st.st_mode & 02070) == 02070)
        s->shared = true;
    else if (s->shared && s->mode == HAL9_STATE_WRITE && hal9_sys_chmod(s->path, 02770) < 0)
        return hal9_error_errno(err, errno, "cannot share the state directory %s", s->path);
    return HAL9_OK;
}

static hal9_status prepare(const struct hal9_state *s, bool fresh, struct hal9_error *err) {
    hal9_status status = make_durable(s->path, hal9_state_dir_mode(s), err);
    for (size_t i = 0; status == HAL9_OK && i < HAL9_ARRAY_LEN(folders); i++) {
        _cleanup_free_ char *folder = hal9_state_sub(s, folders[i], NULL);
        status = hal9_dir_make(folder, hal9_state_dir_mode(s), err);
    }
    if (status != HAL9_OK || !fresh)
        return status;
    /* comes last, and its sync of the directory covers the folders, too */
    _cleanup_free_ char *path = hal9_state_sub(s, "format", NULL);
    _cleanup_free_ char *text = hal9_strf("%d\n", HAL9_STATE_FORMAT);
    return hal9_file_write(path, text, strlen(text), hal9_state_file_mode(s), err);
}

hal9_status hal9_state_open(const char *path, enum hal9_state_mode mode, bool shared,
                            struct hal9_state **ret, struct hal9_error *err) {
    struct hal9_state *s = hal9_alloc(sizeof(*s));
    *s = (struct hal9_state){.path = hal9_path_canonical(path),
                             .mode = mode,
                             .shared = shared,
                             .names = hal9_names_cache_new(),
                             .hold = -1};
    bool missing;
    hal9_status status = look(s, err);
    if (status == HAL9_OK)
        status = format_check(s, &missing, err);
    if (status == HAL9_OK && mode == HAL9_STATE_WRITE)
        status = prepare(s, missing, err);
    if (status != HAL9_OK) {
        hal9_state_close(s);
        return hal9_state_explain(err, status);
    }
    s->shown = hal9_strdup(s->path);
    *ret = s;
    return HAL9_OK;
}

void hal9_state_close(struct hal9_state *s) {
    if (!s)
        return;
    hal9_state_unpin(s);
    hal9_names_cache_free(s->names);
    free(s->shown);
    if (s->hold >= 0)
        close(s->hold);
    free(s->path);
    free(s);
}

const char *hal9_state_path(const struct hal9_state *s) {
    return s->shown;
}

bool hal9_state_is_writable(const struct hal9_state *s) {
    return s->mode == HAL9_STATE_WRITE;
}

hal9_status hal9_state_service_dir(struct hal9_state *s, const char *service, char **ret,
                                   struct hal9_error *err) {
    _cleanup_free_ char *name = hal9_store_escape(service);
    _cleanup_free_ char *path = hal9_state_sub(s, "services", name);
    if (s->mode == HAL9_STATE_WRITE) {
        _cleanup_free_ char *services = hal9_state_sub(s, "services", NULL);
        struct stat st;
        bool there = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
        hal9_status status = there ? HAL9_OK : hal9_store_folder(s, path, err);
        if (status == HAL9_OK && !there)
            status = hal9_dir_sync(services, err);
        if (status != HAL9_OK)
            return hal9_state_explain(err, status);
    }
    *ret = HAL9_TAKE_PTR(path);
    return HAL9_OK;
}
