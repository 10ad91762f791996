use super::*;
use account::{AccountOptions, Accounts, LeaseRequest, MasterKey};
use base::{SystemClock, TenantId, rng::SeededRng};
use control::Control;
use serde_json::json;
use store::{MemKv, blob::FsObjects};
use tenants::{
    Database, DomainOptions, NewInvitation, NewMailbox, NewTenant, PasswordCost, Selector, ServiceOptions, Terms,
};

/// Every kind that is put in line anywhere, with what its letter must tell.
const KINDS: [(&str, &[Fact]); 15] = [
    ("invitation", &[Fact::Tenant, Fact::Secret, Fact::Moment, Fact::Page("/invitation")]),
    ("password-reset", &[Fact::Recipient, Fact::Secret, Fact::Moment, Fact::Page("/reset")]),
    ("signup-code", &[Fact::Wanted, Fact::Code, Fact::Moment, Fact::Page("/signup/resume/sgn_1/s3cret")]),
    ("signup-paid", &[Fact::Page("/signup/resume/sgn_1/s3cret")]),
    ("signup-welcome", &[Fact::Wanted, Fact::Recipient, Fact::Domain, Fact::Page("/")]),
    ("billing-trial-ending", &[Fact::Tenant, Fact::Moment, Fact::Page("/billing")]),
    ("billing-past-due", &[Fact::Tenant, Fact::Day, Fact::Owed, Fact::Promised, Fact::Page("/billing")]),
    ("billing-ahead", &[Fact::Tenant, Fact::Day, Fact::Owed, Fact::Promised, Fact::Page("/billing")]),
    ("billing-reached", &[Fact::Tenant, Fact::Day, Fact::Owed, Fact::Promised, Fact::Page("/billing")]),
    ("billing-purge", &[Fact::Tenant, Fact::Owed, Fact::Promised, Fact::Page("/billing")]),
    ("billing-settled", &[Fact::Tenant, Fact::Day]),
    ("billing-reopened", &[Fact::Tenant, Fact::Day, Fact::Page("/billing")]),
    ("billing-paid", &[Fact::Tenant, Fact::Day, Fact::Owed, Fact::Number, Fact::Page("/billing")]),
    ("billing-ending", &[Fact::Tenant, Fact::Plan, Fact::Moment, Fact::Page("/billing")]),
    ("billing-ended", &[Fact::Tenant, Fact::Plan, Fact::Day, Fact::Page("/billing")]),
];

/// What a letter may have to tell.
#[derive(Debug, Clone, Copy)]
enum Fact {
    Tenant,
    Recipient,
    Secret,
    Code,
    Wanted,
    Domain,
    Owed,
    Number,
    Plan,
    Day,
    Moment,
    Promised,
    /// A page of the portal.
    Page(&'static str),
}

impl Fact {
    /// As it stands in a letter of `full`.
    fn told(self, language: Language) -> String {
        let at = Timestamp(1_795_671_600_000);
        match self {
            Fact::Tenant => "Bäckerei Huber".to_owned(),
            Fact::Recipient => "ann@x.example".to_owned(),
            Fact::Secret => "\n\n    s3cret\n\n".to_owned(),
            Fact::Code => "\n\n    12345678\n\n".to_owned(),
            Fact::Wanted => "a@free.example".to_owned(),
            Fact::Domain => "b.example".to_owned(),
            Fact::Owed => language.amount("12.50 EUR"),
            Fact::Number => "R2026-00007".to_owned(),
            Fact::Plan => "Business".to_owned(),
            Fact::Day => language.day(at),
            Fact::Moment => language.moment(at),
            Fact::Promised => format!("  {}  ", language.moment(Timestamp(at.0 + 86_400_000))),
            Fact::Page(page) => format!("https://p.example{page}"),
        }
    }
}

/// All that any kind may have.
fn full() -> serde_json::Value {
    let at = 1_795_671_600_000_i64;
    json!({
        "tenant": "Bäckerei Huber", "secret": "s3cret", "expires_at_ms": at, "signup": "sgn_1", "code": "12345678",
        "wanted": "a@free.example", "address": "a@free.example", "domain": "b.example", "contact": "ann@x.example",
        "of_ms": at, "stage": "SUSPENDED", "owed": ["12.50 EUR"], "amount": "12.50 EUR", "number": "R2026-00007",
        "dates": [{ "stage": "READ_ONLY", "at_ms": at + 86_400_000 }], "plan": "Business", "next": "none",
        "link": "https://p.example/billing",
    })
}

fn notice(kind: &str, facts: serde_json::Value) -> OutgoingNotice {
    let recipient = "ann@x.example".to_owned();
    let (id, kind, locale) = ("ntc_1".to_owned(), kind.to_owned(), "en".to_owned());
    OutgoingNotice { id, tenant: None, kind, recipient, locale, facts, created_at: Timestamp(0) }
}

fn letter(portal: Option<&str>, notice: &OutgoingNotice) -> Option<(String, String)> {
    let sender = Sender { from: Address::parse("post@mx.example").unwrap(), portal: portal.map(str::to_owned) };
    Draft::new(&sender, "mx.example", notice).written()
}

#[test]
fn each_kind_in_each_language_tells_all_that_its_reader_needs() {
    for (kind, facts) in KINDS {
        let mut texts = Vec::new();
        for language in Language::ALL {
            let notice = OutgoingNotice { locale: language.tag().to_owned(), ..notice(kind, full()) };
            for portal in [Some("https://p.example"), None] {
                let (subject, text) = letter(portal, &notice).unwrap();
                let of = format!("{kind} {}: {subject}\n{text}", language.tag());
                let both = format!("{subject}\n{text}");
                assert!(!subject.is_empty() && !subject.contains('\n') && text.ends_with('\n'), "{of}");
                assert!(!both.contains(['{', '}', '$', '\u{2068}', '\u{2069}']), "{of}");
                assert!(!both.contains(": \n") && !both.contains("  \n"), "something is missing: {of}");
                for fact in facts.iter().filter(|f| portal.is_some() || !matches!(f, Fact::Page(_))) {
                    assert!(text.contains(&fact.told(language)), "{fact:?} of {of}");
                }
                texts.push(both);
            }
        }
        assert!(texts[0] != texts[2] && texts[2] != texts[4] && texts[0] != texts[4], "{kind} is translated");
        assert!(letter(None, &notice(kind, json!({}))).is_some(), "{kind} without facts is a letter still");
    }
}

#[test]
fn a_notice_says_what_it_is_about_and_has_the_code() {
    let portal = Some("https://p.example");
    let facts = json!({ "tenant": "Alpha", "secret": "s3", "expires_at_ms": 0 });
    let (subject, text) = letter(portal, &notice("invitation", facts.clone())).unwrap();
    assert_eq!(subject, "You are invited to Alpha");
    let bait = "Your Bank: pay at http://evil.example/x \u{202e}gpj";
    assert_eq!(named(bait), "Your Bank pay at http evil example x gpj");
    assert!(
        text.contains("\n    s3\n")
            && text.contains("at https://p.example/invitation:\n")
            && text.contains("1 January 1970, 00:00 UTC")
    );
    let (_, text) = letter(portal, &notice("password-reset", facts.clone())).unwrap();
    assert!(text.contains("https://p.example/reset:\n\n    s3\n") && text.contains("for ann@x.example on mx.example"));
    assert!(letter(portal, &notice("news", facts.clone())).is_none());
    let branded = json!({ "tenant": "Alpha", "secret": "s3", "portal": "https://login.alpine.example" });
    let (_, text) = letter(portal, &notice("invitation", branded)).unwrap();
    assert!(text.contains("at https://login.alpine.example/invitation:\n"), "{text}");
    // Without a portal it says where else the code goes.
    for (kind, mutation) in [("invitation", "invitationAccept"), ("password-reset", "passwordReset")] {
        let (_, text) = letter(None, &notice(kind, facts.clone())).unwrap();
        let place = format!(
            "sign in to what mx.example offers, or ask whoever runs it; a program gives it to the API as `secret` of `{mutation}`:\n\n    s3\n"
        );
        assert!(text.contains(&place), "{text}");
    }
}

#[test]
fn a_name_that_is_an_address_is_quoted_and_one_that_only_has_one_is_not() {
    let subject = |locale: &str, kind: &str, tenant: &str| {
        let facts = json!({ "tenant": tenant, "secret": "s3", "expires_at_ms": 0, "of_ms": 0 });
        letter(None, &OutgoingNotice { locale: locale.to_owned(), ..notice(kind, facts) }).unwrap().0
    };
    let petra = "petra@posthouse.example";
    assert_eq!(subject("en", "invitation", petra), "You are invited to “petra@posthouse.example”");
    assert!(subject("de", "billing-past-due", petra).contains("„petra@posthouse.example“"));
    assert!(subject("fr", "billing-paid", petra).contains("« petra@posthouse.example »"));
    for bait in ["pay ann@evil.example now", "a@b@evil.example", "x@evil.example/pay", "x@localhost", "x@[192.0.2.1]"] {
        assert!(!subject("en", "invitation", bait).contains('@'), "{bait}");
    }
}

#[test]
fn a_letter_about_money_tells_the_days_and_nobody_writes_links_in_our_name() {
    let dates = json!([{ "stage": "SUSPENDED", "at_ms": 86_400_000 }, { "stage": "CLOSING", "at_ms": 172_800_000 }]);
    let owed = ["12.00 EUR", "3 JPY"];
    let facts = json!({
        "tenant": "Alpha", "stage": "SUSPENDED", "of_ms": 0, "dates": dates, "owed": owed, "link": "https://p.example/billing",
    });
    let german = |kind: &str| OutgoingNotice { locale: "de-AT".to_owned(), ..notice(kind, facts.clone()) };
    let (subject, text) = letter(None, &notice("billing-past-due", facts.clone())).unwrap();
    assert_eq!(subject, "A payment for Alpha is due");
    for part in [
        "was due on 1 January 1970 and was not made (12.00 EUR; 3 JPY)",
        "  2 January 1970, 00:00 UTC  nothing is sent to others any more\n",
        "  3 January 1970, 00:00 UTC  nothing is received any more",
        "Pay: https://p.example/billing\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (subject, text) = letter(None, &german("billing-reached")).unwrap();
    assert_eq!(subject, "Alpha: an andere kann nichts gesendet werden");
    for part in [
        "seit dem 1. Januar 1970 fällig (12,00 EUR; 3 JPY)",
        "Ab jetzt gilt: an andere kann nichts gesendet werden.",
        "  3. Januar 1970, 00:00 Uhr UTC  es kommt nichts mehr an",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let bait = json!({ "tenant": "Pay at http://evil.example", "plan": "See http://evil.example", "of_ms": 0 });
    for (kind, _) in KINDS.iter().filter(|(kind, _)| kind.starts_with("billing-")) {
        let (subject, text) = letter(None, &notice(kind, bait.clone())).unwrap();
        assert!(!text.contains("http://") && !subject.contains("http://"), "{kind}: {text}");
    }
}

#[test]
fn each_mail_of_a_signup_has_what_its_reader_needs_next() {
    let portal = Some("https://p.example");
    let (subject, text) = letter(portal, &notice("signup-code", full())).unwrap();
    assert!(!subject.contains("12345678"), "it is not shown on a locked screen");
    assert!(text.contains("26 November 2026, 05:40 UTC"));
    let (_, text) = letter(None, &notice("signup-code", full())).unwrap();
    assert!(text.contains("id sgn_1\n    secret s3cret\n"));
    let (_, text) = letter(portal, &notice("signup-paid", full())).unwrap();
    assert!(text.contains("choose a password"));
    let facts = json!({ "address": "a@free.example", "domain": "b.example", "contact": "ann@x.example", "known": true, "outcome": "b.example: no" });
    let (_, text) = letter(portal, &notice("signup-welcome", facts)).unwrap();
    assert!(
        text.contains("Your mailbox is a@free.example.") && text.contains("have there already: https://p.example/")
    );
    assert!(text.contains("b.example could not be set up"));
    assert!(letter(portal, &notice("signup-news", json!({}))).is_none());
}

#[tokio::test]
async fn an_invitation_is_mailed_once_and_what_cannot_be_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = Accounts::new(AccountOptions {
        kv: Arc::new(MemKv::new()),
        objects: Arc::new(FsObjects::open(folder.path().join("objects")).unwrap()),
        master: MasterKey::new([7; 32]),
        clock: Arc::new(SystemClock),
        rng: Arc::new(SeededRng::new(7)),
    });
    let options = ServiceOptions {
        control: Arc::new(accounts.clone()),
        clock: Arc::new(SystemClock),
        password_cost: PasswordCost { memory_kib: 8, passes: 1 },
        domains: DomainOptions::default(),
    };
    let service = Service::open(Database::Sqlite(folder.path().join("c.sqlite")), options).await.unwrap();
    let operator = service.authenticate(&service.bootstrap("Provider").await.unwrap().operator_token).await.unwrap();
    let terms = Terms::default();
    let new = NewTenant { name: "alpha".into(), ..NewTenant::default() };
    let made = service.tenant_create(&operator, &terms, &new).await.unwrap().object;
    let (tenant, owner) = (made.tenant.id, service.authenticate(&made.token.unwrap()).await.unwrap());
    service.domain_vouch(&operator, &terms, tenant, "alpha.example").await.unwrap();
    let new =
        NewMailbox { address: "ann@alpha.example".into(), password: "long enough".into(), ..NewMailbox::default() };
    let ann = service.mailbox_create(&owner, &terms, &new).await.unwrap().object.id;
    for email in ["ann@alpha.example", "nobody@alpha.example"] {
        let (email, role) = (email.to_owned(), "auditor".to_owned());
        let new = NewInvitation { tenant, email, role, on: Selector::All };
        service.member_invite(&owner, &terms, &new).await.unwrap();
    }
    let (mail, from) = (Mail::new(accounts.clone(), "mx.example"), Address::parse("post@mx.example").unwrap());
    let sender = Sender { from, portal: None };
    let emails = async || accounts.account_usage(tenant, ann).await.unwrap().emails;
    assert_eq!(emails().await, 0);
    assert_eq!(pass(&service, &mail, &sender).await.unwrap(), 2);
    assert_eq!(emails().await, 1);
    assert_eq!(pass(&service, &mail, &sender).await.unwrap(), 0, "both are done");
    assert!(service.notices_due(10).await.unwrap().is_empty());
    assert_eq!(emails().await, 1);
    // The provider has no mailbox, and its mail to people elsewhere goes all the same.
    let away = OutgoingNotice {
        recipient: "boss@away.example".to_owned(),
        ..notice("password-reset", json!({ "secret": "s" }))
    };
    let away = OutgoingNotice { created_at: accounts.clock().now(), ..away };
    let provider = service.provider().await.unwrap();
    assert_eq!(send(&mail, &sender, &away, provider).await.unwrap(), Some(Sent::Accepted));
    let request = LeaseRequest { items: 1, items_per_tenant: 1, lease: Duration::from_secs(60), after: TenantId(0) };
    let [lease] = accounts.lease(request).await.unwrap().try_into().ok().unwrap();
    assert_eq!(accounts.held_back(provider, &lease.item).await.unwrap(), None, "it waits for nothing");
    // What has ended is tried no more, young as the notice is.
    let now = accounts.clock().now().0;
    for (expires_at_ms, sent) in [(now, None), (now + 60_000, Some(Sent::Accepted))] {
        let facts = json!({ "secret": "s", "expires_at_ms": expires_at_ms });
        let late = OutgoingNotice { id: format!("ntc_{expires_at_ms}"), facts, ..away.clone() };
        assert_eq!(send(&mail, &sender, &late, provider).await.unwrap(), sent);
    }
}
