//! SUMMARY    A user as SCIM writes it, and what is read from one.
//! STANDARDS  RFC 7643 §3.1 (common attributes), §4.1 (User), §7 (mutability)
//! INVARIANTS `userName` is the mailbox's address and `emails` follows it. `active` is one hold of the directory; others do not
//!            show in it. Attributes that are not kept are left out of every answer.

use super::{
    USERS,
    filter::Name,
    patch::{Step, Verb, find},
    problem::Problem,
};
use serde_json::{Map, Value, json};
use tenants::{DirectoryPatch, DirectoryUser, NewDirectoryUser};

pub(super) const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// Attributes that clients send and that a mailbox does not have; `emails` and the whole name follow from others.
const NOT_KEPT: [&str; 16] = [
    "addresses",
    "emails",
    "entitlements",
    "groups",
    "ims",
    "locale",
    "nickname",
    "phonenumbers",
    "photos",
    "preferredlanguage",
    "profileurl",
    "roles",
    "timezone",
    "title",
    "usertype",
    "x509certificates",
];
/// Parts of a name that are not kept.
const NOT_KEPT_OF_NAME: [&str; 4] =
    ["name.formatted", "name.middlename", "name.honorificprefix", "name.honorificsuffix"];

/// What is asked for; `None` where nothing is said.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Draft {
    user_name: Option<String>,
    display_name: Option<String>,
    formatted: Option<String>,
    external_id: Option<Option<String>>,
    given_name: Option<Option<String>>,
    family_name: Option<Option<String>>,
    active: Option<bool>,
    password: Option<String>,
}

impl Draft {
    /// Of a POST or PUT. Attributes that are none of a user are left out, as clients send their own.
    pub(super) fn read(body: &Value) -> Result<Draft, Problem> {
        super::expect_schema(body, SCHEMA)?;
        let mut draft = Draft::default();
        let attributes = body.as_object().into_iter().flatten();
        for (key, value) in attributes {
            draft.set(&key.to_ascii_lowercase(), value)?;
        }
        draft.formatted = find_name(body, "formatted");
        match draft.user_name {
            Some(_) => Ok(draft),
            None => Err(Problem::value("userName is the address of the mailbox")),
        }
    }

    /// Of a PATCH.
    pub(super) fn patched(steps: &[Step]) -> Result<Draft, Problem> {
        let mut draft = Draft::default();
        for step in steps {
            let name = &step.path.name;
            if matches!(name.as_str(), "id" | "meta" | "schemas") || name.starts_with("meta.") {
                return Err(Problem::bad("mutability", format!("{name} is not the client's to change")));
            }
            let value = if step.verb == Verb::Remove { &Value::Null } else { &step.value };
            if !draft.set(name, value)? {
                return Err(Problem::bad("invalidPath", format!("A user has no attribute `{name}`")));
            }
        }
        Ok(draft)
    }

    /// Takes one attribute; whether users have it.
    fn set(&mut self, name: &Name, value: &Value) -> Result<bool, Problem> {
        match name.as_str() {
            "username" => self.user_name = Some(text(name, value)?.ok_or_else(|| cannot_go("userName"))?),
            "displayname" => self.display_name = Some(text(name, value)?.unwrap_or_default()),
            "externalid" => self.external_id = Some(text(name, value)?),
            "name.givenname" => self.given_name = Some(text(name, value)?),
            "name.familyname" => self.family_name = Some(text(name, value)?),
            "name" => self.set_name(value)?,
            "active" => self.active = Some(truth(value)?),
            "password" => self.password = Some(text(name, value)?.ok_or_else(|| cannot_go("password"))?),
            other => {
                let base = other.split('.').next().unwrap_or(other);
                return Ok(NOT_KEPT.contains(&base) || NOT_KEPT_OF_NAME.contains(&other) || other.starts_with("urn:"));
            }
        }
        Ok(true)
    }

    fn set_name(&mut self, value: &Value) -> Result<(), Problem> {
        let parts = match value {
            Value::Null => &Map::new(),
            Value::Object(parts) => parts,
            _ => return Err(Problem::value("name is an object")),
        };
        // What a new name does not say stays: clients add part by part.
        for (key, part) in parts {
            self.set(&format!("name.{}", key.to_ascii_lowercase()), part)?;
        }
        if value.is_null() {
            (self.given_name, self.family_name) = (Some(None), Some(None));
        }
        Ok(())
    }

    /// What a user is made of.
    pub(super) fn new_user(self) -> NewDirectoryUser {
        let (given_name, family_name) = (self.given_name.flatten(), self.family_name.flatten());
        let display_name = self.display_name.or(self.formatted).filter(|name| !name.is_empty());
        NewDirectoryUser {
            user_name: self.user_name.unwrap_or_default(),
            display_name: display_name
                .unwrap_or_else(|| whole_name(given_name.as_deref(), family_name.as_deref()).unwrap_or_default()),
            password: self.password,
            external_id: self.external_id.flatten(),
            given_name,
            family_name,
            active: self.active.unwrap_or(true),
        }
    }

    /// What is changed, and nothing else.
    pub(super) fn patch(self) -> DirectoryPatch {
        DirectoryPatch {
            user_name: self.user_name,
            display_name: self.display_name,
            password: self.password,
            external_id: self.external_id,
            given_name: self.given_name,
            family_name: self.family_name,
            active: self.active,
        }
    }

    /// The whole of a user: what a PUT does not name goes, but for the password and `active`, which are not taken for granted.
    pub(super) fn replacement(self) -> DirectoryPatch {
        let (password, active) = (self.password.clone(), self.active);
        let new = self.new_user();
        DirectoryPatch {
            user_name: Some(new.user_name),
            display_name: Some(new.display_name),
            password,
            external_id: Some(new.external_id),
            given_name: Some(new.given_name),
            family_name: Some(new.family_name),
            active,
        }
    }
}

fn find_name(body: &Value, part: &str) -> Option<String> {
    find(find(body.as_object()?, "name")?.as_object()?, part)?.as_str().map(str::to_owned)
}

fn cannot_go(name: &str) -> Problem {
    Problem::value(format!("{name} cannot be taken away"))
}

/// A text; nothing for null and for an empty one. Entra also writes `[{"value": …}]`.
pub(super) fn text(name: &str, value: &Value) -> Result<Option<String>, Problem> {
    let value = match value.as_array().map(Vec::as_slice) {
        Some([one]) => super::patch::member(one, "value").unwrap_or(one),
        _ => value,
    };
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        _ => Err(Problem::value(format!("{name} is a text"))),
    }
}

/// A truth value; Entra writes "True" and "False".
fn truth(value: &Value) -> Result<bool, Problem> {
    let word = match value {
        Value::Bool(truth) => return Ok(*truth),
        Value::String(word) => word.to_ascii_lowercase(),
        _ => String::new(),
    };
    match word.as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Problem::value("active is true or false")),
    }
}

fn whole_name(given: Option<&str>, family: Option<&str>) -> Option<String> {
    let parts: Vec<&str> = given.into_iter().chain(family).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// The version as an entity tag.
pub(super) fn tag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// A user as it is shown.
pub(super) fn render(user: &DirectoryUser) -> Value {
    let mailbox = &user.mailbox;
    let created = jiff::Timestamp::from_millisecond(user.created_at_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let mut shown = json!({
        "schemas": [SCHEMA],
        "id": mailbox.id.to_string(),
        "userName": mailbox.address,
        "displayName": mailbox.display_name,
        "emails": [{ "value": mailbox.address, "type": "work", "primary": true }],
        "active": user.is_active(),
        "meta": {
            "resourceType": "User",
            "created": format!("{created:.3}"),
            "version": tag(mailbox.version),
            "location": format!("{USERS}/{}", mailbox.id),
        },
    });
    let (given, family) = (user.given_name.as_deref(), user.family_name.as_deref());
    if let Some(shown) = shown.as_object_mut() {
        if let Some(external_id) = &user.external_id {
            shown.insert("externalId".to_owned(), json!(external_id));
        }
        if let Some(whole) = whole_name(given, family) {
            let parts = [("formatted", Some(whole.as_str())), ("givenName", given), ("familyName", family)];
            let name: Map<String, Value> =
                parts.iter().filter_map(|(key, part)| Some(((*key).to_owned(), json!((*part)?)))).collect();
            shown.insert("name".to_owned(), Value::Object(name));
        }
    }
    shown
}
