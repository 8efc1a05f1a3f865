/* Code that changes: generated functions, a loop that patches itself, code and data in one page, a second mapping. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef int (*function)(void);

static void make(unsigned char *at, int value)
{
    at[0] = 0xb8; /* mov eax, value */
    memcpy(at + 1, &value, 4);
    at[5] = 0xc3;
}

int main(void)
{
    unsigned char *code = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int sum = 0;
    for (int i = 0; i < 50; i++) {
        make(code, i);
        sum += ((function)code)();
    }
    printf("regenerated: %d\n", sum);
    /* The loop's own body is changed while it runs: the immediate of its add grows each round. */
    static const unsigned char loop[] = {
        0x31, 0xc0,                         /* 0: xor eax, eax */
        0xb9, 10, 0, 0, 0,                  /* 2: mov ecx, 10 */
        0xe8, 0, 0, 0, 0, 0x5a,             /* 7: call next; pop edx (edx = address of the pop) */
        0x83, 0xc0, 1,                      /* 13: add eax, 1 */
        0xfe, 0x42, 3,                      /* 16: inc byte [edx + 3] = the immediate above */
        0x49, 0x75, 0xf7,                   /* 19: dec ecx; jne 13 */
        0xc3,
    };
    memcpy(code + 256, loop, sizeof loop);
    printf("self-patching: %d\n", ((function)(code + 256))());
    volatile int *data = (int *)(code + 2048);
    make(code + 1024, 5);
    sum = 0;
    for (int i = 0; i < 1000; i++) {
        *data = i;
        sum += ((function)(code + 1024))() + *data;
    }
    printf("data beside code: %d\n", sum);
    int fd = memfd_create("code", 0);
    ftruncate(fd, 4096);
    unsigned char *w = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    unsigned char *x = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    sum = 0;
    for (int i = 0; i < 20; i++) {
        make(w, i * i);
        sum += ((function)x)();
    }
    printf("through another mapping: %d\n", sum);
    make(code, 1);
    sum = ((function)code)();
    mprotect(code, 8192, PROT_READ | PROT_EXEC);
    sum += ((function)code)();
    mprotect(code, 8192, PROT_READ | PROT_WRITE | PROT_EXEC);
    make(code, 2);
    sum += ((function)code)();
    int in[2];
    pipe(in);
    unsigned char image[6];
    make(image, 100);
    write(in[1], image, 6);
    read(in[0], code, 6); /* the kernel writes into translated code */
    sum += ((function)code)();
    munmap(code, 4096);
    mmap(code, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    make(code, 1000);
    sum += ((function)code)();
    printf("protected, read into, mapped anew: %d\n", sum);
    return 0;
}
