//! Each request and each journey once, for a trial.

use std::time::Duration;

use rand::Rng;

use super::journey_walk::JourneyWalk;
use crate::load::phase::Shape;
use crate::random::stream::stream;
use crate::request::draw::Draw;
use crate::scenario::Scenario;

impl Scenario {
    /// Returns a draw for a single request. Depends only on the scenario, its seed and the request.
    ///
    /// `None` if the request needs an entry of a trace and no trace has one.
    pub fn single_draw(&self, request: usize) -> Option<Draw> {
        let planned = self.requests.get(request)?;
        let mut random = stream(self.seed, "single", request as u64);
        let (rank, key) = match planned.key_space {
            None => (0, 0),
            Some(space) => self.key_spaces[space].draw(&mut random, Duration::ZERO),
        };
        let key = match planned.uses_target() {
            true => self.first_entry(request)?,
            false => key,
        };
        Some(Draw {
            request,
            key,
            rank,
            user: self.user_space.draw(&mut random, Duration::ZERO).1,
            entropy: random.next_u64(),
            turn: 0,
        })
    }

    /// Returns the walk through a single journey, by index. `None` if there is no such journey.
    pub fn single_walk(&self, journey: usize) -> Option<JourneyWalk<'_>> {
        JourneyWalk::of_journey(self, journey)
    }

    /// Returns the index of the first trace entry of a request, among those of all traces.
    fn first_entry(&self, request: usize) -> Option<u64> {
        self.phases.iter().find_map(|phase| match &phase.shape {
            Shape::Trace(trace) => {
                let entry = trace
                    .entries
                    .iter()
                    .position(|entry| entry.request as usize == request)?;
                Some(trace.first + entry as u64)
            }
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{LastResponse, Rendered};

    fn parse(text: &str) -> Scenario {
        Scenario::parse(text, Path::new("x.toml")).unwrap()
    }

    #[test]
    fn draws_do_not_depend_on_other_requests() {
        let head = "version = 1\nname = \"x\"\nseed = 7\n[[phases]]\nname = \"a\"\nkind = \"constant\"\n\
                    rate = \"10/s\"\nduration = \"1s\"\n[[keys]]\nname = \"k\"\ncount = 1000\n";
        let request =
            "[[requests]]\nname = \"one\"\nkind = \"read\"\npath = \"/{key}\"\nkeys = \"k\"\n";
        let other = "[[requests]]\nname = \"two\"\nkind = \"read\"\npath = \"/two\"\n";
        let one = parse(&format!("{head}{request}"));
        let two = parse(&format!("{head}{request}{other}"));
        assert_eq!(one.single_draw(0), two.single_draw(0));
        assert_eq!(one.single_draw(1), None);
        let mut rendered = Rendered::default();
        let draw = one.single_draw(0).unwrap();
        one.requests[0]
            .render(&draw, &one.variables(), &mut rendered)
            .unwrap();
        assert_eq!(rendered.path, format!("/{}", draw.key));
    }

    #[test]
    fn request_of_a_trace_takes_its_first_entry() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture");
        let scenario = Scenario::read(&folder.join("everything.toml")).unwrap();
        let request = scenario
            .requests
            .iter()
            .position(|request| request.name == "GET")
            .unwrap();
        let draw = scenario.single_draw(request).unwrap();
        assert!(scenario.recorded_target(&draw).unwrap().starts_with('/'));
    }

    #[test]
    fn walks_the_journey_that_is_asked_for() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let scenario = Scenario::read(&folder.join("journey.toml")).unwrap();
        for index in 0..scenario.journeys.len() {
            let mut walk = scenario.single_walk(index).unwrap();
            let mut variables = scenario.variables();
            let journey = walk.begin(&mut variables);
            assert_eq!(journey.name, scenario.journeys[index].name);
            let mut requests = Vec::new();
            while let Ok(Some(step)) = walk.next_step(&variables, LastResponse::default()) {
                requests.push(step.draw.request);
            }
            assert_eq!(requests, journey.requests());
        }
        assert!(scenario.single_walk(9).is_none());
    }
}
