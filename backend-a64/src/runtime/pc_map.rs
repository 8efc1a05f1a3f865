//! Host pc to guest instruction: read by signal handlers without a lock, written by whoever installs a region.
//!
//! Two append-only arrays: one record per region, sorted by code address because code is allocated upwards; and the
//! regions' maps, two bytes for a typical guest instruction (distance in code, carry polarity, distance in guest code; what
//! the x87 state lacks where it lacks something).
//! The number of records is published last. A flush empties both while no thread is in translated code.
use super::exec_mem::CacheOffset;
use super::mapping::Mapping;
use crate::codegen::{PcEntry, X87Fix};
use ir::guest::GuestAddr;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

/// Smallest piece of code that gets a record; bounds the number of records.
pub(crate) const MIN_REGION: u32 = 16;

#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Record {
    start: u32,
    map: u32,
    map_len: u32,
    entry: u32,
}

/// What the map says about a host pc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GuestPc {
    /// The guest instruction.
    pub(crate) eip: GuestAddr,
    /// Whether C is the guest's CF there rather than its inverse.
    pub(crate) carry_direct: bool,
    /// What the x87 state in memory lacks.
    pub(crate) x87: X87Fix,
}

/// The maps of all regions.
#[derive(Debug)]
pub(crate) struct PcMaps {
    records: Mapping,
    bytes: Mapping,
    count: AtomicU32,
    used: AtomicU32,
}

impl PcMaps {
    /// Room for the maps of `code_len` bytes of code.
    pub(crate) fn new(code_len: u32) -> io::Result<Self> {
        let records = (code_len / MIN_REGION) as usize * size_of::<Record>();
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        Ok(Self {
            records: Mapping::new(records, prot)?,
            // At most one entry per host instruction; entries are two bytes with rare exceptions, and `push` checks.
            bytes: Mapping::new(code_len as usize, prot)?,
            count: AtomicU32::new(0),
            used: AtomicU32::new(0),
        })
    }

    /// Adds the map of a region whose code starts at `start`, above all before it; false if there is no room.
    pub(crate) fn push(&self, start: CacheOffset, entry: GuestAddr, map: &[PcEntry]) -> bool {
        let (count, used) = (self.count.load(Ordering::Relaxed), self.used.load(Ordering::Relaxed));
        // SAFETY: inside the mapping, above everything published, and only this thread writes (the code cache is locked).
        let free = unsafe {
            std::slice::from_raw_parts_mut(self.bytes.base().add(used as usize), self.bytes.len() - used as usize)
        };
        let worst = map.len() * MAX_ENTRY;
        if worst > free.len() || (count as usize + 1) * size_of::<Record>() > self.records.len() {
            return false;
        }
        let map_len = encode(entry, map, free) as u32;
        let record = Record { start: start.0, map: used, map_len, entry: entry.0 };
        // SAFETY: as above, for the records.
        unsafe { self.records.base().cast::<Record>().add(count as usize).write(record) };
        self.used.store(used + map_len, Ordering::Relaxed);
        self.count.store(count + 1, Ordering::Release);
        true
    }

    /// The guest instruction that host code at `at` belongs to. Async-signal-safe.
    pub(crate) fn find(&self, at: CacheOffset) -> Option<GuestPc> {
        let count = self.count.load(Ordering::Acquire) as usize;
        // SAFETY: `count` records are initialised and are not written again while a thread is in translated code.
        let records = unsafe { std::slice::from_raw_parts(self.records.base().cast::<Record>(), count) };
        let index = records.partition_point(|record| record.start <= at.0).checked_sub(1)?;
        let record = records[index];
        // SAFETY: the record's bytes were written before it was published.
        let bytes =
            unsafe { std::slice::from_raw_parts(self.bytes.base().add(record.map as usize), record.map_len as usize) };
        decode(GuestAddr(record.entry), bytes, at.0 - record.start)
    }

    /// Forgets everything; no thread may be in translated code.
    pub(crate) fn clear(&self) {
        self.records.discard(0, self.records.len());
        self.bytes.discard(0, self.bytes.len());
        self.count.store(0, Ordering::Release);
        self.used.store(0, Ordering::Relaxed);
    }
}

/// Longest encoding of one entry: four numbers of 32 bits, seven bits a byte.
const MAX_ENTRY: usize = 20;

/// Writes a map to `out`, which is long enough; its length.
fn encode(entry: GuestAddr, map: &[PcEntry], out: &mut [u8]) -> usize {
    let (mut at, mut eip, mut len) = (0, entry.0, 0);
    for e in map {
        let words = (e.at.0 - at) / 4;
        len += leb128(words << 2 | u32::from(!e.x87.is_none()) << 1 | u32::from(e.carry_direct), &mut out[len..]);
        if !e.x87.is_none() {
            len += leb128(e.x87.to_bits(), &mut out[len..]);
            if let Some(fip) = e.x87.fip() {
                len += leb128(zigzag(fip.0.wrapping_sub(eip)), &mut out[len..]);
            }
        }
        len += leb128(zigzag(e.eip.0.wrapping_sub(eip)), &mut out[len..]);
        (at, eip) = (e.at.0, e.eip.0);
    }
    len
}

/// A distance with its sign in bit 0.
fn zigzag(delta: u32) -> u32 {
    delta << 1 ^ (delta as i32 >> 31) as u32
}

/// The distance that `zigzag` was given.
fn unzigzag(code: u32) -> u32 {
    code >> 1 ^ (code & 1).wrapping_neg()
}

fn leb128(mut value: u32, out: &mut [u8]) -> usize {
    let mut len = 0;
    while value >= 0x80 {
        out[len] = value as u8 | 0x80;
        value >>= 7;
        len += 1;
    }
    out[len] = value as u8;
    len + 1
}

fn decode(entry: GuestAddr, bytes: &[u8], at: u32) -> Option<GuestPc> {
    let mut bytes = bytes.iter();
    let mut next = || {
        let (mut value, mut shift) = (0u32, 0);
        loop {
            let byte = *bytes.next()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
            shift += 7;
        }
    };
    let (mut here, mut eip, mut found) = (0u32, entry.0, None);
    while let Some(first) = next() {
        here += (first >> 2) * 4;
        if here > at {
            break;
        }
        let mut x87 = X87Fix::NONE;
        if first & 2 != 0 {
            let bits = next()?;
            x87 = X87Fix::from_bits(bits);
            if X87Fix::bits_have_fip(bits) {
                x87 = x87.with_fip(Some(GuestAddr(eip.wrapping_add(unzigzag(next()?)))));
            }
        }
        eip = eip.wrapping_add(unzigzag(next()?));
        found = Some(GuestPc { eip: GuestAddr(eip), carry_direct: first & 1 != 0, x87 });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codegen::CodeOffset;

    fn entry(at: u32, eip: u32, carry_direct: bool) -> PcEntry {
        PcEntry { at: CodeOffset(at), eip: GuestAddr(eip), carry_direct, x87: lacks(eip) }
    }

    /// Odd instructions lack something.
    fn lacks(eip: u32) -> X87Fix {
        if eip & 1 != 0 {
            X87Fix::new(5, 0x81, 0x18, true).with_fip((eip & 2 != 0).then_some(GuestAddr(eip - 3)))
        } else {
            X87Fix::NONE
        }
    }

    #[test]
    fn finds_the_instruction() {
        let maps = PcMaps::new(1 << 16).unwrap();
        let first = [
            entry(0, 0x1000, false),
            entry(8, 0x1003, true),
            entry(0x1000, 0xfff, false),
            entry(0x1004, 0xffff_f000, true),
        ];
        assert!(maps.push(CacheOffset(0), GuestAddr(0x1000), &first));
        assert!(maps.push(CacheOffset(0x2000), GuestAddr(0x40), &[entry(4, 0x40, false), entry(12, 0x41, false)]));
        let rows = [
            (0, Some((0x1000, false))),
            (4, Some((0x1000, false))),
            (8, Some((0x1003, true))),
            (0xffc, Some((0x1003, true))),
            (0x1000, Some((0xfff, false))),
            (0x1ffc, Some((0xffff_f000, true))),
            (0x2000, None),
            (0x2004, Some((0x40, false))),
            (0x200c, Some((0x41, false))),
        ];
        for (at, want) in rows {
            let want = want.map(|(eip, carry_direct)| GuestPc { eip: GuestAddr(eip), carry_direct, x87: lacks(eip) });
            assert_eq!(maps.find(CacheOffset(at)), want, "{at:#x}");
        }
        maps.clear();
        assert_eq!(maps.find(CacheOffset(0)), None);
    }

    #[test]
    fn refuses_when_full() {
        let maps = PcMaps::new(1 << 12).unwrap();
        let long: Vec<_> = (0..3000).map(|n| entry(n * 4, 0x1000 + n, false)).collect();
        assert!(!maps.push(CacheOffset(0), GuestAddr(0x1000), &long));
        assert_eq!(maps.find(CacheOffset(0)), None);
    }
}
