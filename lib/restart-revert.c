/* Releases: which one comes back when the new one doesn't get healthy, how that ended, and which ones are kept for nothing. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "restart-internal.h"

/* ---- which one comes back */

/* Another folder under the same name is another release. */
static bool was_healthy(const struct hal9_proofs *p, const char *link, const char *target) {
    struct stat st;

    if (stat(link, &st) < 0)
        return false;
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->releases[i].target, target) == 0 && p->releases[i].dev == st.st_dev &&
            p->releases[i].ino == st.st_ino)
            return true;
    return false;
}

/* The newest that was proven, is another one, and is still there. Fresh, or NULL. */
static char *last_healthy(const struct hal9_proofs *p, const char *link, const char *target) {
    for (size_t i = p->n; i-- > 0;) {
        const char *other = p->releases[i].target;

        if (strcmp(other, target) != 0 && hal9_release_check(link, other, NULL) == HAL9_OK)
            return hal9_strdup(other);
    }
    return NULL;
}

/* Nothing was proven by a gate yet, but it runs, is healthy, and its program is of another release beside the new one. Fresh, or NULL. */
static char *running_release(const struct hal9_restart *r, const struct hal9_restart_finding *f,
                             const char *link, const char *target) {
    _cleanup_(hal9_proc_clear) struct hal9_proc p = {0};
    _cleanup_strv_ struct hal9_strv kept = {0};
    _cleanup_free_ char *folder = hal9_strndup(link, (size_t)(strrchr(link, '/') + 1 - link));
    _cleanup_free_ char *reason = NULL;
    enum hal9_restart_health how;

    if (!f->running || f->pid <= 0 || hal9_release_list(link, &kept, NULL) != HAL9_OK ||
        hal9_proc_read(f->pid, HAL9_PROC_EXE, &p, NULL) != HAL9_OK || !p.exe ||
        hal9_restart_health(r, f->service, &f->ref, &how, &reason, NULL) != HAL9_OK ||
        how != HAL9_RESTART_WELL)
        return NULL;
    for (size_t i = 0; i < kept.n; i++) {
        _cleanup_free_ char *path =
            kept.v[i][0] == '/' ? hal9_strdup(kept.v[i]) : hal9_path_join(folder, kept.v[i]);
        _cleanup_free_ char *real = hal9_path_canonical(path);
        const char *rest = hal9_startswith(p.exe, real) ? p.exe + strlen(real) : "";

        if (*rest == '/' && strcmp(kept.v[i], target) != 0)
            return hal9_strdup(kept.v[i]);
    }
    return NULL;
}

void hal9_restart_release(const struct hal9_restart *r, struct hal9_restart_finding *f) {
    const struct hal9_release_spec *spec = f->service->release;
    _cleanup_error_ struct hal9_error why = {0};
    struct hal9_proofs proofs = {0};

    if (!spec || hal9_release_target(spec->current, &f->release, &why) != HAL9_OK || !f->release) {
        if (spec && why.message)
            f->revert_not = hal9_strdup(why.message);
        return;
    }
    if (!hal9_streq(spec->revert, "changed"))
        return;
    if (hal9_proofs_load(r->state, f->service->name, &proofs, &why) != HAL9_OK) {
        f->revert_not = hal9_strf("which release was healthy is not known: %s", why.message);
        return;
    }
    if (was_healthy(&proofs, spec->current, f->release))
        f->revert_not = hal9_strf("release %s was healthy before", f->release);
    else
        f->revert_to = last_healthy(&proofs, spec->current, f->release);
    if (!f->revert_not && !f->revert_to && proofs.n == 0 && strchr(spec->current, '/'))
        f->revert_to = running_release(r, f, spec->current, f->release);
    if (!f->revert_not && !f->revert_to)
        f->revert_not = hal9_strdup("no other release was ever proven healthy here");
    hal9_proofs_clear(&proofs);
}

/* ---- how it ended */

static const struct hal9_op_step *revert_step(const struct hal9_op *op, const char *service,
                                              const char *step) {
    _cleanup_free_ char *name = hal9_strf("%s/revert-%s", service, step);

    for (size_t i = 0; i < op->n_steps; i++)
        if (hal9_streq(op->steps[i].name, name))
            return &op->steps[i];
    return NULL;
}

/* The first step of the way back that failed, or NULL. */
static const struct hal9_op_step *failed_way(const struct hal9_op *op, const char *service) {
    _cleanup_free_ char *prefix = hal9_strf("%s/revert-", service);

    for (size_t i = 0; i < op->n_steps; i++)
        if (hal9_startswith(op->steps[i].name, prefix) && op->steps[i].state == HAL9_STEP_FAILED)
            return &op->steps[i];
    return NULL;
}

/* "; less +G LOG" is for the tool; here only what became of it. */
static char *way_words(const struct hal9_restart_finding *f, const struct hal9_op_step *way,
                       const char *to) {
    const char *reason = way->reason ? way->reason : "no reason is known";

    if (hal9_streq(way->kind, "release.switch"))
        return hal9_strf("release %s could not be brought back: %s; %s", to, reason,
                         f->running ? "the new one is left running for a look" : "nothing runs");
    return hal9_strf("release %s is back, but that failed, too: %s; %s", to, reason,
                     f->running ? "it is left running for a look" : "nothing runs");
}

bool hal9_restart_reverted(struct hal9_restart_finding *f, const struct hal9_op *op,
                           const struct hal9_op_step *failed, const char *what) {
    const char *name = f->service->name;
    const struct hal9_op_step *link = revert_step(op, name, "release"),
                              *gate = revert_step(op, name, "gate"),
                              *start = revert_step(op, name, "start"), *way = failed_way(op, name),
                              *last = gate ? gate : start;
    const char *to = link ? hal9_json_str(link->args, "target") : NULL;
    const bool tried =
        link && (link->state == HAL9_STEP_DONE || link->state == HAL9_STEP_SKIPPED || way);

    if (!tried || !to || !last)
        return false;
    const char *reason = failed->reason ? failed->reason : "no reason is known";
    const bool back = last->state == HAL9_STEP_DONE || last->state == HAL9_STEP_SKIPPED;
    const char *from = hal9_json_str(link->before, "target");
    _cleanup_free_ char *pid = f->pid > 0 ? hal9_strf(" (pid %d)", (int)f->pid) : hal9_strdup("");
    _cleanup_free_ char *words =
        way ? way_words(f, way, to)
            : hal9_strf("release %s is back%s%s", to,
                        gate ? ", and healthy" : "; whether it is healthy was not asked", pid);

    if (!way && !back)
        return false;
    f->end = way ? HAL9_RESTART_HAS_FAILED : HAL9_RESTART_IS_REVERTED;
    f->end_words =
        hal9_strf("%s %s with release %s: %s; %s", name, what, from ? from : "?", reason, words);
    return true;
}

/* ---- those kept beyond `keep` */

void hal9_restart_old_releases(const struct hal9_service *s, struct hal9_strv *ret) {
    _cleanup_strv_ struct hal9_strv kept = {0};
    _cleanup_free_ char *now = NULL;
    int64_t others = 0;

    if (!s->release || hal9_release_target(s->release->current, &now, NULL) != HAL9_OK ||
        hal9_release_list(s->release->current, &kept, NULL) != HAL9_OK)
        return;
    for (size_t i = 0; i < kept.n; i++)
        if (!hal9_streq(kept.v[i], now) && ++others >= s->release->keep)
            hal9_strv_add(ret, kept.v[i]);
}
