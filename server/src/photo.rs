//! Photo checks and thumbnails.

use std::io::Cursor;
use std::ops::Range;

use bytes::Bytes;
use jpeg_encoder::SamplingFactor;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Longer side of a thumbnail, in pixels.
pub const THUMBNAIL_PX: u32 = 256;
/// Maximum side of a photo, in pixels.
const SIDE_PX_MAX: usize = 12_000;
/// Maximum size of a decoded photo, in bytes: 24 megapixels in RGBA.
const DECODED_BYTES_MAX: usize = 96 * 1_024 * 1_024;
/// Quality of a JPEG thumbnail, 1 to 100.
const JPEG_QUALITY: u8 = 80;

/// Reason for rejecting a photo.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhotoError {
    /// The signature is not that of the declared format.
    #[error("the bytes are not {0}")]
    WrongFormat(&'static str),
    /// Decoding would take too much memory.
    #[error(
        "the photo has too many pixels; the maximum is {SIDE_PX_MAX} a side and 24 million in total"
    )]
    TooManyPixels,
    /// The photo is truncated or malformed.
    #[error("could not decode the photo: it is truncated or malformed")]
    Malformed,
}

/// Supported photo format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhotoFormat {
    /// `image/jpeg`.
    Jpeg,
    /// `image/png`.
    Png,
}

impl PhotoFormat {
    /// Returns the format of a media type, ignoring its parameters.
    #[must_use]
    pub fn from_media_type(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        [Self::Jpeg, Self::Png]
            .into_iter()
            .find(|format| essence.eq_ignore_ascii_case(format.media_type()))
    }

    /// Returns the media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "a JPEG",
            Self::Png => "a PNG",
        }
    }

    fn signature(self) -> &'static [u8] {
        match self {
            Self::Jpeg => b"\xff\xd8\xff",
            Self::Png => b"\x89PNG\r\n\x1a\n",
        }
    }
}

/// Decodes a photo and scales it down to [`THUMBNAIL_PX`], in the same format. Small photos keep
/// their size.
///
/// This takes tens of milliseconds of CPU; do not call it on an async thread.
///
/// # Errors
/// Fails if `photo` is not of this `format`, too large, or malformed.
pub fn thumbnail(photo: &[u8], format: PhotoFormat) -> Result<Bytes, PhotoError> {
    if !photo.starts_with(format.signature()) {
        return Err(PhotoError::WrongFormat(format.name()));
    }
    let decoded = match format {
        PhotoFormat::Jpeg => decode_jpeg(photo)?,
        PhotoFormat::Png => decode_png(photo)?,
    };
    let scaled = if decoded.width.max(decoded.height) > THUMBNAIL_PX as usize {
        shrink(&decoded)
    } else {
        decoded
    };
    let encoded = match format {
        PhotoFormat::Jpeg => encode_jpeg(&scaled),
        PhotoFormat::Png => encode_png(&scaled),
    };
    encoded.map(Bytes::from)
}

/// Decoded photo, 8 bits a sample.
struct Picture {
    width: usize,
    height: usize,
    /// Samples a pixel: 1 or 3, plus 1 with transparency.
    channels: usize,
    samples: Vec<u8>,
}

fn decode_jpeg(photo: &[u8]) -> Result<Picture, PhotoError> {
    // The decoder's own limits fail like malformed input, so the size is checked below.
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let failed = |_: DecodeErrors| PhotoError::Malformed;
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(photo), options);
    decoder.decode_headers().map_err(failed)?;
    let (width, height) = decoder.dimensions().ok_or(PhotoError::Malformed)?;
    let (channels, colors) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (1, ColorSpace::Luma),
        _ => (3, ColorSpace::RGB),
    };
    if width.max(height) > SIDE_PX_MAX || width * height * channels > DECODED_BYTES_MAX {
        return Err(PhotoError::TooManyPixels);
    }
    decoder.set_options(options.jpeg_set_out_colorspace(colors));
    let samples = decoder.decode().map_err(failed)?;
    Ok(Picture {
        width,
        height,
        channels,
        samples,
    })
}

fn decode_png(photo: &[u8]) -> Result<Picture, PhotoError> {
    let failed = |error| match error {
        png::DecodingError::LimitsExceeded => PhotoError::TooManyPixels,
        _ => PhotoError::Malformed,
    };
    let limits = png::Limits {
        bytes: DECODED_BYTES_MAX,
    };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(photo), limits);
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let header = decoder.read_header_info().map_err(failed)?;
    let (width, height) = (header.width as usize, header.height as usize);
    if width.max(height) > SIDE_PX_MAX {
        return Err(PhotoError::TooManyPixels);
    }
    let mut reader = decoder.read_info().map_err(failed)?;
    let bytes = reader
        .output_buffer_size()
        .filter(|bytes| *bytes <= DECODED_BYTES_MAX)
        .ok_or(PhotoError::TooManyPixels)?;
    let mut samples = vec![0; bytes];
    reader.next_frame(&mut samples).map_err(failed)?;
    let (colors, _) = reader.output_color_type();
    Ok(Picture {
        width,
        height,
        channels: colors.samples(),
        samples,
    })
}

/// Scales a picture down to [`THUMBNAIL_PX`]: each pixel is the mean of the pixels that it covers.
fn shrink(picture: &Picture) -> Picture {
    let longer = picture.width.max(picture.height);
    let scaled = |side: usize| ((side * THUMBNAIL_PX as usize + longer / 2) / longer).max(1);
    let (width, height) = (scaled(picture.width), scaled(picture.height));
    let channels = picture.channels;
    let mut samples = Vec::with_capacity(width * height * channels);
    for row in 0..height {
        let rows = covered(row, picture.height, height);
        for column in 0..width {
            let columns = covered(column, picture.width, width);
            let mut sums = [0_u32; 4];
            for y in rows.clone() {
                let line = y * picture.width;
                let line = (line + columns.start) * channels..(line + columns.end) * channels;
                for pixel in picture.samples[line].chunks_exact(channels) {
                    for (sum, sample) in sums.iter_mut().zip(pixel) {
                        *sum += u32::from(*sample);
                    }
                }
            }
            // At most 47 x 47 pixels of 255: far from overflowing.
            let count = (rows.len() * columns.len()) as u32;
            let means = sums.map(|sum| ((sum + count / 2) / count) as u8);
            samples.extend_from_slice(&means[..channels]);
        }
    }
    Picture {
        width,
        height,
        channels,
        samples,
    }
}

/// Returns the pixels that pixel `index` of a side shrunk from `from` to `to` covers.
fn covered(index: usize, from: usize, to: usize) -> Range<usize> {
    (index * from).div_ceil(to)..((index + 1) * from).div_ceil(to)
}

fn encode_jpeg(picture: &Picture) -> Result<Vec<u8>, PhotoError> {
    let side = |side| u16::try_from(side).map_err(|_| PhotoError::TooManyPixels);
    let (width, height) = (side(picture.width)?, side(picture.height)?);
    let colors = if picture.channels == 1 {
        jpeg_encoder::ColorType::Luma
    } else {
        jpeg_encoder::ColorType::Rgb
    };
    let mut out = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut out, JPEG_QUALITY);
    encoder.set_sampling_factor(SamplingFactor::R_4_4_4);
    encoder
        .encode(&picture.samples, width, height, colors)
        .map_err(|_| PhotoError::Malformed)?;
    Ok(out)
}

fn encode_png(picture: &Picture) -> Result<Vec<u8>, PhotoError> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, picture.width as u32, picture.height as u32);
    encoder.set_color(match picture.channels {
        1 => png::ColorType::Grayscale,
        2 => png::ColorType::GrayscaleAlpha,
        3 => png::ColorType::Rgb,
        _ => png::ColorType::Rgba,
    });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::Adaptive);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&picture.samples))
        .map_err(|_| PhotoError::Malformed)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn black(width: usize, height: usize, channels: usize) -> Picture {
        Picture {
            width,
            height,
            channels,
            samples: vec![0; width * height * channels],
        }
    }

    fn png(width: usize, height: usize) -> Vec<u8> {
        encode_png(&black(width, height, 3)).unwrap()
    }

    fn jpeg(width: usize, height: usize) -> Vec<u8> {
        encode_jpeg(&black(width, height, 3)).unwrap()
    }

    /// A PNG whose header claims a size that its data does not have.
    fn png_claiming(width: u32, height: u32) -> Vec<u8> {
        let mut png = png(1, 1);
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(&png[12..29]);
        png[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        png
    }

    /// A JPEG whose frame header claims a size that its data does not have.
    fn jpeg_claiming(width: u16, height: u16) -> Vec<u8> {
        let mut jpeg = jpeg(16, 16);
        let frame = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
        jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
        jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
        jpeg
    }

    #[test]
    fn thumbnail_keeps_proportions() {
        for (size, expected) in [
            ((1_024, 512), (256, 128)),
            ((300, 900), (85, 256)),
            ((20, 10), (20, 10)),
            ((4_000, 1), (256, 1)),
        ] {
            let small = thumbnail(&png(size.0, size.1), PhotoFormat::Png).unwrap();
            let small = decode_png(&small).unwrap();
            assert_eq!((small.width, small.height), expected);
            let small = thumbnail(&jpeg(size.0, size.1), PhotoFormat::Jpeg).unwrap();
            let small = decode_jpeg(&small).unwrap();
            assert_eq!((small.width, small.height), expected);
        }
    }

    #[test]
    fn shrinking_averages_covered_pixels() {
        let samples = (0..512)
            .flat_map(|row| {
                (0..512).map(move |column| if (row + column) % 2 == 0 { 10 } else { 21 })
            })
            .flat_map(|gray| [gray, 255])
            .collect();
        let small = shrink(&Picture {
            width: 512,
            height: 512,
            channels: 2,
            samples,
        });
        assert_eq!((small.width, small.height), (256, 256));
        // The mean of 10 and 21, rounded up; the transparency is averaged on its own.
        assert!(small.samples.chunks(2).all(|pixel| *pixel == [16, 255]));
    }

    #[test]
    fn every_pixel_is_covered_once() {
        for (from, to) in [(257, 256), (300, 256), (12_000, 256), (1, 1), (46, 1)] {
            let mut next = 0;
            for index in 0..to {
                let range = covered(index, from, to);
                assert_eq!(range.start, next);
                assert!(!range.is_empty());
                next = range.end;
            }
            assert_eq!(next, from);
        }
    }

    #[test]
    fn colors_survive() {
        let red = Picture {
            samples: [200, 30, 40].repeat(600 * 400),
            ..black(600, 400, 3)
        };
        let small = thumbnail(&encode_png(&red).unwrap(), PhotoFormat::Png).unwrap();
        let small = decode_png(&small).unwrap();
        assert_eq!(small.samples, [200, 30, 40].repeat(256 * 171));
        let small = thumbnail(&encode_jpeg(&red).unwrap(), PhotoFormat::Jpeg).unwrap();
        let small = decode_jpeg(&small).unwrap();
        assert_eq!(small.samples.len(), 256 * 171 * 3);
        for pixel in small.samples.chunks(3) {
            for (sample, expected) in pixel.iter().zip([200, 30, 40]) {
                assert!(sample.abs_diff(expected) <= 4, "{pixel:?}");
            }
        }
    }

    #[test]
    fn supports_all_png_color_types() {
        for channels in 1..=4 {
            let photo = encode_png(&black(300, 300, channels)).unwrap();
            let small = thumbnail(&photo, PhotoFormat::Png).unwrap();
            assert_eq!(decode_png(&small).unwrap().channels, channels);
        }
        // 16 bits a sample become 8.
        let mut photo = Vec::new();
        let mut encoder = png::Encoder::new(&mut photo, 300, 300);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Sixteen);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[7; 300 * 300 * 6]).unwrap();
        drop(writer);
        let small = thumbnail(&photo, PhotoFormat::Png).unwrap();
        assert_eq!(decode_png(&small).unwrap().samples, [7; 256 * 256 * 3]);
    }

    #[test]
    fn gray_jpeg_stays_gray() {
        let photo = encode_jpeg(&black(300, 300, 1)).unwrap();
        let small = thumbnail(&photo, PhotoFormat::Jpeg).unwrap();
        assert_eq!(decode_jpeg(&small).unwrap().channels, 1);
    }

    #[test]
    fn rejects_decompression_bombs() {
        // 121 million pixels of one byte each in a file of 100 KB, with all its data.
        let real = encode_png(&black(11_000, 11_000, 1)).unwrap();
        assert!(real.len() < 1_000_000);
        for bomb in [
            png_claiming(100_000, 100_000),
            png_claiming(11_999, 11_999),
            real,
        ] {
            let rejected = thumbnail(&bomb, PhotoFormat::Png);
            assert_eq!(rejected, Err(PhotoError::TooManyPixels));
        }
        for bomb in [jpeg_claiming(65_000, 10), jpeg_claiming(11_999, 11_999)] {
            let rejected = thumbnail(&bomb, PhotoFormat::Jpeg);
            assert_eq!(rejected, Err(PhotoError::TooManyPixels));
        }
    }

    #[test]
    fn rejects_other_and_truncated_files() {
        let whole = png(300, 300);
        assert_eq!(
            thumbnail(&whole, PhotoFormat::Jpeg),
            Err(PhotoError::WrongFormat("a JPEG"))
        );
        assert_eq!(
            thumbnail(&whole[..whole.len() / 2], PhotoFormat::Png),
            Err(PhotoError::Malformed)
        );
        assert_eq!(
            thumbnail(b"\xff\xd8\xff\xd9", PhotoFormat::Jpeg),
            Err(PhotoError::Malformed)
        );
        assert!(thumbnail(b"<svg onload=alert(1)>", PhotoFormat::Png).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn damage_never_panics(at in 0_usize..200, byte: u8) {
            for (mut photo, format) in
                [(png(40, 40), PhotoFormat::Png), (jpeg(40, 40), PhotoFormat::Jpeg)]
            {
                let at = at % photo.len();
                photo[at] = byte;
                let _ = thumbnail(&photo, format);
            }
        }
    }
}
