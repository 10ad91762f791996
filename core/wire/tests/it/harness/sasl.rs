//! SUMMARY    Fuzz harness: SASL exchanges with arbitrary messages end, never panic and never authenticate.

use wire::sasl::{Bindings, Context, Mechanism, ScramVerifier, Server, Step};

const STEPS_MAX: usize = 16;

/// The first byte chooses the mechanism and what is offered; messages are separated by 0xff bytes.
pub fn run(data: &[u8]) {
    let (head, rest) = data.split_first().unwrap_or((&0, &[]));
    let mechanism = Mechanism::ALL[usize::from(head & 3)];
    let binding = (head & 4 != 0).then(|| vec![7; 32]);
    let context = Context {
        nonce: b"0123456789abcdef01".to_vec(),
        bindings: Bindings { tls_exporter: binding.clone(), tls_server_end_point: binding },
        plus_offered: head & 8 != 0,
    };
    let mut messages = rest.split(|b| *b == 0xff);
    let initial = if head & 16 != 0 { messages.next() } else { None };
    let (mut server, mut step) = Server::start(mechanism, initial, context);
    for _ in 0..STEPS_MAX {
        step = match step {
            Step::Challenge(_) => match messages.next() {
                Some(message) => server.respond(message),
                None => return,
            },
            Step::ScramLookup { user, .. } => {
                assert!(!user.is_empty());
                let fake = ScramVerifier::fake(b"secret of the server", &user, 4096);
                server.verifier(&fake.unwrap())
            }
            Step::Verify(c) => {
                assert!(!c.authcid.is_empty() && !c.password.as_str().is_empty());
                return;
            }
            Step::Done { .. } => panic!("nobody knows the keys of a fake verifier"),
            Step::Fail(_) => return,
        };
    }
    panic!("an exchange has few steps");
}
