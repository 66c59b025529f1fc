/* Which revision of a service runs: its release, its program, its arguments, its unit. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hal9ops/net.h"
#include "workload/workload-internal.h"

/* ---- digests ---- */

/* Of a regular file; HAL9_E_UNKNOWN where it isn't the one of this dev and ino (ino 0: any). */
static hal9_status digest(const char *path, dev_t dev, ino_t ino, char ret[65],
                          struct hal9_error *err) {
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct hal9_sha256 h;
    struct stat st;
    uint8_t sum[32];
    char chunk[65536];
    if (fd < 0 || fstat(fd, &st) < 0)
        return hal9_error_errno(err, errno, "cannot read %s", path);
    if (!S_ISREG(st.st_mode) || (ino && (st.st_ino != ino || st.st_dev != dev)))
        return hal9_error_set(err, HAL9_E_UNKNOWN, "%s is another file by now", path);
    hal9_sha256_start(&h);
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return hal9_error_errno(err, errno, "cannot read %s", path);
        if (n == 0)
            break;
        hal9_sha256_add(&h, chunk, (size_t)n);
    }
    hal9_sha256_end(&h, sum);
    for (int i = 0; i < 32; i++)
        snprintf(ret + 2 * i, 3, "%02x", sum[i]);
    return HAL9_OK;
}

/* ---- the process ---- */

/* A program that was replaced on disk while it runs has no digest: what is there is another. */
static void add_exe(cJSON *to, const struct hal9_proc *p) {
    char sha[65];
    if (!p->exe)
        return;
    cJSON *exe = cJSON_AddObjectToObject(to, "exe");
    hal9_json_add_str(exe, "path", p->exe);
    if (p->exe_deleted)
        cJSON_AddTrueToObject(exe, "replaced");
    else if (digest(p->exe, p->exe_dev, p->exe_ino, sha, NULL) == HAL9_OK)
        hal9_json_add_str(exe, "sha256", sha);
}

static void add_process(cJSON *to, const struct hal9_proc *p) {
    _cleanup_strv_ struct hal9_strv argv = {0};
    add_exe(to, p);
    for (size_t i = 0; i < p->argv.n; i++)
        hal9_strv_add(&argv, p->argv.v[i]);
    hal9_redact_argv(NULL, &argv);
    cJSON_AddItemToObject(to, "argv", hal9_json_strv(&argv));
    cJSON *observed = cJSON_AddObjectToObject(to, "observed");
    hal9_json_add_int(observed, "pid", p->id.pid);
    hal9_json_add_int(observed, "dev", (int64_t)p->exe_dev);
    hal9_json_add_int(observed, "ino", (int64_t)p->exe_ino);
}

static hal9_status of_processes(const struct hal9_service_ref *ref, cJSON *to,
                                struct hal9_error *err) {
    _cleanup_(wl_seen_clear) struct wl_seen seen = {0};
    hal9_status st = wl_service_procs(ref, &seen, err);
    if (st != HAL9_OK)
        return st;
    cJSON_AddBoolToObject(to, "running", seen.n > 0);
    if (seen.n > 0)
        add_process(to, &seen.v[0]); /* parents come first */
    return HAL9_OK;
}

/* ---- the unit ---- */

static hal9_status of_unit(const char *name, cJSON *to, struct hal9_error *err) {
    _cleanup_(hal9_unit_clear) struct hal9_unit u = {0};
    _cleanup_(hal9_proc_clear) struct hal9_proc p = {0};
    char sha[65];
    hal9_status st = hal9_systemd_show(name, &u, err);
    if (st != HAL9_OK)
        return st;
    cJSON_AddBoolToObject(to, "running",
                          hal9_streq(u.active, "active") || hal9_streq(u.active, "reloading") ||
                              hal9_streq(u.active, "activating"));
    cJSON *unit = cJSON_AddObjectToObject(to, "unit");
    hal9_json_add_str(unit, "name", u.name);
    hal9_json_add_str(unit, "active", u.active);
    hal9_json_add_str(unit, "file", u.fragment);
    if (u.fragment && digest(u.fragment, 0, 0, sha, NULL) == HAL9_OK)
        hal9_json_add_str(unit, "sha256", sha);
    if (u.main_pid > 0 && hal9_proc_read(u.main_pid, HAL9_PROC_ALL, &p, NULL) == HAL9_OK)
        add_process(to, &p);
    return HAL9_OK;
}

hal9_status hal9_service_revision(const struct hal9_service_ref *ref, const char *link, cJSON **ret,
                                  struct hal9_error *err) {
    _cleanup_json_ cJSON *j = cJSON_CreateObject();
    _cleanup_free_ char *target = NULL;
    hal9_status st = ref->unit ? of_unit(ref->unit, j, err) : of_processes(ref, j, err);
    if (st == HAL9_OK && link)
        st = hal9_release_target(link, &target, err);
    if (st != HAL9_OK)
        return st;
    if (target)
        hal9_json_add_str(j, "release", target);
    else if (link)
        cJSON_AddNullToObject(j, "release");
    *ret = HAL9_TAKE_PTR(j);
    return HAL9_OK;
}

/* ---- the step kind ---- */

cJSON *hal9_args_revision(const struct hal9_service_ref *ref, const char *link,
                          const cJSON *wanted) {
    cJSON *j = cJSON_CreateObject();
    cJSON_AddItemToObject(j, "service", hal9_service_ref_json(ref));
    hal9_json_add_str(j, "link", link);
    cJSON_AddItemToObject(j, "wanted", cJSON_Duplicate(wanted, true));
    return j;
}

/* What was started since the plan was made is the service's, too. */
static void know_again(const struct hal9_step_ctx *c, struct hal9_service_ref *ref) {
    struct hal9_service_ref known = {0};
    if (!hal9_step_state(c) || hal9_service_ref_load(hal9_step_state(c), ref->name, &ref->identity,
                                                     ref->unit, &known, NULL) != HAL9_OK)
        return;
    hal9_service_ref_clear(ref);
    *ref = known;
}

/* Of is only what wanted has. Fresh. */
static cJSON *only_wanted(const cJSON *wanted, const cJSON *is) {
    const cJSON *m;
    if (!cJSON_IsObject(wanted) || !cJSON_IsObject(is))
        return is ? cJSON_Duplicate(is, true) : cJSON_CreateNull();
    cJSON *j = cJSON_CreateObject();
    cJSON_ArrayForEach(m, wanted) {
        cJSON_AddItemToObject(j, m->string,
                              only_wanted(m, cJSON_GetObjectItemCaseSensitive(is, m->string)));
    }
    return j;
}

static hal9_status inspect(struct hal9_step_ctx *c, cJSON **ret, struct hal9_error *err) {
    const cJSON *args = hal9_step_args(c);
    _cleanup_(hal9_service_ref_clear) struct hal9_service_ref ref = {0};
    _cleanup_json_ cJSON *now = NULL;
    hal9_status st =
        hal9_service_ref_parse(cJSON_GetObjectItemCaseSensitive(args, "service"), &ref, err);
    if (st != HAL9_OK)
        return st;
    know_again(c, &ref);
    st = hal9_service_revision(&ref, hal9_json_str(args, "link"), &now, err);
    if (st == HAL9_OK)
        *ret = only_wanted(cJSON_GetObjectItemCaseSensitive(args, "wanted"), now);
    return st;
}

static hal9_status intent(struct hal9_step_ctx *c, const cJSON *before, cJSON **ret,
                          struct hal9_error *err) {
    (void)before, (void)err;
    *ret = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(hal9_step_args(c), "wanted"), true);
    return HAL9_OK;
}

static hal9_status resources(const cJSON *args, struct hal9_strv *ret, struct hal9_error *err) {
    const char *name = hal9_json_str(cJSON_GetObjectItemCaseSensitive(args, "service"), "name");
    (void)err;
    if (name)
        hal9_strv_take(ret, hal9_strf("service:%s", name));
    return HAL9_OK;
}

/* It changes nothing: what is not so is told. */
static hal9_status apply(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent_,
                         struct hal9_error *err) {
    _cleanup_free_ char *is = hal9_json_text(before), *wanted = hal9_json_text(intent_);
    (void)c;
    return hal9_error_set(err, HAL9_E_FAILED, "what runs is %.300s, not %.300s", is, wanted);
}

const struct hal9_step_kind hal9_kind_service_revision = {
    .name = "service.revision",
    .version = 1,
    .flags = HAL9_KIND_PASSIVE,
    .resources = resources,
    .inspect = inspect,
    .intent = intent,
    .apply = apply,
};
