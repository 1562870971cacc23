//! Places of a scenario's files on an agent's machine.

use std::path::{Component, Path, PathBuf};

/// Most folders above the scenario's own.
const DEPTH_MAX: usize = 16;

/// Returns how many folders above the scenario's own a name leads to. `None` for absolute names, and for names that lead too far up.
pub(crate) fn depth(name: &str) -> Option<usize> {
    let (mut below, mut above) = (0_usize, 0_usize);
    for component in Path::new(name).components() {
        match component {
            Component::CurDir => {}
            Component::Normal(_) => below += 1,
            Component::ParentDir if below > 0 => below -= 1,
            Component::ParentDir => above += 1,
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    // It names a file, not a folder.
    (below > 0 && above <= DEPTH_MAX).then_some(above)
}

/// Returns the folder of a scenario below `root` from which all of its names lead to places below `root`. `None` if there is none.
pub(crate) fn scenario_folder<'a>(
    root: &Path,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<PathBuf> {
    let mut deepest = 0;
    for name in names {
        deepest = deepest.max(depth(name)?);
    }
    Some((0..deepest).fold(root.to_owned(), |folder, _| folder.join("scenario")))
}

/// Returns the place of a name, without `.` and `..`: a path below the root of `folder` if [`scenario_folder`] returned that for it.
pub(crate) fn place(folder: &Path, name: &str) -> PathBuf {
    let mut path = folder.to_owned();
    for component in Path::new(name).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::ParentDir => drop(path.pop()),
            _ => {}
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_lead_to_places_below_the_root() {
        let root = Path::new("/r");
        let folder = |names: &[&str]| scenario_folder(root, names.iter().copied());
        let own = folder(&["people.csv", "./a/../b.rhai"]).unwrap();
        assert_eq!(own, root);
        assert_eq!(place(&own, "./a/../b.rhai"), Path::new("/r/b.rhai"));
        let above = folder(&["people.csv", "../../data/x.csv"]).unwrap();
        assert_eq!(above, Path::new("/r/scenario/scenario"));
        assert_eq!(
            place(&above, "../../data/x.csv"),
            Path::new("/r/data/x.csv")
        );
        for refused in ["/etc/passwd", "", ".", "..", "a/.."] {
            assert_eq!(folder(&[refused]), None, "{refused}");
        }
        assert_eq!(folder(&[&("../".repeat(DEPTH_MAX + 1) + "x")]), None);
    }

    proptest! {
        #[test]
        fn no_name_leaves_the_root(names in prop::collection::vec("(\\.\\./|\\./|a/|b/|/){0,6}[a-z.]{0,3}", 1..5)) {
            let root = Path::new("/some/root");
            if let Some(folder) = scenario_folder(root, names.iter().map(String::as_str)) {
                for name in &names {
                    let path = place(&folder, name);
                    prop_assert!(path.starts_with(root) && path != root, "{path:?}");
                }
            }
        }
    }
}
