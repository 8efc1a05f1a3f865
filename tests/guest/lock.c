/* File locks: fcntl(2) in both layouts, open file description locks, flock(2), leases. */
#include "guest.h"
#include <sys/file.h>

struct flock32 { int16_t type, whence; int32_t start, len, pid; };
struct flock64k { int16_t type, whence; int64_t start, len; int32_t pid; } __attribute__((packed, aligned(4)));

static int in_child(int (*body)(int), int fd)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) { int status = body(fd); fflush(stdout); _exit(status); }
    return finish(pid);
}

static int ask32(int fd)
{
    struct flock32 lock = { F_WRLCK, SEEK_SET, 5, 10, 0 };
    say(syscall(SYS_fcntl, fd, F_GETLK, &lock));
    printf("held: type %d start %d len %d by parent %d\n", lock.type, lock.start, lock.len, lock.pid == getppid());
    lock = (struct flock32) { F_WRLCK, SEEK_SET, 5, 10, 0 };
    say(syscall(SYS_fcntl, fd, F_SETLK, &lock));
    lock = (struct flock32) { F_WRLCK, SEEK_SET, 50, 1, 0 };
    say(syscall(SYS_fcntl, fd, F_SETLK, &lock));
    struct flock64k big = { F_RDLCK, SEEK_SET, 0, 0, 0 };
    say(syscall(SYS_fcntl64, fd, F_GETLK64, &big));
    printf("held64: type %d start %lld len %lld\n", big.type, (long long)big.start, (long long)big.len);
    return 3;
}

static int ask64(int fd)
{
    struct flock32 lock = { F_WRLCK, SEEK_SET, 0, 0, 0 };
    say(syscall(SYS_fcntl, fd, F_GETLK, &lock)); /* does not fit */
    struct flock64k big = { F_WRLCK, SEEK_SET, 0, 0, 0 };
    say(syscall(SYS_fcntl64, fd, F_GETLK64, &big));
    printf("held64: type %d start %llx len %llx\n", big.type, (long long)big.start, (long long)big.len);
    return 4;
}

static void nothing(int sig) { (void)sig; }

static int wait_for_lock(int fd)
{
    signal(SIGALRM, nothing);
    siginterrupt(SIGALRM, 1);
    struct flock32 lock = { F_WRLCK, SEEK_SET, 5, 1, 0 };
    alarm(1);
    say(syscall(SYS_fcntl, fd, F_SETLKW, &lock));
    return 5;
}

static int flock_child(int fd)
{
    (void)fd;
    int own = open("file", O_RDWR);
    say(flock(own, LOCK_EX | LOCK_NB));
    say(flock(own, LOCK_SH | LOCK_NB));
    return 6;
}

static int ofd_child(int fd)
{
    (void)fd;
    int own = open("file", O_RDWR);
    struct flock64k lock = { F_WRLCK, SEEK_SET, 0, 4, 0 };
    say(syscall(SYS_fcntl64, own, F_OFD_GETLK, &lock));
    printf("ofd: type %d pid %d\n", lock.type, lock.pid);
    lock = (struct flock64k) { F_WRLCK, SEEK_SET, 0, 4, 0 };
    say(syscall(SYS_fcntl64, own, F_OFD_SETLK, &lock));
    return 7;
}

int main(void)
{
    int fd = open("file", O_RDWR | O_CREAT, 0600);
    write(fd, "0123456789", 10);
    struct flock32 lock = { F_WRLCK, SEEK_SET, 2, 6, 0 };
    say(syscall(SYS_fcntl, fd, F_SETLK, &lock));
    say(in_child(ask32, fd));
    say(in_child(wait_for_lock, fd));
    lock.type = F_UNLCK;
    say(syscall(SYS_fcntl, fd, F_SETLK, &lock));
    struct flock64k big = { F_RDLCK, SEEK_SET, 0x100000000ll, 0x10, 0 };
    say(syscall(SYS_fcntl64, fd, F_SETLK64, &big));
    say(in_child(ask64, fd));
    big.type = F_UNLCK;
    big.len = 0;
    say(syscall(SYS_fcntl64, fd, F_SETLKW64, &big));
    say(syscall(SYS_fcntl64, fd, F_SETLK64, BAD));
    say(syscall(SYS_fcntl, fd, F_GETLK, BAD));
    big.type = 77;
    say(syscall(SYS_fcntl64, fd, F_SETLK64, &big));
    big = (struct flock64k) { F_RDLCK, 9, 0, 1, 0 };
    say(syscall(SYS_fcntl64, fd, F_SETLK64, &big));
    big = (struct flock64k) { F_RDLCK, SEEK_CUR, -100, 1, 0 };
    say(syscall(SYS_fcntl64, fd, F_SETLK64, &big));
    say(syscall(SYS_fcntl64, 99, F_SETLK64, &big));
    say(syscall(SYS_fcntl, fd, F_GETLK64, &big)); /* the old call does not know the new command */
    say(flock(fd, LOCK_SH));
    say(in_child(flock_child, fd));
    say(flock(fd, LOCK_UN));
    say(flock(fd, 0));
    say(flock(99, LOCK_SH));
    big = (struct flock64k) { F_WRLCK, SEEK_SET, 0, 0, 0 };
    say(syscall(SYS_fcntl64, fd, F_OFD_SETLK, &big));
    say(in_child(ofd_child, fd));
    big = (struct flock64k) { F_WRLCK, SEEK_SET, 0, 0, 5 };
    say(syscall(SYS_fcntl64, fd, F_OFD_SETLK, &big));
    say(fcntl(fd, F_GETLEASE));
    say(fcntl(fd, F_SETLEASE, 99));
    say(lockf(fd, F_TEST, 0));
    return 0;
}
