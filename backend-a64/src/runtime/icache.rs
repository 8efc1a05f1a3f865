//! Instruction cache maintenance after code was written (Arm ARM B2.7.4.3 "Synchronization and coherency issues between
//! data and instruction accesses"; CTR_EL0 in D24).
use std::arch::asm;
use std::sync::atomic::{AtomicU32, Ordering};

/// CTR_EL0, zero until read (bit 31 always reads as one).
static CTR: AtomicU32 = AtomicU32::new(0);

fn ctr() -> u32 {
    let known = CTR.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let ctr: u64;
    // SAFETY: a read of an identification register; Linux gives it to user space or emulates it.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) ctr, options(nomem, nostack, preserves_flags)) };
    CTR.store(ctr as u32, Ordering::Relaxed);
    ctr as u32
}

/// Several writes to code, made visible to instruction fetch together: cleaning is per line, waiting is once.
#[derive(Debug)]
pub(crate) struct Sync {
    lines: Vec<(u64, u64)>,
}

impl Sync {
    /// Nothing written yet.
    pub(crate) const fn new() -> Self {
        Self { lines: Vec::new() }
    }

    /// Notes that `[start, start + len)` was written.
    pub(crate) fn wrote(&mut self, start: u64, len: usize) {
        self.lines.push((start, start + len as u64));
    }

    /// Makes everything noted visible to the calling core, and to others as soon as they branch there anew.
    pub(crate) fn finish(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let ctr = ctr();
        let (data_line, inst_line) = (4u64 << (ctr >> 16 & 15), 4u64 << (ctr & 15));
        let (idc, dic) = (ctr >> 28 & 1 != 0, ctr >> 29 & 1 != 0);
        if !idc {
            self.each(data_line, |line| {
                // SAFETY: cleaning a line of our own mapped code memory changes no value.
                unsafe { asm!("dc cvau, {}", in(reg) line, options(nostack, preserves_flags)) };
            });
        }
        // SAFETY: a barrier.
        unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
        if !dic {
            self.each(inst_line, |line| {
                // SAFETY: invalidating a line of instruction cache changes no value.
                unsafe { asm!("ic ivau, {}", in(reg) line, options(nostack, preserves_flags)) };
            });
            // SAFETY: a barrier.
            unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
        }
        // SAFETY: a barrier.
        unsafe { asm!("isb", options(nostack, preserves_flags)) };
        self.lines.clear();
    }

    fn each(&self, size: u64, operation: impl Fn(u64)) {
        for &(start, end) in &self.lines {
            let mut line = start & !(size - 1);
            while line < end {
                operation(line);
                line += size;
            }
        }
    }
}
