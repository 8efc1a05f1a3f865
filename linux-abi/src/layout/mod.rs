//! i386 structures, one file per C header.
