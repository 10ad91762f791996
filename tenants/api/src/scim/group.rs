//! SUMMARY    A group as SCIM writes it, and what is read from one.
//! STANDARDS  RFC 7643 §3.3 (extensions), §4.2 (Group)
//! INVARIANTS `id` is the group's address; it never changes. Members elsewhere are not shown and not touched.

use super::{
    GROUPS, USERS,
    filter::{Filter, Operator},
    patch::{Path, Step, Verb, member},
    problem::Problem,
    user::{tag, text},
};
use serde_json::{Value, json};
use tenants::{DirectoryGroup, DirectoryGroupPatch, NewDirectoryGroup};

pub(super) const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// What a distribution group has beside.
pub(super) const EXTENSION: &str = "urn:posthouse:params:scim:schemas:extension:2.0:Group";
/// Members of one request.
const MEMBERS_MAX: usize = 1_000;

/// The attributes of a POST or PUT.
#[derive(Debug, Default)]
pub(super) struct Draft {
    name: Option<String>,
    address: Option<String>,
    external_id: Option<String>,
    members: Vec<String>,
}

impl Draft {
    pub(super) fn read(body: &Value) -> Result<Draft, Problem> {
        super::expect_schema(body, SCHEMA)?;
        let of = |name: &str| member(body, name).map_or(Ok(None), |value| text(name, value));
        let extension = member(body, EXTENSION).and_then(|e| member(e, "address"));
        let draft = Draft {
            name: of("displayName")?,
            address: extension.map_or(Ok(None), |value| text("address", value))?,
            external_id: of("externalId")?,
            members: member(body, "members").map_or(Ok(Vec::new()), ids)?,
        };
        match draft.name {
            Some(_) => Ok(draft),
            None => Err(Problem::value("displayName is the name of the group")),
        }
    }

    pub(super) fn new_group(self) -> NewDirectoryGroup {
        let Draft { name, address, external_id, members } = self;
        NewDirectoryGroup { address, name: name.unwrap_or_default(), external_id, members }
    }

    /// The whole of a group. The address is not the client's to change.
    pub(super) fn replacement(self, id: &str) -> Result<DirectoryGroupPatch, Problem> {
        if self.address.is_some_and(|address| !address.eq_ignore_ascii_case(id)) {
            return Err(fixed());
        }
        Ok(DirectoryGroupPatch {
            name: self.name,
            external_id: Some(self.external_id),
            members: Some(self.members),
            ..DirectoryGroupPatch::default()
        })
    }
}

fn fixed() -> Problem {
    Problem::bad("mutability", "The address of a group does not change: make another group")
}

/// What the steps of a PATCH ask for.
pub(super) fn patched(steps: &[Step]) -> Result<DirectoryGroupPatch, Problem> {
    let mut patch = DirectoryGroupPatch::default();
    for step in steps {
        let removed = step.verb == Verb::Remove;
        let value = if removed { &Value::Null } else { &step.value };
        match step.path.name.as_str() {
            "displayname" => {
                let name = text("displayName", value)?;
                patch.name = Some(name.ok_or_else(|| Problem::value("displayName cannot be taken away"))?);
            }
            "externalid" => patch.external_id = Some(text("externalId", value)?),
            "members" => members(&mut patch, step)?,
            "id" | "meta" | "schemas" => {
                return Err(Problem::bad("mutability", format!("{} is not the client's to change", step.path.name)));
            }
            name if name.starts_with(&EXTENSION.to_ascii_lowercase()) => return Err(fixed()),
            name => return Err(Problem::bad("invalidPath", format!("A group has no attribute `{name}`"))),
        }
    }
    Ok(patch)
}

/// Members come, go, or are others. Steps follow each other, so a later one takes back what an earlier one did to a member.
fn members(patch: &mut DirectoryGroupPatch, step: &Step) -> Result<(), Problem> {
    match step.verb {
        Verb::Add => {
            let come = ids(&step.value)?;
            patch.remove.retain(|id| !come.contains(id));
            patch.add.extend(come);
        }
        Verb::Replace => {
            let Path { only: None, .. } = &step.path else {
                return Err(Problem::bad("noTarget", "A member is not changed: remove one and add one"));
            };
            *patch = DirectoryGroupPatch {
                members: Some(ids(&step.value)?),
                add: Vec::new(),
                remove: Vec::new(),
                ..std::mem::take(patch)
            };
        }
        Verb::Remove => {
            let gone = match (&step.path.only, &step.value) {
                (Some(filter), _) => named(filter)?,
                // RFC 7644 §3.5.2.2: without a filter all go; Entra names those that go in the value.
                (None, Value::Null) => {
                    (patch.members, patch.add) = (Some(Vec::new()), Vec::new());
                    return Ok(());
                }
                (None, value) => ids(value)?,
            };
            patch.add.retain(|id| !gone.contains(id));
            patch.remove.extend(gone);
        }
    }
    match patch.add.len() + patch.remove.len() > MEMBERS_MAX {
        true => Err(too_many()),
        false => Ok(()),
    }
}

fn too_many() -> Problem {
    Problem::bad("tooMany", format!("At most {MEMBERS_MAX} members in one request (MEMBERS_MAX)"))
}

/// `value eq "…"`, or several with `or` between.
fn named(filter: &Filter) -> Result<Vec<String>, Problem> {
    match filter {
        Filter::Compare(name, Operator::Equal, Value::String(id)) if name == "value" => Ok(vec![id.clone()]),
        Filter::Or(a, b) => Ok([named(a)?, named(b)?].concat()),
        _ => Err(Problem::filter("A member is named by value eq \"…\"")),
    }
}

/// The ids of a list of members, or of one.
fn ids(value: &Value) -> Result<Vec<String>, Problem> {
    let one = |value: &Value| {
        let id = member(value, "value").unwrap_or(value).as_str();
        id.map(str::to_owned).ok_or_else(|| Problem::value("A member has a `value`: its id"))
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(all) if all.len() > MEMBERS_MAX => Err(too_many()),
        Value::Array(all) => all.iter().map(one).collect(),
        value => one(value).map(|id| vec![id]),
    }
}

/// A group as it is shown.
pub(super) fn render(group: &DirectoryGroup) -> Value {
    let members: Vec<Value> = group
        .members
        .iter()
        .map(|m| {
            let (kind, at) = if m.is_group { ("Group", GROUPS) } else { ("User", USERS) };
            json!({ "value": m.id, "display": m.address, "type": kind, "$ref": format!("{at}/{}", m.id) })
        })
        .collect();
    let mut shown = json!({
        "schemas": [SCHEMA, EXTENSION],
        "id": group.group.address,
        "displayName": group.group.name,
        "members": members,
        EXTENSION: { "address": group.group.address },
        "meta": {
            "resourceType": "Group",
            "version": tag(group.group.version),
            "location": format!("{GROUPS}/{}", group.group.address),
        },
    });
    if let (Some(shown), Some(external_id)) = (shown.as_object_mut(), &group.external_id) {
        shown.insert("externalId".to_owned(), json!(external_id));
    }
    shown
}
