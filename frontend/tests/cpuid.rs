//! CPUID announces what the instruction table has, all of it and nothing else.
use frontend::table::{name, rows, support, Support};
use iced_x86::{Code, CpuidFeature, Mnemonic};
use ir::cpuid::FEATURES;
use std::collections::BTreeSet;

fn is_announced(feature: CpuidFeature) -> bool {
    let name = format!("{feature:?}");
    FEATURES.iter().any(|f| f.instructions.split(' ').any(|i| i == name))
}

/// Mnemonics that can be encoded in 32-bit mode with nothing but features for which `wanted` holds.
fn mnemonics(wanted: impl Fn(&[CpuidFeature]) -> bool) -> BTreeSet<Mnemonic> {
    let present: BTreeSet<Mnemonic> = rows().map(|(mnemonic, _)| mnemonic).collect();
    let codes = Code::values().filter(|code| wanted(code.cpuid_features()));
    codes.map(Code::mnemonic).filter(|mnemonic| present.contains(mnemonic)).collect()
}

/// Rows that only say which fault there is: the feature is absent, or needs privilege.
fn faults(mnemonic: Mnemonic) -> bool {
    use Mnemonic::*;
    let undefined = matches!(
        mnemonic,
        Getsec | Monitor | Mwait | Rsm | Syscall | Vmcall | Vmlaunch | Vmresume | Vmxoff | Xgetbv | Xsetbv
    );
    undefined || matches!(mnemonic, Rdmsr | Rdpmc | Sysret | Wrmsr)
}

#[test]
fn what_is_announced_is_there() {
    let announced = mnemonics(|features| features.iter().all(|f| is_announced(*f)));
    let missing: Vec<_> =
        announced.iter().filter(|m| matches!(support(**m), Support::Missing)).map(|m| name(*m)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_bit_has_instructions() {
    for feature in FEATURES {
        for word in feature.instructions.split(' ').filter(|w| !w.is_empty()) {
            assert!(
                !mnemonics(|f| f.iter().any(|f| format!("{f:?}") == word)).is_empty(),
                "{word} of {}",
                feature.name
            );
        }
    }
}

#[test]
fn what_is_not_announced_is_not_there() {
    // Features without a bit of their own, hints that older CPUs execute as NOP, and instructions whose only effect is
    // a fault.
    const BASIC: &[&str] = &[
        "INTEL8086",
        "INTEL186",
        "INTEL286",
        "INTEL386",
        "INTEL486",
        "INTEL286_ONLY",
        "INTEL386_ONLY",
        "X64",
        "PAUSE",
        "MULTIBYTENOP",
        "CET_IBT",
        "CET_SS",
        "CLDEMOTE",
        "PREFETCHWT1",
        "PREFETCHITI",
        "CPUID",
        "UNKNOWN",
        "SEP",
        "D3NOW",
    ];
    let known = |f: &CpuidFeature| is_announced(*f) || BASIC.contains(&format!("{f:?}").as_str());
    let others = mnemonics(|features| features.iter().any(|f| !known(f)));
    let all = mnemonics(|features| features.iter().all(&known));
    let unannounced = others.difference(&all);
    let present: Vec<_> =
        unannounced.filter(|m| support(**m).lift().is_some() && !faults(**m)).map(|m| name(*m)).collect();
    assert!(present.is_empty(), "{present:?}");
}
