//! PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM: string comparison (SDM vol. 2, 4.1 "Imm8 Control Byte Operation").
use crate::guest::CpuState;

/// One operand: up to sixteen elements, and how many of them count.
struct Text {
    value: u128,
    bits: u32,
    signed: bool,
    len: u32,
}

impl Text {
    /// `len`: the explicit length; its absolute value counts, saturated. None: up to the first zero element.
    fn new(value: u128, control: u32, len: Option<u32>) -> Self {
        let bits = if control & 1 != 0 { 16 } else { 8 };
        let mut text = Self { value, bits, signed: control & 2 != 0, len: 128 / bits };
        text.len = match len {
            Some(len) => (len as i32).unsigned_abs().min(text.len),
            None => (0..text.len).find(|i| text.at(*i) == 0).unwrap_or(text.len),
        };
        text
    }

    fn at(&self, i: u32) -> i32 {
        let element = (self.value >> (self.bits * i)) as u32 & ((1 << self.bits) - 1);
        let up = 32 - self.bits;
        if self.signed {
            (element << up) as i32 >> up
        } else {
            element as i32
        }
    }

    fn capacity(&self) -> u32 {
        128 / self.bits
    }
}

/// Bit `j` of the intermediate result: element `j` of `b` under the aggregation that the control asks for.
fn matches(a: &Text, b: &Text, control: u32, j: u32) -> bool {
    let inside = j < b.len;
    match control >> 2 & 3 {
        // Equal any.
        0 => inside && (0..a.len).any(|i| a.at(i) == b.at(j)),
        // Ranges: pairs of bounds.
        1 => inside && (0..a.len / 2).any(|i| (a.at(2 * i)..=a.at(2 * i + 1)).contains(&b.at(j))),
        // Equal each: beyond both ends counts as equal.
        2 => (inside && j < a.len && a.at(j) == b.at(j)) || (!inside && j >= a.len),
        // Equal ordered: `a` begins here, as far as the vector reaches.
        _ => (0..a.len).take_while(|i| i + j < b.capacity()).all(|i| i + j < b.len && a.at(i) == b.at(i + j)),
    }
}

/// The mask of the comparison in bits 0 to 15, the index in bits 16 to 23, and from bit 32 the eflags.
fn compare(a: &Text, b: &Text, control: u32) -> u64 {
    let count = b.capacity();
    let found = (0..count).filter(|j| matches(a, b, control, *j)).fold(0u32, |mask, j| mask | 1 << j);
    let mask = match control >> 4 & 3 {
        1 => !found & ((1 << count) - 1),
        3 => found ^ ((1 << b.len) - 1),
        _ => found,
    };
    let index = match (mask, control & 0x40) {
        (0, _) => count,
        (_, 0) => mask.trailing_zeros(),
        _ => mask.ilog2(),
    };
    let eflags =
        u32::from(mask != 0) | u32::from(b.len < count) << 6 | u32::from(a.len < count) << 7 | (mask & 1) << 11;
    u64::from(mask) | u64::from(index) << 16 | u64::from(eflags) << 32
}

/// Explicit lengths: control in a2, the lengths in a3 (EAX | EDX << 32).
pub(super) extern "C" fn explicit(s: &mut CpuState, _: u64, _: u64, control: u64, lengths: u64) -> u64 {
    let (control, [a, b, ..]) = (control as u32, s.scratch);
    let (a, b) = (Text::new(a, control, Some(lengths as u32)), Text::new(b, control, Some((lengths >> 32) as u32)));
    compare(&a, &b, control)
}

/// Strings that end with a zero.
pub(super) extern "C" fn implicit(s: &mut CpuState, _: u64, _: u64, control: u64, _: u64) -> u64 {
    let (control, [a, b, ..]) = (control as u32, s.scratch);
    compare(&Text::new(a, control, None), &Text::new(b, control, None), control)
}
