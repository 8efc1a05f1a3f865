//! NUMA placement, numa(7): node masks are bit strings of `long`s, page lists are arrays of pointers.
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::guest_mem::Input;
use crate::host::call::{mut_ptr, HostArg};
use ir::guest::GuestAddr;
use zerocopy::IntoBytes;

/// Longest mask taken, in bits: a page of them, as in the kernel.
const MAX_BITS: u32 = 8 * 4096;
/// Most pages in one move_pages(2).
const MAX_PAGES: u32 = 1 << 20;

/// A node mask of the guest, or NULL. The host refuses one that is too long for its length, so a part of it will do.
fn read_mask(cx: &Cx<'_>, at: GuestAddr, bits: u32) -> Option<Input<Vec<u8>>> {
    let len = guest_bytes(bits.min(MAX_BITS));
    let widened = |bytes: &[u8]| {
        let mut mask = bytes.to_vec();
        mask.resize(len.next_multiple_of(8), 0);
        mask
    };
    (at.0 != 0 && bits != 0).then(|| cx.input_bytes(at, len, widened))
}

fn guest_bytes(bits: u32) -> usize {
    bits.div_ceil(32) as usize * 4
}

fn pointer(mask: &Option<Input<Vec<u8>>>) -> u64 {
    mask.as_ref().map_or(0, HostArg::raw)
}

/// mbind(2).
pub fn mbind(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let mask = read_mask(cx, a.addr(3), a.uint(4));
    cx.host(a, libc::SYS_mbind, args![a.addr(0), a.uint(1), a.uint(2), pointer(&mask), a.uint(4), a.uint(5)])
}

/// set_mempolicy(2).
pub fn set_mempolicy(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let mask = read_mask(cx, a.addr(1), a.uint(2));
    cx.host(a, libc::SYS_set_mempolicy, args![a.int(0), pointer(&mask), a.uint(2)])
}

/// get_mempolicy(2).
pub fn get_mempolicy(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let bits = if a.uint(1) == 0 { 0 } else { a.uint(2).min(MAX_BITS) };
    let mut mask = vec![0u64; bits.div_ceil(64) as usize];
    let out = if bits == 0 { 0 } else { mut_ptr(mask.as_mut_slice()) };
    cx.will_write(a.addr(0), 4);
    let result = cx.host(a, libc::SYS_get_mempolicy, args![a.addr(0), out, bits, a.addr(3), a.uint(4)])?;
    if bits != 0 {
        cx.write(a.addr(1), &mask.as_bytes()[..guest_bytes(bits)])?;
    }
    Ok(result)
}

/// migrate_pages(2).
pub fn migrate_pages(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (old, new) = (read_mask(cx, a.addr(2), a.uint(1)), read_mask(cx, a.addr(3), a.uint(1)));
    cx.host(a, libc::SYS_migrate_pages, args![a.int(0), a.uint(1), pointer(&old), pointer(&new)])
}

/// move_pages(2).
pub fn move_pages(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    if a.uint(1) > MAX_PAGES {
        return Err(Errno::E2BIG);
    }
    let widened = |bytes: &[u8]| bytes.chunks_exact(4).flat_map(|page| [page, &[0; 4]].concat()).collect();
    let pages = cx.input_bytes(a.addr(2), 4 * a.uint(1) as usize, widened);
    cx.will_write(a.addr(4), 4 * u64::from(a.uint(1)));
    let host_args = args![a.int(0), a.uint(1), &pages, a.addr(3), a.addr(4), a.uint(5)];
    cx.host(a, libc::SYS_move_pages, host_args)
}
