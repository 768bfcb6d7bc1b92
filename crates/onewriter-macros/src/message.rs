//! From a format string to a numbered template and the values it needs.

use onewriter_record::{ArgRef, Count, Piece, Spec, Template};

/// The format string as the writer gets it, and what has to be sent with each record.
pub struct Plan {
    /// The format string with numbered values.
    pub template: String,
    pub values: Vec<PlanValue>,
    /// The names of variables that the string captures; argument `n_given + i` is the i-th.
    pub captured: Vec<String>,
    /// For each `key = value`, whether the string names it.
    pub named_used: Vec<bool>,
}

/// One value of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanValue {
    /// The argument it is made of.
    pub arg: usize,
    /// The name the string gives it; empty if it has none.
    pub name: String,
    pub form: Form,
}

/// How a value is formatted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Form {
    /// As a width or precision: it is a `usize`.
    Count,
    /// By a placeholder. `counts` are the arguments that `spec` numbers from 1 on.
    Placeholder { spec: Spec, counts: Vec<usize> },
}

/// Arguments are numbered: the positional ones, the named ones, the captured ones.
struct Planner<'a> {
    n_positional: usize,
    names: &'a [String],
    next: usize,
    plan: Plan,
    positional_used: Vec<bool>,
}

/// `None` if the compiler would refuse the string with these arguments: then it shall say why.
pub fn plan(text: &str, n_positional: usize, names: &[String]) -> Option<Plan> {
    let template: Template = text.parse().ok()?;
    let mut planner = Planner {
        n_positional,
        names,
        next: 0,
        plan: Plan {
            template: String::new(),
            values: Vec::new(),
            captured: Vec::new(),
            named_used: vec![false; names.len()],
        },
        positional_used: vec![false; n_positional],
    };
    let pieces = template.pieces.into_iter().map(|piece| planner.piece(piece));
    let numbered = Template { pieces: pieces.collect::<Option<_>>()? };
    if planner.positional_used.contains(&false) {
        return None;
    }
    planner.plan.template = numbered.to_string();
    Some(planner.plan)
}

/// The names that the string uses, as far as it can be read.
pub fn names_in(text: &str) -> Vec<String> {
    let pieces = text.parse::<Template>().unwrap_or_default().pieces;
    let placeholders = pieces.into_iter().filter_map(|piece| match piece {
        Piece::Arg(arg, spec) => Some([Count::Arg(arg), spec.width, spec.precision]),
        Piece::Literal(_) | Piece::Python(..) => None,
    });
    placeholders
        .flatten()
        .filter_map(|count| match count {
            Count::Arg(ArgRef::Name(name)) => Some(name),
            _ => None,
        })
        .collect()
}

impl Planner<'_> {
    fn piece(&mut self, piece: Piece) -> Option<Piece> {
        let Piece::Arg(arg, spec) = piece else { return Some(piece) };
        // `.*` takes its argument before the value takes its own.
        let star = (spec.precision == Count::Star).then(|| self.resolve(&ArgRef::Next));
        let value = self.resolve(&arg)?;
        let width = self.count(&spec.width)?;
        let precision = match star {
            Some(arg) => Some(arg?),
            None => self.count(&spec.precision)?,
        };
        let mut counts = Vec::new();
        let mut local = spec.clone();
        for (arg, count) in [(width, &mut local.width), (precision, &mut local.precision)] {
            if let Some(arg) = arg {
                counts.push(arg);
                *count = Count::Arg(ArgRef::Index(counts.len()));
            }
        }
        let number = self.value(value, Form::Placeholder { spec: local, counts });
        let mut spec = spec;
        for (arg, count) in [(width, &mut spec.width), (precision, &mut spec.precision)] {
            if let Some(arg) = arg {
                *count = Count::Arg(ArgRef::Index(self.value(arg, Form::Count)));
            }
        }
        Some(Piece::Arg(ArgRef::Index(number), spec))
    }

    fn count(&mut self, count: &Count) -> Option<Option<usize>> {
        match count {
            Count::Arg(arg) => self.resolve(arg).map(Some),
            _ => Some(None),
        }
    }

    /// The argument that is meant.
    fn resolve(&mut self, arg: &ArgRef) -> Option<usize> {
        let index = match arg {
            ArgRef::Next => {
                self.next += 1;
                self.next - 1
            }
            ArgRef::Index(index) => *index,
            ArgRef::Name(name) => return Some(self.resolve_name(name)),
        };
        *self.positional_used.get_mut(index)? = true;
        Some(index)
    }

    fn resolve_name(&mut self, name: &str) -> usize {
        if let Some(at) = self.names.iter().position(|given| given == name) {
            self.plan.named_used[at] = true;
            return self.n_positional + at;
        }
        let captured = &mut self.plan.captured;
        let at = captured.iter().position(|known| known == name).unwrap_or_else(|| {
            captured.push(name.to_owned());
            captured.len() - 1
        });
        self.n_positional + self.names.len() + at
    }

    /// The number of the value; the same argument in the same form is sent once.
    fn value(&mut self, arg: usize, form: Form) -> usize {
        let n_given = self.n_positional + self.names.len();
        let name = match arg.checked_sub(self.n_positional) {
            None => String::new(),
            Some(at) if arg < n_given => self.names[at].clone(),
            Some(_) => self.plan.captured[arg - n_given].clone(),
        };
        let value = PlanValue { arg, name, form };
        let values = &mut self.plan.values;
        values.iter().position(|known| *known == value).unwrap_or_else(|| {
            values.push(value);
            values.len() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn template(text: &str, n_positional: usize, names: &[&str]) -> (String, Vec<usize>) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let plan = plan(text, n_positional, &names).expect(text);
        (plan.template, plan.values.iter().map(|value| value.arg).collect())
    }

    #[test]
    fn placeholders_are_numbered_by_the_values_they_need() {
        type Case<'a> = (&'a str, usize, &'a [&'a str], &'a str, &'a [usize]);
        let cases: [Case<'_>; 10] = [
            ("plain {{}}", 0, &[], "plain {{}}", &[]),
            ("{} {:?}", 2, &[], "{0} {1:?}", &[0, 1]),
            ("{1} {0}", 2, &[], "{0} {1}", &[1, 0]),
            ("{0} {0}", 1, &[], "{0} {0}", &[0]),
            ("{0} {0:?}", 1, &[], "{0} {1:?}", &[0, 0]),
            ("{a} {b}", 0, &["b"], "{0} {1}", &[1, 0]),
            ("{a} {}", 1, &[], "{0} {1}", &[1, 0]),
            ("{:1$}", 2, &[], "{0:1$}", &[0, 1]),
            ("{:>w$.p$}", 1, &["p"], "{0:>1$.2$}", &[0, 2, 1]),
            ("{:.*} {}", 3, &[], "{0:.1$} {2}", &[1, 0, 2]),
        ];
        for (text, n, names, numbered, args) in cases {
            assert_eq!(template(text, n, names), (numbered.to_owned(), args.to_vec()));
        }
    }

    #[test]
    fn what_the_compiler_refuses_is_left_to_the_compiler() {
        for (text, n_positional) in
            [("{", 0), ("{0:.*}", 2), ("{}", 0), ("{} {}", 1), ("{0}", 2), ("x", 1)]
        {
            assert!(plan(text, n_positional, &[]).is_none(), "{text}");
        }
    }
}
