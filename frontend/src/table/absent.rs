//! Mnemonics that iced-x86 names but 32-bit mode does not have: 64-bit only, assembler directives, x87 mnemonics that
//! stand for a WAIT and another instruction, and instructions of CPUs that need a decoder option (Cyrix, Knights Corner,
//! MPX and the like). All others belong in the table.
use iced_x86::Mnemonic::{self, *};

/// In alphabetical order, with INVALID first.
#[rustfmt::skip]
pub(super) const ABSENT: &[Mnemonic] = &[
    INVALID,
    Altinst, Bb0_reset, Bb1_reset, Bndcl, Bndcn, Bndcu, Bndldx, Bndmk, Bndmov, Bndstx, Cdqe, Cl1invmb, Clevict0,
    Clevict1, Clui, Cmpbexadd, Cmpbxadd, Cmplexadd, Cmplxadd, Cmpnbexadd, Cmpnbxadd, Cmpnlexadd, Cmpnlxadd,
    Cmpnoxadd, Cmpnpxadd, Cmpnsxadd, Cmpnzxadd, Cmpoxadd, Cmppxadd, Cmpsq, Cmpsxadd, Cmpxchg16b, Cmpzxadd, Cpu_read,
    Cpu_write, Cqo, Db, Dd, Delay, Dmint, Dq, Dw, Erets, Eretu, Fclex, Fdisi, Feni, Finit, Fnstdw, Fnstsg, Frichop,
    Frinear, Frint2, Frstpm, Fsave, Fsetpm, Fstcw, Fstdw, Fstenv, Fstsg, Fstsw, Ftstp, Fxrstor64, Fxsave64, Getsecq,
    Ibts, Incsspq, Iretq, Jknzd, Jkzd, Jmpe, Jrcxz, Kand, Kandn, Kandnr, Kconcath, Kconcatl, Kextract, Kmerge2l1h,
    Kmerge2l1l, Kmov, Knot, Kor, Kortest, Kxnor, Kxor, Ldtilecfg, Lkgs, Loadall, Lodsq, Movsq, Movsxd, Paddsiw,
    Paveb, Pbndkb, Pcmpestri64, Pcmpestrm64, Pcommit, Pdistib, Pextrq, Pfrcpv, Pfrsqrtv, Pinsrq, Pmachriw, Pmagw,
    Pmulhriw, Pmvgezb, Pmvlzb, Pmvnzb, Pmvzb, Popfq, Psmash, Psubsiw, Pushfq, Rdfsbase, Rdgsbase, Rdm, Rdmsrlist,
    Rdshr, Rdsspq, Rdudbg, Rmpadjust, Rmpquery, Rmpupdate, Rsdc, Rsldt, Rsts, Scasq, Seamcall, Seamops, Seamret,
    Senduipi, Smint, Spflt, Storeall, Stosq, Sttilecfg, Stui, Svdc, Svldt, Svts, Swapgs, Sysexitq, Sysretq,
    Tcmmimfp16ps, Tcmmrlfp16ps, Tdpbf16ps, Tdpbssd, Tdpbsud, Tdpbusd, Tdpbuud, Tdpfp16ps, Testui, Tileloadd,
    Tileloaddt1, Tilerelease, Tilestored, Tilezero, Tzcnti, Uiret, Umov, Vaddnpd, Vaddnps, Vaddsetsps,
    Vcvtfxpntdq2ps, Vcvtfxpntpd2dq, Vcvtfxpntpd2udq, Vcvtfxpntps2dq, Vcvtfxpntps2udq, Vcvtfxpntudq2ps, Vexp223ps,
    Vfixupnanpd, Vfixupnanps, Vfmadd233ps, Vgatherpf0hintdpd, Vgatherpf0hintdps, Vgmaxabsps, Vgmaxpd, Vgmaxps,
    Vgminpd, Vgminps, Vloadunpackhd, Vloadunpackhpd, Vloadunpackhps, Vloadunpackhq, Vloadunpackld, Vloadunpacklpd,
    Vloadunpacklps, Vloadunpacklq, Vlog2ps, Vmovnrapd, Vmovnraps, Vmovnrngoapd, Vmovnrngoaps, Vpackstorehd,
    Vpackstorehpd, Vpackstorehps, Vpackstorehq, Vpackstoreld, Vpackstorelpd, Vpackstorelps, Vpackstorelq, Vpadcd,
    Vpaddsetcd, Vpaddsetsd, Vpcmpestri64, Vpcmpestrm64, Vpcmpltd, Vpermf32x4, Vpextrq, Vpinsrq, Vpmadd231d,
    Vpmadd233d, Vpmulhd, Vpmulhud, Vprefetch0, Vprefetch1, Vprefetch2, Vprefetche0, Vprefetche1, Vprefetche2,
    Vprefetchenta, Vprefetchnta, Vpsbbd, Vpsbbrd, Vpsubrd, Vpsubrsetbd, Vpsubsetbd, Vrcp23ps, Vrndfxpntpd,
    Vrndfxpntps, Vrsqrt23ps, Vscaleps, Vscatterpf0hintdpd, Vscatterpf0hintdps, Vsubrpd, Vsubrps, Wrfsbase, Wrgsbase,
    Wrmsrlist, Wrshr, Wrssq, Wrudbg, Wrussq, Xbts, Xrstor64, Xrstors64, Xsave64, Xsavec64, Xsaveopt64, Xsaves64,
    Zero_bytes,
];
