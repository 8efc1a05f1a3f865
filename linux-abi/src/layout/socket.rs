//! linux/socket.h, linux/net.h, linux/in.h and linux/filter.h of i386.
use super::{I32, U16, U32};
use crate::records;

records! {
    /// `struct msghdr`.
    Msghdr32 [28] {
        msg_name: U32, msg_namelen: U32, msg_iov: U32, msg_iovlen: U32, msg_control: U32, msg_controllen: U32,
        msg_flags: U32,
    }
    /// `struct mmsghdr`.
    Mmsghdr32 [32] { msg_hdr: Msghdr32, msg_len: U32 }
    /// `struct cmsghdr`; data follows, the next header is 4-aligned.
    Cmsghdr32 [12] { cmsg_len: U32, cmsg_level: I32, cmsg_type: I32 }
    /// `struct sock_fprog`.
    SockFprog32 [8] { len: U16, pad: U16, filter: U32 }
    /// `struct sock_fprog` of the host.
    SockFprog [16] { len: U16, pad: [U16; 3], filter: super::U64 }
}
