//! Where this program may be sent by people who type addresses: to the public web and nowhere else. Every rule here stands
//! against a way to make a server call its own network, so what is not known to be harmless is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest address, in characters.
const LONGEST: usize = 2_000;

/// The port of HTTPS. Firewalls of the fleet let nothing else out.
const WEB_PORTS: [u16; 1] = [443];

/// Names that mean a network of one's own, whatever a resolver says about them. Each stands for all names below it.
const OWN_NAMES: [&str; 12] = [
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "arpa",
    "invalid",
    "onion",
];

/// An absolute web address in the one form that leaves nothing to interpret: no user, no fragment, no escapes in the host, no
/// number in a notation of its own. Whether it may be called is another question: see [`Reach::check`].
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct WebAddress(
    #[schemars(with = "String", length(min = 1, max = 2000), extend("format" = "uri"))] Parts,
);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    text: String,
    secure: bool,
    host: Host,
    port: u16,
}

impl serde::Serialize for Parts {
    fn serialize<S: serde::Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.serialize_str(&self.text)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// In lower case, without a final dot.
    Name(String),
    Number(IpAddr),
}

impl WebAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// What a person can do about it, as the rest of a sentence about the field.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text.len() > LONGEST {
            return Err("must be a web address of at most 2000 characters");
        }
        // Programs disagree about what these mean in an address, and where they disagree is where filters fail.
        let plain = |byte: u8| byte.is_ascii_graphic() && !br#""<>\^`{|}#"#.contains(&byte);
        if !text.bytes().all(plain) {
            return Err(
                "must be plain ASCII without blanks, backslashes, quotes and fragments; escape what is not",
            );
        }
        let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err("must begin with https://"),
        };
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains(['@', '%']) {
            return Err("must name a host without user, password and escapes");
        }
        let (host, port) = match split_port(authority) {
            Some(parts) => parts,
            None => return Err("must have a port between 1 and 65535, or none"),
        };
        let host = Host::parse(host).ok_or("must name a host by its full domain name")?;
        Ok(Self(Parts {
            text: text.to_owned(),
            secure,
            host,
            port: port.unwrap_or(if secure { 443 } else { 80 }),
        }))
    }

    /// As it was typed.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// What to look up, if its host is a name.
    pub fn name(&self) -> Option<&str> {
        match &self.0.host {
            Host::Name(name) => Some(name),
            Host::Number(_) => None,
        }
    }

    /// Its host, if that is a number.
    pub const fn number(&self) -> Option<IpAddr> {
        match self.0.host {
            Host::Number(number) => Some(number),
            Host::Name(_) => None,
        }
    }

    /// The port to connect to.
    pub const fn port(&self) -> u16 {
        self.0.port
    }

    /// Whether it means this very machine and says so.
    fn is_loopback(&self) -> bool {
        match &self.0.host {
            Host::Name(name) => name == "localhost",
            Host::Number(number) => number.is_loopback(),
        }
    }
}

impl<'de> serde::Deserialize<'de> for WebAddress {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(input)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Host and port of an authority. `None` if what stands behind the colon is no port.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let Some(colon) = authority.get(end..)?.find(':') else {
        return Some((authority, None));
    };
    let (host, port) = authority.split_at_checked(end + colon)?;
    let port = port.strip_prefix(':')?;
    let digits = !port.starts_with('0') && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|_| digits)?;
    Some((host, Some(port)))
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        if let Some(number) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return Some(Self::Number(number.parse::<Ipv6Addr>().ok()?.into()));
        }
        // Four decimal numbers and nothing else: the octal, hexadecimal and shortened notations are not read.
        if let Ok(number) = text.parse::<Ipv4Addr>() {
            return Some(Self::Number(number.into()));
        }
        let name = text.to_ascii_lowercase();
        let labels: Vec<&str> = name.split('.').collect();
        let last = labels.last()?;
        // A resolver reads a name whose last label is a number as an IPv4 address.
        let numeric = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
        let full = labels.len() > 1 || name == "localhost";
        let valid = name.len() <= 253 && full && !numeric && labels.iter().all(|label| is_label(label));
        valid.then_some(Self::Name(name))
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Why an address is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forbidden {
    /// It is not HTTPS.
    NotSecure,
    /// Its host is a number, which no certificate proves.
    Number,
    /// Its host is a name of somebody's own network.
    OwnName,
    /// Its port is not that of the web.
    Port,
    /// Its name leads out of the public net.
    NotPublic,
}

impl Forbidden {
    /// For people, as the rest of a sentence about the address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotSecure => "must begin with https://",
            Self::Number => "must name its host, not give a number",
            Self::OwnName => "must name a host of the public net",
            Self::Port => "must use port 443",
            Self::NotPublic => "must lead to the public net",
        }
    }
}

/// How far this program may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Ports that may be called.
    pub ports: &'static [u16],
    /// Whether addresses that say that they mean this very machine may be called, too, by HTTP and at any port: for a fleet that
    /// runs on one machine.
    pub loopback: bool,
}

impl Reach {
    /// The public web.
    pub const PUBLIC: Self = Self {
        ports: &WEB_PORTS,
        loopback: false,
    };

    /// The public web and this very machine.
    pub const WITH_LOOPBACK: Self = Self {
        loopback: true,
        ..Self::PUBLIC
    };

    /// Whether an address may be called as it is written.
    ///
    /// # Errors
    /// Why not.
    pub fn check(self, address: &WebAddress) -> Result<(), Forbidden> {
        if self.loopback && address.is_loopback() {
            return Ok(());
        }
        if !address.0.secure {
            return Err(Forbidden::NotSecure);
        }
        let Host::Name(name) = &address.0.host else {
            return Err(Forbidden::Number);
        };
        let top = name.rsplit('.').next().unwrap_or_default();
        if OWN_NAMES.contains(&top) {
            return Err(Forbidden::OwnName);
        }
        if !self.ports.contains(&address.0.port) {
            return Err(Forbidden::Port);
        }
        Ok(())
    }

    /// Whether a number that the name of a checked address led to may be connected to.
    ///
    /// # Errors
    /// Why not.
    pub fn check_number(self, address: &WebAddress, number: IpAddr) -> Result<(), Forbidden> {
        let own = self.loopback && address.is_loopback() && number.is_loopback();
        if own || is_public(number) {
            Ok(())
        } else {
            Err(Forbidden::NotPublic)
        }
    }
}

/// Blocks of IPv4 that are not the public net: those that IANA lists as special, multicast, what is reserved, and the host
/// through which a cloud tells its machines about themselves under a public number.
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 18] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 52, 193, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(192, 175, 48, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast, and all above it.
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// The public net of IPv6, and what within it is not: protocols and tunnels (Teredo, ORCHID), documentation, 6to4, which holds
/// any IPv4 number, and AS112. Mapped, translated (NAT64), local and multicast numbers lie outside of it.
const PUBLIC_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 5] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Whether a number belongs to the public net.
pub fn is_public(number: IpAddr) -> bool {
    match number {
        IpAddr::V4(number) => {
            let number = number.to_bits();
            let within = |(block, bits): &(Ipv4Addr, u32)| (number ^ block.to_bits()) >> (32 - bits) == 0;
            !NOT_PUBLIC_V4.iter().any(within)
        }
        IpAddr::V6(number) => {
            let number = number.to_bits();
            let within = |(block, bits): &(Ipv6Addr, u32)| (number ^ block.to_bits()) >> (128 - bits) == 0;
            within(&PUBLIC_V6) && !NOT_PUBLIC_V6.iter().any(within)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What an address comes to before anything is looked up.
    fn judge(text: &str, reach: Reach) -> Result<(), &'static str> {
        let address = WebAddress::parse(text)?;
        reach.check(&address).map_err(Forbidden::as_str)
    }

    #[test]
    fn addresses_of_the_public_web_are_taken() {
        for (text, name) in [
            ("https://hooks.example.com", "hooks.example.com"),
            ("https://hooks.example.com/", "hooks.example.com"),
            ("https://Hooks.Example.COM/a/b?c=d&e=%20f", "hooks.example.com"),
            ("https://example.com:443/x", "example.com"),
            ("https://xn--bcher-kva.example?x", "xn--bcher-kva.example"),
            ("https://1.2.3.4.nip.io/", "1.2.3.4.nip.io"),
            ("https://a.com/@b:80/[::1]", "a.com"),
        ] {
            assert_eq!(judge(text, Reach::PUBLIC), Ok(()), "{text}");
            let address = WebAddress::parse(text).unwrap();
            assert_eq!((address.name(), address.port()), (Some(name), 443));
            assert_eq!(serde_json::to_value(&address).unwrap(), text);
        }
    }

    #[test]
    fn everything_else_is_refused_before_it_is_looked_up() {
        for text in [
            "",
            "https://",
            "https:///x",
            "hooks.example.com",
            "//hooks.example.com",
            "HTTPS://hooks.example.com",
            "http://hooks.example.com",
            "ftp://hooks.example.com",
            "file:///etc/passwd",
            "gopher://hooks.example.com",
            "javascript:alert(1)",
            "https://user@hooks.example.com",
            "https://user:secret@hooks.example.com",
            "https://hooks.example.com@127.0.0.1",
            "https://hooks.example.com%2540127.0.0.1",
            "https://hooks.example.com#@127.0.0.1",
            "https://hooks.example.com\\@127.0.0.1",
            "https://hooks.example.com:80",
            "https://hooks.example.com:22",
            "https://hooks.example.com:8443",
            "https://hooks.example.com:0443",
            "https://hooks.example.com:",
            "https://hooks.example.com:65979",
            "https://hooks.example.com:443:22",
            "https://hooks.example.com:+443",
            "https://hooks.example.com.",
            "https://hooks..example.com",
            "https://.example.com",
            "https://-a.example.com",
            "https://a-.example.com",
            "https://a_b.example.com",
            "https://hooks.example.com /",
            " https://hooks.example.com",
            "https://hooks.example.com\n",
            "https://hooks.example.com/\r\nX-Evil: 1",
            "https://hooks.example.com/\0",
            "https://bücher.example",
            "https://hooks。example。com",
            "https://127。0。0。1",
            "https://①②⑦.0.0.1",
            "https://hooks",
            "https://metadata",
            "https://localhost",
            "https://LOCALHOST",
            "https://localhost.",
            "https://api.localhost",
            "https://printer.local",
            "https://localhost.localdomain",
            "https://metadata.google.internal",
            "https://ip-10-20-0-1.ec2.internal",
            "https://1.0.0.127.in-addr.arpa",
            "https://expyuzz4wqqyqhjn.onion",
            "https://0",
            "https://0.0.0.0",
            "https://127.0.0.1",
            "https://127.1",
            "https://127.0.1",
            "https://2130706433",
            "https://017700000001",
            "https://0177.0.0.1",
            "https://0x7f.0.0.1",
            "https://0x7f000001",
            "https://0X7F.1",
            "https://127.0.0.0x1",
            "https://127.0.0.01",
            "https://127.0.0.1.",
            "https://169.254.169.254/latest/meta-data/",
            "https://2852039166",
            "https://0xa9fea9fe",
            "https://0251.0376.0251.0376",
            "https://10.0.0.1",
            "https://8.8.8.8",
            "https://[::1]",
            "https://[::]",
            "https://[::ffff:127.0.0.1]",
            "https://[::ffff:7f00:1]",
            "https://[64:ff9b::7f00:1]",
            "https://[2002:7f00:1::]",
            "https://[fe80::1%25eth0]",
            "https://[fd00:ec2::254]",
            "https://[2606:4700:4700::1111]",
            "https://[::1",
            "https://::1",
            "https://[127.0.0.1]",
        ] {
            assert!(judge(text, Reach::PUBLIC).is_err(), "{text}");
        }
        let long = format!("https://hooks.example.com/{}", "a".repeat(LONGEST));
        assert!(judge(&long, Reach::PUBLIC).is_err());
    }

    #[test]
    fn this_machine_is_called_only_where_it_was_allowed_and_said_so() {
        for text in [
            "http://127.0.0.1:8080/hook",
            "http://localhost:1",
            "http://[::1]:9",
            "https://127.0.0.1",
        ] {
            assert_eq!(judge(text, Reach::WITH_LOOPBACK), Ok(()), "{text}");
            assert!(judge(text, Reach::PUBLIC).is_err(), "{text}");
        }
        for text in [
            "http://hooks.example.com",
            "http://127.1:80",
            "http://2130706433",
            "http://10.0.0.1",
            "http://169.254.169.254",
            "http://[::ffff:127.0.0.1]",
            "http://api.localhost",
            "https://hooks.example.com:8080",
        ] {
            assert!(judge(text, Reach::WITH_LOOPBACK).is_err(), "{text}");
        }
        let web = WebAddress::parse("https://hooks.example.com").unwrap();
        let own = WebAddress::parse("http://localhost:1").unwrap();
        let number = "127.0.0.1".parse().unwrap();
        assert!(Reach::WITH_LOOPBACK.check_number(&web, number).is_err());
        assert!(Reach::WITH_LOOPBACK.check_number(&own, number).is_ok());
        assert!(Reach::PUBLIC.check_number(&own, number).is_err());
        let neighbour = "10.0.0.1".parse().unwrap();
        assert!(Reach::WITH_LOOPBACK.check_number(&own, neighbour).is_err());
    }

    #[test]
    fn numbers_are_public_up_to_the_borders_of_the_blocks_that_are_not() {
        for (number, public) in [
            ("0.0.0.0", false),
            ("0.255.255.255", false),
            ("1.0.0.0", true),
            ("9.255.255.255", true),
            ("10.0.0.0", false),
            ("10.255.255.255", false),
            ("11.0.0.0", true),
            ("100.63.255.255", true),
            ("100.64.0.0", false),
            ("100.100.100.200", false),
            ("100.127.255.255", false),
            ("100.128.0.0", true),
            ("126.255.255.255", true),
            ("127.0.0.0", false),
            ("127.255.255.255", false),
            ("128.0.0.0", true),
            ("168.63.129.15", true),
            ("168.63.129.16", false),
            ("168.63.129.17", true),
            ("169.253.255.255", true),
            ("169.254.0.0", false),
            ("169.254.169.254", false),
            ("169.254.170.2", false),
            ("169.254.255.255", false),
            ("169.255.0.0", true),
            ("172.15.255.255", true),
            ("172.16.0.0", false),
            ("172.31.255.255", false),
            ("172.32.0.0", true),
            ("192.0.0.0", false),
            ("192.0.0.192", false),
            ("192.0.1.0", true),
            ("192.0.2.1", false),
            ("192.0.3.0", true),
            ("192.31.196.1", false),
            ("192.52.193.1", false),
            ("192.88.99.1", false),
            ("192.167.255.255", true),
            ("192.168.0.0", false),
            ("192.168.255.255", false),
            ("192.169.0.0", true),
            ("192.175.48.1", false),
            ("198.17.255.255", true),
            ("198.18.0.0", false),
            ("198.19.255.255", false),
            ("198.20.0.0", true),
            ("198.51.100.1", false),
            ("203.0.113.1", false),
            ("223.255.255.255", true),
            ("224.0.0.0", false),
            ("239.255.255.255", false),
            ("240.0.0.0", false),
            ("255.255.255.255", false),
            ("8.8.8.8", true),
            ("::", false),
            ("::1", false),
            ("::127.0.0.1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", false),
            ("::ffff:0:127.0.0.1", false),
            ("64:ff9b::127.0.0.1", false),
            ("64:ff9b:1::1", false),
            ("100::1", false),
            ("1fff:ffff::1", false),
            ("2000::", true),
            ("2001::1", false),
            ("2001:1ff:ffff::1", false),
            ("2001:200::", true),
            ("2001:db8::1", false),
            ("2001:db9::", true),
            ("2001:4860:4860::8888", true),
            ("2001:ffff:ffff::", true),
            ("2002::", false),
            ("2002:7f00:1::1", false),
            ("2003::", true),
            ("2606:4700:4700::1111", true),
            ("2620:4f:8000::1", false),
            ("3ffe:ffff::1", true),
            ("3fff::1", false),
            ("3fff:1000::", true),
            ("4000::1", false),
            ("5f00::1", false),
            ("fc00::1", false),
            ("fd00:ec2::254", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_public(number.parse().unwrap()), public, "{number}");
        }
    }

    proptest! {
        /// Whatever is typed, what passes names its host by a full name, at the port of the web.
        #[test]
        fn nothing_passes_but_a_name(text in "https?://[-a-zA-Z0-9.:@/\\[\\]%#?_x]{0,40}") {
            if judge(&text, Reach::PUBLIC).is_ok() {
                let address = WebAddress::parse(&text).unwrap();
                let name = address.name().unwrap();
                prop_assert!(name.contains('.') && name.parse::<IpAddr>().is_err());
                prop_assert_eq!(address.port(), 443);
                prop_assert_eq!(text.to_ascii_lowercase().find(name), Some("https://".len()));
            }
        }

        /// No number that the standard library knows to be special is public.
        #[test]
        fn what_is_special_is_not_public(bits in any::<u32>()) {
            let number = Ipv4Addr::from_bits(bits);
            let special = number.is_private() || number.is_loopback() || number.is_link_local() || number.is_broadcast()
                || number.is_documentation() || number.is_multicast() || number.is_unspecified();
            prop_assert!(!(special && is_public(number.into())), "{}", number);
            prop_assert!(!is_public(number.to_ipv6_mapped().into()));
            prop_assert!(!is_public(number.to_ipv6_compatible().into()));
        }
    }
}
