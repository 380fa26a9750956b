//! The derives of Larder. Use them through the `larder` crate.

mod attributes;
mod model;
mod value;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct a cached model: something that can be stored, found and sorted.
///
/// On the struct, `#[cache(..)]` takes
/// - `name = "user"`: the model's name in a store; else the type's name in snake case;
/// - `version = 2`: raise it when the encoded form changes its meaning;
/// - `ttl = "1h"`: how long an object lives unless a cache or a write says otherwise;
/// - `from = path::Row`: a projection, `From<&path::Row>`, that copies the fields of the same names
///   (`skip`ped ones get their default); may be given for several sources;
/// - `validate = path`: `fn(&Model) -> Result<(), Invalid>`, run before every write;
/// - `patch(Debug, Deserialize)`: derives for the generated `ModelPatch`;
/// - `crate = path`: where Larder is found, if under another name.
///
/// On fields: `id` (several make a tuple), `index`, `sort`, `text` or
/// `text(stem = "english", fold, bigrams, stop_words("the", "a"))`, `geo`, `flatten`, `skip`,
/// `rename = "..."`, `ignore_case`, `scale = 2`. A field without any of them is carried and
/// cannot be asked for.
#[proc_macro_derive(CacheModel, attributes(cache))]
pub fn cache_model(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    model::expand(&input, true)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes a struct one that can be flattened into a model (`#[cache(flatten)]`): its fields are
/// declared as a model's are, without an id.
#[proc_macro_derive(CacheFields, attributes(cache))]
pub fn cache_fields(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    model::expand(&input, false)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes a type a value that a field can hold: an enum of unit variants, under their serde
/// names, or a struct around one other value.
#[proc_macro_derive(CacheValue, attributes(cache))]
pub fn cache_value(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    value::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
