/* FIP, FDP and FOP: what FNSTENV, FNSAVE, FXSAVE and signal frames tell of the latest x87 instruction. The program knows what to
 * expect from its own labels. CPUs of one vendor keep FDP and FOP of every instruction but store them in FXSAVE images and in
 * frames only while an exception is pending; what only the others do is checked where CPUID says so. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

struct env { uint32_t cw, sw, tags, fip, fcs_fop, fdp, fds; };
struct save { struct env env; uint8_t st[80]; };
struct fx { uint16_t cw, sw; uint8_t tags, none; uint16_t fop; uint32_t fip, fcs, fdp, fds; uint8_t rest[488]; };

static double number = 1.5;
static float zero;
static uint16_t masked = 0x37f, unmasked = 0x340;
static char *unmapped;
static int announced;
static struct env env;
static struct save save;
static struct fx fx __attribute__((aligned(16)));

/* `always`: on every CPU. */
static void check(const char *what, uint32_t got, uint32_t expect, int always)
{
    if (got == expect || !(always || announced)) printf("%s: as expected\n", what);
    else printf("%s: %x, not %x\n", what, got, expect);
}

/* The address of a label into an operand, wherever the code is. */
#define AT(label, to) "call 9f\n 9: popl %%eax\n addl $" label "-9b, %%eax\n movl %%eax, " to "\n "
/* The instruction at label 1 is the one to be found. */
#define RUN(text) ({ uint32_t at; asm volatile("fninit\n" text "\n " AT("1b", "%0") "\n fnstenv %1\n fninit" \
                     : "=r"(at), "=m"(env) : "m"(number), "m"(zero), "m"(masked), "m"(unmasked) : "memory", "cc", "eax"); at; })

__attribute__((noinline)) static void store(struct env *e) { asm volatile("fnstenv %0" : "=m"(*e)); }
__attribute__((noinline)) static uint32_t one(void) { uint32_t at; asm volatile("1: fld1\n " AT("1b", "%0") "" : "=r"(at) :: "eax"); return at; }
__attribute__((noinline)) static uint32_t two(void) { uint32_t at; asm volatile("fldpi\n 1: fstp %%st(0)\n " AT("1b", "%0") "" : "=r"(at) :: "eax"); return at; }
__attribute__((noinline)) static uint32_t sine(void) { uint32_t at; asm volatile("fldpi\n 1: fsin\n " AT("1b", "%0") "\n" : "=r"(at) :: "eax"); return at; }
/* A loop that is left with the instruction of its first or of its second half done last. */
__attribute__((noinline)) static uint32_t half(int rounds)
{
    uint32_t at;
    asm volatile("" AT("1f", "%0") "\n 0: decl %1\n js 3f\n 1: fchs\n " AT("1b", "%0") "\n decl %1\n js 3f\n 2: fabs\n " AT("2b", "%0") "\n jmp 0b\n 3:" : "=&r"(at), "+r"(rounds) :: "cc", "eax");
    return at;
}

/* The opcode as FOP has it. */
static uint32_t opcode(uint32_t at) { return (*(uint8_t *)at & 7) << 8 | ((uint8_t *)at)[1]; }

static void stored(void)
{
    uint32_t found, at;
    asm volatile("fninit\n 1: fldz\n fnstenv -12(%%esp)\n popl %0\n movl %0, %%edx\n " AT("1b", "%0") " subl %%edx, %0\n fninit" : "=r"(found) :: "memory", "cc", "eax", "edx");
    check("fldz, fnstenv, pop", found, 0, 1);
#define IS(text) at = RUN("fld1\n 1: " text); check(text, env.fip, at, 1)
#define IS_NOT(text) at = RUN("fldz\n 1: fld1\n nop\n " text); check(text, env.fip, at, 1)
    IS("fld1"); IS("fnop"); IS("ffree %%st(3)"); IS("fincstp"); IS("fdecstp"); IS("fldl %2"); IS("fxch"); IS("fchs"); IS("fxam");
    IS("fcomi %%st(0)"); IS("fcmovb %%st(0), %%st"); IS("fsin"); IS("f2xm1"); IS("fprem"); IS("frndint"); IS("fstps -16(%%esp)");
    IS("fistpl -16(%%esp)"); IS("fbstp -16(%%esp)"); IS("fstpt -16(%%esp)"); IS("fdivs %3"); IS("ds fldl %2"); IS("ftst"); IS("faddp");
    IS_NOT("fldcw %4"); IS_NOT("fwait"); IS_NOT("fnstsw %%ax"); IS_NOT("fnstcw -16(%%esp)"); IS_NOT("fnclex"); IS_NOT("movd %%eax, %%mm0");
    IS_NOT("paddb %%mm1, %%mm0; emms"); IS_NOT("fnstenv -64(%%esp)"); IS_NOT("sqrtss %%xmm0, %%xmm0");
    asm volatile("fninit\n 1: fld1\n " AT("1b", "%0") "\n fnsave %1" : "=r"(at), "=m"(save) :: "eax");
    check("fnsave", save.env.fip, at, 1);
    store(&env);
    check("after fnsave", env.fip, 0, 1);
    asm volatile("frstor %0" :: "m"(save));
    store(&env);
    check("frstor", env.fip, at, 1);
    asm volatile("fninit\n 1: fld1\n " AT("1b", "%0") "\n fxsave %1\n fninit" : "=r"(at), "=m"(fx) :: "eax");
    check("fxsave", fx.fip, at, 0);
    check("fxsave fcs", fx.fcs & 0xffff, 0, 0);
    asm volatile("fld1\n fxrstor %0" :: "m"(fx));
    store(&env);
    check("fxrstor", env.fip, at, 0);
    check("opcode", env.fcs_fop >> 16, 0, 0);
    check("selectors", env.fcs_fop & 0xffff | env.fds << 16, 0, 0);
    asm volatile("fninit");
}

static void elsewhere(void)
{
    int wrong = 0;
    for (int i = 0; i < 200; i++) {
        uint32_t at = i % 3 == 0 ? one() : i % 3 == 1 ? two() : sine();
        store(&env);
        wrong += env.fip != at;
        asm volatile("fninit");
    }
    check("other code", wrong, 0, 1);
    for (int i = 0; i < 200; i++) {
        asm volatile("fld1");
        uint32_t at = half(1 + i % 7);
        store(&env);
        wrong += env.fip != at;
        asm volatile("fninit");
    }
    check("loops", wrong, 0, 1);
}

static sigjmp_buf done;
static struct env in_frame;
static struct fx image;

static void handler(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    printf("%s %d\n", sig == SIGFPE ? "SIGFPE" : "SIGSEGV", info->si_code);
    memcpy(&in_frame, uc->uc_mcontext.fpregs, sizeof in_frame);
    memcpy(&image, (char *)uc->uc_mcontext.fpregs + 112, sizeof image);
    siglongjmp(done, 1);
}

/* Runs `text` up to its exception; label 1 is the instruction that is to be found. */
#define RAISES(text, ...) ({ static uint32_t at; if (!sigsetjmp(done, 1)) \
    asm volatile("fninit\n fldcw %5\n " AT("1f", "%0") "\n" text "\n fwait" \
                 : "=m"(at), "=m"(env) : "m"(number), "m"(zero), "m"(masked), "m"(unmasked), "r"(unmapped) : "memory", "cc", "eax"); \
    asm volatile("fninit"); at; })

/* The same, and what is found of it. */
#define FOUND(name, text) do { uint32_t label = RAISES(text); check(name, image.fip, label, 1); \
    check(name ", opcode", image.fop, opcode(label), 1); } while (0)

static void raised(void)
{
    for (int round = 0; round < 12; round++) {
        uint32_t at = RAISES("fld1\n 1: fdivs %3\n nop\n fnstsw %%ax\n");
        check("fdivs", image.fip, at, 1);
        check("fdivs, operand", image.fdp, (uint32_t)&zero, 1);
        check("fdivs, opcode", image.fop, opcode(at), 1);
        check("fdivs, other form", in_frame.fip, at, 1);
        FOUND("fdiv", "fldz\n fld1\n 1: fdiv %%st(1), %%st\n");
        FOUND("fsqrt", "fldz\n fchs\n fld1\n fchs\n 1: fsqrt\n");
        FOUND("fsin", "1: fsin\n");
        FOUND("fbstp", "1: fbstp -16(%%esp)\n");
        FOUND("fistps", "1: fistps -16(%%esp)\n");
        /* A memory fault behind an x87 instruction, and of one. */
        at = RAISES("fld1\n 1: fchs\n movl (%6), %%eax\n");
        check("fault", image.fip, at, 0);
        at = RAISES("fld1\n 1: fabs\n fldl (%6)\n");
        check("fault of fldl", image.fip, at, 0);
        at = RAISES("fld1\n 1: fld1\n nop\n fstpl (%6)\n");
        check("fault of fstpl", image.fip, at, 0);
        at = RAISES("1: fld1\n nop\n fldcw %4\n fsin\n fldpi\n jmp 2f\n 2: " AT("3f", "%0") " 3: fcos\n movb %%al, (%6)\n");
        check("fault of a byte", image.fip, at, 0);
    }
    struct env pending;
    uint32_t at;
    asm volatile("fninit\n fldcw %3\n fld1\n 1: fdivs %2\n " AT("1b", "%0") "\n nop\n fnstenv %1\n fnclex\n fninit"
                 : "=r"(at), "=m"(pending) : "m"(zero), "m"(unmasked) : "eax");
    check("pending", pending.fip, at, 1);
    check("pending, operand", pending.fdp, (uint32_t)&zero, 1);
    check("pending, opcode", pending.fcs_fop >> 16, opcode(at), 1);
    /* They stay when the exception is gone; FIP goes on. */
    uint32_t fdivs = opcode(at);
    asm volatile("fninit\n fldcw %3\n fld1\n fdivs %2\n fnclex\n 1: fld1\n fldcw %4\n " AT("1b", "%0") "\n fnstenv %1\n fninit"
                 : "=r"(at), "=m"(pending) : "m"(zero), "m"(unmasked), "m"(masked) : "eax");
    check("later", pending.fip, at, 1);
    check("later, operand", pending.fdp, (uint32_t)&zero, 1);
    check("later, opcode", pending.fcs_fop >> 16, fdivs, 0);
    /* Masked exceptions change neither. */
    asm volatile("fninit\n fld1\n 1: fdivs %2\n " AT("1b", "%0") "\n fnstenv %1\n fninit" : "=r"(at), "=m"(pending) : "m"(zero) : "eax");
    check("masked, operand", pending.fdp, 0, 0);
    check("masked, opcode", pending.fcs_fop >> 16, 0, 0);
}

int main(void)
{
    uint32_t a = 7, b, c = 0, d;
    asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    announced = b >> 6 & b >> 13 & 1;
    unmapped = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    sigaction(SIGFPE, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    stored();
    elsewhere();
    raised();
    return 0;
}
