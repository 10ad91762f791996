//! SUMMARY    Announcements: told to all below and to nobody else, in time, and put away by each reader.

use crate::{
    desk::{Desk, Hands, keyed, terms},
    people::{code, person},
};
use base::TenantId;
use std::{sync::Arc, time::Duration};
use tenants::{
    Actor, AnnouncementPatch, AnnouncementText, Code, NewAnnouncement, NewTenant, Page, Severity,
    limits::{ANNOUNCEMENT_KEPT, ANNOUNCEMENTS_OPEN_MAX, ANNOUNCEMENTS_SHOWN_MAX},
};

const HOUR_MS: i64 = 3_600_000;

struct World {
    clock: Arc<Hands>,
    desk: Desk,
    /// A reseller, with its customer.
    reseller: TenantId,
    seller: Actor,
    customer: TenantId,
    owner: Actor,
}

async fn world() -> World {
    let clock = Arc::new(Hands::default());
    clock.turn(Duration::from_millis(1_000));
    let desk = Desk::at(clock.clone()).await;
    let (reseller, seller) = desk.customer("alpha").await;
    let new = NewTenant { name: "below".into(), ..NewTenant::default() };
    let made = desk.service.tenant_create(&seller, &terms(), &new).await.unwrap().object;
    let owner = desk.service.authenticate(&made.token.unwrap()).await.unwrap();
    World { clock, desk, reseller, seller, customer: made.tenant.id, owner }
}

fn says(tenant: TenantId, text: &str) -> NewAnnouncement {
    let texts = vec![AnnouncementText { language: "en".into(), text: text.into() }];
    NewAnnouncement { tenant, severity: Severity::Info, texts, starts_at_ms: None, ends_at_ms: None, dismissible: true }
}

impl World {
    async fn tell(&self, by: &Actor, new: NewAnnouncement) -> String {
        self.desk.service.announcement_create(by, &terms(), &new).await.unwrap().object.id
    }

    async fn shown(&self, to: &Actor) -> Vec<String> {
        let shown = self.desk.service.announcements_shown(to).await.unwrap();
        shown.into_iter().map(|a| a.texts[0].text.clone()).collect()
    }
}

#[tokio::test]
async fn what_is_told_reaches_all_below_and_nobody_else() {
    let w = world().await;
    let operator = &w.desk.operator;
    let (_, other) = w.desk.customer("beta").await;
    w.tell(operator, says(operator.tenant(), "of the provider")).await;
    w.tell(&w.seller, says(w.reseller, "of the reseller")).await;
    w.tell(&w.owner, says(w.customer, "of the customer")).await;
    let nobody = Actor::nobody("192.0.2.1".into());
    assert_eq!(w.shown(operator).await, Vec::<String>::new());
    assert_eq!(w.shown(&w.seller).await, ["of the provider"]);
    assert_eq!(w.shown(&other).await, ["of the provider"]);
    assert_eq!(w.shown(&nobody).await, ["of the provider"], "it stands on the page to sign in");
    let mut both = w.shown(&w.owner).await;
    both.sort();
    assert_eq!(both, ["of the provider", "of the reseller"]);
    // Who tells sees and changes its own, those above too; others meet nothing.
    let service = &w.desk.service;
    let of_reseller = service.announcements(&w.seller, w.reseller, &Page::first(5)).await.unwrap();
    assert_eq!(of_reseller.1, 1);
    service.announcements(operator, w.reseller, &Page::first(5)).await.unwrap();
    for (stranger, tenant) in [(&w.owner, w.reseller), (&other, w.reseller), (&w.seller, operator.tenant())] {
        assert_eq!(code(service.announcements(stranger, tenant, &Page::first(5)).await), Code::NotFound);
        assert_eq!(code(service.announcement_create(stranger, &terms(), &says(tenant, "x")).await), Code::NotFound);
        let id = &of_reseller.0[0].id;
        if tenant == w.reseller {
            assert_eq!(code(service.announcement_end(stranger, &terms(), id).await), Code::NotFound);
        }
    }
    let entries = service.audit_entries(&w.seller, w.reseller, &Default::default(), &Page::first(50)).await.unwrap();
    assert!(entries.0.iter().any(|e| e.action == "announcementCreate" && e.detail == "INFO of the reseller"));
}

#[tokio::test]
async fn something_is_shown_from_its_beginning_to_its_end_the_worst_first() {
    let w = world().await;
    let at = |hours: i64| Some(1_000 + hours * HOUR_MS);
    let later = NewAnnouncement { starts_at_ms: at(1), ends_at_ms: at(3), ..says(w.reseller, "later") };
    let worse = NewAnnouncement { severity: Severity::Incident, ..later.clone() };
    let worse = NewAnnouncement { texts: says(w.reseller, "worse").texts, ..worse };
    w.tell(&w.seller, later.clone()).await;
    w.tell(&w.seller, worse).await;
    let open = w.tell(&w.seller, says(w.reseller, "open")).await;
    assert_eq!(w.shown(&w.owner).await, ["open"]);
    w.clock.turn(Duration::from_secs(2 * 3600));
    assert_eq!(w.shown(&w.owner).await, ["worse", "later", "open"]);
    w.clock.turn(Duration::from_secs(3600));
    assert_eq!(w.shown(&w.owner).await, ["open"]);
    let service = &w.desk.service;
    let past = service.announcement_create(&w.seller, &terms(), &later).await.unwrap_err();
    assert_eq!((past.code, past.field), (Code::Invalid, "endsAt"));
    let ended = service.announcement_end(&w.seller, &terms(), &open).await.unwrap().object;
    assert_eq!(w.shown(&w.owner).await, Vec::<String>::new());
    w.clock.turn(Duration::from_secs(60));
    let again = service.announcement_end(&w.seller, &terms(), &open).await.unwrap().object;
    assert_eq!(again.ends_at_ms, ended.ends_at_ms, "what is over stays as it is");
    w.clock.turn(ANNOUNCEMENT_KEPT + Duration::from_secs(60));
    service.sweep().await.unwrap();
    assert_eq!(service.announcements(&w.seller, w.reseller, &Page::first(5)).await.unwrap().1, 0);
}

#[tokio::test]
async fn each_reader_puts_it_away_for_itself_until_it_says_something_else() {
    let w = world().await;
    let service = &w.desk.service;
    let ann = person(&w.desk, &w.owner, w.customer, "ann@x.example", "owner").await;
    let ben = person(&w.desk, &w.owner, w.customer, "ben@x.example", "auditor").await;
    let told = w.tell(&w.seller, says(w.reseller, "news")).await;
    let stays = w.tell(&w.seller, NewAnnouncement { dismissible: false, ..says(w.reseller, "stays") }).await;
    for _ in 0..2 {
        service.announcement_dismiss(&ann, &terms(), &told).await.unwrap();
    }
    assert_eq!(w.shown(&ann).await, ["stays"]);
    assert_eq!(w.shown(&ben).await.len(), 2, "it is away for one reader");
    assert_eq!(code(service.announcement_dismiss(&ann, &terms(), &stays).await), Code::Forbidden);
    assert_eq!(
        code(service.announcement_dismiss(&w.owner, &terms(), &told).await),
        Code::Forbidden,
        "a token reads nothing"
    );
    assert_eq!(code(service.announcement_dismiss(&w.seller, &terms(), &told).await), Code::NotFound, "it is its own");
    let (_, other) = w.desk.customer("beta").await;
    assert_eq!(code(service.announcement_dismiss(&other, &terms(), &told).await), Code::NotFound);
    // Who only reads puts it away as well.
    service.announcement_dismiss(&ben, &terms(), &told).await.unwrap();
    let longer = AnnouncementPatch { ends_at_ms: Some(Some(9 * HOUR_MS)), ..AnnouncementPatch::default() };
    service.announcement_update(&w.seller, &terms(), &told, &longer).await.unwrap();
    assert_eq!(w.shown(&ann).await, ["stays"], "it says the same");
    let texts = Some(says(w.reseller, "other news").texts);
    let other = AnnouncementPatch { texts, ..AnnouncementPatch::default() };
    service.announcement_update(&w.seller, &terms(), &told, &other).await.unwrap();
    for reader in [&ann, &ben] {
        assert!(w.shown(reader).await.contains(&"other news".to_owned()));
    }
}

#[tokio::test]
async fn no_more_are_told_or_shown_than_there_is_room_for() {
    let w = world().await;
    let mut first = None;
    for n in 0..ANNOUNCEMENTS_OPEN_MAX {
        let id = w.tell(&w.seller, says(w.reseller, &format!("n{n}"))).await;
        first.get_or_insert(id);
    }
    let service = &w.desk.service;
    let more = says(w.reseller, "more");
    assert_eq!(code(service.announcement_create(&w.seller, &terms(), &more).await), Code::LimitReached);
    assert_eq!(i64::try_from(w.shown(&w.owner).await.len()).unwrap(), ANNOUNCEMENTS_SHOWN_MAX);
    service.announcement_end(&w.seller, &keyed("end"), &first.unwrap()).await.unwrap();
    service.announcement_create(&w.seller, &terms(), &more).await.unwrap();
}
