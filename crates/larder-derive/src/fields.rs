//! The handles of declared fields: the struct of them, `CacheFields` and `FieldsAt`.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Generics, parse_quote};

use crate::attributes::{Given, Text};
use crate::input::{Input, InputField};

/// All that concerns the declared fields.
pub(crate) fn expand(input: &Input) -> TokenStream {
    let handles = handles(input);
    let cache_fields = cache_fields(input);
    let fields_at = fields_at(input);
    let checks = checks(input);
    quote! {
        #handles
        #cache_fields
        #fields_at
        #checks
    }
}

/// The bounds of `FieldsAt` at `root`, over the model `model`, beyond those of `CacheFields`.
pub(crate) fn bound_nested(
    input: &Input,
    generics: &mut Generics,
    model: &TokenStream,
    root: &TokenStream,
) {
    let private = &input.private;
    for (field, place) in input.declared().zip(places(input, root)) {
        if let (Place::Nested(base), true) = (place, field.is_generic) {
            let ty = &field.ty;
            generics
                .make_where_clause()
                .predicates
                .push(parse_quote!(#ty: #private::FieldsAt<#model, #base>));
        }
    }
}

/// An item of the trait that a declared field's type implements. An error about it points at
/// the type.
fn item(input: &Input, field: &InputField, name: &str) -> TokenStream {
    let (private, ty) = (&input.private, &field.ty);
    let span = ty.span().resolved_at(Span::call_site());
    let name = Ident::new(name, span);
    match field.options.flatten {
        Some(_) => quote_spanned!(span=> <#ty as #private::CacheFields>::#name),
        None => quote_spanned!(span=> <#ty as #private::FieldValue>::#name),
    }
}

/// Where a declared field lies.
enum Place {
    /// At a position, which is this expression.
    At(TokenStream),
    /// Its own fields lie from this base on.
    Nested(TokenStream),
}

fn places(input: &Input, root: &TokenStream) -> Vec<Place> {
    let private = &input.private;
    let mut base = root.clone();
    let mut behind: u16 = 0;
    input
        .declared()
        .map(|field| {
            if field.options.flatten.is_none() {
                let position = quote!(<#base as #private::Base>::POSITION + #behind);
                behind += 1;
                return Place::At(position);
            }
            let start = match behind {
                0 => base.clone(),
                _ => quote!(#private::Offset<#base, #behind>),
            };
            let ty = &field.ty;
            base = quote!(#private::After<#start, #ty>);
            behind = 0;
            Place::Nested(start)
        })
        .collect()
}

fn handles_generics(input: &Input) -> Generics {
    let mut generics = input.bounded_generics();
    generics.params.push(parse_quote!(__M));
    generics
}

/// The field that uses the type parameters which no handle uses, if there may be any.
fn marker(input: &Input) -> Option<TokenStream> {
    let private = &input.private;
    let params: Vec<_> = input
        .generics
        .type_params()
        .map(|param| &param.ident)
        .collect();
    (!params.is_empty() || input.declared().next().is_none()).then(|| {
        quote!(#private::std::marker::PhantomData<
            fn() -> (#(#private::std::marker::PhantomData<#params>,)* #private::std::marker::PhantomData<__M>)
        >)
    })
}

fn handles(input: &Input) -> TokenStream {
    let private = &input.private;
    let (model, vis) = (&input.ident, &input.vis);
    let name = input.companion("Fields");
    let generics = handles_generics(input);
    let (impl_generics, arguments, clause) = generics.split_for_impl();
    let fields = input.declared().map(|field| {
        let (ident, ty) = (&field.ident, handle_type(input, field));
        let doc = match field.options.flatten {
            Some(_) => format!("The fields of `{}`.", field.name),
            None => format!("The field `{}`.", field.name),
        };
        quote! {
            #[doc = #doc]
            #vis #ident: #ty,
        }
    });
    let marker = marker(input).map(|ty| quote!(__marker: #ty,));
    let doc =
        format!("The declared fields of `{model}`, for filters and sorts over the model `__M`.");
    let text = name.to_string();
    quote! {
        #[doc = #doc]
        #[allow(dead_code, non_camel_case_types, non_snake_case, private_bounds, private_interfaces)]
        #vis struct #name #impl_generics #clause {
            #(#fields)*
            #marker
        }

        #[automatically_derived]
        impl #impl_generics #private::std::clone::Clone for #name #arguments #clause {
            fn clone(&self) -> Self {
                *self
            }
        }

        #[automatically_derived]
        impl #impl_generics #private::std::marker::Copy for #name #arguments #clause {}

        #[automatically_derived]
        impl #impl_generics #private::std::fmt::Debug for #name #arguments #clause {
            fn fmt(&self, __f: &mut #private::std::fmt::Formatter<'_>) -> #private::std::fmt::Result {
                __f.write_str(#text)
            }
        }
    }
}

fn handle_type(input: &Input, field: &InputField) -> TokenStream {
    let (private, options) = (&input.private, &field.options);
    if options.flatten.is_some() {
        let fields = item(input, field, "Fields");
        let span = field.ty.span().resolved_at(Span::call_site());
        return quote_spanned!(span=> #fields<__M>);
    }
    let cap = |given: bool| match given {
        true => quote!(#private::Yes),
        false => quote!(#private::No),
    };
    let index = cap(options.is_indexed());
    let text = cap(options.text.is_some());
    let sort = cap(options.sort.is_some());
    let class = item(input, field, "Class");
    quote! {
        #private::Field<__M, #class, #private::Caps<#index, #text, #sort>>
    }
}

fn cache_fields(input: &Input) -> TokenStream {
    let private = &input.private;
    let (ident, name) = (&input.ident, input.companion("Fields"));
    let generics = input.bounded_generics();
    let (impl_generics, arguments, clause) = generics.split_for_impl();
    let params = input.generics.params.iter().map(|param| match param {
        syn::GenericParam::Type(param) => param.ident.to_token_stream(),
        syn::GenericParam::Const(param) => param.ident.to_token_stream(),
        syn::GenericParam::Lifetime(param) => param.lifetime.to_token_stream(),
    });
    let is_flat = |field: &&InputField| field.options.flatten.is_none();
    let flat = input
        .declared()
        .filter(is_flat)
        .fold(0_u16, |count, _| count + 1);
    let nested = input
        .declared()
        .filter(|field| !is_flat(field))
        .map(|field| item(input, field, "COUNT"));
    let specs = input.declared().map(|field| describe(input, field));
    let value = value_at(input);
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #impl_generics #private::CacheFields for #ident #arguments #clause {
            type Fields<__M> = #name<#(#params,)* __M>;
            const COUNT: u16 = #flat #(+ #nested)*;

            fn describe(
                __prefix: &str,
                __out: &mut #private::std::vec::Vec<#private::FieldSpec>,
            ) {
                #(#specs)*
            }

            fn field(&self, __position: u16) -> #private::FieldRef<'_> {
                #value
            }
        }
    }
}

fn describe(input: &Input, field: &InputField) -> TokenStream {
    let (private, options) = (&input.private, &field.options);
    if options.flatten.is_some() {
        let prefix = format!("{}.", field.name);
        let describe = item(input, field, "describe");
        return quote! {
            #describe(
                &#private::std::format!("{}{}", __prefix, #prefix),
                __out,
            );
        };
    }
    let name = &field.name;
    let [kind, list, optional] = ["KIND", "LIST", "OPTIONAL"].map(|name| item(input, field, name));
    let index = options.is_indexed();
    let sort = options.sort.is_some();
    let ignore_case = options.ignore_case.is_some();
    let text = options.text.as_ref().map(|text| {
        let analyzer = analyzer(private, &text.value);
        quote!(__spec.text = #private::std::option::Option::Some(#analyzer);)
    });
    let scale = options.scale.as_ref().map(|scale| {
        let scale = scale.value;
        quote!(__spec.scale = #private::std::option::Option::Some(#scale);)
    });
    quote! {
        let mut __spec = #private::FieldSpec::new(
            #private::std::format!("{}{}", __prefix, #name),
            #kind,
        );
        __spec.list = #list;
        __spec.optional = #optional;
        __spec.index = #index;
        __spec.sort = #sort;
        __spec.ignore_case = #ignore_case;
        #text
        #scale
        __out.push(__spec);
    }
}

fn analyzer(private: &TokenStream, text: &Text) -> TokenStream {
    let fold = text.fold.as_ref().map(|_| quote!(.with_accent_folding()));
    let bigrams = text.bigrams.as_ref().map(|_| quote!(.with_bigrams()));
    let stem = text.stem.as_ref().map(|stem| {
        let language = &stem.value;
        quote!(.with_stemming(#language))
    });
    let stop_words = text.stop_words.as_ref().map(|words| {
        let words = &words.value;
        quote!(.with_stop_words::<&str>([#(#words),*]))
    });
    quote!(#private::Analyzer::new() #fold #stem #stop_words #bigrams)
}

/// The value of the field at `__position`, built from the last field to the first: a `match` a
/// run of plain fields, an `if` a flattened one.
fn value_at(input: &Input) -> TokenStream {
    let private = &input.private;
    let declared: Vec<_> = input.declared().collect();
    let runs = declared.chunk_by(|a, b| a.options.flatten.is_none() && b.options.flatten.is_none());
    let missing = quote!(#private::FieldRef::Missing);
    let rest = |rest: Option<TokenStream>, passed: TokenStream| match rest {
        Some(rest) => quote!({ let __position = __position - #passed; #rest }),
        None => quote!({ #missing }),
    };
    runs.rev()
        .fold(None, |tail, run| {
            if let [field] = run
                && field.options.flatten.is_some()
            {
                let ident = &field.ident;
                let [count, value] = ["COUNT", "field"].map(|name| item(input, field, name));
                let rest = rest(tail, count.clone());
                return Some(quote! {
                    if __position < #count { #value(&self.#ident, __position) } else #rest
                });
            }
            let arms = (0_u16..).zip(run).map(|(position, field)| {
                let (ident, value) = (&field.ident, item(input, field, "field"));
                quote!(#position => #value(&self.#ident),)
            });
            let passed = (0_u16..).zip(run).fold(0, |_, (position, _)| position + 1);
            let rest = rest(tail, quote!(#passed));
            Some(quote!(match __position { #(#arms)* _ => #rest }))
        })
        .unwrap_or(missing)
}

fn fields_at(input: &Input) -> TokenStream {
    let private = &input.private;
    let (ident, name) = (&input.ident, input.companion("Fields"));
    let (_, arguments, _) = input.generics.split_for_impl();
    let mut generics = handles_generics(input);
    generics.params.push(parse_quote!(__B: #private::Base));
    bound_nested(input, &mut generics, &quote!(__M), &quote!(__B));
    let (impl_generics, _, clause) = generics.split_for_impl();
    let places = places(input, &quote!(__B));
    let values = input.declared().zip(places).map(|(field, place)| {
        let (ident, ty) = (&field.ident, &field.ty);
        match place {
            Place::At(position) => quote!(#ident: #private::Field::at(#position),),
            Place::Nested(base) => {
                quote!(#ident: <#ty as #private::FieldsAt<__M, #base>>::AT,)
            }
        }
    });
    let marker = marker(input).map(|_| quote!(__marker: #private::std::marker::PhantomData,));
    quote! {
        #[automatically_derived]
        impl #impl_generics #private::FieldsAt<__M, __B> for #ident #arguments #clause {
            const AT: <Self as #private::CacheFields>::Fields<__M> = #name {
                #(#values)*
                #marker
            };
        }
    }
}

/// Assertions, at compile time, that options fit the types; of generic types the schema says it.
fn checks(input: &Input) -> TokenStream {
    let private = &input.private;
    let concrete = |field: &&InputField| {
        !field.is_generic
            && field.options.flatten.is_none()
            && input.generics.const_params().next().is_none()
    };
    let checks = input.declared().filter(concrete).map(|field| {
        let (options, name) = (&field.options, &field.name);
        let [kind, list] = ["KIND", "LIST"].map(|name| item(input, field, name));
        let is = |wanted: &str| {
            let wanted = Ident::new(wanted, Span::call_site());
            quote!(#private::std::matches!(#kind, #private::Kind::#wanted))
        };
        let (point, string, decimal) = (is("Geo"), is("Keyword"), is("Decimal"));
        let flag = |given: &Option<Given>| given.as_ref().map(|given| given.span);
        let text = options.text.as_ref().map(|given| given.span);
        let scale = options.scale.as_ref().map(|given| given.span);
        #[rustfmt::skip]
        let rules = [
            (flag(&options.geo), quote!(#point && !#list), "is `geo` but holds no point; make it a `GeoPoint` or an `Option` of one, or use `index`"),
            (flag(&options.index), quote!(!#point), "holds a point; write `geo` for `index`"),
            (text, string.clone(), "is `text` but holds no string; use `index`, or make it a `String`"),
            (flag(&options.sort), quote!(!#list), "is a list, which has no order; leave `sort` out, or sort by a single value"),
            (flag(&options.sort), quote!(!#point), "holds a point, which has no order; leave `sort` out"),
            (flag(&options.ignore_case), string, "is `ignore_case` but holds no string; leave that out"),
            (scale, decimal, "has a `scale` but holds no decimal; leave that out"),
        ];
        let rules = rules.into_iter().filter_map(|(span, rule, message)| {
            let (span, message) = (span?, format!("field `{name}` {message}"));
            // A message is a format string.
            let message = message.replace('{', "{{").replace('}', "}}");
            let check = quote!(const _: () = #private::std::assert!(#rule, #message););
            Some(moved_to(span.resolved_at(Span::call_site()), check))
        });
        quote!(#(#rules)*)
    });
    quote!(#(#checks)*)
}

/// Puts every token at `span`: the compiler reports a failed assertion where all of it lies.
fn moved_to(span: Span, tokens: TokenStream) -> TokenStream {
    tokens
        .into_iter()
        .map(|token| {
            let mut token = match token {
                TokenTree::Group(group) => TokenTree::Group(Group::new(
                    group.delimiter(),
                    moved_to(span, group.stream()),
                )),
                token => token,
            };
            token.set_span(span);
            token
        })
        .collect()
}
