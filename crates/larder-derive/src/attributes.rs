//! Parses `#[cache(..)]`, on structs and on their fields.

use std::fmt::Display;
use std::time::Duration;

use proc_macro2::{Span, TokenTree};
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::token::Paren;
use syn::{Attribute, LitInt, LitStr, Path, Result, Token, Type, parenthesized};

/// Everything wrong with an input, reported in one go.
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    /// Notes an error at `span`.
    pub(crate) fn push(&mut self, span: Span, message: impl Display) {
        self.add(syn::Error::new(span, message));
    }

    /// Notes an error.
    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    /// Fails if anything was noted.
    pub(crate) fn finish(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

/// An option and where it stands.
pub(crate) struct Given<T = ()> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// `#[cache(..)]` on a struct or enum.
#[derive(Default)]
pub(crate) struct StructOptions {
    pub(crate) name: Option<Given<String>>,
    pub(crate) version: Option<Given<u32>>,
    pub(crate) ttl: Option<Given<Duration>>,
    pub(crate) from: Vec<Type>,
    pub(crate) validate: Option<Given<Path>>,
    pub(crate) patch: Option<Given<Vec<Path>>>,
    pub(crate) krate: Option<Given<Path>>,
}

/// `#[cache(..)]` on a field.
#[derive(Default)]
pub(crate) struct FieldOptions {
    pub(crate) id: Option<Given>,
    pub(crate) index: Option<Given>,
    pub(crate) sort: Option<Given>,
    pub(crate) text: Option<Given<Text>>,
    pub(crate) geo: Option<Given>,
    pub(crate) flatten: Option<Given>,
    pub(crate) skip: Option<Given>,
    pub(crate) rename: Option<Given<String>>,
    pub(crate) ignore_case: Option<Given>,
    pub(crate) scale: Option<Given<u32>>,
}

/// What stands in `text(..)`.
#[derive(Default)]
pub(crate) struct Text {
    pub(crate) stem: Option<Given<String>>,
    pub(crate) fold: Option<Given>,
    pub(crate) bigrams: Option<Given>,
    pub(crate) stop_words: Option<Given<Vec<String>>>,
}

impl StructOptions {
    /// Reads the options of a model.
    pub(crate) fn of_model(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut options = Self::default();
        each(attributes, errors, |option, errors| {
            match option.name.as_str() {
                "name" => {
                    let name = option.text("name = \"user\"", errors)?;
                    option.set(&mut options.name, name, errors);
                }
                "version" => {
                    let version = option.number("version = 2", u32::MAX, errors)?;
                    option.set(&mut options.version, version, errors);
                }
                "ttl" => {
                    let ttl = option
                        .value("a duration in words; write `ttl = \"1h\"`", errors)?
                        .and_then(|literal| duration(&literal, errors));
                    option.set(&mut options.ttl, ttl, errors);
                }
                "from" => {
                    let source =
                        option.value("a type; write `from = entity::user::Model`", errors)?;
                    options.from.extend(source);
                }
                "validate" => {
                    let hook = option.value(
                        "the path of a function `fn(&Model) -> Result<(), Invalid>`; write `validate = check`",
                        errors,
                    )?;
                    option.set(&mut options.validate, hook, errors);
                }
                "patch" => {
                    let derives = option.list(
                        "a list of derives for the patch; write `patch(Debug, Clone)`",
                        errors,
                    )?;
                    option.set(&mut options.patch, derives, errors);
                }
                "crate" => option.krate(&mut options, errors)?,
                _ => option.unknown(
                    "a model has `name`, `version`, `ttl`, `from`, `validate`, `patch` and `crate`",
                    errors,
                )?,
            }
            Ok(())
        });
        for path in options.patch.iter().flat_map(|patch| &patch.value) {
            if path.is_ident("Default") {
                errors.push(
                    path.span(),
                    "every patch has `Default` already; leave it out",
                );
            }
        }
        options
    }

    /// Reads the options of `what`, of which there is `crate` alone.
    pub(crate) fn of_part(what: &str, attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut options = Self::default();
        each(attributes, errors, |option, errors| {
            match option.name.as_str() {
                "crate" => option.krate(&mut options, errors),
                "name" | "version" | "ttl" | "from" | "validate" | "patch" => {
                    let name = &option.name;
                    errors.push(
                        option.span,
                        format!("`{name}` belongs on a `CacheModel`; {what} has `crate` only"),
                    );
                    option.pass_over()
                }
                _ => option.unknown(&format!("{what} has `crate` only"), errors),
            }
        });
        options
    }
}

impl FieldOptions {
    /// Reads the options of a field; whether they go together is for `check`.
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut options = Self::default();
        each(attributes, errors, |option, errors| {
            let flag = match option.name.as_str() {
                "id" => &mut options.id,
                "index" => &mut options.index,
                "sort" => &mut options.sort,
                "geo" => &mut options.geo,
                "flatten" => &mut options.flatten,
                "skip" => &mut options.skip,
                "ignore_case" => &mut options.ignore_case,
                "text" => {
                    let text = Text::read(&option, errors)?;
                    option.set(&mut options.text, text, errors);
                    return Ok(());
                }
                "rename" => {
                    let name = option.text("rename = \"other_name\"", errors)?;
                    option.set(&mut options.rename, name, errors);
                    return Ok(());
                }
                "scale" => {
                    let scale = option.number("scale = 2", 18, errors)?;
                    option.set(&mut options.scale, scale, errors);
                    return Ok(());
                }
                _ => {
                    return option.unknown(
                        "a field has `id`, `index`, `sort`, `text`, `geo`, `flatten`, `skip`, `rename`, `ignore_case` and `scale`",
                        errors,
                    );
                }
            };
            option.flag(flag, errors)
        });
        options.check(errors);
        options
    }

    /// Whether the field has a handle and a position.
    pub(crate) fn is_declared(&self) -> bool {
        self.is_indexed() || self.sort.is_some() || self.text.is_some() || self.flatten.is_some()
    }

    /// Whether exact conditions are answered on the field.
    pub(crate) fn is_indexed(&self) -> bool {
        self.index.is_some() || self.geo.is_some()
    }

    fn check(&self, errors: &mut Errors) {
        let span = |given: &Option<Given>| given.as_ref().map(|given| given.span);
        let options = [
            ("id", span(&self.id)),
            ("index", span(&self.index)),
            ("sort", span(&self.sort)),
            ("text", self.text.as_ref().map(|given| given.span)),
            ("geo", span(&self.geo)),
            ("flatten", span(&self.flatten)),
            ("ignore_case", span(&self.ignore_case)),
            ("scale", self.scale.as_ref().map(|given| given.span)),
            ("rename", self.rename.as_ref().map(|given| given.span)),
        ];
        let given = || {
            options
                .iter()
                .filter_map(|(name, span)| Some((*name, (*span)?)))
        };
        if self.skip.is_some() {
            for (name, span) in given() {
                errors.push(
                    span,
                    format!("`skip` leaves the field out, so `{name}` does nothing; leave one of the two out"),
                );
            }
            return;
        }
        if self.flatten.is_some() {
            for (name, span) in given().filter(|(name, _)| !matches!(*name, "flatten" | "rename")) {
                errors.push(
                    span,
                    format!("a flattened struct declares its own fields; move `{name}` to a field inside it"),
                );
            }
            return;
        }
        if self.geo.is_some() {
            for (name, span) in given() {
                let fix = match name {
                    "index" => "`geo` indexes the field already; leave `index` out",
                    "sort" => "points have no order; leave `sort` out",
                    "text" | "ignore_case" => "a point holds no text; leave out `geo` or the rest",
                    "scale" => "a point is no decimal; leave `scale` out",
                    _ => continue,
                };
                errors.push(span, fix);
            }
            return;
        }
        if self.index.is_none() && self.sort.is_none() {
            for (name, span) in given().filter(|(name, _)| matches!(*name, "ignore_case" | "scale"))
            {
                errors.push(
                    span,
                    format!("`{name}` is about exact conditions and order; add `index` or `sort`, or leave it out"),
                );
            }
        }
        if let (Some(rename), false) = (&self.rename, self.is_declared()) {
            errors.push(
                rename.span,
                "only declared fields have a name in the schema; add `index`, `sort` or `text`, or leave `rename` out",
            );
        }
    }
}

impl Text {
    fn read(option: &CacheOption<'_>, errors: &mut Errors) -> Result<Option<Self>> {
        let mut text = Self::default();
        if option.meta.input.peek(Token![=]) {
            errors.push(
                option.span,
                "`text` takes its options in parentheses; write `text` or `text(stem = \"english\", fold)`",
            );
            option.pass_over()?;
            return Ok(None);
        }
        if !option.meta.input.peek(Paren) {
            return Ok(Some(text));
        }
        option.meta.parse_nested_meta(|meta| {
            let option = CacheOption::new(meta);
            match option.name.as_str() {
                "stem" => {
                    let language = option.text("stem = \"english\"", errors)?;
                    option.set(&mut text.stem, language, errors);
                }
                "fold" => option.flag(&mut text.fold, errors)?,
                "bigrams" => option.flag(&mut text.bigrams, errors)?,
                "stop_words" => {
                    let words = option.list::<LitStr>(
                        "a list of strings; write `stop_words(\"the\", \"a\")`",
                        errors,
                    )?;
                    let words = words.map(|words| words.iter().map(LitStr::value).collect());
                    option.set(&mut text.stop_words, words, errors);
                }
                _ => option.unknown(
                    "`text` has `stem`, `fold`, `bigrams` and `stop_words`",
                    errors,
                )?,
            }
            Ok(())
        })?;
        Ok(Some(text))
    }
}

/// One option within `#[cache(..)]`, its name read and its value not yet.
struct CacheOption<'a> {
    meta: ParseNestedMeta<'a>,
    name: String,
    span: Span,
}

impl<'a> CacheOption<'a> {
    fn new(meta: ParseNestedMeta<'a>) -> Self {
        let name = match meta.path.get_ident() {
            Some(ident) => ident.unraw().to_string(),
            None => String::new(),
        };
        let span = meta.path.span();
        Self { meta, name, span }
    }

    /// Keeps the value, unless there is one already.
    fn set<T>(&self, slot: &mut Option<Given<T>>, value: Option<T>, errors: &mut Errors) {
        if slot.is_some() {
            let name = &self.name;
            errors.push(self.span, format!("`{name}` is given twice; leave one out"));
        } else if let Some(value) = value {
            let span = self.span;
            *slot = Some(Given { value, span });
        }
    }

    fn flag(&self, slot: &mut Option<Given>, errors: &mut Errors) -> Result<()> {
        if !at_end(self.meta.input) {
            let name = &self.name;
            errors.push(
                self.span,
                format!("`{name}` takes no value; write `{name}` alone"),
            );
            self.pass_over()?;
        }
        self.set(slot, Some(()), errors);
        Ok(())
    }

    /// Reads `= value`; what is no `T` is an error that says what is `expected`.
    fn value<T: Parse>(&self, expected: &str, errors: &mut Errors) -> Result<Option<T>> {
        let fork = self.meta.input.fork();
        let fits = fork.parse::<Token![=]>().is_ok() && fork.parse::<T>().is_ok() && at_end(&fork);
        if fits {
            self.meta.value()?.parse().map(Some)
        } else {
            self.refuse(expected, errors)
        }
    }

    /// Reads a string that is not empty.
    fn text(&self, example: &str, errors: &mut Errors) -> Result<Option<String>> {
        let expected = format!("a string; write `{example}`");
        let literal = self.value::<LitStr>(&expected, errors)?;
        Ok(literal.and_then(|literal| {
            let text = literal.value();
            if text.is_empty() {
                let name = &self.name;
                errors.push(
                    literal.span(),
                    format!("`{name}` cannot be empty; write `{example}`"),
                );
                return None;
            }
            Some(text)
        }))
    }

    fn number(&self, example: &str, max: u32, errors: &mut Errors) -> Result<Option<u32>> {
        let expected = format!("a number from 0 to {max}; write `{example}`");
        let literal = self.value::<LitInt>(&expected, errors)?;
        Ok(literal.and_then(|literal| match literal.base10_parse() {
            Ok(number) if number <= max => Some(number),
            _ => {
                errors.push(literal.span(), format!("`{}` takes {expected}", self.name));
                None
            }
        }))
    }

    /// Reads `(a, b, c)`.
    fn list<T: Parse>(&self, expected: &str, errors: &mut Errors) -> Result<Option<Vec<T>>> {
        let items = |input: ParseStream<'_>| -> Result<Vec<T>> {
            let content;
            parenthesized!(content in input);
            let items = Punctuated::<T, Token![,]>::parse_terminated(&content)?;
            Ok(items.into_iter().collect())
        };
        if items(&self.meta.input.fork()).is_ok() {
            items(self.meta.input).map(Some)
        } else {
            self.refuse(expected, errors)
        }
    }

    fn krate(&self, options: &mut StructOptions, errors: &mut Errors) -> Result<()> {
        let path = self.value(
            "the path of the larder crate; write `crate = larder`",
            errors,
        )?;
        self.set(&mut options.krate, path, errors);
        Ok(())
    }

    fn refuse<T>(&self, expected: &str, errors: &mut Errors) -> Result<Option<T>> {
        errors.push(self.span, format!("`{}` takes {expected}", self.name));
        self.pass_over()?;
        Ok(None)
    }

    fn unknown(&self, known: &str, errors: &mut Errors) -> Result<()> {
        errors.push(self.span, format!("unknown option; {known}"));
        self.pass_over()
    }

    /// Goes to the next comma, so that the options behind this one are read too.
    fn pass_over(&self) -> Result<()> {
        while !at_end(self.meta.input) {
            self.meta.input.parse::<TokenTree>()?;
        }
        Ok(())
    }
}

fn at_end(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,])
}

fn each(
    attributes: &[Attribute],
    errors: &mut Errors,
    mut read: impl FnMut(CacheOption<'_>, &mut Errors) -> Result<()>,
) {
    for attribute in attributes {
        if attribute.path().is_ident("cache") {
            let parsed = attribute.parse_nested_meta(|meta| read(CacheOption::new(meta), errors));
            if let Err(error) = parsed {
                errors.add(error);
            }
        }
    }
}

fn duration(literal: &LitStr, errors: &mut Errors) -> Option<Duration> {
    match humantime::parse_duration(&literal.value()) {
        Ok(duration) if duration.is_zero() => {
            errors.push(
                literal.span(),
                "a ttl of zero would store nothing; leave it out for no expiry",
            );
            None
        }
        Ok(duration) => Some(duration),
        Err(error) => {
            errors.push(
                literal.span(),
                format!("this is no duration ({error}); write one like \"90s\", \"15m\", \"1h\" or \"7d\""),
            );
            None
        }
    }
}
