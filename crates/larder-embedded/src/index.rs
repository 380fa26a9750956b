//! How a model's documents are laid out in tantivy.

use larder_core::document::Values;
use larder_core::text::TokenList;
use larder_core::{Document, Kind, Schema, Value};
use tantivy::TantivyDocument;
use tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{Token, TokenStream, Tokenizer, TokenizerManager};

/// What is added to a field's number in `missing` where the field is an empty list.
const EMPTY_LIST: u64 = 1 << 16;

/// What tantivy calls the tokenizer of text fields by.
const SPACED: &str = "spaced";

/// Where each declared field lives in tantivy.
pub(crate) struct Layout {
    pub(crate) schema: tantivy::schema::Schema,
    pub(crate) tokenizers: TokenizerManager,
    pub(crate) missing: Field,
    pub(crate) fields: Vec<FieldLayout>,
}

/// One declared field.
#[derive(Debug)]
pub(crate) struct FieldLayout {
    pub(crate) kind: Kind,
    /// Its exact values as terms: ordered kinds as numbers of the same order, others as text.
    pub(crate) exact: Option<Field>,
    /// Its values by document: numbers of ordered kinds, text to sort by.
    pub(crate) column: Option<Field>,
    /// Its points' latitudes and longitudes by document.
    pub(crate) geo: Option<(Field, Field)>,
    /// Its tokens, with their positions.
    pub(crate) tokens: Option<Field>,
}

impl Layout {
    pub(crate) fn of(schema: &Schema) -> Self {
        let mut builder = tantivy::schema::Schema::builder();
        let missing = builder.add_u64_field("missing", INDEXED);
        let terms = |tokenizer, option| {
            TextFieldIndexing::default()
                .set_tokenizer(tokenizer)
                .set_fieldnorms(option != IndexRecordOption::Basic)
                .set_index_option(option)
        };
        let fields = schema
            .fields()
            .iter()
            .enumerate()
            .map(|(number, spec)| {
                let mut field = FieldLayout {
                    kind: spec.kind,
                    exact: None,
                    column: None,
                    geo: None,
                    tokens: None,
                };
                if spec.kind == Kind::Geo {
                    if spec.index {
                        field.geo = Some((
                            builder.add_u64_field(&format!("lat{number}"), FAST),
                            builder.add_u64_field(&format!("lon{number}"), FAST),
                        ));
                    }
                } else if spec.kind.is_ordered() {
                    let name = format!("v{number}");
                    if spec.index {
                        let both = builder.add_u64_field(&name, INDEXED | FAST);
                        (field.exact, field.column) = (Some(both), Some(both));
                    } else if spec.sort {
                        field.column = Some(builder.add_u64_field(&name, FAST));
                    }
                } else if spec.index || spec.sort {
                    let mut options = TextOptions::default();
                    if spec.index {
                        options =
                            options.set_indexing_options(terms("raw", IndexRecordOption::Basic));
                    }
                    if spec.sort {
                        options = options.set_fast("raw");
                    }
                    let both = builder.add_text_field(&format!("v{number}"), options);
                    field.exact = spec.index.then_some(both);
                    field.column = spec.sort.then_some(both);
                }
                if spec.text.is_some() {
                    let options = TextOptions::default().set_indexing_options(terms(
                        SPACED,
                        IndexRecordOption::WithFreqsAndPositions,
                    ));
                    field.tokens = Some(builder.add_text_field(&format!("t{number}"), options));
                }
                field
            })
            .collect();
        let tokenizers = TokenizerManager::default();
        tokenizers.register(SPACED, SpacedTokenizer::default());
        Self {
            schema: builder.build(),
            tokenizers,
            missing,
            fields,
        }
    }

    /// A document as tantivy takes it.
    pub(crate) fn document(&self, document: &Document) -> TantivyDocument {
        let mut out = TantivyDocument::new();
        let fields = document.fields().iter().zip(&self.fields);
        for (number, (data, layout)) in (0_u64..).zip(fields) {
            match &data.values {
                Values::Missing => out.add_u64(self.missing, number),
                Values::Many(values) if values.is_empty() => {
                    out.add_u64(self.missing, EMPTY_LIST + number);
                }
                _ => {}
            }
            for value in data.values.as_slice() {
                if let (Some((lat, lon)), Value::Geo(point)) = (layout.geo, value) {
                    out.add_u64(lat, point.lat.to_bits());
                    out.add_u64(lon, point.lon.to_bits());
                } else if let Some(field) = layout.exact.or(layout.column) {
                    match term(layout.kind, value) {
                        TermOf::Number(number) => out.add_u64(field, number),
                        TermOf::Text(text) => out.add_text(field, text),
                    }
                }
            }
            if let (Some(field), Some(tokens)) = (layout.tokens, &data.tokens) {
                out.add_text(field, spaced(tokens));
            }
        }
        out
    }

    /// What stands in `missing` for documents without this field.
    pub(crate) fn missing(field: u16) -> u64 {
        u64::from(field)
    }

    /// What stands in `missing` for documents whose field is a list without elements.
    pub(crate) fn empty_list(field: u16) -> u64 {
        EMPTY_LIST + u64::from(field)
    }
}

/// A value as it is indexed.
pub(crate) enum TermOf {
    /// Ordered kinds: a number of the same order.
    Number(u64),
    /// All others: a text of the same order.
    Text(String),
}

/// Integers of a field of kind `U64` are themselves; all others are shifted by 2^63, so that
/// their order is that of the result.
pub(crate) fn term(kind: Kind, value: &Value) -> TermOf {
    match value {
        Value::Int(int) if kind == Kind::U64 => TermOf::Number(*int as u64),
        Value::Int(int) => TermOf::Number((*int as u64) ^ (1 << 63)),
        Value::Float(float) => TermOf::Number(float_key(*float)),
        Value::Bool(bool) => TermOf::Text(if *bool { "1" } else { "0" }.to_owned()),
        Value::Str(text) => TermOf::Text(text.clone()),
        other => TermOf::Text(other.to_string()),
    }
}

fn float_key(float: f64) -> u64 {
    let bits = (float + 0.0).to_bits();
    if bits >> 63 == 0 {
        bits | (1 << 63)
    } else {
        !bits
    }
}

/// Tokens as a text: before each as many spaces as its position is behind the one before.
/// Encoded tokens hold no space. (tantivy's pre-tokenized strings cost several times as much:
/// each goes through JSON.)
fn spaced(tokens: &TokenList) -> String {
    let mut text = String::with_capacity(tokens.heap_size());
    let mut at = 0;
    for (token, position) in tokens.iter() {
        text.extend((at..position).map(|_| ' '));
        text.push_str(token);
        at = position;
    }
    text
}

/// Reads what [`spaced`] wrote.
#[derive(Clone, Default)]
struct SpacedTokenizer {
    token: Token,
}

struct SpacedStream<'a> {
    rest: &'a str,
    token: &'a mut Token,
}

impl Tokenizer for SpacedTokenizer {
    type TokenStream<'a> = SpacedStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> SpacedStream<'a> {
        self.token.position = 0;
        SpacedStream {
            rest: text,
            token: &mut self.token,
        }
    }
}

impl TokenStream for SpacedStream<'_> {
    fn advance(&mut self) -> bool {
        let token = self.rest.trim_start_matches(' ');
        self.token.position += self.rest.len() - token.len();
        let end = token.find(' ').unwrap_or(token.len());
        let (token, rest) = token.split_at(end);
        self.rest = rest;
        self.token.text.clear();
        self.token.text.push_str(token);
        !token.is_empty()
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
