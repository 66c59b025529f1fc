/* SHA-256, by libmd. */
#include <sha2.h>

#include "hal9ops/base.h"

void hal9_sha256_hex(const void *data, size_t len, char ret[65]) {
    SHA256Data(data, len, ret);
}
