//! The seam through which the backend asks for code without knowing the frontend.
use crate::guest::{CpuState, Fault, GuestAddr, GuestMem};
use crate::region::Region;

/// Why there is no region at an address. The guest sees a fault; ferry goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LiftError {
    /// Not even the first instruction's first byte can be fetched.
    #[error("no code can be fetched at {:?}", .0.addr)]
    Fetch(Fault),
}

/// How often code is expected to run, and so how much of it is worth translating at once.
#[derive(Clone, Copy)]
pub enum Heat<'a> {
    /// Maybe once: little beyond the path that is about to run. The function tells what not to go on to: where there is code
    /// already, and what has not run yet.
    Cold(&'a dyn Fn(GuestAddr) -> bool),
    /// Often: whatever makes it run well.
    Hot,
}

impl Heat<'_> {
    /// Whether it is `Hot`.
    pub fn is_hot(self) -> bool {
        matches!(self, Self::Hot)
    }
}

impl std::fmt::Debug for Heat<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_hot() { "Hot" } else { "Cold" })
    }
}

/// How SSE arithmetic is done. A process begins with the first and goes on to what its use of MXCSR asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Floats {
    /// By the host's floating-point unit, which does not say that an operand is denormal (DE), and calls a result tiny
    /// before it is rounded (UE). The mode is to nearest, as nobody has set another.
    Host,
    /// By the host's unit; MIN and MAX flush what they choose, as DAZ has it.
    Flushing,
    /// The same, and an instruction with a denormal operand is interpreted, unless DE is set already.
    Checked,
    /// By helpers: for exceptions that are not masked, and DAZ without FTZ or the reverse.
    Exact,
    /// By the interpreter, which is exact: for single instructions.
    Interpreted,
}

impl Floats {
    /// What MXCSR can ask for, in order.
    pub const LEVELS: [Self; 4] = [Self::Host, Self::Flushing, Self::Checked, Self::Exact];
}

/// Gives optimised, verified regions; `loader::translate` implements it with the frontend and the passes.
pub trait RegionSource: Send + Sync {
    /// The region that starts at `entry`, ready for code generation.
    fn region(&self, entry: GuestAddr, heat: Heat) -> Result<Region, LiftError>;

    /// How regions do SSE arithmetic from now on. Sources without SSE have nothing to do.
    fn set_floats(&self, _: Floats) {}

    /// Takes back a region that is not needed any more, for its memory.
    fn recycle(&self, region: Region) {
        drop(region);
    }

    /// Executes instructions from `state.eip` on without translating them, as long as `go_on` says yes to where control goes; how
    /// many. Afterwards `state.eip` is at the first that was not executed. None have to be.
    fn execute(&self, state: &mut CpuState, mem: &mut dyn GuestMem, go_on: &mut dyn FnMut(GuestAddr) -> bool) -> u64 {
        let _ = (state, mem, go_on);
        0
    }

    /// A region of exactly the one instruction at `state.eip`, not optimised: what a single step executes. Every access goes
    /// through its segment's base, limit and rights, the instruction itself and its jump target are offsets in the code segment.
    fn single(&self, state: &CpuState) -> Result<Region, LiftError>;
}

/// Tells whoever owns the memory map which guest bytes have been translated.
pub trait CodeWatch: Send + Sync {
    /// From now on a change of these bytes, by a guest store, the kernel or a new mapping, must lead to
    /// `Engine::invalidate` before the changed code runs. `false` if that cannot be had: then the source, asked again, gives
    /// code that looks itself.
    #[must_use]
    fn watch(&self, range: crate::guest::GuestRange) -> bool;
}

impl<W: CodeWatch + ?Sized> CodeWatch for std::sync::Arc<W> {
    fn watch(&self, range: crate::guest::GuestRange) -> bool {
        (**self).watch(range)
    }
}
