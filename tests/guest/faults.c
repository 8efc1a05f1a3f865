/* What a fault in the middle of an instruction leaves: REP strings, stack operations, read-modify-write, x87 and SSE. */
#include "probe.h"

#define A (DATA)                  /* writable, a hole behind it */
#define A_END (DATA + PAGE)       /* the hole */
#define B (DATA + 2 * PAGE)       /* writable, a hole before it, read-only behind it */
#define RO (DATA + 3 * PAGE)
#define C (DATA + 4 * PAGE)       /* writable, read-only before it, PROT_NONE behind it */
#define NONE (DATA + 5 * PAGE)
#define D (DATA + 6 * PAGE)       /* writable, PROT_NONE before it, past the end of a file behind it */
#define BUS (DATA + 7 * PAGE)
#define DF 0x602

static void strings(void)
{
    /* Destination ends, source ends, both; forward and down; all widths; aligned and not. */
    static const uint32_t short_of[] = { 1, 3, 4, 7, 64, 65, 130 };
    for (unsigned i = 0; i < sizeof short_of / sizeof *short_of; i++) {
        uint32_t n = short_of[i];
        TRY("rep movsb", .ecx = 300, .esi = B + 5, .edi = A_END - n);
        TRY("rep movsb", .ecx = 300, .esi = A_END - n, .edi = B + 5);
        TRY("rep movsw", .ecx = 300, .esi = B + 5, .edi = A_END - n);
        TRY("rep movsl", .ecx = 300, .esi = B + 8, .edi = A_END - n);
        TRY("rep movsl", .ecx = 300, .esi = A_END - n, .edi = B + 8);
        TRY("rep stosb", .ecx = 300, .edi = A_END - n);
        TRY("rep stosw", .ecx = 300, .edi = A_END - n);
        TRY("rep stosl", .ecx = 300, .edi = A_END - n);
        TRY("rep lodsb", .ecx = 300, .esi = A_END - n);
        TRY("rep lodsl", .ecx = 300, .esi = A_END - n);
        TRY("rep movsb", .ecx = 300, .esi = C + 800, .edi = B + n - 1, .eflags = DF);
        TRY("rep movsw", .ecx = 300, .esi = C + 800, .edi = B + n - 1, .eflags = DF);
        TRY("rep movsl", .ecx = 300, .esi = C + 800, .edi = B + n - 1, .eflags = DF);
        TRY("rep movsl", .ecx = 300, .esi = B + n - 1, .edi = C + 800, .eflags = DF);
        TRY("rep stosb", .ecx = 300, .edi = B + n - 1, .eflags = DF);
        TRY("rep stosl", .ecx = 300, .edi = B + n - 1, .eflags = DF);
    }
    /* Into a read-only page, PROT_NONE, past a file. */
    TRY("rep movsb", .ecx = 300, .esi = A, .edi = RO - 77);
    TRY("rep stosl", .ecx = 300, .edi = RO - 80);
    TRY("rep movsl", .ecx = 300, .esi = NONE - 80, .edi = A);
    TRY("rep movsl", .ecx = 300, .esi = A, .edi = NONE - 84);
    TRY("rep movsl", .ecx = 300, .esi = BUS - 80, .edi = A);
    TRY("rep stosb", .ecx = 300, .edi = BUS - 100);
    /* Overlap, forward by less than a wide step, and downwards. */
    TRY("rep movsb", .ecx = 200, .esi = A, .edi = A + 1);
    TRY("rep movsb", .ecx = 200, .esi = A + 1, .edi = A);
    TRY("rep movsl", .ecx = 50, .esi = A, .edi = A + 3);
    TRY("rep movsw", .ecx = 100, .esi = A + 20, .edi = A);
    TRY("rep movsb", .ecx = 200, .esi = A + 300, .edi = A + 310, .eflags = DF);
    TRY("rep movsl", .ecx = 50, .esi = A + 300, .edi = A + 298, .eflags = DF);
    /* Comparisons that run into the fault, with flags of the step before. */
    memset((void *)(A_END - 64), 7, 64), memset((void *)B, 7, 64);
    TRY("cld; movl esi, edi; movl $0x20000fc0, esi; movl $64, ecx; movb $7, al; rep stosb; movl $0x20000fc0, edi; movl $100, ecx; repe scasb", .edi = A_END - 64, .esi = A_END - 64);
    TRY("repne scasl", .ecx = 100, .edi = A_END - 40, .eax = 1);
    TRY("repne scasb", .ecx = 100, .edi = B + 20, .eax = 0x101, .eflags = DF);
    TRY("repne cmpsl", .ecx = 100, .esi = A_END - 40, .edi = B);
    TRY("repne cmpsl", .ecx = 100, .edi = A_END - 40, .esi = B);
    TRY("cmpsl", .esi = A_END, .edi = NONE);
    TRY("movsl", .esi = A_END, .edi = NONE);
    TRY("movsl", .esi = A, .edi = RO - 2);
    TRY("movsl", .esi = A_END - 2, .edi = B);
    TRY("lodsl", .esi = A_END - 2);
    TRY("stosw", .edi = A_END - 1);
    TRY("scasl", .edi = A_END - 1);
    TRY("rep movsb", .ecx = 0, .esi = 0, .edi = 0);
    TRY("repe cmpsb", .ecx = 0, .esi = 0, .edi = 0, .eflags = 0x246);
    /* 16-bit addresses: nothing is mapped at the bottom. */
    TRY("addr16 rep movsb", .ecx = 0xabcd0005, .esi = 0x12345678, .edi = 0x23456789);
    TRY("addr16 rep stosb", .ecx = 0xabcd0000, .esi = 0x12345678, .edi = 0x23456789);
    TRY("addr16 lodsb", .esi = 0x1234ffff);
}

static void stack(void)
{
    TRY("pushl eax", .esp = B);
    TRY("pushl esp", .esp = B + 2);
    TRY("pushw ax", .esp = B + 1);
    TRY("pushl esp", .esp = B + 8);
    TRY("pushl (eax)", .eax = A_END, .esp = B + 8);
    TRY("pushl (eax)", .eax = A, .esp = RO + 8);
    TRY("pushl (eax)", .eax = A_END - 2, .esp = B);
    TRY("pushl $-3", .esp = A_END + 4);
    TRY("pushw $0x1234", .esp = A_END + 4);
    TRY("pushfl", .esp = B);
    TRY("pushl fs; pushl es; pushw ds; pushl cs; pushl ss", .esp = B + 0x100);
    TRY("pushl ds", .esp = B);
    TRY("popl eax", .esp = A_END - 2);
    TRY("popl esp", .esp = A_END - 2);
    TRY("popl esp", .esp = B + 4);
    TRY("popw sp", .esp = B + 4);
    TRY("popl (eax)", .eax = RO, .esp = B);
    TRY("popl (eax)", .eax = A_END - 1, .esp = B);
    TRY("popl (eax)", .eax = A_END - 1, .esp = A_END - 1);
    TRY("popl (esp)", .esp = B + 4);
    TRY("popl 4(esp)", .esp = B + 4);
    TRY("popl 8(esp)", .esp = RO - 12);
    TRY("popl -4(esp)", .esp = B - 4);
    TRY("popl -4(esp)", .esp = B);
    TRY("popfl", .esp = A_END - 3);
    TRY("popw 2(esp)", .esp = B + 4);
    for (int short_of = 0; short_of <= 32; short_of += 3) {
        TRY("pushal", .esp = B + short_of);
        TRY("pushaw", .esp = B + short_of / 2);
        TRY("popal", .esp = A_END - short_of);
        TRY("popaw", .esp = A_END - short_of / 2);
    }
    TRY("enter $16, $0", .esp = B + 0x100, .ebp = C);
    TRY("enter $16, $0", .esp = B + 2, .ebp = C);
    TRY("enter $16, $0", .esp = B + 8, .ebp = C);
    TRY("enter $16, $1", .esp = B + 0x100, .ebp = C);
    TRY("enter $16, $1", .esp = B + 6, .ebp = C);
    TRY("enter $16, $3", .esp = B + 0x100, .ebp = C + 0x100);
    TRY("enter $16, $5", .esp = B + 0x100, .ebp = C + 8);
    TRY("enter $16, $5", .esp = B + 10, .ebp = C + 0x100);
    TRY("enter $0x2000, $0", .esp = B + 0x100, .ebp = C);
    TRY("enter $0x1fff, $31", .esp = D + 0x100, .ebp = C + 0x100);
    TRY("enterw $16, $2", .esp = B + 0x100, .ebp = C + 0x100);
    TRY("leave", .ebp = A_END - 2);
    TRY("leave", .ebp = A_END - 4);
    TRY("leavew", .ebp = A_END - 1);
    TRY("leave", .ebp = RO);
    TRY("call . + 5", .esp = B);
    TRY("call . + 5", .esp = B + 8);
    TRY("call *(eax)", .eax = A_END, .esp = B + 8);
    TRY("call *eax", .eax = 0x7000, .esp = B);
    TRY("call *eax", .eax = 0x7000, .esp = B + 8);
    TRY("call *esp", .esp = B + 8);
    TRY("movl $0x10000020, (eax); call *(eax)", .eax = B + 4, .esp = B + 8);
    TRY("movl $0x10000020, (esp); call *(esp)", .esp = B + 8);
    TRY("movl $0x10000020, (esp); jmp *(esp)", .esp = B + 8);
    TRY("ret", .esp = A_END - 2);
    TRY("ret $8", .esp = A_END);
    TRY("movl $0x7000, (esp); ret $8", .esp = B + 8);
    TRY("movl $0x7000, (esp); retw $8", .esp = B + 8);
    TRY("jmp *eax", .eax = A_END);
    TRY("jmp *eax", .eax = A);
    TRY("jmp *eax", .eax = 0xfffffff0);
    TRY("jmp *(eax)", .eax = RO - 1);
}

static void memory_operands(void)
{
    TRY("movl (ebx), eax", .ebx = A_END - 1);
    TRY("movl eax, (ebx)", .ebx = A_END - 1);
    TRY("movl eax, (ebx)", .ebx = B - 1);
    TRY("movl eax, (ebx)", .ebx = RO - 1);
    TRY("movw ax, (ebx)", .ebx = RO - 1);
    TRY("movl (ebx), ebx", .ebx = A_END);
    TRY("xchgl eax, (ebx)", .ebx = RO);
    TRY("xchgl eax, (ebx)", .ebx = RO - 2);
    TRY("xchgb al, (ebx)", .ebx = A_END);
    /* The flags of the instruction must not be there yet. */
    TRY("addl $1, (ebx)", .ebx = RO, .eflags = 0x246);
    TRY("addl $1, (ebx)", .ebx = RO, .eflags = 0x8d7);
    TRY("addl eax, (ebx)", .ebx = A_END - 2);
    TRY("adcl eax, (ebx)", .ebx = RO, .eflags = 0x203);
    TRY("sbbw ax, (ebx)", .ebx = RO, .eflags = 0x203);
    TRY("andb $0, (ebx)", .ebx = RO, .eflags = 0x203);
    TRY("negl (ebx)", .ebx = RO, .eflags = 0x203);
    TRY("notl (ebx)", .ebx = RO, .eflags = 0x203);
    TRY("incl (ebx)", .ebx = RO, .eflags = 0x203);
    TRY("decw (ebx)", .ebx = RO, .eflags = 0x8d7);
    TRY("shll $3, (ebx)", .ebx = RO, .eflags = 0x8d7);
    TRY("sarl cl, (ebx)", .ebx = RO, .ecx = 0, .eflags = 0x8d7);
    TRY("roll cl, (ebx)", .ebx = RO, .ecx = 32, .eflags = 0x8d7);
    TRY("rcll cl, (ebx)", .ebx = RO, .ecx = 3, .eflags = 0x8d7);
    TRY("shldl $5, eax, (ebx)", .ebx = RO, .eflags = 0x8d7);
    TRY("shrdl cl, eax, (ebx)", .ebx = RO, .ecx = 0, .eflags = 0x8d7);
    TRY("btsl $5, (ebx)", .ebx = RO, .eflags = 0x8d7);
    TRY("btrl eax, (ebx)", .ebx = A, .eax = 8 * 4096, .eflags = 0x8d6);
    TRY("btcl eax, (ebx)", .ebx = C, .eax = -1, .eflags = 0x8d6);
    TRY("btl eax, (ebx)", .ebx = C, .eax = -1, .eflags = 0x8d6);
    TRY("btw ax, (ebx)", .ebx = B, .eax = -1, .eflags = 0x8d6);
    TRY("xaddl eax, (ebx)", .ebx = RO, .eflags = 0x8d7);
    TRY("lock xaddl eax, (ebx)", .ebx = RO, .eflags = 0x8d7);
    TRY("lock addl eax, (ebx)", .ebx = RO, .eflags = 0x8d7);
    TRY("lock addl eax, (ebx)", .ebx = RO - 2, .eflags = 0x8d7);
    TRY("lock addl eax, (ebx)", .ebx = A_END, .eflags = 0x8d7);
    TRY("lock negb (ebx)", .ebx = A_END, .eflags = 0x8d7);
    TRY("lock btsl $9, (ebx)", .ebx = RO, .eflags = 0x8d7);
    TRY("cmpxchgl ecx, (ebx)", .ebx = RO, .eax = 0, .eflags = 0x8d7);
    TRY("cmpxchgl ecx, (ebx)", .ebx = RO, .eax = 0x5a5a5a5a, .eflags = 0x202);
    TRY("lock cmpxchgl ecx, (ebx)", .ebx = RO, .eax = 0, .eflags = 0x8d7);
    TRY("lock cmpxchgl ecx, (ebx)", .ebx = RO - 3, .eax = 0, .eflags = 0x8d7);
    TRY("lock cmpxchgl ecx, (ebx)", .ebx = A_END - 3, .eax = 0, .eflags = 0x8d7);
    TRY("cmpxchg8b (edi)", .edi = RO, .eflags = 0x8d7);
    TRY("lock cmpxchg8b (edi)", .edi = RO, .eflags = 0x8d7);
    TRY("lock cmpxchg8b (edi)", .edi = RO - 4, .eflags = 0x8d7);
    TRY("cmpxchg8b (edi)", .edi = A_END - 4, .eflags = 0x8d7);
    TRY("cmpl (ebx), eax", .ebx = A_END, .eflags = 0x8d7);
    TRY("testl eax, (ebx)", .ebx = A_END, .eflags = 0x8d7);
    TRY("addl (ebx), ebx", .ebx = A_END, .eflags = 0x8d7);
    TRY("imull (ebx), eax", .ebx = A_END, .eflags = 0x246);
    TRY("mull (ebx)", .ebx = A_END, .eflags = 0x246);
    TRY("divl (ebx)", .ebx = A_END, .eflags = 0x246);
    TRY("divl (ebx)", .ebx = A, .edx = 0xffffffff, .eflags = 0x246);
    TRY("divb bl", .ebx = 0, .eflags = 0x246);
    TRY("divw bx", .ebx = 0, .eflags = 0x246);
    TRY("idivb bl", .eax = 0x8000, .ebx = 0xff, .eflags = 0x246);
    TRY("idivl ebx", .eax = 0x80000000, .edx = 0xffffffff, .ebx = -1, .eflags = 0x246);
    TRY("aam $0", .eflags = 0x246);
    TRY("cmovel (ebx), eax", .ebx = A_END, .eflags = 0x202);
    TRY("sete (ebx)", .ebx = RO);
    TRY("xlatb", .ebx = A_END, .eax = 5);
    TRY("boundl eax, (ebx)", .ebx = A_END, .eax = 5);
    TRY("boundl eax, (ebx)", .ebx = A_END - 4, .eax = 5);
    TRY("movl $3, (ebx); movl $9, 4(ebx); boundl eax, (ebx)", .ebx = A, .eax = 9);
    TRY("movl $3, (ebx); movl $9, 4(ebx); boundl eax, (ebx)", .ebx = A, .eax = 10);
    TRY("movl $3, (ebx); movl $9, 4(ebx); boundw ax, (ebx)", .ebx = A, .eax = 2);
    TRY("bswapl eax; movbel (ebx), ecx", .ebx = A_END);
    TRY("arpl ax, (ebx)", .ebx = RO, .eax = 3);
    TRY("arpl ax, (ebx)", .ebx = RO, .eax = 0);
    TRY("movw ds, (ebx)", .ebx = RO);
    TRY("movw (ebx), es", .ebx = A_END - 1);
    TRY("clflush (ebx)", .ebx = A_END);
    TRY("prefetcht0 (ebx)", .ebx = A_END);
    TRY("nopl (ebx)", .ebx = A_END);
    TRY("leal (ebx), eax", .ebx = A_END);
}

static void x87_and_sse(void)
{
    TRY("fninit; fld1; fstpl (ebx)", .ebx = A_END - 4);
    TRY("fninit; fld1; fstps (ebx)", .ebx = RO);
    TRY("fninit; fldpi; fstpt (ebx)", .ebx = A_END - 8);
    TRY("fninit; fldpi; fstpt (ebx)", .ebx = A_END - 9);
    TRY("fninit; fldpi; fbstp (ebx)", .ebx = A_END - 9);
    TRY("fninit; fldl (ebx)", .ebx = A_END - 4);
    TRY("fninit; fldt (ebx)", .ebx = A_END - 9);
    TRY("fninit; fld1; fistpll (ebx)", .ebx = RO - 4);
    TRY("fninit; fld1; fisttps (ebx)", .ebx = RO - 1);
    TRY("fninit; fld1; faddl (ebx)", .ebx = A_END);
    TRY("fninit; fcoml (ebx)", .ebx = A_END);
    TRY("fnstcw (ebx)", .ebx = A_END - 1);
    TRY("fldcw (ebx)", .ebx = A_END - 1);
    TRY("fnstsw (ebx)", .ebx = RO);
    TRY("fninit; fld1; fnstenv (ebx)", .ebx = A_END - 20);
    TRY("fninit; fldenv (ebx)", .ebx = A_END - 20);
    TRY("fninit; fld1; fnsave (ebx)", .ebx = A_END - 50);
    TRY("fninit; frstor (ebx)", .ebx = A_END - 50);
    TRY("fxsave (ebx)", .ebx = A_END - 256);
    TRY("fxsave (ebx)", .ebx = A + 8);
    TRY("fxrstor (ebx)", .ebx = A + 8);
    TRY("fxrstor (ebx)", .ebx = A_END - 256);
    TRY("ldmxcsr (ebx)", .ebx = A_END);
    TRY("movl $0x10000, (ebx); ldmxcsr (ebx)", .ebx = A);
    TRY("stmxcsr (ebx)", .ebx = RO);
    TRY("movaps (ebx), xmm0", .ebx = A + 8);
    TRY("movaps (ebx), xmm0", .ebx = A_END - 8);
    TRY("movaps (ebx), xmm0", .ebx = A_END);
    TRY("movaps xmm0, (ebx)", .ebx = A + 4);
    TRY("movaps xmm0, (ebx)", .ebx = RO);
    TRY("movdqa xmm0, (ebx)", .ebx = RO + 1);
    TRY("movntdq xmm0, (ebx)", .ebx = A + 1);
    TRY("movntps xmm0, (ebx)", .ebx = A_END);
    TRY("movups (ebx), xmm0", .ebx = A_END - 8);
    TRY("movq xmm0, (ebx)", .ebx = A_END - 4);
    TRY("movhps xmm0, (ebx)", .ebx = A_END - 4);
    TRY("addps (ebx), xmm0", .ebx = A + 4);
    TRY("addss (ebx), xmm0", .ebx = A_END - 2);
    TRY("pxor (ebx), xmm0", .ebx = A + 8);
    TRY("pxor (ebx), mm0", .ebx = A_END - 4);
    TRY("movq mm0, (ebx)", .ebx = RO);
    TRY("cvtps2pd (ebx), xmm0", .ebx = A_END - 4);
    TRY("pcmpeqd xmm1, xmm1; maskmovdqu xmm1, xmm0", .edi = A_END);
    TRY("movl $0x12345678, (ebx); movl $0x3f800000, (ebx); flds (ebx); movl $0, (ebx); fdivs (ebx); fwait", .ebx = A);
    TRY("fninit; movl $0x37b, (ebx); fldcw (ebx); fldz; fld1; fdivp; nop; nop; fwait", .ebx = A);
    TRY("fninit; movl $0x37b, (ebx); fldcw (ebx); fldz; fld1; fdivp; nop; nop; fstl 8(ebx)", .ebx = A);
}

int main(void)
{
    probe_start();
    strings();
    stack();
    memory_operands();
    x87_and_sse();
    return 0;
}
