//! SUMMARY    Exports in the API: who may ask, who may stop it, what is fetched by a link, what is written down.

use crate::{
    people::{sign_in, signed_in},
    plane::Desk,
};
use axum::{
    body::Body,
    http::{Request, Response, StatusCode},
};
use base::{JobId, TenantId, Timestamp};
use control::{
    ControlError, Event, EventKind, ExportOrder, ExportPaper, ExportPapers, ExportPapersEnd, ExportPhase, ExportPiece,
    ExportStanding, ExportSteer, ExportSteered, ExportWish, ExportedFile,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Mutex, atomic::Ordering},
    time::Duration,
};
use tower::ServiceExt;

/// Bytes of the one file of every export, and of a piece of it.
const FILE_BYTES: u64 = 10_000;
const PIECE_BYTES: u64 = 4_096;
const FILE: &str = "export-1.zip";
/// Reasons of those that are ready at once.
const READY: [&str; 2] = ["ready", "We move"];

/// Exports of a data plane that makes none.
#[derive(Default)]
pub struct Exports(Mutex<BTreeMap<(u64, u64), (ExportOrder, ExportStanding)>>, Mutex<BTreeMap<JobId, Told>>);

/// Papers of an export: pieces of the last attempt, and whether they are complete.
#[derive(Default)]
struct Told {
    attempt: u64,
    pieces: BTreeMap<u32, Vec<ExportPaper>>,
    complete: bool,
}

impl Exports {
    pub fn begin(&self, order: ExportOrder) {
        let is_ready = READY.contains(&order.reason.as_str());
        let standing = ExportStanding {
            phase: if is_ready { ExportPhase::Ready } else { ExportPhase::Writing },
            paused: false,
            accounts: 1,
            accounts_listed: 1,
            emails: 4,
            bytes: 4_000,
            emails_done: if is_ready { 4 } else { 1 },
            bytes_done: if is_ready { 4_000 } else { 1_000 },
            problems: 0,
            file_bytes: if is_ready { FILE_BYTES } else { 0 },
            pinned_at: Some(Timestamp(1)),
            ready_at: is_ready.then_some(Timestamp(2)),
            expires_at: is_ready.then_some(Timestamp(i64::MAX / 2)),
            why: String::new(),
        };
        self.0.lock().unwrap().entry((order.tenant.0, order.job.0)).or_insert((order, standing));
    }

    pub fn told(&self, papers: ExportPapers) -> Result<(), ControlError> {
        let mut all = self.1.lock().unwrap();
        let told = all.entry(papers.job).or_default();
        if told.attempt != papers.attempt && !told.complete {
            *told = Told { attempt: papers.attempt, ..Told::default() };
        }
        told.pieces.insert(papers.number, papers.papers);
        Ok(())
    }

    pub fn complete(&self, end: ExportPapersEnd) -> Result<(), ControlError> {
        let mut all = self.1.lock().unwrap();
        let told = all.entry(end.job).or_default();
        if told.attempt != end.attempt || told.pieces.len() != end.pieces as usize {
            return Err(ControlError::Unavailable("not all are there".to_owned()));
        }
        told.complete = true;
        Ok(())
    }

    /// The papers of an export that are complete, by owner and name.
    pub fn papers(&self, job: JobId) -> Vec<ExportPaper> {
        let all = self.1.lock().unwrap();
        let told = all.get(&job).filter(|told| told.complete).expect("its papers are complete");
        told.pieces.values().flatten().cloned().collect()
    }

    pub fn standing(&self, tenant: TenantId, job: JobId) -> Option<ExportStanding> {
        self.0.lock().unwrap().get(&(tenant.0, job.0)).map(|(_, standing)| standing.clone())
    }

    pub fn steer(&self, steer: ExportSteer) -> ExportSteered {
        let mut all = self.0.lock().unwrap();
        let Some((_, standing)) = all.get_mut(&(steer.tenant.0, steer.job.0)) else { return ExportSteered::Unknown };
        match steer.wish {
            ExportWish::Run => standing.paused = false,
            ExportWish::Pause => standing.paused = true,
            ExportWish::Cancel => standing.phase = ExportPhase::Shredded,
        }
        ExportSteered::Done(Box::new(standing.clone()))
    }

    pub fn files(&self, tenant: TenantId, job: JobId) -> Vec<ExportedFile> {
        let ready = self.standing(tenant, job).is_some_and(|s| s.phase == ExportPhase::Ready);
        ready
            .then(|| ExportedFile { name: FILE.to_owned(), bytes: FILE_BYTES, sha256: [0xab; 32] })
            .into_iter()
            .collect()
    }

    pub fn bytes(&self, piece: &ExportPiece) -> Result<Vec<u8>, ControlError> {
        if self.files(piece.tenant, piece.job).iter().all(|file| file.name != piece.name) {
            return Err(ControlError::Invalid("gone".to_owned()));
        }
        let end = piece.to.min(FILE_BYTES).min(piece.from + PIECE_BYTES);
        Ok((piece.from..end).map(|n| n as u8).collect())
    }

    /// All that was ordered, by their ids.
    fn orders(&self) -> Vec<ExportOrder> {
        self.0.lock().unwrap().values().map(|(order, _)| order.clone()).collect()
    }

    /// Makes one ready.
    fn ready(&self, job: JobId) -> TenantId {
        let mut all = self.0.lock().unwrap();
        let (order, standing) = all.values_mut().find(|(order, _)| order.job == job).unwrap();
        standing.phase = ExportPhase::Ready;
        order.tenant
    }
}

/// An export that is under way, one that is ready, and the id of a link to that.
pub async fn exported(desk: &Desk, tenant: &str, mailbox: &str, token: &str) -> [String; 3] {
    let going = desk.done(token, &request(tenant, &[mailbox], "")).await["export"]["id"].as_str().unwrap().to_owned();
    let ready = request(tenant, &[mailbox], ", reason: \"ready\"");
    let ready = desk.done(token, &ready).await["export"]["id"].as_str().unwrap().to_owned();
    let link = desk.done(token, &link(&ready, "")).await["link"]["id"].as_str().unwrap().to_owned();
    [going, ready, link]
}

fn request(tenant: &str, mailboxes: &[&str], more: &str) -> String {
    let ids = match mailboxes {
        [] => "null".to_owned(),
        ids => json!(ids).to_string(),
    };
    format!(
        "mutation {{ r: exportRequest(input: {{ tenantId: \"{tenant}\", mailboxIds: {ids}{more} }}) \
         {{ export {{ id state startsAt leftOut mailboxIds progress {{ emails emailsDone }} }} userErrors {{ field code message }} }} }}"
    )
}

fn steer(name: &str, export: &str, more: &str) -> String {
    format!(
        "mutation {{ r: {name}(input: {{ exportId: \"{export}\"{more} }}) {{ export {{ id state }} userErrors {{ code message }} }} }}"
    )
}

fn link(export: &str, more: &str) -> String {
    format!(
        "mutation {{ r: exportLinkCreate(input: {{ exportId: \"{export}\"{more} }}) \
         {{ link {{ id address expiresAt }} userErrors {{ code message }} }} }}"
    )
}

async fn state(desk: &Desk, token: &str, export: &str) -> Value {
    let answer = desk.ask(token, &format!("{{ r: export(id: \"{export}\") {{ state }} }}")).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"]["r"]["state"].clone()
}

/// Actions of a tenant's audit log that are about exports, the latest first.
async fn written(desk: &Desk, tenant: &str) -> Vec<String> {
    let query = format!("{{ r: auditEntries(tenantId: \"{tenant}\", first: 50) {{ nodes {{ action }} }} }}");
    let answer = desk.ask(&desk.operator, &query).await;
    let actions =
        answer["data"]["r"]["nodes"].as_array().unwrap().iter().map(|n| n["action"].as_str().unwrap().to_owned());
    actions.filter(|action| action.starts_with("export")).collect()
}

async fn user(desk: &Desk, address: &str) -> String {
    let user = sign_in(address, "long enough").replace("input: {", "input: { kind: MAILBOX,");
    desk.done("", &user).await["tokens"]["accessToken"].as_str().unwrap().to_owned()
}

async fn fetch(desk: &Desk, path: &str, headers: &[(&str, &str)]) -> (Response<()>, Vec<u8>) {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    let response = desk.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    (Response::from_parts(parts, ()), body.to_vec())
}

/// The data plane tells something, and it is heard.
async fn tell(desk: &Desk, tenant: &str, kind: EventKind) {
    let mut all = desk.plane.events.lock().unwrap().clone();
    let seq = all.len() as u64 + 1;
    all.push(Event { seq, at: Timestamp(5), tenant: tenant.parse().unwrap(), account: None, kind });
    *desk.plane.events.lock().unwrap() = all;
    desk.service.hear_events().await.unwrap();
}

#[tokio::test]
async fn e3_the_user_of_a_mailbox_exports_it_and_fetches_it_by_a_link_that_can_be_ended() {
    let mut desk = Desk::with_portal("https://portal.example").await;
    let (tenant, _, mailbox) = desk.customer("alpha").await;
    let ann = user(&desk, "ann@alpha.example").await;
    let asked = desk.done(&ann, &request(&tenant, &[&mailbox], "")).await["export"].clone();
    assert_eq!((&asked["state"], &asked["progress"]["emailsDone"]), (&json!("WRITING"), &json!(1)), "{asked}");
    let export = asked["id"].as_str().unwrap();
    assert_eq!(desk.refused(&ann, &link(export, "")).await, "INVALID", "it is not ready");
    let job: JobId = export.parse().unwrap();
    let ready =
        EventKind::ExportReady { job, emails: 4, file_bytes: FILE_BYTES, problems: 0, expires_at: Timestamp(9) };
    desk.plane.exports.ready(job);
    tell(&desk, &tenant, ready).await;
    assert_eq!(state(&desk, &ann, export).await, "READY");
    let made = desk.done(&ann, &link(export, "")).await["link"].clone();
    let address = made["address"].as_str().unwrap();
    let path = format!("{}{FILE}", address.strip_prefix("https://portal.example").unwrap());
    desk.refresh();
    let (whole, body) = fetch(&desk, &path, &[]).await;
    assert_eq!((whole.status(), body.len() as u64), (StatusCode::OK, FILE_BYTES));
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    assert_eq!(whole.headers()["cache-control"], "private, no-store");
    let etag = whole.headers()["etag"].to_str().unwrap().to_owned();
    let (part, bytes) = fetch(&desk, &path, &[("range", "bytes=5000-"), ("if-range", &etag)]).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], "bytes 5000-9999/10000");
    assert_eq!(bytes, body[5000..]);
    let (beyond, _) = fetch(&desk, &path, &[("range", "bytes=10000-")]).await;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(fetch(&desk, &path, &[("if-none-match", &etag)]).await.0.status(), StatusCode::NOT_MODIFIED);
    for wrong in [format!("{path}x"), path.replace("/download/", "/download/x")] {
        assert_eq!(fetch(&desk, &wrong, &[]).await.0.status(), StatusCode::NOT_FOUND, "{wrong}");
    }
    let revoke = format!(
        "mutation {{ r: exportLinkRevoke(input: {{ linkId: {}, idempotencyKey: \"k\" }}) {{ userErrors {{ code message }} }} }}",
        made["id"]
    );
    desk.done(&ann, &revoke).await;
    assert_eq!(fetch(&desk, &path, &[]).await.0.status(), StatusCode::NOT_FOUND);
    let again = desk.done(&ann, &link(export, "")).await["link"]["address"].as_str().unwrap().to_owned();
    let again = format!("{}{FILE}", again.strip_prefix("https://portal.example").unwrap());
    assert_eq!(fetch(&desk, &again, &[]).await.0.status(), StatusCode::OK);
    // Destroyed: by no link.
    desk.done(&ann, &steer("exportCancel", export, ", idempotencyKey: \"c\"")).await;
    assert_eq!(fetch(&desk, &again, &[]).await.0.status(), StatusCode::NOT_FOUND);
    tell(&desk, &tenant, EventKind::ExportDestroyed { job }).await;
    assert_eq!(state(&desk, &ann, export).await, "EXPIRED");
    let expected = [
        "exportDestroyed",
        "exportCancel",
        "exportDownload",
        "exportLinkCreate",
        "exportLinkRevoke",
        "exportDownload",
        "exportLinkCreate",
        "exportReady",
        "exportRequest",
    ];
    assert_eq!(written(&desk, &tenant).await, expected, "each once, however many ranges are fetched");
}

#[tokio::test]
async fn what_a_stolen_session_is_not_enough_for_takes_a_factor_again() {
    let desk = Desk::new().await;
    let (tenant, _, mailbox) = desk.customer("alpha").await;
    let ann = user(&desk, "ann@alpha.example").await;
    desk.hands.turn(Duration::from_secs(11 * 60));
    let answer = desk.ask(&ann, &request(&tenant, &[&mailbox], "")).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "STEP_UP_REQUIRED", "{answer}");
    assert_eq!(desk.plane.exports.orders(), []);
}

#[tokio::test]
async fn a_whole_tenant_waits_for_its_other_owners_who_are_told_and_may_stop_it() {
    let desk = Desk::new().await;
    let (tenant, token, mailbox) = desk.customer("alpha").await;
    let signed = async |email: &str, role: &str| {
        signed_in(&desk, &token, &tenant, email, role).await["accessToken"].as_str().unwrap().to_owned()
    };
    let (one, two, admin) = (
        signed("one@x.example", "owner").await,
        signed("two@x.example", "owner").await,
        signed("adm@x.example", "admin").await,
    );
    assert_eq!(desk.refused(&admin, &request(&tenant, &[], "")).await, "FORBIDDEN", "who could not close it");
    let asked = desk.done(&one, &request(&tenant, &[], "")).await["export"].clone();
    assert_eq!((&asked["state"], &asked["mailboxIds"]), (&json!("AUTHORIZING"), &json!([])), "{asked}");
    let told: Vec<_> =
        desk.service.notices_due(50).await.unwrap().into_iter().filter(|n| n.kind == "export-asked").collect();
    assert_eq!(told.iter().map(|n| n.recipient.as_str()).collect::<Vec<_>>(), ["two@x.example"]);
    assert_eq!(told[0].facts["waits"], true);
    assert_eq!(desk.plane.exports.orders(), []);
    let export = asked["id"].as_str().unwrap();
    let cancelled = desk.done(&two, &steer("exportCancel", export, ", idempotencyKey: \"c\"")).await;
    assert_eq!(cancelled["export"]["state"], "CANCELLED");
    // One that nobody stops begins after its time, once.
    let second = desk.done(&one, &request(&tenant, &[], "")).await["export"]["id"].as_str().unwrap().to_owned();
    desk.hands.turn(Duration::from_secs(47 * 3600));
    assert_eq!(desk.service.order_exports().await.unwrap(), 0);
    desk.hands.turn(Duration::from_secs(2 * 3600));
    assert_eq!(desk.service.order_exports().await.unwrap(), 1);
    assert_eq!(desk.service.order_exports().await.unwrap(), 0);
    let orders = desk.plane.exports.orders();
    assert_eq!(orders.len(), 1);
    assert_eq!((orders[0].job.to_string(), orders[0].accounts.len()), (second, 0));
    // One's own mailbox waits for nobody; its user hears of it.
    let ann = user(&desk, "ann@alpha.example").await;
    assert_eq!(desk.done(&ann, &request(&tenant, &[&mailbox], "")).await["export"]["state"], "WRITING");
    let told = desk.service.notices_due(50).await.unwrap();
    assert!(
        told.iter()
            .any(|n| n.kind == "export-asked" && n.recipient == "ann@alpha.example" && n.facts["waits"] == false)
    );
}

#[tokio::test]
async fn who_waited_and_owns_the_tenant_no_more_gets_nothing() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    let one =
        signed_in(&desk, &token, &tenant, "one@x.example", "owner").await["accessToken"].as_str().unwrap().to_owned();
    signed_in(&desk, &token, &tenant, "two@x.example", "owner").await;
    let export = desk.done(&one, &request(&tenant, &[], "")).await["export"]["id"].as_str().unwrap().to_owned();
    let members = desk
        .ask(
            &token,
            &format!("{{ r: members(tenantId: \"{tenant}\", first: 9) {{ nodes {{ id person {{ email }} }} }} }}"),
        )
        .await;
    let members = members["data"]["r"]["nodes"].as_array().unwrap().clone();
    let gone =
        members.iter().find(|m| m["person"]["email"] == "one@x.example").unwrap()["id"].as_str().unwrap().to_owned();
    let remove = format!(
        "mutation {{ r: memberRemove(input: {{ memberId: \"{gone}\", idempotencyKey: \"k\" }}) {{ userErrors {{ message }} }} }}"
    );
    desk.done(&token, &remove).await;
    desk.hands.turn(Duration::from_secs(49 * 3600));
    assert_eq!(desk.service.order_exports().await.unwrap(), 0);
    assert_eq!(desk.plane.exports.orders(), []);
    assert_eq!(state(&desk, &token, &export).await, "REFUSED");
}

#[tokio::test]
async fn h2_who_owes_takes_its_mail_along_and_a_hold_on_exports_keeps_it() {
    let desk = Desk::new().await;
    let (tenant, token, mailbox) = desk.customer("alpha").await;
    let hold = |more: &str| {
        format!(
            "mutation {{ r: holdPlace(input: {{ subjectId: \"{tenant}\", code: \"X\", reason: \"x\"{more} }}) \
             {{ hold {{ id }} userErrors {{ message }} }} }}"
        )
    };
    desk.done(&desk.operator, &hold(", kind: BILLING")).await;
    let export = desk.done(&token, &request(&tenant, &[&mailbox], ", reason: \"ready\"")).await["export"]["id"].clone();
    let export = export.as_str().unwrap();
    let address = desk.done(&token, &link(export, "")).await["link"]["address"].as_str().unwrap().to_owned();
    assert_eq!(fetch(&desk, &format!("{address}{FILE}"), &[]).await.0.status(), StatusCode::OK);
    desk.done(&desk.operator, &hold(", kind: SECURITY, blocks: [EXPORT]")).await;
    assert_eq!(desk.refused(&token, &request(&tenant, &[&mailbox], "")).await, "FORBIDDEN");
    assert_eq!(fetch(&desk, &format!("{address}{FILE}"), &[]).await.0.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_data_plane_that_was_away_is_told_later_and_once() {
    let desk = Desk::new().await;
    let (tenant, token, mailbox) = desk.customer("alpha").await;
    desk.plane.down.store(true, Ordering::SeqCst);
    let export = desk.done(&token, &request(&tenant, &[&mailbox], "")).await["export"].clone();
    assert_eq!(export["state"], "QUEUED", "{export}");
    let id = export["id"].as_str().unwrap();
    desk.plane.down.store(false, Ordering::SeqCst);
    assert_eq!(desk.refused(&token, &steer("exportCancel", id, ", idempotencyKey: \"c\"")).await, "IN_USE");
    assert_eq!(desk.service.order_exports().await.unwrap(), 0, "not before its pause");
    desk.hands.turn(Duration::from_secs(31));
    assert_eq!(desk.service.order_exports().await.unwrap(), 1);
    assert_eq!(state(&desk, &token, id).await, "WRITING");
    assert_eq!(desk.done(&token, &steer("exportPause", id, "")).await["export"]["state"], "PAUSED");
    assert_eq!(desk.done(&token, &steer("exportResume", id, "")).await["export"]["state"], "WRITING");
    assert_eq!(
        desk.done(&token, &steer("exportCancel", id, ", idempotencyKey: \"d\"")).await["export"]["state"],
        "CANCELLED"
    );
    assert_eq!(desk.refused(&token, &steer("exportResume", id, "")).await, "INVALID");
}

#[tokio::test]
async fn exports_are_bounded_and_each_sees_its_own() {
    let desk = Desk::new().await;
    let (tenant, token, mailbox) = desk.customer("alpha").await;
    let made = crate::plane::mailbox("bob@alpha.example");
    let bob = desk.done(&token, &made).await["mailbox"]["id"].as_str().unwrap().to_owned();
    for _ in 0..3 {
        desk.done(&token, &request(&tenant, &[&mailbox], "")).await;
    }
    assert_eq!(desk.refused(&token, &request(&tenant, &[&mailbox], "")).await, "LIMIT_REACHED");
    let both =
        desk.done(&token, &request(&tenant, &[&mailbox, &bob], "")).await["export"]["id"].as_str().unwrap().to_owned();
    assert_eq!(desk.refused(&token, &request(&tenant, &[&bob, &bob], "")).await, "INVALID");
    assert_eq!(desk.refused(&token, &request(&tenant, &[&bob], ", keepDays: 91")).await, "INVALID");
    let listed =
        format!("{{ r: exports(tenantId: \"{tenant}\", first: 10) {{ totalCount nodes {{ id mailboxAddress }} }} }}");
    let all = desk.ask(&token, &listed).await["data"]["r"].clone();
    assert_eq!((&all["totalCount"], &all["nodes"][0]["id"]), (&json!(4), &json!(both)), "the latest first: {all}");
    let ann = user(&desk, "ann@alpha.example").await;
    let own = desk.ask(&ann, &listed).await["data"]["r"].clone();
    assert_eq!(own["totalCount"], 3, "{own}");
    assert!(own["nodes"].as_array().unwrap().iter().all(|n| n["mailboxAddress"] == "ann@alpha.example"), "{own}");
    assert_eq!(state(&desk, &ann, &both).await, Value::Null, "what has others' mail in it is not there");
    assert_eq!(desk.refused(&ann, &steer("exportCancel", &both, ", idempotencyKey: \"c\"")).await, "NOT_FOUND");
    assert_eq!(desk.refused(&ann, &request(&tenant, &[&bob], "")).await, "NOT_FOUND");
}

#[tokio::test]
async fn a_hold_on_a_mailbox_leaves_it_out_of_its_tenants_export_and_ends_its_links() {
    let desk = Desk::new().await;
    let (tenant, token, mailbox) = desk.customer("alpha").await;
    let bob = desk.done(&token, &crate::plane::mailbox("bob@alpha.example")).await["mailbox"]["id"].clone();
    let ready = request(&tenant, &[bob.as_str().unwrap()], ", reason: \"ready\"");
    let ready = desk.done(&token, &ready).await["export"]["id"].as_str().unwrap().to_owned();
    let address = desk.done(&token, &link(&ready, "")).await["link"]["address"].as_str().unwrap().to_owned();
    assert_eq!(fetch(&desk, &format!("{address}{FILE}"), &[]).await.0.status(), StatusCode::OK);
    let hold = format!(
        "mutation {{ r: holdPlace(input: {{ subjectId: {bob}, kind: ADMIN, code: \"X\", reason: \"x\", blocks: [EXPORT] }}) \
         {{ hold {{ id }} userErrors {{ message }} }} }}"
    );
    desk.done(&desk.operator, &hold).await;
    assert_eq!(fetch(&desk, &format!("{address}{FILE}"), &[]).await.0.status(), StatusCode::FORBIDDEN);
    let all = desk.done(&token, &request(&tenant, &[], "")).await["export"].clone();
    assert_eq!((&all["leftOut"], &all["mailboxIds"]), (&json!(1), &json!([mailbox])), "{all}");
}

#[tokio::test]
async fn a_right_on_a_mailbox_is_not_its_users_word_and_others_exports_are_theirs() {
    let desk = Desk::new().await;
    let (tenant, token, mailbox) = desk.customer("alpha").await;
    let signed = async |email: &str, role: &str| {
        signed_in(&desk, &token, &tenant, email, role).await["accessToken"].as_str().unwrap().to_owned()
    };
    let (one, _) = (signed("one@x.example", "owner").await, signed("two@x.example", "owner").await);
    let invite = format!(
        "mutation {{ r: memberInvite(input: {{ tenantId: \"{tenant}\", email: \"sock@x.example\", role: \"mailbox-user\", \
         on: {{ mailboxIds: [\"{mailbox}\"] }} }}) {{ secret userErrors {{ message }} }} }}"
    );
    let secret = desk.done(&one, &invite).await["secret"].as_str().unwrap().to_owned();
    let accept = format!(
        "mutation {{ r: invitationAccept(input: {{ secret: \"{secret}\", name: \"S\", password: \"long enough\" }}) \
         {{ userErrors {{ message }} }} }}"
    );
    desk.done("", &accept).await;
    let sock = desk.done("", &sign_in("sock@x.example", "long enough")).await["tokens"]["accessToken"].clone();
    let asked = desk.done(sock.as_str().unwrap(), &request(&tenant, &[&mailbox], "")).await["export"].clone();
    assert_eq!(asked["state"], "AUTHORIZING", "{asked}");
    // What its user asked for is not a way past the wait.
    let ann = user(&desk, "ann@alpha.example").await;
    let own = request(&tenant, &[&mailbox], ", reason: \"ready\"");
    let own = desk.done(&ann, &own).await["export"]["id"].as_str().unwrap().to_owned();
    assert_eq!(desk.refused(&one, &link(&own, "")).await, "FORBIDDEN");
    desk.done(&ann, &link(&own, "")).await;
    desk.done(&one, &steer("exportCancel", &own, ", idempotencyKey: \"c\"")).await;
    let told = desk.service.notices_due(50).await.unwrap();
    assert!(told.iter().any(|n| n.kind == "export-cancelled" && n.recipient == "ann@alpha.example"), "{told:?}");
}
