//! Pixels in, pixels out.

use bytes::Bytes;
use domain::image::{Format, MAX_DECODING, MAX_SIDE};
use image::codecs::jpeg::JpegEncoder;
use image::{
    DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, ImageResult, Limits, RgbImage, imageops,
};
use std::io::Cursor;

/// Longest side of a picture that is shown.
pub const LONGEST_SIDE: u32 = 2_560;

/// Widths of the smaller pictures, from the widest.
pub const WIDTHS: [u32; 3] = [1_280, 640, 320];

/// Quality of the pictures, of 100.
const QUALITY: u8 = 84;

/// What is made of an upload: JPEG files.
#[derive(Debug)]
pub struct Rendered {
    /// Width of the picture.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// The picture.
    pub full: Vec<u8>,
    /// Smaller ones by width, where the picture is wider.
    pub variants: Vec<(u32, Vec<u8>)>,
}

/// Decodes an upload whose header was judged already, and encodes what is shown.
///
/// # Errors
/// If it is damaged, or is larger than its header said.
pub fn render(format: Format, bytes: Bytes) -> ImageResult<Rendered> {
    let picture = flatten(decode(format, bytes)?);
    let (width, height) = picture.dimensions();
    let full = encode(&picture)?;
    let mut variants = Vec::with_capacity(WIDTHS.len());
    let mut larger = picture;
    for wanted in WIDTHS {
        if wanted < width {
            let scaled = u64::from(height) * u64::from(wanted) / u64::from(width);
            let scaled = u32::try_from(scaled).unwrap_or(LONGEST_SIDE).max(1);
            larger = imageops::thumbnail(&larger, wanted, scaled);
            variants.push((wanted, encode(&larger)?));
        }
    }
    Ok(Rendered {
        width,
        height,
        full,
        variants,
    })
}

/// The picture as it is to be looked at, no larger than is shown. It is made smaller before anything else, because every
/// further step needs a copy.
fn decode(format: Format, bytes: Bytes) -> ImageResult<DynamicImage> {
    let format = match format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Png => ImageFormat::Png,
        Format::WebP => ImageFormat::WebP,
        Format::Gif => ImageFormat::Gif,
    };
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODING);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    decoder.set_limits(limits)?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    if picture.width() > LONGEST_SIDE || picture.height() > LONGEST_SIDE {
        picture = picture.thumbnail(LONGEST_SIDE, LONGEST_SIDE);
    }
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// The picture over white.
fn flatten(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    let mut flat = RgbImage::new(picture.width(), picture.height());
    for (flat, pixel) in flat.pixels_mut().zip(picture.pixels()) {
        let [red, green, blue, alpha] = pixel.0;
        flat.0 = [red, green, blue].map(|channel| over_white(channel, alpha));
    }
    flat
}

fn over_white(channel: u8, alpha: u8) -> u8 {
    let (channel, alpha) = (u16::from(channel), u16::from(alpha));
    let mixed = (channel * alpha + 255 * (255 - alpha) + 127) / 255;
    u8::try_from(mixed).unwrap_or(u8::MAX)
}

fn encode(picture: &RgbImage) -> ImageResult<Vec<u8>> {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, QUALITY).encode_image(picture)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparency_becomes_white() {
        assert_eq!(over_white(0, 0), 255);
        assert_eq!(over_white(0, 255), 0);
        assert_eq!(over_white(200, 255), 200);
        assert_eq!(over_white(0, 128), 127);
    }
}
