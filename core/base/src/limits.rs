//! SUMMARY    Every limit of the data plane by its name. Report the name when one is hit.
//! INVARIANTS A number that bounds a loop, queue, buffer, recursion, retry or page stands here, not at its use.

// --- store (FoundationDB's contract: every backend enforces these) ---
/// Longest key, bytes: FoundationDB's 10,000 less what a deployment's prefix and the place of a stamp take there.
pub const KV_KEY_BYTES_MAX: usize = 9_900;
/// Longest value, bytes.
pub const KV_VALUE_BYTES_MAX: usize = 100_000;
/// Largest transaction: keys and values written plus conflict ranges, bytes.
pub const KV_TXN_BYTES_MAX: usize = 10_000_000;
/// Longest transaction, milliseconds from its first read.
pub const KV_TXN_MS_MAX: u64 = 5_000;
/// Rows of one range page.
pub const KV_PAGE_ROWS_MAX: usize = 4_096;
/// Bytes of one range page.
pub const KV_PAGE_BYTES_MAX: usize = 1 << 20;
/// Bytes of rows that the embedded store keeps beside its engine.
pub const ROW_CACHE_BYTES_MAX: usize = 4 << 20;
/// Bytes of a value that is kept there.
pub const ROW_CACHE_VALUE_BYTES_MAX: usize = 4 << 10;
/// Attempts of the retry loop.
pub const KV_ATTEMPTS_MAX: u32 = 64;
/// Milliseconds after which an operation is not tried again: its client hears that it may try later.
pub const KV_OPERATION_MS_MAX: u64 = 30_000;
/// Longest wait between two attempts, milliseconds.
pub const KV_BACKOFF_MS_MAX: u64 = 100;
/// Keys from here on belong to the store itself (FoundationDB reserves the same); the empty key is refused too.
pub const KV_KEYS_END: &[u8] = &[0xff, 0xff];
/// Keys of recent commits that are kept to find conflicts; beyond it the window shrinks and slow transactions are too old.
pub const KV_RESOLVER_KEYS_MAX: usize = 400_000;
/// Bytes of the transactions that a node commits to a remote store together; one larger one goes alone.
pub const KV_GROUP_BYTES_MAX: usize = 16 << 20;
/// Transactions that a node commits to a remote store together.
pub const KV_GROUP_COMMITS_MAX: usize = 1_000;
/// Looks of a peer in a row, a second apart, in which a node has not said that it lives, after which it is dead.
pub const NODE_BEATS_MISSED_MAX: u32 = 5;
/// Free bytes of the store's disk below which new data is refused; deletions go on with what is left.
pub const STORE_FREE_BYTES_MIN: u64 = 512 << 20;
/// Free bytes of the store's disk from which a store that could not write is opened again.
pub const STORE_REVIVE_FREE_BYTES_MIN: u64 = 128 << 20;
/// How often a store that cannot write tries to come back.
pub const STORE_REVIVE_MS: u64 = 5_000;
/// How often a failed store is opened again in this process before only a new start is left.
pub const STORE_REVIVE_ATTEMPTS_MAX: u32 = 12;
/// How often the free bytes of the store's disk are asked for, at most.
pub const STORE_SPACE_CHECK_MS: u64 = 1_000;
/// Longest sealed block that is kept in the blob's meta record instead of a row of its own.
pub const BLOB_IN_META_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a blob chunk in the store.
pub const BLOB_CHUNK_BYTES_MAX: usize = 64 * 1024;
/// Stored bytes of a blob that may ride in its metadata's transaction; a larger one is staged before.
pub const BLOB_INLINE_BYTES_MAX: usize = 4 << 20;

/// Plain bytes of a blob.
pub const BLOB_BYTES_MAX: usize = 256 << 20;
/// Sealed bytes of one transaction of a staging.
pub const BLOB_STAGE_BYTES_MAX: usize = 4 << 20;
/// Age after which a staging without its blob, or a pack without a blob, is abandoned, milliseconds.
pub const BLOB_STAGE_MS_MAX: u64 = 3_600_000;
/// Blobs whose metas are turned to a pack in one transaction.
pub const BLOB_FLIPS_MAX: usize = 100;
/// Size from which a pack object is worth writing.
pub const PACK_BYTES_MIN: usize = 8 << 20;
/// Size of a pack object at most (a blob larger than that gets one of its own).
pub const PACK_BYTES_MAX: usize = 64 << 20;
/// Time an object outlives its last blob, so that readers finish, milliseconds.
pub const PACK_GRACE_MS: u64 = 60_000;
/// Bytes of an object's name.
pub const OBJECT_NAME_BYTES_MAX: usize = 512;
/// Objects of one listing.
pub const OBJECT_LIST_MAX: usize = 1_000_000;
/// Rate and counter cells of a process; beyond it the least recently used half is forgotten.
pub const EPHEMERAL_CELLS_MAX: usize = 200_000;
/// Bytes of a cell's key as kept; longer ones are hashed.
pub const EPHEMERAL_KEY_BYTES_MAX: usize = 64;
/// Hints that wait for one slow subscriber; then it is told that some were lost.
pub const HINTS_PENDING_MAX: usize = 16;
// --- messages ---
/// Largest message taken by SMTP, LMTP, APPEND (SIZE, RFC 1870; APPENDLIMIT, RFC 7889), bytes.
pub const MESSAGE_BYTES_MAX: usize = 50 << 20;
/// Longest line of a message accepted (RFC 5321 §4.5.3.1.6 asks for 1000; real mail exceeds it), bytes.
pub const MESSAGE_LINE_BYTES_MAX: usize = 1 << 20;
/// Received fields after which a message is looping (RFC 5321 §6.3).
pub const RECEIVED_FIELDS_MAX: usize = 100;
/// MIME parts of a message that are described; the rest belongs to the last one.
pub const MIME_PARTS_MAX: usize = 1_000;
/// Nesting of multiparts and message/rfc822.
pub const MIME_DEPTH_MAX: usize = 32;
/// Bytes of a header section that are parsed.
pub const HEADER_BYTES_MAX: usize = 1 << 20;
/// Addresses of one header field that are kept in an envelope.
pub const HEADER_ADDRESSES_MAX: usize = 1_000;
/// Bytes of a rendered ENVELOPE or BODYSTRUCTURE that are stored in a row.
pub const FETCH_ITEM_BYTES_MAX: usize = 40_000;
/// Characters of a preview (RFC 8970 §3.2).
pub const PREVIEW_CHARS_MAX: usize = 200;
/// Parameters of one Content-Type or Content-Disposition that are read.
pub const MIME_PARAMS_MAX: usize = 200;
/// Bytes of a body that are decoded for a preview.
pub const PREVIEW_SOURCE_BYTES_MAX: usize = 256 * 1024;
/// Message ids of References that take part in threading.
pub const REFERENCES_MAX: usize = 20;

/// Message bytes of all SMTP, LMTP and IMAP connections that stand in memory before their commit, unless configured otherwise.
pub const MESSAGE_BYTES_IN_FLIGHT_MAX: usize = 512 << 20;
/// Bytes of one connection that are not counted against it: commands and small messages never wait.
pub const MESSAGE_BYTES_UNCOUNTED: usize = 64 * 1024;
/// Message bytes of all IMAP connections that stand in memory until their clients have read them.
pub const ANSWER_BYTES_IN_FLIGHT_MAX: usize = 256 << 20;
/// How long a connection is not read for want of room before its message is refused, milliseconds.
pub const MESSAGE_ROOM_WAIT_MS_MAX: u64 = 10_000;
// --- accounts ---
/// Mailboxes of an account.
pub const MAILBOXES_MAX: usize = 10_000;
/// Bytes of one mailbox path (all levels, UTF-8).
pub const MAILBOX_PATH_BYTES_MAX: usize = 1_000;
/// Levels of a mailbox path.
pub const MAILBOX_DEPTH_MAX: usize = 20;
/// User-defined keywords of an account (with the five system flags they fill 64 bits).
pub const KEYWORDS_MAX: usize = 59;
/// Bytes of one keyword.
pub const KEYWORD_BYTES_MAX: usize = 255;
/// Emails changed by one unit of work; larger requests run as several.
pub const EMAILS_PER_WORK_MAX: usize = 500;
/// How often a copy that could not be taken back is tried again.
pub const COPY_UNDO_MS: u64 = 5_000;
/// How often in all; the next start of the server takes back what is left.
pub const COPY_UNDO_ATTEMPTS_MAX: u32 = 720;
// --- quotas ---
/// Shards of a tenant's storage pool: writers of different ones do not meet while their leases last.
pub const POOL_SHARDS: u16 = 128;
/// Bytes that a shard leases ahead, at most.
pub const POOL_LEASE_BYTES_MAX: i64 = 8 << 20;
/// A lease below this is not worth having: near its limit a pool is charged message by message.
pub const POOL_LEASE_BYTES_MIN: i64 = 4_096;
/// Bytes freed by deletions that a shard keeps before it gives them back to the pool.
pub const POOL_FREED_BYTES_MAX: i64 = 4 << 20;

/// Percent of a quota of which user and control plane are told.
pub const QUOTA_NOTICE_PERCENTS: [u32; 3] = [80, 95, 100];
/// Below this percent of a quota its thresholds are told of anew.
pub const QUOTA_RELIEF_PERCENT: u32 = 75;
/// How long mail for a full mailbox is refused temporarily before it is refused for good, milliseconds.
pub const OVER_QUOTA_TEMPORARY_MS: u64 = 3 * 86_400_000;
/// Events for the control plane that are kept; beyond it the oldest goes.
pub const EVENTS_KEPT_MAX: u64 = 10_000;
/// Events of one answer.
pub const EVENTS_PAGE_MAX: usize = 1_000;
/// Recipients that one of the 256 buckets of an account remembers as known; 262,144 in all.
pub const KNOWN_RECIPIENTS_PER_BUCKET_MAX: usize = 1_024;
/// Tenants above one whose limits are asked.
pub const ANCESTORS_MAX: usize = 32;
// --- SMTP ---
/// Command line, bytes with CRLF (RFC 5321 §4.5.3.1.4 asks for 512 plus extensions).
pub const SMTP_COMMAND_BYTES_MAX: usize = 4_096;
/// Recipients of one transaction (RFC 5321 §4.5.3.1.8 asks for at least 100).
pub const SMTP_RECIPIENTS_MAX: usize = 1_000;
/// Recipients whose copies are committed in one transaction at DATA; more go through the queue.
pub const SMTP_INLINE_RECIPIENTS_MAX: usize = 50;
/// Errors of a connection after which it is closed with 421.
pub const SMTP_ERRORS_MAX: u32 = 10;
/// NOOP, RSET, VRFY, EXPN, HELP and repeated greetings between two accepted messages; then the connection is closed with 421.
pub const SMTP_HARMLESS_MAX: u32 = 100;
/// Senders and recipients refused between two accepted messages; then the connection is closed with 421.
pub const SMTP_REFUSED_MAX: u32 = 1_000;
/// Commands without a message, in all, seconds from the connection or the last message on.
pub const SMTP_FRUITLESS_SECS_MAX: u64 = 3_600;
/// Transactions of one connection.
pub const SMTP_TRANSACTIONS_MAX: u32 = 10_000;
/// Idle time for a command, seconds (RFC 5321 §4.5.3.2.7).
pub const SMTP_IDLE_SECS_MAX: u64 = 300;
/// Line of an authentication exchange, bytes with CRLF (RFC 4954 §4).
pub const SMTP_AUTH_LINE_BYTES_MAX: usize = 12_288;
/// Parameters of one MAIL or RCPT.
pub const SMTP_PARAMS_MAX: usize = 20;
/// Bytes of a refused message or chunk that are read and dropped before the connection is closed.
pub const SMTP_DRAIN_BYTES_MAX: u64 = 256 << 20;
/// Bytes of one command line that are read and dropped, once it is too long, before the connection is closed.
pub const SMTP_LINE_DRAIN_BYTES_MAX: u64 = 1 << 20;
/// Capacity of a message buffer that a connection keeps for its next message, bytes.
pub const SMTP_BUFFER_KEPT_BYTES_MAX: usize = 256 * 1024;
/// Line of a foreign server's reply, bytes (RFC 5321 §4.5.3.1.5 asks for 512).
pub const SMTP_REPLY_LINE_BYTES_MAX: usize = 2_048;
/// Lines of one foreign reply.
pub const SMTP_REPLY_LINES_MAX: usize = 200;
/// Bytes of all lines of one foreign reply.
pub const SMTP_REPLY_TEXT_BYTES_MAX: usize = 64 * 1024;
/// Message bytes that the client machine renders into one write.
pub const SMTP_WRITE_BYTES_MAX: usize = 64 * 1024;
/// Waiting for the greeting, seconds (RFC 5321 §4.5.3.2.1).
pub const SMTP_CLIENT_GREETING_SECS_MAX: u64 = 300;
/// Waiting for the reply to MAIL and to commands without a time of their own, seconds (RFC 5321 §4.5.3.2.2).
pub const SMTP_CLIENT_MAIL_SECS_MAX: u64 = 300;
/// Waiting for the reply to RCPT, seconds (RFC 5321 §4.5.3.2.3).
pub const SMTP_CLIENT_RCPT_SECS_MAX: u64 = 300;
/// Waiting for the 354 after DATA, seconds (RFC 5321 §4.5.3.2.4).
pub const SMTP_CLIENT_DATA_SECS_MAX: u64 = 120;
/// Writing one block of the message, seconds (RFC 5321 §4.5.3.2.5).
pub const SMTP_CLIENT_BLOCK_SECS_MAX: u64 = 180;
/// Waiting for the reply to the end of the message, seconds (RFC 5321 §4.5.3.2.6).
pub const SMTP_CLIENT_END_SECS_MAX: u64 = 600;
/// Bytes of an original message that a DSN carries whole; a larger one is returned as its header.
pub const DSN_ORIGINAL_BYTES_MAX: usize = 1 << 20;
/// Bytes of the original header that a DSN carries.
pub const DSN_HEADER_BYTES_MAX: usize = 64 * 1024;
/// The same of a DSN to a mailbox without room, which is not counted.
pub const DSN_UNCOUNTED_HEADER_BYTES_MAX: usize = 4 * 1024;
// --- every door ---
/// What an account may do is asked again at a command after so long, milliseconds; on the node that hears of a change, at once.
pub const STANDING_MS_MAX: u64 = 1_000;
/// Waiting, in all, for the rest of a command or message that has begun, seconds; longer as BYTES_PER_SEC_MIN says.
pub const UNFINISHED_SECS_MAX: u64 = 300;
/// Each so many bytes of what has begun give the client a second more.
pub const BYTES_PER_SEC_MIN: u64 = 512;
/// From the connection to the login at submission, seconds; RFC 5321 §4.5.3.2.7 lets a client pause for 300 between two commands.
pub const LOGIN_SECS_MAX: u64 = 600;
/// A client that has not taken WRITE_BYTES_MAX of its answers after so many seconds is cut off.
pub const WRITE_SECS_MAX: u64 = 120;
/// Bytes of answers written at once.
pub const WRITE_BYTES_MAX: usize = 64 * 1024;
/// Compressed bytes in a row that inflate to nothing; beyond, the stream counts as damaged.
pub const DEFLATE_BARREN_BYTES_MAX: usize = 64 * 1024;
// --- IMAP ---
/// Command line without its literals, bytes (RFC 7162 §4 asks for 8192).
pub const IMAP_LINE_BYTES_MAX: usize = 64 * 1024;
/// Literal outside APPEND, bytes.
pub const IMAP_LITERAL_BYTES_MAX: usize = 64 * 1024;
/// Ranges of one sequence set.
pub const IMAP_SET_RANGES_MAX: usize = 20_000;
/// Nesting of SEARCH keys.
pub const IMAP_SEARCH_DEPTH_MAX: usize = 32;
/// Keys of one SEARCH.
pub const IMAP_SEARCH_KEYS_MAX: usize = 1_000;
/// Messages of one MULTIAPPEND, parts of one CATENATE.
pub const IMAP_APPEND_PARTS_MAX: usize = 200;
/// Commands with errors after which the connection is closed.
pub const IMAP_ERRORS_MAX: u32 = 20;
/// Idle time of an authenticated session, seconds (RFC 9051 §5.4 asks for at least 1800).
pub const IMAP_IDLE_SECS_MAX: u64 = 1_900;
/// Idle time within a command, seconds: its literals stand in memory.
pub const IMAP_COMMAND_SECS_MAX: u64 = 300;
/// Idle time before authentication, seconds.
pub const IMAP_LOGIN_SECS_MAX: u64 = 120;
/// From the connection, or UNAUTHENTICATE, to the login, seconds.
pub const IMAP_LOGIN_TOTAL_SECS_MAX: u64 = 180;
// --- authentication ---
/// SASL response, decoded bytes.
pub const SASL_BYTES_MAX: usize = 8_192;
/// Failed logins of a connection after which it is closed.
pub const LOGIN_FAILURES_MAX: u32 = 3;
/// Failed logins of one client network in an hour; beyond, it is told to come back later, whatever the password.
pub const LOGIN_FAILURES_PER_NETWORK_MAX: u32 = 300;
/// Failed logins of one client network with one name in a quarter of an hour; beyond, as above. Other networks are not concerned.
pub const LOGIN_FAILURES_PER_NAME_MAX: u32 = 20;
/// Commands of one account in a minute, unless its tenant has a limit of its own.
pub const COMMANDS_PER_MINUTE_MAX: u32 = 600_000;
/// A client over its rate of commands is slowed down by at most so much, milliseconds; beyond, the command is refused.
pub const COMMAND_SLOWED_MS_MAX: u64 = 1_000;
/// Sessions of one account at once, unless its tenant has a limit of its own.
pub const SESSIONS_PER_ACCOUNT_MAX: u32 = 10_000;
/// Iterations of PBKDF2 that a SCRAM verifier may name (RFC 7677 §4 asks for at least 4096).
pub const SCRAM_ITERATIONS_MIN: u32 = 4_096;
pub const SCRAM_ITERATIONS_MAX: u32 = 10_000_000;
/// Salt of a SCRAM verifier, bytes.
pub const SCRAM_SALT_BYTES_MAX: usize = 64;
// --- queue ---
/// Attempts of one recipient before it bounces whatever the schedule says.
pub const QUEUE_ATTEMPTS_MAX: u32 = 100;
/// How long outgoing mail waits for a hold to be released before it is given up, milliseconds (30 days).
pub const PARKED_MS_MAX: i64 = 30 * 24 * 3_600_000;
/// Parked items that are released in one transaction.
pub const PARKED_RELEASE_MAX: usize = 100;
/// Senders of parked items that one look asks for.
pub const PARKED_GROUPS_MAX: usize = 1_000;
/// Items that one page of the queue looks at; beyond it the page says where to go on.
pub const QUEUE_LOOKED_MAX: usize = 5_000;
/// Tenants that one page of the queue looks at, of those with mail that waits.
pub const QUEUE_TENANTS_LOOKED_MAX: usize = 1_000;
/// Items of one page of the queue.
pub const QUEUE_PAGE_MAX: u32 = 200;
/// Answers of remote hosts that are kept with an item: the latest.
pub const QUEUE_ANSWERS_KEPT: usize = 32;
/// Text of one kept answer, characters.
pub const QUEUE_ANSWER_CHARS_MAX: usize = 500;
/// Reason that a person gives for what is done about an item, characters.
pub const QUEUE_REASON_CHARS_MAX: usize = 200;
/// Message-ID that is kept with an item, bytes.
pub const QUEUE_MESSAGE_ID_BYTES_MAX: usize = 998;
/// How long it is kept what became of outgoing mail, milliseconds (14 days).
pub const QUEUE_ENDED_MS_KEPT: i64 = 14 * 24 * 3_600_000;
/// Items that ended lately among which a repeated cancellation is looked for.
pub const QUEUE_ENDED_AGAIN_MAX: usize = 200;
/// Recipients of one queue item.
pub const QUEUE_RECIPIENTS_MAX: usize = 1_000;
/// Header fields that one signature names; a message with more of them is not signed.
pub const DKIM_FIELDS_MAX: usize = 200;
/// Domains whose keys a worker keeps ready; beyond it all are forgotten and read again.
pub const DKIM_DOMAINS_KEPT_MAX: usize = 1_000;
/// Bytes of a body that are hashed before others have their turn.
pub const DKIM_SLICE_BYTES: usize = 256 * 1024;
// --- threads and routes ---
/// Emails of one thread; the next one starts a new thread.
pub const THREAD_EMAILS_MAX: usize = 1_000;
/// Alias expansion steps of one recipient.
pub const ROUTE_DEPTH_MAX: usize = 10;
/// Destinations of one recipient after expansion.
pub const ROUTE_TARGETS_MAX: usize = 100;
/// Items that wait, at most, of which those due are counted for the metrics.
pub const QUEUE_COUNT_MAX: usize = 10_000;
/// Queue items one lease request may take.
pub const QUEUE_LEASE_MAX: usize = 256;
/// All literals of one command that is not APPEND, bytes.
pub const IMAP_LITERALS_BYTES_MAX: usize = 256 * 1024;
/// All literals of one APPEND (MULTIAPPEND included), bytes: they stand in memory until the commit.
pub const IMAP_APPEND_BYTES_MAX: usize = 64 << 20;
/// Literal before login, bytes: a SASL response, a name or a password.
pub const IMAP_LOGIN_LITERAL_BYTES_MAX: usize = 8 * 1024;
/// Command line before login, bytes.
pub const IMAP_LOGIN_LINE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of one line that are read and thrown away, once it is too long; beyond, the connection is closed.
pub const IMAP_LINE_DRAIN_BYTES_MAX: u64 = 1 << 20;
/// As IMAP_DRAIN_BYTES_MAX, before authentication.
pub const IMAP_LOGIN_DRAIN_BYTES_MAX: u64 = 1 << 20;
/// Bytes of one refused command that are read and thrown away; beyond, the connection is closed.
pub const IMAP_DRAIN_BYTES_MAX: u64 = 1 << 30;
/// Items of one FETCH, fields of one HEADER.FIELDS.
pub const IMAP_FETCH_ITEMS_MAX: usize = 500;
/// Field-value pairs of one ID (RFC 2971 §3.3).
pub const IMAP_ID_FIELDS_MAX: usize = 30;
/// Patterns of one LIST, capabilities of one ENABLE, resources of one SETQUOTA.
pub const IMAP_LIST_PATTERNS_MAX: usize = 100;

/// Units of work whose entries in the change log (and of what was expunged) are kept however old they are.
pub const CHANGES_KEPT_MIN: u64 = 20_000;
/// Age up to which entries of the change log are kept however many they are, milliseconds (30 days).
pub const CHANGES_MS_KEPT: u64 = 30 * 24 * 3_600_000;
/// Marks of age in a change log; each stands for a part of CHANGES_MS_KEPT.
pub const LOG_MARKS_MAX: usize = 8;
/// Entries of a change log that are cleared in one transaction.
pub const CHANGES_TRIM_MAX: usize = 1_000;
/// Emails of a purged account that are removed in one transaction.
pub const PURGE_EMAILS_MAX: usize = 100;
/// Rows of an erased tenant that are cleared in one transaction.
pub const ERASURE_ROWS_MAX: usize = 1_000;
/// Packs that held bytes of an erased tenant and are written anew together.
pub const ERASURE_PACKS_MAX: usize = 16;
/// Bytes of a statement that a proof of erasure carries.
pub const ERASURE_STATEMENT_BYTES_MAX: usize = 64 * 1024;
/// How long a node goes by a tenant's data key in its memory before it looks whether its row still stands, milliseconds.
pub const TENANT_KEY_MS_TRUSTED: u64 = 1_000;
/// Bytes of expunged emails that are kept of a mailbox whose limits are unlimited.
pub const EXPUNGED_BYTES_MAX: i64 = 16 * 1024 * 1024 * 1024;
/// Expunged emails that are forgotten in one transaction.
pub const EXPUNGED_FORGOTTEN_MAX: usize = 100;
/// Older expunged emails that make room for one that is expunged now; where that is not enough, it is not kept.
pub const EXPUNGED_EVICTED_MAX: usize = 8;
/// Bytes of an expunged email in which its sender and subject are looked for.
pub const EXPUNGED_HEADER_BYTES: u64 = 16 * 1024;
/// Characters of a sender or a subject in a list of expunged emails.
pub const EXPUNGED_TEXT_CHARS_MAX: usize = 200;
/// Expunged emails that one request brings back.
pub const EXPUNGED_RESTORED_MAX: usize = 500;
/// Expunged emails of one page.
pub const EXPUNGED_PAGE_MAX: usize = 100;
/// A peer that does an upkeep job and stays silent for this long has lost it, milliseconds.
pub const UPKEEP_LEASE_MS: u64 = 60_000;
/// Violations that one verify reports; then it stops.
pub const VERIFY_VIOLATIONS_MAX: usize = 1_000;
/// Attempts to count an account or tenant at one version before its changes are held back, and again with them held.
pub const VERIFY_ATTEMPTS_MAX: u32 = 3;
/// Age at which the mark of an operation is forgotten: no retry lasts as long, milliseconds.
pub const OP_MARK_MS_MAX: i64 = 86_400_000;
// --- mail that is read in ---
/// Bytes at the end of a ZIP archive in which its end is looked for: the ends of ZIP64, and a comment of 64 KiB.
pub const ZIP_TAIL_BYTES_MAX: u64 = 66 * 1024;
/// Segments of the name of one entry that is read.
pub const ZIP_NAME_LEVELS_MAX: usize = 64;
/// Bytes that are inflated at once.
pub const ZIP_STEP_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one entry of a ZIP archive: 1 TiB.
pub const ZIP_ENTRY_BYTES_MAX: u64 = 1 << 40;
/// How much longer an entry may be than its bytes in the archive; beyond, it is taken for a bomb.
pub const ZIP_RATIO_MAX: u64 = 250;
/// An entry that is no longer than this may be made of any few bytes: a message of nothing but zeros is one.
pub const ZIP_RATIO_FREE_BYTES: u64 = 128 << 20;
/// Bytes at the beginning of a file by which it is known what it is.
pub const INTAKE_FIRST_BYTES: usize = 4_096;
/// Bytes of a message's header that are kept until it is known when it came, and where it belongs.
pub const INTAKE_HEAD_BYTES_MAX: usize = 256 * 1024;
/// Bytes that are worked on at once.
pub const INTAKE_STEP_BYTES_MAX: usize = 64 * 1024;
/// Mailboxes of all accounts of an export that is read in.
pub const INTAKE_MAILBOXES_MAX: usize = 200_000;
/// Stretches of lines of metadata, each for one file of an archive: one for each entry, and as many that belong to none.
pub const INTAKE_RUNS_MAX: usize = 2 * ARCHIVE_ENTRIES_MAX;
/// Names of entries that are no mail which a plan tells of; beyond it they are counted.
pub const INTAKE_PASSED_NAMES_MAX: usize = 100;
/// Problems of a plan; beyond it they are counted.
pub const INTAKE_PROBLEMS_MAX: usize = 1_000;
// --- mail of other providers, read over IMAP ---
/// Line of a foreign server without its literals, bytes: an answer to SEARCH, a set of what vanished.
pub const IMAP_CLIENT_LINE_BYTES_MAX: usize = 4 << 20;
/// Literals of one of its responses that are no message, bytes.
pub const IMAP_CLIENT_LITERALS_BYTES_MAX: usize = 256 * 1024;
/// A message that it announces, bytes; one that is larger ends the connection.
pub const IMAP_CLIENT_BODY_BYTES_MAX: u64 = 1 << 30;
/// Nesting of lists in its responses.
pub const IMAP_CLIENT_NESTING_MAX: usize = 50;
/// Mailboxes of a source.
pub const MIGRATE_FOLDERS_MAX: usize = 5_000;
/// Lines of its listings: each mailbox may be in two.
pub const MIGRATE_LISTED_MAX: usize = 20_000;
/// UIDVALIDITYs that a mailbox of a source had before, of which what was brought is remembered.
pub const MIGRATE_EARLIER_MAX: usize = 8;
/// Messages of one mailbox of a source: so much of each stands in memory that nothing comes twice.
pub const MIGRATE_FOLDER_MESSAGES_MAX: usize = 2_000_000;
/// Messages of one command that fetches, which are stored in one unit of work.
pub const MIGRATE_BATCH_EMAILS_MAX: usize = 200;
/// Bytes of these messages as the source tells them; one that is larger is fetched alone.
pub const MIGRATE_BATCH_BYTES_MAX: usize = 4 << 20;
/// Commands that fetch which a source is asked at once.
pub const MIGRATE_FETCHES_MAX: usize = 3;
/// Batches that were read and wait to be stored.
pub const MIGRATE_BATCHES_WAITING_MAX: usize = 2;
/// Highest uid that is kept: a source that gives higher ones gets new ones here, so that a mailbox never runs out of them.
pub const MIGRATE_UID_MAX: u32 = 1 << 31;
/// Connections that fail one after the other, without a message or folder between, before a migration ends.
pub const MIGRATE_ATTEMPTS_MAX: u32 = 10;
/// The same of connections that send what cannot be understood.
pub const MIGRATE_GARBLED_MAX: u32 = 3;
/// Wait before the second of them, milliseconds; doubles.
pub const MIGRATE_BACKOFF_MS_MIN: u64 = 100;
/// Longest of these waits, milliseconds.
pub const MIGRATE_BACKOFF_MS_MAX: u64 = 30_000;
/// Longest silence of a source that was asked something, milliseconds.
pub const MIGRATE_SILENCE_MS_MAX: u64 = 300_000;
/// Until a connection to a source stands, milliseconds; the same for TLS.
pub const MIGRATE_CONNECT_MS_MAX: u64 = 30_000;
/// Changes of flags, and removals, that follow a source in one unit of work.
pub const MIGRATE_CHANGES_MAX: usize = 200;
/// Items of a migration's report that are told one by one: messages that could not be brought, folders that are gone.
pub const MIGRATE_TOLD_MAX: usize = 10_000;
/// Accounts of one file that are migrated.
pub const MIGRATE_ACCOUNTS_MAX: usize = 10_000;
/// Connections to sources that one command has open at once, if it says no other number.
pub const MIGRATE_CONNECTIONS: usize = 4;
/// As many at most.
pub const MIGRATE_CONNECTIONS_MAX: usize = 32;
/// Labels of one message of Gmail that become mailboxes.
pub const MIGRATE_LABELS_MAX: usize = 100;
// --- mail that is brought in ---
/// Bytes of a file that is brought in which are read at once.
pub const IMPORT_PIECE_BYTES: u64 = 1 << 20;
/// Messages that are stored in one unit of work.
pub const IMPORT_BATCH_EMAILS_MAX: usize = 200;
/// Bytes of these messages; one that is larger is stored alone.
pub const IMPORT_BATCH_BYTES_MAX: usize = 4 << 20;
/// Messages that are in the mailboxes into which an import places something, counted for each; and messages of it that are in several
/// mailboxes: so much of each stands in memory that nothing is placed twice.
pub const IMPORT_KNOWN_MAX: usize = 2_000_000;
/// Files and archives of one import.
pub const IMPORT_INPUTS_MAX: usize = 1_000;
/// Files below a folder that is brought in.
pub const IMPORT_FILES_MAX: usize = 1_000_000;
/// Levels of folders below it.
pub const IMPORT_DEPTH_MAX: usize = 40;
/// Bytes of a small file that is read whole: an account's description, letters of a Maildir.
pub const IMPORT_DOCUMENT_BYTES_MAX: u64 = 64 * 1024;
// --- exported mail ---
/// Plain bytes of one stored segment of an export.
pub const EXPORT_SEGMENT_BYTES: usize = 4 << 20;
/// Bytes of a message that are read at once for an export; a larger one is read twice, in such pieces.
pub const EXPORT_PIECE_BYTES: u64 = 1 << 20;
/// Bytes of a file of an export that one line of the control socket has, before base64.
pub const EXPORT_FETCHED_BYTES: usize = 512 * 1024;
/// A node that makes an export and stays silent for this long has lost it, milliseconds.
pub const EXPORT_LEASE_MS: u64 = 60_000;
/// How long an export keeps what its accounts expunge meanwhile, at most, milliseconds.
pub const EXPORT_PIN_MS_MAX: i64 = 14 * 86_400_000;
/// By how much the clocks of two nodes may differ before a pin keeps too little, milliseconds.
pub const EXPORT_PIN_MARGIN_MS: i64 = 3_600_000;
/// Exports of a tenant that are not shredded, at once.
pub const EXPORT_JOBS_MAX: usize = 20;
/// Accounts of one export.
pub const EXPORT_ACCOUNTS_MAX: usize = 10_000;
/// Days that the files of an export can be fetched, at most.
pub const EXPORT_DAYS_MAX: u32 = 90;
/// Failures in a row after which an export waits for somebody to resume it.
pub const EXPORT_FAILURES_MAX: u32 = 8;
/// Emails that change while an account is listed, and are listed anew in one version of the store.
pub const EXPORT_CHANGED_MAX: usize = 2_000;
/// Rounds in which what changed meanwhile is listed anew, before an account that never rests makes the export wait.
pub const EXPORT_ROUNDS_MAX: usize = 100;
/// Entries of one archive; an export with more has several archives.
pub const ARCHIVE_ENTRIES_MAX: usize = 250_000;
/// Bytes of an archive's directory, which stands in memory until the archive ends.
pub const ARCHIVE_DIRECTORY_BYTES_MAX: usize = 64 << 20;
/// Bytes of the name of one entry: a mailbox of MAILBOX_DEPTH_MAX levels, and a file in it.
pub const ARCHIVE_NAME_BYTES_MAX: usize = 2_600;
/// Bytes of one segment of such a name: what file systems take.
pub const ARCHIVE_SEGMENT_BYTES_MAX: usize = 255;
/// Bytes of the segment that is made of one level of a mailbox's path.
pub const ARCHIVE_LEVEL_BYTES_MAX: usize = 100;
/// Bytes of one line of metadata: an email that is in all mailboxes of an account.
pub const ARCHIVE_LINE_BYTES_MAX: usize = 2 << 20;
/// Bytes of a manifest: some 150,000 entries by name; archives with more are counted. In memory it is several times that.
pub const MANIFEST_BYTES_MAX: usize = 32 << 20;
/// Bytes of a signature's file.
pub const MANIFEST_SIGNATURE_BYTES_MAX: usize = 4_096;
/// Files of one manifest.
pub const MANIFEST_FILES_MAX: usize = 100_000;
/// Bytes of a `From ` line that may divide two messages of an mbox file; a longer one is text.
pub const MBOX_FROM_BYTES_MAX: usize = 1_000;
/// Bytes of the sender in a `From ` line that is written: an address of RFC 5321 §4.5.3.1.3 fits.
pub const MBOX_SENDER_BYTES_MAX: usize = 320;
/// Labels of one message that are read.
pub const MBOX_LABELS_MAX: usize = 500;
/// Bytes of the header field of labels that are read.
pub const MBOX_LABELS_BYTES_MAX: usize = 64 * 1024;
/// Keywords of a Maildir: the letters `a` to `z`.
pub const MAILDIR_KEYWORDS_MAX: usize = 26;
/// Bytes of a file of keywords of a Maildir that are read.
pub const MAILDIR_KEYWORDS_BYTES_MAX: usize = 64 * 1024;
/// Bytes of the name of a Maildir's folder or file.
pub const MAILDIR_NAME_BYTES_MAX: usize = 200;
/// Emails of one mbox file that an export writes, and of the metadata beside it: a record of each stands in memory until the file ends.
pub const EXPORT_FILE_EMAILS_MAX: u32 = 25_000;
/// Mailboxes that the emails of one such file are in, counted for each email: they stand in memory with its record.
pub const EXPORT_FILE_PLACES_MAX: usize = 250_000;
/// Bytes of one mbox file that an export writes, unless one message alone is larger.
pub const EXPORT_FILE_BYTES_MAX: u64 = 1 << 30;
/// Bytes of one archive of an export, where nobody asks for other ones: what most file systems and transfers take.
pub const EXPORT_ARCHIVE_BYTES_MAX: u64 = 4 << 30;
/// The smallest size of archives that can be asked for, bytes: a message of MESSAGE_BYTES_MAX fits.
pub const EXPORT_ARCHIVE_BYTES_MIN: u64 = 64 << 20;
/// Entries of all archives of an export that its manifest has by name; archives beyond them are counted.
pub const EXPORT_ENTRIES_LISTED_MAX: usize = 2_000;
/// Bytes of the sentence that says why a message could not be exported.
pub const EXPORT_WHY_BYTES_MAX: usize = 200;
/// Bytes of the state with which an export goes on after an archive: it has what the manifest is going to have.
pub const EXPORT_STATE_BYTES_MAX: usize = MANIFEST_BYTES_MAX;
// --- the process ---
/// Longest time a server may be told to take for its end, seconds.
pub const STOP_SECS_MAX: u64 = 600;
/// One request or event of the control socket, bytes with its line end.
pub const CTL_LINE_BYTES_MAX: usize = 1 << 20;
/// Connections of the control socket at once.
pub const CTL_CONNECTIONS_MAX: usize = 16;
/// Rows of one page that `ctl` shows.
pub const CTL_ROWS_MAX: usize = 10_000;
/// Queue items that one `ctl` command looks at; beyond it the answer says where to go on.
pub const CTL_QUEUE_SCAN_MAX: usize = 100_000;
// --- between the planes ---
/// Body of one request of the control plane, bytes: a batch of whole snapshots.
pub const PLANE_BODY_BYTES_MAX: usize = 64 << 20;
/// Body of one answer of the data plane, bytes.
pub const PLANE_ANSWER_BYTES_MAX: usize = 16 << 20;
/// Connections of control planes at once; further ones wait.
pub const PLANE_CONNECTIONS_MAX: usize = 64;
/// Callers whose TLS handshake is under way, not known yet; further ones wait in the kernel.
pub const PLANE_HANDSHAKES_MAX: usize = 256;
/// Time of a TLS handshake, of a connection to be made, and of a request's head to arrive, milliseconds.
pub const PLANE_HANDSHAKE_MS_MAX: u64 = 10_000;
/// Time of one batch with its answer, milliseconds.
pub const PLANE_REQUEST_MS_MAX: u64 = 30_000;
/// Time of a question (meters, events) with its answer, milliseconds: somebody waits for it at the API.
pub const PLANE_QUESTION_MS_MAX: u64 = 5_000;
/// Time an unused connection between the planes stays open, milliseconds.
pub const PLANE_IDLE_MS_MAX: u64 = 60_000;
/// Requests of one control plane under way at once; further ones wait.
pub const PLANE_REQUESTS_MAX: usize = 32;
/// Tenants or accounts whose meters are asked for at once.
pub const PLANE_IDS_MAX: usize = 10_000;
/// Events of one answer.
pub const PLANE_EVENTS_MAX: u32 = 1_000;
// --- fairness between tenants ---
/// Messages of a tenant that are taken at once while no other tenant is active.
pub const TENANT_MESSAGES_ALONE: usize = 64;
/// The same while others are.
pub const TENANT_MESSAGES_SHARED: usize = 1;
/// The same while all others that are active come about as often: nobody is quiet, and nobody rests.
pub const TENANT_MESSAGES_PRESSING: usize = 16;
/// Time in each second that is spent on a tenant's messages, or requests, while others are active that ask for little: thousandths, for each core.
/// All that is done for it at once counts together, waiting for the disk too; messages and requests each on their own, so a tenant
/// that does all it can has an eighth.
pub const TENANT_PACE_PERMILLE: u32 = 60;
/// The same for one of which no message, or request, waits: it comes one by one.
pub const TENANT_PACE_UNQUEUED_PERMILLE: u32 = 750;
/// Such time beyond the pace that a tenant has in hand when it did little for a while, milliseconds.
pub const TENANT_CREDIT_MS: u64 = 1_000;
/// The longest that a tenant rests before its next message, or request, while others are active, milliseconds.
pub const TENANT_REST_MAX_MS: u64 = 2_000;
/// Messages of a tenant that wait to be taken.
pub const TENANT_MESSAGES_WAITING: usize = 1_000;
/// How long a tenant counts as active after it did something, milliseconds.
pub const TENANT_COMPANY_MS: u64 = 2_000;
