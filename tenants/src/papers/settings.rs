//! SUMMARY    Settings of a mailbox as a paper: `settings.json`.
//! SECURITY   No credential, no hold.

use super::{
    Owner, Teller, Telling,
    form::{DelegateLine, SettingsPaper},
    paper,
};
use crate::{
    Code, Error, Result, Service,
    db::query,
    kind,
    rows::{number, optional, text},
};
use base::{AccountId, TenantId};
use control::DataType;

pub(super) async fn tell(teller: &mut Teller<'_>, owner: Owner) -> Telling<()> {
    let Owner::Mailbox(mailbox) = owner else { return Ok(()) };
    let Some(settings) = teller.service.settings_paper(teller.of.tenant, mailbox).await? else { return Ok(()) };
    let mut bytes = serde_json::to_vec_pretty(&settings).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
    bytes.push(b'\n');
    teller.add(paper(owner, DataType::Settings, "settings.json".to_owned(), 1, bytes)).await
}

impl Service {
    pub(crate) async fn settings_paper(&self, tenant: TenantId, mailbox: AccountId) -> Result<Option<SettingsPaper>> {
        let (mut connection, key) = (self.connection().await?, mailbox.to_string());
        let row = query(
            "SELECT m.*, e.given_name, e.family_name, (SELECT p.locale FROM person p WHERE p.email_key = m.address) AS language \
             FROM mailbox m LEFT JOIN directory_entry e ON e.mailbox = m.id WHERE m.id = $1 AND m.tenant = $2",
        )
        .bind(&key)
        .bind(tenant.to_string())
        .fetch_optional(&mut connection)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let granted = query("SELECT address FROM send_as WHERE mailbox = $1 ORDER BY address")
            .bind(&key)
            .fetch_all(&mut connection)
            .await?;
        let delegates = query(
            "SELECT m.address, d.may_open, d.may_write, d.may_send_as FROM delegate d JOIN mailbox m ON m.id = d.account \
             WHERE d.mailbox = $1 ORDER BY m.address",
        )
        .bind(&key)
        .fetch_all(&mut connection)
        .await?;
        let delegate = |row| {
            let may = |column| number(row, column).map(|n| n != 0);
            let (open, write, send_as) = (may("may_open")?, may("may_write")?, may("may_send_as")?);
            Ok(DelegateLine { address: text(row, "address")?, open, write, send_as })
        };
        let send = kind::send_limits(&row)?;
        Ok(Some(SettingsPaper {
            display_name: text(&row, "display_name")?,
            kind: kind::name(kind::of(&row)?).to_owned(),
            given_name: row.text("given_name")?,
            family_name: row.text("family_name")?,
            language: row.text("language")?,
            quota_bytes_max: optional(&row, "quota_bytes_max")?.and_then(|n| u64::try_from(n).ok()),
            send_per_hour_max: send.per_hour,
            send_per_day_max: send.per_day,
            new_recipients_per_day_max: send.new_recipients_per_day,
            send_as: granted.iter().map(|row| text(row, "address")).collect::<Result<_>>()?,
            delegates: delegates.iter().map(delegate).collect::<Result<_>>()?,
        }))
    }
}
