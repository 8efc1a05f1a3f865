/* Signals at any time: in loops of every shape, in string instructions, in floating point, in system calls; handlers that
 * change registers, jump away, nest; stepping through handlers. What must arrive arrives, what must not change does not. */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

static volatile int ticks, looping;
static sigjmp_buf out;

static void timer(long usec)
{
    struct itimerval every = { { 0, usec }, { 0, usec } };
    setitimer(ITIMER_REAL, &every, NULL);
}

static void on(int sig, void *handler, int flags)
{
    struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };
    sigemptyset(&sa.sa_mask);
    sigaction(sig, &sa, NULL);
}

static void tick(int sig, siginfo_t *info, void *context) { ticks++; }
static void leave(int sig, siginfo_t *info, void *context) { ticks++; siglongjmp(out, 1); }

/* Ends an endless loop by changing a register; the loop looks at nothing else. */
static void change(int sig, siginfo_t *info, void *context)
{
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    if (looping && ++ticks >= 3) g[REG_ESI] = 1, looping = 0;
}

#define LOOP(name, text)                                                                                               \
    do {                                                                                                               \
        ticks = 0, looping = 1;                                                                                        \
        asm volatile("xorl %%esi, %%esi\n" text ::: "eax", "ecx", "edx", "ebx", "esi", "edi", "memory", "cc");          \
        printf("%s: %s\n", name, ticks >= 3 ? "left" : "early");                                                       \
    } while (0)

static void loops(void)
{
    static char buffer[65536];
    on(SIGALRM, change, SA_RESTART);
    timer(1000);
    LOOP("two instructions", "1: testl %%esi, %%esi; jz 1b");
    LOOP("one jump", "call 9f; 9: popl %%eax; addl $1f - 9b, %%eax; 1: testl %%esi, %%esi; jnz 2f; jmp *%%eax; 2:");
    LOOP("calls", "1: call 3f; testl %%esi, %%esi; jz 1b; jmp 4f; 3: ret; 4:");
    LOOP("indirect calls", "call 9f; 9: popl %%eax; addl $3f - 9b, %%eax; 1: call *%%eax; testl %%esi, %%esi; jz 1b; jmp 4f; 3: ret; 4:");
    LOOP("returns only", "1: testl %%esi, %%esi; jnz 2f; call 9f; 9: addl $1b - 9b, (%%esp); ret; 2:");
    LOOP("loop instruction", "1: movl $1000, %%ecx; 3: loop 3b; testl %%esi, %%esi; jz 1b");
    LOOP("x87", "1: fld1; fldpi; faddp; fsqrt; fstp %%st(0); testl %%esi, %%esi; jz 1b");
    LOOP("sse", "1: cvtsi2sd %%esi, %%xmm0; sqrtsd %%xmm0, %%xmm0; addsd %%xmm0, %%xmm1; testl %%esi, %%esi; jz 1b");
    LOOP("helpers", "1: xorl %%eax, %%eax; cpuid; testl %%esi, %%esi; jz 1b");
    LOOP("system calls", "1: movl $20, %%eax; int $0x80; testl %%esi, %%esi; jz 1b");
    LOOP("locks", "1: lock incl -64(%%esp); testl %%esi, %%esi; jz 1b");
    LOOP("misaligned locks", "1: lock incl -63(%%esp); testl %%esi, %%esi; jz 1b");
    LOOP("long way round", "1: testl %%esi, %%esi; jnz 2f; jmp 3f; .fill 5000, 1, 0x90; 3: jmp 1b; 2:");
    /* String instructions go on where they were. */
    timer(200);
    on(SIGALRM, tick, SA_RESTART);
    int bad = 0;
    for (ticks = 0; ticks < 20;) {
        memset(buffer, 1, sizeof buffer);
        uint32_t count = sizeof buffer - 1, from = (uint32_t)buffer, to = (uint32_t)buffer + 1;
        buffer[0] = 2;
        asm volatile("rep movsb" : "+c"(count), "+S"(from), "+D"(to) :: "memory");
        bad += count != 0 || to != (uint32_t)buffer + sizeof buffer || buffer[sizeof buffer - 1] != 2;
        count = sizeof buffer, to = (uint32_t)buffer;
        asm volatile("repne scasb" : "+c"(count), "+D"(to) : "a"(7) : "cc");
        bad += count != 0;
    }
    printf("string instructions: %d wrong\n", bad);
    /* Every register and flag, x87 and SSE through thousands of signals. */
    timer(100);
    unsigned a = 1, b = 2, c = 3, d = 5;
    double x = 1, sum = 0;
    for (ticks = 0; ticks < 300;)
        for (int i = 0; i < 1000; i++) {
            asm("addl %1, %0; adcl %2, %1; adcl %3, %2; adcl %0, %3" : "+r"(a), "+r"(b), "+r"(c), "+r"(d) :: "cc");
            asm("subl %3, %2; sbbl %2, %1; sbbl %1, %0" : "+r"(a), "+r"(b), "+r"(c), "+r"(d) :: "cc");
            x = x * 1.0000001 + 1e-9;
            sum += (i & 1 ? x : -x);
            if (i == 999) a = 1, b = 2, c = 3, d = 5, x = 1;
        }
    printf("registers: %u %u %u %u %g\n", a, b, c, d, x);
    timer(0);
}

static void jumping(void)
{
    on(SIGALRM, leave, SA_NODEFER);
    int rounds = 0;
    ticks = 0;
    while (rounds < 50) {
        if (!sigsetjmp(out, 1)) {
            struct itimerval once = { { 0, 0 }, { 0, 500 } };
            setitimer(ITIMER_REAL, &once, NULL);
            for (;;) { }
        }
        rounds++;
    }
    timer(0);
    printf("jumped out %d times, %s\n", rounds, ticks == rounds ? "each by one signal" : "by others");
    /* Out of the middle of faults, deep in calls. */
    on(SIGSEGV, leave, 0);
    volatile int depth = 0;
    for (rounds = 0; rounds < 300; rounds++)
        if (!sigsetjmp(out, 1)) *(volatile int *)(rounds * 8) = 1;
    printf("jumped out of %d faults\n", rounds);
}

static volatile uint32_t stepped;
static void count_steps(int sig, siginfo_t *info, void *context) { stepped++; }
static void set_tf(int sig, siginfo_t *info, void *context) { ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= 0x100; }
static void clear_tf(int sig, siginfo_t *info, void *context) { ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100; }

static void stepping(void)
{
    on(SIGTRAP, count_steps, 0);
    on(SIGUSR1, set_tf, 0);
    on(SIGUSR2, clear_tf, 0);
    stepped = 0;
    int pid = getpid();
    asm volatile("int $0x80; nop; nop; nop; movl $37, %%eax; movl $12, %%ecx; int $0x80" :: "a"(37), "b"(pid), "c"(SIGUSR1) : "memory");
    printf("steps between two signals: %u\n", stepped);
}

/* A fault in a handler for another, and back through both. */
static int depth;
static void nested(int sig, siginfo_t *info, void *context)
{
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    int mine = ++depth;
    if (depth < 5) asm volatile("movl $0, %%ecx; movl (%%ecx), %%eax" ::: "eax", "ecx");
    printf("level %d: eip at a load: %d\n", mine, *(unsigned char *)g[REG_EIP] == 0x8b);
    g[REG_EIP] += 2;
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    loops();
    jumping();
    stepping();
    on(SIGSEGV, nested, SA_NODEFER);
    asm volatile("movl $0, %%ecx; movl (%%ecx), %%eax" ::: "eax", "ecx");
    printf("done\n");
    return 0;
}
