/* Reading directories: getdents(2), getdents64(2), readdir(2), positions that fit 32 bits. */
#include "guest.h"
#include <dirent.h>

struct dirent32 { uint32_t ino; uint32_t off; uint16_t reclen; char name[]; };
struct old_dirent { uint32_t ino; uint32_t offset; uint16_t namlen; char name[256]; };

static int by_name(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

int main(void)
{
    umask(022);
    mkdir("d", 0755);
    char name[64];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "d/%0*d-file", i % 20 + 1, i);
        close(open(name, O_CREAT | O_WRONLY, 0644));
    }
    mkdir("d/sub", 0755);
    symlink("x", "d/link");
    int fd = open("d", O_RDONLY | O_DIRECTORY), total = 0, bad = 0;
    char buffer[4096];
    for (long n; (n = syscall(SYS_getdents, fd, buffer, sizeof buffer)) > 0; )
        for (long at = 0; at < n; total++) {
            struct dirent32 *entry = (void *)(buffer + at);
            uint8_t type = buffer[at + entry->reclen - 1];
            if (!strcmp(entry->name, "sub")) bad += type != DT_DIR;
            else if (!strcmp(entry->name, "link")) bad += type != DT_LNK;
            else if (entry->name[0] != '.') bad += type != DT_REG;
            bad += entry->reclen % 4 != 0 || entry->reclen < 10 + strlen(entry->name) + 2;
            at += entry->reclen;
        }
    printf("getdents: %d entries, %d wrong\n", total, bad);
    say(lseek(fd, 0, SEEK_SET));
    say(syscall(SYS_getdents, fd, buffer, 10));
    say(syscall(SYS_getdents, fd, BAD, 4096));
    say(syscall(SYS_getdents64, fd, BAD, 4096));
    say(syscall(SYS_getdents64, fd, buffer, 15));
    say(syscall(SYS_getdents64, 99, buffer, 4096));
    say(syscall(SYS_getdents64, open("d/sub/../../d/link", O_PATH | O_NOFOLLOW), buffer, 4096));
    say(syscall(SYS_getdents, open("/dev/null", O_RDONLY), buffer, 4096));
    say(lseek(fd, 0, SEEK_SET));
    struct old_dirent old;
    int count = 0;
    while (syscall(SYS_readdir, fd, &old, 1) == 1) count += old.namlen == strlen(old.name);
    printf("readdir: %d\n", count);
    close(fd);

    /* Every position that telldir gives leads back to the same entry, in any order, without large file support. */
    DIR *dir = opendir("d");
    long at[400];
    char *names[400];
    int n = 0, wrong = 0;
    for (;;) {
        at[n] = telldir(dir);
        struct dirent *entry = readdir(dir);
        if (!entry) break;
        names[n++] = strdup(entry->d_name);
    }
    for (int i = n - 1; i >= 0; i -= 7) {
        seekdir(dir, at[i]);
        struct dirent *entry = readdir(dir);
        wrong += !entry || strcmp(entry->d_name, names[i]);
    }
    rewinddir(dir);
    struct dirent *first = readdir(dir);
    wrong += !first || strcmp(first->d_name, names[0]);
    seekdir(dir, at[n]);
    wrong += readdir(dir) != NULL;
    printf("seekdir: %d entries, %d wrong\n", n, wrong);
    closedir(dir);
    qsort(names, n, sizeof *names, by_name);
    printf("%s %s %s %s\n", names[0], names[1], names[2], names[n - 1]);

    /* A second descriptor of the same directory, a duplicate, and one inherited by a child share or have their own position. */
    int a = open("d", O_RDONLY), b = dup(a);
    long first_part = syscall(SYS_getdents, a, buffer, 200);
    struct dirent32 *last = NULL;
    for (long i = 0; i < first_part; i += last->reclen) last = (void *)(buffer + i);
    uint32_t resume = last->off;
    syscall(SYS_getdents, b, buffer, 200);
    char next[64];
    strcpy(next, ((struct dirent32 *)buffer)->name);
    say(lseek(b, resume, SEEK_SET) == resume);
    syscall(SYS_getdents64, a, buffer, 200);
    printf("same after lseek: %d\n", !strcmp(next, ((struct dirent64 *)buffer)->d_name));
    fflush(stdout);
    if (fork() == 0) {
        lseek(a, resume, SEEK_SET);
        _exit(0);
    }
    wait(NULL);
    syscall(SYS_getdents, a, buffer, 200);
    printf("same after the child's lseek: %d\n", !strcmp(next, ((struct dirent32 *)buffer)->name));
    return 0;
}
