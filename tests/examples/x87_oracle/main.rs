//! Executes x87 instructions natively on an x86-64 CPU, to record vectors or to compare at once.
//!
//! ```text
//! cargo run --release -p tests --example x87_oracle -- record            # writes tests/vectors/x87/cases.txt
//! cargo run --release -p tests --example x87_oracle -- soak N [PART]     # N cases per encoding whose name has PART;
//!                                                                       # SHOW=n in the environment prints more of them
//! ```
#[cfg(target_arch = "x86_64")]
mod native;

#[cfg(target_arch = "x86_64")]
fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["record"] => run::record(),
        ["soak", n] => run::soak(n.parse()?, ""),
        ["soak", n, part] => run::soak(n.parse()?, part),
        _ => anyhow::bail!("usage: x87_oracle record | soak N [PART]"),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn main() {
    eprintln!("this needs an x86-64 CPU");
}

#[cfg(target_arch = "x86_64")]
mod run {
    use super::native::Native;
    use anyhow::{Context, Result};
    use std::fmt::Write as _;
    use tests::x87::{agrees, emulate, encodings, mask, print, Case, Generator, State};

    const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

    fn both(native: &Native, case: &Case) -> (State, Result<State>) {
        let mut want = native.run(case);
        mask(&case.code, &mut want);
        let got = emulate(case, false).map(|mut got| {
            mask(&case.code, &mut got);
            got
        });
        (want, got)
    }

    /// Compares and prints a line per encoding that differs, with its first cases.
    pub fn soak(n: u64, part: &str) -> Result<()> {
        let native = Native::new()?;
        let show = std::env::var("SHOW").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
        let mut total = 0u64;
        let mut wrong_total = 0u64;
        for (i, encoding) in encodings().iter().enumerate().filter(|(_, e)| e.text.contains(part)) {
            let mut generator = Generator::new(SEED + i as u64);
            let mut wrong = 0;
            for _ in 0..n {
                let case = generator.case(&encoding.code);
                let (want, got) = both(&native, &case);
                total += 1;
                if got.as_ref().is_ok_and(|got| agrees(&case.code, &want, got)) {
                    continue;
                }
                wrong += 1;
                if wrong <= show {
                    println!("{}: native {}", encoding.text, print(&case, &want, 16));
                    match got {
                        Ok(got) => println!("{}: ours   {}", encoding.text, print(&case, &got, 16)),
                        Err(e) => println!("{}: {e:#}", encoding.text),
                    }
                }
            }
            if wrong > 0 {
                println!("{} {:02x?}: {wrong} of {n} differ", encoding.text, encoding.code);
            }
            wrong_total += wrong;
        }
        println!("{total} cases, {wrong_total} differ");
        Ok(())
    }

    /// Records cases of every encoding, more of those with many paths.
    pub fn record() -> Result<()> {
        let native = Native::new()?;
        let mut text =
            String::from("# x87 instructions as executed by a CPU; format and re-recording: tests/src/x87.rs\n");
        for (i, encoding) in encodings().iter().enumerate() {
            let mut generator = Generator::new(SEED ^ (i as u64) << 32);
            for _ in 0..count(&encoding.code) {
                let case = generator.case(&encoding.code);
                let mut want = native.run(&case);
                mask(&case.code, &mut want);
                let used = used_memory(&encoding.code);
                let mut short = case.clone();
                short.state.mem[used..].fill(0);
                let mut after = native.run(&short);
                mask(&case.code, &mut after);
                let _ = writeln!(text, "{}", print(&short, &after, used));
            }
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/x87/cases.txt");
        std::fs::write(path, text).context(path)
    }

    /// Bytes of memory worth writing down: the operand of loads and arithmetic, nothing for registers.
    fn used_memory(code: &[u8]) -> usize {
        match code {
            [_, 0xc0..=0xff] | [0x9b] => 0,
            [0xd9 | 0xdd, 0x26] | [0x66, ..] => 108,
            _ => 10,
        }
    }

    fn count(code: &[u8]) -> usize {
        match code {
            // Registers beyond ST(1) differ in a number only.
            [0xd8 | 0xda..=0xdf, modrm @ 0xc0..=0xff] if modrm & 7 > 1 => 1,
            [0xd9, modrm @ 0xc0..=0xdf] if modrm & 7 > 1 => 1,
            [0xd9, 0xf0..=0xff] => 36,
            [0xd9, 0xe0..=0xff] => 10,
            [0x66, ..] | [0xd9 | 0xdd, 0x26] => 4,
            [_, modrm] if *modrm < 0xc0 => 20,
            _ => 14,
        }
    }
}
