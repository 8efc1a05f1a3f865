//! What belongs to one thread: its TLS segments, its id, its end.
use super::Args;
use crate::context::{Action, Cx, SysResult};
use crate::errno::Errno;
use crate::layout::U32;
use crate::records;
use crate::tls::{bits, Segment, GDT_TLS_ENTRIES, GDT_TLS_MIN, LDT_ENTRIES};
use ir::guest::{GuestAddr, Seg};
use std::sync::Mutex;

records! {
    /// `struct user_desc`.
    UserDesc [16] { entry_number: U32, base_addr: U32, limit: U32, flags: U32 }
}

/// What other threads must know of each thread: its robust list, which ends with the process.
#[derive(Debug, Default)]
pub struct ThreadList {
    robust: Mutex<Vec<(i32, GuestAddr)>>,
}

impl ThreadList {
    /// The list, held.
    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(i32, GuestAddr)>> {
        self.robust.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Notes a thread's robust list; none if NULL.
    pub(crate) fn set_robust(&self, tid: i32, head: GuestAddr) {
        let mut robust = self.lock();
        robust.retain(|(other, _)| *other != tid);
        if head.0 != 0 {
            robust.push((tid, head));
        }
    }

    /// The robust list of a thread that has one.
    pub(crate) fn robust(&self, tid: i32) -> Option<GuestAddr> {
        self.lock().iter().find(|(other, _)| *other == tid).map(|(_, head)| *head)
    }

    /// Forgets all threads: a copied process has one only, without a robust list.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// All of them.
    pub(crate) fn all_robust(&self) -> Vec<(i32, GuestAddr)> {
        self.lock().clone()
    }
}

impl UserDesc {
    /// An entry that is to be, or is, empty (LDT_empty(), LDT_zero()).
    fn is_empty(&self) -> bool {
        let flags = self.flags.get() & bits::ALL;
        let nowhere = self.base_addr.get() == 0 && self.limit.get() == 0;
        nowhere && (flags == bits::READ_EXEC_ONLY | bits::NOT_PRESENT || flags == 0)
    }

    fn segment(&self) -> Segment {
        Segment { base: self.base_addr.get(), limit: self.limit.get(), flags: self.flags.get() & bits::ALL }
    }

    fn of(entry: u32, segment: Option<Segment>) -> Self {
        let empty = Segment { base: 0, limit: 0, flags: bits::READ_EXEC_ONLY | bits::NOT_PRESENT };
        let Segment { base, limit, flags } = segment.unwrap_or(empty);
        Self { entry_number: entry.into(), base_addr: base.into(), limit: limit.into(), flags: flags.into() }
    }
}

fn tls_index(entry: u32) -> Result<usize, Errno> {
    let index = entry.wrapping_sub(GDT_TLS_MIN) as usize;
    if index < GDT_TLS_ENTRIES {
        Ok(index)
    } else {
        Err(Errno::EINVAL)
    }
}

/// What the kernel refuses as a TLS segment (tls_desc_okay()): 16-bit, code, not present.
fn tls_okay(desc: &UserDesc) -> bool {
    let flags = desc.flags.get();
    desc.is_empty() || flags & bits::SEG_32BIT != 0 && flags & bits::CONTENTS <= 2 && flags & bits::NOT_PRESENT == 0
}

/// Sets a TLS entry of the calling thread from the `user_desc` at `at`; -1 asks for a free one.
pub(super) fn set_tls(cx: &mut Cx<'_>, at: GuestAddr, may_allocate: bool) -> Result<(), Errno> {
    let mut desc: UserDesc = cx.read(at)?;
    if !tls_okay(&desc) {
        return Err(Errno::EINVAL);
    }
    if desc.entry_number.get() == u32::MAX && may_allocate {
        let free = cx.thread.tls.entries.iter().position(Option::is_none).ok_or(Errno::ESRCH)?;
        desc.entry_number = (GDT_TLS_MIN + free as u32).into();
        cx.write(at, &desc)?;
    }
    let index = tls_index(desc.entry_number.get())?;
    cx.thread.tls.entries[index] = (!desc.is_empty()).then(|| desc.segment());
    let changed = (desc.entry_number.get() << 3) as u16 | 3;
    cx.process.reload_segments(&cx.thread.tls, cx.state, |_, selector| selector == changed);
    Ok(())
}

/// set_thread_area(2).
pub fn set_thread_area(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    set_tls(cx, a.addr(0), true).map(|()| 0)
}

/// get_thread_area(2).
pub fn get_thread_area(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let desc: UserDesc = cx.read(a.addr(0))?;
    let entry = desc.entry_number.get();
    let segment = cx.thread.tls.entries[tls_index(entry)?];
    cx.write(a.addr(0), &UserDesc::of(entry, segment)).map(|()| 0)
}

/// A segment descriptor as it lies in its table (SDM vol. 3, 3.4.5).
fn descriptor(segment: &Segment) -> u64 {
    let (base, limit) = (u64::from(segment.base), u64::from(segment.limit));
    let rights = u64::from(segment.descriptor().rights);
    limit & 0xffff
        | (base & 0xff_ffff) << 16
        | (rights >> 8 & 0xff) << 40
        | (limit >> 16 & 0xf) << 48
        | (rights >> 20 & 0xf) << 52
        | (base >> 24) << 56
}

fn read_ldt(cx: &Cx<'_>, at: GuestAddr, len: u32) -> SysResult {
    let count = (len as usize).min(8 * LDT_ENTRIES);
    let mut bytes: Vec<u8> = {
        let entries = cx.process.ldt.lock();
        entries.iter().flat_map(|e| e.as_ref().map_or(0, descriptor).to_le_bytes()).collect()
    };
    if bytes.is_empty() {
        return Ok(0);
    }
    bytes.resize(count, 0);
    cx.write(at, bytes.as_slice())?;
    Ok(count as u32)
}

fn write_ldt(cx: &mut Cx<'_>, at: GuestAddr, len: u32, old_mode: bool) -> SysResult {
    if len as usize != size_of::<UserDesc>() {
        return Err(Errno::EINVAL);
    }
    let desc: UserDesc = cx.read(at)?;
    let (entry, flags) = (desc.entry_number.get() as usize, desc.flags.get());
    let conforming = flags & bits::CONTENTS == bits::CONTENTS;
    if entry >= LDT_ENTRIES || conforming && (old_mode || flags & bits::NOT_PRESENT == 0) {
        return Err(Errno::EINVAL);
    }
    let cleared = desc.is_empty() || old_mode && desc.base_addr.get() == 0 && desc.limit.get() == 0;
    let mut segment = desc.segment();
    if old_mode {
        segment.flags &= !bits::USEABLE;
    }
    let mut entries = cx.process.ldt.lock();
    if entries.len() <= entry {
        entries.resize(entry + 1, None);
    }
    entries[entry] = (!cleared).then_some(segment);
    drop(entries);
    // The kernel refreshes these two; FS and GS keep what they have until they are loaded again.
    let is_local = |selector: u16| selector & 4 != 0;
    cx.process.reload_segments(&cx.thread.tls, cx.state, |seg, s| matches!(seg, Seg::Ds | Seg::Es) && is_local(s));
    Ok(0)
}

/// modify_ldt(2).
pub fn modify_ldt(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    match a.uint(0) {
        0 => read_ldt(cx, a.addr(1), a.uint(2)),
        1 => write_ldt(cx, a.addr(1), a.uint(2), true),
        // The default LDT is empty: 128 bytes of zeros at most.
        2 => {
            let count = a.uint(2).min(128);
            cx.write(a.addr(1), &[0u8; 128][..count as usize])?;
            Ok(count)
        }
        0x11 => write_ldt(cx, a.addr(1), a.uint(2), false),
        _ => Err(Errno::ENOSYS),
    }
}

/// set_tid_address(2).
pub fn set_tid_address(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.thread.clear_child_tid = a.addr(0);
    Ok(cx.thread.tid as u32)
}

/// exit(2): this thread.
pub fn exit(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.thread.action = Some(Action::ExitThread(a.int(0) & 0xff));
    Ok(0)
}

/// exit_group(2): the process.
pub fn exit_group(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.thread.action = Some(Action::ExitProcess(a.int(0) & 0xff));
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_encoded_as_the_processor_has_them() {
        // The flat data segment glibc makes for TLS: 32-bit, limit in pages, useable.
        let flags = bits::SEG_32BIT | bits::LIMIT_IN_PAGES | bits::USEABLE;
        let flat = Segment { base: 0xb7e5_4940, limit: 0xf_ffff, flags };
        assert_eq!(descriptor(&flat), 0xb7df_f3e5_4940_ffff);
    }

    #[test]
    fn empty_descriptors_and_bad_ones() {
        let desc =
            |base: u32, flags: u32| UserDesc { base_addr: base.into(), flags: flags.into(), ..UserDesc::default() };
        let cases =
            [(0, 0x28, true, true), (0, 0, true, true), (0x1000, 0x51, false, true), (0x1000, 0x50, false, false)];
        for (base, flags, empty, okay) in cases {
            let desc = desc(base, flags);
            assert_eq!((desc.is_empty(), tls_okay(&desc)), (empty, okay), "{base:#x} {flags:#x}");
        }
    }

    #[test]
    fn robust_lists_are_known_by_thread() {
        let list = ThreadList::default();
        list.set_robust(5, GuestAddr(0x1000));
        list.set_robust(6, GuestAddr(0x2000));
        list.set_robust(5, GuestAddr(0x3000));
        list.set_robust(6, GuestAddr(0));
        assert_eq!(list.all_robust(), [(5, GuestAddr(0x3000))]);
        assert_eq!((list.robust(5), list.robust(6)), (Some(GuestAddr(0x3000)), None));
    }
}
