/* Addresses as balancers write them. */
#include <string.h>

#include "balancer/driver.h"
#include "base/cleanup.h"

bool bal_address_parse(const char *text, struct hal9_addr *ret_addr, uint16_t *ret_port) {
    if (!text)
        return false;
    const char *colon = strrchr(text, ':');
    const char *bracket = strrchr(text, ']');
    int64_t port = 80;
    size_t len = strlen(text);

    if (colon && (!bracket || colon > bracket)) {
        len = (size_t)(colon - text);
        if (hal9_parse_int(colon + 1, 1, 65535, &port, NULL) != HAL9_OK)
            return false;
    }
    if (bracket && text[0] == '[') {
        text++;
        len = (size_t)(bracket - text);
    }
    _cleanup_free_ char *host = hal9_strndup(text, len);

    *ret_port = (uint16_t)port;
    return hal9_addr_of_text(host, ret_addr);
}
