/* Litmus tests of x86-TSO (Owens, Sarkar, Sewell; SDM vol. 3, 9.2): threads race over a few words many times. For each
 * test the outcomes that TSO forbids are listed, and how many of them were seen is printed: none may be. With -v all
 * outcomes are counted, the allowed ones too. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

/* Where threads wait long for each other, because a machine is emulated or busy, a test ends after some seconds, but not
 * before it has raced FEWEST times. */
enum { ROUNDS = 6400, FEWEST = 640, SECONDS = 5, CELLS = 64, LOCKS = 3000 };

/* Each round has locations of its own, on lines of their own. */
struct cell {
    volatile uint32_t x __attribute__((aligned(64)));
    volatile uint32_t y __attribute__((aligned(64)));
    volatile uint64_t wide __attribute__((aligned(64)));
    volatile uint32_t r[4] __attribute__((aligned(64)));
};
static struct cell cells[CELLS];
static volatile int arrived[CELLS + 1];

#define FENCE() __asm__ volatile("mfence" : : : "memory")
#define LOCKED() __asm__ volatile("lock addl $0, (%%esp)" : : : "memory", "cc")
#define XCHG(p, v) ({ uint32_t old = (v); __asm__ volatile("xchgl %0, %1" : "+r"(old), "+m"(p) : : "memory"); old; })

typedef void body(struct cell *c);
struct test {
    const char *name;
    body *threads[4];
    /* Forbidden values of r[0] to r[3], as decimal digits; 9: any. */
    const char *forbidden[3];
};

static void store_load_x(struct cell *c) { c->x = 1; c->r[0] = c->y; }
static void store_load_y(struct cell *c) { c->y = 1; c->r[1] = c->x; }
static void fenced_x(struct cell *c) { c->x = 1; FENCE(); c->r[0] = c->y; }
static void fenced_y(struct cell *c) { c->y = 1; FENCE(); c->r[1] = c->x; }
static void locked_x(struct cell *c) { c->x = 1; LOCKED(); c->r[0] = c->y; }
static void locked_y(struct cell *c) { c->y = 1; LOCKED(); c->r[1] = c->x; }
static void xchg_x(struct cell *c) { XCHG(c->x, 1); c->r[0] = c->y; }
static void xchg_y(struct cell *c) { XCHG(c->y, 1); c->r[1] = c->x; }
static void store_both(struct cell *c) { c->x = 1; c->y = 1; }
static void load_both(struct cell *c) { c->r[0] = c->y; c->r[1] = c->x; }
static void load_both_rep(struct cell *c)
{
    uint32_t got[2];
    const volatile uint32_t *from = &c->y;
    void *to = got;
    unsigned long n = 1;
    __asm__ volatile("rep movsl" : "+S"(from), "+D"(to), "+c"(n) : : "memory");
    from = &c->x;
    n = 1;
    __asm__ volatile("rep movsl" : "+S"(from), "+D"(to), "+c"(n) : : "memory");
    c->r[0] = got[0];
    c->r[1] = got[1];
}
static void store_both_sse(struct cell *c)
{
    static const uint32_t one[4] = { 1, 0, 0, 0 };
    __asm__ volatile("movd %0, %%xmm0\n\tmovd %%xmm0, %1\n\tmovd %%xmm0, %2" : : "m"(one), "m"(c->x), "m"(c->y) : "memory");
}
static void load_store_x(struct cell *c) { c->r[0] = c->x; c->y = 1; }
static void load_store_y(struct cell *c) { c->r[1] = c->y; c->x = 1; }
static void just_x(struct cell *c) { c->x = 1; }
static void just_y(struct cell *c) { c->y = 1; }
static void read_xy(struct cell *c) { c->r[0] = c->x; c->r[1] = c->y; }
static void read_yx(struct cell *c) { c->r[2] = c->y; c->r[3] = c->x; }
static void forward(struct cell *c) { c->r[0] = c->x; c->y = c->r[0]; }
static void observe(struct cell *c) { c->r[1] = c->y; c->r[2] = c->x; }
static void two_x(struct cell *c) { c->x = 1; c->y = 2; }
static void two_y(struct cell *c) { c->y = 1; c->x = 2; }
static void same_twice(struct cell *c) { c->r[0] = c->x; c->r[1] = c->x; }

/* Without -msse the compiler itself has no use for XMM registers. */
static const struct test tests[] = {
    { "SB", { store_load_x, store_load_y }, { 0 } },
    { "SB+mfence", { fenced_x, fenced_y }, { "0099" } },
    { "SB+lock", { locked_x, locked_y }, { "0099" } },
    { "SB+xchg", { xchg_x, xchg_y }, { "0099" } },
    { "MP", { store_both, load_both }, { "1099" } },
    { "MP+rep", { store_both, load_both_rep }, { "1099" } },
    { "MP+sse", { store_both_sse, load_both }, { "1099" } },
    { "LB", { load_store_x, load_store_y }, { "1199" } },
    { "IRIW", { just_x, just_y, read_xy, read_yx }, { "1010" } },
    { "WRC", { just_x, forward, observe }, { "1109" } },
    { "CoRR", { just_x, same_twice }, { "1099" } },
    { "2+2W", { two_x, two_y }, { 0 } },
};
static const struct test *current;
static volatile int enough;
static time_t started;

static time_t seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* All threads of a test, together. */
static void meet(volatile int *count, int threads)
{
    __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);
    for (int spins = 0; *count < threads; spins++)
        if (spins > 1000)
            sched_yield();
}

static int threads_of(const struct test *t)
{
    int n = 0;
    while (n < 4 && t->threads[n])
        n++;
    return n;
}

static unsigned long seen[10000], wrong;

static void judge(struct cell *c)
{
    char digits[5] = { '0' + c->r[0] % 10, '0' + c->r[1] % 10, '0' + c->r[2] % 10, '0' + c->r[3] % 10, 0 };
    seen[(digits[0] - '0') * 1000 + (digits[1] - '0') * 100 + (digits[2] - '0') * 10 + digits[3] - '0']++;
    for (int i = 0; i < 3 && current->forbidden[i]; i++) {
        int same = 1;
        for (int k = 0; k < 4; k++)
            same &= current->forbidden[i][k] == '9' || current->forbidden[i][k] == digits[k];
        wrong += same;
    }
    /* 2+2W: x = 1 and y = 1 at the end would need both second stores to come first. */
    if (current->threads[0] == two_x && c->x == 1 && c->y == 1)
        wrong++;
}

static void *worker(void *arg)
{
    int id = (int)(long)arg, threads = threads_of(current);
    for (int batch = 0; batch < ROUNDS / CELLS; batch++) {
        meet(&arrived[CELLS], threads * (2 * batch + 1));
        if (enough)
            break;
        for (int i = 0; i < CELLS; i++) {
            meet(&arrived[i], threads);
            current->threads[id](&cells[i]);
        }
        meet(&arrived[CELLS], threads * (2 * batch + 2));
        if (id)
            continue;
        for (int i = 0; i < CELLS; i++)
            judge(&cells[i]);
        memset((void *)cells, 0, sizeof cells);
        memset((void *)arrived, 0, sizeof arrived[0] * CELLS);
        enough = batch >= FEWEST / CELLS && seconds() - started > SECONDS;
    }
    return NULL;
}

static void litmus(const struct test *t, int verbose)
{
    pthread_t threads[4];
    current = t;
    wrong = enough = 0;
    started = seconds();
    memset(seen, 0, sizeof seen);
    memset((void *)cells, 0, sizeof cells);
    memset((void *)arrived, 0, sizeof arrived);
    for (long i = 0; i < threads_of(t); i++)
        pthread_create(&threads[i], NULL, worker, (void *)i);
    for (int i = 0; i < threads_of(t); i++)
        pthread_join(threads[i], NULL);
    printf("%s: forbidden outcomes seen %lu\n", t->name, wrong);
    for (int i = 0; verbose && i < 10000; i++)
        if (seen[i])
            printf("  %04d %lu\n", i, seen[i]);
}

/* Locked instructions at an address that both threads use; operands may cross lines and pages. */
static char *place;
static volatile int start;

static void *count_up(void *arg)
{
    volatile uint32_t *word = (volatile uint32_t *)place;
    (void)arg;
    meet(&start, 2);
    for (int i = 0; i < LOCKS; i++) {
        __asm__ volatile("lock incl %0" : "+m"(*word) : : "cc");
        uint32_t one = 1;
        __asm__ volatile("lock xaddl %0, %1" : "+r"(one), "+m"(*word) : : "cc");
        uint32_t old, new;
        do {
            old = *word;
            new = old + 1;
            __asm__ volatile("lock cmpxchgl %2, %1" : "+a"(old), "+m"(*word) : "r"(new) : "cc");
        } while (old != new - 1);
    }
    return NULL;
}

static void *count_wide(void *arg)
{
    volatile uint64_t *wide = (volatile uint64_t *)place;
    (void)arg;
    meet(&start, 2);
    for (int i = 0; i < LOCKS; i++) {
        uint64_t old = *wide;
        for (;;) {
            uint64_t new = old + 0x100000001ull;
            char done;
            __asm__ volatile("lock cmpxchg8b %1\n\tsete %0"
                             : "=q"(done), "+m"(*wide), "+A"(old) : "b"((uint32_t)new), "c"((uint32_t)(new >> 32)) : "cc");
            if (done)
                break;
        }
    }
    return NULL;
}

/* One thread stores all zeros or all ones in eight bytes at once, the other must see nothing between. */
static volatile int torn, finished;

static void *store_wide(void *arg)
{
    static const uint64_t values[2] = { 0, ~0ull };
    (void)arg;
    for (int i = 0; i < 10 * LOCKS; i++)
        __asm__ volatile("movq %1, %%xmm0\n\tmovq %%xmm0, %0" : "=m"(*(uint64_t *)place) : "m"(values[i & 1]) : "memory");
    finished = 1;
    return NULL;
}

static void *load_wide(void *arg)
{
    (void)arg;
    while (!finished) {
        uint64_t got;
        __asm__ volatile("fildll %1\n\tfistpll %0" : "=m"(got) : "m"(*(uint64_t *)place) : "memory");
        torn += got != 0 && got != ~0ull;
        __asm__ volatile("movq %1, %%xmm0\n\tmovq %%xmm0, %0" : "=m"(got) : "m"(*(uint64_t *)place) : "memory");
        torn += got != 0 && got != ~0ull;
    }
    return NULL;
}

static void both(void *(*a)(void *), void *(*b)(void *))
{
    pthread_t threads[2];
    start = finished = 0;
    pthread_create(&threads[0], NULL, a, NULL);
    pthread_create(&threads[1], NULL, b, NULL);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
}

int main(int argc, char **argv)
{
    int verbose = argc > 1 && !strcmp(argv[1], "-v");
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        litmus(&tests[i], verbose);
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static const struct { const char *what; int at; } places[] = {
        { "aligned", 64 }, { "inside a line", 65 }, { "across lines", 126 }, { "across pages", 4094 },
    };
    for (int i = 0; i < 4; i++) {
        memset(pages, 0, 8192);
        place = pages + places[i].at;
        both(count_up, count_up);
        printf("lock inc, xadd, cmpxchg %s: %u of %u\n", places[i].what, *(uint32_t *)place, 6 * LOCKS);
        memset(pages, 0, 8192);
        place = pages + places[i].at - (i > 1 ? 3 : 0);
        both(count_wide, count_wide);
        printf("lock cmpxchg8b %s: %llx\n", places[i].what, (unsigned long long)*(uint64_t *)place);
    }
    memset(pages, 0, 8192);
    place = pages + 64;
    both(store_wide, load_wide);
    printf("eight bytes at once: torn %d\n", torn);
    return 0;
}
