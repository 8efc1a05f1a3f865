//! Every instruction form, as recorded from a real CPU (`tests/oracle/forms.txt`): IR interpreter = emitted code = CPU, at
//! each level of host features. Native comparison, random blocks and recording are commands of the `oracle` program.
use std::process::Command;
use std::time::Duration;
use tests::oracle::compare::{disassemble, show_input};
use tests::oracle::execute::{self, Host};
use tests::oracle::masks;
use tests::oracle::model::{self, Way};
use tests::oracle::record::{mismatches, read, replay, Mismatch, Recorded, Recording};

const LIMIT: Duration = Duration::from_secs(600);

fn report(found: &[Mismatch]) -> String {
    let line = |m: &Mismatch| {
        let input = m.case.inputs.get(m.input).map(show_input).unwrap_or_default();
        format!("{}:\n{}  {input}\n  got {:x?}\n", m.name, disassemble(&m.case), m.got)
    };
    format!("{} differences\n{}", found.len(), found.iter().take(5).map(line).collect::<String>())
}

fn recorded() -> Vec<Recorded> {
    let read = |recording| read(recording).expect("the recording");
    [read(Recording::Forms), read(Recording::Blocks)].concat()
}

/// Every `step`th case from `first` on through the interpreter.
fn interpreted(first: usize, step: usize, way: Way) {
    let mut found = Vec::new();
    let mut executions = 0;
    for (group, hashes) in recorded() {
        for (case, want) in group.cases.iter().zip(&hashes).skip(first).step_by(step) {
            let (outputs, strayed) = model::run(case, way);
            executions += outputs.iter().flatten().count();
            found.extend(mismatches(&group.name, case, want, &outputs, strayed));
        }
    }
    assert!(found.is_empty(), "{}", report(&found));
    assert!(executions > 10_000, "{executions} executions only");
}

#[test]
fn interpreter_after_the_passes() {
    interpreted(0, 3, Way::Optimized);
}

#[test]
fn interpreter_as_lifted() {
    interpreted(1, 6, Way::Lifted);
}

#[test]
fn executed_as_decoded() {
    interpreted(0, 2, Way::Direct);
}

fn emitted(host: &Host) {
    execute::program().expect("building the guest program");
    let recorded = recorded();
    let (found, run) = replay(&recorded, host, LIMIT).expect("running the guest program");
    assert!(found.is_empty() && run.trouble.is_empty(), "{host:?}: {} {}", run.trouble, report(&found));
}

/// ARMv8.0, +LSE +LRCPC, +FlagM, everything qemu has. On arm64 the CPU that is there.
#[test]
fn emitted_code_at_each_feature_level() {
    if cfg!(target_arch = "aarch64") {
        return emitted(&Host::Ferry(None));
    }
    let known = Command::new("qemu-aarch64").args(["-cpu", "help"]).output().expect("qemu-aarch64").stdout;
    let known = String::from_utf8_lossy(&known).into_owned();
    for cpu in ["cortex-a53", "neoverse-n1", "neoverse-v1", "max"] {
        if !known.split_whitespace().any(|name| name == cpu) {
            println!("{cpu} is not tried: this qemu-aarch64 does not know it");
            continue;
        }
        emitted(&Host::Ferry(Some(cpu.into())));
    }
}

#[test]
fn masks_have_reasons() {
    assert!(masks::MASKS.iter().all(|mask| mask.why.len() > 20));
}
