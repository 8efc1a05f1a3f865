//! The text of /proc/self/maps: the guest's mappings with the guest's permissions (proc_pid_maps(5)).
use super::address_space::lock;
use super::vma::{Backing, PageRange, Vma, VmaName};
use super::{AddressSpace, TASK_SIZE};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What the host says about one of its mappings: device, inode, path as they stand in its text.
struct HostLine {
    range: PageRange,
    file: String,
}

fn parse(line: &str) -> Option<HostLine> {
    let (start, rest) = line.split_once('-')?;
    let (end, rest) = rest.split_once(' ')?;
    let start = u32::from_str_radix(start, 16).ok()?;
    let end = u64::from_str_radix(end, 16).ok()?.min(u64::from(TASK_SIZE)) as u32;
    // Permissions and offset come first; the rest is device, inode and path.
    let mut fields = rest.splitn(3, ' ');
    let file = fields.nth(2)?.to_owned();
    (start < end && (start | end) % 4096 == 0).then(|| HostLine { range: PageRange::between(start, end), file })
}

fn host_lines() -> Vec<HostLine> {
    let text = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    text.lines().map_while(parse).collect()
}

/// What the host has mapped below 4 GiB, whoever it belongs to.
pub(super) fn host_ranges() -> Vec<PageRange> {
    host_lines().into_iter().map(|line| line.range).collect()
}

impl AddressSpace {
    /// The text of /proc/self/maps. `guest_path` turns a path of the host into what the guest is to see.
    pub fn render_maps(&self, guest_path: impl Fn(&str) -> String) -> String {
        let by_start: BTreeMap<u32, HostLine> = host_lines().into_iter().map(|l| (l.range.start(), l)).collect();
        let layout = lock(&self.layout);
        let mut text = String::new();
        for vma in layout.vmas.iter().filter(|v| v.backing != Backing::Foreign) {
            let host = by_start.range(..=vma.range.start()).next_back().map(|(_, line)| line);
            let host = host.filter(|line| line.range.overlaps(vma.range));
            line(&mut text, vma, host, &guest_path);
        }
        text
    }
}

fn line(text: &mut String, vma: &Vma, host: Option<&HostLine>, guest_path: &impl Fn(&str) -> String) {
    let bit = |bit: u32, c: char| if vma.prot.0 & bit != 0 { c } else { '-' };
    let offset = match vma.backing {
        Backing::File { offset, .. } => offset,
        _ => 0,
    };
    let anonymous = vma.backing == Backing::Anonymous && !vma.shared;
    let file = host.filter(|_| !anonymous).map_or("00:00 0", |line| line.file.as_str());
    let (file, path) = match file.match_indices(' ').nth(1) {
        Some((at, _)) => (&file[..at], guest_path(file[at..].trim_start())),
        None => (file.trim_end(), String::new()),
    };
    let name = match vma.name {
        VmaName::None => path,
        VmaName::Heap => "[heap]".to_owned(),
        VmaName::Stack => "[stack]".to_owned(),
        VmaName::Vdso => "[vdso]".to_owned(),
        VmaName::Vvar => "[vvar]".to_owned(),
    };
    let start = text.len();
    let (from, to) = (vma.range.start(), vma.range.end());
    let shared = if vma.shared { 's' } else { 'p' };
    let _ =
        write!(text, "{from:08x}-{to:08x} {}{}{}{shared} {offset:08x} {file} ", bit(1, 'r'), bit(2, 'w'), bit(4, 'x'));
    if !name.is_empty() {
        // Where a 64-bit kernel puts the path, also for an i386 task.
        let width = 73;
        while text.len() - start < width {
            text.push(' ');
        }
        text.push_str(&name);
    }
    text.push('\n');
}
