//! `CacheModel` itself, and the projections of `from`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Type;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use crate::fields::bound_nested;
use crate::input::Input;

/// The impl of `CacheModel` and one of `From` for each source.
pub(crate) fn expand(input: &Input) -> TokenStream {
    let model = model(input);
    let projections = input
        .options
        .from
        .iter()
        .map(|source| projection(input, source));
    quote! {
        #model
        #(#projections)*
    }
}

fn model(input: &Input) -> TokenStream {
    let private = &input.private;
    let (ident, patch) = (&input.ident, input.companion("Patch"));
    let (_, arguments, _) = input.generics.split_for_impl();
    let mut generics = input.bounded_generics();
    bound_nested(input, &mut generics, &quote!(Self), &quote!(#private::Root));
    let (impl_generics, _, clause) = generics.split_for_impl();

    let ids = || {
        input
            .fields
            .iter()
            .filter(|field| field.options.id.is_some())
    };
    let id_types: Vec<_> = ids().map(|field| &field.ty).collect();
    let id_idents: Vec<_> = ids().map(|field| &field.ident).collect();
    let id_clones = quote!(#(#private::std::clone::Clone::clone(&self.#id_idents)),*);
    let (id_type, id_value) = match id_types.as_slice() {
        [one] => (quote!(#one), id_clones),
        several => (quote!((#(#several),*)), quote!((#id_clones))),
    };

    let options = &input.options;
    let name = match &options.name {
        Some(name) => name.value.clone(),
        None => snake_case(&ident.unraw().to_string()),
    };
    let version = options.version.as_ref().map_or(1, |version| version.value);
    let option = quote!(#private::std::option::Option);
    let ttl = match &options.ttl {
        Some(ttl) => {
            let (secs, nanos) = (ttl.value.as_secs(), ttl.value.subsec_nanos());
            quote!(#option::Some(#private::std::time::Duration::new(#secs, #nanos)))
        }
        None => quote!(#option::None),
    };
    let validate = match &options.validate {
        Some(hook) => {
            let hook = &hook.value;
            quote_spanned!(hook.span()=> #hook(self))
        }
        None => quote!(#private::std::result::Result::Ok(())),
    };
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #impl_generics #private::CacheModel for #ident #arguments #clause {
            type Id = #id_type;
            type Patch = #patch #arguments;

            const NAME: &'static str = #name;

            fn id(&self) -> Self::Id {
                #id_value
            }

            fn id_key(&self) -> #private::IdKey {
                let mut __writer = <#private::IdWriter as #private::std::default::Default>::default();
                #(<#id_types as #private::Id>::write(&self.#id_idents, &mut __writer);)*
                __writer.finish()
            }

            fn schema(__name: &str) -> #private::Result<#private::Schema> {
                let mut __fields = #private::std::vec::Vec::new();
                <Self as #private::CacheFields>::describe("", &mut __fields);
                #private::Schema::new::<Self>(__name, #version, #ttl, __fields)
            }

            fn validate(&self) -> #private::Result<(), #private::Invalid> {
                #validate
            }
        }
    }
}

fn projection(input: &Input, source: &Type) -> TokenStream {
    let private = &input.private;
    let ident = &input.ident;
    let (impl_generics, arguments, clause) = input.generics.split_for_impl();
    let values = input.fields.iter().map(|field| {
        let ident = &field.ident;
        if field.options.skip.is_some() {
            return quote!(#ident: #private::std::default::Default::default(),);
        }
        quote_spanned! {ident.span()=>
            #ident: #private::std::convert::From::from(#private::std::clone::Clone::clone(&__source.#ident)),
        }
    });
    quote! {
        #[automatically_derived]
        #[allow(deprecated, clippy::useless_conversion)]
        impl #impl_generics #private::std::convert::From<&#source> for #ident #arguments #clause {
            fn from(__source: &#source) -> Self {
                Self { #(#values)* }
            }
        }
    }
}

/// `UserCard` as `user_card`, `HTTPCall` as `http_call`.
fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, &char) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| chars.get(before));
        let starts_word = char.is_uppercase()
            && before.is_some_and(|before| {
                let ends_capitals = chars.get(at + 1).is_some_and(|next| next.is_lowercase());
                before.is_lowercase()
                    || before.is_numeric()
                    || before.is_uppercase() && ends_capitals
            });
        if starts_word {
            snake.push('_');
        }
        snake.extend(char.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn names_become_snake_case_word_by_word() {
        for (name, snake) in [
            ("User", "user"),
            ("UserCard", "user_card"),
            ("HTTPCall", "http_call"),
            ("Page2View", "page2_view"),
            ("already_snake", "already_snake"),
            ("Ärger", "ärger"),
        ] {
            assert_eq!(snake_case(name), snake);
        }
    }
}
