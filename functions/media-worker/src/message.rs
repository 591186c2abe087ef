//! What comes through the queue: our own messages, and notices of S3 about new objects.

use db::images::Named;
use domain::message::{Envelope, MediaWork};
use domain::{Error, ImageId};
use serde::Deserialize;

/// Which picture a message is about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Picture {
    Id(ImageId),
    Key(String),
}

impl Picture {
    pub(crate) fn named(&self) -> Named<'_> {
        match self {
            Self::Id(id) => Named::Id(*id),
            Self::Key(key) => Named::Key(key),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Message {
    Ours(Envelope<MediaWork>),
    Objects {
        #[serde(rename = "Records")]
        records: Vec<Notice>,
    },
    /// S3 says once that it may write to the queue.
    Test {
        #[serde(rename = "Event")]
        event: String,
    },
}

#[derive(Deserialize)]
struct Notice {
    s3: Stored,
}

#[derive(Deserialize)]
struct Stored {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    key: String,
}

/// The pictures that a message is about.
pub(crate) fn pictures(body: &str) -> Result<Vec<Picture>, Error> {
    match worker::decode(body)? {
        Message::Ours(envelope) => Ok(vec![Picture::Id(envelope.body.image)]),
        // Our keys have no character that S3 would encode.
        Message::Objects { records } => Ok(records
            .iter()
            .filter_map(|notice| blob::key_of_original(&notice.s3.object.key))
            .map(|key| Picture::Key(key.to_owned()))
            .collect()),
        Message::Test { event } if event == "s3:TestEvent" => Ok(Vec::new()),
        Message::Test { .. } => Err(Error::invalid(
            "undecodable",
            "The message is not of the expected form",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_messages_name_pictures() {
        let ours = r#"{"id":"00ff","body":{"image":7}}"#;
        assert_eq!(pictures(ours).unwrap(), [Picture::Id(ImageId::new(7))]);
        let notice = r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":
            "originals/ab","size":3}}},{"s3":{"object":{"key":"pictures/ab/full.jpg"}}}]}"#;
        assert_eq!(pictures(notice).unwrap(), [Picture::Key("ab".to_owned())]);
    }

    #[test]
    fn the_greeting_of_s3_is_about_nothing() {
        let greeting = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#;
        assert_eq!(pictures(greeting).unwrap(), []);
        for other in ["{}", "x", r#"{"Event":"s3:Other"}"#, r#"{"id":"1","body":{}}"#] {
            assert_eq!(pictures(other).unwrap_err().code, "undecodable", "{other}");
        }
    }
}
