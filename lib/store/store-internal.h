/* What the files of store/ share: the state directory, the line format of journals, names of files. */
#ifndef HAL9_STORE_INTERNAL_H
#define HAL9_STORE_INTERNAL_H

#include <errno.h>
#include <sys/types.h>

#include "hal9ops/doc.h"
#include "hal9ops/store.h"

#define HAL9_STATE_FORMAT 1

/* Caps on what is read back, so that a damaged or planted file can't eat the memory. */
#define HAL9_JOURNAL_MAX ((size_t)256 << 20)
#define HAL9_BLOB_MAX ((size_t)1 << 30)
#define HAL9_SNAPSHOT_MAX ((size_t)64 << 20)
#define HAL9_NOTE_MAX ((size_t)4096)
#define HAL9_RESERVE_SIZE ((size_t)64 << 10) /* of a file of the reserve */

struct hal9_names_cache; /* names.c */

#define HAL9_PINS 3

struct hal9_state {
    char *path; /* absolute */
    enum hal9_state_mode mode;
    bool shared; /* asked for, or the directory itself says so: 2770 */
    struct hal9_names_cache *names;
    char *shown; /* what people are told: path, where it is not foreign */
    /* Another's, held by descriptors: foreign.c. */
    bool foreign;
    uid_t owner;
    int pin_top, pins[HAL9_PINS];
    int hold; /* a shared lock on the packs: nothing is pruned while it is held; -1 none */
};

/* "DIR/journal", or of a foreign state its descriptor's place in /proc. Fresh. */
char *hal9_state_part(const struct hal9_state *s, const char *dir);
void hal9_state_unpin(struct hal9_state *s);
/* HAL9_E_USAGE for a format newer than this build's. */
hal9_status hal9_state_format(const struct hal9_state *s, struct hal9_error *err);

/* Repeats a system call that a signal has broken off. */
#define HAL9_AGAIN(call)                        \
    __extension__({                             \
        __typeof__(call) again_;                \
        do                                      \
            again_ = (call);                    \
        while (again_ == -1 && errno == EINTR); \
        again_;                                 \
    })

/* ---- state directory ---- */

char *hal9_state_sub(const struct hal9_state *s, const char *dir, const char *name); /* fresh */
mode_t hal9_state_dir_mode(const struct hal9_state *s);
mode_t hal9_state_file_mode(const struct hal9_state *s);
/* Adds to a failed write where state can go instead, when space, permission or a read-only file
 * system is what is missing. Returns the code. */
hal9_status hal9_state_explain(struct hal9_error *err, hal9_status status);
/* HAL9_E_USAGE unless the state was opened for writing. */
hal9_status hal9_state_writable(const struct hal9_state *s, struct hal9_error *err);

/* ---- the reserve for a full disk: reserve.c ---- */

bool hal9_store_full(int errnum); /* ENOSPC, EDQUOT */
/* A file of the reserve, moved to path (whatever is there is replaced), its space kept: open for reading and writing, flocked. It is
 * empty, or, where space could only be had by writing, HAL9_RESERVE_SIZE zero bytes. -1 and ENOSPC when none is left. */
int hal9_reserve_take(const struct hal9_state *s, const char *path, mode_t mode);
/* hal9_dir_make() and hal9_file_write(), that on a full disk use the reserve. */
hal9_status hal9_store_folder(const struct hal9_state *s, const char *path, struct hal9_error *err);
hal9_status hal9_store_write(const struct hal9_state *s, const char *path, const void *data,
                             size_t len, mode_t mode, struct hal9_error *err);

/* Opens a regular file for reading; anything else is HAL9_E_CORRUPT. */
hal9_status hal9_store_open(const char *path, int *ret_fd, struct hal9_error *err);
/* The whole content, at most max bytes (HAL9_E_LIMIT when larger). *ret is overwritten. */
hal9_status hal9_store_read(const char *path, size_t max, struct hal9_buf *ret,
                            struct hal9_error *err);
hal9_status hal9_store_read_fd(int fd, const char *path, size_t max, struct hal9_buf *ret,
                               struct hal9_error *err);

/* ---- small JSON documents: service-file.c ---- */

/* *ret stays as it is where there is no such file; HAL9_E_CORRUPT when it holds no object. */
hal9_status hal9_store_read_json(const char *path, cJSON **ret, struct hal9_error *err);
/* Whole or not at all, and durable; the object stays the caller's. */
hal9_status hal9_store_write_json(const struct hal9_state *s, const char *path, const cJSON *j,
                                  struct hal9_error *err);
/* The same in services/NAME/, and without the reserve: nothing that a rescue needs. */
hal9_status hal9_service_file_read(const struct hal9_state *s, const char *service,
                                   const char *file, cJSON **ret, struct hal9_error *err);
hal9_status hal9_service_file_write(struct hal9_state *s, const char *service, const char *file,
                                    const cJSON *j, struct hal9_error *err);

/* A file name that reads like the text: [A-Za-z0-9._-] stay, all else is %XX; what is too long
 * ends in its SHA-256. Two texts never give the same name. Fresh. */
char *hal9_store_escape(const char *text);

/* Adds the ids that stand in a directory as ID + suffix, in order; none where there is no such directory. */
hal9_status hal9_store_ids(const char *path, const char *suffix, struct hal9_strv *ret,
                           struct hal9_error *err);
/* A person's word as an id reads: lower case, i and l are 1, o is 0. Fresh. */
char *hal9_store_as_id(const char *word);

/* ---- lines of a journal ---- */

/* The line with its crc and newline, fresh; *crc is the previous line's and becomes this one's.
 * HAL9_E_USAGE when it is no object, an empty one or has a member "crc". */
hal9_status hal9_line_seal(const cJSON *line, uint32_t *crc, struct hal9_buf *ret,
                           struct hal9_error *err);

/* What is wrong with a line (without its newline), or NULL; then *ret is the object without its crc, and *crc, the previous line's,
 * becomes this one's. */
const char *hal9_line_check(const char *line, size_t len, uint32_t *crc, cJSON **ret);

struct hal9_scan {
    size_t whole; /* bytes of whole lines: what is behind is torn */
    size_t lines; /* whole lines */
    uint32_t crc; /* the last line's */
    cJSON *array; /* the lines without their crc; the caller's */
    bool torn;
    bool ended; /* the last line's type is "end" */
};
/* Checks all lines of a journal's content. path and id are for the error alone. */
hal9_status hal9_scan_lines(const char *data, size_t len, const char *path, const char *id,
                            struct hal9_scan *ret, struct hal9_error *err);

/* ---- files of a journal ---- */

char *hal9_journal_path(const struct hal9_state *s, const char *id); /* fresh */
char *hal9_mark_path(const struct hal9_state *s, const char *id);    /* fresh */
hal9_status hal9_journal_id_check(const char *id, struct hal9_error *err);
/* HAL9_E_NOT_FOUND in words for an operation that isn't there. */
hal9_status hal9_journal_missing(const struct hal9_state *s, const char *id,
                                 struct hal9_error *err);
/* Takes the writer's flock without waiting: false when another writer has it. A reader's look,
 * which takes a shared lock for a moment, is not mistaken for a writer. */
bool hal9_journal_flock(int fd);
/* Whether a writer has it. */
bool hal9_journal_flocked(int fd);

/* How far an operation is, by its last whole line. Only a look: what can't be read counts as begun. */
enum hal9_stage { HAL9_STAGE_NO_FILE, HAL9_STAGE_NO_LINE, HAL9_STAGE_BEGUN, HAL9_STAGE_ENDED };
enum hal9_stage hal9_journal_stage(const char *path);

/* ---- names.c: journals by their names */

/* Calls fn for each ID + suffix in a directory, in no order; none that isn't there. */
hal9_status hal9_names_each(const char *dir, const char *suffix,
                            void (*fn)(void *data, const char *id), void *data,
                            struct hal9_error *err);
struct hal9_names_cache *hal9_names_cache_new(void);
void hal9_names_cache_free(struct hal9_names_cache *c);
hal9_status hal9_journal_names_each(const struct hal9_state *s,
                                    void (*fn)(void *data, const char *id), void *data,
                                    struct hal9_error *err);
/* Packed: a million are 15 MB. Zero-initialise. */
struct hal9_names {
    char (*v)[HAL9_ID_LEN + 1];
    size_t n, cap;
};
/* In order; after (NULL-able): only later ones; newest: only so many, 0 all. */
hal9_status hal9_names_read(const struct hal9_state *s, const char *after, size_t newest,
                            struct hal9_names *ret, struct hal9_error *err);
void hal9_names_free(struct hal9_names *n);
int hal9_names_order(const void *a, const void *b);

/* ---- index.c: what the first lines of journals tell, kept in one file */

/* Adds an operation whose first line has just been written; that it can't be done is no error. */
void hal9_index_add(const struct hal9_state *s, const char *id, const cJSON *first);
/* Writes it anew for the journals that are there. */
hal9_status hal9_index_prune(struct hal9_state *s, struct hal9_error *err);

/* Hooks with which tests stop a process at a journal line; nothing without HAL9_TEST_HOOKS. */
#ifdef HAL9_TEST_HOOKS
unsigned hal9_hook_before_line(void); /* the number of the line that is about to be written */
void hal9_hook_after_line(unsigned n);
void hal9_hook_reset(void); /* counts anew */
#else
static inline unsigned hal9_hook_before_line(void) {
    return 0;
}
static inline void hal9_hook_after_line(unsigned n) {
    (void)n;
}
#endif

/* ---- locks ---- */

/* The directory, made when need be. host: NULL for the real one. *ret_private: only a per-user one
 * could be had. Fresh. */
hal9_status hal9_lock_dir(const char *option, const char *host, char **ret, bool *ret_private,
                          struct hal9_error *err);
/* Reads a note; false when there is none or it is garbage. */
bool hal9_note_read(int fd, struct hal9_lock_note *ret);
/* The note of who may hold it now; false when the note is an earlier holder's: its operation has
 * ended or its process is gone, and the present one has not written its own yet. */
bool hal9_note_current(int fd, struct hal9_lock_note *ret);
hal9_status hal9_note_write(int fd, const struct hal9_lock_note *note, const char *path,
                            struct hal9_error *err);
/* "port 8080 is held by operation 01jd… (hal9-restart, user alice, pid 123, since 03:01)"; note
 * NULL: by another process. Fresh. */
char *hal9_note_words(const char *resource, const struct hal9_lock_note *note);

#endif
