/*
 * Pack files, packs/ID.pack: a head, contents each behind a record head, an index, a tail. Numbers as the machine has them, little end first.
 * A pack gets its name once it is whole and on the disk; a killed run leaves packs/.ID.tmp, which the next to write takes away. One that a disk has
 * cut later is read by its records, up to the cut.
 */
#ifndef HAL9_STORE_PACK_INTERNAL_H
#define HAL9_STORE_PACK_INTERNAL_H

#include "base/cleanup.h"
#include "store/sha-map.h"
#include "store/store-internal.h"

#define PACK_MAGIC "HAL9PK1\n" /* at the head and at the tail's end */
#define PACK_MAGIC_LEN ((size_t)8)
#define PACK_RECORD 0x31504b48U /* "HKP1" */

struct pack_record { /* before each content */
    uint32_t magic;
    uint32_t reserved;
    uint64_t len;
    struct hal9_sha sha;
};
struct pack_tail {
    uint64_t n;      /* entries of the index, struct hal9_sha_entry by sha */
    uint64_t at;     /* where the index begins */
    uint64_t sum[4]; /* its checksum: contents have their own by their names */
    char magic[PACK_MAGIC_LEN];
};

struct pack {
    char *name; /* "ID.pack" */
    const uint8_t *map;
    size_t size;
    const struct hal9_sha_entry *index; /* sorted; in the map, or own */
    struct hal9_sha_entry *own;         /* found by its records: its tail is damaged */
    size_t n;
};
struct hal9_packs {
    struct pack *v;
    size_t n, cap;
};

#define _cleanup_packs_ _cleanup_(hal9_packs_closep)
HAL9_DEFINE_CLEANUP(struct hal9_packs *, hal9_packs_close);

const struct hal9_sha_entry *pack_find(const struct pack *p, const struct hal9_sha *sha);
char *pack_folder(const struct hal9_state *s); /* fresh */
int pack_entry_order(const void *a, const void *b);
/* Takes (shared) or waits for the lock on all packs; *ret_fd is the caller's. HAL9_E_BUSY. */
hal9_status pack_lock(struct hal9_state *s, bool exclusive, int64_t timeout_ms, int *ret_fd,
                      struct hal9_error *err);
/* Those the writer knew of, the caller's now; it knows of none from here on. */
struct hal9_packs *hal9_pack_forget(struct hal9_pack_writer *w);
/* Takes away what killed runs have left. */
void pack_sweep(const struct hal9_state *s);

#endif
