//! Models made up at run time, and their objects.

use std::sync::Arc;

use bytes::Bytes;
use larder_core::codec::Codec;
use larder_core::{
    Analyzer, FieldRef, FieldSpec, Id, IdKey, IdWriter, Kind, Object, Result, Schema, Value,
    ValueRef,
};
use serde::{Deserialize, Serialize};

use super::{Dice, text, value};

const KINDS: &[Kind] = &[
    Kind::Bool,
    Kind::I64,
    Kind::U64,
    Kind::F64,
    Kind::Keyword,
    Kind::Keyword,
    Kind::Keyword,
    Kind::Keyword,
    Kind::Instant,
    Kind::Date,
    Kind::Decimal,
    Kind::Decimal,
    Kind::Uuid,
    Kind::Geo,
];

/// A model of 1 to 12 fields of any kinds and options.
///
/// # Errors
/// None but those of a defect in [`Schema::new`].
pub fn model(dice: &mut Dice, name: &str) -> Result<Arc<Schema>> {
    let fields = (0..=dice.below(12))
        .map(|number| field(dice, number))
        .collect();
    Schema::new::<AnyObject>(name, dice.below(3) as u32, None, fields).map(Arc::new)
}

fn field(dice: &mut Dice, number: usize) -> FieldSpec {
    let kind = dice.pick(KINDS);
    let mut spec = FieldSpec::new(format!("{}{number}", kind_name(kind)), kind);
    spec.list = kind != Kind::Geo && dice.chance(20);
    spec.optional = dice.chance(50);
    spec.index = dice.chance(85);
    spec.sort = kind != Kind::Geo && !spec.list && dice.chance(50);
    if kind == Kind::Keyword {
        spec.ignore_case = dice.chance(30);
        spec.text = dice.chance(50).then(|| analyzer(dice));
    }
    if kind == Kind::Decimal && dice.chance(60) {
        spec.scale = Some(dice.pick(&[0, 1, 2, 2, 6, 18]));
    }
    spec
}

fn kind_name(kind: Kind) -> String {
    format!("{kind:?}").to_lowercase()
}

fn analyzer(dice: &mut Dice) -> Analyzer {
    let mut analyzer = Analyzer::new();
    if dice.chance(40) {
        analyzer = analyzer.with_accent_folding();
    }
    if dice.chance(25) {
        analyzer = analyzer.with_stemming(dice.pick(&["english", "german"]));
    }
    if dice.chance(25) {
        analyzer = analyzer.with_stop_words(["the", "ab", "É", "w1"]);
    }
    if dice.chance(30) {
        analyzer = analyzer.with_bigrams();
    }
    analyzer
}

/// An object of a model made up at run time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnyObject {
    /// Its id.
    pub id: AnyId,
    /// What its fields hold, in the schema's order.
    pub fields: Vec<Cell>,
}

/// What one field of an [`AnyObject`] holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Cell {
    /// Nothing.
    Missing,
    /// One value.
    One(Value),
    /// Any number of values.
    Many(Elements),
}

impl Cell {
    /// The values, however many.
    pub fn values(&self) -> &[Value] {
        match self {
            Self::Missing => &[],
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(elements) => &elements.0,
        }
    }
}

/// The values of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Elements(pub Vec<Value>);

impl larder_core::Elements for Elements {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn visit(&self, visit: &mut dyn FnMut(ValueRef<'_>) -> bool) {
        for value in &self.0 {
            if !visit(value.as_ref()) {
                return;
            }
        }
    }
}

impl Object for AnyObject {
    fn field(&self, position: u16) -> FieldRef<'_> {
        match self.fields.get(usize::from(position)) {
            None | Some(Cell::Missing) => FieldRef::Missing,
            Some(Cell::One(value)) => FieldRef::One(value.as_ref()),
            Some(Cell::Many(elements)) => FieldRef::Many(elements),
        }
    }

    fn id_key(&self) -> IdKey {
        self.id.key()
    }

    fn encode(&self, codec: &dyn Codec) -> Result<Bytes> {
        codec.encode(&self)
    }

    fn weight(&self) -> Result<usize> {
        let of_value = |value: &Value| match value {
            Value::Str(text) => size_of::<Value>() + text.len(),
            _ => size_of::<Value>(),
        };
        let values = self.fields.iter().flat_map(Cell::values);
        Ok(size_of::<Self>() + values.map(of_value).sum::<usize>())
    }
}

/// An id of any type that ids can have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnyId {
    /// An unsigned integer.
    U64(u64),
    /// A signed integer.
    I64(i64),
    /// A string.
    Str(String),
    /// A UUID.
    Uuid(u128),
    /// Two parts.
    Pair(i64, String),
    /// Three parts.
    Triple(String, u64, String),
}

impl AnyId {
    /// The id as a key.
    pub fn key(&self) -> IdKey {
        match self {
            Self::U64(id) => id.to_key(),
            Self::I64(id) => id.to_key(),
            Self::Str(id) => id.to_key(),
            Self::Uuid(id) => {
                let mut writer = IdWriter::default();
                writer.uuid(*id);
                writer.finish()
            }
            Self::Pair(first, second) => (*first, second.clone()).to_key(),
            Self::Triple(first, second, third) => (first.clone(), *second, third.clone()).to_key(),
        }
    }
}

/// The type that a model's ids have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdShape {
    /// See [`AnyId::U64`].
    U64,
    /// See [`AnyId::I64`].
    I64,
    /// See [`AnyId::Str`].
    Str,
    /// See [`AnyId::Uuid`].
    Uuid,
    /// See [`AnyId::Pair`].
    Pair,
    /// See [`AnyId::Triple`].
    Triple,
}

impl IdShape {
    /// Any of them.
    pub fn any(dice: &mut Dice) -> Self {
        use IdShape::{I64, Pair, Str, Triple, U64, Uuid};
        dice.pick(&[U64, I64, Str, Uuid, Pair, Triple])
    }

    /// An id of this type.
    pub fn id(self, dice: &mut Dice) -> AnyId {
        let unsigned = |dice: &mut Dice| match dice.below(6) {
            0 => dice.bits(),
            1 => u64::MAX - dice.below(3) as u64,
            _ => dice.below(1_000) as u64,
        };
        match self {
            Self::U64 => AnyId::U64(unsigned(dice)),
            Self::I64 => AnyId::I64(unsigned(dice).cast_signed()),
            Self::Str => AnyId::Str(text::keyword(dice)),
            Self::Uuid => AnyId::Uuid(u128::from(unsigned(dice)) << (8 * dice.below(9))),
            Self::Pair => AnyId::Pair(dice.between(-3, 3), text::keyword(dice)),
            Self::Triple => AnyId::Triple(
                text::keyword(dice),
                dice.below(3) as u64,
                text::keyword(dice),
            ),
        }
    }
}

/// An object of the model with this id.
pub fn object(dice: &mut Dice, schema: &Schema, id: AnyId) -> AnyObject {
    let mut cell = |spec: &FieldSpec| {
        if spec.optional && dice.chance(30) {
            Cell::Missing
        } else if spec.list {
            let count = if dice.chance(2) { 60 } else { dice.below(4) };
            Cell::Many(Elements((0..count).map(|_| value(dice, spec)).collect()))
        } else {
            Cell::One(value(dice, spec))
        }
    };
    let fields = schema.fields().iter().map(&mut cell).collect();
    AnyObject { id, fields }
}
