/* SSE arithmetic with exceptions unmasked one by one, and with DAZ and FTZ apart: results, flags, SIGFPE and its code.
 *
 * One line an instruction and MXCSR, with a digest over all operands; with an argument, one line each. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

struct cell {
    uint32_t a[4], b[4], mxcsr, after, code, offset;
    uint32_t xmm[4];
    uint64_t mm;
    uint32_t ecx, eflags;
} __attribute__((aligned(16)));

struct op {
    const char *text;
    void (*run)(struct cell *);
    char *start, *end;
};

#define OPS(OP)                                                                                                        \
    OP(0, "addss %xmm1, %xmm0") OP(1, "addps %xmm1, %xmm0") OP(2, "subpd %xmm1, %xmm0") OP(3, "mulss %xmm1, %xmm0")     \
    OP(4, "mulpd %xmm1, %xmm0") OP(5, "divps %xmm1, %xmm0") OP(6, "divsd %xmm1, %xmm0") OP(7, "sqrtps %xmm1, %xmm0")    \
    OP(8, "minps %xmm1, %xmm0") OP(9, "maxsd %xmm1, %xmm0") OP(10, "cmpltps %xmm1, %xmm0")                              \
    OP(11, "cmpunordpd %xmm1, %xmm0") OP(12, "ucomiss %xmm1, %xmm0") OP(13, "comisd %xmm1, %xmm0")                      \
    OP(14, "cvtss2si %xmm1, %ecx") OP(15, "cvttsd2si %xmm1, %ecx") OP(16, "cvtps2dq %xmm1, %xmm0")                      \
    OP(17, "cvttpd2dq %xmm1, %xmm0") OP(18, "cvtpd2ps %xmm1, %xmm0") OP(19, "cvtss2sd %xmm1, %xmm0")                    \
    OP(20, "cvtsd2ss %xmm1, %xmm0") OP(21, "cvtdq2ps %xmm1, %xmm0") OP(22, "cvtsi2ss 16(%eax), %xmm0")                  \
    OP(23, "cvtps2pi %xmm1, %mm0") OP(24, "haddps %xmm1, %xmm0") OP(25, "addsubpd %xmm1, %xmm0")                        \
    OP(26, "roundps $4, %xmm1, %xmm0") OP(27, "roundsd $9, %xmm1, %xmm0") OP(28, "dpps $0x7f, %xmm1, %xmm0")            \
    OP(29, "divps 16(%eax), %xmm0") OP(30, "cvtps2pd %xmm1, %xmm0") OP(31, "cvtpi2ps 16(%eax), %xmm0")                  \
    OP(32, "dppd $0x33, %xmm1, %xmm0") OP(33, "rsqrtps %xmm1, %xmm0") OP(34, "cvtdq2pd %xmm1, %xmm0")

#define DEFINE(n, text)                                                                                                \
    asm(".text; run" #n ": movl 4(%esp), %eax; movups (%eax), %xmm0; movups 16(%eax), %xmm1; movl $0x12345678, %ecx;"   \
        "pxor %mm0, %mm0; ldmxcsr 32(%eax); start" #n ": " text "; end" #n ": stmxcsr 36(%eax); movups %xmm0, 48(%eax);"\
        "movq %mm0, 64(%eax); movl %ecx, 72(%eax); pushfl; popl 76(%eax); emms; ret");                                  \
    extern void run##n(struct cell *);                                                                                  \
    extern char start##n[], end##n[];
OPS(DEFINE)
#define ENTRY(n, text) { text, run##n, start##n, end##n },
static const struct op ops[] = { OPS(ENTRY) };

static struct cell cell;
static const struct op *now;

static void on_fpe(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    cell.code = info->si_code | (uc->uc_mcontext.gregs[REG_TRAPNO] << 8);
    cell.offset = uc->uc_mcontext.gregs[REG_EIP] - (uint32_t)now->start + ((uint32_t)info->si_addr == (uint32_t)now->start ? 0 : 100);
    uc->uc_mcontext.gregs[REG_EIP] = (greg_t)now->end;
}

static const uint32_t singles[][8] = {
    { 0x3f800000, 0x40000000, 0x3f000000, 0x41200000, 0x3f800000, 0x40000000, 0x40800000, 0x41200000 },
    { 0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000, 0x40400000, 0x40400000, 0x00000001, 0x40400000 },
    { 0x00000001, 0x80000002, 0x007fffff, 0, 0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000 },
    { 0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000, 0, 0x80000000, 0x3f800000, 0x40400000 },
    { 0, 0, 0x80000000, 0, 0, 0x3f800000, 0, 0x7fc00000 },
    { 0x7fc00001, 0x7f800000, 0x3f800000, 0xffc12345, 0x3f800000, 0xff800000, 0x7fc00002, 0x3f800000 },
    { 0x7f800001, 0x3f800000, 0x00000001, 0x3f800000, 0x3f800000, 0xff812345, 0x3f800000, 0 },
    { 0x7f7fffff, 0x7f7fffff, 0xff7fffff, 0x3f800000, 0x7f7fffff, 0x40000000, 0x3f000000, 0x4f000000 },
    { 0x00800000, 0x00800001, 0x80800000, 0x01000000, 0x3f000000, 0x3f000000, 0x3effffff, 0x3f7fffff },
    { 0x00800000, 0x00fffffe, 0x00ffffff, 0x00800000, 0x3f7fffff, 0x3f000000, 0x3f000000, 0x00800000 },
    { 0x3f800000, 0xbf800000, 0x4f000000, 0xcf000000, 0xbf800000, 0xbfc00000, 0x4effffff, 0xcf000001 },
    { 0x00000001, 0x7f800001, 0x3f800000, 0x7fc00000, 0, 0, 0, 0 },
    { 0x3f800000, 0x3f800000, 0x00000001, 0x7f7fffff, 0x3f800000, 0x40400000, 0, 0x7f7fffff },
    { 0x20000000, 0x20000001, 0x1f800003, 0x20000000, 0x20000000, 0x1f000001, 0x20000000, 0x1a000000 },
};
static const uint64_t doubles[][4] = {
    { 0x3ff0000000000000, 0x4000000000000000, 0x3ff0000000000000, 0x4008000000000000 },
    { 1, 0x800fffffffffffff, 0x3ff0000000000000, 0x3ff0000000000000 },
    { 0x3ff0000000000000, 0, 0, 0 },
    { 0x7ff8000000000001, 0x7ff0000000000000, 0x3ff0000000000000, 0xfff0000000000000 },
    { 0x7ff0000000000001, 1, 0x3ff0000000000000, 0x3ff0000000000000 },
    { 0x7fefffffffffffff, 0x7fefffffffffffff, 0x7fefffffffffffff, 0x4000000000000000 },
    { 0x0010000000000000, 0x0010000000000001, 0x3fe0000000000000, 0x3fe0000000000000 },
    { 0x0010000000000000, 0x0010000000000000, 0x3fefffffffffffff, 0x0010000000000000 },
    { 0x41e0000000000000, 0xc1e0000000200000, 0x41dfffffffe00000, 0xc1e0000000100000 },
    { 0x3ff8000000000000, 0x0000000000000001, 0x36a0000000000000, 0x3800000000000000 },
    { 0, 0, 0x3800000000000001, 0x47efffffffffffff },
};
static const uint32_t controls[] = {
    0x1f80, 0x7fbf, 0x3f80, 0x5f80, 0x0000, 0x1f00, 0x1e80, 0x1d80, 0x1b80, 0x1780, 0x0f80, 0x1fc0, 0x9f80, 0x9fc0, 0x9780, 0x97c0, 0x3bbf, 0x0040,
    0xdf80, 0x1e00, 0x0780,
};

static uint64_t digest(uint64_t h, const void *data, size_t len)
{
    for (const uint8_t *p = data; len--; p++) h = (h ^ *p) * 0x100000001b3;
    return h;
}

static uint64_t one(const struct op *op, uint32_t control, const void *operands, int full, uint64_t h)
{
    memset(&cell, 0, sizeof cell);
    memcpy(cell.a, operands, 32);
    cell.mxcsr = control;
    now = op;
    op->run(&cell);
    asm volatile("ldmxcsr %0" ::"m"((uint32_t){ 0x1f80 }));
    cell.eflags &= 0x8d5;
    if (full)
        printf("%s %04x [%08x %08x %08x %08x, %08x %08x %08x %08x] -> %04x code %x+%d xmm %08x %08x %08x %08x mm %llx ecx %x f %x\n", op->text, control, cell.a[3],
               cell.a[2], cell.a[1], cell.a[0], cell.b[3], cell.b[2], cell.b[1], cell.b[0], cell.after, cell.code, cell.offset, cell.xmm[3], cell.xmm[2],
               cell.xmm[1], cell.xmm[0], (unsigned long long)cell.mm, cell.ecx, cell.eflags);
    return digest(h, &cell, sizeof cell);
}

int main(int argc, char **argv)
{
    struct sigaction sa = { .sa_sigaction = on_fpe, .sa_flags = SA_SIGINFO };
    sigaction(SIGFPE, &sa, NULL);
    /* Controls outside: what a translator does for one that asks for more must not hide what it does before. */
    for (unsigned c = 0; c < sizeof controls / sizeof *controls; c++)
        for (const struct op *op = ops; op < ops + sizeof ops / sizeof *ops; op++) {
            uint64_t h = 0xcbf29ce484222325;
            for (unsigned i = 0; i < sizeof singles / sizeof *singles; i++) h = one(op, controls[c], singles[i], argc > 1, h);
            for (unsigned i = 0; i < sizeof doubles / sizeof *doubles; i++) h = one(op, controls[c], doubles[i], argc > 1, h);
            printf("%s %04x %016llx\n", op->text, controls[c], (unsigned long long)h);
        }
    return 0;
}
