//! Names of the prelude taken, and methods named like fields.
#![deny(warnings)]
#![allow(dead_code)]

mod hostile {
    pub struct Option;
    pub struct Result;
    pub struct Vec;
    pub struct String;
    pub struct Box;
    pub struct Some;
    pub struct None;
    pub struct Ok;
    pub struct Err;
    pub trait Default {}
    pub trait Clone {}
    pub trait From {}
    pub trait Copy {}
    pub trait Debug {}
    pub struct Field;
    pub struct Schema;
    pub struct Change;
    pub mod std {}
    pub mod core {}
    pub mod larder_core {}
    #[allow(unused_macros)]
    macro_rules! format { () => { compile_error!("the user's format!") } }
    #[allow(unused_macros)]
    macro_rules! assert { () => { compile_error!("the user's assert!") } }
    #[allow(unused_imports)]
    pub(crate) use {assert, format};
}

mod models {
    #[allow(unused_imports)]
    use super::hostile::*;

    use larder_derive::{CacheFields, CacheModel, CacheValue};
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, CacheModel)]
    #[cache(name = "m", ttl = "1s", from = Source, patch(Deserialize), validate = check)]
    pub struct Model {
        #[cache(id)]
        pub id: ::std::string::String,
        #[cache(index, sort, text(stop_words("a")))]
        pub name: ::std::string::String,
        #[cache(index)]
        pub maybe: ::std::option::Option<u8>,
        #[cache(flatten)]
        pub part: Part,
        #[cache(geo)]
        pub schema: ::larder_core::GeoPoint,
        #[cache(skip)]
        pub skipped: ::std::vec::Vec<u8>,
    }

    pub struct Source {
        pub id: &'static str,
        pub name: &'static str,
        pub maybe: ::std::option::Option<u8>,
        pub part: Part,
        pub schema: ::larder_core::GeoPoint,
    }

    #[derive(::std::clone::Clone, Serialize, Deserialize, CacheFields)]
    pub struct Part {
        #[cache(index)]
        pub field: Kind,
    }

    #[derive(::std::clone::Clone, Serialize, Deserialize, CacheValue)]
    pub enum Kind {
        Some,
        None,
    }

    fn check(_: &Model) -> ::std::result::Result<(), ::larder_core::Invalid> {
        ::std::result::Result::Ok(())
    }

    #[allow(clippy::should_implement_trait)]
    impl Model {
        pub fn id(self) {}
        pub fn name(self) {}
        pub fn id_key(self) {}
        pub fn field(self) {}
        pub fn schema(self) {}
        pub fn validate(self) {}
        pub fn describe(self) {}
        pub fn clone(self) {}
        pub fn default() {}
        pub const COUNT: bool = false;
        pub const FIELDS: bool = false;
        pub const NAME: bool = false;
    }

    impl Part {
        pub const COUNT: bool = false;
        pub fn field(self) {}
        pub fn describe(self) {}
    }
}

fn main() {
    use larder_core::{CacheFields, CacheModel, FieldRef, Patch, ValueRef};
    use models::{Kind, Model, ModelPatch, Part, Source};

    let mut model = Model::from(&Source {
        id: "1",
        name: "jo",
        maybe: Some(1),
        part: Part { field: Kind::None },
        schema: larder_core::GeoPoint::new(0.0, 0.0),
    });
    assert_eq!(CacheModel::id(&model), "1");
    assert_eq!(CacheModel::id_key(&model), larder_core::Id::to_key(&"1".to_owned()));
    assert_eq!(<Model as CacheFields>::COUNT, 4);
    assert!(matches!(CacheFields::field(&model, 2), FieldRef::One(ValueRef::Str("None"))));
    assert!(matches!(CacheFields::field(&model, 3), FieldRef::One(ValueRef::Geo(_))));
    assert!(<Model as CacheModel>::schema("x").is_ok());
    let _ = <Model as CacheModel>::FIELDS.part.field.eq(Kind::Some);
    let patch: ModelPatch = serde_json::from_str(r#"{"maybe":null}"#).unwrap();
    patch.apply(&mut model).unwrap();
    assert!(model.maybe.is_none());
}
