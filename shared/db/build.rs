//! A new migration is a new file, which the compiler does not notice by itself.

#![expect(clippy::disallowed_macros, reason = "this is how Cargo is told")]

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
