/* The inner part of SHA-256: blocks of 64 bytes into the state. */
#ifndef HAL9_BASE_SHA256_ROUNDS_H
#define HAL9_BASE_SHA256_ROUNDS_H

#include "hal9ops/base.h"

typedef void (*hal9_sha256_rounds_fn)(uint32_t state[8], const uint8_t *data, size_t blocks);
/* NULL where the processor has no instructions for it. */
hal9_sha256_rounds_fn hal9_sha256_by_processor(void);
/* By libmd alone, whatever the processor has: for tests. */
void hal9_sha256_plain(const void *data, size_t len, uint8_t ret[32]);

#endif
