/* Users by name and number. */
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sys/sys-internal.h"

enum { RECORD_MAX = 1 << 20 };

/* One record of the user database, whose strings live in *buf. name NULL: by uid. Returns 0, ENOENT or another errno. */
static int find(const char *name, uid_t uid, struct passwd *ret, char **buf) {
    for (size_t size = 1024; size <= RECORD_MAX; size *= 4) {
        *buf = hal9_realloc_array(*buf, size, 1);
        struct passwd *found = NULL;
        int failed = name ? getpwnam_r(name, ret, *buf, size, &found)
                          : getpwuid_r(uid, ret, *buf, size, &found);
        if (found)
            return 0;
        if (failed != ERANGE && failed != EINTR)
            return failed == 0 || failed == ESRCH ? ENOENT : failed;
    }
    return ERANGE;
}

static void groups_of(struct hal9_user *u) {
    int n = 32;
    for (;;) {
        int room = n;
        u->groups = hal9_realloc_array(u->groups, (size_t)room, sizeof(gid_t));
        if (getgrouplist(u->name, u->gid, u->groups, &n) >= 0)
            break;
        n = n > room ? n : room * 2;
    }
    u->n_groups = (size_t)n;
}

hal9_status hal9_user_lookup(const char *name, struct hal9_user *ret, struct hal9_error *err) {
    _cleanup_free_ char *buf = NULL;
    struct passwd pw;
    int failed = find(name, 0, &pw, &buf);
    int64_t number;
    if (failed == ENOENT && hal9_parse_int(name, 0, (int64_t)(uid_t)-2, &number, NULL) == HAL9_OK)
        failed = find(NULL, (uid_t)number, &pw, &buf);
    if (failed == ENOENT)
        return hal9_error_set(err, HAL9_E_NOT_FOUND, "no user '%s' on this host", name);
    if (failed)
        return hal9_error_errno(err, failed, "cannot look up user '%s'", name);
    struct hal9_user u = {.uid = pw.pw_uid,
                          .gid = pw.pw_gid,
                          .name = hal9_strdup(pw.pw_name),
                          .home = hal9_strdup(pw.pw_dir)};
    groups_of(&u);
    *ret = u;
    return HAL9_OK;
}

void hal9_user_clear(struct hal9_user *u) {
    free(u->groups);
    free(u->name);
    free(u->home);
    *u = (struct hal9_user){0};
}

char *hal9_user_name(uid_t uid) {
    _cleanup_free_ char *buf = NULL;
    struct passwd pw;
    if (find(NULL, uid, &pw, &buf) == 0)
        return hal9_strdup(pw.pw_name);
    return hal9_strf("%lu", (unsigned long)uid);
}
