//! Checks of a response, in addition to its status.

use std::fmt;

use http::HeaderName;
use tenfold_secret::{MASK, is_secret_location, masked_json_value, masked_text};

use crate::format::clip::clip;
use crate::format::error::ScenarioError;
use crate::format::fields::{Fields, Value};

mod decimal;

pub use decimal::Decimal;

/// A check of a response, in addition to its status. The request fails if a check fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Name in reports; generated from the test if the scenario has none.
    pub name: String,
    /// The test.
    pub test: CheckTest,
}

/// Test of a response.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckTest {
    /// Value of a header: its lines joined by commas (RFC 9110, section 5.3). Of `set-cookie`, any line.
    Header(HeaderName, Expected),
    /// Value at a JSON Pointer (RFC 6901) in the body.
    Json(String, Expected),
    /// Text contained in the body.
    BodyContains(String),
    /// Range of the body's length in bytes as transferred, inclusive.
    BodyBytes {
        /// Minimum.
        min: u64,
        /// Maximum.
        max: u64,
    },
    /// SHA-256 of the whole body, decoded if the request asks for a coding.
    Sha256([u8; 32]),
}

/// Test of one value.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// Present, or absent if `false`.
    Exists(bool),
    /// Equal to this value.
    Equals(Scalar),
    /// Contains this text; for a JSON list, contains this string.
    Contains(String),
    /// Number in this range, inclusive.
    Between {
        /// Minimum. `None` if there is none.
        min: Option<Decimal>,
        /// Maximum. `None` if there is none.
        max: Option<Decimal>,
    },
}

/// Value to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    /// Text.
    Text(String),
    /// Number.
    Number(Decimal),
    /// True or false.
    Flag(bool),
}

/// Parts of a response needed by checks, captures and scripts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// True if headers are needed.
    pub headers: bool,
    /// Number of bytes of the body that are needed.
    pub body_bytes: usize,
    /// True if the SHA-256 of the body is needed.
    pub sha256: bool,
    /// True if the request asks for a content coding, so that a kept body is decoded.
    pub decode: bool,
}

/// Maximum number of checks of a request.
const CHECKS_MAX: usize = 64;

/// Maximum number of body bytes searched by checks and captures. A longer body fails a check that needs
/// all of it.
pub(crate) const SEARCHED_BODY_BYTES: usize = 1024 * 1024;

/// Body bytes kept for a sample of a failed check.
const SAMPLED_BODY_BYTES: usize = 16 * 1024;

impl Check {
    /// Reads the list of a request's checks.
    pub(crate) fn read_all(value: &Value<'_>) -> Result<Vec<Self>, ScenarioError> {
        let list = value.list()?;
        if list.len() > CHECKS_MAX {
            return Err(value.error(format!(
                "a request has at most {CHECKS_MAX} checks, and this one has {}",
                list.len()
            )));
        }
        let mut checks: Vec<Self> = Vec::new();
        for value in &list {
            let mut check = Self::read(value)?;
            // Masking may have made their names equal.
            let name = check.name.clone();
            let mut count = 2;
            while check.is_masked_name(&checks) {
                check.name = format!("{name} ({count})");
                count += 1;
            }
            if checks.iter().any(|other| other.name == check.name) {
                return Err(value
                    .error(format!("two checks are called `{}`", clip(&check.name)))
                    .hint("give each its own `name`"));
            }
            checks.push(check);
        }
        Ok(checks)
    }

    /// Returns whether the name is generated, masked, and equal to another.
    fn is_masked_name(&self, others: &[Self]) -> bool {
        self.name.contains(MASK)
            && others
                .iter()
                .any(|other| other.name == self.name && other.test != self.test)
    }

    /// Reads a table such as `{ header = "content-type", contains = "json" }`.
    fn read(value: &Value<'_>) -> Result<Self, ScenarioError> {
        let mut fields = value.table("a check")?;
        let name = match fields.optional("name") {
            None => None,
            Some(value) => Some(value.name()?),
        };
        let subjects = ["header", "json", "body_contains", "body_bytes", "sha256"];
        let given: Vec<&str> = subjects
            .into_iter()
            .filter(|subject| fields.optional(subject).is_some())
            .collect();
        let hint = "write one such as { header = \"content-type\", contains = \"json\" } or \
                    { json = \"/id\", exists = true }";
        if fields.has("status") {
            return Err(value
                .error("a check has no `status`")
                .hint("write expect = [200] next to the checks"));
        }
        let subject = match given.as_slice() {
            [subject] => *subject,
            [] => {
                // A misspelt field is the likelier mistake.
                for name in COMPARISONS {
                    fields.optional(name);
                }
                fields.finish()?;
                return Err(value
                    .error("a check needs one of `header`, `json`, `body_contains`, `body_bytes` and `sha256`")
                    .hint(hint));
            }
            [one, other, ..] => {
                return Err(value
                    .error(format!("a check has either `{one}` or `{other}`, not both"))
                    .hint("write two checks"));
            }
        };
        let subject_value = fields.required(subject)?;
        let test = match subject {
            "header" => {
                let header = subject_value.text()?;
                let header = header.parse().map_err(|_| {
                    subject_value.error(format!("`{}` is not a valid header name", clip(header)))
                })?;
                CheckTest::Header(header, Expected::read(value, &mut fields)?)
            }
            "json" => {
                let pointer = subject_value.text()?;
                if !(pointer.is_empty() || pointer.starts_with('/')) {
                    return Err(subject_value
                        .error(format!("`{}` is not a JSON Pointer", clip(pointer)))
                        .hint("write \"/items/0/id\", or \"\" for the whole document"));
                }
                CheckTest::Json(pointer.to_owned(), Expected::read(value, &mut fields)?)
            }
            "body_contains" => {
                let text = subject_value.text()?;
                if text.is_empty() {
                    return Err(
                        subject_value.error("`body_contains` is empty, so it checks nothing")
                    );
                }
                CheckTest::BodyContains(text.to_owned())
            }
            "body_bytes" => read_body_bytes(&subject_value)?,
            _ => CheckTest::Sha256(read_sha256(&subject_value)?),
        };
        fields.finish()?;
        Ok(Self {
            name: name.unwrap_or_else(|| test.to_string()),
            test,
        })
    }

    /// Returns the parts of a response that the check needs, including for a sample if it fails.
    pub(crate) fn needs(&self) -> Needs {
        let whole = matches!(self.test, CheckTest::Json(..) | CheckTest::BodyContains(_));
        Needs {
            headers: true,
            body_bytes: match whole {
                true => SEARCHED_BODY_BYTES,
                false => SAMPLED_BODY_BYTES,
            },
            sha256: matches!(self.test, CheckTest::Sha256(_)),
            decode: false,
        }
    }
}

impl Needs {
    /// Returns whether any part is needed.
    pub fn any(self) -> bool {
        self.headers || self.body_bytes > 0 || self.sha256
    }

    /// Returns the combined needs.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            headers: self.headers || other.headers,
            body_bytes: self.body_bytes.max(other.body_bytes),
            sha256: self.sha256 || other.sha256,
            decode: self.decode || other.decode,
        }
    }
}

/// Fields that compare a value.
const COMPARISONS: [&str; 5] = ["exists", "equals", "contains", "min", "max"];

impl Expected {
    fn read(check: &Value<'_>, fields: &mut Fields<'_>) -> Result<Self, ScenarioError> {
        let [exists, equals, contains, min, max] = COMPARISONS.map(|name| fields.optional(name));
        let given = [&exists, &equals, &contains]
            .iter()
            .filter(|value| value.is_some())
            .count()
            + usize::from(min.is_some() || max.is_some());
        if given > 1 {
            return Err(check
                .error(
                    "a check has only one of `exists`, `equals`, `contains`, and `min` with `max`",
                )
                .hint("write two checks"));
        }
        if let Some(value) = exists {
            return Ok(Self::Exists(value.flag()?));
        }
        if let Some(value) = equals {
            return Ok(Self::Equals(Scalar::read(&value)?));
        }
        if let Some(value) = contains {
            return Ok(Self::Contains(value.text()?.to_owned()));
        }
        if min.is_some() || max.is_some() {
            let bound = |value: Option<Value<'_>>| value.map(|value| number(&value)).transpose();
            let (min, max) = (bound(min)?, bound(max)?);
            if let (Some(min), Some(max)) = (&min, &max)
                && max < min
            {
                return Err(check.error("`max` is less than `min`"));
            }
            return Ok(Self::Between { min, max });
        }
        // A misspelt comparison shows as an unknown field.
        fields.reject_unknown()?;
        Err(check
            .error("the check has no comparison")
            .hint("add exists = true, equals = ..., contains = \"...\", min = ... or max = ..."))
    }
}

impl Scalar {
    fn read(value: &Value<'_>) -> Result<Self, ScenarioError> {
        if value.is_number() {
            return Ok(Self::Number(number(value)?));
        }
        Ok(match value.json()? {
            serde_json::Value::Bool(flag) => Self::Flag(flag),
            serde_json::Value::String(text) => Self::Text(text),
            other => Self::Text(other.to_string()),
        })
    }

    /// Formats the value as JSON.
    fn json(&self) -> String {
        match self {
            Self::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
        }
    }
}

/// Reads a number with all of its digits.
fn number(value: &Value<'_>) -> Result<Decimal, ScenarioError> {
    Decimal::parse(&value.digits()?).ok_or_else(|| value.error("this is not a finite number"))
}

fn read_body_bytes(value: &Value<'_>) -> Result<CheckTest, ScenarioError> {
    if value.is_integer() {
        let bytes = value.count(0..=u64::MAX)?;
        return Ok(CheckTest::BodyBytes {
            min: bytes,
            max: bytes,
        });
    }
    let mut fields = value.table("`body_bytes`")?;
    let bound = |value: Option<Value<'_>>| value.map(|value| value.count(0..=u64::MAX)).transpose();
    let (min, max) = (
        bound(fields.optional("min"))?,
        bound(fields.optional("max"))?,
    );
    fields.finish()?;
    if min.is_none() && max.is_none() {
        return Err(value.error("`body_bytes` needs `min`, `max` or both"));
    }
    let (min, max) = (min.unwrap_or(0), max.unwrap_or(u64::MAX));
    if max < min {
        return Err(value.error("`max` is less than `min`"));
    }
    Ok(CheckTest::BodyBytes { min, max })
}

fn read_sha256(value: &Value<'_>) -> Result<[u8; 32], ScenarioError> {
    let text = value.text()?;
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| digit.to_digit(16).map(|digit| digit as u8))
        .collect();
    let pairs = digits.filter(|digits| digits.len() == 64).ok_or_else(|| {
        value
            .error("a SHA-256 has 64 hexadecimal digits")
            .hint("print one with `sha256sum FILE`")
    })?;
    let mut sum = [0; 32];
    for (byte, pair) in sum.iter_mut().zip(pairs.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Ok(sum)
}

impl fmt::Display for CheckTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name, expected) => {
                write!(f, "header {name} {}", expected.description(name.as_str()))
            }
            Self::Json(pointer, expected) if pointer.is_empty() => {
                write!(f, "json {}", expected.description(pointer))
            }
            Self::Json(pointer, expected) => {
                write!(
                    f,
                    "json {} {}",
                    clip(pointer),
                    expected.description(pointer)
                )
            }
            Self::BodyContains(text) => {
                write!(f, "body contains \"{}\"", clip(&masked_text(text)))
            }
            Self::BodyBytes { min, max } if min == max => write!(f, "body of {min} bytes"),
            Self::BodyBytes { min, max: u64::MAX } => write!(f, "body of {min} bytes or more"),
            Self::BodyBytes { min: 0, max } => write!(f, "body of at most {max} bytes"),
            Self::BodyBytes { min, max } => write!(f, "body of {min} to {max} bytes"),
            Self::Sha256(sum) => {
                f.write_str("body's sha256 ")?;
                sum[..4]
                    .iter()
                    .try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("...")
            }
        }
    }
}

impl Expected {
    /// Describes the test of a value at a header or JSON Pointer. Masks secrets, because check names
    /// appear in reports.
    fn description(&self, location: &str) -> String {
        match self {
            Self::Exists(true) => "exists".to_owned(),
            Self::Exists(false) => "does not exist".to_owned(),
            Self::Equals(value) => format!(
                "equals {}",
                clip(&masked_json_value(location, &value.json()))
            ),
            Self::Contains(text) if is_secret_location(location, text) => {
                format!("contains {MASK}")
            }
            Self::Contains(text) => format!("contains \"{}\"", clip(&masked_text(text))),
            Self::Between { min, max } => match (min, max) {
                (Some(min), Some(max)) => format!("is between {min} and {max}"),
                (Some(min), None) => format!("is at least {min}"),
                (None, Some(max)) => format!("is at most {max}"),
                (None, None) => "is a number".to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::Scenario;

    /// Returns the names of checks given as TOML.
    fn names(checks: &str) -> Vec<String> {
        let text = format!(
            "version = 1\nname = \"x\"\n[[phases]]\nkind = \"constant\"\nname = \"p\"\n\
             rate = \"10/s\"\nduration = \"1s\"\n[[requests]]\nname = \"r\"\nkind = \"read\"\n\
             path = \"/\"\nchecks = [{checks}]"
        );
        let scenario = Scenario::parse(&text, Path::new("x.toml")).unwrap();
        let checks = scenario
            .requests
            .into_iter()
            .flat_map(|request| request.checks);
        checks.map(|check| check.name).collect()
    }

    #[test]
    fn generated_names_mask_secrets() {
        let made = names(
            r#"
            { json = "/password", equals = "SECN1" },
            { json = "/tokens/0", contains = "SECN2" },
            { json = "/tokens/0", contains = "SECN3" },
            { header = "x-api-key", contains = "SECN4" },
            { header = "location", contains = "/a?token=SECN5" },
            { body_contains = "password=SECN6" },
            { json = "/user", equals = "Bearer SECN7" },
            { json = "/id", equals = 7 },
            { json = "/has_token", equals = true },
            { json = "/pin", exists = true },
            { json = "/id", equals = 123456789012345678901234567890 },
            { json = "/ratio", equals = 1e400 },
            { json = "/likes", min = -0.50, max = 0xff },
            { json = "/pin", equals = 1234 },
            "#,
        );
        assert_eq!(
            made,
            [
                "json /password equals ***",
                "json /tokens/0 contains ***",
                "json /tokens/0 contains *** (2)",
                "header x-api-key contains ***",
                "header location contains \"/a?token=***\"",
                "body contains \"password=***\"",
                "json /user equals \"Bearer ***\"",
                "json /id equals 7",
                "json /has_token equals true",
                "json /pin exists",
                "json /id equals 123456789012345678901234567890",
                "json /ratio equals 1e400",
                "json /likes is between -0.50 and 255",
                "json /pin equals ***",
            ]
        );
    }
}
