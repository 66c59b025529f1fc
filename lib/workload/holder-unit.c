/* Which supervisor could stop a holder of a port. */
#include <string.h>

#include "hal9ops/net.h"
#include "workload/workload-internal.h"

/* Services that hold others' processes or the way into the host: they are never stopped for the sake of a port. */
static const char *const never[] = {
    "user@",         "sshd",     "ssh",      "ssh@",        "sshd@",           "getty@",
    "serial-getty@", "systemd-", "dbus",     "dbus-broker", "docker",          "containerd",
    "podman",        "crio",     "kubelet",  "cron",        "crond",           "cronie",
    "anacron",       "atd",      "libvirtd", "machines",    "display-manager", "gdm",
    "lightdm",       "sddm",     NULL,
};

/* Names that end with - or @ stand for all that begin so. */
bool wl_unit_never(const char *unit) {
    for (size_t i = 0; never[i]; i++) {
        size_t len = strlen(never[i]);
        char last = never[i][len - 1];
        if (strncmp(unit, never[i], len) != 0)
            continue;
        if (last == '-' || last == '@' || strcmp(unit + len, ".service") == 0)
            return true;
    }
    return false;
}

/* "/system.slice/x.service/inner.scope": the scope has a manager of its own. */
static bool in_scope_below(const char *cgroup, const char *unit) {
    const char *at = strstr(cgroup, unit);
    return at && strstr(at + strlen(unit), ".scope");
}

static char *by_signals(char **ret_why, char *why) {
    if (ret_why)
        *ret_why = why;
    else
        free(why);
    return NULL;
}

char *hal9_holder_unit(const struct hal9_proc *p, char **ret_why) {
    if (p->container)
        return by_signals(ret_why, hal9_strf("it runs in container %.12s", p->container));
    if (!p->unit || !p->cgroup)
        return by_signals(ret_why, hal9_strdup("no systemd service has it"));
    if (strstr(p->cgroup, "/user@"))
        return by_signals(ret_why, hal9_strf("%s belongs to a user's own systemd", p->unit));
    if (wl_unit_never(p->unit))
        return by_signals(ret_why, hal9_strf("%s is never stopped", p->unit));
    if (in_scope_below(p->cgroup, p->unit))
        return by_signals(ret_why, hal9_strf("it is in a scope below %s", p->unit));
    if (!hal9_systemd_running())
        return by_signals(ret_why, hal9_strdup("systemd does not run here"));
    return hal9_strdup(p->unit);
}
