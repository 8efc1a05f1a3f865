/* Robust futexes: the owner of a mutex dies, as a thread, as a process, by SIGKILL, by exec. */
#include "../guest.h"
#include <linux/futex.h>
#include <pthread.h>

static pthread_mutex_t *mutex;

static void *dies(void *unused) { (void)unused; pthread_mutex_lock(mutex); return NULL; }

static void after(const char *how)
{
    int error = pthread_mutex_lock(mutex);
    printf("%s: %s", how, error ? strerrorname_np(error) : "0");
    printf(", consistent %d", pthread_mutex_consistent(mutex));
    printf(", unlock %d\n", pthread_mutex_unlock(mutex));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc > 1) return 0;
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutex_init(mutex, &attr);
    pthread_t thread;
    pthread_create(&thread, NULL, dies, NULL);
    pthread_join(thread, NULL);
    after("thread");
    if (fork() == 0) { pthread_mutex_lock(mutex); _exit(0); }
    wait(NULL);
    after("exit");
    if (fork() == 0) {
        pthread_mutex_lock(mutex);
        execl("/proc/self/exe", "again", "child", (char *)NULL);
        _exit(1);
    }
    wait(NULL);
    after("exec");
    if (fork() == 0) { pthread_mutex_lock(mutex); raise(SIGTERM); }
    wait(NULL);
    after("signal");
    int go[2];
    char byte;
    pipe(go);
    pid_t pid = fork();
    if (pid == 0) { pthread_mutex_lock(mutex); write(go[1], "x", 1); for (;;) pause(); }
    read(go[0], &byte, 1);
    kill(pid, SIGKILL);
    wait(NULL);
    after("SIGKILL");
    /* A waiter wakes up. */
    pid = fork();
    if (pid == 0) { pthread_mutex_lock(mutex); write(go[1], "x", 1); usleep(100000); _exit(0); }
    read(go[0], &byte, 1);
    after("waiter");
    wait(NULL);
    void *head;
    size_t len;
    say(syscall(SYS_get_robust_list, 0, &head, &len));
    say(len);
    say(syscall(SYS_set_robust_list, head, 11));
    say(syscall(SYS_get_robust_list, 0, BAD, &len));
    say(syscall(SYS_get_robust_list, 12345678, &head, &len));
    return 0;
}
