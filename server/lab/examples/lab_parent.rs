//! Brings a lab up and waits to be killed: `lab_parent PROGRAM DIRECTORY`.
//!
//! The tests kill it to see that its boxes end with it. It writes the process identifier of the first box to
//! `DIRECTORY/up`, and gives up after a minute.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use tenfold_lab::{LabOptions, stage, up};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(program), Some(directory)) = (arguments.next(), arguments.next()) else {
        return Err("usage: lab_parent PROGRAM DIRECTORY".into());
    };
    let options = LabOptions::new(program, &directory);
    let lab = up(stage::find("single-box")?, &options)?;
    let pid = lab.boxes()[0].pid().ok_or("the box does not run")?;
    std::fs::write(directory.join("up"), pid.to_string())?;
    std::thread::sleep(Duration::from_secs(60));
    Ok(())
}
