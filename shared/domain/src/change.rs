//! What a request does to something that may be absent.

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// A change of a field that need not have a value: a request that does not name the field keeps what is there, `null` takes it
/// away, anything else takes its place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays.
    #[default]
    Keep,
    /// It is absent from now on.
    Clear,
    /// It is this from now on.
    Set(T),
}

impl<T> Change<T> {
    /// The value after the change, from the one before it.
    pub fn of(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// The value that takes the place of the one before.
    pub fn set(self) -> Option<T> {
        self.of(None)
    }

    /// Whether what is there stays.
    pub const fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The same change with another kind of value.
    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Self::Keep => Change::Keep,
            Self::Clear => Change::Clear,
            Self::Set(value) => Change::Set(to(value)),
        }
    }
}

impl<T> From<Option<T>> for Change<T> {
    /// For what is new: nothing told, nothing changed.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Keep, Self::Set)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    /// A field that is absent reads as a unit (as [`serde::de::value::UnitDeserializer`] gives it), one that is there as a value
    /// or `null`.
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Told<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Told<T> {
            type Value = Change<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or null")
            }

            fn visit_unit<E: Error>(self) -> Result<Change<T>, E> {
                Ok(Change::Keep)
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, input: D) -> Result<Change<T>, D::Error> {
                Ok(Option::deserialize(input)?.map_or(Change::Clear, Change::Set))
            }
        }

        input.deserialize_newtype_struct("Change", Told(PhantomData))
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for Change<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Option::<T>::schema_name()
    }

    fn inline_schema() -> bool {
        Option::<T>::inline_schema()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Option::<T>::json_schema(generator)
    }

    fn _schemars_private_is_option() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::IntoDeserializer as _;
    use serde_json::json;

    #[test]
    fn absence_keeps_and_null_clears() {
        let told = |value: serde_json::Value| Change::<u8>::deserialize(value);
        let absent = ().into_deserializer();
        assert_eq!(
            Change::<u8>::deserialize::<serde::de::value::UnitDeserializer<serde_json::Error>>(absent)
                .unwrap(),
            Change::Keep
        );
        assert_eq!(told(json!(null)).unwrap(), Change::Clear);
        assert_eq!(told(json!(7)).unwrap(), Change::Set(7));
        assert!(told(json!("seven")).is_err());
        assert!(told(json!(-1)).is_err());
    }

    #[test]
    fn what_is_there_becomes_what_is_told() {
        assert_eq!(Change::Keep.of(Some(1)), Some(1));
        assert_eq!(Change::Clear.of(Some(1)), None);
        assert_eq!(Change::Set(2).of(Some(1)), Some(2));
        assert_eq!(Change::Keep.of(None::<u8>), None);
    }
}
