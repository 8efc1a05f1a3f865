//! Guest programs in C: same output and exit status as on a real CPU. `RECORD=1` redoes the recordings natively.
use tests::programs::{check, names, record, Link};

fn all(link: Link) {
    let mut wrong = Vec::new();
    for name in names().expect("listing tests/guest") {
        if std::env::var_os("RECORD").is_some() {
            record(&name).expect("recording");
        }
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
