use crate::App;
use crate::set_waiting_list::WaitingListSettingsOut;
use axum::extract::State;
use db::waiting_list::Person;
use domain::waiting_list::EntryStatus;
use domain::{Error, TicketTypeId, Timestamp, UserId, WaitingEntryId};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Path, Publisher, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/tickets/{id}/waiting-list",
    Access::Publisher,
    "get_waiting_list",
    "Read how the waiting list of a ticket is run, how many are in it, and who, in their order",
)
.query::<WaitingListQuery>()
.data::<WaitingListOut>();

/// People on a page.
const PAGE: u32 = 100;

web::input! {
    /// Which part of the line.
    pub(crate) struct WaitingListQuery {
        /// `nextCursor` of the page before.
        cursor: Option<WaitingEntryId>,
    }
}

/// A waiting list.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WaitingListOut {
    /// How it is run.
    #[serde(flatten)]
    settings: WaitingListSettingsOut,
    /// Who waits.
    waiting: WaitingCountOut,
    /// Whose turn it is: tickets are kept for them.
    offered: WaitingCountOut,
    /// Who ordered what was kept for them.
    claimed: WaitingCountOut,
    /// Who let the time pass.
    lapsed: WaitingCountOut,
    /// Who left.
    left: WaitingCountOut,
    /// Who waited for nothing: the line was closed, or they could not buy any more what they wanted.
    closed: WaitingCountOut,
    /// The line, those included whose turn it is.
    line: Vec<WaitingPersonOut>,
    /// `cursor` of the next page; null on the last one.
    next_cursor: Option<WaitingEntryId>,
}

/// How many.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct WaitingCountOut {
    /// People.
    people: i64,
    /// Tickets that they want or wanted.
    tickets: i64,
}

/// Somebody in line.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WaitingPersonOut {
    /// Who.
    user_id: UserId,
    /// What they are called.
    name: String,
    /// How many tickets they want.
    quantity: u32,
    /// `waiting` or `offered`.
    status: EntryStatus,
    /// Since when.
    joined_at: Timestamp,
    /// Until when tickets are kept for them; null while they wait.
    offered_until: Option<Timestamp>,
}

impl From<Person> for WaitingPersonOut {
    fn from(person: Person) -> Self {
        Self {
            user_id: person.user_id,
            name: person.name,
            quantity: person.quantity,
            status: person.status,
            joined_at: person.joined_at,
            offered_until: person.offered_until,
        }
    }
}

pub(crate) async fn get_waiting_list(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<TicketTypeId>,
    Query(query): Query<WaitingListQuery>,
) -> web::Result<Answer<WaitingListOut>> {
    let conn = app.db.conn().await?;
    let overview = db::waiting_list::overview(&conn, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Ticket"))?;
    let people = db::waiting_list::people(&conn, id, query.cursor, PAGE).await?;
    let is_full = people.len() >= PAGE as usize;
    let of = |wanted: EntryStatus| {
        let found = overview.counts.iter().find(|(status, ..)| *status == wanted);
        found.map_or_else(WaitingCountOut::default, |(_, people, tickets)| WaitingCountOut {
            people: *people,
            tickets: *tickets,
        })
    };
    Ok(Answer::ok(WaitingListOut {
        settings: overview.settings.into(),
        waiting: of(EntryStatus::Waiting),
        offered: of(EntryStatus::Offered),
        claimed: of(EntryStatus::Claimed),
        lapsed: of(EntryStatus::Lapsed),
        left: of(EntryStatus::Left),
        closed: of(EntryStatus::Closed),
        next_cursor: people.last().map(|person| person.entry).filter(|_| is_full),
        line: people.into_iter().map(WaitingPersonOut::from).collect(),
    }))
}
