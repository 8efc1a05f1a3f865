/* fork, vfork, exec, wait, pipes, exit statuses. Emulators make a fork of vfork, so memory is not shared there. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc > 1) {
        printf("child: argv0 %s argc %d arg %s env %s\n", argv[0], argc, argv[1], getenv("MARK") ? getenv("MARK") : "-");
        return atoi(argv[1]);
    }
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    printf("exe: %s\n", strrchr(self, '/') + 1);

    static int shared_by_vfork = 1;
    int status;
    pid_t pid = vfork();
    if (pid == 0) {
        shared_by_vfork = 2;
        char *args[] = { "renamed", "5", NULL }, *env[] = { "MARK=vfork", NULL };
        execve(self, args, env);
        _exit(99);
    }
    waitpid(pid, &status, 0);
    printf("vfork: shared %d status %d\n", shared_by_vfork, WEXITSTATUS(status));

    volatile int private_to_fork = 1;
    int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid = fork();
    if (pid == 0) {
        private_to_fork = 2;
        *shared = 42;
        _exit(6);
    }
    waitpid(pid, &status, 0);
    printf("fork: private %d shared %d status %d\n", private_to_fork, *shared, WEXITSTATUS(status));

    char *spawn_args[] = { "spawned", "7", NULL };
    int error = posix_spawn(&pid, self, NULL, NULL, spawn_args, environ);
    waitpid(pid, &status, 0);
    printf("spawn: %d status %d\n", error, WEXITSTATUS(status));
    printf("spawn of nothing: %s\n", strerror(posix_spawn(&pid, "/nonexistent", NULL, NULL, spawn_args, environ)));

    int fd[2];
    pipe(fd);
    if (fork() == 0) {
        dup2(fd[1], 1);
        close(fd[0]);
        close(fd[1]);
        execlp("sh", "sh", "-c", "echo from sh; exit 3", (char *)NULL);
        _exit(98);
    }
    close(fd[1]);
    char text[64] = "";
    read(fd[0], text, sizeof text - 1);
    wait(&status);
    printf("pipe: %s", text);
    printf("sh status %d\n", WEXITSTATUS(status));

    execl("/nonexistent", "x", (char *)NULL);
    printf("exec of nothing: %s\n", strerror(errno));
    execl("/", "x", (char *)NULL);
    printf("exec of a directory: %s\n", strerror(errno));
    char name[] = "/tmp/ferry-script-XXXXXX";
    int file = mkstemp(name);
    dprintf(file, "#!/bin/sh -e\necho script $0 | sed 's/[A-Za-z0-9]*$/NAME/'; echo $1; exit 4\n");
    fchmod(file, 0755);
    close(file);
    if (fork() == 0) {
        execl(name, "ignored", "argument", (char *)NULL);
        printf("script: %s\n", strerror(errno));
        _exit(97);
    }
    wait(&status);
    printf("script status %d\n", WEXITSTATUS(status));
    unlink(name);

    struct rusage usage;
    pid = fork();
    if (pid == 0) _exit(300);
    pid_t got = wait4(pid, &status, 0, &usage);
    printf("wait4: own child %d status %d\n", got == pid, WEXITSTATUS(status));
    int hold[2];
    pipe(hold);
    pid = fork();
    if (pid == 0) { close(hold[1]); raise(SIGSTOP); read(hold[0], text, 1); _exit(1); }
    waitpid(pid, &status, WUNTRACED);
    printf("stopped %d by %d\n", WIFSTOPPED(status), WSTOPSIG(status));
    kill(pid, SIGCONT);
    waitpid(pid, &status, WCONTINUED);
    printf("continued %d\n", WIFCONTINUED(status));
    close(hold[1]);
    siginfo_t info;
    waitid(P_PID, pid, &info, WEXITED);
    printf("waitid: code %d status %d own %d\n", info.si_code, info.si_status, info.si_pid == pid);
    int none = waitpid(-1, &status, 0);
    printf("no child: %d %s\n", none, strerror(errno));
    char *empty[] = { NULL };
    (void)empty;
    if (fork() == 0) execle(self, "environment", "9", (char *)NULL, (char *[]) { "MARK=given", NULL });
    wait(&status);
    return WEXITSTATUS(status);
}
