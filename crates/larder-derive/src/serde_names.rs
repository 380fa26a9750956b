//! The names that serde gives to an enum's variants.

use proc_macro2::TokenTree;
use syn::meta::ParseNestedMeta;
use syn::token::Paren;
use syn::{Attribute, LitStr, Result, Token};

use crate::attributes::Errors;

/// How an enum names its variants.
pub(crate) struct Names(Case);

#[derive(Clone, Copy)]
enum Case {
    Pascal,
    Lower,
    Upper,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

const CASES: [(&str, Case); 8] = [
    ("lowercase", Case::Lower),
    ("UPPERCASE", Case::Upper),
    ("PascalCase", Case::Pascal),
    ("camelCase", Case::Camel),
    ("snake_case", Case::Snake),
    ("SCREAMING_SNAKE_CASE", Case::ScreamingSnake),
    ("kebab-case", Case::Kebab),
    ("SCREAMING-KEBAB-CASE", Case::ScreamingKebab),
];

impl Names {
    /// Reads `#[serde(rename_all = "..")]`.
    pub(crate) fn of_container(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let Some(rule) = serialized("rename_all", attributes) else {
            return Self(Case::Pascal);
        };
        let written = rule.value();
        let case = CASES.iter().find(|(name, _)| *name == written);
        if case.is_none() {
            let known: Vec<_> = CASES
                .iter()
                .map(|(name, _)| format!("\"{name}\""))
                .collect();
            errors.push(
                rule.span(),
                format!("serde has no such case; write one of {}", known.join(", ")),
            );
        }
        Self(case.map_or(Case::Pascal, |(_, case)| *case))
    }

    /// The name of one variant.
    pub(crate) fn of_variant(&self, ident: &str, attributes: &[Attribute]) -> String {
        match serialized("rename", attributes) {
            Some(name) => name.value(),
            None => self.0.apply(ident),
        }
    }
}

impl Case {
    /// Renames a variant as serde does: each capital starts a word.
    fn apply(self, variant: &str) -> String {
        let snake = || {
            let mut snake = String::new();
            for (at, char) in variant.char_indices() {
                if at > 0 && char.is_uppercase() {
                    snake.push('_');
                }
                snake.push(char.to_ascii_lowercase());
            }
            snake
        };
        match self {
            Self::Pascal => variant.to_owned(),
            Self::Lower => variant.to_ascii_lowercase(),
            Self::Upper => variant.to_ascii_uppercase(),
            Self::Camel => {
                let mut chars = variant.chars();
                let first = chars.next().map(|first| first.to_ascii_lowercase());
                first.into_iter().chain(chars).collect()
            }
            Self::Snake => snake(),
            Self::ScreamingSnake => snake().to_ascii_uppercase(),
            Self::Kebab => snake().replace('_', "-"),
            Self::ScreamingKebab => snake().to_ascii_uppercase().replace('_', "-"),
        }
    }
}

/// What `#[serde(option = "..")]` or `#[serde(option(serialize = ".."))]` says. What serde cannot
/// read either, it reports itself.
fn serialized(option: &str, attributes: &[Attribute]) -> Option<LitStr> {
    let mut found = None;
    for attribute in attributes {
        if attribute.path().is_ident("serde") {
            let _reported_by_serde = attribute.parse_nested_meta(|meta| {
                if !meta.path.is_ident(option) {
                    return pass_over(&meta);
                }
                if !meta.input.peek(Paren) {
                    found = Some(meta.value()?.parse()?);
                    return Ok(());
                }
                meta.parse_nested_meta(|meta| {
                    if !meta.path.is_ident("serialize") {
                        return pass_over(&meta);
                    }
                    found = Some(meta.value()?.parse()?);
                    Ok(())
                })
            });
        }
    }
    found
}

fn pass_over(meta: &ParseNestedMeta<'_>) -> Result<()> {
    while !meta.input.is_empty() && !meta.input.peek(Token![,]) {
        meta.input.parse::<TokenTree>()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CASES;

    /// Expected names as serde 1.0 writes them.
    #[test]
    fn every_case_names_variants_as_serde_does() {
        let names = CASES.map(|(_, case)| case.apply("VeryTasty2X"));
        assert_eq!(
            names,
            [
                "verytasty2x",
                "VERYTASTY2X",
                "VeryTasty2X",
                "veryTasty2X",
                "very_tasty2_x",
                "VERY_TASTY2_X",
                "very-tasty2-x",
                "VERY-TASTY2-X",
            ]
        );
    }
}
