/* What an emulator below would answer in the kernel's place: environment strings as they are, names and ids in /proc. */
#include "../guest.h"

int main(int argc, char **argv, char **envp)
{
    char link[4096] = "", text[4096] = "";
    if (argc == 1) {
        readlink("/proc/self/exe", link, sizeof link);
        char *args[] = { "proc", "again", NULL }, *env[] = { "A=1", "B", "=C", "A=2", "", "D=", NULL };
        execve(link, args, env);
        return 1;
    }
    for (int i = 0; envp[i]; i++) printf("[%s] ", envp[i]);
    int fd = open("/proc/self/environ", O_RDONLY), n = read(fd, text, sizeof text - 1);
    printf("%d %d\n", n, memcmp(text, "A=1\0B\0=C\0A=2\0\0D=", 19));
    close(fd);
    fd = open("/proc/self/stat", O_RDONLY);
    text[read(fd, text, sizeof text - 1)] = 0;
    int pid;
    char name[32], state;
    sscanf(text, "%d (%31[^)]) %c", &pid, name, &state);
    printf("own pid %d, name %s, state %c\n", pid == getpid(), name, state);
    return 0;
}
