/* Descriptors that tell of events: eventfd(2), timerfd_create(2), signalfd(2), inotify(7), pidfd_open(2). */
#include "guest.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static void counters(void)
{
    uint64_t value = 0;
    int fd = eventfd(3, EFD_NONBLOCK);
    say(read(fd, &value, 8));
    say(value);
    say(read(fd, &value, 8));
    value = 5;
    say(write(fd, &value, 8));
    say(write(fd, &value, 7));
    say(write(fd, BAD, 8));
    value = ~0ull;
    say(write(fd, &value, 8));
    value = ~0ull - 1;
    say(write(fd, &value, 8));
    say(eventfd(0, 0x123));
    int sem = syscall(SYS_eventfd2, 2, EFD_SEMAPHORE | EFD_CLOEXEC);
    say(read(sem, &value, 8));
    say(value);
    say(syscall(SYS_eventfd, 7) >= 0);
}

static void timers(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    say(timerfd_create(99, 0));
    say(timerfd_create(CLOCK_MONOTONIC, 0x123));
    struct itimerspec every = { { 0, 5000000 }, { 0, 5000000 } }, now;
    say(timerfd_settime(fd, 0, &every, NULL));
    uint64_t ticks = 0;
    say(read(fd, &ticks, 8));
    say(ticks >= 1);
    say(read(fd, &ticks, 4));
    say(timerfd_gettime(fd, &now));
    printf("interval %ld.%09ld\n", (long)now.it_interval.tv_sec, now.it_interval.tv_nsec);
    int32_t spec32[4] = { 0, 0, 0, 0 }, old32[4] = { -1, -1, -1, -1 };
    say(syscall(SYS_timerfd_settime, fd, 0, spec32, old32));
    printf("old interval %d.%09d\n", old32[0], old32[1]);
    say(syscall(SYS_timerfd_gettime, fd, old32));
    printf("off %d %d %d %d\n", old32[0], old32[1], old32[2], old32[3]);
    spec32[3] = 1000000000;
    say(syscall(SYS_timerfd_settime, fd, 0, spec32, NULL));
    say(syscall(SYS_timerfd_settime, fd, 0, BAD, NULL));
    say(syscall(SYS_timerfd_settime, fd, 99, old32, NULL));
    say(syscall(SYS_timerfd_gettime, fd, BAD));
    say(syscall(SYS_timerfd_gettime, 0, old32));
    int64_t spec64[4] = { 0, 0, 0, 1000000 };
    say(syscall(411, fd, 0, spec64, NULL));
    say(read(fd, &ticks, 8));
    say(ticks);
    struct timespec past;
    clock_gettime(CLOCK_MONOTONIC, &past);
    struct itimerspec absolute = { { 0, 0 }, { past.tv_sec ? past.tv_sec : 1, 0 } };
    say(timerfd_settime(fd, TFD_TIMER_ABSTIME, &absolute, NULL));
    say(read(fd, &ticks, 8));
}

static void signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_NONBLOCK);
    struct signalfd_siginfo info[3];
    say(read(fd, info, sizeof info));
    raise(SIGUSR1);
    union sigval value = { .sival_int = 4711 };
    sigqueue(getpid(), SIGRTMIN + 1, value);
    say(read(fd, info, 10));
    long n = say(read(fd, info, sizeof info) / sizeof *info);
    for (int i = 0; i < n; i++)
        printf("signal %d code %d own %d value %d\n", info[i].ssi_signo, info[i].ssi_code, info[i].ssi_pid == (uint32_t)getpid(),
               info[i].ssi_int);
    sigdelset(&set, SIGUSR1);
    say(signalfd(fd, &set, 0) == fd);
    raise(SIGUSR1);
    say(read(fd, info, sizeof info));
    say(syscall(SYS_signalfd4, -1, &set, 4, 0));
    say(syscall(SYS_signalfd4, -1, BAD, 8, 0));
    say(syscall(SYS_signalfd4, 0, &set, 8, 0));
    say(syscall(SYS_signalfd, -1, &set, 8) >= 0);
    signal(SIGUSR1, SIG_IGN);
}

static void notify(void)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    mkdir("watched", 0755);
    int wd = say(inotify_add_watch(fd, "watched", IN_CREATE | IN_DELETE | IN_MOVE));
    say(inotify_add_watch(fd, "none", IN_CREATE));
    say(inotify_add_watch(fd, BAD, IN_CREATE));
    say(inotify_add_watch(0, "watched", IN_CREATE));
    say(inotify_init1(0x123));
    close(open("watched/a", O_CREAT | O_WRONLY, 0600));
    rename("watched/a", "watched/b");
    unlink("watched/b");
    char buffer[1024];
    long n = read(fd, buffer, sizeof buffer);
    for (char *at = buffer; at < buffer + n; ) {
        struct inotify_event *event = (void *)at;
        printf("event %x %s\n", event->mask, event->name);
        at += sizeof *event + event->len;
    }
    say(read(fd, buffer, sizeof buffer));
    say(inotify_rm_watch(fd, wd));
    say(inotify_rm_watch(fd, wd));
    say(read(fd, buffer, sizeof buffer));
    rmdir("watched");
}

static void processes(void)
{
    int go[2];
    pipe(go);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) { char c; close(go[1]); read(go[0], &c, 1); _exit(21); }
    int fd = syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = { fd, POLLIN, 0 };
    say(poll(&p, 1, 0));
    say(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    close(go[1]);
    say(poll(&p, 1, 5000));
    siginfo_t info;
    say(waitid(P_PIDFD, fd, &info, WEXITED));
    say(info.si_status);
    say(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
    say(syscall(SYS_pidfd_open, -1, 0));
    say(syscall(SYS_pidfd_open, getpid(), 99));
    say(syscall(SYS_pidfd_send_signal, 0, 0, NULL, 0));
}

int main(void)
{
    counters();
    timers();
    signals();
    notify();
    processes();
    return 0;
}
