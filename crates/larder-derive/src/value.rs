//! `CacheValue`: enums of unit variants, and structs around one value.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DataEnum, DataStruct, DeriveInput, Fields, Result, parse_quote};

use crate::attributes::{Errors, StructOptions};
use crate::input::{krate, mentions_any, refuse_lifetimes};
use crate::serde_names::Names;

/// The impl of `Scalar`.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let mut errors = Errors::default();
    let options = StructOptions::of_part("a value", &input.attrs, &mut errors);
    refuse_lifetimes(&input.generics, &mut errors);
    let krate = krate(&options);
    let expanded = match &input.data {
        Data::Enum(data) => unit_variants(input, data, &krate, &mut errors),
        Data::Struct(data) => newtype(input, data, &krate, &mut errors),
        Data::Union(_) => {
            errors.push(
                input.ident.span(),
                "`CacheValue` is for enums of unit variants and structs around one value, not for unions",
            );
            TokenStream::new()
        }
    };
    errors.finish()?;
    Ok(expanded)
}

fn unit_variants(
    input: &DeriveInput,
    data: &DataEnum,
    krate: &TokenStream,
    errors: &mut Errors,
) -> TokenStream {
    let private = quote!(#krate::__private);
    let names = Names::of_container(&input.attrs, errors);
    let mut seen = Vec::new();
    let mut arms = TokenStream::new();
    for variant in &data.variants {
        let ident = &variant.ident;
        if !matches!(variant.fields, Fields::Unit) {
            errors.push(
                variant.fields.span(),
                format!("a value is one of plain names; remove the data of `{ident}`, or keep it in fields of the model"),
            );
        }
        let name = names.of_variant(&ident.unraw().to_string(), &variant.attrs);
        if seen.contains(&name) {
            errors.push(
                ident.span(),
                format!("two variants are stored as `{name}`; give one another `#[serde(rename = \"..\")]`"),
            );
        }
        arms.extend(quote!(Self::#ident => #private::ValueRef::Str(#name),));
        seen.push(name);
    }
    let ident = &input.ident;
    let (impl_generics, arguments, clause) = input.generics.split_for_impl();
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #impl_generics #private::Scalar for #ident #arguments #clause {
            type Class = #krate::Exact<Self>;
            const KIND: #private::Kind = #private::Kind::Keyword;

            fn value(&self) -> #private::ValueRef<'_> {
                match *self { #arms }
            }
        }
    }
}

fn newtype(
    input: &DeriveInput,
    data: &DataStruct,
    krate: &TokenStream,
    errors: &mut Errors,
) -> TokenStream {
    let private = quote!(#krate::__private);
    let ident = &input.ident;
    let inner = match &data.fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => fields.unnamed.first(),
        _ => None,
    };
    let Some(inner) = inner else {
        errors.push(
            ident.span(),
            format!("`CacheValue` needs a struct around one value; write `struct {ident}(u64);`, or derive `CacheFields` and flatten it"),
        );
        return TokenStream::new();
    };
    let inner = &inner.ty;
    let class = quote!(<<#inner as #private::Scalar>::Class as #private::Class>::As<Self>);
    let mut generics = input.generics.clone();
    if mentions_any(
        inner,
        input.generics.type_params().map(|param| &param.ident),
    ) {
        let predicates = &mut generics.make_where_clause().predicates;
        predicates.push(parse_quote!(#inner: #private::Scalar));
        predicates.push(parse_quote!(#class: #private::Class));
    }
    let (impl_generics, arguments, clause) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics #private::Scalar for #ident #arguments #clause {
            type Class = #class;
            const KIND: #private::Kind = <#inner as #private::Scalar>::KIND;

            fn value(&self) -> #private::ValueRef<'_> {
                <#inner as #private::Scalar>::value(&self.0)
            }
        }
    }
}
