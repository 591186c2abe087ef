use crate::Fleet;
use crate::http::Reply;
use serde_json::{Value, json};

/// The image service: its simulator's admin API.
#[derive(Debug, Clone)]
pub struct ImageKit {
    fleet: Fleet,
}

/// Nobody can upload, until [`Outage::end`].
#[derive(Debug)]
pub struct Outage(ImageKit);

impl ImageKit {
    pub(crate) fn new(fleet: &Fleet) -> Self {
        Self { fleet: fleet.clone() }
    }

    /// Closes every connection of whoever uploads.
    pub async fn goes_away(&self) -> Outage {
        self.faults(json!({"upload": {"drop": true}})).await;
        Outage(self.clone())
    }

    /// What a delivery URL answers.
    pub async fn show(&self, url: &str) -> Reply {
        Reply::of(self.fleet.http.get(url)).await
    }

    async fn faults(&self, faults: Value) {
        let url = format!("{}/admin/faults", self.fleet.imagekit_url);
        let reply = Reply::of(self.fleet.http.put(url).body(faults.to_string())).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

impl Outage {
    /// It is there again.
    pub async fn end(self) {
        self.0.faults(json!({})).await;
    }
}
