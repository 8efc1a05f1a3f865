# run: loads all registers and flags from `regs` and `flags`, executes what is at CODE, which comes to `finish`.
# After a signal the handler has stored registers and flags itself (`signo` not zero) and resumes at `finish` too.
.intel_syntax noprefix
.text
.globl run, finish
run:
    pushad
    mov [host_esp], esp
    push dword ptr [flags]
    popfd
    mov eax, [regs]
    mov ecx, [regs + 4]
    mov edx, [regs + 8]
    mov ebx, [regs + 12]
    mov esp, [regs + 16]
    mov ebp, [regs + 20]
    mov esi, [regs + 24]
    mov edi, [regs + 28]
    jmp dword ptr [code]
finish:
    mov [result], eax
    mov [result + 4], ecx
    mov [result + 8], edx
    mov [result + 12], ebx
    mov [result + 16], esp
    mov [result + 20], ebp
    mov [result + 24], esi
    mov [result + 28], edi
    mov esp, [host_esp]
    pushfd
    pop dword ptr [result_flags]
    cld
    cmp dword ptr [signo], 0
    jne 1f
    mov esi, offset result
    mov edi, offset regs
    mov ecx, 8
    rep movsd
    mov eax, [result_flags]
    mov [flags], eax
1:  popad
    ret
.data
.globl finish_pointer, regs, flags
finish_pointer: .long finish
code: .long 0x30000000
host_esp: .long 0
regs: .skip 32
flags: .long 0
result: .skip 32
result_flags: .long 0
.section .note.GNU-stack,"",@progbits
