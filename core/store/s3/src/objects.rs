//! SUMMARY    The objects of a deployment in one bucket.
//! LIMITS     OBJECT_NAME_BYTES_MAX, OBJECT_LIST_MAX
//! INVARIANTS A key is the prefix of the deployment, a slash, and the name. Whoever lists or sweeps sees its own prefix only.

use crate::{
    call::{Calls, Counts, Fault},
    client::client,
    options::S3Options,
};
use aws_sdk_s3::Client;
use base::Timestamp;
use bytes::Bytes;
use std::{ops::Range, time::Duration};
use store::{
    blob::{ObjectInfo, Objects, ObjectsError, validate_name},
    kv::BoxFuture,
};

/// Objects on S3.
pub struct S3Objects {
    pub(crate) client: Client,
    pub(crate) options: S3Options,
    pub(crate) calls: Calls,
}

impl S3Objects {
    /// Asks the server for nothing yet; `reach` does. Fails on options that can never work.
    pub fn new(options: S3Options) -> Result<Self, String> {
        if !options.prefix.is_empty() {
            validate_name(&options.prefix).map_err(|_| format!("{:?} is no prefix of object keys", options.prefix))?;
        }
        if options.bucket.is_empty() || options.region.is_empty() {
            return Err("an object store needs a bucket and a region".to_owned());
        }
        let calls = Calls::new(options.attempt_max, options.request_max);
        Ok(S3Objects { client: client(&options)?, options, calls })
    }

    /// Whether bucket and keys are right, by asking the server.
    pub async fn reach(&self) -> Result<(), ObjectsError> {
        self.page(&self.key(""), None, 1).await.map_err(|why| why.of(&self.options.bucket))?;
        Ok(())
    }

    /// Every object of the prefix, OBJECT_LIST_MAX at most.
    pub async fn list_all(&self) -> Result<Vec<ObjectInfo>, ObjectsError> {
        self.pages(&self.key("")).await.map_err(|why| why.of(&self.options.bucket))
    }

    /// Bytes of an object.
    pub async fn length(&self, name: &str) -> Result<u64, ObjectsError> {
        let name = self.checked(name)?;
        let head = self.head(&self.key(&name)).await.map_err(|why| why.of(&name))?;
        let length = head.content_length().and_then(|length| u64::try_from(length).ok());
        length.ok_or_else(|| Fault::Away("an object without a length".to_owned()).of(&name))
    }

    /// Err while requests are refused without asking the server: why.
    pub fn health(&self) -> Result<(), String> {
        self.calls.health()
    }

    /// What was asked of the server so far.
    pub fn counts(&self) -> Counts {
        self.calls.counts()
    }

    pub(crate) fn key(&self, name: &str) -> String {
        if self.options.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.options.prefix) }
    }

    /// The name behind a key, if it is one of this deployment.
    pub(crate) fn name<'a>(&self, key: &'a str) -> Option<&'a str> {
        let name = match self.options.prefix.as_str() {
            "" => key,
            prefix => key.strip_prefix(prefix)?.strip_prefix('/')?,
        };
        validate_name(name).is_ok().then_some(name)
    }

    fn checked(&self, name: &str) -> Result<String, ObjectsError> {
        validate_name(name)?;
        Ok(name.to_owned())
    }
}

impl Objects for S3Objects {
    fn is_far(&self) -> bool {
        true
    }

    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), ObjectsError>> {
        let name = self.checked(name);
        Box::pin(async move {
            let name = name?;
            self.write(&self.key(&name), bytes).await.map_err(|why| why.of(&name))
        })
    }

    fn get(&self, name: &str, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ObjectsError>> {
        let name = self.checked(name);
        Box::pin(async move {
            let name = name?;
            self.read(&self.key(&name), range).await.map_err(|why| why.of(&name))
        })
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), ObjectsError>> {
        let name = self.checked(name);
        Box::pin(async move {
            let name = name?;
            match self.remove(&self.key(&name)).await {
                Ok(()) | Err(Fault::Missing) => Ok(()),
                Err(why) => Err(why.of(&name)),
            }
        })
    }

    fn list(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<ObjectInfo>, ObjectsError>> {
        let name = self.checked(prefix.trim_end_matches('/'));
        Box::pin(async move {
            let name = name?;
            self.pages(&format!("{}/", self.key(&name))).await.map_err(|why| why.of(&name))
        })
    }

    /// Gives up uploads in parts that nobody ended.
    fn sweep_unfinished(&self, now: Timestamp, age: Duration) -> BoxFuture<'_, Result<usize, ObjectsError>> {
        Box::pin(async move { self.sweep_uploads(now, age).await.map_err(|why| why.of("unfinished uploads")) })
    }
}
