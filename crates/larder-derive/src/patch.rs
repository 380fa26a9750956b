//! The patch of a model: a struct of changes, and how it is applied.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{Attribute, GenericArgument, Meta, Path, PathArguments, Token, Type, parse_quote};

use crate::input::{Input, InputField, mentions_any};

/// The patch struct, `Default` and `Patch`.
pub(crate) fn expand(input: &Input) -> TokenStream {
    let private = &input.private;
    let fields: Vec<_> = input
        .fields
        .iter()
        .filter(|field| field.options.id.is_none() && field.options.skip.is_none())
        .collect();
    let definition = definition(input, &fields);
    let (ident, name) = (&input.ident, input.companion("Patch"));
    let (impl_generics, arguments, clause) = input.generics.split_for_impl();
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let marker =
        marker(input, &fields).map(|_| quote!(__marker: #private::std::marker::PhantomData,));
    let refusals = fields
        .iter()
        .filter(|field| option_of(&field.ty).is_none())
        .map(|field| {
            let (ident, name) = (&field.ident, &field.name);
            quote! {
                if let #private::Change::Null = &self.#ident {
                    return #private::std::result::Result::Err(#private::Invalid::field(
                        #name,
                        "cannot be null, as it is no `Option`; leave it out or give it a value",
                    ));
                }
            }
        });
    let changes = fields.iter().map(|field| {
        let ident = &field.ident;
        let option = quote!(#private::std::option::Option);
        let (null, set) = match option_of(&field.ty) {
            Some(_) => (
                quote!(__object.#ident = #option::None),
                quote!(#option::Some(__value)),
            ),
            None => (quote!({}), quote!(__value)),
        };
        quote! {
            match self.#ident {
                #private::Change::Keep => {}
                #private::Change::Null => #null,
                #private::Change::Set(__value) => __object.#ident = #set,
            }
        }
    });
    let clone = clone(input, &fields);
    quote! {
        #definition

        #clone

        #[automatically_derived]
        impl #impl_generics #private::std::default::Default for #name #arguments #clause {
            fn default() -> Self {
                Self {
                    #(#idents: #private::Change::Keep,)*
                    #marker
                }
            }
        }

        #[automatically_derived]
        #[allow(deprecated)]
        impl #impl_generics #private::Patch<#ident #arguments> for #name #arguments #clause {
            fn apply(
                self,
                __object: &mut #ident #arguments,
            ) -> #private::Result<(), #private::Invalid> {
                #(#refusals)*
                #(#changes)*
                #private::std::result::Result::Ok(())
            }
        }
    }
}

/// `Clone` where the fields have it, without which `Cache::patch` could not try again. Nothing if
/// the caller derives it. A bound `for` a lifetime that it does not use may fail quietly; a plain
/// one on a type without parameters would not compile.
fn clone(input: &Input, fields: &[&InputField]) -> Option<TokenStream> {
    let derives = input.options.patch.as_ref();
    if derives.is_some_and(|derives| derives.value.iter().any(|path| path.is_ident("Clone"))) {
        return None;
    }
    let (private, name) = (&input.private, input.companion("Patch"));
    let mut generics = input.generics.clone();
    let clause = generics.make_where_clause();
    for field in fields {
        let ty = option_of(&field.ty).unwrap_or(&field.ty);
        clause
            .predicates
            .push(parse_quote!(for<'__any> #ty: #private::std::clone::Clone));
    }
    let (impl_generics, arguments, clause) = generics.split_for_impl();
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let marker =
        marker(input, fields).map(|_| quote!(__marker: #private::std::marker::PhantomData,));
    Some(quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #impl_generics #private::std::clone::Clone for #name #arguments #clause {
            fn clone(&self) -> Self {
                Self {
                    #(#idents: #private::std::clone::Clone::clone(&self.#idents),)*
                    #marker
                }
            }
        }
    })
}

fn definition(input: &Input, fields: &[&InputField]) -> TokenStream {
    let private = &input.private;
    let (model, vis, name) = (&input.ident, &input.vis, input.companion("Patch"));
    let (impl_generics, _, clause) = input.generics.split_for_impl();
    let derives: &[Path] = input
        .options
        .patch
        .as_ref()
        .map_or(&[], |derives| &derives.value);
    let serde = |name: &str| {
        derives
            .iter()
            .any(|path| path.segments.last().is_some_and(|last| last.ident == name))
    };
    let (reads, writes) = (serde("Deserialize"), serde("Serialize"));
    let derives = derives.iter().map(|path| {
        match path.is_ident("Deserialize") || path.is_ident("Serialize") {
            true => quote!(::serde::#path),
            false => path.to_token_stream(),
        }
    });
    let container = (reads || writes).then(|| {
        let mut kept = kept_serde(&input.attributes, &["rename_all", "deny_unknown_fields"]);
        if reads {
            kept.push(quote!(default));
        }
        if input.generics.type_params().next().is_some() {
            // The struct's own bounds are all there is; serde's would double them.
            kept.push(quote!(bound = ""));
        }
        quote!(#[serde(#(#kept),*)])
    });
    let is_keep = quote!(#private::Change::is_keep).to_string();
    let fields_tokens = fields.iter().map(|field| {
        let (vis, ident) = (&field.vis, &field.ident);
        let ty = option_of(&field.ty).unwrap_or(&field.ty);
        let doc = format!("What becomes of `{}`.", field.name);
        let serde = (reads || writes).then(|| {
            let mut kept = kept_serde(
                &field.attributes,
                &[
                    "rename",
                    "alias",
                    "skip",
                    "skip_serializing",
                    "skip_deserializing",
                ],
            );
            if writes {
                kept.push(quote!(skip_serializing_if = #is_keep));
            }
            quote!(#[serde(#(#kept),*)])
        });
        quote! {
            #[doc = #doc]
            #serde
            #vis #ident: #private::Change<#ty>,
        }
    });
    let marker = marker(input, fields).map(|ty| {
        let skip = (reads || writes).then(|| quote!(#[serde(skip)]));
        quote! {
            #[doc(hidden)]
            #skip
            #vis __marker: #ty,
        }
    });
    let doc = format!("A change of some fields of `{model}`; the default changes nothing.");
    quote! {
        #[doc = #doc]
        #[derive(#(#derives),*)]
        #[allow(dead_code, non_camel_case_types, non_snake_case, private_bounds, private_interfaces, missing_debug_implementations)]
        #container
        #vis struct #name #impl_generics #clause {
            #(#fields_tokens)*
            #marker
        }
    }
}

/// The type of a field that uses the type parameters which no change uses, if there are any.
fn marker(input: &Input, fields: &[&InputField]) -> Option<TokenStream> {
    let private = &input.private;
    let unused: Vec<_> = input
        .generics
        .type_params()
        .map(|param| &param.ident)
        .filter(|param| {
            !fields
                .iter()
                .any(|field| mentions_any(&field.ty, std::iter::once(*param)))
        })
        .collect();
    (!unused.is_empty()).then(|| {
        quote!(#private::std::marker::PhantomData<fn() -> (#(#private::std::marker::PhantomData<#unused>,)*)>)
    })
}

/// Those options of `#[serde(..)]` that mean the same on a patch.
fn kept_serde(attributes: &[Attribute], kept: &[&str]) -> Vec<TokenStream> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"))
        // What serde cannot read either, it reports itself.
        .filter_map(|attribute| {
            attribute
                .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                .ok()
        })
        .flatten()
        .filter(|meta| kept.iter().any(|name| meta.path().is_ident(name)))
        .map(ToTokens::into_token_stream)
        .collect()
}

/// The `U` of a type written `Option<U>` or `std::option::Option<U>`.
fn option_of(ty: &Type) -> Option<&Type> {
    let path = match ty {
        Type::Path(ty) if ty.qself.is_none() => &ty.path,
        Type::Group(group) => return option_of(&group.elem),
        Type::Paren(paren) => return option_of(&paren.elem),
        _ => return None,
    };
    let last = path.segments.last()?;
    let before: Vec<_> = path
        .segments
        .iter()
        .take(path.segments.len() - 1)
        .map(|segment| segment.ident.to_string())
        .collect();
    let is_option = last.ident == "Option"
        && match before.as_slice() {
            [] => true,
            [krate, module] => matches!(&**krate, "std" | "core") && module == "option",
            _ => false,
        };
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) if is_option => match arguments.args.first()? {
            GenericArgument::Type(inner) if arguments.args.len() == 1 => Some(inner),
            _ => None,
        },
        _ => None,
    }
}
