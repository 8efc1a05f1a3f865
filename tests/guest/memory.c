/* mmap(2), mremap(2), mprotect(2), msync(2), brk(2), mlock(2), madvise(2), mincore(2), and where things are put. */
#include "guest.h"
#include <setjmp.h>

static sigjmp_buf jump;
static void fault(int sig, siginfo_t *info, void *context) { (void)context; siglongjmp(jump, sig * 100 + info->si_code); }

/* 0, or signal * 100 + code of the access. */
static int touch(volatile char *at, int write)
{
    int code = sigsetjmp(jump, 1);
    if (code) return code;
    if (write) *at = 1; else (void)*at;
    return 0;
}

static long map(void *at, size_t len, int prot, int flags, int fd, long page)
{
    return syscall(SYS_mmap2, at, len, prot, flags, fd, page);
}

#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)
#define FIXED 0x30000000

static void mapping(void)
{
    char *base = (char *)FIXED;
    say(map(base, 0x4000, RW, PRIVATE | MAP_FIXED, -1, 0) == FIXED);
    say(map(base + 0x1000, 0x1000, RW, PRIVATE | MAP_FIXED_NOREPLACE, -1, 0));
    say(map(base + 0x4000, 0x1000, RW, PRIVATE | MAP_FIXED_NOREPLACE, -1, 0) == FIXED + 0x4000);
    say(map(base + 0x123, 0x1000, RW, PRIVATE | MAP_FIXED, -1, 0));
    say(map(base + 0x10123, 0x1000, RW, PRIVATE, -1, 0) == FIXED + 0x10000); /* a hint is rounded */
    say(map(base, 0, RW, PRIVATE, -1, 0));
    say(map(base, 0x1000, RW, MAP_ANONYMOUS, -1, 0)); /* neither shared nor private */
    say(map(NULL, 0xffffffff, RW, PRIVATE, -1, 0));
    say(map(NULL, 0xf0000000, RW, PRIVATE | MAP_NORESERVE, -1, 0));
    say(map(KERNEL, 0x1000, RW, PRIVATE | MAP_FIXED, -1, 0));
    say(map((void *)0xffffd000, 0x10000, RW, PRIVATE | MAP_FIXED, -1, 0));
    say(map(base, 0x1000, RW, MAP_PRIVATE, 99, 0));
    say(map(NULL, 0x1000, RW, PRIVATE | MAP_GROWSDOWN | MAP_STACK, -1, 0) != -1);
    int fd = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);
    ftruncate(fd, 0x1800);
    pwrite(fd, "page one", 8, 0x1000);
    char *file = mmap(NULL, 0x3000, RW, MAP_SHARED, fd, 0);
    printf("%.8s|%d%d\n", file + 0x1000, file[0x17ff], file[0x1fff]);
    signal(SIGSEGV, SIG_DFL);
    struct sigaction sa = { .sa_sigaction = fault, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    say(touch(file + 0x2000, 0));
    say(touch(file + 0x2000, 1));
    memcpy(file, "written", 7);
    say(msync(file, 0x3000, MS_SYNC));
    say(msync(file + 1, 0x1000, MS_SYNC));
    say(msync(file, 0x1000, 99));
    say(msync(file + 0x10000000, 0x1000, MS_ASYNC));
    char text[8] = "";
    pread(fd, text, 7, 0);
    puts(text);
    say(ftruncate(fd, 0x1000));
    say(touch(file + 0x1000, 0));
    say(touch(file, 0));
    say(map(NULL, 0x1000, RW, MAP_PRIVATE, fd, 0x100000) != -1); /* an offset of 4 GiB */
    int readonly = open("mapped", O_RDONLY), writeonly = open("mapped", O_WRONLY);
    say(map(NULL, 0x1000, RW, MAP_SHARED, readonly, 0));
    say(map(NULL, 0x1000, PROT_READ, MAP_SHARED, writeonly, 0));
    char *ro = mmap(NULL, 0x1000, PROT_READ, MAP_SHARED, readonly, 0);
    say(mprotect(ro, 0x1000, RW));
    uint32_t args[6] = { FIXED + 0x20000, 0x1000, RW, PRIVATE | MAP_FIXED, -1, 0 };
    say(syscall(SYS_mmap, args) == FIXED + 0x20000);
    args[5] = 1;
    say(syscall(SYS_mmap, args));
    say(syscall(SYS_mmap, BAD));
    say(munmap(file, 0x3000));
    say(munmap(file, 0x3000));
    say(munmap(file + 1, 0x1000));
    say(munmap(file, 0));
    say(munmap((void *)0xffffe000, 0x10000));
    say(touch(file, 0));
    close(fd), close(readonly), close(writeonly);
}

static void protection(void)
{
    char *p = mmap(NULL, 0x4000, RW, PRIVATE, -1, 0);
    say(mprotect(p + 0x1000, 0x1000, PROT_NONE));
    say(touch(p + 0x1000, 0));
    say(touch(p + 0x0fff, 1));
    say(touch(p + 0x2000, 1));
    say(mprotect(p + 0x2000, 0x1000, PROT_READ));
    say(touch(p + 0x2000, 1));
    say(touch(p + 0x2000, 0));
    say(mprotect(p + 1, 0x1000, RW));
    say(mprotect(p, 0x1000, 0x123450));
    say(mprotect(p, 0, RW));
    say(mprotect(p, 0x4000, RW));
    say(touch(p + 0x1000, 1));
    say(syscall(SYS_mlock, p, 0x2000));
    say(munlock(p, 0x2000));
    say(syscall(SYS_mlock, p + 0x10000000, 0x1000));
    say(mlockall(0));
    say(munlockall());
    unsigned char vec[4];
    say(mincore(p, 0x2000, vec));
    printf("resident %d\n", vec[0] & 1);
    say(mincore(p + 1, 0x2000, vec));
    say(mincore(p, 0x2000, BAD));
    say(mincore(p + 0x10000000, 0x1000, vec));
    say(madvise(p, 0x4000, MADV_DONTNEED));
    printf("zero again: %d\n", p[0x2000]);
    say(madvise(p + 1, 0x1000, MADV_NORMAL));
    say(madvise(p, 0x4000, MADV_WILLNEED));
    munmap(p + 0x1000, 0x1000);
    say(madvise(p, 0x4000, MADV_DONTNEED));
}

static void moving(void)
{
    char *p = mmap((void *)0x31000000, 0x4000, RW, PRIVATE | MAP_FIXED, -1, 0);
    strcpy(p, "first");
    strcpy(p + 0x3000, "last");
    say(mremap(p, 0x4000, 0x2000, 0) == p);
    say(touch(p + 0x3000, 0));
    say(mremap(p, 0x2000, 0x6000, 0) == p);
    mmap(p + 0x8000, 0x1000, RW, PRIVATE | MAP_FIXED, -1, 0);
    say(mremap(p, 0x6000, 0xa000, 0));
    char *q = mremap(p, 0x6000, 0xa000, MREMAP_MAYMOVE);
    say(q != p && !strcmp(q, "first"));
    say(touch(p, 0));
    char *r = mremap(q, 0x1000, 0x1000, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)0x32000000);
    say(r == (void *)0x32000000 && !strcmp(r, "first"));
    say(touch(q, 0));
    say(mremap(r, 0x1000, 0x1000, MREMAP_FIXED, (void *)0x33000000));
    say(mremap(r, 0x1000, 0x1000, MREMAP_MAYMOVE | MREMAP_FIXED, r));
    say(mremap(r, 0x1000, 0x1000, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)0xfffff000));
    say(mremap(r + 1, 0x1000, 0x1000, MREMAP_MAYMOVE));
    say(mremap(r, 0x1000, 0, MREMAP_MAYMOVE));
    say(mremap(r + 0x10000, 0x1000, 0x2000, MREMAP_MAYMOVE));
    say(mremap(r, 0x1000, 0xf0000000, MREMAP_MAYMOVE));
    say(mremap(r, 0x1000, 0x1000, 99));
}

static void heap(void)
{
    char *start = sbrk(0);
    say(brk(start + 0x3000));
    say(touch(start + 0x2fff, 1));
    say(brk(start + 0x1001));
    say(touch(start + 0x1fff, 1));
    say(touch(start + 0x3000, 1) != 0);
    say(syscall(SYS_brk, start) == (long)start);
    say(syscall(SYS_brk, 0) == (long)start);
    say(syscall(SYS_brk, 0x1000) == (long)start);
    say(syscall(SYS_brk, 0xfffff000) == (long)start);
}

/* Everything is below 4 GiB and the stack is on top. */
static void places(void)
{
    int local;
    char *low = mmap(NULL, 0x1000, RW, PRIVATE, -1, 0), *next = mmap(NULL, 0x1000, RW, PRIVATE, -1, 0);
    say((char *)&local > low);
    say(next < low);
    say((uintptr_t)&local > 0xf8000000);
    say((uintptr_t)low > 0xe0000000);
    int fd = syscall(SYS_memfd_create, "name", MFD_CLOEXEC);
    ftruncate(fd, 0x1000);
    char *a = mmap(NULL, 0x1000, RW, MAP_SHARED, fd, 0), *b = mmap(NULL, 0x1000, RW, MAP_SHARED, fd, 0);
    *a = 5;
    say(*b);
    say(syscall(SYS_memfd_create, BAD, 0));
    say(syscall(SYS_memfd_create, "x", 0x10000));
    say(syscall(SYS_remap_file_pages, a, 0x1000, 1, 0, 0));
}

int main(void)
{
    mapping();
    protection();
    moving();
    heap();
    places();
    return 0;
}
