//! NUT's quoting, both ways. The rules are those of upsd's `parseconf.c`.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

/// Longest word upsd keeps (`PCONF_DEFAULT_WORDLEN_LIMIT`); it cuts the rest off without a word.
pub const MAX_WORD_BYTES: usize = 512;

/// A line that cannot be read as words, or a word that cannot be written as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// The line ends inside quotes or after a backslash.
    #[error("the line ends inside a quoted word")]
    Unterminated,
    /// A quote touches another word, as in `a"b"`.
    #[error("a quote stands in the middle of a word")]
    QuoteInsideWord,
    /// The word holds a control character: upsd would drop it, or take it as the end of the line.
    #[error("a word to be sent holds a control character")]
    ControlCharacter,
    /// The word is longer than [`MAX_WORD_BYTES`].
    #[error("a word to be sent is longer than {MAX_WORD_BYTES} bytes, upsd would cut it")]
    WordTooLong,
}

/// Writes one word as upsd reads it back: bare if it is a plain name, else in quotes with `"`, `\`
/// and `#` escaped. The last is for upsd 2.8.0, which takes a bare `#` for a comment even inside
/// quotes and then never answers (measured).
pub fn quote(word: &str) -> Result<Cow<'_, str>, QuoteError> {
    if word.len() > MAX_WORD_BYTES {
        return Err(QuoteError::WordTooLong);
    }
    if word.chars().any(char::is_control) {
        return Err(QuoteError::ControlCharacter);
    }
    if !word.is_empty() && word.chars().all(is_plain) {
        return Ok(Cow::Borrowed(word));
    }
    let mut quoted = String::with_capacity(word.len().saturating_add(2));
    quoted.push('"');
    for c in word.chars() {
        if matches!(c, '"' | '\\' | '#') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    Ok(Cow::Owned(quoted))
}

/// Characters that mean nothing to `parseconf` outside quotes (`#` and `=` do).
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '@')
}

/// Reads a line as words. Stricter than upsd's own reader where that one guesses: a quote that is
/// not closed or touches another word is an error, not a shorter value.
pub fn tokenize(line: &str) -> Result<Vec<String>, QuoteError> {
    let mut words = Vec::new();
    let mut rest = line.chars().peekable();
    loop {
        while rest.next_if(char::is_ascii_whitespace).is_some() {}
        if rest.peek().is_none() {
            return Ok(words);
        }
        words.push(if rest.next_if_eq(&'"').is_some() {
            quoted_word(&mut rest)?
        } else {
            plain_word(&mut rest)?
        });
    }
}

/// The rest of a word after its opening quote.
fn quoted_word(rest: &mut Peekable<Chars<'_>>) -> Result<String, QuoteError> {
    let mut word = String::new();
    loop {
        match rest.next().ok_or(QuoteError::Unterminated)? {
            '"' => break,
            '\\' => word.push(rest.next().ok_or(QuoteError::Unterminated)?),
            c => word.push(c),
        }
    }
    match rest.peek() {
        Some(c) if !c.is_ascii_whitespace() => Err(QuoteError::QuoteInsideWord),
        _ => Ok(word),
    }
}

/// A word up to the next white space.
fn plain_word(rest: &mut Peekable<Chars<'_>>) -> Result<String, QuoteError> {
    let mut word = String::new();
    while let Some(c) = rest.next_if(|c| !c.is_ascii_whitespace()) {
        match c {
            '"' => return Err(QuoteError::QuoteInsideWord),
            '\\' => word.push(rest.next().ok_or(QuoteError::Unterminated)?),
            _ => word.push(c),
        }
    }
    Ok(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_quoted_only_when_they_must_be() {
        let rows = [
            ("ups.status", "ups.status"),
            ("ups@host:3493", "ups@host:3493"),
            ("", r#""""#),
            ("two words", r#""two words""#),
            ("a=b#c", r#""a=b\#c""#),
            (r"p@ss w$rd", r#""p@ss w$rd""#),
            (r#"say "hi" \o/"#, r#""say \"hi\" \\o/""#),
            ("pässword", "\"pässword\""),
        ];
        for (word, line) in rows {
            assert_eq!(quote(word).as_deref(), Ok(line), "{word}");
        }
    }

    #[test]
    fn words_that_would_break_the_line_are_refused() {
        for word in ["a\nFSD dev", "a\r", "\0", "\u{7f}", "tab\there"] {
            assert_eq!(quote(word), Err(QuoteError::ControlCharacter), "{word:?}");
        }
        assert_eq!(quote(&"x".repeat(MAX_WORD_BYTES + 1)), Err(QuoteError::WordTooLong));
        assert!(quote(&"x".repeat(MAX_WORD_BYTES)).is_ok());
    }

    #[test]
    fn lines_become_words() {
        let rows: [(&str, &[&str]); 7] = [
            ("", &[]),
            ("  OK  ", &["OK"]),
            (r#"VAR dev ups.status "OB DISCHRG""#, &["VAR", "dev", "ups.status", "OB DISCHRG"]),
            (r#"VAR dev x "" "#, &["VAR", "dev", "x", ""]),
            (r#"UPS dev "a \"b\" \\ \#c""#, &["UPS", "dev", r#"a "b" \ #c"#]),
            (r"a\ b c", &["a b", "c"]),
            ("OK\tx", &["OK", "x"]),
        ];
        for (line, words) in rows {
            assert_eq!(tokenize(line).unwrap(), words, "{line}");
        }
    }

    #[test]
    fn broken_lines_are_errors() {
        let rows = [
            (r#"VAR dev ups.status "OB"#, QuoteError::Unterminated),
            (r#"VAR dev ups.status "OB\"#, QuoteError::Unterminated),
            (r"OK \", QuoteError::Unterminated),
            (r#""OB"LB"#, QuoteError::QuoteInsideWord),
            (r#"OB"LB""#, QuoteError::QuoteInsideWord),
        ];
        for (line, error) in rows {
            assert_eq!(tokenize(line), Err(error), "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back_the_same(
            words in prop::collection::vec("[^\\p{Cc}]{0,40}", 0..6)
        ) {
            let line: Vec<_> = words.iter().map(|word| quote(word).unwrap()).collect();
            prop_assert_eq!(tokenize(&line.join(" ")).unwrap(), words);
        }

        #[test]
        fn any_text_is_words_or_an_error(text in any::<String>()) {
            let _ = tokenize(&text);
            let _ = quote(&text);
        }
    }
}
