//! Wording of what subcommands print, for review in one place. Reports have their own in `reports`.

use crate::support::{Workplace, light_scenario};

#[test]
fn preview_of_a_scenario() {
    let workplace = Workplace::new();
    workplace.write("light.toml", &light_scenario("200/s", "1s"));
    let light = workplace.run(&["run", "light.toml", "--check"]).expect(0);
    insta::assert_snapshot!("preview_light", light.stdout);
    let journey = workplace.run(&["run", "journey", "--check"]).expect(0);
    insta::assert_snapshot!("preview_journey", journey.stdout);
    let spike = workplace.run(&["run", "spike", "--check"]).expect(0);
    insta::assert_snapshot!("preview_spike", spike.stdout);
}
