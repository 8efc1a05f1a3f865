/* One instruction, or a few, on a known state, and everything they leave behind: registers, flags, memory, siginfo.
 *
 * TRY("text", .eax = 1, ...) copies the assembled text to CODE, enters it with these registers by way of sigreturn, and
 * waits for the signal that it, or the ud2 behind it, raises. Handlers run on a stack of their own, so esp is free. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum {
    CODE = 0x10000000, /* one page, between unmapped ones */
    DATA = 0x20000000, /* pages: writable, none, writable, read-only, writable, PROT_NONE, writable, past the file's end, writable */
    PAGES = 9,
    PAGE = 4096,
};

struct state {
    uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi, eflags;
};

#define FIRST                                                                                                          \
    .eax = 0xa1a2a3a4, .ecx = 0xc1c2c3c4, .edx = 0xd1d2d3d4, .ebx = 0xb1b2b3b4, .esp = DATA + 0x800, .ebp = 0xe1e2e3e4,  \
    .esi = 0xf1f2f3f4, .edi = 0xf5f6f7f8, .eflags = 0x202

static struct state first, last;
static ucontext_t *where;
static sigjmp_buf done;
static int entering;
static unsigned gs;
static const int order[8] = { REG_EAX, REG_ECX, REG_EDX, REG_EBX, REG_ESP, REG_EBP, REG_ESI, REG_EDI };
static const char *const names[8] = { "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi" };
/* Flags that are printed. */
static uint32_t flags_shown = 0x50dd5;
/* Called with the context of the signal that ends a case. */
static void (*more)(ucontext_t *uc);
/* Called first; if it answers 1 the signal is dealt with. */
static int (*before)(int sig, siginfo_t *info, ucontext_t *uc);

static void fill(void)
{
    for (int i = 0; i < PAGES; i++)
        if (0x155 >> i & 1)
            for (uint32_t a = DATA + i * PAGE; a < DATA + (i + 1) * PAGE; a += 4) *(uint32_t *)a = a * 0x9e3779b1u;
}

static void show_memory(void)
{
    for (int i = 0; i < PAGES; i++) {
        if (!(0x155 >> i & 1)) continue;
        int shown = 0, changed = 0;
        for (uint32_t a = DATA + i * PAGE; a < DATA + (i + 1) * PAGE; a++) {
            uint32_t word = (a & ~3u) * 0x9e3779b1u;
            if (*(uint8_t *)a == (uint8_t)(word >> 8 * (a & 3))) continue;
            if (changed++ < 20) {
                if (!shown || shown != (int)a - 1) printf(" [%x]=", a);
                printf("%02x", *(uint8_t *)a);
                shown = a;
            }
        }
        if (changed > 20) printf("..%d", changed);
    }
}

static void enter(ucontext_t *uc)
{
    greg_t *g = uc->uc_mcontext.gregs;
    for (int i = 0; i < 8; i++) g[order[i]] = (&first.eax)[i];
    g[REG_UESP] = first.esp;
    g[REG_EFL] = first.eflags;
    g[REG_EIP] = CODE;
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    greg_t *g = uc->uc_mcontext.gregs;
    /* Linux leaves AC and GS as they were; libc needs its own. */
    asm volatile("pushl $0x202; popfl; movl %0, %%gs" :: "r"(gs) : "cc");
    if (entering) {
        entering = 0;
        enter(uc);
        return;
    }
    if (before && before(sig, info, uc)) return;
    uint32_t eip = g[REG_EIP];
    printf(" -> %s %d", strsignal(sig), info->si_code);
    if (sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL || (sig == SIGTRAP && info->si_code > 0 && info->si_code != SI_KERNEL)) {
        uint32_t addr = (uint32_t)info->si_addr;
        /* An emulated arm64 host may tell the wrong page of a SIGBUS. */
        if (sig == SIGBUS) printf(" addr %x in its page", addr & 0xfff);
        else if (addr - CODE < PAGE) printf(" addr +%x", addr - CODE);
        else printf(" addr %x", addr);
    }
    printf(" trap %d err %x", (int)g[REG_TRAPNO], (int)g[REG_ERR]);
    if (g[REG_TRAPNO] == 14 && sig != SIGBUS) printf(" cr2 %x", (uint32_t)uc->uc_mcontext.cr2);
    if (eip - CODE < PAGE) printf(" eip +%x", eip - CODE);
    else printf(" eip %x", eip);
    for (int i = 0; i < 8; i++) {
        (&last.eax)[i] = g[order[i]];
        if ((uint32_t)g[order[i]] != (&first.eax)[i]) printf(" %s=%x", names[i], (uint32_t)g[order[i]]);
    }
    last.eflags = g[REG_EFL];
    if ((g[REG_EFL] ^ first.eflags) & flags_shown) printf(" eflags=%x", (uint32_t)g[REG_EFL] & flags_shown);
    if (more) more(uc);
    siglongjmp(done, 1);
}

static void run(const char *text, const uint8_t *code, struct state state)
{
    uint32_t len;
    memcpy(&len, code, 4);
    memset((void *)CODE, 0xcc, PAGE);
    memcpy((void *)CODE, code + 4, len);
    memcpy((char *)CODE + len, "\x0f\x0b", 2);
    fill();
    first = state;
    if (text) printf("%s", text);
    entering = 1;
    if (!sigsetjmp(done, 1)) asm volatile("ud2" ::: "memory");
    show_memory();
    printf("\n");
}

/* The bytes of an instruction text (registers without "%"): their number, then they. */
#define BYTES(text)                                                                                                    \
    ({                                                                                                                 \
        const uint8_t *bytes_;                                                                                         \
        asm volatile(".att_syntax noprefix; call 3f; .long 2f-1f; 1: " text "\n2: .att_syntax prefix; 3: popl %0" : "=r"(bytes_));                                  \
        bytes_;                                                                                                        \
    })
#define TRY(text, ...) run(text, BYTES(text), (struct state){ FIRST, ##__VA_ARGS__ })

static void probe_start(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    asm volatile("movl %%gs, %0" : "=r"(gs));
    static char stack[65536];
    stack_t alt = { .ss_sp = stack, .ss_size = sizeof stack };
    sigaltstack(&alt, NULL);
    struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
    const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &sa, NULL);
    mmap((void *)CODE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    mmap((void *)DATA, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    munmap((void *)(DATA + PAGE), PAGE);
    memset((void *)(DATA + 3 * PAGE), 0x5a, PAGE);
    mprotect((void *)(DATA + 3 * PAGE), PAGE, PROT_READ);
    mprotect((void *)(DATA + 5 * PAGE), PAGE, PROT_NONE);
    int fd = memfd_create("short", 0);
    mmap((void *)(DATA + 7 * PAGE), PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0);
    close(fd);
}
