//! Sockets through the direct calls and through socketcall(2).
use crate::testing::Guest;
use crate::Errno;

const AF_UNIX: u32 = 1;
const SOCK_DGRAM: u32 = 2;

fn pair(g: &mut Guest, kind: u32) -> [u32; 2] {
    let at = g.room(8);
    let block = g.put(&[AF_UNIX, kind, 0, at]);
    assert_eq!(g.call("socketcall", [8, block]), Ok(0));
    g.get(at)
}

#[test]
fn messages_carry_descriptors() {
    let mut g = Guest::new();
    let [left, right] = pair(&mut g, SOCK_DGRAM);
    let event = g.call("eventfd2", [7, 0]).unwrap();
    let data = g.put(b"hello");
    let iov = g.put(&[data, 5]);
    let control = g.put(&[16u32, 1, 1, event]);
    let header = g.put(&[0, 0, iov, 1, control, 16, 0]);
    assert_eq!(g.call("sendmsg", [left, header, 0]), Ok(5));

    let (buf, control) = (g.room(16), g.room(32));
    let iov = g.put(&[buf, 16]);
    let header = g.put(&[0, 0, iov, 1, control, 32, 0xffff]);
    let block = g.put(&[right, header, 0x4000_0000]);
    assert_eq!(g.call("socketcall", [17, block]), Ok(5));
    assert_eq!(&g.get::<[u8; 6]>(buf), b"hello\xee");
    let [_, _, _, _, _, controllen, flags]: [u32; 7] = g.get(header);
    assert_eq!((controllen, flags & 8), (16, 0));
    let [len, level, kind, received, beyond]: [u32; 5] = g.get(control);
    assert_eq!((len, level, kind, beyond), (16, 1, 1, 0xeeee_eeee));
    let value = g.room(8);
    assert_eq!(g.call("read", [received, value, 8]), Ok(8));
    assert_eq!(g.get::<u64>(value), 7);
}

#[test]
fn descriptors_without_room_are_dropped() {
    let mut g = Guest::new();
    let [left, right] = pair(&mut g, SOCK_DGRAM);
    let data = g.put(b"x");
    let iov = g.put(&[data, 1]);
    let control = g.put(&[20u32, 1, 1, left, right]);
    let header = g.put(&[0, 0, iov, 1, control, 20, 0]);
    assert_eq!(g.call("sendmsg", [left, header, 0]), Ok(1));
    let control = g.room(16);
    let header = g.put(&[0, 0, iov, 1, control, 16, 0]);
    assert_eq!(g.call("recvmsg", [right, header, 0]), Ok(1));
    let [_, _, _, _, _, controllen, flags]: [u32; 7] = g.get(header);
    assert_eq!((controllen, flags), (16, 8));
    let [len, _, _, fd]: [u32; 4] = g.get(control);
    assert_eq!(len, 16);
    assert_eq!(g.call("close", [fd]), Ok(0));
}

#[test]
fn many_messages_at_once() {
    let mut g = Guest::new();
    let [left, right] = pair(&mut g, SOCK_DGRAM);
    let (a, b) = (g.put(b"one"), g.put(b"three"));
    let (iov_a, iov_b) = (g.put(&[a, 3]), g.put(&[b, 5]));
    let vector = g.put(&[[0, 0, iov_a, 1, 0, 0, 0, 0], [0, 0, iov_b, 1, 0, 0, 0, 0]]);
    assert_eq!(g.call("sendmmsg", [left, vector, 2, 0]), Ok(2));
    assert_eq!(g.get::<[[u32; 8]; 2]>(vector).map(|m| m[7]), [3, 5]);
    let (a, b) = (g.room(8), g.room(8));
    let (iov_a, iov_b) = (g.put(&[a, 8]), g.put(&[b, 8]));
    let vector = g.put(&[[0, 0, iov_a, 1, 0, 0, 0, 0], [0, 0, iov_b, 1, 0, 0, 0, 0], [0; 8]]);
    assert_eq!(g.call("recvmmsg", [right, vector, 3, 0x1_0000, 0]), Ok(2));
    assert_eq!(g.get::<[[u32; 8]; 2]>(vector).map(|m| m[7]), [3, 5]);
    assert_eq!(&g.get::<[u8; 5]>(b), b"three");
}

#[test]
fn options_and_names() {
    let mut g = Guest::new();
    let fd = g.call("socket", [2, SOCK_DGRAM, 0]).unwrap();
    let time = g.put(&[3u32, 500_000]);
    assert_eq!(g.call("setsockopt", [fd, 1, 20, time, 8]), Ok(0));
    let (value, len) = (g.room(16), g.put(&[16u32]));
    assert_eq!(g.call("getsockopt", [fd, 1, 20, value, len]), Ok(0));
    assert_eq!((g.get::<[u32; 3]>(value), g.get::<u32>(len)), ([3, 500_000, 0xeeee_eeee], 8));
    g.fails("setsockopt", [fd, 1, 20, time, 4], Errno::EINVAL);
    let address = g.put(&[0x0000_0002u32, 0x0100_007f, 0, 0]);
    assert_eq!(g.call("bind", [fd, address, 16]), Ok(0));
    let (name, len) = (g.room(32), g.put(&[32u32]));
    assert_eq!(g.call("getsockname", [fd, name, len]), Ok(0));
    assert_eq!((g.get::<u32>(len), g.get::<[u32; 2]>(name)[1]), (16, 0x0100_007f));
    // A filter of one instruction that accepts everything.
    let filter = g.put(&[0x0000_0006u32, 0xffff]);
    let program = g.put(&[1u32, filter]);
    assert_eq!(g.call("setsockopt", [fd, 1, 26, program, 8]), Ok(0));
    g.fails("socketcall", [21, program], Errno::EINVAL);
    g.fails("socketcall", [1, 0xffff_f000], Errno::EFAULT);
}
