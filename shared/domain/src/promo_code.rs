//! The names of promo codes, typed by buyers, made up by organizers or generated.

use std::fmt;

/// Most codes of one order.
pub const MOST_PER_ORDER: usize = 3;

/// What buyers type: 3 to 20 letters, digits, `-` or `_`. Upper case whatever was typed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct PromoCode(#[schemars(length(min = 3, max = 20), regex(pattern = "^[A-Za-z0-9_-]+$"))] String);

impl PromoCode {
    /// Longest code.
    pub const LONGEST: usize = 20;

    /// The code that is meant.
    ///
    /// # Errors
    /// What a person can do about it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if !(3..=Self::LONGEST).contains(&text.chars().count()) {
            return Err("must be 3 to 20 characters long");
        }
        if !text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        {
            return Err("must consist of letters, digits, - and _");
        }
        Ok(Self(text.to_ascii_uppercase()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PromoCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for PromoCode {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(input)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The codes of one order as a buyer gives them: one, or several with commas between. Blank text is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(transparent)]
pub struct PromoCodes(#[schemars(with = "String")] Vec<PromoCode>);

impl PromoCodes {
    /// One code.
    pub fn one(code: PromoCode) -> Self {
        Self(vec![code])
    }

    /// The codes, in the order in which they are applied; none twice.
    pub fn as_slice(&self) -> &[PromoCode] {
        &self.0
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> serde::Deserialize<'de> for PromoCodes {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(input)?;
        let mut codes: Vec<PromoCode> = Vec::new();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            // What cannot be a code is answered like a code that nobody made, in the words that clients know.
            let code = PromoCode::parse(part).map_err(|_| serde::de::Error::custom(INVALID))?;
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        if codes.len() > MOST_PER_ORDER {
            return Err(serde::de::Error::custom(format!(
                "must be at most {MOST_PER_ORDER} codes"
            )));
        }
        Ok(Self(codes))
    }
}

/// What clients of the older system know for any code that does not work.
pub(crate) const INVALID: &str = "Invalid promo code";

/// What generated codes are made of: digits and letters that nobody takes for another one.
pub const ALPHABET: [u8; 30] = *b"23456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Random letters of a generated code: about 49 bits, far too many to guess at the speed at which codes may be tried.
pub const RANDOM_LETTERS: usize = 10;

/// What generated codes begin with: at most 9 letters and digits, so that a code stays within its length.
#[derive(Debug, Clone, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(transparent)]
pub struct Prefix(#[schemars(length(min = 1, max = 9), regex(pattern = "^[A-Za-z0-9]+$"))] String);

impl<'de> serde::Deserialize<'de> for Prefix {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        const LONGEST: usize = PromoCode::LONGEST - RANDOM_LETTERS - 1;
        let text = <std::borrow::Cow<'de, str>>::deserialize(input)?;
        let text = text.trim();
        if !(1..=LONGEST).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            let message = format!("must be 1 to {LONGEST} letters and digits");
            return Err(serde::de::Error::custom(message));
        }
        Ok(Self(text.to_ascii_uppercase()))
    }
}

/// A code that nobody guesses, out of random bytes; each letter is equally likely. `None` if too many of the bytes had to be
/// left out for that, which 32 of them hardly ever do.
pub fn generate(prefix: Option<&Prefix>, random: &[u8; 32]) -> Option<PromoCode> {
    // 240 is the largest multiple of 30 in a byte.
    let even = random.iter().filter(|byte| **byte < 240);
    let letters = even.filter_map(|byte| ALPHABET.get(usize::from(byte % 30)));
    let letters: String = letters
        .take(RANDOM_LETTERS)
        .map(|letter| char::from(*letter))
        .collect();
    (letters.len() == RANDOM_LETTERS).then(|| {
        PromoCode(match prefix {
            Some(Prefix(prefix)) => format!("{prefix}-{letters}"),
            None => letters,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn codes_are_upper_case_and_bounded() {
        assert_eq!(PromoCode::parse(" summer_25 ").unwrap().as_str(), "SUMMER_25");
        for bad in [
            "",
            "AB",
            "A B C",
            "ABCDEFGHIJKLMNOPQRSTU",
            "ÄÖÜ",
            "A,B",
            "A\0BC",
            "<b>",
            "ABC;",
        ] {
            assert!(PromoCode::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn several_codes_are_read_with_commas_between() {
        let codes = |json| {
            read::<PromoCodes>(json).map(|codes| {
                codes
                    .as_slice()
                    .iter()
                    .map(|code| code.as_str().to_owned())
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(codes("\"b-1, aaa ,B-1,\"").unwrap(), ["B-1", "AAA"]);
        assert!(codes("\" \"").unwrap().is_empty());
        assert!(codes("\"!!!\"").unwrap_err().contains("Invalid promo code"));
        assert!(codes("\"aaa,bbb,ccc,ddd\"").is_err());
        assert!(codes("7").is_err());
    }

    #[test]
    fn prefixes_leave_room_for_the_random_part() {
        let prefix: Prefix = read("\" summer25x \"").unwrap();
        let code = generate(Some(&prefix), &[7; 32]).unwrap();
        assert_eq!(code.as_str(), "SUMMER25X-9999999999");
        for bad in ["\"\"", "\"TENLETTERS\"", "\"A-B\"", "\"é\"", "1"] {
            assert!(read::<Prefix>(bad).is_err(), "{bad}");
        }
        assert_eq!(generate(None, &[255; 32]), None);
    }

    proptest! {
        #[test]
        fn generated_codes_are_codes_of_letters_that_nobody_mistakes(random in any::<[u8; 32]>()) {
            if let Some(code) = generate(None, &random) {
                let read = PromoCode::parse(code.as_str());
                prop_assert_eq!(read.as_ref(), Ok(&code));
                prop_assert!(code.as_str().bytes().all(|letter| ALPHABET.contains(&letter)));
                prop_assert!(!code.as_str().contains(['0', 'O', '1', 'I', 'L', 'U']));
            }
        }
    }
}
