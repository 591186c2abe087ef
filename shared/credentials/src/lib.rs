//! Passwords: Argon2id with the cost that OWASP names as its minimum, written as PHC strings that carry their cost.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::Error;
use domain::user::Password;

/// Memory in KiB.
const MEMORY: u32 = 19_456;
/// Passes over the memory.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;

/// What a comparison showed.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the password.
    Right {
        /// The hash was made at a lower cost than today's and should be made anew.
        outdated: bool,
    },
    /// It is not.
    Wrong,
}

fn hasher() -> Result<Argon2<'static>, Error> {
    let params =
        Params::new(MEMORY, PASSES, LANES, None).map_err(|error| Error::internal(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password with a random salt.
///
/// # Errors
/// If there is no memory for it.
pub fn hash(password: &str) -> Result<String, Error> {
    let salt = runtime::random::bytes::<16>();
    let hash = hasher()?.hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|hash: PasswordHash| hash.to_string())
        .map_err(|error| Error::internal(error.to_string()))
}

/// Compares a password with a stored hash. Without a hash (there is no such account) the same work is done for nothing, so
/// that the time of the answer does not tell which addresses are known.
///
/// # Errors
/// If there is no memory for it.
pub fn check(password: &Password, stored: Option<&str>) -> Result<Verdict, Error> {
    let Some(stored) = stored else {
        hash(password.expose())?;
        return Ok(Verdict::Wrong);
    };
    let Ok(parsed) = PasswordHash::new(stored) else {
        return Ok(Verdict::Wrong);
    };
    if hasher()?
        .verify_password(password.expose().as_bytes(), &parsed)
        .is_err()
    {
        return Ok(Verdict::Wrong);
    }
    let today = Params::new(MEMORY, PASSES, LANES, None).ok();
    let used = Params::try_from(&parsed).ok();
    let outdated = match (used, today) {
        (Some(used), Some(today)) => used.m_cost() < today.m_cost() || used.t_cost() < today.t_cost(),
        _ => true,
    };
    Ok(Verdict::Right { outdated })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        serde_json::from_value(serde_json::json!(text)).unwrap()
    }

    #[test]
    fn only_the_password_itself_is_right() {
        let stored = hash("correct horse").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_eq!(
            check(&password("correct horse"), Some(&stored)).unwrap(),
            Verdict::Right { outdated: false }
        );
        for wrong in ["correct horsE", "correct horse ", "x"] {
            assert_eq!(
                check(&password(wrong), Some(&stored)).unwrap(),
                Verdict::Wrong,
                "{wrong}"
            );
        }
        assert_eq!(check(&password("correct horse"), None).unwrap(), Verdict::Wrong);
        assert_eq!(
            check(&password("correct horse"), Some("not a hash")).unwrap(),
            Verdict::Wrong
        );
    }

    #[test]
    fn long_passwords_are_not_cut() {
        let (a, b) = (format!("{}a", "x".repeat(100)), format!("{}b", "x".repeat(100)));
        let stored = hash(&a).unwrap();
        assert_eq!(check(&password(&b), Some(&stored)).unwrap(), Verdict::Wrong);
    }

    #[test]
    fn a_cheaper_hash_is_outdated() {
        let cheap = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(8, 1, 1, None).unwrap(),
        );
        let stored: PasswordHash = cheap
            .hash_password_with_salt(b"correct horse", b"a salt of tests!")
            .unwrap();
        let verdict = check(&password("correct horse"), Some(&stored.to_string())).unwrap();
        assert_eq!(verdict, Verdict::Right { outdated: true });
    }
}
