/* Children: wait4(2), waitid(2), clone(2) in its kinds, process groups, sessions, orphans. */
#include "guest.h"
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static volatile int shared;
static int body(void *arg) { shared = 5; return (int)(intptr_t)arg; }

static pid_t start(int status)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) { if (status >= 0) _exit(status); for (;;) pause(); }
    return pid;
}

static void waits(void)
{
    int status = -1;
    struct rusage usage;
    siginfo_t info;
    say(waitpid(-1, &status, 0));
    say(waitpid(12345678, &status, 0));
    say(waitpid(0, &status, 0x1000));
    pid_t pid = start(-1);
    say(waitpid(pid, &status, WNOHANG));
    memset(&info, 0x55, sizeof info);
    say(waitid(P_ALL, 0, &info, WEXITED | WNOHANG));
    printf("nothing: signo %d pid %d\n", info.si_signo, info.si_pid);
    kill(pid, SIGSTOP);
    say(waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT));
    printf("stopped: signo %d code %d status %d\n", info.si_signo, info.si_code, info.si_status);
    say(waitpid(pid, &status, WUNTRACED) == pid);
    printf("%x\n", status);
    kill(pid, SIGCONT);
    say(waitid(P_PID, pid, &info, WCONTINUED));
    printf("continued: code %d status %d\n", info.si_code, info.si_status);
    kill(pid, SIGKILL);
    say(waitid(P_PGID, getpgrp(), &info, WEXITED));
    printf("killed: code %d status %d\n", info.si_code, info.si_status);
    pid = start(3);
    say(waitid(P_PID, pid, BAD, WEXITED));
    pid = start(4);
    say(waitid(P_PID, pid, NULL, WEXITED));
    pid = start(5);
    say(syscall(SYS_wait4, pid, BAD, 0, NULL));
    pid = start(6);
    say(wait4(pid, &status, 0, &usage) == pid);
    printf("status %x, resident %d\n", status, usage.ru_maxrss > 0);
    pid = start(7);
    say(syscall(SYS_waitpid, pid, &status, 0) == pid);
    printf("status %x\n", status);
    pid = start(8);
    say(syscall(SYS_waitid, P_PID, pid, &info, WEXITED, &usage));
    say(waitid(P_PID, pid, &info, 0));
    say(waitid(99, pid, &info, WEXITED));
    signal(SIGCHLD, SIG_IGN);
    start(9);
    say(wait(&status)); /* gone by itself */
    signal(SIGCHLD, SIG_DFL);
    pid = start(-1);
    kill(pid, SIGSEGV);
    waitpid(pid, &status, 0);
    printf("signal %d\n", WTERMSIG(status));
}

static void clones(void)
{
    char *stack = malloc(65536);
    int status;
    pid_t pid = clone(body, stack + 65536, SIGCHLD, (void *)11);
    waitpid(pid, &status, 0);
    printf("copy: %x, shared %d\n", status, shared);
    say(clone(body, stack + 65536, CLONE_SIGHAND | SIGCHLD, NULL));
    say(clone(body, stack + 65536, CLONE_THREAD | SIGCHLD, NULL));
    say(syscall(SYS_clone, CLONE_SIGHAND | CLONE_THREAD, 0, 0, 0, 0));
    say(syscall(SYS_clone, CLONE_FS | CLONE_NEWNS, 0, 0, 0, 0));
    say(syscall(SYS_clone3, BAD, 88));
    say(syscall(SYS_clone3, stack, 8));
    int fd = -1;
    pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0);
    if (pid == 0) _exit(14);
    siginfo_t info;
    say(waitid(P_PIDFD, fd, &info, WEXITED));
    say(info.si_status);
    say(fcntl(fd, F_GETFD));
}

static void groups(void)
{
    say(getpgrp() == getpgid(0));
    say(getsid(0) == getsid(getpid()));
    say(setpgid(0, 12345678));
    say(setpgid(12345678, 0));
    say(getpgid(12345678));
    say(getsid(-1));
    int go[2];
    pipe(go);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(go[1]);
        read(go[0], &c, 1);
        say(getpgrp() == getpid());
        say(setsid());
        pid_t grandchild = fork();
        if (grandchild == 0) { say(setsid() == getpid()); say(getsid(0) == getpid()); _exit(0); }
        finish(grandchild);
        _exit(0);
    }
    say(setpgid(pid, pid));
    close(go[1]);
    say(finish(pid));
    prctl(PR_SET_PDEATHSIG, SIGUSR2);
    int sig;
    prctl(PR_GET_PDEATHSIG, &sig);
    say(sig);
}

int main(void)
{
    waits();
    clones();
    groups();
    return 0;
}
