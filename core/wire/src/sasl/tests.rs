use super::*;
use base64::{Engine, engine::general_purpose::STANDARD};

fn exporter() -> Bindings {
    Bindings { tls_exporter: Some(vec![1; 32]), tls_server_end_point: Some(vec![2; 32]) }
}

/// Runs client against server; the verifier of `ann` is for `pencil`.
fn exchange(mechanism: Mechanism, password: &str, client: &Bindings, server: Context) -> Result<Step, Failure> {
    let verifier = ScramVerifier::derive("pencil", b"salt of sixteen.", 4096).unwrap();
    let mut c = Client::new(mechanism, "ann", Password::new(password.into()), b"client nonce", client)?;
    let initial = c.initial();
    let (mut s, mut step) = Server::start(mechanism, initial.as_deref(), server);
    loop {
        step = match step {
            Step::Challenge(bytes) => s.respond(&c.respond(&bytes)?),
            Step::ScramLookup { user, .. } if user == "ann" => s.verifier(&verifier),
            Step::Fail(failure) => return Err(failure),
            Step::Done { .. } => {
                assert!(c.is_server_proven());
                return Ok(step);
            }
            end => return Ok(end),
        }
    }
}

fn context(bindings: Bindings) -> Context {
    Context { nonce: b"eighteen bytes    ".to_vec(), plus_offered: bindings.is_some(), bindings }
}

/// RFC 7677 §3.
#[test]
fn the_test_vector_of_rfc_7677() {
    let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let verifier = ScramVerifier::derive("pencil", &salt, 4096).unwrap();
    let server_nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    let first = scram::client_first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
    let server_first = format!("r=rOprNGfwEbeRWgbNEkqO{server_nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
    let last = scram::client_final(&format!(
        "c=biws,r=rOprNGfwEbeRWgbNEkqO{server_nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    ))
    .unwrap();
    let message = format!("{},{server_first},{}", first.bare, last.without_proof);
    assert!(verifier.check(message.as_bytes(), &last.proof.clone().try_into().unwrap()));
    assert_eq!(STANDARD.encode(verifier.signature(message.as_bytes())), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    let mut wrong: [u8; 32] = last.proof.try_into().unwrap();
    wrong[31] ^= 1;
    assert!(!verifier.check(message.as_bytes(), &wrong));
}

#[test]
fn scram_succeeds_with_and_without_binding() {
    let done = Ok(Step::Done { user: "ann".into(), authzid: None });
    let none = Bindings::default();
    assert_eq!(exchange(Mechanism::ScramSha256, "pencil", &none, context(none.clone())), done);
    assert_eq!(exchange(Mechanism::ScramSha256Plus, "pencil", &exporter(), context(exporter())), done);
    let end_point = Bindings { tls_exporter: None, ..exporter() };
    assert_eq!(exchange(Mechanism::ScramSha256Plus, "pencil", &end_point, context(exporter())), done);
    assert_eq!(exchange(Mechanism::ScramSha256, "pencil", &none, context(exporter())), done);
    assert_eq!(exchange(Mechanism::ScramSha256, "pen", &none, context(none.clone())), Err(Failure::Credentials));
}

#[test]
fn scram_refuses_a_binding_of_another_connection() {
    let other = Bindings { tls_exporter: Some(vec![9; 32]), tls_server_end_point: None };
    let got = exchange(Mechanism::ScramSha256Plus, "pencil", &other, context(exporter()));
    assert_eq!(got, Err(Failure::ChannelBinding));
    let got = exchange(Mechanism::ScramSha256Plus, "pencil", &other, context(Bindings::default()));
    assert_eq!(got, Err(Failure::ChannelBinding));
}

#[test]
fn scram_refuses_downgrade_and_disorder() {
    let check = |mechanism, message: &str, bindings: Bindings, expect| {
        let (_, step) = Server::start(mechanism, Some(message.as_bytes()), context(bindings));
        assert_eq!(step, Step::Fail(expect), "{message}");
    };
    let none = Bindings::default;
    check(Mechanism::ScramSha256, "y,,n=ann,r=x", exporter(), Failure::ChannelBinding);
    check(Mechanism::ScramSha256, "p=tls-exporter,,n=ann,r=x", exporter(), Failure::ChannelBinding);
    check(Mechanism::ScramSha256Plus, "n,,n=ann,r=x", exporter(), Failure::ChannelBinding);
    check(Mechanism::ScramSha256Plus, "y,,n=ann,r=x", exporter(), Failure::ChannelBinding);
    check(Mechanism::ScramSha256Plus, "p=tls-unique,,n=ann,r=x", exporter(), Failure::ChannelBinding);
    for bad in [
        "",
        "n",
        "n,,",
        "n,,m=x,n=ann,r=x",
        "n,,n=,r=x",
        "n,,n=a=b,r=x",
        "n,,n=ann",
        "n,,n=ann,r=",
        "n,b=x,n=ann,r=x",
        "x,,n=ann,r=x",
        "n,,n=\u{7},r=x",
    ] {
        check(Mechanism::ScramSha256, bad, none(), Failure::Malformed);
    }
    let (mut s, step) = Server::start(Mechanism::ScramSha256, Some(b"n,,n=ann,r=x"), context(none()));
    assert!(matches!(step, Step::ScramLookup { .. }));
    assert_eq!(s.respond(b"c=biws,r=x,p=AAAA"), Step::Fail(Failure::Sequence), "no verifier was given");
    assert_eq!(s.verifier(&ScramVerifier::fake(b"s", "ann", 4096).unwrap()), Step::Fail(Failure::Sequence));
}

#[test]
fn names_are_prepared_and_unescaped() {
    let (_, step) = Server::start(
        Mechanism::ScramSha256,
        Some("n,a=boss,n=\u{2168}=2Ca=3Db,r=x".as_bytes()),
        context(Bindings::default()),
    );
    assert_eq!(step, Step::ScramLookup { user: "IX,a=b".into(), authzid: Some("boss".into()) });
}

#[test]
fn plain_and_login() {
    let expect = |authzid: Option<&str>| {
        Step::Verify(Credentials {
            authcid: "ann".into(),
            authzid: authzid.map(str::to_owned),
            password: Password::new("pencil".into()),
        })
    };
    let none = Bindings::default;
    for mechanism in [Mechanism::Plain, Mechanism::Login] {
        assert_eq!(exchange(mechanism, "pencil", &none(), context(none())), Ok(expect(None)));
    }
    let plain = |bytes: &[u8]| Server::start(Mechanism::Plain, Some(bytes), Context::default()).1;
    assert_eq!(plain(b"ann\0ann\0pencil"), expect(None));
    assert_eq!(plain(b"boss\0ann\0pencil"), expect(Some("boss")));
    for bad in [&b""[..], b"\0ann", b"\0ann\0", b"\0\0pencil", b"\0ann\0pencil\0", b"\0ann\0\xff"] {
        assert_eq!(plain(bad), Step::Fail(Failure::Malformed), "{bad:?}");
    }
    let long = [b"\0ann\0".to_vec(), vec![b'x'; base::limits::SASL_BYTES_MAX]].concat();
    assert_eq!(plain(&long), Step::Fail(Failure::TooLong));
    let (mut s, step) = Server::start(Mechanism::Login, None, Context::default());
    assert_eq!(step, Step::Challenge(b"Username:".to_vec()));
    assert_eq!(s.respond(b"ann"), Step::Challenge(b"Password:".to_vec()));
    assert_eq!(s.respond(b"pencil"), expect(None));
    assert_eq!(s.respond(b"again"), Step::Fail(Failure::Sequence));
    assert!(!format!("{:?}", expect(None)).contains("pencil"), "passwords are not printed");
}

#[test]
fn verifiers_are_stored_and_read_back() {
    let v = ScramVerifier::derive("pencil", b"salt of sixteen.", 4096).unwrap();
    assert_eq!(ScramVerifier::parse(&v.format()), Ok(v.clone()));
    assert!(v.verify_password("pencil") && !v.verify_password("pencil "));
    assert!(ScramVerifier::derive("\u{2168}", b"s", 4096).unwrap().verify_password("IX"), "SASLprep on both sides");
    assert_eq!(ScramVerifier::derive("x", b"s", 1), Err(VerifierError::Iterations));
    assert_eq!(ScramVerifier::derive("x", b"", 4096), Err(VerifierError::Salt));
    for bad in [
        "",
        "SCRAM-SHA-1$4096:c2FsdA==$x:y",
        "SCRAM-SHA-256$4096:c2FsdA==$x",
        "SCRAM-SHA-256$4096:c2FsdA==$AAAA:AAAA",
        "SCRAM-SHA-256$x:c2FsdA==$AAAA:AAAA",
    ] {
        assert_eq!(ScramVerifier::parse(bad), Err(VerifierError::Form), "{bad}");
    }
    assert!(!format!("{v:?}").contains(&STANDARD.encode(v.salt())));
}

#[test]
fn an_unknown_user_looks_stable_and_never_gets_in() {
    let fake = |user| ScramVerifier::fake(b"secret", user, 4096).unwrap();
    assert_eq!(fake("a"), fake("a"));
    assert_ne!(fake("a").salt(), fake("b").salt());
    assert_ne!(fake("a").salt(), ScramVerifier::fake(b"other", "a", 4096).unwrap().salt());
    assert_eq!(fake("a").salt().len(), 16);
    assert!(!fake("a").verify_password(""));
}

#[test]
fn a_client_refuses_a_server_without_the_verifier() {
    let mut c =
        Client::new(Mechanism::ScramSha256, "ann", Password::new("pencil".into()), b"n", &Bindings::default()).unwrap();
    c.initial().unwrap();
    c.respond(format!("r={}more,s=c2FsdA==,i=4096", STANDARD.encode(b"n")).as_bytes()).unwrap();
    assert_eq!(c.respond(b"v=AAAA"), Err(Failure::Credentials));
    assert!(!c.is_server_proven());
    for first in [
        "r=bm4=,s=c2FsdA==,i=4096",
        "r=other,s=c2FsdA==,i=4096",
        "r=bg==more,s=c2FsdA==,i=1",
        "m=x",
        "r=bg==more,s=c2FsdA==,i=99999999",
    ] {
        let mut c =
            Client::new(Mechanism::ScramSha256, "ann", Password::new("p".into()), b"n", &Bindings::default()).unwrap();
        assert!(c.respond(first.as_bytes()).is_err(), "{first}");
    }
}
