/* SHA-256: libmd's rounds, or the processor's own. */
#include <sha2.h>
#include <stdatomic.h>
#include <string.h>

#include "base/sha256-rounds.h"

static void plain_rounds(uint32_t state[8], const uint8_t *data, size_t blocks) {
    for (; blocks > 0; blocks--, data += 64)
        SHA256Transform(state, data);
}

static hal9_sha256_rounds_fn rounds(void) {
    static _Atomic(hal9_sha256_rounds_fn) chosen;
    hal9_sha256_rounds_fn fn = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (!fn) {
        fn = hal9_sha256_by_processor();
        fn = fn ? fn : plain_rounds;
        atomic_store_explicit(&chosen, fn, memory_order_relaxed);
    }
    return fn;
}

void hal9_sha256_start(struct hal9_sha256 *h) {
    static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(h->state, first, sizeof(first));
    h->len = 0;
}

static void add(struct hal9_sha256 *h, const void *data, size_t len, hal9_sha256_rounds_fn fn) {
    const uint8_t *at = data;
    size_t kept = h->len % 64;
    h->len += len;
    if (kept > 0) {
        size_t take = 64 - kept < len ? 64 - kept : len;
        memcpy(h->rest + kept, at, take);
        at += take;
        len -= take;
        if (kept + take < 64)
            return;
        fn(h->state, h->rest, 1);
    }
    fn(h->state, at, len / 64);
    if (len % 64 > 0)
        memcpy(h->rest, at + len / 64 * 64, len % 64);
}

static void end(struct hal9_sha256 *h, uint8_t ret[32], hal9_sha256_rounds_fn fn) {
    uint8_t tail[72] = {0x80};
    uint64_t bits = h->len * 8;
    size_t pad = (h->len % 64 < 56 ? 56 : 120) - h->len % 64;
    for (int i = 0; i < 8; i++)
        tail[pad + (size_t)i] = (uint8_t)(bits >> (56 - 8 * i));
    add(h, tail, pad + 8, fn);
    for (int i = 0; i < 32; i++)
        ret[i] = (uint8_t)(h->state[i / 4] >> (24 - 8 * (i % 4)));
}

void hal9_sha256_add(struct hal9_sha256 *h, const void *data, size_t len) {
    if (len > 0)
        add(h, data, len, rounds());
}

void hal9_sha256_end(struct hal9_sha256 *h, uint8_t ret[32]) {
    end(h, ret, rounds());
}

void hal9_sha256(const void *data, size_t len, uint8_t ret[32]) {
    struct hal9_sha256 h;
    hal9_sha256_start(&h);
    hal9_sha256_add(&h, data, len);
    hal9_sha256_end(&h, ret);
}

void hal9_sha256_plain(const void *data, size_t len, uint8_t ret[32]) {
    struct hal9_sha256 h;
    hal9_sha256_start(&h);
    if (len > 0)
        add(&h, data, len, plain_rounds);
    end(&h, ret, plain_rounds);
}

void hal9_hex(const uint8_t *bytes, size_t n, char *ret) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        ret[2 * i] = digits[bytes[i] >> 4];
        ret[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret[2 * n] = '\0';
}

bool hal9_unhex(const char *text, uint8_t *ret, size_t n) {
    for (size_t i = 0; i < 2 * n; i++) {
        char c = text[i];
        int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (value < 0)
            return false;
        ret[i / 2] = (uint8_t)(i % 2 ? ret[i / 2] | value : value << 4);
    }
    return text[2 * n] == '\0';
}

void hal9_sha256_hex(const void *data, size_t len, char ret[65]) {
    uint8_t sum[32];
    hal9_sha256(data, len, sum);
    hal9_hex(sum, sizeof(sum), ret);
}
