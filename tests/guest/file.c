/* open(2), read(2), write(2), lseek(2), truncate(2), dup(2), fcntl(2), links and names, with their errors. */
#include "guest.h"
#include <sys/sendfile.h>
#include <sys/uio.h>

static void opening(void)
{
    say(open("none", O_RDONLY));
    say(open("a", O_RDWR | O_CREAT | O_EXCL, 0640));
    say(open("a", O_RDWR | O_CREAT | O_EXCL, 0640));
    say(open("a/b", O_RDONLY));
    say(open("a", O_RDONLY | O_DIRECTORY));
    say(open(".", O_WRONLY));
    say(open(BAD, O_RDONLY));
    say(open("", O_RDONLY));
    say(symlink("a", "link"));
    say(open("link", O_RDONLY | O_NOFOLLOW));
    say(open("link", O_PATH | O_NOFOLLOW));
    say(symlink("loop", "loop"));
    say(open("loop", O_RDONLY));
    char name[300];
    memset(name, 'n', 299);
    name[299] = 0;
    say(open(name, O_RDONLY));
    int fd = open("a", O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_LARGEFILE | O_NOATIME);
    printf("F_GETFL %o F_GETFD %d\n", fcntl(fd, F_GETFL) & ~0100000, fcntl(fd, F_GETFD));
    say(fcntl(fd, F_SETFL, O_NONBLOCK));
    printf("F_GETFL %o\n", fcntl(fd, F_GETFL) & ~0100000);
    say(close(fd));
    say(close(fd));
    fd = open(".", O_TMPFILE | O_RDWR, 0600);
    printf("O_TMPFILE: %s\n", fd >= 0 || errno == EOPNOTSUPP ? "fine" : strerrorname_np(errno));
    if (fd >= 0) close(fd);
    fd = open(".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    printf("directory F_GETFL %o\n", fcntl(fd, F_GETFL) & ~0100000);
    say(openat(fd, "none", O_RDONLY));
    say(openat(99, "a", O_RDONLY));
    say(openat(99, "/", O_RDONLY | O_PATH) >= 0);
    for (int i = 3; i < 20; i++) close(i);
    say(syscall(SYS_creat, "created", 0600));
    say(write(3, "text", 4));
    say(read(3, name, 4));
    close(3);
}

static void data(void)
{
    char buffer[64] = "";
    int fd = open("data", O_RDWR | O_CREAT | O_TRUNC, 0600);
    say(write(fd, "0123456789", 10));
    say(write(fd, BAD, 10));
    say(write(fd, KERNEL, 4097));
    say(lseek(fd, 2, SEEK_SET));
    say(read(fd, buffer, 3));
    puts(buffer);
    say(read(99, buffer, 3));
    say(read(fd, buffer, 0));
    say(lseek(fd, -1, SEEK_SET));
    say(lseek(fd, 0, 99));
    say(lseek(fd, 0, SEEK_DATA));
    say(lseek(fd, 0, SEEK_HOLE));
    say(lseek(fd, 0x7fffffff, SEEK_SET));
    say(syscall(SYS_lseek, fd, 1, SEEK_CUR)); /* does not fit */
    loff_t where = 0;
    say(syscall(SYS__llseek, fd, 3, 5, &where, SEEK_SET));
    printf("at %llx\n", (long long)where);
    say(syscall(SYS__llseek, fd, 0, 0, BAD, SEEK_SET));
    close(fd);
    fd = open64("data", O_RDWR);
    say(pwrite64(fd, "far", 3, 0x180000000ll));
    memset(buffer, 0, sizeof buffer);
    say(pread64(fd, buffer, 9, 0x180000000ll));
    puts(buffer);
    say(pread64(fd, buffer, 9, -1));
    say(ftruncate64(fd, 0x100000000ll));
    struct stat64 st;
    fstat64(fd, &st);
    printf("size %llx\n", (long long)st.st_size);
    say(truncate64("data", 12));
    say(truncate("none", 1));
    say(truncate("data", -1));
    say(ftruncate(0, 1));
    struct iovec iov[3] = { { "one", 3 }, { "", 0 }, { "three", 5 } };
    say(lseek(fd, 0, SEEK_SET));
    say(writev(fd, iov, 3));
    say(pwritev(fd, iov, 3, 8));
    say(writev(fd, iov, -1));
    say(writev(fd, BAD, 1));
    say(writev(fd, iov, 1025));
    iov[1].iov_base = BAD;
    iov[1].iov_len = 2;
    say(writev(fd, iov + 1, 1));
    iov[1].iov_len = 0x80000000u;
    say(writev(fd, iov, 2));
    char x[4] = "", y[8] = "";
    struct iovec in[2] = { { x, 3 }, { y, 5 } };
    say(preadv(fd, in, 2, 0));
    printf("%s %s\n", x, y);
    say(preadv2(fd, in, 2, -1, 0));
    say(preadv2(fd, in, 2, 0, 0x10000));
    say(posix_fadvise64(fd, 0, 0x100000000ll, POSIX_FADV_SEQUENTIAL));
    say(posix_fadvise(fd, 0, 0, 77));
    say(posix_fallocate64(fd, 0, 100));
    say(fallocate64(fd, 0, -1, 5));
    say(readahead(fd, 0, 100));
    say(sync_file_range(fd, 0, 100, SYNC_FILE_RANGE_WRITE));
    say(fsync(fd));
    say(fdatasync(99));
    int out = open("out", O_RDWR | O_CREAT | O_TRUNC, 0600);
    off_t from = 3;
    off64_t from64 = 4;
    say(sendfile(out, fd, &from, 5));
    say(sendfile64(out, fd, &from64, 5));
    printf("offsets %ld %lld\n", (long)from, (long long)from64);
    say(sendfile(out, fd, BAD, 5));
    say(copy_file_range(fd, &from64, out, NULL, 4, 0));
    say(copy_file_range(fd, BAD, out, NULL, 4, 0));
    say(lseek(out, 0, SEEK_CUR));
}

static void pipes(void)
{
    int fd[2], other[2];
    char buffer[32] = "";
    say(pipe2(fd, O_CLOEXEC | O_NONBLOCK));
    say(pipe2(other, 0x123));
    say(pipe(BAD));
    say(pipe(other));
    say(read(fd[0], buffer, 1));
    say(write(fd[1], "abcdef", 6));
    say(tee(fd[0], other[1], 4, 0));
    int file = open("data", O_RDONLY);
    off64_t at = 1;
    say(splice(file, &at, other[1], NULL, 3, 0));
    say(splice(file, BAD, other[1], NULL, 3, 0));
    struct iovec iov = { "vm", 2 };
    say(vmsplice(other[1], &iov, 1, 0));
    say(read(other[0], buffer, sizeof buffer));
    puts(buffer);
    say(fcntl(fd[0], F_GETPIPE_SZ));
    say(fcntl(fd[0], F_SETPIPE_SZ, 8192));
    say(lseek(fd[0], 0, SEEK_CUR));
    close(fd[0]);
    signal(SIGPIPE, SIG_IGN);
    say(write(fd[1], "x", 1));
}

static void descriptors(void)
{
    for (int i = 3; i < 40; i++) close(i);
    say(dup(0));
    say(dup(99));
    say(dup2(0, 10));
    say(dup2(99, 10));
    say(dup2(0, -1));
    say(dup3(0, 11, O_CLOEXEC));
    say(dup3(0, 0, 0));
    say(dup3(0, 12, 5));
    say(fcntl(0, F_DUPFD, 20));
    say(fcntl(0, F_DUPFD_CLOEXEC, 20));
    say(fcntl(21, F_GETFD));
    say(fcntl(21, F_SETFD, 0));
    say(fcntl(21, F_GETFD));
    say(fcntl(99, F_GETFD));
    say(fcntl(0, 9999));
    say(fcntl(0, F_DUPFD, 1 << 30));
    say(syscall(SYS_fcntl, 0, F_GETOWN));
    struct f_owner_ex owner = { F_OWNER_PID, 0 };
    say(fcntl(0, F_SETOWN_EX, &owner));
    say(fcntl(0, F_GETOWN_EX, BAD));
    say(close_range(3, ~0u, CLOSE_RANGE_CLOEXEC));
    say(fcntl(10, F_GETFD));
    say(close_range(3, ~0u, 0));
    say(close_range(5, 3, 0));
    say(fcntl(10, F_GETFD));
}

static void names(void)
{
    char buffer[32] = "";
    say(mkdir("dir", 0755));
    say(mkdir("dir", 0755));
    say(mkdir("none/dir", 0755));
    say(mkdir(BAD, 0755));
    say(link("a", "dir/hard"));
    say(link("none", "x"));
    say(link("dir", "x"));
    say(linkat(AT_FDCWD, "link", AT_FDCWD, "dir/soft", 0));
    say(linkat(AT_FDCWD, "link", AT_FDCWD, "dir/x", 0x77));
    say(readlink("link", buffer, sizeof buffer));
    puts(buffer);
    say(readlink("a", buffer, sizeof buffer));
    say(readlink("link", BAD, 5));
    say(readlink("link", buffer, 0));
    say(readlinkat(AT_FDCWD, "dir/soft", buffer, 1));
    say(rename("dir/hard", "dir/renamed"));
    say(rename("none", "x"));
    say(rename("dir", "dir/x"));
    say(rename("a", "dir"));
    say(renameat2(AT_FDCWD, "a", AT_FDCWD, "data", RENAME_NOREPLACE));
    say(renameat2(AT_FDCWD, "a", AT_FDCWD, "data", RENAME_EXCHANGE));
    say(renameat2(AT_FDCWD, "a", AT_FDCWD, "data", 99));
    say(rmdir("dir"));
    say(rmdir("a"));
    say(unlink("dir"));
    say(unlink("none"));
    say(unlink(BAD));
    say(unlinkat(AT_FDCWD, "dir/renamed", 0));
    say(unlinkat(AT_FDCWD, "dir/soft", 0));
    say(unlinkat(AT_FDCWD, "dir", AT_REMOVEDIR));
    say(access("a", R_OK | W_OK));
    say(access("a", X_OK));
    say(access("none", F_OK));
    say(access("a", 99));
    say(access(BAD, 0));
    say(faccessat(AT_FDCWD, "link", F_OK, AT_SYMLINK_NOFOLLOW));
    say(chmod("a", 07777));
    say(chmod("none", 0));
    say(fchmodat(AT_FDCWD, "a", 0600, 0));
    printf("umask %o", umask(027));
    printf(" %o\n", umask(022));
    say(mknod("fifo", S_IFIFO | 0600, 0));
    say(mknod("sub", S_IFDIR, 0));
    say(symlink("", "x"));
    say(symlink("x", BAD));
    say(chdir("none"));
    say(chdir("a"));
    say(chdir(BAD));
    say(fchdir(99));
    say(mkdir("deep", 0755));
    say(chdir("deep"));
    say(syscall(SYS_getcwd, buffer, 2));
    say(syscall(SYS_getcwd, BAD, 100));
    char *cwd = getcwd(NULL, 0);
    printf("%s\n", strrchr(cwd, '/'));
    say(rmdir("../deep"));
    say(syscall(SYS_getcwd, buffer, 30) > 0);
}

int main(void)
{
    umask(022);
    opening();
    data();
    pipes();
    descriptors();
    names();
    return 0;
}
