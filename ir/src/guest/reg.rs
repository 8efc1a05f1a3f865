//! Register names, numbered as the x86 encodings number them.

macro_rules! registers {
    ($(#[$m:meta])* $name:ident { $($variant:ident = $n:literal => $text:literal),+ $(,)? }) => {
        $(#[$m])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $(#[doc = $text] $variant = $n),+ }

        impl $name {
            /// Every register, in encoding order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The register with this encoding; `None` past the last one.
            pub fn from_index(index: usize) -> Option<Self> {
                Self::ALL.get(index).copied()
            }

            /// The encoding, 0 for the first register.
            pub fn index(self) -> usize {
                self as usize
            }

            /// The name as Intel writes it, in lower case.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

registers! {
    /// A 32-bit general-purpose register.
    Gpr { Eax = 0 => "eax", Ecx = 1 => "ecx", Edx = 2 => "edx", Ebx = 3 => "ebx",
          Esp = 4 => "esp", Ebp = 5 => "ebp", Esi = 6 => "esi", Edi = 7 => "edi" }
}

registers! {
    /// A segment register.
    Seg { Es = 0 => "es", Cs = 1 => "cs", Ss = 2 => "ss", Ds = 3 => "ds", Fs = 4 => "fs", Gs = 5 => "gs" }
}

registers! {
    /// A 128-bit SSE register.
    Xmm { Xmm0 = 0 => "xmm0", Xmm1 = 1 => "xmm1", Xmm2 = 2 => "xmm2", Xmm3 = 3 => "xmm3",
          Xmm4 = 4 => "xmm4", Xmm5 = 5 => "xmm5", Xmm6 = 6 => "xmm6", Xmm7 = 7 => "xmm7" }
}

registers! {
    /// A 64-bit MMX register: the significand of the x87 register with the same number.
    Mm { Mm0 = 0 => "mm0", Mm1 = 1 => "mm1", Mm2 = 2 => "mm2", Mm3 = 3 => "mm3",
         Mm4 = 4 => "mm4", Mm5 = 5 => "mm5", Mm6 = 6 => "mm6", Mm7 = 7 => "mm7" }
}
