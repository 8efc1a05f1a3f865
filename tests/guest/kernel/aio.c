/* Asynchronous input and output: io_setup(2), io_submit(2), io_getevents(2), io_cancel(2). */
#include "../guest.h"
#include <linux/aio_abi.h>
#include <sys/eventfd.h>

int main(void)
{
    aio_context_t ctx = 0;
    char buffer[16] = "";
    struct io_event events[4];
    int fd = open("file", O_RDWR | O_CREAT, 0600), efd = eventfd(0, EFD_NONBLOCK);
    write(fd, "0123456789", 10);
    say(syscall(SYS_io_setup, 8, &ctx));
    say(ctx != 0);
    struct iocb read = { .aio_data = 7, .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = fd, .aio_buf = (uintptr_t)buffer, .aio_nbytes = 4,
        .aio_offset = 3, .aio_flags = IOCB_FLAG_RESFD, .aio_resfd = efd };
    struct iocb write = { .aio_data = 8, .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_fildes = fd, .aio_buf = (uintptr_t)"abc", .aio_nbytes = 3 };
    struct iocb *list[2] = { &read, &write };
    say(syscall(SYS_io_submit, ctx, 2, list));
    int32_t second[2] = { 1, 0 };
    say(syscall(SYS_io_getevents, ctx, 2, 4, events, second));
    for (int i = 0; i < 2; i++)
        printf("data %llu own %d res %lld\n", (unsigned long long)events[i].data,
               events[i].obj == (events[i].data == 7 ? (uintptr_t)&read : (uintptr_t)&write), (long long)events[i].res);
    puts(buffer);
    uint64_t count = 0;
    say(read.aio_resfd == efd && pread(fd, buffer, 4, 0) == 4);
    puts(buffer);
    say(syscall(SYS_read, efd, &count, 8));
    say(count);
    write.aio_fildes = 99;
    say(syscall(SYS_io_submit, ctx, 1, list + 1));
    write.aio_fildes = fd;
    write.aio_buf = (uintptr_t)BAD;
    say(syscall(SYS_io_submit, ctx, 1, list + 1));
    if (syscall(SYS_io_getevents, ctx, 1, 1, events, second) == 1) printf("res %lld\n", (long long)events[0].res);
    write.aio_lio_opcode = 99;
    say(syscall(SYS_io_submit, ctx, 1, list + 1));
    say(syscall(SYS_io_submit, ctx, 1, BAD));
    say(syscall(SYS_io_submit, ctx, -1, list));
    list[0] = BAD;
    say(syscall(SYS_io_submit, ctx, 1, list));
    say(syscall(SYS_io_getevents, ctx, 0, 1, events, NULL));
    second[0] = 0;
    say(syscall(SYS_io_getevents, ctx, 1, 1, events, second));
    say(syscall(SYS_io_getevents, ctx, 1, 1, BAD, BAD));
    say(syscall(SYS_io_getevents, 16, 1, 1, events, second));
    say(syscall(SYS_io_cancel, ctx, &read, events));
    say(syscall(SYS_io_setup, 0, &ctx));
    aio_context_t other = 0;
    say(syscall(SYS_io_setup, 0, &other));
    say(syscall(SYS_io_setup, 8, BAD));
    say(syscall(SYS_io_destroy, ctx));
    say(syscall(SYS_io_destroy, ctx));
    return 0;
}
