//! PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM: string comparison (SDM vol. 2, 4.1 "Imm8 Control Byte Operation").
use crate::guest::CpuState;

/// One operand: elements, how many a vector has, and how many of them count.
struct Text {
    elements: [i32; 16],
    capacity: u32,
    len: u32,
}

impl Text {
    /// `len`: the explicit length; its absolute value counts, saturated. None: up to the first zero element.
    fn new(value: u128, control: u32, len: Option<u32>) -> Self {
        let bytes = value.to_le_bytes();
        let words: [u16; 8] = std::array::from_fn(|i| u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]));
        let mut elements = [0; 16];
        let capacity = match control & 3 {
            0 => widen(&mut elements, &bytes),
            1 => widen(&mut elements, &words),
            2 => widen(&mut elements, &bytes.map(|b| b as i8)),
            _ => widen(&mut elements, &words.map(|w| w as i16)),
        };
        let zeros = mask(&elements.map(|e| e == 0)) | 1 << capacity;
        let len = len.map_or(zeros.trailing_zeros(), |len| (len as i32).unsigned_abs().min(capacity));
        Self { elements, capacity, len }
    }

    /// Bits of the elements that count.
    fn valid(&self) -> u32 {
        (1 << self.len) - 1
    }

    fn used(&self) -> &[i32] {
        &self.elements[..self.len as usize]
    }
}

fn widen<T: Copy + Into<i32>>(elements: &mut [i32; 16], from: &[T]) -> u32 {
    for (to, from) in elements.iter_mut().zip(from) {
        *to = (*from).into();
    }
    from.len() as u32
}

/// Bit i for element i.
fn mask(flags: &[bool; 16]) -> u32 {
    flags.iter().enumerate().fold(0, |mask, (i, flag)| mask | u32::from(*flag) << i)
}

/// Elements of `b` for which `f` holds of some item.
fn any<T>(b: &[i32; 16], items: impl Iterator<Item = T>, f: impl Fn(&T, i32) -> bool) -> u32 {
    let mut found = [false; 16];
    for item in items {
        for (found, element) in found.iter_mut().zip(b) {
            *found |= f(&item, *element);
        }
    }
    mask(&found)
}

/// The intermediate result: bit j for element j of `b`, under the aggregation that the control asks for.
fn aggregate(a: &Text, b: &Text, control: u32) -> u32 {
    let equal = |x: &i32, y| *x == y;
    match control >> 2 & 3 {
        // Equal any.
        0 => any(&b.elements, a.used().iter().copied(), equal) & b.valid(),
        // Ranges: pairs of bounds.
        1 => any(&b.elements, a.used().chunks_exact(2), |pair, y| pair[0] <= y && y <= pair[1]) & b.valid(),
        // Equal each: beyond both ends counts as equal.
        2 => {
            let equal = mask(&std::array::from_fn(|i| a.elements[i] == b.elements[i]));
            equal & a.valid() & b.valid() | !(a.valid() | b.valid()) & ((1 << b.capacity) - 1)
        }
        // Equal ordered: `a` begins here, as far as the vector reaches.
        _ => (0..).zip(a.used()).fold((1 << b.capacity) - 1, |found, (i, x)| {
            let here = any(&b.elements, std::iter::once(*x), equal) & b.valid();
            found & (here >> i | u32::MAX << (b.capacity - i))
        }),
    }
}

/// The mask of the comparison in bits 0 to 15, the index in bits 16 to 23, and from bit 32 the eflags.
fn compare(a: &Text, b: &Text, control: u32) -> u64 {
    let count = b.capacity;
    let found = aggregate(a, b, control);
    let mask = match control >> 4 & 3 {
        1 => !found & ((1 << count) - 1),
        3 => found ^ b.valid(),
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
