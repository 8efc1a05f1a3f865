//! keyctl(2): commands whose argument holds pointers are converted, replies are announced.
use super::iov::HostIov;
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::host::call::opt_ptr;
use crate::layout::keys::{KdfParams, KdfParams32};

const DESCRIBE: u32 = 6;
const READ: u32 = 11;
const GET_SECURITY: u32 = 17;
const INSTANTIATE_IOV: u32 = 20;
const DH_COMPUTE: u32 = 23;
const PKEY_QUERY: u32 = 24;
const PKEY_SIGN: u32 = 27;
const CAPABILITIES: u32 = 31;
/// Longest reply announced; keys are smaller.
const MAX_REPLY: u32 = 1 << 20;

/// keyctl(2).
pub fn keyctl(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let reply = |cx: &Cx<'_>, at: usize, len: u32| cx.will_write(a.addr(at), u64::from(len.min(MAX_REPLY)));
    match a.uint(0) {
        DESCRIBE | READ | GET_SECURITY => reply(cx, 2, a.uint(3)),
        CAPABILITIES => reply(cx, 1, a.uint(2)),
        PKEY_QUERY..=PKEY_SIGN => reply(cx, 4, 4096),
        INSTANTIATE_IOV => {
            let iov = HostIov::read(cx, a.addr(2), a.uint(3), false);
            return cx.host(a, libc::SYS_keyctl, args![a.uint(0), a.int(1), iov.pointer(), iov.len(), a.int(4)]);
        }
        DH_COMPUTE => return compute(cx, a),
        _ => {}
    }
    cx.host(a, libc::SYS_keyctl, a.zero_extended())
}

/// KEYCTL_DH_COMPUTE: the optional fifth argument holds pointers.
fn compute(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(2), u64::from(a.uint(3).min(MAX_REPLY)));
    let kdf = cx.read_opt::<KdfParams32>(a.addr(4))?.map(|kdf| KdfParams {
        hashname: u64::from(kdf.hashname.get()).into(),
        otherinfo: u64::from(kdf.otherinfo.get()).into(),
        otherinfolen: kdf.otherinfolen,
        ..KdfParams::default()
    });
    cx.host(a, libc::SYS_keyctl, args![a.uint(0), a.addr(1), a.addr(2), a.uint(3), opt_ptr(kdf.as_ref())])
}
