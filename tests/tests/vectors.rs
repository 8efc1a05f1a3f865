//! Single instructions against recordings of a real CPU: `tests/vectors`.

fn report(name: &str, how: &str, wrong: &[String]) {
    let some: Vec<_> = wrong.iter().take(12).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{name}: {} differences {how}\n{}", wrong.len(), some.concat());
}

/// `floats`: whether it is about floating-point arithmetic, which is done in several ways.
fn check(name: &str, floats: bool) {
    for optimize in [false, true] {
        let wrong = tests::vectors::interpret(name, optimize).expect("replaying vectors");
        report(name, if optimize { "interpreted, optimised" } else { "interpreted" }, &wrong);
    }
    #[cfg(not(target_arch = "aarch64"))]
    let _ = floats;
    #[cfg(target_arch = "aarch64")]
    {
        use tests::vectors::emitted::{run, For};
        let targets = [For::Host, For::Baseline, For::Checked, For::Exact];
        for target in targets.into_iter().take(if floats { 4 } else { 2 }) {
            let wrong = run(name, target).expect("replaying vectors");
            report(name, &format!("in code for {target:?}"), &wrong);
        }
    }
}

#[test]
fn mmx() {
    check("mmx", false);
}

#[test]
fn sse_int() {
    check("sse_int", false);
}

#[test]
fn sse_fp() {
    check("sse_fp", true);
}

#[test]
fn sse4() {
    check("sse4", false);
}

#[test]
fn sse4_fp() {
    check("sse4_fp", true);
}

#[test]
fn bmi() {
    check("bmi", false);
}

#[test]
fn crypto() {
    check("crypto", false);
}
