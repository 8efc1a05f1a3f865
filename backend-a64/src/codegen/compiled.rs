//! What code generation hands to the runtime: position-independent bytes and what to know about them.
use ir::guest::{GuestAddr, GuestRange};

/// A byte offset into one region's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeOffset(pub u32);

/// A routine of the runtime that generated code branches to. All pinned registers are live at the branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stub {
    /// Leave to find or make the region for the guest address in w16, then patch the link site whose host address is in
    /// x17. Reached only from a link site's own stub code.
    Link,
    /// Leave to find or make the region for the guest address in w16 (lookup table miss).
    Miss,
    /// A return whose shadow entry did not match: w16 is the guest address; resynchronise the shadow stack, then as an
    /// indirect branch.
    RetMiss,
    /// Leave with trap number w17; w16 is the eip to report.
    Trap,
    /// Count in the counter whose number is in x17. Once it is hot, leave to find or make what is to take the place of the
    /// code. `bl` to it; preserves all but x16, x17, x30.
    Count,
    /// Execute the single guest instruction at w16 by other means, then go on after it.
    Single,
    /// Call the helper whose address is in x16; arguments are in x1-x4, the stub puts `CpuState` in x0. Preserves
    /// v16-v23 and the pinned registers, not NZCV. `bl` to it; result in x0.
    Helper,
}

/// A branch to a [`Stub`] to be resolved when the code is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reloc {
    /// Where the `b` or `bl` instruction is (its imm26 is zero so far).
    pub at: CodeOffset,
    /// What it branches to.
    pub stub: Stub,
}

/// Whether a link site is a `b` or a `bl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// `b`: a jump out of the region.
    Jump,
    /// `bl`: a guest call.
    Call,
}

/// A direct branch out of the region. It first goes to its own stub code inside the region, which branches to
/// [`Stub::Link`]; once the target exists the runtime patches the instruction to go there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkSite {
    /// Where the `b` or `bl` is.
    pub at: CodeOffset,
    /// Which of the two.
    pub kind: LinkKind,
    /// Where the guest wants to go.
    pub target: GuestAddr,
    /// The stub code to restore when the link is taken back.
    pub stub: CodeOffset,
    /// Whether it leaves with the guest's CF itself in C. It then links to [`EntryPoint::direct`] only; its stub code
    /// turns the carry and is a link site like any other.
    pub carry_direct: bool,
}

/// A place where control may come from outside, with all guest state pinned and NZCV canonical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryPoint {
    /// The guest address.
    pub guest: GuestAddr,
    /// Where its code is.
    pub at: CodeOffset,
    /// Where to come with the guest's CF itself in C instead of its inverse, if there is such a way in.
    pub direct: Option<CodeOffset>,
}

/// From `at` up to the next entry, host instructions belong to the guest instruction at `eip`. Guest state is that
/// before the instruction (nothing of it is written yet) wherever one of them can fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PcEntry {
    /// First host instruction.
    pub at: CodeOffset,
    /// The guest instruction.
    pub eip: GuestAddr,
    /// Whether the host's C flag is the guest's CF here rather than its inverse.
    pub carry_direct: bool,
}

/// One region's code.
#[derive(Clone, Debug, Default)]
pub struct CompiledRegion {
    /// A64 instructions, little-endian; a multiple of four bytes.
    pub code: Vec<u8>,
    /// The region's entry first, then return addresses of its calls.
    pub entries: Vec<EntryPoint>,
    /// Branches out of the region.
    pub links: Vec<LinkSite>,
    /// Branches to the runtime.
    pub relocs: Vec<Reloc>,
    /// Sorted by `at`.
    pub pc_map: Vec<PcEntry>,
    /// The guest bytes it stands for.
    pub ranges: Vec<GuestRange>,
    /// Guest instructions translated.
    pub insns: u32,
}
