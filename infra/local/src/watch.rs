//! `watch`: builds and replaces what a change of the sources touches.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, bail};

use crate::fleet::{Fleet, act};
use crate::helper::{Helper, Updater};
use crate::settings::{self, Secrets};
use crate::terminal::{Interrupt, seconds};

/// How often the sources are looked at. A few hundred files take less than two milliseconds.
const PERIOD: Duration = Duration::from_millis(150);

/// Modification times of the watched files.
type Snapshot = BTreeMap<PathBuf, SystemTime>;

/// Identity of a built binary: a rebuilt one is a new file.
type Signature = (u64, i64, i64, u64);

/// Watches until Ctrl-C. With `only`, one function is built and replaced, whatever else a change touches.
///
/// # Errors
/// When the fleet is not up, or there is no function of that name.
pub fn watch(fleet: &Fleet, only: Option<&str>, interrupt: &Interrupt) -> Result<()> {
    let workspace = fleet.repo.workspace()?;
    let all = workspace.packages_in(&fleet.repo, "functions");
    let functions: Vec<&str> = match only {
        None => all,
        Some(name) if all.contains(&name) => vec![name],
        Some(name) => bail!("there is no function {name} (there are: {})", all.join(", ")),
    };
    let binaries = Fleet::binaries(&workspace);
    let helper = fleet.helper(&workspace);
    let mut updater = helper.updater()?;
    // One build now, so that the first edit pays for its own compilation only.
    fleet.cargo_build(&functions)?;
    let mut built = signatures(&binaries, &functions);
    for name in &functions {
        updater.replace(name)?;
    }
    fleet.terminal.step(&format!(
        "watching functions/, shared/ and template.yaml for {}",
        functions.join(" ")
    ));

    let mut seen = snapshot(&fleet.repo.root);
    while !interrupt.happened() {
        std::thread::sleep(PERIOD);
        let now = snapshot(&fleet.repo.root);
        if now == seen {
            continue;
        }
        let noticed = Instant::now();
        let changed = difference(&seen, &now);
        seen = now;
        if changed.iter().any(|path| path.ends_with("template.yaml")) {
            match redeploy(fleet, &helper) {
                Ok(outcome) => fleet.terminal.step(&format!("template.yaml deployed: {outcome}")),
                Err(error) => fleet
                    .terminal
                    .step(&format!("template.yaml was not deployed: {error:#}")),
            }
        }
        if changed.iter().all(|path| path.ends_with("template.yaml")) {
            continue;
        }
        if fleet.cargo_build(&functions).is_err() {
            fleet.terminal.step("does not build; waiting for the next change");
            continue;
        }
        let now_built = signatures(&binaries, &functions);
        let rebuilt: Vec<&str> = functions
            .iter()
            .copied()
            .filter(|name| built.get(*name) != now_built.get(*name))
            .collect();
        built = now_built;
        replace(fleet, &mut updater, &rebuilt, noticed);
        if rebuilt.contains(&"migrate") {
            match act(&helper, "migrate") {
                Ok(_) => fleet.terminal.step("database migrated"),
                Err(error) => fleet.terminal.step(&format!("{error:#}")),
            }
        }
    }
    Ok(())
}

/// Deploys the template with the parameters the running fleet was deployed with.
fn redeploy(fleet: &Fleet, helper: &Helper) -> Result<String> {
    let _lock = fleet.lock()?;
    let description: serde_json::Value = serde_json::from_slice(&fs::read(fleet.repo.fleet_file())?)?;
    let database = description
        .get("database")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    let secrets = Secrets::load(&fleet.repo)?;
    Ok(helper
        .deploy(&settings::parameters(&fleet.ports, &secrets, database))?
        .outcome)
}

fn replace(fleet: &Fleet, updater: &mut Updater, rebuilt: &[&str], noticed: Instant) {
    if rebuilt.is_empty() {
        fleet.terminal.step("built; no function has changed");
    }
    for name in rebuilt {
        match updater.replace(name) {
            Ok(()) => fleet.terminal.step(&format!(
                "{name} answers with the new code ({})",
                seconds(noticed.elapsed())
            )),
            Err(error) => fleet
                .terminal
                .step(&format!("{name} was not replaced: {error:#}")),
        }
    }
}

fn signatures<'a>(binaries: &Path, functions: &[&'a str]) -> BTreeMap<&'a str, Signature> {
    functions
        .iter()
        .filter_map(|name| {
            let file = fs::metadata(binaries.join(name)).ok()?;
            Some((*name, (file.ino(), file.mtime(), file.mtime_nsec(), file.size())))
        })
        .collect()
}

/// Everything that can change what a function does.
fn snapshot(root: &Path) -> Snapshot {
    let mut files = Snapshot::new();
    for name in ["Cargo.toml", "Cargo.lock", "template.yaml"] {
        note(&root.join(name), &mut files);
    }
    for folder in ["functions", "shared"] {
        walk(&root.join(folder), &mut files);
    }
    files
}

fn walk(directory: &Path, files: &mut Snapshot) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        // Editors keep their own files here for moments; `.#x` and `x~` are theirs.
        if name
            .to_str()
            .is_none_or(|name| name.starts_with('.') || name.ends_with('~') || name == "target")
        {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), files),
            Ok(kind) if kind.is_file() => note(&entry.path(), files),
            _ => {}
        }
    }
}

fn note(path: &Path, files: &mut Snapshot) {
    if let Ok(modified) = fs::metadata(path).and_then(|file| file.modified()) {
        files.insert(path.to_path_buf(), modified);
    }
}

fn difference(before: &Snapshot, after: &Snapshot) -> Vec<PathBuf> {
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    let new_or_changed = after
        .iter()
        .filter(|(path, time)| before.get(*path) != Some(time))
        .map(|(path, _)| path);
    gone.chain(new_or_changed).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn new_changed_and_deleted_files_are_differences() {
        let before = Snapshot::from([("a".into(), at(1)), ("b".into(), at(1)), ("c".into(), at(1))]);
        let after = Snapshot::from([("a".into(), at(1)), ("b".into(), at(2)), ("d".into(), at(1))]);
        assert_eq!(
            difference(&before, &after),
            [PathBuf::from("c"), PathBuf::from("b"), PathBuf::from("d")]
        );
        assert_eq!(difference(&after, &after), Vec::<PathBuf>::new());
    }

    #[test]
    fn sources_are_watched_and_editor_files_are_not() {
        let root = std::env::temp_dir().join(format!("xtask-watch-{}", std::process::id()));
        let source = root.join("functions/cart/src");
        fs::create_dir_all(&source).unwrap();
        fs::create_dir_all(root.join(".local")).unwrap();
        for name in ["lib.rs", ".#lib.rs", "lib.rs~"] {
            fs::write(source.join(name), "").unwrap();
        }
        fs::write(root.join(".local/log"), "").unwrap();
        assert_eq!(
            snapshot(&root).keys().cloned().collect::<Vec<_>>(),
            [source.join("lib.rs")]
        );
        fs::remove_dir_all(root).unwrap();
    }
}
