//! SUMMARY    Where the objects are and how they are written.
//! SECURITY   Keys are wiped when dropped and not shown.
//! LIMITS     S3_CONNECT_MS_MAX, S3_ATTEMPT_MS_MAX, S3_REQUEST_MS_MAX

use crate::limits::{S3_ATTEMPT_MS_MAX, S3_CONNECT_MS_MAX, S3_REQUEST_MS_MAX};
use std::{fmt, time::Duration};
use zeroize::Zeroizing;

/// Who this deployment is to the store.
#[derive(Clone)]
pub struct Keys {
    pub access: String,
    pub secret: Zeroizing<String>,
    /// Of temporary keys.
    pub session: Option<Zeroizing<String>>,
}

impl Keys {
    pub fn new(access: impl Into<String>, secret: impl Into<String>) -> Self {
        Keys { access: access.into(), secret: Zeroizing::new(secret.into()), session: None }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("access", &self.access).finish_non_exhaustive()
    }
}

/// Where the keys are.
#[derive(Debug, Clone)]
pub enum Credentials {
    Keys(Keys),
    /// Where the tools of Amazon look for them, in their order: `AWS_ACCESS_KEY_ID` and its like, a profile, a web identity token
    /// (`AWS_WEB_IDENTITY_TOKEN_FILE`), the container's (`AWS_CONTAINER_CREDENTIALS_FULL_URI`), the machine's.
    Found,
}

impl From<Keys> for Credentials {
    fn from(keys: Keys) -> Self {
        Credentials::Keys(keys)
    }
}

/// Encryption by the server, besides the sealing that every blob has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// What the bucket says.
    Bucket,
    Aes256,
    Kms {
        key_id: String,
    },
}

/// How the server checks that what arrived is what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    Crc32c,
    Sha256,
    /// `Content-MD5`, for servers that know no other.
    Md5,
}

#[derive(Debug, Clone)]
pub struct S3Options {
    /// None: Amazon's own of the region.
    pub endpoint: Option<String>,
    pub region: String,
    pub bucket: String,
    /// First words of every key, without a slash at the end: one deployment, one prefix. May be empty.
    pub prefix: String,
    pub credentials: Credentials,
    /// `https://host/bucket/key` instead of `https://bucket.host/key`.
    pub path_style: bool,
    /// Certificates to trust (PEM) besides those of the system.
    pub ca_pem: Option<Vec<u8>>,
    pub encryption: Encryption,
    pub checksum: Checksum,
    /// Puts ask the server to refuse a name that is taken. Off only for servers that do not know such puts: then nothing but the randomness
    /// of names keeps an object from being written over.
    pub is_conditional: bool,
    pub connect_max: Duration,
    pub attempt_max: Duration,
    pub request_max: Duration,
}

impl S3Options {
    /// `If-None-Match` of a put.
    pub(crate) fn none_match(&self) -> Option<String> {
        self.is_conditional.then(|| "*".to_owned())
    }

    pub fn new(region: impl Into<String>, bucket: impl Into<String>, credentials: impl Into<Credentials>) -> Self {
        S3Options {
            endpoint: None,
            region: region.into(),
            bucket: bucket.into(),
            prefix: String::new(),
            credentials: credentials.into(),
            path_style: false,
            ca_pem: None,
            encryption: Encryption::Bucket,
            checksum: Checksum::Crc32c,
            is_conditional: true,
            connect_max: Duration::from_millis(S3_CONNECT_MS_MAX),
            attempt_max: Duration::from_millis(S3_ATTEMPT_MS_MAX),
            request_max: Duration::from_millis(S3_REQUEST_MS_MAX),
        }
    }
}
