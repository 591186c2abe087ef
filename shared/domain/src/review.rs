//! Reviews: what may be said at once, what waits for a moderator, and what all of it comes to.

use crate::language::Language;
use crate::text::{bounded, texts, whole_number};
use std::fmt;

texts! {
    /// Why a review is hidden, in a moderator's words.
    HideReason: 1..=300, "is not allowed to be empty";
    /// Why somebody finds that a review should not be shown.
    ReportReason: 1..=300, "is not allowed to be empty";
}

/// One to five stars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Rating(#[schemars(range(min = 1, max = 5))] i32);

impl Rating {
    /// A rating between 1 and 5.
    pub const fn new(stars: i32) -> Option<Self> {
        if 1 <= stars && stars <= 5 {
            Some(Self(stars))
        } else {
            None
        }
    }

    /// How many stars.
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl<'de> serde::Deserialize<'de> for Rating {
    /// A number, or a numeric text as existing clients send it.
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let stars = i32::try_from(whole_number(input)?).ok().and_then(Self::new);
        stars.ok_or_else(|| serde::de::Error::custom("Rating must be between 1 and 5"))
    }
}

/// What a review says, in one or several lines.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Comment(#[schemars(length(min = 1, max = 2_000))] String);

impl Comment {
    /// The text, trimmed.
    ///
    /// # Errors
    /// What a person can do about it, when it is empty, too long or holds control characters other than ends of lines.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        // Only lines may end within it.
        bounded(
            &text.replace(['\n', '\r', '\t'], " "),
            1,
            2_000,
            "Comment is required",
        )?;
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> serde::Deserialize<'de> for Comment {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(input)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Where a review stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewStatus {
    /// Everybody reads it.
    Shown,
    /// It waits for a moderator.
    Held,
    /// A moderator took it away.
    Hidden,
}

impl ReviewStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Shown, Self::Held, Self::Hidden];

    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shown => "shown",
            Self::Held => "held",
            Self::Hidden => "hidden",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// Why a review waits for a moderator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// It leads elsewhere.
    Link,
    /// It insults.
    BlockedWord,
    /// It was not shown before its author changed it.
    Changed,
}

impl Hold {
    /// What its author is told.
    pub const fn in_words(self, language: Language) -> &'static str {
        match self {
            Self::Link => language.pick("ulasan itu berisi tautan", "it holds a link"),
            Self::BlockedWord => {
                language.pick("ulasan itu berisi kata yang diblokir", "it holds a blocked word")
            }
            Self::Changed => language.pick(
                "ulasan itu diubah saat tidak ditampilkan",
                "it was changed while it was not shown",
            ),
        }
    }
}

impl fmt::Display for Hold {
    /// As it is stored beside the review.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.in_words(Language::En))
    }
}

/// Words, without repeated letters, that a moderator looks at before anybody else does.
const BLOCKED: [&str; 16] = [
    "anjing", "anjir", "asu", "bajingan", "bangsat", "bego", "goblok", "jancok", "kontol", "memek",
    "ngentot", "tolol", "fuck", "fucking", "shit", "bitch",
];

/// Ends of host names under which links are usually posted.
const HOSTS: [&str; 18] = [
    "com", "net", "org", "info", "io", "co", "id", "me", "ly", "gg", "xyz", "link", "site", "shop", "online",
    "top", "click", "ru",
];

/// What in a comment a moderator has to see first, if anything. Upper case, digits in place of letters, repeated letters and
/// invisible characters hide nothing.
pub fn judge(comment: &Comment) -> Option<Hold> {
    let text = visible(comment.as_str());
    if has_link(&text) {
        return Some(Hold::Link);
    }
    let plain = |c: char| match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        other => other,
    };
    let mut words = text
        .split(|c: char| !c.is_alphanumeric() && !matches!(c, '!' | '@' | '$'))
        .map(|word| {
            let mut letters: Vec<char> = word.trim_matches('!').chars().map(plain).collect();
            letters.dedup();
            letters.into_iter().collect::<String>()
        });
    words
        .any(|word| BLOCKED.contains(&word.as_str()))
        .then_some(Hold::BlockedWord)
}

/// The text in lower case, without invisible characters.
fn visible(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether somebody who reads a text might follow it elsewhere.
pub(crate) fn holds_link(text: &str) -> bool {
    has_link(&visible(text))
}

fn has_link(text: &str) -> bool {
    text.contains("://") || text.contains("www.") || text.split_whitespace().any(is_link)
}

/// Whether a word names a host: `kaos.example.com/promo`.
fn is_link(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    let host = word.split(['/', '?', '#', ':']).next().unwrap_or_default();
    match host.rsplit_once('.') {
        Some((name, end)) => !name.is_empty() && HOSTS.contains(&end),
        None => false,
    }
}

/// Where a review stands after its author changed what it says. What is not shown stays with the moderators, so that nobody
/// gets past them by changing it twice.
pub fn after_change(before: ReviewStatus, comment: &Comment) -> (ReviewStatus, Option<Hold>) {
    match (before, judge(comment)) {
        (_, Some(hold)) => (ReviewStatus::Held, Some(hold)),
        (ReviewStatus::Shown, None) => (ReviewStatus::Shown, None),
        (ReviewStatus::Held | ReviewStatus::Hidden, None) => (ReviewStatus::Held, Some(Hold::Changed)),
    }
}

/// How many reviews gave so many stars in one span of time.
#[derive(Debug, Clone)]
pub struct Counted {
    /// First day of the span, `2030-01-31`.
    pub since: String,
    /// Stars.
    pub rating: Rating,
    /// How many.
    pub count: i64,
}

/// How many reviews there are and what they give in the mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub count: i64,
    /// All their stars.
    pub stars: i64,
}

impl Tally {
    fn add(&mut self, counted: &Counted) {
        self.count += counted.count;
        self.stars += counted.count * i64::from(counted.rating.get());
    }

    /// Stars in the mean, to two digits; `None` if there are no reviews.
    pub fn mean(self) -> Option<f64> {
        // In hundredths first, rounded half up.
        let hundredths = (self.stars * 200 + self.count).checked_div(self.count * 2)?;
        Some(hundredths as f64 / 100.0)
    }
}

/// What all reviews come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// All of them.
    pub all: Tally,
    /// How many gave one star, two, and so on.
    pub histogram: [i64; 5],
    /// Span by span, with its first day, oldest first.
    pub trend: Vec<(String, Tally)>,
}

/// Sums up what was counted, which is in the order of its spans.
pub fn summarize(counted: &[Counted]) -> Summary {
    let mut summary = Summary::default();
    for row in counted {
        summary.all.add(row);
        let stars = usize::try_from(row.rating.get() - 1).unwrap_or_default();
        if let Some(bar) = summary.histogram.get_mut(stars) {
            *bar += row.count;
        }
        match summary.trend.last_mut() {
            Some((since, tally)) if *since == row.since => tally.add(row),
            _ => {
                let mut tally = Tally::default();
                tally.add(row);
                summary.trend.push((row.since.clone(), tally));
            }
        }
    }
    summary
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comment(text: &str) -> Comment {
        Comment::parse(text).unwrap()
    }

    #[test]
    fn stars_are_whole_and_between_one_and_five() {
        let read = |json: &str| serde_json::from_str::<Rating>(json).ok().map(Rating::get);
        assert_eq!([read("1"), read("5"), read("\"4\"")], [Some(1), Some(5), Some(4)]);
        for bad in [
            "0",
            "6",
            "4.5",
            "-1",
            "\"five\"",
            "1e309",
            "4294967297",
            "null",
            "[5]",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_comment_has_lines_and_something_in_them() {
        assert_eq!(comment(" Great!\n\tAgain. ").as_str(), "Great!\n\tAgain.");
        assert_eq!(Comment::parse(" \n "), Err("Comment is required".to_owned()));
        assert!(Comment::parse("a\u{0}b").is_err());
        assert!(Comment::parse(&"x".repeat(2_001)).is_err());
        assert!(Comment::parse(&"é".repeat(2_000)).is_ok());
    }

    #[test]
    fn links_and_insults_wait_for_a_moderator() {
        for link in [
            "see http://x.test",
            "HTTPS://X",
            "www.kaos",
            "buy at kaos.com!",
            "(t.me/kaos)",
            "kaos.co.id/promo?x=1",
            "ka\u{200b}os.c\u{200b}om",
        ] {
            assert_eq!(judge(&comment(link)), Some(Hold::Link), "{link}");
        }
        for insult in [
            "Bangsat!",
            "what a SH1T show",
            "fuuuuck",
            "g0bl0k",
            "b\u{ad}ego",
            "dasar anj1ng.",
        ] {
            assert_eq!(judge(&comment(insult)), Some(Hold::BlockedWord), "{insult}");
        }
        for fine in [
            "Great show, 10/10!",
            "Rp 50.000 well spent. Again!",
            "Shitake, begonias, asurance",
            "Mulai jam 19.30",
            "...",
            "5!",
        ] {
            assert_eq!(judge(&comment(fine)), None, "{fine}");
        }
    }

    #[test]
    fn nobody_gets_past_the_moderators_by_changing_a_review() {
        let (fine, link) = (comment("fine"), comment("www.x"));
        assert_eq!(
            after_change(ReviewStatus::Shown, &fine),
            (ReviewStatus::Shown, None)
        );
        for before in [ReviewStatus::Held, ReviewStatus::Hidden] {
            let held = (ReviewStatus::Held, Some(Hold::Changed));
            assert_eq!(after_change(before, &fine), held);
        }
        for before in ReviewStatus::ALL {
            let held = (ReviewStatus::Held, Some(Hold::Link));
            assert_eq!(after_change(before, &link), held);
            assert_eq!(ReviewStatus::parse(before.as_str()), Some(before));
        }
    }

    #[test]
    fn what_was_counted_is_summed_up() {
        let row = |since: &str, stars, count| Counted {
            since: since.to_owned(),
            rating: Rating::new(stars).unwrap(),
            count,
        };
        let summary = summarize(&[
            row("2030-01-01", 1, 1),
            row("2030-01-01", 5, 1),
            row("2030-01-02", 5, 1),
        ]);
        assert_eq!(summary.all, Tally { count: 3, stars: 11 });
        assert_eq!(
            summary.all.mean().map(|mean| mean.to_string()).as_deref(),
            Some("3.67")
        );
        assert_eq!(summary.histogram, [1, 0, 0, 0, 2]);
        let days = [
            ("2030-01-01".to_owned(), Tally { count: 2, stars: 6 }),
            ("2030-01-02".to_owned(), Tally { count: 1, stars: 5 }),
        ];
        assert_eq!(summary.trend, days);
        assert_eq!(summarize(&[]).all.mean(), None);
    }
}
