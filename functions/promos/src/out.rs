//! Codes and campaigns as the API shows them.

use db::promo_campaigns::Campaign;
use db::promos::StoredPromo;
use domain::percent::Percent;
use domain::promo::Off;
use domain::promo_code::PromoCode;
use domain::{CampaignId, EventId, PromoId, Rupiah, TicketTypeId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

/// A promo code as everybody sees it who knows it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PromoOut {
    /// Its id.
    id: PromoId,
    /// What buyers type.
    code: PromoCode,
    /// Percent that it takes off; 0 if it takes off an amount.
    #[serde(serialize_with = "percent_or_zero")]
    #[schemars(with = "f64", range(min = 0, max = 100))]
    discount: Option<Percent>,
    /// It works from then …
    valid_from: Timestamp,
    /// … until then.
    valid_to: Timestamp,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
    /// Rupiah that it takes off; null if it takes off a percentage.
    amount: Option<Rupiah>,
    /// Most that it takes off an order, in rupiah.
    max_discount: Option<Rupiah>,
    /// What it covers has to cost that, in rupiah.
    min_spend: Rupiah,
    /// It is for these events …
    event_ids: Vec<EventId>,
    /// … and these ticket types; for all that its organizer sells if both are empty.
    ticket_ids: Vec<TicketTypeId>,
    /// Only for who has not ordered before.
    first_purchase_only: bool,
    /// It may be combined with others that say the same.
    stackable: bool,
}

/// A promo code as those see it who run it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OwnPromoOut {
    #[serde(flatten)]
    promo: PromoOut,
    /// For whose events it is; null if it is the platform's.
    organizer_id: Option<UserId>,
    /// Its campaign.
    campaign_id: Option<CampaignId>,
    /// How often it may be used.
    total_limit: Option<u32>,
    /// How often each buyer may use it.
    user_limit: Option<u32>,
    /// How often it was used, orders that wait for their payment included.
    redeemed: u32,
}

/// A campaign.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CampaignOut {
    /// Its id.
    pub(crate) id: CampaignId,
    /// What it is called.
    name: String,
    /// Its codes work from then …
    starts_at: Timestamp,
    /// … until then.
    ends_at: Timestamp,
    /// For whose events it is; null if it is the platform's.
    organizer_id: Option<UserId>,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

fn percent_or_zero<S: Serializer>(percent: &Option<Percent>, output: S) -> Result<S::Ok, S::Error> {
    match percent {
        Some(percent) => percent.serialize(output),
        None => output.serialize_u32(0),
    }
}

impl From<StoredPromo> for PromoOut {
    fn from(stored: StoredPromo) -> Self {
        let terms = stored.promo.terms;
        let (discount, amount) = match terms.off {
            Off::Percent(percent) => (Some(percent), None),
            Off::Amount(amount) => (None, Some(amount)),
        };
        Self {
            id: stored.promo.id,
            code: stored.promo.code,
            discount,
            valid_from: terms.valid_from,
            valid_to: terms.valid_to,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
            amount,
            max_discount: terms.cap,
            min_spend: terms.min_spend,
            event_ids: terms.events,
            ticket_ids: terms.ticket_types,
            first_purchase_only: terms.first_purchase_only,
            stackable: terms.stackable,
        }
    }
}

impl From<StoredPromo> for OwnPromoOut {
    fn from(stored: StoredPromo) -> Self {
        Self {
            organizer_id: stored.promo.terms.organizer,
            campaign_id: stored.campaign,
            total_limit: stored.promo.limits.total,
            user_limit: stored.promo.limits.per_user,
            redeemed: stored.redeemed,
            promo: stored.into(),
        }
    }
}

impl From<Campaign> for CampaignOut {
    fn from(campaign: Campaign) -> Self {
        Self {
            id: campaign.id,
            name: campaign.name,
            starts_at: campaign.starts_at,
            ends_at: campaign.ends_at,
            organizer_id: campaign.organizer,
            created_at: campaign.created_at,
            updated_at: campaign.updated_at,
        }
    }
}
