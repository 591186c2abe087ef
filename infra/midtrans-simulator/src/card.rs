//! The sandbox's test cards.

/// What the card network and the fraud check say about a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accept,
    /// Refused by the issuing bank.
    DeniedByBank,
    /// Refused by the fraud detection system.
    DeniedByFraudCheck,
    /// Accepted by the bank, waiting for the merchant's review.
    Challenge,
}

/// A card as far as messages show it.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    pub(crate) number: String,
    pub(crate) verdict: Verdict,
    /// Electronic commerce indicator: how far 3-D Secure got.
    pub(crate) eci: &'static str,
    /// `51` instead of `05` for cards without money.
    pub(crate) denial_code: &'static str,
}

/// The card that is always accepted, used when none is named.
pub(crate) const ACCEPTED: &str = "4811111111111114";
/// The card its bank always refuses.
pub(crate) const DENIED: &str = "4911111111111113";
/// The card that always needs a review.
pub(crate) const CHALLENGED: &str = "4511111111111117";

const TEST_CARDS: &[(&str, Verdict, &str, &str)] = &[
    (ACCEPTED, Verdict::Accept, "05", ""),
    (DENIED, Verdict::DeniedByBank, "05", "05"),
    ("4411111111111118", Verdict::Accept, "06", ""),
    ("4611111111111116", Verdict::DeniedByFraudCheck, "06", "05"),
    ("4711111111111115", Verdict::DeniedByBank, "06", "05"),
    (CHALLENGED, Verdict::Challenge, "05", ""),
    ("5211111111111117", Verdict::Accept, "02", ""),
    ("5111111111111118", Verdict::DeniedByBank, "02", "05"),
    ("5410111111111116", Verdict::Accept, "01", ""),
    ("5411111111111115", Verdict::DeniedByFraudCheck, "01", "05"),
    ("5511111111111114", Verdict::DeniedByBank, "01", "05"),
    ("5510111111111115", Verdict::Challenge, "02", ""),
    ("3528203324564357", Verdict::Accept, "05", ""),
    ("3528512944932269", Verdict::DeniedByBank, "05", "05"),
    ("370192169722458", Verdict::Accept, "05", ""),
    ("374296354400881", Verdict::DeniedByBank, "05", "05"),
    ("6212487892425802", Verdict::Accept, "05", ""),
    ("6212484129687072", Verdict::DeniedByBank, "05", "05"),
    ("4472429869996670", Verdict::DeniedByBank, "05", "51"),
    ("4705859510984866", Verdict::DeniedByBank, "05", "05"),
    ("5597518926561951", Verdict::DeniedByBank, "05", "05"),
    ("4556557955726624", Verdict::Accept, "05", ""),
    ("4485436455354151", Verdict::DeniedByBank, "05", "05"),
    ("4716125059847899", Verdict::DeniedByBank, "07", "05"),
    ("5333259155643223", Verdict::Accept, "02", ""),
    ("5328720384582224", Verdict::DeniedByBank, "02", "05"),
];

/// A card that is refused only above this amount, with "insufficient funds".
const LIMITED: (&str, i64) = ("4806000000000081", 30_000);

impl Card {
    /// Reads a card number (blanks and dashes allowed). Numbers outside the list of test cards are accepted if
    /// they pass the Luhn check; anything else is `None`.
    pub(crate) fn read(number: &str, rupiah: i64) -> Option<Self> {
        let number: String = number
            .chars()
            .filter(|character| !matches!(character, ' ' | '-'))
            .collect();
        if let Some((_, verdict, eci, denial_code)) = TEST_CARDS.iter().find(|(known, ..)| *known == number) {
            return Some(Self {
                number,
                verdict: *verdict,
                eci,
                denial_code,
            });
        }
        let refused = number == LIMITED.0 && rupiah > LIMITED.1;
        passes_luhn(&number).then_some(Self {
            number,
            verdict: if refused {
                Verdict::DeniedByBank
            } else {
                Verdict::Accept
            },
            eci: "05",
            denial_code: "51",
        })
    }

    /// First eight and last four digits, e.g. `48111111-1114`.
    pub(crate) fn masked(&self) -> String {
        let first = self.number.get(..8).unwrap_or_default();
        let last = self
            .number
            .get(self.number.len().saturating_sub(4)..)
            .unwrap_or_default();
        format!("{first}-{last}")
    }

    /// `channel_response_code` and `channel_response_message`.
    pub(crate) fn channel_response(&self) -> (&'static str, &'static str) {
        match (self.verdict, self.denial_code) {
            (Verdict::DeniedByBank, "51") => ("51", "Insufficient funds"),
            (Verdict::DeniedByBank, _) => ("05", "Do not honour"),
            _ => ("00", "Approved"),
        }
    }
}

fn passes_luhn(number: &str) -> bool {
    if !(12..=19).contains(&number.len()) {
        return false;
    }
    let mut sum = 0;
    for (place, character) in number.chars().rev().enumerate() {
        let Some(digit) = character.to_digit(10) else {
            return false;
        };
        sum += match (place % 2, digit * 2) {
            (0, _) => digit,
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        };
    }
    sum % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_card_is_well_formed() {
        for (number, ..) in TEST_CARDS {
            assert!(passes_luhn(number), "{number}");
        }
    }

    #[test]
    fn cards_are_recognised_masked_and_judged() {
        let card = Card::read("4811 1111 1111 1114", 150_000).unwrap();
        assert_eq!(
            (card.verdict, card.masked().as_str()),
            (Verdict::Accept, "48111111-1114")
        );
        assert_eq!(card.channel_response(), ("00", "Approved"));
        assert_eq!(
            Card::read("4472429869996670", 1).unwrap().channel_response().0,
            "51"
        );
        assert_eq!(Card::read(LIMITED.0, 30_000).unwrap().verdict, Verdict::Accept);
        assert_eq!(
            Card::read(LIMITED.0, 30_001).unwrap().channel_response(),
            ("51", "Insufficient funds")
        );
        assert!(Card::read("4811111111111115", 1).is_none());
        assert!(Card::read("card", 1).is_none());
    }
}
