/* What the files of flag/ share: drivers, files that are replaced whole, text that is edited by splicing, requests. */
#ifndef HAL9_FLAG_INTERNAL_H
#define HAL9_FLAG_INTERNAL_H

#include <sys/stat.h>

#include "base/cleanup.h"
#include "hal9ops/flag.h"
#include "hal9ops/net.h"

#define FL_FILE_MAX ((size_t)16 << 20)

/* ---- drivers: one file a kind, one line in table.c ------------------------------------------------ */

/* How a store is reached. */
struct fl_call {
    const struct hal9_flag_spec *f;
    struct hal9_state *state; /* where a breaker lasts; NULL: it doesn't */
    int cancel_fd;            /* -1 none */
};
/* What the last look at a store of a server was answered with. */
struct fl_seen {
    char *etag;
    bool same; /* the server says that nothing has changed since: *ret is NULL then */
};
struct fl_driver {
    const char *kind;
    bool shared;
    /* As hal9_flags_read(). seen NULL-able, of servers: asked with its ETag, and filled. */
    hal9_status (*read)(const struct fl_call *c, const struct hal9_strv *names,
                        struct fl_seen *seen, cJSON **ret, struct hal9_error *err);
    /* Makes the flags wanted, {NAME: STATE or null}, which are as `now` has them: HAL9_E_DRIFT when they aren't any more. Durable when it returns. */
    hal9_status (*write)(const struct fl_call *c, const cJSON *now, const cJSON *wanted,
                         struct hal9_error *err);
    char *(*words)(const char *name, const cJSON *state);
    hal9_status (*wanted)(const char *name, const cJSON *now, const char *word, cJSON **ret,
                          struct hal9_error *err);
    /* The state without what the store makes up itself, fresh; NULL: the state as it is. */
    cJSON *(*plain)(const cJSON *state);
    /* Whether a state may be found while one is made into the other, NULL: only these two. All three plain. */
    bool (*between)(const cJSON *before, const cJSON *intent, const cJSON *now);
    /* Where it is: "/etc/hal9/flags.json", a URL. Fresh. */
    char *(*place)(const struct hal9_flag_spec *f);
};
extern const struct fl_driver fl_flagd, fl_unleash, fl_env, fl_http;
/* NULL where no kind is set. */
const struct fl_driver *fl_driver_of(const struct hal9_flag_spec *f);
/* The store's name, or its kind where it has none. Borrowed. */
const char *fl_name(const struct hal9_flag_spec *f);
/* The state without ids; fresh, null for NULL. */
cJSON *fl_plain(const struct fl_driver *d, const cJSON *state);
/* "25%" -> 25; -1: no percentage from 0 to 100. HAL9_E_USAGE when it ends in % and is none. */
hal9_status fl_percent(const char *word, double *ret, struct hal9_error *err);
/* "33.3%", without digits that say nothing. Fresh. */
char *fl_percent_text(double percent);
/* The reason why a word won't do, and the words that would. HAL9_E_USAGE. */
hal9_status fl_bad_word(struct hal9_error *err, const char *name, const char *word,
                        const struct hal9_strv *would_do, const char *why);

/* ---- file.c: a file that is replaced as a whole ----------------------------------------------------- */

struct fl_file {
    char *path; /* as told */
    char *real; /* where symlinks lead */
    struct stat st;
    struct hal9_buf text;
    int fd; /* of the locked file, -1: only read */
};
#define FL_FILE_INIT \
    { .fd = -1 }
/* Whether the text may be a file's whole content: HAL9_OK, or why not. What is half written is looked at again for a moment before that is said. */
typedef hal9_status (*fl_whole_fn)(const char *path, const struct hal9_buf *text,
                                   struct hal9_error *err);
/* Reads it. lock: other hal9ops tools stay out until fl_file_clear() (HAL9_E_BUSY after 5 s). *ret is overwritten. */
hal9_status fl_file_read(const char *path, bool lock, fl_whole_fn whole, int cancel_fd,
                         struct fl_file *ret, struct hal9_error *err);
/* The new content takes the old one's place: temporary file, fsync, rename, fsync of the directory; mode and owner stay. HAL9_E_DRIFT: somebody has
 * changed or replaced it since it was read; nothing was done. */
hal9_status fl_file_replace(const struct fl_file *f, const char *data, size_t len,
                            struct hal9_error *err);
void fl_file_clear(struct fl_file *f);
#define _cleanup_file_ _cleanup_(fl_file_clear)

/* ---- splice.c, splice-json.c, splice-yaml.c: text edited in place ----------------------------------- */

enum fl_node_kind { FL_SCALAR, FL_MAP, FL_LIST, FL_ALIAS };
struct fl_node;
struct fl_member {
    char *key; /* of maps */
    size_t at,
        key_end; /* of maps: the key as written; of lists: where the item begins (its dash) */
    struct fl_node *value;
};
/* A value of the text, with its place. Aliases stand for themselves, merges are not expanded. */
struct fl_node {
    enum fl_node_kind kind;
    bool block;    /* YAML's indented style */
    bool anchored; /* others may refer to it */
    char quote;    /* scalars: '"', '\'', '|' (also for >), or 0: plain */
    size_t at, end;
    struct fl_member *v;
    size_t n, cap;
};
void fl_node_free(struct fl_node *n);
HAL9_DEFINE_CLEANUP(struct fl_node *, fl_node_free);
#define _cleanup_node_ _cleanup_(fl_node_freep)
const struct fl_member *fl_node_member(const struct fl_node *map, const char *key);
struct fl_member *fl_node_add(struct fl_node *to, struct fl_node *value);
/* Both texts were checked before: hal9_json_parse(), hal9_yaml_parse(). */
struct fl_node *fl_json_nodes(const char *text, size_t len);
hal9_status fl_yaml_nodes(const char *path, const char *text, size_t len, struct fl_node **ret,
                          struct hal9_error *err);

struct fl_edit {
    size_t at, end; /* what is replaced; equal: inserted */
    char *text;
};
struct fl_edits {
    const char *text;
    size_t len;
    bool yaml;
    struct fl_edit *v;
    size_t n, cap;
    const char *why; /* it can't be edited so; static words */
    size_t why_at;
};
/* Notes what it takes to make the node, whose value is now, the wanted one. */
void fl_edit_value(struct fl_edits *e, const struct fl_node *n, const cJSON *now,
                   const cJSON *wanted);
void fl_edit_add(struct fl_edits *e, size_t at, size_t end, char *text);
void fl_edits_apply(struct fl_edits *e, struct hal9_buf *ret);
void fl_edits_clear(struct fl_edits *e);
#define _cleanup_edits_ _cleanup_(fl_edits_clear)
/* splice-flow.c: in braces and brackets; splice-block.c: in YAML's indented style. */
void fl_flow_members(struct fl_edits *e, const struct fl_node *n, const cJSON *now,
                     const cJSON *wanted);
void fl_block_members(struct fl_edits *e, const struct fl_node *n, const cJSON *now,
                      const cJSON *wanted);
void fl_list_items(struct fl_edits *e, const struct fl_node *n, const cJSON *now,
                   const cJSON *wanted);
/* Items of a list: those that go (n of them, true: gone), and an array of those that come. */
void fl_flow_items(struct fl_edits *e, const struct fl_node *n, const bool *gone,
                   const cJSON *added);
void fl_block_items(struct fl_edits *e, const struct fl_node *n, const bool *gone,
                    const cJSON *added);
/* Replaces the value of the member (or, key_end 0, the node alone). */
void fl_edit_replace(struct fl_edits *e, const struct fl_node *n, size_t key_end,
                     const cJSON *wanted);
void fl_edit_refuse(struct fl_edits *e, const char *why, size_t at);
/* JSON in lines: gap is the indentation that the text has there, unit one step of it; gap NULL: in one line. */
void fl_pretty(struct hal9_buf *out, const cJSON *j, const char *gap, const char *unit);
/* A scalar as YAML writes it in block style: plain where nobody can take it for something else. plain_words: also on, off, yes, no. */
void fl_yaml_scalar(struct hal9_buf *out, const cJSON *j, bool plain_words);

/* ---- flagd-check.c ------------------------------------------------------------------------------------ */

/* What flagd's schema asks of a flag: HAL9_E_USAGE with what is wrong. */
hal9_status fl_flagd_check(const char *name, const cJSON *flag, struct hal9_error *err);
/* flagd-words.c */
char *fl_flagd_words(const char *name, const cJSON *state);
hal9_status fl_flagd_wanted(const char *name, const cJSON *now, const char *word, cJSON **ret,
                            struct hal9_error *err);

/* ---- ask.c: requests ------------------------------------------------------------------------------------ */

struct fl_ask {
    const struct fl_call *c;
    const char *what;      /* for errors: "Unleash" */
    const char *reference; /* the token's, or NULL */
    const char *scheme;    /* before the token: "Bearer ", "" */
    int64_t deadline_ms;   /* monotonic, of all that is asked with it */
    struct hal9_breaker *breaker;
    char *breaker_path;
};
void fl_ask_open(struct fl_ask *a, const struct fl_call *c, const char *url);
void fl_ask_close(struct fl_ask *a);
#define _cleanup_ask_ _cleanup_(fl_ask_close)
struct fl_answer {
    int status;
    cJSON *body; /* NULL: none, or no JSON */
    char *etag;
    char *said;       /* what it says of an error, without secrets; "" */
    bool later;       /* with an error: it may help to ask again */
    int64_t after_ms; /* and not before; -1: it doesn't say */
};
void fl_answer_clear(struct fl_answer *r);
#define _cleanup_answer_ _cleanup_(fl_answer_clear)
struct fl_request {
    const char *method, *url;
    const cJSON *body;  /* NULL: none */
    const char *header; /* one more, or NULL */
    bool twice;         /* it may arrive twice */
    bool once;          /* the caller looks before it asks again */
    bool missing_ok;    /* 404 is an answer */
};
/* HAL9_OK: 2xx (304, 404, 412 where those are answers). Errors say which URL, what it said and what to do: HAL9_E_PERM, HAL9_E_UNKNOWN (no answer, 5xx, 429), HAL9_E_NOT_FOUND,
 * HAL9_E_REFUSED, HAL9_E_PROTOCOL. ret->later is set with errors, too. */
hal9_status fl_ask(struct fl_ask *a, const struct fl_request *q, struct fl_answer *ret,
                   struct hal9_error *err);
/* A piece of a URL's path, escaped where it must be. Fresh. */
char *fl_url_piece(const char *text);

/* ---- unleash-*.c ------------------------------------------------------------------------------------------- */

char *fl_unleash_words(const char *name, const cJSON *state);
hal9_status fl_unleash_wanted(const char *name, const cJSON *now, const char *word, cJSON **ret,
                              struct hal9_error *err);
cJSON *fl_unleash_plain(const cJSON *state);
bool fl_unleash_between(const cJSON *before, const cJSON *intent, const cJSON *now);
/* A strategy without what the server makes up. Fresh. */
cJSON *fl_unleash_strategy(const cJSON *strategy);
/* One flag of an environment. */
struct fl_unleash {
    struct fl_ask ask;
    const struct hal9_unleash_spec *spec;
};
hal9_status fl_unleash_get(struct fl_unleash *u, const char *name, cJSON **ret,
                           struct hal9_error *err);
hal9_status fl_unleash_set(struct fl_unleash *u, const char *name, const cJSON *now,
                           const cJSON *wanted, struct hal9_error *err);
/* URL of the flag in its environment, and what is below it. Fresh. */
char *fl_unleash_url(const struct hal9_unleash_spec *s, const char *name, const char *below);

#endif
