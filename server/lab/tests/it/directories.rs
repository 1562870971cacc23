//! Directories of labs beside each other.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as they do")]

use std::fs;
use std::path::Path;

use tenfold_lab::{Holder, Lab, LabError, LabOptions, labs_in};

use crate::support::{options, single_box};

/// Options of a lab that may use two spare directories.
fn with_spares(directory: &Path) -> LabOptions {
    let mut options = options(directory, "good");
    options.spares = 2;
    options.command = "tenfold run spike".to_owned();
    // The program finds its mode in the directory that the lab has chosen.
    for spare in ["lab-2", "lab-3"] {
        let spare = directory.with_file_name(spare);
        fs::create_dir_all(&spare).unwrap();
        fs::copy(directory.join("mode"), spare.join("mode")).unwrap();
    }
    options
}

fn names(folder: &Path) -> Vec<String> {
    let found = labs_in(folder).into_iter();
    let names = found.map(|own| own.directory.file_name().unwrap().to_owned());
    names.map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn labs_beside_each_other_have_directories_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("lab");
    fs::create_dir(&directory).unwrap();
    let options = with_spares(&directory);
    let [first, second, third] = [1, 2, 3].map(|_| single_box(&options).unwrap());
    let used: Vec<_> = [&first, &second, &third].map(Lab::directory).into();
    assert_eq!(used[0], directory);
    assert!(used[1].ends_with("lab-2") && used[2].ends_with("lab-3"));
    assert_eq!(names(folder.path()), ["lab", "lab-2", "lab-3"]);
    let expected = Holder {
        pid: std::process::id(),
        stage: "single-box".to_owned(),
        command: "tenfold run spike".to_owned(),
    };
    assert_eq!(labs_in(folder.path())[1].holder, expected);

    let error = single_box(&options).unwrap_err();
    assert!(matches!(error, LabError::AllInUse { .. }), "{error}");
    assert!(error.to_string().contains("`tenfold run spike`"), "{error}");

    // The first that is free again, with the data that was loaded there.
    fs::write(second.directory().join("data"), "loaded").unwrap();
    second.stop().unwrap();
    assert_eq!(names(folder.path()), ["lab", "lab-3"]);
    let next = single_box(&options).unwrap();
    assert!(next.directory().ends_with("lab-2") && next.directory().join("data").exists());
    for lab in [first, next, third] {
        lab.stop().unwrap();
    }
    assert!(labs_in(folder.path()).is_empty());
}

#[test]
fn lab_without_spares_names_the_one_that_is_up() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path(), "good");
    options.command = "tenfold lab up".to_owned();
    let lab = single_box(&options).unwrap();
    let text = single_box(&options).unwrap_err().to_string();
    let pid = std::process::id();
    let expected = format!("process {pid}, stage single-box, `tenfold lab up`");
    assert!(text.contains(&expected), "{text}");
    lab.stop().unwrap();
}
