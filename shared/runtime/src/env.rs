use crate::{Secret, secrets_extension};
use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

/// Why a function cannot start. It ends the process, so it says what to set.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// A required variable is not set.
    #[error("environment variable {0} is required but not set")]
    Missing(String),
    /// A variable holds something else than it should.
    #[error("environment variable {name} is not valid: {problem}")]
    Invalid {
        /// The variable.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// The secret store did not answer.
    #[error("failed to read secret {id}: {problem}")]
    Secrets {
        /// The secret.
        id: String,
        /// What is wrong.
        problem: String,
    },
    /// Something else that a function needs at boot.
    #[error("{0}")]
    Other(String),
}

/// The configuration of a function: environment variables, and on AWS the values of one secret on top of them.
#[derive(Clone, Default)]
pub struct Env(HashMap<String, String>);

impl Env {
    /// Reads the environment of the process. If `SECRETS_ID` is set, the secret of that id (a flat JSON object) is read
    /// through the AWS Parameters and Secrets extension and its keys are added: values never stand in the function's
    /// configuration, and no SDK is linked for it.
    ///
    /// # Errors
    /// If the secret cannot be read.
    pub async fn load() -> Result<Self, BootError> {
        let mut values: HashMap<_, _> = std::env::vars().filter(|(_, value)| !value.is_empty()).collect();
        if let Some(id) = values.get("SECRETS_ID").cloned() {
            let secrets = secrets_extension::fetch(&id, &values)
                .await
                .map_err(|problem| BootError::Secrets { id, problem })?;
            values.extend(secrets);
        }
        Ok(Self(values))
    }

    /// A configuration made by hand, for tests.
    pub fn of<const N: usize>(values: [(&str, &str); N]) -> Self {
        Self(
            values
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    /// The value, unless it is absent or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The value.
    ///
    /// # Errors
    /// If it is absent.
    pub fn required(&self, name: &str) -> Result<&str, BootError> {
        self.get(name).ok_or_else(|| BootError::Missing(name.to_owned()))
    }

    /// The value, wrapped so that it is never printed.
    ///
    /// # Errors
    /// If it is absent.
    pub fn secret(&self, name: &str) -> Result<Secret, BootError> {
        self.required(name).map(Secret::new)
    }

    /// The value read as `T`, or `default` if it is absent.
    ///
    /// # Errors
    /// If it is present but not a `T`.
    pub fn parsed<T: FromStr<Err: Display>>(&self, name: &str, default: T) -> Result<T, BootError> {
        match self.get(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|problem: T::Err| BootError::Invalid {
                name: name.to_owned(),
                problem: problem.to_string(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_and_empty_values_are_the_same() {
        let env = Env::of([("A", ""), ("N", "12"), ("BAD", "x")]);
        assert!(env.get("A").is_none());
        assert_eq!(
            env.required("A").unwrap_err().to_string(),
            "environment variable A is required but not set"
        );
        assert_eq!(env.parsed("N", 1).unwrap(), 12);
        assert_eq!(env.parsed("NONE", 1).unwrap(), 1);
        assert!(
            env.parsed::<i64>("BAD", 1)
                .unwrap_err()
                .to_string()
                .starts_with("environment variable BAD is not valid")
        );
    }

    #[test]
    fn secrets_are_not_printed() {
        let env = Env::of([("KEY", "abc")]);
        assert_eq!(format!("{:?}", env.secret("KEY").unwrap()), "***");
    }
}
