//! A struct as the derives see it: read, checked, and with `Self` spelled out.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{
    Attribute, Data, DeriveInput, Fields, GenericParam, Generics, Result, Type, Visibility,
    parse_quote,
};

use crate::attributes::{Errors, FieldOptions, StructOptions};

/// A struct that `CacheModel` or `CacheFields` is derived for.
pub(crate) struct Input {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) generics: Generics,
    pub(crate) options: StructOptions,
    pub(crate) fields: Vec<InputField>,
    /// The path of what derived code refers to: `larder::__private`.
    pub(crate) private: TokenStream,
}

/// One of its fields.
pub(crate) struct InputField {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) ty: Type,
    pub(crate) options: FieldOptions,
    /// The name in the schema.
    pub(crate) name: String,
    /// Whether the type mentions a type parameter of the struct.
    pub(crate) is_generic: bool,
}

impl Input {
    /// Reads a model.
    pub(crate) fn of_model(input: DeriveInput) -> Result<Self> {
        let mut errors = Errors::default();
        let options = StructOptions::of_model(&input.attrs, &mut errors);
        let read = Self::read("CacheModel", input, options, &mut errors);
        if let Some(read) = &read {
            read.check_ids(&mut errors);
        }
        Self::finish(read, errors)
    }

    /// Reads a struct that is flattened into models.
    pub(crate) fn of_part(input: DeriveInput) -> Result<Self> {
        let mut errors = Errors::default();
        let options = StructOptions::of_part("a flattened struct", &input.attrs, &mut errors);
        let read = Self::read("CacheFields", input, options, &mut errors);
        for field in read.iter().flat_map(|read| &read.fields) {
            let options = [("id", &field.options.id), ("skip", &field.options.skip)];
            for (name, given) in options {
                if let Some(given) = given {
                    errors.push(
                        given.span,
                        format!("`{name}` belongs to a field of a `CacheModel`; leave it out here"),
                    );
                }
            }
        }
        Self::finish(read, errors)
    }

    fn finish(read: Option<Self>, errors: Errors) -> Result<Self> {
        errors.finish()?;
        // Whatever is not read has left an error behind.
        read.ok_or_else(|| syn::Error::new(Span::call_site(), "this struct cannot be read"))
    }

    fn read(
        derive: &str,
        input: DeriveInput,
        options: StructOptions,
        errors: &mut Errors,
    ) -> Option<Self> {
        refuse_lifetimes(&input.generics, errors);
        let (ident, generics) = (input.ident, input.generics);
        let named = match input.data {
            Data::Struct(data) => {
                match data.fields {
                    Fields::Named(fields) => fields.named,
                    _ => {
                        errors.push(
                        ident.span(),
                        format!("`{derive}` needs fields with names; write `struct {ident} {{ .. }}`"),
                    );
                        return None;
                    }
                }
            }
            _ => {
                errors.push(
                    ident.span(),
                    format!("`{derive}` is for structs; put the variants into a field of one, and derive `CacheValue` for an enum of plain names"),
                );
                return None;
            }
        };
        let receiver = {
            let (_, arguments, _) = generics.split_for_impl();
            quote!(#ident #arguments)
        };
        let generics = spell_out(&generics, &receiver, errors);
        let mut fields: Vec<InputField> = Vec::new();
        for field in named {
            // Named fields, so each has one.
            let Some(ident) = field.ident else { continue };
            let options = FieldOptions::read(&field.attrs, errors);
            let name = match &options.rename {
                Some(rename) => rename.value.clone(),
                None => ident.unraw().to_string(),
            };
            let twin = |other: &InputField| other.options.is_declared() && other.name == name;
            if options.is_declared() && fields.iter().any(twin) {
                let span = options
                    .rename
                    .as_ref()
                    .map_or(ident.span(), |given| given.span);
                errors.push(
                    span,
                    format!("two fields are named `{name}`; give one of them another `rename`"),
                );
            }
            let Some(ty) = spell_out_type(&field.ty, &receiver, errors) else {
                continue;
            };
            fields.push(InputField {
                is_generic: mentions_any(&ty, generics.type_params().map(|param| &param.ident)),
                ident,
                vis: field.vis,
                attributes: field.attrs,
                ty,
                options,
                name,
            });
        }
        Some(Self {
            private: {
                let krate = krate(&options);
                quote!(#krate::__private)
            },
            ident,
            vis: input.vis,
            attributes: input.attrs,
            generics,
            options,
            fields,
        })
    }

    fn check_ids(&self, errors: &mut Errors) {
        let mut ids = self
            .fields
            .iter()
            .filter_map(|field| field.options.id.as_ref());
        if ids.next().is_none() {
            errors.push(
                self.ident.span(),
                "no field is the id; mark what identifies an object with `#[cache(id)]`",
            );
        }
        if let Some(fifth) = ids.nth(3) {
            errors.push(
                fifth.span,
                "an id has at most four parts; join some of them in one field",
            );
        }
    }

    /// The fields with a handle and a position, in order.
    pub(crate) fn declared(&self) -> impl Iterator<Item = &InputField> {
        self.fields
            .iter()
            .filter(|field| field.options.is_declared())
    }

    /// The name of a type that goes with this one.
    pub(crate) fn companion(&self, suffix: &str) -> Ident {
        format_ident!("{}{}", self.ident, suffix)
    }

    /// The struct's generics, with what each declared field's type has to implement.
    pub(crate) fn bounded_generics(&self) -> Generics {
        let private = &self.private;
        let mut generics = self.generics.clone();
        for field in self.declared().filter(|field| field.is_generic) {
            let ty = &field.ty;
            let bound = match field.options.flatten {
                Some(_) => quote!(CacheFields),
                None => quote!(FieldValue),
            };
            generics
                .make_where_clause()
                .predicates
                .push(parse_quote!(#ty: #private::#bound));
        }
        generics
    }
}

/// The path of the larder crate.
pub(crate) fn krate(options: &StructOptions) -> TokenStream {
    if let Some(krate) = &options.krate {
        return krate.value.to_token_stream();
    }
    let found = ["larder", "larder-core"].into_iter().find_map(|name| {
        Some(match crate_name(name).ok()? {
            // Its tests, examples and documentation call it by its name.
            FoundCrate::Itself => name.replace('-', "_"),
            FoundCrate::Name(name) => name,
        })
    });
    let krate = Ident::new(found.as_deref().unwrap_or("larder"), Span::call_site());
    quote!(::#krate)
}

/// Notes an error for each lifetime parameter.
pub(crate) fn refuse_lifetimes(generics: &Generics, errors: &mut Errors) {
    for param in generics.lifetimes() {
        errors.push(
            param.lifetime.span(),
            format!(
                "what is cached owns its data; remove `{}` and hold `String` for `&str`, `Vec` for slices",
                param.lifetime
            ),
        );
    }
}

/// Whether `tokens` mention one of `names`.
pub(crate) fn mentions_any<'a>(
    tokens: &impl ToTokens,
    names: impl Iterator<Item = &'a Ident>,
) -> bool {
    fn mentions(tokens: TokenStream, names: &[&Ident]) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Group(group) => mentions(group.stream(), names),
            TokenTree::Ident(ident) => names.contains(&&ident),
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        })
    }
    let names: Vec<_> = names.collect();
    !names.is_empty() && mentions(tokens.to_token_stream(), &names)
}

/// Names the struct where its generics say `Self`, which means another type in what is derived.
fn spell_out(generics: &Generics, receiver: &TokenStream, errors: &mut Errors) -> Generics {
    let mut spelled = generics.clone();
    for param in &mut spelled.params {
        // Defaults stay on the user's struct; elsewhere they would have to come last.
        match param {
            GenericParam::Type(param) => param.default = None,
            GenericParam::Const(param) => param.default = None,
            GenericParam::Lifetime(_) => {}
        }
    }
    if let Some(clause) = &mut spelled.where_clause {
        match syn::parse2(replace_self(clause.to_token_stream(), receiver)) {
            Ok(parsed) => *clause = parsed,
            Err(error) => errors.add(error),
        }
    }
    spelled
}

fn spell_out_type(ty: &Type, receiver: &TokenStream, errors: &mut Errors) -> Option<Type> {
    syn::parse2(replace_self(ty.to_token_stream(), receiver))
        .map_err(|error| errors.add(error))
        .ok()
}

fn replace_self(tokens: TokenStream, receiver: &TokenStream) -> TokenStream {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Ident(ident) if ident == "Self" => {
                let span = ident.span();
                quote_spanned!(span=> #receiver)
            }
            TokenTree::Group(group) => {
                let stream = replace_self(group.stream(), receiver);
                let mut replaced = Group::new(group.delimiter(), stream);
                replaced.set_span(group.span());
                TokenTree::Group(replaced).into()
            }
            token => token.into(),
        })
        .collect()
}
