//! Uploads of all kinds, the hostile ones included, and what a decoder may take of the memory.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![expect(
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "`--nocapture` shows the peaks"
)]

use bytes::Bytes;
use domain::image::{Format, check};
use image::codecs::jpeg::JpegEncoder;
use image::{
    DynamicImage, ExtendedColorType, GenericImageView, ImageEncoder as _, ImageFormat, Rgb, RgbImage, Rgba,
};
use media_worker::render::{LONGEST_SIDE, Rendered, render};
use std::io::Cursor;

/// A picture whose left half is red and whose right half is blue.
fn halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| {
        Rgb(if x < width / 2 { [250, 0, 0] } else { [0, 0, 250] })
    })
}

fn file(picture: &DynamicImage, format: ImageFormat) -> Bytes {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner().into()
}

fn made(format: Format, bytes: Bytes) -> Rendered {
    check(format.media_type(), &bytes).unwrap();
    render(format, bytes).unwrap()
}

fn shown(file: &[u8]) -> RgbImage {
    image::load_from_memory_with_format(file, ImageFormat::Jpeg)
        .unwrap()
        .into_rgb8()
}

fn is_red(pixel: &Rgb<u8>) -> bool {
    pixel[0] > 200 && pixel[2] < 60
}

fn is_blue(pixel: &Rgb<u8>) -> bool {
    pixel[2] > 200 && pixel[0] < 60
}

/// A JPEG with a segment of metadata behind its first marker.
fn with_segment(jpeg: &[u8], marker: u8, content: &[u8]) -> Bytes {
    let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, marker], &length, content, &jpeg[2..]]
        .concat()
        .into()
}

/// EXIF that says how to turn the picture, and where it was taken.
fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    exif.extend(b"GPS 6.2088 S 106.8456 E");
    exif
}

#[test]
fn every_format_becomes_a_jpeg_of_the_same_size_with_its_variants() {
    let picture = DynamicImage::from(halves(1_400, 700));
    for (format, encoded) in [
        (Format::Jpeg, ImageFormat::Jpeg),
        (Format::Png, ImageFormat::Png),
        (Format::WebP, ImageFormat::WebP),
        (Format::Gif, ImageFormat::Gif),
    ] {
        let made = made(format, file(&picture, encoded));
        assert_eq!((made.width, made.height), (1_400, 700), "{format:?}");
        let full = shown(&made.full);
        assert!(
            is_red(full.get_pixel(100, 350)) && is_blue(full.get_pixel(1_300, 350)),
            "{format:?}"
        );
        let sizes: Vec<_> = made
            .variants
            .iter()
            .map(|(_, file)| shown(file).dimensions())
            .collect();
        assert_eq!(sizes, [(1_280, 640), (640, 320), (320, 160)], "{format:?}");
    }
}

#[test]
fn a_small_picture_has_the_variants_that_are_smaller() {
    let made = made(Format::Png, file(&halves(640, 2).into(), ImageFormat::Png));
    let widths: Vec<_> = made.variants.iter().map(|(width, _)| *width).collect();
    assert_eq!(widths, [320]);
}

#[test]
fn a_large_picture_is_shown_smaller() {
    let made = made(Format::Png, file(&halves(5_120, 100).into(), ImageFormat::Png));
    assert_eq!((made.width, made.height), (LONGEST_SIDE, 50));
}

#[test]
fn a_picture_is_turned_as_its_metadata_says_and_loses_them() {
    let jpeg = file(&halves(400, 200).into(), ImageFormat::Jpeg);
    // Turned clockwise by a quarter: what was left is on top.
    let made = made(Format::Jpeg, with_segment(&jpeg, 0xe1, &exif(6)));
    assert_eq!((made.width, made.height), (200, 400));
    let full = shown(&made.full);
    assert!(is_red(full.get_pixel(100, 50)) && is_blue(full.get_pixel(100, 350)));
    for (_, file) in made.variants.iter().chain([&(0, made.full.clone())]) {
        for trace in [b"Exif".as_slice(), b"GPS", b"106.8456"] {
            assert!(!file.windows(trace.len()).any(|bytes| bytes == trace));
        }
    }
}

#[test]
fn nothing_but_pixels_survives_of_a_polyglot() {
    let html = b"<html><script>alert(document.cookie)</script></html>";
    let jpeg = file(&halves(400, 200).into(), ImageFormat::Jpeg);
    let png = file(&halves(400, 200).into(), ImageFormat::Png);
    let in_comment = with_segment(&jpeg, 0xfe, html);
    let behind = |file: &Bytes| Bytes::from([file, html.as_slice()].concat());
    for (format, bytes) in [
        (Format::Jpeg, in_comment),
        (Format::Jpeg, behind(&jpeg)),
        (Format::Png, behind(&png)),
    ] {
        let made = made(format, bytes);
        assert!(!made.full.windows(7).any(|bytes| bytes == b"<script"));
        assert!(made.full.ends_with(&[0xff, 0xd9]));
    }
}

#[test]
fn transparency_is_laid_over_white() {
    let picture = image::RgbaImage::from_pixel(10, 10, Rgba([0, 0, 0, 0]));
    let made = made(Format::Png, file(&picture.into(), ImageFormat::Png));
    assert!(
        shown(&made.full)
            .pixels()
            .all(|pixel| pixel.0.iter().all(|channel| *channel > 250))
    );
}

#[test]
fn damaged_pictures_are_errors() {
    let picture = DynamicImage::from(halves(300, 200));
    for (format, encoded) in [
        (Format::Jpeg, ImageFormat::Jpeg),
        (Format::Png, ImageFormat::Png),
        (Format::WebP, ImageFormat::WebP),
        (Format::Gif, ImageFormat::Gif),
    ] {
        let whole = file(&picture, encoded);
        for length in (8..whole.len()).step_by(whole.len() / 60 + 1) {
            // Decoders may make something of a picture that ends early; they must neither panic nor hang.
            let _ = render(format, whole.slice(..length));
        }
        for at in (8..whole.len()).step_by(whole.len() / 200 + 1) {
            let mut damaged = whole.to_vec();
            damaged[at] ^= 0x55;
            let _ = render(format, damaged.into());
        }
    }
    let header_only = file(&picture, ImageFormat::Png).slice(..40);
    assert!(render(Format::Png, header_only).is_err());
    let flood = flood();
    assert!(check("image/png", &flood).is_err());
    assert!(
        render(Format::Png, flood).is_err(),
        "the decoder has limits of its own"
    );
}

/// A few bytes that say that they are 60,000 pixels wide and high.
fn flood() -> Bytes {
    let mut file = file(&halves(2, 2).into(), ImageFormat::Png).to_vec();
    file[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    file[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let crc = crc32(&file[12..29]);
    file[29..33].copy_from_slice(&crc.to_be_bytes());
    file.into()
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}

/// A picture that is made while it is encoded, so that it takes no memory.
struct Imagined(u32, u32);

impl GenericImageView for Imagined {
    type Pixel = Rgb<u8>;

    fn dimensions(&self) -> (u32, u32) {
        (self.0, self.1)
    }

    fn get_pixel(&self, x: u32, y: u32) -> Rgb<u8> {
        let noise = x.wrapping_mul(0x9e37_79b9) ^ y.wrapping_mul(0x85eb_ca6b);
        Rgb([(x / 24) as u8, (y / 16) as u8, (noise >> 28) as u8])
    }
}

/// A small PNG whose colour profile becomes 200 MB when it is unpacked.
fn profile_bomb() -> Bytes {
    let png = file(&halves(20, 20).into(), ImageFormat::Png);
    let profile = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; 200_000_000], 6);
    let chunk = [b"iCCPbomb\0\0".as_slice(), &profile].concat();
    let length = u32::try_from(chunk.len() - 4).unwrap().to_be_bytes();
    // Behind the header, before the pixels.
    [
        &png[..33],
        &length,
        &chunk,
        &crc32(&chunk).to_be_bytes(),
        &png[33..],
    ]
    .concat()
    .into()
}

/// Megabytes that the process had at most since [`forget_peak`].
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes / 1_000
}

fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Runs in a process of its own, because tests that run beside it would be counted, too.
#[test]
#[ignore = "started by the test below"]
fn decode_the_largest() {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 97)
        .encode_image(&Imagined(6_000, 4_000))
        .unwrap();
    let size = jpeg.len();
    forget_peak();
    let before = peak();
    let made = made(Format::Jpeg, jpeg.into());
    assert_eq!((made.width, made.height), (2_560, 1_707));
    let jpeg_peak = peak();

    let mut png = Vec::new();
    let rows: Vec<u8> = vec![127; 4_500 * 4_000 * 4];
    let encoder = image::codecs::png::PngEncoder::new(&mut png);
    encoder
        .write_image(&rows, 4_500, 4_000, ExtendedColorType::Rgba8)
        .unwrap();
    drop(rows);
    forget_peak();
    self::made(Format::Png, png.into());
    let png_peak = peak();

    let others: [(Format, fn() -> Bytes); 4] = [
        (Format::WebP, || {
            file(&halves(3_000, 3_000).into(), ImageFormat::WebP)
        }),
        (Format::Gif, || {
            let mut gif = Vec::new();
            let pixels = halves(3_000, 3_000).into_raw();
            image::codecs::gif::GifEncoder::new_with_speed(&mut gif, 30)
                .encode(&pixels, 3_000, 3_000, ExtendedColorType::Rgb8)
                .unwrap();
            gif.into()
        }),
        (Format::Png, || {
            let deep = DynamicImage::from(halves(4_000, 3_000)).into_rgb16();
            file(&deep.into(), ImageFormat::Png)
        }),
        (Format::Png, profile_bomb),
    ];
    let other_peaks = others.map(|(format, make)| {
        let bytes = make();
        check(format.media_type(), &bytes).unwrap();
        forget_peak();
        // Whether something comes out of a bomb does not matter.
        let _ = render(format, bytes);
        peak()
    });
    println!(
        "peaks: {before} MB before, JPEG of {size} bytes {jpeg_peak} MB, PNG {png_peak} MB, WebP, GIF, PNG of 16 bits and a \
         bomb {other_peaks:?} MB"
    );
    assert!(
        [jpeg_peak, png_peak]
            .iter()
            .chain(&other_peaks)
            .all(|peak| *peak < 128)
    );
}

#[test]
fn the_largest_pictures_are_decoded_below_128_mb() {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args([
        "decode_the_largest",
        "--exact",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    let output = child.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(told.contains("peaks: "), "{told}");
}
