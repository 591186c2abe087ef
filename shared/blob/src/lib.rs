#![doc = include_str!("../README.md")]

mod s3;

use bytes::Bytes;
use domain::Error;
use runtime::{BootError, Env};
use s3::S3;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How long a signed URL may be used.
pub const UPLOAD_SECONDS: u32 = 900;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// It could not be reached, took too long, or is broken.
    #[error("the store is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It refused: a mistake of ours, most likely a permission.
    #[error("the store refused with {status}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its words; for the log.
        message: String,
    },
    /// The request could not be signed.
    #[error("failed to sign a request to the store")]
    Signing(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<BlobError> for Error {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Unavailable(_) => Self::unavailable("The store of images", 5).because(error),
            BlobError::Refused { .. } | BlobError::Signing(_) => Self::internal(error),
        }
    }
}

/// Where an upload lies.
pub fn original(key: &str) -> String {
    format!("originals/{key}")
}

/// Where a picture that is shown lies; `name` is `full` or a width.
pub fn picture(key: &str, name: impl std::fmt::Display) -> String {
    format!("pictures/{key}/{name}.jpg")
}

/// The random part of the key of an upload, if it is one.
pub fn key_of_original(key: &str) -> Option<&str> {
    key.strip_prefix("originals/")
}

/// The bucket of the fleet.
pub struct Blobs(Backend);

enum Backend {
    S3(Box<S3>),
    Memory(Mutex<BTreeMap<String, Blob>>),
}

/// An object in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its media type.
    pub media_type: String,
    /// What is in it.
    pub bytes: Bytes,
}

impl Blobs {
    /// Reads `MEDIA_BUCKET` and what Lambda says about region and credentials; `AWS_ENDPOINT_URL` names another S3.
    ///
    /// # Errors
    /// What is missing.
    pub fn from_env(env: &Env) -> Result<Self, BootError> {
        S3::from_env(env).map(|s3| Self(Backend::S3(Box::new(s3))))
    }

    /// Keeps objects in memory, for tests of one function.
    pub const fn in_memory() -> Self {
        Self(Backend::Memory(Mutex::new(BTreeMap::new())))
    }

    /// What a store made by [`Blobs::in_memory`] holds, by key.
    pub fn kept(&self) -> BTreeMap<String, Blob> {
        match &self.0 {
            Backend::Memory(kept) => kept.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Backend::S3(_) => BTreeMap::new(),
        }
    }

    /// Writes an object, over one of that key.
    ///
    /// # Errors
    /// See [`BlobError`].
    pub async fn put(&self, key: &str, media_type: &str, bytes: Bytes) -> Result<(), BlobError> {
        match &self.0 {
            Backend::S3(s3) => s3.put(key, media_type, bytes).await,
            Backend::Memory(kept) => {
                let blob = Blob {
                    media_type: media_type.to_owned(),
                    bytes,
                };
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.insert(key.to_owned(), blob);
                Ok(())
            }
        }
    }

    /// Reads an object of at most `largest` bytes. `None` if there is none.
    ///
    /// # Errors
    /// See [`BlobError`].
    pub async fn get(&self, key: &str, largest: usize) -> Result<Option<Bytes>, BlobError> {
        match &self.0 {
            Backend::S3(s3) => s3.get(key, largest).await,
            Backend::Memory(_) => Ok(self.kept().remove(key).map(|blob| blob.bytes)),
        }
    }

    /// How many bytes an object has. `None` if there is none.
    ///
    /// # Errors
    /// See [`BlobError`].
    pub async fn size(&self, key: &str) -> Result<Option<u64>, BlobError> {
        match &self.0 {
            Backend::S3(s3) => s3.size(key).await,
            Backend::Memory(_) => Ok(self.kept().get(key).map(|blob| blob.bytes.len() as u64)),
        }
    }

    /// Deletes an object. Deleting one that is not there is no error.
    ///
    /// # Errors
    /// See [`BlobError`].
    pub async fn delete(&self, key: &str) -> Result<(), BlobError> {
        match &self.0 {
            Backend::S3(s3) => s3.delete(key).await,
            Backend::Memory(kept) => {
                kept.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
                Ok(())
            }
        }
    }

    /// A URL under which anybody may put one object of exactly this type and length, for [`UPLOAD_SECONDS`].
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn upload_url(&self, key: &str, media_type: &str, length: u32) -> Result<String, BlobError> {
        match &self.0 {
            Backend::S3(s3) => s3.upload_url(key, media_type, length),
            Backend::Memory(_) => Ok(format!("http://127.0.0.1:9/{key}")),
        }
    }
}
