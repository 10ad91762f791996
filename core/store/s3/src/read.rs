//! SUMMARY    Reading ranges, listing, deleting.
//! STANDARDS  RFC 9110 §14 (ranges); S3 API GetObject, HeadObject, ListObjectsV2, DeleteObject
//! SECURITY   An answer of another length or place than was asked for is an error, before memory is taken for it.
//! LIMITS     OBJECT_LIST_MAX, S3_PAGE_MAX

use crate::{
    call::{Fault, Op, fault},
    limits::S3_PAGE_MAX,
    objects::S3Objects,
};
use aws_sdk_s3::operation::{
    get_object::GetObjectOutput, head_object::HeadObjectOutput, list_objects_v2::ListObjectsV2Output,
};
use base::{Timestamp, limits::OBJECT_LIST_MAX};
use bytes::{Bytes, BytesMut};
use std::ops::Range;
use store::blob::ObjectInfo;

/// `bytes 0-9/100`: where what came begins, and how long the whole is.
fn parse_content_range(text: &str) -> Option<(u64, u64)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, total.parse().ok()?))
}

/// The length of the body if it is what was asked for.
fn check_head(output: &GetObjectOutput, range: &Range<u64>) -> Result<usize, Fault> {
    let wanted = range.end.saturating_sub(range.start);
    let length = output.content_length().and_then(|length| u64::try_from(length).ok());
    let place = match output.content_range() {
        Some(text) => Some(parse_content_range(text).ok_or_else(|| Fault::Away(format!("content range {text:?}")))?),
        None => None,
    };
    match (place, length) {
        (Some((_, total)), _) if total < range.end => Err(Fault::Short),
        (Some((start, _)), Some(length)) if start == range.start && length == wanted => {
            usize::try_from(length).map_err(|why| Fault::Refused(why.to_string()))
        }
        (None, _) => Err(Fault::Refused("the server knows no ranges".to_owned())),
        (Some(_), _) => Err(Fault::Away(format!("the server sent another range: {length:?} bytes at {place:?}"))),
    }
}

impl S3Objects {
    pub(crate) async fn read(&self, key: &str, range: Range<u64>) -> Result<Bytes, Fault> {
        if range.start >= range.end {
            let length = self.head(key).await?.content_length().and_then(|length| u64::try_from(length).ok());
            return if length >= Some(range.end) { Ok(Bytes::new()) } else { Err(Fault::Short) };
        }
        self.calls.run(Op::Get, || self.read_once(key, &range)).await
    }

    async fn read_once(&self, key: &str, range: &Range<u64>) -> Result<Bytes, Fault> {
        let request = self.client.get_object().bucket(&self.options.bucket).key(key);
        let request = request.range(format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        let mut output = request.send().await.map_err(fault)?;
        let length = check_head(&output, range)?;
        let mut read = BytesMut::with_capacity(length);
        while let Some(piece) = output.body.try_next().await.map_err(|why| Fault::Away(format!("the body: {why}")))? {
            self.calls.received(piece.len());
            if read.len() + piece.len() > length {
                return Err(Fault::Away("the body is longer than announced".to_owned()));
            }
            read.extend_from_slice(&piece);
        }
        if read.len() < length {
            return Err(Fault::Away(format!("the body ended after {} of {length} bytes", read.len())));
        }
        Ok(read.freeze())
    }

    pub(crate) async fn head(&self, key: &str) -> Result<HeadObjectOutput, Fault> {
        let ask = || async {
            let request = self.client.head_object().bucket(&self.options.bucket).key(key);
            request.send().await.map_err(fault)
        };
        self.calls.run(Op::Head, ask).await
    }

    pub(crate) async fn remove(&self, key: &str) -> Result<(), Fault> {
        let ask = || async {
            let request = self.client.delete_object().bucket(&self.options.bucket).key(key);
            request.send().await.map_err(fault).map(|_| ())
        };
        self.calls.run(Op::Delete, ask).await
    }

    /// One page of keys that start with `prefix`.
    pub(crate) async fn page(
        &self,
        prefix: &str,
        token: Option<&str>,
        most: i32,
    ) -> Result<ListObjectsV2Output, Fault> {
        let ask = || async {
            let request = self.client.list_objects_v2().bucket(&self.options.bucket).prefix(prefix).max_keys(most);
            request.set_continuation_token(token.map(str::to_owned)).send().await.map_err(fault)
        };
        self.calls.run(Op::List, ask).await
    }

    /// All objects under a key prefix, OBJECT_LIST_MAX at most. Keys that are no names are not ours.
    pub(crate) async fn pages(&self, prefix: &str) -> Result<Vec<ObjectInfo>, Fault> {
        let (mut found, mut token) = (Vec::new(), None::<String>);
        loop {
            let page = self.page(prefix, token.as_deref(), S3_PAGE_MAX).await?;
            for object in page.contents() {
                let Some(name) = object.key().and_then(|key| self.name(key)) else { continue };
                if found.len() >= OBJECT_LIST_MAX {
                    return Ok(found);
                }
                let bytes = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
                let modified =
                    object.last_modified().and_then(|at| at.to_millis().ok()).map_or(Timestamp(0), Timestamp);
                found.push(ObjectInfo { name: name.to_owned(), bytes, modified });
            }
            let next = page.next_continuation_token().map(str::to_owned);
            // A server that repeats itself would never end.
            if next.is_none() || next == token {
                return Ok(found);
            }
            token = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        assert_eq!(parse_content_range("bytes 5-9/100"), Some((5, 100)));
        for text in ["", "bytes", "bytes 5-9", "bytes 5/9", "bytes */100", "bytes 5-9/*", "lines 5-9/100"] {
            assert_eq!(parse_content_range(text), None, "{text}");
        }
    }

    #[test]
    fn an_answer_is_what_was_asked_for_or_an_error() {
        let head = |range: Option<&str>, length: i64| {
            let output = GetObjectOutput::builder().set_content_range(range.map(str::to_owned));
            check_head(&output.content_length(length).build(), &(5..10)).map_err(|why| why.is_temporary())
        };
        assert_eq!(head(Some("bytes 5-9/100"), 5), Ok(5));
        assert_eq!(head(Some("bytes 5-9/10"), 5), Ok(5));
        assert_eq!(head(Some("bytes 5-8/9"), 4), Err(false), "too short");
        assert_eq!(head(Some("bytes 4-8/100"), 5), Err(true), "another place");
        assert_eq!(head(Some("bytes 5-9/100"), 500), Err(true), "another length");
        assert_eq!(head(Some("bytes x"), 5), Err(true));
        assert_eq!(head(None, 100), Err(false), "all of it");
    }
}
