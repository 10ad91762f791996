//! SUMMARY    Signing up over HTTP, without a token; who sells, for tests that need signups.

use crate::plane::Desk;
use base::{TenantId, Timestamp};
use control::Change;
use serde_json::{Value, json};
use std::{
    net::IpAddr,
    sync::{Arc, Weak},
    time::Duration,
};
use tenants::{
    Choice, Code, Coming, Error, Limits, NewChoice, NewSignup, NewSignupInvite, Offer, Order, Payment, Seen, Service,
    Shop, SignupMode, SignupSettingsPatch, SignupState, Terms,
    sql::{Connection, Txn},
};

/// Gives one mailbox away.
struct Giver(Weak<Service>);

impl Shop for Giver {
    fn offer<'a>(&'a self, _: TenantId, choice: &'a Choice) -> Coming<'a, Offer> {
        Box::pin(async move {
            match choice.plan.as_str() {
                "free" => Ok(Offer { title: "Free".into(), free: true, total: "0.00 EUR".into(), ..Offer::default() }),
                "plus" => Ok(Offer { title: "Plus".into(), free: false, total: "3.00 EUR".into(), ..Offer::default() }),
                _ => Err(Error::new(Code::NotFound, "plan", "There is no such plan")),
            }
        })
    }

    fn checkout<'a>(&'a self, order: &'a Order) -> Coming<'a, Payment> {
        let url = format!("https://pay.example/{}", order.tenant);
        Box::pin(async move { Ok(Payment::Waiting { url, until: Timestamp(i64::MAX) }) })
    }

    fn provision<'a>(&'a self, txn: &'a mut Txn, order: &'a Order) -> Coming<'a, Vec<Change>> {
        Box::pin(async move {
            let service = self.0.upgrade().unwrap();
            let wanted = Limits {
                max_domains: Some(1),
                max_mailboxes: Some(1),
                storage_bytes_max: Some(1 << 30),
                messages_per_hour_max: Some(100),
                ..Limits::default()
            };
            let sold = service.sell(txn, &service.billing_actor(order.seller), order.tenant, &wanted).await?;
            Ok(sold.changes)
        })
    }

    fn give_back(&self, _: TenantId) -> Coming<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn had_trial<'a>(&'a self, _: &'a mut Connection, _: &'a str) -> Coming<'a, bool> {
        Box::pin(async { Ok(false) })
    }
}

/// Opens the shop; a seller takes strangers.
pub async fn open(desk: &Desk, seller: &str) {
    desk.service.open_shop(Arc::new(Giver(Arc::downgrade(&desk.service))));
    let operator = desk.service.authenticate(&desk.operator).await.unwrap();
    let patch = SignupSettingsPatch {
        mode: Some(SignupMode::Open),
        plans: Some(vec!["free".into(), "plus".into(), "gone".into()]),
        ..SignupSettingsPatch::default()
    };
    let seller = seller.parse().unwrap();
    desk.service.signup_settings_update(&operator, &Terms::default(), seller, &patch).await.unwrap();
}

/// Begins so many signups at a seller, as far as a plan, each from another network; and makes as many codes. Id and secret of the last signup, id of the
/// last code.
pub async fn begun(desk: &Desk, seller: &str, many: usize) -> [String; 3] {
    open(desk, seller).await;
    let operator = desk.service.authenticate(&desk.operator).await.unwrap();
    let seller: TenantId = seller.parse().unwrap();
    let mut last = Default::default();
    for n in 0..many {
        let seen = Seen { peer: Some(IpAddr::from([198, 51, u8::try_from(n).unwrap(), 1])), device: String::new() };
        let challenge = desk.service.signup_challenge(Some(seller), &seen).await.unwrap();
        desk.hands.turn(Duration::from_secs(challenge.wait_seconds.into()));
        let proof = format!("{}:wait", challenge.challenge);
        let domain = Some(format!("newcomer{n}.example"));
        let new = NewSignup { seller: Some(seller), proof, domain, seen: seen.clone(), ..NewSignup::default() };
        let begun = desk.service.signup_begin(&new).await.unwrap();
        let id = &begun.signup.id;
        let contact = format!("n{n}@elsewhere.example");
        desk.service.signup_contact(id, &begun.secret, &contact, &seen).await.unwrap();
        let due = desk.service.notices_due(1_000).await.unwrap();
        let code = text(&due.iter().find(|notice| notice.recipient == contact).unwrap().facts["code"]);
        let verified = desk.service.signup_verify(id, &begun.secret, &code, &seen).await.unwrap();
        let choice = Choice { plan: "plus".into(), currency: None, interval: None, items: Vec::new(), coupon: None };
        let choice = NewChoice { choice, name: None };
        let signup = desk.service.signup_choose(id, &verified.secret, &choice, &seen).await.unwrap();
        let new = NewSignupInvite { seller, note: n.to_string(), uses: 1, expires_at_ms: None };
        let invite = desk.service.signup_invite_create(&operator, &Terms::default(), &new).await.unwrap().object;
        last = [signup.id, verified.secret, invite.id];
    }
    last
}

/// A stranger who has proven a contact: id and secret of the signup.
async fn stranger(desk: &Desk, seller: TenantId, seen: &Seen) -> (String, String) {
    let challenge = desk.service.signup_challenge(Some(seller), seen).await.unwrap();
    desk.hands.turn(Duration::from_secs(challenge.wait_seconds.into()));
    let (proof, domain) = (format!("{}:wait", challenge.challenge), Some("newcomer.example".to_owned()));
    let new = NewSignup { seller: Some(seller), proof, domain, seen: seen.clone(), ..NewSignup::default() };
    let begun = desk.service.signup_begin(&new).await.unwrap();
    let id = begun.signup.id;
    desk.service.signup_contact(&id, &begun.secret, "new@elsewhere.example", seen).await.unwrap();
    let due = desk.service.notices_due(1_000).await.unwrap();
    let code = text(&due.iter().find(|notice| notice.recipient == "new@elsewhere.example").unwrap().facts["code"]);
    let verified = desk.service.signup_verify(&id, &begun.secret, &code, seen).await.unwrap();
    (id, verified.secret)
}

#[tokio::test]
async fn u2_who_pays_and_then_chooses_what_is_free_gets_the_money_back_and_what_is_free() {
    let desk = Desk::new().await;
    let seller = crate::sale::seller(&desk).await;
    crate::sale::sells(&desk, &desk.operator, &seller, "business").await;
    let free = format!(
        "sellerId: \"{seller}\", key: \"free\", family: \"mail\", title: \"Free\", state: OFFERED, \
                        grants: {{ domains: 1, mailboxes: 1, storageBytes: \"1073741824\", recipientsPerHour: 10 }}"
    );
    crate::sale::run(&desk, &desk.operator, "planCreate", &free, "").await;
    desk.service.open_shop(desk.billing.clone());
    let operator = desk.service.authenticate(&desk.operator).await.unwrap();
    let seller: TenantId = seller.parse().unwrap();
    let patch = SignupSettingsPatch { mode: Some(SignupMode::Open), ..SignupSettingsPatch::default() };
    desk.service.signup_settings_update(&operator, &Terms::default(), seller, &patch).await.unwrap();
    let seen = Seen { peer: Some(IpAddr::from([198, 51, 100, 1])), device: String::new() };
    let (id, secret) = stranger(&desk, seller, &seen).await;
    let choose = async |plan: &str, items: Vec<(String, u64)>| {
        let choice = Choice { plan: plan.into(), currency: None, interval: None, items, coupon: None };
        desk.service.signup_choose(&id, &secret, &NewChoice { choice, name: None }, &seen).await
    };
    choose("business", vec![("mailbox".into(), 2)]).await.unwrap();
    desk.service.signup_checkout(&id, &secret, &seen).await.unwrap();
    let page = desk.till.open_pages().pop().unwrap();
    desk.till.pay_page(&page, "visa 4242").unwrap();
    assert!(desk.till.taken(billing::Currency::EUR) > 0);
    // No webhook came, and nobody looked.
    choose("free", Vec::new()).await.unwrap();
    crate::sale::settle(&desk).await;
    assert_eq!(desk.till.taken(billing::Currency::EUR), 0, "all went back");
    let payer = desk.till.customers().pop().unwrap();
    assert!(desk.till.has(&payer).unwrap().subscriptions.iter().all(|s| !s.status.is_live()));
    let done = desk.service.signup_finish(&id, &secret, "correct horse", &seen).await.unwrap();
    assert_eq!((done.state, done.paid), (SignupState::Done, false));
    crate::sale::settle(&desk).await;
    assert_eq!(desk.billing.books_verify().await.unwrap(), Vec::<String>::new());
}

async fn run(desk: &Desk, name: &str, input: &str, fields: &str) -> Value {
    let text = format!("mutation {{ r: {name}(input: {{ {input} }}) {{ {fields} userErrors {{ code message }} }} }}");
    desk.done("", &text).await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn ticket(desk: &Desk) -> String {
    let made = run(desk, "signupChallenge", "", "challenge { challenge bits waitSeconds expiresAt }").await;
    let challenge = &made["challenge"];
    desk.hands.turn(Duration::from_secs(challenge["waitSeconds"].as_u64().unwrap()));
    format!("{}:wait", text(&challenge["challenge"]))
}

#[tokio::test]
async fn a_stranger_signs_up_without_a_token_from_the_options_to_the_first_sign_in() {
    let desk = Desk::new().await;
    let options = "{ r: signupOptions { mode domains plans { key title free total } } }";
    assert_eq!(desk.ask("", options).await["data"]["r"], Value::Null, "nobody sells");
    let viewer = desk.ask(&desk.operator, "{ viewer { id } }").await;
    let provider = text(&viewer["data"]["viewer"]["id"]);
    open(&desk, &provider).await;
    desk.done(&desk.operator, &crate::plane::domain(&provider, "free.example")).await;
    for input in [
        "domainShare(input: { name: \"free.example\", shared: true }) { userErrors { message } }".to_owned(),
        format!(
            "signupSettingsUpdate(input: {{ tenantId: \"{provider}\", domains: [\"free.example\"] }}) {{ settings {{ domains }} userErrors {{ message }} }}"
        ),
    ] {
        desk.done(&desk.operator, &format!("mutation {{ r: {input} }}")).await;
    }
    let told = desk.ask("", options).await["data"]["r"].clone();
    assert_eq!((&told["mode"], &told["domains"]), (&json!("OPEN"), &json!(["free.example"])));
    assert_eq!(told["plans"].as_array().unwrap().len(), 2, "what is not sold is not offered");
    let asked = format!("address: \"ann@free.example\", proof: \"{}\"", ticket(&desk).await);
    assert_eq!(run(&desk, "nameAvailable", &asked, "available suggestions").await["available"], true);
    let begin = format!("address: \"ann@free.example\", locale: \"fr\", proof: \"{}\"", ticket(&desk).await);
    let begun = run(&desk, "signupBegin", &begin, "secret signup { id state }").await;
    let who = |secret: &Value| format!("id: \"{}\", secret: \"{}\"", text(&begun["signup"]["id"]), text(secret));
    let first = who(&begun["secret"]);
    run(&desk, "signupContact", &format!("{first}, contact: \"ann@elsewhere.example\""), "signup { state }").await;
    let due = desk.service.notices_due(10).await.unwrap();
    let code = text(&due.last().unwrap().facts["code"]);
    let verified = run(&desk, "signupVerify", &format!("{first}, code: \"{code}\""), "secret signup { state }").await;
    let me = who(&verified["secret"]);
    let chosen =
        run(&desk, "signupChoose", &format!("{me}, plan: \"plus\""), "signup { plan offer { free total } }").await;
    assert_eq!(chosen["signup"]["offer"]["free"], false);
    let out = run(&desk, "signupCheckout", &me, "url urlExpiresAt signup { state paid }").await;
    assert!(text(&out["url"]).starts_with("https://pay.example/"));
    let finish = format!(
        "mutation {{ r: signupFinish(input: {{ {me}, password: \"correct horse\" }}) {{ userErrors {{ code }} }} }}"
    );
    assert_eq!(desk.refused("", &finish).await, "IN_USE", "it is not paid");
    run(&desk, "signupChoose", &format!("{me}, plan: \"free\", name: \"Ann\""), "signup { plan }").await;
    let done =
        run(&desk, "signupFinish", &format!("{me}, password: \"correct horse\""), "signup { state tenantId }").await;
    assert_eq!(done["signup"]["state"], "DONE");
    let now = desk.ask("", &format!("{{ r: signup({me}) {{ state name tenantId }} }}")).await["data"]["r"].clone();
    assert_eq!((&now["name"], &now["tenantId"]), (&json!("Ann"), &done["signup"]["tenantId"]));
    desk.done("", &crate::people::sign_in("ann@elsewhere.example", "correct horse")).await;
    assert_eq!(desk.ask("", &format!("{{ r: signup({first}) {{ state }} }}")).await["data"]["r"], Value::Null);
}
