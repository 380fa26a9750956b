//! `CacheModel` and `CacheFields`.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Data, DeriveInput, Error, Fields, GenericArgument, GenericParam, Generics, Path, PathArguments,
    Result, Type, Visibility, parse_quote,
};

use crate::attributes::{FieldOptions, Mistakes, StructOptions, krate};

struct Field<'a> {
    ident: &'a Ident,
    vis: &'a Visibility,
    ty: &'a Type,
    options: FieldOptions,
}

impl Field<'_> {
    fn name(&self) -> String {
        match &self.options.rename {
            Some(name) => name.value(),
            None => self.ident.unraw().to_string(),
        }
    }
}

struct Input<'a> {
    ident: &'a Ident,
    vis: &'a Visibility,
    generics: &'a Generics,
    options: StructOptions,
    krate: Path,
    fields: Vec<Field<'a>>,
}

pub(crate) fn expand(input: &DeriveInput, is_model: bool) -> Result<TokenStream> {
    let input = read(input, is_model)?;
    let fields = input.fields_struct();
    let searchable = input.searchable();
    if !is_model {
        return Ok(quote!(#fields #searchable));
    }
    let model = input.model();
    let patch = input.patch();
    let projections = input.projections();
    Ok(quote!(#fields #searchable #model #patch #projections))
}

fn read(input: &DeriveInput, is_model: bool) -> Result<Input<'_>> {
    let mut mistakes = Mistakes::default();
    let options = StructOptions::read(&input.attrs, &mut mistakes);
    let krate = krate(options.krate.as_ref());
    let Data::Struct(data) = &input.data else {
        return Err(Error::new(
            input.ident.span(),
            "only a struct can be a model; for an enum that a field holds derive `CacheValue`",
        ));
    };
    let Fields::Named(named) = &data.fields else {
        return Err(Error::new(
            input.ident.span(),
            "a model needs named fields, since filters call them by name",
        ));
    };
    if let Some(lifetime) = input.generics.lifetimes().next() {
        return Err(Error::new(
            lifetime.span(),
            "a cached object outlives what it borrows; hold owned values instead",
        ));
    }
    let mut fields = Vec::new();
    for field in &named.named {
        let Some(ident) = &field.ident else { continue };
        let options = FieldOptions::read(&field.attrs, &krate, &mut mistakes);
        options.check(ident.span(), &mut mistakes);
        fields.push(Field {
            ident,
            vis: &field.vis,
            ty: &field.ty,
            options,
        });
    }
    let ids = fields.iter().filter(|field| field.options.id);
    match ids.clone().count() {
        0 if is_model => mistakes.at(
            input.ident.span(),
            "a model needs an id; write #[cache(id)] on the field that identifies an object",
        ),
        0..=4 => {}
        _ => mistakes.at(input.ident.span(), "at most 4 fields can make up an id"),
    }
    if !is_model {
        for field in ids {
            mistakes.at(
                field.ident.span(),
                "a flattened struct has no id; write #[cache(id)] in the model itself",
            );
        }
    }
    mistakes.into_result()?;
    Ok(Input {
        ident: &input.ident,
        vis: &input.vis,
        generics: &input.generics,
        options,
        krate,
        fields,
    })
}

impl Input<'_> {
    fn private(&self) -> TokenStream {
        let krate = &self.krate;
        quote!(#krate::__private)
    }

    fn declared(&self) -> impl Iterator<Item = &Field<'_>> {
        self.fields
            .iter()
            .filter(|field| field.options.is_declared() || field.options.flatten)
    }

    fn fields_ident(&self) -> Ident {
        format_ident!("{}Fields", self.ident)
    }

    /// The user's generics with the bounds that their declared fields need.
    fn bounded(&self) -> Generics {
        let p = self.private();
        let mut generics = self.generics.clone();
        if self.generics.params.is_empty() {
            return generics;
        }
        let clause = generics.make_where_clause();
        for field in self.declared() {
            let ty = field.ty;
            clause.predicates.push(if field.options.flatten {
                parse_quote!(#ty: #p::CacheFields)
            } else {
                parse_quote!(#ty: #p::FieldValue)
            });
        }
        generics
    }

    /// `generics` with the model parameter in front of them.
    fn over_model(&self, generics: &Generics) -> Generics {
        let mut generics = generics.clone();
        generics.params.push(parse_quote!(__M));
        generics
    }

    fn handle(&self, field: &Field<'_>) -> TokenStream {
        let (p, ty) = (self.private(), field.ty);
        if field.options.flatten {
            return quote!(<#ty as #p::CacheFields>::Fields<__M>);
        }
        let yes = |yes: bool| {
            if yes {
                quote!(#p::Yes)
            } else {
                quote!(#p::No)
            }
        };
        let index = yes(field.options.index || field.options.geo);
        let text = yes(field.options.text.is_some());
        let sort = yes(field.options.sort);
        quote!(#p::Field<__M, <#ty as #p::FieldValue>::Class, #p::Caps<#index, #text, #sort>>)
    }

    fn fields_struct(&self) -> TokenStream {
        let (p, ident, vis) = (self.private(), self.fields_ident(), self.vis);
        let generics = self.over_model(&self.bounded());
        let (impl_generics, ty_generics, clause) = generics.split_for_impl();
        let params = generics.type_params().map(|param| &param.ident);
        let handles = self.declared().map(|field| {
            let (name, vis, ty) = (field.ident, field.vis, self.handle(field));
            let doc = format!("The field `{}`.", field.name());
            quote!(#[doc = #doc] #vis #name: #ty,)
        });
        let doc = format!("The fields of [`{}`] that can be asked for.", self.ident);
        let debug = ident.to_string();
        quote! {
            #[doc = #doc]
            #[allow(dead_code, private_interfaces, private_bounds)]
            #vis struct #ident #impl_generics #clause {
                #(#handles)*
                #[doc(hidden)]
                __marker: #p::std::marker::PhantomData<fn() -> (#(#params,)*)>,
            }
            #[automatically_derived]
            impl #impl_generics #p::std::clone::Clone for #ident #ty_generics #clause {
                fn clone(&self) -> Self { *self }
            }
            #[automatically_derived]
            impl #impl_generics #p::std::marker::Copy for #ident #ty_generics #clause {}
            #[automatically_derived]
            impl #impl_generics #p::std::fmt::Debug for #ident #ty_generics #clause {
                fn fmt(&self, f: &mut #p::std::fmt::Formatter<'_>) -> #p::std::fmt::Result {
                    f.write_str(#debug)
                }
            }
        }
    }

    fn searchable(&self) -> TokenStream {
        let (p, ident, fields_ident) = (self.private(), self.ident, self.fields_ident());
        let generics = self.bounded();
        let (impl_generics, ty_generics, clause) = generics.split_for_impl();
        let params = self.generics.params.iter().map(|param| match param {
            GenericParam::Type(param) => &param.ident,
            GenericParam::Const(param) => &param.ident,
            GenericParam::Lifetime(param) => &param.lifetime.ident,
        });
        let (mut describe, mut read, mut handles) = (vec![], vec![], vec![]);
        let mut count = quote!(0);
        let mut base = quote!(__B);
        let mut at_bounds: Vec<TokenStream> = vec![];
        for field in self.declared() {
            let (name, ty, schema_name) = (field.ident, field.ty, field.name());
            if field.options.flatten {
                describe.push(quote! {
                    <#ty as #p::CacheFields>::describe(
                        &#p::std::format!("{}{}.", __prefix, #schema_name), __out);
                });
                read.push(quote! {
                    if __position < <#ty as #p::CacheFields>::COUNT {
                        return <#ty as #p::CacheFields>::field(&self.#name, __position);
                    }
                    let __position = __position - <#ty as #p::CacheFields>::COUNT;
                });
                handles.push(quote!(#name: <#ty as #p::FieldsAt<__M, #base>>::AT));
                if !self.generics.params.is_empty() {
                    at_bounds.push(quote!(#ty: #p::FieldsAt<__M, #base>));
                }
                count = quote!(#count + <#ty as #p::CacheFields>::COUNT);
                base = quote!(#p::After<#base, #ty>);
                continue;
            }
            let options = &field.options;
            let (index, sort, fold) = (options.index || options.geo, options.sort, options.ignore_case);
            let text = match &options.text {
                Some(analyzer) => quote!(#p::std::option::Option::Some(#analyzer)),
                None => quote!(#p::std::option::Option::None),
            };
            let scale = match &options.scale {
                Some(scale) => quote!(#p::std::option::Option::Some(#scale)),
                None => quote!(#p::std::option::Option::None),
            };
            let is_geo = options.geo.then(|| quote! {
                const _: () = #p::std::assert!(
                    #p::std::matches!(<#ty as #p::FieldValue>::KIND, #p::Kind::Geo),
                    "`geo` is for fields that hold a `GeoPoint`");
            });
            // The assertion cannot name the type parameters of a generic model.
            let is_geo = is_geo.filter(|_| self.generics.params.is_empty());
            describe.push(quote! {
                #is_geo
                let mut __spec = #p::FieldSpec::new(
                    #p::std::format!("{}{}", __prefix, #schema_name),
                    <#ty as #p::FieldValue>::KIND);
                __spec.list = <#ty as #p::FieldValue>::LIST;
                __spec.optional = <#ty as #p::FieldValue>::OPTIONAL;
                __spec.index = #index;
                __spec.sort = #sort;
                __spec.ignore_case = #fold;
                __spec.text = #text;
                __spec.scale = #scale;
                __out.push(__spec);
            });
            read.push(quote! {
                if __position == 0 {
                    return <#ty as #p::FieldValue>::field(&self.#name);
                }
                let __position = __position - 1;
            });
            handles.push(quote!(#name: #p::Field::at(<#base as #p::Base>::POSITION)));
            count = quote!(#count + 1);
            base = quote!(#p::Offset<#base, 1>);
        }
        let mut at_generics = generics.clone();
        at_generics.params.push(parse_quote!(__M));
        at_generics.params.push(parse_quote!(__B: #p::Base));
        if !at_bounds.is_empty() {
            let clause = at_generics.make_where_clause();
            for bound in at_bounds {
                clause.predicates.push(parse_quote!(#bound));
            }
        }
        let (at_impl, _, at_clause) = at_generics.split_for_impl();
        quote! {
            #[automatically_derived]
            #[allow(unused_variables, private_interfaces)]
            impl #impl_generics #p::CacheFields for #ident #ty_generics #clause {
                type Fields<__M> = #fields_ident<#(#params,)* __M>;
                const COUNT: u16 = #count;
                fn describe(__prefix: &str, __out: &mut #p::std::vec::Vec<#p::FieldSpec>) {
                    #(#describe)*
                }
                fn field(&self, __position: u16) -> #p::FieldRef<'_> {
                    #(#read)*
                    #p::FieldRef::Missing
                }
            }
            #[automatically_derived]
            impl #at_impl #p::FieldsAt<__M, __B> for #ident #ty_generics #at_clause {
                const AT: <Self as #p::CacheFields>::Fields<__M> = #fields_ident {
                    #(#handles,)*
                    __marker: #p::std::marker::PhantomData,
                };
            }
        }
    }

    fn model(&self) -> TokenStream {
        let (p, ident) = (self.private(), self.ident);
        let generics = self.bounded();
        let (impl_generics, ty_generics, clause) = generics.split_for_impl();
        let patch_ident = self.patch_ident();
        let name = match &self.options.name {
            Some(name) => name.value(),
            None => snake_case(&ident.unraw().to_string()),
        };
        let version = self.options.version.as_ref().map_or(quote!(1), |v| quote!(#v));
        let ttl = match self.options.ttl {
            Some(ttl) => {
                let (secs, nanos) = (ttl.as_secs(), ttl.subsec_nanos());
                quote!(#p::std::option::Option::Some(#p::std::time::Duration::new(#secs, #nanos)))
            }
            None => quote!(#p::std::option::Option::None),
        };
        let validate = match &self.options.validate {
            Some(path) => quote!(#path(self)),
            None => quote!(#p::std::result::Result::Ok(())),
        };
        let ids: Vec<_> = self.fields.iter().filter(|field| field.options.id).collect();
        let (types, names): (Vec<_>, Vec<_>) = ids.iter().map(|id| (id.ty, id.ident)).unzip();
        let clone = quote!(#p::std::clone::Clone::clone);
        let (id_type, id) = match (&*types, &*names) {
            ([ty], [name]) => (quote!(#ty), quote!(#clone(&self.#name))),
            _ => (quote!((#(#types),*)), quote!((#(#clone(&self.#names)),*))),
        };
        quote! {
            #[automatically_derived]
            #[allow(private_interfaces)]
            impl #impl_generics #p::CacheModel for #ident #ty_generics #clause {
                type Id = #id_type;
                type Patch = #patch_ident #ty_generics;
                const NAME: &'static str = #name;
                fn id(&self) -> Self::Id { #id }
                fn id_key(&self) -> #p::IdKey {
                    let mut __writer = <#p::IdWriter as #p::std::default::Default>::default();
                    #(#p::Id::write(&self.#names, &mut __writer);)*
                    __writer.finish()
                }
                fn schema(__name: &str) -> #p::Result<#p::Schema> {
                    let mut __fields = #p::std::vec::Vec::new();
                    <Self as #p::CacheFields>::describe("", &mut __fields);
                    #p::Schema::new::<Self>(__name, #version, #ttl, __fields)
                }
                fn validate(&self) -> #p::std::result::Result<(), #p::Invalid> { #validate }
            }
        }
    }

    fn patch_ident(&self) -> Ident {
        format_ident!("{}Patch", self.ident)
    }

    fn patch(&self) -> TokenStream {
        let (p, ident, vis, model) = (self.private(), self.patch_ident(), self.vis, self.ident);
        let bounded = self.bounded();
        let (impl_generics, ty_generics, clause) = bounded.split_for_impl();
        let changing: Vec<_> = self
            .fields
            .iter()
            .filter(|field| !field.options.id && !field.options.skip)
            .collect();
        let declare = changing.iter().map(|field| {
            let (vis, name) = (field.vis, field.ident);
            let ty = inner_of_option(field.ty).unwrap_or(field.ty);
            let doc = format!("What becomes of `{}`.", field.ident.unraw());
            quote!(#[doc = #doc] #vis #name: #p::Change<#ty>,)
        });
        let keep = changing.iter().map(|field| {
            let name = field.ident;
            quote!(#name: #p::Change::Keep,)
        });
        let check = changing.iter().filter(|field| inner_of_option(field.ty).is_none()).map(|field| {
            let (name, text) = (field.ident, field.ident.unraw().to_string());
            quote! {
                if let #p::Change::Null = self.#name {
                    return #p::std::result::Result::Err(#p::Invalid::field(
                        #text, "cannot be null, since it is no `Option`; set it to a value or keep it"));
                }
            }
        });
        let apply = changing.iter().map(|field| {
            let name = field.ident;
            if inner_of_option(field.ty).is_some() {
                quote! {
                    match self.#name {
                        #p::Change::Keep => {}
                        #p::Change::Null => __object.#name = #p::std::option::Option::None,
                        #p::Change::Set(__value) => __object.#name = #p::std::option::Option::Some(__value),
                    }
                }
            } else {
                quote!(if let #p::Change::Set(__value) = self.#name { __object.#name = __value; })
            }
        });
        let derives = &self.options.patch;
        let derive = (!derives.is_empty()).then(|| quote!(#[derive(#(#derives),*)]));
        let is_read = derives
            .iter()
            .any(|path| path.segments.last().is_some_and(|last| last.ident == "Deserialize"));
        let read = is_read.then(|| quote!(#[serde(default)]));
        let params = self.generics.type_params().map(|param| &param.ident);
        let marker_serde = is_read.then(|| quote!(#[serde(skip)]));
        let marker = (!self.generics.params.is_empty()).then(|| {
            quote!(#[doc(hidden)] #marker_serde __marker: #p::std::marker::PhantomData<fn() -> (#(#params,)*)>,)
        });
        let marker_value = marker
            .is_some()
            .then(|| quote!(__marker: #p::std::marker::PhantomData,));
        let doc = format!("A change of some fields of [`{model}`].");
        quote! {
            #[doc = #doc]
            #derive
            #read
            #[allow(private_interfaces, dead_code)]
            #vis struct #ident #impl_generics #clause {
                #(#declare)*
                #marker
            }
            #[automatically_derived]
            impl #impl_generics #p::std::default::Default for #ident #ty_generics #clause {
                fn default() -> Self {
                    Self { #(#keep)* #marker_value }
                }
            }
            #[automatically_derived]
            #[allow(unused_variables)]
            impl #impl_generics #p::Patch<#model #ty_generics> for #ident #ty_generics #clause {
                fn apply(self, __object: &mut #model #ty_generics)
                    -> #p::std::result::Result<(), #p::Invalid>
                {
                    #(#check)*
                    #(#apply)*
                    #p::std::result::Result::Ok(())
                }
            }
        }
    }

    fn projections(&self) -> TokenStream {
        let (p, ident) = (self.private(), self.ident);
        let (impl_generics, ty_generics, clause) = self.generics.split_for_impl();
        let copies: Vec<_> = self
            .fields
            .iter()
            .map(|field| {
                let name = field.ident;
                if field.options.skip {
                    quote!(#name: #p::std::default::Default::default())
                } else {
                    quote!(#name: #p::std::convert::From::from(
                        #p::std::clone::Clone::clone(&__source.#name)))
                }
            })
            .collect();
        self.options
            .from
            .iter()
            .map(|source| {
                quote! {
                    #[automatically_derived]
                    #[allow(clippy::useless_conversion, clippy::clone_on_copy)]
                    impl #impl_generics #p::std::convert::From<&#source> for #ident #ty_generics #clause {
                        fn from(__source: &#source) -> Self {
                            Self { #(#copies),* }
                        }
                    }
                }
            })
            .collect()
    }
}

/// The `T` of a type written `Option<T>`.
fn inner_of_option(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(inner) if last.ident == "Option" => Some(inner),
        _ => None,
    }
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}
