//! Entry points for the fuzz targets in `fuzz/`, which read descriptions of services.

use prost_reflect::DescriptorPool;

use crate::grpc::reflection::Description;

/// Links files by which a service describes itself.
///
/// # Errors
/// The reason, if they are not valid.
pub fn read_description(files: &[Vec<u8>]) -> Result<DescriptorPool, String> {
    let mut description = Description::default();
    description.add(files)?;
    description.pool()
}
