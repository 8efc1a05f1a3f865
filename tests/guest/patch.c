/* Code that changes under all the ways there are: by itself, by data beside it, by threads, other mappings, other processes,
 * the kernel, protection changes; and code at the ends of pages and at the limits of encoding. */
#include "probe.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/wait.h>

typedef int (*function)(void);
typedef unsigned char byte;

static byte *page(int n, int prot, int flags) { return mmap(NULL, n * PAGE, prot, flags | MAP_ANONYMOUS, -1, 0); }
enum { RW = PROT_READ | PROT_WRITE, RX = PROT_READ | PROT_EXEC, RWX = RW | PROT_EXEC };

static void make(byte *at, int value) /* mov eax, value; ret */
{
    at[0] = 0xb8;
    memcpy(at + 1, &value, 4);
    at[5] = 0xc3;
}

static int call(void *at) { return ((function)at)(); }

/* Far more often than a page can have functions. */
static void often(void)
{
    byte *code = page(2, RWX, MAP_PRIVATE);
    unsigned sum = 0;
    volatile int *data = (int *)(code + 2048);
    make(code, 7);
    for (int i = 0; i < 3000; i++) *data = i, sum += call(code) + *data;
    printf("data beside code: %u\n", sum);
    for (int i = 0; i < 1000; i++) make(code, i), sum += call(code);
    printf("regenerated: %u\n", sum);
    /* The immediate of the add behind the store grows each round; one instruction of distance, then none. */
    static const byte loop[] = { 0x31, 0xc0, 0xb9, 0xe8, 3, 0, 0, 0xe8, 0, 0, 0, 0, 0x5a, 0xfe, 0x42, 6, 0x90, 0x83, 0xc0, 1, 0x49, 0x75, 0xf6, 0xc3 };
    memcpy(code + 256, loop, sizeof loop);
    code[256 + 15] = 18 - 11;
    printf("patches what comes next: %d\n", call(code + 256));
    memcpy(code + 320, loop, sizeof loop);
    code[320 + 15] = 18 - 12; /* the opcode's own immediate byte is not hit: the ModRM before it would be */
    code[320 + 15] = 18 - 11;
    memmove(code + 320 + 16, code + 320 + 17, 7); /* no nop: the store is right before the add */
    code[320 + 15] = 17 - 11, code[320 + 21] = 0xf7;
    printf("patches the very next: %d\n", call(code + 320));
    int in[2];
    pipe(in);
    for (int i = 0; i < 300; i++) {
        byte image[6];
        make(image, i);
        write(in[1], image, 6), read(in[0], code, 6);
        sum += call(code);
    }
    printf("by the kernel: %u\n", sum);
    mprotect(code, PAGE, RX);
    sum += call(code);
    mprotect(code, PAGE, RWX);
    for (int i = 0; i < 300; i++) make(code, 2 * i), sum += call(code);
    /* The stack in the page of the code. */
    static const byte stack[] = { 0x89, 0xe2, 0xe8, 0, 0, 0, 0, 0x59, 0x81, 0xe1, 0, 0xf0, 0xff, 0xff, 0x8d, 0xa1, 0, 0xc, 0, 0, 0xb9, 200, 0, 0, 0,
                                  0x31, 0xc0, 0x51, 0x58, 0x01, 0xc8, 0x49, 0x75, 0xfa, 0x89, 0xd4, 0xc3 };
    memcpy(code + 512, stack, sizeof stack);
    for (int i = 0; i < 20; i++) sum += call(code + 512);
    printf("stack beside code: %u\n", sum);
    munmap(code, 2 * PAGE);
}

/* The instruction right behind is written, by several kinds of stores; on a watched page and on a volatile one. */
#define NEXT "0x10000000 + (5f - 1b)"
static void next_instruction(void)
{
    for (int warm = 0; warm < 2; warm++) {
        if (warm) for (int i = 0; i < 200; i++) *(volatile int *)(CODE + 0xf00) = i, make((byte *)CODE + 0xe00, i), call((byte *)CODE + 0xe00);
        TRY("movb $0x41, " NEXT "; 5: incl eax; nop", .eax = 0, .ecx = 0);
        TRY("movl $0x90909042, " NEXT "; 5: incl eax; incl eax; incl eax; incl eax; incl eax", .eax = 0);
        TRY("movl $" NEXT ", edi; movb $0x90, al; movl $3, ecx; rep stosb; 5: incl edx; incl edx; incl edx; incl edx", .edx = 0);
        TRY("movl $" NEXT ", edi; movl $" NEXT " + 4, esi; movl $4, ecx; rep movsb; 5: incl edx; incl edx; incl edx; incl edx; .fill 4, 1, 0x4a", .edx = 0);
        TRY("movl $" NEXT " + 4, esp; pushl $0x42424242; 5: nop; nop; nop; nop", .edx = 0);
        TRY("movl $" NEXT ", edi; lock xaddb al, (edi); 5: nop", .eax = 0x50b2);
        TRY("pcmpeqd xmm0, xmm0; pxor xmm1, xmm1; psubb xmm0, xmm1; psllw $6, xmm1; movl $" NEXT ", edi; movups xmm1, (edi); 5: .fill 16, 1, 0x42", .eax = 0);
        TRY("movl $" NEXT " + 4, esp; call 6f; nop; nop; 5: nop; nop; nop; nop; 6: movl (" NEXT "), eax");
        TRY("movl $" NEXT ", edi; fninit; fld1; fstps (edi); 5: incl eax; incl eax; incl eax; incl eax; incl eax", .eax = 0);
    }
}

static volatile int ready, stop, saw;
static byte *shared;
static void *spin(void *arg)
{
    (void)arg;
    int seen = 0;
    ready = 1;
    while (!stop) {
        int now = call(shared);
        saw = now;
        if (now < seen) return (void *)1;
        seen = now;
    }
    return (void *)(long)(seen == 500 ? 0 : 2);
}

static void threads(void)
{
    shared = page(1, RWX, MAP_PRIVATE);
    make(shared, 0);
    pthread_t t;
    ready = stop = 0;
    pthread_create(&t, NULL, spin, NULL);
    while (!ready) sched_yield();
    for (int i = 1; i <= 500; i++) {
        *(volatile int *)(shared + 1) = i;
        if (i % 50 == 0) sched_yield();
    }
    for (int i = 0; i < 5000 && saw != 500; i++) usleep(1000);
    stop = 1;
    void *result;
    pthread_join(t, &result);
    printf("patched for another thread: %ld\n", (long)result);
    /* A loop that never leaves is patched to end. */
    static const byte endless[] = { 0x31, 0xc0, 0x40, 0xeb, 0xfd, 0xc3 };
    memcpy(shared, endless, sizeof endless);
    pthread_create(&t, NULL, (void *(*)(void *))shared, NULL);
    usleep(10000);
    shared[3] = 0x66, shared[4] = 0x90; /* the jump becomes a nop; in between it is 66 fd, std */
    pthread_join(t, NULL);
    printf("ended an endless loop\n");
}

static void mappings(void)
{
    int fd = memfd_create("code", 0), sum = 0;
    ftruncate(fd, 2 * PAGE);
    byte *w = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), *x = mmap(NULL, PAGE, RX, MAP_SHARED, fd, 0);
    for (int i = 0; i < 300; i++) make(w, i), sum += call(x);
    printf("memfd: %d\n", sum);
    for (int i = 0; i < 50; i++) {
        byte image[6];
        make(image, i);
        pwrite(fd, image, 6, 0); /* no mapping is involved at all */
        sum += call(x);
    }
    printf("written to the file: %d\n", sum);
    int id = shmget(IPC_PRIVATE, PAGE, 0700);
    byte *a = shmat(id, NULL, 0), *b = shmat(id, NULL, SHM_EXEC);
    shmctl(id, IPC_RMID, NULL);
    for (int i = 0; i < 300; i++) make(a, 2 * i), sum += call(b);
    printf("shm: %d\n", sum);
    byte *both = page(1, RWX, MAP_SHARED);
    make(both, 1);
    sum = call(both);
    for (int i = 0; i < 20; i++) {
        if (fork() == 0) make(both, i * 3), _exit(0);
        wait(NULL);
        sum += call(both);
    }
    printf("by another process: %d\n", sum);
    byte *own = page(1, RWX, MAP_PRIVATE);
    make(own, 5);
    call(own);
    int status;
    if (fork() == 0) { make(own, 9); _exit(call(own)); }
    wait(&status);
    printf("a child's own: %d, ours %d\n", WEXITSTATUS(status), call(own));
    pid_t child = vfork();
    if (child == 0) { make(own, 11); _exit(call(own)); }
    waitpid(child, &status, 0);
    printf("a borrowed one: %d\n", WEXITSTATUS(status)); /* an emulated host may copy it */
    make(own, 11);
    for (int i = 0; i < 100; i++) {
        mprotect(own, PAGE, RW);
        make(own, i);
        mprotect(own, PAGE, RX);
        sum += call(own);
    }
    printf("write or execute: %d\n", sum);
    byte *place = page(1, PROT_NONE, MAP_PRIVATE);
    byte *moved = mremap(own, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
    sum = call(moved);
    printf("moved: %d\n", sum);
    own = mmap(own, PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    make(own, 77);
    printf("something else in its place: %d\n", call(own));
    madvise(own, PAGE, MADV_DONTNEED);
    printf("emptied: %d\n", own[0]);
}

/* Instructions at the end of the page. */
static void ends(void)
{
    static const byte mov[] = { 0xb8, 1, 2, 3, 4 };
    for (int have = 1; have <= 5; have++) {
        memset((void *)CODE, 0x90, PAGE);
        first = (struct state){ FIRST };
        memcpy((void *)(CODE + PAGE - have), mov, have);
        printf("%d bytes of five", have);
        entering = 1;
        first.eax = CODE + PAGE - have - 2;
        /* From two instructions before. */
        memcpy((void *)CODE, "\xff\xe0", 2);
        if (!sigsetjmp(done, 1)) asm volatile("ud2" ::: "memory");
        printf("\n");
    }
    byte *two = (byte *)CODE + PAGE;
    mmap(two, PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    memcpy(two - 2, mov, 5);
    two[3] = 0xc3;
    printf("across: %x", call(two - 2));
    two[1] = 9;
    printf(" %x", call(two - 2));
    two[-1] = 8;
    printf(" %x", call(two - 2));
    mprotect(two, PAGE, RW);
    /* Whether PROT_EXEC matters is the CPU's and the kernel's business: it does. */
    entering = 1;
    first = (struct state){ FIRST };
    first.eax = (uint32_t)two - 2;
    memcpy((void *)CODE, "\xff\xe0", 2);
    printf(" without execute");
    if (!sigsetjmp(done, 1)) asm volatile("ud2" ::: "memory");
    mprotect(two, PAGE, RX);
    printf("\nwith: %x\n", call(two - 2));
    munmap(two, PAGE);
}

static void encodings(void)
{
    TRY(".fill 14, 1, 0x66; nop");
    TRY(".fill 15, 1, 0x66; nop");
    TRY(".fill 14, 1, 0x2e; incl eax", .eax = 1);
    TRY(".fill 15, 1, 0x2e; incl eax", .eax = 1);
    TRY(".fill 10, 1, 0x3e; movl $1, eax");
    TRY(".fill 11, 1, 0x3e; movl $1, eax");
    TRY(".byte 0x66, 0x66, 0x66, 0x89, 0xc8", .eax = 0);
    TRY(".byte 0xf2, 0xf3, 0x90");
    TRY(".byte 0xf3, 0xf2, 0xa4", .ecx = 2, .esi = DATA, .edi = DATA + 8);
    TRY(".byte 0xf2, 0xa4", .ecx = 2, .esi = DATA, .edi = DATA + 8);
    TRY(".byte 0xf2, 0xaa", .ecx = 2, .edi = DATA + 8);
    TRY(".byte 0xf3, 0xeb, 0x00");
    TRY(".byte 0xf2, 0x74, 0x00");
    TRY(".byte 0xf3, 0x40", .eax = 0);
    TRY(".byte 0x66, 0x40", .eax = 0xffff);
    TRY(".byte 0x67, 0x40", .eax = 0xffff);
    TRY(".byte 0x26, 0x64, 0x8b, 0x03", .ebx = DATA); /* the last segment prefix counts: FS is null */
    TRY(".byte 0x64, 0x26, 0x8b, 0x03", .ebx = DATA);
    TRY(".byte 0x66, 0xe9, 0x00, 0x00");   /* jmp with a 16-bit offset: eip is cut */
    TRY(".byte 0x66, 0x75, 0x00", .eflags = 0x246);
    TRY(".byte 0x66, 0xc3", .esp = DATA);
    TRY(".byte 0x66, 0xe8, 0x00, 0x00");
    TRY(".byte 0x66, 0x8e, 0xd8", .eax = 0x2b);
    TRY(".byte 0xf0, 0xf0, 0x01, 0x03", .ebx = DATA);
    TRY(".byte 0xf3, 0xf0, 0x01, 0x03", .ebx = DATA);
    TRY(".byte 0x67, 0xe3, 0x00", .ecx = 0x10000);
    TRY(".byte 0x67, 0xe2, 0x00", .ecx = 0x10001);
    TRY(".byte 0x82, 0xc0, 0x05", .eax = 1);
    TRY(".byte 0xf6, 0xc8, 0x81", .eax = 0x81);
    TRY(".byte 0xd9, 0xd1");
    TRY(".byte 0x0f, 0x0d, 0x03", .ebx = DATA);
    TRY(".byte 0x0f, 0x18, 0x3b", .ebx = DATA);
    TRY(".byte 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0");
    TRY(".byte 0x0f, 0x20, 0xc0");
    TRY(".byte 0xc6, 0xc8, 0x00");
    TRY(".byte 0x8f, 0xc8");
    TRY(".byte 0xff, 0xff");
}

int main(void)
{
    probe_start();
    encodings();
    ends();
    next_instruction();
    often();
    mappings();
    threads();
    return 0;
}
