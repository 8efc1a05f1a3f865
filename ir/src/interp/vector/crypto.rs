//! AES, SHA and carry-less multiplication: the functions are [`crate::crypto`]'s.
use crate::crypto::{aes, clmul, sha};
use crate::inst::Inst;
use crate::opcode::Opcode;

pub(super) fn eval(inst: &Inst, [a, b, c]: [u128; 3]) -> Option<u128> {
    let imm = inst.imm as u32;
    Some(match inst.op {
        Opcode::VAes => aes::round(a, b, imm),
        Opcode::VAesImc => aes::inverse_mix(a),
        Opcode::VAesKey => aes::key_assist(a),
        Opcode::VClmul => clmul(a, b, imm),
        Opcode::VSha1 => sha::sha1_rounds(a, b, imm),
        Opcode::VSha256 => sha::sha256_rounds(a, b, c),
        Opcode::VSha256Su0 => sha::sha256_schedule1(a, b),
        Opcode::VSha256Su1 => sha::sha256_schedule2(a, b),
        _ => return None,
    })
}
