/* Executes cases (code bytes and register states) that it reads from a file and writes the states they leave: on an x86
 * CPU the oracle, under ferry what is held against it. Formats: tests/src/oracle/wire.rs. Without a C library, so that
 * a case may do anything to segment registers and memory that this program does not use itself. */
#include <stddef.h>
#include <stdint.h>

enum {
    CODE = 0x10000000, /* the code of a group of cases */
    DATA = 0x20000000, /* two pages; nothing before, a read-only page behind */
    STACK = 0x20004000, /* a page with ESP in the middle */
    PAGE = 4096, FX = 288, WINDOWS = 4, SHOW_MEMORY = 1,
};
enum { SYS_exit = 1, SYS_write = 4, SYS_open = 5, SYS_munmap = 91, SYS_sigaltstack = 186, SYS_rt_sigaction = 174,
       SYS_mmap2 = 192, SYS_fstat64 = 197 };
enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20 };
enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11, SA_SIGINFO = 4, SA_ONSTACK = 0x08000000 };

/* What a case can see and change of the data pages; everything else there stays zero. */
static const struct { uint32_t start, size; } windows[WINDOWS] = {
    { DATA, 0x80 }, { DATA + 0xe00, 0x400 }, { DATA + 0x1f80, 0x80 }, { STACK + 0x700, 0x200 },
};

struct input {
    uint32_t gpr[8], eflags;
};
struct left {
    uint32_t gpr[8], eflags;
    uint32_t segments[2];
};
struct output {
    uint32_t gpr[8], eflags;
    uint32_t eip, signo, code, addr, trapno, err;
    uint32_t segments[2];
    uint32_t memory[2];
    uint8_t fx[FX];
};

extern struct input input;
extern struct left left;
extern uint8_t fx_input[512], fx_left[512];
extern void run(void), finish(void);
extern uint32_t entry, finish_pointer;

static struct output output;

static long call(long nr, long a, long b, long c, long d, long e, long f)
{
    struct { long nr, f; } words = { nr, f };
    long result;
    __asm__ volatile("push %%ebp\n\tmov 4(%%eax), %%ebp\n\tmov (%%eax), %%eax\n\tint $0x80\n\tpop %%ebp"
                     : "=a"(result) : "a"(&words), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
    return result;
}

static void copy(void *to, const void *from, size_t n)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static void zero(void *to, size_t n)
{
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(0) : "memory");
}

static void fail(const char *what)
{
    size_t n = 0;
    while (what[n])
        n++;
    call(SYS_write, 2, (long)what, (long)n, 0, 0, 0);
    call(SYS_exit, 3, 0, 0, 0, 0, 0);
}

static void map(uint32_t at, uint32_t len, int prot)
{
    if ((uint32_t)call(SYS_mmap2, (long)at, (long)len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at)
        fail("oracle: an address is taken\n");
}

static uint8_t buffer[1 << 18];
static size_t buffered;

static void flush(void)
{
    for (size_t done = 0; done < buffered;) {
        long n = call(SYS_write, 1, (long)(buffer + done), (long)(buffered - done), 0, 0, 0);
        if (n <= 0)
            fail("oracle: cannot write\n");
        done += (size_t)n;
    }
    buffered = 0;
}

static void put(const void *data, size_t n)
{
    if (buffered + n > sizeof buffer)
        flush();
    copy(buffer + buffered, data, n);
    buffered += n;
}

/* The i386 signal frame, as far as it is read. */
struct sigcontext {
    uint32_t gs, fs, es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax, trapno, err, eip, cs, eflags, esp_at_signal, ss, fp;
};
struct ucontext {
    uint32_t flags, link, stack[3];
    struct sigcontext mc;
};
struct siginfo {
    int32_t signo, error, code;
    uint32_t addr;
};

static void handler(int signo, struct siginfo *info, struct ucontext *uc)
{
    struct sigcontext *mc = &uc->mc;
    if (output.signo)
        fail("oracle: a signal outside the case\n");
    const uint32_t gpr[8] = { mc->eax, mc->ecx, mc->edx, mc->ebx, mc->esp, mc->ebp, mc->esi, mc->edi };
    copy(output.gpr, gpr, sizeof gpr);
    output.eflags = mc->eflags;
    output.eip = mc->eip;
    output.signo = (uint32_t)signo;
    output.code = (uint32_t)info->code;
    output.addr = info->addr;
    output.trapno = mc->trapno;
    output.err = mc->err;
    output.segments[0] = (mc->ds & 0xffff) | mc->es << 16;
    output.segments[1] = (mc->fs & 0xffff) | mc->gs << 16;
    copy(output.fx, (uint8_t *)mc->fp + 112, FX);
    mc->eip = (uint32_t)finish;
    mc->eflags &= ~0x40500u; /* AC, DF, TF */
    mc->ds = mc->es = mc->ss;
}

static void catch_signals(void)
{
    static uint8_t stack[65536];
    struct { void *sp; int flags; size_t size; } alternate = { stack, 0, sizeof stack };
    struct { void *handler; unsigned long flags; void *restorer; uint32_t mask[2]; } action = {
        (void *)handler, SA_SIGINFO | SA_ONSTACK, NULL, { 0, 0 } };
    static const int signals[] = { SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV };
    if (call(SYS_sigaltstack, (long)&alternate, 0, 0, 0, 0, 0))
        fail("oracle: sigaltstack\n");
    for (int i = 0; i < 5; i++)
        if (call(SYS_rt_sigaction, signals[i], (long)&action, 0, 8, 0, 0))
            fail("oracle: rt_sigaction\n");
}

static void fill_memory(uint32_t seed)
{
    uint32_t x = seed | 1;
    for (int w = 0; w < WINDOWS; w++) {
        uint32_t *p = (uint32_t *)windows[w].start, *end = p + windows[w].size / 4;
        for (; p < end; p++) {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            *p = x;
        }
    }
}

static void hash_memory(void)
{
    uint32_t a = 0x811c9dc5, b = 0;
    for (int w = 0; w < WINDOWS; w++) {
        const uint32_t *p = (uint32_t *)windows[w].start, *end = p + windows[w].size / 4;
        for (; p < end; p++) {
            a = (a ^ *p) * 0x01000193;
            b = (b + *p) * 0x85ebca6b;
        }
    }
    output.memory[0] = a;
    output.memory[1] = b;
}

/* Whether anything outside the windows changed; cleans up. */
static uint32_t stray(void)
{
    static const uint32_t pages[2][2] = { { DATA, 2 * PAGE }, { STACK, PAGE } };
    uint32_t found = 0;
    for (int w = 0; w < WINDOWS; w++)
        zero((void *)windows[w].start, windows[w].size);
    for (int i = 0; i < 2; i++) {
        const uint32_t *p = (uint32_t *)pages[i][0], *end = p + pages[i][1] / 4;
        uint32_t any = 0;
        for (; p < end; p++)
            any |= *p;
        if (any)
            zero((void *)pages[i][0], pages[i][1]);
        found |= any;
    }
    return found != 0;
}

static const uint32_t *run_input(const uint32_t *in, int show)
{
    copy(&input, in, sizeof input);
    uint32_t seed = in[9], patches = in[10];
    copy(fx_input, in + 11, FX);
    in += 11 + FX / 4;
    fill_memory(seed);
    for (; patches; patches--, in += 2)
        *(uint32_t *)in[0] = in[1];
    zero(&output, sizeof output);
    run();
    if (!output.signo) {
        copy(output.gpr, &left, 36);
        copy(output.segments, left.segments, 8);
        copy(output.fx, fx_left, FX);
    }
    hash_memory();
    put(&output, sizeof output);
    for (int w = 0; show && w < WINDOWS; w++)
        put((void *)windows[w].start, windows[w].size);
    return in;
}

/* A case: place, bytes of code, inputs, flags, code, inputs. */
static const uint32_t *skip_case(const uint32_t *c)
{
    uint32_t inputs = c[2];
    c += 4 + (c[1] + 3) / 4;
    for (; inputs; inputs--)
        c += 11 + FX / 4 + 2 * c[10];
    return c;
}

static void place_code(const uint32_t *c)
{
    uint8_t *at = (uint8_t *)CODE + c[0];
    copy(at, c + 4, c[1]);
    at += c[1];
    const uint32_t *pointer = &finish_pointer;
    at[0] = 0x36; /* jmp dword ptr ss:[finish_pointer] */
    at[1] = 0xff;
    at[2] = 0x25;
    copy(at + 3, &pointer, 4);
}

static const uint32_t *run_group(const uint32_t *group)
{
    uint32_t cases = group[0], bytes = group[1];
    map(CODE, bytes, PROT_READ | PROT_WRITE | PROT_EXEC);
    const uint32_t *c = group + 2;
    for (uint32_t i = 0; i < cases; i++, c = skip_case(c))
        place_code(c);
    c = group + 2;
    for (uint32_t i = 0; i < cases; i++) {
        entry = CODE + c[0];
        uint32_t inputs = c[2], show = c[3] & SHOW_MEMORY;
        c += 4 + (c[1] + 3) / 4;
        for (; inputs; inputs--)
            c = run_input(c, (int)show);
        uint32_t strayed = stray();
        put(&strayed, 4);
        flush();
    }
    call(SYS_munmap, CODE, (long)bytes, 0, 0, 0, 0);
    return c;
}

static const uint32_t *read_cases(const char *path)
{
    static uint32_t status[24]; /* struct stat64, whose size is at byte 44 */
    long fd = call(SYS_open, (long)path, 0, 0, 0, 0, 0);
    if (fd < 0 || call(SYS_fstat64, fd, (long)status, 0, 0, 0, 0))
        fail("oracle: cannot open the file of cases\n");
    long at = call(SYS_mmap2, 0, (long)status[11], PROT_READ, MAP_PRIVATE, fd, 0);
    if ((unsigned long)at > -4096ul)
        fail("oracle: cannot map the file of cases\n");
    return (const uint32_t *)at;
}

void begin(const uint32_t *stack)
{
    if (stack[0] != 2)
        fail("usage: oracle CASES\n");
    const uint32_t *file = read_cases((const char *)stack[2]);
    map(DATA, 2 * PAGE, PROT_READ | PROT_WRITE);
    map(DATA + 2 * PAGE, PAGE, PROT_READ);
    map(STACK, PAGE, PROT_READ | PROT_WRITE);
    /* A page that was never read is reported as not present. */
    (void)*(volatile uint32_t *)(DATA + 2 * PAGE);
    catch_signals();
    uint32_t groups = *file++;
    while (groups--)
        file = run_group(file);
    flush();
    call(SYS_exit, 0, 0, 0, 0, 0, 0);
}
