//! `/warehouse`: the old posts on both sides, questions about them, and the switch that moves them.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use crate::problem::Problem;
use crate::warehouse::{Archive, Question};

/// Responds with counts and sums by month, or with the answer to `?question=NAME`, of `&month=202511` alone.
pub(super) async fn show(
    archive: Option<&Arc<Archive>>,
    query: Option<&str>,
) -> Result<Response, Problem> {
    let archive = archive_of(archive)?;
    match asked(query.unwrap_or_default())? {
        None => json(StatusCode::OK, &archive.status().await?),
        Some((question, month)) => json(StatusCode::OK, &archive.answer(question, month).await?),
    }
}

/// Begins to move old posts, in the background.
pub(super) fn begin(archive: Option<&Arc<Archive>>) -> Result<Response, Problem> {
    match archive_of(archive)?.begin() {
        true => Ok(StatusCode::ACCEPTED.into_response()),
        false => Err(Problem::new(
            StatusCode::CONFLICT,
            "old posts move already; see GET /warehouse",
        )),
    }
}

/// Reads the question of a query. `None` without one.
fn asked(query: &str) -> Result<Option<(Question, Option<u32>)>, Problem> {
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    };
    let Some(name) = value("question") else {
        return Ok(None);
    };
    let question = Question::ALL.into_iter().find(|own| own.name() == name);
    let question = question.ok_or_else(|| {
        let names = Question::ALL.map(Question::name).join(", ");
        Problem::bad_request(format!("`question` must be one of {names}"))
    })?;
    let month = value("month").map(|month| {
        let number = month.parse().ok().filter(|number| {
            (197_001..=999_912).contains(number) && (1..=12).contains(&(number % 100))
        });
        number.ok_or_else(|| {
            Problem::bad_request("`month` must be a year and a month, such as 202511")
        })
    });
    Ok(Some((question, month.transpose()?)))
}

fn json(status: StatusCode, value: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "could not serialise the state of the warehouse");
        Problem::internal()
    })?;
    Ok((status, [(CONTENT_TYPE, "application/json")], body).into_response())
}

fn archive_of(archive: Option<&Arc<Archive>>) -> Result<&Arc<Archive>, Problem> {
    archive
        .ok_or_else(|| Problem::not_found("old posts stay in the store; start with `--warehouse`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_questions() {
        assert!(asked("").unwrap().is_none());
        let asked_for = |query| asked(query).unwrap().unwrap();
        assert_eq!(
            asked_for("question=posts-by-hour"),
            (Question::PostsByHour, None)
        );
        assert_eq!(
            asked_for("month=202512&question=active-users"),
            (Question::ActiveUsersByDay, Some(202_512))
        );
        for bad in [
            "question=x",
            "question=active-users&month=2025",
            "question=active-users&month=202513",
            "question=active-users&month=1 OR 1",
        ] {
            assert_eq!(asked(bad).unwrap_err().status(), 400, "{bad}");
        }
    }
}
