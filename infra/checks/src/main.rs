//! Writes the API documents.

use anyhow::Context as _;
use checks::{asyncapi, openapi, repository};

fn main() -> anyhow::Result<()> {
    for (name, text) in [
        (repository::OPENAPI, openapi::text()?),
        (repository::ASYNCAPI, asyncapi::text()?),
    ] {
        let file = repository::root().join(name);
        std::fs::write(&file, text).with_context(|| format!("{name} cannot be written"))?;
    }
    Ok(())
}
