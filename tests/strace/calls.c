/* System calls whose --strace lines tests/tests/strace.rs compares: what lies between the two getppid calls. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    static char text[] = "a line with a \"quote\", a tab\t and much more text\n", buf[64];
    struct sockaddr_un name = { AF_UNIX, "/no/such/socket" };
    struct utsname uts;
    long args[] = { AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0 }, connect_args[] = { 4, (long)&name, sizeof name };
    long long at;
    syscall(SYS_getppid);
    syscall(SYS_open, "/no/such/file", O_RDONLY | O_CLOEXEC, 0);
    syscall(SYS_openat, AT_FDCWD, "made", O_RDWR | O_CREAT | O_TRUNC, 0640);
    syscall(SYS_write, 3, text, sizeof text - 1);
    syscall(SYS__llseek, 3, -1, -4, &at, SEEK_END);
    syscall(SYS_read, 3, buf, sizeof buf);
    syscall(SYS_socketcall, 1, args);
    syscall(SYS_socketcall, 3, connect_args);
    struct pollfd p = { 3, POLLIN | POLLOUT, 0 };
    syscall(SYS_poll, &p, 1, 0);
    syscall(SYS_close, 3);
    syscall(SYS_close, 77);
    syscall(SYS_kill, getpid(), 0);
    syscall(SYS_fcntl64, 4, F_GETFD);
    syscall(SYS_unlink, "made");
    syscall(SYS_uname, &uts);
    syscall(SYS_getppid);
    return 5;
}
