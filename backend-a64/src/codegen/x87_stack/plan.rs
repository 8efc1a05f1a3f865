//! The analysis of a region: what is known at the beginning of every block, what is needed behind it, and who checks that.
use super::effect::is_live;
use super::track::{Guard, Track};
use super::{needs, Needs, X87Hint};
use ir::{Inst, Opcode, Region, Target, Terminator};

/// What emission needs to know of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// At the beginning.
    pub(crate) begin: Track,
    /// What is needed behind the block.
    pub(crate) behind: Needs,
    /// Whether memory is brought up to date at the end.
    pub(crate) sync: bool,
    /// What whoever comes from outside has to check for what `begin` says to be true, if the block can be reached both ways.
    pub(crate) outside: Option<Guard>,
}

/// Whether a block ends in branches to blocks of its region only.
fn stays_inside(term: &Terminator) -> bool {
    matches!(term, Terminator::Jump(_) | Terminator::Branch { .. } | Terminator::BranchNz { .. })
        && term.targets().all(|target| matches!(target, Target::Block(_)))
}

/// Blocks that a block leads to by itself.
fn ways(term: &Terminator) -> impl Iterator<Item = usize> {
    term.targets().filter_map(|target| match target {
        Target::Block(id) => Some(id.index()),
        Target::Guest(_) => None,
    })
}

/// The block that a call comes back to.
fn return_block(term: &Terminator) -> Option<usize> {
    match term {
        Terminator::Call { ret_block, .. } | Terminator::CallIndirect { ret_block, .. } => {
            ret_block.map(|id| id.index())
        }
        _ => None,
    }
}

/// The analysis while it runs.
struct Analysis<'a> {
    region: &'a Region,
    entry: Track,
    behind: Vec<Needs>,
    begin: Vec<Option<Track>>,
    outside: Vec<Option<Guard>>,
    /// Blocks before which memory has to be up to date.
    clean: Vec<bool>,
}

/// The plan of every block; empty if the region does nothing with the x87 stack. `counted`: it may be left at every block for
/// better code.
pub(crate) fn analyse(region: &Region, hint: X87Hint, counted: bool) -> Vec<Plan> {
    let of_interest = |inst: &Inst| is_live(inst) || inst.op == Opcode::MmxEnter || inst.sets_fip();
    if !region.blocks.iter().any(|b| b.insts.iter().any(of_interest)) {
        return Vec::new();
    }
    let n = region.blocks.len();
    let entry = Track::unknown(hint.top, hint.ftw);
    let clean = region.blocks.iter().map(|block| block.entry || counted).collect();
    let (behind, begin, outside) = (vec![Needs::default(); n], vec![None; n], vec![None; n]);
    let mut a = Analysis { region, entry, behind, begin, outside, clean };
    // Where ST(0) is at every block; then what is needed behind each; then the rest.
    a.forward();
    a.backward();
    a.enter();
    a.forward();
    (0..n)
        .map(|index| Plan {
            begin: a.begin[index].unwrap_or(entry),
            behind: a.behind[index],
            sync: a.syncs(index),
            outside: a.outside[index],
        })
        .collect()
}

impl Analysis<'_> {
    fn syncs(&self, index: usize) -> bool {
        let term = &self.region.blocks[index].term;
        !stays_inside(term) || ways(term).any(|to| self.clean[to])
    }

    /// The state at the end of a block.
    fn end(&self, index: usize, mut track: Track) -> Track {
        let block = &self.region.blocks[index];
        track.covered = false;
        for pos in 0..block.insts.len() {
            track.step(block, pos, self.behind[index]);
        }
        if self.syncs(index) {
            track.sync();
        }
        track
    }

    /// The state at the beginning of every block. Starts anew when memory turns out to be needed up to date somewhere.
    fn forward(&mut self) {
        loop {
            self.begin.fill(None);
            self.begin[0] = Some(self.entry);
            for (begin, outside) in self.begin.iter_mut().zip(&self.outside) {
                if let Some(guard) = outside {
                    *begin = Some(guard.passed());
                }
            }
            let before = self.clean.clone();
            while self.pass() {}
            if self.clean == before {
                return;
            }
        }
    }

    /// One walk over the blocks; whether anything changed.
    fn pass(&mut self) -> bool {
        let mut changed = false;
        for index in 0..self.begin.len() {
            let Some(begin) = self.begin[index] else { continue };
            let end = self.end(index, begin);
            let term = &self.region.blocks[index].term;
            for (to, track) in ways(term).map(|to| (to, end)).chain(self.returns(term, &end)) {
                let unknown = self.region.blocks[to].entry && self.outside[to].is_none();
                let track = if unknown { track.forgotten() } else { track };
                let met = match &self.begin[to] {
                    Some(old) => old.meet(&track),
                    None => Some(track),
                };
                let Some(met) = met else {
                    self.clean[to] = true;
                    continue;
                };
                changed |= self.begin[to] != Some(met);
                self.begin[to] = Some(met);
            }
        }
        changed
    }

    /// Where a call comes back to, with the expected state: that of the call, with a result on top of it if the code there
    /// uses more than there was.
    fn returns(&self, term: &Terminator, end: &Track) -> Option<(usize, Track)> {
        let to = return_block(term)?;
        let (top, ftw) = end.expected();
        let needs = needs(&self.region.blocks[to], 0, top, Needs::default());
        let above = (top + 7) & 7;
        let result = needs.full & !ftw != 0;
        Some((to, if result { Track::unknown(above, ftw | 1 << above) } else { Track::unknown(top, ftw) }))
    }

    /// What is needed at the beginning of a block, and where ST(0) is there.
    fn wants(&self, index: usize) -> Option<(Needs, u8)> {
        let (top, _) = self.begin[index]?.expected();
        Some((needs(&self.region.blocks[index], 0, top, self.behind[index]), top))
    }

    /// What is needed behind every block.
    fn backward(&mut self) {
        let tops: Vec<_> = (0..self.begin.len()).map(|i| self.begin[i].map(|b| self.end(i, b).expected().0)).collect();
        loop {
            let mut changed = false;
            for index in (0..self.begin.len()).rev() {
                let Some(top) = tops[index] else { continue };
                let mut behind = self.behind[index];
                for to in ways(&self.region.blocks[index].term) {
                    match self.wants(to) {
                        Some((wants, at)) if at == top && wants.full & wants.empty == 0 => behind = behind.or(wants),
                        _ => {}
                    }
                }
                if behind.full & behind.empty == 0 && behind != self.behind[index] {
                    self.behind[index] = behind;
                    changed = true;
                }
            }
            if !changed {
                return;
            }
        }
    }

    /// Blocks that are entered from outside and from inside: the former is checked apart, so that loops need not be.
    fn enter(&mut self) {
        // Returns come to the block itself.
        let returned = |index: usize| self.region.blocks.iter().any(|block| return_block(&block.term) == Some(index));
        let inside: Vec<usize> = self.region.blocks.iter().flat_map(|block| ways(&block.term)).collect();
        for index in 0..self.begin.len() {
            if !self.region.blocks[index].entry || !inside.contains(&index) || returned(index) {
                continue;
            }
            let Some(begin) = self.begin[index] else { continue };
            let Some((needs, top)) = self.wants(index) else { continue };
            if needs == Needs::default() || needs.full & needs.empty != 0 {
                continue;
            }
            let (_, ftw) = begin.expected();
            self.outside[index] = Some(Guard { needs, top, ftw: (ftw | needs.full) & !needs.empty });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ir::parse;

    fn plans(text: &str) -> Vec<Plan> {
        let region = parse::parse(text).unwrap();
        ir::verify::verify(&region).unwrap();
        analyse(&region, X87Hint { top: 0, ftw: 0 }, false)
    }

    const PUSH: &str = "x87_wait
x87 x87_fld_const, v0
";

    #[test]
    fn a_loop_is_checked_where_it_is_entered() {
        let body = format!("region 0x10\nb0 0x10 entry:\n; 0x10 +2\nv0 = const.i32 0\n{PUSH}; 0x12 +2\nx87_wait\nx87 x87_fst_st, v0, v0\njump b0\n");
        let plans = plans(&body.replace("x87_fst_st, v0, v0", "x87_free, v0, v0"));
        let guard = plans[0].outside.expect("reached both ways");
        assert_eq!((guard.top, guard.needs), (0, Needs { full: 0, empty: 1 << 7 }));
    }
}
