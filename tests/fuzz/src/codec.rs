//! The codec of NUT: the first byte says how the stream is split, the rest is what a server sends.

use ananke_nut::{
    ErrCode, Secret, StatusFlags,
    codec::{
        Answer, CodecError, Expected, LineBuffer, MAX_BUFFERED_BYTES, MAX_LINE_BYTES,
        MAX_LIST_ENTRIES, QuoteError, Request, Response, quote, tokenize,
    },
};

use crate::bytes::{first, is_one_plain_line, pieces};

pub(crate) fn run(bytes: &[u8]) {
    let (seed, stream) = first(bytes);
    let read = lines(&[stream]);
    assert_eq!(read, lines(&pieces(seed, stream)), "another split gives other lines");
    assert_eq!(read, lines(&pieces(0, stream)), "byte by byte gives other lines");
    assert_eq!(read, as_documented(stream));
    for line in &read.0 {
        words(line);
        response(line);
    }
    answers(&read.0);
}

/// All lines, and the error that ended them, if one did.
type Lines = (Vec<String>, Option<CodecError>);

/// What a [`LineBuffer`] makes of pieces.
fn lines(pieces: &[&[u8]]) -> Lines {
    let (mut buffer, mut lines) = (LineBuffer::default(), Vec::new());
    for mut piece in pieces.iter().copied() {
        while !piece.is_empty() {
            let taken = buffer.feed(piece);
            assert!(taken > 0 && buffer.free() < MAX_BUFFERED_BYTES, "it takes nothing");
            piece = &piece[taken..];
            loop {
                match buffer.next_line() {
                    Ok(Some(line)) => lines.push(line),
                    Ok(None) => break,
                    Err(error) => return (lines, Some(error)),
                }
            }
        }
    }
    (lines, None)
}

/// The same by the rules alone.
fn as_documented(stream: &[u8]) -> Lines {
    let mut lines = Vec::new();
    for line in stream.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.strip_suffix(b"\n");
        if bare.unwrap_or(line).len() > MAX_LINE_BYTES {
            return (lines, Some(CodecError::LineTooLong));
        }
        if let Some(bare) = bare {
            let bare = bare.strip_suffix(b"\r").unwrap_or(bare);
            lines.push(String::from_utf8_lossy(bare).into_owned());
        }
    }
    (lines, None)
}

/// Words that are sent as they were read are read the same.
fn words(line: &str) {
    let Ok(words) = tokenize(line) else { return };
    if let Ok(line) = joined(&words) {
        assert_eq!(tokenize(&line).as_ref(), Ok(&words), "{line:?}");
    }
}

fn joined(words: &[String]) -> Result<String, QuoteError> {
    let quoted: Result<Vec<_>, _> = words.iter().map(|word| quote(word)).collect();
    quoted.map(|words| words.join(" "))
}

fn response(line: &str) {
    let response = match Response::parse(line) {
        Ok(response) => response,
        Err(error) => return is_one_plain_line(&error.to_string()),
    };
    if let Ok(printed) = joined(&as_sent(&response)) {
        assert_eq!(Response::parse(&printed).as_ref(), Ok(&response), "{printed:?}");
    }
    match &response {
        Response::Var { value, .. } => status(value),
        Response::Err(code) => {
            assert_eq!(&ErrCode::from_word(code.as_str()), code);
            is_one_plain_line(&format!("{code}: {}", code.advice()));
        }
        _ => {}
    }
}

/// The words of a response.
fn as_sent(response: &Response) -> Vec<String> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    match response {
        Response::Ok => words(&["OK"]),
        Response::Err(code) => words(&["ERR", code.as_str()]),
        Response::Var { ups, variable, value } => words(&["VAR", ups, variable, value]),
        Response::NumLogins { ups, count } => words(&["NUMLOGINS", ups, &count.to_string()]),
        Response::Ups { name, description } => words(&["UPS", name, description]),
        Response::BeginListUps => words(&["BEGIN", "LIST", "UPS"]),
        Response::EndListUps => words(&["END", "LIST", "UPS"]),
    }
}

/// `ups.status` is a set: neither order nor repetition says anything, and no word is lost.
fn status(value: &str) {
    let flags = StatusFlags::parse(value);
    let mut said: Vec<&str> = flags.unknown().collect();
    for flag in flags.iter() {
        said.push(flag.as_str());
    }
    assert_eq!(StatusFlags::parse(&said.join(" ")), flags);
    let mut words: Vec<&str> = value.split_ascii_whitespace().collect();
    assert!(words.iter().all(|word| said.contains(word)), "a word of {value:?} is lost");
    words.reverse();
    let backwards = words.join("\t");
    assert_eq!(StatusFlags::parse(&format!("{backwards} {backwards}")), flags);
}

/// The lines as answers to each request: what is taken is about what was asked for.
fn answers(lines: &[String]) {
    let password = Secret::new("pass word");
    let ups = "ups";
    for request in [
        Request::GetVar { ups, variable: "ups.status" },
        Request::GetNumLogins { ups },
        Request::ListUps,
        Request::StartTls,
        Request::Password(&password),
        Request::Fsd { ups },
    ] {
        let mut expected = Expected::to(request);
        for (taken, line) in lines.iter().enumerate() {
            assert!(taken < MAX_LIST_ENTRIES + 2, "a list without an end");
            match expected.accept(line) {
                Ok(None) => assert_eq!(request, Request::ListUps, "only a list has many lines"),
                Ok(Some(answer)) => {
                    fits(request, &answer, line);
                    break;
                }
                Err(error) => {
                    is_one_plain_line(&error.to_string());
                    let hides = matches!(request, Request::Password(_));
                    let is_shown = line.len() > 8 && format!("{error} {error:?}").contains(line);
                    assert!(!(hides && is_shown), "the answer to a password is shown");
                    break;
                }
            }
        }
    }
}

fn fits(request: Request<'_>, answer: &Answer, line: &str) {
    let words = tokenize(line).unwrap();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let is_so = match (request, answer, words.as_slice()) {
        (_, Answer::Err(code), ["ERR", word, ..]) => code.as_str() == *word,
        (Request::GetVar { .. }, Answer::Var(value), ["VAR", "ups", "ups.status", said]) => {
            value == said
        }
        (Request::GetNumLogins { .. }, Answer::NumLogins(count), ["NUMLOGINS", "ups", said]) => {
            said.parse() == Ok(*count)
        }
        (Request::ListUps, Answer::UpsList(list), ["END", "LIST", "UPS"]) => {
            list.len() <= MAX_LIST_ENTRIES
        }
        (
            Request::StartTls | Request::Password(_) | Request::Fsd { .. },
            Answer::Ok,
            ["OK", ..] | ["Goodbye..."],
        ) => true,
        _ => false,
    };
    assert!(is_so, "{line:?} is taken as {answer:?} to {request}");
}
