//! Runs one x87 instruction on this CPU between FXRSTOR and FXSAVE.
use anyhow::{ensure, Result};
use ir::x87::F80;
use tests::x87::{Case, State};

/// An FXSAVE image.
#[repr(C, align(16))]
struct Image([u8; 512]);

/// `fxrstor [rdi]; push rcx; popfq; <op>; pushfq; pop rax; fxsave [rdx]; fninit; ret`
const BEFORE: [u8; 5] = [0x0f, 0xae, 0x0f, 0x51, 0x9d];
const AFTER: [u8; 8] = [0x9c, 0x58, 0x0f, 0xae, 0x02, 0xdb, 0xe3, 0xc3];

type Thunk = unsafe extern "sysv64" fn(*const Image, *mut u8, *mut Image, u64) -> u64;

/// A page of code that the instruction under test is written into.
pub struct Native {
    page: *mut u8,
}

impl Native {
    /// Maps the page.
    pub fn new() -> Result<Self> {
        let prot = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        // SAFETY: a new anonymous mapping touches nothing that exists.
        let page =
            unsafe { libc::mmap(std::ptr::null_mut(), 4096, prot, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) };
        ensure!(page != libc::MAP_FAILED, "no executable page");
        Ok(Self { page: page.cast() })
    }

    /// The state after the instruction.
    pub fn run(&self, case: &Case) -> State {
        let mut code = BEFORE.to_vec();
        code.extend_from_slice(&case.code);
        code.extend_from_slice(&AFTER);
        let before = image(&case.state);
        let mut after = Image([0; 512]);
        let mut mem = case.state.mem;
        // SAFETY: the page is ours and large enough; the code keeps the calling convention (x87 and vector registers and
        // eflags are the caller's to save) and accesses the three buffers only, which live for the call. Exceptions that
        // the generator leaves unmasked are raised only by a later waiting instruction, and FNINIT is none.
        let eflags = unsafe {
            std::ptr::copy_nonoverlapping(code.as_ptr(), self.page, code.len());
            let thunk: Thunk = std::mem::transmute(self.page);
            thunk(&before, mem.as_mut_ptr(), &mut after, u64::from(case.state.eflags | 0x202))
        };
        let mut state = state(&after);
        (state.eflags, state.mem) = (eflags as u32, mem);
        state
    }
}

fn image(s: &State) -> Image {
    let mut b = [0; 512];
    b[0..2].copy_from_slice(&s.cw.to_le_bytes());
    b[2..4].copy_from_slice(&s.sw.to_le_bytes());
    b[4] = s.tags;
    b[24..28].copy_from_slice(&0x1f80u32.to_le_bytes());
    let top = usize::from(s.sw >> 11 & 7);
    for i in 0..8 {
        let x = s.st[(top + i) & 7];
        b[32 + 16 * i..40 + 16 * i].copy_from_slice(&x.mantissa.to_le_bytes());
        b[40 + 16 * i..42 + 16 * i].copy_from_slice(&x.sign_exponent.to_le_bytes());
    }
    Image(b)
}

fn state(Image(b): &Image) -> State {
    let half = |at: usize| u16::from_le_bytes([b[at], b[at + 1]]);
    let sw = half(2);
    let top = usize::from(sw >> 11 & 7);
    let mut st = [F80::ZERO; 8];
    for i in 0..8 {
        let at = 32 + 16 * i;
        let mut mantissa = [0; 8];
        mantissa.copy_from_slice(&b[at..at + 8]);
        st[(top + i) & 7] = F80::new(half(at + 8), u64::from_le_bytes(mantissa));
    }
    State { cw: half(0), sw, tags: b[4], eflags: 0, st, mem: [0; tests::x87::MEM] }
}
