//! The buffer `dynasm!` assembles into, and branches inside one region.
//!
//! dynasm-rs's own assemblers resolve labels through hash maps and may move code they already linked; a region's code is
//! position-independent, so a plain byte vector and a list of fixups are enough and fast.
//! Branch encodings: Arm ARM C4.1.94 "Branches, Exception Generating and System instructions".
use super::compiled::CodeOffset;
use dynasmrt::{AssemblyOffset, DynasmApi};

/// `dynasm!` for A64 into the `asm` field of an emission context.
macro_rules! a64 {
    ($cx:expr; $($t:tt)*) => {{
        #[allow(unused_imports, reason = "words without operands are appended by `extend`")]
        use ::dynasmrt::DynasmApi as _;
        ::dynasmrt::dynasm!($cx.asm ; .arch aarch64 ; $($t)*)
    }};
}
pub(crate) use a64;

/// A position in the code that a branch can name before it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(u32);

/// An A64 condition, by encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are the manual's, C1.2.4")]
#[rustfmt::skip]
pub enum Cond { Eq = 0, Ne, Cs, Cc, Mi, Pl, Vs, Vc, Hi, Ls, Ge, Lt, Gt, Le }

impl Cond {
    const ALL: [Self; 14] = {
        use Cond::*;
        [Eq, Ne, Cs, Cc, Mi, Pl, Vs, Vc, Hi, Ls, Ge, Lt, Gt, Le]
    };

    /// The condition that holds exactly when this one does not.
    pub fn invert(self) -> Self {
        Self::ALL[self as usize ^ 1]
    }
}

/// Which field of the instruction takes the distance.
#[derive(Clone, Copy, Debug)]
enum Field {
    /// `b`, `bl`: imm26.
    Imm26,
    /// `b.cond`, `cbz`, `cbnz`, `ldr` of a literal: imm19.
    Imm19,
    /// `tbz`, `tbnz`: imm14.
    Imm14,
    /// `adr`: immhi:immlo, in bytes.
    Adr,
}

#[derive(Clone, Copy, Debug)]
struct Fixup {
    at: u32,
    label: Label,
    field: Field,
}

const UNBOUND: u32 = u32::MAX;

/// Code of one region under construction.
#[derive(Debug, Default)]
pub struct Asm {
    code: Vec<u8>,
    labels: Vec<u32>,
    fixups: Vec<Fixup>,
}

impl Asm {
    /// Begins another region's code, in the memory of an old one's.
    pub fn restart(&mut self, mut code: Vec<u8>, bytes: usize) {
        code.clear();
        code.reserve(bytes);
        self.code = code;
        self.labels.clear();
        self.fixups.clear();
    }

    /// Where the next instruction goes.
    pub fn here(&self) -> CodeOffset {
        CodeOffset(self.code.len() as u32)
    }

    /// A label without a position yet.
    pub fn new_label(&mut self) -> Label {
        self.labels.push(UNBOUND);
        Label(self.labels.len() as u32 - 1)
    }

    /// Gives a label the current position.
    pub fn bind(&mut self, label: Label) {
        let slot = &mut self.labels[label.0 as usize];
        assert_eq!(*slot, UNBOUND, "label bound twice");
        *slot = self.code.len() as u32;
    }

    /// The position of a bound label.
    pub fn offset_of(&self, label: Label) -> CodeOffset {
        let at = self.labels[label.0 as usize];
        assert_ne!(at, UNBOUND, "label never bound");
        CodeOffset(at)
    }

    /// Removes the last instruction; it is no branch, and no label is bound behind it.
    pub fn take_back(&mut self) {
        self.code.truncate(self.code.len() - 4);
    }

    /// Appends one instruction word.
    #[inline]
    pub fn word(&mut self, word: u32) {
        self.code.extend_from_slice(&word.to_le_bytes());
    }

    fn branch(&mut self, word: u32, label: Label, field: Field) {
        self.fixups.push(Fixup { at: self.code.len() as u32, label, field });
        self.word(word);
    }

    /// `b label`.
    pub fn b(&mut self, label: Label) {
        self.branch(0x1400_0000, label, Field::Imm26);
    }

    /// `bl label`.
    pub fn bl(&mut self, label: Label) {
        self.branch(0x9400_0000, label, Field::Imm26);
    }

    /// `b.cond label`.
    pub fn b_cond(&mut self, cond: Cond, label: Label) {
        self.branch(0x5400_0000 | cond as u32, label, Field::Imm19);
    }

    /// `cbz wN, label`, or the X form.
    pub fn cbz(&mut self, wide: bool, reg: u8, label: Label) {
        self.branch(0x3400_0000 | u32::from(wide) << 31 | u32::from(reg), label, Field::Imm19);
    }

    /// `cbnz wN, label`, or the X form.
    pub fn cbnz(&mut self, wide: bool, reg: u8, label: Label) {
        self.branch(0x3500_0000 | u32::from(wide) << 31 | u32::from(reg), label, Field::Imm19);
    }

    /// `tbz xN, #bit, label`.
    pub fn tbz(&mut self, reg: u8, bit: u32, label: Label) {
        self.branch(0x3600_0000 | bit >> 5 << 31 | (bit & 31) << 19 | u32::from(reg), label, Field::Imm14);
    }

    /// `tbnz xN, #bit, label`.
    pub fn tbnz(&mut self, reg: u8, bit: u32, label: Label) {
        self.branch(0x3700_0000 | bit >> 5 << 31 | (bit & 31) << 19 | u32::from(reg), label, Field::Imm14);
    }

    /// `ldr qN, label`.
    pub fn ldr_q(&mut self, reg: u8, label: Label) {
        self.branch(0x9c00_0000 | u32::from(reg), label, Field::Imm19);
    }

    /// `ldr xN, label`.
    pub fn ldr_x(&mut self, reg: u8, label: Label) {
        self.branch(0x5800_0000 | u32::from(reg), label, Field::Imm19);
    }

    /// `adr xN, label`.
    pub fn adr(&mut self, reg: u8, label: Label) {
        self.branch(0x1000_0000 | u32::from(reg), label, Field::Adr);
    }

    /// `adr xN` of a position already emitted.
    pub fn adr_back(&mut self, reg: u8, at: CodeOffset) {
        let bits = field_bits(Field::Adr, i64::from(at.0) - i64::from(self.here().0));
        self.word(0x1000_0000 | bits | u32::from(reg));
    }

    /// Patches every branch; the finished bytes. All labels in use must be bound.
    pub fn finish(&mut self) -> Vec<u8> {
        for index in 0..self.fixups.len() {
            let fixup = self.fixups[index];
            let delta = i64::from(self.offset_of(fixup.label).0) - i64::from(fixup.at);
            let bits = field_bits(fixup.field, delta);
            let slot = &mut self.code[fixup.at as usize..fixup.at as usize + 4];
            let word = u32::from_le_bytes(slot.try_into().expect("four bytes")) | bits;
            slot.copy_from_slice(&word.to_le_bytes());
        }
        std::mem::take(&mut self.code)
    }
}

/// The distance in its field. Regions are far smaller than the shortest reach (32 KiB) save for `tbz`, which is used for
/// short distances only; out of reach is a bug of ours.
fn field_bits(field: Field, delta: i64) -> u32 {
    let (width, shift) = match field {
        Field::Imm26 => (26, 0),
        Field::Imm19 => (19, 5),
        Field::Imm14 => (14, 5),
        Field::Adr => {
            assert!((-(1 << 20)..1 << 20).contains(&delta), "adr out of reach");
            let imm = delta as u32 & 0x1f_ffff;
            return (imm & 3) << 29 | imm >> 2 << 5;
        }
    };
    let words = delta >> 2;
    assert!((-(1i64 << (width - 1))..1 << (width - 1)).contains(&words), "branch out of reach");
    (words as u32 & ((1 << width) - 1)) << shift
}

impl Extend<u8> for Asm {
    /// Takes whole words: `dynasm!` comes here with constant ones, which the compiler then stores as such.
    #[inline(always)]
    fn extend<T: IntoIterator<Item = u8>>(&mut self, iter: T) {
        let mut bytes = iter.into_iter();
        while let Some(first) = bytes.next() {
            let mut next = || bytes.next().expect("A64 instructions are whole words");
            self.word(u32::from_le_bytes([first, next(), next(), next()]));
        }
    }
}

impl<'a> Extend<&'a u8> for Asm {
    #[inline(always)]
    fn extend<T: IntoIterator<Item = &'a u8>>(&mut self, iter: T) {
        self.extend(iter.into_iter().copied());
    }
}

impl DynasmApi for Asm {
    fn offset(&self) -> AssemblyOffset {
        AssemblyOffset(self.code.len())
    }

    fn push(&mut self, byte: u8) {
        self.code.push(byte);
    }

    fn align(&mut self, alignment: usize, with: u8) {
        while self.code.len() % alignment != 0 {
            self.code.push(with);
        }
    }

    fn push_u32(&mut self, value: u32) {
        self.word(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(mut asm: Asm) -> Vec<u32> {
        asm.finish().chunks(4).map(|w| u32::from_le_bytes(w.try_into().unwrap())).collect()
    }

    #[test]
    fn branches_reach_both_ways() {
        let mut asm = Asm::default();
        let (back, fwd) = (asm.new_label(), asm.new_label());
        asm.bind(back);
        asm.b(fwd);
        asm.b_cond(Cond::Ne, back);
        asm.cbnz(true, 3, fwd);
        asm.tbz(5, 33, back);
        asm.adr(17, fwd);
        asm.bind(fwd);
        asm.bl(back);
        // Checked against aarch64-linux-gnu-objdump.
        assert_eq!(words(asm), [0x1400_0005, 0x54ff_ffe1, 0xb500_0063, 0xb60f_ffa5, 0x1000_0031, 0x97ff_fffb]);
    }

    #[test]
    fn conditions_invert_in_pairs() {
        for cond in Cond::ALL {
            assert_eq!(cond.invert().invert(), cond);
            assert_ne!(cond.invert(), cond);
        }
    }
}
