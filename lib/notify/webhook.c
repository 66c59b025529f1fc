/* webhook: the record by POST, with a bearer token where there is one. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "notify/notify-internal.h"

static bool is(const struct hal9_notify_spec *spec) {
    return spec->webhook != NULL;
}

static void identity(const struct hal9_notify_spec *spec, struct hal9_buf *ret) {
    hal9_buf_puts(ret, spec->webhook->url);
}

static char *label(const struct hal9_notify_spec *spec) {
    struct hal9_url u = {0};
    if (hal9_url_parse(spec->webhook->url, &u, NULL) != HAL9_OK)
        return hal9_strdup("webhook");
    char *text = hal9_strf("webhook %s", u.host);
    hal9_url_clear(&u);
    return text;
}

static void send_record(const struct hal9_delivery *d, struct hal9_outcome *ret) {
    const struct hal9_webhook_spec *w = d->spec->webhook;
    _cleanup_error_ struct hal9_error e = {0};
    char *token = NULL;
    char *header = NULL;
    if (w->token && hal9_secret_read(w->token, &token, &e) != HAL9_OK) {
        hal9_outcome_error(ret, &e);
        return;
    }
    if (token)
        header = hal9_strf("Authorization: Bearer %s", token);
    _cleanup_free_ char *body = hal9_json_text(d->item->record);
    hal9_notify_post(d, w->url, header, body, token, ret);
    hal9_secret_free(header);
    hal9_secret_free(token);
}

const struct hal9_notify_driver hal9_notify_webhook = {
    .type = "webhook", .is = is, .identity = identity, .label = label, .send = send_record};
