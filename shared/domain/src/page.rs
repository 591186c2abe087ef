//! Pages of lists.

/// Which page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u32,
    /// Rows on a page, 1 to [`Page::MAX_LIMIT`].
    pub limit: u32,
}

impl Page {
    /// Most rows on a page.
    pub const MAX_LIMIT: u32 = 100;
    /// Rows on a page unless the caller says otherwise.
    pub const DEFAULT_LIMIT: u32 = 10;
    /// No page lies beyond: deeper lists are read by filters.
    pub const MAX_NUMBER: u32 = 100_000;

    /// Rows before this page.
    pub const fn offset(self) -> i64 {
        (self.number as i64 - 1) * self.limit as i64
    }

    /// How many pages `total` rows fill.
    pub const fn pages_of(self, total: i64) -> i64 {
        (total + self.limit as i64 - 1) / self.limit as i64
    }
}

impl Default for Page {
    fn default() -> Self {
        Self {
            number: 1,
            limit: Self::DEFAULT_LIMIT,
        }
    }
}

/// A part of something long, counted from 1 to 100,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Part(#[schemars(range(min = 1, max = 100_000))] u32);

impl Part {
    /// Where everything begins.
    pub const FIRST: Self = Self(1);

    const MAX: u32 = 100_000;

    /// How many come before it.
    pub const fn earlier(self) -> u32 {
        self.0 - 1
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl<'de> serde::Deserialize<'de> for Part {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let number = u32::try_from(crate::text::whole_number(input)?).ok();
        number
            .filter(|number| (1..=Self::MAX).contains(number))
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom(format!("must be between 1 and {}", Self::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_counted_up() {
        let page = Page { number: 3, limit: 10 };
        assert_eq!(page.offset(), 20);
        assert_eq!([0, 1, 10, 11].map(|total| page.pages_of(total)), [0, 1, 1, 2]);
    }
}
