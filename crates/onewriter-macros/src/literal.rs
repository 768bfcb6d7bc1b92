//! The text of a string literal.

/// The text that a string literal stands for; `None` if the token is no string literal.
pub fn unescape(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('r') {
        let quoted = raw.trim_start_matches('#');
        let hashes = raw.len() - quoted.len();
        let inner = quoted.strip_prefix('"')?.get(..)?;
        let end = inner.len().checked_sub(hashes + 1)?;
        return Some(inner[..end].to_owned());
    }
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                // A line continuation swallows the newline and the white space after it.
                '\n' | '\r' => {
                    while chars.next_if(|c| matches!(c, ' ' | '\n' | '\r' | '\t')).is_some() {}
                }
                escape => out.push(escaped(escape, &mut chars)?),
            },
            '\r' if chars.peek() == Some(&'\n') => {}
            other => out.push(other),
        }
    }
    Some(out)
}

fn escaped(escape: char, chars: &mut impl Iterator<Item = char>) -> Option<char> {
    Some(match escape {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        '\\' | '\'' | '"' => escape,
        'x' => char::from_u32(16 * chars.next()?.to_digit(16)? + chars.next()?.to_digit(16)?)?,
        'u' => {
            let digits: String =
                chars.skip(1).take_while(|c| *c != '}').filter(|c| *c != '_').collect();
            char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn literals_mean_what_they_mean_to_the_compiler() {
        for (literal, text) in [
            (stringify!(""), ""),
            (stringify!("plain"), "plain"),
            (stringify!("\n\r\t\0\\\'\""), "\n\r\t\0\\\'\""),
            (stringify!("\x41\x7f"), "\x41\x7f"),
            (stringify!("\u{1F600}\u{e9}x\u{1_0}"), "\u{1F600}\u{e9}x\u{10}"),
            (stringify!(r"raw \n {x}"), r"raw \n {x}"),
            (stringify!(r#"say "hi""#), r#"say "hi""#),
            (stringify!(r##"a"#b"##), r##"a"#b"##),
            (stringify!(r""), ""),
            ("\"one \\\n    two\"", "one two"),
            ("\"one \\\r\n \t\n two\"", "one two"),
            (stringify!("ä→😀"), "ä→😀"),
        ] {
            assert_eq!(unescape(literal).as_deref(), Some(text), "{literal}");
        }
    }

    #[test]
    fn other_literals_are_not_strings() {
        for literal in ["5", "b\"x\"", "c\"x\"", "'x'", "br\"x\"", "1.5f32"] {
            assert_eq!(unescape(literal), None, "{literal}");
        }
    }
}
