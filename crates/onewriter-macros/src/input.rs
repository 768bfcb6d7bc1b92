//! What stands between the parentheses of a logging macro.

use crate::literal::unescape;
use crate::quote::Error;
use proc_macro::{Delimiter, Literal, Spacing, Span, TokenStream, TokenTree};

/// One call: `target: T, limit: L, LEVEL, "message", args..., key = value...`.
pub struct Call {
    /// `$crate` of the macro that was called.
    pub krate: TokenStream,
    pub level: LevelArg,
    /// Whether it is a `try_` form, whose value is a `Result`.
    pub fallible: bool,
    pub target: Option<TokenStream>,
    pub limit: Option<TokenStream>,
    pub message: Option<Message>,
    pub positional: Vec<TokenStream>,
    pub named: Vec<Named>,
}

/// The level of a call.
pub enum LevelArg {
    /// A constant, which may stand in a `static`.
    Constant(TokenStream),
    /// An expression to evaluate at each call.
    Expr(TokenStream),
}

/// The first argument that is no `key = value`.
pub enum Message {
    /// A string literal and its text.
    Text(Literal, String),
    /// Something that the compiler has to expand first: `concat!(..)`.
    Macro(TokenStream),
}

/// `key = value`
pub struct Named {
    pub key: String,
    pub sigil: Sigil,
    pub value: TokenStream,
    pub span: Span,
}

/// How the value of a field is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sigil {
    /// `key = value`: as it is.
    None,
    /// `key = ?value`
    Debug,
    /// `key = %value`
    Display,
}

impl Call {
    /// Parses `$crate; mode; arguments`.
    pub fn parse(input: TokenStream) -> Result<Call, Error> {
        let mut tokens = input.into_iter();
        let krate = tokens.by_ref().take_while(|token| !is_punct(token, ';')).collect();
        let mode: TokenStream = tokens.by_ref().take_while(|token| !is_punct(token, ';')).collect();
        let mode = mode.to_string();
        let (name, fallible) =
            mode.strip_prefix("try_").map_or((mode.as_str(), false), |name| (name, true));
        let mut call = Call {
            level: LevelArg::Constant(TokenStream::new()),
            krate,
            fallible,
            target: None,
            limit: None,
            message: None,
            positional: Vec::new(),
            named: Vec::new(),
        };
        let mut items = split(tokens);
        call.prefixes(&mut items);
        call.level(name, &mut items)?;
        call.prefixes(&mut items);
        for item in items {
            call.item(item)?;
        }
        Ok(call)
    }

    /// Takes `target: expr` and `limit: expr` from the front.
    fn prefixes(&mut self, items: &mut std::iter::Peekable<std::vec::IntoIter<Item>>) {
        while let Some(item) = items.next_if(|item| prefix(&item.tokens).is_some()) {
            let value = item.tokens[2..].iter().cloned().collect();
            match prefix(&item.tokens) {
                Some("target") => self.target = Some(value),
                _ => self.limit = Some(value),
            }
        }
    }

    fn level(
        &mut self,
        name: &str,
        items: &mut std::iter::Peekable<std::vec::IntoIter<Item>>,
    ) -> Result<(), Error> {
        self.level = match name {
            "log" => {
                let item = items.next().filter(|item| key_of(&item.tokens).is_none());
                let item = item.ok_or_else(|| {
                    Error::new(
                        "expected a level first: `log!(Level::Info, \"message\")`",
                        Span::call_site(),
                    )
                })?;
                level_arg(item.tokens)
            }
            name => {
                let variant = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
                let level = crate::quote::quote(
                    &format!("KRATE::Level::{variant}"),
                    &[("KRATE", &self.krate)],
                );
                LevelArg::Constant(level)
            }
        };
        Ok(())
    }

    fn item(&mut self, item: Item) -> Result<(), Error> {
        if let Some((key, rest)) = key_of(&item.tokens) {
            let (sigil, value) = match rest.first() {
                Some(token) if is_punct(token, '?') => (Sigil::Debug, &rest[1..]),
                Some(token) if is_punct(token, '%') => (Sigil::Display, &rest[1..]),
                _ => (Sigil::None, rest),
            };
            if value.is_empty() {
                return Err(Error::new(format!("expected a value after `{key} =`"), item.span));
            }
            let span = value[0].span();
            let value = value.iter().cloned().collect();
            self.named.push(Named { key, sigil, value, span });
            return Ok(());
        }
        if let Some(token) = item.tokens.first()
            && (is_punct(token, '?') || is_punct(token, '%'))
        {
            let message = "a field needs a name: write `key = ?value` or `key = %value`";
            return Err(Error::new(message, token.span()));
        }
        if self.message.is_none() {
            self.message = Some(message(item.tokens));
        } else {
            self.positional.push(item.tokens.into_iter().collect());
        }
        Ok(())
    }
}

/// Tokens between two commas.
struct Item {
    tokens: Vec<TokenTree>,
    span: Span,
}

/// Splits at the commas that separate arguments: not those in brackets, which are groups, nor
/// those of generic arguments (`max::<u8, u16>()`, `x as Pair<A, B>`, `<T as Into<A, B>>::f()`).
fn split(tokens: impl Iterator<Item = TokenTree>) -> std::iter::Peekable<std::vec::IntoIter<Item>> {
    let mut items = Vec::new();
    let mut current: Vec<TokenTree> = Vec::new();
    let mut depth = 0_usize;
    let mut in_type = false;
    for token in tokens {
        if depth == 0 && is_punct(&token, ',') {
            finish(&mut current, token.span(), &mut items);
            in_type = false;
            continue;
        }
        match &token {
            TokenTree::Punct(punct) => match punct.as_char() {
                '<' if depth > 0 || in_type || opens_generics(&current) => depth += 1,
                '>' if depth > 0 && !after_joint_dash(&current) => depth -= 1,
                ':' | '&' | '*' => {}
                _ => in_type = false,
            },
            TokenTree::Ident(ident) => in_type |= ident.to_string() == "as",
            _ => {}
        }
        current.push(token);
    }
    finish(&mut current, Span::call_site(), &mut items);
    items.into_iter().peekable()
}

fn finish(current: &mut Vec<TokenTree>, end: Span, items: &mut Vec<Item>) {
    let span = current.first().map_or(end, TokenTree::span);
    if !current.is_empty() {
        items.push(Item { tokens: std::mem::take(current), span });
    }
}

/// Whether a `<` after these tokens opens a list of types, rather than being "less than".
fn opens_generics(before: &[TokenTree]) -> bool {
    match before {
        [] => true,
        [.., first, second] if is_punct(first, ':') && is_punct(second, ':') => true,
        [.., last] => ['=', '&', '*', '!', '?', '%', '-', '+'].iter().any(|c| is_punct(last, *c)),
    }
}

fn after_joint_dash(before: &[TokenTree]) -> bool {
    matches!(before.last(), Some(TokenTree::Punct(punct))
        if punct.as_char() == '-' && punct.spacing() == Spacing::Joint)
}

fn is_punct(token: &TokenTree, c: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == c)
}

/// `target:` or `limit:` at the front, not followed by a second colon.
fn prefix(tokens: &[TokenTree]) -> Option<&'static str> {
    let [TokenTree::Ident(ident), TokenTree::Punct(colon), ..] = tokens else { return None };
    if colon.as_char() != ':' || colon.spacing() == Spacing::Joint {
        return None;
    }
    let name = ident.to_string();
    ["target", "limit"].into_iter().find(|prefix| **prefix == name)
}

/// The key of `key = value`, `a.b = value` or `"any text" = value`, and the tokens of the value.
fn key_of(tokens: &[TokenTree]) -> Option<(String, &[TokenTree])> {
    let (mut key, mut at) = match tokens.first()? {
        TokenTree::Ident(ident) => (ident.to_string().trim_start_matches("r#").to_owned(), 1),
        TokenTree::Literal(literal) => (unescape(&literal.to_string())?, 1),
        _ => return None,
    };
    while let [dot, TokenTree::Ident(part), ..] = &tokens[at..]
        && is_punct(dot, '.')
    {
        key.push('.');
        key.push_str(part.to_string().trim_start_matches("r#"));
        at += 2;
    }
    let (TokenTree::Punct(equals), rest) = tokens[at..].split_first()? else { return None };
    let comparison = equals.spacing() == Spacing::Joint
        && rest.first().is_some_and(|next| is_punct(next, '=') || is_punct(next, '>'));
    (equals.as_char() == '=' && !comparison).then_some((key, rest))
}

/// The message; a `$message:expr` of a surrounding macro arrives in an invisible group.
fn message(tokens: Vec<TokenTree>) -> Message {
    match tokens.as_slice() {
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::None => {
            message(group.stream().into_iter().collect())
        }
        [TokenTree::Literal(literal)] => match unescape(&literal.to_string()) {
            Some(text) => Message::Text(literal.clone(), text),
            None => Message::Macro(tokens.into_iter().collect()),
        },
        _ => Message::Macro(tokens.into_iter().collect()),
    }
}

/// A path to a constant (`Level::Info`, `AUDIT`) and `Level::new(25)` can stand in a `static`.
fn level_arg(tokens: Vec<TokenTree>) -> LevelArg {
    if let [TokenTree::Group(group)] = tokens.as_slice()
        && group.delimiter() == Delimiter::None
    {
        return level_arg(group.stream().into_iter().collect());
    }
    let is_constant = {
        let (path, literal_args) = match tokens.as_slice() {
            [path @ .., TokenTree::Group(args)] => {
                let mut inner = args.stream().into_iter();
                let literal = matches!(inner.next(), Some(TokenTree::Literal(_)));
                (path, literal && inner.next().is_none())
            }
            path => (path, false),
        };
        let is_path = path.iter().all(|token| match token {
            TokenTree::Ident(ident) => ident.to_string() != "Self",
            TokenTree::Punct(punct) => punct.as_char() == ':',
            _ => false,
        });
        let last = path.last().map(ToString::to_string).unwrap_or_default();
        is_path && ((literal_args && last == "new") || last.starts_with(char::is_uppercase))
    };
    let tokens = tokens.into_iter().collect();
    if is_constant { LevelArg::Constant(tokens) } else { LevelArg::Expr(tokens) }
}
