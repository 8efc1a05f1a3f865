/* Runs of MMX instructions: what the registers, the x87 tags and memory hold after them, also where one of them faults, a signal
 * handler looks or writes, a system call, a fork or another thread comes between. */
#include "probe.h"
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

static void registers(ucontext_t *uc)
{
    struct _libc_fpstate *fp = uc->uc_mcontext.fpregs;
    printf(" sw=%04lx tag=%04lx", fp->sw & 0xffff, fp->tag & 0xffff);
    for (int i = 0; i < 8; i++) {
        uint32_t *m = (uint32_t *)fp->_st[i].significand;
        printf(" %04x:%08x%08x", fp->_st[i].exponent, m[1], m[0]);
    }
}

#define M (DATA + 0x100)

/* At the breakpoint: says what MM2 is, changes it and its exponent, empties MM3. */
static int breakpoint(int sig, siginfo_t *info, ucontext_t *uc)
{
    if (sig != SIGTRAP || info->si_code != SI_KERNEL) return 0;
    struct _libc_fpstate *fp = uc->uc_mcontext.fpregs;
    registers(uc);
    fp->_st[2].significand[0] = 0x1234;
    fp->_st[2].significand[3] = 0x8765;
    fp->_st[2].exponent = 0x4001;
    /* The FXSAVE image, which follows, has it as well. */
    memcpy((char *)fp + 112 + 32 + 2 * 16, &fp->_st[2], 10);
    fp->tag |= 3 << 6;
    return 1;
}

/* fork(2) between two MMX instructions: both go on with the registers. */
static void across_fork(void)
{
    uint64_t first = 0x1122334455667788, sum = 0, same = 0;
    int pid;
    asm volatile("movq %3, %%mm4; paddb %%mm4, %%mm4; int $0x80; movq %%mm4, %1; paddw %%mm4, %%mm4; movq %%mm4, %2; emms"
                 : "=a"(pid), "=m"(same), "=m"(sum) : "m"(first), "0"(2) : "memory");
    if (!pid) _exit(same == 0x22446688aaccee10 && sum == 0x4488cd105598dc20 ? 7 : 8);
    int status;
    waitpid(pid, &status, 0);
    printf("fork: child %d, parent %016llx %016llx\n", WEXITSTATUS(status), (unsigned long long)same, (unsigned long long)sum);
}

/* Two threads, one in MMX state across system calls, one with the x87 stack. */
static void *counts(void *arg)
{
    uint64_t *total = arg, one = 0x0001000200030004;
    asm volatile("movq %0, %%mm7; pxor %%mm6, %%mm6" :: "m"(one));
    for (int i = 0; i < 3000; i++) {
        asm volatile("paddw %mm7, %mm6");
        if (i % 16 == 0) {
            int result;
            asm volatile("int $0x80" : "=a"(result) : "0"(158) : "memory");
        }
    }
    asm volatile("movq %%mm6, %0; emms" : "=m"(*total));
    return NULL;
}

static void *divides(void *arg)
{
    volatile long double x = 1;
    for (int i = 1; i < 3000; i++) {
        x = x / i * (i + 1);
        if (i % 16 == 0) sched_yield();
    }
    *(int *)arg = (int)(x + 0.5L);
    return NULL;
}

static void across_threads(void)
{
    uint64_t total = 0;
    int quotient = 0;
    pthread_t a, b;
    pthread_create(&a, NULL, counts, &total);
    pthread_create(&b, NULL, divides, &quotient);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    printf("threads: %016llx %d\n", (unsigned long long)total, quotient);
}

int main(void)
{
    probe_start();
    more = registers;
    before = breakpoint;
    TRY("emms");
    TRY("movq (eax), mm0", .eax = M);
    TRY("movq mm0, mm0");
    TRY("movq (eax), mm0; movq 8(eax), mm1; paddb mm1, mm0; paddw mm0, mm1; psubd mm1, mm0; movq mm0, 16(eax)", .eax = M);
    TRY("movq (eax), mm0; paddb mm0, mm0; paddb mm0, mm0; movq mm0, mm7; pxor mm0, mm0", .eax = M);
    TRY("movq (eax), mm2; punpcklbw mm2, mm3; punpckhbw mm2, mm3; packuswb mm3, mm2; pmovmskb mm2, ecx", .eax = M);
    TRY("movq (eax), mm2; psllw $3, mm2; movd mm2, ecx; movd ecx, mm3; paddd mm3, mm2; emms", .eax = M);
    TRY("movq (eax), mm2; paddb mm2, mm2; emms; fld1; fstps (eax)", .eax = M);
    TRY("fld1; movq (eax), mm1; paddb mm1, mm1; fld1", .eax = M);
    TRY("fldpi; movd ecx, mm4; paddw mm4, mm4; fstpt (eax)", .eax = M);
    TRY("movq (eax), mm0; paddb mm0, mm0; movq (ecx), mm0; paddb mm0, mm0", .eax = M, .ecx = DATA + PAGE);
    TRY("movq (eax), mm0; paddb mm0, mm1; paddb mm0, mm1; movq mm1, (ecx); paddb mm0, mm0", .eax = M, .ecx = DATA + PAGE - 2);
    TRY("movq (eax), mm0; paddb mm0, mm0; movq2dq mm0, xmm1; movdqu xmm1, 16(eax); paddw mm0, mm0", .eax = M);
    TRY("movq (eax), mm0; cvtpi2ps mm0, xmm1; paddw mm0, mm0; cvtpi2ps mm0, xmm2; movdqu xmm2, 16(eax)", .eax = M);
    TRY("movdqu (eax), xmm1; movdq2q xmm1, mm3; pmaddwd mm3, mm3; movntq mm3, 32(eax)", .eax = M);
    TRY("movq (eax), mm0; movq mm0, mm1; psadbw mm1, mm0; pinsrw $2, ecx, mm0; pextrw $1, mm0, edx; pshufw $0x1b, mm0, mm1", .eax = M);
    TRY("movq (eax), mm0; paddb mm0, mm0; fxsave (ecx); paddb mm0, mm0", .eax = M, .ecx = DATA + PAGE);
    TRY("movq (eax), mm0; 1: paddb mm0, mm0; decl ecx; jnz 1b; movq mm0, 8(eax)", .eax = M, .ecx = 5);
    TRY("movq (eax), mm0; pabsb mm0, mm1; phaddw mm1, mm1; palignr $3, mm0, mm1; pshufb mm0, mm1; psignb mm0, mm1", .eax = M);
    /* Stores and faults where MMX state is not entered yet. */
    TRY("fldpi; movq mm0, (eax)", .eax = M);
    TRY("fninit; fldpi; fld1; movq mm7, (ecx)", .ecx = DATA + PAGE);
    TRY("fninit; fldpi; movq (ecx), mm7", .ecx = DATA + PAGE);
    TRY("fninit; fldpi; fld1; maskmovq mm7, mm6", .edi = M);
    TRY("fninit; fldz; fld1; fdiv st(1); movd mm7, ecx; movq mm7, (eax)", .eax = M);
    TRY("fninit; movw $0x360, (eax); fldcw (eax); fldz; fld1; fdiv st(1); movd mm7, ecx", .eax = M);
    TRY("fninit; movw $0x360, (eax); fldcw (eax); fldz; fld1; fdiv st(1); movq mm7, (eax)", .eax = M);
    TRY("fninit; movw $0x360, (eax); fldcw (eax); fldz; fld1; fdiv st(1); movq (ecx), mm7", .eax = M, .ecx = DATA + PAGE);
    TRY("fninit; movw $0x360, (eax); fldcw (eax); fldz; fld1; fdiv st(1); emms", .eax = M);
    /* What is written and what is not, across compiled code and everything that looks at the state. */
    TRY("fninit; fldpi; fld1; fldl2e; movd mm7, ecx; pxor xmm0, xmm0; pcmpistrm $8, xmm0, xmm0; paddb mm6, mm6; pcmpistrm $8, xmm0, xmm0; movq mm5, (eax)", .eax = M);
    TRY("fninit; fldpi; movd mm7, ecx; paddb mm6, mm6; fxsave (eax); fninit; fxrstor (eax); movl eax, edi; xorl eax, eax; movl $128, ecx; rep stosl", .eax = M);
    TRY("fninit; fldpi; fld1; movq mm7, mm7; por mm6, mm6; psllw $0, mm5; pshufw $0xe4, mm4, mm4; pand mm3, mm3");
    TRY("fninit; fldpi; movq (eax), mm0; pinsrw $1, ecx, mm1; phaddw mm2, mm2; pmaddwd mm3, mm3; pmuludq mm4, mm4; pxor xmm0, xmm0; cvtps2pi xmm0, mm5; palignr $2, mm6, mm6", .eax = M);
    TRY("movq (eax), mm0; fnstsw 64(eax); paddb mm0, mm0; fnstcw 66(eax); paddb mm0, mm0; fnstenv (eax); paddb mm0, mm1; movl eax, edi; xorl eax, eax; movl $7, ecx; rep stosl", .eax = M);
    TRY("movq (eax), mm0; fnsave (eax); paddb mm0, mm1; frstor (eax); paddb mm0, mm2; movl eax, edi; xorl eax, eax; movl $27, ecx; rep stosl", .eax = M);
    TRY("movq (eax), mm0; fnclex; fwait; paddb mm0, mm1; fincstp; paddb mm0, mm1; ffree st(2)", .eax = M);
    TRY("fninit; fldpi; paddb mm1, mm1; fstpt (eax); fstpt 16(eax); fld1; movd mm0, ecx", .eax = M);
    /* Behind EMMS. */
    TRY("movq (eax), mm0; emms; movq (ecx), mm1", .eax = M, .ecx = DATA + PAGE);
    TRY("movq (eax), mm0; emms; movq mm0, (ecx)", .eax = M, .ecx = DATA + PAGE);
    TRY("movq (eax), mm0; emms; movq mm0, 8(eax); paddb mm0, mm1; emms; pxor xmm0, xmm0; pcmpistrm $8, xmm0, xmm0; emms; movq 16(eax), mm3", .eax = M);
    TRY("movq (eax), mm0; emms; fnstenv (eax); emms; fld1; fld1; emms; movl eax, edi; xorl eax, eax; movl $7, ecx; rep stosl", .eax = M);
    TRY("1: movq (eax), mm0; paddb mm0, mm1; emms; fld1; fstpl (eax); decl ecx; jnz 1b; movq mm1, 8(eax); 2: movq mm1, 16(eax); subl $8, eax; decl edx; jnz 2b", .eax = M + 64, .ecx = 40, .edx = 12);
    /* A handler changes the registers. */
    TRY("movq (eax), mm2; paddb mm2, mm3; int3; movq mm2, 8(eax); paddb mm2, mm3; int3", .eax = M);
    TRY("movq (eax), mm2; emms; int3; paddb mm2, mm3", .eax = M);
    across_fork();
    across_threads();
    return 0;
}
