/* Every system call with pointers that lead nowhere: an error, never a crash. One line a number and pattern.
 *
 * Of several errors the kernel's first is to be reported. What is wrong is therefore wrong on every machine: `bad` is no
 * process, no descriptor and no device, files lie in a tmpfs, what the oldest stat reads has a large inode number. */
#include "../guest.h"

/* Numbers that end, stop or change the caller, or answer differently from kernel to kernel: by its options (quotactl),
 * by its version (the order of errors of setxattr, getxattr and removexattr, epoll_wait). */
static const short skipped[] = {
    1, 2, 11, 17, 25, 26, 29, 31, 32, 35, 36, 37, 44, 51, 53, 56, 58, 72, 88, 98, 99, 100, 101, 110, 111, 112, 113, 114, 119,
    120, 127, 128, 129, 130, 137, 158, 166, 167, 169, 173, 179, 187, 188, 189, 190, 218, 219, 222, 223, 238, 240, 243, 251, 252,
    273, 274, 275, 276, 283, 285, 286, 287, 288, 294, 298, 311, 312, 317, 336, 338, 339, 341, 342, 347, 348, 349, 350, 354,
    79, 124, 264, 343, 404, 405, 357, 358, 374, 376, 379, 380, 381, 382, 383, 384, 385, 386, 66, 203, 208, 57,
    131, 226, 227, 228, 231, 237, 256,
};

static int skip(int nr)
{
    if (nr >= 387 && nr < 393 || nr > 414) return 1;
    for (unsigned i = 0; i < sizeof skipped / sizeof *skipped; i++) if (skipped[i] == nr) return 1;
    return 0;
}

static void one(int nr, const char *pattern, const long *args)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(3);
        errno = 0;
        long result = syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
        printf("%d %s: %s\n", nr, pattern, result == -1 && errno ? strerrorname_np(errno) : "answers");
        fflush(stdout);
        _exit(0);
    }
    int status = finish(pid);
    if (status) printf("%d %s: status %d\n", nr, pattern, status);
}

int main(void)
{
    const long bad = 0xf00010, kernel = 0xfffff000;
    const long nowhere[6] = { bad, bad, bad, bad, bad, bad };
    const long beyond[6] = { kernel, kernel, kernel, kernel, kernel, kernel };
    char folder[] = "/dev/shm/fault-XXXXXX";
    chdir(mkdtemp(folder));
    write(open("file", O_RDWR | O_CREAT, 0600), "content", 7);
    long file = fcntl(memfd_create("file", 0), F_DUPFD, 1000);
    long large = fcntl(open("/proc/version", O_RDONLY), F_DUPFD, 1000);
    write(file, "content", 7);
    for (int nr = 0; nr < 470; nr++) {
        if (skip(nr)) continue;
        int oldest = nr == SYS_oldstat || nr == SYS_oldlstat || nr == SYS_oldfstat;
        const long descriptor[6] = { oldest ? large : file, bad, 8, bad, 8, bad };
        const long name[6] = { (long)(oldest ? "/proc/version" : "file"), bad, bad, bad, bad, bad };
        const long at[6] = { AT_FDCWD, (long)"file", bad, bad, bad, bad };
        one(nr, "nowhere", nowhere);
        one(nr, "beyond", beyond);
        one(nr, "descriptor", descriptor);
        one(nr, "name", name);
        one(nr, "at", at);
    }
    unlink("file");
    rmdir(folder);
    return 0;
}
