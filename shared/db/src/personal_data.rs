//! Which tables and columns tell something about a person, whose it is, what they get to see of it, and what becomes of it when
//! an account is erased. A test compares [`TABLES`] with the migrated schema, another fills every erased column and looks for
//! what is left of it afterwards.

use crate::administration::DELETED_NAME;
use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, params};
use crate::{cart, events, handovers, issued, orders, reviews, stock, users, verifications};
use domain::user::Role;
use domain::{Timestamp, UserId};
use serde_json::{Map, Value};
use tokio_postgres::{Client, Transaction};

/// What a column is to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    /// It tells nothing about a person, or nothing that another column does not tell.
    Neutral,
    /// It is part of what somebody did. They get it; it stays as long as its row.
    Kept,
    /// It tells who somebody is. They get it; erasure replaces it or deletes its row.
    Erased,
    /// A token, a hash or the like: nobody gets it; erasure replaces it or deletes its row.
    Secret,
}

/// A column and what it is.
#[derive(Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it is to a person.
    pub is: Is,
}

/// What erasure does to the rows of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erasure {
    /// The table tells nothing about a person.
    Nothing,
    /// They are deleted.
    Rows,
    /// They stay for that reason, with every column that is [`Is::Erased`] or [`Is::Secret`] replaced.
    Columns(&'static str),
    /// They stay as they are, for that reason.
    Stays(&'static str),
}

/// A table of the fleet.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// How a row leads to its person; empty if it leads to none.
    pub whose: &'static str,
    /// What becomes of the rows.
    pub erasure: Erasure,
    /// All its columns.
    pub columns: &'static [Column],
}

const fn neutral(name: &'static str) -> Column {
    Column {
        name,
        is: Is::Neutral,
    }
}

const fn kept(name: &'static str) -> Column {
    Column { name, is: Is::Kept }
}

const fn erased(name: &'static str) -> Column {
    Column { name, is: Is::Erased }
}

const fn secret(name: &'static str) -> Column {
    Column { name, is: Is::Secret }
}

const MONEY: &str = "records of money are kept for ten years";
const PUBLISHED: &str = "what somebody published and sold is the business of those who bought it";
const GATES: &str = "who was let in stays provable, by numbers";

/// Every table of the fleet.
#[rustfmt::skip]
pub const TABLES: &[Table] = &[
    Table {
        name: "users", whose: "id", erasure: Erasure::Columns(MONEY),
        columns: &[
            kept("id"), erased("email"), secret("password_hash"), erased("name"), erased("age"), erased("phone_number"),
            kept("role"), erased("is_verified"), kept("is_guest"), kept("created_at"), kept("updated_at"), kept("deleted_at"),
        ],
    },
    Table {
        name: "preferences", whose: "user_id", erasure: Erasure::Rows,
        columns: &[
            kept("user_id"), erased("language"), erased("mail_promotions"), erased("mail_reminders"),
            erased("push_promotions"), erased("push_reminders"), erased("push_orders"), erased("updated_at"),
        ],
    },
    Table {
        name: "followed_categories", whose: "user_id", erasure: Erasure::Rows,
        columns: &[kept("user_id"), erased("category_id"), erased("created_at")],
    },
    // Those for everybody are nobody's.
    Table {
        name: "notifications", whose: "user_id", erasure: Erasure::Rows,
        columns: &[
            kept("id"), kept("user_id"), erased("message"), erased("created_at"), erased("notice"), erased("happening"),
        ],
    },
    Table {
        name: "notification_marks", whose: "user_id", erasure: Erasure::Rows,
        columns: &[kept("notification_id"), kept("user_id"), erased("is_read"), erased("updated_at")],
    },
    Table {
        name: "reviews", whose: "user_id", erasure: Erasure::Rows,
        columns: &[
            kept("id"), kept("user_id"), kept("ticket_type_id"), kept("rating"), erased("comment"), kept("status"),
            kept("reason"), neutral("open_reports"), kept("created_at"), kept("updated_at"),
        ],
    },
    Table {
        name: "review_reports", whose: "user_id", erasure: Erasure::Rows,
        columns: &[kept("review_id"), kept("user_id"), erased("reason"), kept("created_at")],
    },
    Table {
        name: "review_counts", whose: "", erasure: Erasure::Nothing,
        columns: &[neutral("ticket_type_id"), neutral("day"), neutral("rating"), neutral("count")],
    },
    Table {
        name: "sessions", whose: "user_id", erasure: Erasure::Rows,
        columns: &[
            kept("id"), kept("user_id"), erased("created_at"), erased("last_used_at"), erased("expires_at"),
            erased("ended_at"), erased("ip"), erased("user_agent"),
        ],
    },
    Table {
        name: "refresh_tokens", whose: "session_id → sessions", erasure: Erasure::Rows,
        columns: &[secret("token_hash"), neutral("session_id"), neutral("created_at"), neutral("used_at")],
    },
    Table {
        name: "socket_tickets", whose: "session_id → sessions", erasure: Erasure::Rows,
        columns: &[secret("token_hash"), neutral("session_id"), neutral("expires_at")],
    },
    Table {
        name: "api_keys", whose: "user_id", erasure: Erasure::Rows,
        columns: &[
            kept("id"), kept("user_id"), erased("name"), erased("hint"), secret("key_hash"), erased("scopes"),
            erased("created_at"), erased("expires_at"), erased("last_used_at"), erased("revoked_at"),
        ],
    },
    Table {
        name: "webhook_endpoints", whose: "owner_id", erasure: Erasure::Rows,
        columns: &[
            kept("id"), kept("owner_id"), erased("url"), erased("description"), kept("events"), secret("secret"),
            secret("old_secret"), kept("old_secret_until"), neutral("failures"), kept("failing_since"),
            neutral("rest_until"), kept("disabled_at"), kept("disabled_reason"), kept("created_at"), kept("updated_at"),
        ],
    },
    // The messages name orders and events by numbers; what was answered is whatever the owner's system says.
    Table {
        name: "webhook_deliveries", whose: "endpoint_id → webhook_endpoints", erasure: Erasure::Rows,
        columns: &[
            kept("id"), kept("endpoint_id"), kept("message_id"), kept("event"), kept("payload"), kept("state"),
            neutral("tries"), kept("attempts"), kept("due_at"), neutral("announced_until"), neutral("leased_until"),
            kept("last_try_at"), kept("last_status"), kept("last_duration_ms"), kept("last_error"), erased("last_body"),
            kept("created_at"), kept("finished_at"),
        ],
    },
    Table {
        name: "email_verifications", whose: "user_id", erasure: Erasure::Rows,
        columns: &[kept("user_id"), secret("token_hash"), erased("expires_at"), erased("created_at")],
    },
    Table {
        name: "password_resets", whose: "user_id", erasure: Erasure::Rows,
        columns: &[
            kept("id"), secret("token_hash"), secret("address_hash"), kept("user_id"), secret("code_hash"),
            erased("code_expires_at"), erased("wrong_tries"), erased("mailed_at"), erased("expires_at"),
            erased("created_at"),
        ],
    },
    Table {
        name: "role_changes", whose: "user_id",
        erasure: Erasure::Stays("who was given which role stays provable, by numbers"),
        columns: &[
            kept("id"), kept("user_id"), neutral("changed_by"), kept("from_role"), kept("to_role"), kept("at"),
        ],
    },
    Table {
        name: "audit_log", whose: "actor_id",
        erasure: Erasure::Columns("who changed what stays provable, by numbers"),
        columns: &[
            kept("id"), kept("at"), kept("actor_id"), kept("actor_role"), kept("actor_via"), kept("action"), kept("actor_key_id"),
            kept("subject_kind"), kept("subject_id"), kept("event_id"), neutral("changes"), erased("client_ip"),
            erased("user_agent"), neutral("request_id"),
        ],
    },
    Table {
        name: "event_staff", whose: "user_id", erasure: Erasure::Rows,
        columns: &[kept("event_id"), kept("user_id"), neutral("added_by"), kept("created_at"), kept("gate_id")],
    },
    Table {
        name: "gates", whose: "event_id → events", erasure: Erasure::Stays(PUBLISHED),
        columns: &[
            kept("id"), kept("event_id"), kept("name"), kept("ticket_type_ids"), kept("created_at"), kept("updated_at"),
        ],
    },
    Table {
        name: "events", whose: "organizer_id", erasure: Erasure::Stays(PUBLISHED),
        columns: &[
            kept("id"), kept("organizer_id"), kept("name"), kept("description"), kept("date"), kept("ends_at"),
            kept("time_zone"), kept("location"), kept("city"), kept("service_fee"), kept("tax_rate"),
            kept("image_url"), neutral("image_id"), kept("status"), kept("created_at"), kept("updated_at"),
            kept("refund_hours"), kept("doors_minutes"), kept("transfers_allowed"), kept("renames_allowed"),
            kept("transfer_hours"), neutral("haystack"), neutral("words"), neutral("min_price"), neutral("max_price"), neutral("category_ids"),
        ],
    },
    Table {
        name: "transfer_accounts", whose: "event_id → events", erasure: Erasure::Rows,
        columns: &[
            kept("event_id"), kept("enabled"), erased("bank"), erased("account_number"), erased("account_holder"),
            kept("hours"), kept("created_at"), kept("updated_at"),
        ],
    },
    Table {
        name: "ticket_types", whose: "created_by", erasure: Erasure::Stays(PUBLISHED),
        columns: &[
            kept("id"), kept("event_id"), kept("category_id"), kept("created_by"), kept("name"), kept("price"),
            kept("capacity"), neutral("stripes"), kept("seated"), kept("artist"), kept("image_url"), neutral("image_id"),
            kept("sales_start"), kept("sales_end"), kept("min_per_order"), kept("max_per_order"), kept("max_per_user"),
            kept("created_at"), kept("updated_at"), kept("waiting_list"), kept("claim_minutes"),
        ],
    },
    Table {
        name: "images", whose: "owner_id", erasure: Erasure::Stays(PUBLISHED),
        columns: &[
            kept("id"), kept("owner_id"), kept("purpose"), neutral("key"), kept("state"), kept("media_type"),
            kept("bytes"), kept("private"), kept("width"), kept("height"), neutral("variants"), neutral("file_id"),
            neutral("file_path"), kept("url"), kept("reason"), neutral("attempts"), neutral("lease_until"),
            neutral("retry_at"), kept("created_at"), kept("updated_at"),
        ],
    },
    Table {
        name: "cart_items", whose: "user_id", erasure: Erasure::Rows,
        columns: &[
            kept("id"), kept("user_id"), erased("ticket_type_id"), erased("quantity"), erased("reserved_until"),
            neutral("held_since"), erased("created_at"), erased("updated_at"),
            neutral("seats"), erased("offered_until"),
        ],
    },
    Table {
        name: "waiting_entries", whose: "user_id", erasure: Erasure::Rows,
        columns: &[
            kept("id"), kept("ticket_type_id"), kept("user_id"), erased("quantity"), kept("status"), erased("joined_at"),
            erased("offered_at"), erased("offered_until"), erased("ended_at"),
        ],
    },
    Table {
        name: "orders", whose: "user_id", erasure: Erasure::Stays(MONEY),
        columns: &[
            kept("id"), kept("code"), kept("user_id"), kept("status"), kept("subtotal"), kept("discount"), kept("fee"),
            kept("tax"), kept("total"), kept("expires_at"), kept("paid_at"), kept("created_at"), kept("updated_at"),
        ],
    },
    Table {
        name: "order_items", whose: "order_id → orders", erasure: Erasure::Stays(MONEY),
        columns: &[
            kept("id"), kept("order_id"), kept("ticket_type_id"), kept("unit_price"), kept("quantity"), kept("discount"),
            kept("fee"), kept("tax"), kept("charged"), kept("seats"),
        ],
    },
    Table {
        name: "promo_campaigns", whose: "organizer_id", erasure: Erasure::Stays(PUBLISHED),
        columns: &[
            kept("id"), kept("organizer_id"), kept("name"), kept("starts_at"), kept("ends_at"), kept("created_at"),
            kept("updated_at"),
        ],
    },
    Table {
        name: "venues", whose: "organizer_id", erasure: Erasure::Stays(PUBLISHED),
        columns: &[
            kept("id"), kept("organizer_id"), kept("name"), kept("location"), kept("city"), kept("time_zone"), kept("sections"),
            kept("seats"), kept("created_at"), kept("updated_at"),
        ],
    },
    Table {
        name: "promo_codes", whose: "organizer_id", erasure: Erasure::Stays(PUBLISHED),
        columns: &[
            kept("id"), kept("code"), kept("organizer_id"), kept("campaign_id"), kept("percent"), kept("amount"),
            kept("cap"), kept("min_spend"), kept("event_ids"), kept("ticket_type_ids"), kept("first_purchase_only"),
            kept("stackable"), kept("valid_from"), kept("valid_to"), kept("total_limit"), kept("user_limit"),
            kept("redeemed"), kept("created_at"), kept("updated_at"), kept("deleted_at"),
        ],
    },
    Table {
        name: "promo_redemptions", whose: "user_id", erasure: Erasure::Stays(MONEY),
        columns: &[
            kept("order_id"), kept("promo_id"), kept("user_id"), kept("discount"), kept("status"), kept("created_at"),
            kept("updated_at"),
        ],
    },
    Table {
        name: "mailings", whose: "organizer_id", erasure: Erasure::Stays(PUBLISHED),
        columns: &[
            kept("id"), kept("organizer_id"), kept("audience"), kept("past_event_id"), kept("event_id"), kept("promo_id"),
            kept("indonesian_subject"), kept("indonesian_text"), kept("english_subject"), kept("english_text"),
            kept("status"), kept("send_at"), neutral("last_user"), kept("started_at"), neutral("selected_at"),
            kept("finished_at"), kept("created_at"), kept("updated_at"),
        ],
    },
    Table {
        name: "mailing_recipients", whose: "user_id", erasure: Erasure::Rows,
        columns: &[
            kept("mailing_id"), kept("user_id"), erased("state"), erased("reason"), neutral("announced_until"),
            neutral("announcements"), erased("decided_at"),
        ],
    },
    Table {
        name: "issued_tickets", whose: "holder_id",
        erasure: Erasure::Columns("a ticket that was paid opens the gate, under another name"),
        columns: &[
            kept("id"), kept("code"), kept("order_item_id"), kept("unit"), kept("ticket_type_id"), kept("event_id"),
            kept("holder_id"), erased("holder_name"), kept("status"), kept("issued_at"), kept("voided_at"), kept("used_at"),
            neutral("used_scan"), kept("used_gate_id"), kept("seat"),
        ],
    },
    // Who offered whom a ticket. The address is the recipient's, and what the sender typed: it goes with whoever leaves first.
    Table {
        name: "handovers", whose: "from_id, to_id, to_email → users",
        erasure: Erasure::Columns("who passed a ticket on to whom stays provable, by numbers"),
        columns: &[
            kept("id"), kept("ticket_id"), kept("from_id"), erased("to_email"), kept("to_id"), secret("token_hash"),
            kept("status"), kept("created_at"), kept("expires_at"), kept("decided_at"),
        ],
    },
    Table {
        name: "retired_codes", whose: "holder_id",
        erasure: Erasure::Stays("gates refuse the codes that tickets had before"),
        columns: &[
            kept("code"), kept("ticket_id"), kept("event_id"), kept("holder_id"), kept("reason"), kept("handover_id"),
            kept("retired_at"),
        ],
    },
    // When and where a ticket was shown is its holder's; who stood at the gate is known by a number.
    Table {
        name: "check_ins", whose: "ticket_id → issued_tickets", erasure: Erasure::Stays(GATES),
        columns: &[
            kept("id"), kept("event_id"), kept("ticket_id"), kept("gate_id"), neutral("device"), neutral("scan_id"),
            neutral("scanned_by"), kept("scanned_at"), kept("received_at"), neutral("offline"), kept("let_in"), kept("reason"),
            neutral("first_scan"),
        ],
    },
    Table {
        name: "check_in_undos", whose: "ticket_id → issued_tickets", erasure: Erasure::Stays(GATES),
        columns: &[
            kept("id"), kept("ticket_id"), kept("scan"), kept("at"), neutral("undone_by"), kept("reason"),
        ],
    },
    Table {
        name: "payments", whose: "user_id", erasure: Erasure::Columns(MONEY),
        columns: &[
            kept("id"), kept("order_id"), kept("user_id"), kept("amount"), kept("original_amount"), kept("discount"),
            kept("method"), kept("received"), kept("status"), secret("transaction_token"), secret("redirect_url"), neutral("opening_until"),
            neutral("next_check_at"), neutral("polled_at"), kept("payment_date"), kept("settled_at"), kept("created_at"),
            kept("updated_at"),
        ],
    },
    Table {
        name: "payment_transactions", whose: "payment_id → payments", erasure: Erasure::Stays(MONEY),
        columns: &[
            kept("payment_id"), kept("transaction_id"), kept("status"), neutral("amount_matches"), kept("gross_amount"),
            neutral("rupiah"), kept("payment_type"), kept("created_at"), kept("updated_at"),
        ],
    },
    // A buyer keeps what they were told: where the money went, and by which reference it was found.
    Table {
        name: "transfers", whose: "payment_id → payments", erasure: Erasure::Stays(MONEY),
        columns: &[
            kept("payment_id"), kept("bank"), kept("account_number"), kept("account_holder"), kept("expires_at"),
            kept("reference"), kept("confirmed_at"), neutral("confirmed_by"), neutral("organizer_id"), kept("created_at"),
        ],
    },
    Table {
        name: "payment_transitions", whose: "payment_id → payments", erasure: Erasure::Stays(MONEY),
        columns: &[
            kept("id"), kept("payment_id"), kept("from_status"), kept("to_status"), neutral("cause"), kept("at"),
        ],
    },
    Table {
        name: "refunds", whose: "payment_id → payments", erasure: Erasure::Stays(MONEY),
        columns: &[
            kept("id"), kept("payment_id"), neutral("key"), kept("amount"), kept("reason"), kept("cause"), kept("event_id"),
            neutral("asked_by"), kept("status"), neutral("attempts"), neutral("first_try_at"), neutral("next_try_at"),
            neutral("last_error"), kept("reference"), neutral("closed_by"), kept("created_at"), kept("updated_at"),
            kept("finished_at"),
        ],
    },
    Table {
        name: "event_cancellations", whose: "started_by", erasure: Erasure::Stays(PUBLISHED),
        columns: &[kept("event_id"), kept("started_by"), kept("started_at"), kept("finished_at")],
    },
    // The body is the gateway's message as it came, with its signature and whatever it says about a card or an account.
    Table {
        name: "payment_notifications", whose: "order_code → orders", erasure: Erasure::Columns(MONEY),
        columns: &[
            neutral("fingerprint"), kept("order_code"), kept("transaction_id"), kept("transaction_status"),
            kept("status_code"), secret("body"), neutral("deliveries"), kept("received_at"), kept("last_received_at"),
        ],
    },
    // Answers show names and addresses.
    Table {
        name: "idempotency_keys", whose: "user_id", erasure: Erasure::Rows,
        columns: &[
            neutral("scope"), secret("key"), secret("request_hash"), neutral("status"), secret("body"),
            neutral("created_at"), neutral("user_id"),
        ],
    },
    // Mails about an account hold its address and links that open it; messages about orders hold numbers.
    Table {
        name: "outbox", whose: "body.to → users.email", erasure: Erasure::Rows,
        columns: &[
            neutral("id"), neutral("queue"), secret("body"), neutral("created_at"), neutral("published_at"),
        ],
    },
    Table {
        name: "mail_log", whose: "", erasure: Erasure::Nothing,
        columns: &[
            neutral("message_id"), neutral("kind"), neutral("lease_until"), neutral("sent_at"), neutral("provider_id"),
            neutral("dropped_at"), neutral("reason"), neutral("attempts"), neutral("created_at"),
        ],
    },
    // Which tickets a refund took back and who paid it: what of it concerns a person stands in `refunds`.
    Table {
        name: "refund_tickets", whose: "", erasure: Erasure::Nothing,
        columns: &[neutral("refund_id"), neutral("ticket_id")],
    },
    Table {
        name: "refund_parts", whose: "", erasure: Erasure::Nothing,
        columns: &[neutral("refund_id"), neutral("event_id"), neutral("amount")],
    },
    // The books know payments and events by their numbers.
    Table {
        name: "ledger_postings", whose: "", erasure: Erasure::Nothing,
        columns: &[neutral("id"), neutral("kind"), neutral("payment_id"), neutral("refund_id"), neutral("at")],
    },
    Table {
        name: "ledger_entries", whose: "", erasure: Erasure::Nothing,
        columns: &[
            neutral("id"), neutral("posting_id"), neutral("account"), neutral("event_id"), neutral("debit"),
            neutral("credit"),
        ],
    },
    // Units that carts and orders hold: what of them concerns a person stands in those.
    Table {
        name: "holds", whose: "", erasure: Erasure::Nothing,
        columns: &[
            neutral("id"), neutral("ticket_type_id"), neutral("stripe"), neutral("quantity"), neutral("cart_item_id"),
            neutral("order_item_id"), neutral("expires_at"),
        ],
    },
    Table {
        name: "ticket_stock", whose: "", erasure: Erasure::Nothing,
        columns: &[
            neutral("ticket_type_id"), neutral("stripe"), neutral("capacity"), neutral("held"), neutral("sold"),
        ],
    },
    Table {
        name: "seat_maps", whose: "", erasure: Erasure::Nothing,
        columns: &[
            neutral("event_id"), neutral("no_single_seats"), neutral("stage"), neutral("version"), neutral("next_number"),
            neutral("created_at"), neutral("updated_at"),
        ],
    },
    // Places. Who sits there stands in the tickets.
    Table {
        name: "seats", whose: "", erasure: Erasure::Nothing,
        columns: &[
            neutral("ticket_type_id"), neutral("number"), neutral("section"), neutral("row_label"), neutral("label"),
            neutral("x"), neutral("y"),
        ],
    },
    Table {
        name: "seat_stock", whose: "", erasure: Erasure::Nothing,
        columns: &[
            neutral("ticket_type_id"), neutral("number"), neutral("section_no"), neutral("row_no"), neutral("row_first"),
            neutral("row_last"), neutral("place"), neutral("cost"), neutral("accessible"), neutral("holder_id"),
            neutral("holder_is_order"), neutral("held_until"), neutral("sold"),
        ],
    },
    Table {
        name: "announcements", whose: "", erasure: Erasure::Nothing,
        columns: &[
            neutral("id"), neutral("event_id"), neutral("kind"), neutral("date"), neutral("time_zone"), neutral("location"),
            neutral("old_date"), neutral("old_time_zone"), neutral("old_location"), neutral("last_holder"), neutral("told"),
            neutral("created_at"), neutral("finished_at"),
        ],
    },
    Table {
        name: "sold_out_hints", whose: "", erasure: Erasure::Nothing,
        columns: &[neutral("id"), neutral("ticket_type_id"), neutral("created_at")],
    },
    // A hash of an address that an account has or had.
    Table {
        name: "mail_suppressions", whose: "address_hash → users",
        erasure: Erasure::Stays("who complained of mails, or has no mailbox, is not written to again"),
        columns: &[neutral("address_hash"), kept("bounced_at"), kept("complained_at"), kept("proved_at")],
    },
    // Who acknowledged an alert stands in the audit log.
    Table {
        name: "system_alerts", whose: "", erasure: Erasure::Nothing,
        columns: &[
            neutral("id"), neutral("key"), neutral("condition"), neutral("mark"), neutral("first_seen_at"),
            neutral("last_seen_at"), neutral("opened_at"), neutral("told"), neutral("told_at"), neutral("told_mark"),
            neutral("acknowledged_mark"), neutral("acknowledged_at"), neutral("acknowledged_by"), neutral("closed_at"),
        ],
    },
    Table {
        name: "system_watch", whose: "", erasure: Erasure::Nothing,
        columns: &[neutral("is_one"), neutral("looked_at"), neutral("tellings")],
    },
    Table {
        name: "job_runs", whose: "", erasure: Erasure::Nothing,
        columns: &[neutral("job"), neutral("done_at")],
    },
    // Rows are named by their numbers and the codes of orders.
    Table {
        name: "broken_rules", whose: "", erasure: Erasure::Nothing,
        columns: &[
            neutral("rule"), neutral("after_id"), neutral("until_id"), neutral("count"), neutral("rows"),
            neutral("found_at"), neutral("seen_at"),
        ],
    },
    Table {
        name: "categories", whose: "", erasure: Erasure::Nothing,
        columns: &[neutral("id"), neutral("name"), neutral("created_at"), neutral("updated_at")],
    },
];

macro_rules! rows {
    ($table:literal, $whose:literal) => {
        concat!(
            "'",
            $table,
            "', (select coalesce(jsonb_agg(to_jsonb(part)), '[]') from (select t.* from ",
            $table,
            " t where ",
            $whose,
            " order by 1, 2 limit $2 offset $3) part)"
        )
    };
}

/// Most rows of a table in one part of an export: an answer of a function may hold 6 MB.
pub const ROWS_OF_A_PART: i64 = 500;

// One statement, so that all of it is of one moment. The first two columns tell the rows of each table apart.
const EXPORT_SQL: &str = concat!(
    "select jsonb_build_object(",
    rows!("users", "t.id = $1"),
    ", ",
    rows!("preferences", "t.user_id = $1"),
    ", ",
    rows!("followed_categories", "t.user_id = $1"),
    ", ",
    rows!("notifications", "t.user_id = $1"),
    ", ",
    rows!("notification_marks", "t.user_id = $1"),
    ", ",
    rows!("reviews", "t.user_id = $1"),
    ", ",
    rows!("review_reports", "t.user_id = $1"),
    ", ",
    rows!("sessions", "t.user_id = $1"),
    ", ",
    rows!("api_keys", "t.user_id = $1"),
    ", ",
    rows!("webhook_endpoints", "t.owner_id = $1"),
    ", ",
    rows!(
        "webhook_deliveries",
        "t.endpoint_id in (select id from webhook_endpoints where owner_id = $1)"
    ),
    ", ",
    rows!("email_verifications", "t.user_id = $1"),
    ", ",
    rows!("password_resets", "t.user_id = $1"),
    ", ",
    rows!("role_changes", "t.user_id = $1"),
    ", ",
    rows!("audit_log", "t.actor_id = $1"),
    ", ",
    rows!("event_staff", "t.user_id = $1"),
    ", ",
    rows!("events", "t.organizer_id = $1"),
    ", ",
    rows!(
        "gates",
        "t.event_id in (select id from events where organizer_id = $1)"
    ),
    ", ",
    rows!(
        "transfer_accounts",
        "t.event_id in (select id from events where organizer_id = $1)"
    ),
    ", ",
    rows!("ticket_types", "t.created_by = $1"),
    ", ",
    rows!("images", "t.owner_id = $1"),
    ", ",
    rows!("cart_items", "t.user_id = $1"),
    ", ",
    rows!("waiting_entries", "t.user_id = $1"),
    ", ",
    rows!("orders", "t.user_id = $1"),
    ", ",
    rows!(
        "order_items",
        "t.order_id in (select id from orders where user_id = $1)"
    ),
    ", ",
    rows!("promo_campaigns", "t.organizer_id = $1"),
    ", ",
    rows!("venues", "t.organizer_id = $1"),
    ", ",
    rows!("promo_codes", "t.organizer_id = $1"),
    ", ",
    rows!("promo_redemptions", "t.user_id = $1"),
    ", ",
    rows!("mailings", "t.organizer_id = $1"),
    ", ",
    rows!("mailing_recipients", "t.user_id = $1"),
    ", ",
    rows!("issued_tickets", "t.holder_id = $1"),
    ", ",
    rows!(
        "handovers",
        "t.from_id = $1 or t.to_id = $1 or lower(t.to_email) =
         (select lower(email) from users where id = $1 and is_verified and not is_guest)"
    ),
    ", ",
    rows!("retired_codes", "t.holder_id = $1"),
    ", ",
    rows!(
        "check_ins",
        "t.ticket_id in (select id from issued_tickets where holder_id = $1)"
    ),
    ", ",
    rows!(
        "check_in_undos",
        "t.ticket_id in (select id from issued_tickets where holder_id = $1)"
    ),
    ", ",
    rows!("payments", "t.user_id = $1"),
    ", ",
    rows!(
        "payment_transactions",
        "t.payment_id in (select id from payments where user_id = $1)"
    ),
    ", ",
    rows!(
        "transfers",
        "t.payment_id in (select id from payments where user_id = $1)"
    ),
    ", ",
    rows!(
        "payment_transitions",
        "t.payment_id in (select id from payments where user_id = $1)"
    ),
    ", ",
    rows!(
        "refunds",
        "t.payment_id in (select id from payments where user_id = $1)"
    ),
    ", ",
    rows!("event_cancellations", "t.started_by = $1"),
    ", ",
    rows!(
        "payment_notifications",
        "t.order_code in (select code from orders where user_id = $1)"
    ),
    ", ",
    rows!(
        "mail_suppressions",
        "t.address_hash = (select sha256(convert_to(lower(email), 'UTF8')) from users where id = $1)"
    ),
    ") as stored from users where id = $1 and deleted_at is null"
);

impl Table {
    /// Whether somebody gets to see something of it.
    pub fn is_given_out(&self) -> bool {
        self.columns
            .iter()
            .any(|column| matches!(column.is, Is::Kept | Is::Erased))
    }

    /// What of a row its person gets to see.
    fn given_out(&self, row: &Value) -> Map<String, Value> {
        let shown = self
            .columns
            .iter()
            .filter(|column| matches!(column.is, Is::Kept | Is::Erased));
        shown
            .filter_map(|column| Some((column.name.to_owned(), row.get(column.name)?.clone())))
            .collect()
    }
}

/// The rows of one table that are about somebody.
#[derive(Debug)]
pub struct Rows {
    /// The table.
    pub table: &'static str,
    /// What they get to see, by column.
    pub rows: Vec<Map<String, Value>>,
}

/// Everything that is stored about somebody, without tokens and hashes, and no more than [`ROWS_OF_A_PART`] of each table, after
/// as many as the `earlier` parts gave. `None` if there is no such account.
pub async fn export(db: &Client, user: UserId, earlier: u32) -> Result<Option<Vec<Rows>>> {
    let skipped = ROWS_OF_A_PART.saturating_mul(i64::from(earlier));
    let params = params![INT8: user.get(), INT8: ROWS_OF_A_PART, INT8: skipped];
    let Some(row) = db.query_typed_opt(EXPORT_SQL, params).await? else {
        return Ok(None);
    };
    let stored = row.col::<Value>("stored")?;
    let tables = TABLES.iter().filter(|table| table.is_given_out());
    let exported = tables.map(|table| {
        let rows = stored
            .get(table.name)
            .and_then(Value::as_array)
            .ok_or(DbError::Value("a table that is not exported"))?;
        Ok(Rows {
            table: table.name,
            rows: rows.iter().map(|row| table.given_out(row)).collect(),
        })
    });
    exported.collect::<Result<_>>().map(Some)
}

/// What became of somebody's wish to be erased.
#[derive(Debug, PartialEq, Eq)]
pub enum Erased {
    /// The account is erased.
    Done,
    /// There is no such account.
    Missing,
    /// The password was changed meanwhile.
    PasswordChanged,
    /// Admins do not erase their own account.
    IsAdmin,
    /// It has published events that are still to come.
    HasEvents,
}

const LOCK_SELF_SQL: &str =
    "select role, password_hash from users where id = $1 and deleted_at is null for no key update";

/// Erases an account whose owner proved to know the password of this hash.
pub async fn erase_own(
    tx: &Transaction<'_>,
    id: UserId,
    password_hash: &str,
    now: Timestamp,
) -> Result<Erased> {
    void_mailed(tx, id).await?;
    let Some(row) = tx.query_typed_opt(LOCK_SELF_SQL, params![INT8: id.get()]).await? else {
        return Ok(Erased::Missing);
    };
    if row.col::<&str>("password_hash")? != password_hash {
        return Ok(Erased::PasswordChanged);
    }
    if row.word("role", Role::parse)? == Role::Admin {
        return Ok(Erased::IsAdmin);
    }
    if erase(tx, id, now).await? {
        Ok(Erased::Done)
    } else {
        Ok(Erased::HasEvents)
    }
}

/// Voids what was mailed to prove or recover an account. It comes before the account is locked: whoever uses it locks them in
/// this order.
pub(crate) async fn void_mailed(tx: &Transaction<'_>, id: UserId) -> Result<()> {
    verifications::withdraw(tx, id).await?;
    users::void_resets(tx, id).await
}

// Before their sessions, as whoever uses one locks them.
const VOID_TOKENS_SQL: &str =
    "delete from refresh_tokens where session_id in (select id from sessions where user_id = $1)";

// Before the wishes, as a mailer locks them.
const FORGET_MAILS_SQL: &str = "delete from mailing_recipients where user_id = $1";

// All parts see the account as it was. Its address is unique by its id then, and no mail can ever reach it: the domain is
// reserved and has no dot.
const ERASE_SQL: &str = "
    with gone_sessions as (delete from sessions where user_id = $1),
         gone_keys as (delete from api_keys where user_id = $1),
         gone_webhooks as (delete from webhook_endpoints where owner_id = $1),
         gone_preferences as (delete from preferences where user_id = $1),
         gone_follows as (delete from followed_categories where user_id = $1),
         gone_marks as (delete from notification_marks where user_id = $1),
         gone_notifications as (delete from notifications where user_id = $1),
         gone_reports as (delete from review_reports where user_id = $1),
         gone_staff as (delete from event_staff where user_id = $1),
         gone_accounts as (
             delete from transfer_accounts where event_id in (select id from events where organizer_id = $1)
         ),
         gone_places as (delete from waiting_entries where user_id = $1),
         gone_answers as (delete from idempotency_keys where user_id = $1),
         gone_mails as (
             delete from outbox o using users u
             where u.id = $1 and o.queue = 'mail' and lower(o.body::jsonb -> 'body' ->> 'to') = lower(u.email)
         ),
         closed_pages as (
             update payments set transaction_token = null, redirect_url = null
             where user_id = $1 and (transaction_token is not null or redirect_url is not null)
         ),
         emptied_notifications as (
             update payment_notifications set body = '' where order_code in (select code from orders where user_id = $1)
         ),
         nameless_log as (
             update audit_log set client_ip = null, user_agent = null
             where actor_id = $1 and (client_ip is not null or user_agent is not null)
         )
    update users
    set email = 'deleted-' || id || '@invalid', password_hash = '!', name = $2, age = 1, phone_number = '-',
        is_verified = false, deleted_at = $3, updated_at = $3
    where id = $1";

/// Erases a locked account as [`TABLES`] says: what tells who somebody is goes; orders, payments and tickets stay. What its cart
/// holds goes back on sale; unpaid orders end with their time to pay; tickets stay good under another name. `false`, and
/// nothing is changed, if it has published events that are still to come.
pub(crate) async fn erase(tx: &Transaction<'_>, id: UserId, now: Timestamp) -> Result<bool> {
    if events::has_upcoming(tx, id, now).await? {
        return Ok(false);
    }
    // A settlement that is under way may be issuing tickets in the old name; later ones read the new name.
    orders::lock_all(tx, id).await?;
    let items = cart::lock_all(tx, id).await?;
    tx.execute_typed(VOID_TOKENS_SQL, params![INT8: id.get()]).await?;
    tx.execute_typed(FORGET_MAILS_SQL, params![INT8: id.get()])
        .await?;
    let address = handovers::proved_address(tx, id).await?;
    let params = params![INT8: id.get(), TEXT: DELETED_NAME, TIMESTAMPTZ: now.inner()];
    tx.execute_typed(ERASE_SQL, params).await?;
    reviews::erase(tx, id).await?;
    issued::rename_holder(tx, id, DELETED_NAME).await?;
    handovers::erase(tx, id, address.as_deref(), now).await?;
    for item in &items {
        stock::lock_cart_holds(tx, item.id).await?;
    }
    for item in &items {
        stock::release_cart_item(tx, item.id).await?;
        cart::delete(tx, item.id).await?;
    }
    Ok(true)
}
