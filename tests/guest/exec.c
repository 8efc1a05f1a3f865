/* execve(2): arguments, environment, scripts, what is inherited and what is not, and its errors. */
#include "guest.h"
#include <pthread.h>
#include <sys/resource.h>

static char self[4096];

static void script(const char *name, const char *text, int mode)
{
    int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    write(fd, text, strlen(text));
    fchmod(fd, mode);
    close(fd);
}

/* Runs a program in a child; what it prints comes before its status. */
static void run(const char *path, char *const argv[], char *const envp[])
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        execve(path, argv, envp);
        printf("%s: %s\n", strrchr(path, '/') ? strrchr(path, '/') + 1 : path, strerrorname_np(errno));
        fflush(stdout);
        _exit(99);
    }
    printf("status %d\n", finish(pid));
}

static int child(int argc, char **argv, char **envp)
{
    printf("argc %d:", argc);
    for (int i = 0; i < argc; i++) printf(" [%s]", strchr(argv[i], '/') ? strrchr(argv[i], '/') : argv[i]);
    printf("\nenv:");
    for (int i = 0; envp[i]; i++) printf(" %s", envp[i]);
    printf("\nfds:");
    for (int i = 3; i < 10; i++) if (fcntl(i, F_GETFD) >= 0) printf(" %d", i);
    struct sigaction usr1, usr2;
    sigset_t mask, pending;
    sigaction(SIGUSR1, NULL, &usr1);
    sigaction(SIGUSR2, NULL, &usr2);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    sigpending(&pending);
    stack_t stack;
    sigaltstack(NULL, &stack);
    printf("\nSIGUSR1 %d SIGUSR2 %d masked %d pending %d altstack %d umask %o\n", usr1.sa_handler == SIG_DFL, usr2.sa_handler == SIG_IGN,
           sigismember(&mask, SIGHUP), sigismember(&pending, SIGHUP), stack.ss_flags, umask(0));
    return argc;
}

static void nothing(int sig) { (void)sig; }
static void *from_thread(void *unused)
{
    (void)unused;
    execve(self, (char *[]) { "from-thread", "child", NULL }, (char *[]) { NULL });
    return NULL;
}

int main(int argc, char **argv, char **envp)
{
    if (argc > 1 && !strncmp(argv[1], "child", 5) || argc == 0 || !argv[0][0]) return child(argc, argv, envp);
    if (argc > 1 && !strcmp(argv[1], "barefoot")) {
        for (int i = 1; i < 3; i++) dprintf(7, "standard descriptor %d: %s\n", i, fcntl(i, F_GETFD) < 0 ? "closed" : "open");
        return 0;
    }
    self[readlink("/proc/self/exe", self, sizeof self - 1)] = 0;
    char *args[] = { "any name", "child", "", "a b", "c\td", NULL }, *env[] = { "A=1", NULL };
    run(self, args, env);
    run(self, (char *[]) { "", NULL }, (char *[]) { NULL });
    run(self, NULL, NULL); /* Linux makes it one empty string */

    /* What is inherited. */
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(0, 5);
        dup3(0, 6, O_CLOEXEC);
        signal(SIGUSR1, nothing);
        signal(SIGUSR2, SIG_IGN);
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGHUP);
        sigprocmask(SIG_BLOCK, &set, NULL);
        raise(SIGHUP);
        umask(027);
        sigaltstack(&(stack_t) { .ss_sp = malloc(16384), .ss_size = 16384 }, NULL);
        execve(self, (char *[]) { "heir", "child", NULL }, (char *[]) { NULL });
        _exit(98);
    }
    printf("status %d\n", finish(pid));
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, from_thread, NULL);
        pthread_join(thread, NULL);
        _exit(97);
    }
    printf("status %d\n", finish(pid));
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        dup2(1, 7);
        for (int i = 1; i < 3; i++) close(i); /* not 0: an emulated kernel may leave the program there */
        execve(self, (char *[]) { "barefoot", "barefoot", NULL }, (char *[]) { NULL });
        _exit(96);
    }
    printf("status %d\n", finish(pid));

    /* Scripts. */
    char line[4200];
    snprintf(line, sizeof line, "#!%s child\nignored\n", self);
    script("script", line, 0755);
    run("./script", (char *[]) { "name", "x", "y", NULL }, env);
    snprintf(line, sizeof line, "#! \t%s   child two words  \n", self);
    script("spaces", line, 0755);
    run("./spaces", (char *[]) { "name", NULL }, env);
    script("nested", "#!./script\n", 0755);
    run("./nested", (char *[]) { "name", "z", NULL }, env);
    script("loop", "#!./loop\n", 0755);
    run("./loop", args, env);
    script("missing", "#!/no/such/interpreter\n", 0755);
    run("./missing", args, env);
    script("bare", "#!\n", 0755);
    run("./bare", args, env);
    script("text", "echo text\n", 0755);
    run("./text", args, env);
    script("empty", "", 0755);
    run("./empty", args, env);
    script("forbidden", line, 0644);
    run("./forbidden", args, env);
    script("elf", "\177ELF\001\001\001 and no more", 0755);
    run("./elf", args, env);
    run("none", args, env);
    run("./script/x", args, env);
    run("/", args, env);
    run("", args, env);
    run(BAD, args, env);
    run(self, BAD, env);
    run(self, args, BAD);
    run(self, (char *[]) { "x", BAD, NULL }, env);

    /* One string of at most 128 KiB, all of them at most a quarter of the stack's limit. */
    char *big = malloc(131073);
    memset(big, 'x', 131072);
    big[131072] = 0;
    run(self, (char *[]) { "big", "child", big, NULL }, (char *[]) { NULL });
    char **many = calloc(70, sizeof *many);
    big[131071] = 0;
    for (int i = 0; i < 66; i++) many[i] = big;
    run(self, many, (char *[]) { NULL });
    int fd = open(self, O_RDONLY);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        syscall(SYS_execveat, fd, "", (char *[]) { "by descriptor", "child", NULL }, (char *[]) { NULL }, AT_EMPTY_PATH);
        _exit(96);
    }
    printf("status %d\n", finish(pid));
    say(syscall(SYS_execveat, fd, "", NULL, NULL, 0));
    say(syscall(SYS_execveat, AT_FDCWD, "script", NULL, NULL, 0x1));
    say(syscall(SYS_execveat, 99, "script", NULL, NULL, 0));
    symlink("script", "link");
    say(syscall(SYS_execveat, AT_FDCWD, "link", NULL, NULL, AT_SYMLINK_NOFOLLOW));
    return 0;
}
