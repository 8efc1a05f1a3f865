//! LOCK on a misaligned operand: the host refuses it, the interpreter does it.
use super::faults::guard;
use super::*;
use crate::codegen::HostFeatures;
use crate::runtime::features;
use ir::guest::Trap;
use ir::parse::parse;

/// A page that is mapped and zero.
const PAGE: u32 = 0x5a00_0000;

/// `lock xadd [ebx], eax`, alone and as the beginning of a program.
struct Exchange;

impl RegionSource for Exchange {
    fn region(&self, entry: GuestAddr, _: ir::Heat<'_>) -> Result<Region, LiftError> {
        Ok(self::region(entry, "exit syscall, 0x1004"))
    }

    fn single(&self, state: &CpuState) -> Result<Region, LiftError> {
        let entry = GuestAddr(state.eip);
        Ok(self::region(entry, "jump 0x1004"))
    }
}

fn region(entry: GuestAddr, end: &str) -> Region {
    if entry.0 != 0x1000 {
        return parse("region 0x1004\nb0 0x1004 entry:\n; 0x1004 +1\nexit syscall, 0x1004").unwrap();
    }
    let body = "v0 = get_gpr ebx\nv1 = get_gpr eax\nv2 = atomic_add.i32 [v0], v1\nset_gpr eax, v2";
    parse(&format!("region 0x1000\nb0 0x1000 entry:\n; 0x1000 +4\n{body}\n{end}")).unwrap()
}

/// What the interpreter takes for the page.
struct Page(Vec<u8>);

impl GuestMem for Page {
    fn read(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
        let at = (addr.0 - PAGE) as usize;
        buf.copy_from_slice(&self.0[at..at + buf.len()]);
        Ok(())
    }

    fn write(&mut self, addr: GuestAddr, data: &[u8]) -> Result<(), Fault> {
        let at = (addr.0 - PAGE) as usize;
        self.0[at..at + data.len()].copy_from_slice(data);
        Ok(())
    }

    fn fetch(&self, addr: GuestAddr, _: &mut [u8]) -> Result<usize, Fault> {
        Err(no_code(addr))
    }
}

#[test]
fn a_misaligned_operand_is_left_to_the_interpreter() {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: replaces nothing; the page is this test's alone.
    let page = unsafe { libc::mmap(PAGE as *mut libc::c_void, 4096, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    assert_eq!(page as usize, PAGE as usize);
    for features in [HostFeatures::BASELINE, features::detect()] {
        let options = EngineOptions { code_len: 1 << 20, features, ..EngineOptions::default() };
        let engine = Engine::new(&options, Box::new(Exchange), Box::new(NoWatch)).unwrap();
        guard(&engine);
        let mut thread = engine.new_thread().unwrap();
        let mut mem = Page(vec![7; 64]);
        // Aligned: in the page. Across sixteen bytes, which no host takes: in what the interpreter has.
        for at in [8, 14] {
            thread.state_mut().gpr = [5, 0, 0, PAGE + at, 0, 0, 0, 0];
            thread.state_mut().eip = 0x1000;
            assert_eq!(engine.run(&mut thread, &mut mem), Exit::Trap(Trap::Syscall));
        }
        assert_eq!(thread.state().get(Gpr::Eax), 0x0707_0707);
        assert_eq!(mem.0[14..18], 0x0707_070cu32.to_le_bytes());
        assert_eq!(engine.stats().singles, 1);
    }
}
