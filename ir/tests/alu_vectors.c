// Records what an x86 CPU computes for the integer operations of the IR: one line a case,
//   opcode type a b c eflags-before value eflags-after      (all hexadecimal; eflags masked with 0x8d5)
// Re-record on an x86 machine: gcc -O1 -w alu_vectors.c -o /tmp/av && /tmp/av > alu_vectors.txt
// Flags that the SDM leaves undefined are recorded as the CPU gives them; the reader knows which to skip.
#include <stdint.h>
#include <stdio.h>

static uint64_t seed = 0x9e3779b97f4a7c15;
static uint32_t rnd(void) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return seed >> 16;
}
static uint32_t pick(uint32_t mask) {
    static const uint32_t edge[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff};
    uint32_t r = rnd();
    return (r & 3 ? rnd() : edge[r / 4 % 11]) & mask;
}
static uint64_t flags_before(void) { return rnd() & 0x8d5; }

#define RUN(asm_text, value, in_b, in_c)                                                        \
    do {                                                                                        \
        uint64_t saved = in;                                                                    \
        __asm__ volatile("pushq %[f]; popfq; " asm_text "; pushfq; popq %[f]"                   \
                         : "+a"(value), [f] "+r"(saved)                                         \
                         : "b"(in_b), "c"(in_c)                                                 \
                         : "rdx", "cc", "memory");                                              \
        out = saved & 0x8d5;                                                                    \
    } while (0)

#define CASE(name, tyname, mask, cmask, n, asm_text)                                            \
    for (int i = 0; i < n; i++) {                                                               \
        uint64_t a = pick(mask), b = pick(mask), c = rnd() & cmask, in = flags_before() | 2, out, v = a; \
        RUN(asm_text, v, b, c);                                                                 \
        printf("%s %s %lx %lx %lx %lx %lx %lx\n", name, tyname, a, b, c, in & 0x8d5, v & mask, out); \
    }

#define BINARY(op, name, n)                                       \
    CASE(name, "i8", 0xff, 0, n, op "b %%bl, %%al")               \
    CASE(name, "i16", 0xffff, 0, n, op "w %%bx, %%ax")            \
    CASE(name, "i32", 0xffffffff, 0, n, op "l %%ebx, %%eax")
#define SHIFT(op, name, n)                                        \
    CASE(name, "i8", 0xff, 31, n, op "b %%cl, %%al")              \
    CASE(name, "i16", 0xffff, 31, n, op "w %%cl, %%ax")           \
    CASE(name, "i32", 0xffffffff, 31, n, op "l %%cl, %%eax")
#define DOUBLE(op, name, n)                                       \
    CASE(name, "i16", 0xffff, 31, n, op "w %%cl, %%bx, %%ax")     \
    CASE(name, "i32", 0xffffffff, 31, n, op "l %%cl, %%ebx, %%eax")

// The product in one register: the high half is put above the low one without touching flags.
#define WIDE(op, name, n)                                                                        \
    CASE2(name, "i8", 0xff, 0xffff, n, op "b %%bl")                                              \
    CASE2(name, "i16", 0xffff, 0xffffffff, n, op "w %%bx; pushfq; shll $16, %%edx; movzwl %%ax, %%eax; orl %%edx, %%eax; popfq") \
    CASE2(name, "i32", 0xffffffff, 0xffffffffffffffff, n, op "l %%ebx; pushfq; shlq $32, %%rdx; orq %%rdx, %%rax; popfq")
#define CASE2(name, tyname, mask, vmask, n, asm_text)                                            \
    for (int i = 0; i < n; i++) {                                                                \
        uint64_t a = pick(mask), b = pick(mask), in = flags_before() | 2, out, v = a;            \
        RUN(asm_text, v, b, 0);                                                                  \
        printf("%s %s %lx %lx 0 %lx %lx %lx\n", name, tyname, a, b, in & 0x8d5, v & vmask, out); \
    }

int main(void) {
    BINARY("add", "add", 8) BINARY("sub", "sub", 8) BINARY("adc", "adc", 8) BINARY("sbb", "sbb", 8)
    BINARY("and", "and", 4) BINARY("or", "or", 4) BINARY("xor", "xor", 4)
    SHIFT("shl", "shl", 16) SHIFT("shr", "shr", 16) SHIFT("sar", "sar", 16)
    SHIFT("rol", "rol", 16) SHIFT("ror", "ror", 16) SHIFT("rcl", "rcl", 16) SHIFT("rcr", "rcr", 16)
    DOUBLE("shld", "shld", 20) DOUBLE("shrd", "shrd", 20)
    WIDE("mul", "mul_wide_u", 6) WIDE("imul", "mul_wide_s", 6)
    return 0;
}
