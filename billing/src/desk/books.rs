//! SUMMARY    The books as rows.
//! LIMITS     BOOKS_PAGE, BOOKS_LINES_MAX
//! INVARIANTS The laws of `crate::Books` hold in each transaction: an entry is of one event and counts once, it balances, no more goes back
//!            than came in (S4), no more credit is used than was given. Balances are kept with the entries, and can be reckoned from them.

use super::{
    BalanceShown, Billing,
    store::{damaged, of_body, of_word, refused, to_body, to_word},
};
use crate::{Account, Currency, Entry, Fact, Money, Posted};
use base::{TenantId, Timestamp};
use std::collections::BTreeMap;
use tenants::{
    Actor, Code, Error, Page, Result,
    sql::{Connection, Row, Statements, id, number, query, text},
};

/// Rows that are read at once when the books are verified.
const BOOKS_PAGE: i64 = 500;
/// Differences that are told at once.
const BOOKS_LINES_MAX: usize = 100;

const ENTRIES: Statements = Statements {
    forward: "SELECT * FROM ledger_entry WHERE tenant = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3",
    backward: "SELECT * FROM ledger_entry WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3",
    count: "SELECT COUNT(*) AS n FROM ledger_entry WHERE tenant = $1",
};

impl Billing {
    /// Entries of a customer, the newest first.
    pub async fn entries(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<Entry>, i64)> {
        let mut connection = self.service.reader(actor).await?;
        self.may_see(&mut connection, actor, tenant).await?;
        let from = match &page.cursor {
            Some(event) => {
                let at = query("SELECT seq FROM ledger_entry WHERE event = $1 AND tenant = $2");
                let at = at.bind(event).bind(tenant.to_string()).fetch_optional(&mut connection).await?;
                number(&at.ok_or_else(|| page.not_a_cursor())?, "seq")?
            }
            None if page.backward => 0,
            None => i64::MAX,
        };
        let (rows, count) = page.rows(&mut connection, &ENTRIES, &[tenant.to_string()], vec![from.into()]).await?;
        Ok((rows.iter().map(entry_row).collect::<Result<_>>()?, count))
    }

    /// Balances of a customer.
    pub async fn balances(&self, actor: &Actor, tenant: TenantId) -> Result<Vec<BalanceShown>> {
        let mut connection = self.service.reader(actor).await?;
        self.may_see(&mut connection, actor, tenant).await?;
        let rows = query("SELECT * FROM ledger_balance WHERE tenant = $1 ORDER BY currency, account")
            .bind(tenant.to_string())
            .fetch_all(&mut connection)
            .await?;
        let shown = |row: &Row| {
            let amount = Money::new(number(row, "minor")?, currency(row)?).map_err(refused)?;
            Ok(BalanceShown { account: of_word(row, "account")?, amount })
        };
        rows.iter().map(shown).collect()
    }

    /// Reads all entries and compares them with the balances: what does not agree, as lines. For the operator.
    pub async fn books_verify(&self) -> Result<Vec<String>> {
        let mut lines = self.verify_entries().await?;
        lines.extend(self.verify_balances().await?);
        lines.truncate(BOOKS_LINES_MAX);
        Ok(lines)
    }

    /// Posts an entry in a transaction. `Forbidden` for one that breaks a law of the books; nothing is posted then.
    pub(crate) async fn post(&self, txn: &mut Connection, entry: &Entry) -> Result<Posted> {
        let known =
            query("SELECT * FROM ledger_entry WHERE event = $1").bind(&entry.event).fetch_optional(&mut *txn).await?;
        if let Some(row) = known {
            let known = entry_row(&row)?;
            return match known.tenant == entry.tenant && known.fact == entry.fact {
                true => Ok(Posted::Before),
                false => Err(unlawful("Another entry is of the same event")),
            };
        }
        let lawful = Entry::new(&*entry.event, entry.tenant, entry.at, entry.fact).map_err(refused)?;
        let Some(of) = lawful.currency().filter(|_| lawful.postings == entry.postings) else {
            return Err(unlawful("The entry does not follow from its fact"));
        };
        let mut after = Vec::with_capacity(entry.postings.len());
        for (account, amount) in &entry.postings {
            let before = self.balance_in(txn, entry.tenant, of, *account).await?;
            let balance = before.plus(*amount).map_err(refused)?;
            match account {
                Account::Cash if balance.is_negative() => {
                    return Err(unlawful("More would be paid back than was paid"));
                }
                Account::Credit if balance.minor() > 0 => {
                    return Err(unlawful("More credit would be used than was given"));
                }
                Account::Cash
                | Account::Credit
                | Account::Receivable
                | Account::Revenue
                | Account::Tax
                | Account::Returns
                | Account::Goodwill
                | Account::WrittenOff => after.push((*account, *amount, balance)),
            }
        }
        query("INSERT INTO ledger_entry (event, tenant, currency, at, fact) VALUES ($1, $2, $3, $4, $5)")
            .bind(&entry.event)
            .bind(entry.tenant.to_string())
            .bind(of.to_string())
            .bind(entry.at.0)
            .bind(to_body(&entry.fact)?)
            .execute(&mut *txn)
            .await?;
        for (account, amount, balance) in after {
            self.post_to(txn, entry, account, amount, balance).await?;
        }
        Ok(Posted::Now)
    }

    async fn post_to(
        &self,
        txn: &mut Connection,
        entry: &Entry,
        account: Account,
        amount: Money,
        balance: Money,
    ) -> Result<()> {
        let (tenant, account, currency) = (entry.tenant.to_string(), to_word(&account)?, amount.currency().to_string());
        query("INSERT INTO ledger_posting (entry, tenant, account, currency, minor) VALUES ($1, $2, $3, $4, $5)")
            .bind(&entry.event)
            .bind(&tenant)
            .bind(&account)
            .bind(&currency)
            .bind(amount.minor())
            .execute(&mut *txn)
            .await?;
        query(
            "INSERT INTO ledger_balance (tenant, currency, account, minor) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (tenant, currency, account) DO UPDATE SET minor = $4",
        )
        .bind(&tenant)
        .bind(&currency)
        .bind(&account)
        .bind(balance.minor())
        .execute(txn)
        .await
        .map(drop)
    }

    async fn balance_in(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        currency: Currency,
        account: Account,
    ) -> Result<Money> {
        let row = query("SELECT minor FROM ledger_balance WHERE tenant = $1 AND currency = $2 AND account = $3")
            .bind(tenant.to_string())
            .bind(currency.to_string())
            .bind(to_word(&account)?)
            .fetch_optional(txn)
            .await?;
        let minor = row.map(|row| number(&row, "minor")).transpose()?;
        Money::new(minor.unwrap_or(0), currency).map_err(refused)
    }

    /// Whether each entry has the postings that follow from its fact, and each posting a balance.
    async fn verify_entries(&self) -> Result<Vec<String>> {
        let (mut lines, mut last) = (Vec::new(), 0);
        loop {
            let mut connection = self.service.connection().await?;
            let rows = query("SELECT * FROM ledger_entry WHERE seq > $1 ORDER BY seq LIMIT $2")
                .bind(last)
                .bind(BOOKS_PAGE)
                .fetch_all(&mut connection)
                .await?;
            let Some(end) = rows.last().map(|row| number(row, "seq")).transpose()? else { return Ok(lines) };
            let mut posted = postings(&mut connection, last, end, &mut lines).await?;
            for row in &rows {
                let entry = entry_row(row)?;
                let of_it: BTreeMap<Account, i64> = entry.postings.iter().map(|(a, m)| (*a, m.minor())).collect();
                if posted.remove(&entry.event).unwrap_or_default() != of_it {
                    lines.push(format!("entry {}: its postings do not follow from its fact", entry.event));
                }
            }
            if lines.len() >= BOOKS_LINES_MAX {
                return Ok(lines);
            }
            last = end;
        }
    }

    /// Whether each balance is the sum of its postings, and lawful.
    async fn verify_balances(&self) -> Result<Vec<String>> {
        let (mut lines, mut last) = (Vec::new(), (String::new(), String::new(), String::new()));
        loop {
            let mut connection = self.service.connection().await?;
            let rows = query(
                "SELECT b.tenant, b.currency, b.account, b.minor, (SELECT CAST(COALESCE(SUM(p.minor), 0) AS BIGINT) \
                 FROM ledger_posting p WHERE p.tenant = b.tenant AND p.currency = b.currency AND p.account = b.account) AS posted \
                 FROM ledger_balance b WHERE (b.tenant, b.currency, b.account) > ($1, $2, $3) \
                 ORDER BY b.tenant, b.currency, b.account LIMIT $4",
            )
            .bind(&last.0)
            .bind(&last.1)
            .bind(&last.2)
            .bind(BOOKS_PAGE)
            .fetch_all(&mut connection)
            .await?;
            for row in &rows {
                last = (text(row, "tenant")?, text(row, "currency")?, text(row, "account")?);
                let (kept, posted) = (number(row, "minor")?, number(row, "posted")?);
                let place = format!("{} {} {}", last.0, last.1, last.2);
                if kept != posted {
                    lines.push(format!("balance {place}: {kept} is kept, {posted} was posted"));
                }
                match of_word(row, "account")? {
                    Account::Cash if posted < 0 => lines.push(format!("balance {place}: more went back than came in")),
                    Account::Credit if posted > 0 => lines.push(format!("balance {place}: more was used than given")),
                    Account::Cash
                    | Account::Credit
                    | Account::Receivable
                    | Account::Revenue
                    | Account::Tax
                    | Account::Returns
                    | Account::Goodwill
                    | Account::WrittenOff => {}
                }
            }
            if rows.is_empty() || lines.len() >= BOOKS_LINES_MAX {
                return Ok(lines);
            }
        }
    }
}

/// Postings of the entries after `from` up to `to`, by event; those without a balance are told.
async fn postings(
    connection: &mut Connection,
    from: i64,
    to: i64,
    lines: &mut Vec<String>,
) -> Result<BTreeMap<String, BTreeMap<Account, i64>>> {
    let rows = query(
        "SELECT p.entry, p.account, p.minor, CASE WHEN b.minor IS NULL THEN 1 ELSE 0 END AS lost FROM ledger_entry e \
         JOIN ledger_posting p ON p.entry = e.event LEFT JOIN ledger_balance b ON b.tenant = p.tenant AND b.currency = p.currency \
         AND b.account = p.account WHERE e.seq > $1 AND e.seq <= $2",
    )
    .bind(from)
    .bind(to)
    .fetch_all(connection)
    .await?;
    let mut posted: BTreeMap<String, BTreeMap<Account, i64>> = BTreeMap::new();
    for row in &rows {
        let event = text(row, "entry")?;
        if number(row, "lost")? != 0 {
            lines.push(format!("entry {event}: a posting has no balance"));
        }
        posted.entry(event).or_default().insert(of_word(row, "account")?, number(row, "minor")?);
    }
    Ok(posted)
}

fn entry_row(row: &Row) -> Result<Entry> {
    let fact: Fact = of_body(row, "fact")?;
    Entry::new(text(row, "event")?, id(row, "tenant")?, Timestamp(number(row, "at")?), fact).map_err(refused)
}

fn currency(row: &Row) -> Result<Currency> {
    serde_json::from_value(serde_json::Value::String(text(row, "currency")?)).map_err(damaged)
}

fn unlawful(why: &str) -> Error {
    Error::new(Code::Forbidden, "", why)
}

#[cfg(test)]
mod tests;
