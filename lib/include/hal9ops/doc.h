/*
 * hal9ops/doc.h - documents: YAML with places, schema tables, strict JSON, records.
 *
 * Floor 1.
 *
 *     struct hal9_stream *out = hal9_stream_new(&(struct hal9_stream_opts){.tool = "hal9-health", .fd = 1, ...});
 *     hal9_stream_begin(out, cJSON_plan);
 *     cJSON *r = hal9_record_new(out, "verdict");
 *     cJSON_AddStringToObject(r, "service", "hal9-server");
 *     hal9_stream_emit(out, r);                            // takes r
 *     hal9_stream_end(out, &(struct hal9_stage_result){.exit = 1, .failed = 1, ...});
 */
#ifndef HAL9OPS_DOC_H
#define HAL9OPS_DOC_H

#include <cjson/cJSON.h>
#include <hal9ops/base.h>

/* ---- YAML ------------------------------------------------------------------------------------- */

enum hal9_node_kind {
    HAL9_NODE_NULL,
    HAL9_NODE_BOOL,
    HAL9_NODE_INT,
    HAL9_NODE_FLOAT,
    HAL9_NODE_STRING,
    HAL9_NODE_LIST,
    HAL9_NODE_MAP
};

/* A value with its place. Aliases and merge keys are expanded. Lists: items n; maps: keys and items n, in order. */
struct hal9_node {
    enum hal9_node_kind kind;
    const char *file;   /* borrowed from the document */
    unsigned line, col; /* 1-based */
    char *text;         /* scalars: the text as written (after quotes) */
    bool plain;         /* scalar without quotes */
    struct hal9_node **keys;
    struct hal9_node **items;
    size_t n, cap;
};
struct hal9_doc; /* owns the nodes */

/* Parses one YAML 1.2 document (core schema; JSON is a subset). Caps: 16 MiB, depth 100, 100,000 nodes after expansion, counted on
 * tokens before they are built. A second document, a duplicate key, NUL, bad UTF-8, a tab as indentation, an undefined alias are
 * errors with a place. An empty document is a null node. */
HAL9_API hal9_status hal9_yaml_parse(const char *name, const void *data, size_t len,
                                     struct hal9_doc **ret, struct hal9_error *err);
HAL9_API const struct hal9_node *hal9_doc_root(const struct hal9_doc *d);
HAL9_API void hal9_doc_free(struct hal9_doc *d);
/* NULL when missing */
HAL9_API const struct hal9_node *hal9_node_get(const struct hal9_node *map, const char *key);
/* The node as JSON (plain scalars by the core schema). Fresh; cJSON_Delete() it. */
HAL9_API cJSON *hal9_node_json(const struct hal9_node *n);

/* ---- schema ----------------------------------------------------------------------------------- */

enum hal9_type {
    HAL9_T_STRING,   /* char * */
    HAL9_T_BOOL,     /* bool */
    HAL9_T_INT,      /* int64_t; min, max */
    HAL9_T_NUMBER,   /* double */
    HAL9_T_DURATION, /* int64_t, ms */
    HAL9_T_SIZE,     /* uint64_t, bytes */
    HAL9_T_PERCENT,  /* double, 0.1 for 10% */
    HAL9_T_CPU,      /* double, cores */
    HAL9_T_PORT,     /* uint16_t */
    HAL9_T_CHOICE,   /* char *, one of choices */
    HAL9_T_STRV,     /* struct hal9_strv; a list of one may be written as its value */
    HAL9_T_SECRET,   /* char *, "file:PATH" or "env:NAME"; a literal is an error */
    /* an inline struct decoded by sub; absent: the defaults of its fields hold all the same */
    HAL9_T_MAP,
    HAL9_T_PTR, /* pointer to a struct decoded by sub, NULL while absent */
    /* struct hal9_list of pointers to structs decoded by sub; a list of one may be written as its value */
    HAL9_T_LIST,
    /* struct hal9_list of pointers to structs decoded by sub; the key goes to the field flagged HAL9_F_KEY */
    HAL9_T_DICT,
    HAL9_T_JSON,   /* cJSON *, anything, kept as it is */
    HAL9_T_CUSTOM, /* decode() does it */
};
enum hal9_field_flags {
    HAL9_F_REQUIRED = 1 << 0,
    HAL9_F_KEY = 1 << 1,    /* filled with the dict's key; never written in the file */
    HAL9_F_HIDDEN = 1 << 2, /* accepted, not documented */
    /* a scalar in place of this map stands for this field (process: NAME) */
    HAL9_F_SCALAR = 1 << 3,
};
struct hal9_list {
    void **v;
    size_t n, cap;
};

struct hal9_decoder; /* collects errors; all of a file in one go */
struct hal9_schema;
struct hal9_field {
    const char *key;
    enum hal9_type type;
    size_t offset;
    unsigned flags;
    const char *dflt;              /* decoded as if written, or NULL: zero */
    const char *doc;               /* one line for hal9.yaml(5) and the JSON Schema */
    const struct hal9_schema *sub; /* MAP, PTR, LIST, DICT */
    const char *const *choices;    /* CHOICE, NULL-terminated; of STRV only for the JSON Schema */
    double min, max;               /* INT, NUMBER when max > min */
    /* CUSTOM */
    void (*decode)(struct hal9_decoder *d, const struct hal9_node *n, const struct hal9_field *f,
                   void *field);
    void (*clear)(void *field); /* CUSTOM */
    /* CUSTOM: JSON Schema type text, e.g. "{\"type\":\"string\"}" */
    const char *form;
};
struct hal9_schema {
    const char *name;                /* "stop": as errors call it */
    size_t size;                     /* of the struct */
    const struct hal9_field *fields; /* ends with key == NULL */
    /* Called after the fields; may check the whole and add errors. NULL-able. */
    void (*finish)(struct hal9_decoder *d, const struct hal9_node *n, void *object);
    /* Decodes nodes that the table can't tell (a kind chosen by the key that is there); NULL: by the table. */
    void (*decode)(struct hal9_decoder *d, const struct hal9_node *n, void *object);
    void (*clear)(void *object); /* what the table doesn't know of; NULL-able */
    const char *doc;
    cJSON *(*json)(void); /* JSON Schema of what decode takes, fresh; NULL: by the table */
};
/* Every error of the document is collected, at most 100: errors says them in order of place. */
struct hal9_errors {
    struct hal9_error *v;
    size_t n, cap;
};
/* Frees and zeroes. */
HAL9_API void hal9_errors_clear(struct hal9_errors *e);
/* Decodes a node into *object (zeroed by the caller). On HAL9_E_CONFIG the object holds what could be decoded: clear it all the same. */
HAL9_API hal9_status hal9_schema_decode(const struct hal9_schema *s, const struct hal9_node *n,
                                        void *object, struct hal9_errors *errors);
HAL9_API void hal9_schema_clear(const struct hal9_schema *s, void *object);
/* For decode and finish functions. "hal9.yaml:7:12: ..." */
HAL9_API void hal9_decoder_error(struct hal9_decoder *d, const struct hal9_node *at,
                                 const char *fmt, ...) HAL9_PRINTF(3, 4);
/* to the last error */
HAL9_API void hal9_decoder_hint(struct hal9_decoder *d, const char *fmt, ...) HAL9_PRINTF(2, 3);
HAL9_API void hal9_decoder_map(struct hal9_decoder *d, const struct hal9_schema *s,
                               const struct hal9_node *n, void *object);
/* "'grce' is not a key of stop; did you mean 'grace'?" */
HAL9_API void hal9_decoder_unknown(struct hal9_decoder *d, const struct hal9_node *key,
                                   const char *of, const char *const *known, size_t n);
/* JSON Schema (draft 2020-12) of a schema, fresh. */
HAL9_API cJSON *hal9_schema_json(const struct hal9_schema *s);
/* Resolves "file:PATH" (trailing newline cut) or "env:NAME" at use. Fresh; wipe and free with hal9_secret_free(). */
HAL9_API hal9_status hal9_secret_read(const char *reference, char **ret, struct hal9_error *err);
HAL9_API void hal9_secret_free(char *secret);
/* Whether a name (environment variable, header, key) looks like a secret's: token, password, secret, *_key, authorization, credential... */
HAL9_API bool hal9_secret_name(const char *name);

/* Takes secrets out of what is shown or leaves the host: values after names that look so (key: value, NAME=value, --name value, JSON members),
 * Authorization and Cookie headers, passwords in URLs, paths of webhooks, Bearer and Basic credentials, JSON web tokens, keys with well-known prefixes (AWS, GitHub,
 * Slack...), blocks of private keys, values that hal9_secret_read() has given out in this process, and those that it was told of, wherever they stand. *** stands in their place. All take NULL for a redactor
 * that knows no value, and return how many were replaced. */
struct hal9_redactor;
/* One that knows no value yet. */
HAL9_API struct hal9_redactor *hal9_redactor_new(void);
/* Wipes what it knows. */
HAL9_API void hal9_redactor_free(struct hal9_redactor *r);
/* A value to look for; fewer than 6 characters would be found everywhere, and are not. */
HAL9_API void hal9_redactor_learn(struct hal9_redactor *r, const char *value);
/* NAME=value of an environment, where the name looks like a secret's. */
HAL9_API void hal9_redactor_learn_env(struct hal9_redactor *r, const char *pair);
/* The value of file:PATH or env:NAME, where it can be read at once: a file must be a regular one. */
HAL9_API void hal9_redactor_learn_reference(struct hal9_redactor *r, const char *reference);
/* Any bytes; appended. */
HAL9_API size_t hal9_redact_text(const struct hal9_redactor *r, const char *text, size_t len,
                                 struct hal9_buf *ret);
/* Words and records of ours: as above, but that "name: words" stays as it is, as errors are told so; the lines of somebody else's output in a record (members
 * lines, output, answer) are cleaned as any text. */
HAL9_API size_t hal9_redact_words(const char *text, size_t len, struct hal9_buf *ret);
HAL9_API size_t hal9_redact_record(cJSON *record);
/* A text in place. */
HAL9_API size_t hal9_redact_buf(struct hal9_buf *text);
/* In place. References (file:PATH, env:NAME) are no secrets. */
HAL9_API size_t hal9_redact_json(const struct hal9_redactor *r, cJSON *j);
HAL9_API size_t hal9_redact_argv(const struct hal9_redactor *r, struct hal9_strv *argv);

/* ---- JSON ------------------------------------------------------------------------------------- */

/* Checks bytes strictly (RFC 8259, UTF-8, depth 100, no duplicate keys when told) and parses them. Numbers that a double can't hold
 * exactly are kept as written when the tree is printed by hal9_json_text(). */
HAL9_API hal9_status hal9_json_parse(const void *data, size_t len, cJSON **ret,
                                     struct hal9_error *err);
/* Compact text, fresh. */
HAL9_API char *hal9_json_text(const cJSON *j);
/* RFC 6901. NULL when nothing is there; "" is the whole. */
HAL9_API const cJSON *hal9_json_pointer(const cJSON *j, const char *pointer);
/* Equal values: names with case, any order of members. */
HAL9_API bool hal9_json_equal(const cJSON *a, const cJSON *b);
/* NULL when missing or no string */
HAL9_API const char *hal9_json_str(const cJSON *obj, const char *name);
HAL9_API int64_t hal9_json_int(const cJSON *obj, const char *name, int64_t dflt);
HAL9_API bool hal9_json_bool(const cJSON *obj, const char *name, bool dflt);
/* NULL value: nothing */
HAL9_API void hal9_json_add_str(cJSON *obj, const char *name, const char *value);
/* exact up to 2^53; beyond as a string */
HAL9_API void hal9_json_add_int(cJSON *obj, const char *name, int64_t value);
/* always a decimal string: inodes, cookies, ticks */
HAL9_API void hal9_json_add_u64(cJSON *obj, const char *name, uint64_t value);
/* 0 when missing */
HAL9_API uint64_t hal9_json_u64(const cJSON *obj, const char *name);
HAL9_API cJSON *hal9_json_strv(const struct hal9_strv *s);
HAL9_API void hal9_json_get_strv(const cJSON *array, struct hal9_strv *ret);
/* for _cleanup_ */
HAL9_API void hal9_json_deletep(cJSON **j);
#define _cleanup_json_ __attribute__((cleanup(hal9_json_deletep)))

/* ---- records ---------------------------------------------------------------------------------- */

#define HAL9_RECORD_VERSION 1

/* One table names each kind's fields: hal9-records(5), --schema records and the validator come from it. */
struct hal9_record_field {
    const char *name;
    const char *type;
    const char *unit;
    bool required;
    const char *doc;
};
struct hal9_record_kind {
    const char *kind;
    const char *doc;
    const struct hal9_record_field *fields; /* ends with name == NULL */
};
/* The table of kinds; the fields that all of them share; both as a JSON Schema (fresh). The tables are static. */
HAL9_API const struct hal9_record_kind *hal9_record_kinds(size_t *ret_n);
HAL9_API const struct hal9_record_field *hal9_record_common(size_t *ret_n);
HAL9_API cJSON *hal9_record_schema(void);
/* Whether a record has what its kind asks for. Unknown kinds and additional fields are fine. */
HAL9_API hal9_status hal9_record_check(const cJSON *record, struct hal9_error *err);

struct hal9_stream_opts {
    const char *tool;
    const char *host;
    const char *machine;
    int fd;             /* records go here; -1: nowhere */
    bool buffered_pass; /* passed-through lines are batched, flushed before blocking */
    /* Words instead of records: called for each record, own or passed on (own false), in place of writing it to fd; record is NULL for a
     * line that is none. record and line are borrowed. NULL: records go to fd. */
    void (*sink)(void *data, const cJSON *record, const char *line, size_t len, bool own);
    void *sink_data;
};
struct hal9_stream;
/* What the options point to must outlive the stream. hal9_stream_free() frees it; NULL is allowed. */
HAL9_API struct hal9_stream *hal9_stream_new(const struct hal9_stream_opts *o);
HAL9_API void hal9_stream_free(struct hal9_stream *s);
/* the run of this incident: made here or taken over */
HAL9_API const char *hal9_stream_run(const struct hal9_stream *s);
HAL9_API int hal9_stream_stage(const struct hal9_stream *s);
/* A record with the common fields filled. */
HAL9_API cJSON *hal9_record_new(struct hal9_stream *s, const char *kind);
/* Writes it with one write and frees it. A reader that has gone only ends the output: later calls do nothing. */
HAL9_API void hal9_stream_emit(struct hal9_stream *s, cJSON *record);
/* Words for people on the stream's descriptor, for one whose sink makes them: with the same patience, and dropped once the
 * reader has gone. */
HAL9_API void hal9_stream_text(struct hal9_stream *s, const char *text, size_t len);
/* How long writing an own record may wait for a reader that stalls (ms; -1 for ever, as at first; hal9_upstream_read() leaves it at 2 s). A
 * reader that stalls for longer counts as gone. Set it while an operation is open: no reader may stop that. */
HAL9_API void hal9_stream_patience(struct hal9_stream *s, int64_t ms);
/* While this descriptor is readable (a signal came), no write waits for the reader: what it doesn't take is dropped. -1: none. */
HAL9_API void hal9_stream_cancel(struct hal9_stream *s, int fd);
HAL9_API bool hal9_stream_gone(const struct hal9_stream *s);
/* planned: an object whose members are added to the begin record; taken; NULL-able. Only the first call writes, until
 * hal9_stream_end(). */
HAL9_API void hal9_stream_begin(struct hal9_stream *s, cJSON *planned);
struct hal9_stage_result {
    int planned, ran, passed, failed, unknown, skipped;
    int exit;
    bool resumable;
    int round; /* of a watch, from 1; 0: none */
};
/* Writes this stage's `end`. Call once. */
HAL9_API void hal9_stream_end(struct hal9_stream *s, const struct hal9_stage_result *r);
/* Whether a begin waits for its end. */
HAL9_API bool hal9_stream_begun(const struct hal9_stream *s);
/* A `problem` record out of an error. */
HAL9_API void hal9_stream_problem(struct hal9_stream *s, const struct hal9_error *e);

/* What came down the pipe. */
struct hal9_verdict_in {
    char *service;
    char *machine;
    char *state;
    char *cause;
    int64_t time_ms;
    cJSON *record;
};
struct hal9_upstream {
    bool complete; /* every begin met its end, at least one record */
    int exit;      /* of upstream's stages: the highest stage's own; -1 none */
    bool fatal;    /* upstream's is 2, 3 or a signal: the tool's exit is that, then */
    int fatal_exit;
    size_t lines, bad_lines;
    bool rounds;      /* it is, or has, a watch: there were rounds */
    int64_t round;    /* which one it is (hal9_follow_next()); 0: none */
    bool loose;       /* one record that no begin and end is around (hal9_follow_each()) */
    int64_t begin_ms; /* when it began; 0: unknown */
    /* the newest for each service and machine, in order of first appearance */
    struct hal9_verdict_in *verdicts;
    size_t n_verdicts, cap_verdicts;
    struct hal9_error broken; /* why it isn't complete */
};
/* Reads fd to its end. The first line fixes run and stage, this stage's begin is written (with planned, taken), then that line and all that follow
 * are passed on unchanged, byte for byte. Problems (bad lines, cut end) are emitted as records. cancel_fd readable: HAL9_E_INTERRUPTED. */
HAL9_API hal9_status hal9_upstream_read(struct hal9_stream *s, int fd, int cancel_fd,
                                        cJSON *planned, struct hal9_upstream *ret,
                                        struct hal9_error *err);
/* The same round by round, for what follows a watch. */
struct hal9_follow;
/* hal9_follow_free() frees it; fd stays the caller's. */
HAL9_API struct hal9_follow *hal9_follow_new(struct hal9_stream *s, int fd, int cancel_fd);
/* NULL is allowed. */
HAL9_API void hal9_follow_free(struct hal9_follow *f);
/* For what looks at all that is measured: each record is shown (in order; borrowed) before its round is handed over, no round is left out for a newer
 * one, and a record that no begin and end is around is a round of its own. All of those share one begin of this stage; its end is written before a
 * round's begin, and by the caller when there are no more (hal9_stream_begun()). */
HAL9_API void hal9_follow_each(struct hal9_follow *f, void (*each)(void *data, const cJSON *record),
                               void *data);
/* Reads on to the end of a round: every begin has met its end. Of several that are there already the newest counts; those before are passed on,
 * and this stage says of each that it was left out. The stage's own begin, with the round's number, goes before each; the caller writes its end before the
 * next call. *ret_over: there are no more, and *ret tells how it ended (nothing in it is to be acted on). HAL9_E_INTERRUPTED by cancel_fd. */
HAL9_API hal9_status hal9_follow_next(struct hal9_follow *f, struct hal9_upstream *ret,
                                      bool *ret_over, struct hal9_error *err);
HAL9_API void hal9_upstream_clear(struct hal9_upstream *u);
/* The exit code of a - tool, given its own finding: upstream's 2, 3 or signal; 4 when it broke off; else own. */
HAL9_API int hal9_upstream_exit(const struct hal9_upstream *u, int own);

#endif
