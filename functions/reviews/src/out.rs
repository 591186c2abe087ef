//! Reviews and their numbers as the API shows them.

use db::reviews::Review;
use db::ticket_types::FullTicketType;
use domain::review::{Rating, ReviewStatus, Summary, Tally};
use domain::{Error, ReviewId, TicketTypeId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::Serialize;
use views::{CategoryOut, EventOut};

/// Who wrote a review.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AuthorOut {
    /// Their account.
    id: UserId,
    /// What they are called.
    name: String,
}

/// What a review is about.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ReviewedOut {
    /// The ticket type.
    id: TicketTypeId,
    /// What it is called.
    name: String,
    /// Its event.
    event: EventOut,
    /// Its category.
    category: CategoryOut,
}

/// A review.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReviewOut {
    /// Its id.
    id: ReviewId,
    /// Its stars, 1 to 5.
    rating: Rating,
    /// What it says.
    comment: String,
    /// Who wrote it.
    user_id: UserId,
    /// About which ticket type.
    ticket_id: TicketTypeId,
    /// When it was written.
    created_at: Timestamp,
    /// When its author last changed it.
    updated_at: Timestamp,
    /// Who wrote it; not in the list of what one account wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<AuthorOut>,
    /// What it is about.
    ticket: ReviewedOut,
    /// Whether its author has a ticket of this type that is not void.
    verified: bool,
    /// Where it stands.
    status: ReviewStatus,
    /// Why it is not shown; null if it is.
    reason: Option<String>,
}

impl ReviewOut {
    /// A review of this ticket type as it stands at `now`.
    fn new(review: Review, full: &FullTicketType, now: Timestamp) -> Self {
        Self {
            id: review.id,
            rating: review.rating,
            comment: review.comment,
            user_id: review.user_id,
            ticket_id: review.ticket_type,
            created_at: review.created_at,
            updated_at: review.updated_at,
            user: Some(AuthorOut {
                id: review.user_id,
                name: review.user_name,
            }),
            ticket: ReviewedOut {
                id: full.ticket.id,
                name: full.ticket.name.clone(),
                event: EventOut::new(full.event.clone(), now),
                category: full.category.clone().into(),
            },
            verified: review.verified,
            status: review.status,
            reason: review.reason,
        }
    }

    /// Its id.
    pub(crate) const fn id(&self) -> ReviewId {
        self.id
    }

    /// Without its author, who is known where it stands.
    pub(crate) fn without_author(self) -> Self {
        Self { user: None, ..self }
    }
}

/// Reviews with what they are about.
pub(crate) async fn show(
    db: &db::Client,
    reviews: Vec<Review>,
    now: Timestamp,
) -> domain::Result<Vec<ReviewOut>> {
    let mut ids: Vec<_> = reviews.iter().map(|review| review.ticket_type).collect();
    ids.sort();
    ids.dedup();
    let types = db::ticket_types::full_by_ids(db, &ids).await?;
    // A type that was deleted between the two reads took its reviews with it.
    let shown = reviews.into_iter().filter_map(|review| {
        let full = types.iter().find(|full| full.ticket.id == review.ticket_type)?;
        Some(ReviewOut::new(review, full, now))
    });
    Ok(shown.collect())
}

/// One review with what it is about.
pub(crate) async fn show_one(db: &db::Client, review: Review, now: Timestamp) -> domain::Result<ReviewOut> {
    let shown = show(db, vec![review], now).await?;
    shown.into_iter().next().ok_or_else(|| Error::not_found("Review"))
}

/// How many reviews gave so many stars.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BarOut {
    /// Stars, 1 to 5.
    rating: usize,
    /// How many.
    count: i64,
}

/// The reviews of one day or week.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SpanOut {
    /// The day, or the Monday of the week, in UTC: `2030-01-31`.
    since: String,
    /// How many were written then.
    count: i64,
    /// Their stars in the mean.
    mean: Option<f64>,
}

/// What the reviews that everybody sees come to.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AnalyticsOut {
    /// How many there are.
    count: i64,
    /// Their stars in the mean, to two digits; null if there are none.
    mean: Option<f64>,
    /// How many gave one star, two, and so on.
    histogram: Vec<BarOut>,
    /// By when they were written, oldest first; spans without reviews are left out.
    trend: Vec<SpanOut>,
}

impl From<Summary> for AnalyticsOut {
    fn from(summary: Summary) -> Self {
        let bars = summary.histogram.into_iter().zip(1..);
        let span = |(since, tally): (String, Tally)| SpanOut {
            since,
            count: tally.count,
            mean: tally.mean(),
        };
        Self {
            count: summary.all.count,
            mean: summary.all.mean(),
            histogram: bars.map(|(count, rating)| BarOut { rating, count }).collect(),
            trend: summary.trend.into_iter().map(span).collect(),
        }
    }
}

/// Over what a trend is counted.
#[derive(Debug, Clone, Copy, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Span {
    /// By days.
    #[default]
    Day,
    /// By weeks, which begin on Monday.
    Week,
}

impl Span {
    /// As the database calls it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
        }
    }
}

web::input! {
    /// How a trend is shown.
    pub(crate) struct AnalyticsQuery {
        /// By days, or by weeks; by days unless said otherwise.
        by: Option<Span>,
    }
}
