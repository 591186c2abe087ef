//! Reports: what was sold, earned and used, by event and period.

/// How long a period of a report is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Interval {
    /// From midnight to midnight.
    #[default]
    Day,
    /// From Monday to Sunday.
    Week,
    /// A month of the calendar.
    Month,
}

impl Interval {
    /// As in requests, and as the database knows it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// In which form a report is given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// In the envelope of every answer, with sums.
    #[default]
    Json,
    /// A table for spreadsheets.
    Csv,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_has_one_name() {
        for interval in [Interval::Day, Interval::Week, Interval::Month] {
            assert_eq!(serde_json::to_value(interval).unwrap(), interval.as_str());
        }
    }
}
