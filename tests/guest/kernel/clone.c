/* clone(2) and clone3(2) in forms that user-mode emulators refuse: other exit signals, shared memory without vfork,
 * unshared files of a thread, orphans. */
#include "../guest.h"
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>

static volatile int shared;
static int body(void *arg) { shared++; return (int)(intptr_t)arg; }
static int opens(void *arg) { (void)arg; shared = open("/dev/null", O_RDONLY); return 0; }

int main(void)
{
    signal(SIGUSR1, SIG_IGN); /* before a child ends with it */
    char *stack = malloc(65536);
    int status, fd = -1;
    pid_t tid = 0, pid;
    pid = clone(body, stack + 65536, 0, (void *)12);
    say(waitpid(pid, &status, 0));
    say(waitpid(pid, &status, __WALL) == pid);
    printf("no signal: %x\n", status);
    pid = clone(body, stack + 65536, CLONE_PARENT_SETTID | SIGUSR1, (void *)13, &tid);
    say(waitpid(pid, &status, __WCLONE) == pid && tid == pid);
    pid = clone(body, stack + 65536, CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)20);
    say(shared);
    say(finish(pid));
    pid = clone(body, stack + 65536, CLONE_VM | SIGCHLD, (void *)21);
    say(finish(pid));
    say(shared);
    pid = clone(opens, stack + 65536, CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
    say(finish(pid));
    say(fcntl(shared, F_GETFD));
    close(shared);
    pid = clone(opens, stack + 65536, CLONE_VM | SIGCHLD, NULL);
    say(finish(pid));
    say(fcntl(shared, F_GETFD));
    struct clone_args args = { .flags = CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID, .exit_signal = SIGCHLD,
        .pidfd = (uintptr_t)&fd, .parent_tid = (uintptr_t)&tid, .child_tid = (uintptr_t)&shared };
    fflush(stdout);
    pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) _exit(shared == getpid() ? 22 : 23);
    siginfo_t info;
    say(tid == pid);
    say(waitid(P_PIDFD, fd, &info, WEXITED));
    say(info.si_status);
    say(syscall(SYS_clone3, BAD, sizeof args));
    say(syscall(SYS_clone3, &args, 8));
    args.exit_signal = 99;
    say(syscall(SYS_clone3, &args, sizeof args));
    args = (struct clone_args) { .flags = CLONE_THREAD };
    say(syscall(SYS_clone3, &args, sizeof args));
    args = (struct clone_args) { .exit_signal = SIGCHLD, .stack = (uintptr_t)stack };
    say(syscall(SYS_clone3, &args, sizeof args));
    args = (struct clone_args) { .flags = 1ull << 63, .exit_signal = SIGCHLD };
    say(syscall(SYS_clone3, &args, sizeof args));
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid = fork();
    if (pid == 0) {
        if (fork() == 0) { usleep(20000); _exit(15); }
        _exit(16);
    }
    say(finish(pid));
    say(wait(&status) > 0);
    printf("orphan: %x\n", status);
    return 0;
}
