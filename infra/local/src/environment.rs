//! `env`: the deployed functions' environment as a file for `cargo lambda watch`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;

use crate::fleet::Fleet;
use crate::helper::Environments;
use crate::process::write_atomically;
use crate::settings::{REGION, aws_endpoint};

/// Writes `.local/lambda.env` from what is deployed.
///
/// # Errors
/// When the fleet is not up.
pub fn write(fleet: &Fleet) -> Result<()> {
    fleet.require_up()?;
    let deployed = fleet.helper(&fleet.repo.workspace()?).environment()?;
    let mut all = BTreeMap::from([
        ("AWS_ACCESS_KEY_ID".to_owned(), "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY".to_owned(), "test".to_owned()),
        ("AWS_REGION".to_owned(), REGION.to_owned()),
        ("AWS_ENDPOINT_URL".to_owned(), aws_endpoint(&fleet.ports)),
    ]);
    let conflicts = merge(&mut all, &deployed);
    let mut text = String::new();
    for (name, value) in &all {
        let _ = writeln!(text, "{name}={}", quoted(value));
    }
    let path = fleet.repo.local("lambda.env");
    write_atomically(&path, text.as_bytes())?;
    println!("{} written. Work on functions with it:\n", path.display());
    println!(
        "  {} lambda watch --env-file {}",
        fleet.tools.program("cargo-lambda").display(),
        path.display()
    );
    for conflict in conflicts {
        println!("\nnote: {conflict}");
    }
    Ok(())
}

/// A value as both `cargo lambda` and a shell read it. Bare ones may not hold `=`, which base64 ends with; and the former
/// does not know that a value may change its quotes in the middle.
fn quoted(value: &str) -> String {
    if !value.contains('\'') {
        return format!("'{value}'");
    }
    let mut text = String::from('"');
    for character in value.chars() {
        if matches!(character, '"' | '\\' | '$' | '`') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
    text
}

/// `cargo lambda watch` gives all functions one environment; differences between them cannot be kept.
fn merge(all: &mut BTreeMap<String, String>, deployed: &Environments) -> Vec<String> {
    let mut conflicts = Vec::new();
    for (function, variables) in deployed {
        for (name, value) in variables {
            match all.get(name) {
                None => {
                    all.insert(name.clone(), value.clone());
                }
                Some(known) if known == value => {}
                Some(_) => conflicts.push(format!(
                    "{name} differs between functions; {function}'s value is not in the file"
                )),
            }
        }
    }
    conflicts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_for_a_shell() {
        assert_eq!(quoted("local:c2VjcmV0+/=="), "'local:c2VjcmV0+/=='");
        for nasty in [r#"a "$HOME" \n `id`"#, r#"it's "$HOME" \n `id`"#] {
            let mut shell = std::process::Command::new("sh");
            shell.args(["-c", &format!("value={}; printf %s \"$value\"", quoted(nasty))]);
            let read = shell.output().unwrap().stdout;
            assert_eq!(String::from_utf8(read).unwrap(), nasty);
        }
    }

    #[test]
    fn values_that_differ_between_functions_are_told() {
        let variables = |value: &str| BTreeMap::from([("QUEUE".to_owned(), value.to_owned())]);
        let deployed =
            Environments::from([("a".to_owned(), variables("1")), ("b".to_owned(), variables("2"))]);
        let mut all = BTreeMap::new();
        let conflicts = merge(&mut all, &deployed);
        assert_eq!(all, variables("1"));
        assert_eq!(conflicts.len(), 1);
        assert!(
            conflicts[0].contains("QUEUE") && conflicts[0].contains('b'),
            "{conflicts:?}"
        );
    }
}
