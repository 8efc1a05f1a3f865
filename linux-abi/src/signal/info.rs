//! siginfo_t as a 64-bit host writes it and as an i386 program reads it (include/uapi/asm-generic/siginfo.h).
//!
//! Both begin with number, errno, code; then a union at offset 16 on the host and 12 on i386, whose member the number
//! and code select.
use crate::host::thread::HostSigInfo;
use crate::host::{self};

/// si_code of kill(2).
pub const SI_USER: i32 = 0;
/// si_code of what the kernel sends for no particular reason.
pub const SI_KERNEL: i32 = 0x80;
/// si_code of sigqueue(3).
pub const SI_QUEUE: i32 = -1;
/// si_code of POSIX timers.
pub const SI_TIMER: i32 = -2;
/// si_code of queued SIGIO.
pub const SI_SIGIO: i32 = -5;
/// si_code of tkill(2).
pub const SI_TKILL: i32 = -6;

/// Which member of the union is meant (the kernel's siginfo_layout()).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    /// pid, uid.
    Kill,
    /// timer id, overrun, value.
    Timer,
    /// band, fd.
    Poll,
    /// address, and what else the code says.
    Fault,
    /// pid, uid, status, user time, system time.
    Child,
    /// pid, uid, value.
    Queue,
    /// call address, number, architecture.
    Syscall,
}

fn member(signal: i32, code: i32) -> Member {
    match (signal, code) {
        (_, SI_TIMER) => Member::Timer,
        (_, SI_SIGIO) => Member::Poll,
        (_, SI_USER | SI_TKILL | SI_KERNEL) => Member::Kill,
        (_, i32::MIN..=-1) => Member::Queue,
        (libc::SIGILL | libc::SIGFPE | libc::SIGSEGV | libc::SIGBUS | libc::SIGTRAP, _) => Member::Fault,
        (libc::SIGCHLD, _) => Member::Child,
        (libc::SIGPOLL, _) => Member::Poll,
        (libc::SIGSYS, _) => Member::Syscall,
        // POLL_IN to POLL_HUP (NSIGPOLL): any signal may be a descriptor's (F_SETSIG).
        (_, 1..=6) => Member::Poll,
        _ => Member::Kill,
    }
}

/// A host siginfo_t.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct SigInfo64 {
    bytes: HostSigInfo,
}

impl std::fmt::Debug for SigInfo64 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigInfo64 {{ signo: {}, code: {} }}", self.word(0), self.code())
    }
}

impl SigInfo64 {
    /// From its bytes.
    pub fn new(bytes: HostSigInfo) -> Self {
        Self { bytes }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &HostSigInfo {
        &self.bytes
    }

    /// Where the kernel is to write or read one.
    pub fn pointer(&mut self) -> u64 {
        self.bytes.as_mut_ptr().expose_provenance() as u64
    }

    fn word(&self, at: usize) -> i32 {
        let bytes = &self.bytes[at..at + 4];
        i32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    fn long(&self, at: usize) -> u64 {
        u64::from(self.word(at) as u32) | u64::from(self.word(at + 4) as u32) << 32
    }

    fn put(&mut self, at: usize, value: i32) {
        self.bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
    }

    fn put_long(&mut self, at: usize, value: u64) {
        self.bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes());
    }

    /// si_signo.
    pub fn signo(&self) -> i32 {
        self.word(0)
    }

    /// si_code.
    pub fn code(&self) -> i32 {
        self.word(8)
    }

    /// si_addr of a fault.
    pub fn addr(&self) -> u64 {
        self.long(16)
    }

    /// Whether an instruction of this thread caused it, rather than somebody sending it.
    pub fn raised_by_kernel(&self) -> bool {
        self.code() > 0
    }

    /// Queues it for the process again, as it is. Async-signal-safe.
    pub(crate) fn send_to_process(&self) {
        self.send(libc::SYS_rt_sigqueueinfo, &[i64::from(std::process::id())]);
    }

    /// Queues it for the calling thread if it was sent to a thread, else for the process.
    pub(crate) fn send_back(&self) {
        match self.code() {
            SI_TKILL => {
                let tid = host::syscall(libc::SYS_gettid, [0; 6]).unwrap_or(0) as i64;
                self.send(libc::SYS_rt_tgsigqueueinfo, &[i64::from(std::process::id()), tid]);
            }
            _ => self.send_to_process(),
        }
    }

    fn send(&self, nr: i64, to: &[i64]) {
        let mut copy = *self;
        let mut args = [0u64; 6];
        for (arg, id) in args.iter_mut().zip(to) {
            *arg = *id as u64;
        }
        args[to.len()] = self.signo() as u64;
        args[to.len() + 1] = copy.pointer();
        // The kernel lets a process send itself anything.
        let _ = host::syscall(nr, args);
    }
}

/// An i386 siginfo_t.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SigInfo {
    words: [u32; 32],
}

impl std::fmt::Debug for SigInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigInfo {{ signo: {}, code: {}, {:x?} }}", self.signo(), self.code(), &self.words[3..8])
    }
}

impl SigInfo {
    /// An empty one.
    pub fn new(signal: i32, code: i32) -> Self {
        let mut words = [0; 32];
        (words[0], words[2]) = (signal as u32, code as u32);
        Self { words }
    }

    /// A fault at `addr`.
    pub fn fault(signal: i32, code: i32, addr: u32) -> Self {
        let mut info = Self::new(signal, code);
        info.words[3] = addr;
        info
    }

    /// si_signo.
    pub fn signo(&self) -> i32 {
        self.words[0] as i32
    }

    /// si_code.
    pub fn code(&self) -> i32 {
        self.words[2] as i32
    }

    /// The 128 bytes the guest sees.
    pub fn to_bytes(&self) -> [u8; 128] {
        let mut bytes = [0; 128];
        for (out, word) in bytes.chunks_exact_mut(4).zip(self.words) {
            out.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// From the bytes a guest gives.
    pub fn from_bytes(bytes: &[u8; 128]) -> Self {
        let mut words = [0; 32];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(4)) {
            *word = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        }
        Self { words }
    }

    /// What an i386 kernel would have written for the same event.
    pub fn from_host(host: &SigInfo64) -> Self {
        let mut info = Self::new(host.signo(), host.code());
        info.words[1] = host.word(4) as u32;
        let word = |at| host.word(at) as u32;
        let w = &mut info.words;
        match member(host.signo(), host.code()) {
            Member::Kill => (w[3], w[4]) = (word(16), word(20)),
            // The value is a long on the host; i386 sees its low word. si_sys_private is the kernel's.
            Member::Timer => (w[3], w[4], w[5]) = (word(16), word(20), word(24)),
            Member::Poll => (w[3], w[4]) = (word(16), word(24)),
            Member::Fault => {
                w[3] = word(16);
                // si_addr_lsb, or the key and bounds that some codes carry.
                (w[4], w[5], w[6]) = (word(24), word(32), word(40));
            }
            Member::Child => {
                (w[3], w[4], w[5]) = (word(16), word(20), word(24));
                (w[6], w[7]) = (host.long(32) as u32, host.long(40) as u32);
            }
            Member::Queue => (w[3], w[4], w[5]) = (word(16), word(20), word(24)),
            Member::Syscall => (w[3], w[4], w[5]) = (word(16), word(24), word(28)),
        }
        info
    }

    /// What the host kernel is to be given for it (rt_sigqueueinfo(2)).
    pub fn to_host(&self) -> SigInfo64 {
        let mut host = SigInfo64 { bytes: [0; 128] };
        let w = |n: usize| self.words[n] as i32;
        (0..3).for_each(|n| host.put(4 * n, w(n)));
        let long = |n: usize| u64::from(self.words[n]);
        match member(self.signo(), self.code()) {
            Member::Kill => [(16, 3), (20, 4)].iter().for_each(|(at, n)| host.put(*at, w(*n))),
            Member::Timer | Member::Queue => (host.put(16, w(3)), host.put(20, w(4)), host.put_long(24, long(5))).2,
            Member::Poll => (host.put_long(16, w(3) as i64 as u64), host.put(24, w(4))).1,
            Member::Fault => host.put_long(16, long(3)),
            Member::Child => {
                [(16, 3), (20, 4), (24, 5)].iter().for_each(|(at, n)| host.put(*at, w(*n)));
                host.put_long(32, w(6) as i64 as u64);
                host.put_long(40, w(7) as i64 as u64);
            }
            Member::Syscall => (host.put_long(16, long(3)), host.put(24, w(4)), host.put(28, w(5))).2,
        }
        host
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(words: &[(usize, i32)]) -> SigInfo64 {
        let mut info = SigInfo64::new([0; 128]);
        words.iter().for_each(|(at, value)| info.put(*at, *value));
        info
    }

    #[test]
    fn a_signal_of_a_descriptors_own_choice_carries_band_and_descriptor() {
        assert_eq!(member(36, 1), Member::Poll);
        assert_eq!(member(36, SI_USER), Member::Kill);
        assert_eq!(member(36, 7), Member::Kill);
    }

    #[test]
    fn every_member_is_narrowed() {
        type Case<'a> = (&'a [(usize, i32)], &'a [u32]);
        let cases: &[Case<'_>] = &[
            (&[(0, 10), (8, 0), (16, 77), (20, 1000)], &[10, 0, 0, 77, 1000]),
            (&[(0, 14), (8, SI_TIMER), (16, 3), (20, 1), (24, 0x1234)], &[14, 0, -2i32 as u32, 3, 1, 0x1234]),
            (&[(0, 34), (8, SI_QUEUE), (16, 7), (20, 8), (24, 9), (28, 10)], &[34, 0, u32::MAX, 7, 8, 9, 0]),
            (&[(0, 11), (8, 1), (16, 0x4000)], &[11, 0, 1, 0x4000]),
            (&[(0, 17), (8, 1), (16, 5), (20, 6), (24, 7), (32, 8), (40, 9)], &[17, 0, 1, 5, 6, 7, 8, 9]),
            (&[(0, 29), (8, 1), (16, 0x41), (24, 4)], &[29, 0, 1, 0x41, 4]),
            (&[(0, 31), (8, 1), (16, 0x1000), (24, 39), (28, 3)], &[31, 0, 1, 0x1000, 39, 3]),
        ];
        for (words, expect) in cases {
            let narrow = SigInfo::from_host(&host(words));
            assert_eq!(&narrow.words[..expect.len()], *expect, "{narrow:?}");
            assert_eq!(SigInfo::from_host(&narrow.to_host()), narrow);
            assert_eq!(SigInfo::from_bytes(&narrow.to_bytes()), narrow);
        }
    }
}
