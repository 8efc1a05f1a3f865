/* What every guest program uses: each call is printed with its result, an error by its name. */
#ifndef GUEST_H
#define GUEST_H
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* An address where nothing is mapped, one that no user process has, and one at the edge of a mapping. */
#define BAD ((void *)16)
#define KERNEL ((void *)0xfffff000u)

static long say_result(const char *what, long result, int shown)
{
    if (result == -1 && errno) printf("%s: %s\n", what, strerrorname_np(errno));
    else if (shown) printf("%s: %ld\n", what, result);
    else printf("%s: ok\n", what);
    fflush(stdout);
    return result;
}

/* Prints the value a call answers. */
#define say(call) say_result(#call, (errno = 0, (long)(call)), 1)
/* Prints only whether a call worked: its value differs from run to run. */
#define ok(call) say_result(#call, (errno = 0, (long)(call)), 0)

/* Two pages, of which the second cannot be touched; the last `n` bytes of the first. */
static inline char *edge(size_t n)
{
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(pages + 4096, 4096, PROT_NONE);
    return pages + 4096 - n;
}

/* The status of a child as a shell tells it. */
static inline int finish(pid_t pid)
{
    int status = -1;
    if (waitpid(pid, &status, 0) != pid) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
#endif
