//! Guest programs in C: same output and exit status as on a real CPU.
use tests::programs::{check, names, runs_here, Link};

fn all(link: Link) {
    let mut wrong = Vec::new();
    for name in names().expect("listing tests/guest").into_iter().filter(|name| runs_here(name)) {
        if let Err(difference) = check(&name, link).expect("running a guest program") {
            wrong.push(difference);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn static_programs() {
    all(Link::Static);
}

#[test]
fn static_pie_programs() {
    all(Link::StaticPie);
}

#[test]
fn dynamic_programs() {
    all(Link::Dynamic);
}
