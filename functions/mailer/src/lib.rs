//! Sends the mails of the queues `mail` and `promotions`, each by a function of its own: claims the message, loads what the mail
//! is about, writes it and hands it to SES.
//!
//! SES knows no repetition, so each message is claimed in `mail_log` before and marked after. A message that comes again
//! sends nothing; two workers never send the same one at a time. Between SES and the mark a crash can make a mail go
//! twice: that is the price of never losing one, and the Message-ID is the same then.

mod compose;
pub mod letter;
pub mod letters;

pub use domain::language::Language;

use compose::Composed;
use db::Db;
use db::mail_log::{self, Claim};
use domain::message::{Envelope, Mail};
use domain::suppression::Purpose;
use domain::{Error, Kind, Timestamp};
use kv::FleetBreaker;
use mail::{MailError, Mailbox, Mailer, OutgoingMail, ProviderId};
use runtime::{BootError, Clock, Env, LinkKey};
use std::num::NonZeroU32;
use std::time::Duration;
use ticketing::SigningKeys;
use tokio::time::Instant;
use worker::{Consumer, Record};

/// Seconds for which a worker owns a mail. If it dies, the mail has to go before its message was delivered five times, which takes
/// a local fleet half a minute.
const LEASE: i64 = 20;

/// Seconds of the lease that have to be left when a mail is handed over: a call of SES takes 8 s at most. Whoever was slower lets
/// go, so that nobody hands over a mail that is another's by then.
const HANDING_OVER: i64 = 9;

/// The function with all it works with.
pub struct App {
    /// The database.
    pub db: Db,
    /// Where mails go.
    pub mailer: Mailer,
    /// Keeps the fleet from handing over mails to a SES that is away.
    pub breaker: FleetBreaker,
    /// The time.
    pub clock: Clock,
    /// Signs the tokens in QR codes.
    pub keys: SigningKeys,
    /// Address of the web site, without a slash at its end.
    pub frontend_url: String,
    /// Language of mails to people who did not choose one.
    pub language: Language,
    /// Address of the API, without a slash at its end.
    pub base_url: String,
    /// Signs the links that end promotional mails.
    pub unsubscribing: LinkKey,
    /// How long a promotional mail takes at least, so that those who send them leave the rest of what SES lets through to others.
    pub pace: Duration,
}

impl App {
    /// Reads `DATABASE_URL`, `STATE_TABLE`, `MAIL_FROM`, `FRONTEND_URL`, `TICKET_SIGNING_KEYS`, `DEFAULT_LANGUAGE` (`id` or `en`, `id` if
    /// absent), `MAIL_CONFIGURATION_SET` (of SES; may be absent), `BASE_URL` and `JWT_SECRET`. With `PROMOTIONS_PER_SECOND` the
    /// mails are promotional: they go at that pace, by a breaker of their own. Nothing is connected yet.
    ///
    /// # Errors
    /// Which variable is missing or wrong.
    pub async fn from_env(env: &Env) -> Result<Self, BootError> {
        let invalid = |name: &str, problem: String| BootError::Invalid {
            name: name.to_owned(),
            problem,
        };
        let from = Mailbox::parse(env.required("MAIL_FROM")?)
            .ok_or_else(|| invalid("MAIL_FROM", "must be like Name <name@example.org>".to_owned()))?;
        let frontend_url = env.required("FRONTEND_URL")?.trim_end_matches('/').to_owned();
        if !is_web_link(&frontend_url) {
            let problem = "must begin with http:// or https://".to_owned();
            return Err(invalid("FRONTEND_URL", problem));
        }
        let configuration_set = env.get("MAIL_CONFIGURATION_SET").filter(|name| !name.is_empty());
        let configuration_set = configuration_set.map(str::to_owned);
        let keys = SigningKeys::parse(env.secret("TICKET_SIGNING_KEYS")?.expose())
            .map_err(|error| invalid("TICKET_SIGNING_KEYS", error.to_string()))?;
        let config = db::Config::from_lookup(|name| env.get(name)).map_err(BootError::Other)?;
        let per_second = match env.get("PROMOTIONS_PER_SECOND") {
            Some(_) => Some(env.parsed("PROMOTIONS_PER_SECOND", NonZeroU32::MIN)?),
            None => None,
        };
        let breaker = if per_second.is_some() {
            "promotional mail"
        } else {
            "mail"
        };
        Ok(Self {
            db: Db::new(config),
            mailer: Mailer::connect(from, configuration_set).await,
            breaker: FleetBreaker::new(breaker, kv::Store::connect(env.required("STATE_TABLE")?).await),
            clock: Clock::system(),
            keys,
            frontend_url,
            language: env.parsed("DEFAULT_LANGUAGE", Language::default())?,
            base_url: env.required("BASE_URL")?.trim_end_matches('/').to_owned(),
            unsubscribing: LinkKey::derive(&env.secret("JWT_SECRET")?, "unsubscribe"),
            pace: per_second.map_or(Duration::ZERO, |many| {
                Duration::from_secs(1) * domain::mailing::MAILERS / many.get()
            }),
        })
    }

    async fn claim(&self, message: &Envelope<Mail>, until: Timestamp) -> Result<Claim, Error> {
        let conn = self.db.conn().await?;
        let now = self.clock.now();
        Ok(mail_log::claim(&conn, &message.id, kind(&message.body), until, now).await?)
    }

    /// Composes and sends a claimed mail and notes what became of it.
    async fn deliver(&self, message: &Envelope<Mail>, until: Timestamp) -> Result<(), Error> {
        match compose::compose(self, message).await? {
            Composed::Mail(mail) => {
                let known = {
                    let conn = self.db.conn().await?;
                    db::suppressions::find(&conn, mail.to.address.as_str()).await?
                };
                match known.refuses(purpose(&message.body)) {
                    Some(reason) => {
                        tracing::info!(mail = message.id, reason, "mail is held back");
                        self.drop_for_good(&message.id, reason).await
                    }
                    None if until.seconds_since(self.clock.now()) < HANDING_OVER => {
                        let reason = "it took too long to write".to_owned();
                        Err(MailError::Transient(reason).into())
                    }
                    None => self.hand_over(&message.id, &mail).await,
                }
            }
            Composed::Overtaken(reason) => {
                tracing::info!(mail = message.id, reason, "mail is not needed any more");
                self.drop_for_good(&message.id, reason).await
            }
            Composed::Later => {
                // Its row waits until somebody announces it again; this message has nothing more to say.
                self.give_back(&message.id, until).await;
                Ok(())
            }
        }
    }

    async fn hand_over(&self, id: &str, mail: &OutgoingMail) -> Result<(), Error> {
        if let Err(until) = self.breaker.lets_through(self.clock.now()).await {
            let reason = format!("it failed just now, so it is left alone until {until}");
            return Err(MailError::Transient(reason).into());
        }
        let sent = self.mailer.send(mail).await;
        // A refusal is an answer, too: the service works.
        match &sent {
            Err(MailError::Transient(_)) => self.breaker.failed(self.clock.now()).await,
            Ok(_) | Err(MailError::Permanent(_)) => self.breaker.succeeded().await,
        }
        match sent {
            Ok(provider_id) => {
                self.mark_sent(id, &provider_id).await;
                Ok(())
            }
            Err(MailError::Permanent(reason)) => {
                tracing::error!(mail = id, reason, "mail is refused for good");
                self.drop_for_good(id, &reason).await
            }
            Err(error @ MailError::Transient(_)) => Err(error.into()),
        }
    }

    /// Notes that a mail went, with a second try on a fresh connection. If that fails, too, the message still counts as
    /// done: delivering it again would certainly send the mail twice.
    async fn mark_sent(&self, id: &str, provider_id: &ProviderId) {
        for attempt in 1..=2 {
            let marked = async {
                let conn = self.db.conn().await?;
                mail_log::mark_sent(&conn, id, &provider_id.0, self.clock.now()).await
            };
            match marked.await {
                Ok(()) => return,
                Err(error) => {
                    tracing::error!(mail = id, attempt, ?error, "failed to note that a mail was sent");
                }
            }
        }
    }

    /// Notes with the recipient of a promotional mail what became of it, as the log says. If that fails, the next delivery does it.
    async fn settle(&self, message: &Envelope<Mail>) {
        let Mail::Promotion { mailing, recipient } = message.body else {
            return;
        };
        let settled = async {
            let conn = self.db.conn().await?;
            db::mailing_recipients::settle(&conn, &message.id, mailing, recipient).await
        };
        if let Err(error) = settled.await {
            tracing::warn!(
                mail = message.id,
                ?error,
                "failed to note who got a promotional mail"
            );
        }
    }

    async fn drop_for_good(&self, id: &str, reason: &str) -> Result<(), Error> {
        let conn = self.db.conn().await?;
        Ok(mail_log::drop_for_good(&conn, id, reason, self.clock.now()).await?)
    }

    /// Lets the next delivery try at once. If that cannot be noted, it has to wait for the end of the lease.
    async fn give_back(&self, id: &str, until: Timestamp) {
        let given_back = async {
            let conn = self.db.conn().await?;
            mail_log::give_back(&conn, id, until).await
        };
        if let Err(error) = given_back.await {
            tracing::warn!(mail = id, ?error, "failed to give the claim of a mail back");
        }
    }
}

impl Consumer for App {
    async fn consume(&self, record: &Record) -> Result<(), Error> {
        let message: Envelope<Mail> = worker::decode(&record.body)?;
        let until = self.clock.now().plus_seconds(LEASE);
        let started = Instant::now();
        match self.claim(&message, until).await? {
            Claim::Done => {
                self.settle(&message).await;
                Ok(())
            }
            Claim::Busy => Err(Error::new(
                Kind::Unavailable,
                "mail_in_flight",
                "Another worker is sending this mail",
            )),
            Claim::Send => {
                let outcome = self.deliver(&message, until).await;
                if outcome.is_err() {
                    self.give_back(&message.id, until).await;
                }
                self.settle(&message).await;
                if matches!(message.body, Mail::Promotion { .. }) {
                    tokio::time::sleep_until(started + self.pace).await;
                }
                outcome
            }
        }
    }
}

/// What the log calls a mail.
const fn kind(mail: &Mail) -> &'static str {
    match mail {
        Mail::Verification { .. } => "verification",
        Mail::ResetCode { .. } => "reset_code",
        Mail::Decoy => "decoy",
        Mail::OrderPlaced { .. } => "order_placed",
        Mail::TransferDue { .. } => "transfer_due",
        Mail::TransferEnded { .. } => "transfer_ended",
        Mail::Tickets { .. } => "tickets",
        Mail::RefundDue { .. } => "refund_due",
        Mail::EventCancelled { .. } => "event_cancelled",
        Mail::RefundStarted { .. } => "refund_started",
        Mail::RefundManual { .. } => "refund_manual",
        Mail::RefundDone { .. } => "refund_done",
        Mail::Payment { .. } => "payment",
        Mail::EventChanged { .. } => "event_changed",
        Mail::EventReminder { .. } => "event_reminder",
        Mail::WebhookDisabled { .. } => "webhook_disabled",
        Mail::TicketsOffered { .. } => "tickets_offered",
        Mail::TicketOffered { .. } => "ticket_offered",
        Mail::TicketReceived { .. } => "ticket_received",
        Mail::TicketRenamed { .. } => "ticket_renamed",
        Mail::TicketVoid { .. } => "ticket_void",
        Mail::Promotion { .. } => "promotion",
        Mail::Alerts { .. } => "alerts",
    }
}

/// What a mail is for, which decides whether it goes to an address that made trouble.
const fn purpose(mail: &Mail) -> Purpose {
    match mail {
        Mail::Verification { .. } => Purpose::Proof,
        // Whoever is offered a ticket did not ask for it.
        Mail::EventReminder { .. } | Mail::TicketOffered { .. } => Purpose::Reminder,
        Mail::Promotion { .. } => Purpose::Promotion,
        Mail::ResetCode { .. }
        | Mail::Decoy
        | Mail::OrderPlaced { .. }
        | Mail::TransferDue { .. }
        | Mail::TransferEnded { .. }
        | Mail::Tickets { .. }
        | Mail::RefundDue { .. }
        | Mail::EventCancelled { .. }
        | Mail::RefundStarted { .. }
        | Mail::RefundManual { .. }
        | Mail::RefundDone { .. }
        | Mail::Payment { .. }
        | Mail::TicketReceived { .. }
        | Mail::TicketRenamed { .. }
        | Mail::TicketVoid { .. }
        | Mail::WebhookDisabled { .. }
        | Mail::TicketsOffered { .. }
        | Mail::Alerts { .. }
        | Mail::EventChanged { .. } => Purpose::Service,
    }
}

/// Whether a text may stand as a link in a mail: nothing but the web.
fn is_web_link(link: &str) -> bool {
    link.starts_with("https://") || link.starts_with("http://")
}
