//! Mnemonic to lift function, with the support level as a value. `ferry insns` prints it, the region finder and the
//! lifter read it, a test holds it against what iced-x86 can decode.
use crate::lifter::LiftCx;
use absent::ABSENT;
use iced_x86::Mnemonic;

mod absent;
mod integer;
mod mmx;
mod sse;
mod x87;

/// Lifts the context's instruction.
pub type LiftFn = fn(&mut LiftCx);

/// How well an instruction is supported.
#[derive(Clone, Copy, Debug)]
pub enum Support {
    /// All of it.
    Full(LiftFn),
    /// All of it where the host has FEAT_AFP; elsewhere with this restriction.
    WithAfp(LiftFn, &'static str),
    /// Raises SIGILL with a line on stderr.
    Missing,
}

impl Support {
    /// The lift function, if there is one.
    pub fn lift(&self) -> Option<LiftFn> {
        match *self {
            Self::Full(lift) | Self::WithAfp(lift, _) => Some(lift),
            Self::Missing => None,
        }
    }
}

/// A row of a section of the table.
type Row = (Mnemonic, Support);

/// Declares a section: `Mnemonic => Full(path::function);` or `Mnemonic => WithAfp(path::function, "what is missing");`
macro_rules! section {
    ($($mnemonic:ident => $support:ident($($arg:expr),+);)*) => {
        pub(super) const ROWS: &[super::Row] =
            &[$((iced_x86::Mnemonic::$mnemonic, super::Support::$support($($arg),+))),*];
    };
}
use section;

/// iced's mnemonics are numbered below this; a test holds it.
const MNEMONICS: usize = 1894;

static TABLE: [Support; MNEMONICS] = build(&[integer::ROWS, x87::ROWS, mmx::ROWS, sse::ROWS]);

const fn build(sections: &[&[Row]]) -> [Support; MNEMONICS] {
    let mut table = [Support::Missing; MNEMONICS];
    let mut s = 0;
    while s < sections.len() {
        let mut r = 0;
        while r < sections[s].len() {
            let (mnemonic, support) = sections[s][r];
            assert!(matches!(table[mnemonic as usize], Support::Missing), "a mnemonic has two rows");
            table[mnemonic as usize] = support;
            r += 1;
        }
        s += 1;
    }
    table
}

/// The row of a mnemonic.
pub fn support(mnemonic: Mnemonic) -> Support {
    TABLE[mnemonic as usize]
}

/// Every mnemonic that can be encoded in 32-bit mode, in alphabetical order, with its support.
pub fn rows() -> impl Iterator<Item = (Mnemonic, Support)> {
    let mut rows: Vec<_> = Mnemonic::values().filter(|m| !ABSENT.contains(m)).map(|m| (m, support(m))).collect();
    rows.sort_by_cached_key(|(mnemonic, _)| name(*mnemonic));
    rows.into_iter()
}

/// The name as assemblers write it.
pub fn name(mnemonic: Mnemonic) -> String {
    format!("{mnemonic:?}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mnemonic_has_a_place() {
        assert_eq!(Mnemonic::values().len(), MNEMONICS);
        assert_eq!(rows().count() + ABSENT.len(), MNEMONICS);
        let supported = Mnemonic::values().filter(|m| support(*m).lift().is_some());
        for mnemonic in supported {
            assert!(!ABSENT.contains(&mnemonic), "{mnemonic:?} has a row and is said not to exist");
        }
    }

    #[test]
    fn rows_say_what_is_missing() {
        for (mnemonic, support) in rows() {
            if let Support::WithAfp(_, note) = support {
                assert!(note.len() > 10, "{mnemonic:?}");
            }
        }
    }
}
