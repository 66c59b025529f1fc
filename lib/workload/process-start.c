/* The step kind process.start. */
#include <stdlib.h>
#include <string.h>

#include "workload/workload-internal.h"

enum {
    GATE_WAIT_MS = 2000, /* a child whose tool has died leaves its gate within moments */
    GATE_LOOK_MS = 10,
    EARLY_END_MS =
        50, /* one that can't run ends within moments; what comes later is the gate's to see */
    TAIL_LINES = 20,
    TAIL_BYTES = 16384,
};

static const cJSON *service_of(const cJSON *args) {
    return cJSON_GetObjectItemCaseSensitive(args, "service");
}

static hal9_status resources(const cJSON *args, struct hal9_strv *ret, struct hal9_error *err) {
    (void)err;
    const char *service = hal9_json_str(service_of(args), "name");
    if (service)
        hal9_strv_take(ret, hal9_strf("service:%s", service));
    wl_copy_resources(args, ret);
    hal9_strv_sort_unique(ret);
    return HAL9_OK;
}

/* ---- what was started ----------------------------------------------------------------------------- */

/* Whether the process still runs the program that started it: it stands at its gate. One that has let go of its program is on its way out, and
 * not yet gone: no program of its own either. */
static bool stands_at_gate(const cJSON *started, const struct hal9_proc_id *id) {
    const cJSON *gate = cJSON_GetObjectItemCaseSensitive(started, "gate");
    _cleanup_(hal9_proc_clear) struct hal9_proc p = {0};
    if (!gate || hal9_proc_read(id->pid, HAL9_PROC_EXE, &p, NULL) != HAL9_OK ||
        p.id.start != id->start)
        return false;
    return hal9_proc_ending(id) ||
           (p.exe_ino == hal9_json_u64(gate, "ino") && p.exe_dev == hal9_json_u64(gate, "dev"));
}

/* Waits until a child whose gate nobody can open any more has ended, or one just released runs its program. No event tells of the
 * latter, so both are looked for in short turns. */
static hal9_status pass_gate(struct hal9_step_ctx *c, const cJSON *started,
                             const struct hal9_proc_id *id, struct hal9_error *err) {
    _cleanup_close_ int fd = -1;
    int64_t deadline = hal9_mono_ms() + GATE_WAIT_MS;
    if (hal9_proc_open(id, &fd, NULL) != HAL9_OK)
        return HAL9_OK;
    while (stands_at_gate(started, id)) {
        int64_t now = hal9_mono_ms();
        if (now >= deadline)
            return hal9_error_set(err, HAL9_E_UNKNOWN,
                                  "process %d stands at its gate and neither ends nor runs",
                                  (int)id->pid);
        hal9_status st = hal9_step_wait(c, fd, now + GATE_LOOK_MS, err);
        if (st != HAL9_E_TIMEOUT)
            return st; /* OK: it has ended */
        hal9_error_clear(err);
    }
    return HAL9_OK;
}

/* A program that goes to the background by itself leaves another process behind than the one that was started: its place tells. */
static bool lives_in_place(const cJSON *started) {
    const char *place = hal9_json_str(started, "place");
    _cleanup_free_ pid_t *pids = NULL;
    size_t n = 0;
    return place && hal9_detach_pids(place, &pids, &n, NULL) == HAL9_OK && n > 0;
}

/* The newest note on the n-th command that has a process now, or NULL. */
static hal9_status find_started(struct hal9_step_ctx *c, size_t index, const cJSON **ret,
                                struct hal9_error *err) {
    const cJSON *note;
    *ret = NULL;
    cJSON_ArrayForEach(note, hal9_step_notes(c)) {
        const cJSON *started = cJSON_GetObjectItemCaseSensitive(note, "started");
        struct hal9_proc_id id;
        if (!started || hal9_json_int(started, "command", 0) != (int64_t)index ||
            !wl_id_parse(started, &id))
            continue;
        hal9_status st = pass_gate(c, started, &id, err);
        if (st != HAL9_OK)
            return st;
        if (wl_alive(&id) == HAL9_ALIVE || lives_in_place(started))
            *ret = started;
    }
    return HAL9_OK;
}

/* What the journal shows of a started process: all of the note but the gate. */
static void observe_note(cJSON *observed, const cJSON *started) {
    static const char *const ids[] = {"pid", "start", "boot", "pidns", "gate"};
    struct hal9_proc_id id;
    const cJSON *member;
    if (wl_id_parse(started, &id) && wl_alive(&id) == HAL9_ALIVE)
        wl_id_add(observed, &id);
    cJSON_ArrayForEach(member, started) {
        bool is_id = false;
        for (size_t i = 0; i < HAL9_ARRAY_LEN(ids); i++)
            is_id = is_id || strcmp(member->string, ids[i]) == 0;
        if (!is_id)
            cJSON_AddItemToObject(observed, member->string, cJSON_Duplicate(member, true));
    }
}

static size_t count_commands(const cJSON *args) {
    return (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(args, "commands"));
}

/* Those that were started and run. */
static hal9_status count_started(struct hal9_step_ctx *c, cJSON *observed, size_t *ret,
                                 struct hal9_error *err) {
    size_t running = 0;
    for (size_t i = 0; i < count_commands(hal9_step_args(c)); i++) {
        const cJSON *started = NULL;
        hal9_status st = find_started(c, i, &started, err);
        if (st != HAL9_OK)
            return st;
        if (started && running++ == 0)
            observe_note(observed, started);
    }
    *ret = running;
    return HAL9_OK;
}

/* A service runs when any process of it does, whoever started it. */
static hal9_status look_at_service(const struct hal9_step_ctx *c, cJSON *observed,
                                   bool *ret_running, struct hal9_error *err) {
    const cJSON *args = hal9_step_args(c);
    _cleanup_(hal9_service_ref_clear) struct hal9_service_ref ref = {0};
    _cleanup_(wl_seen_clear) struct wl_seen seen = {0};
    hal9_status st = hal9_service_ref_parse(service_of(args), &ref, err);
    if (st == HAL9_OK && !ref.place)
        ref.place = wl_place(hal9_step_state(c), hal9_json_str(args, "place"));
    if (st == HAL9_OK)
        st = wl_service_procs(&ref, &seen, err);
    if (st != HAL9_OK)
        return st;
    *ret_running = seen.n > 0;
    if (seen.n > 0)
        wl_id_add(observed, &seen.v[0].id);
    cJSON *processes = cJSON_AddArrayToObject(observed, "processes");
    for (size_t i = 0; i < seen.n; i++)
        cJSON_AddItemToArray(processes, wl_proc_json(&seen.v[i]));
    return HAL9_OK;
}

static hal9_status inspect(struct hal9_step_ctx *c, cJSON **ret_state, struct hal9_error *err) {
    const cJSON *args = hal9_step_args(c);
    _cleanup_json_ cJSON *state = cJSON_CreateObject();
    _cleanup_json_ cJSON *observed = cJSON_CreateObject();
    size_t started = 0;
    hal9_status st = count_started(c, observed, &started, err);
    bool running = started > 0 && started == count_commands(args);
    if (st == HAL9_OK && service_of(args) && !cJSON_GetObjectItemCaseSensitive(observed, "pid"))
        st = look_at_service(c, observed, &running, err);
    if (st != HAL9_OK)
        return st;
    cJSON_AddBoolToObject(state, "running", running);
    cJSON_AddItemToObject(state, "observed", HAL9_TAKE_PTR(observed));
    *ret_state = HAL9_TAKE_PTR(state);
    return HAL9_OK;
}

static hal9_status intent(struct hal9_step_ctx *c, const cJSON *before, cJSON **ret_intent,
                          struct hal9_error *err) {
    (void)c, (void)before, (void)err;
    *ret_intent = cJSON_CreateObject();
    cJSON_AddTrueToObject(*ret_intent, "running");
    return HAL9_OK;
}

static hal9_status apply(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent_,
                         struct hal9_error *err) {
    (void)before, (void)intent_;
    const cJSON *commands = cJSON_GetObjectItemCaseSensitive(hal9_step_args(c), "commands");
    const cJSON *one;
    size_t index = 0;
    cJSON_ArrayForEach(one, commands) {
        _cleanup_(wl_command_clear) struct wl_command command = {0};
        const cJSON *started = NULL;
        hal9_status st = find_started(c, index, &started, err);
        if (st == HAL9_OK && !started)
            st = wl_command_resolve(one, hal9_step_state(c), &command, err);
        if (st == HAL9_OK && !started)
            st = wl_launch(c, &command, index, err);
        if (st != HAL9_OK)
            return st;
        index++;
    }
    return HAL9_OK;
}

/* ---- whether it runs -------------------------------------------------------------------------- */

static const cJSON *last_started(const struct hal9_step_ctx *c) {
    const cJSON *found = NULL;
    const cJSON *note;
    cJSON_ArrayForEach(note, hal9_step_notes(c)) {
        const cJSON *started = cJSON_GetObjectItemCaseSensitive(note, "started");
        found = started ? started : found;
    }
    return found;
}

/* Adds what it wrote before its end. */
static void add_tail(cJSON *detail, const cJSON *started) {
    const cJSON *log = cJSON_GetObjectItemCaseSensitive(started, "log");
    const char *path = hal9_json_str(log, "path");
    _cleanup_buf_ struct hal9_buf tail = {0};
    if (!path || hal9_file_tail(path, hal9_json_u64(log, "offset"), TAIL_LINES, TAIL_BYTES, &tail,
                                NULL) != HAL9_OK)
        return;
    hal9_redact_buf(&tail);
    cJSON *shown = cJSON_AddObjectToObject(detail, "log");
    hal9_json_add_str(shown, "path", path);
    cJSON *lines = cJSON_AddArrayToObject(shown, "lines");
    char *save = NULL;
    for (char *line = tail.data ? strtok_r(tail.data, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save))
        cJSON_AddItemToArray(lines, cJSON_CreateString(line));
}

static hal9_status ended_at_once(struct hal9_step_ctx *c, struct hal9_error *err) {
    const cJSON *started = last_started(c);
    const char *name = hal9_json_str(started, "name");
    cJSON *detail = cJSON_CreateObject();
    add_tail(detail, started);
    const char *path = hal9_json_str(cJSON_GetObjectItemCaseSensitive(detail, "log"), "path");
    hal9_error_set(err, HAL9_E_FAILED, "%s (pid %lld) ended right after its start",
                   name ? name : "it", (long long)hal9_json_int(started, "pid", 0));
    if (path)
        hal9_error_hint(err, "its output is in %s", path);
    hal9_step_detail(c, detail);
    return HAL9_E_FAILED;
}

/* A program that ends as soon as it has begun is told here, with its log, however busy the machine is. */
static void see_early_end(struct hal9_step_ctx *c) {
    const cJSON *started = last_started(c);
    _cleanup_close_ int fd = -1;
    struct hal9_proc_id id;
    if (started && wl_id_parse(started, &id) && hal9_proc_open(&id, &fd, NULL) == HAL9_OK)
        hal9_step_wait(c, fd, hal9_mono_ms() + EARLY_END_MS, NULL);
}

static hal9_status verify(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent_,
                          cJSON **ret_after, struct hal9_error *err) {
    (void)before, (void)intent_;
    see_early_end(c);
    _cleanup_json_ cJSON *now = NULL;
    hal9_status st = inspect(c, &now, err);
    if (st != HAL9_OK)
        return st;
    if (!hal9_json_bool(now, "running", false))
        return ended_at_once(c, err);
    *ret_after = HAL9_TAKE_PTR(now);
    return HAL9_OK;
}

/* Some run and some don't: the others are started. */
static hal9_status recover(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent_,
                           const cJSON *now, enum hal9_recovery *ret, struct hal9_error *err) {
    (void)c, (void)before, (void)intent_, (void)now, (void)err;
    *ret = HAL9_RECOVER_APPLY;
    return HAL9_OK;
}

/* ---- taking it back --------------------------------------------------------------------------- */

static cJSON *stop_args(const cJSON *args) {
    _cleanup_strv_ struct hal9_strv touched = {0};
    cJSON *stop = cJSON_CreateObject();
    const cJSON *told = cJSON_GetObjectItemCaseSensitive(args, "stop");
    resources(args, &touched, NULL);
    cJSON_AddItemToObject(stop, "resources", hal9_json_strv(&touched));
    if (told)
        wl_stop_copy(stop, told);
    else
        wl_stop_add(stop, NULL);
    return stop;
}

/* The service as it is known since the start: with the record of it. */
static cJSON *recorded_service(const cJSON *args, const cJSON *started) {
    cJSON *service = cJSON_Duplicate(service_of(args), true);
    struct hal9_proc_id id;
    if (!started || !wl_id_parse(started, &id))
        return service;
    cJSON *recorded = cJSON_CreateObject();
    wl_id_add(recorded, &id);
    cJSON_DeleteItemFromObjectCaseSensitive(service, "recorded");
    cJSON_AddItemToObject(service, "recorded", recorded);
    cJSON_DeleteItemFromObjectCaseSensitive(service, "place");
    hal9_json_add_str(service, "place", hal9_json_str(started, "place"));
    return service;
}

/* Adds a process with the program that it runs now, by which it is known again. start 0: whoever has the pid. */
static void add_process(cJSON *all, pid_t pid, uint64_t start) {
    _cleanup_(hal9_proc_clear) struct hal9_proc p = {0};
    const cJSON *known;
    cJSON_ArrayForEach(known, all) {
        if (hal9_json_int(known, "pid", 0) == pid)
            return;
    }
    if (hal9_proc_read(pid, HAL9_PROC_ALL, &p, NULL) == HAL9_OK && (!start || p.id.start == start))
        cJSON_AddItemToArray(all, wl_proc_json(&p));
}

/* Each noted process that lives, and what lives with it in its place. */
static cJSON *noted_processes(const struct hal9_step_ctx *c) {
    cJSON *all = cJSON_CreateArray();
    const cJSON *note;
    cJSON_ArrayForEach(note, hal9_step_notes(c)) {
        struct hal9_proc_id id;
        _cleanup_free_ pid_t *pids = NULL;
        size_t n = 0;
        const cJSON *started = cJSON_GetObjectItemCaseSensitive(note, "started");
        if (!started || !wl_id_parse(started, &id))
            continue;
        if (wl_alive(&id) == HAL9_ALIVE)
            add_process(all, id.pid, id.start);
        const char *place = hal9_json_str(started, "place");
        if (place && hal9_detach_pids(place, &pids, &n, NULL) == HAL9_OK)
            for (size_t i = 0; i < n; i++)
                add_process(all, pids[i], 0);
    }
    return all;
}

static hal9_status invert(struct hal9_step_ctx *c, const cJSON *before, const cJSON *after,
                          const char **ret_kind, cJSON **ret_args, char **ret_title,
                          struct hal9_error *err) {
    (void)before, (void)after, (void)err;
    const cJSON *args = hal9_step_args(c);
    const cJSON *started = last_started(c);
    const char *service = hal9_json_str(service_of(args), "name");
    const char *name = service ? service : hal9_json_str(started, "name");
    cJSON *stop = stop_args(args);
    hal9_json_add_str(stop, "what", service ? "service" : "processes");
    if (service)
        cJSON_AddItemToObject(stop, "service", recorded_service(args, started));
    else
        cJSON_AddItemToObject(stop, "processes", noted_processes(c));
    *ret_kind = hal9_kind_process_stop.name;
    *ret_args = stop;
    *ret_title = hal9_strf("stop %s", name ? name : "what was started");
    return HAL9_OK;
}

const struct hal9_step_kind hal9_kind_process_start = {
    .name = "process.start",
    .version = 1,
    .resources = resources,
    .inspect = inspect,
    .intent = intent,
    .apply = apply,
    .verify = verify,
    .recover = recover,
    .invert = invert,
};
