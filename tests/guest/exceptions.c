/* What programs see of the CPU's exceptions: SIGFPE of divisions and of unmasked x87 exceptions, the six x87 flags and C1,
 * the MXCSR flags, and the selectors of the flat segments. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

static sigjmp_buf back;
static volatile int signo, code, trapno;
static volatile unsigned at_fault, reported;

static void handler(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    signo = sig;
    code = info->si_code;
    reported = (unsigned)(uintptr_t)info->si_addr;
    at_fault = (unsigned)uc->uc_mcontext.gregs[REG_EIP];
    trapno = uc->uc_mcontext.gregs[REG_TRAPNO];
    __asm__ volatile("fnclex");
    siglongjmp(back, 1);
}

static void show(const char *what)
{
    if (signo)
        printf("%s: signal %d code %d trap %d, address is the instruction: %d\n", what, signo, code, trapno, reported == at_fault);
    else
        printf("%s: no signal\n", what);
}

#define TRY(what, ...) do { signo = 0; if (!sigsetjmp(back, 1)) { __VA_ARGS__; } __asm__ volatile("fninit"); show(what); } while (0)

static void divide(uint32_t high, uint32_t low, uint32_t by)
{
    __asm__ volatile("divl %2" : "+d"(high), "+a"(low) : "r"(by) : "cc");
}
static void divide_signed(uint32_t high, uint32_t low, uint32_t by)
{
    __asm__ volatile("idivl %2" : "+d"(high), "+a"(low) : "r"(by) : "cc");
}
static void divide16(uint16_t high, uint16_t low, uint16_t by)
{
    __asm__ volatile("divw %2" : "+d"(high), "+a"(low) : "r"(by) : "cc");
}
static void divide8(uint16_t value, uint8_t by)
{
    __asm__ volatile("divb %1" : "+a"(value) : "q"(by) : "cc");
}

/* An x87 instruction with everything masked: the exception flags and C1; unmasked: the signal at the next WAIT. */
#define X87(what, load, op) do { \
    uint16_t sw; \
    __asm__ volatile("fninit\n\t" load op "\n\tfnstsw %0\n\tfninit" : "=m"(sw) : "c"(&values) : "memory"); \
    printf("%s: IE %d DE %d ZE %d OE %d UE %d PE %d SF %d C1 %d\n", what, sw & 1, sw >> 1 & 1, sw >> 2 & 1, sw >> 3 & 1, \
           sw >> 4 & 1, sw >> 5 & 1, sw >> 6 & 1, sw >> 9 & 1); \
    static const uint16_t unmasked = 0x340; \
    TRY(what " unmasked", __asm__ volatile("fninit\n\t" load "fnclex\n\tfldcw %0\n\t" op "\n\tfwait" : : "m"(unmasked), "c"(&values) : "memory")); \
} while (0)

/* At ECX: a denormal, a large number, a signalling NaN, the least normal number; the largest and the least normal of 80
 * bits; room for a float. */
static struct {
    uint64_t denormal, huge, nan, tiny, largest[2], smallest[2];
    float room;
} values = { 1, 0x7fe0000000000000, 0x7ff0000000000001, 0x0010000000000000, { ~0ull, 0x7ffe }, { 1ull << 63, 1 }, 0 };
#define DENORMAL "fldl (%%ecx)"
#define HUGE "fldl 8(%%ecx)\n\t"
#define SIGNALLING "fldl 16(%%ecx)"
#define TINY "fldl 24(%%ecx)\n\t"
#define LARGEST "fldt 32(%%ecx)\n\t"
#define SMALLEST "fldt 48(%%ecx)\n\t"
#define ROOM "fsts 64(%%ecx)"

static void x87(void)
{
    X87("fdiv by zero", "fldz\n\tfld1\n\t", "fdivp %%st, %%st(1)");
    X87("0 / 0", "fldz\n\tfldz\n\t", "fdivp %%st, %%st(1)");
    X87("1 / 3", "fld1\n\tfld1\n\tfld1\n\tfaddp\n\tfld1\n\tfaddp\n\tfld1\n\t", "fdivp %%st, %%st(1)");
    X87("largest * largest", LARGEST LARGEST, "fmulp");
    X87("smallest * smallest", SMALLEST SMALLEST, "fmulp");
    X87("denormal operand", "", DENORMAL);
    X87("signalling NaN", "", SIGNALLING);
    X87("empty register", "", "fadd %%st(1), %%st");
    X87("stack overflow", "fld1\n\tfld1\n\tfld1\n\tfld1\n\tfld1\n\tfld1\n\tfld1\n\tfld1\n\t", "fld1");
    X87("store too large", HUGE, ROOM);
    X87("store too small", TINY, ROOM);
    X87("square root of -1", "fld1\n\tfchs\n\t", "fsqrt");
}

/* An SSE2 operation with everything masked: the flags in MXCSR. */
#define SSE(what, op, a, b) do { \
    uint32_t mxcsr = 0x1f80; \
    double x = (a), y = (b); \
    __asm__ volatile("ldmxcsr %0\n\tmovsd %1, %%xmm0\n\t" op " %2, %%xmm0\n\tstmxcsr %0" : "+m"(mxcsr) : "m"(x), "m"(y)); \
    printf("%s: MXCSR IE %d ZE %d OE %d UE %d PE %d\n", what, mxcsr & 1, mxcsr >> 2 & 1, mxcsr >> 3 & 1, mxcsr >> 4 & 1, mxcsr >> 5 & 1); \
} while (0)

static void sse(void)
{
    SSE("divsd by zero", "divsd", 1.0, 0.0);
    SSE("divsd 0 / 0", "divsd", 0.0, 0.0);
    SSE("divsd 1 / 3", "divsd", 1.0, 3.0);
    SSE("divsd 6 / 3", "divsd", 6.0, 3.0);
    SSE("mulsd overflow", "mulsd", 1e300, 1e300);
    SSE("mulsd underflow", "mulsd", 1e-300, 1e-300);
    SSE("addsd exact", "addsd", 1.0, 2.0);
    SSE("sqrtsd of -1", "sqrtsd", 0.0, -1.0);
    SSE("ucomisd of NaN", "ucomisd", 1.0, __builtin_nan(""));
    SSE("comisd of NaN", "comisd", 1.0, __builtin_nan(""));
}

int main(void)
{
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    uint16_t cs, ds, es, ss;
    sigaction(SIGFPE, &action, NULL);
    __asm__("mov %%cs, %0\n\tmov %%ds, %1\n\tmov %%es, %2\n\tmov %%ss, %3" : "=r"(cs), "=r"(ds), "=r"(es), "=r"(ss));
    printf("cs %x ds %x es %x ss %x\n", cs, ds, es, ss);
    TRY("div by zero", divide(0, 1, 0));
    TRY("div overflow", divide(1, 0, 1));
    TRY("div fits", divide(1, 0, 2));
    TRY("idiv by zero", divide_signed(0, 1, 0));
    TRY("idiv of the least", divide_signed(0xffffffff, 0x80000000, 0xffffffff));
    TRY("div word overflow", divide16(2, 0, 2));
    TRY("div byte overflow", divide8(0x200, 2));
    TRY("div byte by zero", divide8(1, 0));
    x87();
    sse();
    return 0;
}
