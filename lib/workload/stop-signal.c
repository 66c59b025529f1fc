/* A signal to a process, and only to that one: looked at again right before, sent through its pidfd. */
#include <signal.h>
#include <string.h>

#include "workload/workload-internal.h"

/* Why a process is not signalled though it was to be: kept for those who read the operation later. */
static hal9_status leave(struct wl_stop *s, struct wl_target *t, const char *why,
                         struct hal9_error *err) {
    cJSON *note = cJSON_CreateObject();
    cJSON *left = cJSON_AddObjectToObject(note, "left_alone");
    wl_id_add(left, &t->proc.id);
    hal9_json_add_str(left, "name", t->name);
    hal9_json_add_str(left, "why", why);
    t->over = true;
    return hal9_step_note(s->c, note, err);
}

/* Whether it has one of the sockets, the same that they were, among its descriptors. */
static hal9_status holds_socket(const struct wl_stop *s, pid_t pid, bool *ret,
                                struct hal9_error *err) {
    _cleanup_(hal9_listeners_clear) struct hal9_listeners now = {0};
    hal9_status st = wl_stop_listening(s, &now, err);
    bool holds = false;
    for (size_t i = 0; st == HAL9_OK && !holds && i < now.n; i++)
        st = hal9_sock_held_by(pid, now.v[i].inode, &holds, err);
    if (st == HAL9_OK)
        *ret = holds;
    return st;
}

static hal9_status as_whom(const struct wl_target *t, hal9_status st, struct hal9_error *err) {
    if (st != HAL9_E_PERM)
        return st;
    _cleanup_free_ char *user = hal9_user_name(t->proc.uid);
    hal9_error_set(err, HAL9_E_PERM, "%s (pid %d) may not be signalled by this user", t->name,
                   (int)t->proc.id.pid);
    hal9_error_hint(err, "run as root%s%s", t->proc.uid == (uid_t)-1 ? "" : " or as user ",
                    t->proc.uid == (uid_t)-1 ? "" : user);
    return HAL9_E_PERM;
}

/* Whether it is still the process, running the program, holding the socket. */
static hal9_status look_again(struct wl_stop *s, struct wl_target *t, struct hal9_error *err) {
    _cleanup_(hal9_proc_clear) struct hal9_proc now = {0};
    const struct hal9_proc *was = &t->proc;
    hal9_status st = hal9_proc_read(was->id.pid, HAL9_PROC_EXE, &now, err);
    if (st == HAL9_E_NOT_FOUND || (st == HAL9_OK && now.id.start != was->id.start)) {
        t->over = true;
        return HAL9_OK;
    }
    if (st != HAL9_OK)
        return st;
    if (was->exe_ino && now.exe_ino && (was->exe_ino != now.exe_ino || was->exe_dev != now.exe_dev))
        return leave(s, t, "it runs another program now", err);
    bool holds = true;
    if (s->what == WL_HOLDERS)
        st = holds_socket(s, was->id.pid, &holds, err);
    return st == HAL9_OK && !holds ? leave(s, t, "it no longer has the port", err) : st;
}

hal9_status wl_stop_send(struct wl_stop *s, struct wl_target *t, int signal,
                         struct hal9_error *err) {
    _cleanup_error_ struct hal9_error e = {0};
    hal9_status st = HAL9_OK;
    if (t->fd < 0)
        st = hal9_proc_open(&t->proc.id, &t->fd, &e);
    if (st == HAL9_OK)
        st = look_again(s, t, &e);
    if (st == HAL9_OK && !t->over)
        st = hal9_proc_signal(t->fd, &t->proc.id, signal, &e);
    if (st == HAL9_OK && !t->over && signal != 0 && t->proc.state == 'T')
        st = hal9_proc_signal(t->fd, &t->proc.id, SIGCONT, &e); /* stopped ones don't hear else */
    if (st == HAL9_E_NOT_FOUND) {
        t->over = true;
        return HAL9_OK;
    }
    return st == HAL9_OK ? HAL9_OK : as_whom(t, hal9_error_move(err, &e), err);
}

hal9_status wl_stop_may(struct wl_stop *s, struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    for (size_t i = 0; i < s->n; i++) {
        const struct wl_target *t = &s->v[i];
        const char *never = t->over ? NULL : hal9_proc_untouchable(&t->proc);
        if (never)
            return hal9_error_set(err, HAL9_E_REFUSED, "%s (pid %d) may not be stopped: %s",
                                  t->name, (int)t->proc.id.pid, never);
    }
    for (size_t i = 0; st == HAL9_OK && i < s->n; i++)
        if (!s->v[i].over && s->v[i].fd < 0)
            st = wl_stop_send(s, &s->v[i], 0, err);
    return st;
}
