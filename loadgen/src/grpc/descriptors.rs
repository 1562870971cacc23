//! Descriptors of services, from files.

use std::path::{Path, PathBuf};

use prost_reflect::{DescriptorPool, MethodDescriptor};
use protox::Compiler;
use tenfold_scenarios::{Grpc, Scenario, ScenarioError, suggestion};

/// Compiles `.proto` files, with those that they import, and reads descriptor sets. They are found in `folders`.
///
/// # Errors
/// The reason why they can't be used.
pub(super) fn compile(files: &[PathBuf], folders: &[PathBuf]) -> Result<DescriptorPool, String> {
    let mut compiler = Compiler::new(folders).map_err(|error| explain(&error))?;
    let mut sets = Vec::new();
    for file in files {
        let is_source = file
            .extension()
            .is_some_and(|extension| extension == "proto");
        match is_source {
            true => compiler.open_file(file).map(|_| ()).map_err(|error| {
                match error.is_file_not_found() && error.file().is_none() {
                    true => not_found(file, folders),
                    false => explain(&error),
                }
            })?,
            false => sets.push(file),
        }
    }
    let mut pool = compiler.descriptor_pool();
    for set in sets {
        let places = folders.iter().map(|folder| folder.join(set));
        let mut found = places.filter(|place| place.is_file());
        let path = found.next().ok_or_else(|| not_found(set, folders))?;
        let unusable = |reason: String| format!("could not use {}: {reason}", path.display());
        let bytes = std::fs::read(&path).map_err(|error| unusable(error.to_string()))?;
        pool.decode_file_descriptor_set(bytes.as_slice())
            .map_err(|error| unusable(format!("it is not a descriptor set: {error}")))?;
    }
    Ok(pool)
}

fn not_found(file: &Path, folders: &[PathBuf]) -> String {
    let folders: Vec<String> = folders
        .iter()
        .map(|folder| folder.display().to_string())
        .collect();
    format!(
        "there is no file {} in {}",
        file.display(),
        folders.join(" or ")
    )
}

/// An error with its causes, in one line.
fn explain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line
}

/// Finds the method of a call.
///
/// # Errors
/// If there is none, or it streams its requests.
pub(super) fn find(
    pool: &DescriptorPool,
    grpc: &Grpc,
    scenario: &Scenario,
) -> Result<MethodDescriptor, ScenarioError> {
    let service = pool.get_service_by_name(&grpc.service).ok_or_else(|| {
        let known: Vec<String> = pool
            .services()
            .map(|service| service.full_name().to_owned())
            .collect();
        no_service(grpc, &known, scenario)
    })?;
    let methods: Vec<MethodDescriptor> = service.methods().collect();
    let found = methods.iter().find(|method| method.name() == grpc.method);
    let at = grpc.method_position;
    match found {
        None => Err(ScenarioError::at(
            scenario.origin(),
            at,
            format!("`{}` has no method `{}`", grpc.service, grpc.method),
            suggestion(&grpc.method, methods.iter().map(MethodDescriptor::name)),
        )),
        Some(method) if method.is_client_streaming() => Err(ScenarioError::at(
            scenario.origin(),
            at,
            format!(
                "`{}` streams its requests, which is not supported; a call sends one message",
                grpc.method
            ),
            None,
        )),
        Some(method) => Ok(method.clone()),
    }
}

/// The error of a call of an unknown service.
pub(super) fn no_service(grpc: &Grpc, known: &[String], scenario: &Scenario) -> ScenarioError {
    ScenarioError::at(
        scenario.origin(),
        grpc.method_position,
        format!("there is no service `{}`", grpc.service),
        suggestion(&grpc.service, known.iter().map(String::as_str)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_name_the_file_and_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        write(
            "broken.proto",
            "syntax = \"proto3\";\nmessage A { strin name = 1; }\n",
        );
        write(
            "import.proto",
            "syntax = \"proto3\";\nimport \"gone.proto\";\n",
        );
        write("set.binpb", "not one");
        for (file, expected) in [
            ("broken.proto", "strin"),
            ("import.proto", "gone.proto"),
            ("none.proto", "there is no file none.proto in "),
            ("none.binpb", "there is no file none.binpb in "),
            ("set.binpb", "not a descriptor set"),
        ] {
            let error = compile(&[file.into()], &[folder.path().to_owned()]).unwrap_err();
            assert!(error.contains(expected), "{file}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn descriptor_sets_are_read_like_their_sources() {
        let support = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support");
        let pool = compile(&["shop.proto".into()], &[support]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("shop.binpb"), pool.encode_to_vec()).unwrap();
        let read = compile(&["shop.binpb".into()], &[folder.path().to_owned()]).unwrap();
        assert!(read.get_service_by_name("shop.Shop").is_some());
    }
}
