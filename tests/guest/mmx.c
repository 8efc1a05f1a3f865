/* Runs of MMX instructions: what the registers, the x87 tags and memory hold after them, also where one of them faults. */
#include "probe.h"

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

int main(void)
{
    probe_start();
    more = registers;
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
    return 0;
}
