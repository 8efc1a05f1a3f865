/* Threads: creation, mutexes, condition variables, thread-local storage, atomics, signals to threads. */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 2000 };
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static __thread int local = 7;
static int plain, ready, turn;
static _Atomic unsigned atomic32;
static _Atomic unsigned long long atomic64;
static volatile sig_atomic_t signalled;
static sem_t sem;

static void *worker(void *arg)
{
    long id = (long)arg;
    local += id;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        plain++;
        pthread_mutex_unlock(&mutex);
        atomic_fetch_add(&atomic32, 1);
        atomic_fetch_add(&atomic64, 0x100000001ull);
    }
    pthread_barrier_wait(&barrier);
    pthread_mutex_lock(&mutex);
    ready++;
    pthread_cond_signal(&cond);
    while (turn != id) pthread_cond_wait(&cond, &mutex);
    turn++;
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&mutex);
    return (void *)(long)local;
}

static void handler(int sig) { (void)sig; signalled = local; }

static void *waiter(void *arg)
{
    (void)arg;
    local = 99;
    sem_post(&sem);
    while (!signalled) { }
    return NULL;
}

static void *canceled(void *arg) { (void)arg; for (;;) pause(); return NULL; }

int main(void)
{
    pthread_t t[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (long i = 0; i < THREADS; i++) pthread_create(&t[i], NULL, worker, (void *)i);
    pthread_mutex_lock(&mutex);
    while (ready < THREADS) pthread_cond_wait(&cond, &mutex);
    pthread_mutex_unlock(&mutex);
    long sum = 0;
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(t[i], &result);
        sum += (long)result;
    }
    printf("plain %d atomic %u %llx locals %ld own %d turn %d\n", plain, atomic32, (unsigned long long)atomic64, sum, local, turn);
    signal(SIGUSR1, handler);
    sem_init(&sem, 0, 0);
    pthread_t w;
    pthread_create(&w, NULL, waiter, NULL);
    sem_wait(&sem);
    pthread_kill(w, SIGUSR1);
    pthread_join(w, NULL);
    printf("signalled thread saw %d\n", (int)signalled);
    pthread_create(&w, NULL, canceled, NULL);
    usleep(10000);
    pthread_cancel(w);
    void *result;
    pthread_join(w, &result);
    printf("cancelled %d\n", result == PTHREAD_CANCELED);
    printf("main is leader: %d\n", (int)syscall(SYS_gettid) == getpid());
    return 0;
}
