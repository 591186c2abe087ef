//! Every statement of the fleet against the migrated schema.

use crate::sources::{Call, Source, calls, formatted_sql, statements};
use std::collections::{BTreeMap, BTreeSet};
use testkit::TestDb;
use tokio_postgres::types::Type;

fn typed(name: &str) -> Type {
    match name {
        "BOOL" => Type::BOOL,
        "BOOL_ARRAY" => Type::BOOL_ARRAY,
        "BYTEA" => Type::BYTEA,
        "FLOAT4" => Type::FLOAT4,
        "FLOAT8" => Type::FLOAT8,
        "INT4" => Type::INT4,
        "INT4_ARRAY" => Type::INT4_ARRAY,
        "INT8" => Type::INT8,
        "INT8_ARRAY" => Type::INT8_ARRAY,
        "JSONB" => Type::JSONB,
        "TEXT" => Type::TEXT,
        "TEXT_ARRAY" => Type::TEXT_ARRAY,
        "TIMESTAMPTZ" => Type::TIMESTAMPTZ,
        "TIMESTAMPTZ_ARRAY" => Type::TIMESTAMPTZ_ARRAY,
        "UUID" => Type::UUID,
        other => panic!("a parameter of type {other}: add it here"),
    }
}

/// The numbers of the parameters that a statement mentions: `$1`, `$2`, ….
fn mentioned(sql: &str) -> BTreeSet<usize> {
    sql.split('$')
        .skip(1)
        .filter_map(|after| {
            let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        })
        .collect()
}

fn calls_of(sources: &[Source]) -> Vec<Call> {
    sources
        .iter()
        .flat_map(|source| calls(source).unwrap_or_else(|complaint| panic!("{complaint}")))
        .collect()
}

#[tokio::test]
async fn every_statement_fits_the_schema_with_the_parameters_it_is_sent_with() {
    let sources = Source::of_folder("shared/db/src");
    let (statements, calls) = (statements(&sources), calls_of(&sources));
    // The reader of the sources has found about as many as a plain search for the names does.
    assert!(
        statements.len() >= 80,
        "only {} statements found",
        statements.len()
    );

    let db = TestDb::new().await;
    let client = db.client().await;
    let mut sent = BTreeSet::new();
    for call in &calls {
        for name in &call.statements {
            let key = (call.file.clone(), name.clone());
            let sql = statements
                .get(&key)
                .unwrap_or_else(|| panic!("{}: {name} is made elsewhere", call.file));
            let types: Vec<Type> = call.types.iter().map(|name| typed(name)).collect();
            let numbers: BTreeSet<usize> = (1..=types.len()).collect();
            assert_eq!(mentioned(sql), numbers, "{}: parameters of {name}", call.file);
            let prepared = client.prepare_typed(sql, &types).await;
            let prepared = prepared.unwrap_or_else(|error| panic!("{}: {name}: {error:?}\n{sql}", call.file));
            assert_eq!(prepared.params(), types, "{}: {name}", call.file);
            sent.insert(key);
        }
    }
    let never_sent: Vec<_> = statements.keys().filter(|key| !sent.contains(*key)).collect();
    assert!(never_sent.is_empty(), "nobody sends {never_sent:?}");
    println!("{} statements, {} calls", statements.len(), calls.len());
}

#[test]
fn no_statement_is_built_from_text() {
    let mut built = Vec::new();
    for folder in ["functions", "shared"] {
        for source in Source::of_folder(folder) {
            // The test kit makes databases, which takes names.
            if source.name.starts_with("shared/testkit/") {
                continue;
            }
            built.extend(formatted_sql(&source));
            built.extend(calls(&source).err());
            let own = source.name.starts_with("shared/db/");
            let sends = source
                .tokens
                .iter()
                .any(|token| matches!(token, crate::sources::Token::Word(word) if word.ends_with("_SQL")));
            if sends && !own {
                built.push(format!(
                    "{} has SQL of its own: it belongs into shared/db",
                    source.name
                ));
            }
        }
    }
    assert!(built.is_empty(), "{}", built.join("\n"));
}

/// The checks above find what they look for.
#[test]
fn the_reader_of_the_sources_is_not_blind() {
    let source = |text: &str| Source::parse("x.rs", text);
    for bad in [
        r#"fn f() { db.query_typed(&format!("select {column}"), params![]) }"#,
        r#"fn f() { db.query_typed("select 1", params![]) }"#,
        r#"fn f() { let sql = format!("{SOME_SQL} limit 1"); db.query_typed(sql, params![]) }"#,
        r#"fn f() { db.query("select 1", &[]) }"#,
        r#"fn f() { tx.batch_execute(&text) }"#,
        r#"fn f() { db.execute_typed(X_SQL, parameters) }"#,
    ] {
        assert!(calls(&source(bad)).is_err(), "{bad}");
    }
    assert_eq!(
        formatted_sql(&source(r#"fn f() { format!("select {x} from t") }"#)).len(),
        1
    );
    assert_eq!(
        formatted_sql(&source(r#"fn f() { format!(" update t set a = {}", a) }"#)).len(),
        1
    );
    assert!(formatted_sql(&source(r#"fn f() { format!("Update of {x} failed") }"#)).is_empty());

    let good = source(
        r###"
        macro_rules! columns { () => { "a, b" }; }
        macro_rules! of { ($what:literal, $order:literal) => { concat!("select ", columns!(), " from ", $what, $order) }; }
        const ONE_SQL: &str = of!("t", r" where a like '\'");
        const TWO_SQL: &str = "select \"x\"
            where $2 = $1";
        async fn f(all: bool) {
            let sql = if all { ONE_SQL } else { TWO_SQL };
            let params = params![INT8: id(1, 2), TEXT: "x, y",];
            db.query_typed_one(sql, params).await?;
            uri.query();
        }
        #[cfg(test)]
        mod tests { const THREE_SQL: &str = "select"; }
        "###,
    );
    let found: BTreeMap<_, _> = statements(std::slice::from_ref(&good))
        .into_iter()
        .map(|((_, name), sql)| (name, sql))
        .collect();
    assert_eq!(found.len(), 2);
    assert_eq!(found["ONE_SQL"], r"select a, b from t where a like '\'");
    assert!(found["TWO_SQL"].starts_with("select \"x\"\n"));
    assert_eq!(mentioned(&found["TWO_SQL"]), BTreeSet::from([1, 2]));
    let expected = Call {
        file: "x.rs".to_owned(),
        statements: vec!["ONE_SQL".to_owned(), "TWO_SQL".to_owned()],
        types: vec!["INT8".to_owned(), "TEXT".to_owned()],
    };
    assert_eq!(calls(&good).unwrap(), [expected]);
}
