//! Type and const parameters, where clauses, defaults and `Self`.
#![deny(warnings)]

use larder_core::{CacheFields, CacheModel, Change, FieldRef, Id, Patch, Scalar, ValueRef, keep};
use larder_core::model::{FieldsAt, Root};
use larder_derive::{CacheFields, CacheModel, CacheValue};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, CacheModel)]
#[serde(bound = "")]
#[cache(patch(Deserialize))]
struct Record<K: Id + Serialize + DeserializeOwned, T = String, const N: usize = 2>
where
    T: Scalar + Serialize + DeserializeOwned + Send + Sync + 'static,
    Option<Box<Self>>: Sized,
{
    #[cache(id)]
    key: K,
    #[cache(index, sort)]
    value: T,
    #[cache(index)]
    several: Option<Vec<T>>,
    parent: Option<Box<Self>>,
}

#[derive(Serialize, Deserialize, CacheFields)]
struct Pair<A, B> {
    #[cache(index)]
    first: A,
    #[cache(index)]
    second: B,
}

#[derive(Serialize, Deserialize, CacheModel)]
#[serde(bound = "")]
struct Wrapper<T, B>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    B: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    #[cache(id)]
    id: u32,
    #[cache(flatten)]
    nested: T,
    #[cache(flatten)]
    pair: Option<Pair<u8, B>>,
    #[cache(index)]
    last: bool,
}

#[derive(Serialize, Deserialize, CacheModel)]
struct Bytes<const N: usize> {
    #[cache(id, index)]
    id: u64,
    #[serde(skip)]
    _data: Sized8<N>,
}

#[derive(Default)]
struct Sized8<const N: usize>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheValue)]
struct Tagged<T>(T);

fn count<M: CacheModel>() -> u16 {
    M::COUNT
}

fn first<T>(of: &Wrapper<T, u8>) -> FieldRef<'_>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    T: CacheFields + FieldsAt<Wrapper<T, u8>, Root>,
{
    of.field(0)
}

fn main() {
    type Named = Record<String>;
    const F: RecordFields<String, String, 2, Named> = Named::FIELDS;
    assert_eq!((F.value.position(), F.several.position()), (0, 1));
    let _ = F.value.eq("x") & F.several.contains("y");
    let schema = Named::schema("r").unwrap();
    assert_eq!(schema.fields()[1].name, "several");
    assert!(schema.fields()[1].list && schema.fields()[1].optional);

    let mut record: Record<u64, i32, 5> = Record { key: 1, value: 2, several: None, parent: None };
    let parent = Box::new(Record { key: 3, value: 4, several: None, parent: None });
    RecordPatch { parent: Change::Set(parent), ..keep() }.apply(&mut record).unwrap();
    assert_eq!(record.parent.as_ref().unwrap().key, 3);
    let patch: RecordPatch<u64, i32, 5> = serde_json::from_str(r#"{"value":9}"#).unwrap();
    patch.apply(&mut record).unwrap();
    assert_eq!(record.value, 9);
    assert!(matches!(record.field(0), FieldRef::One(ValueRef::Int(9))));

    let _ = count::<Bytes<3>>();
    let names: Vec<_> = Wrapper::<Pair<String, Tagged<u8>>, u8>::schema("w")
        .unwrap()
        .fields()
        .iter()
        .map(|field| field.name.clone())
        .collect();
    assert_eq!(names, ["nested.first", "nested.second", "pair.first", "pair.second", "last"]);
    const W: WrapperFields<Pair<String, Tagged<u8>>, u8, Wrapper<Pair<String, Tagged<u8>>, u8>> =
        Wrapper::<Pair<String, Tagged<u8>>, u8>::FIELDS;
    assert_eq!(W.nested.second.position(), 1);
    assert_eq!(W.pair.second.position(), 3);
    assert_eq!(W.last.position(), 4);
    let _ = W.nested.second.lt(Tagged(3)) & W.pair.first.eq(3);
    let copied = W;
    let _ = (copied, W);

    let object = Wrapper { id: 1, nested: Pair { first: "a".to_owned(), second: Tagged(2_u8) }, pair: None, last: true };
    assert!(matches!(first(&object), FieldRef::One(ValueRef::Str("a"))));
    assert!(matches!(object.field(1), FieldRef::One(ValueRef::Int(2))));
    assert!(matches!(object.field(2), FieldRef::Missing));
    assert!(matches!(object.field(4), FieldRef::One(ValueRef::Bool(true))));
    let object: Wrapper<Pair<String, Tagged<u8>>, u8> = object;
    let _ = object.id();
}
