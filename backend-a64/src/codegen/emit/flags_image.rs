//! Flags as bits of an eflags image: gathered by GET_FLAGS, scattered by SET_FLAGS. SDM vol. 1, 3.4.3.
use super::super::abi::{AF, PF};
use super::super::asm::Cond;
use super::flags::{cset, insert_fields, odd_parity, read_nzcv, result_reg, set_raw, wanted, xor_reg, Carry, RAW};
use super::{a64, EmitCx, S0, S1, ZR};
use ir::{FlagSet, Inst};

/// `get_flags`: gathers fields of bits, PF and AF first.
pub(super) fn get_flags(cx: &mut EmitCx, inst: &Inst) {
    let mask = inst.reads_flags();
    let d = cx.dst();
    if d == ZR {
        return;
    }
    if mask == FlagSet::CF {
        let cond = if cx.carry == Carry::Direct { Cond::Cs } else { Cond::Cc };
        return cset(cx, d, cond);
    }
    let mut image = Image { reg: d, empty: true };
    if mask.contains(FlagSet::AF) {
        a64!(cx; eor W(S0), W(PF), W(AF); and WSP(d), W(S0), 0x10);
        image.empty = false;
    }
    if mask.contains(FlagSet::PF) {
        odd_parity(cx);
        // Even is one: bit 0 inverted, on its way to bit 2.
        a64!(cx; mvn W(S0), W(S0));
        image.put(cx, S0, 0, 2, 1);
    }
    if mask.intersects(FlagSet::NZCV) {
        read_nzcv(cx, S0);
    }
    if mask.contains(FlagSet::SF | FlagSet::ZF) {
        image.put(cx, S0, 30, 6, 2);
    } else if mask.contains(FlagSet::SF) {
        image.put(cx, S0, 31, 7, 1);
    } else if mask.contains(FlagSet::ZF) {
        image.put(cx, S0, 30, 6, 1);
    }
    if mask.contains(FlagSet::OF) {
        image.put(cx, S0, 28, 11, 1);
    }
    if mask.contains(FlagSet::CF) {
        if cx.carry == Carry::Inverted {
            a64!(cx; eor WSP(S0), W(S0), 1 << 29);
        }
        image.put(cx, S0, 29, 0, 1);
    }
    if image.empty {
        a64!(cx; mov W(d), wzr);
    }
}

/// An eflags image in the making.
struct Image {
    reg: u8,
    empty: bool,
}

impl Image {
    /// Adds a field of `from`, bit number and width. Uses `S1`.
    fn put(&mut self, cx: &mut EmitCx, from: u8, bit: u32, to: u32, width: u32) {
        let d = self.reg;
        match (std::mem::take(&mut self.empty), bit) {
            (true, 0) => a64!(cx; ubfiz W(d), W(from), to, width),
            (true, _) => {
                a64!(cx; ubfx W(d), W(from), bit, width);
                if to > 0 {
                    a64!(cx; lsl W(d), W(d), to);
                }
            }
            (false, 0) => a64!(cx; bfi W(d), W(from), to, width),
            (false, _) if to == 0 => a64!(cx; bfxil W(d), W(from), bit, width),
            (false, _) => a64!(cx; lsr W(S1), W(from), bit; bfi W(d), W(S1), to, width),
        }
    }
}

/// `set_flags`: scatters fields of bits; SF and ZF are neighbours in both places.
pub(super) fn set_flags(cx: &mut EmitCx, _: &Inst) {
    let want = wanted(cx);
    let known = cx.imm(0);
    let image = if known.is_some() { S1 } else { cx.x(0) };
    if let Some(c) = known.filter(|_| want.intersects(FlagSet::NZCV)) {
        cx.mov_imm(S1, c as u32);
    }
    let both = want.contains(FlagSet::SF | FlagSet::ZF);
    let fields = [
        (both, 6, 30, 2),
        (want.contains(FlagSet::SF) && !both, 7, 31, 1),
        (want.contains(FlagSet::ZF) && !both, 6, 30, 1),
        (want.contains(FlagSet::CF), 0, 29, 1),
        (want.contains(FlagSet::OF), 11, 28, 1),
    ];
    if want.intersects(FlagSet::NZCV) {
        let fields = fields.into_iter().filter(|f| f.0).map(|(_, from, to, width)| (image, from, to, width));
        insert_fields(cx, fields);
        if want.contains(FlagSet::CF) {
            cx.carry = Carry::Direct;
        }
    }
    if let Some(c) = known {
        // A byte with one bit has odd parity.
        let pf = u32::from(c & 4 == 0);
        let (result, xor) = (result_reg(cx, want), xor_reg(cx, want));
        if want.intersects(RAW) {
            cx.mov_imm(result, pf);
        }
        if want.contains(FlagSet::AF) {
            cx.mov_imm(xor, pf | c as u32 & 0x10);
        }
        return set_raw(cx, want, result, Some(xor));
    }
    if !want.contains(FlagSet::PF) && want.contains(FlagSet::AF) {
        a64!(cx; eor W(AF), W(image), W(PF));
    } else if want.contains(FlagSet::PF) {
        // Bit 4 of the result is clear, so the image itself gives AF.
        let result = result_reg(cx, want);
        a64!(cx; ubfx W(S0), W(image), 2, 1; eor WSP(result), W(S0), 1);
        set_raw(cx, want, result, Some(image));
    }
}
