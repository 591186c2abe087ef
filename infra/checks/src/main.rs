//! Writes the API document.

use anyhow::Context as _;
use checks::{openapi, repository};

fn main() -> anyhow::Result<()> {
    let file = repository::root().join(repository::OPENAPI);
    let text = openapi::text()?;
    std::fs::write(&file, text).with_context(|| format!("{} cannot be written", repository::OPENAPI))
}
