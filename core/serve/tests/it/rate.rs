//! SUMMARY    Rates and limits at the doors: who is counted, what is said, that what is refused is not counted.

use crate::world::{Client, PASSWORD, World};
use base::TenantId;
use base64::{Engine, engine::general_purpose::STANDARD};
use control::{AccountSnapshot, Change, Control, DomainSnapshot, EntitlementSnapshot, EventKind, Rates, SendLimits};
use serve::IpRates;

const SELLER: TenantId = TenantId(50);

/// Ann's tenant is below a reseller.
struct Ladder {
    world: World,
    version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Credential,
    Mailbox,
    Domain,
    Tenant,
    Above,
}

const LEVELS: [(Level, &str); 5] = [
    (Level::Credential, "this password"),
    (Level::Mailbox, "this mailbox"),
    (Level::Domain, "this domain"),
    (Level::Tenant, "your organisation"),
    (Level::Above, "your provider"),
];

impl Ladder {
    async fn new() -> Ladder {
        Ladder { world: World::new().await, version: 1 }
    }

    fn entitlement(&self, tenant: TenantId) -> EntitlementSnapshot {
        let ancestors = if tenant == SELLER { Vec::new() } else { vec![SELLER] };
        EntitlementSnapshot { ancestors, ..EntitlementSnapshot::new(tenant, self.version) }
    }

    fn ann(&self) -> AccountSnapshot {
        self.world.account(1, "ann", "a.example", None, self.version, true)
    }

    /// Sets the limits of one level, and takes away all others.
    async fn limit(&mut self, level: Level, send: SendLimits) {
        self.version += 1;
        let mut ann = self.ann();
        let mut domain = DomainSnapshot::new("a.example", TenantId(1), self.version);
        let (mut own, mut above) = (self.entitlement(TenantId(1)), self.entitlement(SELLER));
        *match level {
            Level::Credential => &mut ann.credentials[0].send,
            Level::Mailbox => &mut ann.send,
            Level::Domain => &mut domain.send,
            Level::Tenant => &mut own.send,
            Level::Above => &mut above.send,
        } = send;
        let changes =
            vec![Change::Account(ann), Change::Domain(domain), Change::Entitlement(own), Change::Entitlement(above)];
        self.world.accounts.apply(changes).await.unwrap();
    }
}

async fn login(world: &World, name: &str) -> Client {
    let mut client = Client::connect(world.submission).await;
    client.until("220 ").await;
    client.ask("EHLO c", "250 ").await;
    let plain = STANDARD.encode(format!("\0{name}\0{PASSWORD}"));
    client.ask(&format!("AUTH PLAIN {plain}"), "235 ").await;
    client
}

/// Submits to so many recipients elsewhere, counted from `first`.
async fn send(client: &mut Client, from: &str, first: u32, count: u32) -> String {
    client.ask(&format!("MAIL FROM:<{from}>"), "250 ").await;
    for n in first..first + count {
        client.ask(&format!("RCPT TO:<p{n}@other.example>"), "250 ").await;
    }
    client.ask("DATA", "354 ").await;
    client.ask_line(&format!("From: {from}\r\n\r\nx\r\n.")).await
}

const ANN: &str = "ann@a.example";

fn hourly(max: u32) -> SendLimits {
    SendLimits { per_hour: Some(max), ..SendLimits::default() }
}

#[tokio::test]
async fn every_level_limits_what_fits_later_is_451_with_a_hint_and_what_never_fits_550() {
    type Limits = fn(u32) -> SendLimits;
    let kinds: [(&str, Limits); 3] = [
        ("recipients per hour", hourly),
        ("recipients per day", |max| SendLimits { per_day: Some(max), ..SendLimits::default() }),
        ("new recipients per day", |max| SendLimits { new_recipients_per_day: Some(max), ..SendLimits::default() }),
    ];
    for (level, who) in LEVELS {
        let mut ladder = Ladder::new().await;
        for (n, (kind, limits)) in kinds.iter().enumerate() {
            let first = 1_000 * n as u32;
            ladder.limit(level, limits(3)).await;
            let mut client = login(&ladder.world, ANN).await;
            let never = send(&mut client, ANN, first, 4).await;
            assert!(
                never.starts_with("550 5.7.1 ") && never.contains(who) && never.contains(kind),
                "{level:?}: {never}"
            );
            let fits = send(&mut client, ANN, first, 2).await;
            assert!(fits.starts_with("250 "), "what was refused is not counted: {level:?} {kind}: {fits}");
            let later = send(&mut client, ANN, first + 100, 2).await;
            assert!(later.starts_with("451 4.7.1 ") && later.contains(who), "{level:?}: {later}");
            assert!(later.contains(&format!("3 {kind}")) && later.contains("ry again in "), "{level:?}: {later}");
            let last = send(&mut client, ANN, first + 200, 1).await;
            assert!(last.starts_with("250 "), "{level:?} {kind}: {last}");
            // A change is seen by the next message of the same session.
            ladder.limit(level, limits(5)).await;
            assert!(send(&mut client, ANN, first + 300, 2).await.starts_with("250 "), "{level:?} {kind}: raised");
            assert!(send(&mut client, ANN, first + 400, 1).await.starts_with("451 "), "{level:?} {kind}");
            ladder.limit(level, SendLimits::default()).await;
            assert!(send(&mut client, ANN, first + 500, 9).await.starts_with("250 "), "{level:?} {kind}: lifted");
            ladder.limit(level, limits(0)).await;
            assert!(send(&mut client, ANN, first + 600, 1).await.starts_with("550 "), "{level:?} {kind}: zero is zero");
        }
        ladder.world.end().await;
    }
}

#[tokio::test]
async fn the_control_plane_hears_of_a_limit_that_is_met_once_an_hour() {
    let whose = [TenantId(1), TenantId(1), TenantId(1), TenantId(1), SELLER];
    for ((level, _), tenant) in LEVELS.into_iter().zip(whose) {
        let mut ladder = Ladder::new().await;
        ladder.limit(level, hourly(2)).await;
        let mut client = login(&ladder.world, ANN).await;
        assert!(send(&mut client, ANN, 0, 1).await.starts_with("250 "));
        assert_eq!(ladder.world.accounts.events(0, 10).await.unwrap(), [], "a limit that is not met is no event");
        for _ in 0..3 {
            assert!(send(&mut client, ANN, 10, 2).await.starts_with("451 "));
        }
        let events = ladder.world.accounts.events(0, 10).await.unwrap();
        let [event] = events.as_slice() else { panic!("{level:?}: {events:?}") };
        let EventKind::SendLimitReached { limit } = &event.kind else { panic!("{level:?}: {event:?}") };
        assert!(limit.starts_with("2 recipients per hour of the "), "{limit}");
        assert_eq!(event.tenant, tenant, "{level:?}");
        assert_eq!(event.account.is_some(), matches!(level, Level::Credential | Level::Mailbox), "{level:?}");
        ladder.world.end().await;
    }
}

#[tokio::test]
async fn what_a_group_sends_on_counts_for_its_tenant_and_those_above_whoever_writes_to_it() {
    let mut ladder = Ladder::new().await;
    let members = (0..4).map(|n| format!("m{n}@other.example")).collect();
    let group = control::AddressSnapshot {
        local: "team".into(),
        domain: "a.example".into(),
        version: 1,
        tenant: TenantId(1),
        destination: control::Destination::Group { members, posting: control::Posting::Anyone },
    };
    ladder.world.accounts.apply(vec![Change::Address(group)]).await.unwrap();
    for (level, who) in [(Level::Tenant, "your organisation"), (Level::Above, "your provider")] {
        let write = async |ladder: &Ladder| ladder.world.deliver("x@y.example", "team@a.example", "x\r\n").await;
        ladder.limit(level, hourly(3)).await;
        let never = write(&ladder).await;
        assert!(never.starts_with("550 5.7.1 ") && never.contains(who), "{never}");
        ladder.limit(level, hourly(6)).await;
        assert!(write(&ladder).await.starts_with("250 "));
        let later = write(&ladder).await;
        assert!(later.starts_with("451 4.7.1 ") && later.contains(who), "{later}");
        // One's own submission to it too.
        let mut client = login(&ladder.world, ANN).await;
        client.ask(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
        client.ask("RCPT TO:<team@a.example>", "250 ").await;
        client.ask("DATA", "354 ").await;
        assert!(client.ask_line(&format!("From: {ANN}\r\n\r\nx\r\n.")).await.starts_with("451 "));
    }
    ladder.world.end().await;
}

#[tokio::test]
async fn a_refusal_by_one_level_takes_nothing_from_the_others() {
    let mut ladder = Ladder::new().await;
    ladder.limit(Level::Tenant, hourly(3)).await;
    let mut ann = ladder.ann();
    ann.version += 1;
    ann.send = hourly(1);
    ladder.world.accounts.apply(vec![Change::Account(ann)]).await.unwrap();
    let mut client = login(&ladder.world, ANN).await;
    for _ in 0..5 {
        assert!(send(&mut client, ANN, 0, 2).await.starts_with("550 5.7.1 "));
    }
    ladder.version += 1;
    ladder.limit(Level::Tenant, hourly(3)).await;
    assert!(send(&mut client, ANN, 0, 3).await.starts_with("250 "), "the tenant's hour is whole");
    ladder.world.end().await;
}

#[tokio::test]
async fn customers_of_a_reseller_share_its_limit() {
    let mut ladder = Ladder::new().await;
    let bobs = ladder.entitlement(TenantId(2));
    ladder.world.accounts.apply(vec![Change::Entitlement(EntitlementSnapshot { version: 9, ..bobs })]).await.unwrap();
    ladder.limit(Level::Above, hourly(3)).await;
    let (mut ann, mut bob) = (login(&ladder.world, ANN).await, login(&ladder.world, "bob@b.example").await);
    assert!(send(&mut ann, ANN, 0, 2).await.starts_with("250 "));
    let reply = send(&mut bob, "bob@b.example", 0, 2).await;
    assert!(reply.starts_with("451 4.7.1 ") && reply.contains("your provider"), "{reply}");
    assert!(send(&mut bob, "bob@b.example", 0, 1).await.starts_with("250 "));
    ladder.world.end().await;
}

#[tokio::test]
async fn what_is_not_taken_is_not_counted() {
    let mut ladder = Ladder::new().await;
    ladder.world.person(3, "full", "f.example", Some(10)).await;
    ladder.limit(Level::Mailbox, hourly(3)).await;
    let mut client = login(&ladder.world, ANN).await;
    for (header, to, expected) in [
        ("From: bob@b.example\r\n", vec!["x@other.example", "y@other.example"], "550 5.7.1"),
        ("From: ann@a.example\r\n", vec!["full@f.example", "full+1@f.example"], "452 4.2.2"),
        ("From: ann@a.example\r\n", vec!["full@f.example", "bob@b.example"], "250 2.0.0"),
        ("From: ann@a.example\r\n", vec!["x@other.example", "y@other.example"], "250 2.0.0"),
        ("From: ann@a.example\r\n", vec!["x@other.example"], "451 4.7.1"),
    ] {
        client.ask(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
        for to in &to {
            client.ask(&format!("RCPT TO:<{to}>"), "250 ").await;
        }
        client.ask("DATA", "354 ").await;
        let reply = client.ask_line(&format!("{header}\r\nx\r\n.")).await;
        assert!(reply.starts_with(expected), "{to:?}: {reply}");
    }
    ladder.world.end().await;
}

#[tokio::test]
async fn whom_an_account_knows_is_not_new() {
    let mut ladder = Ladder::new().await;
    let new = |max| SendLimits { new_recipients_per_day: Some(max), ..SendLimits::default() };
    let mut client = login(&ladder.world, ANN).await;
    // Before there was a cap, too.
    assert!(send(&mut client, ANN, 0, 20).await.starts_with("250 "));
    ladder.limit(Level::Mailbox, new(2)).await;
    for _ in 0..3 {
        assert!(send(&mut client, ANN, 0, 20).await.starts_with("250 "));
    }
    assert!(send(&mut client, ANN, 19, 3).await.starts_with("250 "), "one is known, two are new");
    assert!(send(&mut client, ANN, 19, 3).await.starts_with("250 "), "now all are known");
    let reply = send(&mut client, ANN, 40, 1).await;
    assert!(reply.starts_with("451 4.7.1 ") && reply.contains("2 new recipients per day"), "{reply}");
    ladder.world.end().await;
}

#[tokio::test]
async fn who_guesses_shuts_out_nobody_elsewhere() {
    let world = World::new().await;
    let guess = async |host: u8, password: &str| {
        let mut client = Client::connect_from(host, world.imap).await;
        client.until("* OK").await;
        client.ask(&format!("l LOGIN ann@a.example \"{password}\""), "l ").await
    };
    for _ in 0..base::limits::LOGIN_FAILURES_PER_NAME_MAX {
        assert!(guess(2, "wrong").await.contains("[AUTHENTICATIONFAILED]"));
    }
    for password in ["wrong", PASSWORD] {
        let said = guess(2, password).await;
        assert!(said.contains("l NO [UNAVAILABLE] ") && said.contains("try again in "), "{said}");
    }
    let mut client = Client::connect_from(2, world.submission).await;
    client.until("220 ").await;
    client.ask("EHLO c", "250 ").await;
    let plain = STANDARD.encode(format!("\0{ANN}\0{PASSWORD}"));
    let said = client.ask_line(&format!("AUTH PLAIN {plain}")).await;
    assert!(said.starts_with("454 4.7.0 ") && said.contains("try again in "), "{said}");
    assert!(guess(3, PASSWORD).await.contains("l OK"), "another network");
    let mut other = Client::connect_from(2, world.imap).await;
    other.until("* OK").await;
    other.ask(&format!("l LOGIN bob@b.example \"{PASSWORD}\""), "l OK").await;
    world.end().await;
}

#[tokio::test]
async fn right_passwords_are_not_counted() {
    let world = World::new().await;
    for _ in 0..base::limits::LOGIN_FAILURES_PER_NAME_MAX * 2 {
        world.imap(ANN).await;
    }
    world.end().await;
}

async fn rates(world: &World, version: u64, rates: Rates) {
    let e = EntitlementSnapshot { rates, ..EntitlementSnapshot::new(TenantId(1), version) };
    world.accounts.apply(vec![Change::Entitlement(e)]).await.unwrap();
}

#[tokio::test]
async fn sessions_of_an_account_and_of_a_tenant_have_a_limit_in_every_protocol() {
    let world = World::new().await;
    let cases = [
        (Rates { connections_per_account_max: Some(2), ..Rates::default() }, "The account has 2 "),
        (Rates { connections_max: Some(2), ..Rates::default() }, "Your organisation has 2 "),
    ];
    for (n, (limits, said)) in cases.into_iter().enumerate() {
        rates(&world, 2 + n as u64, limits).await;
        let (one, _two) = (world.imap(ANN).await, login(&world, ANN).await);
        let mut imap = Client::connect(world.imap).await;
        imap.until("* OK").await;
        let refused = imap.ask(&format!("l LOGIN {ANN} \"{PASSWORD}\""), "l ").await;
        assert!(refused.starts_with("l NO [LIMIT] ") && refused.contains(said), "{refused}");
        let mut smtp = Client::connect(world.submission).await;
        smtp.until("220 ").await;
        smtp.ask("EHLO c", "250 ").await;
        let plain = STANDARD.encode(format!("\0{ANN}\0{PASSWORD}"));
        let refused = smtp.ask_line(&format!("AUTH PLAIN {plain}")).await;
        assert!(refused.starts_with("454 4.7.0 ") && refused.contains(said), "{refused}");
        world.imap("bob@b.example").await;
        drop(one);
        let mut free = false;
        for _ in 0..200 {
            free = imap.ask(&format!("l LOGIN {ANN} \"{PASSWORD}\""), "l ").await.starts_with("l OK");
            if free {
                break;
            }
            imap = Client::connect(world.imap).await;
            imap.until("* OK").await;
        }
        assert!(free, "a session that ended makes room");
        drop((imap, smtp, _two));
    }
    world.end().await;
}

#[tokio::test]
async fn commands_of_an_account_have_a_rate_in_every_protocol() {
    let world = World::new().await;
    rates(&world, 2, Rates { commands_per_minute_max: Some(5), ..Rates::default() }).await;
    let mut imap = world.imap(ANN).await;
    for _ in 0..5 {
        imap.ask("a NOOP", "a OK").await;
    }
    let refused = imap.ask("a NOOP", "a ").await;
    assert!(refused.starts_with("a NO [LIMIT] ") && refused.contains("try again in "), "{refused}");
    let mut smtp = login(&world, ANN).await;
    let refused = smtp.ask_line("MAIL FROM:<ann@a.example>").await;
    assert!(refused.starts_with("451 4.7.1 ") && refused.contains("try again in "), "{refused}");
    let mut bob = world.imap("bob@b.example").await;
    for _ in 0..50 {
        bob.ask("a NOOP", "a OK").await;
    }
    rates(&world, 3, Rates { commands_per_minute_max: Some(100_000), ..Rates::default() }).await;
    imap.ask("a NOOP", "a OK").await;
    smtp.ask("MAIL FROM:<ann@a.example>", "250 ").await;
    world.end().await;
}

#[tokio::test]
async fn a_foreign_host_names_so_many_recipients_a_minute_and_connects_so_often() {
    let rates = IpRates { recipients_per_minute_max: 3, connections_per_minute_max: 4, ..IpRates::default() };
    let world = World::with_rates(rates).await;
    let greet = async |host: u8, port| {
        let mut client = Client::connect_from(host, port).await;
        client.until("220 ").await;
        client.ask("EHLO c", "250 ").await;
        client.ask("MAIL FROM:<x@y.example>", "250 ").await;
        client
    };
    let mut client = greet(2, world.mx).await;
    for _ in 0..3 {
        client.ask("RCPT TO:<ann@a.example>", "250 ").await;
    }
    let refused = client.ask_line("RCPT TO:<bob@b.example>").await;
    assert!(refused.starts_with("451 4.7.1 ") && refused.contains("try again in "), "{refused}");
    greet(3, world.mx).await.ask("RCPT TO:<bob@b.example>", "250 ").await;
    for _ in 0..3 {
        greet(2, world.mx).await;
    }
    let mut client = Client::connect_from(2, world.mx).await;
    client.until("421 4.7.0 ").await;
    let mut client = Client::connect_from(2, world.imap).await;
    client.until("* BYE [UNAVAILABLE] ").await;
    world.end().await;
}
