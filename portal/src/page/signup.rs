//! SUMMARY    Signing up: each step is the page `/signup`, which shows what comes next of the signup that the cookie keeps.
//! STANDARDS  docs/decisions/0035-signup.md
//! SECURITY   The signup's secret stands in the sealed cookie. A link from a mail shows a form first, so that no page elsewhere puts a visitor
//!            into somebody else's signup. A page to pay on is a link: a form may not lead to another site.
//! INVARIANTS Without scripts the beginning is a wait ticket instead of a proof of work.

use crate::{
    form::{Form, Refusal, ask, choose},
    frame::Frame,
    operation::{
        NameAvailable, SignupAbandon, SignupBegin, SignupChallenge, SignupCheckout, SignupChoose, SignupContact,
        SignupFinish, SignupOptions, SignupShown, SignupVerify, name_available, refusals, signup_abandon, signup_begin,
        signup_challenge, signup_checkout, signup_choose, signup_contact, signup_finish, signup_options, signup_shown,
        signup_verify,
    },
    page::offer::{self, Card},
    state::Signing,
    trouble::Trouble,
    visit::{Reply, Visit, page, see},
};
use askama::Template;
use signup_options::{SignupMode, SignupOptionsSignupOptions as Options};
use signup_shown::{SignupShownSignup as Shown, SignupState as At};

/// Something to work on.
struct Challenge {
    challenge: String,
    bits: i64,
    wait: i64,
}

#[derive(Template)]
#[template(path = "signup.html")]
struct Page {
    f: Frame,
    form: Form,
    /// The address or domain that it is about.
    wanted: String,
    about: String,
    action: &'static str,
    /// No form when empty.
    button: &'static str,
    hidden: Vec<(&'static str, String)>,
    inputs: Vec<String>,
    /// To choose one of.
    cards: Vec<Card>,
    /// Below them.
    coupon: Option<String>,
    challenge: Option<Challenge>,
    /// The address cannot be had: names like it can be asked for.
    is_taken: bool,
    /// Addresses that can be had instead.
    like: Vec<String>,
    pay: Option<String>,
    is_again: bool,
    again: String,
    is_plan_again: bool,
    is_done: bool,
    can_abandon: bool,
    /// Giving up gives money back: it is asked first.
    is_paid: bool,
}

impl Page {
    fn new(visit: &Visit, form: Form, about: &str) -> Page {
        let f = visit.frame("signup-title");
        let about = f.t(about);
        Page {
            f,
            form,
            wanted: String::new(),
            about,
            action: "/signup",
            button: "",
            hidden: Vec::new(),
            inputs: Vec::new(),
            cards: Vec::new(),
            coupon: None,
            challenge: None,
            is_taken: false,
            like: Vec::new(),
            pay: None,
            is_again: false,
            again: String::new(),
            is_plan_again: false,
            is_done: false,
            can_abandon: false,
            is_paid: false,
        }
    }

    fn drawn(self) -> Reply {
        page(self.form.is_refused(), &self)
    }

    /// With a form of one input.
    fn with(mut self, action: &'static str, button: &'static str, input: &str) -> Result<Page, Trouble> {
        let drawn = self.input(input)?;
        (self.action, self.button) = (action, button);
        self.inputs.push(drawn);
        Ok(self)
    }

    fn input(&self, name: &str) -> Result<String, Trouble> {
        let asked = match name {
            "address" => ask("address", "text", "signup-name", "signup-name-hint", "off"),
            "domain" => ask("domain", "text", "signup-own-domain", "signup-own-domain-hint", "off"),
            "invite" => ask("invite", "text", "signup-invite", "", "off"),
            "contact" => ask("contact", "email", "signup-contact", "signup-contact-hint", "email"),
            "coupon" => ask("coupon", "text", "label-coupon", "hint-coupon", "off"),
            "code" => ask("code", "text", "signup-code", "signup-code-hint", "one-time-code"),
            _ => ask("password", "password", "label-new-password", "hint-password", "new-password"),
        };
        self.form.input(&self.f, asked).map_err(|_| Trouble::Broken)
    }
}

/// The refusals of an answer; being throttled is one as well.
fn throttled<T>(answer: Result<T, Trouble>) -> Result<Result<T, Vec<Refusal>>, Trouble> {
    match answer {
        Ok(data) => Ok(Ok(data)),
        Err(Trouble::Throttled) => Ok(Err(vec![Refusal::new("", "WAIT")])),
        Err(trouble) => Err(trouble),
    }
}

/// What is offered; `NotFound` where nobody can sign up.
async fn options(visit: &Visit) -> Result<Options, Trouble> {
    let data = visit.ask_openly::<SignupOptions>(signup_options::Variables { seller: visit.seller() }).await?;
    data.signup_options.ok_or(Trouble::NotFound)
}

/// Whether anybody can sign up; not, when that cannot be told.
pub(crate) async fn is_open(visit: &Visit) -> bool {
    options(visit).await.is_ok()
}

/// What strangers are offered; nothing where nobody can sign up, or that cannot be told.
pub(crate) async fn offered(visit: &Visit) -> Option<Vec<Card>> {
    let options = options(visit).await.ok()?;
    Some(offer::cards(&visit.frame("signup-title"), &options.plans, ""))
}

/// The signup of the cookie.
async fn own(visit: &Visit) -> Result<Option<Shown>, Trouble> {
    let Some(Signing { id, secret }) = visit.state.signing.clone() else { return Ok(None) };
    Ok(visit.ask_openly::<SignupShown>(signup_shown::Variables { id, secret }).await?.signup)
}

pub(crate) async fn show(visit: &Visit) -> Reply {
    step(visit, Form::default()).await
}

/// The step that comes next, with what was refused of it.
async fn step(visit: &Visit, form: Form) -> Reply {
    let Some(now) = own(visit).await? else { return begin_page(visit, form, None).await };
    let wanted = now.address.clone().or_else(|| now.domain.clone()).unwrap_or_default();
    let page = |about: &str| Page {
        wanted: wanted.clone(),
        can_abandon: true,
        is_paid: now.paid,
        ..Page::new(visit, form.clone(), about)
    };
    match now.state {
        At::NAME_HELD => {
            page("signup-contact-about").with("/signup/contact", "signup-contact-button", "contact")?.drawn()
        }
        At::CHALLENGED => {
            let mut page = page("signup-verify-about").with("/signup/verify", "signup-verify-button", "code")?;
            let contact = now.contact.unwrap_or_default();
            page.about = page.f.with("signup-verify-about", "contact", &contact);
            let again = ask("contact", "email", "signup-contact", "signup-contact-hint", "email").with(&contact);
            // A form with the code says nothing of it.
            let is_asked = !visit.fields.text("contact").is_empty();
            let form = if is_asked { page.form.clone() } else { Form::default() };
            let again = form.input(&page.f, again).map_err(|_| Trouble::Broken)?;
            (page.is_again, page.again) = (true, again);
            page.drawn()
        }
        At::CONTACT_VERIFIED | At::CHECKOUT_PENDING => {
            let again = visit.query.text("step") == "plan" && !now.paid;
            match now.offer {
                Some(ref offer) if !again => match offer.free || now.paid {
                    true => password_page(page("signup-password-about"), &now),
                    false => pay_page(visit, page("signup-pay-about"), &now).await,
                },
                Some(_) | None => plan_page(visit, page("signup-plan-about")).await,
            }
        }
        At::PROVISIONING => Page { can_abandon: false, ..page("signup-making") }.drawn(),
        At::DONE => Page { can_abandon: false, is_done: true, ..page("signup-done-about") }.drawn(),
        At::ABANDONED | At::EXPIRED | At::Other(_) => begin_page(visit, form, None).await,
    }
}

async fn challenge(visit: &Visit) -> Result<Option<Challenge>, Trouble> {
    let answer = visit.ask_openly::<SignupChallenge>(signup_challenge::Variables { seller: visit.seller() }).await?;
    let made = answer.signup_challenge.challenge;
    Ok(made.map(|c| Challenge { challenge: c.challenge, bits: c.bits, wait: c.wait_seconds }))
}

/// The beginning; a challenge that was not used yet is kept.
async fn begin_page(visit: &Visit, form: Form, kept: Option<Challenge>) -> Reply {
    drawn_beginning(visit, form, kept).await?.drawn()
}

async fn drawn_beginning(visit: &Visit, form: Form, kept: Option<Challenge>) -> Result<Page, Trouble> {
    let options = options(visit).await?;
    let challenge = match kept {
        Some(kept) => Some(kept),
        None => challenge(visit).await?,
    };
    let mut page = Page::new(visit, form, "signup-about");
    if !options.domains.is_empty() {
        page.inputs.push(page.input("address")?);
        let domains = options.domains.iter().map(|name| (name.clone(), format!("@{name}"))).collect();
        let domains = page.form.choice(&page.f, &choose("at", "signup-domain", "", domains));
        page.inputs.push(domains.map_err(|_| Trouble::Broken)?);
    }
    page.inputs.push(page.input("domain")?);
    if options.mode == SignupMode::INVITE {
        page.inputs.push(page.input("invite")?);
    }
    if let Some(c) = &challenge {
        page.hidden = vec![
            ("challenge", c.challenge.clone()),
            ("bits", c.bits.to_string()),
            ("wait", c.wait.to_string()),
            ("proof", String::new()),
        ];
    }
    page.button = "signup-begin";
    page.challenge = challenge;
    page.is_taken = page.form.refusals.iter().any(|r| r.code == "TAKEN");
    Ok(page)
}

/// The proof that came with a form: a number that a script found, or that it was waited for.
fn proof(visit: &Visit) -> String {
    let counter = visit.fields.given("proof").unwrap_or_else(|| "wait".to_owned());
    format!("{}:{counter}", visit.fields.text("challenge"))
}

/// The address that a form asks for: one that was suggested, or what was typed.
fn address(visit: &Visit) -> Option<String> {
    let (name, at) = (visit.fields.text("address"), visit.fields.text("at"));
    let typed = (!name.is_empty()).then(|| match name.contains('@') {
        true => name.to_owned(),
        false => format!("{name}@{at}"),
    });
    visit.fields.given("pick").or(typed)
}

/// The challenge of a form that came too early or too often: it is good still.
fn kept(visit: &Visit, refusals: &[Refusal]) -> Option<Challenge> {
    let number = |name: &str| visit.fields.text(name).parse().unwrap_or_default();
    let challenge = || Challenge {
        challenge: visit.fields.text("challenge").to_owned(),
        bits: number("bits"),
        wait: number("wait"),
    };
    refusals.iter().any(|r| r.code == "WAIT").then(challenge)
}

/// Names like one that cannot be had. Asking costs a proof, as beginning does.
pub(crate) async fn names(visit: &Visit) -> Reply {
    let address = address(visit).unwrap_or_default();
    let input = name_available::NameAvailableInput { seller_id: visit.seller(), address, proof: proof(visit) };
    let answer = visit.ask_openly::<NameAvailable>(name_available::Variables { input }).await;
    let (found, refusals) = match throttled(answer)? {
        Ok(data) => {
            let found = (data.name_available.available, data.name_available.suggestions.clone());
            (found, refusals!(data.name_available))
        }
        Err(refusals) => ((false, Vec::new()), refusals),
    };
    let kept = kept(visit, &refusals);
    let is_told = refusals.is_empty();
    let mut page = drawn_beginning(visit, Form::of(visit.fields.clone(), refusals), kept).await?;
    match found {
        (true, _) => page.about = page.f.t("signup-like-free"),
        (false, none) if none.is_empty() && is_told => page.about = page.f.t("signup-like-none"),
        (false, like) => page.like = like,
    }
    page.drawn()
}

pub(crate) async fn begin(visit: &mut Visit) -> Reply {
    let input = signup_begin::SignupBeginInput {
        seller_id: visit.seller(),
        proof: proof(visit),
        address: address(visit),
        domain: visit.fields.given("domain"),
        locale: visit.language.tag().to_owned(),
        invite: visit.fields.given("invite"),
    };
    let answer = visit.ask_openly::<SignupBegin>(signup_begin::Variables { input }).await;
    let refusals = match throttled(answer)? {
        Ok(data) => {
            let made = data.signup_begin.signup.clone().zip(data.signup_begin.secret.clone());
            if let Some((signup, secret)) = made {
                (visit.state.signing, visit.changed) = (Some(Signing { id: signup.id, secret }), true);
                return see("/signup");
            }
            refusals!(data.signup_begin)
        }
        Err(refusals) => refusals,
    };
    // Who came too early waits with the same one.
    let kept = kept(visit, &refusals);
    begin_page(visit, visit.refused(refusals), kept).await
}

/// The plans, with what each comes to.
async fn plan_page(visit: &Visit, page: Page) -> Reply {
    let mut page = page;
    let options = options(visit).await?;
    page.cards = offer::cards(&page.f, &options.plans, visit.fields.text("plan"));
    page.coupon = Some(page.input("coupon")?);
    (page.action, page.button) = ("/signup/plan", "signup-plan-button");
    page.drawn()
}

fn password_page(page: Page, now: &Shown) -> Reply {
    let mut page = page.with("/signup/finish", "signup-finish-button", "password")?;
    page.is_plan_again = !now.paid;
    page.drawn()
}

/// Where to pay: opens the page, or finds out that it is paid.
async fn pay_page(visit: &Visit, page: Page, now: &Shown) -> Reply {
    let Some(Signing { id, secret }) = visit.state.signing.clone() else { return see("/signup") };
    let input = signup_checkout::SignupCheckoutInput { id, secret };
    let answer = visit.ask_openly::<SignupCheckout>(signup_checkout::Variables { input }).await;
    let mut page = page;
    let (url, refusals) = match throttled(answer)? {
        Ok(data) => (data.signup_checkout.url.clone(), refusals!(data.signup_checkout)),
        Err(refusals) => (None, refusals),
    };
    if url.is_none() && refusals.is_empty() {
        page.about = page.f.t("signup-password-about");
        return password_page(page, &Shown { paid: true, ..now.clone() });
    }
    if let Some(o) = &now.offer {
        let price = offer::price(&page.f, o.free, &o.total, o.interval == signup_shown::BillingInterval::YEAR);
        page.about = page.f.with("signup-pay-about", "offer", format!("{}: {price}", o.title));
        if o.trial_days > 0 && !now.had_trial {
            page.about = format!("{} {}", page.about, page.f.count("plan-trial", o.trial_days));
        }
    }
    if visit.query.text("look") == "1" {
        page.about = format!("{} {}", page.f.t("signup-not-paid"), page.about);
    }
    page.form = Form::of(visit.fields.clone(), refusals);
    (page.pay, page.is_plan_again) = (url, true);
    page.drawn()
}

/// Id and secret of the cookie's signup; the beginning where there is none.
fn signing(visit: &Visit) -> Result<Signing, Trouble> {
    visit.state.signing.clone().ok_or(Trouble::NotFound)
}

/// Goes on, or shows the step again with what was refused.
async fn next(visit: &Visit, refusals: Vec<Refusal>) -> Reply {
    match refusals.is_empty() {
        true => see("/signup"),
        false => step(visit, visit.refused(refusals)).await,
    }
}

pub(crate) async fn contact(visit: &Visit) -> Reply {
    let Signing { id, secret } = signing(visit)?;
    let input = signup_contact::SignupContactInput { id, secret, contact: visit.fields.text("contact").to_owned() };
    let answer = visit.ask_openly::<SignupContact>(signup_contact::Variables { input }).await;
    let refusals = match throttled(answer)? {
        Ok(data) => refusals!(data.signup_contact),
        Err(refusals) => refusals,
    };
    next(visit, refusals).await
}

pub(crate) async fn verify(visit: &mut Visit) -> Reply {
    let Signing { id, secret } = signing(visit)?;
    let code = visit.fields.text("code").to_owned();
    let input = signup_verify::SignupVerifyInput { id: id.clone(), secret, code };
    let answer = visit.ask_openly::<SignupVerify>(signup_verify::Variables { input }).await;
    let refusals = match throttled(answer)? {
        Ok(data) => {
            if let Some(secret) = data.signup_verify.secret.clone() {
                (visit.state.signing, visit.changed) = (Some(Signing { id, secret }), true);
            }
            let wrong = |r: Refusal| match (r.code.as_str(), r.field.as_str()) {
                ("INVALID_CREDENTIALS", _) => Refusal::new("code", "CODE"),
                ("INVALID", "code") => Refusal::new("code", "CODE_DIGITS"),
                _ => r,
            };
            refusals!(data.signup_verify).into_iter().map(wrong).collect()
        }
        Err(refusals) => refusals,
    };
    next(visit, refusals).await
}

pub(crate) async fn plan(visit: &Visit) -> Reply {
    let Signing { id, secret } = signing(visit)?;
    let input = signup_choose::SignupChooseInput {
        id,
        secret,
        plan: visit.fields.text("plan").to_owned(),
        currency: None,
        interval: None,
        items: Vec::new(),
        coupon: visit.fields.given("coupon"),
        name: None,
    };
    let answer = visit.ask_openly::<SignupChoose>(signup_choose::Variables { input }).await;
    let refusals = match throttled(answer)? {
        Ok(data) => refusals!(data.signup_choose),
        Err(refusals) => refusals,
    };
    next(visit, refusals).await
}

pub(crate) async fn finish(visit: &Visit) -> Reply {
    let Signing { id, secret } = signing(visit)?;
    let password = visit.fields.exact("password").to_owned();
    let input = signup_finish::SignupFinishInput { id, secret, password };
    let answer = visit.ask_openly::<SignupFinish>(signup_finish::Variables { input }).await;
    let refusals = match throttled(answer)? {
        Ok(data) => refusals!(data.signup_finish),
        Err(refusals) => refusals,
    };
    next(visit, refusals).await
}

pub(crate) async fn abandon(visit: &mut Visit) -> Reply {
    let Signing { id, secret } = signing(visit)?;
    let input = signup_abandon::SignupAbandonInput { id, secret };
    let answer = visit.ask_openly::<SignupAbandon>(signup_abandon::Variables { input }).await;
    let refusals = match throttled(answer)? {
        Ok(data) => refusals!(data.signup_abandon),
        Err(refusals) => refusals,
    };
    if refusals.is_empty() {
        (visit.state.signing, visit.changed) = (None, true);
    }
    next(visit, refusals).await
}

/// What a link from a mail shows: going on takes a form of ours.
pub(crate) fn ask_resume(visit: &Visit, id: &str, secret: &str) -> Reply {
    let mut page = Page::new(visit, Form::default(), "signup-resume-about");
    page.hidden = vec![("id", id.to_owned()), ("secret", secret.to_owned())];
    (page.action, page.button) = ("/signup/resume", "signup-resume-button");
    page.drawn()
}

pub(crate) fn resume(visit: &mut Visit) -> Reply {
    let (id, secret) = (visit.fields.text("id").to_owned(), visit.fields.text("secret").to_owned());
    (visit.state.signing, visit.changed) = (Some(Signing { id, secret }), true);
    see("/signup")
}
