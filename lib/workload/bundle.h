/* A log bundle while it is put together: what the parts of logs.bundle share. */
#ifndef HAL9_WORKLOAD_BUNDLE_H
#define HAL9_WORKLOAD_BUNDLE_H

#include "workload/workload-internal.h"

/* One file of the bundle. */
struct wl_entry {
    char *path; /* in the archive */
    char *from; /* where it comes from, as people know it */
    struct hal9_buf data;
    int64_t mtime_ms; /* 0: now */
    uint64_t size;    /* of the whole that this is the end of */
    bool cut;         /* only the newest part is here */
    bool log;         /* looked through for suspicious lines */
    size_t redacted, suspicious;
};
struct wl_bundle {
    struct hal9_step_ctx *c;
    const cJSON *args;
    struct hal9_service_ref ref;
    int64_t deadline_ms; /* monotonic */
    uint64_t max, used;  /* bytes of logs */
    struct hal9_redactor *redactor;
    struct wl_entry *v;
    size_t n, cap;
    cJSON *left_out; /* [{what, why}] */
    size_t redacted, suspicious;
};

/* Valid until the next one is added; path and from are copied. */
struct wl_entry *wl_bundle_add(struct wl_bundle *b, const char *path, const char *from);
void wl_bundle_leave_out(struct wl_bundle *b, const char *what, const char *why);
/* What is left of its time, 0 at least. */
int64_t wl_bundle_left_ms(const struct wl_bundle *b);

/* Each adds what it can have, and tells what it can't. Only an interruption is an error. */
/* bundle-facts.c: processes, ports, host, configuration, verdict; learns the secrets that they show. */
void wl_bundle_facts(struct wl_bundle *b);
/* bundle-files.c: the newest part of each log file. */
hal9_status wl_bundle_files(struct wl_bundle *b, struct hal9_error *err);
/* bundle-find.c, in a child: finds the files, and writes them to fd as wl_bundle_files() reads them. */
void wl_bundle_find(const void *job, int fd);
struct wl_find {
    const cJSON *globs, *paths;
    uint64_t max;
    int64_t last_ms;
};
/* bundle-journal.c: the unit's journal. */
hal9_status wl_bundle_journal(struct wl_bundle *b, struct hal9_error *err);
/* bundle-index.c: index.txt and index.json: the first suspicious lines of each log. */
void wl_bundle_index(struct wl_bundle *b);

#endif
