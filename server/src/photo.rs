//! The processing of photos: checks a picture and makes its thumbnail.

use std::io::Cursor;

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageError, ImageFormat, ImageReader, Limits};

/// The longer side of a thumbnail, in pixels.
pub const THUMBNAIL_PX: u32 = 256;
/// The longest side of a photo, in pixels.
const SIDE_PX_MAX: u32 = 12_000;
/// The most that decoding may allocate: 24 megapixels in RGBA, in bytes.
const DECODE_BYTES_MAX: u64 = 96 * 1_024 * 1_024;
/// The quality of a JPEG thumbnail, of 100.
const JPEG_QUALITY: u8 = 80;

/// Why a photo was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhotoError {
    /// Not a JPEG or PNG, or not the one it was said to be.
    #[error("the bytes are not {0}")]
    NotThis(&'static str),
    /// It would take too much memory.
    #[error(
        "the photo has too many pixels; {SIDE_PX_MAX} a side and 24 million in all are allowed"
    )]
    TooManyPixels,
    /// Broken.
    #[error("the photo could not be decoded; is it whole?")]
    Broken,
}

/// A format that photos may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhotoFormat {
    /// `image/jpeg`.
    Jpeg,
    /// `image/png`.
    Png,
}

impl PhotoFormat {
    /// The format of a media type, parameters aside.
    #[must_use]
    pub fn from_media_type(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        [Self::Jpeg, Self::Png]
            .into_iter()
            .find(|format| essence.eq_ignore_ascii_case(format.media_type()))
    }

    /// The media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

/// Decodes a photo and scales it down to [`THUMBNAIL_PX`], in the same format. A small photo
/// keeps its size. This takes tens of milliseconds of CPU: not for an async thread.
///
/// # Errors
/// [`PhotoError`] says what is wrong with the photo.
pub fn thumbnail(photo: &[u8], format: PhotoFormat) -> Result<Bytes, PhotoError> {
    let (expected, name) = match format {
        PhotoFormat::Jpeg => (ImageFormat::Jpeg, "a JPEG"),
        PhotoFormat::Png => (ImageFormat::Png, "a PNG"),
    };
    if image::guess_format(photo).ok() != Some(expected) {
        return Err(PhotoError::NotThis(name));
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_PX_MAX);
    limits.max_image_height = Some(SIDE_PX_MAX);
    limits.max_alloc = Some(DECODE_BYTES_MAX);
    let mut reader = ImageReader::with_format(Cursor::new(photo), expected);
    reader.limits(limits);
    let decoded = reader.decode().map_err(|error| match error {
        ImageError::Limits(_) => PhotoError::TooManyPixels,
        _ => PhotoError::Broken,
    })?;
    let scaled = if decoded.width().max(decoded.height()) > THUMBNAIL_PX {
        decoded.thumbnail(THUMBNAIL_PX, THUMBNAIL_PX)
    } else {
        decoded
    };
    encode(&scaled, format).map(Bytes::from)
}

fn encode(picture: &DynamicImage, format: PhotoFormat) -> Result<Vec<u8>, PhotoError> {
    let mut out = Vec::new();
    let encoded = match format {
        PhotoFormat::Jpeg => {
            let encoder = JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY);
            picture.to_rgb8().write_with_encoder(encoder)
        }
        PhotoFormat::Png => picture.write_to(&mut Cursor::new(&mut out), ImageFormat::Png),
    };
    encoded.map_err(|_| PhotoError::Broken)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let picture = DynamicImage::new_rgb8(width, height);
        encode(&picture, PhotoFormat::Png).unwrap()
    }

    /// A PNG whose head claims a size that its data does not have.
    fn bomb(width: u32, height: u32) -> Vec<u8> {
        let mut png = png(1, 1);
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(&png[12..29]);
        png[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        png
    }

    #[test]
    fn a_thumbnail_keeps_the_proportions() {
        for (photo, size) in [
            (png(1_024, 512), (256, 128)),
            (png(300, 900), (85, 256)),
            (png(20, 10), (20, 10)),
        ] {
            let small = thumbnail(&photo, PhotoFormat::Png).unwrap();
            let small = image::load_from_memory(&small).unwrap();
            assert_eq!((small.width(), small.height()), size);
        }
    }

    #[test]
    fn a_jpeg_gives_a_jpeg() {
        let photo = encode(&DynamicImage::new_rgb8(600, 400), PhotoFormat::Jpeg).unwrap();
        let small = thumbnail(&photo, PhotoFormat::Jpeg).unwrap();
        assert_eq!(image::guess_format(&small).unwrap(), ImageFormat::Jpeg);
    }

    #[test]
    fn a_decompression_bomb_is_refused() {
        // 100 million pixels of one byte each in a file of 100 KB: the data is all there.
        let real = encode(&DynamicImage::new_luma8(11_000, 11_000), PhotoFormat::Png).unwrap();
        assert!(real.len() < 1_000_000);
        for bomb in [bomb(100_000, 100_000), bomb(11_999, 11_999), real] {
            let refused = thumbnail(&bomb, PhotoFormat::Png);
            assert_eq!(refused, Err(PhotoError::TooManyPixels));
        }
    }

    #[test]
    fn what_is_not_a_photo_is_refused() {
        let whole = png(300, 300);
        assert_eq!(
            thumbnail(&whole, PhotoFormat::Jpeg),
            Err(PhotoError::NotThis("a JPEG"))
        );
        assert_eq!(
            thumbnail(&whole[..whole.len() / 2], PhotoFormat::Png),
            Err(PhotoError::Broken)
        );
        assert!(thumbnail(b"<svg onload=alert(1)>", PhotoFormat::Png).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn damage_never_panics(at in 0_usize..200, byte: u8) {
            let mut photo = png(40, 40);
            let at = at % photo.len();
            photo[at] = byte;
            let _ = thumbnail(&photo, PhotoFormat::Png);
        }
    }
}
