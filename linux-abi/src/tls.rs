//! Thread-local storage as segments: the GDT entries of set_thread_area(2) and the LDT of modify_ldt(2).
//!
//! Under an x86-64 kernel (whose selectors for CS, DS and SS the guest sees: 0x23 and 0x2b) the TLS entries of the GDT
//! are 12 to 14, selectors 0x63, 0x6b, 0x73 (arch/x86/include/asm/segment.h).
use crate::host;
use ir::guest::{CpuState, Descriptor, Seg};
use std::sync::{Mutex, MutexGuard, PoisonError};

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
    /// The entries, held.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Vec<Option<Segment>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, selector: u16) -> Option<Segment> {
        self.lock().get(usize::from(selector >> 3)).copied().flatten()
    }
}

/// Bits 0..=1 of a selector: the requested privilege level.
const RPL_MASK: u16 = 3;
/// Bit 2 of a selector: LDT rather than GDT.
const TI_LDT: u16 = 4;
/// Selectors of the flat user segments with any privilege level: `__USER32_CS` and `__USER_DS`.
const USER_CS: u16 = 0x20;
const USER_DS: u16 = 0x28;

/// `__KERNEL`'s per-CPU entry, readable by programs: its limit tells the processor's number (`__CPUNODE_SEG`).
const CPUNODE: u16 = 0x78;
/// `__USER_CS`, for 64-bit code.
const USER_CS64: u16 = 0x30;

/// The bits of `user_desc`'s last word: seg_32bit, contents (2), read_exec_only, limit_in_pages, seg_not_present, useable.
pub(crate) mod bits {
    pub const SEG_32BIT: u32 = 1;
    pub const CONTENTS: u32 = 6;
    pub const READ_EXEC_ONLY: u32 = 8;
    pub const LIMIT_IN_PAGES: u32 = 16;
    pub const NOT_PRESENT: u32 = 32;
    pub const USEABLE: u32 = 64;
    pub const ALL: u32 = 127;
}

/// Bits of access rights: readable code or writable data, code, present, 64-bit code.
mod right {
    pub const READ_WRITE: u32 = 1 << 9;
    pub const CODE: u32 = 1 << 11;
    pub const PRESENT: u32 = 1 << 15;
    pub const LONG: u32 = 1 << 21;
}

impl Segment {
    /// The descriptor the kernel makes of it: accessed, for programs.
    pub fn descriptor(&self) -> Descriptor {
        let has = |bit: u32| u32::from(self.flags & bit != 0);
        let kind = 1 | (1 - has(bits::READ_EXEC_ONLY)) << 1 | (self.flags & bits::CONTENTS) << 1;
        let access = kind | 1 << 4 | 3 << 5 | (1 - has(bits::NOT_PRESENT)) << 7;
        let top = has(bits::USEABLE) | has(bits::SEG_32BIT) << 2 | has(bits::LIMIT_IN_PAGES) << 3;
        let raw = self.limit & 0xf_ffff;
        let limit = if has(bits::LIMIT_IN_PAGES) != 0 { raw << 12 | 0xfff } else { raw };
        // LAR gives the upper bits of the limit along with the rights.
        Descriptor { base: self.base, limit, rights: access << 8 | (raw >> 16) << 16 | top << 20 }
    }
}

/// Why a segment register cannot be loaded; each with the selector as its error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// #GP.
    Protection(u16),
    /// #NP.
    NotPresent(u16),
    /// #SS: not present, in SS.
    Stack(u16),
}

impl Tls {
    /// The descriptor a selector names; `None` where there is none that a program may know of.
    pub fn describe(&self, ldt: &Ldt, selector: u16) -> Option<Descriptor> {
        match selector & !RPL_MASK {
            USER_CS => Some(Descriptor::FLAT_CODE),
            USER_DS => Some(Descriptor::FLAT_DATA),
            USER_CS64 => Some(Descriptor::CODE64),
            CPUNODE => Some(Descriptor { base: 0, limit: cpu_and_node(), rights: 0x0040_f500 }),
            _ if selector & TI_LDT != 0 => ldt.get(selector).map(|s| s.descriptor()),
            _ => {
                let index = u32::from(selector >> 3).checked_sub(GDT_TLS_MIN)?;
                self.entries.get(index as usize).copied().flatten().map(|s| s.descriptor())
            }
        }
    }

    /// What loading `selector` into `seg` gives (SDM vol. 2, MOV and JMP).
    pub fn load(&self, ldt: &Ldt, seg: Seg, selector: u16) -> Result<Descriptor, Refusal> {
        let refused = Refusal::Protection(selector & !RPL_MASK);
        if selector & !RPL_MASK == 0 {
            // The stack and code segments cannot be null.
            return if matches!(seg, Seg::Ss | Seg::Cs) { Err(refused) } else { Ok(Descriptor::NULL) };
        }
        let descriptor = self.describe(ldt, selector).ok_or(refused)?;
        let has = |right: u32| descriptor.rights & right != 0;
        let (code, read_write) = (has(right::CODE), has(right::READ_WRITE));
        let allowed = match seg {
            // 64-bit code there is none.
            Seg::Cs => code && selector & 3 == 3 && !has(right::LONG),
            Seg::Ss => !code && read_write && selector & 3 == 3,
            _ => !code || read_write,
        };
        match (allowed, has(right::PRESENT), seg) {
            (false, ..) => Err(refused),
            (true, false, Seg::Ss) => Err(Refusal::Stack(selector & !RPL_MASK)),
            (true, false, _) => Err(Refusal::NotPresent(selector & !RPL_MASK)),
            (true, true, _) => Ok(descriptor),
        }
    }

    /// Gives the segment registers that `which` names the descriptor that their selector stands for now; one that stands
    /// for nothing becomes null.
    pub fn reload(&self, ldt: &Ldt, state: &mut CpuState, which: impl Fn(Seg, u16) -> bool) {
        for &seg in Seg::ALL {
            let selector = state.selector[seg.index()];
            if !which(seg, selector) {
                continue;
            }
            match self.load(ldt, seg, selector) {
                Ok(descriptor) => state.set_segment(seg, selector, descriptor),
                Err(_) => state.set_segment(seg, 0, Descriptor::NULL),
            }
        }
    }
}

/// What LSL gives for the per-CPU entry: processor number and node, as getcpu(2) has them.
fn cpu_and_node() -> u32 {
    let mut numbers = [0u32; 2];
    let pointers = numbers.each_mut().map(|n| std::ptr::from_mut(n).expose_provenance() as u64);
    match host::syscall(libc::SYS_getcpu, [pointers[0], pointers[1], 0, 0, 0, 0]) {
        Ok(_) => numbers[0] & 0xfff | numbers[1] << 12,
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_loaded() {
        let data = Segment { limit: 0xfff, flags: bits::SEG_32BIT, ..Segment::default() };
        let with = |flags: u32| Some(Segment { flags: bits::SEG_32BIT | flags, ..data });
        let entries =
            vec![with(0), with(bits::READ_EXEC_ONLY), with(bits::NOT_PRESENT), with(4), with(4 | bits::READ_EXEC_ONLY)];
        let (tls, ldt) = (Tls::default(), Ldt { entries: Mutex::new(entries) });
        let load = |seg, n: u16| tls.load(&ldt, seg, n * 8 + 7).map(|d| d.rights);
        let protection = |n: u16| Err(Refusal::Protection(n * 8 + 4));
        assert_eq!([load(Seg::Es, 0), load(Seg::Ss, 0)], [Ok(0x0040_f300); 2]);
        assert_eq!([load(Seg::Es, 1), load(Seg::Ss, 1)], [Ok(0x0040_f100), protection(1)]);
        assert_eq!([load(Seg::Es, 2), load(Seg::Ss, 2)], [Err(Refusal::NotPresent(0x14)), Err(Refusal::Stack(0x14))]);
        assert_eq!([load(Seg::Es, 3), load(Seg::Cs, 3)], [Ok(0x0040_fb00); 2]);
        assert_eq!([load(Seg::Cs, 0), load(Seg::Cs, 1)], [protection(0), protection(1)]);
        assert_eq!(tls.load(&ldt, Seg::Cs, 0x33), Err(Refusal::Protection(0x30)));
        assert_eq!([load(Seg::Es, 4), load(Seg::Es, 5)], [protection(4), protection(5)]);
        assert_eq!(tls.load(&ldt, Seg::Ss, 0), Err(Refusal::Protection(0)));
        assert_eq!(tls.load(&ldt, Seg::Es, 0), Ok(Descriptor::NULL));
    }

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
            (0x33, Some(0)),
            (0x40, None),
            (0x0f, Some(0x1234_5000)),
            (0x07, None),
            (0x7b, Some(0)),
        ];
        for (selector, expect) in cases {
            let base = tls.load(&ldt, Seg::Gs, selector).ok().map(|d| d.base);
            assert_eq!(base, expect, "{selector:#x}");
        }
    }
}
