/* Checks as configured: exactly one driver's key, that driver's companions, and what all share. */
#include <string.h>

#include "base/cleanup.h"
#include "check/drivers.h"
#include "check/look.h"

/* What every check takes. */
struct common {
    char *name;
    int64_t timeout, every, rise, fall;
    double weight;
    bool critical;
};
#define AT(member) offsetof(struct common, member)
static const struct hal9_field common_fields[] = {
    {.key = "name", .type = HAL9_T_STRING, .offset = AT(name), .doc = "what to call it"},
    {.key = "timeout",
     .type = HAL9_T_DURATION,
     .offset = AT(timeout),
     .dflt = "5s",
     .doc = "it has failed when it takes longer"},
    {.key = "every",
     .type = HAL9_T_DURATION,
     .offset = AT(every),
     .doc = "how often watch runs it; default: as often as all"},
    {.key = "weight",
     .type = HAL9_T_NUMBER,
     .offset = AT(weight),
     .dflt = "1",
     .min = 0,
     .max = 1000000,
     .doc = "its part in the score"},
    {.key = "rise",
     .type = HAL9_T_INT,
     .offset = AT(rise),
     .dflt = "2",
     .min = 1,
     .max = 1000,
     .doc = "passes in a row until watch believes it"},
    {.key = "fall",
     .type = HAL9_T_INT,
     .offset = AT(fall),
     .dflt = "3",
     .min = 1,
     .max = 1000,
     .doc = "failures in a row until watch believes it"},
    {.key = "critical",
     .type = HAL9_T_BOOL,
     .offset = AT(critical),
     .doc = "whether its failure makes the service failing (else degraded); default: as its kind"},
    {0},
};
#undef AT
const struct hal9_schema hal9_check_common_schema = {
    .name = "check", .size = sizeof(struct common), .fields = common_fields};

static bool has_key(const struct hal9_field *fields, const char *key) {
    for (; fields->key; fields++)
        if (hal9_streq(fields->key, key))
            return true;
    return false;
}

static const struct hal9_check_driver *find_driver(const char *key) {
    size_t n;
    const struct hal9_check_driver *const *all = hal9_check_drivers(&n);
    for (size_t i = 0; i < n; i++)
        if (hal9_streq(all[i]->key, key))
            return all[i];
    return NULL;
}

static char *kinds_text(void) {
    struct hal9_buf b = {0};
    size_t n;
    const struct hal9_check_driver *const *all = hal9_check_drivers(&n);
    for (size_t i = 0; i < n; i++)
        hal9_buf_printf(&b, "%s%s", i ? ", " : "", all[i]->key);
    return hal9_buf_take(&b);
}

static void collect_keys(const struct hal9_field *fields, struct hal9_strv *to) {
    for (; fields->key; fields++)
        if (!(fields->flags & (HAL9_F_KEY | HAL9_F_HIDDEN)))
            hal9_strv_add(to, fields->key);
}

static void tell_unknown(struct hal9_decoder *d, const struct hal9_node *key,
                         const struct hal9_check_driver *driver) {
    _cleanup_strv_ struct hal9_strv known = {0};
    size_t n;
    const struct hal9_check_driver *const *all = hal9_check_drivers(&n);
    collect_keys(common_fields, &known);
    if (driver)
        collect_keys(driver->schema->fields, &known);
    for (size_t i = 0; !driver && i < n; i++)
        hal9_strv_add(&known, all[i]->key);
    hal9_decoder_unknown(d, key, driver ? driver->key : "a check", (const char *const *)known.v,
                         known.n);
}

/* The driver that the one key of a kind names. */
static const struct hal9_check_driver *choose(struct hal9_decoder *d, const struct hal9_node *n) {
    const struct hal9_check_driver *chosen = NULL;
    for (size_t i = 0; i < n->n; i++) {
        const struct hal9_check_driver *next = find_driver(n->keys[i]->text);
        if (next && chosen)
            hal9_decoder_error(d, n->keys[i], "a check is of one kind, not both %s and %s",
                               chosen->key, next->key);
        else if (next)
            chosen = next;
    }
    return chosen;
}

/* The members of n that the table knows, as a map of its own that borrows them. */
static struct hal9_node part_of(const struct hal9_node *n, const struct hal9_field *fields) {
    struct hal9_node part = *n;
    part.keys = hal9_realloc_array(NULL, n->n + 1, sizeof(*part.keys));
    part.items = hal9_realloc_array(NULL, n->n + 1, sizeof(*part.items));
    part.n = 0;
    for (size_t i = 0; i < n->n; i++)
        if (has_key(fields, n->keys[i]->text)) {
            part.keys[part.n] = n->keys[i];
            part.items[part.n++] = n->items[i];
        }
    return part;
}

static void decode_part(struct hal9_decoder *d, const struct hal9_schema *s,
                        const struct hal9_node *n, void *object) {
    struct hal9_node part = part_of(n, s->fields);
    hal9_decoder_map(d, s, &part, object);
    free(part.keys);
    free(part.items);
}

static void decode_common(struct hal9_decoder *d, const struct hal9_node *n, struct hal9_check *c) {
    struct common m = {.timeout = 5000}; /* stays where what is told is no time at all */
    const struct hal9_node *timeout = hal9_node_get(n, "timeout");
    decode_part(d, &hal9_check_common_schema, n, &m);
    if (timeout && m.timeout <= 0)
        hal9_decoder_error(d, timeout, "a timeout must be longer than 0");
    c->name = m.name;
    c->timeout_ms = m.timeout > 0 ? m.timeout : 5000;
    c->every_ms = m.every;
    c->weight = m.weight;
    c->rise = (int)m.rise;
    c->fall = (int)m.fall;
    c->critical = hal9_node_get(n, "critical") ? m.critical : -1;
}

static void decode(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct hal9_check *c = object;
    _cleanup_free_ char *kinds = kinds_text();
    c->line = n->line;
    c->critical = -1;
    if (n->kind != HAL9_NODE_MAP) {
        hal9_decoder_error(d, n, "a check is a map such as {http: URL}; kinds: %s", kinds);
        return;
    }
    const struct hal9_check_driver *driver = choose(d, n);
    size_t unknown = 0;
    for (size_t i = 0; i < n->n; i++)
        if (!has_key(common_fields, n->keys[i]->text) && !find_driver(n->keys[i]->text) &&
            !(driver && has_key(driver->schema->fields, n->keys[i]->text))) {
            tell_unknown(d, n->keys[i], driver);
            unknown++;
        }
    decode_common(d, n, c);
    if (!driver && unknown == 0)
        hal9_decoder_error(d, n, "a check needs one of: %s", kinds);
    if (!driver)
        return;
    c->driver = driver;
    c->params = hal9_alloc(driver->schema->size);
    c->spec = hal9_node_json(n);
    decode_part(d, driver->schema, n, c->params);
    if (driver->finish)
        driver->finish(d, n, c);
    if (!c->name)
        c->name = driver->name(c->params);
}

static void clear(void *object) {
    struct hal9_check *c = object;
    if (c->params)
        hal9_schema_clear(c->driver->schema, c->params);
    free(c->params);
    free(c->name);
    cJSON_Delete(c->spec);
    *c = (struct hal9_check){0};
}

static const struct hal9_field no_fields[] = {{0}};
const struct hal9_schema hal9_check_schema = {.name = "check",
                                              .size = sizeof(struct hal9_check),
                                              .fields = no_fields,
                                              .decode = decode,
                                              .clear = clear,
                                              .json = hal9_check_json,
                                              .doc = "what must hold for a service to be healthy"};

void hal9_check_free(struct hal9_check *c) {
    if (!c)
        return;
    clear(c);
    free(c);
}
