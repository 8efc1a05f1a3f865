//! Handlers against the host's kernel.
use crate::layout::stat::{Stat64, Statfs64};
use crate::testing::Guest;
use crate::Errno;

mod order;

const AT_FDCWD: u32 = -100i32 as u32;
const BAD: u32 = 0xffff_f000;

fn temp(name: &str) -> String {
    std::env::temp_dir().join(format!("ferry-{name}-{}", std::process::id())).to_str().unwrap().to_owned()
}

#[test]
fn files_are_written_and_read() {
    let mut g = Guest::new();
    let name = temp("file");
    let path = g.text(&name);
    let fd = g.call("open", [path, 0o102 | 0o1000, 0o600]).unwrap();
    let data = g.put(b"hello world");
    assert_eq!(g.call("write", [fd, data, 11]), Ok(11));
    assert_eq!(g.call("pwrite64", [fd, data, 5, 0, 1]), Ok(5));
    let out = g.room(16);
    assert_eq!(g.call("pread64", [fd, out, 16, 0, 1]), Ok(5));
    assert_eq!(&g.get::<[u8; 6]>(out), b"hello\xee");
    let result = g.room(8);
    assert_eq!(g.call("_llseek", [fd, 0, 0, result, 2]), Ok(0));
    assert_eq!(g.get::<u64>(result), (1 << 32) + 5);
    assert_eq!(g.call("lseek", [fd, 0, 2]), Ok(5));
    let stat = g.room(96);
    assert_eq!(g.call("fstat64", [fd, stat]), Ok(0));
    let read: Stat64 = g.get(stat);
    assert_eq!((read.st_size.get(), read.st_mode.get()), ((1 << 32) + 5, 0o100_600));
    g.fails("fstat", [fd, stat], Errno::EOVERFLOW);
    g.fails("open", [path, 0, 0], Errno::EOVERFLOW);
    let large = g.call("open", [path, 0o100_000, 0]).unwrap();
    assert_eq!(g.call("close", [large]), Ok(0));
    assert_eq!(g.call("ftruncate64", [fd, 7, 0]), Ok(0));
    assert_eq!(g.call("fstat", [fd, stat]), Ok(0));
    assert_eq!(g.call("unlink", [path]), Ok(0));
    g.fails("stat64", [path, stat], Errno::ENOENT);
    // A number that no other test, running beside this one, is given by open.
    const HIGH: u32 = 1000;
    assert_eq!(g.call("dup2", [fd, HIGH]), Ok(HIGH));
    assert_eq!(g.call("close", [fd]), Ok(0));
    assert_eq!(g.call("close", [HIGH]), Ok(0));
    g.fails("close", [HIGH], Errno::EBADF);
}

#[test]
fn bad_pointers_are_efault() {
    let mut g = Guest::new();
    for (name, args) in [
        ("open", [0, 0, 0, 0]),
        ("open", [BAD, 0, 0, 0]),
        ("read", [0, BAD, 1, 0]),
        ("stat64", [BAD, 0, 0, 0]),
        ("fstat64", [0, BAD, 0, 0]),
        ("uname", [BAD, 0, 0, 0]),
        ("pipe", [BAD, 0, 0, 0]),
        ("clock_gettime", [0, BAD, 0, 0]),
        ("writev", [1, BAD, 1, 0]),
        ("getcwd", [BAD, 4096, 0, 0]),
        ("poll", [BAD, 1, 0, 0]),
        ("getrlimit", [0, BAD, 0, 0]),
        ("nanosleep", [BAD, 0, 0, 0]),
        ("sysinfo", [BAD, 0, 0, 0]),
        ("gettimeofday", [BAD, 0, 0, 0]),
    ] {
        if name == "read" {
            let zero = g.text("/dev/zero");
            let fd = g.call("open", [zero, 0, 0]).unwrap();
            g.fails(name, [fd, BAD, 1], Errno::EFAULT);
            continue;
        }
        g.fails(name, args, Errno::EFAULT);
    }
}

#[test]
fn pipes_vectors_and_poll() {
    let mut g = Guest::new();
    let pair = g.room(8);
    assert_eq!(g.call("pipe2", [pair, 0o2_000_000]), Ok(0));
    let [read, write]: [u32; 2] = g.get(pair);
    let (a, b) = (g.put(b"abc"), g.put(b"defgh"));
    let iov = g.put(&[a, 3, b, 5]);
    assert_eq!(g.call("writev", [write, iov, 2]), Ok(8));
    let poll = g.put(&[read, 1]);
    assert_eq!(g.call("poll", [poll, 1, 1000]), Ok(1));
    assert_eq!(g.get::<[u32; 2]>(poll), [read, 0x1_0001]);
    let size = g.room(4);
    let iov = g.put(&[a, 2, b, 9]);
    assert_eq!(g.call("readv", [read, iov, 2]), Ok(8));
    assert_eq!(&g.get::<[u8; 6]>(b), b"cdefgh");
    let iov = g.put(&[a, 0x8000_0000]);
    g.fails("readv", [read, iov, 1], Errno::EINVAL);
    g.fails("readv", [read, iov, 1025], Errno::EINVAL);
    assert_eq!(g.call("fcntl64", [read, 3, 0]), Ok(0));
    assert_eq!(g.call("fcntl64", [read, 4, 0o44000]), Ok(0));
    assert_eq!(g.call("fcntl64", [read, 3, 0]), Ok(0o44000));
    g.fails("read", [read, size, 4], Errno::EAGAIN);
}

#[test]
fn select_touches_no_more_than_its_words() {
    let mut g = Guest::new();
    let pair = g.room(8);
    assert_eq!(g.call("pipe", [pair]), Ok(0));
    let [read, write]: [u32; 2] = g.get(pair);
    assert!(write < 64);
    let mut bits = [0u32; 3];
    bits[(write / 32) as usize] |= 1 << (write % 32);
    bits[(read / 32) as usize] |= 1 << (read % 32);
    bits[2] = 0x1234_5678;
    let (reads, writes) = (g.put(&bits), g.put(&bits));
    let zero = g.put(&[0u32; 2]);
    assert_eq!(g.call("_newselect", [64, reads, writes, 0, zero]), Ok(1));
    assert_eq!(g.get::<[u32; 3]>(reads), [0, 0, 0x1234_5678]);
    let got: [u32; 3] = g.get(writes);
    assert_eq!(got[(write / 32) as usize], 1 << (write % 32));
    let one = g.put(&[0xffff_ffffu32, 0x5555_5555]);
    let _ = g.call("_newselect", [0, one, 0, 0, zero]);
    assert_eq!(g.get::<[u32; 2]>(one), [0xffff_ffff, 0x5555_5555]);
    g.fails("_newselect", [-1i32 as u32, 0, 0, 0, zero], Errno::EINVAL);
    let negative = g.put(&[-1i32, 0]);
    g.fails("_newselect", [0, 0, 0, 0, negative], Errno::EINVAL);
}

#[test]
fn directories_list_with_positions_of_31_bits() {
    let mut g = Guest::new();
    let dir = temp("dir");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir(&dir).unwrap();
    for i in 0..100 {
        std::fs::write(format!("{dir}/file-with-a-name-{i}"), "").unwrap();
    }
    let path = g.text(&dir);
    let mut listings = Vec::new();
    for (call, header, size) in [("getdents64", 19, 4096), ("getdents", 10, 4096), ("getdents", 10, 60)] {
        let fd = g.call("openat", [AT_FDCWD, path, 0o200_000, 0]).unwrap();
        let buf = g.room(size);
        let mut names = Vec::new();
        loop {
            let len = g.call(call, [fd, buf, size as u32]).unwrap() as usize;
            if len == 0 {
                break;
            }
            let bytes = g.cx().read_bytes(ir::guest::GuestAddr(buf), len).unwrap();
            let mut at = 0;
            while at < len {
                let wide = header == 19;
                let field = |offset: usize| u32::from_le_bytes(bytes[at + offset..at + offset + 4].try_into().unwrap());
                let (position, high) = if wide { (field(8), field(12)) } else { (field(4), 0) };
                assert!(position <= 0x7fff_ffff && high == 0, "{position:#x} {high:#x}");
                let reclen = usize::from(bytes[at + header - if wide { 3 } else { 2 }])
                    | usize::from(bytes[at + header - if wide { 2 } else { 1 }]) << 8;
                let name: Vec<u8> = bytes[at + header..].iter().copied().take_while(|&b| b != 0).collect();
                names.push((String::from_utf8(name).unwrap(), position));
                at += reclen;
            }
        }
        assert_eq!(names.len(), 102, "{call}");
        // Seeking to a remembered position goes on after that entry.
        let (_, position) = names[40].clone();
        assert_eq!(g.call("lseek", [fd, position, 0]), Ok(position));
        let len = g.call(call, [fd, buf, size as u32]).unwrap() as usize;
        let bytes = g.cx().read_bytes(ir::guest::GuestAddr(buf), len).unwrap();
        let next: Vec<u8> = bytes[header..].iter().copied().take_while(|&b| b != 0).collect();
        assert_eq!(String::from_utf8(next).unwrap(), names[41].0);
        assert_eq!(g.call("close", [fd]), Ok(0));
        names.sort();
        listings.push(names);
    }
    assert_eq!(listings[0], listings[1]);
    assert_eq!(listings[0], listings[2]);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn locks_are_described_as_asked() {
    let mut g = Guest::new();
    let name = temp("lock");
    let path = g.text(&name);
    let fd = g.call("open", [path, 0o102, 0o600]).unwrap();
    // OFD lock from another description conflicts; its layout is the 24-byte one.
    let other = g.call("open", [path, 2, 0]).unwrap();
    let lock = g.put(&[1u16, 0, 5, 0, 1, 0, 10, 0, 0, 0, 0, 0]);
    assert_eq!(g.call("fcntl64", [fd, 37, lock]), Ok(0));
    let query = g.put(&[1u16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(g.call("fcntl64", [other, 36, query]), Ok(0));
    let got: [u16; 12] = g.get(query);
    assert_eq!(got[..10], [1, 0, 5, 0, 1, 0, 10, 0, 0, 0]);
    let short = g.put(&[1u16, 0, 0, 0, 0, 0, 0, 0]);
    g.fails("fcntl64", [other, 5, short], Errno::EOVERFLOW);
    g.fails("fcntl", [fd, 37, lock], Errno::EINVAL);
    std::fs::remove_file(name).unwrap();
}

#[test]
fn the_machine_is_an_i686() {
    let mut g = Guest::new();
    let at = g.room(390);
    assert_eq!(g.call("uname", [at]), Ok(0));
    let name: [[u8; 65]; 6] = g.get(at);
    assert_eq!(&name[4][..5], b"i686\0");
    let at = g.room(45);
    assert_eq!(g.call("oldolduname", [at]), Ok(0));
    let name: [[u8; 9]; 5] = g.get(at);
    assert_eq!((&name[0][..6], &name[4][..5]), (&b"Linux\0"[..], &b"i686\0"[..]));
}

#[test]
fn file_systems_are_described() {
    let mut g = Guest::new();
    let (path, at) = (g.text("/proc"), g.room(84));
    g.fails("statfs64", [path, 80, at], Errno::EINVAL);
    assert_eq!(g.call("statfs64", [path, 84, at]), Ok(0));
    assert_eq!(g.get::<Statfs64>(at).f_type.get(), 0x9fa0);
}

#[test]
fn the_program_is_what_proc_says() {
    let mut g = Guest::new();
    let program = crate::fs::Program {
        guest_path: "/opt/program".into(),
        host_path: "/bin/sh".into(),
        args: ir::guest::GuestRange::new(ir::guest::GuestAddr(g.text("program")), 8),
        auxv: vec![6, 0, 0, 0, 0, 16, 0, 0],
        ..crate::fs::Program::default()
    };
    g.cx().process.fs.set_program(program);
    let (path, buf) = (g.text("/proc/self/exe"), g.room(64));
    assert_eq!(g.call("readlink", [path, buf, 64]), Ok(12));
    assert_eq!(&g.get::<[u8; 13]>(buf), b"/opt/program\xee");
    assert_eq!(g.call("readlinkat", [AT_FDCWD, path, buf, 3]), Ok(3));
    let path = g.text("/proc/self/cmdline");
    let fd = g.call("open", [path, 0, 0]).unwrap();
    assert_eq!(g.call("read", [fd, buf, 64]), Ok(8));
    assert_eq!(&g.get::<[u8; 8]>(buf), b"program\0");
    g.fails("write", [fd, buf, 1], Errno::EBADF);
    g.fails("open", [path, 1, 0], Errno::EACCES);
    let path = g.text("/proc/self/maps");
    let fd = g.call("open", [path, 0, 0]).unwrap();
    let maps = g.room(4096);
    let len = g.call("read", [fd, maps, 4096]).unwrap() as usize;
    let maps = g.cx().read_bytes(ir::guest::GuestAddr(maps), len).unwrap();
    assert!(String::from_utf8(maps).unwrap().lines().all(|line| line.find('-') == Some(8)));
}

#[test]
fn sleeping_and_clocks() {
    let mut g = Guest::new();
    let (request, at) = (g.put(&[0u32, 1_000_000]), g.room(16));
    assert_eq!(g.call("nanosleep", [request, 0]), Ok(0));
    let bad = g.put(&[0u32, 1_000_000_000]);
    g.fails("nanosleep", [bad, 0], Errno::EINVAL);
    assert_eq!(g.call("clock_gettime64", [0, at]), Ok(0));
    let [seconds, nanoseconds]: [i64; 2] = g.get(at);
    assert!(seconds > 1_600_000_000 && (0..1_000_000_000).contains(&nanoseconds));
    assert_eq!(g.call("clock_gettime", [0, at]), Ok(0));
    assert!((i64::from(g.get::<u32>(at)) - seconds).abs() < 5);
    assert_eq!(g.call("time", [0]).map(|t| (i64::from(t) - seconds).abs() < 5), Ok(true));
    g.fails("restart_syscall", [], Errno::EINTR);
    // The upper half of a 64-bit timespec's nanoseconds is padding.
    let padded = g.put(&[0u32, 0, 1000, 0xdead_beef]);
    assert_eq!(g.call("clock_nanosleep_time64", [1, 0, padded, 0]), Ok(0));
}

#[test]
fn events_have_twelve_bytes() {
    let mut g = Guest::new();
    let epoll = g.call("epoll_create1", [0]).unwrap();
    let event_fd = g.call("eventfd2", [1, 0]).unwrap();
    let event = g.put(&[1u32, 0x5566_7788, 0x1122_3344]);
    assert_eq!(g.call("epoll_ctl", [epoll, 1, event_fd, event]), Ok(0));
    let out = g.room(24);
    assert_eq!(g.call("epoll_wait", [epoll, out, 2, 1000]), Ok(1));
    assert_eq!(g.get::<[u32; 4]>(out), [1, 0x5566_7788, 0x1122_3344, 0xeeee_eeee]);
    g.fails("epoll_wait", [epoll, out, 0, 0], Errno::EINVAL);
    g.fails("epoll_create", [0], Errno::EINVAL);
}

#[test]
fn unknown_numbers_answer_enosys() {
    let mut g = Guest::new();
    for nr in [222, 251, 390, 470, 1000, u32::MAX] {
        assert_eq!(super::dispatch(&mut g.cx(), nr, [0; 6]), Err(Errno::ENOSYS), "{nr}");
    }
}

#[test]
fn system_v_messages_and_semaphores() {
    let mut g = Guest::new();
    let queue = g.call("ipc", [13, 0, 0o1600]).unwrap();
    let message = g.put(&[7u32, 0x6463_6261]);
    assert_eq!(g.call("ipc", [11, queue, 4, 0, message]), Ok(0));
    let stat = g.room(88);
    assert_eq!(g.call("ipc", [14, queue, 0x102, 0, stat]), Ok(0));
    let words: [u32; 22] = g.get(stat);
    assert_eq!((words[16], words[5] & 0o777), (1, 0o600));
    g.fails("ipc", [14, queue, 2, 0, stat], Errno::EINVAL);
    let out = g.room(16);
    let kludge = g.put(&[out, 7]);
    assert_eq!(g.call("ipc", [12, queue, 12, 0, kludge]), Ok(4));
    assert_eq!(g.get::<[u32; 3]>(out), [7, 0x6463_6261, 0xeeee_eeee]);
    g.fails("msgrcv", [queue, out, 12, 0, 0o4000], Errno::ENOMSG);
    assert_eq!(g.call("ipc", [14, queue, 0, 0, 0]), Ok(0));

    let set = g.call("semget", [0, 2, 0o1600]).unwrap();
    let three = g.put(&[3u32]);
    assert_eq!(g.call("ipc", [3, set, 1, 16, three]), Ok(0));
    assert_eq!(g.call("semctl", [set, 1, 12, 0]), Ok(3));
    let operation = g.put(&[1u16, -2i16 as u16, 0]);
    assert_eq!(g.call("ipc", [1, set, 1, 0, operation]), Ok(0));
    let values = g.room(8);
    assert_eq!(g.call("semctl", [set, 0, 13, values]), Ok(0));
    assert_eq!(g.get::<[u16; 4]>(values), [0, 1, 0xeeee, 0xeeee]);
    let stat = g.room(64);
    assert_eq!(g.call("semctl", [set, 0, 2, stat]), Ok(0));
    assert_eq!(g.get::<[u32; 16]>(stat)[13], 2);
    let soon = g.put(&[0u32, 1_000_000]);
    let operation = g.put(&[1u16, -2i16 as u16, 0]);
    g.fails("ipc", [4, set, 1, 0, operation, soon], Errno::EAGAIN);
    assert_eq!(g.call("semctl", [set, 0, 0, 0]), Ok(0));
}

#[test]
fn timers_and_queues() {
    let mut g = Guest::new();
    let id = g.room(4);
    let event = g.put(&[0u32, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(g.call("timer_create", [1, event, id]), Ok(0));
    let timer: u32 = g.get(id);
    let value = g.put(&[0u32, 0, 100, 5]);
    assert_eq!(g.call("timer_settime", [timer, 0, value, 0]), Ok(0));
    let left = g.room(36);
    assert_eq!(g.call("timer_gettime64", [timer, left]), Ok(0));
    let words: [u32; 9] = g.get(left);
    assert!((98..=100).contains(&words[4]) && words[5] == 0 && words[8] == 0xeeee_eeee);
    assert_eq!(g.call("timer_delete", [timer]), Ok(0));
    let fd = g.call("timerfd_create", [1, 0]).unwrap();
    let value = g.put(&[0u64, 0, 0, 1_000_000]);
    assert_eq!(g.call("timerfd_settime64", [fd, 0, value, 0]), Ok(0));
    let count = g.room(8);
    assert_eq!(g.call("read", [fd, count, 8]), Ok(8));
    assert_eq!(g.call("alarm", [100]), Ok(0));
    assert_eq!(g.call("alarm", [0]), Ok(100));
}

#[test]
fn cpu_sets_have_32_bit_words() {
    let mut g = Guest::new();
    let set = g.room(136);
    let len = g.call("sched_getaffinity", [0, 128, set]).unwrap();
    assert!(len % 4 == 0 && len <= 128);
    assert_eq!(g.get::<[u32; 34]>(set)[32..], [0xeeee_eeee; 2]);
    assert_eq!(g.call("sched_setaffinity", [0, 4, set]), Ok(0));
    g.fails("sched_getaffinity", [0, 2, set], Errno::EINVAL);
}
