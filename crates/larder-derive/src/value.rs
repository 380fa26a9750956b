//! `CacheValue`: enums of unit variants under their serde names, and structs around one value.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DataEnum, DeriveInput, Error, Fields, LitStr, Path, Result};

use crate::attributes::{Mistakes, StructOptions, krate};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let mut mistakes = Mistakes::default();
    let options = StructOptions::read(&input.attrs, &mut mistakes);
    mistakes.into_result()?;
    let krate = krate(options.krate.as_ref());
    match &input.data {
        Data::Enum(data) => unit_enum(input, data, &krate),
        Data::Struct(data) if data.fields.len() == 1 => newtype(input, &data.fields, &krate),
        _ => Err(Error::new(
            input.ident.span(),
            "a value is an enum of unit variants or a struct around one other value",
        )),
    }
}

fn newtype(input: &DeriveInput, fields: &Fields, krate: &Path) -> Result<TokenStream> {
    let Some(field) = fields.iter().next() else {
        return Err(Error::new(input.ident.span(), "there is no value inside"));
    };
    let (ident, ty) = (&input.ident, &field.ty);
    let member = match &field.ident {
        Some(name) => quote!(#name),
        None => quote!(0),
    };
    let (impl_generics, ty_generics, clause) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics #krate::__private::Scalar for #ident #ty_generics #clause {
            type Class = <<#ty as #krate::__private::Scalar>::Class as #krate::__private::Class>::As<Self>;
            const KIND: #krate::__private::Kind = <#ty as #krate::__private::Scalar>::KIND;
            fn value(&self) -> #krate::__private::ValueRef<'_> {
                #krate::__private::Scalar::value(&self.#member)
            }
        }
    })
}

fn unit_enum(input: &DeriveInput, data: &DataEnum, krate: &Path) -> Result<TokenStream> {
    let ident = &input.ident;
    let case = serde_name(&input.attrs, "rename_all")?;
    let mut arms = Vec::new();
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new(
                variant.span(),
                "only unit variants have a value to compare; move the data into fields of the model",
            ));
        }
        let written = variant.ident.unraw().to_string();
        let name = match (serde_name(&variant.attrs, "rename")?, &case) {
            (Some(name), _) => name.value(),
            (None, Some(case)) => recase(&written, case)?,
            (None, None) => written,
        };
        let variant = &variant.ident;
        arms.push(quote!(Self::#variant => #name,));
    }
    Ok(quote! {
        #[automatically_derived]
        impl #krate::__private::Scalar for #ident {
            type Class = #krate::Exact<Self>;
            const KIND: #krate::__private::Kind = #krate::__private::Kind::Keyword;
            fn value(&self) -> #krate::__private::ValueRef<'_> {
                #krate::__private::ValueRef::Str(match *self { #(#arms)* })
            }
        }
    })
}

/// What `#[serde(key = "..")]` or `#[serde(key(serialize = ".."))]` says.
fn serde_name(attributes: &[Attribute], key: &str) -> Result<Option<LitStr>> {
    let mut found = None;
    for attribute in attributes.iter().filter(|a| a.path().is_ident("serde")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident(key) && meta.input.peek(syn::Token![=]) {
                found = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident(key) {
                meta.parse_nested_meta(|side| {
                    let name = side.value()?.parse()?;
                    if side.path.is_ident("serialize") {
                        found = Some(name);
                    }
                    Ok(())
                })?;
            } else if meta.input.peek(syn::Token![=]) {
                meta.value()?.parse::<syn::Expr>()?;
            } else if meta.input.peek(syn::token::Paren) {
                let content;
                syn::parenthesized!(content in meta.input);
                content.parse::<TokenStream>()?;
            }
            Ok(())
        })?;
    }
    Ok(found)
}

/// A variant's name as serde's `rename_all` has it.
fn recase(name: &str, case: &LitStr) -> Result<String> {
    let joined = |separator: char| {
        let mut out = String::new();
        for c in name.chars() {
            if c.is_uppercase() && !out.is_empty() {
                out.push(separator);
            }
            out.push(c.to_ascii_lowercase());
        }
        out
    };
    Ok(match &*case.value() {
        "lowercase" => name.to_ascii_lowercase(),
        "UPPERCASE" => name.to_ascii_uppercase(),
        "PascalCase" => name.to_owned(),
        "camelCase" => {
            let mut chars = name.chars();
            chars.next().map_or(String::new(), |first| {
                first.to_ascii_lowercase().to_string() + chars.as_str()
            })
        }
        "snake_case" => joined('_'),
        "SCREAMING_SNAKE_CASE" => joined('_').to_ascii_uppercase(),
        "kebab-case" => joined('-'),
        "SCREAMING-KEBAB-CASE" => joined('-').to_ascii_uppercase(),
        _ => return Err(Error::new(case.span(), "serde knows no such case")),
    })
}
