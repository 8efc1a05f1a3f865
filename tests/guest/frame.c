/* Signal frames and flags: both kinds of frame, nested handlers, SA_NODEFER, SA_RESETHAND, contexts edited by handlers, the
 * floating-point state in a frame, alternate stacks, siginfo of each source. */
#include "guest.h"
#include <setjmp.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

static volatile int count, depth, deepest, raised;
static sigjmp_buf jump;
static siginfo_t last;

struct kernel_sigaction { void *handler; unsigned long flags; void *restorer; uint32_t mask[2]; };
struct old_sigaction { void *handler; unsigned long mask; unsigned long flags; void *restorer; };

static void set(int sig, void *handler, int flags)
{
    struct sigaction sa = { .sa_flags = flags };
    sa.sa_handler = handler;
    sigemptyset(&sa.sa_mask);
    sigaction(sig, &sa, NULL);
}

static void keep(int sig, siginfo_t *info, void *context) { (void)context; last = *info; count = sig; }

static void nest(int sig)
{
    depth++;
    if (depth > deepest) deepest = depth;
    if (sig == SIGUSR1 && ++raised < 5) raise(SIGUSR1);
    depth--;
}

/* The frame of the old kind: the saved context follows the signal number on the stack. */
struct old_context { uint32_t gs, fs, es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax, trapno, err, eip, cs, eflags, esp_at_signal, ss; };
static void __attribute__((regparm(0))) old_frame(int sig, struct old_context context)
{
    printf("old frame: signal %d, selectors %x %x %x, edi %x, trap %u\n", sig, context.cs & 0xffff, context.ds & 0xffff, context.ss & 0xffff, context.edi, context.trapno);
    ((volatile struct old_context *)&context)->ebx = 0xb0b0;
}

static void edit(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)info;
    ucontext_t *uc = context;
    uc->uc_mcontext.gregs[REG_ESI] = 0x51515151;
    uc->uc_mcontext.gregs[REG_EFL] |= 1;
    sigaddset(&uc->uc_sigmask, SIGUSR2);
    printf("fp: %d, magic %x, status size %d\n", uc->uc_mcontext.fpregs != NULL, (unsigned)uc->uc_mcontext.fpregs->status >> 16,
           (int)sizeof *uc->uc_mcontext.fpregs);
}

static void spoil(int sig)
{
    (void)sig;
    asm volatile("fninit; fldl2e; pxor %xmm3, %xmm3" );
    asm volatile("ldmxcsr %0" :: "m"((unsigned){ 0x7f80 }));
}

/* x87 registers stand twice in a frame, XMM registers once. */
static int part;
static void edit_part(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)info;
    struct _libc_fpstate *old = ((ucontext_t *)context)->uc_mcontext.fpregs;
    unsigned char *image = (unsigned char *)(old + 1);
    if (part == 0) old->_st[0].exponent ^= 0x8000;
    if (part == 1) image[32 + 9] ^= 0x80;
    if (part == 2) image[160 + 3 * 16 + 7] ^= 0x80;
}

static void parts(void)
{
    set(SIGUSR1, edit_part, SA_SIGINFO);
    for (part = 0; part < 3; part++) {
        double st, xmm, one = 1;
        asm volatile("fld1; movq %3, %%xmm3; int $0x80; fstpl %0; movq %%xmm3, %1"
                     : "=m"(st), "=m"(xmm), "+a"((int){ SYS_kill }) : "m"(one), "b"(getpid()), "c"(SIGUSR1) : "memory");
        printf("part %d edited: st %.1f xmm %.1f\n", part, st, xmm);
    }
}

static void flags(void)
{
    set(SIGUSR1, nest, SA_NODEFER);
    raise(SIGUSR1);
    printf("nodefer: %d deep\n", deepest);
    deepest = raised = 0;
    set(SIGUSR1, nest, 0);
    raise(SIGUSR1);
    printf("deferred: %d deep, %d times\n", deepest, raised);
    set(SIGUSR2, nest, SA_RESETHAND);
    raise(SIGUSR2);
    struct sigaction now;
    sigaction(SIGUSR2, NULL, &now);
    printf("reset: %d\n", now.sa_handler == SIG_DFL);
    set(SIGUSR2, keep, SA_SIGINFO | SA_RESTART);
    sigaction(SIGUSR2, NULL, &now);
    printf("flags %x\n", now.sa_flags & ~0x04000000);
    say(sigaction(SIGKILL, &now, NULL));
    say(sigaction(SIGSTOP, NULL, &now));
    say(sigaction(65, NULL, &now));
    say(syscall(SYS_rt_sigaction, SIGUSR1, BAD, NULL, 8));
    say(syscall(SYS_rt_sigaction, SIGUSR1, NULL, BAD, 8));
    say(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4));
    say(syscall(SYS_rt_sigprocmask, 77, &now.sa_mask, NULL, 8));
    say(syscall(SYS_rt_sigprocmask, SIG_BLOCK, BAD, NULL, 8));
    say(syscall(SYS_rt_sigpending, BAD, 8));
    say(syscall(SYS_sigpending, BAD));
    say(syscall(SYS_rt_sigsuspend, BAD, 8));
    say(syscall(SYS_sigaction, SIGUSR1, BAD, NULL));
    uint32_t old_mask = 1 << (SIGUSR1 - 1), before = 99;
    say(syscall(SYS_sigprocmask, SIG_BLOCK, &old_mask, &before));
    say(before);
    raise(SIGUSR1);
    say(syscall(SYS_sigpending, &before));
    printf("%x\n", before);
    say(syscall(SYS_ssetmask, 0x1000));
    say(syscall(SYS_sgetmask));
    say(syscall(SYS_ssetmask, 0));
    say(syscall(SYS_signal, SIGUSR1, SIG_IGN) == (long)nest);
}

static void frames(void)
{
    struct old_sigaction old = { old_frame, 0, 0, NULL };
    say(syscall(SYS_sigaction, SIGUSR1, &old, NULL));
    uint32_t ebx, edi = 0xd1d1;
    pid_t pid = getpid();
    asm volatile("int $0x80" : "=b"(ebx), "+D"(edi) : "a"(SYS_kill), "0"(pid), "c"(SIGUSR1) : "memory");
    printf("ebx %x edi %x\n", ebx, edi);
    set(SIGUSR1, edit, SA_SIGINFO);
    uint32_t esi = 1, carry;
    asm volatile("clc; int $0x80; setc %%al; movzbl %%al, %0" : "=a"(carry), "+S"(esi) : "0"(SYS_kill), "b"(pid), "c"(SIGUSR1) : "memory", "cc");
    sigset_t mask;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    printf("esi %x carry %d masked %d\n", esi, carry, sigismember(&mask, SIGUSR2));
    sigemptyset(&mask);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    set(SIGUSR1, spoil, 0);
    double st = 0;
    uint64_t xmm = 0x1234567812345678ull;
    unsigned mxcsr = 0;
    asm volatile("fldpi; movq %4, %%xmm3; int $0x80; fstpl %0; movq %%xmm3, %1; stmxcsr %2"
                 : "=m"(st), "=m"(xmm), "=m"(mxcsr), "+a"((int){ SYS_kill }) : "m"(xmm), "b"(pid), "c"(SIGUSR1) : "memory");
    printf("restored: st %.15f xmm %llx mxcsr %x\n", st, (unsigned long long)xmm, mxcsr);
}

static void on_alt(int sig, siginfo_t *info, void *context)
{
    (void)info;
    ucontext_t *uc = context;
    stack_t now, other = { .ss_sp = malloc(8192), .ss_size = 8192 };
    sigaltstack(NULL, &now);
    printf("signal %d on it %d, saved size %d flags %d\n", sig, now.ss_flags, (int)uc->uc_stack.ss_size, uc->uc_stack.ss_flags);
    say(sigaltstack(&other, NULL));
    if (sig == SIGUSR1) raise(SIGUSR2);
    if (sig == SIGSEGV) siglongjmp(jump, 1);
}

static void overflow(int n) { volatile char page[4096]; page[0] = n; if (n) overflow(n - 1); page[1] = page[0]; }

static void stacks(void)
{
    stack_t stack = { .ss_sp = malloc(16384), .ss_size = 16384 }, now;
    say(sigaltstack(NULL, &now));
    printf("none: flags %d\n", now.ss_flags);
    say(sigaltstack(&(stack_t) { .ss_sp = stack.ss_sp, .ss_size = 100 }, NULL));
    say(sigaltstack(&(stack_t) { .ss_sp = stack.ss_sp, .ss_size = 16384, .ss_flags = 99 }, NULL));
    say(sigaltstack(BAD, NULL));
    say(sigaltstack(NULL, BAD));
    say(sigaltstack(&stack, NULL));
    set(SIGUSR1, on_alt, SA_SIGINFO | SA_ONSTACK);
    set(SIGUSR2, on_alt, SA_SIGINFO | SA_ONSTACK);
    set(SIGSEGV, on_alt, SA_SIGINFO | SA_ONSTACK);
    raise(SIGUSR1);
    if (!sigsetjmp(jump, 1)) overflow(1 << 20); /* the stack ends */
    puts("back from the end of the stack");
    fflush(stdout);
    if (fork() == 0) {
        set(SIGSEGV, on_alt, SA_SIGINFO); /* no room for a frame */
        overflow(1 << 20);
        _exit(0);
    }
    int status;
    wait(&status);
    printf("killed by %d\n", WTERMSIG(status));
    sigaltstack(&(stack_t) { .ss_flags = SS_DISABLE }, NULL);
}

static void sources(void)
{
    set(SIGCHLD, keep, SA_SIGINFO);
    fflush(stdout);
    sigset_t child, before;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before); /* so that it cannot come between the look and the wait */
    pid_t pid = fork();
    if (pid == 0) _exit(7);
    while (count != SIGCHLD) sigsuspend(&before);
    sigprocmask(SIG_SETMASK, &before, NULL);
    printf("SIGCHLD code %d status %d own %d\n", last.si_code, last.si_status, last.si_pid == pid);
    waitpid(pid, NULL, 0);
    set(SIGCHLD, SIG_DFL, 0);
    set(SIGRTMIN + 5, keep, SA_SIGINFO);
    sigqueue(getpid(), SIGRTMIN + 5, (union sigval) { .sival_int = -5 });
    printf("queued code %d value %d\n", last.si_code, last.si_value.sival_int);
    timer_t timer;
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 5, .sigev_value.sival_int = 66 };
    struct itimerspec soon = { { 0, 0 }, { 0, 1000000 } };
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    count = 0;
    timer_settime(timer, 0, &soon, NULL);
    while (!count) { }
    printf("timer code %d value %d overrun %d\n", last.si_code, last.si_value.sival_int, last.si_overrun);
    kill(getpid(), SIGRTMIN + 5);
    printf("kill code %d uid %d\n", last.si_code, last.si_uid == getuid());
    raise(SIGRTMIN + 5);
    printf("tkill code %d\n", last.si_code);
    siginfo_t forged = { .si_signo = SIGUSR1, .si_code = SI_USER };
    fflush(stdout);
    pid = fork();
    if (pid == 0) _exit(say(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &forged)) == 0);
    finish(pid);
    say(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, BAD));
    say(kill(0x7fffffff, 0));
    say(kill(getpid(), 99));
    say(syscall(SYS_tgkill, getpid(), 0x7fffffff, 0));
    say(syscall(SYS_tkill, -1, 0));
    /* Queued signals come in order, lowest number first. */
    sigset_t all, one;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (int i = 3; i > 0; i--)
        for (int j = 0; j < 2; j++) sigqueue(getpid(), SIGRTMIN + i, (union sigval) { .sival_int = j });
    raise(SIGTERM), raise(SIGTERM);
    siginfo_t info;
    for (int i = 0; i < 7; i++) {
        int sig = sigwaitinfo(&all, &info);
        printf("%d:%d ", sig, sig >= SIGRTMIN ? info.si_value.sival_int : info.si_code);
    }
    struct timespec none = { 0, 0 };
    puts("");
    say(sigtimedwait(&all, &info, &none));
    none.tv_nsec = -1;
    say(sigtimedwait(&all, &info, &none));
    say(syscall(SYS_rt_sigtimedwait, BAD, &info, NULL, 8));
    say(syscall(SYS_rt_sigtimedwait, &all, &info, BAD, 8));
    sigemptyset(&one);
    sigprocmask(SIG_SETMASK, &one, NULL);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    flags();
    frames();
    parts();
    stacks();
    sources();
    return 0;
}
