//! Documents: what of an object is searched, normalised and analysed once, at the write.

use std::sync::Arc;

use crate::error::Result;
use crate::field::FieldRef;
use crate::model::Object;
use crate::schema::{FieldSpec, Schema};
use crate::text::TokenList;
use crate::value::Value;

/// The searchable side of one object: its declared fields' values, normalised, and its texts'
/// tokens. Every store indexes this and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    fields: Box<[FieldData]>,
}

/// One declared field of a [`Document`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldData {
    /// Its values.
    pub values: Values,
    /// Its tokens, if it is a text field and not missing.
    pub tokens: Option<Arc<TokenList>>,
}

/// The values of a field, as indexes have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Values {
    /// None: the field is missing.
    #[default]
    Missing,
    /// One value.
    One(Value),
    /// A list's distinct values, in order; maybe none.
    Many(Vec<Value>),
    /// There is something, but no exact condition or order asks what.
    Present,
}

impl Values {
    /// The values, however many.
    pub fn as_slice(&self) -> &[Value] {
        match self {
            Self::Missing | Self::Present => &[],
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }

    /// The single value, if there is one and the field is no list.
    pub fn one(&self) -> Option<&Value> {
        match self {
            Self::One(value) => Some(value),
            _ => None,
        }
    }

    /// Whether the field is missing.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

impl Document {
    /// The document of these fields, in the schema's order: for a store that kept them outside
    /// this process and has them back, as [`fields`](Self::fields) gave them.
    ///
    /// Nothing is checked. Values have to be normalised and those of a list in order and distinct,
    /// as [`Document::of`] makes them.
    pub fn new(fields: Vec<FieldData>) -> Self {
        Self {
            fields: fields.into(),
        }
    }

    /// Normalises and analyses `object`.
    ///
    /// # Errors
    /// `InvalidModel`, naming the field whose value no index can hold (see
    /// [`FieldSpec::normalize`]).
    pub fn of(schema: &Schema, object: &dyn Object) -> Result<Self> {
        schema
            .fields()
            .iter()
            .enumerate()
            .map(|(position, spec)| FieldData::of(spec, object.field(position as u16)))
            .collect::<Result<_>>()
            .map(|fields| Self { fields })
            .map_err(|error| error.with_model(schema.name()))
    }

    /// The data of the field at `position`; of no such field, missing.
    pub fn field(&self, position: u16) -> &FieldData {
        const MISSING: FieldData = FieldData {
            values: Values::Missing,
            tokens: None,
        };
        self.fields.get(usize::from(position)).unwrap_or(&MISSING)
    }

    /// All fields, in the schema's order.
    pub fn fields(&self) -> &[FieldData] {
        &self.fields
    }

    /// About how many bytes an index of this document takes.
    pub fn weight(&self) -> usize {
        let value = |value: &Value| match value {
            Value::Str(text) => 8 + text.len(),
            Value::Geo(_) => 40,
            _ => 16,
        };
        self.fields
            .iter()
            .map(|field| {
                field.values.as_slice().iter().map(value).sum::<usize>()
                    + field.tokens.as_ref().map_or(0, |tokens| tokens.len() * 6)
            })
            .sum()
    }
}

impl FieldData {
    fn of(spec: &FieldSpec, field: FieldRef<'_>) -> Result<Self> {
        let keep = spec.index || spec.sort;
        let values = match field {
            FieldRef::Missing => return Ok(Self::default()),
            FieldRef::One(value) if keep => Values::One(spec.normalize(value)?.into_value()),
            FieldRef::Many(_) if keep => {
                let mut values = Vec::new();
                let mut failed = Ok(());
                field.for_each(&mut |value| match spec.normalize(value) {
                    Ok(normal) => {
                        values.push(normal.into_value());
                        true
                    }
                    Err(error) => {
                        failed = Err(error);
                        false
                    }
                });
                failed?;
                values.sort();
                values.dedup();
                Values::Many(values)
            }
            FieldRef::One(_) | FieldRef::Many(_) => Values::Present,
        };
        let tokens = spec.text.as_ref().map(|analyzer| {
            let mut tokens = TokenList::default();
            field.for_each(&mut |value| {
                if let crate::value::ValueRef::Str(text) = value {
                    analyzer.analyze_into(text, &mut tokens);
                }
                true
            });
            Arc::new(tokens)
        });
        Ok(Self { values, tokens })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Analyzer;
    use proptest::prelude::*;

    fn field() -> impl Strategy<Value = FieldData> {
        let value = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(|number| Value::Int(number.into())),
            ".{0,8}".prop_map(Value::Str),
        ];
        let values = prop_oneof![
            Just(Values::Missing),
            Just(Values::Present),
            value.clone().prop_map(Values::One),
            proptest::collection::btree_set(value, 0..4)
                .prop_map(|values| Values::Many(values.into_iter().collect())),
        ];
        let tokens = proptest::option::of(
            ".{0,40}".prop_map(|text| Arc::new(Analyzer::new().analyze(&text))),
        );
        (values, tokens).prop_map(|(values, tokens)| FieldData { values, tokens })
    }

    proptest! {
        /// What a store keeps of a document: its fields' values, and its tokens one by one.
        #[test]
        fn a_document_made_of_its_fields_is_the_same(
            fields in proptest::collection::vec(field(), 0..6),
        ) {
            let document = Document::new(fields.clone());
            prop_assert_eq!(document.fields(), &fields[..]);
            let stored = document.fields().iter().map(|field| FieldData {
                values: field.values.clone(),
                tokens: field
                    .tokens
                    .as_ref()
                    .map(|tokens| Arc::new(TokenList::from_encoded(tokens.iter()))),
            });
            prop_assert_eq!(Document::new(stored.collect()), document);
        }
    }
}
