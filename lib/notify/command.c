/* command: a program that gets the record on stdin; exit 0 means that it was delivered. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hal9ops/sys.h"
#include "notify/notify-internal.h"
#include "sys/fault.h"

#define OUTPUT_MAX ((size_t)16 * 1024)
#define SHOWN 200

static bool is(const struct hal9_notify_spec *spec) {
    return spec->command.n > 0;
}

static void identity(const struct hal9_notify_spec *spec, struct hal9_buf *ret) {
    for (size_t i = 0; i < spec->command.n; i++)
        hal9_buf_add(ret, spec->command.v[i], strlen(spec->command.v[i]) + 1);
}

static char *label(const struct hal9_notify_spec *spec) {
    const char *slash = strrchr(spec->command.v[0], '/');
    return hal9_strf("command %s", slash ? slash + 1 : spec->command.v[0]);
}

/* An open file without a name that holds the text: a pipe may be smaller than that. */
static hal9_status stdin_of(const char *dir, const char *text, int *ret_fd,
                            struct hal9_error *err) {
    char id[HAL9_ID_LEN + 1];
    hal9_id_new(id);
    _cleanup_free_ char *path = hal9_strf("%s/.%s", dir, id);
    _cleanup_close_ int fd =
        HAL9_RETRY(hal9_sys_open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (fd < 0)
        return hal9_error_errno(err, errno, "cannot make a file in %s", dir);
    hal9_sys_discard(path);
    hal9_status status = hal9_fd_write_all(fd, text, strlen(text), err);
    if (status == HAL9_OK && lseek(fd, 0, SEEK_SET) < 0)
        status = hal9_error_errno(err, errno, "cannot seek");
    if (status == HAL9_OK)
        *ret_fd = HAL9_TAKE_FD(fd);
    return status;
}

/* The last line that it wrote to stderr. */
static char *last_words(const struct hal9_buf *b) {
    size_t end = b->len;
    while (end > 0 && b->data[end - 1] == '\n')
        end--;
    size_t start = end;
    while (start > 0 && b->data[start - 1] != '\n')
        start--;
    if (end == start)
        return hal9_strdup("");
    char *line = hal9_strf(": %.*s", (int)(end - start), b->data + start);
    line[hal9_utf8_cut(line, SHOWN)] = '\0';
    return line;
}

static void run(const struct hal9_delivery *d, int in, struct hal9_outcome *ret) {
    const struct hal9_spawn s = {.argv = (const char *const *)d->spec->command.v,
                                 .stdio = {in, -1, -1}};
    const int64_t left = d->deadline_ms - hal9_mono_ms();
    struct hal9_run_result r = {0};
    _cleanup_error_ struct hal9_error e = {0};
    if (hal9_run(&s, left > 0 ? left : 0, d->cancel_fd, OUTPUT_MAX, &r, &e) != HAL9_OK) {
        hal9_outcome_error(ret, &e);
        return;
    }
    if (r.exit == 0)
        ret->how = HAL9_OUT_SENT;
    else {
        hal9_redact_buf(&r.err);
        _cleanup_free_ char *words = last_words(&r.err);
        ret->how = HAL9_OUT_LATER;
        ret->reason = hal9_strf("%s exits %d%s", s.argv[0], r.exit, words);
    }
    hal9_run_result_clear(&r);
}

static void send_record(const struct hal9_delivery *d, struct hal9_outcome *ret) {
    _cleanup_free_ char *record = hal9_json_text(d->item->record);
    _cleanup_free_ char *text = hal9_strf("%s\n", record);
    _cleanup_error_ struct hal9_error e = {0};
    _cleanup_close_ int in = -1;
    if (stdin_of(d->dir, text, &in, &e) == HAL9_OK)
        run(d, in, ret);
    else
        hal9_outcome_error(ret, &e);
}

const struct hal9_notify_driver hal9_notify_command = {
    .type = "command", .is = is, .identity = identity, .label = label, .send = send_record};
