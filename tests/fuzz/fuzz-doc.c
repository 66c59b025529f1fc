/*
 * fuzz-doc WHAT CORPUS RUNS SEED: mutates the files of a corpus and hands them to a reader of doc/. What
 * must hold of every input is checked; a crash is found by the sanitizers. The input at hand is kept in
 * a file, whose name is printed when something is wrong.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "doc/json-scan.h"
#include "hal9ops/doc.h"

#define FILES_MAX 256

struct corpus {
    struct hal9_buf files[FILES_MAX];
    size_t n;
};

static uint64_t state;

/* xorshift64 (Marsaglia, "Xorshift RNGs", 2003) */
static uint64_t dice(uint64_t sides) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return sides > 0 ? state % sides : 0;
}

/* ---- mutation */

static const char *const words[] = {"\"",
                                    "\\",
                                    "\\u0000",
                                    "\\ud800",
                                    "{",
                                    "}",
                                    "[",
                                    "]",
                                    ":",
                                    ",",
                                    "\n",
                                    "\t",
                                    "- ",
                                    "? ",
                                    "<<: *",
                                    "&a ",
                                    "*a",
                                    "!!str ",
                                    "---\n",
                                    "...\n",
                                    "|\n",
                                    ">\n",
                                    "%YAML 1.2\n",
                                    "~",
                                    "1e400",
                                    "-0",
                                    "01",
                                    "\xff",
                                    "\xed\xa0\x80",
                                    "\xef\xbb\xbf",
                                    "\xe2\x82\xac",
                                    "\r\n",
                                    "\"hal9\":1,",
                                    "\"kind\":\"verdict\",",
                                    "\"kind\":\"begin\",",
                                    "\"kind\":\"end\",",
                                    "hal9",
                                    "checks",
                                    "#"};

static void splice(struct hal9_buf *b, size_t from, size_t cut, const char *with, size_t len) {
    struct hal9_buf out = {0};
    hal9_buf_add(&out, b->data, from);
    hal9_buf_add(&out, with, len);
    hal9_buf_add(&out, b->data + from + cut, b->len - from - cut);
    hal9_buf_free(b);
    *b = out;
}

static void mutate_once(struct hal9_buf *b, const struct corpus *c) {
    size_t at = (size_t)dice(b->len + 1);
    size_t rest = b->len - at;
    size_t some = (size_t)dice(rest < 40 ? rest + 1 : 40);
    const struct hal9_buf *other = &c->files[dice(c->n)];
    size_t from = (size_t)dice(other->len + 1);
    const char *word = words[dice(HAL9_ARRAY_LEN(words))];
    char byte = (char)dice(256);
    switch (dice(6)) {
    case 0:
        splice(b, at, rest > 0, &byte, 1);
        break;
    case 1:
        splice(b, at, 0, word, strlen(word));
        break;
    case 2:
        splice(b, at, some, "", 0);
        break;
    case 3: {
        _cleanup_free_ char *copy = hal9_alloc(some + 1);
        memcpy(copy, b->data + at, some);
        for (uint64_t n = dice(12); n > 0; n--)
            splice(b, at, 0, copy, some);
        break;
    }
    case 4:
        splice(b, at, dice(4) ? 0 : rest, other->data + from, other->len - from);
        break;
    default:
        if (rest > 0)
            b->data[at] ^= (char)(1 << dice(8));
    }
    if (b->len > 100000)
        splice(b, 1000, b->len - 1000, "", 0);
}

/* ---- what must hold */

static const char *kept; /* the file that has the input at hand */

static void must(bool holds, const char *what) {
    if (holds)
        return;
    printf("does not hold: %s; the input is in %s\n", what, kept);
    exit(1);
}

static void try_json(const char *data, size_t len) {
    struct hal9_json_scan scan;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_json_ cJSON *tree = NULL;
    bool valid = hal9_json_scan(data, len, &scan);
    hal9_status code = hal9_json_parse(data, len, &tree, &err);
    must(valid || (code != HAL9_OK && !tree), "what the scanner refuses makes no tree");
    must(code == HAL9_OK || (err.message && err.line > 0 && err.col > 0), "an error has a place");
    must(!valid || scan.odd || scan.maybe_double || code == HAL9_OK,
         "the scanner has seen why not");
    if (code != HAL9_OK)
        return;
    _cleanup_json_ cJSON *again = NULL;
    _cleanup_free_ char *text = hal9_json_text(tree);
    must(hal9_json_parse(text, strlen(text), &again, NULL) == HAL9_OK,
         "what is written can be read");
    must(hal9_json_equal(tree, again), "what is written has the same value");
    _cleanup_free_ char *twice = hal9_json_text(again);
    must(strcmp(text, twice) == 0, "what is written is written so again");
}

static void try_json_of_yaml(const struct hal9_node *root) {
    struct hal9_doc *again = NULL;
    _cleanup_json_ cJSON *tree = hal9_node_json(root);
    _cleanup_free_ char *text = hal9_json_text(tree);
    struct hal9_json_scan scan;
    must(hal9_json_scan(text, strlen(text), &scan), "the JSON of a document is JSON");
    _cleanup_error_ struct hal9_error err = {0};
    /* To YAML, keys of more than 1,024 characters are no keys. */
    if (hal9_yaml_parse("again", text, strlen(text), &again, &err) != HAL9_OK) {
        must(strlen(text) > 1000 && strstr(err.message, "key"), err.message);
        return;
    }
    _cleanup_json_ cJSON *same = hal9_node_json(hal9_doc_root(again));
    must(hal9_json_equal(tree, same), "JSON read as YAML has the same value");
    hal9_doc_free(again);
}

struct part {
    char *name;
    int64_t within;
    struct hal9_strv argv;
    cJSON *any;
    struct hal9_list parts;
};
static const struct hal9_schema part_schema;
static const struct hal9_field part_fields[] = {
    {.key = "name",
     .type = HAL9_T_STRING,
     .offset = offsetof(struct part, name),
     .flags = HAL9_F_KEY},
    {.key = "within",
     .type = HAL9_T_DURATION,
     .offset = offsetof(struct part, within),
     .dflt = "5s"},
    {.key = "exec",
     .type = HAL9_T_STRV,
     .offset = offsetof(struct part, argv),
     .flags = HAL9_F_SCALAR},
    {.key = "expect", .type = HAL9_T_JSON, .offset = offsetof(struct part, any)},
    {.key = "services",
     .type = HAL9_T_DICT,
     .offset = offsetof(struct part, parts),
     .sub = &part_schema},
    {.key = "checks",
     .type = HAL9_T_LIST,
     .offset = offsetof(struct part, parts),
     .sub = &part_schema},
    {0}};
static const struct hal9_schema part_schema = {
    .name = "a part", .size = sizeof(struct part), .fields = part_fields};

static void try_yaml(const char *data, size_t len) {
    struct hal9_doc *d = NULL;
    struct hal9_errors errors = {0};
    struct part part = {0};
    _cleanup_error_ struct hal9_error err = {0};
    int64_t before = hal9_mono_ms();
    hal9_status code = hal9_yaml_parse("fuzz.yaml", data, len, &d, &err);
    must(hal9_mono_ms() - before < 5000, "it ends soon");
    must(code == HAL9_OK ? d != NULL : !d && err.message && err.line > 0, "an error has a place");
    if (!d)
        return;
    code = hal9_schema_decode(&part_schema, hal9_doc_root(d), &part, &errors);
    must((code == HAL9_OK) == (errors.n == 0) && errors.n <= 100, "errors are counted");
    for (size_t i = 0; i < errors.n; i++)
        must(errors.v[i].line > 0 && errors.v[i].message, "each error has a place");
    hal9_schema_clear(&part_schema, &part);
    hal9_errors_clear(&errors);
    try_json_of_yaml(hal9_doc_root(d));
    hal9_doc_free(d);
}

/* The lines of this stage taken out, what was read is left. */
static void must_be_passed_on(int out, const char *data, size_t len) {
    static const char mine[] = "\"tool\":\"hal9-fuzz\"";
    size_t size = (size_t)lseek(out, 0, SEEK_END), at = 0;
    _cleanup_free_ char *all = hal9_alloc(size + 1);
    must(pread(out, all, size, 0) == (ssize_t)size, "the output can be read");
    for (char *p = all; p < all + size;) {
        char *newline = memchr(p, '\n', (size_t)(all + size - p));
        must(newline != NULL, "lines are whole");
        size_t n = (size_t)(newline - p) + 1;
        if (!memmem(p, n, mine, sizeof(mine) - 1)) {
            bool added = at + n == len + 1 && (len == 0 || data[len - 1] != '\n');
            must(at + n <= len || added, "nothing is added");
            must(memcmp(p, data + at, added ? n - 1 : n) == 0, "each line is passed on as it is");
            at += n;
        }
        p += n;
    }
    must(at >= len, "nothing is lost");
}

static void try_records(const char *data, size_t len) {
    FILE *in = tmpfile(), *out = tmpfile();
    must(in && out && fwrite(data, 1, len, in) == len && fflush(in) == 0, "files can be made");
    rewind(in);
    struct hal9_stream_opts o = {.tool = "hal9-fuzz",
                                 .host = "h",
                                 .machine = "m",
                                 .fd = fileno(out),
                                 .buffered_pass = dice(2)};
    struct hal9_stream *s = hal9_stream_new(&o);
    struct hal9_upstream up = {0};
    must(hal9_upstream_read(s, fileno(in), -1, NULL, &up, NULL) == HAL9_OK,
         "it is read to its end");
    must(up.complete == !up.broken.code, "what is not complete says why");
    must(!up.complete || up.bad_lines == 0, "a bad line is never complete");
    must_be_passed_on(fileno(out), data, len);
    hal9_upstream_clear(&up);
    hal9_stream_free(s);
    fclose(in);
    fclose(out);
}

/* ---- running */

static void read_corpus(struct corpus *c, const char *path) {
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)) && c->n < FILES_MAX) {
        _cleanup_free_ char *name = hal9_strf("%s/%s", path, entry->d_name);
        _cleanup_fclose_ FILE *f = entry->d_name[0] == '.' ? NULL : fopen(name, "re");
        char block[4096];
        size_t n;
        if (!f)
            continue;
        hal9_buf_add(&c->files[c->n], "", 0);
        while ((n = fread(block, 1, sizeof(block), f)) > 0)
            hal9_buf_add(&c->files[c->n], block, n);
        c->n++;
    }
    if (dir)
        closedir(dir);
}

static void keep(const struct hal9_buf *b) {
    _cleanup_fclose_ FILE *f = fopen(kept, "we");
    if (f)
        fwrite(b->data, 1, b->len, f);
}

int main(int argc, char **argv) {
    static struct corpus corpus;
    static const struct {
        const char *name;
        void (*try)(const char *data, size_t len);
    } readers[] = {{"json", try_json}, {"yaml", try_yaml}, {"records", try_records}};
    void (*try)(const char *, size_t) = NULL;
    for (size_t i = 0; argc == 5 && i < HAL9_ARRAY_LEN(readers); i++)
        if (strcmp(argv[1], readers[i].name) == 0)
            try = readers[i].try;
    if (!try) {
        fprintf(stderr, "usage: fuzz-doc json|yaml|records CORPUS RUNS SEED\n");
        return 2;
    }
    _cleanup_free_ char *path = hal9_strf(
        "%s/fuzz-%s.%d", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", argv[1], (int)getpid());
    kept = path;
    state = strtoull(argv[4], NULL, 10) * 2 + 1;
    read_corpus(&corpus, argv[2]);
    must(corpus.n > 0, "there is a corpus");
    long runs = strtol(argv[3], NULL, 10);
    for (long run = 0; run < runs; run++) {
        _cleanup_buf_ struct hal9_buf b = {0};
        const struct hal9_buf *origin = &corpus.files[(size_t)run % corpus.n];
        hal9_buf_add(&b, origin->data, origin->len);
        for (uint64_t n = (size_t)run < corpus.n ? 0 : 1 + dice(8); n > 0; n--)
            mutate_once(&b, &corpus);
        keep(&b);
        try(b.data, b.len);
    }
    for (size_t i = 0; i < corpus.n; i++)
        hal9_buf_free(&corpus.files[i]);
    unlink(kept);
    printf("%ld inputs of %s, seed %s\n", runs, argv[1], argv[4]);
    return 0;
}
