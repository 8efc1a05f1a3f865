//! Integer rows of the instruction table, by XED category.
use crate::lift::{binary, branch, call_ret, dataxfer, logical, stack, system};

super::section! {
    // BINARY
    Adc     => Full(binary::adc);
    Add     => Full(binary::add);
    Cmp     => Full(binary::cmp);
    Dec     => Full(binary::dec);
    Div     => Full(binary::div);
    Idiv    => Full(binary::idiv);
    Imul    => Full(binary::imul);
    Inc     => Full(binary::inc);
    Mul     => Full(binary::mul);
    Neg     => Full(binary::neg);
    Sbb     => Full(binary::sbb);
    Sub     => Full(binary::sub);
    // LOGICAL
    And     => Full(logical::and);
    Not     => Full(logical::not);
    Or      => Full(logical::or);
    Test    => Full(logical::test);
    Xor     => Full(logical::xor);
    // DATAXFER
    Bswap   => Full(dataxfer::bswap);
    Lea     => Full(dataxfer::lea);
    Mov     => Full(dataxfer::mov);
    Movsx   => Full(dataxfer::movsx);
    Movzx   => Full(dataxfer::movzx);
    Xchg    => Full(dataxfer::xchg);
    // PUSH, POP
    Leave   => Full(stack::leave);
    Pop     => Full(stack::pop);
    Push    => Full(stack::push);
    // COND_BR, UNCOND_BR
    Ja      => Full(branch::jcc);
    Jae     => Full(branch::jcc);
    Jb      => Full(branch::jcc);
    Jbe     => Full(branch::jcc);
    Jcxz    => Full(branch::jcxz);
    Je      => Full(branch::jcc);
    Jecxz   => Full(branch::jecxz);
    Jg      => Full(branch::jcc);
    Jge     => Full(branch::jcc);
    Jl      => Full(branch::jcc);
    Jle     => Full(branch::jcc);
    Jmp     => Full(branch::jmp);
    Jne     => Full(branch::jcc);
    Jno     => Full(branch::jcc);
    Jnp     => Full(branch::jcc);
    Jns     => Full(branch::jcc);
    Jo      => Full(branch::jcc);
    Jp      => Full(branch::jcc);
    Js      => Full(branch::jcc);
    Loop    => Full(branch::loop_);
    Loope   => Full(branch::loope);
    Loopne  => Full(branch::loopne);
    // CALL, RET
    Call    => Full(call_ret::call);
    Ret     => Full(call_ret::ret);
    // INTERRUPT, SYSTEM, NOP
    Hlt     => Full(system::privileged);
    Int     => Full(system::int);
    Int3    => Full(system::int3);
    Nop     => Full(system::nop);
    Ud0     => Full(system::ud);
    Ud1     => Full(system::ud);
    Ud2     => Full(system::ud);
}
