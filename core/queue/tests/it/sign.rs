//! SUMMARY    Which mail leaves signed, by whose keys, and which does not. That signatures verify is checked in ops/interop by another implementation.
//! STANDARDS  RFC 6376 §5

use super::*;
use account::Sender;
use base64::{Engine, engine::general_purpose::STANDARD};
use control::{DkimAlgorithm, DkimKey};
use rcgen::{KeyPair, PKCS_ED25519, PKCS_RSA_SHA256};

const BODY: &str = "one  two \r\n.dot\r\n\r\n";

fn key(selector: &str, algorithm: DkimAlgorithm) -> DkimKey {
    let made = match algorithm {
        DkimAlgorithm::RsaSha256 => KeyPair::generate_for(&PKCS_RSA_SHA256),
        DkimAlgorithm::Ed25519Sha256 => KeyPair::generate_for(&PKCS_ED25519),
    };
    let private_key = STANDARD.encode(made.unwrap().serialize_der());
    DkimKey { selector: selector.into(), algorithm, private_key }
}

fn ed25519(selector: &str) -> DkimKey {
    key(selector, DkimAlgorithm::Ed25519Sha256)
}

fn keyed(domain: &str, tenant: u64, version: u64, dkim: Vec<DkimKey>) -> Change {
    Change::Domain(DomainSnapshot { dkim, ..DomainSnapshot::new(domain, TenantId(tenant), version) })
}

impl Desk {
    /// A message by `from`, from `source`, to one address elsewhere or here.
    async fn write(&self, source: Source<'_>, (sender, from): (&str, &str), to: &str) {
        let address = Address::parse(to).unwrap();
        let route = self.accounts.route(&address, Sender::Stranger).await.ok();
        let recipients = [EnvelopeRecipient { address, route, notify: 1, orcpt: String::new() }];
        let message = format!("Received: from x\r\nFrom: {from}\r\nSubject: out\r\n\r\n{BODY}");
        let sender = Address::parse(sender).unwrap();
        let accept = Accept::new(source, Some(&sender), &recipients, message.as_bytes());
        assert!(self.mail.accept(accept).await.unwrap().results.iter().all(Result::is_ok));
    }

    /// What the host took last, once `count` messages went out: `d= s=` of each signature, and the text.
    async fn signed(&self, count: usize) -> (Vec<String>, String) {
        self.until("all is taken", async |d: &Desk| d.taken.lock().unwrap().len() == count).await;
        let text = self.taken.lock().unwrap()[count - 1].1.clone();
        let head = text.split("\r\n\r\n").next().unwrap().replace("\r\n\t", " ");
        let fields = head.split("\r\n").filter(|l| l.starts_with("DKIM-Signature:"));
        let tag = |field: &str, name: &str| {
            let found = field.split("; ").find_map(|t| t.trim().strip_prefix(name).map(ToOwned::to_owned));
            found.unwrap()
        };
        (fields.map(|f| format!("{} {}", tag(f, "d="), tag(f, "s="))).collect(), text)
    }
}

#[tokio::test]
async fn mail_of_a_verified_domain_is_signed_by_each_of_its_keys_above_everything_else() {
    let desk = Desk::new().await;
    let keys = vec![key("one", DkimAlgorithm::RsaSha256), ed25519("two")];
    desk.accounts.apply(vec![keyed("a.example", 1, 2, keys)]).await.unwrap();
    desk.start();
    desk.write(Source::System(TenantId(1)), ("ann@a.example", "Ann <ann@a.example>"), "ok@b.example").await;
    let (signed, text) = desk.signed(1).await;
    assert_eq!(signed, ["a.example one", "a.example two"]);
    assert!(
        text.starts_with(
            "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; t=1790000000;\r\n\td=a.example; s=one;\r\n\th="
        ),
        "{text}"
    );
    let mut body = wire::dkim::BodyHash::default();
    body.push(BODY.as_bytes());
    let hash = STANDARD.encode(body.finish().unwrap());
    assert_eq!(text.matches(&format!("bh={hash};")).count(), 2, "{text}");
    assert!(text.ends_with("\r\n\r\none  two \r\n..dot\r\n\r\n.\r\n"), "{text}");
    desk.end().await;
}

#[tokio::test]
async fn the_keys_of_now_sign_also_what_waited() {
    let desk = Desk::new().await;
    desk.accounts.apply(vec![keyed("a.example", 1, 2, vec![ed25519("old")])]).await.unwrap();
    let ann = ("ann@a.example", "ann@a.example");
    desk.start();
    desk.write(Source::System(TenantId(1)), ann, "ok@b.example").await;
    assert_eq!(desk.signed(1).await.0, ["a.example old"]);
    desk.accounts.apply(vec![keyed("a.example", 1, 3, vec![ed25519("new")])]).await.unwrap();
    desk.write(Source::System(TenantId(1)), ann, "ok@b.example").await;
    assert_eq!(desk.signed(2).await.0, ["a.example new"]);
    desk.accounts.apply(vec![keyed("a.example", 1, 4, Vec::new())]).await.unwrap();
    desk.write(Source::System(TenantId(1)), ann, "ok@b.example").await;
    assert_eq!(desk.signed(3).await.0, [""; 0]);
    desk.end().await;
}

#[tokio::test]
async fn the_domain_of_from_signs_or_else_that_of_the_envelope_and_never_another_tenants() {
    let desk = Desk::new().await;
    let batch = vec![
        Change::Entitlement(EntitlementSnapshot::new(TenantId(2), 1)),
        keyed("a.example", 1, 2, vec![ed25519("a")]),
        keyed("second.example", 1, 1, vec![ed25519("second")]),
        keyed("theirs.example", 2, 1, vec![ed25519("theirs")]),
    ];
    desk.accounts.apply(batch).await.unwrap();
    desk.start();
    let cases: [(&str, &str, &[&str]); 5] = [
        ("ann@a.example", "ann@second.example", &["second.example second"]),
        ("ann@a.example", "ann@unknown.example", &["a.example a"]),
        ("ann@a.example", "eve@theirs.example", &["a.example a"]),
        ("eve@theirs.example", "eve@theirs.example", &[]),
        ("ann@sub.a.example", "ann@sub.a.example", &[]),
    ];
    for (n, (sender, from, expected)) in cases.into_iter().enumerate() {
        desk.write(Source::System(TenantId(1)), (sender, from), "ok@b.example").await;
        assert_eq!(desk.signed(n + 1).await.0, expected, "{sender} {from}");
    }
    desk.end().await;
}

#[tokio::test]
async fn what_another_host_brought_is_sent_on_without_a_signature_whoever_it_names() {
    let desk = Desk::new().await;
    let alias = AddressSnapshot {
        local: "on".into(),
        domain: "a.example".into(),
        version: 1,
        tenant: TenantId(1),
        destination: Destination::Forward(vec!["ok@b.example".into()]),
    };
    desk.accounts.apply(vec![keyed("a.example", 1, 2, vec![ed25519("one")]), Change::Address(alias)]).await.unwrap();
    desk.start();
    desk.write(Source::Relay, ("ann@a.example", "The Boss <ann@a.example>"), "on@a.example").await;
    assert_eq!(desk.signed(1).await.0, [""; 0]);
    desk.write(Source::System(TenantId(1)), ("ann@a.example", "ann@a.example"), "on@a.example").await;
    assert_eq!(desk.signed(2).await.0, ["a.example one"], "the same way, by somebody of ours");
    desk.end().await;
}

#[tokio::test]
async fn a_key_that_cannot_be_read_leaves_the_others() {
    let desk = Desk::new().await;
    let broken = DkimKey { private_key: "AAAA".into(), ..ed25519("broken") };
    desk.accounts.apply(vec![keyed("a.example", 1, 2, vec![broken, ed25519("good")])]).await.unwrap();
    desk.start();
    desk.write(Source::System(TenantId(1)), ("ann@a.example", "ann@a.example"), "ok@b.example").await;
    assert_eq!(desk.signed(1).await.0, ["a.example good"]);
    desk.end().await;
}
