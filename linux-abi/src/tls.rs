//! Thread-local storage as segments: the GDT entries of set_thread_area(2) and the LDT of modify_ldt(2).
//!
//! Under an x86-64 kernel (whose selectors for CS, DS and SS the guest sees: 0x23 and 0x2b) the TLS entries of the GDT
//! are 12 to 14, selectors 0x63, 0x6b, 0x73 (arch/x86/include/asm/segment.h).
use ir::guest::CpuState;
use std::sync::Mutex;

/// First TLS entry of the GDT.
pub const GDT_TLS_MIN: u32 = 12;
/// TLS entries.
pub const GDT_TLS_ENTRIES: usize = 3;
/// Most entries an LDT can have.
pub const LDT_ENTRIES: usize = 8192;

/// A segment as `struct user_desc` describes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Linear address of its first byte.
    pub base: u32,
    /// Limit in bytes or pages.
    pub limit: u32,
    /// The bit field of `user_desc`: seg_32bit, contents (2), read_exec_only, limit_in_pages, seg_not_present, useable.
    pub flags: u32,
}

/// TLS descriptors of a thread; `None` is an empty entry.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// GDT entries 12 to 14.
    pub entries: [Option<Segment>; GDT_TLS_ENTRIES],
}

/// The local descriptor table of a process; shared by all who share its memory.
#[derive(Debug, Default)]
pub struct Ldt {
    /// Entries in use are at their index; the table grows on demand.
    pub entries: Mutex<Vec<Option<Segment>>>,
}

impl Ldt {
    fn get(&self, selector: u16) -> Option<Segment> {
        let entries = self.entries.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        entries.get(usize::from(selector >> 3)).copied().flatten()
    }
}

/// Bits 0..=1 of a selector: the requested privilege level.
const RPL_MASK: u16 = 3;
/// Bit 2 of a selector: LDT rather than GDT.
const TI_LDT: u16 = 4;
/// Selectors of the flat user segments with any privilege level: `__USER32_CS` and `__USER_DS`.
const USER_CS: u16 = 0x20;
const USER_DS: u16 = 0x28;

impl Segment {
    /// The segment's type as user_desc's `contents` has it: 0 data, 1 expand-down data, 2 and 3 code.
    fn contents(&self) -> u32 {
        self.flags >> 1 & 3
    }
}

impl Tls {
    /// Whether a program may run with `selector` in CS.
    pub fn is_code(&self, ldt: &Ldt, selector: u16) -> bool {
        match selector & !RPL_MASK {
            USER_CS => true,
            _ if selector & TI_LDT != 0 => ldt.get(selector).is_some_and(|s| s.contents() >= 2),
            _ => false,
        }
    }

    /// The base a data segment register gets from `selector`; `None` if loading it is a general protection fault.
    pub fn base_of(&self, ldt: &Ldt, selector: u16) -> Option<u32> {
        match selector & !RPL_MASK {
            0 | USER_CS | USER_DS => Some(0),
            _ if selector & TI_LDT != 0 => ldt.get(selector).map(|s| s.base),
            _ => {
                let index = u32::from(selector >> 3).checked_sub(GDT_TLS_MIN)?;
                self.entries.get(index as usize).copied().flatten().map(|s| s.base)
            }
        }
    }

    /// Gives every segment register the base its selector stands for now; one that stands for nothing becomes null, as
    /// a context switch would make it.
    pub fn reload(&self, ldt: &Ldt, state: &mut CpuState) {
        for (selector, base) in state.selector.iter_mut().zip(&mut state.seg_base) {
            match self.base_of(ldt, *selector) {
                Some(value) => *base = value,
                None => (*selector, *base) = (0, 0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_name_bases() {
        let segment = Segment { base: 0x1234_5000, ..Segment::default() };
        let tls = Tls { entries: [Some(segment), None, None] };
        let ldt = Ldt { entries: Mutex::new(vec![None, Some(segment)]) };
        let cases = [
            (0, Some(0)),
            (3, Some(0)),
            (0x2b, Some(0)),
            (0x63, Some(0x1234_5000)),
            (0x6b, None),
            (0x33, None),
            (0x0f, Some(0x1234_5000)),
            (0x07, None),
            (0x7b, None),
        ];
        for (selector, expect) in cases {
            assert_eq!(tls.base_of(&ldt, selector), expect, "{selector:#x}");
        }
    }
}
