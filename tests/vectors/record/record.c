/* Runs every instruction of the table on every input of its group and prints what it changed. See README.md. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    uint32_t x0[4], x1[4], mem[4], x2[4];
    uint64_t m0, m1;
    uint32_t eax, ecx, edx, mxcsr, eflags;
} __attribute__((aligned(16))) State;

struct op {
    const char *group;
    uint8_t *start, *end;
    const char *text;
    uint32_t undefined;
};

extern struct op op_table[];
extern void run(void *function, State *state);

enum { MAX_INPUTS = 2048, ARITHMETIC = 0x8d5 };
static State inputs[MAX_INPUTS];
static int count;

static uint64_t seed = 0x9e3779b97f4a7c15;
static uint64_t next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static const uint32_t edge32[] = {
    0, 0x80000000, 1, 0x80000003, 0x007fffff, 0x807fffff, 0x00800000, 0x80800001, 0x3f800000, 0xbf800000, 0x3f000000,
    0x3fc00000, 0x40200000, 0x4effffff, 0x4f000000, 0xcf000000, 0xcf000001, 0x7f7fffff, 0x7f800000, 0xff800000,
    0x7fc00000, 0xffc12345, 0x7f812345, 0xff800001,
};
static const uint64_t edge64[] = {
    0, 0x8000000000000000, 1, 0x8000000000000003, 0x000fffffffffffff, 0x0010000000000000, 0x8010000000000001,
    0x3ff0000000000000, 0xbff0000000000000, 0x3fe0000000000000, 0x3ff8000000000000, 0x4004000000000000,
    0x41dfffffffc00000, 0x41dfffffffe00000, 0x41e0000000000000, 0xc1e0000000000000, 0xc1e0000000200000,
    0x36a0000000000000, 0x47efffffe0000000, 0x47effffff0000000, 0x380fffffffffffff, 0x7fefffffffffffff,
    0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0xfff8123456789abc, 0x7ff0123456789abc,
    0xfff0000000000001,
};
static const uint64_t edge_int[] = {
    0, ~0ull, 0x8080808080808080, 0x7f7f7f7f7f7f7f7f, 0x8000800080008000, 0x7fff7fff7fff7fff, 0x8000000080000000,
    0x7fffffff7fffffff, 0x8000000000000000, 0x0001ff0100ff8001, 0x0102030405060708, 1, 7, 16, 31, 40, 64, 0x100000000,
};
#define LEN(a) ((int)(sizeof(a) / sizeof(a)[0]))

static State *add(void)
{
    State *s = &inputs[count++];
    memset(s, 0, sizeof *s);
    s->mxcsr = 0x1f80;
    s->ecx = 0x12345678;
    return s;
}

static void fill(uint32_t *v, uint64_t lo, uint64_t hi)
{
    memcpy(v, &lo, 8);
    memcpy(v + 2, &hi, 8);
}

static void integers(int random)
{
    for (int i = 0; i < LEN(edge_int) + random; i++) {
        State *s = add();
        uint64_t e = i < LEN(edge_int) ? edge_int[i] : next();
        uint64_t f = i < LEN(edge_int) ? edge_int[(i * 5 + 3) % LEN(edge_int)] : next();
        fill(s->x0, next(), f);
        fill(s->x1, e, i % 3 ? next() : f);
        s->m0 = f;
        s->m1 = e;
        s->eax = (uint32_t)e;
    }
}

/* Every pair of edge values in lane 0, the other lanes zero. */
static void pairs(int wide)
{
    int n = wide ? LEN(edge64) : LEN(edge32);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            State *s = add();
            fill(s->x0, wide ? edge64[i] : edge32[i], 0);
            fill(s->x1, wide ? edge64[j] : edge32[j], 0);
        }
}

/* Every edge value as the second operand, random bits above lane 0 of the first. */
static void singles(int wide)
{
    int n = wide ? LEN(edge64) : LEN(edge32);
    for (int i = 0; i < n + 12; i++) {
        State *s = add();
        uint64_t e32 = i < n ? edge32[i % LEN(edge32)] : next() % 0x20000000 + 0x38000000;
        uint64_t e64 = i < n ? edge64[i % LEN(edge64)] : next() % 0x0400000000000000 + 0x3f00000000000000;
        fill(s->x0, next(), next());
        fill(s->x1, wide ? e64 : e32, 0);
        memcpy(&s->m1, s->x1, 8);
        s->eax = (uint32_t)next();
    }
}

static uint64_t number(int wide)
{
    uint64_t r = next();
    if (r % 5 == 0)
        return wide ? edge64[r / 8 % LEN(edge64)] : edge32[r / 8 % LEN(edge32)];
    if (wide)
        return (next() & 0x800fffffffffffff) | (0x3f0 + r % 32) << 52;
    return (next() & 0x807fffff) | (0x70 + r % 32) << 23;
}

/* Random lanes, among them edge values; `modes`: all roundings, FTZ and DAZ, old sticky flags. */
static void packed(int wide, int modes, int n)
{
    for (int i = 0; i < n; i++) {
        State *s = add();
        uint32_t *v[2] = { s->x0, s->x1 };
        for (int k = 0; k < 2; k++)
            if (wide)
                fill(v[k], number(1), number(1));
            else
                for (int lane = 0; lane < 4; lane++)
                    v[k][lane] = (uint32_t)number(0);
        s->m0 = next();
        s->m1 = next();
        s->eax = (uint32_t)next();
        if (modes)
            s->mxcsr |= (i & 3) << 13 | (i >> 2 & 1) << 15 | (i >> 3 & 1) << 6 | (i % 7 == 0 ? next() & 0x3f : 0);
    }
}

/* A vector of one of several kinds: random, edges, text over a few letters with zeros, floats of either width. */
static void mixed(uint32_t *v, int kind)
{
    uint8_t *bytes = (uint8_t *)v;
    switch (kind) {
    case 0: fill(v, next(), next()); break;
    case 1: fill(v, edge_int[next() % LEN(edge_int)], edge_int[next() % LEN(edge_int)]); break;
    case 2: for (int i = 0; i < 16; i++) bytes[i] = "aabbc\0z\xe1"[next() >> 20 & 7]; break;
    case 3: for (int i = 0; i < 16; i++) bytes[i] = i % 2 ? 0 : "aabbc\0zd"[next() >> 20 & 7]; break;
    case 4: for (int i = 0; i < 4; i++) v[i] = (uint32_t)number(0); break;
    default: fill(v, number(1), number(1)); break;
    }
}

/* Operands without relation; counts and lengths are small every other time. */
static void mix(int n)
{
    for (int i = 0; i < n; i++) {
        State *s = add();
        int kind = i % 6;
        mixed(s->x0, kind);
        mixed(s->x1, kind);
        mixed(s->x2, next() % 6);
        mixed(s->mem, kind);
        memcpy(&s->m0, s->x0, 8);
        memcpy(&s->m1, s->x1 + 1, 8);
        uint64_t r = next();
        s->eax = i % 2 ? (uint32_t)edge_int[i / 2 % LEN(edge_int)] : (uint32_t)r;
        s->ecx = i % 4 < 2 ? (uint32_t)(r >> 32) % 40 : (uint32_t)(r >> 32) >> (r & 31);
        s->edx = i % 3 ? (uint32_t)(r >> 16) % 21 - 2 : (uint32_t)next();
        s->eflags = (uint32_t)next() & ARITHMETIC;
    }
}

static void make_inputs(const char *group)
{
    count = 0;
    seed = 0x9e3779b97f4a7c15;
    int wide = group[strlen(group) - 1] == '4';
    if (!strncmp(group, "int", 3))
        integers(10);
    else if (!strncmp(group, "pairs", 5))
        pairs(wide);
    else if (!strncmp(group, "singles", 7))
        singles(wide);
    else if (!strncmp(group, "modes", 5))
        packed(wide, 1, 96);
    else if (!strncmp(group, "some", 4))
        packed(wide, 1, 40);
    else if (!strncmp(group, "mix", 3))
        mix(48);
    else
        packed(wide, 0, 40);
}

static void hex128(const char *name, const uint32_t *v)
{
    int top = 3;
    while (top > 0 && !v[top])
        top--;
    printf("%s%x", name, v[top]);
    while (top-- > 0)
        printf("%08x", v[top]);
}

static int is_mix(const char *group)
{
    return !strncmp(group, "mix", 3);
}

static void show_inputs(const char *group)
{
    printf("group %s\n", group);
    for (int i = 0; i < count; i++) {
        hex128("in x0=", inputs[i].x0);
        hex128(" x1=", inputs[i].x1);
        if (is_mix(group)) {
            hex128(" x2=", inputs[i].x2);
            hex128(" mem=", inputs[i].mem);
            printf(" c=%x d=%x f=%x", inputs[i].ecx, inputs[i].edx, inputs[i].eflags);
        }
        printf(" m0=%llx m1=%llx a=%x s=%x\n", (unsigned long long)inputs[i].m0, (unsigned long long)inputs[i].m1,
               inputs[i].eax, inputs[i].mxcsr);
    }
}

static void show_change(const State *old, const State *new)
{
    const char *space = "";
#define FIELD(changed, ...) if (changed) { printf("%s", space); __VA_ARGS__; space = " "; }
    FIELD(memcmp(old->x0, new->x0, 16), hex128("x0=", new->x0))
    FIELD(memcmp(old->x1, new->x1, 16), hex128("x1=", new->x1))
    FIELD(memcmp(old->mem, new->mem, 16), hex128("mem=", new->mem))
    FIELD(old->m0 != new->m0, printf("m0=%llx", (unsigned long long)new->m0))
    FIELD(old->m1 != new->m1, printf("m1=%llx", (unsigned long long)new->m1))
    FIELD(old->eax != new->eax, printf("a=%x", new->eax))
    FIELD(old->ecx != new->ecx, printf("c=%x", new->ecx))
    FIELD(old->edx != new->edx, printf("d=%x", new->edx))
    FIELD(memcmp(old->x2, new->x2, 16), hex128("x2=", new->x2))
    FIELD(old->mxcsr != new->mxcsr, printf("s=%x", new->mxcsr))
    FIELD((old->eflags ^ new->eflags) & ARITHMETIC, printf("f=%x", new->eflags & ARITHMETIC))
    puts(*space ? "" : "=");
}

/* FNV-1a over all that is watched. */
static uint64_t digest(uint64_t h, const State *s)
{
    const uint8_t *bytes = (const uint8_t *)s;
    for (size_t i = 0; i < offsetof(State, eflags); i++)
        h = (h ^ bytes[i]) * 0x100000001b3;
    for (int i = 0; i < 16; i += 8)
        h = (h ^ ((s->eflags & ARITHMETIC) >> i & 0xff)) * 0x100000001b3;
    return h;
}

/* An argument "full" shows every result of digested groups too. */
int main(int argc, char **argv)
{
    (void)argv;
    int full = argc > 1;
    const char *group = "";
    for (struct op *op = op_table; op->group; op++) {
        if (strcmp(group, op->group)) {
            group = op->group;
            make_inputs(group);
            show_inputs(group);
        }
        printf("op ");
        for (uint8_t *p = op->start; p < op->end; p++)
            printf("%02x", *p);
        printf(" %s\n", op->text);
        if (op->undefined)
            printf("undefined %x\n", op->undefined);
        int mixed = is_mix(group);
        uint64_t h = 0xcbf29ce484222325;
        for (int i = 0; i < count; i++) {
            State s = inputs[i];
            if (!mixed) {
                memcpy(s.mem, s.x1, 16);
                s.eflags = ARITHMETIC;
            }
            s.eflags |= 0x202;
            State old = s;
            run(op->start, &s);
            s.eflags &= ~op->undefined;
            h = digest(h, &s);
            if (!mixed || full)
                show_change(&old, &s);
        }
        if (mixed && !full)
            printf("digest %llx\n", (unsigned long long)h);
    }
    return 0;
}
