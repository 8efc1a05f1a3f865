//! `ferry insns`, `ferry syscalls`: what is supported, told from the tables themselves.
use anyhow::Result;
use frontend::table::Support as InsnSupport;
use linux_abi::syscall::{Support, Via, TABLE};
use serde_json::{json, Value};
use std::io::{self, Write};

/// Writes to standard output; a reader that has seen enough is no error.
pub fn print(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

fn print_json(rows: Vec<Value>) -> Result<()> {
    print(&format!("{:#}\n", Value::Array(rows)))
}

/// Whether translated code can have FEAT_AFP here.
#[cfg(target_arch = "aarch64")]
fn has_afp() -> bool {
    backend_a64::runtime::EngineOptions::default().features.afp
}

/// Nothing is translated here.
#[cfg(not(target_arch = "aarch64"))]
fn has_afp() -> bool {
    false
}

/// Every x86 instruction and its support on this host.
pub fn insns(as_json: bool) -> Result<()> {
    let afp = has_afp();
    let rows = frontend::table::rows().map(|(mnemonic, support)| {
        let (level, note) = match support {
            InsnSupport::WithAfp(_, note) if !afp => ("partial", note),
            InsnSupport::Full(_) | InsnSupport::WithAfp(..) => ("full", ""),
            InsnSupport::Missing => ("missing", ""),
        };
        (frontend::table::name(mnemonic), level, note)
    });
    if as_json {
        return print_json(
            rows.map(|(name, support, note)| json!({ "insn": name, "support": support, "note": note })).collect(),
        );
    }
    let lines = rows.map(|(name, level, note)| format!("{name:<20} {level:<8} {note}").trim_end().to_owned() + "\n");
    print(&lines.collect::<String>())
}

/// Every i386 system call, its support and how it reaches the host.
pub fn syscalls(as_json: bool) -> Result<()> {
    let rows = TABLE.iter().filter(|entry| !entry.name.is_empty()).map(|entry| {
        let (level, note) = match entry.support {
            Support::Full => ("full".to_owned(), ""),
            Support::Partial(note) => ("partial".to_owned(), note),
            Support::Errno(errno, note) => (format!("errno {}", errno.0), note),
        };
        let via = match entry.via {
            Via::User => "user".to_owned(),
            Via::Compat(number) => format!("compat {number}"),
            Via::CompatRepack(number) => format!("repack {number}"),
        };
        (entry.nr, entry.name, level, via, note)
    });
    if as_json {
        let object = |(nr, name, support, via, note)| json!({ "nr": nr, "name": name, "support": support, "via": via, "note": note });
        return print_json(rows.map(object).collect());
    }
    let line = |(nr, name, level, via, note)| {
        format!("{nr:>3} {name:<28} {level:<10} {via:<10} {note}").trim_end().to_owned() + "\n"
    };
    print(&rows.map(line).collect::<String>())
}
