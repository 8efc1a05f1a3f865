//! The system: uname(2) in three generations, sysinfo(2), sysfs(2), sethostname(2), personality(2), syslog(2).
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::host;
use crate::host::call::mut_ptr;
use crate::layout::host64::{Sysinfo, Utsname};
use crate::layout::sysinfo::Sysinfo32;
use std::sync::atomic::{AtomicU32, Ordering};

/// The machine an i386 kernel on a current CPU reports.
const MACHINE: &[u8] = b"i686";
const OLD_FIELD: usize = 9;

fn host_uname() -> Result<Utsname, Errno> {
    let mut name = Utsname::default();
    host::syscall(libc::SYS_uname, args![mut_ptr(&mut name)])?;
    name.machine = [0; 65];
    name.machine[..MACHINE.len()].copy_from_slice(MACHINE);
    Ok(name)
}

/// uname(2).
pub fn uname(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.write(a.addr(0), &host_uname()?)?;
    Ok(0)
}

/// olduname(2): without the domain name.
pub fn olduname(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let name = host_uname()?;
    cx.write(a.addr(0), &[name.sysname, name.nodename, name.release, name.version, name.machine])?;
    Ok(0)
}

/// oldolduname(2): five fields of eight characters and a zero.
pub fn oldolduname(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let name = host_uname()?;
    let short = |field: [u8; 65]| {
        let mut out = [0; OLD_FIELD];
        out[..OLD_FIELD - 1].copy_from_slice(&field[..OLD_FIELD - 1]);
        out
    };
    cx.write(a.addr(0), &[name.sysname, name.nodename, name.release, name.version, name.machine].map(short))?;
    Ok(0)
}

/// sysinfo(2): amounts are given in units that make them fit 32 bits.
pub fn sysinfo(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let mut info = Sysinfo::default();
    host::syscall(libc::SYS_sysinfo, args![mut_ptr(&mut info)])?;
    cx.write(a.addr(0), &narrow_sysinfo(&info))?;
    Ok(0)
}

/// As `do_sysinfo` for 32-bit tasks: the unit doubles until total memory and swap fit.
fn narrow_sysinfo(info: &Sysinfo) -> Sysinfo32 {
    let largest = info.totalram.get().max(info.totalswap.get());
    let mut unit = info.mem_unit.get().max(1);
    let mut shift = 0;
    if largest > u64::from(u32::MAX) {
        while unit < ir::guest::PAGE_SIZE {
            unit <<= 1;
            shift += 1;
        }
    }
    let scale = |amount: crate::layout::U64| ((amount.get() >> shift) as u32).into();
    Sysinfo32 {
        uptime: (info.uptime.get() as i32).into(),
        loads: info.loads.map(|load| (load.get() as u32).into()),
        totalram: scale(info.totalram),
        freeram: scale(info.freeram),
        sharedram: scale(info.sharedram),
        bufferram: scale(info.bufferram),
        totalswap: scale(info.totalswap),
        freeswap: scale(info.freeswap),
        procs: info.procs,
        totalhigh: scale(info.totalhigh),
        freehigh: scale(info.freehigh),
        mem_unit: unit.into(),
        ..Sysinfo32::default()
    }
}

/// sysfs(2): file system types by number, from /proc/filesystems.
pub fn sysfs(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let table = std::fs::read_to_string("/proc/filesystems").map_err(|_| Errno::EINVAL)?;
    let mut names = table.lines().filter_map(|line| line.split('\t').next_back());
    match a.uint(0) {
        1 => {
            let wanted = cx.read_path(a.addr(1))?;
            let index = names.position(|name| name.as_bytes() == wanted.to_bytes());
            index.map(|i| i as u32).ok_or(Errno::EINVAL)
        }
        2 => {
            let name = names.nth(a.uint(1) as usize).ok_or(Errno::EINVAL)?;
            cx.write(a.addr(2), [name.as_bytes(), &[0]].concat().as_slice())?;
            Ok(0)
        }
        3 => Ok(names.count() as u32),
        _ => Err(Errno::EINVAL),
    }
}

/// The guest's persona. The host's own stays as it is but for the flags that mean the same to it.
static PERSONA: AtomicU32 = AtomicU32::new(0);
const QUERY: u32 = u32::MAX;

/// The personality(2) value the guest set last.
pub fn persona() -> u32 {
    PERSONA.load(Ordering::Relaxed)
}

/// personality(2).
pub fn personality(_: &mut Cx<'_>, a: &Args) -> SysResult {
    Ok(match a.uint(0) {
        QUERY => persona(),
        new => PERSONA.swap(new, Ordering::Relaxed),
    })
}

/// getcpu(2).
pub fn getcpu(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (mut cpu, mut node) = (0u32, 0u32);
    host::syscall(libc::SYS_getcpu, args![mut_ptr(&mut cpu), mut_ptr(&mut node)])?;
    cx.write_opt(a.addr(0), &cpu)?;
    cx.write_opt(a.addr(1), &node)?;
    Ok(0)
}

/// getrandom(2).
pub fn getrandom(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(0), u64::from(a.uint(1)));
    cx.host(a, libc::SYS_getrandom, args![a.addr(0), a.uint(1), a.uint(2)])
}

/// syslog(2).
pub fn syslog(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    if a.addr(1).0 != 0 && a.int(2) > 0 {
        cx.will_write(a.addr(1), u64::from(a.uint(2)));
    }
    cx.host(a, libc::SYS_syslog, args![a.int(0), a.addr(1), a.int(2)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_memory_is_counted_in_pages() {
        let info = Sysinfo { totalram: (64u64 << 30).into(), mem_unit: 1.into(), ..Sysinfo::default() };
        let narrow = narrow_sysinfo(&info);
        assert_eq!((narrow.totalram.get(), narrow.mem_unit.get()), (16 << 20, 4096));
        let info = Sysinfo { totalram: (1u64 << 30).into(), mem_unit: 1.into(), ..Sysinfo::default() };
        assert_eq!(narrow_sysinfo(&info).mem_unit.get(), 1);
    }
}
