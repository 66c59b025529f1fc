/* Step kinds for tests of the executor: they act on files of a directory of the test's own. */
#ifndef HAL9_TESTS_OP_KINDS_H
#define HAL9_TESTS_OP_KINDS_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/doc.h"
#include "hal9ops/op.h"
#include "hal9ops/sys.h"

#ifdef HAL9_TEST_HOOKS
#include "sys/fault.h"
#endif

static char files_dir[128];   /* where they act */
static char touched_here[64]; /* letters: the steps whose apply ran in this process, in order */
static pthread_mutex_t touched_lock = PTHREAD_MUTEX_INITIALIZER;

static inline char *file_path(const char *name) {
    return hal9_path_join(files_dir, name);
}

/* Its content, fresh; NULL when it isn't there. */
static inline char *file_get(const char *name) {
    if (!name)
        return NULL;
    _cleanup_free_ char *path = file_path(name);
    _cleanup_buf_ struct hal9_buf text = {0};
    if (hal9_file_read(path, 1 << 20, &text, NULL) != HAL9_OK)
        return NULL;
    return hal9_buf_take(&text);
}

static inline void file_put(const char *name, const char *value) {
    _cleanup_free_ char *path = file_path(name);
    if (!value) {
        unlink(path);
        return;
    }
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, value, strlen(value)), strlen(value));
}

static inline void assert_file(const char *name, const char *value) {
    _cleanup_free_ char *text = file_get(name);
    if (!value)
        assert_null(text);
    else
        assert_string_equal(text ? text : "(none)", value);
}

static inline void touched(const char *mark) {
    pthread_mutex_lock(&touched_lock);
    size_t len = strlen(touched_here);
    if (mark && len + 1 < sizeof(touched_here))
        touched_here[len] = mark[0];
    pthread_mutex_unlock(&touched_lock);
}

static inline hal9_status file_resources(const cJSON *args, struct hal9_strv *ret,
                                         struct hal9_error *err) {
    (void)err;
    hal9_strv_take(ret, hal9_strf("file:%s", hal9_json_str(args, "path")));
    return HAL9_OK;
}

static inline hal9_status file_inspect(struct hal9_step_ctx *c, cJSON **ret,
                                       struct hal9_error *err) {
    const cJSON *args = hal9_step_args(c);
    if (hal9_json_bool(args, "blind", false))
        return hal9_error_set(err, HAL9_E_IO, "the file can't be looked at");
    _cleanup_free_ char *away = file_get(hal9_json_str(args, "away"));
    if (away)
        return hal9_error_set(err, HAL9_E_IO, "it is away");
    _cleanup_free_ char *value = file_get(hal9_json_str(args, "path"));
    *ret = cJSON_CreateObject();
    cJSON_AddItemToObject(*ret, "value", value ? cJSON_CreateString(value) : cJSON_CreateNull());
    cJSON *observed = cJSON_AddObjectToObject(*ret, "observed");
    hal9_json_add_int(observed, "at", hal9_mono_us());
    return HAL9_OK;
}

static inline hal9_status file_intent(struct hal9_step_ctx *c, const cJSON *before, cJSON **ret,
                                      struct hal9_error *err) {
    (void)before, (void)err;
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(hal9_step_args(c), "value");
    *ret = cJSON_CreateObject();
    cJSON_AddItemToObject(*ret, "value", cJSON_Duplicate(value, true));
    return HAL9_OK;
}

/* With "via" it passes through another value on its way, and may be killed there. */
static inline hal9_status file_apply(struct hal9_step_ctx *c, const cJSON *before,
                                     const cJSON *intent, struct hal9_error *err) {
    (void)before;
    const cJSON *args = hal9_step_args(c);
    const char *value = hal9_json_str(intent, "value");
    const char *via = hal9_json_str(args, "via");
    _cleanup_free_ char *path = file_path(hal9_json_str(args, "path"));
    touched(hal9_json_str(args, "mark"));
    if (via && hal9_file_write(path, via, strlen(via), 0600, err) != HAL9_OK)
        return HAL9_E_IO;
    if (hal9_json_bool(args, "die", false))
        _exit(77);
    if (hal9_json_bool(args, "lie", false))
        return HAL9_OK;
    if (value)
        return hal9_file_write(path, value, strlen(value), 0600, err);
    return unlink(path) < 0 && errno != ENOENT ? hal9_error_errno(err, errno, "%s", path) : HAL9_OK;
}

static inline hal9_status file_recover(struct hal9_step_ctx *c, const cJSON *before,
                                       const cJSON *intent, const cJSON *now,
                                       enum hal9_recovery *ret, struct hal9_error *err) {
    (void)before, (void)intent, (void)err;
    const char *via = hal9_json_str(hal9_step_args(c), "via");
    bool mine = via && hal9_streq(hal9_json_str(now, "value"), via);
    *ret = mine ? HAL9_RECOVER_APPLY : HAL9_RECOVER_STOP;
    return HAL9_OK;
}

static inline hal9_status file_invert(struct hal9_step_ctx *c, const cJSON *before,
                                      const cJSON *after, const char **ret_kind, cJSON **ret_args,
                                      char **ret_title, struct hal9_error *err) {
    (void)after, (void)ret_title, (void)err;
    const cJSON *args = hal9_step_args(c);
    if (hal9_json_bool(args, "final", false))
        return HAL9_OK;
    *ret_kind = "file.set";
    *ret_args = cJSON_Duplicate(args, true);
    cJSON_DeleteItemFromObjectCaseSensitive(*ret_args, "value");
    cJSON_DeleteItemFromObjectCaseSensitive(*ret_args, "die"); /* once is enough */
    cJSON_DeleteItemFromObjectCaseSensitive(*ret_args, "via");
    cJSON_AddItemToObject(*ret_args, "value",
                          cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(before, "value"), true));
    return HAL9_OK;
}

static inline char *file_describe(const cJSON *args) {
    return hal9_strf("set %s", hal9_json_str(args, "path"));
}

/* Sets a file to a value. {"path", "value"}; "mark", "via", "die", "lie", "blind", "final", "away" as above. */
static const struct hal9_step_kind kind_set = {
    .name = "file.set",
    .version = 2,
    .resources = file_resources,
    .inspect = file_inspect,
    .intent = file_intent,
    .apply = file_apply,
    .invert = file_invert,
    .describe = file_describe,
};
/* The same, but it names nothing that it touches: somebody else, for whom comes after it. */
static const struct hal9_step_kind kind_quiet = {
    .name = "file.quiet",
    .version = 1,
    .inspect = file_inspect,
    .intent = file_intent,
    .apply = file_apply,
};
/* The same, and it knows its own half-way value. */
static const struct hal9_step_kind kind_sure = {
    .name = "file.sure",
    .version = 1,
    .resources = file_resources,
    .inspect = file_inspect,
    .intent = file_intent,
    .apply = file_apply,
    .recover = file_recover,
    .invert = file_invert,
};

static inline hal9_status gate_apply(struct hal9_step_ctx *c, const cJSON *before,
                                     const cJSON *intent, struct hal9_error *err) {
    (void)before, (void)intent;
    const cJSON *args = hal9_step_args(c);
    const char *want = hal9_json_str(args, "value");
    touched(hal9_json_str(args, "mark"));
    if (hal9_json_bool(args, "wait", false)) {
        hal9_step_progress(c, "waiting for %s", want);
        hal9_status st = hal9_step_wait(c, -1, -1, err);
        if (st != HAL9_OK)
            return st;
    }
    _cleanup_free_ char *value = file_get(hal9_json_str(args, "path"));
    if (hal9_streq(value, want))
        return HAL9_OK;
    cJSON *detail = cJSON_CreateObject();
    hal9_json_add_str(detail, "found", value ? value : "nothing");
    hal9_step_detail(c, detail);
    return hal9_error_set(err, HAL9_E_FAILED, "the gate wants %s", want);
}

/* Passes when a file has a value. {"path", "value"}; "wait": not before it is called off. */
static const struct hal9_step_kind kind_gate = {
    .name = "gate", .version = 1, .flags = HAL9_KIND_PASSIVE, .apply = gate_apply};

/* Passes when a file has a value, and can't tell while the file isn't there. */
static inline hal9_status ask_apply(struct hal9_step_ctx *c, const cJSON *before,
                                    const cJSON *intent, struct hal9_error *err) {
    _cleanup_free_ char *value = file_get(hal9_json_str(hal9_step_args(c), "path"));
    if (!value)
        return hal9_error_set(err, HAL9_E_UNKNOWN, "nobody answers");
    return gate_apply(c, before, intent, err);
}
static const struct hal9_step_kind kind_ask = {
    .name = "ask", .version = 1, .flags = HAL9_KIND_PASSIVE | HAL9_KIND_HOLDS, .apply = ask_apply};

/* Waits at a barrier of n threads, or until 5 s have passed, which fails. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t all;
    size_t arrived, most;
} barrier = {.lock = PTHREAD_MUTEX_INITIALIZER, .all = PTHREAD_COND_INITIALIZER};

static inline hal9_status meet_apply(struct hal9_step_ctx *c, const cJSON *before,
                                     const cJSON *intent, struct hal9_error *err) {
    (void)before, (void)intent;
    size_t n = (size_t)hal9_json_int(hal9_step_args(c), "n", 2);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 5;
    int late = 0;
    pthread_mutex_lock(&barrier.lock);
    barrier.arrived++;
    pthread_cond_broadcast(&barrier.all);
    while (barrier.arrived < n && late == 0)
        late = pthread_cond_timedwait(&barrier.all, &barrier.lock, &until);
    pthread_mutex_unlock(&barrier.lock);
    return late ? hal9_error_set(err, HAL9_E_TIMEOUT, "nobody else came") : HAL9_OK;
}

/* {"n"}: passes when n of them run at once. */
static const struct hal9_step_kind kind_meet = {
    .name = "meet", .version = 1, .flags = HAL9_KIND_PASSIVE, .apply = meet_apply};

/* Writes a byte to the test, then waits for it; what it wrote it has. */
static int hold_ready = -1, hold_go = -1;

static inline hal9_status hold_apply(struct hal9_step_ctx *c, const cJSON *before,
                                     const cJSON *intent, struct hal9_error *err) {
    if (write(hold_ready, "!", 1) != 1)
        return hal9_error_errno(err, errno, "cannot tell that it runs");
    hal9_status st = hal9_step_wait(c, hold_go, -1, err);
    return st == HAL9_OK ? file_apply(c, before, intent, err) : st;
}

/* As file.set, but held until the test lets it go. */
static const struct hal9_step_kind kind_hold = {
    .name = "hold",
    .version = 1,
    .resources = file_resources,
    .inspect = file_inspect,
    .intent = file_intent,
    .apply = hold_apply,
    .invert = file_invert,
};

/* Can't be seen: adds a line to a file; its note tells, before it acts, how long the file was. */
static inline hal9_status line_apply(struct hal9_step_ctx *c, const cJSON *before,
                                     const cJSON *intent, struct hal9_error *err) {
    (void)before, (void)intent;
    const char *name = hal9_json_str(hal9_step_args(c), "path");
    _cleanup_free_ char *old = file_get(name);
    _cleanup_free_ char *longer = hal9_strf("%sline\n", old ? old : "");
    _cleanup_free_ char *path = file_path(name);
    cJSON *note = cJSON_CreateObject();
    hal9_json_add_int(note, "length", old ? (int64_t)strlen(old) : 0);
    hal9_status st = hal9_step_note(c, note, err);
    return st == HAL9_OK ? hal9_file_write(path, longer, strlen(longer), 0600, err) : st;
}

static inline hal9_status line_recover(struct hal9_step_ctx *c, const cJSON *before,
                                       const cJSON *intent, const cJSON *now,
                                       enum hal9_recovery *ret, struct hal9_error *err) {
    (void)before, (void)intent, (void)now, (void)err;
    const cJSON *notes = hal9_step_notes(c);
    int n = cJSON_GetArraySize(notes);
    _cleanup_free_ char *text = file_get(hal9_json_str(hal9_step_args(c), "path"));
    int64_t was = n > 0 ? hal9_json_int(cJSON_GetArrayItem(notes, n - 1), "length", 0) : -1;
    bool longer = was >= 0 && text && (int64_t)strlen(text) > was;
    *ret = longer ? HAL9_RECOVER_DONE : HAL9_RECOVER_APPLY;
    return HAL9_OK;
}

static const struct hal9_step_kind kind_line = {
    .name = "line",
    .version = 1,
    .resources = file_resources,
    .apply = line_apply,
    .recover = line_recover,
};

/* Whatever is told is so already, at no cost. */
static inline hal9_status idle_state(struct hal9_step_ctx *c, cJSON **ret, struct hal9_error *err) {
    (void)c, (void)err;
    *ret = cJSON_CreateObject();
    cJSON_AddTrueToObject(*ret, "so");
    return HAL9_OK;
}
static inline hal9_status idle_intent(struct hal9_step_ctx *c, const cJSON *before, cJSON **ret,
                                      struct hal9_error *err) {
    (void)before;
    return idle_state(c, ret, err);
}
static const struct hal9_step_kind kind_idle = {
    .name = "idle", .version = 1, .inspect = idle_state, .intent = idle_intent};

static const struct hal9_step_kind *const all_kinds[] = {
    &kind_set,  &kind_sure, &kind_gate, &kind_meet,  &kind_hold,
    &kind_line, &kind_idle, &kind_ask,  &kind_quiet, &hal9_kind_state_verify,
};
static const struct hal9_kinds test_kinds = {all_kinds, HAL9_ARRAY_LEN(all_kinds)};

#endif
