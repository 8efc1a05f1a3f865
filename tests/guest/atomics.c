/* LOCK at every alignment, across cache lines and pages, by threads and by processes with shared memory. Sums come out exactly. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 3, ROUNDS = 100 };
static uint8_t *area; /* three pages */
static pthread_barrier_t barrier;

/* Where operands lie: aligned, misaligned in a word, across 8, 16, 64 bytes, across a page. */
static const int places[] = { 0, 1, 2, 3, 5, 6, 7, 13, 14, 15, 61, 62, 63, 4093, 4094, 4095 };
enum { PLACES = sizeof places / sizeof *places };
static uint8_t *place(int i) { return area + (places[i] > 4000 ? places[i] : 256 * i + places[i]); }

#define OP(text, ...) asm volatile(text ::__VA_ARGS__ : "memory", "cc")

static void add_all(void *at)
{
    OP("lock addl $1, (%0)", "r"(at));
    OP("lock incl (%0)", "r"(at));
    OP("lock subl $-3, (%0)", "r"(at));
    OP("lock decl (%0)", "r"(at));
    uint32_t one = 1;
    asm volatile("lock xaddl %0, (%1)" : "+r"(one) : "r"(at) : "memory", "cc");
    uint32_t old = *(volatile uint32_t *)at, new;
    do {
        new = old + 5;
        asm volatile("lock cmpxchgl %2, (%1)" : "+a"(old) : "r"(at), "r"(new) : "memory", "cc");
    } while (old + 5 != new);
    /* Carry in, no carry out. */
    OP("stc; lock adcl $0, (%0)", "r"(at));
    OP("stc; lock sbbl $-2, (%0)", "r"(at));
}
enum { SUM = 1 + 1 + 3 - 1 + 1 + 5 + 1 + 1 };

static void add64(void *at)
{
    uint32_t low = *(volatile uint32_t *)at, high = ((volatile uint32_t *)at)[1], was_low, was_high;
    do {
        was_low = low, was_high = high;
        uint64_t new = ((uint64_t)high << 32 | low) + 0x100000001ull;
        asm volatile("lock cmpxchg8b (%2)" : "+a"(low), "+d"(high) : "D"(at), "b"((uint32_t)new), "c"((uint32_t)(new >> 32)) : "memory", "cc");
    } while (low != was_low || high != was_high);
}

/* Each worker has a bit of its own, flipped back and forth; the others must not disturb it. */
static int bits(void *at, int mine)
{
    int wrong = 0;
    uint8_t before;
    asm volatile("lock btsl %2, (%1); setc %0" : "=q"(before) : "r"(at), "r"(mine) : "memory", "cc");
    wrong += before != 0;
    asm volatile("lock btcl %2, (%1); setc %0" : "=q"(before) : "r"(at), "r"(mine) : "memory", "cc");
    wrong += before != 1;
    OP("lock orl %1, (%0)", "r"(at), "r"(1 << mine));
    asm volatile("lock btrl %2, (%1); setc %0" : "=q"(before) : "r"(at), "r"(mine) : "memory", "cc");
    wrong += before != 1;
    OP("lock xorl %1, (%0)", "r"(at), "r"(1 << mine));
    OP("lock andl %1, (%0)", "r"(at), "r"(~(1 << mine)));
    return wrong;
}

static void *worker(void *arg)
{
    long id = (long)arg, wrong = 0;
    pthread_barrier_wait(&barrier);
    for (int n = 0; n < ROUNDS; n++)
        for (int i = 0; i < PLACES; i++) add_all(place(i));
    pthread_barrier_wait(&barrier);
    if (id == 0) {
        for (int i = 0; i < PLACES; i++) {
            uint32_t sum = *(volatile uint32_t *)place(i);
            if (i < 13 || i == 13) printf("%d: %u%s\n", places[i], sum, sum == THREADS * ROUNDS * SUM ? "" : " expected: other");
            if (i < 13) memset(place(i), 0, 8);
        }
        memset(area + 4080, 0, 32);
    }
    pthread_barrier_wait(&barrier);
    for (int n = 0; n < ROUNDS; n++)
        for (int i = 0; i < PLACES; i++) {
            if (i < 14) add64(place(i));
        }
    pthread_barrier_wait(&barrier);
    if (id == 0)
        for (int i = 0; i < 14; i++) printf("%d: %llx\n", places[i], *(unsigned long long *)place(i)), memset(place(i), 0, 8);
    pthread_barrier_wait(&barrier);
    for (int n = 0; n < ROUNDS; n++)
        for (int i = 0; i < 14; i++) wrong += bits(place(i), id * 9);
    /* A lock of XCHG around a plain counter. */
    for (int n = 0; n < ROUNDS; n++) {
        for (;;) {
            uint32_t taken = 1;
            asm volatile("xchgl %0, (%1)" : "+r"(taken) : "r"(area + 8192 + 62) : "memory");
            if (!taken) break;
            asm volatile("pause");
        }
        ++*(volatile uint32_t *)(area + 8192 + 128);
        *(volatile uint32_t *)(area + 8192 + 62) = 0;
    }
    return (void *)wrong;
}

static void flags(void)
{
    uint32_t word[4] = { 0 };
    for (int at = 0; at < 6; at++) {
        static const uint32_t values[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x10 };
        for (unsigned v = 0; v < 6; v++) {
            uint32_t f[6], *p = (uint32_t *)((char *)word + at), old;
            *p = values[v];
            asm volatile("lock addl $1, (%1); pushfl; popl %0" : "=r"(f[0]) : "r"(p) : "memory", "cc");
            asm volatile("lock subl $0x10, (%1); pushfl; popl %0" : "=r"(f[1]) : "r"(p) : "memory", "cc");
            asm volatile("lock negl (%1); pushfl; popl %0" : "=r"(f[2]) : "r"(p) : "memory", "cc");
            asm volatile("stc; lock notl (%1); pushfl; popl %0" : "=r"(f[3]) : "r"(p) : "memory", "cc");
            old = 5;
            asm volatile("lock xaddl %2, (%1); pushfl; popl %0" : "=r"(f[4]) : "r"(p), "r"(old) : "memory", "cc");
            asm volatile("movl $7, %%eax; lock cmpxchgl %%ecx, (%1); pushfl; popl %0" : "=r"(f[5]) : "r"(p), "c"(9) : "eax", "memory", "cc");
            printf("%d %x: %x", at, values[v], *p);
            for (int i = 0; i < 6; i++) printf(" %x", f[i] & 0x8d5);
            printf("\n");
        }
    }
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    area = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    flags();
    pthread_t t[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (long i = 0; i < THREADS; i++) pthread_create(&t[i], NULL, worker, (void *)i);
    long wrong = 0;
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(t[i], &result);
        wrong += (long)result;
    }
    printf("bits lost %ld, under the lock %u\n", wrong, *(uint32_t *)(area + 8192 + 128));
    area = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 2; i++)
        if (fork() == 0) {
            for (int n = 0; n < 3 * ROUNDS; n++)
                for (int p = 0; p < 7; p++) add_all(place(p));
            for (int n = 0; n < 3 * ROUNDS; n++) add64(area + 8192);
            _exit(0);
        }
    wait(NULL), wait(NULL);
    for (int p = 0; p < 7; p++) printf("processes, %d: %u\n", places[p], *(uint32_t *)place(p));
    printf("processes: %llx\n", *(unsigned long long *)(area + 8192));
    return 0;
}
