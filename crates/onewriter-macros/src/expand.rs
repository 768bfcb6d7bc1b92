//! From a parsed call to the tokens that make it.
//!
//! The result is a block: a `static` call site, a test of its level and, if that passes, one
//! `match` that borrows each argument once and hands typed values to `put`. The compiler's own
//! `format_args!` checks each placeholder, at the argument it is about.

use crate::input::{Call, LevelArg, Message, Named, Sigil};
use crate::message::{Form, Plan, PlanValue, names_in, plan};
use crate::quote::{local, quote, string};
use proc_macro::{Ident, Literal, Span, TokenStream, TokenTree};
use std::fmt::Write as _;

/// An argument of the call: an expression, and where to report what is wrong with it.
struct Arg {
    expr: TokenStream,
    span: Span,
}

/// What the record consists of.
#[derive(Default)]
struct Parts {
    template: String,
    args: Vec<Arg>,
    arg_names: Vec<String>,
    /// Which `key = value` are fields.
    fields: Vec<usize>,
    /// `let v0 = ...;` for each value, message first.
    values: Vec<TokenStream>,
}

pub fn expand(call: Call) -> TokenStream {
    let parts = match &call.message {
        Some(Message::Text(literal, text)) => {
            let names: Vec<String> = call.named.iter().map(|named| named.key.clone()).collect();
            match plan(text, call.positional.len(), &names) {
                Some(plan) => planned(&call, literal, plan),
                None => return refused(&call, literal, text),
            }
        }
        Some(Message::Macro(message)) => rendered(&call, message),
        None => Parts {
            args: call.named.iter().map(named_argument).collect(),
            fields: (0..call.named.len()).collect(),
            ..Parts::default()
        },
    };
    let parts = with_fields(&call, parts);
    statement(&call, &parts)
}

/// A message whose values travel typed.
fn planned(call: &Call, literal: &Literal, plan: Plan) -> Parts {
    let mut parts = Parts { template: plan.template, ..Parts::default() };
    parts.args = call.positional.iter().map(argument).collect();
    parts.args.extend(call.named.iter().map(named_argument));
    parts.args.extend(plan.captured.iter().map(|name| captured(name, literal.span())));
    for value in &plan.values {
        let number = parts.values.len();
        parts.values.push(message_value(call, &parts.args, number, value));
        parts.arg_names.push(value.name.clone());
    }
    parts.fields = (0..call.named.len()).filter(|at| !plan.named_used[*at]).collect();
    parts
}

/// A message that only the compiler can put together: it is rendered on the caller.
fn rendered(call: &Call, message: &TokenStream) -> Parts {
    let args: Vec<Arg> = call.positional.iter().map(argument).collect();
    let mut locals = message.clone();
    for (number, arg) in args.iter().enumerate() {
        locals.extend(quote(", A", &[("A", &local('a', number, arg.span))]));
    }
    let value = quote(
        "let v0 = KRATE::__private::Scratch::render(KRATE::__private::format_args!(MESSAGE));",
        &[("KRATE", &call.krate), ("MESSAGE", &locals)],
    );
    let mut parts = Parts { args, values: vec![value], ..Parts::default() };
    parts.arg_names.push(String::new());
    parts.args.extend(call.named.iter().map(named_argument));
    parts.fields = (0..call.named.len()).collect();
    parts
}

/// Adds the values of all `key = value` that are no arguments of the message.
fn with_fields(call: &Call, mut parts: Parts) -> Parts {
    for at in &parts.fields {
        let named = &call.named[*at];
        let arg = local('a', call.positional.len() + at, named.span);
        parts.values.push(field_value(call, named, &arg, parts.values.len()));
    }
    parts
}

fn named_argument(named: &Named) -> Arg {
    Arg { expr: named.value.clone(), span: named.span }
}

fn argument(expr: &TokenStream) -> Arg {
    let span = expr.clone().into_iter().next().map_or_else(Span::call_site, |first| first.span());
    Arg { expr: expr.clone(), span }
}

/// A variable that the format string names, resolved where the string was written.
fn captured(name: &str, span: Span) -> Arg {
    let plain = name.parse::<TokenStream>().ok().and_then(|tokens| tokens.into_iter().next());
    let is_keyword = KEYWORDS.contains(&name);
    let ident = match plain {
        Some(TokenTree::Ident(_)) if is_keyword => Ident::new_raw(name, span),
        _ => Ident::new(name, span),
    };
    Arg { expr: TokenTree::from(ident).into(), span }
}

/// Words that can be variables only as `r#word`; a format string captures them without the `r#`.
const KEYWORDS: [&str; 48] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

fn message_value(call: &Call, args: &[Arg], number: usize, value: &PlanValue) -> TokenStream {
    let span = args[value.arg].span;
    let arg = local('a', value.arg, span);
    let out = local('v', number, span);
    let holes = [("KRATE", &call.krate), ("VALUE", &out), ("ARG", &arg)];
    let Form::Placeholder { spec, counts } = &value.form else {
        return quote("let VALUE = KRATE::__private::count(ARG);", &holes);
    };
    let is_pointer = spec.kind == onewriter_record::Trait::Pointer;
    let placeholder = if spec.is_plain() { "{0}".to_owned() } else { format!("{{0:{spec}}}") };
    let text = string(&placeholder, span);
    let mut count_args = TokenStream::new();
    for count in counts {
        let count = local('a', *count, args[*count].span);
        count_args.extend(quote(", *COUNT", &[("COUNT", &count)]));
    }
    let source = if is_pointer {
        "let VALUE = KRATE::__private::Scratch::render(
             KRATE::__private::format_args!(TEXT, *ARG COUNTS));"
    } else {
        "let VALUE = (&KRATE::__private::Arg(ARG)).kind().value(
             ARG, KRATE::__private::format_args!(TEXT, ARG COUNTS));"
    };
    let [krate, out, arg] = holes;
    quote(source, &[krate, out, arg, ("TEXT", &text), ("COUNTS", &count_args)])
}

fn field_value(call: &Call, named: &Named, arg: &TokenStream, number: usize) -> TokenStream {
    let out = local('v', number, named.span);
    let source = match named.sigil {
        Sigil::None => "let VALUE = (&&&&&&KRATE::__private::Arg(ARG)).field_kind().field(ARG);",
        Sigil::Debug => {
            "let VALUE = KRATE::__private::Scratch::render(
                 KRATE::__private::format_args!(\"{:?}\", ARG));"
        }
        Sigil::Display => {
            "let VALUE = KRATE::__private::Scratch::render(
                 KRATE::__private::format_args!(\"{}\", ARG));"
        }
    };
    quote(source, &[("KRATE", &call.krate), ("VALUE", &out), ("ARG", arg)])
}

/// The format string is wrong: `format_args!` says how, and at which place of it.
fn refused(call: &Call, literal: &Literal, text: &str) -> TokenStream {
    let mut args = TokenStream::from(TokenTree::from(literal.clone()));
    for positional in &call.positional {
        args.extend(quote(", ARG", &[("ARG", positional)]));
    }
    let used = names_in(text);
    for named in call.named.iter().filter(|named| used.contains(&named.key)) {
        let key = captured(&named.key, named.span).expr;
        args.extend(quote(", KEY = ARG", &[("KEY", &key), ("ARG", &named.value)]));
    }
    let ok = if call.fallible { "KRATE::__private::Ok(())" } else { "" };
    quote(
        &format!("{{ let _ = KRATE::__private::format_args!(ARGS); {ok} }}"),
        &[("KRATE", &call.krate), ("ARGS", &args)],
    )
}

/// The block: call site, level test, body.
fn statement(call: &Call, parts: &Parts) -> TokenStream {
    let krate = [("KRATE", &call.krate)];
    let (site_type, level, site) = match &call.level {
        LevelArg::Constant(level) => (
            "CallSite",
            quote("KRATE::__private::Some(LEVEL)", &[krate[0], ("LEVEL", level)]),
            quote("&__ONEWRITER_SITE", &[]),
        ),
        LevelArg::Expr(level) => (
            "LeveledSite",
            quote("KRATE::__private::None", &krate),
            quote("__ONEWRITER_SITE.at(LEVEL)", &[("LEVEL", level)]),
        ),
    };
    let source = format!(
        "{{
            static __ONEWRITER_SITE: KRATE::__private::{site_type} =
                KRATE::__private::{site_type}::new(DEFINITION);
            let site: &'static KRATE::__private::CallSite = SITE;
            GUARDED
        }}"
    );
    let holes = [
        krate[0],
        ("DEFINITION", &definition(call, parts, &level)),
        ("SITE", &site),
        ("GUARDED", &guarded(call, &body(call, parts))),
    ];
    quote(&source, &holes)
}

/// What the call site says about itself.
fn definition(call: &Call, parts: &Parts, level: &TokenStream) -> TokenStream {
    let target = match &call.target {
        Some(target) => target.clone(),
        None => quote("KRATE::__private::module_path!()", &[("KRATE", &call.krate)]),
    };
    let field_names: Vec<String> =
        parts.fields.iter().map(|at| call.named[*at].key.clone()).collect();
    let holes = [
        ("KRATE", &call.krate),
        ("LEVEL", level),
        ("TARGET", &target),
        ("TEMPLATE", &string(&parts.template, Span::call_site())),
        ("ARG_NAMES", &names(&parts.arg_names)),
        ("FIELD_NAMES", &names(&field_names)),
    ];
    let source = "KRATE::__private::SiteDef {
        level: LEVEL,
        level_name: \"\",
        target: TARGET,
        module: KRATE::__private::module_path!(),
        file: KRATE::__private::file!(),
        line: KRATE::__private::line!(),
        function: \"\",
        template: TEMPLATE,
        is_python: false,
        args: &[ARG_NAMES],
        fields: &[FIELD_NAMES],
    }";
    quote(source, &holes)
}

/// The body, if the filter and the limit let it pass.
fn guarded(call: &Call, body: &TokenStream) -> TokenStream {
    let otherwise = if call.fallible { "KRATE::__private::Ok(())" } else { "" };
    let mut holes = vec![("KRATE", &call.krate), ("BODY", body)];
    let Some(limit) = &call.limit else {
        return quote(&format!("if site.is_enabled() {{ BODY }} else {{ {otherwise} }}"), &holes);
    };
    holes.push(("LIMIT", limit));
    let source = format!(
        "static __ONEWRITER_LIMIT: KRATE::__private::LimitState =
             KRATE::__private::LimitState::new(LIMIT);
         if let KRATE::__private::Some(suppressed) =
             KRATE::__private::admit(site, &__ONEWRITER_LIMIT)
         {{ BODY }} else {{ {otherwise} }}"
    );
    quote(&source, &holes)
}

fn names(names: &[String]) -> TokenStream {
    let mut out = TokenStream::new();
    for name in names {
        out.extend(quote("NAME,", &[("NAME", &string(name, Span::call_site()))]));
    }
    out
}

/// Borrows the arguments, makes the values, puts them.
fn body(call: &Call, parts: &Parts) -> TokenStream {
    let mut borrows = TokenStream::new();
    let mut locals = TokenStream::new();
    for (number, arg) in parts.args.iter().enumerate() {
        borrows.extend(quote("&(EXPR),", &[("EXPR", &arg.expr)]));
        locals.extend(quote("LOCAL,", &[("LOCAL", &local('a', number, arg.span))]));
    }
    let mut lets = TokenStream::new();
    lets.extend(parts.values.iter().cloned());
    let (mut tags, mut size, mut writes) = (String::new(), "0".to_owned(), String::new());
    for number in 0..parts.values.len() {
        // Writing to a `String` cannot fail.
        let _ = write!(tags, "KRATE::__private::Encode::tag(&v{number}),");
        let _ = write!(size, " + KRATE::__private::Encode::size(&v{number})");
        let _ = write!(writes, "KRATE::__private::Encode::write(&v{number}, out);");
    }
    let put = match (call.fallible, call.limit.is_some()) {
        (false, false) => "put(site, ",
        (false, true) => "put_limited(site, suppressed, ",
        (true, false) => "try_put(site, ",
        (true, true) => "try_put_limited(site, suppressed, ",
    };
    let (before, after) = if call.fallible { ("let result =", "result") } else { ("", "") };
    let source = format!(
        "{before} match (BORROWS) {{
            (LOCALS) => {{
                #[allow(unused_imports)]
                use KRATE::__private::{{
                    ByText as _, ByValue as _, FieldByChain as _, FieldByCopy as _, FieldByDeref as _,
                    FieldByDerefTwice as _, FieldByValue as _, FieldRefused as _,
                }};
                LETS
                KRATE::__private::{put} [{tags}], {size}, move |out| {{ let _ = &out; {writes} }})
            }}
        }};
        {after}"
    );
    let holes =
        [("KRATE", &call.krate), ("BORROWS", &borrows), ("LOCALS", &locals), ("LETS", &lets)];
    quote(&source, &holes)
}
