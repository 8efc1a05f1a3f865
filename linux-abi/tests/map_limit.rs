//! In a process of its own: what happens when the host has no memory for another mapping.
use ir::guest::{GuestAddr, GuestRange};
use ir::CodeWatch;
use linux_abi::mm::watch::Volatility;
use linux_abi::mm::{AddressSpace, Prot};

const PAGE: usize = 4096;

/// Makes mappings of one page until the kernel refuses (vm.max_map_count).
fn use_up_mappings() {
    let (prot, flags) = (libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE);
    // SAFETY: a new mapping, of which every other page changes its protection.
    unsafe {
        let base = libc::mmap(std::ptr::null_mut(), PAGE << 22, prot, flags, -1, 0);
        assert_ne!(base, libc::MAP_FAILED);
        let refused =
            (0..1 << 22).step_by(2).any(|page| libc::mprotect(base.add(page * PAGE), PAGE, libc::PROT_NONE) != 0);
        assert!(refused, "this kernel allows more mappings than the test makes");
    }
}

#[test]
fn code_that_cannot_be_watched_looks_itself() {
    let mm = AddressSpace::new();
    let stack = mm.map_stack(Prot(libc::PROT_READ as u32 | libc::PROT_WRITE as u32)).unwrap();
    let code = GuestRange::new(GuestAddr(stack.end() - 3 * PAGE as u32), 1);
    use_up_mappings();
    assert_eq!(mm.volatility(code), Volatility::Watched);
    assert!(!mm.watch(code));
    assert_eq!(mm.volatility(code), Volatility::Volatile);
    assert!(mm.watch(code), "the second time there is nothing to watch");
    mm.store(code.start, &[0x90]).unwrap();
}
