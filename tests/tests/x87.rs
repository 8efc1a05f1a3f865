//! Replays recorded x87 instructions; see `tests::x87`.
use ir::interp::Outcome;
use ir::x87::trans::{atan, exp, log, trig};
use ir::x87::{Env, F80};
use tests::x87::{agrees, emulate, mask, parse, print, Case, State};

/// Transcendental functions against correctly rounded results; `tests/vectors/x87/transcendental.py` made them. A longer
/// list can be given by its path in `X87_TRANSCENDENTAL`.
#[test]
fn transcendental_functions_round_correctly() {
    let text = match std::env::var_os("X87_TRANSCENDENTAL") {
        Some(path) => std::fs::read_to_string(path).expect("the list named by X87_TRANSCENDENTAL"),
        None => include_str!("../vectors/x87/transcendental.txt").into(),
    };
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, x, y, want] = words[..] else { panic!("{line}") };
        count += 1;
        if transcendental(name, number(x), number(y)) != number(want) {
            wrong.push(line);
        }
    }
    println!("{count} results, {} not correctly rounded", wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn number(word: &str) -> F80 {
    let (high, low) = word.split_once(':').expect("a colon");
    F80::new(u16::from_str_radix(high, 16).expect("hex"), u64::from_str_radix(low, 16).expect("hex"))
}

fn transcendental(name: &str, x: F80, y: F80) -> F80 {
    let env = &mut Env::new(0x37f);
    match name {
        "fsin" => trig::sin(x, env),
        "fcos" => trig::cos(x, env),
        "fptan" => trig::tan(x, env).0,
        "fpatan" => atan::atan2(y, x, env),
        "f2xm1" => exp::exp2m1(x, env),
        "fyl2x" => log::ylog2(y, x, env),
        "fyl2xp1" => log::ylog2p1(y, x, env),
        _ => panic!("no function is called {name}"),
    }
}

/// Replays every recorded case with `run`.
fn replay(mut run: impl FnMut(&Case) -> anyhow::Result<State>) {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in include_str!("../vectors/x87/cases.txt").lines().filter(|l| !l.starts_with('#')) {
        let (case, want) = parse(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        let mut got = run(&case).unwrap_or_else(|e| panic!("{line}: {e:#}"));
        mask(&case.code, &mut got);
        count += 1;
        if !agrees(&case.code, &want, &got) {
            wrong.push(format!("want {line}\ngot  {}", print(&case, &got, 10)));
        }
    }
    assert!(count > 1000, "only {count} cases");
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
}

#[test]
fn recorded_instructions_interpreted() {
    replay(|case| emulate(case, false));
}

#[test]
fn recorded_instructions_optimised() {
    replay(|case| emulate(case, true));
}

#[cfg(target_arch = "aarch64")]
#[test]
fn recorded_instructions_in_emitted_code() {
    let mut engine = tests::x87::Emitted::new().expect("an engine");
    replay(|case| engine.run(case));
}

/// A case with `code` on a fresh FPU that holds one number.
fn case(code: &[u8], cw: u16, sw: u16) -> Case {
    let mut st = [F80::ONE; 8];
    st[7] = F80::new(0x3fff, 0xc000_0000_0000_0001);
    let state = State { cw, sw: sw | 7 << 11, tags: 0x80, eflags: 0, st, mem: [0; tests::x87::MEM] };
    Case { code: code.to_vec(), state }
}

#[test]
fn a_pending_exception_is_raised_by_the_next_waiting_instruction() {
    // ZE unmasked and raised: ES and B are set.
    let raised = |code: &[u8]| match emulate(&case(code, 0x37b, 0x8084), true) {
        Ok(_) => false,
        Err(e) => e.to_string().starts_with("Trap(X87)"),
    };
    for waiting in
        [&[0xd9u8, 0xe8][..], &[0xd8, 0xc1], &[0x9b], &[0xd9, 0x2e], &[0xdd, 0x1e], &[0xd9, 0xd0], &[0xda, 0xc1]]
    {
        assert!(raised(waiting), "{waiting:02x?}");
    }
    for quiet in [&[0xdbu8, 0xe3][..], &[0xdb, 0xe2], &[0xd9, 0x3e], &[0xdd, 0x3e], &[0xd9, 0x36], &[0xdd, 0x36]] {
        assert!(!raised(quiet), "{quiet:02x?}");
    }
}

#[test]
fn a_store_that_faults_changes_nothing() {
    // FSTP m64, m32, m80, FISTP m32 to an address that is not mapped (disp32).
    for code in [[0xddu8, 0x1d], [0xd9, 0x1d], [0xdb, 0x3d], [0xdb, 0x1d]] {
        let case = case(&[&code[..], &[0, 0, 0, 0x70]].concat(), 0x37f, 0);
        let (outcome, state) = tests::x87::interpret(&case, true).expect("lifts");
        assert!(matches!(outcome, Outcome::Fault(fault) if fault.addr.0 == 0x7000_0000), "{outcome:?}");
        assert_eq!(state, case.state, "{code:02x?}");
    }
}
