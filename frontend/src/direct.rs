//! Executing instructions as they are decoded, without translating them: for code that may run only once, which is most of
//! what a program does while it starts. Translating an instruction costs as much as executing it so seven times.
//!
//! The lift functions say what to do, to [`Direct`] instead of a builder. Here are those of the common integer instructions
//! that have no blocks of their own; everything else is left to be translated, and so is what faults or traps.
use crate::lift::{
    binary, bitbyte, branch, call_ret, cmov, convert, dataxfer, flagop, logical, rotate, semaphore, setcc, shift,
    stack, string, system,
};
use crate::lifter::LiftCx;
use crate::region::Segments;
use iced_x86::{Decoder, DecoderOptions, Mnemonic, Register};
use ir::guest::{CpuState, Gpr, GuestAddr, GuestMem};
use ir::interp::{Direct, Done};
use ir::Ty;

/// Bytes of code that are fetched at a time.
const AHEAD: usize = 128;

/// Repetitions of a string instruction that cost less than its translation.
const FEW: u32 = 64;

/// Executes from `state.eip` on, in whatever order control goes, as long as `go_on` says yes to an address that control has come
/// to; not to one that merely follows. The number of instructions done; `state.eip` is at the first that was not.
///
/// Accesses have no order that another thread could rely on, so there must not be any.
pub fn execute(state: &mut CpuState, mem: &mut dyn GuestMem, go_on: &mut dyn FnMut(GuestAddr) -> bool) -> u64 {
    let mut eip = GuestAddr(state.eip);
    let mut cx = LiftCx::new(Direct::new(state, mem), Segments::GsLimit);
    let mut count = 0;
    let mut code = [0; AHEAD];
    if go_on(eip) {
        while let Some(len) = cx.ir.fetch(eip, &mut code) {
            let before = eip;
            let more = run(&mut cx, &code[..len], &mut eip, &mut count, go_on);
            if !more || eip == before {
                break;
            }
        }
    }
    cx.ir.set_eip(eip);
    count
}

/// The same within bytes that were fetched from `eip` on; whether to go on elsewhere.
fn run(
    cx: &mut LiftCx<Direct>,
    code: &[u8],
    eip: &mut GuestAddr,
    count: &mut u64,
    go_on: &mut dyn FnMut(GuestAddr) -> bool,
) -> bool {
    let start = *eip;
    let mut decoder = Decoder::with_ip(32, code, u64::from(start.0), DecoderOptions::NONE);
    // An instruction that runs over the end of what was fetched is decoded again from there.
    while cx.ir.is_current() && decoder.can_decode() {
        decoder.decode_out(&mut cx.insn);
        if cx.insn.is_invalid() {
            return true;
        }
        if !instruction(cx) {
            return false;
        }
        let done = cx.ir.take_done();
        if done == Done::Stopped {
            return false;
        }
        *count += 1;
        let Done::Jump(target) = done else {
            *eip = GuestAddr(cx.insn.next_ip32());
            continue;
        };
        *eip = target;
        if !go_on(target) {
            return false;
        }
        let at = target.0.wrapping_sub(start.0) as usize;
        if at >= code.len() || decoder.set_position(at).is_err() {
            return true;
        }
        decoder.set_ip(u64::from(target.0));
    }
    true
}

/// Executes the context's instruction; `false` if it is none of these.
fn instruction(cx: &mut LiftCx<Direct>) -> bool {
    if !matches!(cx.insn.segment_prefix(), Register::None | Register::FS | Register::GS) {
        return false;
    }
    cx.begin();
    moves(cx) || computes(cx)
}

/// Data transfer, control transfer, flags, semaphores, and what tells of the machine.
fn moves(cx: &mut LiftCx<Direct>) -> bool {
    use Mnemonic::*;
    match cx.insn.mnemonic() {
        Bswap => dataxfer::bswap(cx),
        Call => call_ret::call(cx),
        Clc => flagop::clc(cx),
        Cld => flagop::cld(cx),
        Cmc => flagop::cmc(cx),
        Cmova | Cmovae | Cmovb | Cmovbe | Cmove | Cmovg | Cmovge | Cmovl | Cmovle | Cmovne | Cmovno | Cmovnp
        | Cmovns | Cmovo | Cmovp | Cmovs => cmov::cmovcc(cx),
        Cmpxchg => semaphore::cmpxchg(cx),
        Cmpxchg8b => semaphore::cmpxchg8b(cx),
        Cpuid => system::cpuid(cx),
        Endbr32 | Nop => {}
        Ja | Jae | Jb | Jbe | Je | Jg | Jge | Jl | Jle | Jne | Jno | Jnp | Jns | Jo | Jp | Js => branch::jcc(cx),
        Jecxz => branch::jecxz(cx),
        Jmp => branch::jmp(cx),
        Lahf => flagop::lahf(cx),
        Lea => dataxfer::lea(cx),
        Leave => stack::leave(cx),
        Lodsb | Lodsw | Lodsd => return repeat(cx, string::lods_step),
        Loop => branch::loop_(cx),
        Mov => dataxfer::mov(cx),
        Movsb | Movsw | Movsd => return repeat(cx, string::movs_step),
        Movsx => dataxfer::movsx(cx),
        Movzx => dataxfer::movzx(cx),
        Pop => stack::pop(cx),
        Push => stack::push(cx),
        Rdtsc => system::rdtsc(cx),
        Ret => call_ret::ret(cx),
        Sahf => flagop::sahf(cx),
        Seta | Setae | Setb | Setbe | Sete | Setg | Setge | Setl | Setle | Setne | Setno | Setnp | Setns | Seto
        | Setp | Sets => setcc::setcc(cx),
        Stc => flagop::stc(cx),
        Std => flagop::std(cx),
        Stosb | Stosw | Stosd => return repeat(cx, string::stos_step),
        Xadd => semaphore::xadd(cx),
        Xchg => dataxfer::xchg(cx),
        _ => return false,
    }
    true
}

/// Arithmetic, logic, shifts and bits.
fn computes(cx: &mut LiftCx<Direct>) -> bool {
    use Mnemonic::*;
    match cx.insn.mnemonic() {
        Adc => binary::adc(cx),
        Add => binary::add(cx),
        And => logical::and(cx),
        Bsf => bitbyte::bsf(cx),
        Bsr => bitbyte::bsr(cx),
        Bt => bitbyte::bt(cx),
        Btc => bitbyte::btc(cx),
        Btr => bitbyte::btr(cx),
        Bts => bitbyte::bts(cx),
        Cdq => convert::cdq(cx),
        Cbw => convert::cbw(cx),
        Cmp => binary::cmp(cx),
        Cwd => convert::cwd(cx),
        Cwde => convert::cwde(cx),
        Dec => binary::dec(cx),
        Div => binary::div(cx),
        Idiv => binary::idiv(cx),
        Imul => binary::imul(cx),
        Inc => binary::inc(cx),
        Mul => binary::mul(cx),
        Neg => binary::neg(cx),
        Not => logical::not(cx),
        Or => logical::or(cx),
        Rol => rotate::rol(cx),
        Ror => rotate::ror(cx),
        Sal | Shl => shift::shl(cx),
        Sar => shift::sar(cx),
        Sbb => binary::sbb(cx),
        Shld => shift::shld(cx),
        Shr => shift::shr(cx),
        Shrd => shift::shrd(cx),
        Sub => binary::sub(cx),
        Test => logical::test(cx),
        Xor => logical::xor(cx),
        _ => return false,
    }
    true
}

/// A string instruction: one step of it, or as many as its prefix wants if those are few. Registers are exact after each.
fn repeat<'a>(cx: &mut LiftCx<Direct<'a>>, step: fn(&mut LiftCx<Direct<'a>>, Ty)) -> bool {
    if !cx.insn.is_string_instruction() || string::short_address(cx) {
        return false;
    }
    let ty = cx.mem_ty();
    if !cx.insn.has_rep_prefix() && !cx.insn.has_repne_prefix() {
        step(cx, ty);
        return true;
    }
    let count = cx.ir.register(Gpr::Ecx);
    if count > FEW {
        return false;
    }
    for _ in 0..count {
        step(cx, ty);
        string::count_down(cx, 1);
        if cx.ir.has_stopped() {
            break;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::testing::Bytes;

    const START: u32 = 0x1000;

    /// Executes `code` with the stack pointer behind it until control comes to an address for the second time.
    fn run(code: &[u8], state: &mut CpuState) -> (u64, Bytes) {
        let mut bytes = code.to_vec();
        bytes.resize(256, 0xcc);
        let mut mem = Bytes(START, bytes);
        state.eip = START;
        state.set(Gpr::Esp, START + 256);
        let mut seen = Vec::new();
        let count = execute(state, &mut mem, &mut |addr| {
            seen.push(addr);
            seen.iter().filter(|a| **a == addr).count() == 1
        });
        (count, mem)
    }

    #[test]
    fn control_is_followed_until_it_is_asked_to_stop() {
        // call +1; hlt; mov eax, 3; dec eax; jnz -3
        let mut state = CpuState::default();
        let code = [0xe8, 1, 0, 0, 0, 0xf4, 0xb8, 3, 0, 0, 0, 0x48, 0x75, 0xfd];
        let (count, mem) = run(&code, &mut state);
        assert_eq!((count, state.eip, state.get(Gpr::Eax)), (6, START + 11, 1));
        assert_eq!((state.get(Gpr::Esp), &mem.1[252..]), (START + 252, &[5, 0x10, 0, 0][..]));
    }

    #[test]
    fn what_faults_or_traps_or_is_unknown_is_left_undone() {
        // The instruction before each: mov ebx, 0x10.
        let load = [0xbb, 0x10, 0, 0, 0];
        let others: [&[u8]; 6] = [
            &[0x03, 0x03],       // add eax, [ebx]
            &[0x01, 0x03],       // add [ebx], eax
            &[0x8f, 0x03],       // pop dword [ebx]
            &[0xf7, 0xf1],       // div ecx
            &[0x0f, 0x6f, 0xc1], // movq mm0, mm1
            &[0xcd, 0x80],       // int 0x80
        ];
        for other in others {
            let mut state = CpuState::default();
            let before = state.clone();
            let (count, _) = run(&[&load, other].concat(), &mut state);
            assert_eq!((count, state.eip, state.get(Gpr::Ebx)), (1, START + 5, 0x10), "{other:x?}");
            assert_eq!((state.get(Gpr::Esp), state.eflags()), (START + 256, before.eflags()), "{other:x?}");
        }
    }

    #[test]
    fn code_that_is_written_is_read_again() {
        // mov byte [0x1008], 0x43 (inc ebx); nop; inc eax at 0x1008
        let mut state = CpuState::default();
        let code = [0xc6, 0x05, 8, 0x10, 0, 0, 0x43, 0x90, 0x40];
        let (count, _) = run(&code, &mut state);
        assert_eq!((count, state.get(Gpr::Eax), state.get(Gpr::Ebx)), (3, 0, 1));
    }

    #[test]
    fn few_repetitions_are_made_many_are_left() {
        // mov edi, 0x1080; mov ecx, n; rep stosb
        for (n, count, left) in [(0, 3, 0), (64, 3, 0), (65, 2, 65)] {
            let mut state = CpuState::default();
            let code = [0xbf, 0x80, 0x10, 0, 0, 0xb9, n, 0, 0, 0, 0xf3, 0xaa];
            let (done, mem) = run(&code, &mut state);
            assert_eq!(
                (done, state.get(Gpr::Ecx), state.get(Gpr::Edi)),
                (count, left, START + 0x80 + u32::from(n) - left)
            );
            assert_eq!(mem.1[0x80..0xc0].iter().all(|byte| *byte == 0), n == 64);
        }
    }
}
