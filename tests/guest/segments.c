/* Segments as 32-bit Linux allows them: TLS and LDT descriptors with bases and limits, what may be loaded and what faults. */
#include "probe.h"
#include <asm/ldt.h>
#include <errno.h>
#include <sys/syscall.h>

#define A DATA
#define B (DATA + 2 * PAGE)
/* Byte 5 and the upper half of byte 6 of the descriptor, as modify_ldt(2) wants them. */
struct kind { unsigned contents, read_only, pages, not_present, b16; };

static int ldt(int entry, uint32_t base, uint32_t limit, struct kind k)
{
    struct user_desc d = { .entry_number = entry, .base_addr = base, .limit = limit, .seg_32bit = !k.b16, .contents = k.contents,
                           .read_exec_only = k.read_only, .limit_in_pages = k.pages, .seg_not_present = k.not_present, .useable = 1 };
    return syscall(SYS_modify_ldt, 0x11, &d, sizeof d) ? errno : 0;
}
#define LDT(n) ((n) * 8 + 7)

static int tls(int entry, uint32_t base, uint32_t limit, struct kind k)
{
    struct user_desc d = { .entry_number = entry, .base_addr = base, .limit = limit, .seg_32bit = !k.b16, .contents = k.contents,
                           .read_exec_only = k.read_only, .limit_in_pages = k.pages, .seg_not_present = k.not_present, .useable = 1 };
    if (syscall(SYS_set_thread_area, &d)) return -errno;
    return d.entry_number;
}

static void selectors(ucontext_t *uc)
{
    greg_t *g = uc->uc_mcontext.gregs;
    printf(" [cs %x ss %x ds %x es %x fs %x]", (int)g[REG_CS] & 0xffff, (int)g[REG_SS] & 0xffff, (int)g[REG_DS] & 0xffff, (int)g[REG_ES] & 0xffff, (int)g[REG_FS] & 0xffff);
}

static void loads(void)
{
    static const unsigned list[] = { 0, 1, 2, 3, 0x8, 0x10, 0x18, 0x20, 0x23, 0x28, 0x2a, 0x2b, 0x30, 0x33, 0x38, 0x40, 0x48, 0x50, 0x5b, 0x60, 0x63, 0x6b, 0x73, 0x7b,
                                     0x83, 0xfffb, 7, 0xf, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x4, 0xc, 0x6, 0xe, 0xffff };
    for (unsigned i = 0; i < sizeof list / sizeof *list; i++) {
        unsigned s = list[i];
        printf("selector %x\n", s);
        TRY("movl eax, es", .eax = s);
        TRY("movl eax, fs", .eax = s);
        TRY("movl eax, ds; pushl ss; popl ds", .eax = s);
        TRY("movl eax, ss", .eax = s);
        TRY("larl eax, ecx", .eax = s);
        TRY("lsll eax, ecx", .eax = s == 0x7b ? 0x83 : s);
        TRY("larw ax, cx", .eax = s);
        TRY("verr ax", .eax = s);
        TRY("verw ax", .eax = s);
        TRY("pushl eax; popl fs", .eax = s);
        TRY("movw ax, 4(ebx); lfs (ebx), ecx", .ebx = A, .eax = s);
        TRY("movw ax, 4(ebx); lss (ebx), ecx", .ebx = A, .eax = s);
        TRY("movl $0x1000000e, (esp); movl eax, 4(esp); lret; nop; nop", .eax = s == 0x33 || s == 0x30 ? 8 : s);
    }
}

static void limits(void)
{
    int entry = tls(-1, A, 0xfff, (struct kind){});
    printf("TLS entry %d\n", entry);
    unsigned s = entry * 8 + 3;
    TRY("movl eax, fs; movl fs:(ebx), ecx", .eax = s, .ebx = 0x10);
    TRY("movl eax, fs; movl fs:(ebx), ecx", .eax = s, .ebx = 0xffc);
    TRY("movl eax, fs; movl fs:(ebx), ecx", .eax = s, .ebx = 0xffd);
    TRY("movl eax, fs; movl fs:(ebx), ecx", .eax = s, .ebx = 0x1000);
    TRY("movl eax, fs; movb fs:0xfff, cl; movb fs:0x1000, cl", .eax = s);
    TRY("movl eax, fs; movl ecx, fs:(ebx,esi,2)", .eax = s, .ebx = 0x10, .esi = 0x20);
    TRY("movl eax, fs; movl ecx, fs:(ebx,esi,2)", .eax = s, .ebx = -0x10, .esi = 0x20);
    TRY("movl eax, fs; movl ecx, fs:(ebx)", .eax = s, .ebx = -4);
    TRY("movl eax, fs; addl ecx, fs:(ebx)", .eax = s, .ebx = 0xffd);
    TRY("movl eax, fs; lock addl ecx, fs:(ebx)", .eax = s, .ebx = 0xffd);
    TRY("movl eax, fs; movups fs:(ebx), xmm0", .eax = s, .ebx = 0xff1);
    TRY("movl eax, fs; fldl fs:(ebx)", .eax = s, .ebx = 0xff9);
    TRY("movl eax, fs; movl fs:(ebx), esi; cmpl ecx, fs:4(ebx); pushl fs:8(ebx); popl fs:0x20; incl fs:0x30; movl $0, fs:0x1000", .eax = s, .ebx = 0x10);
    TRY("movl eax, fs; fs movsb; fs movsb", .eax = s, .esi = 0xfff, .edi = B);
    TRY("movl eax, fs; fs rep movsb", .eax = s, .esi = 0xfe0, .edi = B, .ecx = 64);
    TRY("movl eax, fs; fs lodsl", .eax = s, .esi = 0xfe0);
    TRY("movl eax, fs; fs xlatb", .eax = s, .ebx = 0x1000 - 0x63);
    TRY("movl eax, fs; call fs:(ebx)", .eax = s, .ebx = 0x1000);
    TRY("movl eax, fs; leal fs:(ebx), ecx; nopl fs:(ebx)", .eax = s, .ebx = 0x1000);
    TRY("movl eax, fs; prefetcht0 fs:(ebx)", .eax = s, .ebx = 0x1000);
    TRY("movl eax, fs; larl eax, ecx; lsll eax, edx", .eax = s);
    TRY("xorl eax, eax; movl eax, fs; movl fs:(ebx), ecx", .ebx = A);
    TRY("movl eax, gs; movl gs:(ebx), ecx", .eax = s, .ebx = 0x20);
    TRY("movl eax, gs; movl gs:(ebx), ecx", .eax = s, .ebx = 0xffd);
    TRY("xorl eax, eax; movl eax, gs; movl gs:(ebx), ecx", .ebx = A);
    TRY("movl eax, gs; movl gs:(ebx), ecx; movl $0x2b, eax; movl eax, gs; movl gs:(ebx), edx", .eax = s, .ebx = A);
    /* ES, DS, SS with a base. */
    TRY("movl eax, es; movl es:(ebx), ecx; movl ecx, es:4(ebx)", .eax = s, .ebx = 0x10);
    TRY("movl eax, es; movl es:(ebx), ecx", .eax = s, .ebx = 0xffe);
    TRY("movl eax, es; stosl; scasb; movsb", .eax = s, .edi = 0x20, .esi = B);
    TRY("movl eax, es; rep stosb", .eax = s, .edi = 0xff0, .ecx = 32);
    TRY("movl eax, ds; movl (ebx), ecx; movl ecx, 8(ebx); movl 0x30, edx; pushl ss; popl ds", .eax = s, .ebx = 0x10);
    TRY("movl eax, ds; movl (ebx), ecx", .eax = s, .ebx = 0xffe);
    TRY("movl eax, ds; movl (ebp), ecx; pushl ecx; popl edx; pushl ss; popl ds", .eax = s, .ebp = B + 0x10);
    TRY("movl eax, ss; movl $0x400, esp; pushl $7; popl ecx; call 5f; 5: pushal; movl $0x2b, eax; movl eax, ss", .eax = s);
    TRY("movl eax, ss; movl (ebp), ecx; movl 0x7fc(esp), edx", .eax = s, .ebp = 0x40, .esp = 0x7fe);
    TRY("movl eax, ss; movl $0x1002, esp; popl ecx", .eax = s);
    TRY("movl eax, ss; movl $0x1004, esp; pushl ecx; movl $2, esp; pushl ecx", .eax = s);
    TRY("xorl eax, eax; movl eax, es; movl es:(ebx), ecx", .ebx = A);
    TRY("xorl eax, eax; movl eax, ds; movl (ebx), ecx", .ebx = A);
    TRY("movl $0x23, eax; movl eax, ds; movl (ebx), ecx; movl ecx, (ebx)", .ebx = A);
    TRY("movl $0x28, eax; movl eax, ds; movl (ebx), ecx; movl ecx, (ebx)", .ebx = A);
}

static void kinds(void)
{
    printf("ldt %d", ldt(1, A + 0x100, 0xff, (struct kind){ .read_only = 1 }));
    printf(" %d", ldt(2, A, 0x7ff, (struct kind){ .contents = 1 }));            /* expand-down */
    printf(" %d", ldt(3, A, 0, (struct kind){ .pages = 1 }));                   /* one page */
    printf(" %d", ldt(4, A, 0xff, (struct kind){ .not_present = 1 }));
    printf(" %d", ldt(5, 0, 0xfffff, (struct kind){ .contents = 2, .pages = 1, .read_only = 1 })); /* execute only */
    printf(" %d", ldt(6, A, 0xfff, (struct kind){ .b16 = 1 }));                 /* 16-bit data */
    printf(" %d", ldt(7, A, 0xfffff, (struct kind){ .pages = 1 }));
    printf(" %d", ldt(8, A, 0xfff, (struct kind){ .contents = 2 }));            /* readable code */
    printf(" %d", ldt(9, A, 0xfff, (struct kind){ .contents = 3 }));
    printf(" %d\n", ldt(8192, A, 0xfff, (struct kind){}));
    for (unsigned n = 0; n < 11; n++) {
        unsigned s = LDT(n);
        printf("LDT %d\n", n);
        TRY("movl eax, fs; movl fs:(ebx), ecx; movl ecx, fs:4(ebx)", .eax = s, .ebx = 0x20);
        TRY("movl eax, fs; movl fs:(ebx), ecx; movl ecx, fs:4(ebx)", .eax = s, .ebx = 0x810);
        TRY("movl eax, fs; movl fs:(ebx), ecx", .eax = s, .ebx = 0x7fe);
        TRY("movl eax, fs; movl fs:(ebx), ecx", .eax = s, .ebx = 0x1ffe);
        TRY("movl eax, es; movl es:(ebx), ecx; movl ecx, es:4(ebx)", .eax = s, .ebx = 0x20);
        TRY("movl eax, es; pushl es; popl edx", .eax = s);
        TRY("movl eax, ss", .eax = s);
        TRY("larl eax, ecx; lsll eax, edx", .eax = s);
        TRY("verr ax", .eax = s);
        TRY("verw ax", .eax = s);
    }
    /* A handler starts with flat segments and gives back what it found; a change shows at once. */
    more = selectors;
    TRY("movl eax, fs; movl ecx, es; movl edx, ds", .eax = LDT(3), .ecx = LDT(1), .edx = LDT(7));
    TRY("movl eax, fs", .eax = LDT(3));
    ldt(3, A + 0x40, 0, (struct kind){ .pages = 1 });
    TRY("movl eax, fs; movl fs:0, ecx", .eax = LDT(3));
    uint8_t image[80];
    int n = syscall(SYS_modify_ldt, 0, image, sizeof image);
    printf("table: %d", n);
    for (int i = 0; i < n; i++) printf("%s%02x", i % 8 ? "" : " ", image[i]);
    printf("\n");
    ldt(3, 0, 0, (struct kind){ .read_only = 1, .not_present = 1 });
    TRY("movl eax, fs", .eax = LDT(3));
    more = NULL;
}

static void far(void)
{
    TRY("lcall $0x23, $0x10000010; nop; nop; nop; nop; nop; nop; nop; nop; nop");
    TRY("lcall $0x20, $0x10000010; nop; nop; nop; nop; nop; nop; nop; nop; nop");
    TRY("lcall $0x2b, $0x10000010");
    TRY("lcall $0, $0x10000010");
    TRY("lcall $0x1234, $0x10000010");
    TRY("ljmp $0x23, $0x10000010");
    TRY("ljmp $0x63, $0x10000010");
    TRY("ljmp $0x23, $0x7000");
    TRY("lcall *(ebx)", .ebx = A + PAGE);
    TRY("movl $0x10000020, (ebx); movw $0x23, 4(ebx); lcall *(ebx)", .ebx = A);
    TRY("movl $0x10000020, (ebx); movw $0x23, 4(ebx); ljmp *(ebx)", .ebx = A);
    TRY("movl $0x10000020, (ebx); movw $0x7, 4(ebx); ljmp *(ebx)", .ebx = A);
    TRY("movl $0x10000020, (ebx); movw $0x23, 4(ebx); lcall *(ebx)", .ebx = A, .esp = B + 6);
    TRY("pushl $0x23; pushl $0x10000020; lret");
    TRY("pushl $0x23; pushl $0x10000020; lret $8");
    TRY("pushl $0x20; pushl $0x10000020; lret");
    TRY("lret", .esp = A + PAGE - 4);
    TRY("pushl $0x202; pushl $0x23; pushl $0x10000020; iret");
    TRY("pushl $0x8d7; pushl $0x23; pushl $0x10000020; iret");
    TRY("pushl $0x202; pushl $0; pushl $0x10000020; iret");
    TRY("pushl $0x202; pushl $0x7; pushl $0x10000020; iret");
    TRY("pushl $0x4202; popfl; pushl $0x202; pushl $0x23; pushl $0x10000020; iret");
    TRY("iret", .esp = A + PAGE - 8);
    TRY("pushw $0x202; pushw $0x23; pushw $0x20; iretw");
    TRY("movl cs, eax; movl ss, ecx; movl ds, edx; movl es, ebx");
    TRY("sldt ax; str cx; smsw dx");
    TRY("les (ebx), ecx", .ebx = A + PAGE - 5);
    TRY("movl $5, (ebx); movw $0x2b, 4(ebx); les (ebx), ecx; lds (ebx), edx", .ebx = A);
    TRY("movw $5, (ebx); movw $0x2b, 2(ebx); lesw (ebx), cx", .ebx = A);
}

int main(void)
{
    probe_start();
    far();
    loads();
    limits();
    kinds();
    return 0;
}
