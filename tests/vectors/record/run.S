# run(function, state): loads registers from the state, calls the function, stores them back.
# state: 0 xmm0, 16 xmm1, 32 memory at [esi] = [edi], 48 mm0, 56 mm1, 64 eax, 68 ecx, 72 mxcsr, 76 eflags
.intel_syntax noprefix
.text
.globl run
run:
    push ebp
    push ebx
    push esi
    push edi
    mov ebx, [esp + 20]
    mov ebp, [esp + 24]
    movaps xmm0, [ebp]
    movaps xmm1, [ebp + 16]
    movq mm0, [ebp + 48]
    movq mm1, [ebp + 56]
    lea esi, [ebp + 32]
    mov edi, esi
    mov eax, [ebp + 64]
    mov ecx, [ebp + 68]
    ldmxcsr [ebp + 72]
    push [ebp + 76]
    popfd
    call ebx
    pushfd
    pop [ebp + 76]
    stmxcsr [ebp + 72]
    mov [ebp + 64], eax
    mov [ebp + 68], ecx
    movaps [ebp], xmm0
    movaps [ebp + 16], xmm1
    movq [ebp + 48], mm0
    movq [ebp + 56], mm1
    emms
    pop edi
    pop esi
    pop ebx
    pop ebp
    ret
.section .note.GNU-stack,"",@progbits
