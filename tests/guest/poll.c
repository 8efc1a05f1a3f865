/* poll(2), select(2), pselect6(2), ppoll(2), epoll(7), with masks, timeouts and signals. */
#include "guest.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>

static volatile int count;
static void tick(int sig) { (void)sig; count++; }

static void polls(int in, int out)
{
    struct pollfd fds[3] = { { in, POLLIN, 0 }, { out, POLLOUT, 0 }, { 99, POLLIN, 0 } };
    say(poll(fds, 3, 0));
    printf("%x %x %x\n", fds[0].revents, fds[1].revents, fds[2].revents);
    write(out, "x", 1);
    say(poll(fds, 1, -1));
    printf("%x\n", fds[0].revents);
    char byte;
    read(in, &byte, 1);
    say(poll(fds, 1, 10));
    say(poll(NULL, 0, 1));
    say(poll(BAD, 1, 0));
    say(poll(fds, 1 << 30, 0));
    fds[0].fd = -1;
    say(poll(fds, 1, 0));
    fds[0].fd = in;
    int32_t ts[2] = { 0, 1000000 };
    say(syscall(SYS_ppoll, fds, 1, ts, NULL, 0));
    ts[1] = 1000000000;
    say(syscall(SYS_ppoll, fds, 1, ts, NULL, 0));
    ts[1] = 1;
    sigset_t empty;
    sigemptyset(&empty);
    say(syscall(SYS_ppoll, fds, 1, ts, &empty, 4));
    say(syscall(SYS_ppoll, fds, 1, BAD, &empty, 8));
    say(syscall(SYS_ppoll, fds, 1, ts, BAD, 8));
    int64_t ts64[2] = { 0, 1000 };
    say(syscall(414, fds, 1, ts64, &empty, 8));
}

static void selects(int in, int out)
{
    fd_set r, w;
    FD_ZERO(&r); FD_ZERO(&w);
    FD_SET(in, &r); FD_SET(out, &w);
    struct timeval tv = { 0, 1000 };
    say(select(out + 1, &r, &w, NULL, &tv));
    printf("%d %d\n", !!FD_ISSET(in, &r), !!FD_ISSET(out, &w));
    FD_SET(in, &r);
    tv = (struct timeval) { 0, 2000 };
    say(select(in + 1, &r, NULL, NULL, &tv));
    printf("left %ld %ld set %d\n", tv.tv_sec, tv.tv_usec, !!FD_ISSET(in, &r));
    say(syscall(SYS__newselect, -1, &r, NULL, NULL, &tv));
    say(syscall(SYS__newselect, 10, BAD, NULL, NULL, &tv));
    say(syscall(SYS__newselect, 0, NULL, NULL, NULL, BAD));
    FD_ZERO(&r); FD_SET(40, &r);
    tv.tv_sec = 0;
    say(select(41, &r, NULL, NULL, &tv));
    tv.tv_usec = -1;
    say(syscall(SYS__newselect, 0, NULL, NULL, NULL, &tv));
    tv = (struct timeval) { 0, 5 };
    uint32_t old[5] = { 0, 0, 0, 0, (uintptr_t)&tv };
    say(syscall(SYS_select, old));
    say(syscall(SYS_select, BAD));
    int32_t ts[2] = { 0, 1000 };
    sigset_t empty;
    sigemptyset(&empty);
    uint32_t mask[2] = { (uintptr_t)&empty, 8 };
    FD_ZERO(&w); FD_SET(out, &w);
    say(syscall(SYS_pselect6, out + 1, NULL, &w, NULL, ts, mask));
    mask[1] = 7;
    say(syscall(SYS_pselect6, out + 1, NULL, &w, NULL, ts, mask));
    say(syscall(SYS_pselect6, out + 1, NULL, &w, NULL, ts, BAD));
    int64_t ts64[2] = { 0, 1000 };
    mask[1] = 8;
    say(syscall(413, 0, NULL, NULL, NULL, ts64, mask));
}

/* A blocked signal that is pending interrupts exactly the call whose mask lets it in. */
static void masks(int in)
{
    sigset_t block, empty;
    sigemptyset(&empty), sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    signal(SIGUSR1, tick);
    sigprocmask(SIG_BLOCK, &block, NULL);
    struct timespec second = { 5, 0 };
    struct pollfd fd = { in, POLLIN, 0 };
    raise(SIGUSR1);
    say(ppoll(&fd, 1, &second, &empty));
    printf("count %d\n", count);
    raise(SIGUSR1);
    fd_set r;
    FD_ZERO(&r); FD_SET(in, &r);
    say(pselect(in + 1, &r, NULL, NULL, &second, &empty));
    printf("count %d\n", count);
    raise(SIGUSR1);
    int ep = epoll_create1(0);
    struct epoll_event event;
    say(epoll_pwait(ep, &event, 1, 5000, &empty));
    printf("count %d\n", count);
    sigset_t now;
    sigprocmask(SIG_UNBLOCK, &block, &now);
    printf("still blocked %d\n", sigismember(&now, SIGUSR1));
    signal(SIGALRM, tick); /* with SA_RESTART: poll is not restarted */
    struct itimerval soon = { { 0, 0 }, { 0, 20000 } };
    setitimer(ITIMER_REAL, &soon, NULL);
    say(poll(&fd, 1, 5000));
    setitimer(ITIMER_REAL, &soon, NULL);
    struct timeval tv = { 5, 0 };
    say(select(in + 1, &r, NULL, NULL, &tv));
    printf("count %d\n", count);
    close(ep);
}

static void epolls(int in, int out)
{
    int ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { EPOLLIN, { .u64 = 0x1122334455667788ull } }, events[4];
    say(sizeof event);
    say(epoll_create(0));
    say(epoll_create1(5));
    say(epoll_ctl(ep, EPOLL_CTL_ADD, in, &event));
    say(epoll_ctl(ep, EPOLL_CTL_ADD, in, &event));
    event = (struct epoll_event) { EPOLLOUT | EPOLLET, { .fd = 42 } };
    say(epoll_ctl(ep, EPOLL_CTL_ADD, out, &event));
    say(epoll_ctl(ep, EPOLL_CTL_ADD, 99, &event));
    say(epoll_ctl(99, EPOLL_CTL_ADD, in, &event));
    say(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &event));
    say(epoll_ctl(ep, 77, in, &event));
    say(epoll_ctl(ep, EPOLL_CTL_ADD, 0, BAD));
    say(epoll_wait(ep, events, 4, 0));
    printf("%x %d\n", events[0].events, events[0].data.fd);
    say(epoll_wait(ep, events, 4, 0));
    write(out, "x", 1);
    memset(events, 0x77, sizeof events);
    say(epoll_wait(ep, events, 4, 1000));
    for (int i = 0; i < 2; i++)
        if (events[i].events == EPOLLIN) printf("in %llx\n", (unsigned long long)events[i].data.u64);
    say(epoll_wait(ep, events, 0, 0));
    say(epoll_wait(ep, events, 1 << 29, 0));
    say(epoll_wait(ep, BAD, 1, 0));
    say(epoll_wait(in, events, 1, 0));
    say(epoll_wait(99, events, 1, 0));
    event = (struct epoll_event) { EPOLLIN | EPOLLONESHOT, { .u32 = 7 } };
    say(epoll_ctl(ep, EPOLL_CTL_MOD, in, &event));
    say(epoll_pwait(ep, events, 4, 0, NULL));
    say(epoll_pwait(ep, events, 4, 0, NULL));
    say(epoll_ctl(ep, EPOLL_CTL_DEL, in, NULL));
    say(epoll_ctl(ep, EPOLL_CTL_DEL, in, NULL));
    say(epoll_ctl(ep, EPOLL_CTL_MOD, in, &event));
    int file = open("/proc/self/exe", O_RDONLY);
    say(epoll_ctl(ep, EPOLL_CTL_ADD, file, &event));
    int nested = epoll_create1(0);
    event = (struct epoll_event) { EPOLLIN, { .u32 = 9 } };
    say(epoll_ctl(nested, EPOLL_CTL_ADD, ep, &event));
    say(epoll_ctl(ep, EPOLL_CTL_ADD, in, &event));
    say(epoll_wait(nested, events, 4, 1000));
    printf("nested %u\n", events[0].data.u32);
    close(nested), close(ep), close(file);
    char byte;
    read(in, &byte, 1);
}

int main(void)
{
    int fd[2];
    pipe(fd);
    polls(fd[0], fd[1]);
    selects(fd[0], fd[1]);
    epolls(fd[0], fd[1]);
    masks(fd[0]);
    struct pollfd gone = { fd[0], POLLIN, 0 };
    close(fd[1]);
    say(poll(&gone, 1, 0));
    printf("%x\n", gone.revents);
    return 0;
}
