/*
 * insncount - QEMU TCG plugin: deterministic AArch64 instruction counter for
 * qemu-user.  Self-written; declares the handful of plugin-API prototypes it
 * needs so no QEMU headers are required.  One .so works with both
 *   - QEMU 7.2  (plugin API v1, Debian bookworm's qemu-user, dynamic build)
 *   - QEMU >= 9 (plugin API v4, scoreboards => cheap inline per-vCPU counters)
 *
 * needs a qemu-aarch64 that accepts -plugin: the dynamic build of Debian 12 does, static builds do not
 * build: gcc -O2 -fPIC -shared -o insncount.so insncount.c
 * use:   qemu-aarch64 -plugin ./insncount.so[,out=FILE][,classes=on][,where=on] PROG...
 *
 * Prints one "insncount ..." line per process at exit (and at execve()):
 *   total    executed guest instructions, all threads of this process
 *            (a forked child reports only what it ran itself)
 *   syscalls guest syscalls
 *   where=on    splits total into code executed from file-backed mappings (aot)
 *               and from anonymous/memfd memory (jit)
 *   classes=on  per-class instruction counts
 *   inline=on   API v1 only: use racy inline adds even for exactness-critical
 *               runs (default on v1 is an exact per-vCPU callback)
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define WEAK   __attribute__((weak))

/* ---- the parts of the documented plugin API used here ---- */
typedef uint64_t plugin_id;
struct plugin_info;                       /* opaque, unused */
struct tb; struct insn; struct scoreboard;
typedef struct { struct scoreboard *score; size_t offset; } score_u64;
enum { OP_ADD_U64 = 0 };
enum { CB_NO_REGS = 0 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct tb *));
extern void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
extern void qemu_plugin_register_vcpu_syscall_cb(plugin_id,
        void (*)(plugin_id, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                 uint64_t, uint64_t, uint64_t, uint64_t));
extern size_t qemu_plugin_tb_n_insns(const struct tb *);
extern struct insn *qemu_plugin_tb_get_insn(const struct tb *, size_t);
extern void *qemu_plugin_insn_haddr(const struct insn *);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct tb *, void (*)(unsigned, void *), int, void *);
/* v1 only */
extern WEAK void qemu_plugin_register_vcpu_tb_exec_inline(struct tb *, int, void *, uint64_t);
/* v2+ only */
extern WEAK struct scoreboard *qemu_plugin_scoreboard_new(size_t);
extern WEAK void *qemu_plugin_scoreboard_find(struct scoreboard *, unsigned);
extern WEAK int qemu_plugin_num_vcpus(void);
extern WEAK void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct tb *, int, score_u64, uint64_t);
extern WEAK uint64_t qemu_plugin_u64_sum(score_u64);

EXPORT int qemu_plugin_version = 4;

/* pick the API level before QEMU looks at qemu_plugin_version */
static void __attribute__((constructor)) pick_api(void)
{
    if (!qemu_plugin_scoreboard_new)
        qemu_plugin_version = 1;
}

/* ---- counters ---- */
enum {
    C_TOTAL, C_JIT, C_SYSCALL,
    C_INT, C_FP, C_LD, C_ST, C_ACQREL, C_EXCL, C_LSE, C_B, C_BCOND, C_BL, C_BR, C_BLR, C_RET,
    C_BARRIER, C_MRS_MSR, C_SVC, C_OTHER, C_N
};
static const char *const cname[C_N] = {
    "total", "jit", "syscalls", "int", "fp", "ld", "st", "acqrel", "excl", "lse", "b", "bcond",
    "bl", "br", "blr", "ret", "barrier", "mrsmsr", "svc", "other"
};
#define FIRST_CLASS C_INT

static bool opt_classes, opt_where, opt_inline;
static const char *opt_out;
static struct scoreboard *score;
static uint64_t flat[C_N];                 /* v1 inline mode */
static uint64_t percpu[4096][C_N];         /* v1 exact mode, indexed by vCPU */
static uint64_t base[C_N];                 /* counts at fork time, in a child */
static uint64_t nsys;

static uint64_t value(int c)
{
    uint64_t v = flat[c];
    if (c == C_SYSCALL)
        return __atomic_load_n(&nsys, __ATOMIC_RELAXED) - base[c];
    if (score)
        v += qemu_plugin_u64_sum((score_u64){ score, c * sizeof(uint64_t) });
    else
        for (int i = 0; i < 4096; i++)
            v += percpu[i][c];
    return v - base[c];
}

static void report(const char *ev)
{
    char buf[1024];
    int n = snprintf(buf, sizeof buf, "insncount pid=%d event=%s total=%" PRIu64 " syscalls=%" PRIu64,
                     (int)getpid(), ev, value(C_TOTAL), value(C_SYSCALL));
    if (opt_where)
        n += snprintf(buf + n, sizeof buf - n, " aot=%" PRIu64 " jit=%" PRIu64,
                      value(C_TOTAL) - value(C_JIT), value(C_JIT));
    if (opt_classes)
        for (int c = FIRST_CLASS; c < C_N; c++)
            n += snprintf(buf + n, sizeof buf - n, " %s=%" PRIu64, cname[c], value(c));
    buf[n++] = '\n';
    int fd = opt_out ? open(opt_out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : 2;
    if (fd >= 0 && write(fd, buf, n) != n)
        perror("insncount");
    if (fd > 2)
        close(fd);
}

static void in_child(void)
{
    uint64_t now[C_N];
    for (int c = 0; c < C_N; c++)
        now[c] = value(c);
    for (int c = 0; c < C_N; c++)
        base[c] += now[c];
}

/* ---- A64 classification by top-level encoding groups ---- */
static int classify(uint32_t w)
{
    unsigned g = (w >> 25) & 15;
    if ((g & 14) == 8 || (g & 7) == 5)
        return C_INT;
    if ((g & 7) == 7)
        return C_FP;
    if ((g & 14) == 10) {
        if ((w & 0x7c000000) == 0x14000000)
            return w >> 31 ? C_BL : C_B;
        if ((w & 0xfe000000) == 0x54000000 || (w & 0x7c000000) == 0x34000000)
            return C_BCOND;
        if ((w & 0xfe000000) == 0xd6000000) {
            unsigned opc = (w >> 21) & 7;   /* pauth forms have bit 24 set, same low bits */
            return opc == 0 ? C_BR : opc == 1 ? C_BLR : opc == 2 ? C_RET : C_OTHER;
        }
        if ((w & 0xffe0001f) == 0xd4000001)
            return C_SVC;
        if ((w & 0xfffff01f) == 0xd503301f)
            return C_BARRIER;
        if ((w & 0xffd00000) == 0xd5100000)
            return C_MRS_MSR;
        return C_OTHER;                     /* hints, nop, brk, sys */
    }
    if ((g & 5) == 4) {                     /* loads and stores */
        bool l = (w >> 22) & 1;
        switch ((w >> 27) & 7) {
        case 1:                             /* exclusive / ordered / CAS, or SIMD structures */
            if (w & (1u << 26))
                return l ? C_LD : C_ST;
            if (!(w & (1u << 23)))
                return (w & (1u << 21)) && !(w >> 31) ? C_LSE /* CASP */ : C_EXCL;
            return w & (1u << 21) ? C_LSE : C_ACQREL;
        case 3:                             /* literal, LDAPUR/STLUR, MOPS */
            if (!(w & (1u << 24)))
                return C_LD;
            return w & (1u << 21) ? C_OTHER : C_ACQREL;
        case 5:                             /* pairs */
            return l ? C_LD : C_ST;
        case 7: {
            unsigned opc = (w >> 22) & 3;
            if (!(w & (1u << 24)) && (w & (1u << 21)) && ((w >> 10) & 3) == 0) {
                return (w & 0xf000) == 0xc000 && (w & (1u << 23)) ? C_ACQREL /* LDAPR */ : C_LSE;
            }
            if (w & (1u << 26))
                return opc & 1 ? C_LD : C_ST;
            return opc ? C_LD : C_ST;
        }
        }
    }
    return C_OTHER;
}

/* ---- where does code live?  host address -> file-backed or not ---- */
static struct range { uintptr_t lo, hi; bool anon; } *maps;
static size_t nmaps;
static int maps_stale;                     /* set by file mmap: an old anon range may be a file now */
static pthread_mutex_t maps_lock = PTHREAD_MUTEX_INITIALIZER;

static void read_maps(void)
{
    FILE *f = fopen("/proc/self/maps", "re");
    char line[512];
    nmaps = 0;
    while (f && fgets(line, sizeof line, f)) {
        uintptr_t lo, hi;
        int off = 0;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %*s %n", &lo, &hi, &off) < 2)
            continue;
        const char *p = off ? line + off : "";
        maps = realloc(maps, (nmaps + 1) * sizeof *maps);
        maps[nmaps++] = (struct range){ lo, hi, *p != '/' || !strncmp(p, "/memfd:", 7) };
    }
    if (f)
        fclose(f);
}

static bool is_anon(uintptr_t a)
{
    bool r = true;
    pthread_mutex_lock(&maps_lock);
    if (__atomic_exchange_n(&maps_stale, 0, __ATOMIC_RELAXED))
        read_maps();
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < nmaps; i++)
            if (a >= maps[i].lo && a < maps[i].hi) {
                r = maps[i].anon;
                goto out;
            }
        read_maps();
    }
out:
    pthread_mutex_unlock(&maps_lock);
    return r;
}

/* ---- instrumentation ---- */
struct tbinfo { uint32_t n[C_N]; };

static void tb_exec(unsigned cpu, void *p)   /* v1 exact mode */
{
    const struct tbinfo *t = p;
    uint64_t *c = percpu[cpu & 4095];
    c[C_TOTAL] += t->n[C_TOTAL];
    c[C_JIT] += t->n[C_JIT];
    if (opt_classes)
        for (int i = FIRST_CLASS; i < C_N; i++)
            c[i] += t->n[i];
}

static void tb_trans(plugin_id id, struct tb *tb)
{
    (void)id;
    size_t n = qemu_plugin_tb_n_insns(tb);
    struct tbinfo t = { 0 };
    t.n[C_TOTAL] = n;
    if (opt_where && is_anon((uintptr_t)qemu_plugin_insn_haddr(qemu_plugin_tb_get_insn(tb, 0))))
        t.n[C_JIT] = n;
    if (opt_classes)
        for (size_t i = 0; i < n; i++) {
            uint32_t w;                      /* A64 code is little endian, as is the host */
            memcpy(&w, qemu_plugin_insn_haddr(qemu_plugin_tb_get_insn(tb, i)), 4);
            t.n[classify(w)]++;
        }
    if (!score && !opt_inline) {
        struct tbinfo *k = malloc(sizeof *k); /* lives as long as the TB may */
        *k = t;
        qemu_plugin_register_vcpu_tb_exec_cb(tb, tb_exec, CB_NO_REGS, k);
        return;
    }
    for (int c = 0; c < C_N; c++) {
        if (!t.n[c])
            continue;
        if (score)
            qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(
                tb, OP_ADD_U64, (score_u64){ score, c * sizeof(uint64_t) }, t.n[c]);
        else
            qemu_plugin_register_vcpu_tb_exec_inline(tb, OP_ADD_U64, &flat[c], t.n[c]);
    }
}

static void on_syscall(plugin_id id, unsigned cpu, int64_t num, uint64_t a1, uint64_t a2, uint64_t a3,
                       uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
    (void)id, (void)cpu, (void)a1, (void)a2, (void)a3, (void)a5, (void)a6, (void)a7, (void)a8;
    __atomic_fetch_add(&nsys, 1, __ATOMIC_RELAXED);
    if (num == 222 && !(a4 & 0x20))         /* mmap of a file */
        __atomic_store_n(&maps_stale, 1, __ATOMIC_RELAXED);
    if (num == 221 || num == 281)           /* execve, execveat: this image ends here */
        report("exec");
}

static void at_exit(plugin_id id, void *p)
{
    (void)id, (void)p;
    report("exit");
}

EXPORT int qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4))
            opt_out = strdup(argv[i] + 4);
        else if (!strcmp(argv[i], "classes=on"))
            opt_classes = true;
        else if (!strcmp(argv[i], "where=on"))
            opt_where = true;
        else if (!strcmp(argv[i], "inline=on"))
            opt_inline = true;
        else {
            fprintf(stderr, "insncount: unknown option %s\n", argv[i]);
            return -1;
        }
    }
    if (qemu_plugin_scoreboard_new)
        score = qemu_plugin_scoreboard_new(C_N * sizeof(uint64_t));
    pthread_atfork(NULL, NULL, in_child);
    qemu_plugin_register_vcpu_tb_trans_cb(id, tb_trans);
    qemu_plugin_register_vcpu_syscall_cb(id, on_syscall);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
