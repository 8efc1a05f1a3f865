//! Folding of a block that was built without: every instruction goes through [`crate::fold`] again, with its arguments
//! renamed. For regions that come from text or from hand; the frontend folds as it builds.
use crate::builder::Builder;
use crate::inst::Value;
use crate::region::Block;
use crate::sink::Sink;

/// The pass.
pub fn refold(block: &mut Block) {
    let mut builder = Builder::folding(block.start);
    let mut map: Vec<Value> = Vec::with_capacity(block.insts.len());
    let mut marks = block.insns.iter().enumerate().peekable();
    for inst in &block.insts {
        while let Some((_, mark)) = marks.next_if(|(n, _)| *n <= usize::from(inst.insn)) {
            builder.begin_insn(mark.addr, mark.len);
        }
        let mut inst = *inst;
        for arg in inst.arg_places() {
            // An absent argument has no entry.
            if let Some(new) = map.get(arg.index()) {
                *arg = *new;
            }
        }
        map.push(builder.push(inst));
    }
    marks.for_each(|(_, mark)| builder.begin_insn(mark.addr, mark.len));
    let mut term = block.term;
    if let Some(value) = term.value_mut() {
        *value = map[value.index()];
    }
    let entry = block.entry;
    *block = builder.finish(term);
    block.entry = entry;
}
