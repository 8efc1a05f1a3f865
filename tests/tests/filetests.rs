//! Text in, text out for every stage of translation: `tests/filetests`. `BLESS=1` rewrites the expectations.

fn check(stage: &str) {
    let (wrong, files) = tests::filetest::check_stage(stage).expect("running file tests");
    assert!(files > 0, "no file tests for {stage}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lift() {
    check("lift");
}

#[test]
fn opt() {
    check("opt");
}

#[test]
fn alloc() {
    check("alloc");
}

#[test]
fn emit() {
    check("emit");
}

#[test]
fn verify() {
    check("verify");
}
