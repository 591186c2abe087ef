use domain::user::Email;
use std::fmt;

/// Somebody who sends or receives: an address, and the name shown for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Shown instead of the address.
    pub name: Option<String>,
    /// Where mail goes.
    pub address: Email,
}

impl Mailbox {
    /// A person with a name.
    pub fn new(name: impl Into<String>, address: Email) -> Self {
        Self {
            name: Some(name.into()),
            address,
        }
    }

    /// Reads `Name <name@example.org>` or an address alone.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().strip_suffix('>') {
            None => Email::parse(text).map(|address| Self { name: None, address }),
            Some(rest) => {
                let (name, address) = rest.rsplit_once('<')?;
                let name = name.trim().trim_matches('"');
                Some(Self {
                    name: (!name.is_empty()).then(|| name.to_owned()),
                    address: Email::parse(address)?,
                })
            }
        }
    }

    /// What stands behind the `@`.
    pub fn domain(&self) -> &str {
        self.address
            .as_str()
            .rsplit_once('@')
            .map_or("", |(_, domain)| domain)
    }
}

impl fmt::Debug for Mailbox {
    /// Names and addresses are personal data: a log shows only the domain.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_are_read_with_and_without_a_name() {
        let read = |text: &str| {
            Mailbox::parse(text).map(|m| (m.name.unwrap_or_default(), m.address.as_str().to_owned()))
        };
        let pair = |name: &str, address: &str| Some((name.to_owned(), address.to_owned()));
        assert_eq!(read("a@b.id"), pair("", "a@b.id"));
        assert_eq!(read(" <a@b.id> "), pair("", "a@b.id"));
        assert_eq!(read("GiggleFest <a@b.id>"), pair("GiggleFest", "a@b.id"));
        assert_eq!(read("\"Giggle, Fest\" <a@b.id>"), pair("Giggle, Fest", "a@b.id"));
        for bad in [
            "",
            "GiggleFest",
            "GiggleFest <a>",
            "a@b.id>",
            "<a@b.id> x",
            "a@b.id, c@d.id",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn neither_name_nor_address_is_printed() {
        let mailbox = Mailbox::parse("Ayu <ayu@example.org>").unwrap();
        assert_eq!(format!("{mailbox:?}"), "…@example.org");
    }
}
