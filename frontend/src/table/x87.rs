//! X87 rows of the instruction table, by the sections of SDM vol. 1, 8.3.
use crate::lift::x87::{arith, compare, control, env, fxsave, load_store, transcendental};

super::section! {
    // Data transfer, constants
    Fbld      => Full(load_store::fbld);
    Fbstp     => Full(load_store::fbstp);
    Fcmovb    => Full(load_store::fcmov);
    Fcmovbe   => Full(load_store::fcmov);
    Fcmove    => Full(load_store::fcmov);
    Fcmovnb   => Full(load_store::fcmov);
    Fcmovnbe  => Full(load_store::fcmov);
    Fcmovne   => Full(load_store::fcmov);
    Fcmovnu   => Full(load_store::fcmov);
    Fcmovu    => Full(load_store::fcmov);
    Fild      => Full(load_store::fild);
    Fist      => Full(load_store::fist);
    Fistp     => Full(load_store::fistp);
    Fisttp    => Full(load_store::fisttp);
    Fld       => Full(load_store::fld);
    Fld1      => Full(load_store::fld_constant);
    Fldl2e    => Full(load_store::fld_constant);
    Fldl2t    => Full(load_store::fld_constant);
    Fldlg2    => Full(load_store::fld_constant);
    Fldln2    => Full(load_store::fld_constant);
    Fldpi     => Full(load_store::fld_constant);
    Fldz      => Full(load_store::fld_constant);
    Fst       => Full(load_store::fst);
    Fstp      => Full(load_store::fstp);
    Fstpnce   => Full(load_store::fstpnce);
    Fxch      => Full(load_store::fxch);
    // Arithmetic
    Fabs      => Full(arith::fabs);
    Fadd      => Full(arith::fadd);
    Faddp     => Full(arith::faddp);
    Fchs      => Full(arith::fchs);
    Fdiv      => Full(arith::fdiv);
    Fdivp     => Full(arith::fdivp);
    Fdivr     => Full(arith::fdivr);
    Fdivrp    => Full(arith::fdivrp);
    Fiadd     => Full(arith::fiadd);
    Fidiv     => Full(arith::fidiv);
    Fidivr    => Full(arith::fidivr);
    Fimul     => Full(arith::fimul);
    Fisub     => Full(arith::fisub);
    Fisubr    => Full(arith::fisubr);
    Fmul      => Full(arith::fmul);
    Fmulp     => Full(arith::fmulp);
    Fprem     => Full(arith::fprem);
    Fprem1    => Full(arith::fprem1);
    Frndint   => Full(arith::frndint);
    Fscale    => Full(arith::fscale);
    Fsqrt     => Full(arith::fsqrt);
    Fsub      => Full(arith::fsub);
    Fsubp     => Full(arith::fsubp);
    Fsubr     => Full(arith::fsubr);
    Fsubrp    => Full(arith::fsubrp);
    Fxtract   => Full(arith::fxtract);
    // Comparison
    Fcom      => Full(compare::fcom);
    Fcomi     => Full(compare::fcomi);
    Fcomip    => Full(compare::fcomip);
    Fcomp     => Full(compare::fcomp);
    Fcompp    => Full(compare::fcompp);
    Ficom     => Full(compare::fcom);
    Ficomp    => Full(compare::fcomp);
    Ftst      => Full(compare::ftst);
    Fucom     => Full(compare::fucom);
    Fucomi    => Full(compare::fucomi);
    Fucomip   => Full(compare::fucomip);
    Fucomp    => Full(compare::fucomp);
    Fucompp   => Full(compare::fucompp);
    Fxam      => Full(compare::fxam);
    // Transcendental
    F2xm1     => Full(transcendental::f2xm1);
    Fcos      => Full(transcendental::fcos);
    Fpatan    => Full(transcendental::fpatan);
    Fptan     => Full(transcendental::fptan);
    Fsin      => Full(transcendental::fsin);
    Fsincos   => Full(transcendental::fsincos);
    Fyl2x     => Full(transcendental::fyl2x);
    Fyl2xp1   => Full(transcendental::fyl2xp1);
    // Control
    Fdecstp   => Full(control::fdecstp);
    Ffree     => Full(control::ffree);
    Ffreep    => Full(control::ffreep);
    Fincstp   => Full(control::fincstp);
    Fldcw     => Full(control::fldcw);
    Fnclex    => Full(control::fnclex);
    Fndisi    => Full(control::ignored);
    Fneni     => Full(control::ignored);
    Fninit    => Full(control::fninit);
    Fnop      => Full(control::fnop);
    Fnsetpm   => Full(control::ignored);
    Fnstcw    => Full(control::fnstcw);
    Fnstsw    => Full(control::fnstsw);
    Wait      => Full(control::fwait);
    // Environment
    Fldenv    => Full(env::fldenv);
    Fnsave    => Full(env::fnsave);
    Fnstenv   => Full(env::fnstenv);
    Frstor    => Full(env::frstor);
    Fxrstor   => Full(fxsave::fxrstor);
    Fxsave    => Full(fxsave::fxsave);
}
