//! One line of JSON Lines as keys and plain values, without building values that are not used.

use std::sync::LazyLock;

use serde_json::{Map, Value as Json};

use crate::data::log::Value;

/// A whole line.
pub(super) type Object = Map<String, Json>;

/// JSON with the NaN and Infinity that Python writes bare and JSON has no word for, as text; `None`
/// when that is not what is wrong with it.
pub(super) fn with_bare_numbers<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    static BARE: LazyLock<regex::Regex> = LazyLock::new(|| {
        regex::Regex::new(r"([:,\[]\s*)(NaN|-?Infinity)\b").expect("a fixed pattern")
    });
    if !text.contains("NaN") && !text.contains("Infinity") {
        return None;
    }
    serde_json::from_str(&BARE.replace_all(text, "$1\"$2\"")).ok()
}

/// One line as an object.
pub(super) fn object(line: &str) -> Result<Object, serde_json::Error> {
    serde_json::from_str(line).or_else(|error| with_bare_numbers(line).ok_or(error))
}

/// A value of a line that a step log can use.
#[derive(Debug)]
pub(super) enum Scalar<'a> {
    Number(f64),
    Text(std::borrow::Cow<'a, str>),
    /// Values in a group of their own, `{"train": {"loss": 3.1}}`.
    Group(Vec<(std::borrow::Cow<'a, str>, Scalar<'a>)>),
    Other,
}

impl Scalar<'_> {
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(x) => Some(*x),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Group(_) | Self::Other => None,
        }
    }

    pub(super) fn value(&self) -> Value {
        match self {
            Self::Number(x) => Value::Number(*x),
            Self::Text(text) => Value::from_text(text),
            Self::Group(_) | Self::Other => Value::Missing,
        }
    }
}

/// The keys and plain values of a line, without building values that are not used.
pub(super) struct Entries<'a>(pub(super) Vec<(std::borrow::Cow<'a, str>, Scalar<'a>)>);

impl Entries<'_> {
    pub(super) fn event(&self) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == "event").and_then(|(_, value)| match value {
            Scalar::Text(text) => Some(text.as_ref()),
            _ => None,
        })
    }
}

pub(super) fn entries(line: &str) -> Result<Entries<'_>, serde_json::Error> {
    let read = serde_json::from_str::<Entries<'_>>(line).or_else(|error| {
        let owned = object(line).map_err(|_| error)?;
        Ok(Entries(
            owned.into_iter().map(|(key, value)| (key.into(), owned_scalar(value))).collect(),
        ))
    })?;
    let grouped = read.0.iter().any(|(_, value)| matches!(value, Scalar::Group(_)));
    if !grouped {
        return Ok(read);
    }
    let mut flat = Vec::with_capacity(2 * read.0.len());
    ungroup("", read.0, &mut flat);
    Ok(Entries(flat))
}

fn owned_scalar(value: Json) -> Scalar<'static> {
    match value {
        Json::Number(n) => n.as_f64().map_or(Scalar::Other, Scalar::Number),
        Json::String(text) => Scalar::Text(text.into()),
        Json::Object(group) => Scalar::Group(
            group.into_iter().map(|(key, value)| (key.into(), owned_scalar(value))).collect(),
        ),
        _ => Scalar::Other,
    }
}

/// Keys of groups as `group/key`.
fn ungroup<'a>(
    path: &str,
    group: Vec<(std::borrow::Cow<'a, str>, Scalar<'a>)>,
    flat: &mut Vec<(std::borrow::Cow<'a, str>, Scalar<'a>)>,
) {
    for (key, value) in group {
        let key = if path.is_empty() { key } else { format!("{path}/{key}").into() };
        match value {
            Scalar::Group(inner) => ungroup(&key, inner, flat),
            value => flat.push((key, value)),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Entries<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::with_capacity(12);
                while let Some(Key(key)) = map.next_key()? {
                    entries.push((key, map.next_value()?));
                }
                Ok(Entries(entries))
            }
        }
        from.deserialize_map(Visitor)
    }
}

/// A key, borrowed where it has no escapes.
struct Key<'a>(std::borrow::Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Scalar::deserialize(from)? {
            Scalar::Text(text) => Ok(Self(text)),
            _ => Err(serde::de::Error::custom("a key that is not text")),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Scalar<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value")
            }

            fn visit_f64<E>(self, x: f64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(x))
            }

            fn visit_i64<E>(self, x: i64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(x as f64))
            }

            fn visit_u64<E>(self, x: u64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(x as f64))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(text.into()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(text.to_owned().into()))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Scalar::Other)
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Scalar::Other)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<Self::Value, A::Error> {
                while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut group = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    group.push((key, map.next_value()?));
                }
                Ok(Scalar::Group(group))
            }
        }
        from.deserialize_any(Visitor)
    }
}
