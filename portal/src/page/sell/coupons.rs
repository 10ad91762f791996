//! SUMMARY    Coupons: what they take off, how often they were used; making and ending them.

use super::{day, money_of, number, tabs};
use crate::{
    collection::{Collection, Row, act, beside, of_row},
    form::{Form, Refusal, ask},
    frame::Frame,
    list::Place,
    operation::{CouponCreate, CouponUpdate, Coupons, coupon_create, coupon_update, coupons, refusals},
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

/// Fields with their labels and hints.
const TEXTS: [(&str, &str, &str); 7] = [
    ("code", "label-coupon-code", "hint-coupon-code"),
    ("percent", "label-percent", "hint-percent"),
    ("amount", "label-off", "hint-money"),
    ("periods", "label-periods", "hint-all"),
    ("plans", "label-coupon-plans", "hint-coupon-plans"),
    ("redeemMax", "label-redeem", "hint-no-limit"),
    ("endsAt", "label-good-until", "hint-day"),
];

pub(super) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default()).await
}

async fn draw(visit: &Visit, form: Form) -> Reply {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = coupons::Variables { seller: visit.tenant()?, first, after, last, before };
    let found = visit.ask::<Coupons>(variables).await?.coupons.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("coupons-title"), form);
    page.tabs = tabs(visit, &page.f);
    let rows = found.nodes.iter().map(|c| row(&page.f, c)).collect();
    page.rows("coupons-none", rows);
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    let text = |(name, label, hint)| page.form.input(&page.f, ask(name, "text", label, hint, "off"));
    let inputs = TEXTS.into_iter().map(text).collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    page.panel("create", "coupon-new", "", inputs, "coupon-new");
    page.reply()
}

fn row(f: &Frame, c: &coupons::CouponsCouponsNodes) -> Row {
    let off = match (&c.amount, c.percent) {
        (Some(amount), _) => f.with("quote-off", "amount", f.money(amount)),
        (None, percent) => f.with("quote-percent", "n", percent.unwrap_or(0)),
    };
    let used = match c.redeem_max {
        Some(max) => f.with_two("bar-of", ("used", &c.redeemed.to_string()), ("max", &max.to_string())),
        None => f.with("bar-unlimited", "used", c.redeemed),
    };
    let mut facts = vec![off, f.with("coupon-used", "used", used)];
    facts.extend(c.periods.map(|n| f.count("coupon-periods", n)));
    facts.extend(c.ends_at.as_ref().map(|at| f.with("until-day", "at", f.day(at))));
    let (state, switch) = match c.disabled {
        true => (("coupon-off", "bad"), act(f, "enable", &c.id, "coupon-enable", "coupon-enable-named", &c.code)),
        false => {
            let switch = act(f, "disable", &c.id, "coupon-disable", "coupon-disable-named", &c.code).danger();
            (("coupon-on", "good"), switch)
        }
    };
    Row {
        title: c.code.clone(),
        states: vec![(f.t(state.0), state.1)],
        facts,
        codes: c.plans.clone(),
        acts: vec![switch],
        ..Row::default()
    }
}

pub(super) async fn change(visit: &Visit) -> Reply {
    let refusals = match visit.fields.text("act") {
        "create" => create(visit).await?,
        "enable" => update(visit, false).await?,
        "disable" => update(visit, true).await?,
        _ => return Err(Trouble::NotFound),
    };
    match refusals.is_empty() {
        true => see("/sell/coupons?ok=saved"),
        false => draw(visit, visit.refused(refusals)).await,
    }
}

async fn create(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = match coupon(visit, visit.tenant()?) {
        Ok(input) => input,
        Err(refusal) => return Ok(vec![refusal]),
    };
    // A number or an amount that the schema does not take is refused as a whole.
    match visit.ask_told::<CouponCreate>(coupon_create::Variables { input }).await? {
        Ok(data) => Ok(beside(refusals!(data.coupon_create), &TEXTS.map(|(name, _, _)| (name, name)))),
        Err(refusal) => Ok(vec![refusal]),
    }
}

fn coupon(visit: &Visit, seller_id: String) -> Result<coupon_create::CouponCreateInput, Refusal> {
    let fields = &visit.fields;
    Ok(coupon_create::CouponCreateInput {
        seller_id,
        code: fields.text("code").to_uppercase(),
        percent: number(fields, "percent")?,
        amount: money_of(fields, "amount")?,
        periods: number(fields, "periods")?,
        plans: fields.words("plans"),
        redeem_max: number(fields, "redeemMax")?,
        ends_at: day(fields, "endsAt")?,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    })
}

async fn update(visit: &Visit, is_off: bool) -> Result<Vec<Refusal>, Trouble> {
    let input = coupon_update::CouponUpdateInput {
        coupon_id: visit.fields.text("id").to_owned(),
        disabled: Some(is_off),
        redeem_max: None,
        ends_at: None,
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<CouponUpdate>(coupon_update::Variables { input }).await?;
    Ok(of_row(refusals!(data.coupon_update)))
}
