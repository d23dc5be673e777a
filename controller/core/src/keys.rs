//! Maps with numbers as keys, in documents. JSON has only text for a key, and inside of a tagged
//! enum, as a line of the journal is, serde does not read it back as a number by itself.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Writes the keys as text.
pub(crate) fn serialize<K: Display, V: Serialize, S: Serializer>(
    map: &BTreeMap<K, V>,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_map(map.iter().map(|(key, value)| (key.to_string(), value)))
}

/// Reads them back.
pub(crate) fn deserialize<'de, K, V, D>(from: D) -> Result<BTreeMap<K, V>, D::Error>
where
    K: FromStr + Ord,
    V: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let read = BTreeMap::<String, V>::deserialize(from)?;
    let number = |(key, value): (String, V)| {
        let number = key.parse().map_err(|_| D::Error::custom(format!("{key} is no number")))?;
        Ok((number, value))
    };
    read.into_iter().map(number).collect()
}
