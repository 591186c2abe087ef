use super::Job;
use crate::Timestamp;
use crate::language::Language;
use crate::notice::HOME;

/// Something that should not be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Condition {
    /// Messages were given up.
    DeadLetters {
        /// The queue that they were in.
        queue: String,
        /// How many there are, about.
        messages: u64,
    },
    /// A service fails and is left alone.
    LeftAlone {
        /// Its name.
        service: String,
    },
    /// A part of the fleet does not answer.
    Silent {
        /// Which one.
        part: FleetPart,
    },
    /// A job of a schedule fails, is not run, or leaves undone what is due.
    JobLate {
        /// Which one.
        job: Job,
        /// Since when.
        since: Timestamp,
    },
    /// A rule is broken that must never be.
    RuleBroken {
        /// Its name.
        rule: String,
        /// How many rows break it.
        count: u64,
        /// The first of them.
        rows: Vec<String>,
    },
    /// Payments do not agree with their orders: a wrong amount, or more money than was asked for.
    PaymentsConflicted {
        /// How many.
        count: u64,
    },
    /// Refunds that the gateway should have made long ago.
    RefundsStuck {
        /// How many.
        count: u64,
        /// When the oldest was asked for.
        since: Option<Timestamp>,
    },
    /// Refunds wait for people to transfer them.
    RefundsManual {
        /// How many.
        count: u64,
        /// When the oldest was asked for.
        since: Option<Timestamp>,
    },
}

/// What the fleet stands on besides its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FleetPart {
    /// The queues.
    Queues,
    /// The table of rate limits and circuit breakers.
    StateTable,
}

impl Condition {
    /// Names what it is about: of each key there is one alert at a time.
    pub fn key(&self) -> String {
        match self {
            Self::DeadLetters { queue, .. } => format!("dead_letters {queue}"),
            Self::LeftAlone { service } => format!("left_alone {service}"),
            Self::Silent {
                part: FleetPart::Queues,
            } => "silent queues".to_owned(),
            Self::Silent {
                part: FleetPart::StateTable,
            } => "silent state_table".to_owned(),
            Self::JobLate { job, .. } => format!("job_late {}", job.as_str()),
            Self::RuleBroken { rule, .. } => format!("rule_broken {rule}"),
            Self::PaymentsConflicted { .. } => "payments_conflicted".to_owned(),
            Self::RefundsStuck { .. } => "refunds_stuck".to_owned(),
            Self::RefundsManual { .. } => "refunds_manual".to_owned(),
        }
    }

    /// Seconds for which it has to last until it is worth telling: what passes by itself within a minute or two is not. A look is
    /// due every minute, but may come some seconds early.
    pub const fn patience(&self) -> i64 {
        match self {
            Self::LeftAlone { .. } | Self::Silent { .. } => 55,
            // A fleet that was stopped for a while has its jobs late at the first look.
            Self::JobLate { .. } => 115,
            Self::DeadLetters { .. }
            | Self::RuleBroken { .. }
            | Self::PaymentsConflicted { .. }
            | Self::RefundsStuck { .. }
            | Self::RefundsManual { .. } => 0,
        }
    }

    /// What it is, in one line.
    pub fn text(&self, language: Language) -> String {
        match language {
            Language::Id => self.indonesian(),
            Language::En => self.english(),
        }
    }

    fn indonesian(&self) -> String {
        let moment = |at: Timestamp| Language::Id.moment(at, HOME);
        let oldest = |since: &Option<Timestamp>| {
            since.map_or_else(String::new, |at| format!(", yang tertua sejak {}", moment(at)))
        };
        match self {
            Self::DeadLetters { queue, messages } => {
                format!("{messages} pesan antrean {queue} tidak dapat dikerjakan dan disisihkan")
            }
            Self::LeftAlone { service } => {
                format!("Layanan {service} gagal terus dan untuk sementara tidak dihubungi")
            }
            Self::Silent {
                part: FleetPart::Queues,
            } => "Antrean tidak menjawab".to_owned(),
            Self::Silent {
                part: FleetPart::StateTable,
            } => "Tabel batas permintaan dan pemutus arus tidak menjawab".to_owned(),
            Self::JobLate { job, since } => {
                format!(
                    "Tugas terjadwal {} tidak selesai sejak {}",
                    job.as_str(),
                    moment(*since)
                )
            }
            Self::RuleBroken { rule, count, .. } => format!("Aturan {rule} dilanggar oleh {count} baris"),
            Self::PaymentsConflicted { count } => {
                format!("{count} pembayaran tidak cocok dengan pesanannya (jumlah salah atau terlalu banyak)")
            }
            Self::RefundsStuck { count, since } => {
                format!(
                    "{count} pengembalian dana belum dijalankan oleh gerbang pembayaran{}",
                    oldest(since)
                )
            }
            Self::RefundsManual { count, since } => {
                format!(
                    "{count} pengembalian dana menunggu ditransfer manual{}",
                    oldest(since)
                )
            }
        }
    }

    fn english(&self) -> String {
        let moment = |at: Timestamp| Language::En.moment(at, HOME);
        let oldest = |since: &Option<Timestamp>| {
            since.map_or_else(String::new, |at| format!(", the oldest since {}", moment(at)))
        };
        match self {
            Self::DeadLetters { queue, messages } => {
                format!("{messages} messages of the queue {queue} were given up")
            }
            Self::LeftAlone { service } => format!("The service {service} keeps failing and is left alone"),
            Self::Silent {
                part: FleetPart::Queues,
            } => "The queues do not answer".to_owned(),
            Self::Silent {
                part: FleetPart::StateTable,
            } => "The table of rate limits and circuit breakers does not answer".to_owned(),
            Self::JobLate { job, since } => {
                format!(
                    "The scheduled job {} was not done since {}",
                    job.as_str(),
                    moment(*since)
                )
            }
            Self::RuleBroken { rule, count, .. } => format!("The rule {rule} is broken by {count} rows"),
            Self::PaymentsConflicted { count } => {
                format!("{count} payments do not agree with their orders (a wrong amount, or too much)")
            }
            Self::RefundsStuck { count, since } => {
                format!(
                    "{count} refunds were not made by the payment gateway{}",
                    oldest(since)
                )
            }
            Self::RefundsManual { count, since } => {
                format!(
                    "{count} refunds wait to be transferred by people{}",
                    oldest(since)
                )
            }
        }
    }

    /// What to do about it.
    pub const fn advice(&self, language: Language) -> &'static str {
        match self {
            Self::DeadLetters { .. } => language.pick(
                "Cari penyebabnya di log, perbaiki, lalu kirim ulang pesan itu dari antrean sisihan.",
                "Look for the cause in the log, mend it, then redrive the messages from the dead-letter queue.",
            ),
            Self::LeftAlone { .. } => language.pick(
                "Periksa status layanan itu. Begitu ia menjawab lagi, semuanya berjalan sendiri.",
                "See how that service is. Once it answers again, everything goes on by itself.",
            ),
            Self::Silent { .. } => language.pick(
                "Periksa status wilayah AWS dan izin fungsi watchman.",
                "See how the AWS region is, and the permissions of the function watchman.",
            ),
            Self::JobLate { .. } => language.pick(
                "Lihat log fungsi itu: apakah dijalankan, dan mengapa gagal.",
                "Look into the log of that function: whether it is run, and why it fails.",
            ),
            Self::RuleBroken { .. } => language.pick(
                "Data saling bertentangan. Cari penyebabnya sebelum ada yang diubah.",
                "Data contradict each other. Find the cause before anything is changed.",
            ),
            Self::PaymentsConflicted { .. } => language.pick(
                "Daftarnya ada di GET /payments?status=conflicted dan GET /payments?paidTwice=true; kelebihan uangnya dikembalikan di \
                 dasbor Midtrans.",
                "GET /payments?status=conflicted and GET /payments?paidTwice=true list them; what is too much goes back on the \
                 dashboard of Midtrans.",
            ),
            Self::RefundsStuck { .. } => language.pick(
                "Daftarnya ada di GET /payments/refunds?status=requested, dengan kesalahan terakhir masing-masing.",
                "GET /payments/refunds?status=requested lists them, each with its last error.",
            ),
            Self::RefundsManual { .. } => language.pick(
                "Transfer uangnya dan tutup dengan POST /payments/refunds/{id}/done.",
                "Transfer the money and close them with POST /payments/refunds/{id}/done.",
            ),
        }
    }
}
