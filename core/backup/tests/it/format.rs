//! SUMMARY    A reader of its own, written after docs/decisions/0071 and not after the code: what is written is what is described.

use crate::world::{World, key, small};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use bytes::Bytes;
use prost::Message;
use std::collections::BTreeMap;

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(bytes = "vec", tag = "1")]
    name: Vec<u8>,
    #[prost(uint32, tag = "2")]
    level: u32,
    #[prost(uint64, tag = "5")]
    rows: u64,
    #[prost(uint64, tag = "7")]
    stored: u64,
    #[prost(bool, tag = "8")]
    list: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Manifest {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(btree_map = "string, string", tag = "5")]
    facts: BTreeMap<String, String>,
    #[prost(message, optional, tag = "6")]
    streams: Option<Node>,
    #[prost(message, optional, tag = "7")]
    objects: Option<Node>,
}

#[derive(Clone, PartialEq, Message)]
struct Stream {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(message, optional, tag = "2")]
    root: Option<Node>,
}

#[derive(Clone, PartialEq, Message)]
struct Object {
    #[prost(uint64, tag = "1")]
    bytes: u64,
    #[prost(bytes = "vec", tag = "2")]
    digest: Vec<u8>,
}

/// The bytes of a depot and the key of its repository, `[7; 32]`.
struct Reader(BTreeMap<String, Bytes>);

fn derive(context: &str) -> [u8; 32] {
    blake3::derive_key(context, &[7; 32])
}

impl Reader {
    fn open(&self, name: &str) -> Vec<u8> {
        let sealed = &self.0[name];
        assert_eq!(sealed[0], 1);
        let cipher = blake3::keyed_hash(&derive("posthouse backup 1: seals of objects"), name.as_bytes());
        let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, cipher.as_bytes()).unwrap());
        let nonce = Nonce::try_assume_unique_for_key(&sealed[1..13]).unwrap();
        let mut inner = sealed[13..].to_vec();
        let inner = cipher.open_in_place(nonce, Aad::from(name.as_bytes()), &mut inner).unwrap();
        match inner[0] {
            0 => inner[1..].to_vec(),
            1 => {
                let length = u32::from_le_bytes(inner[1..5].try_into().unwrap()) as usize;
                let plain = zstd::bulk::decompress(&inner[5..], length).unwrap();
                assert_eq!(plain.len(), length);
                plain
            }
            other => panic!("{other}"),
        }
    }

    /// Rows at level 0 below a node.
    fn rows(&self, node: Option<Node>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let Some(node) = node else { return Vec::new() };
        let hex: String = node.name.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!("{}/{}/{hex}", if node.list { "list" } else { "chunk" }, &hex[..2]);
        assert_eq!(self.0[&name].len() as u64, node.stored);
        let mut plain = self.open(&name);
        let of = if node.list { "pages of lists" } else { "chunks" };
        let hash = blake3::keyed_hash(&derive(&format!("posthouse backup 1: names of {of}")), &plain);
        assert_eq!(hash.to_hex().as_str(), hex);
        let mut rows = Vec::new();
        while !plain.is_empty() {
            let length = |at: usize| u32::from_le_bytes(plain[at..at + 4].try_into().unwrap()) as usize;
            let (key, value) = (length(0), length(4));
            let rest = plain.split_off(8 + key + value);
            rows.push((plain[8..8 + key].to_vec(), plain[8 + key..].to_vec()));
            plain = rest;
        }
        if node.level > 0 {
            let below = rows.into_iter().map(|(_, value)| Node::decode(value.as_slice()).unwrap());
            rows = below.flat_map(|child| self.rows(Some(child))).collect();
        }
        assert_eq!(rows.len() as u64, node.rows);
        rows
    }
}

#[tokio::test]
async fn what_is_written_is_what_is_described() {
    let (world, content) = (World::new().await, small(3));
    let snapshot = world.back_up(&content).await.unwrap();
    let reader = Reader(world.depot.kept.all());
    let manifest = Manifest::decode(reader.open(&format!("snapshot/{}", snapshot.id())).as_slice()).unwrap();
    assert_eq!((manifest.version, manifest.facts["store"].as_str()), (1, "one"));
    let mut streams = BTreeMap::new();
    for (name, entry) in reader.rows(manifest.streams) {
        let entry = Stream::decode(entry.as_slice()).unwrap();
        assert_eq!(entry.kind, "test");
        streams.insert(String::from_utf8(name).unwrap(), reader.rows(entry.root).into_iter().collect());
    }
    assert!(streams == content.streams);
    for (name, entry) in reader.rows(manifest.objects) {
        let (name, entry) = (String::from_utf8(name).unwrap(), Object::decode(entry.as_slice()).unwrap());
        let bytes = &reader.0[&format!("object/{name}")];
        assert_eq!((bytes.len() as u64, bytes.as_ref()), (entry.bytes, content.objects[&name].as_slice()));
        assert_eq!(blake3::hash(bytes).as_bytes().as_slice(), entry.digest);
    }
    assert_eq!(snapshot.totals().objects, content.objects.len() as u64);
}

#[tokio::test]
async fn the_header_and_the_text_of_a_key_are_as_described() {
    let world = World::new().await;
    let all = world.depot.kept.all();
    let header: serde_json::Value = serde_json::from_slice(&all["repository.json"]).unwrap();
    let field = |name: &str| header[name].as_str().unwrap().to_owned();
    let text = format!("posthouse backup\n1\n{}\n{}\n", field("repository"), header["created"].as_i64().unwrap());
    let check = blake3::keyed_hash(&derive("posthouse backup 1: check value of a repository"), text.as_bytes());
    assert_eq!((field("format").as_str(), field("check")), ("posthouse backup", check.to_hex().to_string()));
    assert_eq!(field("sum"), blake3::hash(format!("{text}{}", field("check")).as_bytes()).to_hex().to_string());
    let check = derive("posthouse backup 1: checksum of the text of a key");
    let bits: String = [7; 32].iter().chain(&check[..4]).map(|byte| format!("{byte:08b}")).collect::<String>() + "00";
    let letter =
        |five: &str| "0123456789abcdefghjkmnpqrstvwxyz".as_bytes()[usize::from_str_radix(five, 2).unwrap()] as char;
    let letters: Vec<char> = (0..58).map(|at| letter(&bits[at * 5..at * 5 + 5])).collect();
    let groups: Vec<String> = letters.chunks(6).map(|group| group.iter().collect()).collect();
    assert_eq!(*key().to_text(), format!("posthouse-backup-key-1:{}", groups.join("-")));
}
