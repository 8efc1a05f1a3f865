/* Signals as a program sees them: handlers, siginfo, contexts changed in handlers, masks, alternate stacks, restart. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf jump;
static volatile int count;

static void report(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    greg_t *g = uc->uc_mcontext.gregs;
    printf("signal %d code %d trap %d err %d", sig, info->si_code, (int)g[REG_TRAPNO], (int)g[REG_ERR]);
    if (sig == SIGSEGV || sig == SIGBUS)
        printf(" addr %p cr2 %lx", info->si_addr, uc->uc_mcontext.cr2);
    printf(" cs %x ds %x ss %x\n", (int)g[REG_CS], (int)g[REG_DS], (int)g[REG_SS]);
    siglongjmp(jump, 1);
}

static void on(int sig, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };
    sigemptyset(&sa.sa_mask);
    sigaction(sig, &sa, NULL);
}

/* Skips the faulting load: eax gets a value, eip moves on. */
static void fix(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    (void)sig, (void)info;
    printf("fix: ecx %x edx %x eflags.cf %d\n", (int)uc->uc_mcontext.gregs[REG_ECX], (int)uc->uc_mcontext.gregs[REG_EDX],
           (int)uc->uc_mcontext.gregs[REG_EFL] & 1);
    uc->uc_mcontext.gregs[REG_EAX] = 1234;
    uc->uc_mcontext.gregs[REG_EIP] += 2; /* mov (%ecx),%eax */
}

static void tick(int sig, siginfo_t *info, void *context) { (void)sig, (void)info, (void)context; count++; }

static void on_stack(int sig, siginfo_t *info, void *context)
{
    stack_t now;
    char here;
    (void)info, (void)context;
    sigaltstack(NULL, &now);
    printf("alternate stack: signal %d, on it: %d, inside: %d\n", sig, now.ss_flags & SS_ONSTACK,
           &here > (char *)now.ss_sp && &here < (char *)now.ss_sp + now.ss_size);
}

static void faults(void)
{
    on(SIGSEGV, report, 0);
    on(SIGBUS, report, 0);
    on(SIGFPE, report, 0);
    on(SIGILL, report, 0);
    on(SIGTRAP, report, 0);
    if (!sigsetjmp(jump, 1)) *(volatile int *)0x10 = 1;
    if (!sigsetjmp(jump, 1)) (void)*(volatile int *)0xfffffff0;
    char *page = mmap((void *)0x30000000, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (!sigsetjmp(jump, 1)) page[100] = 1;
    if (!sigsetjmp(jump, 1)) asm volatile("movl $7, %0" : "=m"(*(int *)(page + 4094)));
    if (!sigsetjmp(jump, 1)) asm volatile("divl %0" :: "r"(0), "a"(1), "d"(0));
    if (!sigsetjmp(jump, 1)) asm volatile("idivl %0" :: "r"(-1), "a"(0x80000000), "d"(-1));
    if (!sigsetjmp(jump, 1)) asm volatile("ud2");
    if (!sigsetjmp(jump, 1)) asm volatile("int3");
    if (!sigsetjmp(jump, 1)) asm volatile("hlt");
    if (!sigsetjmp(jump, 1)) asm volatile("int $0x90");
    if (!sigsetjmp(jump, 1)) ((void (*)(void))0x20)();
    if (!sigsetjmp(jump, 1)) asm volatile("movl $0x7fffffff, %%eax; addl $1, %%eax; into" ::: "eax");
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    faults();

    on(SIGSEGV, fix, 0);
    int result;
    unsigned char carry;
    asm volatile("stc; movl (%%ecx), %%eax; setc %1" : "=a"(result), "=q"(carry) : "c"(8), "d"(0x55) : "cc"); /* CF is read later */
    printf("result %d\n", result);

    on(SIGALRM, tick, SA_RESTART);
    struct itimerval every = { { 0, 2000 }, { 0, 2000 } }, never = { { 0, 0 }, { 0, 0 } };
    setitimer(ITIMER_REAL, &every, NULL);
    while (count < 10) { } /* a loop without system calls */
    setitimer(ITIMER_REAL, &never, NULL);
    printf("ticks: %s\n", count >= 10 ? "enough" : "missing");

    stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
    sigaltstack(&stack, NULL);
    on(SIGUSR1, on_stack, SA_ONSTACK);
    raise(SIGUSR1);

    sigset_t set, old, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    on(SIGUSR2, tick, 0);
    count = 0;
    sigprocmask(SIG_BLOCK, &set, &old);
    raise(SIGUSR2);
    sigpending(&pending);
    printf("blocked: count %d pending %d\n", count, sigismember(&pending, SIGUSR2));
    sigsuspend(&old);
    printf("suspended: count %d errno %d\n", count, errno);
    sigprocmask(SIG_SETMASK, &old, NULL);

    int fd[2];
    pipe(fd);
    char byte;
    count = 0;
    if (fork() == 0) {
        usleep(50000);
        kill(getppid(), SIGUSR2);
        usleep(50000);
        write(fd[1], "x", 1);
        _exit(0);
    }
    ssize_t n = read(fd[0], &byte, 1);
    printf("read without SA_RESTART: %d %s\n", (int)n, n < 0 ? strerror(errno) : "");
    wait(NULL);
    read(fd[0], &byte, 1);
    on(SIGUSR2, tick, SA_RESTART);
    if (fork() == 0) {
        usleep(50000);
        kill(getppid(), SIGUSR2);
        usleep(50000);
        write(fd[1], "y", 1);
        _exit(0);
    }
    n = read(fd[0], &byte, 1);
    printf("read with SA_RESTART: %d %c\n", (int)n, byte);
    wait(NULL);

    union sigval value = { .sival_int = 77 };
    sigset_t rt;
    sigemptyset(&rt);
    sigaddset(&rt, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &rt, NULL);
    sigqueue(getpid(), SIGRTMIN + 3, value);
    siginfo_t info;
    printf("sigwaitinfo: %d", sigwaitinfo(&rt, &info) - SIGRTMIN);
    printf(" value %d code %d own %d\n", info.si_value.sival_int, info.si_code, info.si_pid == getpid());
    struct timespec soon = { 0, 1000000 };
    printf("sigtimedwait: %d %s\n", sigtimedwait(&rt, &info, &soon), strerror(errno));

    static const int deaths[] = { SIGSEGV, SIGABRT, SIGKILL, SIGTERM, SIGFPE, SIGILL, SIGPIPE };
    for (unsigned i = 0; i < sizeof deaths / sizeof *deaths; i++) {
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            signal(deaths[i], SIG_DFL);
            if (deaths[i] == SIGSEGV) *(volatile int *)4 = 0;
            raise(deaths[i]);
            _exit(0);
        }
        int status;
        waitpid(pid, &status, 0);
        printf("death by %d: %d\n", deaths[i], WIFSIGNALED(status) ? WTERMSIG(status) : -1);
    }
    return 0;
}
