//! The initial stack: strings, auxiliary vector, environment, arguments (System V ABI i386 supplement, process
//! initialisation; fs/exec.c and fs/binfmt_elf.c for the order of the strings).
use crate::auxv::{entries, AuxInfo, AuxStrings};
use ir::guest::{Fault, GuestAddr, GuestMem};
use std::ffi::{CStr, CString};

/// What a program is started with.
#[derive(Clone, Debug, Default)]
pub struct StartArgs {
    /// argv.
    pub args: Vec<CString>,
    /// envp.
    pub env: Vec<CString>,
    /// The path given to execve (AT_EXECFN).
    pub execfn: CString,
    /// 16 bytes for AT_RANDOM.
    pub random: [u8; 16],
}

struct Writer<'a> {
    mem: &'a mut dyn GuestMem,
    sp: u32,
}

impl Writer<'_> {
    fn bytes(&mut self, data: &[u8]) -> Result<u32, Fault> {
        self.sp -= data.len() as u32;
        self.mem.write(GuestAddr(self.sp), data)?;
        Ok(self.sp)
    }

    fn string(&mut self, text: &CStr) -> Result<u32, Fault> {
        self.bytes(text.to_bytes_with_nul())
    }

    /// Pushes strings so that the first one ends up lowest, as the kernel does, and returns their addresses in order.
    fn strings(&mut self, texts: &[CString]) -> Result<Vec<u32>, Fault> {
        let mut addrs = Vec::with_capacity(texts.len());
        for text in texts.iter().rev() {
            addrs.push(self.string(text)?);
        }
        addrs.reverse();
        Ok(addrs)
    }
}

/// Bytes the strings and vectors will take, generously: to be compared with the stack limit before building.
pub fn size(args: &StartArgs) -> usize {
    let strings = |v: &[CString]| v.iter().map(|s| s.as_bytes_with_nul().len() + 4).sum::<usize>();
    strings(&args.args) + strings(&args.env) + args.execfn.as_bytes_with_nul().len() + 512
}

/// Where things ended up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Built {
    /// Initial esp: points at argc.
    pub esp: GuestAddr,
    /// First byte of the argument strings and one past them (/proc/self/cmdline).
    pub args: (GuestAddr, GuestAddr),
    /// The same of the environment strings.
    pub env: (GuestAddr, GuestAddr),
    /// Address of the auxiliary vector.
    pub auxv: GuestAddr,
}

/// Builds the stack below `top`.
pub fn build(mem: &mut dyn GuestMem, top: GuestAddr, args: &StartArgs, aux: &AuxInfo) -> Result<Built, Fault> {
    let mut w = Writer { mem, sp: top.0 };
    w.bytes(&[0; 4])?;
    let execfn = w.string(&args.execfn)?;
    let env_end = GuestAddr(w.sp);
    let env = w.strings(&args.env)?;
    let args_end = GuestAddr(w.sp);
    let argv = w.strings(&args.args)?;
    let args_start = GuestAddr(w.sp);
    let platform = w.string(c"i686")?;
    w.sp &= !15;
    let random = w.bytes(&args.random)?;
    let aux = entries(aux, &AuxStrings { random, execfn, platform });

    let mut words = Vec::with_capacity(argv.len() + env.len() + 2 * aux.len() + 3);
    words.push(argv.len() as u32);
    words.extend(&argv);
    words.push(0);
    words.extend(&env);
    words.push(0);
    let auxv_index = words.len();
    words.extend(aux.iter().flat_map(|&(kind, value)| [kind, value]));
    // esp is 16-byte aligned at entry.
    let esp = (w.sp - 4 * words.len() as u32) & !15;
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    w.mem.write(GuestAddr(esp), &bytes)?;
    let auxv = GuestAddr(esp).plus(4 * auxv_index as u32);
    Ok(Built { esp: GuestAddr(esp), args: (args_start, args_end), env: (args_end, env_end), auxv })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ir::guest::mem::GuestMemExt;
    use ir::guest::{Access, FaultKind};

    struct Flat(Vec<u8>, u32);

    impl GuestMem for Flat {
        fn read(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
            let at = (addr.0 - self.1) as usize;
            buf.copy_from_slice(&self.0[at..at + buf.len()]);
            Ok(())
        }
        fn write(&mut self, addr: GuestAddr, data: &[u8]) -> Result<(), Fault> {
            let at = addr.0.wrapping_sub(self.1) as usize;
            let place = self.0.get_mut(at..at + data.len());
            let fault = Fault { addr, access: Access::Write, kind: FaultKind::Unmapped };
            place.ok_or(fault)?.copy_from_slice(data);
            Ok(())
        }
        fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
            self.read(addr, buf).map(|()| buf.len())
        }
    }

    #[test]
    fn what_does_not_fit_is_a_fault() {
        let mut mem = Flat(vec![0; 0x1000], 0x1000);
        let args = StartArgs { args: vec![CString::new(vec![b'x'; 0xff0]).unwrap()], ..StartArgs::default() };
        let aux =
            AuxInfo { sysinfo: 0, sysinfo_ehdr: 0, phdr: 0, phnum: 0, base: 0, entry: 0, ids: [0; 4], secure: false };
        assert!(build(&mut mem, GuestAddr(0x2000), &args, &aux).is_err());
    }

    #[test]
    fn layout_is_what_libc_expects() {
        let mut mem = Flat(vec![0; 0x4000], 0x1000);
        let args = StartArgs {
            args: vec![c"prog".into(), c"one".into()],
            env: vec![c"A=1".into()],
            execfn: c"/bin/prog".into(),
            random: [7; 16],
        };
        let aux =
            AuxInfo { sysinfo: 1, sysinfo_ehdr: 2, phdr: 3, phnum: 4, base: 5, entry: 6, ids: [0; 4], secure: false };
        let built = build(&mut mem, GuestAddr(0x5000), &args, &aux).unwrap();
        let word = |i: u32| mem.read_u32(built.esp.plus(4 * i)).unwrap();
        let text = |addr: u32| {
            let at = (addr - 0x1000) as usize;
            CStr::from_bytes_until_nul(&mem.0[at..]).unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(built.esp.0 % 16, 0);
        assert_eq!(word(0), 2);
        assert_eq!((text(word(1)), text(word(2)), word(3)), ("prog".into(), "one".into(), 0));
        assert_eq!((text(word(4)), word(5)), ("A=1".into(), 0));
        assert_eq!(built.auxv, built.esp.plus(24));
        assert!(word(1) < word(2) && word(2) < word(4));
        let find = |kind: u32| (6..60).step_by(2).find(|&i| word(i) == kind).map(|i| word(i + 1)).unwrap();
        assert_eq!(text(find(31)), "/bin/prog");
        assert_eq!(text(find(15)), "i686");
        assert_eq!(mem.read_array::<16>(GuestAddr(find(25))).unwrap(), [7; 16]);
    }
}
