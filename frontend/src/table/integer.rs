//! Integer rows of the instruction table, by XED category.
use crate::lift::{
    binary, bitbyte, bmi, branch, call_ret, cmov, convert, dataxfer, decimal, far, flagop, logical, rotate, segment,
    semaphore, setcc, shift, stack, string, system,
};

/// What far transfers lack.
const FAR: &str = "far forms reach the flat 32-bit code segment only; call gates, tasks and 64-bit mode are #GP";

super::section! {
    // BINARY
    Adc         => Full(binary::adc);
    Add         => Full(binary::add);
    Cmp         => Full(binary::cmp);
    Dec         => Full(binary::dec);
    Div         => Full(binary::div);
    Idiv        => Full(binary::idiv);
    Imul        => Full(binary::imul);
    Inc         => Full(binary::inc);
    Mul         => Full(binary::mul);
    Neg         => Full(binary::neg);
    Sbb         => Full(binary::sbb);
    Sub         => Full(binary::sub);
    // LOGICAL
    And         => Full(logical::and);
    Not         => Full(logical::not);
    Or          => Full(logical::or);
    Test        => Full(logical::test);
    Xor         => Full(logical::xor);
    // SHIFT
    Sal         => Full(shift::shl);
    Sar         => Full(shift::sar);
    Shl         => Full(shift::shl);
    Shld        => Full(shift::shld);
    Shr         => Full(shift::shr);
    Shrd        => Full(shift::shrd);
    // ROTATE
    Rcl         => Full(rotate::rcl);
    Rcr         => Full(rotate::rcr);
    Rol         => Full(rotate::rol);
    Ror         => Full(rotate::ror);
    // BITBYTE
    Bsf         => Full(bitbyte::bsf);
    Bsr         => Full(bitbyte::bsr);
    Bt          => Full(bitbyte::bt);
    Btc         => Full(bitbyte::btc);
    Btr         => Full(bitbyte::btr);
    Bts         => Full(bitbyte::bts);
    Lzcnt       => Full(bitbyte::lzcnt);
    Popcnt      => Full(bitbyte::popcnt);
    Tzcnt       => Full(bitbyte::tzcnt);
    // BMI1, BMI2, ADOX_ADCX
    Adcx        => Full(bmi::adcx);
    Adox        => Full(bmi::adox);
    Andn        => Full(bmi::andn);
    Bextr       => Full(bmi::bextr);
    Blsi        => Full(bmi::blsi);
    Blsmsk      => Full(bmi::blsmsk);
    Blsr        => Full(bmi::blsr);
    Bzhi        => Full(bmi::bzhi);
    Mulx        => Full(bmi::mulx);
    Pdep        => Full(bmi::pdep);
    Pext        => Full(bmi::pext);
    Rorx        => Full(bmi::rorx);
    Sarx        => Full(bmi::sarx);
    Shlx        => Full(bmi::shlx);
    Shrx        => Full(bmi::shrx);
    // DATAXFER
    Bswap       => Full(dataxfer::bswap);
    Lea         => Full(dataxfer::lea);
    Mov         => Full(dataxfer::mov);
    Movbe       => Full(dataxfer::movbe);
    Movsx       => Full(dataxfer::movsx);
    Movzx       => Full(dataxfer::movzx);
    Xchg        => Full(dataxfer::xchg);
    Xlatb       => Full(dataxfer::xlat);
    // CMOV
    Cmova       => Full(cmov::cmovcc);
    Cmovae      => Full(cmov::cmovcc);
    Cmovb       => Full(cmov::cmovcc);
    Cmovbe      => Full(cmov::cmovcc);
    Cmove       => Full(cmov::cmovcc);
    Cmovg       => Full(cmov::cmovcc);
    Cmovge      => Full(cmov::cmovcc);
    Cmovl       => Full(cmov::cmovcc);
    Cmovle      => Full(cmov::cmovcc);
    Cmovne      => Full(cmov::cmovcc);
    Cmovno      => Full(cmov::cmovcc);
    Cmovnp      => Full(cmov::cmovcc);
    Cmovns      => Full(cmov::cmovcc);
    Cmovo       => Full(cmov::cmovcc);
    Cmovp       => Full(cmov::cmovcc);
    Cmovs       => Full(cmov::cmovcc);
    // SETCC
    Seta        => Full(setcc::setcc);
    Setae       => Full(setcc::setcc);
    Setb        => Full(setcc::setcc);
    Setbe       => Full(setcc::setcc);
    Sete        => Full(setcc::setcc);
    Setg        => Full(setcc::setcc);
    Setge       => Full(setcc::setcc);
    Setl        => Full(setcc::setcc);
    Setle       => Full(setcc::setcc);
    Setne       => Full(setcc::setcc);
    Setno       => Full(setcc::setcc);
    Setnp       => Full(setcc::setcc);
    Setns       => Full(setcc::setcc);
    Seto        => Full(setcc::setcc);
    Setp        => Full(setcc::setcc);
    Sets        => Full(setcc::setcc);
    // CONVERT
    Cbw         => Full(convert::cbw);
    Cdq         => Full(convert::cdq);
    Cwd         => Full(convert::cwd);
    Cwde        => Full(convert::cwde);
    // DECIMAL
    Aaa         => Full(decimal::aaa);
    Aad         => Full(decimal::aad);
    Aam         => Full(decimal::aam);
    Aas         => Full(decimal::aas);
    Daa         => Full(decimal::daa);
    Das         => Full(decimal::das);
    // FLAGOP
    Clc         => Full(flagop::clc);
    Cld         => Full(flagop::cld);
    Cmc         => Full(flagop::cmc);
    Lahf        => Full(flagop::lahf);
    Sahf        => Full(flagop::sahf);
    Salc        => Full(flagop::salc);
    Stc         => Full(flagop::stc);
    Std         => Full(flagop::std);
    // PUSH, POP
    Enter       => Full(stack::enter);
    Leave       => Full(stack::leave);
    Pop         => Full(stack::pop);
    Popa        => Full(stack::popa);
    Popad       => Full(stack::popa);
    Popf        => Full(flagop::popf);
    Popfd       => Full(flagop::popf);
    Push        => Full(stack::push);
    Pusha       => Full(stack::pusha);
    Pushad      => Full(stack::pusha);
    Pushf       => Full(flagop::pushf);
    Pushfd      => Full(flagop::pushf);
    // COND_BR, UNCOND_BR
    Ja          => Full(branch::jcc);
    Jae         => Full(branch::jcc);
    Jb          => Full(branch::jcc);
    Jbe         => Full(branch::jcc);
    Jcxz        => Full(branch::jcxz);
    Je          => Full(branch::jcc);
    Jecxz       => Full(branch::jecxz);
    Jg          => Full(branch::jcc);
    Jge         => Full(branch::jcc);
    Jl          => Full(branch::jcc);
    Jle         => Full(branch::jcc);
    Jmp         => Partial(branch::jmp, FAR);
    Jne         => Full(branch::jcc);
    Jno         => Full(branch::jcc);
    Jnp         => Full(branch::jcc);
    Jns         => Full(branch::jcc);
    Jo          => Full(branch::jcc);
    Jp          => Full(branch::jcc);
    Js          => Full(branch::jcc);
    Loop        => Full(branch::loop_);
    Loope       => Full(branch::loope);
    Loopne      => Full(branch::loopne);
    // CALL, RET
    Call        => Partial(call_ret::call, FAR);
    Iret        => Partial(far::iret, FAR);
    Iretd       => Partial(far::iret, FAR);
    Ret         => Full(call_ret::ret);
    Retf        => Partial(far::retf, FAR);
    // STRINGOP
    Cmpsb       => Full(string::cmps);
    Cmpsd       => Full(string::cmpsd);
    Cmpsw       => Full(string::cmps);
    Lodsb       => Full(string::lods);
    Lodsd       => Full(string::lods);
    Lodsw       => Full(string::lods);
    Movsb       => Full(string::movs);
    Movsd       => Full(string::movsd);
    Movsw       => Full(string::movs);
    Scasb       => Full(string::scas);
    Scasd       => Full(string::scas);
    Scasw       => Full(string::scas);
    Stosb       => Full(string::stos);
    Stosd       => Full(string::stos);
    Stosw       => Full(string::stos);
    // SEMAPHORE
    Cmpxchg     => Full(semaphore::cmpxchg);
    Cmpxchg8b   => Full(semaphore::cmpxchg8b);
    Xadd        => Full(semaphore::xadd);
    // SEGOP
    Arpl        => Full(segment::arpl);
    Lar         => Full(segment::lar);
    Lds         => Full(segment::lds);
    Les         => Full(segment::les);
    Lfs         => Full(segment::lfs);
    Lgs         => Full(segment::lgs);
    Lsl         => Full(segment::lsl);
    Lss         => Full(segment::lss);
    Verr        => Full(segment::verr);
    Verw        => Full(segment::verw);
    // INTERRUPT
    Bound       => Full(system::bound);
    Int         => Full(system::int);
    Int1        => Full(system::int1);
    Int3        => Full(system::int3);
    Into        => Full(system::into);
    Sysenter    => Full(system::sysenter);
    // NOP, hints
    Cldemote    => Full(system::nop);
    Endbr32     => Full(system::nop);
    Endbr64     => Full(system::nop);
    Nop         => Full(system::nop);
    Pause       => Full(system::nop);
    Prefetch    => Full(system::nop);
    Prefetchit0 => Full(system::nop);
    Prefetchit1 => Full(system::nop);
    Prefetcht1  => Full(system::nop);
    Prefetcht0  => Full(system::nop);
    Prefetcht2  => Full(system::nop);
    Prefetchnta => Full(system::nop);
    Prefetchw   => Full(system::nop);
    Prefetchwt1 => Full(system::nop);
    Rdsspd      => Full(system::nop);
    Reservednop => Full(system::reserved_nop);
    // MISC
    Clflush     => Full(system::clflush);
    Clflushopt  => Full(system::clflush);
    Lfence      => Full(system::lesser_fence);
    Mfence      => Full(system::mfence);
    Sfence      => Full(system::lesser_fence);
    Cpuid       => Full(system::cpuid);
    Rdtsc       => Full(system::rdtsc);
    Rdrand      => Full(system::random);
    Rdseed      => Full(system::random);
    Rdtscp      => Full(system::rdtscp);
    Sgdt        => Full(system::sgdt);
    Sidt        => Full(system::sidt);
    Sldt        => Full(system::sldt);
    Smsw        => Full(system::smsw);
    Str         => Full(system::str);
    // SYSTEM, IO: #GP for a user program
    Cli         => Full(system::privileged);
    Clts        => Full(system::privileged);
    Hlt         => Full(system::privileged);
    In          => Full(system::privileged);
    Insb        => Full(system::privileged);
    Insd        => Full(system::privileged);
    Insw        => Full(system::privileged);
    Invd        => Full(system::privileged);
    Invlpg      => Full(system::privileged);
    Lgdt        => Full(system::privileged);
    Lidt        => Full(system::privileged);
    Lldt        => Full(system::privileged);
    Lmsw        => Full(system::privileged);
    Ltr         => Full(system::privileged);
    Out         => Full(system::privileged);
    Outsb       => Full(system::privileged);
    Outsd       => Full(system::privileged);
    Outsw       => Full(system::privileged);
    Rdmsr       => Full(system::privileged);
    Rdpmc       => Full(system::privileged);
    Sti         => Full(system::privileged);
    Sysexit     => Full(system::privileged);
    Sysret      => Full(system::privileged);
    Wbinvd      => Full(system::privileged);
    Wrmsr       => Full(system::privileged);
    // Undefined by definition, or on the CPU that CPUID describes
    Getsec      => Full(system::ud);
    Monitor     => Full(system::ud);
    Mwait       => Full(system::ud);
    Rsm         => Full(system::ud);
    Syscall     => Full(system::ud);
    Ud0         => Full(system::ud);
    Ud1         => Full(system::ud);
    Ud2         => Full(system::ud);
    Vmcall      => Full(system::ud);
    Vmlaunch    => Full(system::ud);
    Vmresume    => Full(system::ud);
    Vmxoff      => Full(system::ud);
    Xgetbv      => Full(system::ud);
    Xsetbv      => Full(system::ud);
}
