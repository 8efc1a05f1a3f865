# run(function, state): loads registers from the state, calls the function, stores them back.
# state: 0 xmm0, 16 xmm1, 32 memory at [esi] = [edi], 48 xmm2, 64 mm0, 72 mm1, 80 eax, 84 ecx, 88 edx, 92 mxcsr, 96 eflags
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
    movaps xmm2, [ebp + 48]
    movq mm0, [ebp + 64]
    movq mm1, [ebp + 72]
    lea esi, [ebp + 32]
    mov edi, esi
    mov eax, [ebp + 80]
    mov ecx, [ebp + 84]
    mov edx, [ebp + 88]
    ldmxcsr [ebp + 92]
    push [ebp + 96]
    popfd
    call ebx
    pushfd
    pop [ebp + 96]
    stmxcsr [ebp + 92]
    mov [ebp + 80], eax
    mov [ebp + 84], ecx
    mov [ebp + 88], edx
    movaps [ebp], xmm0
    movaps [ebp + 16], xmm1
    movaps [ebp + 48], xmm2
    movq [ebp + 64], mm0
    movq [ebp + 72], mm1
    emms
    pop edi
    pop esi
    pop ebx
    pop ebp
    ret
.section .note.GNU-stack,"",@progbits
