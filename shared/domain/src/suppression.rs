//! Which mails still go to an address that does not exist, or whose owner complained of one.
//!
//! A mailbox that is missing is missing for every mail, but its owner may mend it and prove the address again. Whoever complained
//! did not want what nobody has to send: what they bought and what they ask for at this moment goes on.

/// What a mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It proves an address.
    Proof,
    /// It is about an account, an order or money.
    Service,
    /// It helps with what somebody has or may have, and could be left out.
    Reminder,
    /// It might interest somebody.
    Promotion,
}

/// What is known of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Suppression {
    /// It does not exist, as far as its mail server said, and nobody has proved it since.
    pub bounced: bool,
    /// Its owner called one of our mails unwanted.
    pub complained: bool,
}

impl Suppression {
    /// Why a mail must not go to the address, if it must not.
    pub const fn refuses(self, purpose: Purpose) -> Option<&'static str> {
        match purpose {
            Purpose::Proof => None,
            _ if self.bounced => Some("the address does not exist"),
            Purpose::Service => None,
            Purpose::Reminder | Purpose::Promotion if self.complained => Some("its owner complained"),
            Purpose::Reminder | Purpose::Promotion => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_mailbox_gets_nothing_but_the_chance_to_prove_itself() {
        let state = |bounced, complained| Suppression { bounced, complained };
        for (purpose, fine, bounced, complained, both) in [
            (Purpose::Proof, true, true, true, true),
            (Purpose::Service, true, false, true, false),
            (Purpose::Reminder, true, false, false, false),
            (Purpose::Promotion, true, false, false, false),
        ] {
            for (state, goes) in [
                (state(false, false), fine),
                (state(true, false), bounced),
                (state(false, true), complained),
                (state(true, true), both),
            ] {
                assert_eq!(state.refuses(purpose).is_none(), goes, "{purpose:?} {state:?}");
            }
        }
    }
}
