//! SUMMARY    Which request is which.

use crate::{
    model::{Model, Request},
    problem::Problem,
};
use serde_json::Value;
use stripe_payments::Method::{Delete, Get, Post};

pub fn route(model: &mut Model, request: &Request) -> Result<Value, Problem> {
    let path: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    let p = &request.params;
    match (request.method, path.as_slice()) {
        (_, ["customers", ..] | ["payment_methods", ..]) => customers(model, request, &path),
        (_, ["subscriptions", ..] | ["subscription_items", ..]) => subscriptions(model, request, &path),
        (_, ["invoices", ..] | ["invoiceitems", ..] | ["invoice_payments", ..]) => invoices(model, request, &path),
        (Post, ["products"]) => model.create_product(p),
        (Get, ["products"]) => model.list_products(p),
        (Get, ["products", id]) => model.product(id).map(|found| found.json()),
        (Post, ["prices"]) => model.create_price(p),
        (Get, ["prices"]) => model.list_prices(p),
        (Get, ["prices", id]) => model.price(id).map(|found| found.json()),
        (Post, ["coupons"]) => model.create_coupon(p),
        (Get, ["coupons", id]) => model.coupon(id).map(|found| found.json()),
        (Post, ["checkout", "sessions"]) => model.create_session(p),
        (Get, ["checkout", "sessions", id]) => model.session(id).map(|found| found.json(model)),
        (Post, ["checkout", "sessions", id, "expire"]) => model.expire_session(id),
        (Post, ["billing_portal", "sessions"]) => model.create_portal(p),
        (Post, ["refunds"]) => model.create_refund(p),
        (Get, ["refunds"]) => model.list_refunds(p),
        (Get, ["refunds", id]) => model.refund(id),
        (Get, ["charges"]) => model.list_charges(p),
        (Get, ["charges", id]) => model.charge(id).map(|found| found.json()),
        (Post, ["payment_intents"]) => model.create_intent(p),
        (Get, ["payment_intents", id]) => model.intent(id).map(|found| found.json()),
        (Get, ["disputes"]) => model.list_disputes(p),
        (Get, ["disputes", id]) => model.dispute(id).map(|found| found.json()),
        (Get, ["events"]) => model.list_events(p),
        (Get, ["events", id]) => model.event(id).map(|found| found.json()),
        (Post, ["webhook_endpoints"]) => model.create_endpoint(p),
        (Get, ["webhook_endpoints"]) => model.list_endpoints(p),
        (Delete, ["webhook_endpoints", id]) => model.delete_endpoint(id),
        (_, _) => Err(unknown(request)),
    }
}

fn customers(model: &mut Model, request: &Request, path: &[&str]) -> Result<Value, Problem> {
    let p = &request.params;
    match (request.method, path) {
        (Post, ["customers"]) => model.create_customer(p),
        (Get, ["customers"]) => model.list_customers(p),
        (Get, ["customers", id]) => model.read_customer(id),
        (Post, ["customers", id]) => model.update_customer(id, p),
        (Delete, ["customers", id]) => model.delete_customer(id),
        (Post, ["customers", id, "tax_ids"]) => model.create_tax_id(id, p),
        (Get, ["customers", id, "tax_ids"]) => model.list_tax_ids(id, p),
        (Delete, ["customers", id, "tax_ids", tax]) => model.delete_tax_id(id, tax),
        (Post, ["customers", id, "balance_transactions"]) => model.create_balance(id, p),
        (Get, ["customers", id, "balance_transactions"]) => model.list_balances(id, p),
        (Post, ["payment_methods"]) => model.create_method(p),
        (Get, ["payment_methods"]) => model.list_methods(p),
        (Get, ["payment_methods", id]) => model.method(id).map(|found| found.json()),
        (Post, ["payment_methods", id, "attach"]) => model.attach_method(id, p),
        (Post, ["payment_methods", id, "detach"]) => model.detach_method(id),
        (_, _) => Err(unknown(request)),
    }
}

fn subscriptions(model: &mut Model, request: &Request, path: &[&str]) -> Result<Value, Problem> {
    let p = &request.params;
    match (request.method, path) {
        (Post, ["subscriptions"]) => model.create_subscription(p),
        (Get, ["subscriptions"]) => model.list_subscriptions(p),
        (Get, ["subscriptions", id]) => model.subscription(id).map(|found| found.json(model)),
        (Post, ["subscriptions", id]) => model.update_subscription(id, p),
        (Delete, ["subscriptions", id]) => model.delete_subscription(id, p),
        (Get, ["subscription_items"]) => model.list_subscription_items(p),
        (_, _) => Err(unknown(request)),
    }
}

fn invoices(model: &mut Model, request: &Request, path: &[&str]) -> Result<Value, Problem> {
    let p = &request.params;
    match (request.method, path) {
        (Get, ["invoices"]) => model.list_invoices(p),
        (Post, ["invoices", "create_preview"]) => model.preview_invoice(p),
        (Post, ["invoices"]) => model.create_invoice(p),
        (Get, ["invoices", id]) => model.invoice(id).map(|found| found.json(model)),
        (Post, ["invoices", id]) => model.update_invoice(id, p),
        (Post, ["invoices", id, "finalize"]) => model.finalize_invoice(id),
        (Post, ["invoices", id, "pay"]) => model.pay_invoice(id, p),
        (Post, ["invoices", id, "void"]) => model.void_invoice(id),
        (Post, ["invoices", id, "mark_uncollectible"]) => model.give_up_invoice(id),
        (Post, ["invoiceitems"]) => model.create_invoice_item(p),
        (Get, ["invoiceitems"]) => model.list_invoice_items(p),
        (Get, ["invoice_payments"]) => model.list_invoice_payments(p),
        (_, _) => Err(unknown(request)),
    }
}

fn unknown(request: &Request) -> Problem {
    let text = format!("Unrecognized request URL ({:?}: /v1{}).", request.method, request.path);
    Problem { code: "", ..Problem::of(404, "invalid_request_error", text) }
}
