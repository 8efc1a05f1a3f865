/* futex(2): waiting with timeouts of each kind, waking, requeueing, bit sets, priority inheritance, errors; threads. */
#include "guest.h"
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

static uint32_t word, other;
static volatile int awake;
static long futex(uint32_t *at, int op, uint32_t value, void *timeout, uint32_t *second, uint32_t third)
{
    return syscall(SYS_futex, at, op, value, timeout, second, third);
}

static void *sleeper(void *unused)
{
    (void)unused;
    futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0);
    __atomic_add_fetch(&awake, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void *bit_sleeper(void *bits)
{
    futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, (uintptr_t)bits);
    __atomic_add_fetch(&awake, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void *holder(void *mutex)
{
    pthread_mutex_lock(mutex);
    usleep(30000);
    pthread_mutex_unlock(mutex);
    return NULL;
}

static void errors(void)
{
    int32_t ts[2] = { 0, 1000000 };
    word = 5;
    say(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0));
    say(futex(&word, FUTEX_WAIT, 5, ts, NULL, 0));
    say(futex(&word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 5, ts, NULL, 0));
    ts[1] = 1000000000;
    say(futex(&word, FUTEX_WAIT, 5, ts, NULL, 0));
    say(futex(&word, FUTEX_WAIT, 5, BAD, NULL, 0));
    say(futex((uint32_t *)((char *)&word + 1), FUTEX_WAIT, 5, NULL, NULL, 0));
    say(futex(BAD, FUTEX_WAIT, 5, NULL, NULL, 0));
    say(futex(BAD, FUTEX_WAKE, 1, NULL, NULL, 0));
    say(futex(&word, FUTEX_WAIT_BITSET, 5, NULL, NULL, 0));
    say(futex(&word, 99, 5, NULL, NULL, 0));
    say(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int32_t past[2] = { now.tv_sec, now.tv_nsec };
    say(futex(&word, FUTEX_WAIT_BITSET, 5, past, NULL, ~0u));
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t soon[2] = { now.tv_sec, now.tv_nsec + 1000000 };
    if (soon[1] >= 1000000000) soon[0]++, soon[1] -= 1000000000;
    say(syscall(422, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, soon, NULL, ~0u));
    say(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &other, 4));
    say(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, BAD, 5));
    /* The second word becomes 3, woken if it was 9: it was not. */
    other = 7;
    say(futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &other, FUTEX_OP(FUTEX_OP_SET, 3, FUTEX_OP_CMP_EQ, 9)));
    say(other);
    uint32_t lock = 0;
    say(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    say(lock == (uint32_t)gettid());
    say(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    say(futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    say(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    say(lock);
    lock = gettid() + 1;
    say(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
}

static void waking(void)
{
    pthread_t t[6];
    word = 0;
    for (int i = 0; i < 6; i++) pthread_create(t + i, NULL, sleeper, NULL);
    int moved = 0;
    while (moved < 6) { usleep(5000); moved += futex(&word, FUTEX_REQUEUE, 0, (void *)INT_MAX, &other, 0); }
    say(moved);
    say(futex(&other, FUTEX_WAKE, 2, NULL, NULL, 0));
    say(futex(&other, FUTEX_CMP_REQUEUE, 1, (void *)1, &word, other));
    say(futex(&word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
    say(futex(&other, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
    for (int i = 0; i < 6; i++) pthread_join(t[i], NULL);
    say(awake);
    awake = 0;
    pthread_create(t, NULL, bit_sleeper, (void *)1);
    pthread_create(t + 1, NULL, bit_sleeper, (void *)2);
    while (futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 2) == 0) usleep(1000);
    pthread_join(t[1], NULL);
    say(awake);
    while (futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 5) == 0) usleep(1000);
    pthread_join(t[0], NULL);
    say(awake);
}

static void mutexes(void)
{
    pthread_mutexattr_t attr;
    pthread_mutex_t mutex;
    pthread_t thread;
    pthread_mutexattr_init(&attr);
    say(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT));
    pthread_mutex_init(&mutex, &attr);
    pthread_create(&thread, NULL, holder, &mutex);
    usleep(10000);
    say(pthread_mutex_lock(&mutex));
    say(pthread_mutex_unlock(&mutex));
    pthread_join(thread, NULL);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_NONE);
    pthread_mutex_init(&mutex, &attr);
    say(pthread_mutex_lock(&mutex));
    printf("again: %s\n", strerrorname_np(pthread_mutex_lock(&mutex)));
    pthread_mutex_unlock(&mutex);
    printf("not held: %s\n", strerrorname_np(pthread_mutex_unlock(&mutex)));
    /* A mutex and a semaphore shared by two processes. */
    struct both { pthread_mutex_t mutex; sem_t sem; int value; } *both = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&both->mutex, &attr);
    sem_init(&both->sem, 1, 0);
    fflush(stdout);
    pid_t pid = fork();
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&both->mutex);
        both->value++;
        pthread_mutex_unlock(&both->mutex);
    }
    if (pid == 0) { sem_post(&both->sem); _exit(0); }
    say(sem_wait(&both->sem));
    finish(pid);
    say(both->value);
    struct timespec when;
    clock_gettime(CLOCK_REALTIME, &when);
    say(sem_timedwait(&both->sem, &when));
    say(sem_trywait(&both->sem));
}

int main(void)
{
    errors();
    waking();
    mutexes();
    return 0;
}
