/* Signals that an emulator below does not carry: the ids of timers, notifications of message queues, all real-time signals,
 * owners of files. */
#include "../guest.h"
#include <mqueue.h>
#include <time.h>

static void queues(void)
{
    struct mq_attr attr = { .mq_maxmsg = 3, .mq_msgsize = 16 };
    mq_unlink("/ferry-notify");
    mqd_t q = mq_open("/ferry-notify", O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &attr);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 55 };
    say(mq_notify(q, &event));
    say(mq_notify(q, &event));
    say(mq_send(q, "note", 5, 0));
    siginfo_t info;
    say(sigwaitinfo(&set, &info));
    printf("code %d value %d own %d\n", info.si_code, info.si_value.sival_int, info.si_pid == getpid());
    say(syscall(SYS_mq_notify, q, BAD));
    say(mq_notify(q, NULL));
    say(mq_close(q));
    say(mq_unlink("/ferry-notify"));
}

static void files(void)
{
    int fd[2];
    pipe(fd);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 2);
    say(fcntl(fd[0], F_SETOWN, getpid()));
    say(fcntl(fd[0], F_GETOWN) == getpid());
    say(fcntl(fd[0], F_SETSIG, SIGRTMIN + 2));
    say(fcntl(fd[0], F_SETFL, O_ASYNC));
    write(fd[1], "x", 1);
    siginfo_t info;
    say(sigwaitinfo(&set, &info) - SIGRTMIN);
    printf("code %d band %lx fd %d\n", info.si_code, info.si_band, info.si_fd == fd[0]);
}

int main(void)
{
    sigset_t set;
    siginfo_t info;
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
    int first, second;
    syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &first);
    syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &second);
    int32_t spec[4] = { 0, 0, 0, 1000000 };
    say(syscall(SYS_timer_settime, second, 0, spec, NULL));
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    say(sigwaitinfo(&set, &info));
    printf("timer id %d\n", info.si_timerid == second);
    for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++) sigqueue(getpid(), sig, (union sigval) { .sival_int = sig });
    int wrong = 0, count = 0;
    sigemptyset(&set);
    for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++) sigaddset(&set, sig);
    for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++, count++) wrong += sigwaitinfo(&set, &info) != sig || info.si_value.sival_int != sig;
    printf("%d real-time signals, %d wrong\n", count, wrong);
    queues();
    files();
    return 0;
}
