//! Cargo makes a program of the unit tests of each library and binary, also where there are none, and links each with everything.
//! `test = false` keeps it from that, and from running tests that somebody writes later: so it stands where there are none, and
//! nowhere else.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use checks::repository::{Member, Program, root, workspace};
use std::fs;
use std::path::{Path, PathBuf};

/// The files of a library, or of a binary that may stand beside one.
fn sources(member: &Member, program: &Program) -> Vec<PathBuf> {
    let file = root().join(&program.source);
    let main = file.with_file_name("main.rs");
    if file == main && member.programs.len() > 1 {
        return vec![file];
    }
    let mut files = Vec::new();
    collect(file.parent().unwrap(), &mut files);
    files.retain(|other| file == main || *other != main);
    files
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

fn has_tests(file: &Path) -> bool {
    let text = fs::read_to_string(file).unwrap();
    ["#[cfg(test)]", "#[test]"]
        .into_iter()
        .any(|attribute| text.lines().any(|line| line.trim_start().starts_with(attribute)))
}

#[test]
fn programs_of_unit_tests_are_made_where_there_are_unit_tests() {
    let mut wrong = Vec::new();
    for (place, member) in workspace().unwrap().members {
        for program in &member.programs {
            let has_tests = sources(&member, program).iter().any(|file| has_tests(file));
            if has_tests != program.is_tested {
                let source = &program.source;
                wrong.push(format!(
                    "{place}/Cargo.toml: {source} has unit tests: {has_tests}"
                ));
            }
        }
    }
    assert_eq!(wrong, <[&str; 0]>::default());
}
