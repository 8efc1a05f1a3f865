/* Clocks, sleeps and timers in 32-bit and 64-bit layouts. */
#include "guest.h"
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <time.h>

static volatile int count;
static void tick(int sig) { (void)sig; count++; }

static int near(long long a, long long b) { return llabs(a - b) <= 2; }

static void clocks(void)
{
    int32_t ts[2];
    int64_t ts64[2];
    time_t now = time(NULL);
    say(near(now, 0));
    say(syscall(SYS_clock_gettime, CLOCK_REALTIME, ts));
    say(near(ts[0], now));
    say(syscall(403, CLOCK_REALTIME, ts64));
    say(near(ts64[0], now));
    struct timeval tv;
    struct timezone tz = { 5, 5 };
    say(syscall(SYS_gettimeofday, &tv, &tz));
    printf("%d zone %d %d\n", near(tv.tv_sec, now), tz.tz_minuteswest, tz.tz_dsttime);
    int32_t t = 0;
    say(near(syscall(SYS_time, &t), now) && near(t, now));
    say(syscall(SYS_time, BAD));
    say(syscall(SYS_gettimeofday, BAD, NULL));
    say(syscall(SYS_clock_gettime, CLOCK_REALTIME, BAD));
    say(syscall(SYS_clock_gettime, 999, ts));
    for (int clock = 0; clock < 8; clock++) {
        int32_t res[2] = { -1, -1 }, a[2], b[2];
        if (clock == 10) continue;
        syscall(SYS_clock_getres, clock, res);
        syscall(SYS_clock_gettime, clock, a);
        syscall(SYS_clock_gettime, clock, b);
        printf("clock %d: resolution %d.%s forward %d\n", clock, res[0], res[1] > 0 ? "positive" : "zero", b[0] > a[0] || b[0] == a[0] && b[1] >= a[1]);
    }
    say(syscall(SYS_clock_getres, 999, ts));
    say(syscall(406, CLOCK_MONOTONIC, ts64));
    clockid_t cpu;
    say(clock_getcpuclockid(getpid(), &cpu));
    say(syscall(SYS_clock_gettime, cpu, ts));
    say(syscall(SYS_clock_settime, CLOCK_MONOTONIC, ts));
    say(syscall(SYS_clock_settime, CLOCK_REALTIME, BAD));
    struct timex tx = { .modes = 0 };
    say(syscall(SYS_adjtimex, &tx) >= 0);
    say(tx.tick);
    say(syscall(SYS_adjtimex, BAD));
    struct tms tms;
    say(times(&tms) != -1);
    say(syscall(SYS_times, BAD));
}

static void sleeps(void)
{
    int32_t ts[2] = { 0, 1000000 }, rem[2] = { -1, -1 };
    int64_t ts64[2] = { 0, 1000000 }, rem64[2] = { -1, -1 };
    say(syscall(SYS_nanosleep, ts, rem));
    printf("%d %d\n", rem[0], rem[1]);
    say(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, ts, NULL));
    say(syscall(407, CLOCK_MONOTONIC, 0, ts64, NULL));
    ts[1] = 1000000000;
    say(syscall(SYS_nanosleep, ts, NULL));
    say(syscall(SYS_nanosleep, BAD, NULL));
    say(syscall(SYS_clock_nanosleep, 999, 0, rem, NULL));
    signal(SIGALRM, tick);
    struct itimerval soon = { { 0, 0 }, { 0, 30000 } };
    setitimer(ITIMER_REAL, &soon, NULL);
    ts[0] = 5, ts[1] = 0;
    say(syscall(SYS_nanosleep, ts, rem));
    printf("left %d\n", rem[0]);
    setitimer(ITIMER_REAL, &soon, NULL);
    ts64[0] = 5, ts64[1] = 0;
    say(syscall(407, CLOCK_REALTIME, 0, ts64, rem64));
    printf("left %d\n", (int)rem64[0]);
    setitimer(ITIMER_REAL, &soon, NULL);
    say(syscall(SYS_nanosleep, ts, BAD));
    struct timespec when;
    clock_gettime(CLOCK_MONOTONIC, &when);
    ts[0] = when.tv_sec - 1, ts[1] = 0;
    say(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, ts, NULL));
    /* Stopped and continued, a sleep goes on: nobody is told. */
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) { ts[0] = 0, ts[1] = 300000000; _exit(syscall(SYS_nanosleep, ts, NULL) == 0 ? 0 : 1); }
    usleep(50000);
    kill(pid, SIGSTOP);
    usleep(50000);
    kill(pid, SIGCONT);
    say(finish(pid));
}

static void intervals(void)
{
    struct itimerval it = { { 0, 0 }, { 100, 500000 } }, old;
    say(setitimer(ITIMER_REAL, &it, NULL));
    say(getitimer(ITIMER_REAL, &old));
    printf("%ld\n", (long)old.it_value.tv_sec);
    say(alarm(50));
    say(alarm(0));
    it.it_value.tv_usec = 1000000;
    say(setitimer(ITIMER_REAL, &it, NULL));
    say(setitimer(99, &it, NULL));
    say(syscall(SYS_setitimer, ITIMER_REAL, BAD, NULL));
    say(syscall(SYS_getitimer, ITIMER_REAL, BAD));
    signal(SIGVTALRM, tick);
    signal(SIGPROF, tick);
    for (int which = ITIMER_VIRTUAL; which <= ITIMER_PROF; which++) {
        count = 0;
        it = (struct itimerval) { { 0, 10000 }, { 0, 10000 } };
        setitimer(which, &it, NULL);
        while (count < 2) { }
        it = (struct itimerval) { { 0, 0 }, { 0, 0 } };
        say(setitimer(which, &it, NULL));
    }
}

static void timers(void)
{
    timer_t id;
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int kid = -1;
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 31 };
    say(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &kid));
    int32_t spec[4] = { 0, 2000000, 0, 2000000 }, now[4];
    say(syscall(SYS_timer_settime, kid, 0, spec, NULL));
    say(sigwaitinfo(&set, &info));
    printf("code %d value %d\n", info.si_code, info.si_value.sival_int);
    usleep(20000);
    say(sigwaitinfo(&set, &info));
    say(syscall(SYS_timer_getoverrun, kid) >= 5);
    say(syscall(SYS_timer_gettime, kid, now));
    printf("interval %d.%09d\n", now[0], now[1]);
    int64_t spec64[4] = { 0, 0, 0, 0 };
    say(syscall(409, kid, 0, spec64, NULL));
    say(syscall(408, kid, spec64));
    say(spec64[2] + spec64[3]);
    spec[3] = -1;
    say(syscall(SYS_timer_settime, kid, 0, spec, NULL));
    say(syscall(SYS_timer_settime, kid, 0, BAD, NULL));
    say(syscall(SYS_timer_gettime, kid, BAD));
    say(syscall(SYS_timer_delete, kid));
    say(syscall(SYS_timer_delete, kid));
    say(syscall(SYS_timer_create, 999, &event, &kid));
    say(syscall(SYS_timer_create, CLOCK_MONOTONIC, BAD, &kid));
    event.sigev_signo = 99;
    say(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &kid));
    say(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &kid));
    say(syscall(SYS_timer_delete, kid));
    struct sigevent none = { .sigev_notify = SIGEV_NONE };
    say(timer_create(CLOCK_REALTIME, &none, &id));
    struct itimerspec hour = { { 0, 0 }, { 3600, 0 } }, got;
    say(timer_settime(id, 0, &hour, NULL));
    say(timer_gettime(id, &got));
    say(near(got.it_value.tv_sec, 3599));
}

int main(void)
{
    clocks();
    sleeps();
    intervals();
    timers();
    return 0;
}
