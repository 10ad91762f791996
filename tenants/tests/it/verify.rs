//! SUMMARY    Domains proven, demoted, contested and told by what a real DNS server says.

use crate::{
    desk::{Desk, Hands, new_mailbox, terms},
    raw,
    zone::World,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use control::{Change, Destination, DkimAlgorithm, DomainSnapshot};
use hickory_proto::rr::RecordType::{MX, TXT};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tenants::{Actor, Code, DkimState, Domain, DomainState, Facet, Status, facet_status};

const DAY: Duration = Duration::from_secs(24 * 3600);

struct Town {
    world: World,
    clock: Arc<Hands>,
    desk: Desk,
}

impl Town {
    async fn new() -> Town {
        let (world, clock) = (World::new().await, Arc::new(Hands::default()));
        let desk = Desk::made(clock.clone(), world.options.clone()).await;
        Town { world, clock, desk }
    }

    /// A customer that claims `shop.example`.
    async fn claimant(&self, name: &str) -> (Actor, Domain) {
        let (tenant, actor) = self.desk.customer(name).await;
        let claimed = self.desk.service.domain_create(&actor, &terms(), tenant, "shop.example").await.unwrap().object;
        self.world.delegate("shop.example");
        (actor, claimed)
    }

    async fn check(&self, actor: &Actor) -> Domain {
        self.desk.service.domain_check(actor, &terms(), "shop.example", None).await.unwrap().object
    }

    fn challenge(&self, of: &[&Domain]) {
        let values: Vec<String> = of.iter().map(|d| d.claim.challenge()).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        self.world.publish(&tenants::challenge_name("shop.example"), TXT, &values);
    }

    /// What the data plane knows of the domain; the newest.
    fn told(&self) -> Option<DomainSnapshot> {
        let told = self.desk.plane.told.lock().unwrap();
        let of = told.iter().filter_map(|c| match c {
            Change::Domain(d) if d.domain == "shop.example" => Some(d.clone()),
            _ => None,
        });
        of.max_by_key(|d| d.version)
    }

    async fn notices(&self, actor: &Actor, domain: &Domain) -> Vec<String> {
        let notices = self.desk.service.domain_notices(actor, "shop.example", domain.tenant).await.unwrap();
        notices.into_iter().rev().map(|n| n.kind).collect()
    }
}

#[tokio::test]
async fn d2_d5_a_claim_is_proven_by_its_record_and_live_by_its_mx_and_each_look_is_kept() {
    let town = Town::new().await;
    let (actor, claimed) = town.claimant("alpha").await;
    let seen = town.check(&actor).await;
    assert_eq!((seen.claim.state, seen.claim.proven), (DomainState::Claimed, false));
    assert!(town.told().is_none(), "the data plane hears nothing of a claim");
    let kept = town.desk.service.domain_records(&actor, "shop.example", claimed.tenant).await.unwrap();
    assert_eq!((kept[0].status, facet_status(&kept, Facet::Ownership)), (Status::Missing, Status::Missing));
    town.challenge(&[&claimed]);
    let seen = town.check(&actor).await;
    assert_eq!((seen.claim.state, seen.claim.proven), (DomainState::Owned, true));
    let told = town.told().unwrap();
    assert_eq!((told.live, told.mx_here, told.tenant), (true, false, claimed.tenant));
    town.world.publish("shop.example", MX, &["10 mail.host.example."]);
    assert_eq!(town.check(&actor).await.claim.state, DomainState::Live);
    assert!(town.told().unwrap().mx_here);
    town.desk.mailbox(&actor, "ann@shop.example").await;
    let kept = town.desk.service.domain(&actor, "shop.example", None).await.unwrap();
    assert_eq!(kept.claim.state, DomainState::Live);
    assert_eq!(town.notices(&actor, &claimed).await, ["PROVEN"]);
}

#[tokio::test]
async fn d4_servers_that_fail_or_are_silent_or_disagree_change_nothing() {
    let town = Town::new().await;
    let (actor, claimed) = town.claimant("alpha").await;
    town.challenge(&[&claimed]);
    town.world.publish("shop.example", MX, &["10 mail.host.example."]);
    assert_eq!(town.check(&actor).await.claim.state, DomainState::Live);
    let before = town.told();
    // SERVFAIL of all.
    town.world.fail("", true);
    for _ in 0..5 {
        town.clock.turn(DAY);
        let seen = town.check(&actor).await;
        assert_eq!((seen.claim.state, seen.claim.failed_days), (DomainState::Live, 0));
    }
    town.world.fail("", false);
    // The domain's own server fails and the resolvers disagree.
    town.world.authority.fail("", true);
    town.world.resolvers[0].set(&tenants::challenge_name("shop.example"), TXT, &[]);
    town.clock.turn(DAY);
    let seen = town.check(&actor).await;
    assert_eq!((seen.claim.state, seen.claim.failed_days), (DomainState::Live, 0));
    assert_eq!(town.told(), before, "nothing was told");
    // One resolver alone does not prove either.
    let (beta, second) = town.claimant("beta").await;
    town.world.resolvers[0].set(&tenants::challenge_name("shop.example"), TXT, &[&second.claim.challenge()]);
    town.world.resolvers[1].fail("", true);
    assert_eq!(town.check(&beta).await.claim.state, DomainState::Claimed);
}

#[tokio::test]
async fn d6_a_domain_without_its_record_is_lost_after_days_with_notice_and_comes_back() {
    let town = Town::new().await;
    let (actor, claimed) = town.claimant("alpha").await;
    town.challenge(&[&claimed]);
    town.check(&actor).await;
    let ann = town.desk.mailbox(&actor, "ann@shop.example").await;
    assert!(town.desk.account(ann.id).capabilities.send_external);
    town.challenge(&[]);
    for day in 1..3 {
        for _ in 0..3 {
            let seen = town.check(&actor).await;
            assert_eq!((seen.claim.state, seen.claim.failed_days), (DomainState::Degraded, day));
            assert!(town.told().unwrap().live, "it takes mail until it is lost");
        }
        town.clock.turn(DAY);
    }
    let seen = town.check(&actor).await;
    assert_eq!((seen.claim.state, seen.claim.proven), (DomainState::Lost, false));
    assert!(!town.told().unwrap().live);
    let held = town.desk.account(ann.id);
    assert!(!held.capabilities.send_external && held.capabilities.mail_read, "its people read and do not send");
    assert_eq!(held.restrictions[0].code, "DOMAIN_NOT_PROVEN");
    let refused = town.desk.service.mailbox_create(&actor, &terms(), &new_mailbox("b@shop.example")).await.unwrap_err();
    assert_eq!(refused.code, Code::Invalid);
    assert_eq!(town.notices(&actor, &claimed).await, ["PROVEN", "PROOF_GONE", "PROOF_GONE", "LOST"]);
    town.challenge(&[&claimed]);
    assert_eq!(town.check(&actor).await.claim.state, DomainState::Owned);
    assert!(town.told().unwrap().live);
    assert!(town.desk.account(ann.id).capabilities.send_external);
}

#[tokio::test]
async fn d3_a_contest_moves_nothing_until_the_holder_is_lost_and_then_nothing_of_it_is_reachable() {
    let town = Town::new().await;
    let (alpha, first) = town.claimant("alpha").await;
    let (beta, second) = town.claimant("beta").await;
    town.challenge(&[&first]);
    town.check(&alpha).await;
    let ann = town.desk.mailbox(&alpha, "ann@shop.example").await;
    town.challenge(&[&first, &second]);
    assert_eq!(town.check(&beta).await.claim.state, DomainState::Contested);
    assert_eq!(town.told().unwrap().tenant, first.tenant);
    let held = town.desk.service.domain(&alpha, "shop.example", None).await.unwrap();
    assert!(held.claim.proven && held.claim.contested_at_ms.is_some());
    let refused = town.desk.service.mailbox_create(&beta, &terms(), &new_mailbox("b@shop.example")).await.unwrap_err();
    assert_eq!(refused.code, Code::Invalid, "the contestant gets nothing");
    assert!(town.desk.service.mailbox(&beta, ann.id).await.is_err());
    assert!(town.desk.service.domain_records(&beta, "shop.example", first.tenant).await.is_err());
    // The holder fails for days; the contestant keeps its record.
    town.challenge(&[&second]);
    for _ in 0..3 {
        town.check(&alpha).await;
        assert_eq!(town.told().unwrap().tenant, first.tenant);
        town.clock.turn(DAY);
    }
    assert_eq!(town.desk.service.domain(&alpha, "shop.example", None).await.unwrap().claim.state, DomainState::Lost);
    assert_eq!(town.check(&beta).await.claim.state, DomainState::Owned);
    let told = town.told().unwrap();
    assert_eq!((told.tenant, told.live), (second.tenant, true));
    let told = town.desk.plane.told.lock().unwrap().clone();
    let shut = |c: &Change| matches!(c, Change::Address(a) if a.local == "ann" && a.domain == "shop.example" && a.destination == Destination::Tombstone);
    let theirs = |c: &Change| matches!(c, Change::Domain(d) if d.domain == "shop.example" && d.tenant == second.tenant);
    let (shut, theirs) = (told.iter().position(shut).unwrap(), told.iter().position(theirs).unwrap());
    assert!(!town.desk.account(ann.id).capabilities.send_external, "nobody sends in the name of the new holder");
    assert!(shut < theirs, "the old addresses are shut before the new holder is told");
    let refused =
        town.desk.service.mailbox_create(&beta, &terms(), &new_mailbox("ann@shop.example")).await.unwrap_err();
    assert_eq!(refused.code, Code::Taken);
    town.desk.mailbox(&beta, "ben@shop.example").await;
}

#[tokio::test]
async fn d1_of_two_who_prove_at_once_one_holds_the_name() {
    let town = Town::new().await;
    let (alpha, first) = town.claimant("alpha").await;
    let (beta, second) = town.claimant("beta").await;
    town.challenge(&[&first, &second]);
    let (one, two) = tokio::join!(town.check(&alpha), town.check(&beta));
    let proven = [&one, &two].iter().filter(|d| d.claim.proven).count();
    let contested = [&one, &two].iter().filter(|d| d.claim.state == DomainState::Contested).count();
    assert_eq!((proven, contested), (1, 1));
}

#[tokio::test]
async fn d7_mail_is_said_to_come_here_only_while_the_public_mx_does() {
    let town = Town::new().await;
    let (actor, claimed) = town.claimant("alpha").await;
    town.challenge(&[&claimed]);
    town.world.publish("shop.example", MX, &["10 mail.host.example.", "20 old.example."]);
    assert_eq!(town.check(&actor).await.claim.state, DomainState::Live);
    town.world.publish("shop.example", MX, &["10 old.example."]);
    town.check(&actor).await;
    assert!(town.told().unwrap().mx_here, "one look does not take it away");
    assert_eq!(town.check(&actor).await.claim.state, DomainState::Degraded);
    let told = town.told().unwrap();
    assert_eq!((told.mx_here, told.live), (false, true));
}

#[tokio::test]
async fn what_is_due_is_looked_at_by_itself_and_later_each_time_that_nothing_is_new() {
    let town = Town::new().await;
    let (actor, claimed) = town.claimant("alpha").await;
    // What the customers' vouched domains are due for comes first.
    while town.desk.service.check_due().await.unwrap() > 0 {}
    let asked = town.world.authority.asked();
    assert_eq!(town.desk.service.check_due().await.unwrap(), 0);
    assert_eq!(town.world.authority.asked(), asked, "nothing is due");
    let due = async || {
        let claim = town.desk.service.domain(&actor, "shop.example", None).await.unwrap().claim;
        claim.next_check_at_ms.unwrap() - claim.checked_at_ms.unwrap()
    };
    let first = due().await;
    town.clock.turn(Duration::from_secs(120));
    assert!(town.desk.service.check_due().await.unwrap() > 0);
    assert!(due().await > first, "it waits longer");
    town.challenge(&[&claimed]);
    town.clock.turn(Duration::from_secs(600));
    while town.desk.service.check_due().await.unwrap() > 0 {}
    let proven = town.desk.service.domain(&actor, "shop.example", None).await.unwrap();
    assert_eq!(proven.claim.state, DomainState::Owned, "it turned green by itself");
    assert!(town.told().unwrap().live);
}

#[tokio::test]
async fn keys_wait_sealed_for_a_data_plane_that_is_away() {
    let town = Town::new().await;
    let (actor, claimed) = town.claimant("alpha").await;
    town.challenge(&[&claimed]);
    town.check(&actor).await;
    for key in town.desk.service.dkim_keys(&actor, "shop.example", claimed.tenant).await.unwrap() {
        town.world.publish(&format!("{}._domainkey.shop.example", key.selector), TXT, &[&key.record]);
    }
    town.desk.plane.down.store(true, Ordering::SeqCst);
    town.check(&actor).await;
    assert!(town.told().unwrap().dkim.is_empty());
    let waiting = raw::texts(&town.desk, "SELECT batch FROM outbox").await.concat();
    let sealed = waiting.matches("\"private_key\":\"sealed:").count();
    assert!(sealed >= 2 && sealed == waiting.matches("\"private_key\":").count(), "{waiting}");
    town.desk.plane.down.store(false, Ordering::SeqCst);
    town.check(&actor).await;
    let told = town.told().unwrap().dkim;
    assert_eq!(told.len(), 2);
    for key in told {
        assert_eq!(STANDARD.decode(&key.private_key).unwrap().first(), Some(&0x30), "opened: a DER sequence");
        assert!(!waiting.contains(&key.private_key));
    }
}

#[tokio::test]
async fn dkim_keys_sign_once_seen_are_turned_in_stages_and_never_shown() {
    let town = Town::new().await;
    let (actor, claimed) = town.claimant("alpha").await;
    town.challenge(&[&claimed]);
    town.check(&actor).await;
    let service = &town.desk.service;
    let keys = async || service.dkim_keys(&actor, "shop.example", claimed.tenant).await.unwrap();
    let publish = async || {
        for key in keys().await {
            town.world.publish(&format!("{}._domainkey.shop.example", key.selector), TXT, &[&key.record]);
        }
        town.check(&actor).await;
    };
    let states = async || keys().await.iter().map(|k| k.state).collect::<Vec<_>>();
    assert_eq!(states().await, [DkimState::Pending; 2]);
    assert!(town.told().unwrap().dkim.is_empty(), "nothing signs before it is seen");
    publish().await;
    assert_eq!(states().await, [DkimState::Active; 2]);
    let told = town.told().unwrap().dkim;
    assert_eq!(
        told.iter().map(|k| k.algorithm).collect::<Vec<_>>(),
        [DkimAlgorithm::RsaSha256, DkimAlgorithm::Ed25519Sha256]
    );
    assert!(told.iter().all(|k| !k.private_key.is_empty()));
    town.clock.turn(DAY);
    service.dkim_rotate(&actor, &terms(), "shop.example", None).await.unwrap();
    let refused = service.dkim_rotate(&actor, &terms(), "shop.example", None).await.unwrap_err();
    assert_eq!(refused.code, Code::InUse);
    town.check(&actor).await;
    assert_eq!(town.told().unwrap().dkim, told, "the old keys sign until the new ones are seen");
    publish().await;
    let now = town.told().unwrap().dkim;
    assert!(now.len() == 2 && now.iter().all(|k| told.iter().all(|t| t.selector != k.selector)));
    assert_eq!(states().await.iter().filter(|s| **s == DkimState::Retired).count(), 2);
    town.clock.turn(8 * DAY);
    town.check(&actor).await;
    let revoked: Vec<_> = keys().await.into_iter().filter(|k| k.state == DkimState::Revoked).collect();
    assert!(revoked.len() == 2 && revoked.iter().all(|k| k.record.ends_with("p=")));
    town.clock.turn(31 * DAY);
    town.check(&actor).await;
    assert_eq!(states().await, [DkimState::Active; 2]);
}
