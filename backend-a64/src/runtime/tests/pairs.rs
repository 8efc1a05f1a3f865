//! Stores of two guest instructions in one STP: a fault of the second is reported there, with the first one done.
use super::faults::guard;
use super::*;
use ir::guest::{Access, FaultKind, Trap};
use ir::parse::parse;

/// A page that is mapped; the one below is not.
const PAGE: u32 = 0x5b00_0000;

/// `push eax`, then `push ecx`, and each alone.
struct Pushes;

fn push(addr: u32, reg: &str, first: usize) -> String {
    let [esp, value, top] = [first, first + 1, first + 2].map(|n| format!("v{n}"));
    format!("; {addr:#x} +1\n{esp} = get_gpr esp\n{value} = get_gpr {reg}\n{top} = lea [{esp} - 4]\nstore.i32 [{esp} - 4], {value}\nset_gpr esp, {top}\n")
}

impl RegionSource for Pushes {
    fn region(&self, entry: GuestAddr, _: ir::Heat<'_>) -> Result<Region, LiftError> {
        let (first, second) = (push(0x1000, "eax", 0), push(0x1001, "ecx", 5));
        let body = match entry.0 {
            0x1000 => first + &second,
            0x1001 => push(0x1001, "ecx", 0),
            _ => format!("; {:#x} +1\n", entry.0),
        };
        let mut region = parse(&format!("region {entry}\nb0 {entry} entry:\n{body}exit syscall, 0x1002")).unwrap();
        ir::opt::optimize(&mut region);
        Ok(region)
    }

    fn single(&self, state: &CpuState) -> Result<Region, LiftError> {
        let entry = GuestAddr(state.eip);
        let reg = if entry.0 == 0x1000 { "eax" } else { "ecx" };
        let body = push(entry.0, reg, 0);
        Ok(parse(&format!("region {entry}\nb0 {entry} entry:\n{body}jump {}", entry.plus(1))).unwrap())
    }
}

/// What the interpreter takes for the page.
struct Page([u8; 16]);

impl GuestMem for Page {
    fn read(&self, addr: GuestAddr, _: &mut [u8]) -> Result<(), Fault> {
        Err(no_code(addr))
    }

    fn write(&mut self, addr: GuestAddr, data: &[u8]) -> Result<(), Fault> {
        let fault = Fault { addr, access: Access::Write, kind: FaultKind::Unmapped };
        let at = addr.0.checked_sub(PAGE).ok_or(fault)? as usize;
        self.0[at..at + data.len()].copy_from_slice(data);
        Ok(())
    }

    fn fetch(&self, addr: GuestAddr, _: &mut [u8]) -> Result<usize, Fault> {
        Err(no_code(addr))
    }
}

#[test]
fn a_fault_of_the_second_store_is_precise() {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: replaces nothing; the page is this test's alone.
    let page = unsafe { libc::mmap(PAGE as *mut libc::c_void, 4096, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    assert_eq!(page as usize, PAGE as usize);
    let options = EngineOptions { code_len: 1 << 20, ..EngineOptions::default() };
    let engine = Engine::new(&options, Box::new(Pushes), Box::new(NoWatch)).unwrap();
    guard(&engine);
    let mut thread = engine.new_thread().unwrap();
    let mut mem = Page([0; 16]);
    // Both fit; only the first does; neither does.
    for (esp, left, eip) in [(PAGE + 8, PAGE, 0x1002), (PAGE + 4, PAGE, 0x1001), (PAGE, PAGE, 0x1000)] {
        thread.state_mut().gpr = [11, 22, 0, 0, esp, 0, 0, 0];
        thread.state_mut().eip = 0x1000;
        let exit = engine.run(&mut thread, &mut mem);
        match exit {
            Exit::Trap(Trap::Syscall) => assert_eq!(esp, PAGE + 8),
            Exit::Fault(fault) => assert_eq!(fault.addr, GuestAddr(PAGE - 4)),
            other => panic!("{other:?}"),
        }
        assert_eq!((thread.state().get(Gpr::Esp), thread.state().eip), (left, eip), "from {esp:#x}");
    }
    // What the interpreter pushed for the second case.
    assert_eq!(mem.0[..4], 11u32.to_le_bytes());
    assert_eq!(engine.stats().singles, 2);
}
