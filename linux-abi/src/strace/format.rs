//! Argument formats and the line they make.
use super::names::Names;
use crate::context::{Cx, SysResult};
use crate::layout::stat::Stat64;
use crate::layout::time::{Timespec, Timespec32, Timeval32};
use crate::syscall::iov::HostIov;
use crate::syscall::{ioctl, Entry};
use ir::guest::GuestAddr;
use std::fmt::Write;

/// How one argument is shown. `Out...` formats are read after the call, and only if it succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fmt {
    /// Signed decimal.
    Int,
    /// Unsigned decimal.
    Uint,
    /// Hexadecimal.
    Hex,
    /// Octal: modes.
    Mode,
    /// Address; NULL for zero.
    Ptr,
    /// File descriptor.
    Fd,
    /// File descriptor or AT_FDCWD.
    DirFd,
    /// Path string.
    Path,
    /// Any other string.
    Str,
    /// Vector of strings that ends with NULL.
    Strings,
    /// Bytes whose number is argument n.
    In(u8),
    /// Bytes the call filled: as many as it answers, at most argument n.
    Out(u8),
    /// String the call filled.
    OutStr,
    /// 64-bit number in two registers.
    Off,
    /// 64-bit number in two registers, the high half first.
    HighLow,
    /// 64-bit number the call filled.
    OutOff,
    /// Bit set.
    Set(&'static Names),
    /// One of a list.
    One(&'static Names),
    /// Open flags.
    Open,
    /// Socket type and flags.
    Sock,
    /// ioctl request.
    Ioctl,
    /// fcntl command.
    Fcntl,
    /// Futex operation.
    Futex,
    /// Signal number.
    Sig,
    /// Signal set.
    SigSet,
    /// Signal set the call filled.
    OutSigSet,
    /// Two file descriptors the call filled.
    Pair,
    /// Wait status the call filled.
    Status,
    /// `n` words.
    Words(u8),
    /// `n` words the call filled.
    OutWords(u8),
    /// 32-bit timespec.
    Ts,
    /// 32-bit timespec the call filled.
    OutTs,
    /// 64-bit timespec.
    Ts64,
    /// 64-bit timespec the call filled.
    OutTs64,
    /// 32-bit timeval.
    Tv,
    /// 32-bit timeval the call filled.
    OutTv,
    /// stat64 the call filled.
    OutStat,
    /// statx the call filled.
    OutStatx,
    /// new_utsname the call filled.
    OutUtsname,
    /// Socket address whose length is argument n.
    Sockaddr(u8),
    /// Socket address the call filled.
    OutSockaddr,
    /// iovec array with argument n entries.
    Iov(u8),
    /// Message header.
    Msghdr,
    /// Message header the call filled.
    OutMsghdr,
    /// pollfd array with argument n entries.
    Poll(u8),
    /// fd_set.
    FdSet,
    /// epoll_event.
    Epoll,
    /// user_desc.
    UserDesc,
    /// Not an argument: the result is hexadecimal.
    RetHex,
}

impl Fmt {
    /// Registers the argument takes.
    pub fn registers(self) -> usize {
        match self {
            Self::RetHex => 0,
            Self::Off | Self::HighLow => 2,
            _ => 1,
        }
    }

    /// Tells the memory map which buffers a call that goes to the kernel as it is may fill.
    pub fn announce(cx: &Cx<'_>, formats: &[Self], args: [u32; 6]) {
        let mut n = 0;
        for fmt in formats {
            let at = GuestAddr(args[n.min(5)]);
            n += fmt.registers();
            if at.0 != 0 {
                fmt.announce_one(cx, at, args);
            }
        }
    }

    fn announce_one(self, cx: &Cx<'_>, at: GuestAddr, args: [u32; 6]) {
        use Fmt::*;
        let iov = |at: u32, count: u32| drop(HostIov::read(cx, GuestAddr(at), count, true));
        let len = match self {
            Out(len) => args[usize::from(len)],
            Iov(count) => return iov(at.0, args[usize::from(count)]),
            OutMsghdr => {
                let Ok([_, _, vec, count, control, len, _]) = cx.read::<[u32; 7]>(at) else { return };
                cx.will_write(GuestAddr(control), u64::from(len));
                return iov(vec, count);
            }
            // Larger than any structure that is shown as an address.
            Ptr | OutSockaddr | FdSet | OutStat | OutStatx => 256,
            OutUtsname => 390,
            _ if self.is_output() => 16,
            _ => return,
        };
        cx.will_write(at, u64::from(len));
    }

    /// Whether the call fills what is shown.
    fn is_output(self) -> bool {
        use Fmt::*;
        matches!(
            self,
            Out(_)
                | OutStr
                | OutOff
                | OutSigSet
                | Pair
                | Status
                | OutWords(_)
                | OutTs
                | OutTs64
                | OutTv
                | OutStat
                | OutStatx
                | OutUtsname
                | OutSockaddr
                | OutMsghdr
                | Poll(_)
                | Ioctl
        )
    }
}

/// Longest piece of data shown, in bytes.
const MAX_DATA: usize = 32;
/// Longest path shown, in bytes.
const MAX_PATH: usize = 4096;
/// Most array entries shown.
const MAX_ENTRIES: u32 = 8;

/// A line in the making.
pub(super) struct Line {
    entry: &'static Entry,
    args: [u32; 6],
    tid: i32,
    text: Vec<Option<String>>,
}

impl Line {
    /// Renders what is known before the call.
    pub fn new(cx: &Cx<'_>, entry: &'static Entry, args: [u32; 6]) -> Self {
        let mut line = Self { entry, args, tid: cx.thread.tid, text: Vec::new() };
        line.text = line.positions().map(|(fmt, n)| (!fmt.is_output()).then(|| line.show(cx, fmt, n, 0))).collect();
        line
    }

    fn positions(&self) -> impl Iterator<Item = (Fmt, usize)> {
        let mut next = 0;
        self.entry.fmt.iter().copied().filter(|fmt| *fmt != Fmt::RetHex).map(move |fmt| {
            let at = next;
            next += fmt.registers();
            (fmt, at)
        })
    }

    /// Renders what the call has filled; after a failure those arguments are addresses.
    pub fn finish_args(&mut self, cx: &Cx<'_>, result: &SysResult) {
        let filled: Vec<_> = self
            .positions()
            .map(|(fmt, n)| match result {
                Ok(value) => self.show(cx, fmt, n, *value),
                Err(_) if matches!(fmt, Fmt::Poll(_)) => self.show(cx, fmt, n, 0),
                Err(_) => pointer(self.args[n]),
            })
            .collect();
        for (slot, late) in self.text.iter_mut().zip(filled) {
            slot.get_or_insert(late);
        }
    }

    /// Writes the line with its outcome.
    pub fn print(&self, outcome: &str) {
        let args: Vec<&str> = self.text.iter().flatten().map(String::as_str).filter(|text| !text.is_empty()).collect();
        let name =
            if self.entry.name.is_empty() { format!("syscall_{}", self.entry.nr) } else { self.entry.name.to_owned() };
        emit(self.tid, &format!("{name}({}){outcome}", args.join(", ")));
    }

    /// Whether the call does not look at argument `n`: a mode where no file is made, what fcntl(2) needs no argument for.
    fn is_unused(&self, n: usize) -> bool {
        const MAKES_A_FILE: u32 = (libc::O_CREAT | 0o20_000_000) as u32;
        const F_GETSIG: i32 = 11;
        const ONLY_ASKS: [i32; 7] = [
            libc::F_GETFD,
            libc::F_GETFL,
            libc::F_GETOWN,
            F_GETSIG,
            libc::F_GETLEASE,
            libc::F_GETPIPE_SZ,
            libc::F_GET_SEALS,
        ];
        let Some((before, at)) = self.positions().find(|(fmt, at)| at + fmt.registers() == n) else { return false };
        match before {
            Fmt::Open => self.args[at] & MAKES_A_FILE == 0,
            Fmt::Fcntl => ONLY_ASKS.contains(&(self.args[at] as i32)),
            _ => false,
        }
    }

    fn show(&self, cx: &Cx<'_>, fmt: Fmt, n: usize, result: u32) -> String {
        let raw = self.args[n];
        let at = GuestAddr(raw);
        let or_pointer = |text: Option<String>| text.unwrap_or_else(|| pointer(raw));
        match fmt {
            Fmt::Mode | Fmt::Hex if self.is_unused(n) => String::new(),
            Fmt::Int | Fmt::Fd => (raw as i32).to_string(),
            Fmt::Uint => raw.to_string(),
            Fmt::Hex => format!("{raw:#x}"),
            Fmt::Mode => format!("0{raw:o}"),
            Fmt::DirFd if raw as i32 == libc::AT_FDCWD => "AT_FDCWD".to_owned(),
            Fmt::DirFd => (raw as i32).to_string(),
            Fmt::Off => ((u64::from(raw) | u64::from(self.args[n + 1]) << 32) as i64).to_string(),
            Fmt::HighLow => ((u64::from(raw) << 32 | u64::from(self.args[n + 1])) as i64).to_string(),
            Fmt::Set(names) => names.set(raw),
            Fmt::One(names) => names.one(raw),
            Fmt::Open => super::names::open_flags(raw),
            Fmt::Sock => super::names::socket_type(raw),
            Fmt::Ioctl => ioctl::table::name(raw).map_or_else(|| format!("{raw:#x}"), str::to_owned),
            Fmt::Fcntl => super::names::FCNTL.one(raw),
            Fmt::Futex => super::names::futex(raw),
            Fmt::Sig => super::names::SIGNAL.one(raw),
            Fmt::Path | Fmt::OutStr => or_pointer(string(cx, at, MAX_PATH)),
            Fmt::Str => or_pointer(string(cx, at, MAX_DATA)),
            Fmt::Strings => or_pointer(strings(cx, at)),
            Fmt::In(len) => or_pointer(data(cx, at, self.args[usize::from(len)])),
            Fmt::Out(len) => or_pointer(data(cx, at, result.min(self.args[usize::from(len)]))),
            Fmt::Iov(count) => or_pointer(iovecs(cx, at, self.args[usize::from(count)])),
            Fmt::Poll(count) => or_pointer(pollfds(cx, at, self.args[usize::from(count)])),
            Fmt::Sockaddr(len) => or_pointer(super::names::sockaddr(cx, at, self.args[usize::from(len)])),
            Fmt::OutSockaddr => or_pointer(sockaddr_out(cx, at, self.args.get(n + 1).copied())),
            Fmt::RetHex => String::new(),
            _ => or_pointer(record(cx, fmt, at)),
        }
    }
}

fn statx(cx: &Cx<'_>, at: GuestAddr) -> Option<String> {
    let s: crate::layout::host64::Statx = cx.read(at).ok()?;
    let mode = super::names::file_mode(s.stx_mode.get().into());
    Some(format!("{{stx_mask={:#x}, stx_mode={mode}, stx_size={}, ...}}", s.stx_mask.get(), s.stx_size.get()))
}

fn utsname(cx: &Cx<'_>, at: GuestAddr) -> Option<String> {
    let fields: [[u8; 65]; 6] = cx.read(at).ok()?;
    let text = |field: &[u8; 65]| quoted(field.split(|&b| b == 0).next().unwrap_or_default());
    Some(format!("{{sysname={}, nodename={}, ...}}", text(&fields[0]), text(&fields[1])))
}

/// Fixed-size records.
fn record(cx: &Cx<'_>, fmt: Fmt, at: GuestAddr) -> Option<String> {
    if at.0 == 0 {
        return None;
    }
    let seconds = |sec: i64, part: i64, name: &str| format!("{{tv_sec={sec}, tv_{name}={part}}}");
    Some(match fmt {
        Fmt::OutOff => format!("[{}]", cx.read::<i64>(at).ok()?),
        Fmt::SigSet | Fmt::OutSigSet => super::names::signal_set(cx.read::<u64>(at).ok()?),
        Fmt::Pair => {
            let [first, second]: [i32; 2] = cx.read(at).ok()?;
            format!("[{first}, {second}]")
        }
        Fmt::Status => super::names::wait_status(cx.read::<i32>(at).ok()?),
        Fmt::Words(count) | Fmt::OutWords(count) => {
            let words: Vec<u32> = cx.read_array(at, usize::from(count)).ok()?;
            format!("[{}]", words.iter().map(u32::to_string).collect::<Vec<_>>().join(", "))
        }
        Fmt::Ts | Fmt::OutTs => {
            let t: Timespec32 = cx.read(at).ok()?;
            seconds(t.tv_sec.get().into(), t.tv_nsec.get().into(), "nsec")
        }
        Fmt::Ts64 | Fmt::OutTs64 => {
            let t: Timespec = cx.read(at).ok()?;
            seconds(t.tv_sec.get(), t.tv_nsec.get(), "nsec")
        }
        Fmt::Tv | Fmt::OutTv => {
            let t: Timeval32 = cx.read(at).ok()?;
            seconds(t.tv_sec.get().into(), t.tv_usec.get().into(), "usec")
        }
        Fmt::OutStat => {
            let s: Stat64 = cx.read(at).ok()?;
            format!("{{st_mode={}, st_size={}, ...}}", super::names::file_mode(s.st_mode.get()), s.st_size.get())
        }
        Fmt::OutStatx => statx(cx, at)?,
        Fmt::OutUtsname => utsname(cx, at)?,
        Fmt::Epoll => {
            let e: crate::layout::poll::EpollEvent = cx.read(at).ok()?;
            format!("{{events={}, data={:#x}}}", super::names::EPOLL_EVENT.set(e.events.get()), e.data.get())
        }
        Fmt::UserDesc => {
            let [entry, base, limit, flags]: [u32; 4] = cx.read(at).ok()?;
            format!("{{entry_number={}, base_addr={base:#x}, limit={limit:#x}, flags={flags:#x}}}", entry as i32)
        }
        Fmt::Msghdr | Fmt::OutMsghdr => {
            let [name, namelen, iov, count, control, controllen, flags]: [u32; 7] = cx.read(at).ok()?;
            let iov = iovecs(cx, GuestAddr(iov), count)?;
            format!(
                "{{msg_name={}, msg_namelen={namelen}, msg_iov={iov}, msg_iovlen={count}, msg_control={}, \
                 msg_controllen={controllen}, msg_flags={flags:#x}}}",
                pointer(name),
                pointer(control)
            )
        }
        _ => return None,
    })
}

/// Writes one line to stderr, with the thread id if the process is not the one that was started.
pub(super) fn emit(tid: i32, text: &str) {
    use std::sync::atomic::{AtomicI32, Ordering};
    static FIRST: AtomicI32 = AtomicI32::new(0);
    let first = match FIRST.compare_exchange(0, tid, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => tid,
        Err(first) => first,
    };
    let line = if tid == first { format!("{text}\n") } else { format!("[pid {tid}] {text}\n") };
    let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
}

fn pointer(raw: u32) -> String {
    if raw == 0 {
        "NULL".to_owned()
    } else {
        format!("{raw:#x}")
    }
}

/// Bytes as a C string literal.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from('"');
    for &byte in bytes {
        let _ = match byte {
            b'"' => write!(out, "\\\""),
            b'\\' => write!(out, "\\\\"),
            b'\n' => write!(out, "\\n"),
            b'\t' => write!(out, "\\t"),
            b'\r' => write!(out, "\\r"),
            0x20..=0x7e => write!(out, "{}", byte as char),
            _ => write!(out, "\\{byte:o}"),
        };
    }
    out.push('"');
    out
}

fn string(cx: &Cx<'_>, at: GuestAddr, max: usize) -> Option<String> {
    if at.0 == 0 {
        return None;
    }
    match cx.read_cstr(at, max, crate::Errno::ENAMETOOLONG) {
        Ok(text) => Some(quoted(text.to_bytes())),
        Err(crate::Errno::ENAMETOOLONG) => Some(format!("{}...", quoted(&cx.read_bytes(at, max).ok()?))),
        Err(_) => None,
    }
}

fn strings(cx: &Cx<'_>, at: GuestAddr) -> Option<String> {
    let mut shown = Vec::new();
    for i in 0..=MAX_ENTRIES * 4 {
        let pointer: u32 = cx.read(at.plus(4 * i)).ok()?;
        if pointer == 0 {
            return Some(format!("[{}]", shown.join(", ")));
        }
        shown.push(string(cx, GuestAddr(pointer), 256)?);
    }
    Some(format!("[{}, ...]", shown.join(", ")))
}

fn data(cx: &Cx<'_>, at: GuestAddr, len: u32) -> Option<String> {
    if at.0 == 0 {
        return None;
    }
    let shown = (len as usize).min(MAX_DATA);
    let text = quoted(&cx.read_bytes(at, shown).ok()?);
    Some(if shown < len as usize { text + "..." } else { text })
}

fn iovecs(cx: &Cx<'_>, at: GuestAddr, count: u32) -> Option<String> {
    let vecs: Vec<[u32; 2]> = cx.read_array(at, count.min(MAX_ENTRIES) as usize).ok()?;
    let shown: Option<Vec<String>> = vecs
        .iter()
        .map(|&[base, len]| Some(format!("{{iov_base={}, iov_len={len}}}", data(cx, GuestAddr(base), len)?)))
        .collect();
    let more = if count > MAX_ENTRIES { ", ..." } else { "" };
    Some(format!("[{}{more}]", shown?.join(", ")))
}

fn pollfds(cx: &Cx<'_>, at: GuestAddr, count: u32) -> Option<String> {
    let fds: Vec<crate::layout::uio::Pollfd> = cx.read_array(at, count.min(MAX_ENTRIES) as usize).ok()?;
    let events = |bits: u16| super::names::POLL.set(u32::from(bits));
    let show = |p: &crate::layout::uio::Pollfd| match p.revents.get() {
        0 => format!("{{fd={}, events={}}}", p.fd.get(), events(p.events.get())),
        got => format!("{{fd={}, events={}, revents={}}}", p.fd.get(), events(p.events.get()), events(got)),
    };
    let more = if count > MAX_ENTRIES { ", ..." } else { "" };
    Some(format!("[{}{more}]", fds.iter().map(show).collect::<Vec<_>>().join(", ")))
}

fn sockaddr_out(cx: &Cx<'_>, at: GuestAddr, len_at: Option<u32>) -> Option<String> {
    let len: u32 = cx.read(GuestAddr(len_at?)).ok()?;
    super::names::sockaddr(cx, at, len)
}

const _: () = assert!(size_of::<Timespec>() == 16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_c_literals() {
        assert_eq!(quoted(b"a\"b\\\n\x01\xff"), r#""a\"b\\\n\1\377""#);
    }
}
