/* The step kind logs.bundle: what tells why a service is ill, saved before a restart takes it away. It changes nothing but the state directory. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "sys/archive.h"
#include "sys/fault.h"
#include "workload/bundle.h"

enum { KEPT = 10 };
#define SUFFIX ".tar.gz"

struct wl_entry *wl_bundle_add(struct wl_bundle *b, const char *path, const char *from) {
    struct wl_entry *e = HAL9_APPEND(b->v, b->n, b->cap);

    *e = (struct wl_entry){.path = hal9_strdup(path), .from = hal9_strdup(from)};
    return e;
}

void wl_bundle_leave_out(struct wl_bundle *b, const char *what, const char *why) {
    cJSON *j = cJSON_CreateObject();

    hal9_json_add_str(j, "what", what);
    hal9_json_add_str(j, "why", why);
    cJSON_AddItemToArray(b->left_out, j);
}

int64_t wl_bundle_left_ms(const struct wl_bundle *b) {
    int64_t left = b->deadline_ms - hal9_mono_ms();

    return left > 0 ? left : 0;
}

static void entry_clear(struct wl_entry *e) {
    free(e->path);
    free(e->from);
    hal9_buf_free(&e->data);
}

static void bundle_clear(struct wl_bundle *b) {
    for (size_t i = 0; i < b->n; i++)
        entry_clear(&b->v[i]);
    free(b->v);
    hal9_service_ref_clear(&b->ref);
    hal9_redactor_free(b->redactor);
    cJSON_Delete(b->left_out);
}

/* ---- putting it together ---- */

/* Takes the secrets out of each entry; what comes after its time is left out, never told as it is. */
static void redact(struct wl_bundle *b) {
    size_t kept = 0;

    for (size_t i = 0; i < b->n; i++) {
        struct wl_entry *e = &b->v[i];
        struct hal9_buf clean = {0};

        if (e->log && wl_bundle_left_ms(b) == 0) {
            wl_bundle_leave_out(b, e->from, "no time was left to take the secrets out of it");
            entry_clear(e);
            continue;
        }
        e->redacted = hal9_redact_text(b->redactor, e->data.data, e->data.len, &clean);
        hal9_buf_free(&e->data);
        e->data = clean;
        b->redacted += e->redacted;
        b->v[kept++] = *e;
    }
    b->n = kept;
}

static cJSON *entry_json(const struct wl_entry *e) {
    cJSON *j = cJSON_CreateObject();

    hal9_json_add_str(j, "path", e->path);
    hal9_json_add_str(j, "from", e->from);
    hal9_json_add_int(j, "bytes", (int64_t)e->data.len);
    if (e->log) {
        hal9_json_add_int(j, "of", (int64_t)e->size);
        cJSON_AddBoolToObject(j, "cut", e->cut);
        hal9_json_add_int(j, "suspicious", (int64_t)e->suspicious);
    }
    hal9_json_add_int(j, "redactions", (int64_t)e->redacted);
    return j;
}

static void add_manifest(struct wl_bundle *b) {
    _cleanup_json_ cJSON *j = cJSON_CreateObject();
    char now[32];

    hal9_time_format(hal9_now_ms(), now);
    hal9_json_add_int(j, "bundle", 1);
    hal9_json_add_str(j, "service", b->ref.name);
    hal9_json_add_str(j, "time", now);
    hal9_json_add_str(j, "host", hal9_host_name());
    hal9_json_add_str(j, "machine", hal9_host_machine_id());
    hal9_json_add_str(j, "version", hal9_version());
    hal9_json_add_int(j, "max", (int64_t)b->max);
    hal9_json_add_int(j, "suspicious", (int64_t)b->suspicious);
    hal9_json_add_int(j, "redactions", (int64_t)b->redacted);
    cJSON *entries = cJSON_AddArrayToObject(j, "entries");

    for (size_t i = 0; i < b->n; i++)
        cJSON_AddItemToArray(entries, entry_json(&b->v[i]));
    cJSON_AddItemToObject(j, "left_out", cJSON_Duplicate(b->left_out, true));
    char *text = cJSON_Print(j);
    struct wl_entry *e = wl_bundle_add(b, "manifest.json", "what is here");

    hal9_buf_puts(&e->data, text ? text : "{}");
    hal9_buf_putc(&e->data, '\n');
    cJSON_free(text);
}

static hal9_status gather(struct wl_bundle *b, struct hal9_error *err) {
    hal9_status st;

    wl_bundle_facts(b);
    st = wl_bundle_files(b, err);
    if (st == HAL9_OK)
        st = wl_bundle_journal(b, err);
    if (st != HAL9_OK)
        return st;
    redact(b);
    wl_bundle_index(b);
    add_manifest(b);
    return HAL9_OK;
}

/* ---- keeping it ---- */

static hal9_status put_entry(struct hal9_archive_writer *w, const char *folder,
                             const struct wl_entry *e, struct hal9_error *err) {
    _cleanup_free_ char *path = hal9_strf("%s/%s", folder, e->path);
    int64_t ms = e->mtime_ms ? e->mtime_ms : hal9_now_ms();
    const struct hal9_archive_entry entry = {
        .path = path, .mode = S_IFREG | 0600, .mtime = {.tv_sec = (time_t)(ms / 1000)}};

    return hal9_archive_add(w, &entry, e->data.data, e->data.len, err);
}

/* The manifest and the index come first: they were made last. */
static hal9_status put_all(const struct wl_bundle *b, const char *path, const char *folder,
                           struct hal9_error *err) {
    _cleanup_archive_writer_ struct hal9_archive_writer *w = NULL;
    const struct hal9_archive_opts opts = {.gzip = true};
    hal9_status st = hal9_archive_create(path, 0600, &opts, &w, err);

    for (size_t i = 0; st == HAL9_OK && i < b->n; i++)
        st = put_entry(w, folder, &b->v[(i + b->n - 3) % b->n], err);
    return st == HAL9_OK ? hal9_archive_finish(&w, err) : st;
}

/* Only the newest stay: their names begin with the time. */
static void prune(const char *dir) {
    _cleanup_strv_ struct hal9_strv names = {0};
    DIR *d = opendir(dir);
    const struct dirent *entry;

    if (!d)
        return;
    while ((entry = readdir(d)))
        if (entry->d_name[0] != '.' && hal9_endswith(entry->d_name, SUFFIX))
            hal9_strv_add(&names, entry->d_name);
    hal9_strv_sort_unique(&names);
    for (size_t i = 0; i + KEPT < names.n; i++)
        hal9_sys_unlinkat(dirfd(d), names.v[i], 0);
    closedir(d);
}

/* services/NAME/bundles, made. Fresh. */
static hal9_status folder_of(struct hal9_state *state, const char *service, char **ret,
                             struct hal9_error *err) {
    _cleanup_free_ char *parent = NULL;
    struct stat st;
    hal9_status status = hal9_state_service_dir(state, service, &parent, err);

    if (status != HAL9_OK)
        return status;
    _cleanup_free_ char *dir = hal9_path_join(parent, "bundles");
    mode_t mode = stat(parent, &st) == 0 ? st.st_mode & 07777 : 0700;

    status = hal9_dir_make(dir, mode, err);
    if (status == HAL9_OK)
        *ret = HAL9_TAKE_PTR(dir);
    return status;
}

static size_t logs_in(const struct wl_bundle *b) {
    size_t n = 0;

    for (size_t i = 0; i < b->n; i++)
        n += b->v[i].log;
    return n;
}

/* What records and words tell of it. */
static cJSON *told(const struct wl_bundle *b, const char *path) {
    cJSON *j = cJSON_CreateObject();
    struct stat st;

    hal9_json_add_str(j, "path", path);
    if (stat(path, &st) == 0)
        hal9_json_add_int(j, "bytes", (int64_t)st.st_size);
    hal9_json_add_int(j, "logs", (int64_t)logs_in(b));
    hal9_json_add_int(j, "suspicious", (int64_t)b->suspicious);
    hal9_json_add_int(j, "redactions", (int64_t)b->redacted);
    if (cJSON_GetArraySize(b->left_out) > 0)
        cJSON_AddItemToObject(j, "left_out", cJSON_Duplicate(b->left_out, true));
    return j;
}

static hal9_status keep(const struct wl_bundle *b, struct hal9_error *err) {
    char id[HAL9_ID_LEN + 1];
    _cleanup_free_ char *dir = NULL;
    hal9_status st = folder_of(hal9_step_state(b->c), b->ref.name, &dir, err);

    if (st != HAL9_OK)
        return st;
    hal9_id_new(id);
    hal9_archive_sweep(dir);
    _cleanup_free_ char *folder = hal9_strf("%s-%s", b->ref.name, id);
    _cleanup_free_ char *path = hal9_strf("%s/%s" SUFFIX, dir, id);

    hal9_step_progress(b->c, "writing %s", path);
    st = put_all(b, path, folder, err);
    if (st != HAL9_OK)
        return st;
    prune(dir);
    cJSON *detail = cJSON_CreateObject();

    cJSON_AddItemToObject(detail, "bundle", told(b, path));
    hal9_step_detail(b->c, detail);
    return HAL9_OK;
}

static hal9_status apply(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                         struct hal9_error *err) {
    (void)before, (void)intent;
    const cJSON *args = hal9_step_args(c);
    const uint64_t max = hal9_json_u64(args, "max");
    _cleanup_(bundle_clear) struct wl_bundle b = {
        .c = c,
        .args = args,
        .max = max > 0 ? max : HAL9_BUNDLE_MAX,
        .deadline_ms = hal9_mono_ms() + hal9_json_int(args, "within_ms", HAL9_BUNDLE_WITHIN_MS),
        .redactor = hal9_redactor_new(),
        .left_out = cJSON_CreateArray()};
    hal9_status st =
        hal9_service_ref_parse(cJSON_GetObjectItemCaseSensitive(args, "service"), &b.ref, err);

    if (st == HAL9_OK)
        st = gather(&b, err);
    if (st == HAL9_OK)
        st = keep(&b, err);
    if (st != HAL9_OK && err && (err->errnum == ENOSPC || err->errnum == EDQUOT))
        hal9_error_hint(err, "make room; to go on without a bundle: --no-bundle");
    return st;
}

const struct hal9_step_kind hal9_kind_logs_bundle = {
    .name = "logs.bundle",
    .version = 1,
    .flags = HAL9_KIND_PASSIVE,
    .apply = apply,
};
