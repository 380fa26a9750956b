//! `#[cache(..)]` read and checked, every mistake at its span.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, LitInt, LitStr, Path, Result, parenthesized};

/// `#[cache(..)]` on a struct.
#[derive(Default)]
pub(crate) struct StructOptions {
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<LitInt>,
    pub(crate) ttl: Option<std::time::Duration>,
    pub(crate) from: Vec<Path>,
    pub(crate) validate: Option<Path>,
    pub(crate) patch: Vec<Path>,
    pub(crate) krate: Option<Path>,
}

/// `#[cache(..)]` on a field.
#[derive(Default)]
pub(crate) struct FieldOptions {
    pub(crate) id: bool,
    pub(crate) index: bool,
    pub(crate) sort: bool,
    pub(crate) geo: bool,
    pub(crate) flatten: bool,
    pub(crate) skip: bool,
    pub(crate) ignore_case: bool,
    pub(crate) text: Option<TokenStream>,
    pub(crate) rename: Option<LitStr>,
    pub(crate) scale: Option<LitInt>,
}

/// Collects mistakes, so that all are shown at once.
#[derive(Default)]
pub(crate) struct Mistakes(Option<Error>);

impl Mistakes {
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(known) => known.combine(error),
            None => self.0 = Some(error),
        }
    }

    pub(crate) fn at(&mut self, span: Span, message: &str) {
        self.push(Error::new(span, message));
    }

    pub(crate) fn into_result(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

fn once<T>(meta: &ParseNestedMeta<'_>, place: &mut Option<T>, value: T) -> Result<()> {
    if place.replace(value).is_some() {
        return Err(meta.error("this option is given twice; keep one"));
    }
    Ok(())
}

fn flag(meta: &ParseNestedMeta<'_>, place: &mut bool) -> Result<()> {
    if std::mem::replace(place, true) {
        return Err(meta.error("this option is given twice; keep one"));
    }
    Ok(())
}

impl StructOptions {
    pub(crate) fn read(attributes: &[Attribute], mistakes: &mut Mistakes) -> Self {
        let mut options = Self::default();
        for attribute in attributes.iter().filter(|a| a.path().is_ident("cache")) {
            let read = attribute.parse_nested_meta(|meta| options.option(&meta));
            if let Err(error) = read {
                mistakes.push(error);
            }
        }
        options
    }

    fn option(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("name") {
            let name: LitStr = meta.value()?.parse()?;
            if name.value().is_empty() {
                return Err(Error::new(name.span(), "a model's name may not be empty"));
            }
            once(meta, &mut self.name, name)
        } else if meta.path.is_ident("version") {
            let version: LitInt = meta.value()?.parse()?;
            version.base10_parse::<u32>()?;
            once(meta, &mut self.version, version)
        } else if meta.path.is_ident("ttl") {
            let text: LitStr = meta.value()?.parse()?;
            let ttl = humantime::parse_duration(&text.value()).map_err(|error| {
                Error::new(
                    text.span(),
                    format!("no duration: {error}; write one like \"90s\", \"1h 30m\" or \"7 days\""),
                )
            })?;
            if ttl.is_zero() {
                return Err(Error::new(
                    text.span(),
                    "a ttl of zero would store nothing; leave it out for no expiry",
                ));
            }
            once(meta, &mut self.ttl, ttl)
        } else if meta.path.is_ident("from") {
            self.from.push(meta.value()?.parse()?);
            Ok(())
        } else if meta.path.is_ident("validate") {
            let path = meta.value()?.parse()?;
            once(meta, &mut self.validate, path)
        } else if meta.path.is_ident("patch") {
            meta.parse_nested_meta(|derive| {
                self.patch.push(derive.path);
                Ok(())
            })
        } else if meta.path.is_ident("crate") {
            let path = meta.value()?.call(Path::parse_mod_style)?;
            once(meta, &mut self.krate, path)
        } else {
            Err(meta.error(
                "unknown option; a struct takes `name`, `version`, `ttl`, `from`, `validate`, `patch` and `crate`",
            ))
        }
    }
}

impl FieldOptions {
    pub(crate) fn read(attributes: &[Attribute], krate: &Path, mistakes: &mut Mistakes) -> Self {
        let mut options = Self::default();
        for attribute in attributes.iter().filter(|a| a.path().is_ident("cache")) {
            let read = attribute.parse_nested_meta(|meta| options.option(&meta, krate));
            if let Err(error) = read {
                mistakes.push(error);
            }
        }
        options
    }

    fn option(&mut self, meta: &ParseNestedMeta<'_>, krate: &Path) -> Result<()> {
        let is = |name: &str| meta.path.is_ident(name);
        if is("id") {
            flag(meta, &mut self.id)
        } else if is("index") {
            flag(meta, &mut self.index)
        } else if is("sort") {
            flag(meta, &mut self.sort)
        } else if is("geo") {
            flag(meta, &mut self.geo)
        } else if is("flatten") {
            flag(meta, &mut self.flatten)
        } else if is("skip") {
            flag(meta, &mut self.skip)
        } else if is("ignore_case") {
            flag(meta, &mut self.ignore_case)
        } else if is("rename") {
            let name = meta.value()?.parse()?;
            once(meta, &mut self.rename, name)
        } else if is("scale") {
            let scale: LitInt = meta.value()?.parse()?;
            if scale.base10_parse::<u32>()? > 18 {
                return Err(Error::new(
                    scale.span(),
                    "a scale above 18 leaves no room in 64 bits; declare 18 or less",
                ));
            }
            once(meta, &mut self.scale, scale)
        } else if is("text") {
            let analyzer = analyzer(meta, krate)?;
            once(meta, &mut self.text, analyzer)
        } else {
            Err(meta.error(
                "unknown option; a field takes `id`, `index`, `sort`, `text`, `geo`, `flatten`, `skip`, `rename`, `ignore_case` and `scale`",
            ))
        }
    }

    /// Whether the field can be asked for.
    pub(crate) fn is_declared(&self) -> bool {
        self.index || self.sort || self.geo || self.text.is_some()
    }

    /// What contradicts itself.
    pub(crate) fn check(&self, span: Span, mistakes: &mut Mistakes) {
        let declared = self.is_declared();
        if self.skip && (declared || self.id || self.flatten) {
            mistakes.at(span, "`skip` stands alone: a field that is left out can be neither an id nor asked for");
        }
        if self.flatten && (declared || self.id) {
            mistakes.at(span, "`flatten` stands alone: declare `index`, `sort` and the like on the fields of the flattened struct");
        }
        if self.geo && self.text.is_some() {
            mistakes.at(span, "a point has no text; leave `text` or `geo` out");
        }
        if (self.ignore_case || self.scale.is_some()) && !(self.index || self.sort) {
            mistakes.at(span, "`ignore_case` and `scale` say how a value is compared; add `index` or `sort`");
        }
        if self.rename.is_some() && !declared && !self.flatten {
            mistakes.at(span, "`rename` names a field in the schema, and this one is not in it; add `index`, `text` or `sort`");
        }
    }
}

fn analyzer(meta: &ParseNestedMeta<'_>, krate: &Path) -> Result<TokenStream> {
    let mut built = quote!(#krate::__private::Analyzer::new());
    if !meta.input.peek(syn::token::Paren) {
        return Ok(built);
    }
    meta.parse_nested_meta(|option| {
        let step = if option.path.is_ident("stem") {
            let language: LitStr = option.value()?.parse()?;
            quote!(.with_stemming(#language))
        } else if option.path.is_ident("fold") {
            quote!(.with_accent_folding())
        } else if option.path.is_ident("bigrams") {
            quote!(.with_bigrams())
        } else if option.path.is_ident("stop_words") {
            let words;
            parenthesized!(words in option.input);
            let words = words.parse_terminated(|input| input.parse::<LitStr>(), syn::Token![,])?;
            let words = words.iter();
            quote!(.with_stop_words([#(#words),*]))
        } else {
            return Err(option.error(
                "unknown option; `text` takes `stem = \"..\"`, `fold`, `bigrams` and `stop_words(\"..\")`",
            ));
        };
        built.extend(step);
        Ok(())
    })?;
    Ok(built)
}

/// Where Larder is found: as the user says, else under the name in their `Cargo.toml`.
pub(crate) fn krate(given: Option<&Path>) -> Path {
    use proc_macro_crate::{FoundCrate, crate_name};
    if let Some(path) = given {
        return path.clone();
    }
    for (package, library) in [("larder", "larder"), ("larder-core", "larder_core")] {
        let name = match crate_name(package) {
            Ok(FoundCrate::Name(name)) => name,
            // Inside the package itself, its own name works in tests, examples and doctests.
            Ok(FoundCrate::Itself) => library.to_owned(),
            Err(_) => continue,
        };
        let ident = syn::Ident::new(&name, Span::call_site());
        return syn::parse_quote!(::#ident);
    }
    syn::parse_quote!(::larder)
}
