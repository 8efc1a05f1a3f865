/* Newer calls: futex_waitv(2), epoll_pwait2(2), clock_adjtime(2)'s errors, pidfd_getfd(2), process_mrelease(2). */
#include "../guest.h"
#include <linux/futex.h>
#include <sys/epoll.h>
#include <time.h>

int main(void)
{
    static uint32_t words[2] = { 1, 2 };
    struct { uint64_t val, uaddr; uint32_t flags, reserved; } waiters[2] = { { 1, (uintptr_t)words, 2, 0 }, { 2, (uintptr_t)(words + 1), 2, 0 } };
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t until[2] = { now.tv_sec, now.tv_nsec + 1000000 };
    if (until[1] >= 1000000000) until[0]++, until[1] -= 1000000000;
    say(syscall(449, waiters, 2, 0, until, CLOCK_MONOTONIC));
    waiters[1].val = 3;
    say(syscall(449, waiters, 2, 0, until, CLOCK_MONOTONIC));
    say(syscall(449, BAD, 2, 0, until, CLOCK_MONOTONIC));
    say(syscall(449, waiters, 0, 0, until, CLOCK_MONOTONIC));
    waiters[1].flags = 99;
    say(syscall(449, waiters, 2, 0, until, CLOCK_MONOTONIC));
    int ep = epoll_create1(0), fd[2];
    pipe(fd);
    struct epoll_event event = { EPOLLIN, { .u64 = 0x1122334455667788ull } }, events[2];
    epoll_ctl(ep, EPOLL_CTL_ADD, fd[0], &event);
    int64_t wait[2] = { 0, 1000000 };
    say(syscall(441, ep, events, 2, wait, NULL, 0));
    write(fd[1], "x", 1);
    say(syscall(441, ep, events, 2, NULL, NULL, 0));
    printf("%llx\n", (unsigned long long)events[0].data.u64);
    say(syscall(441, ep, BAD, 2, NULL, NULL, 0));
    sigset_t set;
    sigemptyset(&set);
    say(syscall(441, ep, events, 2, wait, &set, 7));
    say(syscall(441, ep, events, 2, BAD, NULL, 0));
    int pid_fd = syscall(SYS_pidfd_open, getpid(), 0);
    say(syscall(SYS_pidfd_getfd, pid_fd, fd[1], 0) > 0);
    say(syscall(SYS_pidfd_getfd, pid_fd, 999, 0));
    say(syscall(SYS_process_mrelease, pid_fd, 1));
    say(syscall(SYS_clock_adjtime, 99, BAD));
    return 0;
}
