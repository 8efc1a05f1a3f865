/* Runs every operation of the table on this x86 CPU, on inputs that native.rs makes in the same way, and prints hashes
 * of what came out: one of registers, memory, signal and fault address, and one for each arithmetic flag, so that the
 * reader can leave out flags that are undefined. `record NAME` prints the outcomes themselves, for debugging. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ucontext.h>

enum { DATA = 0x20001000, DATA_SIZE = 0x2000, CODE = 0x30000000, INPUTS = 160, FLAGS = 0x8d5, DF = 0x400 };

struct op {
    const char *class;
    uint8_t *start, *end;
    const char *text;
};
extern struct op op_table[];

/* In run.S. */
extern void run(void), finish(void);
extern void *const finish_pointer;
extern uint32_t regs[8], flags;

int signo;
static uint32_t eip, fault_addr;

static uint64_t seed;
static uint64_t next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static const uint32_t edges[] = {
    0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 0x63, 0x7f, 0x80, 0x99, 0x9a, 0xff, 0x100, 0x7fff, 0x8000, 0x8080, 0xffff,
    0x10000, 0x7fffffff, 0x80000000, 0x80000001, 0xff00ff00, 0xfffffff0, 0xffffffff, 0x12345678,
};

static uint32_t value(void)
{
    uint64_t r = next();
    if (r & 1)
        return edges[(r >> 8) % 32];
    if (r & 2)
        return (uint32_t)(int32_t)(int8_t)(r >> 8);
    return (uint32_t)(r >> 16);
}

/* EAX ECX EDX EBX ESP EBP ESI EDI, flags and memory for one input of a class. */
static void make(const char *class)
{
    uint8_t *data = (uint8_t *)DATA;
    for (int i = 0; i < DATA_SIZE; i += 8) {
        uint64_t r = next();
        memcpy(data + i, &r, 8);
    }
    for (int i = 0; i < 8; i++)
        regs[i] = value();
    uint32_t r = (uint32_t)next();
    flags = (uint32_t)next() & FLAGS;
    regs[4] = DATA + 0x1800;
    if (!strcmp(class, "mem")) {
        regs[6] = DATA + 0x200;
        regs[7] = DATA + 0x300;
        for (int i = 0; i < 16; i++) {
            uint32_t v = value();
            memcpy(data + 0x200 + 4 * i, &v, 4);
            memcpy(data + 0x1800 + 4 * i, &v, 4);
        }
    } else if (!strcmp(class, "bits")) {
        regs[6] = DATA + 0x1000;
        regs[1] = (uint32_t)((int32_t)regs[1] % 0x4000);
        regs[2] = (uint32_t)(int16_t)regs[2] & 0x3fff;
    } else if (!strcmp(class, "string") || !strcmp(class, "long")) {
        regs[1] = class[0] == 's' ? r % 13 : r % 700;
        flags |= (r >> 10 & 3) == 0 ? DF : 0;
        regs[6] = DATA + 0x400 + (r >> 12) % 0x700;
        regs[7] = r >> 31 ? regs[6] + (r >> 23 & 31) - 16 : DATA + 0x400 + (r >> 20) % 0x700;
        if (r & 0x40000)
            memset(data + 0x300, (int)regs[0], 0xf00);
    } else if (!strcmp(class, "edge")) {
        regs[1] = r % 9;
        flags |= (r >> 10 & 3) == 0 ? DF : 0;
        regs[6] = DATA + DATA_SIZE - (r >> 12) % 24;
        regs[7] = r >> 31 ? DATA + DATA_SIZE - (r >> 17) % 24 : DATA + (r >> 17) % 24 - 8;
        regs[4] = DATA + (r >> 22) % 40;
        regs[5] = r >> 30 & 1 ? DATA + DATA_SIZE - (r >> 17) % 24 : DATA + 0x1000;
    }
}

static void handler(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    greg_t *g = uc->uc_mcontext.gregs;
    static const int order[8] = { REG_EAX, REG_ECX, REG_EDX, REG_EBX, REG_ESP, REG_EBP, REG_ESI, REG_EDI };
    for (int i = 0; i < 8; i++)
        regs[i] = (uint32_t)g[order[i]];
    signo = sig;
    flags = (uint32_t)g[REG_EFL];
    eip = (uint32_t)g[REG_EIP] - CODE;
    fault_addr = sig == SIGSEGV && (info->si_code == 1 || info->si_code == 2) ? (uint32_t)info->si_addr : 0;
    g[REG_EIP] = (greg_t)(intptr_t)finish;
    g[REG_EFL] &= ~DF;
    signo |= 0x100;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    return (h ^ v) * 0x100000001b3;
}

static void run_op(struct op *op, int verbose)
{
    uint8_t *code = (uint8_t *)CODE;
    size_t len = (size_t)(op->end - op->start);
    memcpy(code, op->start, len);
    code[len] = 0xff;
    code[len + 1] = 0x25;
    const void *pointer = &finish_pointer;
    memcpy(code + len + 2, &pointer, 4);
    uint64_t h = 0xcbf29ce484222325;
    uint32_t per_flag[6] = { 0 };
    static const int bits[6] = { 0, 2, 4, 6, 7, 11 };
    seed = 0x9e3779b97f4a7c15;
    for (int i = 0; i < INPUTS; i++) {
        make(op->class);
        if (verbose) {
            printf("%3d in ", i);
            for (int k = 0; k < 8; k++)
                printf(" %08x", regs[k]);
            printf(" f=%03x\n", flags);
        }
        signo = 0;
        fault_addr = 0;
        uint32_t saved[9];
        run();
        if (!signo)
            eip = (uint32_t)len;
        memcpy(saved, regs, 32);
        saved[8] = flags;
        signo &= 0xff;
        h = mix(h, (uint64_t)signo << 32 | eip);
        h = mix(h, fault_addr);
        for (int k = 0; k < 8; k++)
            h = mix(h, regs[k]);
        h = mix(h, flags & DF);
        const uint64_t *data = (uint64_t *)DATA;
        for (int k = 0; k < DATA_SIZE / 8; k++)
            h = mix(h, data[k]);
        for (int k = 0; k < 6; k++)
            per_flag[k] = per_flag[k] * 0x01000193 + (flags >> bits[k] & 1) + 1;
        if (verbose) {
            printf("    out");
            for (int k = 0; k < 8; k++)
                printf(" %08x", regs[k]);
            printf(" f=%03x sig=%d eip=%x addr=%x h=%016llx\n", flags & (FLAGS | DF), signo, eip, fault_addr, (unsigned long long)h);
        }
    }
    printf("%s ", op->class);
    for (size_t i = 0; i < len; i++)
        printf("%02x", op->start[i]);
    printf(" %016llx", (unsigned long long)h);
    for (int k = 0; k < 6; k++)
        printf(" %04x", (per_flag[k] ^ per_flag[k] >> 16) & 0xffff);
    printf(" %s\n", op->text);
}

int main(int argc, char **argv)
{
    void *data = mmap((void *)DATA, DATA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    void *code = mmap((void *)CODE, 0x1000, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (data == MAP_FAILED || code == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    static char stack[65536];
    stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
    sigaltstack(&alternate, NULL);
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
    for (int i = 0; i < 5; i++)
        sigaction(signals[i], &action, NULL);
    for (struct op *op = op_table; op->class; op++)
        if (argc < 2 || !strcmp(argv[1], op->text))
            run_op(op, argc > 1);
    return 0;
}
