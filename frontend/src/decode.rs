//! Instructions from guest memory.
//!
//! Code is fetched in windows, because a call into the memory map per instruction would cost more than decoding. An
//! instruction that runs into a page that cannot be fetched is a fault of that instruction alone: what comes before it
//! is unaffected. SDM vol. 2, chapter 2 (formats); vol. 3, 6.15 (#UD, and #GP past 15 bytes), 3.4.5 (the D flag of code segments).
use iced_x86::{Decoder, DecoderOptions, FastFormatter, Instruction};
use ir::guest::{Descriptor, Fault, GuestAddr, GuestMem};

/// Longest instruction in bytes.
pub const MAX_INSN_LEN: usize = 15;

/// Bytes fetched at a time: most regions fit one window, and a larger one would cost more than it saves.
const WINDOW: usize = 256;
/// The same for a look at a few instructions.
const SMALL_WINDOW: usize = 64;

/// What is found at an address.
#[derive(Clone, Copy, Debug)]
pub enum Decoded {
    /// An instruction.
    Insn(Instruction),
    /// No instruction: #UD. The number of bytes the decoder looked at.
    Undefined(u8),
    /// More than 15 bytes, or bytes beyond the end of the code segment: #GP.
    TooLong,
    /// The instruction's bytes cannot all be fetched.
    Fetch(Fault),
}

/// Bytes that were fetched.
#[derive(Clone)]
pub struct Window {
    base: GuestAddr,
    len: usize,
    limit: usize,
    bytes: [u8; WINDOW],
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Window").field("base", &self.base).field("len", &self.len).finish_non_exhaustive()
    }
}

impl Default for Window {
    /// An empty window for reading on and on.
    fn default() -> Self {
        Self { base: GuestAddr(0), len: 0, limit: WINDOW, bytes: [0; WINDOW] }
    }
}

impl Window {
    /// An empty window that fetches little, for looking at a few instructions in many places.
    pub fn small() -> Self {
        Self { limit: SMALL_WINDOW, ..Self::default() }
    }
}

/// A reader of guest code through a window. Addresses are offsets in a code segment.
#[derive(Debug)]
pub struct Code<'m> {
    mem: Memory<'m>,
    window: &'m mut Window,
    segment: Descriptor,
}

/// Guest memory, whose text is not shown.
struct Memory<'m>(&'m dyn GuestMem);

impl std::fmt::Debug for Memory<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

/// Fetches at an offset in a segment, as much as the segment has.
fn fetch(mem: &dyn GuestMem, segment: Descriptor, offset: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
    let room = u64::from(segment.limit) + 1 - u64::from(offset.0);
    let len = buf.len().min(room as usize);
    mem.fetch(offset.plus(segment.base), &mut buf[..len])
}

impl<'m> Code<'m> {
    /// A reader of this memory as flat 32-bit code. Nothing is fetched yet: what the window held may have changed.
    pub fn new(mem: &'m dyn GuestMem, window: &'m mut Window) -> Self {
        Self::in_segment(mem, window, Descriptor::FLAT_CODE)
    }

    /// The same of the code in a segment.
    pub fn in_segment(mem: &'m dyn GuestMem, window: &'m mut Window, segment: Descriptor) -> Self {
        window.len = 0;
        Self { mem: Memory(mem), window, segment }
    }

    /// Bits of operands and addresses without a prefix.
    fn bitness(&self) -> u32 {
        match self.segment.is_big() {
            true => 32,
            false => 16,
        }
    }

    /// Whether a few instructions at `addr` can be read without fetching.
    pub fn has(&self, addr: GuestAddr) -> bool {
        self.position(addr, 2 * MAX_INSN_LEN).is_some()
    }

    /// Offset of `addr` in the window, if at least `want` bytes from it are there or the window cannot grow.
    fn position(&self, addr: GuestAddr, want: usize) -> Option<usize> {
        let Window { base, len, limit, .. } = *self.window;
        let at = addr.0.wrapping_sub(base.0) as usize;
        (at < len && (len - at >= want || len < limit)).then_some(at)
    }

    /// Makes `addr` part of the window and returns its offset.
    fn seek(&mut self, addr: GuestAddr, want: usize) -> Result<usize, Fault> {
        if let Some(at) = self.position(addr, want) {
            return Ok(at);
        }
        let window = &mut *self.window;
        window.len = 0;
        window.len = fetch(self.mem.0, self.segment, addr, &mut window.bytes[..window.limit])?;
        window.base = addr;
        Ok(0)
    }

    /// Up to 15 bytes at `addr`, as many as can be fetched.
    pub fn bytes(&mut self, addr: GuestAddr) -> Result<&[u8], Fault> {
        if addr.0 > self.segment.limit {
            return Ok(&[]);
        }
        let at = self.seek(addr, MAX_INSN_LEN)?;
        Ok(&self.window.bytes[at..self.window.len.min(at + MAX_INSN_LEN)])
    }

    /// Decodes from `start` on until `visit` answers false or something is found that is no instruction.
    pub fn walk(&mut self, start: GuestAddr, mut visit: impl FnMut(GuestAddr, Decoded) -> bool) {
        let mut addr = start;
        loop {
            if addr.0 > self.segment.limit {
                visit(addr, Decoded::TooLong);
                return;
            }
            let at = match self.seek(addr, MAX_INSN_LEN) {
                Ok(at) => at,
                Err(fault) => {
                    visit(addr, Decoded::Fetch(fault));
                    return;
                }
            };
            let Window { len, limit, ref bytes, .. } = *self.window;
            let window = &bytes[at..len];
            let mut decoder = Decoder::with_ip(self.bitness(), window, u64::from(addr.0), DecoderOptions::NONE);
            let mut insn = Instruction::default();
            // A short window ends at a page that cannot be fetched, so its last bytes are decoded too.
            let last = if len < limit { window.len() } else { (window.len() + 1).saturating_sub(MAX_INSN_LEN) };
            while decoder.position() < last {
                let rest = window.len() - decoder.position();
                decoder.decode_out(&mut insn);
                if insn.is_invalid() {
                    visit(addr, self.explain(addr, rest, decoder.last_error(), insn.len()));
                    return;
                }
                if !visit(addr, Decoded::Insn(insn)) {
                    return;
                }
                addr = GuestAddr(insn.next_ip32());
            }
        }
    }

    /// Why there is no instruction at `addr`, of which `rest` bytes were at hand.
    fn explain(&self, addr: GuestAddr, rest: usize, error: iced_x86::DecoderError, len: usize) -> Decoded {
        if error != iced_x86::DecoderError::NoMoreBytes {
            // With enough bytes at hand the decoder does not tell "overlong" from "illegal": only the length does.
            return if len == MAX_INSN_LEN { Decoded::TooLong } else { Decoded::Undefined(len.max(1) as u8) };
        }
        let beyond = addr.plus(rest as u32);
        if beyond.0 > self.segment.limit {
            return Decoded::TooLong;
        }
        match fetch(self.mem.0, self.segment, beyond, &mut [0]) {
            Err(fault) => Decoded::Fetch(fault),
            // The page became readable meanwhile: no instruction now, the dispatcher will try again.
            Ok(_) => Decoded::Fetch(Fault {
                addr: beyond.plus(self.segment.base),
                access: ir::guest::Access::Execute,
                kind: ir::guest::FaultKind::Unmapped,
            }),
        }
    }
}

/// One line of [`disassemble`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where.
    pub addr: GuestAddr,
    /// The instruction's bytes.
    pub bytes: Vec<u8>,
    /// Intel syntax; `(bad)` where there is no instruction.
    pub text: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ", self.addr)?;
        for byte in &self.bytes {
            write!(f, " {byte:02x}")?;
        }
        write!(f, "  {}", self.text)
    }
}

/// Up to `n` instructions from `addr` on, for dumps and messages.
pub fn disassemble(mem: &dyn GuestMem, addr: GuestAddr, n: usize) -> Vec<Line> {
    let mut found = Vec::new();
    let mut window = Window::default();
    Code::new(mem, &mut window).walk(addr, |at, decoded| {
        found.push((at, decoded));
        found.len() < n
    });
    found.truncate(n);
    let mut code = Code::new(mem, &mut window);
    let mut formatter = FastFormatter::new();
    let mut line = |(at, decoded)| {
        let bytes = code.bytes(at).unwrap_or(&[]);
        let mut text = String::new();
        let len = match decoded {
            Decoded::Insn(insn) => {
                formatter.format(&insn, &mut text);
                insn.len()
            }
            Decoded::Undefined(len) => usize::from(len),
            Decoded::TooLong | Decoded::Fetch(_) => bytes.len(),
        };
        if text.is_empty() {
            text.push_str("(bad)");
        }
        Line { addr: at, bytes: bytes[..len.min(bytes.len())].to_vec(), text }
    };
    found.into_iter().map(&mut line).collect()
}

/// Memory for tests: bytes at one address, unmapped elsewhere.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use ir::guest::{Access, FaultKind};

    /// Bytes at an address.
    pub(crate) struct Bytes(pub u32, pub Vec<u8>);

    impl GuestMem for Bytes {
        fn read(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
            let n = self.fetch(addr, buf)?;
            if n == buf.len() {
                return Ok(());
            }
            Err(Fault { addr: addr.plus(n as u32), access: Access::Read, kind: FaultKind::Unmapped })
        }

        fn write(&mut self, addr: GuestAddr, data: &[u8]) -> Result<(), Fault> {
            self.read(addr, &mut vec![0; data.len()])?;
            let at = addr.0.wrapping_sub(self.0) as usize;
            self.1[at..at + data.len()].copy_from_slice(data);
            Ok(())
        }

        fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
            let at = addr.0.wrapping_sub(self.0) as usize;
            if at >= self.1.len() {
                return Err(Fault { addr, access: Access::Execute, kind: FaultKind::Unmapped });
            }
            let n = buf.len().min(self.1.len() - at);
            buf[..n].copy_from_slice(&self.1[at..at + n]);
            Ok(n)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::Bytes;
    use super::*;

    fn all(bytes: &[u8]) -> Vec<String> {
        let mem = Bytes(0x1000, bytes.to_vec());
        let mut out = Vec::new();
        Code::new(&mem, &mut Window::default()).walk(GuestAddr(0x1000), |addr, d| {
            out.push(match d {
                Decoded::Insn(i) => format!("{:x} {:?}", addr.0, i.mnemonic()),
                Decoded::Undefined(n) => format!("{:x} undefined {n}", addr.0),
                Decoded::TooLong => format!("{:x} too long", addr.0),
                Decoded::Fetch(f) => format!("{:x} fetch {:x}", addr.0, f.addr.0),
            });
            true
        });
        out
    }

    #[test]
    fn faults_belong_to_the_instruction_that_needs_the_bytes() {
        assert_eq!(all(&[0x90, 0x90]), ["1000 Nop", "1001 Nop", "1002 fetch 1002"]);
        assert_eq!(all(&[0x90, 0xb8, 1, 2]), ["1000 Nop", "1001 fetch 1004"]);
    }

    #[test]
    fn illegal_and_overlong_instructions_are_told_apart() {
        assert_eq!(all(&[0xf0, 0x89, 0xc0, 0x90])[0], "1000 undefined 3");
        let mut long = vec![0x66; 15];
        long.extend([0x90; 20]);
        assert_eq!(all(&long), ["1000 too long"]);
    }

    #[test]
    fn segments_have_a_base_a_limit_and_a_width() {
        let mem = Bytes(0x1000, vec![0xb8, 1, 2, 3, 4, 0x90]);
        let walk = |limit, rights| {
            let segment = Descriptor { base: 0xff0, limit, rights };
            let mut found = Vec::new();
            Code::in_segment(&mem, &mut Window::default(), segment).walk(GuestAddr(0x10), |addr, decoded| {
                found.push(match decoded {
                    Decoded::Insn(insn) => (addr.0, insn.len()),
                    Decoded::TooLong => (addr.0, 0),
                    Decoded::Undefined(_) | Decoded::Fetch(_) => panic!("{decoded:?}"),
                });
                found.len() < 3
            });
            found
        };
        assert_eq!(walk(0x15, 0x0040_fb00), [(0x10, 5), (0x15, 1), (0x16, 0)]);
        assert_eq!(walk(0x13, 0x0040_fb00), [(0x10, 0)]);
        assert_eq!(walk(0x14, 0x0000_fb00), [(0x10, 3), (0x13, 2), (0x15, 0)]);
    }

    #[test]
    fn windows_join_without_a_seam() {
        let mut bytes = Vec::new();
        for _ in 0..300 {
            bytes.extend([0x81, 0xc0, 1, 2, 3, 4]);
        }
        let lines = all(&bytes);
        assert_eq!(lines.len(), 301);
        assert!(lines[..300].iter().all(|l| l.ends_with("Add")));
    }

    #[test]
    fn disassembly_shows_bytes_and_text() {
        let mem = Bytes(0x1000, vec![0x01, 0xd8, 0xff, 0xff]);
        let lines: Vec<String> = disassemble(&mem, GuestAddr(0x1000), 2).iter().map(|l| l.to_string()).collect();
        assert_eq!(lines, ["0x00001000  01 d8  add eax,ebx", "0x00001002  ff ff  (bad)"]);
    }
}
