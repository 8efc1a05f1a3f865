//! Looking ahead at a region's exits: flags that the code there surely overwrites before reading them are dead.
use crate::decode::{Code, Decoded};
use crate::flags;
use iced_x86::FlowControl;
use ir::guest::{FlagSet, GuestAddr, GuestRange};
use ir::{Block, Region, Target};

/// Fills `region.exit_live`. What was looked at is added to its ranges: if it changes, the region is stale. `code` reads
/// what it holds already, `aside` all else.
pub(super) fn look_ahead<'m>(region: &mut Region, code: &mut Code<'m>, aside: &mut Code<'m>, depth: usize) {
    let reached = reached(&region.blocks);
    for (index, block) in region.blocks.iter().enumerate() {
        // Where flags are as they came from another region nothing depends on who reads them.
        let writes = |inst: &ir::Inst| !inst.flags.is_empty();
        if !is_reached(reached, index) && !block.insts.iter().any(writes) {
            continue;
        }
        for target in block.term.targets() {
            let Target::Guest(addr) = target else { continue };
            let Err(at) = region.exit_live.binary_search_by_key(&addr, |(exit, _)| *exit) else { continue };
            let reader = if code.has(addr) { &mut *code } else { &mut *aside };
            let (live, end) = live_at(reader, addr, depth);
            region.exit_live.insert(at, (addr, live));
            if live != FlagSet::ALL {
                region.ranges.push(GuestRange::new(addr, u64::from(end.0.wrapping_sub(addr.0))));
            }
        }
    }
}

/// The first blocks that a branch of the region goes to, as a bit mask.
fn reached(blocks: &[Block]) -> u64 {
    let targets = blocks.iter().flat_map(|block| block.term.targets());
    targets.fold(0, |mask, target| match target {
        Target::Block(id) => mask | 1u64.checked_shl(u32::from(id.0)).unwrap_or(0),
        Target::Guest(_) => mask,
    })
}

fn is_reached(mask: u64, index: usize) -> bool {
    index >= 64 || mask >> index & 1 != 0
}

/// Flags that may be read at `addr` before they are written, and the end of the code that says so.
fn live_at(code: &mut Code, addr: GuestAddr, depth: usize) -> (FlagSet, GuestAddr) {
    let (mut live, mut open) = (FlagSet::NONE, FlagSet::ALL);
    let (mut end, mut left) = (addr, depth);
    code.walk(addr, |_, decoded| {
        let Decoded::Insn(insn) = decoded else { return false };
        live |= flags::reads(&insn) & open;
        open = open - live;
        // Only what goes on to the next instruction tells about it; a call's return address is reached with other flags.
        if insn.flow_control() != FlowControl::Next {
            return false;
        }
        open = open - flags::kills(&insn);
        end = GuestAddr(insn.next_ip32());
        left -= 1;
        left > 0 && !open.is_empty()
    });
    (live | open, end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::testing::Bytes;
    use crate::decode::Window;

    fn live(bytes: &[u8]) -> String {
        let mem = Bytes(0x1000, bytes.to_vec());
        live_at(&mut Code::new(&mem, &mut Window::small()), GuestAddr(0x1000), 4).0.to_string()
    }

    #[test]
    fn writers_kill_and_readers_keep() {
        assert_eq!(live(&[0x29, 0xd8]), "-", "sub eax, ebx");
        assert_eq!(live(&[0x11, 0xd8]), "c", "adc eax, ebx");
        assert_eq!(live(&[0x40, 0x90]), "c", "inc eax; nop");
        assert_eq!(live(&[0x74, 0x00, 0x29, 0xd8]), "oszapc", "je reads one and hides the rest");
        assert_eq!(live(&[0x89, 0xc3, 0x55, 0x53, 0x31, 0xc0]), "-", "xor is the fourth");
        assert_eq!(live(&[0xd3, 0xe0]), "oszapc", "shl eax, cl may shift by nothing");
        assert_eq!(live(&[0xf3, 0xa6]), "oszapc", "repe cmpsb may compare nothing");
    }
}
