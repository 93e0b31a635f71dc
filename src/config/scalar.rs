//! Single values of the configuration: sizes, counts, durations.

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::{Deserialize, Serialize};

/// Bytes, at least 1: a number, or text with `KiB`, `MiB` or `GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Size(pub u64);

impl Size {
    fn parse(text: &str) -> Option<u64> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let shift = match unit.trim_start() {
            "" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(1 << shift)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = Size;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a size of at least one byte, such as 4194304 or \"4 MiB\"")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Size, E> {
                match u64::try_from(number) {
                    Ok(size @ 1..) => Ok(Size(size)),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Signed(number), &self)),
                }
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
                match Size::parse(text) {
                    Some(size @ 1..) => Ok(Size(size)),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
        }

        deserializer.deserialize_any(Bytes)
    }
}

impl JsonSchema for Size {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "integer", "minimum": 1 },
            { "type": "string", "pattern": "^[0-9]+ *(KiB|MiB|GiB)?$" },
        ]})
    }
}

/// A number of things, at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Count(pub u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match i64::deserialize(deserializer)?.try_into() {
            Ok(count @ 1..) => Ok(Self(count)),
            _ => Err(D::Error::custom("expected a number of at least 1")),
        }
    }
}

impl JsonSchema for Count {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1 })
    }
}

/// Things a second: a number above 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct Rate(pub f64);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match f64::deserialize(deserializer)? {
            rate if rate > 0.0 && rate.is_finite() => Ok(Self(rate)),
            _ => Err(D::Error::custom("expected a number above 0")),
        }
    }
}

impl JsonSchema for Rate {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "exclusiveMinimum": 0 })
    }
}

/// A span of time longer than none, as jiff's friendly format writes it: `30s`, `5m`, `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Period(pub Duration);

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse::<SignedDuration>()
            .ok()
            .and_then(|duration| Duration::try_from(duration).ok())
            .filter(|duration| !duration.is_zero())
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("`{text}` is not a duration such as `30s`, `5m` or `1h 30m`")))
    }
}

impl JsonSchema for Period {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "[0-9]" })
    }
}

/// Where to listen: an address with its port, or a port of 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Address(pub SocketAddr);

impl Address {
    fn parse(text: &str) -> Option<SocketAddr> {
        let own = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        text.parse().ok().or_else(|| text.parse().ok().map(own))
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Place;

        impl Visitor<'_> for Place {
            type Value = Address;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an address with its port, such as \"127.0.0.1:9317\" or \"[::]:9317\", or a port")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Address, E> {
                let port = u16::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))?;
                Ok(Address(SocketAddr::from((Ipv4Addr::LOCALHOST, port))))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Address, E> {
                Address::parse(text)
                    .map(Address)
                    .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Place)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Deserialize)]
    struct Values {
        size: Option<Size>,
        count: Option<Count>,
        period: Option<Period>,
    }

    fn read(text: &str) -> Option<Values> {
        toml::from_str(text).ok()
    }

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        let size = |text: &str| {
            read(&format!("size = {text}"))
                .and_then(|values| values.size)
                .map(|size| size.0)
        };
        assert_eq!(size("12"), Some(12));
        assert_eq!(size("\"12\""), Some(12));
        assert_eq!(size("\"4MiB\""), Some(4 << 20));
        assert_eq!(size("\"1 GiB\""), Some(1 << 30));
        for bad in [
            "0",
            "-1",
            "\"0KiB\"",
            "\"4MB\"",
            "\"MiB\"",
            "\"\"",
            "1.5",
            "\"99999999999999 GiB\"",
        ] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }

    #[test]
    fn counts_and_durations_are_more_than_nothing() {
        let count = |text: &str| {
            read(&format!("count = {text}"))
                .and_then(|values| values.count)
                .map(|count| count.0)
        };
        assert_eq!(
            (count("1"), count("0"), count("-1"), count("\"1\"")),
            (Some(1), None, None, None)
        );
        let period = |text: &str| read(&format!("period = \"{text}\"")).and_then(|values| values.period);
        assert_eq!(
            period("1h 30m").map(|period| period.0),
            Some(Duration::from_secs(5_400))
        );
        for bad in ["", "0s", "-5m", "5", "soon"] {
            assert_eq!(period(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_size_panic(text in ".{0,40}") {
            let _ = Size::parse(&text);
        }
    }

    #[test]
    fn an_address_is_complete_or_a_port_of_this_host() {
        let address = |text: &str| Address::parse(text).map(|address| address.to_string());
        assert_eq!(address("9317").as_deref(), Some("127.0.0.1:9317"));
        assert_eq!(address("0.0.0.0:9317").as_deref(), Some("0.0.0.0:9317"));
        assert_eq!(address("[::1]:9317").as_deref(), Some("[::1]:9317"));
        for wrong in ["", "localhost:9317", ":9317", "127.0.0.1", "70000"] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }
}
