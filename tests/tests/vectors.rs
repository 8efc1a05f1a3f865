//! Single instructions against recordings of a real CPU: `tests/vectors`.

fn report(name: &str, how: &str, wrong: &[String]) {
    let some: Vec<_> = wrong.iter().take(12).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{name}: {} differences {how}\n{}", wrong.len(), some.concat());
}

fn check(name: &str) {
    for optimize in [false, true] {
        let wrong = tests::vectors::interpret(name, optimize).expect("replaying vectors");
        report(name, if optimize { "interpreted, optimised" } else { "interpreted" }, &wrong);
    }
    #[cfg(target_arch = "aarch64")]
    {
        for baseline in [false, true] {
            let wrong = tests::vectors::emitted::run(name, baseline).expect("replaying vectors");
            report(name, if baseline { "in code for ARMv8.0" } else { "in emitted code" }, &wrong);
        }
    }
}

#[test]
fn mmx() {
    check("mmx");
}

#[test]
fn sse_int() {
    check("sse_int");
}

#[test]
fn sse_fp() {
    check("sse_fp");
}

#[test]
fn sse4() {
    check("sse4");
}

#[test]
fn bmi() {
    check("bmi");
}

#[test]
fn crypto() {
    check("crypto");
}
