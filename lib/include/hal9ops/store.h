/*
 * hal9ops/store.h - what lasts: the state directory, journals, blobs, locks.
 *
 * Floor 2.
 *
 *     struct hal9_state *st;
 *     hal9_state_open(dir, HAL9_STATE_WRITE, &st, &err);
 *     struct hal9_journal *j;
 *     hal9_journal_create(st, id, 64 * 1024, &j, &err);
 *     hal9_journal_append(j, line, true, &err);          // durable when it returns
 *
 * Layout of the state directory: journal/ID.ndjson, open/ID (one empty file for each operation without an end), blobs/ab/SHA256,
 * snapshots/ID.json, packs/ (contents of captured trees, many in a file), treecache/ (what was read of which file),
 * services/NAME/ (process record, logs, restarts, proofs of health), holds/NAME.json, watches/PLAN.json, index (what the journals' first lines
 * tell: a cache), reserve/ (space kept ahead for a full disk), format (the layout's version); incidents/
 * and spool/ are of notify.h.
 */
#ifndef HAL9OPS_STORE_H
#define HAL9OPS_STORE_H

#include <cjson/cJSON.h>
#include <hal9ops/base.h>
#include <hal9ops/sys.h>
#include <sys/uio.h>

/* ---- state directory -------------------------------------------------------------------------- */

enum hal9_state_mode { HAL9_STATE_READ, HAL9_STATE_WRITE };
struct hal9_state;

/* Which one: option (--state-dir), HAL9OPS_STATE_DIR, config (state:), $XDG_STATE_HOME/hal9ops or ~/.local/state/hal9ops, as root
 * /var/lib/hal9ops (whatever XDG_STATE_HOME says there: sudo may have left a user's). Absolute, fresh. Without HOME the user's entry tells the home. HAL9_E_USAGE when nothing tells. */
HAL9_API hal9_status hal9_state_find(const char *option, const char *config, char **ret_path,
                                     struct hal9_error *err);
/* READ: a directory that isn't there is an empty one. WRITE: made with 0700 (or 2770 when shared) and its fresh parts fsynced. A format newer than
 * this build's is HAL9_E_USAGE, one that anybody may write HAL9_E_REFUSED: resume would carry out what stands there. An existing one of mode
 * 2770 is shared, told or not. */
HAL9_API hal9_status hal9_state_open(const char *path, enum hal9_state_mode mode, bool shared,
                                     struct hal9_state **ret, struct hal9_error *err);
/* One that somebody else has named (a lock's note): for writing to journals that are there, nothing is made. No link is followed to it or in it, and
 * what is put in its place later is not met. HAL9_E_REFUSED: not a plain directory of one owner. Errors of calls with it name descriptors;
 * hal9_state_say() puts the names of files there. */
HAL9_API hal9_status hal9_state_open_foreign(const char *path, struct hal9_state **ret,
                                             struct hal9_error *err);
HAL9_API void hal9_state_say(const struct hal9_state *s, struct hal9_error *err);
HAL9_API void hal9_state_close(struct hal9_state *s);
HAL9_API const char *hal9_state_path(const struct hal9_state *s);
/* Whether it was opened for WRITE. */
HAL9_API bool hal9_state_is_writable(const struct hal9_state *s);
/* services/NAME (escaped where it must be), made when mode is WRITE. Fresh. */
HAL9_API hal9_status hal9_state_service_dir(struct hal9_state *s, const char *service, char **ret,
                                            struct hal9_error *err);

/* Keeps 1 MiB ahead for this user in reserve/: files that have their blocks, and empty folders. On a full file system (ENOSPC, EDQUOT) a
 * journal, a blob, a record takes the place of one of them, so that a rescue goes on. What is missing is made again by a later call;
 * that it can't be had is no error. */
HAL9_API void hal9_state_reserve(struct hal9_state *s);
/* An empty file at path out of that reserve, open for reading and writing, for what else must be written on a full disk.
 * The caller closes *ret_fd. HAL9_E_IO when none is left. */
HAL9_API hal9_status hal9_state_spare_file(struct hal9_state *s, const char *path, mode_t mode,
                                           int *ret_fd, struct hal9_error *err);

/* The old content or the new, but not durable: for what can be found out again. Mode 0600. */
HAL9_API hal9_status hal9_cache_write(const char *path, const struct iovec *pieces, size_t n,
                                      struct hal9_error *err);

/* ---- which processes are a service's ---------------------------------------------------------------- */

/* By its place (scope or cgroup made by hal9ops, or its unit), then by the process that was recorded at its start and its descendants, then by identity. */
struct hal9_service_ref {
    char *name;
    struct hal9_identity identity;
    char *unit;                   /* systemd workload, or NULL */
    char *place;                  /* name given to hal9_detach_move(), or NULL */
    struct hal9_proc_id recorded; /* pid 0: none */
    char *log_path;               /* its output since the last start, or NULL */
    uint64_t log_offset;
};
enum hal9_service_match {
    HAL9_NOT_SERVICE,
    HAL9_SERVICE_CANT_TELL,   /* what it takes is hidden from this user */
    HAL9_SERVICE_BY_IDENTITY, /* our program */
    HAL9_SERVICE_BY_RECORD,   /* the one that was started, or a descendant */
    HAL9_SERVICE_BY_PLACE,
};
/* Reads services/NAME/process.json; s NULL or no record: identity and unit alone. */
HAL9_API hal9_status hal9_service_ref_load(struct hal9_state *s, const char *name,
                                           const struct hal9_identity *identity, const char *unit,
                                           struct hal9_service_ref *ret, struct hal9_error *err);
HAL9_API void hal9_service_ref_clear(struct hal9_service_ref *r);
HAL9_API cJSON *hal9_service_ref_json(const struct hal9_service_ref *r);
HAL9_API hal9_status hal9_service_ref_parse(const cJSON *j, struct hal9_service_ref *ret,
                                            struct hal9_error *err);
HAL9_API enum hal9_service_match hal9_service_is(const struct hal9_service_ref *r,
                                                 const struct hal9_proc *p);
/* Its processes now, parents first; free each with hal9_proc_clear(), then the array. *ret_hidden: some could not be looked at. */
HAL9_API hal9_status hal9_service_procs(const struct hal9_service_ref *r, struct hal9_proc **ret,
                                        size_t *ret_n, bool *ret_hidden, struct hal9_error *err);
/* Writes services/NAME/process.json from r (recorded, place, log). Durable. */
HAL9_API hal9_status hal9_service_record(struct hal9_state *s, const struct hal9_service_ref *r,
                                         struct hal9_error *err);

/* ---- what a service has been through ------------------------------------------------------------------ */

/* When it was last proven healthy by a gate, and which releases were, oldest first. */
struct hal9_release_proof {
    char *target;      /* what the link said: "releases/42" */
    uint64_t dev, ino; /* of what it led to: another one of that name is another release */
    int64_t time_ms;
};
struct hal9_proofs {
    int64_t time_ms; /* 0: never */
    struct hal9_release_proof *releases;
    size_t n, cap;
};
/* Frees and zeroes. */
HAL9_API void hal9_proofs_clear(struct hal9_proofs *p);
/* Reads services/NAME/proven.json; s NULL, or none: empty. HAL9_E_CORRUPT when it is damaged. */
HAL9_API hal9_status hal9_proofs_load(struct hal9_state *s, const char *service,
                                      struct hal9_proofs *ret, struct hal9_error *err);
/* It is healthy now, with the release that link leads to (NULL: it has none). target: what the link said when it was started; says it something else
 * by now, nobody knows which of the two was proven, and neither is. Durable. */
HAL9_API hal9_status hal9_proofs_add(struct hal9_state *s, const char *service, const char *link,
                                     const char *target, struct hal9_error *err);

/* Its restarts, oldest first, as far as a limit may ask for them. */
struct hal9_restarts {
    int64_t *times_ms;
    size_t n, cap;
    int64_t streak; /* automatic ones in a row since it was last healthy for a while */
};
/* Frees and zeroes. */
HAL9_API void hal9_restarts_clear(struct hal9_restarts *r);
/* Reads services/NAME/restarts.json; s NULL, or none: empty. One that is damaged is told and counts as empty: a rescue goes on. */
HAL9_API void hal9_restarts_load(struct hal9_state *s, const char *service,
                                 struct hal9_restarts *ret);
/* Adds one of now. keep_ms, keep: how long and how many must be remembered. streak: its new value. Durable. */
HAL9_API hal9_status hal9_restarts_add(struct hal9_state *s, const char *service, int64_t keep_ms,
                                       size_t keep, int64_t streak, struct hal9_error *err);

/* ---- what a watch has tried --------------------------------------------------------------------------- */

/* A rollback that came by itself. */
struct hal9_attempt {
    int64_t begun_ms, ended_ms; /* ended 0: it was killed, or is under way */
    char *trigger;              /* "error_rate" */
    char *operation;            /* id; NULL: it did not get so far, or nothing was to do */
    char *outcome;              /* done, nothing, failed, open; NULL while it lasts */
};
struct hal9_attempts {
    struct hal9_attempt *v; /* oldest first */
    size_t n, cap;
    int64_t stopped_ms; /* since when nothing more is tried; 0: it is */
};
/* Frees and zeroes, each. */
HAL9_API void hal9_attempt_clear(struct hal9_attempt *a);
HAL9_API void hal9_attempts_clear(struct hal9_attempts *a);
/* Reads watches/PLAN.json; s NULL, or none: empty. HAL9_E_CORRUPT when it is damaged: nobody knows then how often it was tried. */
HAL9_API hal9_status hal9_attempts_load(struct hal9_state *s, const char *plan,
                                        struct hal9_attempts *ret, struct hal9_error *err);
/* Writes it, whole or not at all. Durable. */
HAL9_API hal9_status hal9_attempts_save(struct hal9_state *s, const char *plan,
                                        const struct hal9_attempts *a, struct hal9_error *err);
/* Forgets them, whatever the file said; *ret_there: there was one. Durable. */
HAL9_API hal9_status hal9_attempts_reset(struct hal9_state *s, const char *plan, bool *ret_there,
                                         struct hal9_error *err);

/* ---- holds -------------------------------------------------------------------------------------------- */

/* Keeps every tool's hands off a service until it expires or is lifted. */
struct hal9_hold {
    char *service;
    char *reason; /* or NULL */
    char *user;   /* who put it */
    int64_t since_ms, until_ms;
};
/* Frees and zeroes. */
HAL9_API void hal9_hold_clear(struct hal9_hold *h);
/* Writes holds/SERVICE.json, in place of an earlier one. user and since_ms are set here. Durable. */
HAL9_API hal9_status hal9_hold_put(struct hal9_state *s, const char *service, int64_t until_ms,
                                   const char *reason, struct hal9_error *err);
/* *ret_held false: there is none, or it has expired; s may be NULL. HAL9_E_CORRUPT when it is damaged: then nobody knows. */
HAL9_API hal9_status hal9_hold_get(struct hal9_state *s, const char *service, struct hal9_hold *ret,
                                   bool *ret_held, struct hal9_error *err);
/* Lifts it; *ret_held: there was one that had not expired. Durable. */
HAL9_API hal9_status hal9_hold_drop(struct hal9_state *s, const char *service, bool *ret_held,
                                    struct hal9_error *err);
/* Those that have not expired, by name; clear each and free the array. */
HAL9_API hal9_status hal9_hold_list(struct hal9_state *s, struct hal9_hold **ret, size_t *ret_n,
                                    struct hal9_error *err);
/* Removes the files of those that have expired (dry: only tells), and hands them over as hal9_hold_list() does. Damaged ones stay. */
HAL9_API hal9_status hal9_hold_sweep(struct hal9_state *s, bool dry, struct hal9_hold **ret,
                                     size_t *ret_n, struct hal9_error *err);
/* "held by alice until 03:04 (57 min): the database is being moved". Fresh. */
HAL9_API char *hal9_hold_words(const struct hal9_hold *h);
/* HAL9_E_REFUSED in words when the service is held; HAL9_OK when it isn't. s may be NULL. */
HAL9_API hal9_status hal9_hold_check(struct hal9_state *s, const char *service,
                                     struct hal9_error *err);

/* ---- journal ---------------------------------------------------------------------------------- */

/* An append-only NDJSON file; each line ends with crc: CRC-32C of this line up to that member, seeded with the previous line's. */
struct hal9_journal;

/* O_EXCL; marks the operation open, reserves `reserve` bytes (kept ahead of the end as lines come), fsyncs file and directory with the first append. */
HAL9_API hal9_status hal9_journal_create(struct hal9_state *s, const char *id, size_t reserve,
                                         struct hal9_journal **ret, struct hal9_error *err);
/* Opens an operation without an end to go on with: cuts a torn tail, reserves again. HAL9_E_BUSY when another process has it open for writing
 * (an flock on the journal itself); HAL9_E_CORRUPT with the line's number; HAL9_E_REFUSED when its last line is an end. */
HAL9_API hal9_status hal9_journal_reopen(struct hal9_state *s, const char *id,
                                         struct hal9_journal **ret, struct hal9_error *err);
/* Adds crc and newline, one write; durable: fdatasync before it returns. The object (not empty, without a "crc") stays the caller's. Thread-safe.
 * A line that can't be written is cut off again; after a failed sync all further lines are HAL9_E_IO until it is reopened. */
HAL9_API hal9_status hal9_journal_append(struct hal9_journal *j, const cJSON *line, bool durable,
                                         struct hal9_error *err);
/* Drops the open mark (after the end line), gives back the space that was kept ahead, and closes. */
HAL9_API void hal9_journal_finish(struct hal9_journal *j);
HAL9_API void hal9_journal_close(struct hal9_journal *j);
/* All lines, checked: a JSON array. *ret_torn tells that a torn tail was left out. HAL9_E_CORRUPT: message has the line. Reads without lock. */
HAL9_API hal9_status hal9_journal_read(struct hal9_state *s, const char *id, cJSON **ret_lines,
                                       bool *ret_torn, struct hal9_error *err);
/* The first line alone (the plan), checked. HAL9_E_NOT_FOUND also for a journal without any whole line: its operation never began. */
HAL9_API hal9_status hal9_journal_first(struct hal9_state *s, const char *id, cJSON **ret_line,
                                        struct hal9_error *err);
/* Whether some process has it open for writing now. Changes nothing, and keeps no writer out. */
HAL9_API bool hal9_journal_running(struct hal9_state *s, const char *id);
/* Ids in order, oldest first. */
HAL9_API hal9_status hal9_journal_list(struct hal9_state *s, struct hal9_strv *ret_ids,
                                       struct hal9_error *err);
/* The newest n of them (0: all), oldest of these first; how many there are. By the names of the files alone. */
HAL9_API hal9_status hal9_journal_last(struct hal9_state *s, size_t n, struct hal9_strv *ret_ids,
                                       struct hal9_error *err);
HAL9_API hal9_status hal9_journal_count(struct hal9_state *s, size_t *ret, struct hal9_error *err);
/* The newest id; false when there is none. Ids of new operations must follow it, whatever the clock says. */
HAL9_API bool hal9_journal_newest(struct hal9_state *s, char ret[HAL9_ID_LEN + 1]);
/* How many of their last characters people must type, so that each of these ids means one operation: 4 at least. */
HAL9_API size_t hal9_journal_short(struct hal9_state *s, const struct hal9_strv *ids);

/* What the first line of a journal tells, whose members are "run", "undoes" and "resources". All borrowed. */
#define HAL9_TOUCH_KEY 16
struct hal9_journal_head {
    const char *id;
    const char *run;     /* or NULL */
    const char *undoes;  /* ids with commas between, "" none */
    const char *touches; /* keys of its resources, with commas between */
};
/* Calls fn for each operation after that id (NULL: all), in order, until it returns non-zero. Journals that never began or whose first line is
 * damaged are left out. Out of the file index, where it has them: it is only a cache, made whole again when the state is open for writing. */
HAL9_API hal9_status hal9_journal_heads(struct hal9_state *s, const char *after,
                                        int (*fn)(void *data, const struct hal9_journal_head *h),
                                        void *data, struct hal9_error *err);
/* The key of a resource; whether an operation touches one of these. Keys may meet by chance: the journal has the resources themselves. */
HAL9_API void hal9_touch_key(const char *resource, char ret[HAL9_TOUCH_KEY + 1]);
HAL9_API bool hal9_head_touches(const struct hal9_journal_head *h,
                                const struct hal9_strv *resources);
/* Those that have begun and have no end, by their marks in open/. Opened for WRITE, marks that kills have left behind are dropped. */
HAL9_API hal9_status hal9_journal_list_open(struct hal9_state *s, struct hal9_strv *ret_ids,
                                            struct hal9_error *err);
/* The id that a person's prefix or suffix names (two characters at least; case, i and l for 1, o for 0 don't matter). HAL9_E_NOT_FOUND (hint: the nearest), HAL9_E_USAGE when several fit (they are named). */
HAL9_API hal9_status hal9_journal_find(struct hal9_state *s, const char *word, char **ret_id,
                                       struct hal9_error *err);

struct hal9_prune_opts {
    bool keep_told;
    size_t keep;       /* the newest so many stay */
    int64_t before_ms; /* only what began before; < 0: whenever */
    bool dry_run;      /* only count; the state may be open for reading */
};
enum { HAL9_PRUNED_IDS = 1000 };
struct hal9_pruned {
    size_t removed, kept; /* operations */
    size_t open;          /* of those kept: without an end */
    size_t needed;        /* of those kept: old enough, but an undo of another one needs them */
    size_t blobs;         /* large states that were removed */
    uint64_t bytes;       /* of the disk that are free again */
    struct hal9_strv ids; /* of those removed: the oldest HAL9_PRUNED_IDS */
    struct hal9_strv damaged;
};
/* Frees and zeroes. */
HAL9_API void hal9_pruned_clear(struct hal9_pruned *p);
/* Removes journals of ended operations that are old enough (both conditions, where both are told) and the blobs that nothing names any more, those
 * younger than a day later. What stays although it is old: operations without an end, damaged ones, the rest of a run of which one stays, and
 * operations that touched what an older one that stays had touched. HAL9_E_BUSY: another prune is at work. On failure *ret tells what was done. */
HAL9_API hal9_status hal9_journal_prune(struct hal9_state *s, const struct hal9_prune_opts *opts,
                                        struct hal9_pruned *ret, struct hal9_error *err);

/* ---- blobs ------------------------------------------------------------------------------------ */

/* Content by its SHA-256 (not into a foreign state: HAL9_E_UNSUPPORTED), mode 0600 also where the directory is shared, fsynced; the same content twice is one file, for each user. 1 GiB at most. */
HAL9_API hal9_status hal9_blob_put(struct hal9_state *s, const void *data, size_t len,
                                   char ret_sha[65], struct hal9_error *err);
/* Appends to *ret. HAL9_E_CORRUPT when the content doesn't match its name; HAL9_E_PERM when another user has put it. */
HAL9_API hal9_status hal9_blob_get(struct hal9_state *s, const char *sha, struct hal9_buf *ret,
                                   struct hal9_error *err);

/* ---- contents of trees ------------------------------------------------------------------------ */

/* Many small contents by their SHA-256, in pack files: one file and one fsync for all that a capture finds new; what is there already is not written again.
 * Mode 0600, also where the directory is shared: another user's are passed over. */
struct hal9_sha {
    uint8_t b[32];
};
struct hal9_packs; /* those that are there, for reading */
/* A directory without any is an empty set. Damaged packs give what is whole in them. */
HAL9_API hal9_status hal9_packs_open(struct hal9_state *s, struct hal9_packs **ret,
                                     struct hal9_error *err);
HAL9_API void hal9_packs_close(struct hal9_packs *p);
HAL9_API bool hal9_packs_has(const struct hal9_packs *p, const struct hal9_sha *sha);
/* *ret points to the content, as long as the packs are open. HAL9_E_NOT_FOUND; HAL9_E_CORRUPT when it isn't what its name says. */
HAL9_API hal9_status hal9_packs_view(const struct hal9_packs *p, const struct hal9_sha *sha,
                                     const void **ret, size_t *ret_len, struct hal9_error *err);
/* Names of the packs that are open, in order. */
HAL9_API void hal9_packs_names(const struct hal9_packs *p, struct hal9_strv *ret);

struct hal9_pack_writer;
/* For one capture; its calls but finish and cancel may come from several threads. From here on until the state is closed no pruning takes contents away. */
HAL9_API hal9_status hal9_pack_begin(struct hal9_state *s, struct hal9_pack_writer **ret,
                                     struct hal9_error *err);
HAL9_API const struct hal9_packs *hal9_pack_known(const struct hal9_pack_writer *w);
HAL9_API hal9_status hal9_pack_put(struct hal9_pack_writer *w, const struct hal9_sha *sha,
                                   const void *data, size_t len, struct hal9_error *err);
/* What can be read from fd up to its end, however large; its name and length. */
HAL9_API hal9_status hal9_pack_put_fd(struct hal9_pack_writer *w, int fd, struct hal9_sha *ret_sha,
                                      uint64_t *ret_len, struct hal9_error *err);
/* Where nothing new was put: the packs that it knew of, the caller's now. NULL: something was. */
HAL9_API struct hal9_packs *hal9_pack_unchanged(struct hal9_pack_writer *w);
/* Makes all of it durable under its name. The writer is gone after either, whatever comes out. */
HAL9_API hal9_status hal9_pack_finish(struct hal9_pack_writer *w, struct hal9_error *err);
HAL9_API void hal9_pack_cancel(struct hal9_pack_writer *w);

struct hal9_prune_result {
    uint64_t bytes_before, bytes_after;
    size_t packs_before, packs_after;
};
/* Which contents are still wanted; anything else goes. HAL9_E_BUSY while a run that takes captures is under way. */
HAL9_API hal9_status hal9_packs_prune(struct hal9_state *s, const struct hal9_sha *wanted, size_t n,
                                      struct hal9_prune_result *ret, struct hal9_error *err);

/* ---- snapshots -------------------------------------------------------------------------------- */

/* One JSON document each, its last member a CRC-32C of what is before it: whole, or not there at all. Its contents lie in packs. */

/* Writes it, durably; the object stays the caller's. Its "id" (hal9_id_new()) names it; a "name" that another snapshot has is HAL9_E_EXISTS. */
HAL9_API hal9_status hal9_snapshot_put(struct hal9_state *s, const cJSON *snapshot,
                                       struct hal9_error *err);
/* By its whole id. HAL9_E_CORRUPT: truncated, changed. Fresh. */
HAL9_API hal9_status hal9_snapshot_get(struct hal9_state *s, const char *id, cJSON **ret,
                                       struct hal9_error *err);
/* Ids in order, oldest first. */
HAL9_API hal9_status hal9_snapshot_list(struct hal9_state *s, struct hal9_strv *ret_ids,
                                        struct hal9_error *err);
/* The id of the snapshot that has this name, or that a prefix or suffix of at least two characters names. HAL9_E_NOT_FOUND (hint: the nearest),
 * HAL9_E_USAGE when several fit. Fresh. */
HAL9_API hal9_status hal9_snapshot_find(struct hal9_state *s, const char *word, char **ret_id,
                                        struct hal9_error *err);
/* What it refers to stays until contents are pruned. */
HAL9_API hal9_status hal9_snapshot_delete(struct hal9_state *s, const char *id,
                                          struct hal9_error *err);

/* ---- locks ------------------------------------------------------------------------------------ */

/* What a lock file says of its last operation: a hint, never trusted. */
struct hal9_lock_note {
    char *operation;
    char *state_dir;
    char *tool;
    char *user;
    pid_t pid;
    bool ended;
    int64_t time_ms;
};
/* "port:4026531840/8080" -> "port 8080", "unit:x.service" -> "unit x.service": a resource as people are told of it. Fresh. */
HAL9_API char *hal9_resource_words(const char *resource);
/* Frees and zeroes. */
HAL9_API void hal9_lock_note_clear(struct hal9_lock_note *n);

struct hal9_lock_opts {
    const char *dir;    /* NULL: HAL9OPS_LOCK_DIR, /run/lock/hal9ops, else a per-user one */
    int64_t timeout_ms; /* 0: don't wait; < 0: for ever */
    int cancel_fd;      /* -1 none */
    /* Told once when it has to wait: for whom. NULL-able. */
    void (*waiting)(void *data, const char *resource, const struct hal9_lock_note *note);
    void *data;
};
struct hal9_locks;
/* Takes all names (sorted inside, so that two takers never deadlock) with flock; on failure none. HAL9_E_BUSY (at once, or when the
 * timeout, which counts for all of them, is over) says for whom; HAL9_E_TIMEOUT never; HAL9_E_INTERRUPTED by cancel_fd. */
HAL9_API hal9_status hal9_locks_take(const struct hal9_strv *names, const struct hal9_lock_opts *o,
                                     struct hal9_locks **ret, struct hal9_error *err);
/* Writes who holds them now into each file. */
HAL9_API hal9_status hal9_locks_note(struct hal9_locks *l, const struct hal9_lock_note *note,
                                     struct hal9_error *err);
/* The notes found when the locks were taken: of operations of earlier runs; n-th as names sorted. NULL when there was none. */
HAL9_API const struct hal9_lock_note *hal9_locks_found(const struct hal9_locks *l, size_t i,
                                                       const char **ret_resource);
HAL9_API size_t hal9_locks_count(const struct hal9_locks *l);
/* Only a per-user lock directory could be had: other users are not excluded. */
HAL9_API bool hal9_locks_private(const struct hal9_locks *l);
HAL9_API void hal9_locks_release(struct hal9_locks *l);

#endif
