//! SSE instructions that look tables up, RCPPS and RSQRTPS; and all arithmetic where the host's is not exact.
use crate::guest::CpuState;
use crate::inst::Inst;
use crate::interp::float::{reciprocal, reciprocal_root};
use crate::interp::vector;
use crate::opcode::Opcode;
use crate::types::{Lane, Ty};

/// Applies `f` to lane 0 of a1 and keeps the rest of a0, or to all four lanes if a2 is 1.
fn singles(state: &mut CpuState, packed: u64, f: fn(u64) -> u64) -> u64 {
    let (kept, source) = (state.scratch[0], state.scratch[1]);
    let lanes = if packed != 0 { 4 } else { 1 };
    state.scratch[0] = (0..lanes).map(|i| 32 * i).fold(kept, |v, shift| {
        let lane = (source >> shift) as u32;
        v & !(0xffff_ffff << shift) | u128::from(f(u64::from(lane))) << shift
    });
    0
}

pub(super) extern "C" fn rcp(state: &mut CpuState, _: u64, _: u64, packed: u64, _: u64) -> u64 {
    singles(state, packed, reciprocal)
}

pub(super) extern "C" fn rsqrt(state: &mut CpuState, _: u64, _: u64, packed: u64, _: u64) -> u64 {
    singles(state, packed, reciprocal_root)
}

/// An operation without its arguments in one word: opcode, lane shape, immediate.
pub(crate) fn code(inst: &Inst) -> u32 {
    inst.op as u32 | (inst.lane as u32) << 8 | (inst.imm as u32 & 0xff) << 16
}

/// The instruction that [`code`] was made from.
fn decode(code: u32) -> Inst {
    let op = Opcode::ALL[code as usize & 0xff];
    let ty = if op == Opcode::FToInt { Ty::I32 } else { Ty::V128 };
    Inst { lane: Lane::ALL[code as usize >> 8 & 0xff], imm: i64::from(code >> 16), ..Inst::new(op, ty) }
}

/// Set in what [`execute`] answers: an exception is not masked.
const UNMASKED: u64 = 1 << 32;

pub(super) extern "C" fn execute(state: &mut CpuState, _: u64, second: u64, operation: u64, _: u64) -> u64 {
    let inst = decode(operation as u32);
    let second = if inst.op == Opcode::IntToF { u128::from(second) } else { state.scratch[1] };
    match vector::execute(&inst, [state.scratch[0], second, 0], &mut state.mxcsr) {
        Err(vector::Unmasked) => UNMASKED,
        Ok(value) => {
            state.scratch[0] = value.unwrap_or_default();
            state.scratch[0] as u32 as u64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_survive_their_code() {
        let inst = Inst { lane: Lane::F32x4, imm: 11, ..Inst::new(Opcode::FRound, Ty::V128) };
        assert_eq!(decode(code(&inst)), inst);
    }

    #[test]
    fn an_unmasked_exception_is_told_and_flagged() {
        let mut state = CpuState::default();
        state.mxcsr = 0x1d80;
        let divide = Inst { lane: Lane::F32, ..Inst::new(Opcode::FDiv, Ty::V128) };
        state.scratch[..2].copy_from_slice(&[0x3f80_0000, 0]);
        assert_eq!(execute(&mut state, 0, 0, u64::from(code(&divide)), 0), UNMASKED);
        assert_eq!((state.mxcsr, state.scratch[0]), (0x1d84, 0x3f80_0000));
    }
}
