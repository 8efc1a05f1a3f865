/* Memory calls and transfers that need a real kernel below: emulators check whole buffers first and know fewer flags. */
#include "../guest.h"
#include <linux/openat2.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/uio.h>

static void nothing(int sig) { (void)sig; }

int main(void)
{
    char text[16] = "";
    int fd = open("file", O_RDWR | O_CREAT, 0600), dir = open(".", O_RDONLY);
    say(write(fd, "0123456789", 10));
    say(read(fd, BAD, 10)); /* at the end */
    say(pread(fd, edge(4), 10, 0)); /* as much as fits */
    say(pwrite(fd, edge(3), 10, 0));
    say(pwrite(fd, KERNEL, 10, 0));
    symlink("file", "link");
    struct open_how how = { .flags = O_RDONLY, .resolve = RESOLVE_NO_SYMLINKS };
    say(syscall(SYS_openat2, dir, "link", &how, sizeof how));
    say(syscall(SYS_openat2, dir, "file", &how, sizeof how) > 0);
    say(syscall(SYS_openat2, dir, "file", &how, 8));
    say(syscall(SYS_openat2, dir, "file", BAD, sizeof how));
    how.flags |= 1ull << 40;
    say(syscall(SYS_openat2, dir, "file", &how, sizeof how));
    char *p = mmap((void *)0x30000000, 0x4000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    say(madvise(p, 0x4000, 9999));
    say(syscall(SYS_mlock2, p, 0x1000, 1));
    say(syscall(SYS_mlock2, p, 0x1000, 77));
    say(munlock(p, 0x1000));
    strcpy(p, "first");
    char *kept = mremap(p, 0x1000, 0x1000, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
    say(kept != p && !strcmp(kept, "first") && *p == 0);
    say((long)mmap(NULL, 0x1000, PROT_READ, MAP_SHARED_VALIDATE | 0x800000, fd, 0));
    char *shared = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *twice = mremap(shared, 0, 0x1000, MREMAP_MAYMOVE);
    *shared = 7;
    say(*twice);
    struct iovec local = { text, 6 }, remote = { kept, 6 };
    say(process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
    puts(text);
    remote.iov_base = BAD;
    say(process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
    remote.iov_base = (void *)0xfffff000;
    say(process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
    local.iov_len = 0xfffff000;
    say(process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
    local.iov_len = 6;
    int pidfd = syscall(SYS_pidfd_open, getpid(), 0);
    local = (struct iovec) { p, 0x1000 };
    say(syscall(SYS_process_madvise, pidfd, &local, 1, MADV_COLD, 0));
    say(syscall(SYS_membarrier, 0, 0, 0) > 0);
    fd_set set;
    int pipes[2];
    pipe(pipes);
    FD_ZERO(&set);
    FD_SET(pipes[0], &set);
    signal(SIGALRM, nothing);
    struct itimerval soon = { { 0, 0 }, { 0, 20000 } };
    setitimer(ITIMER_REAL, &soon, NULL);
    struct timeval tv = { 5, 0 };
    say(select(pipes[0] + 1, &set, NULL, NULL, &tv));
    printf("time left %d\n", tv.tv_sec == 4);
    return 0;
}
