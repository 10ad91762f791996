//! SUMMARY    `fake-stripe`: a Stripe of our own, on this machine.

use clap::Parser;
use fake_stripe::{Fake, Options};

/// A stateful fake of Stripe in memory. It binds 127.0.0.1 only.
#[derive(Parser)]
struct Arguments {
    /// 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What the API asks for as `Authorization: Bearer`.
    #[arg(long, default_value = "sk_test_fake")]
    secret_key: String,
    /// Where events go: http:// of this machine.
    #[arg(long, requires = "webhook_secret")]
    webhook: Option<String>,
    /// What signs them.
    #[arg(long)]
    webhook_secret: Option<String>,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let running = Fake::start(Options {
        port: arguments.port,
        secret_key: arguments.secret_key,
        endpoints: arguments.webhook.into_iter().zip(arguments.webhook_secret).collect(),
        ..Options::default()
    });
    let running = running.await?;
    println!("{}", running.base_url);
    tokio::signal::ctrl_c().await
}
