//! What every column of every table is to a person.

use serde_json::{Map, Value};

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

impl Table {
    /// Whether somebody gets to see something of it.
    pub fn is_given_out(&self) -> bool {
        self.columns
            .iter()
            .any(|column| matches!(column.is, Is::Kept | Is::Erased))
    }

    /// What of a row its person gets to see.
    pub(super) fn given_out(&self, row: &Value) -> Map<String, Value> {
        let shown = self
            .columns
            .iter()
            .filter(|column| matches!(column.is, Is::Kept | Is::Erased));
        shown
            .filter_map(|column| Some((column.name.to_owned(), row.get(column.name)?.clone())))
            .collect()
    }
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
            kept("method"), kept("received"), kept("paid_twice"), kept("status"), secret("transaction_token"), secret("redirect_url"), neutral("opening_until"),
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
