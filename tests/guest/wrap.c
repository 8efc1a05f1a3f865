/* Addresses that leave 32 bits: they wrap, and nothing above 4 GiB can be reached, by no instruction and by no system call. */
#include "probe.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { TOP = 0xffffd000 }; /* the highest page a program can map */

static uint32_t top;

static void instructions(void)
{
    TRY("movl (ebx,esi), eax", .ebx = 0x90000000, .esi = 0x90000000);
    TRY("movl (ebx,esi), eax", .ebx = 0x90000000, .esi = 0x90000010);
    TRY("movl (ebx,esi), eax", .ebx = 0xf0000000, .esi = 0x30000000);
    TRY("movl (ebx,esi,8), eax", .ebx = 0x20000000, .esi = 0x20000010);
    TRY("movl (ebx,esi,8), eax", .ebx = 0x20000004, .esi = 0xe0000001);
    TRY("movl -4(ebx), eax", .ebx = 0);
    TRY("movl -4(ebx), eax", .ebx = 2);
    TRY("movl eax, -2(ebx)", .ebx = 0);
    TRY("movb al, 0x7fffffff(ebx)", .ebx = 0xa0000001);
    TRY("movl 0x7fffffff(ebx,esi,8), eax", .ebx = 0xffffffff, .esi = 0xffffffff);
    TRY("movl 0x20000010(ebx), eax", .ebx = 0);
    TRY("movl 0x20000010(ebx), eax", .ebx = -16);
    TRY("movl 0x20001010(ebx), eax", .ebx = -0x1000);
    TRY("movl eax, 0x20001010(ebx)", .ebx = -0x1000);
    TRY("addl eax, 0x20001010(ebx)", .ebx = -0x1000);
    TRY("lock addl eax, 0x20001010(ebx)", .ebx = -0x1000);
    TRY("lock cmpxchg8b 0x20001010(esi)", .esi = -0x1000);
    TRY("xchgl eax, -0x10(ebx,esi,4)", .ebx = 0x20000010, .esi = 0x40000000);
    TRY("movups -0x10(ebx,esi,4), xmm0", .ebx = 0x20000010, .esi = 0x40000000);
    TRY("pcmpeqd xmm0, xmm0; movups xmm0, 0x60000000(ebx,esi,4)", .ebx = 0xc0000008, .esi = 0x40000002);
    TRY("fldl 0x60000000(ebx)", .ebx = 0xc0000008);
    TRY("fninit; fldpi; fstpt 0x60000000(ebx)", .ebx = 0xc0000008);
    TRY("movl eax, (ebx)", .ebx = 0xffffe000);
    TRY("movl eax, (ebx)", .ebx = 0xffffffff);
    TRY("movl eax, (ebx)", .ebx = 0xfffffffd);
    TRY("movl (ebx), eax", .ebx = 0xfffffffe);
    TRY("movups (ebx), xmm0", .ebx = 0xfffffff8);
    TRY("movups xmm0, (ebx)", .ebx = 0xfffffff8);
    TRY("lock incl (ebx)", .ebx = 0xfffffffe);
    TRY("lock cmpxchg8b (ebx)", .ebx = 0xfffffffc);
    TRY("incl (ebx)", .ebx = 0xfffffffe);
    TRY("movw (ebx), ax", .ebx = 0xffffffff);
    TRY("fldt (ebx)", .ebx = 0xfffffffa);
    TRY("pushl eax", .esp = 0);
    TRY("pushl eax", .esp = 2);
    TRY("popl eax", .esp = 0xfffffffe);
    TRY("popl eax", .esp = 0xffffffff);
    TRY("pushal", .esp = 8);
    TRY("popal", .esp = 0xfffffff0);
    TRY("enter $0x10, $0", .esp = 4);
    TRY("call . + 5", .esp = 0);
    TRY("ret", .esp = 0xfffffffc);
    TRY("rep movsb", .esi = 0xfffffff0, .edi = DATA, .ecx = 32);
    TRY("rep movsb", .esi = DATA, .edi = 0xffffe000, .ecx = 32);
    TRY("rep stosl", .edi = 0xfffffffe, .ecx = 32);
    TRY("rep stosb", .edi = 3, .ecx = 32, .eflags = 0x602);
    TRY("jmp *eax", .eax = 0xffffffff);
    TRY("jmp *eax", .eax = 0xfffffff4);
    TRY("btl eax, (ebx)", .eax = 0x7fffffff, .ebx = 0xf8000000);
    TRY("btsl eax, (ebx)", .eax = 0x7fffffff, .ebx = 0x20000800 - 0x10000000);
    TRY("btsl eax, (ebx)", .eax = 0x80000000, .ebx = 0x20000800 + 0x10000000);
    TRY("xlatb", .ebx = 0x20000001 - 0x100, .eax = 0xff);
    TRY("xlatb", .ebx = 0xffffffff, .eax = 0xff);
    TRY("addr16 movl (bx,si), eax", .ebx = 0x2000ffff, .esi = 0x20002fff);
    TRY("leal 8(ebx,esi,8), eax", .ebx = 0xfffffff0, .esi = 0xffffffff);
    TRY("pcmpeqd xmm0, xmm0; maskmovdqu xmm0, xmm0", .edi = 0xfffffff8);
    /* The highest page itself. */
    TRY("movl (ebx), eax; movl eax, 4(ebx)", .ebx = top);
    TRY("movl 0xffc(ebx), eax", .ebx = top);
    TRY("movl 0xffd(ebx), eax", .ebx = top);
    TRY("movl 0x1000(ebx), eax", .ebx = top);
    TRY("movl eax, -4(ebx,esi)", .ebx = top + 0xffc, .esi = 5);
}

static long result;
#define CALL(nr, ...) (result = syscall(nr, __VA_ARGS__), printf(#nr "(" #__VA_ARGS__ "): %ld %s\n", result < 0 ? -1 : result, result < 0 ? strerrorname_np(errno) : ""))

/* Pointers that end at or behind the end of the address space. */
static void calls(void)
{
    int fd[2], sv[2], null = open("/dev/zero", O_RDWR);
    pipe(fd);
    socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
    write(fd[1], "0123456789", 10);
    write(sv[1], "0123456789", 10);
    CALL(SYS_read, fd[0], 0xffffffff, 4);
    CALL(SYS_read, fd[0], 0xffffe000, 4);
    CALL(SYS_read, fd[0], 0xfffffffc, 8);
    CALL(SYS_read, null, 0xffffe000, 0x10000);
    CALL(SYS_read, null, 0xfffff000, 0xfff);
    CALL(SYS_read, null, 1, 0x7fffffff);
    CALL(SYS_read, null, 0xffff0000, 0xffffffff);
    CALL(SYS_write, fd[1], 0xffffffff, 4);
    CALL(SYS_write, fd[1], 0xfffffffc, 8);
    CALL(SYS_write, fd[1], top + 0xffc, 8);
    struct iovec iov[2] = { { (void *)0xfffffffc, 8 }, { (void *)DATA, 4 } };
    CALL(SYS_writev, fd[1], iov, 2);
    CALL(SYS_readv, null, iov, 2);
    iov[0].iov_len = 0xffffffff;
    CALL(SYS_readv, null, iov, 2);
    CALL(SYS_readv, null, 0xfffffffc, 1);
    CALL(SYS_open, 0xfffffffe, 0);
    CALL(SYS_stat64, "/", 0xfffffff0);
    CALL(SYS_getcwd, 0xfffffffe, 100);
    CALL(SYS_gettimeofday, 0xfffffffc, 0);
    CALL(SYS_nanosleep, 0xfffffffc, 0);
    CALL(SYS_poll, 0xfffffffc, 1, 0);
    CALL(SYS_pipe, 0xfffffffc);
    CALL(SYS_uname, 0xfffffff0);
    CALL(SYS_getrandom, 0xfffffff8, 64, 0);
    CALL(SYS_getrandom, 0xffffd000 + 0x1000, 64, 0);
    CALL(SYS_sendto, sv[0], 0xfffffffc, 64, 0, 0, 0);
    CALL(SYS_recvfrom, sv[0], 0xfffffffc, 64, 0, 0, 0);
    CALL(SYS_socketcall, 9, 0xfffffffc);
    CALL(SYS_rt_sigaction, SIGUSR1, 0xfffffffc, 0, 8);
    CALL(SYS_rt_sigprocmask, 0, 0, 0xfffffffc, 8);
    CALL(SYS_getrlimit, 7, 0xfffffffc);
    CALL(SYS_futex, 0xfffffffc, 1, 1, 0, 0, 0);
    CALL(SYS_mincore, 0xfffff000, 0x1000, 0xfffffffc);
    CALL(SYS_mmap2, 0xffffe000, 0x1000, 3, 0x32, -1, 0);
    CALL(SYS_mmap2, 0xfffff000, 0x1000, 3, 0x32, -1, 0);
    CALL(SYS_mmap2, 0xffffd000, 0x3000, 3, 0x32, -1, 0);
    CALL(SYS_munmap, 0xffffe000, 0x2000);
    CALL(SYS_munmap, 0xfffff000, 0x2000);
    CALL(SYS_munmap, 0, 0xffffffff);
    CALL(SYS_mprotect, 0xfffff000, 0x1000, 0);
    CALL(SYS_mprotect, 0xffff0000, 0x20000, 0);
    CALL(SYS_madvise, 0xfffff000, 0x1000, 4);
    CALL(SYS_mremap, top, 0x1000, 0x3000, 0);
    CALL(SYS_mremap, top, 0x1000, 0x1000, 3, 0xfffff000);
    CALL(SYS_modify_ldt, 0, 0xfffffffc, 64);
    CALL(SYS_set_thread_area, 0xfffffffc);
    CALL(SYS_execve, 0xfffffffc, 0, 0);
    CALL(SYS_sched_getaffinity, 0, 4, 0xfffffffe);
    CALL(SYS_getdents64, null, 0xfffffff0, 0x1000);
}

int main(void)
{
    probe_start();
    top = (uint32_t)mmap((void *)TOP, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    printf("top %x\n", top);
    if (top != TOP) return 1;
    instructions();
    calls();
    return 0;
}
