/*
 * Ends a set of processes. Those without a parent in the set first, so that a master can stop its workers and starts no new ones; the
 * rest when their parent has ended, or after a second. At the end of the grace: KILL for all, parents first. Whenever
 * one has ended the set is looked for again, by the socket or the service, so that a worker forked meanwhile goes, too.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "workload/workload-internal.h"

enum {
    CHILD_DELAY_MS = 1000, /* so long a master may stop its workers itself */
    TELL_MS = 1000,        /* how often the person at the terminal sees the time go by */
    SOCKET_WAIT_MS =
        1000, /* a socket on its way between two processes has no holder for a moment */
    SOCKET_LOOK_MS = 20,
};

static struct wl_target *find(const struct wl_stop *s, const struct hal9_proc_id *id) {
    for (size_t i = 0; i < s->n; i++)
        if (hal9_proc_id_equal(&s->v[i].proc.id, id))
            return &s->v[i];
    return NULL;
}

/* One that was left alone and is to be stopped after all starts anew. Whether it is new. */
static bool adopt(struct wl_stop *s, const struct hal9_proc *p) {
    struct wl_target *t = find(s, &p->id);
    if (t && !t->over)
        return false;
    if (!t) {
        t = HAL9_APPEND(s->v, s->n, s->cap);
    } else {
        hal9_proc_clear(&t->proc);
        free(t->name);
        if (t->fd >= 0)
            close(t->fd);
    }
    *t = (struct wl_target){.fd = -1, .name = hal9_proc_name(p), .late = s->asked_ms > 0};
    hal9_proc_copy(&t->proc, p);
    return true;
}

hal9_status wl_stop_find(struct wl_stop *s, struct hal9_error *err) {
    _cleanup_(wl_seen_clear) struct wl_seen seen = {0};
    bool more = false;
    hal9_status st = wl_stop_look(s, &seen, err);
    if (st != HAL9_OK)
        return st;
    for (size_t i = 0; i < seen.n; i++)
        more = adopt(s, &seen.v[i]) || more;
    s->listening = seen.listening;
    return more ? wl_stop_may(s, err) : HAL9_OK;
}

static size_t count_left(const struct wl_stop *s) {
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += !s->v[i].over;
    return n;
}

bool wl_stop_has_parent(const struct wl_stop *s, const struct wl_target *t) {
    for (size_t i = 0; i < s->n; i++)
        if (!s->v[i].over && s->v[i].proc.id.pid == t->proc.ppid)
            return true;
    return false;
}

static bool is_due(const struct wl_stop *s, const struct wl_target *t, int64_t now) {
    if (t->over || t->asked_ms)
        return false;
    if (!wl_stop_has_parent(s, t))
        return true;
    return !t->late && s->asked_ms && now >= s->asked_ms + CHILD_DELAY_MS;
}

static hal9_status ask(struct wl_stop *s, int64_t now, struct hal9_error *err) {
    for (size_t i = 0; i < s->n; i++) {
        struct wl_target *t = &s->v[i];
        if (!is_due(s, t, now))
            continue;
        hal9_status st = wl_stop_send(s, t, s->signal, err);
        if (st != HAL9_OK)
            return st;
        t->asked_ms = now;
        if (!s->asked_ms)
            s->asked_ms = now;
    }
    return HAL9_OK;
}

static const struct wl_target *first_left(const struct wl_stop *s) {
    for (size_t i = 0; i < s->n; i++)
        if (!s->v[i].over)
            return &s->v[i];
    return NULL;
}

static hal9_status not_killed(const struct wl_stop *s, struct hal9_error *err) {
    const struct wl_target *t = first_left(s);
    _cleanup_free_ char *span = hal9_span_text(s->grace_ms);
    hal9_error_set(err, HAL9_E_TIMEOUT, "%s (pid %d) still runs %s after %s, and KILL is forbidden",
                   t->name, (int)t->proc.id.pid, span,
                   hal9_json_str(s->args, "signal") ? hal9_json_str(s->args, "signal") : "TERM");
    hal9_error_hint(err, "a longer stop.grace or stop.kill: true lets it end");
    return HAL9_E_TIMEOUT;
}

static hal9_status kill_all(struct wl_stop *s, int64_t now, struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    for (size_t i = 0; st == HAL9_OK && i < s->n; i++) {
        struct wl_target *t = &s->v[i];
        if (t->over || t->killed_ms)
            continue;
        st = wl_stop_send(s, t, SIGKILL, err);
        t->killed_ms = now;
        if (!s->killed_ms)
            s->killed_ms = now;
    }
    return st;
}

static hal9_status undying(const struct wl_stop *s, struct hal9_error *err) {
    const struct wl_target *t = first_left(s);
    _cleanup_(hal9_proc_clear) struct hal9_proc p = {0};
    char state = '?';
    if (hal9_proc_read(t->proc.id.pid, HAL9_PROC_STAT, &p, NULL) == HAL9_OK)
        state = p.state;
    hal9_error_set(err, HAL9_E_TIMEOUT, "pid %d does not end even after KILL (state %c%s)",
                   (int)t->proc.id.pid, state, state == 'D' ? ", in uninterruptible sleep" : "");
    hal9_error_hint(err,
                    state == 'D' ? "it waits for a device or a file system; look at dmesg and "
                                   "/proc/%d/stack"
                                 : "look at /proc/%d/status",
                    (int)t->proc.id.pid);
    return HAL9_E_TIMEOUT;
}

/* Sends what is due now. */
static hal9_status act(struct wl_stop *s, struct hal9_error *err) {
    int64_t now = hal9_mono_ms();
    if (s->killed_ms && now >= s->killed_ms + s->kill_grace_ms)
        return undying(s, err);
    if (s->asked_ms && now >= s->asked_ms + s->grace_ms)
        return s->kill ? kill_all(s, now, err) : not_killed(s, err);
    return ask(s, now, err);
}

static void tell(const struct wl_stop *s) {
    size_t n = count_left(s);
    const struct wl_target *t = first_left(s);
    int64_t now = hal9_mono_ms();
    _cleanup_free_ char *who =
        n == 1 ? hal9_strf("pid %d", (int)t->proc.id.pid)
               : hal9_strf("%zu processes (pid %d ...)", n, (int)t->proc.id.pid);
    if (s->killed_ms) {
        hal9_step_progress(s->c, "waiting for %s to end (KILL sent %d s ago)", who,
                           (int)((now - s->killed_ms) / 1000));
        return;
    }
    _cleanup_free_ char *kill =
        s->kill ? hal9_strf(", KILL in %d s", (int)((s->asked_ms + s->grace_ms - now + 999) / 1000))
                : hal9_strdup(", KILL is forbidden");
    const char *signal = hal9_json_str(s->args, "signal");
    hal9_step_progress(s->c, "waiting for %s to end (%s sent %d s ago%s)", who,
                       signal ? signal : "TERM", (int)((now - s->asked_ms) / 1000), kill);
}

/* The next moment at which something is due. */
static int64_t next_moment(const struct wl_stop *s, int64_t now) {
    int64_t moment = now + TELL_MS;
    int64_t over = s->killed_ms ? s->killed_ms + s->kill_grace_ms : s->asked_ms + s->grace_ms;
    if (over < moment)
        moment = over;
    for (size_t i = 0; i < s->n && !s->killed_ms; i++)
        if (!s->v[i].over && !s->v[i].asked_ms && !s->v[i].late &&
            s->asked_ms + CHILD_DELAY_MS < moment)
            moment = s->asked_ms + CHILD_DELAY_MS;
    return moment;
}

static hal9_status interrupted(const struct wl_stop *s, struct hal9_error *err) {
    const struct wl_target *t = first_left(s);
    return hal9_error_set(err, HAL9_E_INTERRUPTED,
                          "interrupted while %s (pid %d) was asked to end and still ran", t->name,
                          (int)t->proc.id.pid);
}

/* Waits until one of them has ended, or until something is due. */
static hal9_status wait_some(struct wl_stop *s, bool *ret_ended, struct hal9_error *err) {
    _cleanup_free_ struct pollfd *fds = hal9_alloc((s->n + 1) * sizeof(*fds));
    for (size_t i = 0; i < s->n; i++)
        fds[i] = (struct pollfd){.fd = s->v[i].over ? -1 : s->v[i].fd, .events = POLLIN};
    fds[s->n] = (struct pollfd){.fd = hal9_step_cancel_fd(s->c), .events = POLLIN};
    int64_t now = hal9_mono_ms();
    int64_t moment = next_moment(s, now);
    int n = poll(fds, s->n + 1, moment > now ? (int)(moment - now) : 0);
    if (n < 0 && errno != EINTR)
        return hal9_error_errno(err, errno, "cannot wait for processes to end");
    if (n > 0 && fds[s->n].revents)
        return interrupted(s, err);
    *ret_ended = false;
    for (size_t i = 0; n > 0 && i < s->n; i++)
        if (fds[i].revents)
            *ret_ended = s->v[i].over = true;
    return HAL9_OK;
}

/* Nobody is left who could be signalled, but a socket still listens: in a process that can't be seen, or on its way to another. */
static hal9_status await_sockets(struct wl_stop *s, struct hal9_error *err) {
    int64_t deadline = hal9_mono_ms() + SOCKET_WAIT_MS;
    hal9_status st = HAL9_OK;
    while (st == HAL9_OK && s->listening > 0 && count_left(s) == 0) {
        if (hal9_mono_ms() >= deadline) {
            hal9_error_set(err, HAL9_E_PERM,
                           "the socket is still open in a process that this user can't see");
            hal9_error_hint(err, "run as root");
            return HAL9_E_PERM;
        }
        st = hal9_step_wait(s->c, -1, hal9_mono_ms() + SOCKET_LOOK_MS, err);
        if (st == HAL9_OK)
            st = wl_stop_find(s, err);
    }
    return st;
}

/* Signals what is due and waits for an end. */
static hal9_status go_on(struct wl_stop *s, struct hal9_error *err) {
    bool ended = false;
    hal9_status st = act(s, err);
    if (st == HAL9_OK && count_left(s) > 0) {
        tell(s);
        st = wait_some(s, &ended, err);
    }
    /* At every end, and at the last: somebody may have been forked meanwhile. */
    if (st == HAL9_OK && (ended || count_left(s) == 0))
        st = wl_stop_find(s, err);
    return st;
}

hal9_status wl_stop_run(struct wl_stop *s, struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    while (st == HAL9_OK && (count_left(s) > 0 || s->listening > 0))
        st = count_left(s) > 0 ? go_on(s, err) : await_sockets(s, err);
    return st;
}
