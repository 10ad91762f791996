//! SUMMARY    Every limit of the buses and of the shared cells by its name. Report the name when one is hit.

/// Messages that wait for the bus; what does not fit is dropped, counted, and told as lost.
pub const BUS_QUEUE_MAX: usize = 4_096;
/// Topic and message of one frame, bytes; a longer one is dropped, counted, and told as lost.
pub const BUS_FRAME_BYTES_MAX: usize = 64 * 1024;
/// Longest topic name that is written out in a subject or channel; a longer one is hashed.
pub const BUS_TOPIC_BYTES_MAX: usize = 64;
/// Messages of one subscription that wait inside the client library before it drops some.
pub const BUS_SUBSCRIPTION_PENDING_MAX: usize = 1_024;
/// Topics that are subscribed to in one command.
pub const BUS_SUBSCRIBE_BATCH_MAX: usize = 256;
/// Messages that are sent in one go.
pub const BUS_SEND_BATCH_MAX: usize = 64;
/// Longest wait for a connection with its greeting, milliseconds.
pub const BUS_CONNECT_MS_MAX: u64 = 3_000;
/// Longest wait for an answer of the bus, milliseconds; beyond it the connection counts as gone.
pub const BUS_ANSWER_MS_MAX: u64 = 5_000;
/// How often a connection is asked whether it lives, milliseconds.
pub const BUS_CHECK_MS: u64 = 5_000;
/// Shortest and longest wait between two attempts to connect, milliseconds; jitter takes up to half of it away.
pub const BUS_BACKOFF_MS_MIN: u64 = 50;
pub const BUS_BACKOFF_MS_MAX: u64 = 5_000;
/// Everybody on a node is told at most once in this time that messages were lost, milliseconds.
pub const BUS_LOST_EVERY_MS: u64 = 500;
/// Longest wait of one fetch of hints from Kafka, milliseconds, and most bytes of it.
pub const KAFKA_FETCH_MS_MAX: i32 = 500;
pub const KAFKA_FETCH_BYTES_MAX: i32 = 4 << 20;

/// Longest wait for the shared cells, milliseconds; beyond it the process answers from its own.
pub const CELLS_ANSWER_MS_MAX: u64 = 250;
/// Longest life of a cell that nobody touches, milliseconds.
pub const CELLS_TTL_MS_MAX: u64 = 400 * 24 * 3_600_000;
/// Longest cell key that is written as it is; a longer one is hashed.
pub const CELLS_KEY_BYTES_MAX: usize = 64;
