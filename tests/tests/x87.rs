//! Replays recorded x87 instructions; see `tests::x87`.
use ir::x87::trans::{atan, exp, log, trig};
use ir::x87::{Env, F80};
use tests::x87::{agrees, emulate, mask, parse, print};

/// Transcendental functions against correctly rounded results; `tests/vectors/x87/transcendental.py` made them.
#[test]
fn transcendental_functions_round_correctly() {
    let number = |word: &str| {
        let (high, low) = word.split_once(':').expect("a colon");
        F80::new(u16::from_str_radix(high, 16).unwrap(), u64::from_str_radix(low, 16).unwrap())
    };
    let lines = include_str!("../vectors/x87/transcendental.txt").lines().filter(|l| !l.starts_with('#'));
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, x, y, want] = words[..] else { panic!("{line}") };
        let (x, y, mut env) = (number(x), number(y), Env::new(0x37f));
        let got = match name {
            "fsin" => trig::sin(x, &mut env),
            "fcos" => trig::cos(x, &mut env),
            "fptan" => trig::tan(x, &mut env).0,
            "fpatan" => atan::atan2(y, x, &mut env),
            "f2xm1" => exp::exp2m1(x, &mut env),
            "fyl2x" => log::ylog2(y, x, &mut env),
            "fyl2xp1" => log::ylog2p1(y, x, &mut env),
            _ => panic!("{line}"),
        };
        assert_eq!(got, number(want), "{line}");
    }
}

#[test]
fn recorded_instructions() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in include_str!("../vectors/x87/cases.txt").lines().filter(|l| !l.starts_with('#')) {
        let (case, want) = parse(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        let mut got = emulate(&case).unwrap_or_else(|e| panic!("{line}: {e:#}"));
        mask(&case.code, &mut got);
        count += 1;
        if !agrees(&case.code, &want, &got) {
            wrong.push(format!("want {line}\ngot  {}", print(&case, &got, 10)));
        }
    }
    assert!(count > 1000, "only {count} cases");
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
}
