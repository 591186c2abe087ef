//! What the simulated account holds, and what goes wrong with it.

use crate::config::Config;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use simulator::Stop;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file of the media library.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) bytes: Bytes,
    pub(crate) media_type: &'static str,
    /// Width and height, if it is a picture.
    pub(crate) size: Option<(usize, usize)>,
    pub(crate) private: bool,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) versions: u32,
    pub(crate) created_at: jiff::Timestamp,
    pub(crate) updated_at: jiff::Timestamp,
}

impl File {
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// As the upload API shows it.
    pub(crate) fn uploaded(&self, endpoint: &str) -> Value {
        let (name, path) = (self.name(), &self.path);
        let mut body = json!({
            "fileId": self.id,
            "name": name,
            "size": self.bytes.len(),
            "versionInfo": {"id": self.id, "name": format!("Version {}", self.versions)},
            "filePath": path,
            "url": format!("{endpoint}{path}"),
            "thumbnailUrl": format!("{endpoint}/tr:n-media_library_thumbnail{path}"),
            "fileType": if self.size.is_some() { "image" } else { "non-image" },
            "tags": self.tags,
            "AITags": null,
            "isPrivateFile": self.private,
            "isPublished": true,
            "customCoordinates": null,
        });
        if let (Some((width, height)), Some(body)) = (self.size, body.as_object_mut()) {
            body.insert("height".to_owned(), height.into());
            body.insert("width".to_owned(), width.into());
        }
        body
    }

    /// As the media API shows it.
    pub(crate) fn details(&self, endpoint: &str) -> Value {
        let mut body = self.uploaded(endpoint);
        if let Some(body) = body.as_object_mut() {
            let thumbnail = body.remove("thumbnailUrl").unwrap_or_default();
            for (key, value) in [
                ("thumbnail", thumbnail),
                ("type", "file".into()),
                ("mime", self.media_type.into()),
                ("hasAlpha", false.into()),
                ("createdAt", self.created_at.to_string().into()),
                ("updatedAt", self.updated_at.to_string().into()),
            ] {
                body.insert(key.to_owned(), value);
            }
        }
        body
    }
}

/// What goes wrong, by part: `PUT /admin/faults`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Faults {
    /// The upload API.
    pub(crate) upload: Option<Fault>,
    /// The media API.
    pub(crate) api: Option<Fault>,
    /// Delivery URLs.
    pub(crate) delivery: Option<Fault>,
}

/// What goes wrong with a request.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Fault {
    /// For so many requests; for all if absent.
    times: Option<u32>,
    /// Answer with this HTTP status and do nothing.
    pub(crate) respond: Option<u16>,
    /// Wait before anything else.
    pub(crate) delay_ms: u64,
    /// Close the connection and do nothing.
    pub(crate) drop: bool,
    /// Do what was asked, then close the connection instead of answering.
    pub(crate) lose_reply: bool,
}

/// A part of the account that can fail by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Upload,
    Api,
    Delivery,
}

impl Faults {
    /// What goes wrong with the next request, counted.
    pub(crate) fn take(&mut self, part: Part) -> Fault {
        let place = match part {
            Part::Upload => &mut self.upload,
            Part::Api => &mut self.api,
            Part::Delivery => &mut self.delivery,
        };
        let Some(fault) = place else {
            return Fault::default();
        };
        let found = fault.clone();
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                *place = None;
            }
        }
        found
    }
}

/// Everything that changes.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// By path.
    pub(crate) files: BTreeMap<String, File>,
    pub(crate) faults: Faults,
    /// Uploads that came in, those that failed included.
    pub(crate) uploads: u64,
}

/// The running simulator.
pub(crate) struct Sim {
    pub(crate) config: Config,
    /// Where delivery URLs begin, without a slash at the end.
    pub(crate) endpoint: String,
    world: Mutex<World>,
    pub(crate) stop: Stop,
}

impl Sim {
    pub(crate) fn new(config: Config, public_url: &str) -> Arc<Self> {
        let endpoint = format!("{public_url}/{}", config.imagekit_id);
        Arc::new(Self {
            config,
            endpoint,
            world: Mutex::default(),
            stop: Stop::default(),
        })
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
