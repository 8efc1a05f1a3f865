//! Helpers: semantics too large to emit inline. The interpreter and generated code call the same functions.
//!
//! Rules every helper keeps:
//! - It never reads or writes `gpr`, `xmm`, `eip`, `nzcv`, `pf_raw`, `af_raw`: those are pinned while translated code
//!   runs. Values come in as arguments and go out as the result. Everything else in `CpuState` it may touch.
//! - It never touches guest memory: loads and stores are IR, so that faults are precise.
//! - Integer arguments arrive zero-extended to 64 bits; an integer result is truncated to the instruction's `ty`.
//! - A `V128` argument number i is in `state.scratch[i]` (its u64 is meaningless); a `V128` result goes to `scratch[0]`.
use crate::guest::CpuState;

mod segment;
mod system;

/// The one signature.
pub type HelperFn = extern "C" fn(&mut CpuState, u64, u64, u64, u64) -> u64;

macro_rules! helpers {
    ($($variant:ident $name:literal $func:path, $doc:literal;)+) => {
        /// A function that IR can call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Helper { $(#[doc = $doc] $variant),+ }

        impl Helper {
            /// Every helper, in table order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in the text form.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The function.
            pub fn function(self) -> HelperFn {
                match self { $(Self::$variant => $func),+ }
            }

            /// One line of meaning.
            pub fn doc(self) -> &'static str {
                match self { $(Self::$variant => $doc),+ }
            }
        }
    };
}

#[rustfmt::skip]
helpers! {
    // system.rs
    CpuidAb  "cpuid_ab"  system::cpuid_ab,  "CPUID leaf (a0), subleaf (a1): EAX | EBX << 32";
    CpuidCd  "cpuid_cd"  system::cpuid_cd,  "CPUID leaf (a0), subleaf (a1): ECX | EDX << 32";
    Rdtsc    "rdtsc"     system::rdtsc,     "time stamp counter: nanoseconds";
    // segment.rs
    LoadSegment      "load_segment"      segment::load,     "segment register (a0) := selector (a1): 0 done, 1 #GP, 2 base unknown (Trap::Segment)";
    DescribeSegment  "describe_segment"  segment::describe, "selector (a0): access rights as LAR | limit << 32, 0 if not accessible";
}

impl Helper {
    /// The helper with this name in the text form.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|h| h.name() == name)
    }
}
