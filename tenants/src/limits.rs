//! SUMMARY    Every limit of the control plane by its name.
//! INVARIANTS A number that bounds a loop, a batch, a text or a life stands here, not at its use.

use crate::auth::Pace;
use std::time::Duration;

/// Levels of the tenant tree.
pub const TREE_DEPTH_MAX: usize = 16;
/// Lines of the tree that are kept in memory; beyond it all are read again.
pub const LINES_MAX: usize = 100_000;
/// Items of one bulk mutation.
pub const BULK_ITEMS_MAX: usize = 100;
/// How long a mutation is remembered by its idempotency key.
pub const IDEMPOTENCY_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Bytes of an idempotency key.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// Expired keys of a tenant that one mutation clears away.
pub const IDEMPOTENCY_SWEEP_MAX: i64 = 100;
/// Snapshots of one outbox row; more become several rows of the same transaction.
pub const OUTBOX_BATCH_MAX: usize = 1_000;
/// Outbox rows that are read at once; those that fit OUTBOX_BATCH_MAX are told together.
pub const OUTBOX_ROWS_AT_ONCE: i64 = 32;
/// Characters of the reason of a hold: it is shown in one line of SMTP and IMAP.
pub const REASON_CHARS_MAX: usize = 200;
/// Characters of the code of a hold.
pub const HOLD_CODE_CHARS_MAX: usize = 60;
/// Open holds on one subject.
pub const HOLDS_PER_SUBJECT_MAX: i64 = 32;
/// Holds that one pass ends because their time is over.
pub const HOLDS_EXPIRED_AT_ONCE: i64 = 100;
/// Passwords of a bulk that are hashed at the same time.
pub const HASHES_AT_ONCE: usize = 4;
/// Objects of one batched look-up.
pub const LOOKUP_IDS_MAX: usize = 1_000;
/// Characters of a tenant's name, a person's name, a label.
pub const NAME_CHARS_MAX: usize = 200;
/// Snapshots that are sent again at once.
pub const RESEND_PAGE: i64 = 500;
/// Bytes of snapshots that are sent again at once, unless one alone has more.
pub const RESEND_BYTES: usize = 2 << 20;
/// Pause after each such page of a pass that is not urgent: a million mailboxes take about a quarter of an hour.
pub const RESEND_PAUSE: Duration = Duration::from_millis(100);
/// How often to look on which store the data plane stands.
pub const PLANE_LOOK: Duration = Duration::from_secs(5);
/// Open claims on one name.
pub const CLAIMS_PER_NAME_MAX: i64 = 100;
/// Jobs of a tenant that have not ended.
pub const JOBS_OPEN_MAX: i64 = 20;
/// Jobs that a process works on at the same time.
pub const JOB_WORKERS: usize = 2;
/// Bytes of what a job is asked for.
pub const JOB_INPUT_BYTES_MAX: usize = 8 << 20;
/// How long a process has a job for itself after each step; it must be longer than a step.
pub const JOB_LEASE: Duration = Duration::from_secs(30);
/// Longest step of a job.
pub const JOB_STEP_MAX: Duration = Duration::from_secs(20);
/// How long a job is served before it is the next tenant's turn.
pub const JOB_SLICE: Duration = Duration::from_secs(1);
/// Claims of a job without a committed step; then it has failed.
pub const JOB_ATTEMPTS_MAX: i64 = 8;
/// Longest pause before a step is tried again.
pub const JOB_BACKOFF_MAX: Duration = Duration::from_secs(300);
/// How often workers look for jobs that nobody told them of.
pub const JOB_POLL: Duration = Duration::from_secs(1);
/// Characters of a job's error.
pub const JOB_ERROR_CHARS_MAX: usize = 500;
/// Snapshots of one step of a re-sending.
pub const RESEND_ITEMS_MAX: i64 = 100;
/// Memory of a password hash that comes from elsewhere, KiB.
pub const HASH_MEMORY_KIB_MIN: u32 = 4_096;
/// The same at most: a login needs it.
pub const HASH_MEMORY_KIB_MAX: u32 = 131_072;
/// Passes of such a hash.
pub const HASH_PASSES_MAX: u32 = 10;
/// Lanes of such a hash.
pub const HASH_LANES_MAX: u32 = 4;
/// Memory of such a hash times its passes, KiB: what one login costs; seven times a hash of ours.
pub const HASH_WORK_KIB_MAX: u32 = 262_144;
/// Days in a row without its proof after which a domain is lost.
pub const FAILED_DAYS_MAX: i64 = 7;
/// Domains that are looked at at once by themselves.
pub const CHECKS_AT_ONCE: i64 = 8;
/// How long a look may take before another worker may begin one.
pub const CHECK_LEASE: Duration = Duration::from_secs(10 * 60);
/// Pause of the worker that looks at domains when nothing is due.
pub const CHECK_PAUSE: Duration = Duration::from_secs(5);
/// Notices of a domain that are shown.
pub const DOMAIN_NOTICES_SHOWN: i64 = 20;
/// How long a DKIM key signs before the next one is made.
pub const DKIM_KEY_LIFE: Duration = Duration::from_secs(180 * 24 * 3600);
/// How long the record of a key that signs no more stays: mail under way is verified by it.
pub const DKIM_RETIRED_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a key is shown as revoked before it is forgotten.
pub const DKIM_REVOKED_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Keys of a domain, of all stages.
pub const DKIM_KEYS_MAX: i64 = 16;
/// Wait for a DNS server that is to publish.
pub const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);
/// Verified credentials that are kept in memory.
pub const AUTH_CACHE_MAX: usize = 50_000;
/// How long a verified credential is kept without looking again.
pub const AUTH_CACHE_LIFE: Duration = Duration::from_secs(30);
/// Time between two writings of when credentials were last used.
pub const USES_PAUSE: Duration = Duration::from_secs(60);
/// Slots in which attempts to sign in are counted.
pub const SIGN_IN_SLOTS: usize = 1 << 16;
/// Attempts to sign in from one address (IPv6: one /64).
pub const SIGN_INS_PER_IP: Pace = Pace { burst: 50, every_ms: 2_000 };
/// Attempts to sign in to one account from one network; of second factors and by sessions, from all of them together.
pub const SIGN_INS_PER_ACCOUNT: Pace = Pace { burst: 10, every_ms: 30_000 };
/// Attempts to sign in to one account from all networks that it never signed in from.
pub const SIGN_INS_PER_NAME: Pace = Pace { burst: 100, every_ms: 10_000 };
/// Life of an access token.
pub const ACCESS_LIFE: Duration = Duration::from_secs(15 * 60);
/// Life of a session that is not used.
pub const SESSION_IDLE_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a verified factor opens sensitive operations.
pub const STEP_UP_LIFE: Duration = Duration::from_secs(10 * 60);
/// Factors of one person.
pub const FACTORS_MAX: i64 = 20;
/// Recovery codes that are made at once.
pub const RECOVERY_CODES: usize = 10;
/// How long what began waits for its second request.
pub const CEREMONY_LIFE: Duration = Duration::from_secs(10 * 60);
/// Expired ceremonies that a new one clears away.
pub const CEREMONIES_SWEPT: i64 = 100;
/// Open sessions of one person or mailbox; beyond, the oldest end.
pub const SESSIONS_MAX: i64 = 100;
/// Life of an invitation.
pub const INVITATION_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long whoever sends notices has one for itself; twice as long with each try.
pub const NOTICE_LEASE: Duration = Duration::from_secs(60);
/// Longest time between two tries of a notice.
pub const NOTICE_BACKOFF_MAX: Duration = Duration::from_secs(3600);
/// A notice that could not be sent for so long is not sent; one that was sent is forgotten.
pub const NOTICE_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Notices that are forgotten at once.
pub const NOTICES_SWEPT: i64 = 100;
/// Life of the secret for a new password.
pub const PASSWORD_RESET_LIFE: Duration = Duration::from_secs(3600);
/// Such secrets that are mailed to one person in an hour.
pub const PASSWORD_RESETS_PER_HOUR: i64 = 3;
/// Addresses for which a new password was asked and nobody looked yet; beyond, whoever asks is told to come again.
pub const PASSWORD_REQUESTS_MAX: i64 = 10_000;
/// Such addresses that are looked at in one transaction.
pub const PASSWORD_REQUESTS_AT_ONCE: i64 = 100;
/// How long to wait when there are too many.
pub const PASSWORD_REQUESTS_PAUSE: Duration = Duration::from_secs(60);
/// Open invitations of a tenant.
pub const INVITATIONS_MAX: i64 = 1_000;
/// Invitations of a tenant that are mailed in 24 hours, sent again ones too.
pub const INVITATION_MAILS_PER_DAY: i64 = 200;
/// The same of those to one address, whatever stands behind its `+`.
pub const INVITATION_MAILS_PER_ADDRESS: i64 = 5;
/// The same of those to one address from all tenants together, whatever stands behind its `+`.
pub const INVITATION_MAILS_PER_ADDRESS_OF_ALL: i64 = 20;
/// One tenant alone uses up a part of it only.
const _: () = assert!(INVITATION_MAILS_PER_ADDRESS * 4 <= INVITATION_MAILS_PER_ADDRESS_OF_ALL);
/// App passwords of a mailbox that are listed.
pub const APP_PASSWORDS_SHOWN: i64 = 100;
/// Roles that a tenant makes itself.
pub const ROLES_MAX: i64 = 200;
/// Domains or mailboxes that one grant names.
pub const SELECTOR_ITEMS_MAX: usize = 200;
/// Longest time that support is let in.
pub const SUPPORT_LIFE_MAX: Duration = Duration::from_secs(72 * 3600);
/// Identity providers of one tenant.
pub const IDENTITY_PROVIDERS_MAX: i64 = 20;
/// Bytes of an answer of an identity provider.
pub const IDENTITY_ANSWER_BYTES_MAX: usize = 256 << 10;
/// Longest wait for an identity provider.
pub const IDENTITY_WAIT: Duration = Duration::from_secs(10);
/// How long what a provider says of itself and its keys is believed.
pub const IDENTITY_KEPT: Duration = Duration::from_secs(5 * 60);
/// Providers of which that is kept.
pub const IDENTITY_KEPT_MAX: usize = 1_000;
/// Time between two looks for a key that is not known.
pub const IDENTITY_REFETCH_PAUSE: Duration = Duration::from_secs(5);
/// Keys of one provider.
pub const IDENTITY_KEYS_MAX: usize = 50;
/// How far a provider's clock may be off.
pub const IDENTITY_SKEW: Duration = Duration::from_secs(60);
/// How long ago an ID token may have been made.
pub const IDENTITY_TOKEN_LIFE_MAX: Duration = Duration::from_secs(10 * 60);
/// Networks of one token.
pub const TOKEN_NETWORKS_MAX: usize = 50;
/// Live tokens of a service account.
pub const SERVICE_TOKENS_MAX: i64 = 10;
/// Members of a distribution group: what one message is expanded to at most.
pub const GROUP_MEMBERS_MAX: usize = base::limits::ROUTE_TARGETS_MAX - 1;
/// Masked addresses of a mailbox.
pub const MASKED_PER_MAILBOX_MAX: i64 = 500;
/// Characters of a note.
pub const NOTE_CHARS_MAX: usize = 1_000;
/// Delegates of a mailbox.
pub const DELEGATES_PER_MAILBOX_MAX: i64 = 100;
/// Addresses that a mailbox was granted to send from.
pub const SEND_AS_PER_MAILBOX_MAX: i64 = 100;
/// Days a deleted mailbox can be restored where no tenant says otherwise.
pub const MAILBOX_RETENTION_DAYS: i64 = 30;
/// The same at most.
pub const MAILBOX_RETENTION_DAYS_MAX: i64 = 365;
/// Days in which expunged mail can be brought back, where no tenant says another number.
pub const EMAIL_RECOVERY_DAYS: u32 = 14;
/// Days that a tenant may say.
pub const EMAIL_RECOVERY_DAYS_MAX: u32 = 90;
/// Emails that one request brings back.
pub const EMAILS_RECOVERED_MAX: usize = 100;
/// How long an export waits for a tenant's other owners, who may stop it.
pub const EXPORT_WAIT: Duration = Duration::from_secs(48 * 3600);
/// Exports of a tenant that are not destroyed: as many as the data plane keeps.
pub const EXPORTS_PER_TENANT_MAX: i64 = 20;
/// The same of one mailbox.
pub const EXPORTS_PER_MAILBOX_MAX: i64 = 3;
/// Mailboxes that an export names, where it is not of all.
pub const EXPORT_MAILBOXES_MAX: usize = 100;
/// Pause between two looks for exports whose time has come.
pub const EXPORT_POLL: Duration = Duration::from_secs(3);
/// After this time the data plane is told of an export again.
pub const EXPORT_ORDER_PAUSE: Duration = Duration::from_secs(30);
/// Exports that one look has begun.
pub const EXPORTS_ORDERED_AT_ONCE: i64 = 20;
/// How long a link to files of an export is good, at most.
pub const EXPORT_LINK_LIFE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Links of an export that are good.
pub const EXPORT_LINKS_MAX: i64 = 20;
/// Days after which what the operator closed may be purged, at the earliest.
pub const CLOSING_UNDO_DAYS: i64 = 30;
/// Notices to a contact elsewhere without which nothing is purged.
pub const PURGE_NOTICES_MIN: usize = 2;
/// Days between the last of them and a purge, at least.
pub const PURGE_NOTICE_DAYS: i64 = 7;
/// Rows of a purged tenant that are erased in one transaction.
pub const PURGE_ROWS_MAX: i64 = 1_000;
/// Mailboxes that one look for due ones purges.
pub const PURGED_AT_ONCE: i64 = 100;
/// Bytes of a file of mailboxes.
pub const IMPORT_BYTES_MAX: usize = 4 << 20;
/// Rows of a file of mailboxes.
pub const IMPORT_ROWS_MAX: usize = 10_000;
/// Rows that are made in one transaction.
pub const IMPORT_PART_ROWS: usize = 50;
/// How long what became of the rows can be asked for.
pub const IMPORT_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Entries of the audit log that are read at once.
pub const AUDIT_PAGE: i64 = 500;
/// Entries that one verification goes through; the next one goes on.
pub const AUDIT_VERIFY_MAX: i64 = 50_000;
/// How long entries of the audit log are kept.
pub const AUDIT_KEPT: Duration = Duration::from_secs(730 * 86_400);
/// Entries of the audit log that are cleared away in one transaction.
pub const AUDIT_SWEEP_MAX: i64 = 1_000;
/// How long the file that a job made can be fetched.
pub const JOB_FILE_KEPT: Duration = Duration::from_secs(7 * 86_400);
/// How long ended jobs are kept.
pub const JOB_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How long events are kept; the last one of an object stays.
pub const EVENT_KEPT: Duration = Duration::from_secs(90 * 86_400);
/// How long the log of a delivery is kept.
pub const DELIVERY_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// Rows that are cleared away in one transaction.
pub const SWEEP_MAX: i64 = 1_000;
/// Pause between two sweeps.
pub const SWEEP_PAUSE: Duration = Duration::from_secs(3_600);
/// Events that are taken over from the data plane at once.
pub const PLANE_EVENTS_MAX: u32 = 500;
/// How often events are looked for that nobody told this process of.
pub const EVENT_POLL: Duration = Duration::from_secs(1);
/// Webhooks of a tenant.
pub const WEBHOOKS_MAX: i64 = 20;
/// Bytes of a webhook's URL.
pub const WEBHOOK_URL_BYTES_MAX: usize = 2_000;
/// Kinds of events that one webhook names.
pub const WEBHOOK_KINDS_MAX: usize = 50;
/// How long a rotated secret may go on signing.
pub const WEBHOOK_OVERLAP_MAX: Duration = Duration::from_secs(7 * 86_400);
/// Events that become deliveries in one transaction.
pub const WEBHOOK_FANOUT: i64 = 200;
/// Deliveries that a process posts at the same time.
pub const WEBHOOK_SENDING_MAX: usize = 32;
/// Deliveries of a tenant that are posted at the same time.
pub const WEBHOOK_PER_TENANT_MAX: i64 = 4;
/// Deliveries that wait for one webhook; beyond, they are given up at once.
pub const WEBHOOK_PENDING_MAX: i64 = 10_000;
/// Longest attempt, from the look-up of the name to the end of the answer.
pub const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an attempt belongs to its process; longer than the longest one.
pub const WEBHOOK_SEND_LEASE: Duration = Duration::from_secs(60);
/// Bytes of an answer that are read and kept.
pub const WEBHOOK_RESPONSE_BYTES_MAX: usize = 1_024;
/// Pause before the second attempt; each one after is twice as long.
pub const WEBHOOK_RETRY_FIRST: Duration = Duration::from_secs(10);
/// Longest pause between two attempts.
pub const WEBHOOK_RETRY_LONGEST: Duration = Duration::from_secs(8 * 3_600);
/// How long a delivery is tried.
pub const WEBHOOK_GIVE_UP: Duration = Duration::from_secs(3 * 86_400);
/// A webhook that has taken nothing for so long, though it was tried, is disabled.
pub const WEBHOOK_DISABLE_AFTER: Duration = Duration::from_secs(5 * 86_400);
/// Life of a proof of work, from its challenge on.
pub const SIGNUP_PROOF_LIFE: Duration = Duration::from_secs(20 * 60);
/// Leading zero bits of a proof of work.
pub const SIGNUP_PROOF_BITS: u32 = 17;
/// Bits and doublings that are added at most, one for each signup of the network in a day.
pub const SIGNUP_PROOF_STEPS: u32 = 5;
/// How long whoever has no script waits instead, for a network without signups.
pub const SIGNUP_WAIT: Duration = Duration::from_secs(10);
/// Challenges of a network (IPv4 /24, IPv6 /56).
pub const SIGNUP_CHALLENGES: Pace = Pace { burst: 60, every_ms: 5_000 };
/// Names that a network asks for, and signups that it begins or goes on with.
pub const SIGNUP_STEPS: Pace = Pace { burst: 60, every_ms: 5_000 };
/// Signups that a network begins in a day.
pub const SIGNUPS_PER_NETWORK: i64 = 10;
/// Signups with one contact in a day, whatever stands behind its `+`.
pub const SIGNUPS_PER_CONTACT: i64 = 3;
/// Signups with contacts on one domain in a day; those where everybody has an address are not counted.
pub const SIGNUPS_PER_CONTACT_DOMAIN: i64 = 20;
/// Signups of a seller in a day where it says nothing else.
pub const SIGNUPS_PER_DAY: i64 = 1_000;
/// The same at most.
pub const SIGNUPS_PER_DAY_MAX: i64 = 1_000_000;
/// Risk from which on a person looks where the seller says nothing else.
pub const SIGNUP_REVIEW_SCORE: i64 = 60;
/// Shortest name of a free address.
pub const SIGNUP_NAME_CHARS_MIN: usize = 3;
/// Longest one.
pub const SIGNUP_NAME_CHARS_MAX: usize = 40;
/// Names that are suggested.
pub const SIGNUP_SUGGESTIONS: usize = 3;
/// How long a name is held for a contact that is not proven.
pub const SIGNUP_HELD_LIFE: Duration = Duration::from_secs(30 * 60);
/// How long a signup with a proven contact waits for a plan and a password.
pub const SIGNUP_VERIFIED_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long it waits to be paid.
pub const SIGNUP_CHECKOUT_LIFE: Duration = Duration::from_secs(23 * 3600);
/// How long a paid one waits for its password; then the money goes back.
pub const SIGNUP_PAID_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Pause between two looks whether a signup was paid that nobody asks about.
pub const SIGNUP_PAYMENT_PAUSE: Duration = Duration::from_secs(5 * 60);
/// Life of a code that was mailed.
pub const SIGNUP_CODE_LIFE: Duration = Duration::from_secs(30 * 60);
/// Codes that one signup mails.
pub const SIGNUP_CODES_MAX: i64 = 3;
/// Tries of one code.
pub const SIGNUP_CODE_TRIES: i64 = 5;
/// Signups that the worker goes on with at once.
pub const SIGNUPS_AT_ONCE: i64 = 20;
/// Pause of the worker when nothing is due.
pub const SIGNUP_PAUSE: Duration = Duration::from_secs(5);
/// First pause before a step is tried again; twice as long each time.
pub const SIGNUP_RETRY_FIRST: Duration = Duration::from_secs(5);
/// Longest such pause.
pub const SIGNUP_RETRY_LONGEST: Duration = Duration::from_secs(3600);
/// How long signups that ended are kept.
pub const SIGNUP_KEPT: Duration = Duration::from_secs(90 * 86_400);
/// Domains that a seller offers.
pub const SIGNUP_OFFERS_MAX: usize = 20;
/// Plans that are offered first.
pub const SIGNUP_PLANS_MAX: usize = 20;
/// Uses of an invite code.
pub const SIGNUP_INVITE_USES_MAX: u32 = 10_000;
/// Open invite codes of a seller.
pub const SIGNUP_INVITES_MAX: i64 = 1_000;
/// Tenants whose use is asked for, and written, at once.
pub const USAGE_TENANTS_AT_ONCE: i64 = 200;
/// How long a process has the pass over all tenants for itself; it must be longer than a page of it.
pub const USAGE_LEASE: Duration = Duration::from_secs(60);
/// How often it is looked whether an hour began.
pub const USAGE_PAUSE: Duration = Duration::from_secs(20);
/// Days for which each hour is kept; then they are one row for each day.
pub const USAGE_HOURS_KEPT_DAYS: i64 = 45;
/// How long days are kept: two years and some, for periods of a year.
pub const USAGE_DAYS_KEPT: Duration = Duration::from_secs(800 * 24 * 3600);
/// Points of one answer about usage.
pub const USAGE_POINTS_MAX: usize = 800;
/// Characters of an announcement in one language.
pub const ANNOUNCEMENT_CHARS_MAX: usize = 500;
/// Languages of an announcement.
pub const ANNOUNCEMENT_LANGUAGES_MAX: usize = 20;
/// Announcements of a tenant that are not over.
pub const ANNOUNCEMENTS_OPEN_MAX: i64 = 20;
/// Announcements that somebody is shown at once.
pub const ANNOUNCEMENTS_SHOWN_MAX: i64 = 5;
/// How long announcements that are over are kept.
pub const ANNOUNCEMENT_KEPT: Duration = Duration::from_secs(365 * 86_400);
/// Kinds of holds that a list is asked for.
pub const HOLD_KINDS_MAX: usize = 8;
/// Characters of what signups are looked for by.
pub const SIGNUP_SEARCH_CHARS_MAX: usize = 254;
/// Characters of the name of a brand: it stands in the bar of every page.
pub const BRAND_NAME_CHARS_MAX: usize = 40;
/// Bytes of an address of a page that a brand links to.
pub const BRAND_URL_BYTES_MAX: usize = 500;
/// Hosts at which one brand is shown.
pub const BRAND_HOSTS_MAX: usize = 5;
/// Bytes of a logo: with all else that it loads, the first page stays within 60 kB.
pub const LOGO_BYTES_MAX: usize = 24 << 10;
/// Pixels of a side of a logo: what a browser needs to draw it is bounded by this, not by the bytes.
pub const LOGO_SIDE_PIXELS_MAX: u32 = 1_024;
/// The same at least.
pub const LOGO_SIDE_PIXELS_MIN: u32 = 16;
/// Segments of a JPEG in front of its size.
pub const LOGO_SEGMENTS_MAX: usize = 64;
