//! SUMMARY    Migrations in the API: who may begin them, what becomes of the secret, how they end, what is written down.

use crate::{people::sign_in, plane::Desk};
use base::{JobId, TenantId, Timestamp};
use control::{
    ControlError, Event, EventKind, MigrationCheck, MigrationChecked, MigrationFolder, MigrationOrder, MigrationPhase,
    MigrationProblem, MigrationProblemKind, MigrationSecret, MigrationStanding, MigrationSteer, MigrationSteered,
    MigrationWish,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Mutex, atomic::Ordering},
    time::Duration,
};

/// Stands nowhere but in what the data plane is told.
const SECRET: &str = "hunter2-of-elsewhere";
/// A host that the data plane does not ask.
const INSIDE: &str = "router.inside.example";

/// Migrations of a data plane that brings nothing.
#[derive(Default)]
pub struct Migrations(Mutex<BTreeMap<(u64, u64), (MigrationOrder, MigrationStanding)>>);

impl Migrations {
    pub fn begin(&self, order: MigrationOrder) -> Result<(), ControlError> {
        if order.source.host == INSIDE {
            return Err(ControlError::Invalid("the host has no address of the public Internet".to_owned()));
        }
        let standing = MigrationStanding {
            phase: MigrationPhase::Running,
            folders: 1,
            folders_total: 3,
            messages_total: 40,
            messages: 12,
            brought: 10,
            bytes: 10_000,
            found: 2,
            problems: 1,
            passes: 0,
            last_pass_at: Some(Timestamp(3)),
            next_pass_at: Some(Timestamp(7)),
            ends_at: Timestamp(9),
            ended_at: None,
            why: String::new(),
        };
        self.0.lock().unwrap().entry((order.tenant.0, order.job.0)).or_insert((order, standing));
        Ok(())
    }

    pub fn standing(&self, tenant: TenantId, job: JobId) -> Option<MigrationStanding> {
        self.0.lock().unwrap().get(&(tenant.0, job.0)).map(|(_, standing)| standing.clone())
    }

    pub fn problems(&self, tenant: TenantId, job: JobId) -> Vec<MigrationProblem> {
        let kind = MigrationProblemKind::Message;
        let one = MigrationProblem { kind, folder: "Old".to_owned(), uid: Some(4), why: "too big".to_owned() };
        self.standing(tenant, job).map(|_| one).into_iter().collect()
    }

    pub fn steer(&self, steer: MigrationSteer) -> MigrationSteered {
        let mut all = self.0.lock().unwrap();
        let Some((order, standing)) = all.get_mut(&(steer.tenant.0, steer.job.0)) else {
            return MigrationSteered::Unknown;
        };
        if let Some(secret) = steer.secret {
            order.secret = secret;
        }
        standing.phase = match steer.wish {
            MigrationWish::Run => MigrationPhase::Waiting,
            MigrationWish::Pause => MigrationPhase::Paused,
            MigrationWish::End => MigrationPhase::Ended,
        };
        MigrationSteered::Done(Box::new(standing.clone()))
    }

    pub fn check(&self, check: &MigrationCheck) -> Result<MigrationChecked, ControlError> {
        match check.source.host.as_str() {
            INSIDE => Err(ControlError::Invalid("the host has no address of the public Internet".to_owned())),
            _ if check.secret.reveal() != SECRET => Ok(MigrationChecked::Closed("the source refuses".to_owned())),
            _ => {
                let (name, mailbox) = ("INBOX".to_owned(), "INBOX".to_owned());
                let folders = vec![MigrationFolder { name, mailbox, messages: Some(40), bytes: None }];
                Ok(MigrationChecked::Open { folders, folders_total: 1, messages: 40, bytes: None })
            }
        }
    }

    fn orders(&self) -> Vec<MigrationOrder> {
        self.0.lock().unwrap().values().map(|(order, _)| order.clone()).collect()
    }
}

pub const SOURCE: &str = "source: { host: \"imap.old.example\" }";

fn start(mailbox: &str, more: &str) -> String {
    format!(
        "mutation {{ r: migrationStart(input: {{ mailboxId: \"{mailbox}\", {SOURCE}, user: \"ann@old.example\", secret: \"{SECRET}\"{more} }}) \
         {{ migration {{ id state host port user brought alreadyHere progress {{ messages messagesTotal }} mailboxAddress }} \
         userErrors {{ field code message }} }} }}"
    )
}

fn steer(name: &str, id: &str, more: &str) -> String {
    format!(
        "mutation {{ r: {name}(input: {{ migrationId: \"{id}\"{more} }}) {{ migration {{ id state }} userErrors {{ code message }} }} }}"
    )
}

/// A migration into a mailbox.
async fn begun(desk: &Desk, mailbox: &str, token: &str) -> String {
    desk.done(token, &start(mailbox, "")).await["migration"]["id"].as_str().unwrap().to_owned()
}

/// An export that is under way, one that is ready, the id of a link to that, and a migration, of one mailbox.
pub async fn out_and_in(desk: &Desk, tenant: &str, mailbox: &str, token: &str) -> [String; 4] {
    let [going, ready, link] = crate::export::exported(desk, tenant, mailbox, token).await;
    [going, ready, link, begun(desk, mailbox, token).await]
}

async fn user(desk: &Desk, address: &str) -> String {
    let user = sign_in(address, "long enough").replace("input: {", "input: { kind: MAILBOX,");
    desk.done("", &user).await["tokens"]["accessToken"].as_str().unwrap().to_owned()
}

async fn state(desk: &Desk, token: &str, id: &str) -> Value {
    let answer = desk.ask(token, &format!("{{ r: migration(id: \"{id}\") {{ state brought problem }} }}")).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"]["r"].clone()
}

/// Actions of a tenant's audit log that are about migrations, the latest first, and all of their details.
async fn written(desk: &Desk, tenant: &str) -> (Vec<String>, String) {
    let query = format!("{{ r: auditEntries(tenantId: \"{tenant}\", first: 50) {{ nodes {{ action detail }} }} }}");
    let answer = desk.ask(&desk.operator, &query).await;
    let nodes = answer["data"]["r"]["nodes"].as_array().unwrap();
    let actions = nodes.iter().map(|n| n["action"].as_str().unwrap().to_owned());
    (actions.filter(|action| action.starts_with("migration")).collect(), answer.to_string())
}

async fn tell(desk: &Desk, tenant: &str, kind: EventKind) {
    let seq = desk.plane.events.lock().unwrap().len() as u64 + 1;
    let event = Event { seq, at: Timestamp(5), tenant: tenant.parse().unwrap(), account: None, kind };
    desk.plane.events.lock().unwrap().push(event);
    desk.service.hear_events().await.unwrap();
}

#[tokio::test]
async fn the_user_of_a_mailbox_moves_it_here_and_ends_that() {
    let desk = Desk::new().await;
    let (tenant, token, mailbox) = desk.customer("alpha").await;
    let ann = user(&desk, "ann@alpha.example").await;
    let made = desk.done(&ann, &start(&mailbox, ", idempotencyKey: \"k\"")).await["migration"].clone();
    assert_eq!(
        (&made["state"], &made["port"], &made["brought"]),
        (&json!("RUNNING"), &json!(993), &json!(10)),
        "{made}"
    );
    let id = made["id"].as_str().unwrap();
    let again = desk.done(&ann, &start(&mailbox, ", idempotencyKey: \"k\"")).await["migration"].clone();
    assert_eq!(again["id"], made["id"], "once");
    let orders = desk.plane.migrations.orders();
    assert_eq!((orders.len(), orders[0].secret.reveal()), (1, SECRET));
    let other = start(&mailbox, ", idempotencyKey: \"k\"").replace(SECRET, "another");
    assert_eq!(desk.refused(&ann, &other).await, "IDEMPOTENCY_MISMATCH");
    desk.done(&ann, &steer("migrationPause", id, "")).await;
    assert_eq!(state(&desk, &token, id).await["state"], "PAUSED");
    desk.done(&ann, &steer("migrationResume", id, ", secret: \"newer\"")).await;
    assert_eq!(desk.plane.migrations.orders()[0].secret, MigrationSecret::new("newer".to_owned()));
    let query = format!(
        "{{ r: migrations(tenantId: \"{tenant}\", mailboxId: \"{mailbox}\", first: 5) {{ nodes {{ id }} totalCount }} \
         p: migrationProblems(migrationId: \"{id}\") {{ kind folder uid why }} }}"
    );
    let listed = desk.ask(&ann, &query).await;
    assert_eq!(listed["data"]["r"], json!({ "nodes": [{ "id": id }], "totalCount": 1 }));
    assert_eq!(listed["data"]["p"], json!([{ "kind": "MESSAGE", "folder": "Old", "uid": 4, "why": "too big" }]));
    desk.done(&ann, &steer("migrationEnd", id, ", idempotencyKey: \"e\"")).await;
    let (job, why) = (id.parse().unwrap(), String::new());
    tell(&desk, &tenant, EventKind::MigrationEnded { job, brought: 10, bytes: 10_000, problems: 1, why }).await;
    assert_eq!(state(&desk, &ann, id).await, json!({ "state": "ENDED", "brought": 10, "problem": null }));
    assert_eq!(desk.refused(&ann, &steer("migrationResume", id, "")).await, "INVALID");
    let (actions, all) = written(&desk, &tenant).await;
    assert_eq!(actions, ["migrationDone", "migrationEnd", "migrationResume", "migrationPause", "migrationStart"]);
    assert!(all.contains("ann@old.example at imap.old.example:993") && !all.contains(SECRET) && !all.contains("newer"));
    let files = std::fs::read_dir(desk.folder.path()).unwrap();
    for file in files.map(|file| std::fs::read(file.unwrap().path()).unwrap_or_default()) {
        assert!(!file.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "the secret is in no file");
    }
}

#[tokio::test]
async fn what_the_mail_server_refuses_or_does_not_answer_is_told_and_the_same_again_goes_on() {
    let desk = Desk::new().await;
    let (tenant, token, mailbox) = desk.customer("alpha").await;
    let inside = start(&mailbox, "").replace("imap.old.example", INSIDE);
    let refused = desk.ask(&token, &inside).await["data"]["r"]["userErrors"][0].clone();
    assert_eq!((&refused["code"], &refused["field"]), (&json!("INVALID"), &json!("host")), "{refused}");
    desk.plane.down.store(true, Ordering::SeqCst);
    let text = start(&mailbox, ", idempotencyKey: \"k\"");
    let away = desk.ask(&token, &text).await;
    assert_eq!(away["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{away}");
    let lost = desk.ask(&token, &start(&mailbox, "")).await;
    assert_eq!(lost["errors"][0]["extensions"]["code"], "UNAVAILABLE");
    desk.plane.down.store(false, Ordering::SeqCst);
    let made = desk.done(&token, &text).await["migration"].clone();
    assert_eq!((&made["state"], desk.plane.migrations.orders().len()), (&json!("RUNNING"), 1));
    desk.hands.turn(Duration::from_secs(301));
    assert_eq!(desk.service.settle_migrations().await.unwrap(), 1, "nobody has its secret any more");
    let query = format!("{{ r: migrations(tenantId: \"{tenant}\", first: 5) {{ nodes {{ state }} }} }}");
    let states = desk.ask(&token, &query).await["data"]["r"]["nodes"].clone();
    assert_eq!(states, json!([{ "state": "REFUSED" }, { "state": "RUNNING" }, { "state": "REFUSED" }]));
    let again = [start(&mailbox, ""), start(&mailbox, "")];
    for text in &again {
        desk.done(&token, text).await;
    }
    assert_eq!(desk.refused(&token, &again[0]).await, "LIMIT_REACHED", "three into one mailbox");
}

#[tokio::test]
async fn beginning_takes_a_factor_and_rights_on_the_mailbox() {
    let desk = Desk::new().await;
    let (_, token, mailbox) = desk.customer("alpha").await;
    desk.done(&token, &crate::plane::mailbox("bob@alpha.example")).await;
    let (ann, bob) = (user(&desk, "ann@alpha.example").await, user(&desk, "bob@alpha.example").await);
    assert_eq!(desk.refused(&bob, &start(&mailbox, "")).await, "NOT_FOUND");
    let id = begun(&desk, &mailbox, &ann).await;
    assert_eq!(state(&desk, &bob, &id).await, Value::Null);
    assert_eq!(desk.refused(&bob, &steer("migrationEnd", &id, ", idempotencyKey: \"e\"")).await, "NOT_FOUND");
    desk.hands.turn(Duration::from_secs(11 * 60));
    let answer = desk.ask(&ann, &start(&mailbox, "")).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "STEP_UP_REQUIRED", "{answer}");
    assert_eq!(desk.plane.migrations.orders().len(), 1);
}

#[tokio::test]
async fn many_are_begun_from_one_host_each_with_its_own_answer() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    desk.done(&token, &crate::plane::mailbox("bob@alpha.example")).await;
    let many = |policy: &str| {
        let account =
            |local: &str| format!("{{ mailbox: \"{local}@alpha.example\", user: \"{local}\", secret: \"{SECRET}\" }}");
        let accounts = ["ann", "nobody", "bob"].map(account).join(", ");
        format!(
            "mutation {{ r: migrationStartMany(input: {{ tenantId: \"{tenant}\", {SOURCE}, accounts: [{accounts}], errorPolicy: {policy} }}) \
             {{ results {{ migration {{ user state }} userErrors {{ field code }} }} userErrors {{ code }} }} }}"
        )
    };
    let nothing = desk.done(&token, &many("ALL_OR_NOTHING")).await["results"].clone();
    assert_eq!(nothing[0]["userErrors"][0]["code"], "ABORTED");
    assert_eq!(desk.plane.migrations.orders().len(), 0);
    let some = desk.done(&token, &many("CONTINUE")).await["results"].clone();
    assert_eq!(some[0]["migration"], json!({ "user": "ann", "state": "RUNNING" }));
    assert_eq!(some[1]["userErrors"], json!([{ "field": "mailbox", "code": "NOT_FOUND" }]));
    assert_eq!(desk.plane.migrations.orders().len(), 2);
}

#[tokio::test]
async fn a_look_tells_what_is_there_and_is_not_for_guessing() {
    let desk = Desk::new().await;
    let (_, token, mailbox) = desk.customer("alpha").await;
    let look = |secret: &str| {
        format!(
            "{{ r: migrationCheck(mailboxId: \"{mailbox}\", {SOURCE}, user: \"ann\", secret: \"{secret}\") \
             {{ open problem messages folders {{ name mailbox messages size }} }} }}"
        )
    };
    let open = desk.ask(&token, &look(SECRET)).await["data"]["r"].clone();
    assert_eq!(
        (&open["open"], &open["messages"], &open["folders"][0]["name"]),
        (&json!(true), &json!(40), &json!("INBOX"))
    );
    let inside = desk.ask(&token, &look(SECRET).replace("imap.old.example", INSIDE)).await;
    assert_eq!(inside["errors"][0]["extensions"]["code"], "INVALID", "{inside}");
    let mut answers = Vec::new();
    for n in 0..25 {
        answers.push(desk.ask(&token, &look(&format!("guess {n}"))).await);
    }
    assert_eq!(answers[0]["data"]["r"]["problem"], "the source refuses");
    assert_eq!(answers[24]["errors"][0]["extensions"]["code"], "THROTTLED");
}
