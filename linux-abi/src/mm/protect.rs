//! mprotect(2), pkey_mprotect(2).
use super::address_space::{lock, Effects, Layout};
use super::pages::{MAPPED, TRANSLATED, WATCHED};
use super::vma::{PageRange, Prot, Vma};
use super::{host_map, AddressSpace};
use crate::errno::Errno;
use ir::guest::PAGE_SIZE;

/// Extend the change to the start of a mapping that grows down.
const PROT_GROWSDOWN: u32 = 0x0100_0000;
/// Extend the change to the end of a mapping that grows up (none does on x86).
const PROT_GROWSUP: u32 = 0x0200_0000;
/// PROT_SEM: accepted, no effect.
const PROT_SEM: u32 = 8;

impl AddressSpace {
    /// mprotect(2). Up to the first hole the change is made, then ENOMEM; as Linux does.
    pub fn mprotect(&self, addr: u32, len: u32, prot: u32) -> Result<(), Errno> {
        let grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
        let wanted = prot & !grows;
        if addr % PAGE_SIZE != 0 || grows == PROT_GROWSDOWN | PROT_GROWSUP || wanted & !(7 | PROT_SEM) != 0 {
            return Err(Errno(libc::EINVAL));
        }
        let mut range = Self::range(addr, len, libc::ENOMEM)?;
        if range.is_empty() {
            return Ok(());
        }
        self.change(|layout, effects| {
            if grows != 0 {
                range = layout.grown(range, grows)?;
            }
            self.protect_parts(layout, effects, range, self.effective(wanted))
        })
    }

    fn protect_parts(
        &self,
        layout: &mut Layout,
        effects: &mut Effects,
        range: PageRange,
        prot: Prot,
    ) -> Result<(), Errno> {
        let mut at = range.start();
        for part in layout.vmas.parts(range) {
            if part.range.start() != at {
                break;
            }
            self.protect_part(effects, Vma { prot, ..part })?;
            layout.vmas.insert(Vma { prot, ..part });
            effects.ordered |= part.shared && prot.writable();
            at = part.range.end();
        }
        if at == range.end() {
            Ok(())
        } else {
            Err(Errno(libc::ENOMEM))
        }
    }

    /// Protects pages of one mapping. Where the guest may still execute, translations stay, and so does the watch.
    fn protect_part(&self, effects: &mut Effects, vma: Vma) -> Result<(), Errno> {
        let _leaf = lock(&self.watch);
        for (run, translated) in self.pages.runs(vma.range, |f| f & TRANSLATED) {
            let kept = if vma.prot.executable() { translated } else { 0 };
            host_map::protect(run, vma.prot.host(kept & WATCHED != 0))?;
            self.pages.set(run, vma.page_flags() | MAPPED | kept);
            if translated != kept {
                effects.stale.push(run);
            }
        }
        Ok(())
    }
}

impl Layout {
    /// PROT_GROWSDOWN and PROT_GROWSUP: the range extended to the mapping's end on that side.
    fn grown(&self, range: PageRange, grows: u32) -> Result<PageRange, Errno> {
        let vma = self.vmas.find(range.start()).ok_or(Errno(libc::ENOMEM))?;
        let stack = vma.grows_down || vma.name == super::VmaName::Stack;
        match grows {
            PROT_GROWSDOWN if stack => Ok(PageRange::between(vma.range.start(), range.end())),
            _ => Err(Errno(libc::EINVAL)),
        }
    }
}
