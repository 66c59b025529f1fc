/* The journal of a service's unit, by journalctl: the newest first, so that a cap leaves out the oldest. */
#include <string.h>
#include <time.h>

#include "workload/bundle.h"

#define OLDER_LINES "200" /* of a unit that has been silent for longer than `last` */

/* Runs journalctl; its complaint is the error. */
static hal9_status ask(struct wl_bundle *b, const char *unit, const char *window, const char *value,
                       size_t max, struct hal9_run_result *ret, struct hal9_error *err) {
    const char *const argv[] = {
        "journalctl", "--no-pager", "--quiet", "--reverse", "--output=short-iso",
        "--unit",     unit,         window,    value,       NULL};
    static const char *const envp[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
        "SYSTEMD_COLORS=0", NULL};
    const struct hal9_spawn spawn = {.argv = argv, .envp = envp, .stdio = {-1, -1, -1}};
    hal9_status st =
        hal9_run(&spawn, wl_bundle_left_ms(b), hal9_step_cancel_fd(b->c), max, ret, err);

    if (st != HAL9_OK || ret->exit == 0)
        return st;
    const char *words = ret->err.len > 0 ? ret->err.data : "without a word";

    return hal9_error_set(err, HAL9_E_FAILED, "journalctl failed (exit %d): %.*s", ret->exit,
                          (int)strcspn(words, "\n"), words);
}

/* The newest line came first. Lines that go on with a message begin with a blank and stay below its first. */
static void turn_round(const char *text, size_t len, struct hal9_buf *ret) {
    const char *end = text + len;

    while (end > text) {
        const char *from = end - 1;

        while (from > text && !(from[-1] == '\n' && *from != ' '))
            from--;
        hal9_buf_add(ret, from, (size_t)(end - from));
        if (end[-1] != '\n')
            hal9_buf_putc(ret, '\n');
        end = from;
    }
}

hal9_status wl_bundle_journal(struct wl_bundle *b, struct hal9_error *err) {
    const char *unit = hal9_json_str(b->args, "journal");
    _cleanup_(hal9_run_result_clear) struct hal9_run_result r = {0};
    _cleanup_error_ struct hal9_error e = {0};

    if (!unit)
        return HAL9_OK;
    _cleanup_free_ char *from = hal9_strf("journal of %s", unit);
    _cleanup_free_ char *since = hal9_strf(
        "@%lld", (long long)((hal9_now_ms() - hal9_json_int(b->args, "last_ms", 0)) / 1000));
    size_t max = (size_t)(b->max > b->used ? b->max - b->used : 0);

    hal9_step_progress(b->c, "reading the %s", from);
    hal9_status st = ask(b, unit, "--since", since, max, &r, &e);

    if (st == HAL9_OK && r.out.len == 0) {
        hal9_run_result_clear(&r);
        st = ask(b, unit, "--lines", OLDER_LINES, max, &r, &e);
    }
    if (st == HAL9_E_INTERRUPTED)
        return hal9_error_move(err, &e);
    if (st != HAL9_OK || r.out.len == 0) {
        wl_bundle_leave_out(b, from,
                            st == HAL9_E_NOT_FOUND ? "journalctl is not installed"
                            : st == HAL9_E_TIMEOUT ? "no time was left for it"
                            : e.message            ? e.message
                                                   : "it is empty, or not for this user to see");
        return HAL9_OK;
    }
    struct wl_entry *entry = wl_bundle_add(b, "logs/journal.txt", from);

    turn_round(r.out.data, r.out.len, &entry->data);
    entry->size = r.out.len;
    entry->cut = r.out.len >= max;
    entry->log = true;
    b->used += r.out.len;
    return HAL9_OK;
}
