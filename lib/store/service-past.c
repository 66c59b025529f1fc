/* What a service has been through: when it was proven healthy and with which release, and when it was restarted. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/store-internal.h"

#define PROOFS_KEPT 50
#define PROVEN "proven.json"
#define RESTARTS "restarts.json"

static const char *text_time(int64_t ms, char ret[32]) {
    hal9_time_format(ms, ret);
    return ret;
}

static int64_t read_time(const cJSON *j, const char *name) {
    const char *text = hal9_json_str(j, name);
    int64_t ms = 0;
    return text && hal9_time_parse(text, &ms, NULL) == HAL9_OK ? ms : 0;
}

/* ---- proofs of health */

void hal9_proofs_clear(struct hal9_proofs *p) {
    for (size_t i = 0; i < p->n; i++)
        free(p->releases[i].target);
    free(p->releases);
    *p = (struct hal9_proofs){0};
}

hal9_status hal9_proofs_load(struct hal9_state *s, const char *service, struct hal9_proofs *ret,
                             struct hal9_error *err) {
    _cleanup_json_ cJSON *j = NULL;
    hal9_status st = s ? hal9_service_file_read(s, service, PROVEN, &j, err) : HAL9_OK;
    const cJSON *one;
    if (st != HAL9_OK)
        return st;
    ret->time_ms = read_time(j, "time");
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(j, "releases")) {
        if (hal9_json_str(one, "target"))
            *HAL9_APPEND(ret->releases, ret->n, ret->cap) = (struct hal9_release_proof){
                .target = hal9_strdup(hal9_json_str(one, "target")),
                .dev = hal9_json_u64(one, "dev"),
                .ino = hal9_json_u64(one, "ino"),
                .time_ms = read_time(one, "time"),
            };
    }
    return HAL9_OK;
}

/* Moves the release to the end, as the newest. */
static void add_release(struct hal9_proofs *p, const char *target, const struct stat *st,
                        int64_t now) {
    size_t kept = 0;
    for (size_t i = 0; i < p->n; i++) {
        const bool same = strcmp(p->releases[i].target, target) == 0;
        if (same || (i == 0 && p->n >= PROOFS_KEPT))
            free(p->releases[i].target);
        else
            p->releases[kept++] = p->releases[i];
    }
    p->n = kept;
    *HAL9_APPEND(p->releases, p->n, p->cap) = (struct hal9_release_proof){
        .target = hal9_strdup(target), .dev = st->st_dev, .ino = st->st_ino, .time_ms = now};
}

static cJSON *proofs_json(const struct hal9_proofs *p) {
    char time[32];
    cJSON *j = cJSON_CreateObject();
    hal9_json_add_str(j, "time", text_time(p->time_ms, time));
    cJSON *list = cJSON_AddArrayToObject(j, "releases");
    for (size_t i = 0; i < p->n; i++) {
        cJSON *one = cJSON_CreateObject();
        hal9_json_add_str(one, "target", p->releases[i].target);
        hal9_json_add_u64(one, "dev", p->releases[i].dev);
        hal9_json_add_u64(one, "ino", p->releases[i].ino);
        hal9_json_add_str(one, "time", text_time(p->releases[i].time_ms, time));
        cJSON_AddItemToArray(list, one);
    }
    return j;
}

hal9_status hal9_proofs_add(struct hal9_state *s, const char *service, const char *link,
                            const char *target, struct hal9_error *err) {
    struct hal9_proofs p = {0};
    struct stat st;
    char now[PATH_MAX];
    /* A damaged one is written anew: what it said can't be had any more. */
    if (hal9_proofs_load(s, service, &p, NULL) != HAL9_OK)
        hal9_proofs_clear(&p);
    p.time_ms = hal9_now_ms();
    if (link && target) {
        const ssize_t n = readlink(link, now, sizeof(now) - 1);
        now[n > 0 ? n : 0] = '\0';
        if (strcmp(now, target) == 0 && stat(link, &st) == 0)
            add_release(&p, target, &st, p.time_ms);
    }
    _cleanup_json_ cJSON *j = proofs_json(&p);
    hal9_proofs_clear(&p);
    return hal9_service_file_write(s, service, PROVEN, j, err);
}

/* ---- restarts */

void hal9_restarts_clear(struct hal9_restarts *r) {
    free(r->times_ms);
    *r = (struct hal9_restarts){0};
}

void hal9_restarts_load(struct hal9_state *s, const char *service, struct hal9_restarts *ret) {
    _cleanup_json_ cJSON *j = NULL;
    _cleanup_error_ struct hal9_error e = {0};
    const cJSON *one;
    if (s && hal9_service_file_read(s, service, RESTARTS, &j, &e) != HAL9_OK)
        hal9_log(0, "how often %s was restarted is not known: %s", service, e.message);
    ret->streak = hal9_json_int(j, "streak", 0);
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(j, "times")) {
        int64_t ms;
        if (cJSON_IsString(one) && hal9_time_parse(one->valuestring, &ms, NULL) == HAL9_OK)
            *HAL9_APPEND(ret->times_ms, ret->n, ret->cap) = ms;
    }
}

hal9_status hal9_restarts_add(struct hal9_state *s, const char *service, int64_t keep_ms,
                              size_t keep, int64_t streak, struct hal9_error *err) {
    struct hal9_restarts r = {0};
    const int64_t now = hal9_now_ms();
    char time[32];
    hal9_restarts_load(s, service, &r);
    *HAL9_APPEND(r.times_ms, r.n, r.cap) = now;
    _cleanup_json_ cJSON *j = cJSON_CreateObject();
    hal9_json_add_int(j, "streak", streak);
    cJSON *times = cJSON_AddArrayToObject(j, "times");
    for (size_t i = r.n > keep ? r.n - keep : 0; i < r.n; i++)
        if (r.times_ms[i] > now - keep_ms || i + 1 == r.n)
            cJSON_AddItemToArray(times, cJSON_CreateString(text_time(r.times_ms[i], time)));
    hal9_restarts_clear(&r);
    return hal9_service_file_write(s, service, RESTARTS, j, err);
}
