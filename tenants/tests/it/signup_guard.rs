//! SUMMARY    What signup keeps out: names that are somebody's, guessed codes, floods; and what it does not tell.

use crate::{
    desk::{Desk, new_mailbox, terms},
    people::code,
    signup::{Fair, choice, seen},
};
use std::time::Duration;
use tenants::{
    Code, NewSignup, NewSignupInvite, Page, Review, SignupFilter, SignupMode, SignupSettingsPatch, SignupState,
    SignupWanted,
    limits::{SIGNUP_CODE_TRIES, SIGNUP_CODES_MAX, SIGNUP_SUGGESTIONS, SIGNUPS_PER_CONTACT, SIGNUPS_PER_NETWORK},
};

#[tokio::test]
async fn u1_a_name_that_was_ever_anybodys_is_not_given_out_and_nobody_learns_why() {
    let fair = Fair::new().await;
    let operator = &fair.desk.operator;
    let there = fair.service.mailbox_create(operator, &terms(), &new_mailbox("there@free.example")).await.unwrap();
    let gone = fair.service.mailbox_create(operator, &terms(), &new_mailbox("gone@free.example")).await.unwrap().object;
    let destroy = crate::desk::keyed("gone");
    fair.service.mailbox_delete(operator, &destroy, gone.id).await.unwrap();
    fair.service.mailbox_purge(operator, &crate::desk::keyed("purge"), gone.id).await.unwrap();
    assert_eq!(there.object.address, "there@free.example");
    fair.begin("held.name@free.example", &seen(9)).await.unwrap();
    let mut told = Vec::new();
    for name in ["there", "gone", "held.name", "heldname", "postmaster", "post-master", "paypa1", "adrnin", "support24"]
    {
        let from = seen(1);
        let (proof, address) = (fair.ticket(&from).await, format!("{name}@free.example"));
        let before = fair.service.statements();
        let answer = fair.service.name_available(None, &address, &proof, &from).await.unwrap();
        told.push(fair.service.statements() - before);
        assert!(!answer.available, "{name}");
        // So many, and in such shapes, whether it is reserved, held or in use.
        assert_eq!(answer.suggestions.len(), SIGNUP_SUGGESTIONS, "{name}");
        let joined: String = name.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        for suggested in &answer.suggestions {
            let local = suggested.strip_suffix("@free.example").unwrap();
            assert!(local.contains('.') && local.contains(&joined), "{suggested}");
        }
        assert_eq!(code(fair.begin(&address, &seen(2)).await), Code::Taken, "{name}");
        fair.clock.turn(Duration::from_secs(30));
    }
    let proof = fair.ticket(&seen(1)).await;
    let before = fair.service.statements();
    let free = fair.service.name_available(None, "anna.bell@free.example", &proof, &seen(1)).await.unwrap();
    told.push(fair.service.statements() - before);
    assert!(free.available && free.suggestions.is_empty());
    assert!(told.windows(2).all(|two| two[0] == two[1]), "the same work for every answer: {told:?}");
    // Nobody takes a held name by another way, its domain's owner neither.
    let taken = fair.service.mailbox_create(operator, &terms(), &new_mailbox("held.name@free.example")).await;
    assert_eq!(code(taken), Code::Taken);
}

#[tokio::test]
async fn u1_what_a_signup_gave_stays_its_owners_for_ever() {
    let fair = Fair::new().await;
    let begun = fair.verified("ann.lee@free.example", "ann@elsewhere.example", &seen(1)).await;
    fair.choose(&begun, "free").await.unwrap();
    fair.finish(&begun).await.unwrap();
    for name in ["ann.lee", "annlee", "ann-lee", "annIee"] {
        let taken = fair.begin(&format!("{name}@free.example"), &seen(2)).await;
        match name {
            // Lower case makes it another name, that looks like itself.
            "annIee" => assert!(taken.is_ok()),
            _ => assert_eq!(code(taken), Code::Taken, "{name}"),
        }
    }
}

#[tokio::test]
async fn a_suggested_name_can_be_had() {
    let fair = Fair::new().await;
    fair.begin("ann.lee@free.example", &seen(1)).await.unwrap();
    let proof = fair.ticket(&seen(1)).await;
    let answer = fair.service.name_available(None, "Ann.Lee@free.example", &proof, &seen(1)).await.unwrap();
    assert!(!answer.available && !answer.suggestions.is_empty());
    for (n, name) in answer.suggestions.iter().enumerate() {
        fair.begin(name, &seen(u8::try_from(n).unwrap() + 20)).await.unwrap();
    }
}

#[tokio::test]
async fn a_proof_is_good_once_and_an_early_or_foreign_one_never() {
    let fair = Fair::new().await;
    let from = seen(1);
    let challenge = fair.service.signup_challenge(None, &from).await.unwrap();
    let early = format!("{}:wait", challenge.challenge);
    let ask = async |proof: &str| fair.service.name_available(None, "ann@free.example", proof, &from).await;
    assert!(matches!(code(ask(&early).await), Code::Throttled { .. }));
    fair.clock.turn(Duration::from_secs(challenge.wait_seconds.into()));
    assert!(ask(&early).await.unwrap().available);
    assert_eq!(code(ask(&early).await), Code::Invalid, "used up");
    let begin = NewSignup { proof: early, address: Some("ann@free.example".into()), ..NewSignup::default() };
    assert_eq!(code(fair.service.signup_begin(&begin).await), Code::Invalid);
    assert_eq!(code(ask("1.0.0.0.x.y:1").await), Code::Invalid);
    // A name that cannot be had uses its proof up all the same.
    let proof = fair.ticket(&from).await;
    let taken = NewSignup { proof, address: Some("admin@free.example".into()), ..begin };
    assert_eq!(code(fair.service.signup_begin(&taken).await), Code::Taken);
    let other = NewSignup { address: Some("ann@free.example".into()), ..taken };
    assert_eq!(code(fair.service.signup_begin(&other).await), Code::Invalid);
}

#[tokio::test]
async fn codes_are_tried_and_mailed_so_often_and_go_elsewhere_only() {
    let fair = Fair::new().await;
    let (from, to) = (seen(1), "ann@elsewhere.example");
    let begun = fair.begin("ann@free.example", &from).await.unwrap();
    let (id, secret) = (begun.signup.id.as_str(), begun.secret.as_str());
    let contact = async |to: &str| fair.service.signup_contact(id, secret, to, &from).await;
    assert_eq!(code(contact("me@free.example").await), Code::Invalid, "an address with us");
    assert_eq!(code(contact("nonsense").await), Code::Invalid);
    assert_eq!(code(fair.service.signup_contact(id, "h", to, &from).await), Code::NotFound);
    contact(to).await.unwrap();
    let first = fair.mailed(to, "code").await;
    let wrong = if first == "00000000" { "11111111" } else { "00000000" };
    let verify = async |code: &str| fair.service.signup_verify(id, secret, code, &from).await;
    for typo in ["", &first[1..], &format!("{first}0"), "no digits"] {
        assert_eq!(code(verify(typo).await), Code::Invalid, "what is no code is no try: {typo}");
    }
    for _ in 0..SIGNUP_CODE_TRIES {
        assert_eq!(code(verify(wrong).await), Code::InvalidCredentials);
    }
    assert_eq!(code(verify(&first).await), Code::LimitReached, "the right one comes too late");
    contact("ann+x@elsewhere.example").await.unwrap();
    fair.clock.turn(Duration::from_secs(1));
    contact(to).await.unwrap();
    assert_eq!(code(contact(to).await), Code::LimitReached);
    assert_eq!(SIGNUP_CODES_MAX, 3);
    let last = fair.mailed(to, "code").await;
    let spaced = format!("{} {}", &last[..4], &last[4..]);
    assert_eq!(verify(&spaced).await.unwrap().signup.state, SignupState::ContactVerified);
}

/// Who begins in the name of somebody else's address is out once that one has proved it.
#[tokio::test]
async fn who_proves_a_contact_leaves_whoever_began_behind() {
    let fair = Fair::new().await;
    let begun = fair.begin("ann@free.example", &seen(1)).await.unwrap();
    fair.service.signup_contact(&begun.signup.id, &begun.secret, "victim@elsewhere.example", &seen(1)).await.unwrap();
    let link = fair.mailed("victim@elsewhere.example", "secret").await;
    let mailed = fair.mailed("victim@elsewhere.example", "code").await;
    let victims = fair.service.signup_verify(&begun.signup.id, &link, &mailed, &seen(2)).await.unwrap();
    assert_eq!(code(fair.service.signup(&begun.signup.id, &begun.secret).await), Code::NotFound);
    let attack = fair.service.signup_choose(&begun.signup.id, &begun.secret, &choice("free"), &seen(1)).await;
    assert_eq!(code(attack), Code::NotFound);
    fair.choose(&victims, "free").await.unwrap();
    assert_eq!(fair.finish(&victims).await.unwrap().state, SignupState::Done);
    // A link mailed to an address that was given up is worth nothing.
    let begun = fair.begin("ben.b@free.example", &seen(3)).await.unwrap();
    for to in ["first@elsewhere.example", "second@elsewhere.example"] {
        fair.service.signup_contact(&begun.signup.id, &begun.secret, to, &seen(3)).await.unwrap();
    }
    let old = fair.mailed("first@elsewhere.example", "secret").await;
    assert_eq!(code(fair.service.signup(&begun.signup.id, &old).await), Code::NotFound);
}

#[tokio::test]
async fn networks_contacts_and_sellers_begin_so_many_a_day() {
    let fair = Fair::new().await;
    let easy = fair.service.signup_challenge(None, &seen(1)).await.unwrap();
    for n in 0..SIGNUPS_PER_NETWORK {
        fair.begin(&format!("ann.number{}@free.example", char::from(b'a' + u8::try_from(n).unwrap())), &seen(1))
            .await
            .unwrap();
    }
    let hard = fair.service.signup_challenge(None, &seen(1)).await.unwrap();
    assert!(hard.bits > easy.bits && hard.wait_seconds > easy.wait_seconds);
    let next = fair.begin("ann.next@free.example", &seen(1)).await;
    assert!(matches!(code(next), Code::Throttled { .. }));
    fair.begin("ann.next@free.example", &seen(2)).await.unwrap();
    for n in 0..=SIGNUPS_PER_CONTACT {
        let from = seen(u8::try_from(n).unwrap() + 40);
        let name = char::from(b'a' + u8::try_from(n).unwrap());
        let begun = fair.begin(&format!("ben.number{name}@free.example"), &from).await.unwrap();
        let contact = format!("ben+{n}@elsewhere.example");
        let sent = fair.service.signup_contact(&begun.signup.id, &begun.secret, &contact, &from).await;
        match n < SIGNUPS_PER_CONTACT {
            true => drop(sent.unwrap()),
            false => assert!(matches!(code(sent), Code::Throttled { .. })),
        }
    }
    fair.settings(SignupSettingsPatch { per_day_max: Some(1), ..SignupSettingsPatch::default() }).await;
    assert!(matches!(code(fair.begin("carl@free.example", &seen(60)).await), Code::Throttled { .. }));
    fair.clock.turn(Duration::from_secs(24 * 3600 + 1));
    fair.begin("carl@free.example", &seen(60)).await.unwrap();
}

#[tokio::test]
async fn where_nobody_sells_or_it_is_closed_or_by_invite_nobody_else_comes_in() {
    let desk = Desk::new().await;
    assert_eq!(code(desk.service.signup_options(None).await), Code::NotOpen);
    assert_eq!(code(desk.service.signup_challenge(None, &seen(1)).await), Code::NotOpen);
    let fair = Fair::new().await;
    assert_eq!(fair.service.signup_options(None).await.unwrap().domains, ["free.example"]);
    fair.settings(SignupSettingsPatch { mode: Some(SignupMode::Invite), ..SignupSettingsPatch::default() }).await;
    assert_eq!(code(fair.begin("ann@free.example", &seen(1)).await), Code::NotOpen);
    let operator = &fair.desk.operator;
    let new = NewSignupInvite { seller: operator.tenant(), note: "friends".into(), uses: 1, expires_at_ms: None };
    let invite = fair.service.signup_invite_create(operator, &terms(), &new).await.unwrap().object;
    let with = async |name: &str| {
        let new = fair.new_signup(&format!("{name}@free.example"), &seen(1)).await;
        fair.service.signup_begin(&NewSignup { invite: Some(invite.code.clone()), ..new }).await
    };
    let begun = with("ann").await.unwrap();
    assert_eq!(code(with("ben").await), Code::NotOpen, "it was good once");
    fair.service.signup_abandon(&begun.signup.id, &begun.secret).await.unwrap();
    with("ben").await.unwrap();
    assert_eq!(fair.service.signup_invites(operator, operator.tenant(), &Page::first(5)).await.unwrap().1, 1);
    let (_, owner) = fair.desk.customer("alpha").await;
    assert_eq!(code(fair.service.signup_invites(&owner, operator.tenant(), &Page::first(5)).await), Code::NotFound);
    fair.settings(SignupSettingsPatch { mode: Some(SignupMode::Closed), ..SignupSettingsPatch::default() }).await;
    assert_eq!(code(fair.service.signup_options(None).await), Code::NotOpen);
}

#[tokio::test]
async fn a_risk_sends_little_until_somebody_has_looked_and_is_no_wall() {
    let fair = Fair::new().await;
    let operator = &fair.desk.operator;
    let mut risky = Vec::new();
    for (n, name) in ["q8817264x", "z9912345y"].into_iter().enumerate() {
        let contact = format!("q{n}@mailinator.com");
        let begun = fair.verified(&format!("{name}@free.example"), &contact, &seen(1)).await;
        fair.choose(&begun, "free").await.unwrap();
        assert_eq!(begun.signup.review, Review::Pending);
        risky.push(fair.finish(&begun).await.unwrap());
    }
    let wanted = |filter, state, search: &str| SignupWanted { filter, state, search: search.to_owned() };
    let waiting = wanted(SignupFilter::Review, None, "");
    let queue = fair.service.signups(operator, operator.tenant(), &waiting, &Page::first(5)).await.unwrap();
    assert_eq!(queue.1, 2);
    assert!(queue.0.iter().all(|s| s.reasons.contains(&"CONTACT_THROWN_AWAY".to_owned())));
    assert_eq!(fair.entitlement(risky[0].tenant).send.per_day, Some(5));
    fair.service.signup_approve(operator, &terms(), &risky[0].id).await.unwrap();
    assert_eq!(fair.entitlement(risky[0].tenant).send.per_day, Some(50));
    fair.service.signup_refuse(operator, &terms(), &risky[1].id, "Sends what nobody asked for").await.unwrap();
    assert!(!fair.entitlement(risky[1].tenant).capabilities.send_external);
    assert!(fair.entitlement(risky[1].tenant).capabilities.export, "what is there can be taken along");
    let left = fair.service.signups(operator, operator.tenant(), &waiting, &Page::first(5)).await.unwrap();
    assert_eq!(left.1, 0);
    for (search, state, count) in [
        ("Q8817", None, 1),
        ("MAILINATOR.com", None, 2),
        ("%", None, 0),
        ("_8817", None, 0),
        (risky[1].id.as_str(), None, 1),
        ("", Some(SignupState::Done), 2),
        ("q8817", Some(SignupState::Expired), 0),
    ] {
        let all = wanted(SignupFilter::All, state, search);
        let found = fair.service.signups(operator, operator.tenant(), &all, &Page::first(5)).await.unwrap();
        assert_eq!(found.1, count, "{search}");
    }
    let long = wanted(SignupFilter::All, None, &"x".repeat(300));
    assert_eq!(code(fair.service.signups(operator, operator.tenant(), &long, &Page::first(5)).await), Code::Invalid);
    // Refused before it is done: it comes to nothing.
    let begun = fair.verified("w7712345v@free.example", "w@mailinator.com", &seen(2)).await;
    fair.service.signup_refuse(operator, &terms(), &begun.signup.id, "no").await.unwrap();
    assert_eq!(fair.state(&begun).await, SignupState::Abandoned);
    let (_, owner) = fair.desk.customer("alpha").await;
    assert_eq!(code(fair.service.signup_approve(&owner, &terms(), &risky[0].id).await), Code::NotFound);
}
