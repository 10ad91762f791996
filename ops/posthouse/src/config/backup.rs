//! SUMMARY    `[backup]`: where backups go and what opens them, how often they are made, which are kept.
//! INVARIANTS A backup that this server is to make by itself has a place; what concerns a bucket is refused without one.

use super::{
    load::Loaded,
    storage::{Encryption, S3, set_in_vain},
    within,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// What a bucket's name begins with in `backup.to` and `--to`.
const BUCKET: &str = "s3://";

/// Where a repository of backups is.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    Folder(PathBuf),
    S3(Box<S3>),
}

/// `[backup]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Backup {
    /// None: only what a command names.
    pub to: Option<Place>,
    /// None: `backup.key` in the data folder.
    pub key_file: Option<PathBuf>,
    /// Time between two backups that this server makes by itself; None: it makes none.
    pub every: Option<Duration>,
    pub keep: Keep,
    bucket: Bucket,
}

/// How many backups are kept: the newest, and the newest of each day, week and month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    pub last: u32,
    pub daily: u32,
    pub weekly: u32,
    pub monthly: u32,
}

/// What is said of a bucket besides its name.
#[derive(Clone, PartialEq, Eq)]
struct Bucket {
    endpoint: Option<String>,
    region: String,
    keys: Option<(String, String)>,
    path_style: bool,
    ca_file: Option<PathBuf>,
}

impl Backup {
    /// What `--to` names, with what the configuration says of buckets. Errors: not a folder and not `s3://BUCKET/PREFIX`.
    pub fn place(&self, to: &str) -> Result<Place, String> {
        place(to, &self.bucket)
    }
}

/// A folder, or `s3://BUCKET/PREFIX`.
fn place(to: &str, bucket: &Bucket) -> Result<Place, String> {
    let Some(named) = to.strip_prefix(BUCKET) else {
        if to.is_empty() || to.contains("://") {
            return Err(format!("{to:?} is neither a folder nor s3://BUCKET/PREFIX"));
        }
        let folder = std::path::absolute(Path::new(to)).map_err(|e| format!("{to:?}: {e}"))?;
        return Ok(Place::Folder(folder));
    };
    let (name, prefix) = named.split_once('/').unwrap_or((named, ""));
    let prefix = prefix.trim_matches('/');
    // Without one, whatever else is in the bucket would be among the backups.
    if name.is_empty() || prefix.is_empty() {
        return Err(format!("{to:?}: a bucket and a prefix in it, as s3://BUCKET/PREFIX"));
    }
    let Bucket { endpoint, region, keys, path_style, ca_file } = bucket.clone();
    Ok(Place::S3(Box::new(S3 {
        endpoint,
        region,
        bucket: name.to_owned(),
        prefix: prefix.to_owned(),
        keys,
        path_style,
        encryption: Encryption::Bucket,
        ca_file,
        cache_folder: None,
        cache_bytes: 0,
    })))
}

pub fn backup(from: &Loaded) -> Result<Backup, String> {
    let keys = match (from.text("backup.access_key"), from.text("backup.secret_key")) {
        (Some(access), Some(secret)) => Some((access, secret)),
        (Some(_), None) => return Err("backup.secret_key: it is needed with backup.access_key".to_owned()),
        (None, Some(_)) => return Err("backup.access_key: it is needed with backup.secret_key".to_owned()),
        (None, None) => None,
    };
    let bucket = Bucket {
        endpoint: from.text("backup.endpoint"),
        region: from.text("backup.region").unwrap_or_default(),
        keys,
        path_style: from.flag("backup.path_style"),
        ca_file: from.path("backup.ca_file"),
    };
    if bucket.endpoint.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
        return Err("backup.endpoint: it begins with http:// or https://".to_owned());
    }
    let to = from.text("backup.to").map(|to| place(&to, &bucket)).transpose();
    let to = to.map_err(|why| format!("backup.to: {why}"))?;
    if let Some(Place::Folder(_)) = &to {
        for path in ["backup.endpoint", "backup.access_key", "backup.path_style", "backup.ca_file"] {
            set_in_vain(from, path, &[], "backup.to is a bucket, as s3://BUCKET/PREFIX")?;
        }
    }
    let every = match from.is_set("backup.every") {
        true => Some(within(from, "backup.every", 60, 30 * 86_400)?),
        false => None,
    };
    if every.is_some() && to.is_none() {
        return Err("backup.to: it is needed with backup.every".to_owned());
    }
    let count = |path: &str| from.count(path).map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    let keep = Keep {
        last: count("backup.keep_last")?,
        daily: count("backup.keep_daily")?,
        weekly: count("backup.keep_weekly")?,
        monthly: count("backup.keep_monthly")?,
    };
    Ok(Backup { to, key_file: from.path("backup.key_file"), every, keep, bucket })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Result<Backup, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("[backup]\n{lines}")).unwrap();
        backup(&Loaded::read(Some(file.path()), std::iter::empty()).unwrap())
    }

    #[test]
    fn a_place_is_a_folder_or_a_prefix_in_a_bucket() {
        let at = |to: &str| read(&format!("to = {to:?}\n")).map(|backup| backup.to);
        assert!(at("/var/backups").unwrap() == Some(Place::Folder("/var/backups".into())));
        match at("s3://b/one/two/").unwrap().unwrap() {
            Place::S3(s3) => assert_eq!((s3.bucket.as_str(), s3.prefix.as_str()), ("b", "one/two")),
            Place::Folder(_) => panic!("a bucket"),
        }
        for wrong in ["s3://b", "s3://b/", "s3:///p", "ftp://b/p", ""] {
            assert!(at(wrong).is_err_and(|why| why.starts_with("backup.to: ")), "{wrong}");
        }
    }

    #[test]
    fn what_is_of_no_use_or_missing_is_refused() {
        for (lines, key) in [
            ("every = \"1d\"\n", "backup.to"),
            ("to = \"/b\"\nevery = \"1s\"\n", "backup.every"),
            ("to = \"/b\"\nendpoint = \"https://s3\"\n", "backup.endpoint"),
            ("to = \"s3://b/p\"\nendpoint = \"s3\"\n", "backup.endpoint"),
            ("to = \"s3://b/p\"\naccess_key = \"a\"\n", "backup.secret_key"),
        ] {
            let why = read(lines).err().unwrap();
            assert!(why.starts_with(&format!("{key}: ")), "{lines}: {why}");
        }
        let kept = read("to = \"/b\"\nevery = \"1d\"\nkeep_daily = 30\n").unwrap();
        assert_eq!((kept.every, kept.keep.daily), (Some(Duration::from_secs(86_400)), 30));
    }
}
