//! Paying by bank transfer, straight to an organizer's account: who offers it, until when money is waited for, and what its
//! organizer has to say to confirm it. No gateway is involved; people look at their account.

use crate::text::{texts, whole_number};
use crate::{Error, PaymentId, Rupiah, Timestamp, UserId};

texts! {
    /// What a bank is called.
    BankName: 1..=60, "must not be empty";
    /// Whose an account is, as the bank knows them.
    AccountHolder: 1..=100, "must not be empty";
}

/// Number of a bank account: 5 to 20 digits, as Indonesian banks write it. Blanks and hyphens between them are left out.
#[derive(Debug, Clone, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(transparent)]
pub struct AccountNumber(#[schemars(regex(pattern = "^[0-9]([ -]?[0-9]){4,19}$"))] String);

impl AccountNumber {
    /// The number in digits only.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.trim().split([' ', '-']).collect();
        let digits: String = parts.concat();
        let good = parts.iter().all(|part| !part.is_empty())
            && (5..=20).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        good.then_some(Self(digits))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> serde::Deserialize<'de> for AccountNumber {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(input)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("must be 5 to 20 digits"))
    }
}

/// How many hours money is waited for: 1 to 168, a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(transparent)]
pub struct TransferHours(#[schemars(range(min = 1, max = 168))] u32);

impl TransferHours {
    /// Hours.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<'de> serde::Deserialize<'de> for TransferHours {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let hours = u32::try_from(whole_number(input)?).ok();
        let hours = hours.filter(|hours| (1..=168).contains(hours));
        hours
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("must be between 1 and 168"))
    }
}

/// What a buyer writes on a transfer, so that it is found among others: short, because banks cut remarks off.
pub fn code(payment: PaymentId) -> String {
    format!("GF-{payment}")
}

/// A bank account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankAccount {
    /// What the bank is called.
    pub bank: String,
    /// Digits.
    pub number: String,
    /// Whose it is, as the bank knows them.
    pub holder: String,
}

/// What an event of an order says about transfers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Whose event it is.
    pub organizer: UserId,
    /// Where the money goes; `None` if the event takes no transfers.
    pub account: Option<BankAccount>,
    /// How many hours it is waited for.
    pub hours: u32,
    /// When the event begins or the sale of one of the tickets ends, whichever comes first.
    pub closes: Timestamp,
}

/// Why an order cannot be paid by transfer, or a transfer not be confirmed or given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferError {
    /// An event of the order takes no transfers, or the events have more than one account.
    NotOffered,
    /// The event begins, or its sale ends, before a transfer could be expected.
    TooLate,
    /// A guest may be anybody, any number of times, and tickets are kept long for a transfer.
    AccountRequired,
    /// The buyer has another order for the same event that waits for a transfer.
    OtherWaits,
    /// The payment page of the order may be open: it could be paid twice.
    PageOpened,
    /// The order waits for a transfer, so it cannot be paid another way.
    Chosen,
    /// Another amount is due: this one.
    WrongAmount(Rupiah),
    /// It was confirmed by another reference.
    Confirmed,
    /// The same transfer was used to confirm another payment.
    ReferenceUsed,
    /// It was confirmed, so it cannot be given up.
    Paid,
}

impl From<TransferError> for Error {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::NotOffered => Self::conflict(
                "transfer_not_offered",
                "These tickets cannot be paid by bank transfer",
            ),
            TransferError::TooLate => Self::conflict(
                "transfer_too_late",
                "The sale ends too soon for a bank transfer, please pay another way",
            ),
            TransferError::AccountRequired => {
                Self::conflict("account_required", "Please log in to pay by bank transfer")
            }
            TransferError::OtherWaits => Self::conflict(
                "transfer_waiting",
                "Another order for this event waits for your bank transfer; pay it or give it up first",
            ),
            TransferError::PageOpened => Self::conflict(
                "payment_page_opened",
                "The payment page of this order was opened; pay there, or order again to pay by bank transfer",
            ),
            TransferError::Chosen => Self::conflict(
                "transfer_chosen",
                "This order waits for your bank transfer; give it up and order again to pay another way",
            ),
            TransferError::WrongAmount(due) => {
                Self::conflict("amount_mismatch", format!("The amount due is {due}"))
            }
            TransferError::Confirmed => Self::conflict(
                "transfer_confirmed",
                "This transfer was confirmed by another reference",
            ),
            TransferError::ReferenceUsed => Self::conflict(
                "reference_used",
                "Another payment was confirmed by this reference",
            ),
            TransferError::Paid => Self::conflict("order_paid", "This order is already paid"),
        }
    }
}

/// A transfer needs at least an hour, or nobody could be expected to make it and to look for it.
const SHORTEST_SECONDS: i64 = 3_600;

/// Where the money of an order goes and until when it is waited for, if all its events agree on that: one organizer, one account,
/// the shortest of their times, and never beyond the beginning of an event or the end of a sale.
///
/// # Errors
/// [`TransferError::NotOffered`] or [`TransferError::TooLate`].
pub fn agree(offers: &[Offer], now: Timestamp) -> Result<(&BankAccount, UserId, Timestamp), TransferError> {
    let first = offers.first().ok_or(TransferError::NotOffered)?;
    let account = first.account.as_ref().ok_or(TransferError::NotOffered)?;
    let alike = |offer: &Offer| offer.account == first.account && offer.organizer == first.organizer;
    if !offers.iter().all(alike) {
        return Err(TransferError::NotOffered);
    }
    let ends = |offer: &Offer| now.plus_seconds(i64::from(offer.hours) * 3_600).min(offer.closes);
    let until = offers.iter().map(ends).min();
    let until = until.filter(|until| until.seconds_since(now) >= SHORTEST_SECONDS);
    Ok((account, first.organizer, until.ok_or(TransferError::TooLate)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse("2030-01-01T12:00:00Z").unwrap()
    }

    fn offer(number: &str, hours: u32, closes_in_hours: i64) -> Offer {
        Offer {
            organizer: UserId::new(1),
            account: Some(BankAccount {
                bank: "BCA".to_owned(),
                number: number.to_owned(),
                holder: "Java Festival".to_owned(),
            }),
            hours,
            closes: now().plus_seconds(closes_in_hours * 3_600),
        }
    }

    #[test]
    fn account_numbers_are_digits() {
        for (text, digits) in [
            ("1234567890", "1234567890"),
            (" 123-456 7890 ", "1234567890"),
            ("12345", "12345"),
        ] {
            assert_eq!(AccountNumber::parse(text).unwrap().as_str(), digits);
        }
        for bad in [
            "",
            "1234",
            "12345a",
            "12--345",
            "１２３４５",
            "-12345",
            "123456789012345678901",
        ] {
            assert_eq!(AccountNumber::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn hours_are_a_week_at_most() {
        let read = |json: &str| serde_json::from_str::<TransferHours>(json).ok();
        assert_eq!(read("24").map(TransferHours::get), Some(24));
        for bad in ["0", "169", "-1", "1.5", "null"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn events_agree_if_they_share_an_account() {
        let one = [offer("12345", 48, 1_000), offer("12345", 24, 1_000)];
        let (account, organizer, until) = agree(&one, now()).unwrap();
        assert_eq!(
            (Some(account), organizer),
            (one[0].account.as_ref(), one[0].organizer)
        );
        assert_eq!(until, now().plus_seconds(24 * 3_600), "the shortest time counts");

        let mut none = offer("12345", 24, 1_000);
        none.account = None;
        let mut another = offer("12345", 24, 1_000);
        another.organizer = UserId::new(2);
        for offers in [
            vec![],
            vec![none.clone()],
            vec![offer("12345", 24, 1_000), none],
            vec![offer("12345", 24, 1_000), offer("54321", 24, 1_000)],
            vec![offer("12345", 24, 1_000), another],
        ] {
            assert_eq!(agree(&offers, now()).unwrap_err(), TransferError::NotOffered);
        }
    }

    #[test]
    fn money_is_not_waited_for_beyond_the_beginning_or_the_sale() {
        let soon = [offer("12345", 168, 30)];
        assert_eq!(agree(&soon, now()).unwrap().2, now().plus_seconds(30 * 3_600));
        let hour = [offer("12345", 168, 1)];
        assert_eq!(agree(&hour, now()).unwrap().2, now().plus_seconds(3_600));
        for closes in [0, -1] {
            assert_eq!(
                agree(&[offer("12345", 168, closes)], now()),
                Err(TransferError::TooLate)
            );
        }
    }
}
