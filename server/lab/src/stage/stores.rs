//! Stores alone, without the service: a SQL database, and those that are asked for. For benchmarks of stores.

use super::polyglot;
use super::tiers::{Tiers, tuning};
use crate::LabError;
use crate::Stage;
use crate::component::mariadb::{self, MariaDb};
use crate::network::site::{Site, port};
use crate::options::LabOptions;
use crate::stage::stage_plan::{Entrance, StagePlan};

/// Stores alone. No stage of the service, so it is not in the table.
pub const STORES: Stage = Stage {
    name: "stores",
    description: "stores alone, for benchmarks of them",
    users: "",
    adds: &[],
    features: &[],
    roles: &[
        "sql",
        "redis-cluster",
        "cassandra",
        "arcadedb",
        "clickhouse",
    ],
    countable: &[],
    optional: polyglot::OPTIONAL,
    scales: false,
    plan,
};

fn plan(options: &LabOptions, site: &mut Site) -> Result<StagePlan, LabError> {
    let directory = &options.directory;
    let mut tiers = Tiers::new(options, site)?;
    let sql = MariaDb {
        name: "sql",
        role: "sql",
        listen: tiers.site.private("sql", port::SQL)?,
        known_as: None,
        directory,
        tuning: tuning(options, "sql"),
    };
    let mut sql_plan = sql.plan(&tiers.authority)?;
    sql_plan.url = Some(mariadb::url(sql.listen, directory, &tiers.authority)?);
    let stores = polyglot::plan(&options.with, &mut tiers)?;
    let boxes = std::iter::once(sql_plan).chain(stores.plans).collect();
    Ok(StagePlan {
        waves: vec![boxes],
        entrance: Entrance::default(),
        flows: tiers.flows,
        scaling: None,
        watching: None,
        authority: Some(tiers.authority),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::secret;

    #[test]
    fn passwords_are_in_urls_only() {
        let directory = tempfile::tempdir().unwrap();
        let mut options = LabOptions::new("tenfold", directory.path());
        options.with = polyglot::OPTIONAL
            .iter()
            .map(|own| (*own).to_owned())
            .collect();
        let planned = match plan(&options, &mut Site::loopback()) {
            Err(missing @ LabError::MissingProgram(_)) => {
                crate::skip::skip(&missing);
                return;
            }
            planned => planned.unwrap(),
        };
        let boxes: Vec<_> = planned.waves.iter().flatten().collect();
        let names: Vec<_> = boxes.iter().map(|own| own.name.as_str()).collect();
        let expected = [
            "sql",
            "redis-cluster-1",
            "redis-cluster-2",
            "redis-cluster-3",
            "cassandra",
            "arcadedb",
            "clickhouse",
        ];
        assert_eq!(names, expected);
        for name in [
            "sql-password",
            "redis-cluster-password",
            "arcadedb-password",
            "clickhouse-password",
        ] {
            let password = secret(directory.path(), name).unwrap();
            let has = |text: &str| text.contains(&password);
            let in_url =
                |own: &&&crate::boxes::box_plan::BoxPlan| own.url.as_deref().is_some_and(has);
            assert!(boxes.iter().filter(in_url).count() > 0, "{name}");
            for own in &boxes {
                let arguments = own.arguments.iter().map(|own| own.to_string_lossy());
                assert!(!arguments.into_iter().any(|own| has(&own)), "{}", own.name);
                assert!(!has(&format!("{own:?}")), "{}", own.name);
            }
        }
        assert!(boxes.iter().all(|own| own.url.is_some()));
    }
}
