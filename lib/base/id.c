/* Identifiers: the time, then a random number; within one process each is greater than the one
 * before. The idea and the alphabet are ULID's (github.com/ulid/spec, monotonicity). */
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "hal9ops/base.h"

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

#define TIME_CHARS 10
#define RANDOM_BITS 20
#define RANDOM_MASK ((1u << RANDOM_BITS) - 1)
#define LAST_MS ((UINT64_C(1) << 44) - 2)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t last; /* time << RANDOM_BITS | random; 50 + 20 bits would not fit, 44 bits of ms
                         reach the year 2527 */
static pid_t owner;   /* a forked child must not count on where its parent stands */

static uint32_t random_bits(void) {
    uint32_t bits;
    if (getentropy(&bits, sizeof(bits)) != 0)
        bits = (uint32_t)hal9_mono_us() * 2654435761u ^ (uint32_t)getpid();
    return bits & RANDOM_MASK;
}

static uint64_t next(void) {
    int64_t ms = hal9_now_ms();
    uint64_t fresh = ((uint64_t)(ms < 0 ? 0 : ms) << RANDOM_BITS) | random_bits();
    pthread_mutex_lock(&lock);
    bool same_ms = last >> RANDOM_BITS >= fresh >> RANDOM_BITS;
    last = same_ms && owner == getpid() ? last + 1 : fresh;
    owner = getpid();
    uint64_t value = last;
    pthread_mutex_unlock(&lock);
    return value;
}

static int value_of(char c) {
    const char *at = strchr(alphabet, c);
    return at ? (int)(at - alphabet) : 0;
}

/* The next millisecond, and random bits of its own: ids that follow each other by one look alike to people. */
void hal9_id_follow(const char *newest) {
    uint64_t ms = 0;
    if (!hal9_id_valid(newest))
        return;
    for (int i = 0; i < TIME_CHARS; i++)
        ms = ms << 5 | (uint64_t)value_of(newest[i]);
    if (ms >= LAST_MS)
        return; /* no clock has ever said so: nothing could come after it */
    uint64_t floor = (ms + 1) << RANDOM_BITS | (random_bits() & RANDOM_MASK >> 1);
    pthread_mutex_lock(&lock);
    if ((uint64_t)(hal9_now_ms() < 0 ? 0 : hal9_now_ms()) <= ms && last < floor) {
        last = floor;
        owner = getpid();
    }
    pthread_mutex_unlock(&lock);
}

void hal9_id_new(char ret[HAL9_ID_LEN + 1]) {
    uint64_t value = next();
    for (int i = HAL9_ID_LEN - 1; i >= 0; i--, value >>= 5)
        ret[i] = alphabet[value & 31];
    ret[HAL9_ID_LEN] = '\0';
}

bool hal9_id_valid(const char *s) {
    /* by a table: lists of a million names are checked with this */
    static const bool good[256] = {
        ['0'] = true, ['1'] = true, ['2'] = true, ['3'] = true, ['4'] = true, ['5'] = true,
        ['6'] = true, ['7'] = true, ['8'] = true, ['9'] = true, ['a'] = true, ['b'] = true,
        ['c'] = true, ['d'] = true, ['e'] = true, ['f'] = true, ['g'] = true, ['h'] = true,
        ['j'] = true, ['k'] = true, ['m'] = true, ['n'] = true, ['p'] = true, ['q'] = true,
        ['r'] = true, ['s'] = true, ['t'] = true, ['v'] = true, ['w'] = true, ['x'] = true,
        ['y'] = true, ['z'] = true,
    };
    size_t n = 0;
    while (s && good[(unsigned char)s[n]])
        n++;
    return n == HAL9_ID_LEN && s[n] == '\0';
}
