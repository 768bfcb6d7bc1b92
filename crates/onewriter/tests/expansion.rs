//! The macros in places that are hostile to macros. Here, compiling is passing.
#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(clippy::semicolon_if_nothing_returned)]
#![no_implicit_prelude]

use ::onewriter::{Level, Limit};

/// Names that a careless expansion would pick up.
#[allow(dead_code, non_camel_case_types)]
mod hostile {
    pub struct Some;
    pub struct None;
    pub struct Ok;
    pub struct Option;
    pub struct Result;
    pub struct Vec;
    pub struct String;
    pub struct u8;
    pub struct str;
    pub mod core {}
    pub mod std {}
    pub mod onewriter {}

    #[test]
    fn names_of_the_surrounding_code_are_not_taken() {
        let n = 1;
        ::onewriter::info!("{} {n} {n:?} {n:>1$}", n, 2, k = n, q = ?n, p = %n);
        ::onewriter::info!(limit: ::onewriter::Limit::once(), "once {}", n);
        let _ = ::onewriter::try_warn!("{n}", k = n);
        ::onewriter::log!(::onewriter::Level::Info, "{n}");
    }
}

fn text_len((): ()) -> usize {
    0
}

#[test]
fn a_call_fits_wherever_an_expression_of_type_unit_fits() {
    let unit: () = ::onewriter::info!("in a let");
    let closure = |n: i32| ::onewriter::info!("in a closure {n}");
    closure(1);
    match text_len(unit) {
        0 => ::onewriter::debug!("in an arm"),
        1 => (),
        n => ::onewriter::debug!("in an arm {n}"),
    }
    if true {
        ::onewriter::trace!()
    } else {
        ::onewriter::error!("else")
    }
    for n in [1, 2] {
        ::onewriter::log!(target: "a", Level::new(25), limit: Limit::every(2), "in a loop {n}", k = n,);
    }
}

#[test]
fn control_flow_may_leave_from_an_argument() {
    fn early(n: i32) -> ::std::option::Option<i32> {
        ::onewriter::info!("{}", ::std::option::Option::Some(n).filter(|n| *n > 1)?);
        ::onewriter::info!(k = if n > 5 { return ::std::option::Option::Some(0) } else { n });
        ::std::option::Option::Some(n)
    }
    // The arguments of a call that nobody wants are not evaluated, so nothing is left early.
    ::std::assert_eq!(
        (early(1), early(7)),
        (::std::option::Option::Some(1), ::std::option::Option::Some(7))
    );
}

struct Shop<T>(T);

impl<T: ::std::fmt::Debug> Shop<T> {
    const LEVEL: Level = Level::Warn;

    fn serve(&mut self, list: &mut [T], text: &str) {
        ::onewriter::info!("{:?} {list:?} {text}", self.0);
        ::onewriter::log!(Self::LEVEL, "{}", text, k = text);
        ::onewriter::info!("{0}{0:?}", &text);
    }
}

#[test]
fn generic_methods_log_what_they_have() {
    Shop(1).serve(&mut [2], "x");
    Shop("a").serve(&mut [], "y");
}

#[test]
fn tasks_that_log_can_change_threads() {
    async fn task(text: &str) -> usize {
        ::onewriter::info!(
            "{text} {}",
            ::std::future::ready(1).await,
            k = ::std::future::ready(2).await
        );
        ::onewriter::error!("{:?}", ::std::cell::Cell::new(1));
        ::std::future::ready(text.len()).await
    }
    fn is_send<T: ::std::marker::Send>(_: &T) {}
    is_send(&task("x"));
}
