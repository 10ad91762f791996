//! SUMMARY    A repository: created in an empty depot, opened with its key; sealed objects put and fetched.
//! SECURITY   `repository.json` is plain: format, version, id, age, a check value that tells nothing of the key. Everything
//!            else that we make is sealed. Objects are stored as they come: whoever gives them has sealed them.
//! LIMITS     MANIFEST_BYTES_MAX; CHUNK_BYTES_MAX, LIST_BYTES_MAX, ROW_BYTES_MAX
//! INVARIANTS Rows that are read have the hash they are called by, the order, the bounds and the counts that their list says.

use crate::{
    Depot, DepotError, Error, RepositoryKey, Result,
    error::apart,
    limits::MANIFEST_BYTES_MAX,
    row::{self, Row, Weight},
    seal::Keys,
    tree::Node,
};
use base::Clock;
use bytes::Bytes;
use prost::Message;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

const HEADER: &str = "repository.json";
const FORMAT: &str = "posthouse backup";
const VERSION: u32 = 1;

/// A repository of backups; clones are the same one.
#[derive(Clone)]
pub struct Repository(Arc<Inner>);

struct Inner {
    depot: Arc<dyn Depot>,
    keys: Keys,
    id: String,
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository").field("id", &self.0.id).field("depot", &self.0.depot.describe()).finish()
    }
}

/// What is asked of a header before the rest of it is understood.
#[derive(Deserialize)]
struct Form {
    format: String,
    version: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    /// 32 hexadecimal digits.
    repository: String,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    created: i64,
    /// Under the key: says whose repository it is.
    check: String,
    /// Without a key: says that the rest is whole.
    sum: String,
}

impl Header {
    /// What the key's check value is of.
    fn checked(&self) -> Vec<u8> {
        format!("{}\n{}\n{}\n{}\n", self.format, self.version, self.repository, self.created).into_bytes()
    }

    fn sum(&self) -> String {
        let mut text = self.checked();
        text.extend_from_slice(self.check.as_bytes());
        blake3::hash(&text).to_hex().to_string()
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let damaged = |why| Error::damaged(HEADER, why);
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(damaged("it is too long"));
        }
        let form: Form =
            serde_json::from_slice(bytes).map_err(|_| damaged("it is not what a repository begins with"))?;
        if form.format != FORMAT || form.version == 0 {
            return Err(damaged("it is not of a repository of backups"));
        }
        if form.version > VERSION {
            return Err(Error::NewerFormat(form.version));
        }
        let header: Header = serde_json::from_slice(bytes).map_err(|_| damaged("a field is missing"))?;
        match header.sum() == header.sum {
            true => Ok(header),
            false => Err(damaged("its checksum is wrong")),
        }
    }
}

impl Repository {
    /// Makes a repository in a depot that is empty. Errors: `Occupied`.
    pub async fn create(depot: Arc<dyn Depot>, key: &RepositoryKey, clock: &dyn Clock) -> Result<Self> {
        if let Some(found) = depot.list("", None, 1).await?.pop() {
            return Err(Error::Occupied { depot: depot.describe(), found: found.name });
        }
        let keys = Keys::new(key);
        let mut id = [0_u8; 16];
        aws_lc_rs::rand::fill(&mut id).map_err(|_| Error::Machine("no randomness".to_owned()))?;
        let mut header = Header {
            format: FORMAT.to_owned(),
            version: VERSION,
            repository: format!("{:032x}", u128::from_be_bytes(id)),
            created: clock.now().0,
            check: String::new(),
            sum: String::new(),
        };
        header.check = keys.check(&header.checked());
        header.sum = header.sum();
        let text = serde_json::to_vec_pretty(&header).map_err(|why| Error::Machine(why.to_string()))?;
        depot.put(HEADER, text.into()).await?;
        // Of two that are created at once the one that is there now is the repository.
        let opened = Repository::open(depot.clone(), key).await;
        match opened {
            Ok(repo) if repo.id() == header.repository => Ok(repo),
            Ok(_) | Err(Error::WrongKey) => Err(Error::Occupied { depot: depot.describe(), found: HEADER.to_owned() }),
            Err(why) => Err(why),
        }
    }

    /// Opens a repository. Errors: `NoRepository`, `WrongKey`, `NewerFormat`, `Damaged`.
    pub async fn open(depot: Arc<dyn Depot>, key: &RepositoryKey) -> Result<Self> {
        let header = match depot.get(HEADER).await {
            Err(DepotError::Missing(_)) => return Err(Error::NoRepository(depot.describe())),
            header => Header::parse(&header?)?,
        };
        let keys = Keys::new(key);
        if keys.check(&header.checked()) != header.check {
            return Err(Error::WrongKey);
        }
        Ok(Repository(Arc::new(Inner { depot, keys, id: header.repository })))
    }

    /// 32 hexadecimal digits that no other repository has.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Where it is, for people.
    pub fn describe(&self) -> String {
        self.0.depot.describe()
    }

    pub(crate) fn depot(&self) -> &dyn Depot {
        &*self.0.depot
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// Puts a small sealed message.
    pub(crate) async fn put_message(&self, name: &str, message: &impl Message) -> Result<()> {
        let plain = message.encode_to_vec();
        if plain.len() > MANIFEST_BYTES_MAX {
            return Err(Error::Limit("MANIFEST_BYTES_MAX"));
        }
        Ok(self.depot().put(name, self.keys().seal(name, &plain)?).await?)
    }

    pub(crate) async fn message<M: Message + Default>(&self, name: &str) -> Result<M> {
        let sealed = self.depot().get(name).await?;
        let plain = self.keys().open(name, &sealed, MANIFEST_BYTES_MAX)?;
        M::decode(plain.as_slice()).map_err(|_| Error::damaged(name, "it says nothing that is understood"))
    }

    /// The rows of a chunk or a page, checked against their node.
    pub(crate) async fn rows(&self, node: &Node) -> Result<Vec<Row>> {
        let (name, place) = (node.content()?, node.place()?);
        let sealed = self.depot().get(&place).await?;
        let (own, node) = (self.clone(), node.clone());
        apart(move || {
            let family = node.family();
            let plain = own.keys().open(&place, &sealed, family.shape().plain_bytes_max())?;
            drop(sealed);
            if own.keys().name(family, &plain) != name {
                return Err(Error::damaged(place, "it has other content than it is called by"));
            }
            let rows = row::decode(Bytes::from(plain)).map_err(|why| Error::damaged(&place, why))?;
            if rows.first().is_none_or(|(key, _)| *key != node.first) {
                return Err(Error::damaged(place, "it does not begin where its list says"));
            }
            if node.level == 0 {
                let last = rows.last().map(|(key, _)| key);
                let bytes = rows.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum();
                let weight = Weight { rows: rows.len() as u64, bytes };
                if last != Some(&node.last) || weight != node.weight() {
                    return Err(Error::damaged(place, "it has other rows than its list says"));
                }
            }
            Ok(rows)
        })
        .await
    }

    /// The nodes of a page, which is above level 0.
    pub(crate) async fn children(&self, node: &Node) -> Result<Vec<Node>> {
        let place = node.place()?;
        let damaged = |why| Error::damaged(&place, why);
        let (mut out, mut weight) = (Vec::<Node>::new(), Weight::default());
        for (key, value) in self.rows(node).await? {
            let child = Node::decode(value).map_err(|_| damaged("an entry says nothing that is understood"))?;
            let is_behind = out.last().is_none_or(|before| before.last < child.first);
            if child.first != key
                || child.first > child.last
                || !is_behind
                || child.level.checked_add(1) != Some(node.level)
            {
                return Err(damaged("an entry is not where it belongs"));
            }
            weight.add(child.weight());
            out.push(child);
        }
        match out.last().is_some_and(|last| last.last == node.last) && weight == node.weight() {
            true => Ok(out),
            false => Err(damaged("it has other entries than its list says")),
        }
    }
}
