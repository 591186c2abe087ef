//! Access tokens: JWTs signed with HS256 and the secret that the web client shares, because its middleware checks them.

use domain::user::Role;
use domain::{SessionId, Timestamp, UserId};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use ring::hmac;
use runtime::{BootError, Env, Secret};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Shortest secret that is accepted: HS256 wants one as long as its hash.
const SHORTEST_SECRET: usize = 32;

/// What a token says. `id`, `email` and `role` are what older clients read; `sub` and `name` mend what they miss.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Claims {
    /// Account.
    pub id: i64,
    /// Mail address.
    pub email: String,
    /// What the account may do.
    pub role: Role,
    /// The account as text.
    pub sub: String,
    /// Name of the person.
    pub name: String,
    /// Issued at, seconds since 1970.
    pub iat: i64,
    /// Good until, seconds since 1970.
    pub exp: i64,
    /// Identity of the token.
    pub jti: String,
    /// The session: when it ends, the token counts no more.
    pub sid: i64,
}

/// For whom a token is issued.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Account.
    pub id: UserId,
    /// Mail address.
    pub email: &'a str,
    /// Name.
    pub name: &'a str,
    /// What the account may do.
    pub role: Role,
    /// The log-in that the token belongs to.
    pub session: SessionId,
}

/// Issues and checks access tokens.
pub struct Tokens {
    signing: EncodingKey,
    checking: DecodingKey,
    validation: Validation,
    lifetime_seconds: i64,
    trusted: Trusted,
}

/// Sessions that were found to go on, and when.
type Trusted = Mutex<HashMap<SessionId, Timestamp>>;

/// Seconds for which a session is trusted to go on without another look: a token dies at the latest so long after its session.
const TRUST_SECONDS: i64 = 10;

/// Sessions remembered; one more, and all are looked at again.
const MOST_TRUSTED: usize = 10_000;

impl Tokens {
    /// Reads `JWT_SECRET` and `JWT_EXPIRES_IN` (`12h`, `30m`, `7d` or seconds; 12 hours unless set).
    ///
    /// # Errors
    /// If the secret is missing or shorter than 32 bytes, or the lifetime cannot be read.
    pub fn from_env(env: &Env) -> Result<Self, BootError> {
        let invalid = |name: &str, problem: &str| BootError::Invalid {
            name: name.to_owned(),
            problem: problem.to_owned(),
        };
        let secret = env.secret("JWT_SECRET")?;
        if secret.expose().len() < SHORTEST_SECRET {
            return Err(invalid("JWT_SECRET", "it must be at least 32 bytes long"));
        }
        let lifetime = env.get("JWT_EXPIRES_IN").unwrap_or("12h");
        let lifetime = read_lifetime(lifetime)
            .ok_or_else(|| invalid("JWT_EXPIRES_IN", "write it like 12h, 30m or 7d"))?;
        Ok(Self::new(&secret, lifetime))
    }

    /// Tokens of one secret that live so many seconds.
    pub fn new(secret: &Secret, lifetime_seconds: i64) -> Self {
        // A second installation is refused and changes nothing: there is one provider in the process.
        let _ = CryptoProvider::install_default(&RING);
        let mut validation = Validation::new(Algorithm::HS256);
        // The time is checked below against the clock of the function, without leeway.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Self {
            signing: EncodingKey::from_secret(secret.expose().as_bytes()),
            checking: DecodingKey::from_secret(secret.expose().as_bytes()),
            validation,
            lifetime_seconds,
            trusted: Trusted::default(),
        }
    }

    /// A token for somebody.
    ///
    /// # Errors
    /// If signing fails, which would be a mistake of ours.
    pub fn issue(&self, subject: &Subject<'_>, now: Timestamp) -> domain::Result<String> {
        let claims = Claims {
            id: subject.id.get(),
            email: subject.email.to_owned(),
            role: subject.role,
            sub: subject.id.to_string(),
            name: subject.name.to_owned(),
            iat: now.unix_seconds(),
            exp: now.unix_seconds().saturating_add(self.lifetime_seconds),
            jti: runtime::random::hex::<16>(),
            sid: subject.session.get(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
            .map_err(domain::Error::internal)
    }

    /// Seconds that a token lives.
    pub const fn lifetime_seconds(&self) -> i64 {
        self.lifetime_seconds
    }

    /// Whether a session was found to go on a moment ago.
    pub(crate) fn trusts(&self, session: SessionId, now: Timestamp) -> bool {
        let seen = self.trusted().get(&session).copied();
        seen.is_some_and(|seen| seen <= now && now < seen.plus_seconds(TRUST_SECONDS))
    }

    /// Remembers that a session goes on.
    pub(crate) fn trust(&self, session: SessionId, now: Timestamp) {
        let mut trusted = self.trusted();
        if trusted.len() >= MOST_TRUSTED {
            trusted.clear();
        }
        trusted.insert(session, now);
    }

    /// Looks again before the next token of a session is trusted, because it was ended here and now. Other execution
    /// environments find out within seconds.
    pub fn distrust(&self, session: SessionId) {
        self.trusted().remove(&session);
    }

    fn trusted(&self) -> MutexGuard<'_, HashMap<SessionId, Timestamp>> {
        // A panic elsewhere leaves the map whole.
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a token says, if it is signed by us with HS256, complete, and good at this moment. `None` for anything else;
    /// why does not concern the caller.
    pub fn check(&self, token: &str, now: Timestamp) -> Option<Claims> {
        if token.len() > 4_096 {
            return None;
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.checking, &self.validation)
            .ok()?
            .claims;
        let good = claims.exp > now.unix_seconds()
            && claims.iat <= now.unix_seconds() + 60
            && claims.sub == claims.id.to_string();
        good.then_some(claims)
    }
}

fn read_lifetime(text: &str) -> Option<i64> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(number) => (number, text.chars().next_back()?),
        None => (text, 's'),
    };
    let seconds = match unit {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => 1,
    };
    number
        .parse::<i64>()
        .ok()
        .filter(|n| *n > 0)?
        .checked_mul(seconds)
}

/// HS256 by ring, so that no second cryptography library is linked. Every other algorithm is refused here already.
static RING: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| match algorithm {
        Algorithm::HS256 => Ok(Box::new(Hs256(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes())))),
        _ => Err(refused()),
    },
    verifier_factory: |algorithm, key| match algorithm {
        Algorithm::HS256 => Ok(Box::new(Hs256(hmac::Key::new(
            hmac::HMAC_SHA256,
            key.try_get_as_bytes()?,
        )))),
        _ => Err(refused()),
    },
    key_utils: KeyUtils::new_unimplemented(),
};

fn refused() -> Error {
    ErrorKind::InvalidAlgorithm.into()
}

struct Hs256(hmac::Key);

impl signature::Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl signature::Verifier<Vec<u8>> for Hs256 {
    /// Compares in constant time.
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        hmac::verify(&self.0, message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        Tokens::new(&Secret::new("0123456789abcdef0123456789abcdef"), 3_600)
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn issue() -> String {
        let subject = Subject {
            id: UserId::new(7),
            email: "ayu@example.test",
            name: "Ayu",
            role: Role::User,
            session: SessionId::new(3),
        };
        tokens().issue(&subject, at("2030-01-01T00:00:00Z")).unwrap()
    }

    fn part(json: &str) -> String {
        base64url(json.as_bytes())
    }

    #[test]
    fn a_token_says_who_it_is_for_in_the_words_clients_read() {
        let claims = tokens().check(&issue(), at("2030-01-01T00:30:00Z")).unwrap();
        assert_eq!(
            (claims.id, claims.sub.as_str(), claims.email.as_str()),
            (7, "7", "ayu@example.test")
        );
        assert_eq!((claims.name.as_str(), claims.role), ("Ayu", Role::User));
        assert_eq!(claims.exp - claims.iat, 3_600);
        assert!(issue().starts_with(&part(r#"{"typ":"JWT","alg":"HS256"}"#)));
    }

    #[test]
    fn a_token_ends_to_the_second() {
        let token = issue();
        assert!(tokens().check(&token, at("2030-01-01T00:59:59Z")).is_some());
        assert!(tokens().check(&token, at("2030-01-01T01:00:00Z")).is_none());
        assert!(
            tokens().check(&token, at("2029-12-31T23:00:00Z")).is_none(),
            "issued in the future"
        );
    }

    #[test]
    fn forged_tokens_are_refused() {
        let good = issue();
        let now = at("2030-01-01T00:30:00Z");
        let (head, rest) = good.split_once('.').unwrap();
        let (body, signature) = rest.split_once('.').unwrap();
        let claims = |role: &str| {
            format!(
                r#"{{"id":7,"email":"a@b.co","role":"{role}","sub":"7","name":"A","iat":1893456000,"exp":1999999999,"jti":"x","sid":3}}"#
            )
        };
        let signed_with = |secret: &[u8], head: &str, body: &str| {
            let text = format!("{head}.{body}");
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
            format!("{text}.{}", base64url(tag.as_ref()))
        };
        let sign = |head: &str, body: &str| signed_with(b"0123456789abcdef0123456789abcdef", head, body);
        let hs256 = part(r#"{"alg":"HS256","typ":"JWT"}"#);
        assert!(
            tokens()
                .check(&sign(&hs256, &part(&claims("user"))), now)
                .is_some(),
            "the test signs as we do"
        );
        for (why, token) in [
            ("no signature", format!("{head}.{body}.")),
            ("two parts", format!("{head}.{body}")),
            (
                "alg none",
                format!("{}.{body}.", part(r#"{"alg":"none","typ":"JWT"}"#)),
            ),
            (
                "alg None with old signature",
                format!("{}.{body}.{signature}", part(r#"{"alg":"None"}"#)),
            ),
            ("alg HS512", sign(&part(r#"{"alg":"HS512"}"#), body)),
            ("alg RS256", sign(&part(r#"{"alg":"RS256"}"#), body)),
            (
                "edited role",
                format!("{head}.{}.{signature}", part(&claims("admin"))),
            ),
            (
                "no role, as a reset token",
                sign(
                    &hs256,
                    &part(r#"{"id":7,"email":"a@b.co","iat":1893456000,"exp":1999999999}"#),
                ),
            ),
            (
                "no exp",
                sign(
                    &hs256,
                    &part(
                        r#"{"id":7,"email":"a@b.co","role":"user","sub":"7","name":"A","iat":1,"jti":"x","sid":3}"#,
                    ),
                ),
            ),
            (
                "exp as text",
                sign(
                    &hs256,
                    &part(&claims("user").replace("1999999999", "\"1999999999\"")),
                ),
            ),
            (
                "exp with a fraction",
                sign(
                    &hs256,
                    &part(&claims("user").replace("1999999999", "1999999999.5")),
                ),
            ),
            (
                "expired",
                sign(&hs256, &part(&claims("user").replace("1999999999", "1893456000"))),
            ),
            (
                "issued in the future",
                sign(
                    &hs256,
                    &part(&claims("user").replace(r#""iat":1893456000"#, r#""iat":1999999998"#)),
                ),
            ),
            (
                "no session",
                sign(&hs256, &part(&claims("user").replace(r#","sid":3"#, ""))),
            ),
            (
                "session as text",
                sign(
                    &hs256,
                    &part(&claims("user").replace(r#""sid":3"#, r#""sid":"3""#)),
                ),
            ),
            (
                "id as text",
                sign(&hs256, &part(&claims("user").replace(r#""id":7"#, r#""id":"7""#))),
            ),
            ("roles", sign(&hs256, &part(&claims(r#"user","role":"admin"#)))),
            ("unknown role", sign(&hs256, &part(&claims("root")))),
            ("alg hs256", sign(&part(r#"{"alg":"hs256"}"#), body)),
            ("alg HS384", sign(&part(r#"{"alg":"HS384"}"#), body)),
            ("alg ES256", sign(&part(r#"{"alg":"ES256"}"#), body)),
            ("alg EdDSA", sign(&part(r#"{"alg":"EdDSA"}"#), body)),
            ("no alg", sign(&part(r#"{"typ":"JWT"}"#), body)),
            ("no header", sign("", body)),
            ("header that is no object", sign(&part("[]"), body)),
            (
                "a key named by the token, and signed with",
                signed_with(
                    b"",
                    &part(r#"{"alg":"HS256","kid":"../../dev/null"}"#),
                    &part(&claims("admin")),
                ),
            ),
            (
                "a key brought along, and signed with",
                signed_with(
                    b"mine",
                    &part(r#"{"alg":"HS256","jwk":{"kty":"oct","k":"bWluZQ"}}"#),
                    &part(&claims("admin")),
                ),
            ),
            (
                "another's body under the signature",
                format!("{head}.{body}x.{signature}"),
            ),
            (
                "a signature cut short",
                format!("{head}.{body}.{}", &signature[..signature.len() - 2]),
            ),
            ("four parts", format!("{good}.{signature}")),
            ("blanks", format!(" {good}")),
            ("padding", format!("{good}=")),
            (
                "sub of another",
                sign(
                    &hs256,
                    &part(&claims("user").replace(r#""sub":"7""#, r#""sub":"8""#)),
                ),
            ),
            (
                "other secret",
                Tokens::new(&Secret::new("x".repeat(32)), 60)
                    .issue(
                        &Subject {
                            id: UserId::new(1),
                            email: "a@b.co",
                            name: "A",
                            role: Role::Admin,
                            session: SessionId::new(3),
                        },
                        now,
                    )
                    .unwrap(),
            ),
            ("empty", String::new()),
            ("dots", "..".to_owned()),
            ("huge", "a".repeat(10_000)),
        ] {
            assert!(tokens().check(&token, now).is_none(), "{why}");
        }
    }

    /// base64url without padding, as JWTs are written.
    fn base64url(bytes: &[u8]) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        bytes
            .chunks(3)
            .flat_map(|chunk| {
                let bits = chunk
                    .iter()
                    .fold(0u32, |bits, byte| (bits << 8) | u32::from(*byte))
                    << (8 * (3 - chunk.len()));
                (0..=chunk.len()).map(move |i| char::from(ALPHABET[(bits >> (18 - 6 * i)) as usize & 63]))
            })
            .collect()
    }

    #[test]
    fn lifetimes_are_read_as_people_write_them() {
        assert_eq!(
            ["12h", "30m", "7d", "90s", "45"].map(read_lifetime),
            [Some(43_200), Some(1_800), Some(604_800), Some(90), Some(45)]
        );
        assert_eq!(["", "h", "-1h", "0", "1w"].map(read_lifetime), [None; 5]);
    }
}
