//! SUMMARY    What the service knows of the server whose domains it keeps.

/// How domains are claimed, checked and published. The default knows no name.
#[derive(Clone, Default)]
pub struct DomainOptions {
    /// Name of the server (canonical): nobody claims it, or what is above or below it.
    pub hostname: String,
}
