/* The traffic of a rollback: the servers of a backend, as they are and as the snapshot has them. */
#include <string.h>

#include "rollback-to.h"

#define SAME 1e-9

bool rb_is_balancer(const struct rb_item *i) {
    return i->part.balancer != NULL;
}

/* ---- reading ---- */

static const cJSON *then_of(const struct rb_item *i, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(i->then, "servers"),
                                            name);
}

static bool is_new(const struct rb_item *i, const char *name) {
    return i->spec && hal9_strv_has(&i->spec->fresh, name);
}

static bool is_ready(const cJSON *then) {
    const char *admin = hal9_json_str(then, "admin");

    return then && (!admin || hal9_streq(admin, "ready"));
}

/* What counts of a server: its weight while it takes visitors; one without weights counts as any other. */
static int64_t counts(bool ready, int64_t weight) {
    return !ready ? 0 : weight < 0 ? 1 : weight;
}

static bool server_differs(const struct hal9_balancer_server *s, const cJSON *then) {
    const char *admin = hal9_json_str(then, "admin");

    if (s->differs || (admin && !hal9_streq(admin, hal9_admin_name(s->admin))))
        return true;
    return s->weight >= 0 && cJSON_HasObjectItem(then, "weight") &&
           hal9_json_int(then, "weight", 0) != s->weight;
}

/* A new server that the snapshot doesn't know took no traffic then. */
static void add_server(struct rb_item *i, const struct hal9_balancer_server *s) {
    const cJSON *then = then_of(i, s->name);
    struct rb_weight *w = &i->servers[i->n++];

    *w = (struct rb_weight){.name = s->name,
                            .fresh = is_new(i, s->name),
                            .from = counts(s->admin == HAL9_ADMIN_READY, s->weight),
                            .to = counts(is_ready(then), hal9_json_int(then, "weight", -1))};
    i->has_new = i->has_new || w->fresh;
    i->weightless = i->weightless || s->weight < 0;
    i->differs = i->differs || (then ? server_differs(s, then) : s->admin == HAL9_ADMIN_READY);
}

static void tell_gone(struct rb_to *to, const struct rb_item *i) {
    const cJSON *s;

    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(i->then, "servers")) {
        if (!hal9_balancer_server(&i->view, s->string))
            rb_tell(to, "%s: the snapshot has server %s, which the backend has no more: left out",
                    i->part.name, s->string);
    }
}

/* Somebody else's: neither in the snapshot nor of the new path. */
static void tell_added(struct rb_to *to, const struct rb_item *i,
                       const struct hal9_balancer_server *s) {
    rb_tell(to, "%s: server %s came after the snapshot (%s): it is left alone", i->part.name,
            s->name, hal9_admin_name(s->admin));
}

/* Where nobody of those that are to serve is up, a rollback would be an outage. */
static hal9_status need_somebody(const struct rb_to *to, const struct rb_item *i,
                                 struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv down = {0};

    for (size_t k = 0; k < i->n; k++) {
        const struct hal9_balancer_server *s = hal9_balancer_server(&i->view, i->servers[k].name);

        if (i->servers[k].to > 0 && s && s->up != 0)
            return HAL9_OK;
        if (i->servers[k].to > 0)
            hal9_strv_add(&down, i->servers[k].name);
    }
    if (rb_forced(to, "last-server"))
        return HAL9_OK;
    _cleanup_free_ char *names = hal9_strv_join(&down, ", ");

    if (down.n > 0)
        hal9_error_set(err, HAL9_E_REFUSED,
                       "nothing was begun: of backend %s the snapshot sends all traffic to %s, and "
                       "none of them is up",
                       i->part.backend, names);
    else
        hal9_error_set(err, HAL9_E_REFUSED,
                       "nothing was begun: in the snapshot no server of backend %s that is still "
                       "there takes traffic",
                       i->part.backend);
    hal9_error_hint(err, "bring one up first; --force=last-server goes on all the same");
    return HAL9_E_REFUSED;
}

static bool new_ones_are_busy(const struct rb_item *i) {
    for (size_t k = 0; k < i->n; k++) {
        const struct hal9_balancer_server *s = hal9_balancer_server(&i->view, i->servers[k].name);

        if (i->servers[k].fresh && s && s->sessions > 0)
            return true;
    }
    return false;
}

hal9_status rb_read_balancer(struct rb_to *to, struct rb_item *i, struct hal9_error *err) {
    hal9_status st =
        hal9_balancer_look(i->part.balancer, i->part.backend, to->job->cancel_fd, &i->view, err);

    if (st != HAL9_OK)
        return st;
    i->servers = hal9_alloc((i->view.n + 1) * sizeof(*i->servers));
    i->weightless = i->view.all_or_nothing;
    for (size_t k = 0; k < i->view.n; k++) {
        const struct hal9_balancer_server *s = &i->view.v[k];

        if (then_of(i, s->name) || is_new(i, s->name))
            add_server(i, s);
        else if (i->chosen)
            tell_added(to, i, s);
    }
    if (i->chosen)
        tell_gone(to, i);
    i->from = rb_share(i->servers, i->n, RB_FROM);
    i->to = rb_share(i->servers, i->n, RB_TO);
    i->away = i->chosen && i->differs && i->has_new && i->to <= SAME &&
              (i->from > SAME || new_ones_are_busy(i));
    return i->chosen && i->differs ? need_somebody(to, i, err) : HAL9_OK;
}

/* ---- steps ---- */

/* "edge/hal9" where there are several balancers, to tell their steps apart; NULL: there is one. Borrowed. */
static const char *which(const struct rb_chain *c, const struct rb_item *i) {
    size_t n = 0;

    for (size_t k = 0; k < c->to->n; k++)
        n += rb_is_balancer(&c->to->items[k]);
    return n > 1 ? strchr(i->part.name, ':') + 1 : NULL;
}

/* "off", and where there are several balancers "off/edge/hal9". Fresh. */
static char *step_name(const struct rb_chain *c, const struct rb_item *i, const char *word) {
    const char *one = which(c, i);
    _cleanup_free_ char *name = one ? hal9_strf("%s/%s", word, one) : hal9_strdup(word);

    return rb_step_name(c->plan, name);
}

static struct hal9_step *add_set(struct rb_chain *c, const struct rb_item *i, const char *word,
                                 cJSON *servers, char *title) {
    _cleanup_free_ char *name = step_name(c, i, word);
    const char *one = which(c, i);
    struct hal9_step *s =
        hal9_plan_step(c->plan, name, "balancer.set",
                       hal9_args_balancer_set(i->part.balancer, i->part.backend, servers), "%s%s%s",
                       one ? one : "", one ? ": " : "", title);

    s->guarded = true;
    rb_link(c, s);
    cJSON_Delete(servers);
    free(title);
    return s;
}

static void add_wanted(cJSON *servers, const char *name, int64_t weight, const char *admin) {
    cJSON *s = cJSON_AddObjectToObject(servers, name);

    if (weight >= 0)
        hal9_json_add_int(s, "weight", weight);
    hal9_json_add_str(s, "admin", admin);
}

/* Exactly as in the snapshot; a new server that it doesn't know gets no visitors. */
static cJSON *snapshot_servers(const struct rb_item *i) {
    cJSON *servers = cJSON_CreateObject();

    for (size_t k = 0; k < i->n; k++) {
        const char *name = i->servers[k].name;
        const cJSON *then = then_of(i, name);
        const struct hal9_balancer_server *s = hal9_balancer_server(&i->view, name);
        const char *admin = hal9_json_str(then, "admin");
        const bool told = cJSON_HasObjectItem(then, "weight") && s->weight >= 0;

        if (then)
            add_wanted(servers, name, told ? hal9_json_int(then, "weight", 0) : -1,
                       admin ? admin : hal9_admin_name(s->admin));
        else
            add_wanted(servers, name, -1, s->admin == HAL9_ADMIN_MAINT ? "maint" : "drain");
    }
    return servers;
}

cJSON *rb_args_traffic(const struct rb_item *i) {
    _cleanup_json_ cJSON *servers = snapshot_servers(i);

    return hal9_args_balancer_set(i->part.balancer, i->part.backend, servers);
}

void rb_add_traffic(struct rb_chain *c, struct rb_item *i) {
    add_set(c, i, "traffic", snapshot_servers(i),
            hal9_strf("traffic of backend %s as in the snapshot", i->part.backend));
    i->placed = true;
}

/* Weights of a stop. A server that gets some is made ready; what gets none keeps what it is, but its weight. */
struct hal9_step *rb_add_weights(struct rb_chain *c, struct rb_item *i, const char *word,
                                 char *title) {
    cJSON *servers = cJSON_CreateObject();

    for (size_t k = 0; k < i->n; k++) {
        const struct rb_weight *w = &i->servers[k];
        const struct hal9_balancer_server *s = hal9_balancer_server(&i->view, w->name);
        const bool ready = w->value > 0 || (w->fresh && s->admin == HAL9_ADMIN_READY);

        if (i->weightless && !i->view.all_or_nothing)
            add_wanted(servers, w->name, -1,
                       w->value > 0 ? "ready"
                       : w->fresh   ? "drain"
                                    : hal9_admin_name(s->admin));
        else
            add_wanted(servers, w->name, w->value, ready ? "ready" : hal9_admin_name(s->admin));
    }
    return add_set(c, i, word, servers, title);
}

static char *new_names(const struct rb_item *i) {
    _cleanup_strv_ struct hal9_strv names = {0};

    for (size_t k = 0; k < i->n; k++)
        if (i->servers[k].fresh)
            hal9_strv_add(&names, i->servers[k].name);
    return hal9_strv_join(&names, ", ");
}

void rb_add_off(struct rb_chain *c, struct rb_item *i) {
    _cleanup_free_ char *names = new_names(i);

    for (size_t k = 0; k < i->n; k++)
        i->servers[k].value = i->servers[k].fresh ? 0 : i->servers[k].to;
    rb_add_weights(c, i, "off", hal9_strf("all traffic off %s", names));
}

void rb_add_drain(struct rb_chain *c, struct rb_item *i) {
    _cleanup_free_ char *names = new_names(i), *name = step_name(c, i, "drain");
    struct hal9_drain_opts o = {
        .timeout_ms = i->spec->drain_timeout_ms, .grace_ms = i->spec->grace_ms, .min_up = 1};

    for (size_t k = 0; k < i->n; k++)
        if (i->servers[k].fresh)
            hal9_strv_add(&o.servers, i->servers[k].name);
    const char *one = which(c, i);
    struct hal9_step *s =
        hal9_plan_step(c->plan, name, "balancer.drain",
                       hal9_args_balancer_drain(i->part.balancer, i->part.backend, &o),
                       "%s%swait until %s %s no session left", one ? one : "", one ? ": " : "",
                       names, o.servers.n == 1 ? "has" : "have");

    hal9_strv_free(&o.servers);
    rb_link(c, s);
}
