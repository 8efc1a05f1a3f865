//! The x87 opcodes: the helpers with their loads and stores around them.
use super::{Machine, Stop};
use crate::guest::CpuState;
use crate::helper::{Helper, Pending};
use crate::inst::Inst;
use crate::x87::{StoreForm, StoreKind, ES};

/// Whether the next waiting instruction traps.
pub(super) fn pending(state: &CpuState) -> bool {
    state.fsw & ES != 0
}

/// The status word with TOP in its place.
pub(super) fn status(state: &CpuState) -> u16 {
    state.fsw | (state.top as u16 & 7) << 11
}

impl Machine<'_> {
    /// `x87_store`: convert, store unless an unmasked exception forbids it, then change the stack.
    pub(super) fn x87_store(&mut self, inst: &Inst, form: u32) -> Result<(), Stop> {
        let form = StoreForm::decode(form);
        let bytes = form.kind.bytes();
        let (convert, bits) = match form.kind {
            StoreKind::F32 => (Helper::X87ToF32, 0),
            StoreKind::F64 => (Helper::X87ToF64, 0),
            StoreKind::F80 => (Helper::X87ToF80, 0),
            _ => (Helper::X87ToInt, u64::from(8 * bytes)),
        };
        let low = convert.function()(self.state, bits, u64::from(form.truncate), 0, 0);
        if Pending::ok(self.state) {
            // The upper part goes first: if a page ends inside, the next is the one that may not be there, and hardware writes
            // nothing then.
            if form.kind == StoreKind::F80 {
                let high = Inst { imm: i64::from(inst.disp().wrapping_add(8)), ..*inst };
                self.store(&high, 2, u128::from(Pending::high(self.state)))?;
            }
            self.store(inst, bytes.min(8), u128::from(low))?;
        }
        Helper::X87Commit.function()(self.state, u64::from(form.pop), 0, 0, 0);
        Ok(())
    }
}
