# run: loads every register from `input` and `fx_input`, executes the code at `entry`, which ends with a jump through
# `finish_pointer`, and stores every register in `left` and `fx_left`. A signal handler resumes at `finish` as well.
# SS: because the code may have changed DS. Offsets: struct input and struct left in oracle.c.
.intel_syntax noprefix
.text
.globl _start, run, finish
_start:
    mov eax, esp
    and esp, -16
    sub esp, 12
    push eax
    call begin
    hlt
run:
    pushad
    mov [host_esp], esp
    mov eax, ss
    mov fs, eax
    mov gs, eax
    fxrstor [fx_input]
    push dword ptr [input + 32]
    popfd
    mov eax, [input]
    mov ecx, [input + 4]
    mov edx, [input + 8]
    mov ebx, [input + 12]
    mov esp, [input + 16]
    mov ebp, [input + 20]
    mov esi, [input + 24]
    mov edi, [input + 28]
    jmp dword ptr [entry]
finish:
    mov ss:[left], eax
    mov ss:[left + 4], ecx
    mov ss:[left + 8], edx
    mov ss:[left + 12], ebx
    mov ss:[left + 16], esp
    mov ss:[left + 20], ebp
    mov ss:[left + 24], esi
    mov ss:[left + 28], edi
    mov esp, ss:[host_esp]
    pushfd
    pop dword ptr ss:[left + 32]
    fxsave ss:[fx_left]
    mov ss:[left + 36], ds
    mov ss:[left + 38], es
    mov ss:[left + 40], fs
    mov ss:[left + 42], gs
    mov eax, ss
    mov ds, eax
    mov es, eax
    push 2
    popfd
    fninit
    ldmxcsr [usual_mxcsr]
    popad
    ret
.data
.globl input, left, fx_input, fx_left, entry, finish_pointer
.balign 16
fx_input: .skip 512
fx_left: .skip 512
input: .skip 36
left: .skip 44
finish_pointer: .long finish
entry: .long 0
host_esp: .long 0
usual_mxcsr: .long 0x1f80
.section .note.GNU-stack,"",@progbits
