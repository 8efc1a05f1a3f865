/* TF: a SIGTRAP after every instruction, across REP, POPF, system calls, faults, handlers. And the trap instructions. */
#include "probe.h"
#include <sys/syscall.h>

#define TF 0x302
static int steps, limit;

/* Prints every trap and goes on; the case ends with its ud2 or when the limit is reached. */
static int trace(int sig, siginfo_t *info, ucontext_t *uc)
{
    greg_t *g = uc->uc_mcontext.gregs;
    uint32_t eip = g[REG_EIP];
    if (sig != SIGTRAP) return 0;
    if (eip - CODE >= PAGE) {
        /* Outside: stop stepping here. */
        g[REG_EFL] &= ~0x100;
        printf(" out");
        return 1;
    }
    printf("\n  code %d addr %s%x trap %d eip +%x eax=%x ecx=%x esp=%x esi=%x edi=%x eflags=%x", info->si_code,
           (uint32_t)info->si_addr - CODE < PAGE ? "+" : "", (uint32_t)info->si_addr - CODE < PAGE ? (uint32_t)info->si_addr - CODE : (uint32_t)info->si_addr,
           (int)g[REG_TRAPNO], eip - CODE, (int)g[REG_EAX], (int)g[REG_ECX], (int)g[REG_UESP], (int)g[REG_ESI], (int)g[REG_EDI], (int)g[REG_EFL]);
    if (++steps >= limit) {
        g[REG_EFL] &= ~0x100;
        limit = 1 << 30;
    }
    return 1;
}

#define STEP(text, ...) (steps = 0, limit = 1 << 30, TRY(text, .eflags = TF, ##__VA_ARGS__))

static void stepping(void)
{
    before = trace;
    STEP("nop; nop; incl eax; jmp 5f; nop; 5: nop", .eax = 1);
    STEP("xorl eax, eax; jz 5f; nop; 5: incl eax; jz 6f; nop; 6: nop");
    STEP("call 5f; nop; jmp 6f; 5: ret; 6: nop");
    STEP("movl $3, ecx; 5: decl ecx; jnz 5b");
    STEP("loop . ; nop", .ecx = 3);
    STEP("rep movsb; nop", .ecx = 3, .esi = DATA, .edi = DATA + 0x100);
    STEP("rep stosl; nop", .ecx = 2, .edi = DATA + 0x100);
    STEP("rep movsl; nop", .ecx = 0, .esi = 0, .edi = 0);
    STEP("repe cmpsb; nop", .ecx = 5, .esi = DATA, .edi = DATA);
    STEP("pushfl; popl eax; nop");
    STEP("pushfl; orl $0x100, (esp); popfl; nop");
    STEP("pushfl; andl $~0x100, (esp); popfl; nop; nop");
    STEP("movw ss, ax; movw ax, ss; nop; nop");
    STEP("pushl ss; popl ss; nop; nop");
    STEP("movw ds, ax; movw ax, ds; nop; nop");
    STEP("movl $20, eax; int $0x80; xorl eax, eax; nop");
    STEP("lock incl (esi); xchgl eax, (esi); nop", .esi = DATA + 3);
    STEP("fninit; fld1; fstps (esi); nop", .esi = DATA);
    STEP("nop; movl (ebx), eax; nop", .ebx = DATA + PAGE);
    STEP("nop; divl ebx; nop", .ebx = 0);
    STEP("nop; int3; nop; nop");
    STEP("nop; hlt; nop");
    STEP("enter $8, $0; leave; nop", .ebp = 0x77);
    STEP("pushal; popal; nop", .ebp = 0x77);
    STEP("movl $0x10000010, (esp); movl $0x23, 4(esp); lret; nop; nop");
    STEP("movl $0x10000018, (esp); movl $0x23, 4(esp); movl $0x302, 8(esp); iret; nop; nop");
    STEP("movl $0x10000018, (esp); movl $0x23, 4(esp); movl $0x202, 8(esp); iret; nop; nop");
    /* Set by POPF and IRET: the instruction behind is the first to trap. */
    steps = 0, limit = 4;
    TRY("pushfl; orl $0x100, (esp); popfl; nop; nop; nop; nop; nop");
    steps = 0, limit = 3;
    TRY("pushl $0x302; pushl $0x23; pushl $0x1000000e; iret; nop; nop; nop; nop; nop");
    steps = 0, limit = 3;
    TRY("pushfl; orl $0x100, (esp); popfl; rep stosb; nop; nop", .ecx = 3, .edi = DATA);
    steps = 0, limit = 3;
    TRY("pushfl; orl $0x100, (esp); popfl; ud2");
    steps = 0, limit = 3;
    TRY("pushfl; orl $0x100, (esp); popfl; int3; nop");
    steps = 0, limit = 3;
    TRY("pushfl; orl $0x100, (esp); popfl; movl $20, eax; int $0x80; xorl eax, eax; nop");
    /* A handler's own code does not trap, and TF is back after it. */
    before = NULL;
}

static void traps(void)
{
    TRY("int3");
    TRY("int $3");
    TRY("int $1");
    TRY("int $0");
    TRY("int $4");
    TRY("int $5");
    TRY("int $0x7f");
    TRY("int $0x81");
    TRY("int $0xff");
    TRY("into", .eflags = 0xa02);
    TRY("into", .eflags = 0x202);
    TRY("ud2");
    TRY(".byte 0x0f, 0xff, 0xc0");
    TRY(".byte 0x0f, 0xb9, 0xc0");
    TRY("hlt");
    TRY("cli");
    TRY("sti");
    TRY("inb dx, al");
    TRY("inl $0x60, eax");
    TRY("outb al, dx");
    TRY("outw ax, $0x60");
    TRY("insb", .edi = DATA + PAGE);
    TRY("rep outsl", .esi = DATA + PAGE);
    TRY("rep insb", .ecx = 0);
    TRY("movl cr0, eax");
    TRY("movl eax, cr3");
    TRY("movl dr7, eax");
    TRY("movl eax, dr7");
    TRY("lgdt (eax)", .eax = DATA + PAGE);
    TRY("lidt (eax)", .eax = DATA);
    TRY("lldt ax");
    TRY("ltr ax");
    TRY("lmsw ax");
    TRY("clts");
    TRY("invd");
    TRY("wbinvd");
    TRY("invlpg (eax)", .eax = DATA + PAGE);
    TRY("rdmsr");
    TRY("wrmsr");
    TRY("rdpmc");
    TRY("sysexit");
    TRY("rsm");
    TRY("monitor");
    TRY(".byte 0xf0; nop");
    TRY(".byte 0xf0; movl eax, (ebx)", .ebx = DATA);
    TRY(".byte 0xf0; addl ebx, eax");
    TRY(".byte 0xf0; cmpl eax, (ebx)", .ebx = DATA);
    TRY(".byte 0xf0; cmpl eax, (ebx)", .ebx = DATA + PAGE);
    TRY(".byte 0xf0; btl eax, (ebx)", .ebx = DATA);
    TRY(".byte 0x8d, 0xc0");       /* lea with a register */
    TRY(".byte 0x62, 0xc0");       /* bound with a register */
    TRY(".byte 0xc5, 0xc0");       /* lds with a register */
    TRY(".byte 0x0f, 0xc7, 0xc8"); /* cmpxchg8b with a register */
    TRY(".byte 0x8e, 0xc8, 0x90"); /* mov cs, ax */
    TRY(".byte 0x8e, 0xf0, 0x90"); /* mov to a seventh segment register */
    TRY(".byte 0x8c, 0xf8, 0x90");
    TRY(".byte 0xff, 0xf8");       /* group 5, /7 */
    TRY(".byte 0xff, 0xd8");       /* far call of a register */
    TRY(".byte 0xfe, 0xd0");
    TRY(".byte 0xd6", .eax = 0x1234, .eflags = 0x203);
    TRY(".byte 0x0f, 0x0a");
    TRY(".byte 0x0f, 0x04");
    TRY(".byte 0xf0");
    TRY("pushfl; orl $0x40000, (esp); popfl; movl 1(esi), eax; pushfl; popl ecx", .esi = DATA); /* AC: CR0.AM is set in Linux */
    TRY("pushfl; orl $0x40000, (esp); popfl; movl (esi), eax; movw 2(esi), cx; movb 3(esi), cl", .esi = DATA);
    TRY("pushfl; orl $0x40000, (esp); popfl; movl eax, 2(esi)", .esi = DATA);
    TRY("pushfl; orl $0x40000, (esp); popfl; movw ax, 1(esi)", .esi = DATA);
    TRY("pushfl; orl $0x40000, (esp); popfl; addl eax, 2(esi)", .esi = DATA);
    TRY("pushfl; orl $0x40000, (esp); popfl; pushl eax", .esp = DATA + 0x802);
    TRY("pushfl; orl $0x40000, (esp); popfl; fldl 4(esi)", .esi = DATA);
    TRY("pushfl; orl $0x40000, (esp); popfl; movups 4(esi), xmm0", .esi = DATA);
    TRY("pushfl; orl $0x40000, (esp); popfl; movl 1(esi), eax", .esi = DATA + PAGE);
    TRY("pushfl; orl $0x40000, (esp); popfl; lock incl 1(esi)", .esi = DATA);
    TRY("pushfl; orl $0x40000, (esp); popfl; rep movsl", .esi = DATA + 1, .edi = DATA + 0x100, .ecx = 2);
    TRY("pushfl; orl $0x254fd5, (esp); popfl; pushfl; popl eax; pushl $0x202; popfl", .eax = 0);
    TRY("pushl $0x3202; popfl; pushfl; popl eax; pushl $0x202; popfl"); /* IOPL stays */
    TRY("pushl $0x2; popfl; pushfl; popl eax; pushl $0x202; popfl");    /* IF stays */
    TRY("pushw $0x5fd7; popfw; pushfl; popl eax; pushl $0x202; popfl");
    TRY("pushl $0x200202; popfl; pushfl; popl eax; pushl $0x202; popfl");
    TRY("cld; std; pushfl; popl eax; cld");
}

int main(void)
{
    probe_start();
    stepping();
    traps();
    return 0;
}
