//! /proc/cpuinfo of an x86 machine, from the same CPUID that the guest's instruction sees.
use ir::cpuid;
use std::fmt::Write;

fn string(words: &[u32]) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).filter(|&b| b != 0).collect();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

/// The whole file: one record for each CPU this process may run on.
pub fn text() -> String {
    let leaf = |number| cpuid::leaf(number, 0);
    let [_, b, c, d] = leaf(0);
    let vendor = string(&[b, d, c]);
    let signature = leaf(1)[0];
    let family = match signature >> 8 & 15 {
        15 => 15 + (signature >> 20 & 255),
        family => family,
    };
    let model = signature >> 4 & 15 | if family >= 6 { signature >> 12 & 0xf0 } else { 0 };
    let brand = string(&(0x8000_0002..=0x8000_0004).flat_map(leaf).collect::<Vec<_>>());
    let (stepping, flags) = (signature & 15, cpuid::names().collect::<Vec<_>>().join(" "));
    // The hertz of the time stamp counter, which is what the kernel takes for the clock.
    let mhz = f64::from(leaf(0x15)[2]) / 1e6;
    let cache = leaf(0x8000_0006)[2] >> 16;
    let [addresses, ..] = leaf(0x8000_0008);
    let (physical, linear) = (addresses & 255, addresses >> 8 & 255);
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    (0..cpus).fold(String::new(), |mut out, cpu| {
        let _ = write!(
            out,
            "processor\t: {cpu}\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\n\
             model name\t: {brand}\nstepping\t: {stepping}\ncpu MHz\t\t: {mhz:.3}\ncache size\t: {cache} KB\n\
             physical id\t: 0\nsiblings\t: {cpus}\ncore id\t\t: {cpu}\ncpu cores\t: {cpus}\napicid\t\t: {cpu}\n\
             initial apicid\t: {cpu}\nfpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: {level}\nwp\t\t: yes\n\
             flags\t\t: {flags}\nbugs\t\t:\nbogomips\t: {bogomips:.2}\nclflush size\t: 64\n\
             cache_alignment\t: 64\naddress sizes\t: {physical} bits physical, {linear} bits virtual\n\
             power management:\n\n",
            level = leaf(0)[0],
            bogomips = 2.0 * mhz,
        );
        out
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn describes_the_announced_cpu() {
        let text = super::text();
        assert!(text.starts_with("processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\n"), "{text}");
        assert!(text.contains("\nmodel\t\t: 92\nmodel name\t: ferry i686"), "{text}");
        assert!(text.contains("flags\t\t: fpu tsc cx8 sep cmov"), "{text}");
    }
}
