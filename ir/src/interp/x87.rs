//! The x87 opcodes: the helpers with their loads and stores around them.
use super::{Machine, Stop};
use crate::guest::{CpuState, PAGE_SIZE};
use crate::helper::{Helper, Pending};
use crate::inst::Inst;
use crate::region::Block;
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
    /// FIP after an instruction has been executed.
    pub(super) fn note_x87(&mut self, block: &Block, inst: &Inst) {
        if inst.sets_fip() {
            self.state.fip = block.insn_addr(inst).0;
        }
    }

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
            let high = (form.kind == StoreKind::F80).then(|| Pending::high(self.state));
            self.x87_write(inst, bytes.min(8), low, high)?;
        }
        Helper::X87Commit.function()(self.state, u64::from(form.pop), 0, 0, 0);
        Ok(())
    }

    /// Writes a value and, behind eight bytes, its upper part. Where a page ends inside, that goes first: the next page is the
    /// one that may not be there, and hardware writes nothing then. Otherwise the lower part is where the fault is reported.
    fn x87_write(&mut self, inst: &Inst, bytes: u32, low: u64, high: Option<u16>) -> Result<(), Stop> {
        let Some(high) = high else { return self.store(inst, bytes, u128::from(low)) };
        let upper = Inst { imm: i64::from(inst.disp().wrapping_add(8)), ..*inst };
        if self.address(inst).0 % PAGE_SIZE > PAGE_SIZE - 10 {
            self.store(&upper, 2, u128::from(high))?;
            return self.store(inst, bytes, u128::from(low));
        }
        self.store(inst, bytes, u128::from(low))?;
        self.store(&upper, 2, u128::from(high))
    }
}
