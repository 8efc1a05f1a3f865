//! Single instructions against recordings of a real CPU: `tests/vectors`.

fn interpret(name: &str) {
    for optimize in [false, true] {
        let wrong = tests::vectors::interpret(name, optimize).expect("replaying vectors");
        let some: Vec<_> = wrong.iter().take(12).map(String::as_str).collect();
        assert!(wrong.is_empty(), "{} differences, optimize: {optimize}\n{}", wrong.len(), some.concat());
    }
}

#[test]
fn mmx() {
    interpret("mmx");
}

#[test]
fn sse_int() {
    interpret("sse_int");
}

#[test]
fn sse_fp() {
    interpret("sse_fp");
}
