//! Conditions of journeys: expressions over variables and the last response.
//!
//! ```text
//! or         = and { "or" and }
//! and        = not { "and" not }
//! not        = "not" not | "(" or ")" | comparison
//! comparison = operand [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" | "contains" ) operand ]
//! operand    = "string" | 'string' | number | status | failed | name of a variable
//! ```

use crate::format::clip::clip;
use crate::format::nearest::suggestion;
use crate::request::variables::Variables;

/// The last response of a journey, for conditions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastResponse {
    /// Status; 0 without a response.
    pub status: u16,
    /// True if the request failed for any reason.
    pub failed: bool,
}

/// A condition, parsed once and evaluated before each step that has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The condition as written.
    pub text: String,
    expression: Expression,
}

/// An invalid condition: the problem and advice.
#[derive(Debug)]
pub(crate) struct ConditionError {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Expression {
    Any(Vec<Expression>),
    All(Vec<Expression>),
    Not(Box<Expression>),
    Compare(Operand, Comparison, Operand),
    Truth(Operand),
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Text(String),
    Variable(usize),
    Status,
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
    Contains,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Text(String),
    Number(String),
    Word(String),
    Comparison(Comparison),
    Open,
    Close,
}

/// Maximum length of a condition in bytes.
const CONDITION_BYTES_MAX: usize = 1000;
/// Maximum nesting depth; parsing takes a stack frame per level.
const DEPTH_MAX: usize = 32;

/// Names with a built-in meaning.
const BUILT_IN: [&str; 2] = ["status", "failed"];

impl Condition {
    /// Parses a condition; `variables` are the names it may use.
    pub(crate) fn parse(text: &str, variables: &[String]) -> Result<Self, ConditionError> {
        if text.len() > CONDITION_BYTES_MAX {
            return Err(wrong(format!(
                "a condition has at most {CONDITION_BYTES_MAX} bytes"
            )));
        }
        let tokens = tokens(text)?;
        let mut reader = Reader {
            tokens: &tokens,
            at: 0,
            depth: 0,
            variables,
        };
        let expression = reader.any()?;
        if let Some(token) = reader.tokens.get(reader.at) {
            return Err(ConditionError {
                message: format!("expected the end of the condition before {}", shown(token)),
                hint: Some("join conditions with `and` or `or`".to_owned()),
            });
        }
        Ok(Self {
            text: text.to_owned(),
            expression,
        })
    }

    /// Returns whether the condition holds.
    ///
    /// Two numbers are compared as numbers, other values as strings. A variable that is not set is the
    /// empty string. A name alone holds unless its value is empty, `0` or `false`.
    pub fn holds(&self, variables: &Variables, last: LastResponse) -> bool {
        self.expression.holds(variables, last)
    }
}

impl Expression {
    fn holds(&self, variables: &Variables, last: LastResponse) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.holds(variables, last)),
            Self::All(parts) => parts.iter().all(|part| part.holds(variables, last)),
            Self::Not(part) => !part.holds(variables, last),
            Self::Compare(left, comparison, right) => {
                let status = last.status.to_string();
                comparison.holds(
                    left.value(variables, last, &status),
                    right.value(variables, last, &status),
                )
            }
            Self::Truth(operand) => {
                let status = last.status.to_string();
                !matches!(operand.value(variables, last, &status), "" | "0" | "false")
            }
        }
    }
}

impl Operand {
    fn value<'a>(
        &'a self,
        variables: &'a Variables,
        last: LastResponse,
        status: &'a str,
    ) -> &'a str {
        match self {
            Self::Text(text) => text,
            Self::Variable(index) => variables.get(*index).unwrap_or_default(),
            Self::Status => status,
            Self::Failed if last.failed => "true",
            Self::Failed => "false",
        }
    }
}

impl Comparison {
    fn holds(self, left: &str, right: &str) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        if self == Self::Contains {
            return left.contains(right);
        }
        let order = match (whole(left), whole(right)) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => match (number(left), number(right)) {
                (Some(left), Some(right)) => left.partial_cmp(&right),
                _ => Some(left.cmp(right)),
            },
        };
        match self {
            Self::Equal => order == Some(Equal),
            Self::Unequal => order != Some(Equal),
            Self::Less => order == Some(Less),
            Self::AtMost => matches!(order, Some(Less | Equal)),
            Self::More => order == Some(Greater),
            Self::AtLeast => matches!(order, Some(Greater | Equal)),
            Self::Contains => false,
        }
    }
}

/// A whole number, exactly: the numbers of a service are often longer than a floating-point number can hold.
fn whole(text: &str) -> Option<i128> {
    text.parse().ok()
}

fn number(text: &str) -> Option<f64> {
    // `nan` and `inf` are words here.
    let digit = |c: char| c.is_ascii_digit();
    text.trim_start_matches(['-', '+', '.'])
        .starts_with(digit)
        .then(|| text.trim().parse().ok())?
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    variables: &'a [String],
}

impl Reader<'_> {
    fn any(&mut self) -> Result<Expression, ConditionError> {
        let first = self.all()?;
        let mut parts = vec![first];
        while self.word("or") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, ConditionError> {
        let first = self.not()?;
        let mut parts = vec![first];
        while self.word("and") {
            parts.push(self.not()?);
        }
        Ok(one_or(parts, Expression::All))
    }

    fn not(&mut self) -> Result<Expression, ConditionError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(wrong(format!(
                "a condition is nested at most {DEPTH_MAX} deep"
            )));
        }
        let expression = if self.word("not") {
            Expression::Not(Box::new(self.not()?))
        } else if self.tokens.get(self.at) == Some(&Token::Open) {
            self.at += 1;
            let inner = self.any()?;
            if self.tokens.get(self.at) != Some(&Token::Close) {
                return Err(wrong("a `(` in the condition is not closed".to_owned()));
            }
            self.at += 1;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn comparison(&mut self) -> Result<Expression, ConditionError> {
        let left = self.operand()?;
        let comparison = match self.tokens.get(self.at) {
            Some(Token::Comparison(comparison)) => *comparison,
            Some(Token::Word(word)) if word == "contains" => Comparison::Contains,
            _ => return Ok(Expression::Truth(left)),
        };
        self.at += 1;
        Ok(Expression::Compare(left, comparison, self.operand()?))
    }

    fn operand(&mut self) -> Result<Operand, ConditionError> {
        let token = self.tokens.get(self.at);
        self.at += 1;
        match token {
            Some(Token::Text(text) | Token::Number(text)) => Ok(Operand::Text(text.clone())),
            Some(Token::Word(word)) => match word.as_str() {
                "status" => Ok(Operand::Status),
                "failed" => Ok(Operand::Failed),
                "true" | "false" => Ok(Operand::Text(word.clone())),
                _ => self.variable(word),
            },
            Some(token) => Err(wrong(format!(
                "expected a value in the condition, not {}",
                shown(token)
            ))),
            None => Err(ConditionError {
                message: "expected a value at the end of the condition".to_owned(),
                hint: Some("write a condition such as 'token != \"\"'".to_owned()),
            }),
        }
    }

    fn variable(&self, word: &str) -> Result<Operand, ConditionError> {
        let found = self.variables.iter().position(|name| name == word);
        found.map(Operand::Variable).ok_or_else(|| {
            let known = self.variables.iter().map(String::as_str).chain(BUILT_IN);
            ConditionError {
                message: format!("unknown variable `{}` in the condition", clip(word)),
                hint: suggestion(word, known.collect::<Vec<_>>().iter().copied()),
            }
        })
    }

    fn word(&mut self, wanted: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word == wanted);
        self.at += usize::from(found);
        found
    }
}

fn one_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            many(parts)
        }
    }
}

fn wrong(message: String) -> ConditionError {
    ConditionError {
        message,
        hint: None,
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Text(text) => format!("the string \"{}\"", clip(text)),
        Token::Number(text) | Token::Word(text) => format!("`{}`", clip(text)),
        Token::Comparison(_) => "a comparison".to_owned(),
        Token::Open => "`(`".to_owned(),
        Token::Close => "`)`".to_owned(),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, ConditionError> {
    const SIGNS: [(&str, Comparison); 6] = [
        ("==", Comparison::Equal),
        ("!=", Comparison::Unequal),
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("<", Comparison::Less),
        (">", Comparison::More),
    ];
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if let Some((sign, comparison)) =
            SIGNS.iter().find(|(sign, _)| rest.starts_with(sign))
        {
            tokens.push(Token::Comparison(*comparison));
            sign.len()
        } else if first == '(' || first == ')' {
            tokens.push(if first == '(' {
                Token::Open
            } else {
                Token::Close
            });
            1
        } else if first == '"' || first == '\'' {
            let inside = &rest[1..];
            let end = inside.find(first).ok_or_else(|| {
                wrong(format!("a string in the condition has no closing {first}"))
            })?;
            tokens.push(Token::Text(inside[..end].to_owned()));
            end + 2
        } else if first.is_ascii_digit() || first == '-' {
            let end = rest[1..]
                .find(|c: char| !(c.is_ascii_digit() || c == '.'))
                .map_or(rest.len(), |end| end + 1);
            let written = &rest[..end];
            if number(written).is_none() {
                return Err(wrong(format!("`{}` is not a number", clip(written))));
            }
            tokens.push(Token::Number(written.to_owned()));
            end
        } else if is_word(first) {
            let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            end
        } else {
            let hint = match first {
                '=' => "write `==` to compare",
                '&' => "write `and`",
                '|' => "write `or`",
                '!' => "write `not`",
                '{' => "write variables without braces",
                _ => "write a condition such as 'token != \"\"'",
            };
            return Err(ConditionError {
                message: format!("unexpected `{first}` in the condition"),
                hint: Some(hint.to_owned()),
            });
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names() -> Vec<String> {
        ["token", "count", "users.name"].map(str::to_owned).to_vec()
    }

    fn holds(text: &str) -> bool {
        let condition = Condition::parse(text, &names())
            .unwrap_or_else(|error| panic!("{text}: {}", error.message));
        let mut variables = Variables::empty(3);
        variables.set(0, "abc".to_owned());
        variables.set(1, "12".to_owned());
        let last = LastResponse {
            status: 200,
            failed: false,
        };
        condition.holds(&variables, last)
    }

    #[test]
    fn evaluates_conditions() {
        for text in [
            "token != \"\"",
            "token == 'abc'",
            "token",
            "count > 9",
            "count == 12.0",
            "count >= 12 and count <= 12",
            "users.name == \"\"",
            "not users.name",
            "status == 200",
            "status < 300 and not failed",
            "(failed or status >= 200) and token contains \"b\"",
            "false or count",
            "-1 < 0",
            "'2733382000000000049' != '2733382000000000050'",
            "'18446744073709551615' < '18446744073709551616'",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in [
            "token == \"\"",
            "failed",
            "count < 9",
            "status == 404",
            "not (token and count)",
            "users.name",
            "0",
            "false",
            "count != 12",
        ] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn reports_mistakes_with_advice() {
        let messages: Vec<String> = [
            "",
            "tokne != \"\"",
            "token = 'a'",
            "token == 'a",
            "token && count",
            "(token",
            "token count",
            "{token}",
            "token ==",
            "1.2.3 < 4",
        ]
        .iter()
        .map(|text| {
            let error = Condition::parse(text, &names()).unwrap_err();
            let hint = error.hint.map(|hint| format!("; {hint}"));
            format!("{text} -> {}{}", error.message, hint.unwrap_or_default())
        })
        .collect();
        insta::assert_snapshot!(messages.join("\n"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        #[test]
        fn never_panics(text in "(token|count|status|not |and |or |\\(|\\)|==|<|'a'|\"|-|1|\\PC){0,40}") {
            if let Ok(condition) = Condition::parse(&text, &names()) {
                condition.holds(&Variables::empty(3), LastResponse::default());
                prop_assert_eq!(Condition::parse(&condition.text, &names()).ok(), Some(condition));
            }
        }
    }
}
