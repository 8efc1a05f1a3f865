/* First process of the test machine: mounts what programs expect, runs /run.sh with the i386 busybox under ferry,
 * says how it ended, switches the machine off. */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void mount_at(const char *type, const char *where)
{
    mkdir(where, 0755);
    if (mount(type, where, type, 0, NULL))
        perror(where);
}

/* Programs talk to themselves over the loopback device. */
static void loopback_up(void)
{
    struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (ioctl(fd, SIOCSIFFLAGS, &lo))
        perror("lo");
    close(fd);
}

/* Kernels that do not ask the clock chip start in 1970; programs expect a date. The command line has it. */
static void set_clock(void)
{
    const char *date = getenv("DATE");
    struct timespec now = { .tv_sec = date ? atoll(date) : 0 };
    if (time(NULL) < now.tv_sec && clock_settime(CLOCK_REALTIME, &now))
        perror("clock");
}

int main(void)
{
    set_clock();
    mount_at("proc", "/proc");
    mount_at("sysfs", "/sys");
    mount_at("devtmpfs", "/dev");
    mount_at("devpts", "/dev/pts");
    mount_at("tmpfs", "/dev/shm");
    mount_at("mqueue", "/dev/mqueue");
    mount_at("tmpfs", "/tmp");
    loopback_up();
    setenv("PATH", "/bin", 1);
    setenv("HOME", "/", 1);
    setenv("LC_ALL", "C", 1);
    setenv("TZ", "UTC", 1);
    setenv("TERM", "dumb", 1);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/ferry", "ferry", "/bin/busybox", "sh", "/run.sh", (char *)NULL);
        perror("/bin/ferry");
        _exit(127);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    printf("VM-EXIT %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
    return 1;
}
