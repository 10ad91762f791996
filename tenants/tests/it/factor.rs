//! SUMMARY    Second factors: TOTP is confirmed first and never replayed, passkeys sign in alone, recovery codes are good once.

use crate::{
    authenticator::Authenticator,
    desk::{Desk, Hands, terms},
    people::{PASSWORD, code, invitation, person, sign_in},
};
use base::{Clock, TenantId};
use std::{sync::Arc, time::Duration};
use tenants::{Actor, AuditFilter, Code, Given, NewSession, Page, Seen, Selector, SignIn};
use totp_rs::Builder;

pub const PORTAL: &str = "https://portal.example";

struct World {
    clock: Arc<Hands>,
    desk: Desk,
    tenant: TenantId,
    owner: Actor,
    ann: Actor,
}

async fn world() -> World {
    let clock = Arc::new(Hands::default());
    clock.turn(Duration::from_secs(1_700_000_000));
    let desk = Desk::with_portal(clock.clone(), PORTAL).await;
    let (tenant, owner) = desk.customer("alpha").await;
    let ann = person(&desk, &owner, tenant, "ann@x.example", "owner").await;
    World { clock, desk, tenant, owner, ann }
}

fn with(factor: Option<Given>) -> NewSession {
    NewSession { factor, ..sign_in(SignIn::Person, "ann@x.example", PASSWORD) }
}

fn by_passkey(ceremony: &str, credential: String) -> NewSession {
    let factor = Some(Given::Passkey { ceremony: ceremony.into(), credential });
    NewSession { factor, ..sign_in(SignIn::Person, "", "") }
}

/// The seed of a base32 text, as an authenticator program reads it.
fn seed(secret: &str) -> [u8; 20] {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = secret.chars().map(|c| format!("{:05b}", LETTERS.find(c).unwrap())).collect();
    let bytes: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|b| u8::from_str_radix(std::str::from_utf8(b).unwrap(), 2).unwrap())
        .collect();
    bytes.try_into().unwrap()
}

impl World {
    fn totp(&self, secret: &str) -> String {
        let seconds = u64::try_from(self.clock.now().0 / 1000).unwrap();
        Builder::new().with_secret(seed(secret)).build().unwrap().generate(seconds).to_string()
    }

    /// A confirmed TOTP factor: its id and secret.
    async fn enrolled(&self) -> (String, String) {
        let made = self.desk.service.totp_enroll(&self.ann, &terms(), "phone").await.unwrap().object;
        let secret = made.secret.unwrap();
        assert!(made.url.unwrap().contains(&secret));
        let code = self.totp(&secret);
        self.desk.service.totp_confirm(&self.ann, &terms(), &made.id, &code).await.unwrap();
        (made.id, secret)
    }

    async fn registered(&self) -> Authenticator {
        let begun = self.desk.service.passkey_register(&self.ann).await.unwrap();
        let (key, answer) = Authenticator::register(&begun.options, PORTAL);
        let finish =
            self.desk.service.passkey_register_finish(&self.ann, &terms(), &begun.ceremony, "key", &answer).await;
        finish.unwrap();
        key
    }
}

#[tokio::test]
async fn totp_counts_once_confirmed_and_a_code_is_good_once() {
    let w = world().await;
    let service = &w.desk.service;
    let made = service.totp_enroll(&w.ann, &terms(), "phone").await.unwrap().object;
    service.session_create(&with(None)).await.unwrap();
    assert_eq!(code(service.totp_confirm(&w.ann, &terms(), &made.id, "000000").await), Code::InvalidCredentials);
    let secret = made.secret.unwrap();
    service.totp_confirm(&w.ann, &terms(), &made.id, &w.totp(&secret)).await.unwrap();
    assert_eq!(code(service.session_create(&with(None)).await), Code::FactorRequired);
    let used = w.totp(&secret);
    assert_eq!(code(service.session_create(&with(Some(Given::Totp(used)))).await), Code::InvalidCredentials, "replay");
    w.clock.turn(Duration::from_secs(30));
    let fresh = w.totp(&secret);
    service.session_create(&with(Some(Given::Totp(fresh.clone())))).await.unwrap();
    assert_eq!(code(service.session_create(&with(Some(Given::Totp(fresh)))).await), Code::InvalidCredentials);
    // A wrong password with a right factor says nothing else than a wrong password.
    w.clock.turn(Duration::from_secs(60));
    let wrong = NewSession { password: "wrong password".into(), ..with(Some(Given::Totp(w.totp(&secret)))) };
    assert_eq!(code(service.session_create(&wrong).await), Code::InvalidCredentials);
    let log = service.audit_entries(&w.owner, w.tenant, &AuditFilter::default(), &Page::first(100)).await.unwrap().0;
    assert!(log.iter().any(|e| e.action == "totpEnroll"));
    assert!(log.iter().all(|e| !format!("{e:?}").contains(&secret)), "no seed in the log");
}

#[tokio::test]
async fn a_passkey_signs_in_alone_and_its_challenge_is_taken_once() {
    let w = world().await;
    let service = &w.desk.service;
    let mut key = w.registered().await;
    let begun = service.passkey_challenge().await.unwrap();
    let answer = key.answer(&begun.options, PORTAL);
    let tokens = service.session_create(&by_passkey(&begun.ceremony, answer.clone())).await.unwrap();
    let actor = service.authenticate(&tokens.access).await.unwrap();
    assert_eq!(actor.name(), w.ann.name());
    let again = service.session_create(&by_passkey(&begun.ceremony, answer)).await;
    assert_eq!(code(again), Code::InvalidCredentials, "the challenge is taken");
    // For another origin, without its user's finger, late.
    let begun = service.passkey_challenge().await.unwrap();
    let phished = key.answer(&begun.options, "https://portal.evil.example");
    assert_eq!(code(service.session_create(&by_passkey(&begun.ceremony, phished)).await), Code::InvalidCredentials);
    let begun = service.passkey_challenge().await.unwrap();
    key.verifies = false;
    let lifted = key.answer(&begun.options, PORTAL);
    assert_eq!(code(service.session_create(&by_passkey(&begun.ceremony, lifted)).await), Code::InvalidCredentials);
    key.verifies = true;
    let begun = service.passkey_challenge().await.unwrap();
    let late = key.answer(&begun.options, PORTAL);
    w.clock.turn(Duration::from_secs(601));
    assert_eq!(code(service.session_create(&by_passkey(&begun.ceremony, late)).await), Code::InvalidCredentials);
    // The password alone is no longer enough.
    assert_eq!(code(service.session_create(&with(None)).await), Code::FactorRequired);
}

#[tokio::test]
async fn a_passkey_is_registered_by_its_person_only() {
    let w = world().await;
    let ben = person(&w.desk, &w.owner, w.tenant, "ben@x.example", "auditor").await;
    let begun = w.desk.service.passkey_register(&w.ann).await.unwrap();
    let (_, answer) = Authenticator::register(&begun.options, PORTAL);
    let stolen = w.desk.service.passkey_register_finish(&ben, &terms(), &begun.ceremony, "x", &answer).await;
    assert_eq!(code(stolen), Code::NotFound);
    assert!(w.desk.service.factors(&ben).await.unwrap().is_empty());
    assert_eq!(code(w.desk.service.passkey_register(&w.owner).await), Code::Forbidden, "a token has none");
}

#[tokio::test]
async fn recovery_codes_are_good_once_each_and_go_with_the_last_factor() {
    let w = world().await;
    let service = &w.desk.service;
    assert_eq!(code(service.recovery_codes_create(&w.ann, &terms()).await), Code::Invalid, "nothing to recover");
    let (factor, _) = w.enrolled().await;
    let old = service.recovery_codes_create(&w.ann, &terms()).await.unwrap().object;
    let codes = service.recovery_codes_create(&w.ann, &terms()).await.unwrap().object;
    assert_eq!(codes.len(), 10);
    let given = |code: &str| with(Some(Given::RecoveryCode(code.to_owned())));
    assert_eq!(code(service.session_create(&given(&old[0])).await), Code::InvalidCredentials);
    service.session_create(&given(&codes[0].to_uppercase())).await.unwrap();
    assert_eq!(code(service.session_create(&given(&codes[0])).await), Code::InvalidCredentials);
    service.session_create(&given(&codes[1])).await.unwrap();
    service.factor_remove(&w.ann, &terms(), &factor).await.unwrap();
    w.enrolled().await;
    assert_eq!(code(service.session_create(&given(&codes[2])).await), Code::InvalidCredentials);
}

#[tokio::test]
async fn stepping_up_takes_the_second_factor_where_there_is_one() {
    let w = world().await;
    let service = &w.desk.service;
    let seen = Seen::default();
    let invite = |email: &str| invitation(w.tenant, email, "auditor", Selector::All);
    w.clock.turn(Duration::from_secs(601));
    let tokens = service.session_create(&with(None)).await.unwrap();
    w.clock.turn(Duration::from_secs(601));
    let actor = service.authenticate(&tokens.access).await.unwrap();
    assert_eq!(code(service.member_invite(&actor, &terms(), &invite("a@y.example")).await), Code::StepUpRequired);
    assert_eq!(
        code(service.session_step_up(&actor, Some("wrong password"), None, &seen).await),
        Code::InvalidCredentials
    );
    service.session_step_up(&actor, Some(PASSWORD), None, &seen).await.unwrap();
    let actor = service.authenticate(&tokens.access).await.unwrap();
    service.member_invite(&actor, &terms(), &invite("a@y.example")).await.unwrap();
    // With a second factor the password is not enough.
    let made = service.totp_enroll(&actor, &terms(), "phone").await.unwrap().object;
    let secret = made.secret.unwrap();
    service.totp_confirm(&actor, &terms(), &made.id, &w.totp(&secret)).await.unwrap();
    w.clock.turn(Duration::from_secs(601));
    let refreshed = service.session_refresh(&tokens.refresh, &seen).await.unwrap();
    let actor = service.authenticate(&refreshed.access).await.unwrap();
    assert_eq!(code(service.factor_remove(&actor, &terms(), &made.id).await), Code::StepUpRequired);
    assert_eq!(code(service.session_step_up(&actor, Some(PASSWORD), None, &seen).await), Code::FactorRequired);
    let given = Given::Totp(w.totp(&secret));
    service.session_step_up(&actor, None, Some(&given), &seen).await.unwrap();
    let actor = service.authenticate(&refreshed.access).await.unwrap();
    service.factor_remove(&actor, &terms(), &made.id).await.unwrap();
    assert_eq!(code(service.session_step_up(&w.owner, Some("x"), None, &seen).await), Code::Forbidden, "a token");
}
