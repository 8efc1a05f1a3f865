/* System V semaphores, messages and shared memory by their own numbers and through ipc(2); POSIX message queues. */
#include "guest.h"
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

enum { SEMOP = 1, SEMGET, SEMCTL, SEMTIMEDOP, MSGSND = 11, MSGRCV, MSGGET, MSGCTL, SHMAT = 21, SHMDT, SHMGET, SHMCTL };
static long ipc(int call, long a, long b, long c, void *p, long fifth) { return syscall(SYS_ipc, call, a, b, c, p, fifth); }

static void semaphores(void)
{
    int id = semget(IPC_PRIVATE, 3, 0600);
    struct semid_ds ds;
    unsigned short values[3] = { 1, 2, 3 }, got[3];
    say(semctl(id, 0, SETALL, values));
    say(semctl(id, 0, GETALL, got));
    printf("%d %d %d\n", got[0], got[1], got[2]);
    struct sembuf ops[2] = { { 0, -1, IPC_NOWAIT }, { 1, 1, 0 } };
    say(semop(id, ops, 2));
    say(semop(id, ops, 1));
    struct timespec soon = { 0, 1000000 };
    ops[0].sem_flg = 0;
    say(semtimedop(id, ops, 1, &soon));
    int32_t ts[2] = { 0, 1000000 };
    say(ipc(SEMTIMEDOP, id, 1, 0, ops, (long)ts));
    say(ipc(SEMOP, id, 1, 0, ops + 1, 0));
    say(semctl(id, 1, GETVAL));
    long arg = 9;
    say(ipc(SEMCTL, id, 2, SETVAL, &arg, 0));
    say(semctl(id, 2, GETVAL));
    say(semctl(id, 2, GETPID) == getpid());
    say(semctl(id, 0, IPC_STAT, &ds));
    printf("nsems %lu mode %o otime %d\n", ds.sem_nsems, ds.sem_perm.mode, ds.sem_otime > 1000000000);
    ds.sem_perm.mode = 0640;
    say(semctl(id, 0, IPC_SET, &ds));
    semctl(id, 0, IPC_STAT, &ds);
    printf("mode %o\n", ds.sem_perm.mode);
    say(semop(id, BAD, 1));
    say(semop(id, ops, 0));
    say(semop(id, ops, 100000));
    say(semctl(id, 7, GETVAL));
    say(semctl(id, 0, 999));
    arg = (long)BAD;
    say(ipc(SEMCTL, id, 0, IPC_STAT | 0x100, &arg, 0));
    fflush(stdout);
    if (fork() == 0) {
        struct sembuf undo = { 2, -5, SEM_UNDO };
        semop(id, &undo, 1);
        _exit(0);
    }
    wait(NULL);
    say(semctl(id, 2, GETVAL));
    struct seminfo info;
    say(semctl(0, 0, IPC_INFO, &info) >= 0);
    say(semctl(id, 0, IPC_RMID));
    say(semctl(id, 0, GETVAL));
    say(semget(0x12345, 0, 0));
}

struct message { long type; char text[16]; };

static void messages(void)
{
    int id = msgget(IPC_PRIVATE, 0600);
    struct message m = { 3, "three" }, got;
    struct msqid_ds ds;
    say(msgsnd(id, &m, 6, 0));
    m = (struct message) { 1, "one" };
    say(ipc(MSGSND, id, 4, 0, &m, 0));
    say(msgctl(id, IPC_STAT, &ds));
    printf("qnum %lu cbytes %lu lspid %d\n", ds.msg_qnum, ds.__msg_cbytes, ds.msg_lspid == getpid());
    say(msgrcv(id, &got, sizeof got.text, -2, 0));
    printf("%ld %s\n", got.type, got.text);
    say(msgrcv(id, &got, 2, 0, 0));
    say(msgrcv(id, &got, 2, 0, MSG_NOERROR));
    say(msgrcv(id, &got, 2, 0, IPC_NOWAIT));
    say(msgsnd(id, &m, 4, 0));
    struct { struct message *msg; long type; } tmp = { &got, 1 };
    say(ipc(MSGRCV, id, sizeof got.text, 0, &tmp, 0));
    say(msgsnd(id, &m, 4, 0));
    say(ipc(MSGRCV | 1 << 16, id, sizeof got.text, 0, &got, 1));
    m.type = 0;
    say(msgsnd(id, &m, 4, 0));
    say(msgsnd(id, BAD, 4, 0));
    say(msgsnd(id, &m, -1, 0));
    say(msgrcv(id, BAD, 4, 0, IPC_NOWAIT));
    say(ipc(MSGCTL, id, IPC_STAT | 0x100, 0, BAD, 0));
    say(msgctl(id, IPC_RMID, NULL));
    say(msgctl(id, IPC_STAT, &ds));
}

static void memory(void)
{
    int id = shmget(IPC_PRIVATE, 10000, 0600);
    struct shmid_ds ds;
    char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, SHM_RDONLY);
    strcpy(a, "shared");
    puts(b);
    say(shmctl(id, IPC_STAT, &ds));
    printf("size %zu nattch %lu mode %o cpid %d\n", ds.shm_segsz, (unsigned long)ds.shm_nattch, ds.shm_perm.mode, ds.shm_cpid == getpid());
    unsigned long at = 0;
    say(ipc(SHMAT, id, 0, (long)&at, NULL, 0));
    say(strcmp((char *)at, "shared"));
    say(ipc(SHMDT, 0, 0, 0, (void *)at, 0));
    say(ipc(SHMDT, 0, 0, 0, (void *)at, 0));
    say((long)shmat(id, (void *)0x30000001, 0));
    say((long)shmat(id, (void *)0x30000123, SHM_RND) == 0x30000000);
    say((long)shmat(id, (void *)0x30000000, 0));
    say((long)shmat(999999, NULL, 0));
    say(ipc(SHMAT | 1 << 16, id, 0, 0, NULL, 0));
    fflush(stdout);
    if (fork() == 0) { strcpy(a, "by child"); _exit(0); }
    wait(NULL);
    puts(b);
    say(shmdt(a));
    say(shmdt(a));
    say(shmdt(b));
    say(ipc(SHMCTL, id, IPC_STAT | 0x100, 0, BAD, 0));
    say(shmctl(id, IPC_RMID, NULL));
    say(shmdt((void *)0x30000000));
    say(shmctl(id, IPC_STAT, &ds));
    say(shmget(IPC_PRIVATE, 0, 0600));
    say(ipc(77, 0, 0, 0, NULL, 0));
}

static void queues(void)
{
    struct mq_attr attr = { .mq_maxmsg = 3, .mq_msgsize = 16 }, now;
    mq_unlink("/ferry-test"); /* of a run that was cut short */
    mqd_t q = mq_open("/ferry-test", O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &attr);
    ok(q);
    say(mq_send(q, "low", 4, 1));
    say(mq_send(q, "high", 5, 9));
    say(mq_getattr(q, &now));
    printf("flags %lx max %ld size %ld now %ld\n", now.mq_flags, now.mq_maxmsg, now.mq_msgsize, now.mq_curmsgs);
    char buffer[16];
    unsigned prio;
    say(mq_receive(q, buffer, 16, &prio));
    printf("%s %u\n", buffer, prio);
    say(mq_receive(q, buffer, 5, &prio));
    say(mq_receive(q, buffer, 16, NULL));
    say(mq_receive(q, buffer, 16, NULL));
    attr.mq_flags = 0;
    say(mq_setattr(q, &attr, &now));
    int32_t past[2] = { 1, 0 };
    say(syscall(SYS_mq_timedreceive, q, buffer, 16, NULL, past));
    past[1] = -1;
    say(syscall(SYS_mq_timedreceive, q, buffer, 16, NULL, past));
    say(mq_send(q, "too long for the queue", 23, 0));
    say(syscall(SYS_mq_timedsend, q, BAD, 4, 0, NULL));
    say(syscall(SYS_mq_getsetattr, q, BAD, NULL));
    say(mq_close(q));
    say(mq_unlink("/ferry-test"));
    say(mq_unlink("/ferry-test"));
    say(mq_open("/none", O_RDONLY));
    say(syscall(SYS_mq_open, BAD, O_RDONLY));
}

int main(void)
{
    semaphores();
    messages();
    memory();
    queues();
    return 0;
}
