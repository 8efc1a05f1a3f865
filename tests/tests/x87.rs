//! Replays recorded x87 instructions; see `tests::x87`.
use tests::x87::{emulate, mask, parse, print};

#[test]
fn recorded_instructions() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in include_str!("../vectors/x87/cases.txt").lines().filter(|l| !l.starts_with('#')) {
        let (case, want) = parse(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        let mut got = emulate(&case).unwrap_or_else(|e| panic!("{line}: {e:#}"));
        mask(&case.code, &mut got);
        count += 1;
        if got != want {
            wrong.push(format!("want {line}\ngot  {}", print(&case, &got, 10)));
        }
    }
    assert!(count > 1000, "only {count} cases");
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
}
