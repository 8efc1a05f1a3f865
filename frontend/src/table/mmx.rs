//! MMX rows of the instruction table, with the XMM forms that share a mnemonic; by the extension that brought them.
use crate::lift::mmx;
use crate::lift::sse::{int, maskmov, mov, shuffle};

super::section! {
    // MMX
    Emms        => Full(mmx::emms);
    Movd        => Full(mov::movd);
    Movq        => Full(mov::movq);
    Packssdw    => Full(int::packssdw);
    Packsswb    => Full(int::packsswb);
    Packuswb    => Full(int::packuswb);
    Paddb       => Full(int::paddb);
    Paddd       => Full(int::paddd);
    Paddsb      => Full(int::paddsb);
    Paddsw      => Full(int::paddsw);
    Paddusb     => Full(int::paddusb);
    Paddusw     => Full(int::paddusw);
    Paddw       => Full(int::paddw);
    Pand        => Full(int::and);
    Pandn       => Full(int::andn);
    Pcmpeqb     => Full(int::pcmpeqb);
    Pcmpeqd     => Full(int::pcmpeqd);
    Pcmpeqw     => Full(int::pcmpeqw);
    Pcmpgtb     => Full(int::pcmpgtb);
    Pcmpgtd     => Full(int::pcmpgtd);
    Pcmpgtw     => Full(int::pcmpgtw);
    Pmaddwd     => Full(int::pmaddwd);
    Pmulhw      => Full(int::pmulhw);
    Pmullw      => Full(int::pmullw);
    Por         => Full(int::or);
    Pslld       => Full(int::pslld);
    Psllq       => Full(int::psllq);
    Psllw       => Full(int::psllw);
    Psrad       => Full(int::psrad);
    Psraw       => Full(int::psraw);
    Psrld       => Full(int::psrld);
    Psrlq       => Full(int::psrlq);
    Psrlw       => Full(int::psrlw);
    Psubb       => Full(int::psubb);
    Psubd       => Full(int::psubd);
    Psubsb      => Full(int::psubsb);
    Psubsw      => Full(int::psubsw);
    Psubusb     => Full(int::psubusb);
    Psubusw     => Full(int::psubusw);
    Psubw       => Full(int::psubw);
    Punpckhbw   => Full(int::punpckhbw);
    Punpckhdq   => Full(int::punpckhdq);
    Punpckhwd   => Full(int::punpckhwd);
    Punpcklbw   => Full(int::punpcklbw);
    Punpckldq   => Full(int::punpckldq);
    Punpcklwd   => Full(int::punpcklwd);
    Pxor        => Full(int::xor);
    // SSE
    Maskmovq    => Full(maskmov::maskmov);
    Movntq      => Full(mov::movntq);
    Pavgb       => Full(int::pavgb);
    Pavgw       => Full(int::pavgw);
    Pextrw      => Full(mov::pextrw);
    Pinsrw      => Full(mov::pinsrw);
    Pmaxsw      => Full(int::pmaxsw);
    Pmaxub      => Full(int::pmaxub);
    Pminsw      => Full(int::pminsw);
    Pminub      => Full(int::pminub);
    Pmovmskb    => Full(int::pmovmskb);
    Pmulhuw     => Full(int::pmulhuw);
    Psadbw      => Full(int::psadbw);
    Pshufw      => Full(shuffle::pshuflw);
    // SSE2
    Paddq       => Full(int::paddq);
    Pmuludq     => Full(int::pmuludq);
    Psubq       => Full(int::psubq);
}
