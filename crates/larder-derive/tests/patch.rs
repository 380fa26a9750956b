//! Patches written to JSON and read back.
#![expect(clippy::unwrap_used, reason = "a test")]

use larder_core::{Change, keep};
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[serde(rename_all = "camelCase")]
#[cache(patch(Debug, Clone, PartialEq, Serialize, Deserialize))]
struct User {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    first_name: String,
    team: Option<u32>,
    #[serde(rename = "mail")]
    address: Option<String>,
}

/// Only written, never read; generic, so that the derive has to leave serde's bounds out.
#[derive(Serialize, Deserialize, CacheModel)]
#[serde(bound = "T: Serialize + serde::de::DeserializeOwned")]
#[cache(patch(Serialize))]
struct Wrapped<T: Serialize + serde::de::DeserializeOwned + Send + Sync + 'static> {
    #[cache(id)]
    id: u64,
    inner: Option<T>,
}

fn round_trip(patch: &UserPatch) -> (String, UserPatch) {
    let written = serde_json::to_string(patch).unwrap();
    let read = serde_json::from_str(&written).unwrap();
    (written, read)
}

#[test]
fn all_three_states_of_a_change_survive_a_round_trip() {
    let patch = UserPatch {
        first_name: Change::Set("joan".into()),
        team: Change::Null,
        ..keep()
    };
    let (written, read) = round_trip(&patch);
    assert_eq!(written, r#"{"firstName":"joan","team":null}"#);
    assert_eq!(read, patch);
    assert!(read.address.is_keep());
}

#[test]
fn a_patch_that_changes_nothing_is_written_as_no_fields() {
    let (written, read) = round_trip(&keep());
    assert_eq!(written, "{}");
    assert_eq!(read, keep());
}

#[test]
fn values_are_written_under_the_names_of_the_model() {
    let patch = UserPatch {
        address: Change::Set("a@b".into()),
        ..keep()
    };
    let (written, read) = round_trip(&patch);
    assert_eq!(written, r#"{"mail":"a@b"}"#);
    assert_eq!(read, patch);
}

#[test]
fn a_patch_of_a_generic_model_can_be_written() {
    let patch = WrappedPatch::<Vec<u8>> {
        inner: Change::Set(vec![1, 2]),
    };
    assert_eq!(serde_json::to_string(&patch).unwrap(), r#"{"inner":[1,2]}"#);
}

#[test]
fn a_change_that_keeps_is_not_written_by_itself() {
    let error = serde_json::to_string(&Change::<u32>::Keep).unwrap_err();
    assert!(error.to_string().contains("left out"), "{error}");
    assert_eq!(serde_json::to_string(&Change::<u32>::Null).unwrap(), "null");
    assert_eq!(serde_json::to_string(&Change::Set(7)).unwrap(), "7");
}
