//! Label selectors, as `kubectl -l` takes them.

use std::collections::BTreeSet;

use kube::core::{Expression, Selector};

/// Reads `app=dns`, `tier in (a,b),!batch`; `None` when it is no selector.
pub(crate) fn parse(text: &str) -> Option<Selector> {
    split(text).into_iter().map(requirement).collect::<Option<Vec<_>>>().map(Selector::from_iter)
}

/// Splits at the commas that are not inside parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
    .collect()
}

fn requirement(text: &str) -> Option<Expression> {
    if let Some((head, values)) = text.split_once('(') {
        return set_requirement(head, values.strip_suffix(')')?);
    }
    if let Some((key, value)) = text.split_once("!=") {
        return Some(Expression::NotEqual(word(key)?, value.trim().to_owned()));
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Some(Expression::Equal(word(key)?, value.trim().to_owned()));
    }
    if let Some(key) = text.strip_prefix('!') {
        return Some(Expression::DoesNotExist(word(key)?));
    }
    Some(Expression::Exists(word(text)?))
}

fn set_requirement(head: &str, values: &str) -> Option<Expression> {
    let values: BTreeSet<String> = values.split(',').map(|v| v.trim().to_owned()).collect();
    let (key, operator) = head.trim().rsplit_once(char::is_whitespace)?;
    match operator {
        "in" => Some(Expression::In(word(key)?, values)),
        "notin" => Some(Expression::NotIn(word(key)?, values)),
        _ => None,
    }
}

/// One word, not empty.
fn word(text: &str) -> Option<String> {
    let text = text.trim();
    let one = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == ')');
    one.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kube::core::SelectorExt;

    use super::*;

    fn matches(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels: BTreeMap<String, String> =
            labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        parse(selector).unwrap().matches(&labels)
    }

    #[test]
    fn selectors_match_as_kubectl_does() {
        let dns = [("app", "dns"), ("tier", "infra")];
        for (selector, wanted) in [
            ("app=dns", true),
            ("app == dns", true),
            ("app=web", false),
            ("app!=web", true),
            ("app", true),
            ("!app", false),
            ("tier in (infra, data)", true),
            ("tier notin (infra)", false),
            ("app=dns,tier in (data)", false),
            ("app=dns,!batch", true),
        ] {
            assert_eq!(matches(selector, &dns), wanted, "{selector}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in ["", "a b", "tier of (a)", "tier in (a", "=x", "app=dns,", "!"] {
            assert!(parse(text).is_none(), "{text:?}");
        }
    }
}
