/* journals STATE N [--index]: N operations that have ended, a second apart, the newest a minute ago, each of a run of its own and on one of
 * 1,000 services: what a host has after some years. With --index also the file index, as the tools would have made it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hal9ops/doc.h"
#include "hal9ops/store.h"
#include "store/store-internal.h"

static void id_at(int64_t ms, unsigned salt, char ret[HAL9_ID_LEN + 1]) {
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    uint64_t time = (uint64_t)ms;
    for (int i = 9; i >= 0; i--, time >>= 5)
        ret[i] = digits[time & 31];
    for (int i = HAL9_ID_LEN - 1; i >= 10; i--, salt >>= 5)
        ret[i] = digits[salt & 31];
    ret[HAL9_ID_LEN] = '\0';
}

static cJSON *line_of(const char *type, int64_t ms) {
    char time[32];
    cJSON *line = cJSON_CreateObject();
    hal9_time_format(ms, time);
    hal9_json_add_str(line, "type", type);
    hal9_json_add_str(line, "time", time);
    return line;
}

static cJSON *plan_of(const char *id, const char *run, int64_t ms, unsigned n) {
    _cleanup_free_ char *resource = hal9_strf("service:s%u", n % 1000);
    struct hal9_strv touched = {0};
    cJSON *line = line_of("plan", ms);
    hal9_json_add_int(line, "hal9", 1);
    hal9_json_add_str(line, "id", id);
    hal9_json_add_str(line, "run", run);
    hal9_json_add_str(line, "by", "hal9-restart");
    hal9_json_add_str(line, "user", "root");
    hal9_json_add_str(line, "host", "web-1");
    hal9_json_add_str(line, "machine", hal9_host_machine_id());
    hal9_json_add_str(line, "title", "restart a service");
    hal9_strv_add(&touched, resource);
    cJSON_AddItemToObject(line, "resources", hal9_json_strv(&touched));
    cJSON *step = cJSON_CreateObject();
    hal9_json_add_str(step, "name", "start");
    hal9_json_add_str(step, "kind", "process.start");
    hal9_json_add_int(step, "version", 1);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(line, "steps"), step);
    hal9_strv_free(&touched);
    return line;
}

static hal9_status add(struct hal9_buf *text, uint32_t *crc, cJSON *line, struct hal9_error *err) {
    _cleanup_json_ cJSON *own = line;
    _cleanup_buf_ struct hal9_buf sealed = {0};
    hal9_status st = hal9_line_seal(own, crc, &sealed, err);
    hal9_buf_add(text, sealed.data, sealed.len);
    return st;
}

static hal9_status make(struct hal9_state *s, const char *id, const char *run, int64_t ms,
                        unsigned n, struct hal9_error *err) {
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_free_ char *path = hal9_journal_path(s, id);
    uint32_t crc = 0;
    cJSON *begin = line_of("begin", ms);
    cJSON *done = line_of("done", ms + 5);
    cJSON *end = line_of("end", ms + 6);
    hal9_json_add_str(begin, "step", "start");
    hal9_json_add_str(done, "step", "start");
    hal9_json_add_str(end, "state", "done");
    hal9_status st = add(&text, &crc, plan_of(id, run, ms, n), err);
    st = st ? st : add(&text, &crc, begin, err);
    st = st ? st : add(&text, &crc, done, err);
    st = st ? st : add(&text, &crc, end, err);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return hal9_error_errno(err, errno, "cannot make %s", path);
    return st ? st : hal9_fd_write_all(fd, text.data, text.len, err);
}

static int pass(void *data, const struct hal9_journal_head *h) {
    (void)data, (void)h;
    return 0;
}

int main(int argc, char **argv) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_state *s = NULL;
    unsigned n = argc >= 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    if (n == 0)
        return 2;
    int64_t from = hal9_now_ms() - 60000 - (int64_t)n * 1000;
    hal9_status st = hal9_state_open(argv[1], HAL9_STATE_WRITE, false, &s, &err);
    for (unsigned i = 0; st == HAL9_OK && i < n; i++) {
        char id[HAL9_ID_LEN + 1];
        char run[HAL9_ID_LEN + 1];
        int64_t ms = from + (int64_t)i * 1000;
        id_at(ms, i * 2654435761u >> 7, id);
        id_at(ms - 20, i * 40503u + 7, run);
        st = make(s, id, run, ms, i, &err);
    }
    if (st == HAL9_OK && argc > 3)
        st = hal9_journal_heads(s, NULL, pass, NULL, &err);
    hal9_state_close(s);
    if (st != HAL9_OK)
        fprintf(stderr, "journals: %s\n", err.message ? err.message : "");
    return st == HAL9_OK ? 0 : 1;
}
