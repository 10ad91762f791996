//! SUMMARY    The client's side: PLAIN and LOGIN towards smart hosts, SCRAM where it is offered.
//! STANDARDS  RFC 4616 §2; RFC 5802 §3, §5
//! SECURITY   A server that cannot prove that it knows the verifier is refused ([`Client::is_server_proven`]).
//! LIMITS     SASL_BYTES_MAX, SCRAM_ITERATIONS_MIN, SCRAM_ITERATIONS_MAX, SCRAM_SALT_BYTES_MAX

use super::{
    Bindings, Failure, Mechanism, Password, prepare,
    scram::{encode_name, server_first},
    verifier::{hmac_sha256, salted_password, sha256, xor},
};
use aws_lc_rs::constant_time;
use base::limits::{SASL_BYTES_MAX, SCRAM_ITERATIONS_MAX, SCRAM_ITERATIONS_MIN, SCRAM_SALT_BYTES_MAX};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::num::NonZeroU32;

#[derive(Debug)]
enum State {
    /// PLAIN or LOGIN: messages left, next one last in the list.
    Plain(Vec<Vec<u8>>),
    First,
    Final {
        signature: String,
    },
    Proven,
    Ended,
}

/// One exchange.
#[derive(Debug)]
pub struct Client {
    state: State,
    mechanism: Mechanism,
    password: Password,
    nonce: String,
    gs2_header: String,
    bare: String,
    binding: Vec<u8>,
}

impl Client {
    /// `nonce`: fresh random bytes, used by SCRAM. With -PLUS the first binding there is (tls-exporter before tls-server-end-point) is used.
    pub fn new(
        mechanism: Mechanism,
        user: &str,
        password: Password,
        nonce: &[u8],
        bindings: &Bindings,
    ) -> Result<Self, Failure> {
        let nonce = STANDARD.encode(nonce);
        let gs2_header = match mechanism {
            Mechanism::ScramSha256Plus if bindings.tls_exporter.is_some() => "p=tls-exporter,,",
            Mechanism::ScramSha256Plus if bindings.is_some() => "p=tls-server-end-point,,",
            Mechanism::ScramSha256Plus => return Err(Failure::ChannelBinding),
            Mechanism::ScramSha256 | Mechanism::Plain | Mechanism::Login => "n,,",
        };
        let mut binding = gs2_header.as_bytes().to_vec();
        if mechanism == Mechanism::ScramSha256Plus {
            let data = bindings.tls_exporter.as_deref().or(bindings.tls_server_end_point.as_deref());
            binding.extend(data.unwrap_or_default());
        }
        let name = prepare(user).ok_or(Failure::Malformed)?;
        let secret = password.as_str();
        let state = match mechanism {
            Mechanism::Plain => State::Plain(vec![format!("\0{user}\0{secret}").into_bytes()]),
            Mechanism::Login => State::Plain(vec![secret.as_bytes().to_vec(), user.as_bytes().to_vec()]),
            Mechanism::ScramSha256 | Mechanism::ScramSha256Plus => State::First,
        };
        let bare = format!("n={},r={nonce}", encode_name(&name));
        Ok(Client { state, mechanism, password, nonce, gs2_header: gs2_header.to_owned(), bare, binding })
    }

    /// The initial response; LOGIN has none.
    pub fn initial(&mut self) -> Option<Vec<u8>> {
        match (self.mechanism, &mut self.state) {
            (Mechanism::Plain, State::Plain(messages)) => messages.pop(),
            (Mechanism::ScramSha256 | Mechanism::ScramSha256Plus, State::First) => {
                Some(format!("{}{}", self.gs2_header, self.bare).into_bytes())
            }
            _ => None,
        }
    }

    /// Answers a challenge.
    pub fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Failure> {
        if challenge.len() > SASL_BYTES_MAX {
            return Err(Failure::TooLong);
        }
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Plain(mut messages) => {
                let next = messages.pop().ok_or(Failure::Sequence)?;
                self.state = State::Plain(messages);
                Ok(next)
            }
            State::First => self.server_first(std::str::from_utf8(challenge).map_err(|_| Failure::Malformed)?),
            State::Final { signature } => {
                let expect = format!("v={signature}");
                if constant_time::verify_slices_are_equal(challenge, expect.as_bytes()).is_err() {
                    return Err(Failure::Credentials);
                }
                self.state = State::Proven;
                Ok(Vec::new())
            }
            State::Proven | State::Ended => Err(Failure::Sequence),
        }
    }

    /// SCRAM: the server's signature was right. A success without it is no success.
    pub fn is_server_proven(&self) -> bool {
        match self.mechanism {
            Mechanism::Plain | Mechanism::Login => true,
            Mechanism::ScramSha256 | Mechanism::ScramSha256Plus => matches!(self.state, State::Proven),
        }
    }

    fn server_first(&mut self, message: &str) -> Result<Vec<u8>, Failure> {
        let (nonce, salt, iterations) = server_first(message).ok_or(Failure::Malformed)?;
        let iterations = NonZeroU32::new(iterations)
            .filter(|i| (SCRAM_ITERATIONS_MIN..=SCRAM_ITERATIONS_MAX).contains(&i.get()))
            .ok_or(Failure::Malformed)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() || salt.len() > SCRAM_SALT_BYTES_MAX {
            return Err(Failure::Malformed);
        }
        let salted = salted_password(self.password.as_str(), &salt, iterations);
        let client_key = hmac_sha256(&salted, b"Client Key");
        let without_proof = format!("c={},r={nonce}", STANDARD.encode(&self.binding));
        let auth_message = format!("{},{message},{without_proof}", self.bare);
        let proof = xor(&client_key, &hmac_sha256(&sha256(&client_key), auth_message.as_bytes()));
        let server_key = hmac_sha256(&salted, b"Server Key");
        let signature = STANDARD.encode(hmac_sha256(&server_key, auth_message.as_bytes()));
        self.state = State::Final { signature };
        Ok(format!("{without_proof},p={}", STANDARD.encode(proof)).into_bytes())
    }
}
