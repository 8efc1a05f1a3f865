//! Which instructions read the upper half of a vector: what only the low half counts of may live in an MMX register, and is computed
//! by 64-bit instructions.
use ir::{Inst, Opcode};

/// Whether argument `index`, a vector, is read above its low half. `wide`: so is the result.
pub(super) fn reads_upper(inst: &Inst, index: usize, wide: bool) -> bool {
    use Opcode::*;
    match (inst.op, index) {
        (SetMm | VStore | VUnpackLo | VWidenS | VWidenU, _) => false,
        (VLane, _) => (inst.imm as u32 + 1) * inst.ty.bits() > 64,
        // Each half of the result is made of the same halves of the arguments.
        (VAdd | VSub | VAddSatS | VAddSatU | VSubSatS | VSubSatU | VMulLo | VMulHiS | VMulHiU | VMulHiR, _)
        | (VMulWideU | VMulWideS | VMadd | VMaddSat | VSad | VMinS | VMinU | VMaxS | VMaxU | VAvg | VAbs | VSign, _)
        | (VCmpEq | VCmpGt | VAnd | VOr | VXor | VAndNot | VSelect | VShl | VShr | VSar | VShuffleLo, _) => wide,
        (VShlBy | VShrBy | VSarBy | VInsert, 0) | (VTable, 1) => wide,
        (VShlBy | VShrBy | VSarBy, _) => false,
        (VCopyLane, 0) => wide,
        (VCopyLane, _) => ((inst.imm as u32 >> 4) + 1) * inst.lane.bits() > 64,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::allocation::Allocation;
    use super::super::{allocate, Registers};
    use ir::{parse, FlagSet};

    #[test]
    fn who_reads_the_upper_half() {
        let text = "region 0x10\nb0 0x10 entry:\n; 0x10 +1\nx87_wait\nmmx_enter\nv0 = get_mm 0\nv1 = get_mm 1\n\
            v2 = vadd.b16 v0, v1\nset_mm 0, v2\nv3 = vadd.b16 v2, v1\nv4 = vsub.b16 v3, v2\nset_mm 1, v3\n\
            v5 = vunpack_hi.b16 v4, v4\nset_mm 2, v5\nset_mm 3, v4\njump 0x20\n";
        let region = parse::parse(text).unwrap();
        let mut alloc = Allocation::default();
        allocate(&region.blocks[0], FlagSet::ALL, Registers::All, &mut alloc);
        let slot = |op: &str| &alloc.slots[region.blocks[0].insts.iter().position(|i| i.op.name() == op).unwrap()];
        // What is read above bit 63 is needed there for all that it is made of.
        assert!(slot("vsub").wide && slot("vadd").wide);
        assert!(!slot("vsub").loc.is_mm() && !slot("vadd").loc.is_mm());
        assert!(!slot("vunpack_hi").wide && slot("vunpack_hi").loc.is_mm());
    }
}
