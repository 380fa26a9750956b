//! Fields named by keywords.
#![deny(warnings)]

use larder_core::{CacheModel as _, Change, Patch as _, keep};
use larder_derive::{CacheModel, CacheValue};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, CacheModel)]
#[cache(from = Source, patch(Deserialize))]
#[allow(non_camel_case_types)]
struct r#final {
    #[cache(id)]
    r#fn: u8,
    #[cache(index)]
    r#type: r#enum,
    r#ref: u8,
}

struct Source {
    r#fn: u8,
    r#type: r#enum,
    r#ref: u8,
}

#[allow(non_camel_case_types)]
#[derive(Clone, Serialize, Deserialize, CacheValue)]
enum r#enum {
    r#virtual,
}

fn main() {
    assert_eq!(r#final::NAME, "final");
    assert_eq!(r#final::schema("x").unwrap().fields()[0].name, "type");
    let _ = r#final::FIELDS.r#type.eq(r#enum::r#virtual);
    let mut object = r#final::from(&Source { r#fn: 1, r#type: r#enum::r#virtual, r#ref: 2 });
    finalPatch { r#ref: Change::Set(3), ..keep() }.apply(&mut object).unwrap();
    assert_eq!((object.r#ref, object.r#fn), (3, 1));
    let patch: finalPatch = serde_json::from_str(r#"{"ref":4,"type":"virtual"}"#).unwrap();
    patch.apply(&mut object).unwrap();
    assert_eq!(object.r#ref, 4);
    let error = finalPatch { r#type: Change::Null, ..keep() }.apply(&mut object).unwrap_err();
    assert_eq!(error.field_name(), Some("type"));
}
