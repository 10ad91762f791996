//! SUMMARY    The server's side of one authentication exchange.
//! STANDARDS  RFC 4616 §2; RFC 5802 §3, §5, §6; RFC 7677
//! SECURITY   Reads what an unauthenticated client sends; failures do not tell whether a user exists.
//! LIMITS     SASL_BYTES_MAX
//! INVARIANTS A machine that failed or is done answers everything with Fail.

use super::{
    Bindings, Mechanism, Password, prepare,
    scram::{self, ClientFirst, Flag},
    verifier::{Hash, ScramVerifier},
};
use base::limits::SASL_BYTES_MAX;
use base64::{Engine, engine::general_purpose::STANDARD};

/// What the connection contributes.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Fresh from the cryptographic generator for each exchange; 18 bytes or more.
    pub nonce: Vec<u8>,
    pub bindings: Bindings,
    /// SCRAM-SHA-256-PLUS is among the offered mechanisms: a client that says it is not was lied to (RFC 5802 §6).
    pub plus_offered: bool,
}

/// Name and password in plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who authenticates; prepared.
    pub authcid: String,
    /// On whose behalf; `None` when it is the same.
    pub authzid: Option<String>,
    /// As sent. Compare through [`super::prepare_password`], as [`ScramVerifier::verify_password`] does.
    pub password: Password,
}

/// Why an exchange failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The message breaks the grammar of the mechanism.
    Malformed,
    /// SASL_BYTES_MAX.
    TooLong,
    /// The channel binding is missing, of another connection, or somebody hid that it is offered.
    ChannelBinding,
    /// The credentials do not fit.
    Credentials,
    /// A message came after the end.
    Sequence,
}

/// What the caller does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this; give the client's answer to [`Server::respond`].
    Challenge(Vec<u8>),
    /// Check the credentials; the exchange is over.
    Verify(Credentials),
    /// Look up the verifier of this user and give it to [`Server::verifier`]; for an unknown user [`ScramVerifier::fake`].
    ScramLookup {
        user: String,
        authzid: Option<String>,
    },
    /// Authenticated.
    Done {
        user: String,
        authzid: Option<String>,
    },
    Fail(Failure),
}

#[derive(Debug)]
enum State {
    /// The client speaks first and has not.
    Initial(Mechanism),
    LoginUser,
    LoginPassword(String),
    ScramLookup(ClientFirst),
    ScramFinal {
        first: ClientFirst,
        server_first: String,
        nonce: String,
        verifier: ScramVerifier,
    },
    /// server-final-message is sent; the client acknowledges with nothing.
    ScramAck {
        user: String,
        authzid: Option<String>,
    },
    Ended,
}

/// One exchange.
#[derive(Debug)]
pub struct Server {
    state: State,
    context: Context,
    plus: bool,
}

impl Server {
    /// Begins; `initial` is the initial response, if the client sent one.
    pub fn start(mechanism: Mechanism, initial: Option<&[u8]>, context: Context) -> (Self, Step) {
        let plus = mechanism == Mechanism::ScramSha256Plus;
        let state = State::Initial(mechanism);
        let mut server = Server { state, context, plus };
        let step = match (mechanism, initial) {
            (Mechanism::Login, None) => {
                server.state = State::LoginUser;
                Step::Challenge(b"Username:".to_vec())
            }
            (_, None) => Step::Challenge(Vec::new()),
            (_, Some(bytes)) => server.respond(bytes),
        };
        (server, step)
    }

    /// Takes the client's message.
    pub fn respond(&mut self, bytes: &[u8]) -> Step {
        let state = std::mem::replace(&mut self.state, State::Ended);
        let result = if bytes.len() > SASL_BYTES_MAX { Err(Failure::TooLong) } else { self.advance(state, bytes) };
        result.unwrap_or_else(|failure| {
            self.state = State::Ended;
            Step::Fail(failure)
        })
    }

    /// Takes the verifier that was asked for.
    pub fn verifier(&mut self, verifier: &ScramVerifier) -> Step {
        let State::ScramLookup(first) = std::mem::replace(&mut self.state, State::Ended) else {
            return Step::Fail(Failure::Sequence);
        };
        let nonce = format!("{}{}", first.nonce, STANDARD.encode(&self.context.nonce));
        let server_first = format!("r={nonce},s={},i={}", STANDARD.encode(verifier.salt()), verifier.iterations());
        let challenge = Step::Challenge(server_first.clone().into_bytes());
        self.state = State::ScramFinal { first, server_first, nonce, verifier: verifier.clone() };
        challenge
    }

    fn advance(&mut self, state: State, bytes: &[u8]) -> Result<Step, Failure> {
        let text = std::str::from_utf8(bytes).map_err(|_| Failure::Malformed)?;
        match state {
            State::Initial(Mechanism::Plain) => plain(text),
            State::Initial(Mechanism::Login) | State::LoginUser => {
                let user = prepare(text).ok_or(Failure::Malformed)?;
                self.state = State::LoginPassword(user.into_owned());
                Ok(Step::Challenge(b"Password:".to_vec()))
            }
            State::LoginPassword(user) => credentials(user, None, text),
            State::Initial(Mechanism::ScramSha256 | Mechanism::ScramSha256Plus) => self.client_first(text),
            State::ScramFinal { first, server_first, nonce, verifier } => {
                self.client_final(first, &server_first, &nonce, &verifier, text)
            }
            State::ScramAck { user, authzid } if text.is_empty() => Ok(Step::Done { user, authzid }),
            State::ScramAck { .. } => Err(Failure::Malformed),
            State::ScramLookup(_) | State::Ended => Err(Failure::Sequence),
        }
    }

    fn client_first(&mut self, text: &str) -> Result<Step, Failure> {
        let first = scram::client_first(text).ok_or(Failure::Malformed)?;
        let fits = match (&first.flag, self.plus) {
            (Flag::Used(name), true) => self.context.bindings.find(name).is_some(),
            (Flag::No, false) => true,
            (Flag::NotOffered, false) => !self.context.plus_offered,
            (Flag::Used(_), false) | (Flag::No | Flag::NotOffered, true) => false,
        };
        if !fits {
            return Err(Failure::ChannelBinding);
        }
        let user = prepare(&first.user).ok_or(Failure::Malformed)?.into_owned();
        let lookup = Step::ScramLookup { user, authzid: first.authzid.clone() };
        self.state = State::ScramLookup(first);
        Ok(lookup)
    }

    fn client_final(
        &mut self,
        first: ClientFirst,
        server_first: &str,
        nonce: &str,
        verifier: &ScramVerifier,
        text: &str,
    ) -> Result<Step, Failure> {
        let last = scram::client_final(text).ok_or(Failure::Malformed)?;
        let mut binding = first.gs2_header.clone().into_bytes();
        if let Flag::Used(name) = &first.flag {
            binding.extend(self.context.bindings.find(name).ok_or(Failure::ChannelBinding)?);
        }
        if last.binding != binding {
            return Err(Failure::ChannelBinding);
        }
        let proof = Hash::try_from(last.proof.as_slice()).map_err(|_| Failure::Malformed)?;
        let auth_message = format!("{},{server_first},{}", first.bare, last.without_proof);
        if last.nonce != nonce || !verifier.check(auth_message.as_bytes(), &proof) {
            return Err(Failure::Credentials);
        }
        let user = prepare(&first.user).ok_or(Failure::Malformed)?.into_owned();
        let authzid = first.authzid.filter(|z| *z != user);
        self.state = State::ScramAck { user, authzid };
        let signature = STANDARD.encode(verifier.signature(auth_message.as_bytes()));
        Ok(Step::Challenge(format!("v={signature}").into_bytes()))
    }
}

/// `authzid NUL authcid NUL password`.
fn plain(text: &str) -> Result<Step, Failure> {
    let mut parts = text.split('\0');
    let (authzid, authcid, password) = (parts.next(), parts.next(), parts.next());
    let (Some(authzid), Some(authcid), Some(password), None) = (authzid, authcid, password, parts.next()) else {
        return Err(Failure::Malformed);
    };
    let authcid = prepare(authcid).ok_or(Failure::Malformed)?.into_owned();
    let authzid =
        if authzid.is_empty() { None } else { Some(prepare(authzid).ok_or(Failure::Malformed)?.into_owned()) };
    credentials(authcid, authzid, password)
}

fn credentials(authcid: String, authzid: Option<String>, password: &str) -> Result<Step, Failure> {
    if password.is_empty() || password.contains('\0') || authcid.contains('\0') {
        return Err(Failure::Malformed);
    }
    let authzid = authzid.filter(|z| *z != authcid);
    Ok(Step::Verify(Credentials { authcid, authzid, password: Password::new(password.to_owned()) }))
}
