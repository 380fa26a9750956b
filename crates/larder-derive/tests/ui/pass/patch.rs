//! Patches: keep, null, set; all or nothing; read from JSON by the model's serde names.
#![deny(warnings)]

use larder_core::{CacheModel as _, Change, Patch as _, keep};
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cache(patch(Debug, Clone, PartialEq, Deserialize))]
struct User {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    first_name: String,
    team: Option<u32>,
    #[serde(rename = "mail", alias = "email")]
    address: std::option::Option<String>,
    #[cache(index, rename = "age")]
    years: u8,
    #[cache(skip)]
    computed: u8,
}

/// No derive is asked for: its patch is `Clone` all the same.
#[derive(Serialize, Deserialize, CacheModel)]
struct Plain {
    #[cache(id)]
    id: u64,
    name: String,
}

/// Nothing here is `Clone`; that is no error as long as nobody clones it.
#[derive(Serialize, Deserialize)]
struct NotClone;

#[derive(Serialize, Deserialize, CacheModel)]
#[serde(bound = "")]
struct Owner<T: Serialize + serde::de::DeserializeOwned + Send + Sync + 'static> {
    #[cache(id)]
    id: u64,
    owned: NotClone,
    other: T,
}

fn main() {
    let plain = PlainPatch { name: Change::Set("jo".into()) };
    assert!(matches!(plain.clone().name, Change::Set(name) if name == "jo"));
    drop(OwnerPatch::<NotClone> { owned: Change::Set(NotClone), ..keep() });


    let user = User { id: 1, first_name: "jo".into(), team: Some(7), address: None, years: 30, computed: 1 };

    let mut same = user.clone();
    UserPatch::default().apply(&mut same).unwrap();
    assert_eq!(same, user);

    let mut changed = user.clone();
    let patch: <User as larder_core::CacheModel>::Patch =
        UserPatch { first_name: Change::Set("joan".into()), team: Change::Null, ..keep() };
    patch.clone().apply(&mut changed).unwrap();
    assert_eq!((&*changed.first_name, changed.team), ("joan", None));
    UserPatch { team: Change::Set(3), ..keep() }.apply(&mut changed).unwrap();
    assert_eq!(changed.team, Some(3));

    let mut refused = user.clone();
    let error = UserPatch { first_name: Change::Set("x".into()), years: Change::Null, ..keep() }
        .apply(&mut refused)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "field `age` cannot be null, as it is no `Option`; leave it out or give it a value"
    );
    assert_eq!(refused, user);

    let read: UserPatch = serde_json::from_str(r#"{"firstName":"joan","team":null}"#).unwrap();
    assert_eq!(read, patch);
    let read: UserPatch = serde_json::from_str(r#"{"email":"a@b"}"#).unwrap();
    assert_eq!(read.address, Change::Set("a@b".into()));
    assert!(serde_json::from_str::<UserPatch>(r#"{"first_name":"x"}"#).is_err());
    assert!(serde_json::from_str::<UserPatch>(r#"{"computed":1}"#).is_err());
    assert_eq!(user.id(), 1);
}
