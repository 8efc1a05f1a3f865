/* Sockets: socket(2) and its kin by their own numbers and through socketcall(2), messages with descriptors and
 * credentials, options with 32-bit times, addresses. */
#include "guest.h"
#include <arpa/inet.h>
#include <linux/net.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

static long sc(int call, long a, long b, long c, long d, long e, long f)
{
    long args[] = { a, b, c, d, e, f };
    return syscall(SYS_socketcall, call, args);
}

static void multiplexer(void)
{
    int pair[2];
    char buffer[16] = "";
    say(sc(SYS_SOCKETPAIR, AF_UNIX, SOCK_STREAM, 0, (long)pair, 0, 0));
    say(sc(SYS_SEND, pair[0], (long)"hello", 5, 0, 0, 0));
    say(sc(SYS_RECV, pair[1], (long)buffer, 15, 0, 0, 0));
    puts(buffer);
    say(sc(SYS_SENDTO, pair[0], (long)"again", 5, 0, 0, 0));
    say(sc(SYS_RECVFROM, pair[1], (long)buffer, 15, MSG_PEEK, 0, 0));
    say(sc(SYS_RECVFROM, pair[1], (long)buffer, 15, 0, 0, 0));
    int type = 0;
    socklen_t len = sizeof type;
    say(sc(SYS_GETSOCKOPT, pair[0], SOL_SOCKET, SO_TYPE, (long)&type, (long)&len, 0));
    say(type);
    say(sc(SYS_SHUTDOWN, pair[0], SHUT_WR, 0, 0, 0, 0));
    say(sc(SYS_RECV, pair[1], (long)buffer, 15, 0, 0, 0));
    say(sc(0, 0, 0, 0, 0, 0, 0));
    say(sc(99, 0, 0, 0, 0, 0, 0));
    say(syscall(SYS_socketcall, SYS_SOCKET, BAD));
    say(sc(SYS_SOCKET, 99, 0, 0, 0, 0, 0));
    say(sc(SYS_ACCEPT, pair[0], 0, 0, 0, 0, 0));
    close(pair[0]);
    close(pair[1]);
}

static void messages(void)
{
    int pair[2], fd = open("passed", O_RDWR | O_CREAT | O_TRUNC, 0600), on = 1;
    write(fd, "content", 7);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    say(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
    union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(2 * sizeof(int))]; } control;
    struct iovec iov[2] = { { "two", 3 }, { " parts", 6 } };
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = CMSG_SPACE(2 * sizeof(int)) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(c), (int[]) { fd, 0 }, 2 * sizeof(int));
    say(sendmsg(pair[0], &msg, 0));
    char buffer[32] = "";
    struct iovec in = { buffer, sizeof buffer };
    memset(&control, 0, sizeof control);
    msg = (struct msghdr) { .msg_iov = &in, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
    say(recvmsg(pair[1], &msg, MSG_CMSG_CLOEXEC));
    printf("%s, control %zu flags %x\n", buffer, msg.msg_controllen, msg.msg_flags);
    for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_type == SCM_CREDENTIALS) {
            struct ucred *u = (void *)CMSG_DATA(c);
            printf("credentials: own %d uid %d len %zu\n", u->pid == getpid(), u->uid == getuid(), c->cmsg_len);
        } else if (c->cmsg_type == SCM_RIGHTS) {
            int got[2];
            memcpy(got, CMSG_DATA(c), sizeof got);
            char text[8] = "";
            pread(got[0], text, 7, 0);
            printf("rights: %s cloexec %d len %zu\n", text, fcntl(got[0], F_GETFD), c->cmsg_len);
            close(got[0]), close(got[1]);
        }
    }
    /* Own credentials, and too little room for them. */
    msg = (struct msghdr) { .msg_iov = iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(sizeof(struct ucred)) };
    c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_CREDENTIALS, c->cmsg_len = CMSG_LEN(sizeof(struct ucred));
    struct ucred own = { getpid(), getuid(), getgid() };
    memcpy(CMSG_DATA(c), &own, sizeof own);
    say(sendmsg(pair[0], &msg, 0));
    msg = (struct msghdr) { .msg_iov = &in, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = 13 };
    say(recvmsg(pair[1], &msg, 0));
    printf("truncated: control %zu flags %x\n", msg.msg_controllen, msg.msg_flags);
    msg = (struct msghdr) { .msg_iov = iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = 5 };
    say(sendmsg(pair[0], &msg, 0));
    msg.msg_controllen = 0;
    msg.msg_iovlen = 2000;
    say(sendmsg(pair[0], &msg, 0));
    say(sendmsg(pair[0], BAD, 0));
    say(recvmsg(pair[0], BAD, MSG_DONTWAIT));
    msg = (struct msghdr) { .msg_iov = BAD, .msg_iovlen = 1 };
    say(sendmsg(pair[0], &msg, 0));
    struct iovec bad = { BAD, 5 };
    msg = (struct msghdr) { .msg_iov = &bad, .msg_iovlen = 1 };
    say(sendmsg(pair[0], &msg, 0));
    while (recv(pair[1], buffer, sizeof buffer, MSG_DONTWAIT) > 0) { }
    struct mmsghdr many[2] = { { .msg_hdr = { .msg_iov = iov, .msg_iovlen = 1 } }, { .msg_hdr = { .msg_iov = iov, .msg_iovlen = 2 } } };
    say(sendmmsg(pair[0], many, 2, 0));
    printf("lengths %u %u\n", many[0].msg_len, many[1].msg_len);
    struct mmsghdr got[3] = { { .msg_hdr = { .msg_iov = &in, .msg_iovlen = 1 } }, { .msg_hdr = { .msg_iov = &in, .msg_iovlen = 1 } }, { .msg_hdr = { .msg_iov = &in, .msg_iovlen = 1 } } };
    struct timespec wait = { 1, 0 };
    say(recvmmsg(pair[1], got, 3, MSG_DONTWAIT, &wait));
    printf("lengths %u %u\n", got[0].msg_len, got[1].msg_len);
    say(recv(pair[1], buffer, 1, MSG_DONTWAIT));
    say(send(pair[0], "long datagram", 13, 0));
    say(recv(pair[1], buffer, 4, MSG_TRUNC));
    close(pair[0]), close(pair[1]), close(fd);
}

static void options(void)
{
    int s = socket(AF_INET, SOCK_STREAM, 0), value = 0;
    socklen_t len;
    int32_t tv[2] = { 1, 500000 };
    say(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, tv, sizeof tv));
    tv[0] = tv[1] = 0, len = sizeof tv;
    say(getsockopt(s, SOL_SOCKET, SO_RCVTIMEO, tv, &len));
    printf("timeout %d.%06d len %d\n", tv[0], tv[1], (int)len);
    int64_t tv64[2] = { 2, 250000 };
    say(setsockopt(s, SOL_SOCKET, 67, tv64, sizeof tv64)); /* SO_SNDTIMEO_NEW */
    len = sizeof tv;
    say(getsockopt(s, SOL_SOCKET, 21, tv, &len)); /* SO_SNDTIMEO_OLD */
    printf("timeout %d.%06d\n", tv[0], tv[1]);
    say(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, tv, 4));
    tv[1] = 1000000;
    say(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, tv, 8));
    value = 1;
    say(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value));
    value = 0, len = sizeof value;
    say(getsockopt(s, SOL_SOCKET, SO_REUSEADDR, &value, &len));
    say(value);
    say(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &value, 1));
    say(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, BAD, 4));
    say(getsockopt(s, SOL_SOCKET, SO_REUSEADDR, &value, BAD));
    say(getsockopt(s, SOL_SOCKET, 9999, &value, &len));
    struct linger linger = { 1, 5 };
    say(setsockopt(s, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    value = 1;
    say(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value));
    len = 2;
    say(getsockopt(s, IPPROTO_TCP, TCP_NODELAY, &value, &len));
    say(len);
    len = sizeof value;
    say(getsockopt(s, SOL_SOCKET, SO_ERROR, &value, &len));
    say(getsockopt(0, SOL_SOCKET, SO_ERROR, &value, &len));
    say(socket(AF_INET, SOCK_STREAM, 99));
    say(socket(AF_INET, 77, 0));
    close(s);
}

static void inet(void)
{
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, peer;
    socklen_t len = sizeof addr;
    say(bind(server, (void *)&addr, sizeof addr));
    say(bind(server, (void *)&addr, 3));
    say(bind(server, BAD, sizeof addr));
    say(listen(server, 5));
    say(getsockname(server, (void *)&addr, &len));
    printf("family %d len %d port %d\n", addr.sin_family, (int)len, ntohs(addr.sin_port) != 0);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    say(connect(client, (void *)&addr, sizeof addr));
    len = 8;
    int accepted = accept4(server, (void *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    printf("accepted %d len %d flags %d %o\n", accepted > 0, (int)len, fcntl(accepted, F_GETFD), fcntl(accepted, F_GETFL));
    char buffer[16] = "";
    say(recv(accepted, buffer, 16, 0));
    say(send(client, "ping", 4, MSG_NOSIGNAL));
    int available = 0;
    usleep(20000);
    say(ioctl(accepted, FIONREAD, &available));
    say(available);
    say(recv(accepted, buffer, 16, MSG_WAITALL | MSG_DONTWAIT));
    puts(buffer);
    len = sizeof peer;
    say(getpeername(client, (void *)&peer, &len));
    say(peer.sin_port == addr.sin_port);
    say(getpeername(server, (void *)&peer, &len));
    say(accept(client, NULL, NULL));
    say(accept4(server, NULL, NULL, 0x123));
    say(ioctl(accepted, FIONBIO, &on));
    say(shutdown(client, SHUT_WR));
    usleep(20000);
    say(recv(accepted, buffer, 16, 0));
    say(shutdown(server, 99));
    close(client), close(accepted), close(server);
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    addr.sin_port = 0;
    bind(udp, (void *)&addr, sizeof addr);
    len = sizeof addr;
    getsockname(udp, (void *)&addr, &len);
    say(setsockopt(udp, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on));
    say(sendto(udp, "dgram", 5, 0, (void *)&addr, sizeof addr));
    char control[64];
    struct iovec iov = { buffer, sizeof buffer };
    struct msghdr msg = { .msg_name = &peer, .msg_namelen = sizeof peer, .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    say(recvmsg(udp, &msg, 0));
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    struct timeval now, *stamp = (void *)CMSG_DATA(c);
    gettimeofday(&now, NULL);
    printf("timestamp len %zu type %d recent %d name %d\n", c->cmsg_len, c->cmsg_type, labs(now.tv_sec - stamp->tv_sec) < 5, msg.msg_namelen);
    close(udp);
}

static void local(void)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "sock" }, got;
    int server = socket(AF_UNIX, SOCK_SEQPACKET, 0), client = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    say(connect(client, (void *)&name, sizeof name));
    say(bind(server, (void *)&name, sizeof name));
    say(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&name, sizeof name));
    say(connect(client, (void *)&name, sizeof name));
    say(listen(server, 1));
    say(connect(client, (void *)&name, sizeof name));
    int conn = accept(server, NULL, NULL);
    struct ucred cred;
    socklen_t len = sizeof cred;
    say(getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &cred, &len));
    printf("peer is own process %d\n", cred.pid == getpid());
    len = sizeof got;
    say(getsockname(conn, (void *)&got, &len));
    printf("%s %d\n", got.sun_path, (int)len);
    int abstract = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct sockaddr_un hidden = { .sun_family = AF_UNIX, .sun_path = "\0ferry" };
    say(bind(abstract, (void *)&hidden, 8));
    len = sizeof got;
    say(getsockname(abstract, (void *)&got, &len));
    say(len);
    int automatic = socket(AF_UNIX, SOCK_DGRAM, 0);
    say(bind(automatic, (void *)&hidden, 2));
    len = sizeof got;
    say(getsockname(automatic, (void *)&got, &len));
    say(len);
    signal(SIGPIPE, SIG_IGN);
    close(conn);
    say(send(client, "x", 1, 0));
}

int main(void)
{
    multiplexer();
    messages();
    options();
    inet();
    local();
    return 0;
}
