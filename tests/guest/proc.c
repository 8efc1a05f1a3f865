/* /proc/self as a program of its own sees it. */
#include "guest.h"
#include <elf.h>
#include <sys/auxv.h>

static char *text(const char *name, size_t *len)
{
    static char buffer[65536];
    int fd = open(name, O_RDONLY);
    ssize_t n, all = 0;
    while (fd >= 0 && (n = read(fd, buffer + all, sizeof buffer - 1 - all)) > 0) all += n;
    close(fd);
    buffer[all] = 0;
    if (len) *len = all;
    return fd < 0 ? NULL : buffer;
}

static int global;

/* The permissions of the mapping that holds an address, and its name. */
static void mapping(const char *what, const void *at)
{
    FILE *f = fopen("/proc/self/maps", "r");
    char line[512], perms[8], name[256];
    unsigned long from, to, offset, inode;
    unsigned major, minor;
    while (fgets(line, sizeof line, f)) {
        name[0] = 0;
        if (sscanf(line, "%lx-%lx %7s %lx %x:%x %lu %255s", &from, &to, perms, &offset, &major, &minor, &inode, name) < 7) continue;
        if ((unsigned long)at < from || (unsigned long)at >= to) continue;
        char *slash = strrchr(name, '/');
        printf("%s: %s %s\n", what, perms, slash ? slash + 1 : name);
    }
    fclose(f);
}

static const char *files[] = { "/proc/self/cmdline", "/proc/self/environ", "/proc/self/maps", "/proc/self/auxv" };

int main(int argc, char **argv, char **envp)
{
    size_t len;
    char link[4096] = "";
    if (argc == 1) {
        char *args[] = { "proc", "two words", "", NULL }, *env[] = { "ONE=1", NULL };
        readlink("/proc/self/exe", link, sizeof link);
        for (int i = 0; i < 4; i++) dup2(open(files[i], O_RDONLY), 20 + i);
        symlink(link, "alias"); /* of which /proc/self/exe knows nothing */
        execve("alias", args, env);
        return 1;
    }
    for (int i = 0; i < 4; i++) {
        char inherited[64] = "";
        ssize_t got = read(20 + i, inherited, sizeof inherited);
        printf("%s, opened before execve: %zd bytes: %s\n", files[i], got, i ? "" : inherited);
    }
    char *cmdline = text("/proc/self/cmdline", &len);
    printf("cmdline %zu: %s|%s|%s|\n", len, cmdline, cmdline + 5, cmdline + 15);
    char *env = text("/proc/self/environ", &len);
    printf("environ %zu: %s|\n", len, env);
    memset(argv[0], 'X', 4);
    printf("overwritten: %s\n", text("/proc/self/cmdline", NULL));
    say(readlink("/proc/self/exe", link, sizeof link) > 0);
    printf("exe %s\n", strrchr(link, '/') + 1);
    struct stat a, b;
    say(stat("/proc/self/exe", &a) | stat(link, &b));
    say(a.st_ino == b.st_ino);
    int exe = open("/proc/self/exe", O_RDONLY);
    Elf32_Ehdr header;
    say(read(exe, &header, sizeof header));
    printf("class %d machine %d\n", header.e_ident[EI_CLASS], header.e_machine);
    memset(link, 0, sizeof link);
    snprintf(link, sizeof link, "/proc/%d/exe", getpid());
    say(access(link, R_OK));
    say(readlink("/proc/self/cwd", link, sizeof link) > 0);
    char *cwd = getcwd(NULL, 0);
    say(strncmp(link, cwd, strlen(cwd)));
    Elf32_auxv_t *aux = (void *)text("/proc/self/auxv", &len);
    int same = 0, entries = len / sizeof *aux;
    for (int i = 0; i < entries && aux[i].a_type; i++) same += aux[i].a_un.a_val == getauxval(aux[i].a_type);
    printf("auxv: all as on the stack %d, ends with null %d\n", same == entries - 1, aux[entries - 1].a_type == AT_NULL);
    printf("platform %s, page size %lu, hz %lu, entry %d, phdr size %lu\n", (char *)getauxval(AT_PLATFORM), getauxval(AT_PAGESZ),
           getauxval(AT_CLKTCK), getauxval(AT_ENTRY) != 0, getauxval(AT_PHENT));
    char *heap = sbrk(4096);
    mapping("code", (void *)main);
    mapping("data", &global);
    mapping("heap", heap);
    mapping("stack", &len);
    mapping("vdso", (void *)getauxval(AT_SYSINFO_EHDR));
    char *mine = mmap((void *)0x30000000, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    mapping("anonymous", mine);
    mprotect(mine, 4096, PROT_NONE);
    mapping("protected", mine);
    int fd = open("mapped", O_RDWR | O_CREAT, 0600);
    ftruncate(fd, 4096);
    mapping("file", mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
    char *status = text("/proc/self/status", NULL);
    printf("status: %.*s\n", (int)strcspn(status, "\n"), status);
    printf("comm: %s", text("/proc/self/comm", NULL));
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    char target[4096] = "";
    readlink(link, target, sizeof target);
    printf("fd: %s\n", strrchr(target, '/') + 1);
    char mem[4] = "";
    int memory = open("/proc/self/mem", O_RDONLY);
    static const char known[] = "abc";
    say(pread64(memory, mem, 3, (uintptr_t)known));
    puts(mem);
    say(open("/proc/self/nothing", O_RDONLY));
    say(strstr(text("/proc/cpuinfo", NULL), "flags") != NULL);
    say(access("/proc/self/task", X_OK));
    return 0;
}
