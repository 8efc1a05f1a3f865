/* Code segments that are not flat: 16-bit code, and 32-bit code with a base and a limit, in the LDT; 16-bit stacks; what faults and
 * signals tell there. The routines are copied to the page that is the segments' base, so their offsets are small numbers. */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { CODE = 0x10000000, DATA = 0x20000000, STACK = 0x30000000, PAGE = 4096 };
/* Selectors of LDT entries. */
enum { CODE16 = 0x07, CODE32 = 0x0f, DATA16 = 0x17, STACK16 = 0x1f, HIGH16 = 0x27, SHORT16 = 0x2f, ABSENT = 0x37, HOLE = 0x3f, STACK64K = 0x47 };

asm(".section .blob,\"ax\",@progbits\n"
    "blob:\n .code16\n"
    /* 16-bit code on the flat stack: operands have 16 bits, pushes too, ESP is whole. */
    "b_back: nop; nop; b_back_: lretl\n"
    "b_arith: mov $0x7fff, %ax; add $2, %ax; adc %ax, %bx; mul %cx; movl $0x12345678, %esi; addl %esi, %edi; imul $-3, %si, %bp; sbb $0, %dx; pushf; popw %cx; lretl\n"
    "b_loops: xor %ax, %ax; mov $10, %cx; 1: add %cx, %ax; loop 1b; jcxz 2f; ud2; 2: mov $5, %cx; 3: dec %bx; loopne 3b; movl $3, %ecx; 4: inc %dx; addr32 loop 4b; lretl\n"
    "b_calls: call b_double; mov $(b_double-blob), %bx; call *%bx; pushw %bx; call *%ss:(%esp); popw %bx; pushw $(8f-blob); ret; ud2; 8: movw $6, %cx; call b_factorial; cmp $720, %ax; lretl\n"
    "b_double: add %ax, %ax; ret\n"
    "b_factorial: mov $1, %ax; jcxz 9f; pushw %cx; dec %cx; call b_factorial; popw %cx; mul %cx; 9: ret\n"
    "b_longcalls: calll 1f; 1: popl %eax; pushl $(2f-blob); retl; ud2; 2: movl $(3f-blob), %ecx; jmp *%ecx; ud2; 3: .byte 0x66; jmp 4f; ud2; 4: calll *%cs:(b_word-blob); lretl\n"
    "b_word: .long b_double32-blob\n"
    "b_double32: addl %ebx, %ebx; retl\n"
    "b_cs: mov %cs, %ax; mov %cs:(b_constant-blob), %cx; mov $(b_constant-blob), %bx; movl %cs:(%bx), %edx; mov $2, %si; mov %cs:-2(%bx,%si), %di; lretl\n"
    "b_constant: .long 0x89abcdef\n"
    /* with data segments of their own */
    "b_strings: movw $0x17, %ax; movw %ax, %ds; movw %ax, %es; mov $0x100, %di; mov $7, %cx; mov $0x4142, %ax; cld; rep stosw; mov $0x100, %si; mov $0x201, %di; mov $9, %cx; rep movsb; mov $0x200, %di; mov $0, %al; mov $20, %cx; repne scasb; mov $0x100, %si; mov $0x201, %di; movw %cx, %dx; mov $20, %cx; repe cmpsb; std; lodsw; cld; movsl; pushl $0x2b; popl %ds; pushl $0x2b; popl %es; lretl\n"
    "b_address: movw $0x17, %ax; movw %ax, %ds; mov $0x20, %bx; mov $0x30, %si; mov $0x40, %di; mov $0x60, %bp; movw $0x1111, 0x10(%bx,%si); movw $0x2222, (%bx,%di); movw $0x3333, %ds:2(%bp,%si); movb $0x44, %ds:0x123; movl $0x100, %ecx; movl $0x55667788, 4(%ecx,%ecx,2); lea -2(%bp,%di), %ax; lea 0xfff0(%bx,%si), %dx; xlat; incw (%bx,%di); lock addw %si, (%di); pushl $0x2b; popl %ds; lretl\n"
    /* 16-bit stacks: only SP counts */
    "b_stack: movd %esp, %mm0; movl $0xabcd0800, %esp; movw $0x1f, %ax; movw %ss, %dx; movw %ax, %ss; movl $0xabcd0800, %esp; pushw $0x1234; pushl $0x56789abc; popw %ax; pusha; movl %esp, %edi; popa; pushal; addw $8, %sp; popl %ecx; addw $20, %sp; movl $0x77770900, %ebp; enter $16, $2; movl %esp, %ebx; movl %ebp, %ecx; leave; call b_frame; popw %bx; popw %bx; pushf; popf; movl %esp, %ebp; movw $0x2b, %dx; movw %dx, %ss; movd %mm0, %esp; emms; lretl\n"
    "b_frame: pushw %bp; movw %sp, %bp; movw 2(%bp), %ax; popw %bp; ret $0\n"
    "b_wrap: movd %esp, %mm0; movw $0x47, %ax; movw %ax, %ss; movl $0xabcd0002, %esp; pushw $0x1111; pushw $0x2222; movl %esp, %ebx; popw %ax; popw %dx; pushw $0; movl $0x12340000, %esp; pushl $0x33334444; movl %esp, %ecx; popl %edi; movl %esp, %ebp; movw $0x2b, %ax; movw %ax, %ss; movd %mm0, %esp; emms; lretl\n"
    /* far transfers */
    "b_there: ljmp $0x07, $(1f-blob); ud2; 1: ljmpl $0x07, $(2f-blob); ud2; 2: lcall $0x07, $(b_far16-blob); lcalll $0x07, $(b_far32-blob); lcall $0x0f, $(b_based-blob); pushw $0x07; pushw $(3f-blob); lret; ud2; 3: pushl $0x07; pushl $(4f-blob); lretl $0; 4: pushf; pushw $0x07; pushw $(5f-blob); iretw; ud2; 5: pushfl; pushl $0x07; pushl $(6f-blob); iretl; ud2; 6: lcall *%cs:(b_pointer-blob); lretl\n"
    "b_far16: inc %ax; lret\n"
    "b_far32: inc %bx; lretl\n"
    "b_pointer: .word b_far16-blob, 0x07\n"
    ".code32\n"
    "b_based: incl %ecx; call 1f; 1: popl %edx; movl %cs:(b_constant-blob), %esi; pushl $(2f-blob); ret; ud2; 2: movl $(3f-blob), %eax; jmp *%eax; ud2; 3: loop 3b; cmpl %edx, %ecx; jb 4f; ud2; 4: .byte 0x66; lret\n"
    "b_plain: movl %cs, %eax; movl $(b_plain-blob), %ebx; xorl %ecx, %ecx; 1: incl %ecx; cmpl $1000, %ecx; jne 1b; call 2f; jmp 3f; 2: movl (%esp), %edx; ret; 3: pushl %cs; pushl $(4f-blob); b_iret_: pushfl; popl %esi; andl $0x8d5, %esi; lret; ud2; 4: lret\n"
    ".code16\n"
    /* an instruction that faults; the handler goes on at the label with _ behind it */
    "b_divide: xor %cx, %cx; nop; div %cx; b_divide_: lretl\n"
    "b_undefined: ud2; b_undefined_: lretl\n"
    "b_beyond: movw $0x17, %ax; movw %ax, %ds; mov 0xfff, %cx; b_beyond_: pushl $0x2b; popl %ds; lretl\n"
    "b_hole: movw $0x3f, %ax; movw %ax, %es; movw %es:0x234, %dx; b_hole_: pushl $0x2b; popl %es; lretl\n"
    "b_writes: movw %ax, %cs:(b_constant-blob); b_writes_: lretl\n"
    "b_breaks: int3; b_breaks_: lretl\n"
    "b_over: movb $0x7f, %al; incb %al; into; b_over_: lretl\n"
    "b_bounds: movw $0x17, %ax; movw %ax, %ds; movw $5, 0x10; movw $9, 0x12; movw $10, %ax; bound %ax, 0x10; b_bounds_: pushl $0x2b; popl %ds; lretl\n"
    "b_interrupt: int $0x90; b_interrupt_: lretl\n"
    "b_privileged: hlt; b_privileged_: lretl\n"
    "b_jumps: .byte 0x66, 0xe9, 0, 0x20, 0, 0; b_jumps_: lretl\n"
    "b_branches: xor %ax, %ax; .byte 0x66, 0x0f, 0x84, 0, 0x20, 0, 0; b_branches_: lretl\n"
    "b_indirect: movl $0x10000, %eax; jmp *%eax; b_indirect_: lretl\n"
    "b_fars: ljmpl $0x07, $0x1000; b_fars_: lretl\n"
    "b_returns: pushl $0x1000; retl; b_returns_: popl %eax; lretl\n"
    "b_absent: lcall $0x37, $0; b_absent_: lretl\n"
    "b_data: lcall $0x17, $0; b_data_: lretl\n"
    "b_null: lcall $0, $0; b_null_: lretl\n"
    "b_ring: pushl $0x04; pushl $(b_far16-blob); lretl; b_ring_: popl %eax; popl %eax; lretl\n"
    "b_stacks: movd %esp, %mm0; movw $0x1f, %ax; movw %ax, %ss; movl $0x55551002, %esp; pushw %ax; b_stacks_: movw $0x2b, %ax; movw %ax, %ss; movd %mm0, %esp; emms; lretl\n"
    /* system calls and signals */
    "b_calls_kernel: movl $20, %eax; int $0x80; movl %eax, %ebx; movl $37, %eax; movl $10, %ecx; int $0x80; movl $0x1234, %edx; lretl\n"
    "b_steps: pushfl; orl $0x100, (%esp); popfl; mov $3, %cx; 1: loop 1b; mov $2, %cx; rep lodsb %cs:(%si), %al; call b_double; movw $0x2b, %dx; movw %dx, %ss; nop; pushfl; andl $0xfffffeff, (%esp); popfl; lretl\n"
    "b_floats: fninit; fld1; flds %cs:(b_single-blob); faddp; fistpl %ss:-8(%esp); movl %ss:-8(%esp), %eax; fldpi; fnstenvs %ss:-32(%esp); movw %ss:-26(%esp), %cx; sub $(b_floats-blob), %cx; movw %ss:-28(%esp), %dx; fninit; movaps %xmm0, %xmm1; xorps %xmm1, %xmm1; cvtss2si %xmm1, %esi; lretl\n"
    "b_single: .float 2.5\n"
    "blob_end:\n .code32\n .text\n");
#define OFFSET(name) ({ extern const char b_##name[]; (uint32_t)(b_##name - blob); })
extern const char blob[], blob_end[];

struct regs { uint32_t eax, ecx, edx, ebx, esi, edi, ebp, eflags; };
static volatile uint32_t skip_to, steps, sum;

/* Calls `target` with these registers and takes back what is in them. */
void far_call(struct regs *r, const uint32_t target[2]);
asm("far_call: pushl %ebp\n pushl %ebx\n pushl %esi\n pushl %edi\n movl 20(%esp), %eax\n movl 24(%esp), %ecx\n pushl 4(%ecx)\n pushl (%ecx)\n"
    "pushl 28(%eax)\n popfl\n movl 4(%eax), %ecx\n movl 8(%eax), %edx\n movl 12(%eax), %ebx\n movl 16(%eax), %esi\n movl 20(%eax), %edi\n"
    "movl 24(%eax), %ebp\n movl (%eax), %eax\n lcall *%ss:(%esp)\n pushl %eax\n pushfl\n movl 36(%esp), %eax\n popl 28(%eax)\n"
    "popl (%eax)\n movl %ecx, 4(%eax)\n movl %edx, 8(%eax)\n movl %ebx, 12(%eax)\n movl %esi, 16(%eax)\n movl %edi, 20(%eax)\n"
    "movl %ebp, 24(%eax)\n addl $8, %esp\n popl %edi\n popl %esi\n popl %ebx\n popl %ebp\n cld\n ret\n");

static void ldt(unsigned selector, uint32_t base, uint32_t limit, int contents, int wide, int absent)
{
    struct user_desc d = { .entry_number = selector >> 3, .base_addr = base, .limit = limit, .seg_32bit = wide, .contents = contents,
                           .seg_not_present = absent, .useable = 1 };
    if (syscall(SYS_modify_ldt, 0x11, &d, sizeof d)) perror("modify_ldt");
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    if (sig == SIGTRAP && info->si_code == TRAP_TRACE) {
        steps++;
        sum = sum * 31 + (g[REG_CS] & 0xffff) + g[REG_EIP];
        return;
    }
    printf(" -> %s %d trap %d err %x", strsignal(sig), info->si_code, (int)g[REG_TRAPNO], (int)g[REG_ERR]);
    if (sig == SIGSEGV || sig == SIGFPE || sig == SIGILL) printf(" addr %x", (uint32_t)info->si_addr);
    printf(" at %x:%x eflags %x", (int)g[REG_CS] & 0xffff, (uint32_t)g[REG_EIP] - ((g[REG_CS] & 0xffff) == 0x23 ? g[REG_EIP] : 0), (int)g[REG_EFL] & 0x10cd5);
    printf(" ss %x ds %x es %x", (int)g[REG_SS] & 0xffff, (int)g[REG_DS] & 0xffff, (int)g[REG_ES] & 0xffff);
    if ((g[REG_SS] & 0xffff) != 0x2b) printf(" esp %x", (uint32_t)g[REG_UESP]);
    if (skip_to) g[REG_EIP] = skip_to;
    /* One for each routine. */
    static int signals;
    if (++signals > 50) _exit(3);
}

static void show(const char *what, uint32_t start)
{
    int skipped = 1;
    for (uint32_t a = start; a < start + PAGE; a += 2) {
        if (!*(uint16_t *)a) { skipped = 1; continue; }
        if (skipped) printf(" %s+%x", what, a - start);
        printf(" %04x", *(uint16_t *)a);
        skipped = 0;
    }
}

static void run(const char *name, unsigned selector, uint32_t offset, struct regs r)
{
    struct regs before = r;
    memset((void *)DATA, 0, PAGE);
    memset((void *)STACK, 0, PAGE);
    memcpy((void *)CODE, blob, blob_end - blob);
    printf("%s:", name);
    far_call(&r, (uint32_t[]){ offset, selector });
    static const char *const names[] = { "eax", "ecx", "edx", "ebx", "esi", "edi", "ebp" };
    for (int i = 0; i < 7; i++)
        if ((&r.eax)[i] != (&before.eax)[i]) printf(" %s=%x", names[i], (&r.eax)[i]);
    printf(" eflags=%x", r.eflags & 0x8d5);
    show("data", DATA);
    show("stack", STACK);
    printf("\n");
}
#define FIRST .eax = 0xa1a2a3a4, .ecx = 0xc1c2c3c4, .edx = 0xd1d2d3d4, .ebx = 0xb1b2b3b4, .esi = 0xf1f20000, .edi = 0xe1e2e3e4, .ebp = 0xe5e6e7e8, .eflags = 0x202
#define RUN16(name, ...) run(#name, CODE16, OFFSET(name), (struct regs){ FIRST, ##__VA_ARGS__ })
#define RUN32(name, ...) run(#name, CODE32, OFFSET(name), (struct regs){ FIRST, ##__VA_ARGS__ })
#define FAULT(name) skip_to = OFFSET(name##_), RUN16(name), skip_to = 0

int main(void)
{
    for (uint32_t at = CODE; at <= STACK; at += DATA - CODE)
        mmap((void *)at, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    ldt(CODE16, CODE, 0xfff, 2, 0, 0);
    ldt(CODE32, CODE, 0xfff, 2, 1, 0);
    ldt(DATA16, DATA, 0xfff, 0, 0, 0);
    ldt(STACK16, STACK, 0xfff, 0, 0, 0);
    ldt(HIGH16, CODE, 0x1ffff, 2, 0, 0);
    ldt(SHORT16, CODE, OFFSET(far16), 2, 0, 0);
    ldt(ABSENT, CODE, 0xfff, 2, 0, 1);
    ldt(HOLE, STACK + PAGE, 0xfff, 0, 0, 0);
    ldt(STACK64K, STACK - 0xf000, 0xffff, 0, 0, 0);
    mmap((void *)(STACK - 0xf000), PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    stack_t stack = { .ss_sp = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), .ss_size = 65536 };
    sigaltstack(&stack, NULL);
    struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
    for (int sig = 1; sig < 32; sig++)
        if (sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL || sig == SIGTRAP || sig == SIGUSR1) sigaction(sig, &action, NULL);

    RUN16(arith); RUN16(loops); RUN16(calls); RUN16(longcalls); RUN16(cs);
    RUN16(strings); RUN16(address, .eax = 5);
    RUN16(stack, .esi = 0); RUN16(wrap);
    RUN16(there, .ecx = 3); RUN32(plain);
    FAULT(divide); FAULT(undefined); FAULT(beyond); FAULT(hole); FAULT(writes); FAULT(breaks); FAULT(over); FAULT(bounds);
    FAULT(interrupt); FAULT(privileged); FAULT(jumps); FAULT(branches); FAULT(indirect); FAULT(fars); FAULT(returns);
    FAULT(absent); FAULT(data); FAULT(null); FAULT(ring); FAULT(stacks);
    RUN16(floats);
    RUN16(calls_kernel, .ebx = getpid(), .eax = 20);
    steps = sum = 0;
    RUN16(steps);
    printf("steps: %u, %x\n", steps, sum);
    /* Code that runs off the end of its segment. */
    skip_to = OFFSET(back_);
    run("off the end", SHORT16, OFFSET(far16), (struct regs){ FIRST });
    ldt(SHORT16, CODE, OFFSET(undefined), 2, 0, 0);
    run("across the end", SHORT16, OFFSET(undefined), (struct regs){ FIRST });
    return 0;
}
