//! Recorded cases as text: one line each, numbers in hexadecimal.
//!
//! `code cw sw tags eflags st0 .. st7 mem -> cw sw tags eflags n=st .. @n=mem ..`: after the arrow only physical registers
//! and runs of memory that changed. Registers before the arrow that hold their filler (`F80::new(0x4000 + n, J | n)`) are
//! written `-`, memory stops at the last byte the instruction reads.
use super::{Case, State, MEM};
use anyhow::{Context, Result};
use ir::x87::{F80, J};
use std::fmt::Write as _;

/// What a register holds that no case gave a value.
fn filler(n: usize) -> F80 {
    F80::new(0x4000 + n as u16, J | n as u64)
}

fn write_number(line: &mut String, x: F80) {
    let _ = write!(line, "{:x}:{:x}", x.sign_exponent, x.mantissa);
}

fn write_bytes(line: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(line, "{byte:02x}");
    }
}

/// The line of a case whose outcome is known. `used` bytes of memory are written.
pub fn print(case: &Case, after: &State, used: usize) -> String {
    let mut line = String::new();
    let s = &case.state;
    write_bytes(&mut line, &case.code);
    let _ = write!(line, " {:x} {:x} {:x} {:x}", s.cw, s.sw, s.tags, s.eflags);
    for (n, &x) in s.st.iter().enumerate() {
        line.push(' ');
        if x == filler(n) {
            line.push('-');
        } else {
            write_number(&mut line, x);
        }
    }
    line.push_str(" m");
    write_bytes(&mut line, &s.mem[..used]);
    let _ = write!(line, " -> {:x} {:x} {:x} {:x}", after.cw, after.sw, after.tags, after.eflags);
    for (n, &x) in after.st.iter().enumerate().filter(|&(n, &x)| x != s.st[n]) {
        let _ = write!(line, " {n}=");
        write_number(&mut line, x);
    }
    let mut n = 0;
    while n < MEM {
        let len = (n..MEM).take_while(|&i| after.mem[i] != s.mem[i]).count();
        if len > 0 {
            let _ = write!(line, " @{n:x}=");
            write_bytes(&mut line, &after.mem[n..n + len]);
        }
        n += len.max(1);
    }
    line
}

fn number(word: &str) -> Result<F80> {
    let (high, low) = word.split_once(':').context("no colon in a register")?;
    Ok(F80::new(u16::from_str_radix(high, 16)?, u64::from_str_radix(low, 16)?))
}

fn bytes(word: &str) -> Result<Vec<u8>> {
    (0..word.len()).step_by(2).map(|i| Ok(u8::from_str_radix(word.get(i..i + 2).context("odd digits")?, 16)?)).collect()
}

/// A case and its outcome from a line.
///
/// # Errors
/// If the line is not as [`print`] writes them.
pub fn parse(line: &str) -> Result<(Case, State)> {
    let (before, after) = line.split_once(" -> ").context("no arrow")?;
    let mut words = before.split(' ');
    let mut next = || words.next().context("line too short");
    let code = bytes(next()?)?;
    let mut state = words4(&mut next)?;
    for n in 0..8 {
        let word = next()?;
        state.st[n] = if word == "-" { filler(n) } else { number(word)? };
    }
    let mem = bytes(&next()?[1..])?;
    state.mem[..mem.len()].copy_from_slice(&mem);
    let mut words = after.split(' ');
    let mut end = words4(&mut || words.next().context("outcome too short"))?;
    (end.st, end.mem) = (state.st, state.mem);
    for word in words {
        let (place, value) = word.split_once('=').context("no equals sign")?;
        if let Some(at) = place.strip_prefix('@') {
            let (at, data) = (usize::from_str_radix(at, 16)?, bytes(value)?);
            end.mem.get_mut(at..at + data.len()).context("beyond memory")?.copy_from_slice(&data);
        } else {
            *end.st.get_mut(place.parse::<usize>()?).context("no such register")? = number(value)?;
        }
    }
    Ok((Case { code, state }, end))
}

/// Control word, status word, tags, eflags; the rest zero.
fn words4<'a>(next: &mut impl FnMut() -> Result<&'a str>) -> Result<State> {
    let mut value = || Ok::<_, anyhow::Error>(u32::from_str_radix(next()?, 16)?);
    let (cw, sw, tags, eflags) = (value()? as u16, value()? as u16, value()? as u8, value()?);
    Ok(State { cw, sw, tags, eflags, st: [F80::ZERO; 8], mem: [0; MEM] })
}
