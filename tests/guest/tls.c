/* Segments: set_thread_area(2), get_thread_area(2), modify_ldt(2), loading selectors, access through them. */
#include "guest.h"
#include <asm/ldt.h>
#include <setjmp.h>

static sigjmp_buf jump;
static void fault(int sig) { siglongjmp(jump, sig); }

static int load_fs(unsigned selector)
{
    int sig = sigsetjmp(jump, 1);
    if (!sig) asm volatile("movw %w0, %%fs" :: "r"(selector));
    return sig;
}

static unsigned read_fs(unsigned offset) { unsigned v; asm volatile("movl %%fs:(%1), %0" : "=r"(v) : "r"(offset)); return v; }
static void write_fs(unsigned offset, unsigned v) { asm volatile("movl %0, %%fs:(%1)" :: "r"(v), "r"(offset) : "memory"); }

int main(void)
{
    static unsigned data[16] = { 0x1111, 0x2222, 0x3333 };
    signal(SIGSEGV, fault);
    struct user_desc d = { .entry_number = -1, .base_addr = (uintptr_t)data, .limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1 };
    say(syscall(SYS_set_thread_area, &d));
    say(d.entry_number - 12);
    int entry = d.entry_number;
    say(load_fs(entry * 8 + 3));
    printf("%x %x\n", read_fs(0), read_fs(8));
    write_fs(4, 0x4444);
    printf("%x\n", data[1]);
    d.base_addr += 4;
    say(syscall(SYS_set_thread_area, &d)); /* takes effect at once */
    printf("%x\n", read_fs(0));
    struct user_desc got = { .entry_number = entry };
    say(syscall(SYS_get_thread_area, &got));
    printf("base %d limit %x 32bit %d pages %d useable %d present %d\n", got.base_addr == d.base_addr, got.limit, got.seg_32bit,
           got.limit_in_pages, got.useable, !got.seg_not_present);
    unsigned gs, fs;
    asm("movw %%gs, %w0; movw %%fs, %w1" : "=r"(gs), "=r"(fs));
    printf("gs is a TLS selector %d, fs %d\n", (gs & 0xffff) == 0x63 , (fs & 0xffff) == (unsigned)(entry * 8 + 3));
    d.entry_number = 99;
    say(syscall(SYS_set_thread_area, &d));
    got.entry_number = 3;
    say(syscall(SYS_get_thread_area, &got));
    say(syscall(SYS_set_thread_area, BAD));
    say(syscall(SYS_get_thread_area, BAD));
    d = (struct user_desc) { .entry_number = entry, .seg_not_present = 1, .read_exec_only = 1 };
    say(syscall(SYS_set_thread_area, &d)); /* clears the entry */
    say(load_fs(entry * 8 + 3));
    say(load_fs(0));
    d = (struct user_desc) { .entry_number = -1, .base_addr = 1, .limit = 1 };
    say(syscall(SYS_set_thread_area, &d)); /* 16 bits */

    struct user_desc ldt = { .entry_number = 5, .base_addr = (uintptr_t)data, .limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1 };
    say(syscall(SYS_modify_ldt, 0x11, &ldt, sizeof ldt));
    say(load_fs(5 * 8 + 7));
    printf("%x\n", read_fs(0));
    uint64_t table[8] = { 0 };
    say(syscall(SYS_modify_ldt, 0, table, sizeof table) >= 48);
    printf("access %x\n", (unsigned)(table[5] >> 40) & 0xff);
    fflush(stdout);
    if (fork() == 0) { say(load_fs(5 * 8 + 7)); printf("child %x\n", read_fs(8)); fflush(stdout); _exit(0); }
    wait(NULL);
    say(load_fs(6 * 8 + 7));
    say(load_fs(8000 * 8 + 7));
    ldt.entry_number = 9000;
    say(syscall(SYS_modify_ldt, 1, &ldt, sizeof ldt));
    say(syscall(SYS_modify_ldt, 1, &ldt, 5));
    say(syscall(SYS_modify_ldt, 1, BAD, sizeof ldt));
    say(syscall(SYS_modify_ldt, 7, &ldt, sizeof ldt));
    say(syscall(SYS_arch_prctl, 0x1001, BAD));
    return 0;
}
