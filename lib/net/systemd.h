/* What systemctl prints, as data. */
#ifndef HAL9_NET_SYSTEMD_H
#define HAL9_NET_SYSTEMD_H

#include "hal9ops/net.h"

/* The properties that hal9_unit_parse() understands, for --property. */
extern const char hal9_unit_properties[];

/* Takes "Name=value" lines of systemctl show. HAL9_E_NOT_FOUND when the unit isn't loaded. */
hal9_status hal9_unit_parse(const char *unit, const char *text, struct hal9_unit *ret,
                            struct hal9_error *err);
/* systemd's own spans: "1min 30s", "100ms", "infinity" (-1). 0 where it can't be read. */
int64_t hal9_unit_span_ms(const char *text);

#endif
