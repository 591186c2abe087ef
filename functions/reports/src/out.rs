//! Reports as they are given out: rows with sums, or a table. Both are made from the same fields.

use axum::response::{IntoResponse as _, Response};
use db::reports::Period;
use domain::EventId;
use domain::csv::Csv;
use domain::report::{Form, Interval};
use http::{HeaderValue, header};
use schemars::JsonSchema;
use serde::Serialize;
use web::Answer;

/// A period of an event.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PeriodOut {
    event_id: EventId,
    event_name: String,
    /// The zone of the event, in which the period is one.
    time_zone: String,
    /// The first day of the period.
    start: String,
}

impl From<Period> for PeriodOut {
    fn from(period: Period) -> Self {
        Self {
            event_id: period.event,
            event_name: period.event_name,
            time_zone: period.zone,
            start: period.start,
        }
    }
}

/// A report: rows by event and period, and the sum of each of their numbers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReportOf{F}")]
pub(crate) struct Report<F> {
    interval: Interval,
    /// What amounts are in.
    currency: &'static str,
    rows: Vec<ReportRow<F>>,
    totals: F,
}

/// A row: where and when, and how much.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RowOf{F}")]
pub(crate) struct ReportRow<F> {
    #[serde(flatten)]
    period: PeriodOut,
    #[serde(flatten)]
    figures: F,
}

/// Numbers that can be added up.
pub(crate) trait Figures: Serialize + Default {
    /// Their names in a table.
    const COLUMNS: &'static [&'static str];

    /// Them, in the order of the names.
    fn numbers(&self) -> Vec<i64>;

    /// Adds others.
    fn add(&mut self, other: &Self);
}

/// Declares the numbers of a report.
macro_rules! figures {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, serde::Serialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub(crate) struct $name { $($(#[$field_doc])* pub $field: i64),* }

        impl $crate::out::Figures for $name {
            const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),*];

            fn numbers(&self) -> Vec<i64> {
                vec![$(self.$field),*]
            }

            fn add(&mut self, other: &Self) {
                $(self.$field = self.$field.saturating_add(other.$field);)*
            }
        }
    };
}
pub(crate) use figures;

/// A report in the form that was asked for; `name` is that of its file.
pub(crate) fn answer<F: Figures>(
    name: &str,
    rows: Vec<(Period, F)>,
    interval: Interval,
    form: Option<Form>,
) -> Response {
    match form.unwrap_or_default() {
        Form::Json => {
            let mut totals = F::default();
            rows.iter().for_each(|(_, figures)| totals.add(figures));
            let rows = rows.into_iter().map(|(period, figures)| ReportRow {
                period: period.into(),
                figures,
            });
            let report = Report {
                interval,
                currency: "IDR",
                rows: rows.collect(),
                totals,
            };
            Answer::ok(report).into_response()
        }
        Form::Csv => {
            let file = format!("attachment; filename=\"{name}.csv\"");
            let headers = [
                (
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("text/csv; charset=utf-8; header=present"),
                ),
                (
                    header::CONTENT_DISPOSITION,
                    HeaderValue::from_str(&file).unwrap_or(HeaderValue::from_static("attachment")),
                ),
            ];
            (headers, table(&rows)).into_response()
        }
    }
}

fn table<F: Figures>(rows: &[(Period, F)]) -> String {
    let columns = ["event_id", "event", "time_zone", "start"];
    let columns: Vec<&str> = columns.iter().chain(F::COLUMNS).copied().collect();
    let mut csv = Csv::new(&columns);
    for (period, figures) in rows {
        csv.value(period.event);
        csv.text(&period.event_name);
        csv.text(&period.zone);
        csv.value(&period.start);
        for number in figures.numbers() {
            csv.value(number);
        }
        csv.end_row();
    }
    csv.finish()
}
