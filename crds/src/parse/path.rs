//! Paths into a document: `spec.hosts[3].after[0]`, `ssh.hosts["a.example.org"].port`.

use std::fmt;

/// A path from the root of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path(pub Vec<Segment>);

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Into a mapping.
    Key(String),
    /// Into a list.
    Index(usize),
}

impl Path {
    /// Reads a path as it is displayed; `None` if it is not one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut segments = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(quoted) = rest.strip_prefix("[\"") {
                let (key, tail) = quoted.split_once("\"]")?;
                segments.push(Segment::Key(key.to_owned()));
                rest = tail;
            } else if let Some(bracketed) = rest.strip_prefix('[') {
                let (index, tail) = bracketed.split_once(']')?;
                segments.push(Segment::Index(index.parse().ok()?));
                rest = tail;
            } else {
                let key = if segments.is_empty() { rest } else { rest.strip_prefix('.')? };
                let (key, tail) = key.split_at(key.find(['.', '[']).unwrap_or(key.len()));
                if key.is_empty() {
                    return None;
                }
                segments.push(Segment::Key(key.to_owned()));
                rest = tail;
            }
        }
        Some(Self(segments))
    }

    /// The path of the value behind `key`.
    pub(crate) fn key(&self, key: &str) -> Self {
        self.with(Segment::Key(key.to_owned()))
    }

    /// The path of the item at `index`.
    pub(crate) fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    /// The path in backquotes, or `the document` for its root.
    pub(crate) fn quoted(&self) -> String {
        if self.0.is_empty() { "the document".to_owned() } else { format!("`{self}`") }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if key.contains(['.', '[', '"']) => write!(f, "[\"{key}\"]")?,
                Segment::Key(key) if position == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn paths_are_read_as_they_are_written() {
        for text in ["", "spec", "spec.hosts[3].after[0]", "ssh.hosts[\"a.example.org\"].port"] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        for text in [".", "a.", "a..b", "a[", "a[x]", "a[0]b", "a[\"b]"] {
            assert_eq!(Path::parse(text), None, "{text}");
        }
    }
}
