//! From PROGRAM to the i386 file to load: looked up as the guest would, scripts replaced by their interpreters.
use crate::load::{self, LoadError};
use linux_abi::fs::{Follow, FsContext};
use linux_abi::syscall::exec::{HEAD, MAX_DEPTH};
use linux_abi::{host, program_kind, ProgramKind};
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The program file, and what it is called with.
#[derive(Debug)]
pub struct Found {
    /// As the guest names it.
    pub guest_path: PathBuf,
    /// On the host.
    pub host_path: PathBuf,
    /// Its argv.
    pub argv: Vec<OsString>,
    /// The file, open.
    pub file: File,
}

/// A string for the guest.
pub fn c_string(text: impl AsRef<OsStr>) -> CString {
    // Arguments come from argv and the environment, paths from script lines: none can hold a zero but the last.
    let bytes = text.as_ref().as_bytes();
    CString::new(bytes.split(|&b| b == 0).next().unwrap_or_default()).unwrap_or_default()
}

/// Where a path of the guest is on the host.
pub fn host_path(fs: &FsContext, guest: &Path) -> PathBuf {
    let name = c_string(guest);
    fs.resolve(libc::AT_FDCWD, &name, Follow::Yes).map_or_else(|_| guest.to_path_buf(), |found| found.to_path(guest))
}

/// The file that the kernel, calling ferry as its handler, has opened already; it may be one that cannot be read otherwise.
pub fn opened(path: &Path, argv: &[OsString]) -> Option<Found> {
    let file = host::startup::opened_program()?;
    Some(Found { guest_path: path.into(), host_path: path.into(), argv: argv.to_vec(), file })
}

/// Finds the file that `path` means.
pub fn find(fs: &FsContext, path: &Path, argv: &[OsString]) -> Result<Found, LoadError> {
    let mut guest_path = path.to_path_buf();
    let mut argv = argv.to_vec();
    let mut script = None;
    for _ in 0..=MAX_DEPTH {
        let host_path = host_path(fs, &guest_path);
        let file = load::open_program(&host_path).map_err(|error| name_script(error, &script, &guest_path))?;
        let kind = head(&file).map(|head| program_kind(&head));
        let kind = kind.map_err(|error| LoadError::Open { path: host_path.clone(), error })?;
        match kind {
            Ok(ProgramKind::Script(interpreter, argument)) => {
                let interpreter = OsString::from_vec(interpreter.into_bytes());
                // Linux: interpreter, its one argument, the script's path, the other arguments.
                let mut new = vec![interpreter.clone()];
                new.extend(argument.map(|text| OsString::from_vec(text.into_bytes())));
                new.push(guest_path.clone().into_os_string());
                new.extend(argv.into_iter().skip(1));
                argv = new;
                script = Some(std::mem::replace(&mut guest_path, interpreter.into()));
            }
            // What is no program of ours is told by whoever reads its ELF header.
            Ok(ProgramKind::I386 | ProgramKind::Host) => return Ok(Found { guest_path, host_path, argv, file }),
            Err(_) => return Err(LoadError::BadScript { path: host_path }),
        }
    }
    Err(LoadError::Open { path: path.to_path_buf(), error: io::Error::from_raw_os_error(libc::ELOOP) })
}

fn head(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0u8; HEAD];
    let n = file.read_at(&mut bytes, 0)?;
    bytes.truncate(n);
    Ok(bytes)
}

/// An interpreter that is missing is said of its script.
fn name_script(error: LoadError, script: &Option<PathBuf>, interpreter: &Path) -> LoadError {
    match (error, script) {
        (LoadError::Open { error, .. }, Some(script)) if error.kind() == io::ErrorKind::NotFound => {
            LoadError::NoInterpreter { path: script.clone(), interp: interpreter.display().to_string() }
        }
        (error, _) => error,
    }
}

/// ferry's environment with `--env` applied: a later setting replaces an earlier one.
pub fn environment(changes: &[OsString]) -> Vec<CString> {
    let name = |entry: &[u8]| entry.split(|&b| b == b'=').next().unwrap_or_default().to_vec();
    // As it is: the standard library would leave out what has no `=`.
    let mut env: Vec<Vec<u8>> = host::startup::environment().into_iter().map(CString::into_bytes).collect();
    for change in changes {
        let change = change.as_bytes();
        env.retain(|entry| name(entry) != name(change));
        if change.contains(&b'=') {
            env.push(change.to_vec());
        }
    }
    env.into_iter().filter_map(|entry| CString::new(entry).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn scripts_become_their_interpreters() {
        let dir = std::env::temp_dir().join(format!("ferry-program-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let fs = FsContext::new(None).unwrap();
        let program = write(&dir, "program", "\x7fELF");
        let inner = write(&dir, "inner", &format!("#! {} -x y \n", program.display()));
        let outer = write(&dir, "outer", &format!("#!{}\n", inner.display()));
        let found = find(&fs, &outer, &["name".into(), "a".into()]).unwrap();
        assert_eq!(found.guest_path, program);
        let expect = [program.as_os_str(), "-x y".as_ref(), inner.as_os_str(), outer.as_os_str(), "a".as_ref()];
        assert_eq!(found.argv, expect);

        let text = |path: &Path| find(&fs, path, &["x".into()]).unwrap_err().to_string();
        let bad = write(&dir, "bad", "#!/no/such/interpreter\n");
        assert!(text(&bad).contains("/bad: its interpreter /no/such/interpreter is missing"), "{}", text(&bad));
        let empty = write(&dir, "empty", "#!\n");
        assert!(text(&empty).contains("/empty: its first line names no interpreter"), "{}", text(&empty));
        let own = dir.join("own");
        write(&dir, "own", &format!("#!{}\n", own.display()));
        assert!(text(&own).contains("/own: too many"), "{}", text(&own));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
