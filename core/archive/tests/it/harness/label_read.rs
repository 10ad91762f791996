//! SUMMARY    Fuzz harness: any bytes are labels, and what they say is bounded.

use archive::mbox::gmail_labels;
use base::limits::{MAILBOX_PATH_BYTES_MAX, MBOX_LABELS_MAX};

pub fn run(data: &[u8]) {
    let labels = gmail_labels(data);
    assert!(labels.mailboxes.len() <= MBOX_LABELS_MAX && labels.keywords.len() <= MBOX_LABELS_MAX + 2);
    for mailbox in &labels.mailboxes {
        assert!(!mailbox.is_empty() && mailbox.len() <= MAILBOX_PATH_BYTES_MAX);
        assert!(!mailbox.contains(char::is_control) && mailbox.trim() == mailbox);
    }
    assert!(labels.keywords.iter().all(|k| k.is_ascii() && !k.contains(' ')));
}
