//! What both functions of webhooks have in common: their secrets, and how far they may reach.

use crate::{BootError, Env, random};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::destination::Reach;
use ring::hmac;

/// What every secret begins with, so that people, libraries and scanners of leaked secrets know it.
const PREFIX: &str = "whsec_";

/// The stage of a fleet that runs on one machine.
const LOCAL: &str = "local";

/// How far webhooks may reach: to the public web. If `WEBHOOK_LOOPBACK` is `true`, which only the stage `local` may say, to this
/// very machine, too.
///
/// # Errors
/// If the variable is wrong, or another stage says it.
pub fn reach(env: &Env) -> Result<Reach, BootError> {
    let loopback = env.parsed("WEBHOOK_LOOPBACK", false)?;
    match (loopback, env.get("STAGE")) {
        (false, _) => Ok(Reach::PUBLIC),
        (true, Some(LOCAL)) => Ok(Reach::WITH_LOOPBACK),
        (true, _) => Err(BootError::Invalid {
            name: "WEBHOOK_LOOPBACK".to_owned(),
            problem: "only the stage local may call itself".to_owned(),
        }),
    }
}

/// Makes a secret for an endpoint.
pub fn new_secret() -> [u8; 32] {
    random::bytes()
}

/// A secret as its owner types it into the configuration of a receiver.
pub fn secret_text(secret: &[u8; 32]) -> String {
    format!("{PREFIX}{}", STANDARD.encode(secret))
}

/// The header `webhook-signature` of a message: one signature for each secret, as Standard Webhooks says. `at` is the time of
/// this try in seconds since 1970, by which a receiver knows an old message that somebody repeats.
pub fn sign(secrets: &[Vec<u8>], id: &str, at: i64, payload: &str) -> String {
    let signed = format!("{id}.{at}.{payload}");
    let signatures = secrets.iter().map(|secret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let signature = hmac::sign(&key, signed.as_bytes());
        format!("v1,{}", STANDARD.encode(signature.as_ref()))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specification() {
        // The example of the specification and of its libraries.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = sign(
            &[secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn only_a_local_fleet_may_call_itself() {
        let reach = |loopback, stage| {
            let env = Env::of([("WEBHOOK_LOOPBACK", loopback), ("STAGE", stage)]);
            reach(&env).ok()
        };
        assert_eq!(super::reach(&Env::default()).unwrap(), Reach::PUBLIC);
        assert_eq!(reach("false", "production"), Some(Reach::PUBLIC));
        assert_eq!(reach("true", "local"), Some(Reach::WITH_LOOPBACK));
        assert_eq!(reach("true", "production"), None);
        assert_eq!(reach("yes", "local"), None);
        assert!(super::reach(&Env::of([("WEBHOOK_LOOPBACK", "true")])).is_err());
    }

    #[test]
    fn each_secret_signs_by_itself() {
        let (new, old) = (vec![1; 32], vec![2; 32]);
        let both = sign(&[new.clone(), old.clone()], "msg_1", 1, "{}");
        let (first, second) = both.split_once(' ').unwrap();
        assert_eq!(first, sign(&[new], "msg_1", 1, "{}"));
        assert_eq!(second, sign(&[old], "msg_1", 1, "{}"));
        assert_ne!(first, second);
    }

    #[test]
    fn a_secret_is_known_by_its_beginning_and_told_once_apart() {
        let secret = new_secret();
        let text = secret_text(&secret);
        assert_eq!(
            STANDARD.decode(text.strip_prefix("whsec_").unwrap()).unwrap(),
            secret
        );
        assert_ne!(secret, new_secret());
    }
}
