//! Rust source with holes, turned into tokens.

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// Parses `source` and puts `holes` in the place of the identifiers that name them.
///
/// All other tokens get the hygiene of a `macro_rules` macro, so that no local of the expansion
/// can be seen by, or shadow, a variable of the caller.
pub fn quote(source: &str, holes: &[(&str, &TokenStream)]) -> TokenStream {
    let tokens: TokenStream = source.parse().unwrap_or_else(|error| {
        // The sources are literals of this crate; its tests expand each of them.
        unreachable!("{error} in {source:?}")
    });
    fill(tokens, holes)
}

fn fill(tokens: TokenStream, holes: &[(&str, &TokenStream)]) -> TokenStream {
    let mut out = TokenStream::new();
    for mut token in tokens {
        if let TokenTree::Ident(ident) = &token {
            let name = ident.to_string();
            if let Some((_, hole)) = holes.iter().find(|(key, _)| *key == name) {
                out.extend((*hole).clone());
                continue;
            }
        }
        if let TokenTree::Group(group) = &token {
            token = Group::new(group.delimiter(), fill(group.stream(), holes)).into();
        }
        token.set_span(Span::mixed_site());
        out.extend([token]);
    }
    out
}

/// A local of the expansion, reported at `span` if the compiler has something to say about it.
pub fn local(prefix: char, number: usize, span: Span) -> TokenStream {
    let ident = Ident::new(&format!("{prefix}{number}"), Span::mixed_site().located_at(span));
    TokenTree::from(ident).into()
}

/// A string literal.
pub fn string(text: &str, span: Span) -> TokenStream {
    let mut literal = Literal::string(text);
    literal.set_span(span);
    TokenTree::from(literal).into()
}

/// An error of the macro itself, at the tokens it is about.
#[derive(Debug)]
pub struct Error {
    pub message: String,
    pub span: Span,
}

impl Error {
    pub fn new(message: impl Into<String>, span: Span) -> Error {
        Error { message: message.into(), span }
    }

    pub fn into_tokens(self) -> TokenStream {
        let text = string(&self.message, self.span);
        let mut args = Group::new(Delimiter::Brace, text);
        args.set_span(self.span);
        let colon = |spacing| TokenTree::from(Punct::new(':', spacing));
        let path = [
            colon(Spacing::Joint),
            colon(Spacing::Alone),
            Ident::new("core", self.span).into(),
            colon(Spacing::Joint),
            colon(Spacing::Alone),
            Ident::new("compile_error", self.span).into(),
            Punct::new('!', Spacing::Alone).into(),
        ];
        let mut out = TokenStream::new();
        for mut token in path {
            token.set_span(self.span);
            out.extend([token]);
        }
        out.extend([TokenTree::from(args)]);
        out
    }
}
