//! SUMMARY    Writing an object: in one request, or in parts that are given up when one fails.
//! STANDARDS  S3 API PutObject, CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload; RFC 9110 §13.1.2
//! LIMITS     S3_PUT_BYTES_MAX, S3_PART_BYTES, S3_PARTS_AT_ONCE_MAX, S3_PARTS_MAX, S3_PAGE_MAX
//! INVARIANTS A put is conditional on the name being free. An answer that was lost is found out: the object that is there carries the
//!            hash of its bytes. After an upload in parts the length is asked for.

use crate::{
    call::{Fault, Op, fault},
    limits::{S3_PAGE_MAX, S3_PART_BYTES, S3_PARTS_AT_ONCE_MAX, S3_PARTS_MAX, S3_PUT_BYTES_MAX},
    objects::S3Objects,
    options::{Checksum, Encryption},
};
use aws_sdk_s3::{
    primitives::ByteStream,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, ServerSideEncryption},
};
use base::{Timestamp, limits::OBJECT_LIST_MAX};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use md5::{Digest, Md5};
use std::time::Duration;

/// Name of the metadata with the BLAKE3 hash of the object, in hexadecimal digits.
const HASH: &str = "blake3";

impl Encryption {
    fn method(&self) -> Option<ServerSideEncryption> {
        match self {
            Encryption::Bucket => None,
            Encryption::Aes256 => Some(ServerSideEncryption::Aes256),
            Encryption::Kms { .. } => Some(ServerSideEncryption::AwsKms),
        }
    }

    fn key_id(&self) -> Option<String> {
        match self {
            Encryption::Bucket | Encryption::Aes256 => None,
            Encryption::Kms { key_id } => Some(key_id.clone()),
        }
    }
}

impl Checksum {
    fn algorithm(self) -> Option<ChecksumAlgorithm> {
        match self {
            Checksum::Crc32c => Some(ChecksumAlgorithm::Crc32C),
            Checksum::Sha256 => Some(ChecksumAlgorithm::Sha256),
            Checksum::Md5 => None,
        }
    }

    /// `Content-MD5`.
    fn md5(self, bytes: &[u8]) -> Option<String> {
        match self {
            Checksum::Crc32c | Checksum::Sha256 => None,
            Checksum::Md5 => Some(BASE64_STANDARD.encode(Md5::digest(bytes))),
        }
    }
}

/// Off the runtime's threads: a pack takes a while.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|why| Fault::Refused(why.to_string()))
}

impl S3Objects {
    pub(crate) async fn write(&self, key: &str, bytes: Bytes) -> Result<(), Fault> {
        let hashed = bytes.clone();
        let hash = off_thread(move || blake3::hash(&hashed).to_hex().to_string()).await?;
        let written = match bytes.len() {
            0..=S3_PUT_BYTES_MAX => self.write_whole(key, &hash, &bytes).await,
            _ => self.write_parts(key, &hash, &bytes).await,
        };
        match written {
            Err(Fault::Exists) => self.is_same(key, &hash, bytes.len()).await,
            written => written,
        }
    }

    /// The object that is there is the one that was to be written: an earlier attempt came through.
    async fn is_same(&self, key: &str, hash: &str, length: usize) -> Result<(), Fault> {
        let head = match self.head(key).await {
            Err(Fault::Missing) => return Err(Fault::Refused("the upload is gone".to_owned())),
            head => head?,
        };
        let is_same = head.metadata().and_then(|all| all.get(HASH)).is_some_and(|known| known == hash)
            && head.content_length().and_then(|known| usize::try_from(known).ok()) == Some(length);
        if is_same { Ok(()) } else { Err(Fault::Exists) }
    }

    async fn write_whole(&self, key: &str, hash: &str, bytes: &Bytes) -> Result<(), Fault> {
        let (checksum, hashed) = (self.options.checksum, bytes.clone());
        let md5 = off_thread(move || checksum.md5(&hashed)).await?;
        let ask = || async {
            let request = self.client.put_object().bucket(&self.options.bucket).key(key);
            let request = request
                .set_if_none_match(self.options.none_match())
                .metadata(HASH, hash)
                .set_checksum_algorithm(checksum.algorithm())
                .set_content_md5(md5.clone())
                .set_server_side_encryption(self.options.encryption.method())
                .set_ssekms_key_id(self.options.encryption.key_id())
                .body(ByteStream::from(bytes.clone()));
            self.calls.sent(bytes.len());
            request.send().await.map_err(fault).map(|_| ())
        };
        self.calls.run(Op::Put, ask).await
    }

    async fn write_parts(&self, key: &str, hash: &str, bytes: &Bytes) -> Result<(), Fault> {
        if bytes.len().div_ceil(S3_PART_BYTES) > S3_PARTS_MAX {
            return Err(Fault::Refused("S3_PARTS_MAX".to_owned()));
        }
        let upload = self.create_upload(key, hash).await?;
        let written = self.fill_upload(key, &upload, bytes).await;
        // After a failure it may still be there; who is not told of by this is swept later.
        if written.is_err()
            && let Err(why) = self.abort_upload(key, &upload).await
        {
            tracing::warn!(key, %why, "an upload in parts is left behind");
        }
        written
    }

    async fn create_upload(&self, key: &str, hash: &str) -> Result<String, Fault> {
        let ask = || async {
            let request = self.client.create_multipart_upload().bucket(&self.options.bucket).key(key);
            let request = request
                .metadata(HASH, hash)
                .set_checksum_algorithm(self.options.checksum.algorithm())
                .set_server_side_encryption(self.options.encryption.method())
                .set_ssekms_key_id(self.options.encryption.key_id());
            let output = request.send().await.map_err(fault)?;
            output.upload_id().map(str::to_owned).ok_or_else(|| Fault::Away("an upload without id".to_owned()))
        };
        self.calls.run(Op::CreateUpload, ask).await
    }

    async fn fill_upload(&self, key: &str, upload: &str, bytes: &Bytes) -> Result<(), Fault> {
        let part = |(n, start): (usize, usize)| {
            let part = bytes.slice(start..bytes.len().min(start.saturating_add(S3_PART_BYTES)));
            self.put_part(key, upload, n + 1, part)
        };
        let starts = (0..bytes.len()).step_by(S3_PART_BYTES).enumerate().collect::<Vec<_>>();
        let parts: Vec<CompletedPart> =
            stream::iter(starts).map(part).buffered(S3_PARTS_AT_ONCE_MAX).try_collect().await?;
        let all = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let ask = || async {
            let request = self.client.complete_multipart_upload().bucket(&self.options.bucket).key(key);
            let request = request.upload_id(upload).multipart_upload(all.clone());
            let request = request.set_if_none_match(self.options.none_match());
            request.send().await.map_err(fault).map(|_| ())
        };
        match self.calls.run(Op::CompleteUpload, ask).await {
            // An attempt before may have come through: then the object is there, and the upload is not.
            Err(Fault::Missing) => return Err(Fault::Exists),
            completed => completed?,
        }
        let length = self.head(key).await?.content_length();
        match length.and_then(|length| usize::try_from(length).ok()) {
            Some(length) if length == bytes.len() => Ok(()),
            _ => Err(Fault::Refused(format!("the object has {length:?} of {} bytes", bytes.len()))),
        }
    }

    async fn put_part(&self, key: &str, upload: &str, number: usize, part: Bytes) -> Result<CompletedPart, Fault> {
        let number = i32::try_from(number).map_err(|why| Fault::Refused(why.to_string()))?;
        let (checksum, hashed) = (self.options.checksum, part.clone());
        let md5 = off_thread(move || checksum.md5(&hashed)).await?;
        let ask = || async {
            let request = self.client.upload_part().bucket(&self.options.bucket).key(key).upload_id(upload);
            let request = request
                .part_number(number)
                .set_checksum_algorithm(checksum.algorithm())
                .set_content_md5(md5.clone())
                .body(ByteStream::from(part.clone()));
            self.calls.sent(part.len());
            let output = request.send().await.map_err(fault)?;
            let done = CompletedPart::builder().part_number(number).set_e_tag(output.e_tag().map(str::to_owned));
            let done = done.set_checksum_crc32_c(output.checksum_crc32_c().map(str::to_owned));
            Ok(done.set_checksum_sha256(output.checksum_sha256().map(str::to_owned)).build())
        };
        match self.calls.run(Op::PutPart, ask).await {
            Err(Fault::Missing) => Err(Fault::Refused("the upload is gone".to_owned())),
            done => done,
        }
    }

    async fn abort_upload(&self, key: &str, upload: &str) -> Result<(), Fault> {
        let ask = || async {
            let request = self.client.abort_multipart_upload().bucket(&self.options.bucket).key(key);
            request.upload_id(upload).send().await.map_err(fault).map(|_| ())
        };
        match self.calls.run(Op::AbortUpload, ask).await {
            Err(Fault::Missing) => Ok(()),
            aborted => aborted,
        }
    }

    /// Gives up uploads of this deployment that began longer ago than `age`; how many.
    pub(crate) async fn sweep_uploads(&self, now: Timestamp, age: Duration) -> Result<usize, Fault> {
        let (prefix, mut swept, mut seen) = (self.key(""), 0, 0);
        let mut marker: Option<(String, String)> = None;
        loop {
            let page = self.uploads(&prefix, marker.as_ref()).await?;
            for upload in page.uploads() {
                seen += 1;
                let began = upload.initiated().and_then(|at| at.to_millis().ok()).map(Timestamp);
                let (Some(key), Some(id), Some(began)) = (upload.key(), upload.upload_id(), began) else { continue };
                if self.name(key).is_some() && now.since(began) >= age {
                    self.abort_upload(key, id).await?;
                    swept += 1;
                }
            }
            let next = page.next_key_marker().zip(page.next_upload_id_marker());
            let next = next.map(|(key, id)| (key.to_owned(), id.to_owned()));
            if page.is_truncated() != Some(true) || next.is_none() || next == marker || seen >= OBJECT_LIST_MAX {
                return Ok(swept);
            }
            marker = next;
        }
    }

    async fn uploads(
        &self,
        prefix: &str,
        marker: Option<&(String, String)>,
    ) -> Result<aws_sdk_s3::operation::list_multipart_uploads::ListMultipartUploadsOutput, Fault> {
        let ask = || async {
            let request = self.client.list_multipart_uploads().bucket(&self.options.bucket).prefix(prefix);
            let (key, id) = marker.cloned().unzip();
            let request = request.max_uploads(S3_PAGE_MAX).set_key_marker(key).set_upload_id_marker(id);
            request.send().await.map_err(fault)
        };
        self.calls.run(Op::ListUploads, ask).await
    }
}
