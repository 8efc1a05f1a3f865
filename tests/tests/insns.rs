//! The code quality ledger says what code generation does: a change that makes an entry worse blesses it in the same commit.
use tests::insns::ledger;

#[test]
fn the_ledger_is_up_to_date() {
    let files = ledger::files().expect("tests/insn-count");
    assert!(!files.is_empty(), "the ledger is empty");
    for file in files {
        let wrong = ledger::check(&file, false).expect("measuring an entry");
        assert!(wrong.is_empty(), "`BLESS=1 make insns` after review:\n{}", wrong.join("\n"));
    }
}
