//! The house rules that a program can check: CONTRIBUTING.md and ARCHITECTURE.md have them in words.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tests::guest::root;

/// Lines a source file may have; tables and generated or recorded data are exempt.
const MAX_LINES: usize = 600;
/// Lines a function may have.
const MAX_FUNCTION: usize = 60;
/// Lines a lifter may have.
const MAX_LIFTER: usize = 25;
/// Files that are tables from top to bottom.
const TABLES: [&str; 3] =
    ["linux-abi/src/syscall/table.rs", "linux-abi/src/strace/names.rs", "linux-abi/src/syscall/ioctl/table.rs"];
/// Where unsafe code may be.
const UNSAFE: [&str; 5] = [
    "backend-a64/src/runtime/",
    "linux-abi/src/host/",
    "linux-abi/src/mm/",
    "linux-abi/src/signal/host_handler.rs",
    "linux-abi/src/signal/host_handler/",
];
/// What each crate of the workspace may depend on, of the workspace; `tests` depends on all.
const ARROWS: [(&str, &[&str]); 5] = [
    ("ir", &[]),
    ("frontend", &["ir"]),
    ("backend-a64", &["ir"]),
    ("linux-abi", &["ir"]),
    ("loader", &["ir", "frontend", "backend-a64", "linux-abi"]),
];
/// Crates that a crate must not even know of.
const NEVER: [(&str, &[&str]); 4] = [
    ("ir", &["libc", "nix", "iced-x86", "dynasmrt", "anyhow"]),
    ("frontend", &["libc", "nix", "dynasmrt", "anyhow"]),
    ("backend-a64", &["iced-x86", "nix", "anyhow"]),
    ("linux-abi", &["iced-x86", "dynasmrt", "anyhow"]),
];

/// A file of the repository: its path from the root, and its text.
struct Source {
    path: String,
    text: String,
}

/// Every file git knows or would add, that is text.
fn files() -> Vec<Source> {
    let listing = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git is missing: run `make setup`");
    assert!(listing.status.success(), "{}", String::from_utf8_lossy(&listing.stderr));
    let names = String::from_utf8(listing.stdout).expect("file names are text");
    let read = |path: &str| {
        let text = fs::read_to_string(root().join(path)).ok()?;
        Some(Source { path: path.to_owned(), text })
    };
    let files: Vec<Source> = names.split('\0').filter(|name| !name.is_empty()).filter_map(read).collect();
    assert!(files.len() > 200, "only {} files", files.len());
    files
}

fn rust_files() -> Vec<Source> {
    files().into_iter().filter(|file| file.path.ends_with(".rs")).collect()
}

fn report(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}

#[test]
fn files_are_short() {
    let long = |file: &Source| {
        let lines = file.text.lines().count();
        (lines > MAX_LINES).then(|| format!("{}: {lines} lines", file.path))
    };
    let wrong: Vec<_> = rust_files().iter().filter(|f| !is_table(f)).filter_map(long).collect();
    report("split these files", &wrong);
}

/// A table: named above, or data a program wrote.
fn is_table(file: &Source) -> bool {
    TABLES.contains(&file.path.as_str()) || file.path.ends_with("_table.rs")
}

/// Functions of a formatted file: name, first line, number of lines.
fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let words = trimmed.split("fn ").collect::<Vec<_>>();
        let is_head = words.len() > 1
            && words[0].split_whitespace().all(|w| {
                matches!(w, "pub" | "const" | "unsafe" | "async" | "extern" | "\"C\"") || w.starts_with("pub(")
            });
        if !is_head {
            continue;
        }
        let indent = &line[..line.len() - trimmed.len()];
        let close = format!("{indent}}}");
        let open = lines[n..].iter().position(|l| l.trim_end().ends_with('{') || l.trim_end().ends_with(['}', ';']));
        let Some(open) = open.filter(|&o| lines[n + o].trim_end().ends_with('{')) else { continue };
        if words[1].starts_with('$') {
            // A template of a macro: its brace may be any.
            continue;
        }
        let Some(end) = lines[n + open..].iter().position(|l| *l == close) else { continue };
        let name = words[1].split(['(', '<']).next().unwrap_or_default().to_owned();
        found.push((name, n + 1, open + end + 1));
    }
    found
}

#[test]
fn functions_are_short() {
    let mut wrong = Vec::new();
    for file in rust_files() {
        let lifter = file.path.starts_with("frontend/src/lift/");
        let most = if lifter { MAX_LIFTER } else { MAX_FUNCTION };
        // A lifter is what a table names; its helpers and tests are functions as any other.
        for (name, line, length) in functions(&file.text) {
            let public = file.text.lines().nth(line - 1).is_some_and(|l| l.starts_with("pub"));
            let most = if lifter && !public { MAX_FUNCTION } else { most };
            if length > most {
                wrong.push(format!("{}:{line}: {name} has {length} lines, {most} are allowed", file.path));
            }
        }
    }
    report("shorten these functions", &wrong);
}

#[test]
fn unsafe_has_an_address() {
    let mut wrong = Vec::new();
    for file in rust_files() {
        let allowed = UNSAFE.iter().any(|place| file.path.starts_with(place)) || !is_product(&file.path);
        let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
        let has = |line: &str| code(line).contains("unsafe {") || code(line).contains("unsafe fn");
        for (n, line) in file.text.lines().enumerate() {
            if has(line) && !allowed {
                wrong.push(format!("{}:{}: {}", file.path, n + 1, line.trim()));
            }
        }
    }
    report("unsafe code outside of its places", &wrong);
    for crate_root in ["ir/src/lib.rs", "frontend/src/lib.rs", "loader/src/lib.rs", "backend-a64/src/codegen/mod.rs"] {
        let text = fs::read_to_string(root().join(crate_root)).expect(crate_root);
        assert!(text.contains("#![forbid(unsafe_code)]"), "{crate_root} does not forbid unsafe code");
    }
}

/// Source of what is shipped, as opposed to tests.
fn is_product(path: &str) -> bool {
    let product = ["ir/src/", "frontend/src/", "backend-a64/src/", "linux-abi/src/", "loader/src/"];
    product.iter().any(|place| path.starts_with(place)) && !path.contains("/tests") && !path.contains("testing")
}

#[test]
fn every_source_file_says_what_it_is() {
    let wrong: Vec<_> = rust_files().into_iter().filter(|f| !f.text.starts_with("//!")).map(|f| f.path).collect();
    report("no `//!` at the top", &wrong);
}

#[test]
fn crates_depend_as_the_architecture_says() {
    let workspace: Vec<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    for (name, allowed) in ARROWS {
        let dependencies = dependencies(&root().join(name).join("Cargo.toml"));
        for dependency in &dependencies {
            let arrow = !workspace.contains(&dependency.as_str()) || allowed.contains(&dependency.as_str());
            assert!(arrow, "{name} depends on {dependency}");
        }
        let never = NEVER.iter().find(|(krate, _)| *krate == name).map_or(&[][..], |(_, never)| never);
        let known = dependencies.iter().find(|d| never.contains(&d.as_str()));
        assert!(known.is_none(), "{name} must not know {known:?}");
    }
}

/// Names in the `[dependencies]` of a manifest.
fn dependencies(manifest: &Path) -> Vec<String> {
    let text = fs::read_to_string(manifest).expect("a manifest");
    let section = text.split("[dependencies]\n").nth(1).unwrap_or_default();
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| Some(line.split(['.', ' ', '=']).next()?.to_owned())).filter(|n| !n.is_empty()).collect()
}

#[test]
fn every_system_call_has_its_row() {
    use linux_abi::syscall::{Support, TABLE};
    // The newest number of the i386 table in Linux 6.12 is mseal's.
    const NEWEST: usize = 462;
    assert!(TABLE.len() > NEWEST, "the table ends at {}", TABLE.len() - 1);
    for (number, entry) in TABLE.iter().enumerate() {
        assert_eq!(usize::from(entry.nr), number, "rows are in the order of their numbers");
        let told = match entry.support {
            Support::Full => true,
            Support::Partial(note) | Support::Errno(_, note) => !note.is_empty(),
        };
        assert!(told || entry.name.is_empty(), "{}: say what is missing", entry.name);
    }
}

#[test]
fn every_instruction_says_what_is_missing() {
    use frontend::table::Support;
    let mut names: Vec<String> = Vec::new();
    for (mnemonic, support) in frontend::table::rows() {
        names.push(frontend::table::name(mnemonic).to_owned());
        if let Support::WithAfp(_, note) = support {
            assert!(!note.is_empty(), "{}: say what is missing", frontend::table::name(mnemonic));
        }
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "a mnemonic has two rows");
}

/// Words that do not belong in the project: whose machine it was written on, and how.
#[test]
fn nothing_tells_of_a_workplace() {
    // Put together here, so that this file does not hold them.
    let words = [
        ["/wo", "rk/wt"],
        ["/wo", "rk/main"],
        ["/wo", "rk/shared"],
        ["../sha", "red"],
        ["/ro", "ot/."],
        ["mirror", ".example"],
        ["TO", "DO"],
        ["FIX", "ME"],
        ["_FIG", "URE"],
        ["sub", "agent"],
    ]
    .map(|parts| parts.concat());
    let mut wrong = Vec::new();
    for file in files() {
        for (n, line) in file.text.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| line.contains(word.as_str())) {
                wrong.push(format!("{}:{}: {word}", file.path, n + 1));
            }
        }
    }
    report("words that do not belong here", &wrong);
}

/// Pages link to each other and to sources: what they name exists.
#[test]
fn links_of_the_pages_lead_somewhere() {
    let mut wrong = Vec::new();
    for page in files().into_iter().filter(|file| file.path.ends_with(".md")) {
        let folder = PathBuf::from(&page.path).parent().map(Path::to_path_buf).unwrap_or_default();
        for target in page.text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            let outside = target.contains("://") || path.is_empty();
            if !outside && !root().join(&folder).join(path).exists() {
                wrong.push(format!("{}: {target}", page.path));
            }
        }
        // Source paths in backquotes.
        for name in page.text.split('`').skip(1).step_by(2) {
            let is_path = name.contains('/') && !name.contains([' ', '<', '*', '{', '$']);
            let top = name.split('/').next().unwrap_or_default();
            let ours =
                ["ir", "frontend", "backend-a64", "linux-abi", "loader", "tests", "tools", "docs"].contains(&top);
            if is_path && ours && !exists(name) {
                wrong.push(format!("{}: {name}", page.path));
            }
        }
    }
    report("links that lead nowhere", &wrong);
}

/// A path that is there, as a file or a folder, with or without the ending of a Rust file; braces name several.
fn exists(name: &str) -> bool {
    let path = root().join(name.trim_end_matches('/'));
    path.exists() || path.with_extension("rs").exists()
}
