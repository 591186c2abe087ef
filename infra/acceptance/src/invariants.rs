use crate::Database;
use std::path::Path;

/// The rules: every file of `infra/chaos/invariants` finds what breaks one, in one statement, so it sees one moment. Most look at
/// the ids between `$1` and `$2`, which here are all.
fn rules() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../chaos/invariants");
    let files = std::fs::read_dir(&folder);
    let files = files.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = files.map(|file| file.expect("the folder can be read").path());
    let mut rules: Vec<_> = paths
        .map(|path| {
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let sql = std::fs::read_to_string(&path).expect("a rule can be read");
            let sql = sql.replace("$1", "0").replace("$2", &i64::MAX.to_string());
            (name, sql)
        })
        .collect();
    rules.sort();
    assert!(rules.len() > 20, "only {} rules", rules.len());
    rules
}

impl Database {
    /// Rules of the platform that are broken at this moment, each with the rows that show it.
    pub async fn broken_rules(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for (rule, sql) in rules() {
            let rows = self.rows(&sql, &[]).await;
            if !rows.is_empty() {
                let told: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
                broken.push(format!("{rule}: {}", told.join(", ")));
            }
        }
        broken
    }
}
