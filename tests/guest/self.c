/* The system and the process: uname(2), personality(2), prctl(2), limits, usage, ids of 16 and 32 bits, scheduling, random
 * numbers, extended attributes. */
#include "guest.h"
#include <grp.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/xattr.h>

static void names(void)
{
    struct utsname u;
    char old[65 * 5], oldest[9 * 5];
    say(uname(&u));
    printf("%s %s\n", u.sysname, u.machine);
    say(syscall(SYS_olduname, old));
    say(syscall(SYS_oldolduname, oldest));
    printf("%s %s\n", oldest, oldest + 4 * 9);
    say(syscall(SYS_uname, BAD));
    say(syscall(SYS_olduname, BAD));
    say(personality(ADDR_NO_RANDOMIZE | 8) >= 0);
    printf("personality %x\n", personality(0xffffffff));
    struct sysinfo info;
    say(sysinfo(&info));
    printf("%d %d\n", info.totalram > 0, info.procs > 0);
    say(syscall(SYS_sysinfo, BAD));
    char name[65];
    say(gethostname(name, sizeof name));
    say(syscall(SYS_sethostname, BAD, 5));
    say(syscall(SYS_sysfs, 99));
    say(getpagesize());
}

static void process(void)
{
    char name[16];
    say(prctl(PR_SET_NAME, "a name that is too long"));
    say(prctl(PR_GET_NAME, name));
    puts(name);
    say(prctl(PR_SET_NAME, BAD));
    say(prctl(PR_GET_NAME, BAD));
    say(prctl(PR_GET_DUMPABLE));
    say(prctl(PR_SET_DUMPABLE, 99));
    say(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    say(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    say(prctl(PR_GET_KEEPCAPS));
    say(prctl(9999));
    say(prctl(PR_GET_TIMERSLACK) > 0);
    say(getpid() == gettid());
    say(nice(0));
    say(getpriority(PRIO_PROCESS, 0));
    say(syscall(SYS_getpriority, PRIO_PROCESS, 0));
    say(setpriority(PRIO_PROCESS, 0, 5));
    say(syscall(SYS_getpriority, PRIO_PROCESS, 0));
    say(getpriority(99, 0));
    cpu_set_t set;
    say(syscall(SYS_sched_getaffinity, 0, sizeof set, &set) > 0);
    say(syscall(SYS_sched_getaffinity, 0, 1, &set));
    say(syscall(SYS_sched_getaffinity, 0, sizeof set, BAD));
    say(sched_setaffinity(0, sizeof set, &set));
    CPU_ZERO(&set);
    say(sched_setaffinity(0, sizeof set, &set));
    say(sched_getscheduler(0));
    struct sched_param param = { 0 };
    say(sched_getparam(0, &param));
    say(sched_setscheduler(0, 99, &param));
    say(sched_get_priority_max(SCHED_FIFO));
    int32_t ts[2];
    say(syscall(SYS_sched_rr_get_interval, 0, ts));
    say(sched_yield());
    unsigned cpu;
    say(syscall(SYS_getcpu, &cpu, NULL, NULL));
    say(syscall(SYS_getcpu, BAD, NULL, NULL));
    unsigned char bytes[64] = { 0 };
    say(getrandom(bytes, sizeof bytes, 0));
    int sum = 0;
    for (int i = 0; i < 64; i++) sum += bytes[i];
    say(sum > 0);
    say(getrandom(BAD, 8, 0));
    say(getrandom(bytes, 8, 0x99));
}

static void limits(void)
{
    struct rlimit limit;
    uint32_t words[2];
    uint64_t wide[2];
    say(getrlimit(RLIMIT_CORE, &limit) == 0);
    limit.rlim_cur = 0;
    say(setrlimit(RLIMIT_CORE, &limit));
    say(syscall(SYS_ugetrlimit, RLIMIT_CORE, words));
    say(words[0]);
    limit = (struct rlimit) { 200, 300 };
    say(setrlimit(RLIMIT_NOFILE, &limit));
    say(syscall(SYS_getrlimit, RLIMIT_NOFILE, words));
    printf("%u %u\n", words[0], words[1]);
    say(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, wide));
    printf("%llu %llu\n", (unsigned long long)wide[0], (unsigned long long)wide[1]);
    wide[0] = ~0ull, wide[1] = 5;
    say(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, wide, NULL));
    say(syscall(SYS_ugetrlimit, RLIMIT_AS, words));
    printf("infinite %x\n", words[1]);
    say(syscall(SYS_getrlimit, RLIMIT_AS, words));
    printf("infinite %x\n", words[1]);
    say(dup2(0, 200));
    say(syscall(SYS_ugetrlimit, 99, words));
    say(syscall(SYS_ugetrlimit, RLIMIT_CORE, BAD));
    say(syscall(SYS_setrlimit, RLIMIT_CORE, BAD));
    struct rusage usage;
    say(getrusage(RUSAGE_SELF, &usage));
    printf("%d %d\n", usage.ru_maxrss > 0, usage.ru_minflt >= 0);
    say(getrusage(RUSAGE_CHILDREN, &usage));
    say(getrusage(99, &usage));
    say(syscall(SYS_getrusage, RUSAGE_SELF, BAD));
    signal(SIGXFSZ, SIG_IGN);
    limit = (struct rlimit) { 100, 100 };
    say(setrlimit(RLIMIT_FSIZE, &limit));
    int fd = open("limited", O_CREAT | O_WRONLY, 0600);
    say(pwrite(fd, "x", 1, 100));
}

static void ids(void)
{
    uint16_t short_ids[3];
    uint32_t long_ids[3];
    gid_t groups[64];
    say(syscall(SYS_getuid) == (long)getuid());
    say(syscall(SYS_getgid) == (long)getgid());
    say(syscall(SYS_geteuid) == (long)geteuid());
    say(syscall(SYS_getegid) == (long)getegid());
    say(syscall(SYS_getresuid, short_ids, short_ids + 1, short_ids + 2));
    printf("%d\n", short_ids[0] == getuid() && short_ids[2] == getuid());
    say(syscall(SYS_getresgid32, long_ids, long_ids + 1, long_ids + 2));
    printf("%d\n", long_ids[0] == getgid());
    say(syscall(SYS_getresuid, BAD, short_ids, short_ids));
    say(syscall(SYS_setreuid, -1, -1));
    say(syscall(SYS_setregid, -1, -1));
    say(syscall(SYS_setresuid, -1, -1, -1));
    say(syscall(SYS_setresgid32, -1, -1, -1));
    say(syscall(SYS_setuid, getuid()));
    say(syscall(SYS_setgid32, getgid()));
    say(syscall(SYS_setuid32, -1));
    say(getgroups(64, groups) >= 0);
    say(syscall(SYS_getgroups32, -1, groups));
    say(syscall(SYS_getgroups, 0, NULL) >= 0);
    say(syscall(SYS_setgroups32, 1 << 20, groups));
    say(syscall(SYS_setfsuid, getuid()) == (long)getuid());
    say(syscall(SYS_setfsgid32, -1) == (long)getgid());
    close(open("owned", O_CREAT | O_WRONLY, 0600));
    say(chown("owned", getuid(), getgid()));
    say(syscall(SYS_chown, "owned", 0xffff, 0xffff));
    say(syscall(SYS_lchown, "none", 0, 0));
    say(syscall(SYS_fchown, 99, 0, 0));
    say(fchownat(AT_FDCWD, "owned", -1, -1, AT_SYMLINK_NOFOLLOW));
    say(fchownat(AT_FDCWD, "owned", -1, -1, 0x8));
    say(syscall(SYS_capget, BAD, NULL));
}

static void attributes(void)
{
    char value[32] = "", list[256];
    int fd = open("attr", O_CREAT | O_RDWR, 0600);
    if (setxattr("attr", "user.one", "value", 5, 0)) { puts("the file system has no attributes for users"); return; }
    say(setxattr("attr", "user.one", "value", 5, XATTR_CREATE));
    say(setxattr("attr", "user.two", "x", 1, XATTR_REPLACE));
    say(fsetxattr(fd, "user.two", "second", 6, 0));
    say(getxattr("attr", "user.one", value, sizeof value));
    puts(value);
    say(getxattr("attr", "user.one", value, 2));
    say(getxattr("attr", "user.one", NULL, 0));
    say(lgetxattr("attr", "user.none", value, 2));
    say(fgetxattr(fd, "user.two", BAD, 32));
    say(listxattr("attr", list, 5));
    say(flistxattr(fd, list, sizeof list) >= 18);
    say(removexattr("attr", "user.one"));
    say(lremovexattr("attr", "user.one"));
    say(fremovexattr(fd, "user.two"));
    say(setxattr("attr", "bad", "x", 1, 0));
    say(setxattr("attr", BAD, "x", 1, 0));
    say(setxattr("none", "user.x", "x", 1, 0));
}

int main(void)
{
    names();
    process();
    ids();
    attributes();
    limits();
    return 0;
}
