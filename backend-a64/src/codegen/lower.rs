//! Opcodes that the host has no instruction for become calls of helpers, before anything is allocated.
use super::HostFeatures;
use ir::{Helper, Inst, Opcode, Region, Ty};
use std::borrow::Cow;

/// The region as this host can execute it.
pub(crate) fn lower<'a>(region: &'a Region, features: &HostFeatures) -> Cow<'a, Region> {
    let lacking = |inst: &Inst| helper(inst, features).is_some();
    if !region.blocks.iter().any(|block| block.insts.iter().any(lacking)) {
        return Cow::Borrowed(region);
    }
    let mut region = region.clone();
    for inst in region.blocks.iter_mut().flat_map(|block| &mut block.insts) {
        if let Some(helper) = helper(inst, features) {
            let ty = if inst.op == Opcode::Crc32 { Ty::I32 } else { Ty::V128 };
            *inst = Inst { op: Opcode::Helper, ty, imm: helper as i64, ..*inst };
        }
    }
    Cow::Owned(region)
}

/// The helper that stands for an instruction the host lacks.
fn helper(inst: &Inst, features: &HostFeatures) -> Option<Helper> {
    let imm = inst.imm as usize;
    let (present, helper) = match inst.op {
        Opcode::Crc32 => (features.crc32, [Helper::Crc32B, Helper::Crc32H, Helper::Crc32W][imm / 16]),
        Opcode::VAes => {
            (features.aes, [Helper::AesEnc, Helper::AesEncLast, Helper::AesDec, Helper::AesDecLast][imm & 3])
        }
        Opcode::VAesImc => (features.aes, Helper::AesImc),
        Opcode::VAesKey => (features.aes, Helper::AesKey),
        Opcode::VClmul => {
            let halves = [Helper::ClmulLL, Helper::ClmulHL, Helper::ClmulLH, Helper::ClmulHH];
            (features.pmull, halves[imm & 1 | imm >> 3 & 2])
        }
        Opcode::VSha1 => (features.sha1, [Helper::Sha1C, Helper::Sha1P, Helper::Sha1M, Helper::Sha1P3][imm & 3]),
        Opcode::VSha256 => (features.sha256, Helper::Sha256),
        Opcode::VSha256Su0 => (features.sha256, Helper::Sha256Su0),
        Opcode::VSha256Su1 => (features.sha256, Helper::Sha256Su1),
        _ => return None,
    };
    (!present).then_some(helper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_host_lacks_is_replaced() {
        let text = "region 0x10\nb0 0x10 entry:\n; 0x10 +1\nv0 = get_gpr eax\nv1 = crc32 0x20, v0, v0\nset_gpr eax, v1\n jump 0x20";
        let region = ir::parse::parse(text).unwrap();
        let all = HostFeatures { crc32: true, ..HostFeatures::default() };
        assert!(matches!(lower(&region, &all), Cow::Borrowed(_)));
        let lowered = lower(&region, &HostFeatures::default());
        assert_eq!(lowered.blocks[0].insts[1].helper(), Helper::Crc32W);
        assert_eq!(ir::verify::verify(&lowered), Ok(()));
    }
}
