//! `ferry doctor`: what this host offers, which way system calls take and why. Fails if programs cannot run here.
use crate::binfmt;
use crate::list::print;
use anyhow::Result;
use ir::guest::PAGE_SIZE;
use linux_abi::host::compat::{self, CompatEntry};
use linux_abi::host::startup::auxval;
use linux_abi::mm::{AddressSpace, MmapRequest, Prot};

/// One thing looked at.
struct Check {
    name: &'static str,
    /// What was found; `Err` if no program can run because of it.
    found: Result<String, String>,
}

fn host() -> Check {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/sys/kernel/{name}"));
    let kernel = match (read("ostype"), read("osrelease")) {
        (Ok(kind), Ok(release)) => format!("{} {}", kind.trim(), release.trim()),
        _ => "unknown kernel (/proc is not mounted; programs that look there will not work)".to_owned(),
    };
    Check { name: "host", found: Ok(format!("{kernel}, {}", std::env::consts::ARCH)) }
}

fn pages() -> Check {
    let size = auxval(libc::AT_PAGESZ);
    let right = size == u64::from(PAGE_SIZE);
    let text = format!("{size} bytes{}", if right { "" } else { "; ferry needs a kernel with pages of 4096" });
    Check { name: "pages", found: if right { Ok(text) } else { Err(text) } }
}

/// Everything below 4 GiB is the program's: one mapping is tried.
fn low_memory() -> Check {
    let mm = AddressSpace::new();
    let found = mm.mmap(MmapRequest::anonymous(0, PAGE_SIZE, Prot::READ)).map(|at| {
        // The process ends soon; what is left mapped does not matter.
        let _ = mm.munmap(at.0, PAGE_SIZE);
        "available".to_owned()
    });
    let refused = |errno: linux_abi::Errno| format!("{}; nothing can be mapped there (ulimit -v?)", errno.text());
    Check { name: "memory below 4 GiB", found: found.map_err(refused) }
}

#[cfg(target_arch = "aarch64")]
fn code_memory() -> Check {
    use backend_a64::runtime::{Engine, EngineOptions};
    let mm = std::sync::Arc::new(AddressSpace::new());
    let translator =
        crate::translate::Translator::new(mm.clone(), Default::default(), Default::default(), Default::default());
    let engine = Engine::new(&EngineOptions::default(), Box::new(translator), Box::new(mm));
    Check { name: "executable memory", found: engine.map(|_| "available".to_owned()).map_err(|e| e.to_string()) }
}

#[cfg(target_arch = "aarch64")]
fn cpu() -> Check {
    let f = backend_a64::runtime::features::detect();
    let all = [
        (f.lse, "LSE"),
        (f.flagm, "FlagM"),
        (f.flagm2, "FlagM2"),
        (f.lrcpc, "LRCPC"),
        (f.cssc, "CSSC"),
        (f.afp, "AFP"),
        (f.frintts, "FRINTTS"),
    ];
    let names = |wanted: bool| {
        let names: Vec<_> = all.iter().filter(|(has, _)| *has == wanted).map(|(_, name)| *name).collect();
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(" ")
        }
    };
    Check { name: "CPU features", found: Ok(format!("{}; would help: {}", names(true), names(false))) }
}

fn system_calls() -> [Check; 2] {
    let (entry, way) = match compat::entry() {
        CompatEntry::Present => ("present".to_owned(), "through the compat entry where nothing needs re-packing"),
        CompatEntry::Absent => {
            let why = "absent: this kernel has no 32-bit system calls for 64-bit tasks";
            (why.to_owned(), "translated in user space")
        }
        CompatEntry::Unusable(why) => (format!("not used: {why}"), "translated in user space"),
    };
    [Check { name: "compat entry", found: Ok(entry) }, Check { name: "system calls", found: Ok(way.to_owned()) }]
}

/// Prints what was found; the exit status says whether programs can run.
pub fn run() -> Result<i32> {
    let mut checks = vec![host(), pages(), low_memory()];
    #[cfg(target_arch = "aarch64")]
    checks.extend([code_memory(), cpu()]);
    checks.extend(system_calls());
    checks.push(Check { name: "binfmt_misc", found: Ok(binfmt::describe()) });
    let mut text = format!("ferry {}\n", env!("CARGO_PKG_VERSION"));
    for check in &checks {
        let found = check.found.as_ref().map_or_else(|problem| format!("PROBLEM: {problem}"), String::clone);
        text += &format!("{:<19} {found}\n", format!("{}:", check.name));
    }
    let fit = checks.iter().all(|check| check.found.is_ok());
    text += if fit { "i386 programs can run here.\n" } else { "i386 programs cannot run here.\n" };
    print(&text)?;
    Ok(i32::from(!fit))
}
