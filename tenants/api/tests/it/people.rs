//! SUMMARY    Signing in over the API: without a token only what signs in; what a session shows; how much it costs to ask who asks.

use crate::plane::Desk;
use serde_json::Value;

/// Invites somebody, accepts, signs in: the tokens.
pub async fn signed_in(desk: &Desk, token: &str, tenant: &str, email: &str, role: &str) -> Value {
    let invite = format!(
        "mutation {{ r: memberInvite(input: {{ tenantId: \"{tenant}\", email: \"{email}\", role: \"{role}\" }}) \
         {{ invitation {{ id role }} secret userErrors {{ message code }} }} }}"
    );
    let secret = desk.done(token, &invite).await["secret"].as_str().unwrap().to_owned();
    let accept = format!(
        "mutation {{ r: invitationAccept(input: {{ secret: \"{secret}\", name: \"Ann\", password: \"long enough\" }}) \
         {{ member {{ id role person {{ email verified }} }} userErrors {{ message code }} }} }}"
    );
    assert_eq!(desk.done("", &accept).await["member"]["role"], role);
    assert_eq!(desk.refused("", &accept).await, "NOT_FOUND", "once");
    desk.done("", &sign_in(email, "long enough")).await["tokens"].clone()
}

pub fn sign_in(email: &str, password: &str) -> String {
    format!(
        "mutation {{ r: sessionCreate(input: {{ email: \"{email}\", password: \"{password}\" }}) \
         {{ tokens {{ sessionId accessToken refreshToken }} userErrors {{ message code }} }} }}"
    )
}

#[tokio::test]
async fn a_person_joins_signs_in_and_sees_who_it_is() {
    let desk = Desk::new().await;
    let (tenant, owner, _) = desk.customer("alpha").await;
    let tokens = signed_in(&desk, &owner, &tenant, "ann@x.example", "help-desk").await;
    let access = tokens["accessToken"].as_str().unwrap();
    let query = "{ viewer { name person { email } memberships { role tenantId } permissions } me { actor } \
                 sessions { id current } }";
    let seen = desk.ask(access, query).await["data"].clone();
    assert_eq!(seen["viewer"]["name"], "alpha");
    assert_eq!(seen["viewer"]["person"]["email"], "ann@x.example");
    assert_eq!(seen["viewer"]["memberships"][0]["tenantId"], tenant.as_str());
    let permissions = seen["viewer"]["permissions"].as_array().unwrap();
    assert!(permissions.contains(&"mailbox:password".into()) && !permissions.contains(&"mailbox:delete".into()));
    assert!(seen["me"]["actor"].as_str().unwrap().starts_with("per_"));
    assert_eq!(seen["sessions"][0]["current"], true);
    let members = format!("{{ members(tenantId: \"{tenant}\", first: 5) {{ totalCount nodes {{ role }} }} }}");
    assert_eq!(desk.ask(&owner, &members).await["data"]["members"]["totalCount"], 1);
    let refused = desk.ask(access, &members).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN");
    let refresh = |token: &str| {
        format!(
            "mutation {{ r: sessionRefresh(input: {{ refreshToken: \"{token}\" }}) \
             {{ tokens {{ accessToken }} userErrors {{ code }} }} }}"
        )
    };
    let first = tokens["refreshToken"].as_str().unwrap();
    let next = desk.done("", &refresh(first)).await["tokens"]["accessToken"].as_str().unwrap().to_owned();
    let twice = desk.ask("", &refresh(first)).await;
    assert_eq!(twice["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert_eq!(desk.send(&next, "{ me { actor } }").await.0, 401, "and the session is ended");
}

#[tokio::test]
async fn without_a_token_only_signing_in_is_possible() {
    let desk = Desk::new().await;
    let (tenant, _, _) = desk.customer("alpha").await;
    for query in [
        "{ viewer { name } }".to_owned(),
        "{ me { actor } }".to_owned(),
        "{ __schema { types { name } } }".to_owned(),
        "mutation { r: tenantCreate(input: { name: \"x\" }) { token } }".to_owned(),
        format!(
            "mutation {{ a: sessionCreate(input: {{ email: \"a@b.example\", password: \"x\" }}) {{ userErrors {{ code }} }} \
             r: tenantSuspend(input: {{ tenantId: \"{tenant}\", reason: \"x\" }}) {{ userErrors {{ code }} }} }}"
        ),
    ] {
        let (status, answer) = desk.send("", &query).await;
        assert_eq!((status, &answer["errors"][0]["extensions"]["code"]), (401, &"UNAUTHENTICATED".into()), "{query}");
    }
    assert_eq!(desk.refused("", &sign_in("a@b.example", "wrong one")).await, "INVALID_CREDENTIALS");
    let mut throttled = None;
    for _ in 0..20 {
        let (status, answer) = desk.send("", &sign_in("a@b.example", "wrong one")).await;
        if status == 429 {
            throttled = Some(answer);
        }
    }
    let error = throttled.unwrap()["errors"][0]["extensions"].clone();
    assert_eq!(error["code"], "THROTTLED");
    assert!(error["retryAfterSeconds"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn who_asks_costs_no_statement_the_second_time() {
    let desk = Desk::new().await;
    let (tenant, owner, _) = desk.customer("alpha").await;
    let access = signed_in(&desk, &owner, &tenant, "ann@x.example", "auditor").await["accessToken"].clone();
    for token in [owner.as_str(), access.as_str().unwrap()] {
        desk.ask(token, "{ me { permissions } }").await;
        let before = desk.service.statements();
        desk.ask(token, "{ me { permissions } }").await;
        // The version of the rights is asked each second, by whoever comes first.
        assert!(desk.service.statements() - before <= 1);
    }
}
