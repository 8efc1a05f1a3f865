//! Requests on what every machine has: pipes, pseudo terminals, the loopback interface.
use crate::testing::Guest;
use crate::Errno;

#[test]
fn pseudo_terminals() {
    let mut g = Guest::new();
    let path = g.text("/dev/ptmx");
    let master = g.call("open", [path, 2 | 0o400, 0]).unwrap();
    let word = g.put(&[0u32]);
    assert_eq!(g.call("ioctl", [master, 0x4004_5431, word]), Ok(0));
    assert_eq!(g.call("ioctl", [master, 0x8004_5430, word]), Ok(0));
    let size = g.put(&[24u16, 80, 0, 0]);
    assert_eq!(g.call("ioctl", [master, 0x5414, size]), Ok(0));
    let got = g.room(12);
    assert_eq!(g.call("ioctl", [master, 0x5413, got]), Ok(0));
    assert_eq!(g.get::<[u16; 5]>(got), [24, 80, 0, 0, 0xeeee]);
    let peer = g.call("ioctl", [master, 0x5441, 2 | 0o400]).unwrap();
    let termios = g.room(40);
    assert_eq!(g.call("ioctl", [peer, 0x5401, termios]), Ok(0));
    assert_eq!(g.get::<[u32; 10]>(termios)[9], 0xeeee_eeee);
    assert_eq!(g.call("ioctl", [peer, 0x5403, termios]), Ok(0));
}

#[test]
fn the_loopback_interface() {
    let mut g = Guest::new();
    let fd = g.call("socket", [2, 2, 0]).unwrap();
    let mut request = [0u8; 40];
    request[..2].copy_from_slice(b"lo");
    request[32..].fill(0xcc);
    let at = g.put(&request);
    assert_eq!(g.call("ioctl", [fd, 0x8933, at]), Ok(0));
    let answer: [u32; 10] = g.get(at);
    assert!(answer[4] >= 1);
    assert_eq!(answer[8..], [0xcccc_cccc; 2]);
    let list = g.room(128);
    let config = g.put(&[128u32, list]);
    assert_eq!(g.call("ioctl", [fd, 0x8912, config]), Ok(0));
    let [len, buf]: [u32; 2] = g.get(config);
    assert_eq!((len % 32, buf), (0, list));
    if len > 0 {
        assert_eq!(&g.get::<[u8; 3]>(list), b"lo\0");
    }
    let config = g.put(&[0u32, 0]);
    assert_eq!(g.call("ioctl", [fd, 0x8912, config]), Ok(0));
    assert_eq!(g.get::<[u32; 1]>(config)[0], len);
}

#[test]
fn pipes_and_unknown_requests() {
    let mut g = Guest::new();
    let pair = g.room(8);
    assert_eq!(g.call("pipe", [pair]), Ok(0));
    let [read, write]: [u32; 2] = g.get(pair);
    assert_eq!(g.call("write", [write, pair, 5]), Ok(5));
    let count = g.room(8);
    assert_eq!(g.call("ioctl", [read, 0x541b, count]), Ok(0));
    assert_eq!(g.get::<[u32; 2]>(count), [5, 0xeeee_eeee]);
    g.fails("ioctl", [read, 0x541b, 0xffff_f000], Errno::EFAULT);
    g.fails("ioctl", [read, 0x1234_5678, 0], Errno::ENOTTY);
    g.fails("ioctl", [999, 0x1234_5678, 0], Errno::EBADF);
}
