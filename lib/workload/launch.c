/*
 * Starts one command so that it is never lost: the child stands at a gate until its pid and start time are in the journal. Killed before
 * that line, the tool leaves no process (the gate closes with it); killed after it, the next run knows whom to look for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "sys/fault.h"
#include "workload/workload-internal.h"

/* A start under way. */
struct launch {
    struct hal9_step_ctx *c;
    const struct wl_command *command;
    size_t index;
    struct hal9_service_ref ref; /* name NULL: not a service's */
    int log_fd, out_fd, error_fd;
    char *log_path;
    uint64_t log_offset;
    struct hal9_child child;
    enum hal9_detach detach;
    char *less; /* why it has no better place */
};

static void launch_clear(struct launch *l) {
    hal9_service_ref_clear(&l->ref);
    const int fds[] = {l->log_fd, l->out_fd, l->error_fd};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(l->log_path);
    hal9_child_clear(&l->child);
    free(l->less);
}

/* Where a captured process wrote to, when its user may write there: opened as root, a link put in its place could be anything. */
static int open_old_output(const struct wl_command *c, const char *path) {
    struct stat st;
    if (strcmp(path, "/dev/null") == 0)
        return hal9_sys_open(path, O_RDWR | O_CLOEXEC, 0);
    _cleanup_close_ int fd =
        hal9_sys_open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !wl_command_may(c, &st, W_OK) ||
        fcntl(fd, F_SETFL, O_APPEND) < 0)
        return -1;
    return HAL9_TAKE_FD(fd);
}

static hal9_status open_output(struct launch *l, struct hal9_error *err) {
    const struct wl_command *c = l->command;
    if (!l->ref.name && c->stdout_path)
        l->out_fd = open_old_output(c, c->stdout_path);
    if (!l->ref.name && c->stderr_path)
        l->error_fd = open_old_output(c, c->stderr_path);
    if (l->out_fd >= 0 && l->error_fd >= 0)
        return HAL9_OK;
    return wl_log_open(hal9_step_state(l->c), l->ref.name ? l->ref.name : c->name, &l->log_fd,
                       &l->log_path, &l->log_offset, err);
}

static hal9_status spawn(struct launch *l, struct hal9_error *err) {
    const struct wl_command *c = l->command;
    const struct hal9_spawn s = {
        .argv = (const char *const *)c->argv.v,
        .exe = c->exe,
        .envp = (const char *const *)c->env.v,
        .cwd = c->cwd,
        .set_user = c->set_user,
        .uid = c->uid,
        .gid = c->gid,
        .groups = c->groups,
        .n_groups = c->n_groups,
        .stdio = {-1, l->out_fd >= 0 ? l->out_fd : l->log_fd,
                  l->error_fd >= 0 ? l->error_fd : l->log_fd},
        .new_session = true,
        .gated = true,
        .set_umask = true,
        .umask = c->umask,
        .limits = c->n_limits ? c->limits : NULL,
        .n_limits = c->n_limits,
    };
    return hal9_spawn(&s, &l->child, err);
}

/* The best place that can be had, so that the end of a session or a cron job does not take it along. Less is no failure. */
static void detach(struct launch *l, const char *place) {
    if (!place)
        return;
    for (int how = (int)hal9_detach_available(&l->less); how > HAL9_DETACH_NONE; how--) {
        _cleanup_error_ struct hal9_error e = {0};
        if (hal9_detach_move((enum hal9_detach)how, place, l->child.id.pid, &e) == HAL9_OK) {
            l->detach = (enum hal9_detach)how;
            return;
        }
        free(l->less);
        l->less = hal9_strdup(e.message);
    }
}

/* The program that waits at the gate is this tool's: how a child that was never released is told. */
static void add_gate(cJSON *to) {
    _cleanup_(hal9_proc_clear) struct hal9_proc self = {0};
    if (hal9_proc_read(getpid(), HAL9_PROC_EXE, &self, NULL) != HAL9_OK)
        return;
    cJSON *gate = cJSON_AddObjectToObject(to, "gate");
    hal9_json_add_u64(gate, "dev", self.exe_dev);
    hal9_json_add_u64(gate, "ino", self.exe_ino);
}

static cJSON *note_of(const struct launch *l, const char *place) {
    static const char *const words[] = {"none", "cgroup", "scope"};
    cJSON *note = cJSON_CreateObject();
    cJSON *started = cJSON_AddObjectToObject(note, "started");
    hal9_json_add_int(started, "command", (int64_t)l->index);
    hal9_json_add_str(started, "name", l->command->name);
    wl_id_add(started, &l->child.id);
    hal9_json_add_str(started, "detach", words[l->detach]);
    if (l->detach != HAL9_DETACH_NONE)
        hal9_json_add_str(started, "place", place);
    hal9_json_add_str(started, "less", l->less);
    if (l->log_path) {
        cJSON *log = cJSON_AddObjectToObject(started, "log");
        hal9_json_add_str(log, "path", l->log_path);
        hal9_json_add_u64(log, "offset", l->log_offset);
    }
    add_gate(started);
    return note;
}

static hal9_status record(struct launch *l, const char *place, struct hal9_error *err) {
    if (!l->ref.name || l->index > 0)
        return HAL9_OK; /* of several, the first stands for the service */
    l->ref.recorded = l->child.id;
    free(l->ref.place);
    l->ref.place = l->detach == HAL9_DETACH_NONE ? NULL : hal9_strdup(place);
    free(l->ref.log_path);
    l->ref.log_path = hal9_strdup(l->log_path);
    l->ref.log_offset = l->log_offset;
    return hal9_service_record(hal9_step_state(l->c), &l->ref, err);
}

static hal9_status explain(const struct wl_command *c, hal9_status st, struct hal9_error *err) {
    if (st != HAL9_OK && err && !err->hint)
        hal9_error_hint(err, c->captured ? "it was started again as it ran when it was stopped"
                                         : "look at run.exec, run.user and run.cwd of the service");
    return st;
}

hal9_status wl_launch(struct hal9_step_ctx *c, const struct wl_command *command, size_t index,
                      struct hal9_error *err) {
    const cJSON *args = hal9_step_args(c);
    const cJSON *service = cJSON_GetObjectItemCaseSensitive(args, "service");
    _cleanup_free_ char *place = wl_place(hal9_step_state(c), hal9_json_str(args, "place"));
    _cleanup_(launch_clear) struct launch l = {.c = c,
                                               .command = command,
                                               .index = index,
                                               .log_fd = -1,
                                               .out_fd = -1,
                                               .error_fd = -1,
                                               .child = HAL9_CHILD_INIT};
    hal9_status st = service ? hal9_service_ref_parse(service, &l.ref, err) : HAL9_OK;
    if (st == HAL9_OK)
        st = wl_command_check(command, err);
    if (st == HAL9_OK)
        st = open_output(&l, err);
    if (st == HAL9_OK)
        st = explain(command, spawn(&l, err), err);
    if (st != HAL9_OK)
        return st;
    detach(&l, place);
    st = hal9_step_note(c, note_of(&l, place), err);
    if (st == HAL9_OK)
        st = record(&l, place, err);
    if (st == HAL9_OK)
        st = explain(command, hal9_child_release(&l.child, err), err);
    return st;
}
