//! Derives of Larder: [`CacheModel`], [`CacheFields`] and [`CacheValue`].
//!
//! Use them through `larder`, which re-exports them. Derived code refers to the crate named
//! `larder` in `Cargo.toml`, else to `larder-core`, under whatever name it has there;
//! `#[cache(crate = path)]` names another.

mod attributes;
mod fields;
mod input;
mod model;
mod patch;
mod serde_names;
mod value;

use proc_macro::TokenStream;
use quote::quote;
use syn::{DeriveInput, Result, parse_macro_input};

use crate::input::Input;

/// Makes a struct with named fields a model: a type whose values can be cached and queried.
///
/// Beside the impls of `CacheModel` and `CacheFields` it writes two structs next to the model, as
/// visible as the model itself: `UserFields`, the handles of the declared fields that filters and
/// sorts are made of, and `UserPatch`, a change of some of the fields.
///
/// ```
/// use larder_core::{CacheModel as _, Invalid};
/// use larder_derive::CacheModel;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Debug, Serialize, Deserialize, CacheModel)]
/// #[cache(ttl = "1h", validate = adult, patch(Debug))]
/// struct User {
///     #[cache(id)]
///     id: u64,
///     #[cache(text(fold), index, sort)]
///     name: String,
///     #[cache(index, sort)]
///     age: u8,
///     #[cache(index)]
///     roles: Vec<String>,
///     email: Option<String>, // carried, not queryable
/// }
///
/// fn adult(user: &User) -> Result<(), Invalid> {
///     if user.age < 18 {
///         return Err(Invalid::field("age", "must be at least 18"));
///     }
///     Ok(())
/// }
///
/// let u = User::FIELDS;
/// let filter = u.name.prefix("jo") & u.age.ge(21) & !u.roles.contains("bot");
/// # let _ = filter;
/// assert_eq!(User::NAME, "user");
/// ```
///
/// # On the struct
/// - `name = "user"`: the model's name within a store; by default the struct's, in snake case.
///   All instances of a generic model share it: give each cache of one its own name.
/// - `version = 2`: raise it when the encoded form changes its meaning; by default 1.
/// - `ttl = "1h"`: how long an object lives, unless a cache or a write says otherwise. Units as
///   `humantime` reads them: `"90s"`, `"15m"`, `"1h 30m"`, `"7d"`. By default for ever.
/// - `from = path::Source`, any number of times: writes `impl From<&Source> for User`, which
///   clones the source's field of the same name into each field and converts it with `From`;
///   fields with `skip` get their default.
/// - `validate = path`: a `fn(&User) -> Result<(), Invalid>` that is run before every write.
/// - `patch(Debug, Clone, ..)`: derives for the patch. `Serialize` and `Deserialize` are serde's;
///   with them the patch takes over `rename`, `rename_all`, `alias`, the `skip`s and
///   `deny_unknown_fields` from the model's `#[serde(..)]`. A field absent from the input is
///   `Keep`, and a `Keep` is left out of the output, so formats without field names will not do.
///   `Default` is there always.
/// - `crate = path`: the path of the larder crate.
///
/// # On fields
/// - `id`: what identifies an object. Two to four fields make a tuple, in their order.
/// - `index`: exact conditions (`eq`, `lt`, `contains`, ..) are answered.
/// - `sort`: answers can be ordered by the field. Does not imply `index`.
/// - `text`, or `text(stem = "english", fold, bigrams, stop_words("the", "a"))`: full-text
///   conditions (`matches`, `prefix`, ..) are answered. The options are those of `Analyzer`: stem
///   words of a language, fold accents, make bigrams of scripts without spaces, leave words out.
/// - `geo`: a `GeoPoint` is indexed.
/// - `flatten`: the declared fields of a struct with [`CacheFields`] (or another model), or of an
///   `Option` of one, become the model's, named `address.city`.
/// - `rename = "x"`: the field's name in the schema.
/// - `ignore_case`: upper and lower case are one in exact conditions, sorts and facets.
/// - `scale = 2`: how many digits behind the point of a decimal are kept, exactly; up to 18. Where
///   a store keeps bytes, the field may want `#[serde(with = "rust_decimal::serde::str")]`: see
///   `larder::codec`.
/// - `skip`: the field is neither copied from a source nor part of the patch.
///
/// A field is *declared*, that is, has a handle and a place in the schema, if it has `index`,
/// `sort`, `text`, `geo` or `flatten`. Any other is carried along only.
///
/// # Patches
/// A patch has a `Change` for each field that is neither `id` nor `skip`, as visible as the field
/// itself, and is `Clone` where they are. A field whose type is written `Option<U>` takes `Change<U>`, and `Null` makes it
/// `None`; to any other field `Null` is refused, and then nothing is changed.
///
/// # Generics
/// Type and const parameters are fine, lifetimes are not. What the model itself has to be
/// (`Serialize + DeserializeOwned + Send + Sync + 'static`) the struct's own bounds have to
/// ensure. The parameters of the handles are the model's, then the model filtered over.
#[proc_macro_derive(CacheModel, attributes(cache))]
pub fn derive_cache_model(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    answer(Input::of_model(input).map(|input| {
        let fields = fields::expand(&input);
        let model = model::expand(&input);
        let patch = patch::expand(&input);
        quote!(#fields #model #patch)
    }))
}

/// Lets a struct with named fields be flattened into models.
///
/// Fields take the options of [`CacheModel`]'s except `id` and `skip`; the struct takes
/// `crate = path` only. Writes the handles, `AddressFields`, next to the struct.
///
/// ```
/// use larder_core::{CacheFields as _, CacheModel as _};
/// use larder_derive::{CacheFields, CacheModel};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, CacheFields)]
/// struct Address {
///     #[cache(index)]
///     city: String,
///     street: String,
/// }
///
/// #[derive(Serialize, Deserialize, CacheModel)]
/// struct Shop {
///     #[cache(id)]
///     id: u32,
///     #[cache(flatten)]
///     address: Address,
/// }
///
/// let filter = Shop::FIELDS.address.city.eq("Leipzig");
/// # let _ = filter;
/// assert_eq!(Shop::schema("shop")?.fields()[0].name, "address.city");
/// # Ok::<(), larder_core::Error>(())
/// ```
#[proc_macro_derive(CacheFields, attributes(cache))]
pub fn derive_cache_fields(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    answer(Input::of_part(input).map(|input| fields::expand(&input)))
}

/// Lets an enum of unit variants, or a tuple struct around one value, be the value of a field.
///
/// An enum is a keyword, stored by its serde names: `#[serde(rename = "..")]` on variants and
/// `#[serde(rename_all = "..")]` on the enum count, in their `serialize = ".."` forms too. It has
/// conditions of equality, with the enum itself as argument. A struct around a value is what the
/// value is, with the struct as argument. `#[cache(crate = path)]` is the only option.
///
/// ```
/// use larder_core::{Scalar as _, ValueRef};
/// use larder_derive::CacheValue;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, CacheValue)]
/// #[serde(rename_all = "snake_case")]
/// enum State {
///     Open,
///     InProgress,
/// }
///
/// #[derive(Serialize, Deserialize, CacheValue)]
/// struct Cents(i64);
///
/// assert!(matches!(State::InProgress.value(), ValueRef::Str("in_progress")));
/// assert!(matches!(Cents(5).value(), ValueRef::Int(5)));
/// # let _ = State::Open;
/// ```
#[proc_macro_derive(CacheValue, attributes(cache))]
pub fn derive_cache_value(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    answer(value::expand(&input))
}

fn answer(expanded: Result<proc_macro2::TokenStream>) -> TokenStream {
    expanded
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
