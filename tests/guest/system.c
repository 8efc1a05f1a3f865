/* Instructions that only a kernel may execute, that are reserved, or that exist to raise something: what Linux makes of
 * each. */
#include "probe.h"

#define M (DATA + 0x40)

static void privileged(void)
{
    TRY("hlt");
    TRY("cli");
    TRY("sti");
    TRY("clts");
    TRY("invd");
    TRY("wbinvd");
    TRY("rdmsr");
    TRY("wrmsr");
    TRY("rdpmc");
    TRY("movl cr0, eax");
    TRY("movl cr2, eax");
    TRY("movl cr3, eax");
    TRY("movl cr4, eax");
    TRY("movl eax, cr0");
    TRY("movl eax, cr3");
    TRY("movl dr0, eax");
    TRY("movl dr7, eax");
    TRY("movl eax, dr7");
    TRY("invlpg (eax)", .eax = M);
    TRY("lgdt (eax)", .eax = M);
    TRY("lidt (eax)", .eax = M);
    TRY("lgdt (eax)", .eax = 16);
    TRY("lldt ax", .eax = 0);
    TRY("ltr ax", .eax = 0);
    TRY("lmsw ax", .eax = 1);
    TRY("sysexit");
    TRY("inb $0x80, al");
    TRY("inl dx, eax", .edx = 0x80);
    TRY("outb al, $0x80");
    TRY("outw ax, dx", .edx = 0x80);
    TRY("insb", .edx = 0x80, .edi = M);
    TRY("rep outsl", .edx = 0x80, .esi = M, .ecx = 3);
    TRY("rep insl", .edx = 0x80, .edi = 16, .ecx = 0);
}

static void undefined(void)
{
    TRY("ud2");
    TRY(".byte 0x0f, 0xb9, 0xc0");
    TRY(".byte 0x0f, 0xb9, 0x40, 0x10", .eax = 16);
    TRY(".byte 0x0f, 0xff, 0xc0");
    TRY(".byte 0x0f, 0x0a");
    TRY(".byte 0x0f, 0x04");
    TRY("rsm");
    TRY("vmlaunch");
    TRY(".byte 0x0f, 0x37");
    TRY("monitor", .eax = M, .ecx = 0, .edx = 0);
    TRY("mwait", .eax = 0, .ecx = 0);
    TRY("lock; addl eax, ecx");
    TRY("lock; movl eax, (ecx)", .ecx = M);
    TRY("lock; nop");
    TRY("lock; cmpl eax, (ecx)", .ecx = M);
    TRY(".byte 0x8d, 0xc0");
    TRY(".byte 0x0f, 0xc7, 0xc8");
    TRY(".byte 0xfe, 0xd0");
    TRY(".byte 0xff, 0xf8");
    TRY(".byte 0x8e, 0xc8");
    TRY(".byte 0x8e, 0xf8");
    TRY(".byte 0x0f, 0x20, 0x08");
    TRY(".byte 0x62, 0xc0");
    TRY(".byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90");
    TRY(".byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90");
}

static void interrupts(void)
{
    TRY("int3");
    TRY(".byte 0xcd, 0x03");
    TRY("int $0");
    TRY("int $1");
    TRY("int $4");
    TRY("int $5");
    TRY("int $6");
    TRY("int $13");
    TRY("int $14");
    TRY("int $0x20");
    TRY("int $0x81");
    TRY("int $0xff");
    TRY("into", .eflags = 0xa02);
    TRY("into", .eflags = 0x202);
    TRY("boundl eax, (ecx)", .eax = 5, .ecx = M);
    TRY("movl $1, (ecx); movl $9, 4(ecx); boundl eax, (ecx)", .eax = 5, .ecx = M);
    TRY("movl $1, (ecx); movl $9, 4(ecx); boundl eax, (ecx)", .eax = 10, .ecx = M);
    TRY("movl $1, (ecx); movl $9, 4(ecx); boundl eax, (ecx)", .eax = 0, .ecx = M);
    TRY("boundl eax, (ecx)", .eax = 0, .ecx = DATA + PAGE - 4);
    TRY("int $0x80; nop", .eax = 20 + 100000);
}

static void hints(void)
{
    TRY("pause");
    TRY("prefetcht0 (eax)", .eax = 16);
    TRY("prefetchnta (eax)", .eax = 0xffffffff);
    TRY("prefetchw (eax)", .eax = 16);
    TRY(".byte 0x0f, 0x1f, 0x40, 0x10", .eax = 16);
    TRY(".byte 0x0f, 0x18, 0x78, 0x10", .eax = 16);
    TRY(".byte 0xf3, 0x0f, 0x1e, 0xfa");
    TRY(".byte 0xf3, 0x0f, 0x1e, 0xfb");
    TRY("clflush (eax)", .eax = M);
    TRY("clflush (eax)", .eax = DATA + PAGE);
    TRY("clflushopt (eax)", .eax = M);
    TRY("clflushopt (eax)", .eax = DATA + PAGE);
    TRY("lfence; mfence; sfence");
}

/* Operands of 16 bytes that must be aligned, and those that need not be. */
static void alignment(void)
{
    TRY("movaps (eax), xmm0", .eax = M + 8);
    TRY("movaps xmm0, (eax)", .eax = M + 1);
    TRY("movapd xmm0, (eax)", .eax = M + 4);
    TRY("movdqa (eax), xmm0", .eax = M + 2);
    TRY("movdqa 8(eax), xmm0", .eax = M + 8);
    TRY("movdqa 8(eax,ecx,4), xmm0", .eax = M + 4, .ecx = 1);
    TRY("movdqa 8(eax,ecx,4), xmm0", .eax = M + 4, .ecx = 2);
    TRY("movntps xmm0, (eax)", .eax = M + 8);
    TRY("movntdq xmm0, (eax)", .eax = M + 8);
    TRY("movntdqa (eax), xmm0", .eax = M + 8);
    TRY("addps (eax), xmm0", .eax = M + 8);
    TRY("mulpd (eax), xmm0", .eax = M + 8);
    TRY("pand (eax), xmm0", .eax = M + 8);
    TRY("pshufd $1, (eax), xmm0", .eax = M + 8);
    TRY("pshufb (eax), xmm0", .eax = M + 8);
    TRY("aesenc (eax), xmm0", .eax = M + 8);
    TRY("pclmulqdq $0, (eax), xmm0", .eax = M + 8);
    TRY("blendvps (eax), xmm1", .eax = M + 8);
    TRY("ptest (eax), xmm0", .eax = M + 8);
    TRY("cvtps2dq (eax), xmm0", .eax = M + 8);
    TRY("movaps (eax), xmm0", .eax = DATA + PAGE + 8);
    TRY("addps (eax), xmm0", .eax = DATA + PAGE + 16);
    TRY("fxsave (eax)", .eax = M + 8);
    TRY("fxrstor (eax)", .eax = M + 8);
    TRY("movups (eax), xmm0", .eax = M + 8);
    TRY("movdqu (eax), xmm0", .eax = M + 3);
    TRY("lddqu (eax), xmm0", .eax = M + 3);
    TRY("pcmpistri $0x1a, (eax), xmm0", .eax = M + 3, .ecx = 0xc1c2c3c4);
    TRY("movq (eax), xmm0", .eax = M + 3);
    TRY("movhps (eax), xmm0", .eax = M + 3);
    TRY("addsd (eax), xmm0", .eax = M + 3);
    TRY("cvtdq2pd (eax), xmm0", .eax = M + 4);
    TRY("cvtps2pd (eax), xmm0", .eax = M + 4);
    TRY("paddb (eax), mm0", .eax = M + 3);
    TRY("pmovsxbw (eax), xmm0", .eax = M + 3);
    TRY("movups (eax), xmm0", .eax = DATA + PAGE - 8);
    TRY("pcmpeqb xmm1, xmm1; psrldq $11, xmm1; maskmovdqu xmm1, xmm1", .edi = DATA + PAGE - 16);
    TRY("pcmpeqb mm1, mm1; maskmovq mm1, mm1", .edi = DATA + PAGE - 8);
    TRY("movnti eax, (ecx)", .ecx = M + 1);
    TRY("ldmxcsr (eax)", .eax = M + 8);
    TRY("movl $0x10000, (eax); ldmxcsr (eax)", .eax = M);
    TRY("movl $0x1fc0, (eax); ldmxcsr (eax); stmxcsr 4(eax)", .eax = M + 1);
}

int main(void)
{
    probe_start();
    privileged();
    undefined();
    interrupts();
    hints();
    alignment();
    return 0;
}
