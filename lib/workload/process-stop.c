/* The step kind process.stop. */
#include <stdlib.h>
#include <string.h>

#include "workload/workload-internal.h"

/* {proto, port, inode, cookie, address}; those of an earlier boot are gone. */
static void parse_sockets(const cJSON *args, struct hal9_listeners *ret) {
    const char *boot = hal9_json_str(args, "boot");
    const cJSON *one;
    if (boot && *hal9_host_boot_id() && strcmp(boot, hal9_host_boot_id()) != 0)
        return;
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(args, "sockets")) {
        struct hal9_listener l = {.inode = hal9_json_u64(one, "inode"),
                                  .cookie = hal9_json_u64(one, "cookie")};
        wl_port_parse(one, &l.proto, &l.port);
        *HAL9_APPEND(ret->v, ret->n, ret->cap) = l;
    }
}

/* What an earlier step of the same plan has started is the service's, too. */
static void take_started(const struct hal9_step_ctx *c, const char *step,
                         struct hal9_service_ref *ref) {
    const cJSON *after = step ? hal9_step_after_of(c, step) : NULL;
    struct hal9_proc_id id;
    if (wl_id_parse(cJSON_GetObjectItemCaseSensitive(after, "observed"), &id))
        ref->recorded = id;
}

static hal9_status parse_what(const cJSON *args, struct wl_stop *ret, struct hal9_error *err) {
    const char *what = hal9_json_str(args, "what");
    if (hal9_streq(what, "holders")) {
        uint64_t netns = hal9_json_u64(args, "netns");
        ret->what = WL_HOLDERS;
        parse_sockets(args, &ret->sockets);
        if (netns && hal9_sock_netns() && netns != hal9_sock_netns() && ret->sockets.n > 0)
            return hal9_error_set(err, HAL9_E_UNKNOWN,
                                  "the port is one of another network namespace (%llu)",
                                  (unsigned long long)netns);
        return HAL9_OK;
    }
    if (hal9_streq(what, "service")) {
        ret->what = WL_SERVICE;
        hal9_status st = hal9_service_ref_parse(cJSON_GetObjectItemCaseSensitive(args, "service"),
                                                &ret->ref, err);
        if (st == HAL9_OK)
            take_started(ret->c, hal9_json_str(args, "started_by"), &ret->ref);
        return st;
    }
    if (hal9_streq(what, "processes")) {
        ret->what = WL_PROCESSES;
        return HAL9_OK;
    }
    return hal9_error_set(err, HAL9_E_CORRUPT, "process.stop doesn't know what '%s' is",
                          what ? what : "");
}

hal9_status wl_stop_parse(struct hal9_step_ctx *c, struct wl_stop *ret, struct hal9_error *err) {
    const cJSON *args = hal9_step_args(c);
    const char *signal = hal9_json_str(args, "signal");
    struct wl_stop s = {.c = c, .args = args};
    s.grace_ms = hal9_json_int(args, "grace_ms", 30000);
    s.kill_grace_ms = hal9_json_int(args, "kill_grace_ms", 5000);
    s.kill = hal9_json_bool(args, "kill", true);
    hal9_status st = hal9_signal_parse(signal ? signal : "TERM", &s.signal, err);
    if (st == HAL9_OK)
        st = parse_what(args, &s, err);
    if (st == HAL9_OK)
        *ret = s;
    else
        wl_stop_clear(&s);
    return st;
}

void wl_stop_clear(struct wl_stop *s) {
    for (size_t i = 0; i < s->n; i++) {
        hal9_proc_clear(&s->v[i].proc);
        free(s->v[i].name);
        if (s->v[i].fd >= 0)
            close(s->v[i].fd);
    }
    free(s->v);
    hal9_listeners_clear(&s->sockets);
    hal9_service_ref_clear(&s->ref);
    *s = (struct wl_stop){0};
}

static hal9_status resources(const cJSON *args, struct hal9_strv *ret, struct hal9_error *err) {
    (void)err;
    const cJSON *socket;
    cJSON_ArrayForEach(socket, cJSON_GetObjectItemCaseSensitive(args, "sockets")) {
        enum hal9_proto proto;
        uint16_t port;
        wl_port_parse(socket, &proto, &port);
        hal9_strv_take(
            ret, hal9_strf("port:%llu/%u", (unsigned long long)hal9_json_u64(args, "netns"), port));
    }
    const char *service = hal9_json_str(cJSON_GetObjectItemCaseSensitive(args, "service"), "name");
    if (service)
        hal9_strv_take(ret, hal9_strf("service:%s", service));
    wl_copy_resources(args, ret);
    hal9_strv_sort_unique(ret);
    return HAL9_OK;
}

static hal9_status inspect(struct hal9_step_ctx *c, cJSON **ret_state, struct hal9_error *err) {
    _cleanup_(wl_stop_clear) struct wl_stop s = {0};
    _cleanup_(wl_seen_clear) struct wl_seen seen = {0};
    hal9_status st = wl_stop_parse(c, &s, err);
    if (st == HAL9_OK)
        st = wl_stop_glance(&s, &seen, err);
    if (st != HAL9_OK)
        return st;
    cJSON *state = cJSON_CreateObject();
    cJSON_AddBoolToObject(state, "running", s.what == WL_HOLDERS ? seen.listening > 0 : seen.n > 0);
    cJSON *observed = cJSON_AddObjectToObject(state, "observed");
    cJSON *processes = cJSON_AddArrayToObject(observed, "processes");
    for (size_t i = 0; i < seen.n; i++)
        cJSON_AddItemToArray(processes, wl_proc_json(&seen.v[i]));
    *ret_state = state;
    return HAL9_OK;
}

static hal9_status intent(struct hal9_step_ctx *c, const cJSON *before, cJSON **ret_intent,
                          struct hal9_error *err) {
    (void)c, (void)before, (void)err;
    *ret_intent = cJSON_CreateObject();
    cJSON_AddFalseToObject(*ret_intent, "running");
    return HAL9_OK;
}

/* ---- what it takes to start them again ----------------------------------------------------------- */

static bool is_captured(const struct hal9_step_ctx *c, const struct hal9_proc_id *id) {
    const cJSON *note;
    cJSON_ArrayForEach(note, hal9_step_notes(c)) {
        const cJSON *one;
        cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(note, "captured")) {
            struct hal9_proc_id known;
            if (wl_id_parse(one, &known) && hal9_proc_id_equal(&known, id))
                return true;
        }
    }
    return false;
}

/* One that can't be read is stopped all the same: that comes first. The note says that it can't be brought back. */
static cJSON *capture_one(struct hal9_state *state, const struct hal9_proc *p, hal9_status *ret,
                          struct hal9_error *err) {
    _cleanup_error_ struct hal9_error e = {0};
    char sha[65];
    hal9_status st = wl_capture_put(state, &p->id, sha, &e);
    if (st == HAL9_E_NOT_FOUND)
        return NULL; /* it has ended meanwhile */
    if (st != HAL9_OK && st != HAL9_E_PERM && st != HAL9_E_UNSUPPORTED) {
        *ret = hal9_error_move(err, &e);
        return NULL;
    }
    cJSON *j = wl_proc_json(p);
    hal9_json_add_str(j, st == HAL9_OK ? "capture" : "lost", st == HAL9_OK ? sha : e.message);
    return j;
}

/* Notes, for those that nobody in the set has started, all that it takes to start them again. */
static hal9_status capture(struct wl_stop *s, struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    cJSON *all = cJSON_CreateArray();
    for (size_t i = 0; st == HAL9_OK && i < s->n; i++) {
        const struct wl_target *t = &s->v[i];
        if (!t->over && !wl_stop_has_parent(s, t) && !is_captured(s->c, &t->proc.id))
            cJSON_AddItemToArray(all, capture_one(hal9_step_state(s->c), &t->proc, &st, err));
    }
    if (st != HAL9_OK || cJSON_GetArraySize(all) == 0) {
        cJSON_Delete(all);
        return st;
    }
    cJSON *note = cJSON_CreateObject();
    cJSON_AddItemToObject(note, "captured", all);
    return hal9_step_note(s->c, note, err);
}

static hal9_status apply(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent_,
                         struct hal9_error *err) {
    (void)before, (void)intent_;
    _cleanup_(wl_stop_clear) struct wl_stop s = {0};
    hal9_status st = wl_stop_parse(c, &s, err);
    if (st == HAL9_OK)
        st = wl_stop_find(&s, err);
    if (st == HAL9_OK)
        st = capture(&s, err);
    if (st == HAL9_OK)
        st = wl_stop_run(&s, err);
    return st;
}

/* Some of them ended: the others are ended the same way. */
static hal9_status recover(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent_,
                           const cJSON *now, enum hal9_recovery *ret, struct hal9_error *err) {
    (void)c, (void)before, (void)intent_, (void)now, (void)err;
    *ret = HAL9_RECOVER_APPLY;
    return HAL9_OK;
}

/* ---- taking it back --------------------------------------------------------------------------- */

static bool has_capture(const cJSON *commands, const char *sha) {
    const cJSON *one;
    cJSON_ArrayForEach(one, commands) {
        if (hal9_streq(hal9_json_str(one, "capture"), sha))
            return true;
    }
    return false;
}

/* The commands to start again; workers that have outlived their master are one server: the same capture counts once. */
static cJSON *commands_of_notes(const struct hal9_step_ctx *c, const cJSON **ret_lost) {
    cJSON *commands = cJSON_CreateArray();
    const cJSON *note;
    cJSON_ArrayForEach(note, hal9_step_notes(c)) {
        const cJSON *one;
        cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(note, "captured")) {
            const char *sha = hal9_json_str(one, "capture");
            if (!sha)
                *ret_lost = one;
            if (!sha || has_capture(commands, sha))
                continue;
            cJSON *command = cJSON_CreateObject();
            hal9_json_add_str(command, "name", hal9_json_str(one, "name"));
            hal9_json_add_str(command, "user", hal9_json_str(one, "user"));
            hal9_json_add_int(command, "was_pid", hal9_json_int(one, "pid", 0));
            hal9_json_add_str(command, "capture", sha);
            cJSON_AddItemToArray(commands, command);
        }
    }
    return commands;
}

/* Where they live from then on: the service's own place, or one that no service has. */
static void add_place(cJSON *start, const cJSON *args, const cJSON *commands) {
    const cJSON *service = cJSON_GetObjectItemCaseSensitive(args, "service");
    const cJSON *first = cJSON_GetArrayItem(commands, 0);
    if (service) {
        cJSON_AddItemToObject(start, "service", cJSON_Duplicate(service, true));
        hal9_json_add_str(start, "place", hal9_json_str(service, "name"));
        return;
    }
    _cleanup_free_ char *place = hal9_strf(
        "%s-%lld", hal9_json_str(first, "name") ? hal9_json_str(first, "name") : "process",
        (long long)hal9_json_int(first, "was_pid", 0));
    hal9_json_add_str(start, "place", place);
}

static cJSON *start_args(const cJSON *args, cJSON *commands) {
    _cleanup_strv_ struct hal9_strv touched = {0};
    cJSON *start = cJSON_CreateObject();
    add_place(start, args, commands);
    cJSON_AddItemToObject(start, "commands", commands);
    resources(args, &touched, NULL);
    cJSON_AddItemToObject(start, "resources", hal9_json_strv(&touched));
    wl_stop_copy(cJSON_AddObjectToObject(start, "stop"), args);
    return start;
}

/* All that it ended was begun by an earlier step of the same plan, whose own inverse takes it away: a new release that came and went. */
static bool ended_its_own(const struct hal9_step_ctx *c, const cJSON *commands) {
    const char *step = hal9_json_str(hal9_step_args(c), "started_by");
    const cJSON *started =
        step ? cJSON_GetObjectItemCaseSensitive(hal9_step_after_of(c, step), "observed") : NULL;
    int64_t pid = hal9_json_int(started, "pid", 0);
    const cJSON *one;
    cJSON_ArrayForEach(one, commands) {
        if (pid <= 0 || hal9_json_int(one, "was_pid", 0) != pid)
            return false;
    }
    return pid > 0;
}

/* Before anything is stopped in favour of it. */
static hal9_status can_be_started(struct hal9_step_ctx *c, const cJSON *commands,
                                  struct hal9_error *err) {
    const cJSON *one;
    cJSON_ArrayForEach(one, commands) {
        _cleanup_(wl_command_clear) struct wl_command command = {0};
        _cleanup_error_ struct hal9_error e = {0};
        hal9_status st = wl_command_resolve(one, hal9_step_state(c), &command, &e);
        if (st == HAL9_OK)
            st = wl_command_check(&command, &e);
        if (st == HAL9_OK)
            continue;
        st = st == HAL9_E_NOT_FOUND ? HAL9_E_REFUSED : st;
        hal9_error_set(err, st, "%s can't be started again: %s", hal9_json_str(one, "name"),
                       e.message);
        hal9_error_hint(err, "%s", e.hint ? e.hint : "nothing was touched");
        return st;
    }
    return HAL9_OK;
}

static hal9_status invert(struct hal9_step_ctx *c, const cJSON *before, const cJSON *after,
                          const char **ret_kind, cJSON **ret_args, char **ret_title,
                          struct hal9_error *err) {
    (void)before, (void)after;
    const cJSON *lost = NULL;
    cJSON *commands = commands_of_notes(c, &lost);
    if (cJSON_GetArraySize(commands) == 0) {
        cJSON_Delete(commands);
        *ret_kind = NULL;
        if (!lost)
            return HAL9_OK; /* nothing was ended */
        return hal9_error_set(err, HAL9_E_UNSUPPORTED, "%s (pid %lld) can't be started again: %s",
                              hal9_json_str(lost, "name"), (long long)hal9_json_int(lost, "pid", 0),
                              hal9_json_str(lost, "lost"));
    }
    hal9_status st = HAL9_OK;
    if (ended_its_own(c, commands) || (st = can_be_started(c, commands, err)) != HAL9_OK) {
        cJSON_Delete(commands);
        *ret_kind = NULL;
        return st;
    }
    _cleanup_strv_ struct hal9_strv names = {0};
    const cJSON *one;
    cJSON_ArrayForEach(one, commands) {
        hal9_strv_add(&names, hal9_json_str(one, "name"));
    }
    _cleanup_free_ char *joined = hal9_strv_join(&names, ", ");
    *ret_kind = hal9_kind_process_start.name;
    *ret_args = start_args(hal9_step_args(c), commands);
    *ret_title = hal9_strf("start %s again", joined);
    return HAL9_OK;
}

const struct hal9_step_kind hal9_kind_process_stop = {
    .name = "process.stop",
    .version = 1,
    .resources = resources,
    .inspect = inspect,
    .intent = intent,
    .apply = apply,
    .recover = recover,
    .invert = invert,
};
