//! Transcendental functions, rounded correctly but for arguments whose result is within 2^-110 or so of a rounding boundary.
//!
//! Each reduces its argument so that a short power series in 128-bit fixed point is accurate to about 2^-120, then rounds
//! once by the rounding mode. Trigonometric arguments are reduced with the 66-bit approximation of pi that CPUs use (SDM
//! vol. 1, 8.3.8), so that results agree with theirs for large arguments too. Tables are computed by the compiler.
//!
//! The special cases are those of the tables in SDM vol. 2; what is undefined there follows what CPUs do.
pub mod atan;
pub mod exp;
pub mod log;
pub mod trig;
mod wide;
