use db::alerts::Kept;
use domain::alert::Condition;
use domain::language::Language;
use domain::{AlertId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::Serialize;

/// Something wrong of which the operators are told.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlertOut {
    /// Its id.
    id: AlertId,
    /// What is wrong, as it was seen last.
    condition: Condition,
    /// The same in words.
    message: String,
    /// What to do about it.
    advice: &'static str,
    /// When it was seen first.
    first_seen_at: Timestamp,
    /// Until when it is known to have lasted.
    last_seen_at: Timestamp,
    /// When it was told first.
    opened_at: Option<Timestamp>,
    /// How often it was told.
    told: u32,
    /// When it is told again if it lasts; null if it is over or acknowledged.
    told_again_at: Option<Timestamp>,
    /// Since when somebody knows of it; null if it has grown since.
    acknowledged_at: Option<Timestamp>,
    /// Who that is.
    acknowledged_by: Option<UserId>,
    /// When it was over; null while it lasts.
    closed_at: Option<Timestamp>,
}

impl AlertOut {
    pub(crate) fn new(kept: Kept, language: Language) -> Self {
        let alert = kept.alert;
        Self {
            id: kept.id,
            message: alert.condition.text(language),
            advice: alert.condition.advice(language),
            first_seen_at: alert.first_seen_at,
            last_seen_at: alert.last_seen_at,
            opened_at: alert.opened_at,
            told: alert.told,
            told_again_at: alert.tell_at(),
            acknowledged_at: kept.acknowledged_at,
            acknowledged_by: kept.acknowledged_by,
            closed_at: alert.closed_at,
            condition: alert.condition,
        }
    }
}
