/* fork(2) of a process whose other threads run new code, and take what they share, all the time: a child must find nothing
 * held by a thread that it does not have. */
#include "guest.h"
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <signal.h>

enum { THREADS = 4, FORKS = 40, FUNCTIONS = 32, ROUNDS = 2 };
static volatile int stop;

/* mov eax, VALUE; ret: new each time, each at the head of 64 bytes. */
static unsigned fresh(unsigned char *page, unsigned seed)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        unsigned char *at = page + 64 * i;
        uint32_t value = seed * 977 + i;
        at[0] = 0xb8;
        memcpy(at + 1, &value, 4);
        at[5] = 0xc3;
        sum += ((unsigned (*)(void))at)() == value;
    }
    return sum;
}

static void *page_of_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void *worker(void *arg)
{
    unsigned bad = 0;
    for (unsigned seed = (uintptr_t)arg; !stop; seed++) {
        unsigned char *page = page_of_code();
        bad += fresh(page, seed) != FUNCTIONS;
        munmap(page, 4096);
    }
    return (void *)(uintptr_t)bad;
}

/* Takes what the process has one of: signal actions, the local descriptor table, positions in directories. */
static unsigned shared(int dir)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN }, back;
    unsigned char ldt[64];
    char entry[1024];
    unsigned good = sigaction(SIGUSR1, &ignore, NULL) == 0 && sigaction(SIGUSR1, NULL, &back) == 0 && back.sa_handler == SIG_IGN;
    good &= syscall(SYS_modify_ldt, 0, ldt, sizeof ldt) >= 0;
    return good && lseek(dir, 0, SEEK_SET) == 0 && syscall(SYS_getdents, dir, entry, sizeof entry) > 0;
}

static void *sharer(void *arg)
{
    (void)arg;
    uintptr_t bad = 0;
    int dir = open("/", O_RDONLY | O_DIRECTORY);
    while (!stop) bad += !shared(dir);
    return (void *)bad;
}

int main(void)
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, i % 2 ? sharer : worker, (void *)(i << 16));
    int good = 0;
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            unsigned sum = 0;
            for (int round = 0; round < ROUNDS; round++) sum += fresh(page_of_code(), round) == FUNCTIONS;
            _exit(sum == ROUNDS && shared(open("/", O_RDONLY | O_DIRECTORY)) ? 7 : 1);
        }
        int status = 0;
        waitpid(child, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 7) good++;
        else printf("child %d: status %x\n", i, status);
    }
    stop = 1;
    uintptr_t bad = 0;
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        bad += (uintptr_t)result;
    }
    printf("%d of %d children did it, %d threads did it wrongly\n", good, FORKS, (int)bad);
    return 0;
}
