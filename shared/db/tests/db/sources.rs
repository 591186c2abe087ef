//! Reads the constants and calls out of the sources, macros expanded, so that no statement can be forgotten.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A token of a source file; groups are flattened into their brackets.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    Word(String),
    Sign(char),
    Literal(String),
    Open,
    Close,
}

impl Token {
    fn is_word(&self, wanted: &str) -> bool {
        matches!(self, Self::Word(word) if word == wanted)
    }

    fn is_sign(&self, wanted: char) -> bool {
        matches!(self, Self::Sign(sign) if *sign == wanted)
    }

    /// The name of a statement: every one ends in `_SQL`.
    fn statement(&self) -> Option<&str> {
        match self {
            Self::Word(word) if word.ends_with("_SQL") => Some(word),
            _ => None,
        }
    }
}

/// A source file as tokens, without its unit tests.
pub struct Source {
    pub name: String,
    pub tokens: Vec<Token>,
}

impl Source {
    pub fn parse(name: &str, text: &str) -> Self {
        let stream: TokenStream = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        Self {
            name: name.to_owned(),
            tokens: without_unit_tests(tokens),
        }
    }

    /// All files of a folder of the repository and of the folders in it, but for those of tests.
    pub fn of_folder(folder: &str) -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut files = Vec::new();
        collect(&root.join(folder), &mut files);
        files.sort();
        assert!(!files.is_empty(), "no sources in {folder}");
        files
            .iter()
            .map(|path| {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                Self::parse(&name, &std::fs::read_to_string(path).unwrap())
            })
            .collect()
    }

    /// The index after the one that closes the group opened at `open`.
    fn end_of_group(&self, open: usize) -> usize {
        let mut depth = 0_i32;
        for (offset, token) in self.tokens[open..].iter().enumerate() {
            depth += i32::from(*token == Token::Open) - i32::from(*token == Token::Close);
            if depth == 0 {
                return open + offset + 1;
            }
        }
        panic!("{}: a bracket is not closed", self.name);
    }

    /// The tokens from `start` to the semicolon that ends them.
    fn until_semicolon(&self, start: usize) -> &[Token] {
        let mut depth = 0_i32;
        for (offset, token) in self.tokens[start..].iter().enumerate() {
            depth += i32::from(*token == Token::Open) - i32::from(*token == Token::Close);
            if depth == 0 && token.is_sign(';') {
                return &self.tokens[start..start + offset];
            }
        }
        panic!("{}: a statement does not end", self.name);
    }

    /// What the variable was bound to by the last `let` before `before`.
    fn binding(&self, variable: &str, before: usize) -> Option<&[Token]> {
        (0..before).rev().find_map(|at| {
            let found = self.tokens[at].is_word("let")
                && self.tokens[at + 1].is_word(variable)
                && self.tokens[at + 2].is_sign('=');
            found.then(|| self.until_semicolon(at + 3))
        })
    }

    /// Every method call as its name, its place and its arguments.
    fn method_calls(&self) -> impl Iterator<Item = (&str, usize, Vec<&[Token]>)> {
        self.tokens
            .windows(3)
            .enumerate()
            .filter_map(|(at, window)| match window {
                [dot, Token::Word(name), Token::Open] if dot.is_sign('.') => {
                    let end = self.end_of_group(at + 2) - 1;
                    Some((name.as_str(), at, arguments(&self.tokens[at + 3..end])))
                }
                _ => None,
            })
    }
}

fn flatten(stream: TokenStream, into: &mut Vec<Token>) {
    for tree in stream {
        match tree {
            TokenTree::Ident(ident) => into.push(Token::Word(ident.to_string())),
            TokenTree::Punct(punct) => into.push(Token::Sign(punct.as_char())),
            TokenTree::Literal(literal) => into.push(Token::Literal(literal.to_string())),
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => flatten(group.stream(), into),
            TokenTree::Group(group) => {
                into.push(Token::Open);
                flatten(group.stream(), into);
                into.push(Token::Close);
            }
        }
    }
}

/// Cuts at `#[cfg(test)]`, which stands before the last module of a file.
fn without_unit_tests(mut tokens: Vec<Token>) -> Vec<Token> {
    let attribute = |window: &[Token]| {
        window[0].is_sign('#')
            && window[2].is_word("cfg")
            && window[4].is_word("test")
            && window[7].is_word("mod")
    };
    if let Some(at) = tokens.windows(8).position(attribute) {
        tokens.truncate(at);
    }
    tokens
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                collect(&path, into);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// Splits at the commas that stand outside of brackets.
fn arguments(tokens: &[Token]) -> Vec<&[Token]> {
    let (mut depth, mut start, mut found) = (0_i32, 0, Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        depth += i32::from(*token == Token::Open) - i32::from(*token == Token::Close);
        if depth == 0 && token.is_sign(',') {
            found.push(&tokens[start..at]);
            start = at + 1;
        }
    }
    if start < tokens.len() {
        found.push(&tokens[start..]);
    }
    found
}

/// A macro that makes SQL: one rule, whose parameters are literals.
#[derive(Clone)]
struct Macro<'a> {
    parameters: Vec<String>,
    body: &'a [Token],
}

/// The statements of a crate: by file and name, with their text.
pub fn statements(sources: &[Source]) -> BTreeMap<(String, String), String> {
    let everywhere: Vec<_> = sources.iter().flat_map(macros).collect();
    let mut found = BTreeMap::new();
    for source in sources {
        // Several files may have one of the same name; each means its own.
        let macros = everywhere.iter().cloned().chain(macros(source)).collect();
        for (at, window) in source.tokens.windows(2).enumerate() {
            let (true, Some(name)) = (window[0].is_word("const"), window[1].statement()) else {
                continue;
            };
            let definition = source.until_semicolon(at);
            let equals = definition.iter().position(|token| token.is_sign('=')).unwrap();
            let text =
                evaluate(&definition[equals + 1..], &macros, &BTreeMap::new()).unwrap_or_else(|what| {
                    panic!("{}: {name} holds {what}, which is no constant text", source.name)
                });
            found.insert((source.name.clone(), name.to_owned()), text);
        }
    }
    found
}

fn macros(source: &Source) -> Vec<(&str, Macro<'_>)> {
    let mut found = Vec::new();
    for (at, window) in source.tokens.windows(3).enumerate() {
        let Token::Word(name) = &window[2] else { continue };
        if !window[0].is_word("macro_rules") {
            continue;
        }
        let pattern = at + 4;
        let after = source.end_of_group(pattern);
        // `(pattern) => { body }`
        let body = after + 2;
        if source.tokens.get(body) != Some(&Token::Open) {
            continue;
        }
        let parameters = source.tokens[pattern..after]
            .windows(2)
            .filter(|pair| pair[0].is_sign('$'))
            .filter_map(|pair| match &pair[1] {
                Token::Word(word) => Some(word.clone()),
                _ => None,
            })
            .collect();
        let body = &source.tokens[body + 1..source.end_of_group(body) - 1];
        found.push((name.as_str(), Macro { parameters, body }));
    }
    found
}

/// The text of an expression made of literals, `concat!` and our macros; otherwise what stands in the way.
fn evaluate(
    expression: &[Token],
    macros: &BTreeMap<&str, Macro<'_>>,
    bound: &BTreeMap<String, String>,
) -> Result<String, String> {
    match expression {
        [Token::Literal(literal)] => syn::parse_str::<syn::LitStr>(literal)
            .map(|text| text.value())
            .map_err(|_| literal.clone()),
        [dollar, Token::Word(parameter)] if dollar.is_sign('$') => {
            bound.get(parameter).cloned().ok_or_else(|| parameter.clone())
        }
        [Token::Word(name), bang, Token::Open, inner @ .., Token::Close] if bang.is_sign('!') => {
            let values: Vec<String> = arguments(inner)
                .into_iter()
                .map(|argument| evaluate(argument, macros, bound))
                .collect::<Result<_, _>>()?;
            if name == "concat" {
                return Ok(values.concat());
            }
            if name == "include_str" {
                let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
                return std::fs::read_to_string(folder.join(values.concat()))
                    .map_err(|error| error.to_string());
            }
            let called = macros.get(name.as_str()).ok_or_else(|| format!("{name}!"))?;
            assert_eq!(called.parameters.len(), values.len(), "arguments of {name}!");
            let bound = called.parameters.iter().cloned().zip(values).collect();
            evaluate(called.body, macros, &bound)
        }
        other => Err(format!("{other:?}")),
    }
}

/// A call that sends a statement: which ones it may send, and the declared types of the parameters.
#[derive(Debug, PartialEq)]
pub struct Call {
    pub file: String,
    pub statements: Vec<String>,
    pub types: Vec<String>,
}

const TYPED: [&str; 4] = [
    "query_typed",
    "query_typed_one",
    "query_typed_opt",
    "execute_typed",
];
const UNTYPED: [&str; 10] = [
    "query",
    "query_one",
    "query_opt",
    "query_raw",
    "query_typed_raw",
    "execute",
    "execute_raw",
    "prepare",
    "prepare_typed",
    "simple_query",
];

/// Every call that sends a statement with typed parameters.
///
/// # Errors
/// A call whose statement is not a constant, or whose parameters cannot be read.
pub fn calls(source: &Source) -> Result<Vec<Call>, String> {
    let mut found = Vec::new();
    for (method, at, arguments) in source.method_calls() {
        let file = source.name.clone();
        if UNTYPED.contains(&method) && !arguments.is_empty() {
            return Err(format!(
                "{file} calls .{method}(…): use query_typed or execute_typed"
            ));
        }
        let batch = method == "batch_execute";
        if !batch && !TYPED.contains(&method) {
            continue;
        }
        let statements = sent(source, at, arguments[0])
            .ok_or_else(|| format!("{file}: .{method}({:?}) sends what is no constant", arguments[0]))?;
        let types = if batch {
            Vec::new()
        } else {
            declared(source, at, arguments[1])?
        };
        found.push(Call {
            file,
            statements,
            types,
        });
    }
    Ok(found)
}

/// The constants that an argument may stand for: itself, or a variable bound to a choice between constants.
fn sent(source: &Source, at: usize, argument: &[Token]) -> Option<Vec<String>> {
    let [Token::Word(name)] = argument else {
        return None;
    };
    if name.ends_with("_SQL") {
        return Some(vec![name.clone()]);
    }
    let bound = source.binding(name, at)?;
    let built = bound
        .iter()
        .any(|token| matches!(token, Token::Literal(_)) || token.is_sign('!'));
    let names: Vec<String> = bound
        .iter()
        .filter_map(Token::statement)
        .map(str::to_owned)
        .collect();
    (!built && !names.is_empty()).then_some(names)
}

/// The types in `params![INT8: id, …]`, given in place or bound to a variable before.
fn declared(source: &Source, at: usize, argument: &[Token]) -> Result<Vec<String>, String> {
    let unreadable = || format!("{}: parameters {argument:?} cannot be read", source.name);
    let list = match argument {
        [Token::Word(variable)] => source.binding(variable, at).ok_or_else(unreadable)?,
        other => other,
    };
    let [Token::Word(name), bang, Token::Open, inner @ .., Token::Close] = list else {
        return Err(unreadable());
    };
    if name != "params" || !bang.is_sign('!') {
        return Err(unreadable());
    }
    arguments(inner)
        .into_iter()
        .map(|entry| match entry {
            [Token::Word(kind), colon, ..] if colon.is_sign(':') => Ok(kind.clone()),
            _ => Err(unreadable()),
        })
        .collect()
}

/// Texts in `format!`, `write!` and the like that begin as statements do.
pub fn formatted_sql(source: &Source) -> Vec<String> {
    const VERBS: [&str; 12] = [
        "select", "insert", "update", "delete", "with", "alter", "create", "drop", "truncate", "set",
        "begin", "copy",
    ];
    let mut found = Vec::new();
    for (at, window) in source.tokens.windows(3).enumerate() {
        let formats = matches!(&window[0], Token::Word(name) if ["format", "write", "writeln", "format_args"].contains(&name.as_str()));
        if !formats || !window[1].is_sign('!') || window[2] != Token::Open {
            continue;
        }
        for token in &source.tokens[at + 3..source.end_of_group(at + 2)] {
            let Token::Literal(literal) = token else { continue };
            let Ok(text) = syn::parse_str::<syn::LitStr>(literal) else {
                continue;
            };
            let text = text.value();
            let mut words = text.split_whitespace().map(str::to_lowercase);
            // A verb in lower case and more after it: a sentence begins with a capital letter.
            let first = words.next().unwrap_or_default();
            if VERBS.contains(&first.as_str())
                && text.trim_start().starts_with(&first)
                && words.next().is_some()
            {
                found.push(format!("{}: {text}", source.name));
            }
        }
    }
    found
}
