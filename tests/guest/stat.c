/* stat(2) in every layout i386 has, statx(2), statfs(2), file times. */
#include "guest.h"
#include <linux/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <utime.h>

/* struct __old_kernel_stat */
struct oldstat { uint16_t dev, ino, mode, nlink, uid, gid, rdev; uint32_t size, atime, mtime, ctime; };
/* struct stat of asm/stat.h */
struct newstat {
    uint32_t dev, ino; uint16_t mode, nlink, uid, gid; uint32_t rdev, size, blksize, blocks;
    uint32_t atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec, unused[2];
};
struct stat64k {
    uint64_t dev; uint8_t pad0[4]; uint32_t ino32, mode, nlink, uid, gid; uint64_t rdev; uint8_t pad3[4];
    int64_t size __attribute__((packed, aligned(4))); uint32_t blksize; uint64_t blocks __attribute__((packed, aligned(4)));
    uint32_t atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec; uint64_t ino __attribute__((packed, aligned(4)));
} __attribute__((packed, aligned(4)));

static void show64(const char *what, int result, const struct stat64k *s)
{
    if (result) { printf("%s: %s\n", what, strerrorname_np(errno)); return; }
    printf("%s: mode %o nlink %u uid %u gid %u size %lld mtime %u.%09u same ino %d blksize %u\n", what, s->mode, s->nlink,
           s->uid, s->gid, (long long)s->size, s->mtime, s->mtime_nsec, s->ino32 == (uint32_t)s->ino, s->blksize);
}

/* The oldest layout has 16 bits for the inode number: EOVERFLOW if it has more. */
static void old_layout(int result, const struct oldstat *old, const char *name, int flags)
{
    struct stat64 st;
    int error = errno;
    fstatat64(AT_FDCWD, name, &st, flags);
    if (st.st_ino > 0xffff) printf("old: %s\n", result == -1 && error == EOVERFLOW ? "fine" : "wrong");
    else printf("old: %s\n", result == 0 && old->ino == st.st_ino && old->mode == (uint16_t)st.st_mode
           && old->size == st.st_size && old->mtime == st.st_mtime && old->nlink == st.st_nlink ? "fine" : "wrong");
}

int main(void)
{
    umask(022);
    struct oldstat old;
    struct newstat new;
    struct stat64k big;
    int fd = open64("file", O_RDWR | O_CREAT, 0644);
    write(fd, "content", 7);
    symlink("file", "link");
    struct timespec times[2] = { { 1000000000, 123456789 }, { 1100000000, 987654321 } };
    say(utimensat(AT_FDCWD, "file", times, 0));
    old_layout(syscall(SYS_oldstat, "file", &old), &old, "file", 0);
    old_layout(syscall(SYS_oldlstat, "link", &old), &old, "link", AT_SYMLINK_NOFOLLOW);
    old_layout(syscall(SYS_oldfstat, fd, &old), &old, "file", 0);
    say(syscall(SYS_stat, "link", &new));
    printf("new: mode %o nlink %d size %u mtime %u.%u atime %u.%u\n", new.mode, new.nlink, new.size, new.mtime, new.mtime_nsec,
           new.atime, new.atime_nsec);
    say(syscall(SYS_lstat, "link", &new));
    printf("new: mode %o size %u\n", new.mode, new.size);
    say(syscall(SYS_fstat, fd, &new));
    show64("stat64", syscall(SYS_stat64, "file", &big), &big);
    show64("lstat64", syscall(SYS_lstat64, "link", &big) , &(struct stat64k) { .mode = big.mode, .nlink = 1 });
    show64("fstat64", syscall(SYS_fstat64, fd, &big), &big);
    show64("fstatat64", syscall(SYS_fstatat64, AT_FDCWD, "file", &big, 0), &big);
    show64("empty path", syscall(SYS_fstatat64, fd, "", &big, AT_EMPTY_PATH), &big);
    show64("no empty path", syscall(SYS_fstatat64, fd, "", &big, 0), &big);
    show64("bad flag", syscall(SYS_fstatat64, fd, "", &big, 0x8000), &big);
    show64("none", syscall(SYS_stat64, "none", &big), &big);
    show64("bad name", syscall(SYS_stat64, BAD, &big), &big);
    show64("bad buffer", syscall(SYS_stat64, "file", BAD), &big);
    show64("edge", syscall(SYS_stat64, "file", edge(95)), &big);
    show64("bad fd", syscall(SYS_fstat64, 99, &big), &big);
    ftruncate64(fd, 0x100000000ll);
    say(syscall(SYS_stat, "file", &new));
    say(syscall(SYS_stat64, "file", &big));
    printf("large: %llx\n", (long long)big.size);
    ftruncate(fd, 9);

    struct statx x;
    memset(&x, 0x55, sizeof x);
    say(statx(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &x));
    printf("statx: mode %o size %lld mask %d\n", x.stx_mode, (long long)x.stx_size, (x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    say(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &x));
    printf("size %lld\n", (long long)x.stx_size);
    say(statx(AT_FDCWD, "file", 0x80000, STATX_SIZE, &x));
    say(statx(AT_FDCWD, "file", 0, 0x80000000u, &x));
    say(statx(AT_FDCWD, "file", 0, 0, BAD));
    say(statx(AT_FDCWD, BAD, 0, 0, &x));

    struct stat64 null;
    stat64("/dev/null", &null);
    printf("/dev/null %o %x\n", null.st_mode & S_IFMT, (int)null.st_rdev);
    struct statfs fs;
    struct statfs64 fs64;
    say(statfs("/proc", &fs));
    printf("type %lx bsize %ld namelen %ld\n", (long)fs.f_type, (long)fs.f_bsize, (long)fs.f_namelen);
    say(syscall(SYS_statfs64, "/proc", sizeof fs64, &fs64));
    printf("type %lx bsize %ld namelen %ld size %zu\n", (long)fs64.f_type, (long)fs64.f_bsize, (long)fs64.f_namelen, sizeof fs64);
    say(syscall(SYS_statfs64, "/proc", 80, &fs64));
    say(syscall(SYS_fstatfs64, fd, sizeof fs64, BAD));
    say(statfs("none", &fs));
    say(syscall(SYS_statfs, "/", BAD));
    say(fstatfs(99, &fs));
    say(syscall(SYS_ustat, 0xffff, &fs));

    struct utimbuf utimbuf = { 1200000000, 1300000000 };
    say(utime("file", &utimbuf));
    show64("utime", syscall(SYS_stat64, "file", &big), &big);
    struct timeval tv[2] = { { 1, 2 }, { 1400000000, 5 } };
    say(utimes("file", tv));
    show64("utimes", syscall(SYS_stat64, "file", &big), &big);
    tv[1].tv_usec = 1000000;
    say(utimes("file", tv));
    tv[1].tv_usec = 6;
    say(futimesat(AT_FDCWD, "file", tv));
    show64("futimesat", syscall(SYS_stat64, "file", &big), &big);
    int32_t times32[4] = { 5, 6, 1500000000, 7 };
    say(syscall(SYS_utimensat, AT_FDCWD, "file", times32, 0));
    show64("utimensat", syscall(SYS_stat64, "file", &big), &big);
    times32[1] = UTIME_OMIT;
    times32[3] = UTIME_OMIT;
    say(syscall(SYS_utimensat, AT_FDCWD, "file", times32, 0));
    show64("omit", syscall(SYS_stat64, "file", &big), &big);
    int64_t times64[4] = { 5, 6, 0x100000000ll, 7 };
    say(syscall(412, AT_FDCWD, "file", times64, 0));
    say(statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &x));
    printf("beyond 2038: %lld.%u\n", (long long)x.stx_mtime.tv_sec, x.stx_mtime.tv_nsec);
    say(syscall(412, AT_FDCWD, "file", BAD, 0));
    say(utime("none", NULL));
    say(syscall(SYS_utime, "file", BAD));
    say(futimens(fd, NULL));
    return 0;
}
