//! Waiting lists: who gets what comes back of a kind of ticket that was sold out.
//!
//! Who joined first is served first. A group is never split, so the first of the line may want more than is free. What happens then
//! is the organizer's choice. [`Mode::InOrder`] lets nobody pass: what comes back is kept until it is enough for the first, so no
//! group starves, however many smaller wishes stand behind it. [`Mode::WhoFits`] lets those pass who want less than whoever they
//! pass, so nothing lies idle; a group keeps its place and may wait for ever. Nobody is passed in either by somebody who wants as
//! much or more.

use crate::{Timestamp, WaitingEntryId};

/// Whether there is a waiting list, and who of it comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nobody can join, and what comes back is on sale for everybody.
    Off,
    /// Strictly in order: stock is kept until it is enough for the first.
    InOrder,
    /// The first whom the stock is enough for.
    WhoFits,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Off, Self::InOrder, Self::WhoFits];

    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::InOrder => "in_order",
            Self::WhoFits => "who_fits",
        }
    }

    /// The mode of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }
}

/// Where somebody stands who joined a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryStatus {
    /// In line.
    Waiting,
    /// It is their turn: tickets are kept in their cart for a while.
    Offered,
    /// They have ordered what was kept for them.
    Claimed,
    /// They let the time pass.
    Lapsed,
    /// They left, or did not want what was kept for them.
    Left,
    /// The line is over, or what they want cannot be bought any more.
    Closed,
}

impl EntryStatus {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Waiting,
        Self::Offered,
        Self::Claimed,
        Self::Lapsed,
        Self::Left,
        Self::Closed,
    ];

    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Offered => "offered",
            Self::Claimed => "claimed",
            Self::Lapsed => "lapsed",
            Self::Left => "left",
            Self::Closed => "closed",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// For how many minutes tickets are kept for whoever's turn it is: 5 to 1,440, a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct ClaimMinutes(#[schemars(range(min = 5, max = 1440))] u32);

impl ClaimMinutes {
    /// The minutes, unless they are too few to buy in or more than a day.
    pub const fn new(minutes: u32) -> Option<Self> {
        if minutes >= 5 && minutes <= 1_440 {
            Some(Self(minutes))
        } else {
            None
        }
    }

    /// How many minutes.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for ClaimMinutes {
    fn default() -> Self {
        Self(30)
    }
}

impl<'de> serde::Deserialize<'de> for ClaimMinutes {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        u32::try_from(crate::text::whole_number(input)?)
            .ok()
            .and_then(Self::new)
            .ok_or_else(|| serde::de::Error::custom("must be between 5 and 1440"))
    }
}

/// Somebody who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InLine {
    /// Their place: who has a smaller one came before.
    pub entry: WaitingEntryId,
    /// How many tickets they want.
    pub quantity: u32,
}

/// Whose turn it is while so many units are free; `None` if nobody's. Of a long line it is enough to know the first of each
/// quantity.
pub fn next(mode: Mode, line: &[InLine], free: u32) -> Option<InLine> {
    let first = |fits: fn(&InLine, u32) -> bool| {
        let those = line.iter().filter(|one| fits(one, free));
        those.min_by_key(|one| one.entry).copied()
    };
    match mode {
        Mode::Off => None,
        Mode::InOrder => first(|_, _| true).filter(|one| one.quantity <= free),
        Mode::WhoFits => first(|one, free| one.quantity <= free),
    }
}

/// Until when tickets are kept that are offered now, never beyond the end of their sale.
pub fn offered_until(now: Timestamp, minutes: ClaimMinutes, sale_ends: Timestamp) -> Timestamp {
    now.plus_seconds(i64::from(minutes.get()) * 60).min(sale_ends)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(quantities: &[u32]) -> Vec<InLine> {
        let ids = (1..).map(WaitingEntryId::new);
        let people = quantities.iter().zip(ids);
        people
            .map(|(quantity, entry)| InLine {
                entry,
                quantity: *quantity,
            })
            .collect()
    }

    fn who(mode: Mode, quantities: &[u32], free: u32) -> Option<i64> {
        next(mode, &line(quantities), free).map(|one| one.entry.get())
    }

    #[test]
    fn a_group_lets_nobody_pass_unless_the_organizer_does() {
        assert_eq!(who(Mode::InOrder, &[4, 1, 2], 3), None);
        assert_eq!(who(Mode::InOrder, &[4, 1, 2], 4), Some(1));
        assert_eq!(who(Mode::WhoFits, &[4, 1, 2], 3), Some(2));
        assert_eq!(who(Mode::WhoFits, &[4, 2, 1], 3), Some(2));
        assert_eq!(who(Mode::WhoFits, &[4, 2, 1], 4), Some(1));
        assert_eq!(who(Mode::WhoFits, &[4, 2, 2], 1), None);
        for mode in [Mode::InOrder, Mode::WhoFits] {
            assert_eq!((who(mode, &[], 9), who(mode, &[1], 0)), (None, None));
        }
        assert_eq!(who(Mode::Off, &[1], 9), None);
    }

    #[test]
    fn an_offer_ends_with_the_sale_at_the_latest() {
        let now = Timestamp::parse("2030-01-01T12:00:00Z").unwrap();
        let kept = |sale: i64| {
            offered_until(now, ClaimMinutes::default(), now.plus_seconds(sale * 60)).seconds_since(now) / 60
        };
        assert_eq!([10, 30, 31].map(kept), [10, 30, 30]);
    }

    #[test]
    fn names_are_read_back_and_minutes_are_a_day_at_most() {
        assert!(
            Mode::ALL
                .into_iter()
                .all(|mode| Mode::parse(mode.as_str()) == Some(mode))
        );
        let statuses = EntryStatus::ALL.into_iter();
        assert!(
            statuses
                .into_iter()
                .all(|status| EntryStatus::parse(status.as_str()) == Some(status))
        );
        for (text, good) in [
            ("5", true),
            ("\"1440\"", true),
            ("4", false),
            ("1441", false),
            ("-5", false),
            ("9.5", false),
        ] {
            assert_eq!(serde_json::from_str::<ClaimMinutes>(text).is_ok(), good, "{text}");
        }
    }

    /// Serves a line as stock comes back, as long as it is somebody's turn. Who was served, in that order.
    fn serve(mode: Mode, quantities: &[u32], releases: &[u32]) -> (Vec<InLine>, u32, Vec<InLine>) {
        let (mut waiting, mut served, mut free) = (line(quantities), Vec::new(), 0);
        for released in releases {
            free += released;
            while let Some(one) = next(mode, &waiting, free) {
                free -= one.quantity;
                waiting.retain(|other| other.entry != one.entry);
                served.push(one);
            }
        }
        (served, free, waiting)
    }

    proptest! {
        #[test]
        fn in_order_nobody_passes_and_nobody_starves(
            quantities in proptest::collection::vec(1u32..8, 0..30),
            releases in proptest::collection::vec(0u32..6, 0..60),
        ) {
            let (served, free, waiting) = serve(Mode::InOrder, &quantities, &releases);
            let ids: Vec<i64> = served.iter().map(|one| one.entry.get()).collect();
            prop_assert_eq!(&ids, &(1..=i64::try_from(ids.len()).unwrap()).collect::<Vec<_>>());
            // What was released went to the line until it was too little for the first of it.
            let given: u32 = served.iter().map(|one| one.quantity).sum();
            prop_assert_eq!(given + free, releases.iter().sum::<u32>());
            prop_assert!(waiting.first().is_none_or(|one| one.quantity > free));
        }

        #[test]
        fn who_fits_passes_only_those_who_want_more(
            quantities in proptest::collection::vec(1u32..8, 0..30),
            releases in proptest::collection::vec(0u32..6, 0..60),
        ) {
            let (served, free, waiting) = serve(Mode::WhoFits, &quantities, &releases);
            for (turn, one) in served.iter().enumerate() {
                let later = served.iter().skip(turn + 1).chain(&waiting);
                let passed = later.filter(|other| other.entry < one.entry);
                for other in passed {
                    prop_assert!(other.quantity > one.quantity);
                }
            }
            // Nothing lies idle that somebody would take.
            prop_assert!(waiting.iter().all(|one| one.quantity > free));
        }

        #[test]
        fn the_first_of_each_quantity_are_enough_to_know(
            quantities in proptest::collection::vec(1u32..8, 0..30),
            free in 0u32..12,
        ) {
            let all = line(&quantities);
            let firsts: Vec<InLine> = (1..8)
                .filter_map(|quantity| all.iter().find(|one| one.quantity == quantity).copied())
                .collect();
            for mode in Mode::ALL {
                prop_assert_eq!(next(mode, &all, free), next(mode, &firsts, free));
            }
        }
    }
}
