//! Pictures that people upload: what is taken, judged by the first bytes and before anything is decoded. The header names the
//! size, and the size decides what decoding would cost; a picture that would cost too much is refused unread.

use crate::{Error, Kind};
use schemars::JsonSchema;
use std::fmt;

/// Largest picture inside a form, in bytes.
pub const MAX_IN_FORM: usize = 5 * 1024 * 1024;

/// Largest picture that is uploaded to the store directly, in bytes.
pub const MAX_BYTES: u32 = 12 * 1024 * 1024;

/// Longest side, in pixels.
pub const MAX_SIDE: u32 = 12_000;

/// Most pixels.
pub const MAX_PIXELS: u64 = 40_000_000;

/// Most memory that decoding may take. With the file, its copy in the decoder and what is made of it, a worker stays below
/// 128 MB.
pub const MAX_DECODING: u64 = 72_000_000;

/// Most scans of a progressive JPEG. Each goes over the whole picture again, so a small file with very many would keep a
/// decoder busy for minutes; programs that write such files make about ten.
pub const MAX_SCANS: usize = 64;

/// A kind of picture that is taken. SVG is none: it is a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, JsonSchema)]
pub enum Format {
    /// JPEG.
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// PNG; of an animation, the first picture.
    #[serde(rename = "image/png")]
    Png,
    /// WebP; of an animation, the first picture.
    #[serde(rename = "image/webp")]
    WebP,
    /// GIF; of an animation, the first picture.
    #[serde(rename = "image/gif")]
    Gif,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Jpeg, Self::Png, Self::WebP, Self::Gif];

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
        }
    }

    /// The format of a media type, whatever its parameters and case. `image/jpg` is no registered type, but often sent.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or("").trim();
        if essence.eq_ignore_ascii_case("image/jpg") {
            return Some(Self::Jpeg);
        }
        Self::ALL
            .into_iter()
            .find(|format| format.media_type().eq_ignore_ascii_case(essence))
    }

    /// The format that the first bytes belong to.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Some(Self::WebP)
        } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
            Some(Self::Gif)
        } else {
            None
        }
    }
}

/// What the header of a picture says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its format.
    pub format: Format,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// Bytes that decoding takes.
    pub decoding: u64,
}

/// Why a picture is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its bytes, or what the client says about them, are not those of a picture that is taken.
    NotAnImage,
    /// The client says that it is something else than it is.
    OtherType,
    /// It has more bytes than allowed.
    TooLarge,
    /// Its header is cut off, or says what no picture says.
    Broken,
    /// It has too many pixels, or takes too much memory to decode.
    TooManyPixels,
}

impl Refusal {
    /// Stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotAnImage => "not_an_image",
            Self::OtherType => "media_type_differs",
            Self::TooLarge => "file_too_large",
            Self::Broken => "image_broken",
            Self::TooManyPixels => "too_many_pixels",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnImage => "Only images are allowed",
            Self::OtherType => "The image is of another type than its content type says",
            Self::TooLarge => "File too large",
            Self::Broken => "The image is damaged",
            Self::TooManyPixels => "The image has too many pixels",
        })
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::NotAnImage | Refusal::OtherType => Kind::UnsupportedMedia,
            Refusal::TooLarge => Kind::TooLarge,
            Refusal::Broken | Refusal::TooManyPixels => Kind::Invalid,
        };
        Self::new(kind, refusal.code(), refusal.to_string())
    }
}

/// Judges a picture by its first bytes and by what the client says that it is.
///
/// # Errors
/// See [`Refusal`].
pub fn check(declared: &str, bytes: &[u8]) -> Result<Header, Refusal> {
    let format = Format::sniff(bytes).ok_or(Refusal::NotAnImage)?;
    match Format::of_media_type(declared) {
        None => return Err(Refusal::NotAnImage),
        Some(declared) if declared != format => return Err(Refusal::OtherType),
        Some(_) => {}
    }
    let header = read(format, bytes).ok_or(Refusal::Broken)?;
    let (width, height) = (header.width, header.height);
    if width == 0 || height == 0 {
        return Err(Refusal::Broken);
    }
    let pixels = u64::from(width) * u64::from(height);
    if width > MAX_SIDE || height > MAX_SIDE || pixels > MAX_PIXELS || header.decoding > MAX_DECODING {
        return Err(Refusal::TooManyPixels);
    }
    Ok(header)
}

fn read(format: Format, bytes: &[u8]) -> Option<Header> {
    let (width, height, per_pixel) = match format {
        Format::Jpeg => return read_jpeg(bytes),
        Format::Png => read_png(bytes)?,
        // The canvas in four channels, and one frame beside it.
        Format::Gif => (little(bytes, 6, 2)?, little(bytes, 8, 2)?, 8),
        Format::WebP => read_webp(bytes)?,
    };
    Some(Header {
        format,
        width,
        height,
        decoding: (u64::from(width) * u64::from(height)).saturating_mul(per_pixel),
    })
}

fn read_png(bytes: &[u8]) -> Option<(u32, u32, u64)> {
    if bytes.get(12..16)? != b"IHDR" {
        return None;
    }
    let channels = match bytes.get(25)? {
        0 => 1,
        2 => 3,
        4 => 2,
        // A palette may hold transparency, and is spread out.
        3 | 6 => 4,
        _ => return None,
    };
    let per_channel = if *bytes.get(24)? == 16 { 2 } else { 1 };
    Some((big(bytes, 16, 4)?, big(bytes, 20, 4)?, channels * per_channel))
}

fn read_webp(bytes: &[u8]) -> Option<(u32, u32, u64)> {
    const PER_PIXEL: u64 = 8;
    match bytes.get(12..16)? {
        b"VP8 " if bytes.get(23..26)? == [0x9d, 0x01, 0x2a] => {
            let side = |at| Some(little(bytes, at, 2)? & 0x3fff);
            Some((side(26)?, side(28)?, PER_PIXEL))
        }
        b"VP8L" if *bytes.get(20)? == 0x2f => {
            let packed = little(bytes, 21, 4)?;
            Some(((packed & 0x3fff) + 1, (packed >> 14 & 0x3fff) + 1, PER_PIXEL))
        }
        b"VP8X" => Some((little(bytes, 24, 3)? + 1, little(bytes, 27, 3)? + 1, PER_PIXEL)),
        _ => None,
    }
}

/// Walks over the segments of a JPEG up to the frame header.
fn read_jpeg(bytes: &[u8]) -> Option<Header> {
    let mut at = 2;
    loop {
        if *bytes.get(at)? != 0xff {
            return None;
        }
        let marker = *bytes.get(at + 1)?;
        match marker {
            // Any number of fill bytes may stand before a marker.
            0xff => at += 1,
            // Markers without a segment.
            0x01 | 0xd0..=0xd7 => at += 2,
            0xc0..=0xc2 => return frame(bytes, at, marker == 0xc2),
            // Pictures of rarer kinds (lossless, hierarchical, arithmetic), and what must not come before the frame.
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf | 0x00 | 0xd8..=0xda => return None,
            _ => {
                let length = usize::try_from(big(bytes, at + 2, 2)?).ok()?;
                if length < 2 {
                    return None;
                }
                at += 2 + length;
            }
        }
    }
}

fn frame(bytes: &[u8], at: usize, progressive: bool) -> Option<Header> {
    let (height, width) = (big(bytes, at + 5, 2)?, big(bytes, at + 7, 2)?);
    let components = usize::from(*bytes.get(at + 9)?);
    if !matches!(components, 1 | 3 | 4) {
        return None;
    }
    let mut samplings = Vec::with_capacity(components);
    for component in 0..components {
        let sampling = *bytes.get(at + 11 + component * 3)?;
        let (across, down) = (u64::from(sampling >> 4), u64::from(sampling & 15));
        if !(1..=4).contains(&across) || !(1..=4).contains(&down) {
            return None;
        }
        samplings.push((across, down));
    }
    let pixels = u64::from(width) * u64::from(height);
    let mut decoding = pixels * components as u64;
    if progressive {
        // In compressed data this marker cannot occur; what metadata hold of it (a preview) counts for little.
        let scans = bytes.windows(2).filter(|pair| *pair == [0xff, 0xda]);
        if scans.count() > MAX_SCANS {
            return None;
        }
        // All coefficients of the picture are kept until the last scan, two bytes each.
        let most_across = samplings.iter().map(|sampling| sampling.0).max()?;
        let most_down = samplings.iter().map(|sampling| sampling.1).max()?;
        let kept: u64 = samplings.iter().map(|(across, down)| across * down).sum();
        decoding += (pixels * kept * 2).div_ceil(most_across * most_down);
    }
    Some(Header {
        format: Format::Jpeg,
        width,
        height,
        decoding,
    })
}

fn big(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    let digits = bytes.get(at..at.checked_add(length)?)?;
    Some(
        digits
            .iter()
            .fold(0, |number, byte| number << 8 | u32::from(*byte)),
    )
}

fn little(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    let digits = bytes.get(at..at.checked_add(length)?)?;
    Some(
        digits
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u32::from(*byte)),
    )
}

/// Bytes of a file that is uploaded to the store directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
pub struct FileSize(#[schemars(range(min = 1, max = 12_582_912))] u32);

impl FileSize {
    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<'de> serde::Deserialize<'de> for FileSize {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let size = crate::text::whole_number(input)?;
        match u32::try_from(size) {
            Ok(size) if (1..=MAX_BYTES).contains(&size) => Ok(Self(size)),
            _ => Err(serde::de::Error::custom(format!(
                "must be between 1 and {MAX_BYTES}"
            ))),
        }
    }
}

/// What a picture is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// The picture of an event.
    Event,
    /// The picture of a ticket type.
    Ticket,
}

impl Purpose {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Ticket => "ticket",
        }
    }

    /// The purpose of a word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Event, Self::Ticket]
            .into_iter()
            .find(|purpose| purpose.as_str() == word)
    }
}

/// How far a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is expected.
    Pending,
    /// It lies in the store and is worked on.
    Stored,
    /// Its URL answers.
    Ready,
    /// It is no picture that is shown.
    Failed,
    /// Nothing shows it any more, and it is being deleted.
    Discarded,
}

impl State {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Stored => "stored",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Discarded => "discarded",
        }
    }

    /// The state of a word.
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Pending,
            Self::Stored,
            Self::Ready,
            Self::Failed,
            Self::Discarded,
        ]
        .into_iter()
        .find(|state| state.as_str() == word)
    }
}

/// After so many attempts, which take about a day, a picture is given up: it may be the picture that kills its workers.
pub const MOST_ATTEMPTS: u32 = 100;

/// Seconds after which a picture is tried again that could not be published: half a minute after the first attempt, doubled
/// with every further one, at most a quarter of an hour.
pub fn retry_seconds(attempts: u32) -> i64 {
    (30_i64 << attempts.saturating_sub(1).min(5)).min(900)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn png(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([depth, colour, 0, 0, 0]);
        bytes
    }

    fn jpeg(width: u16, height: u16, marker: u8, samplings: &[u8]) -> Vec<u8> {
        // A segment of metadata and fill bytes stand before the frame.
        let mut bytes = vec![
            0xff, 0xd8, 0xff, 0xe1, 0, 4, 0xff, 0xc0, 0xff, 0xff, marker, 0, 0, 8,
        ];
        bytes.extend(height.to_be_bytes());
        bytes.extend(width.to_be_bytes());
        bytes.push(u8::try_from(samplings.len()).unwrap());
        for (id, sampling) in (1..).zip(samplings) {
            bytes.extend([id, *sampling, 0]);
        }
        bytes
    }

    fn gif(width: u16, height: u16) -> Vec<u8> {
        let mut bytes = b"GIF89a".to_vec();
        bytes.extend(width.to_le_bytes());
        bytes.extend(height.to_le_bytes());
        bytes
    }

    fn webp(kind: &[u8; 4], rest: &[u8]) -> Vec<u8> {
        [b"RIFF\0\0\0\0WEBP".as_slice(), kind, &[0; 4], rest].concat()
    }

    #[test]
    fn sizes_are_read_from_headers() {
        let size =
            |declared, bytes: &[u8]| check(declared, bytes).map(|header| (header.width, header.height));
        assert_eq!(size("image/png", &png(640, 480, 8, 6)), Ok((640, 480)));
        assert_eq!(
            size("image/jpeg", &jpeg(4000, 3000, 0xc0, &[0x22, 0x11, 0x11])),
            Ok((4000, 3000))
        );
        assert_eq!(
            size("IMAGE/JPG; q=1", &jpeg(4000, 3000, 0xc0, &[0x11])),
            Ok((4000, 3000))
        );
        assert_eq!(size("image/gif", &gif(300, 200)), Ok((300, 200)));
        let lossy = [0, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01];
        assert_eq!(size("image/webp", &webp(b"VP8 ", &lossy)), Ok((640, 480)));
        let lossless = (639_u32 | 479 << 14).to_le_bytes();
        let lossless = [&[0x2f], lossless.as_slice()].concat();
        assert_eq!(size("image/webp", &webp(b"VP8L", &lossless)), Ok((640, 480)));
        let extended = [0, 0, 0, 0, 0x7f, 0x02, 0, 0xdf, 0x01, 0];
        assert_eq!(size("image/webp", &webp(b"VP8X", &extended)), Ok((640, 480)));
    }

    #[test]
    fn what_is_no_picture_or_another_one_is_refused() {
        let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
        for (declared, bytes) in [
            ("image/svg+xml", svg.as_slice()),
            ("image/png", svg),
            ("image/png", b""),
            ("text/html", &png(1, 1, 8, 2)),
            ("", &png(1, 1, 8, 2)),
            ("image/bmp", b"BM"),
        ] {
            assert_eq!(check(declared, bytes), Err(Refusal::NotAnImage), "{declared}");
        }
        assert_eq!(check("image/jpeg", &png(1, 1, 8, 2)), Err(Refusal::OtherType));
        assert_eq!(check("image/png", &gif(1, 1)), Err(Refusal::OtherType));
    }

    #[test]
    fn pixel_floods_are_refused_by_their_headers() {
        let flood = Err(Refusal::TooManyPixels);
        assert_eq!(check("image/png", &png(60_000, 60_000, 8, 2)), flood);
        assert_eq!(check("image/png", &png(u32::MAX, u32::MAX, 16, 6)), flood);
        assert_eq!(
            check("image/jpeg", &jpeg(u16::MAX, u16::MAX, 0xc2, &[0x11; 3])),
            flood
        );
        assert_eq!(check("image/png", &png(12_001, 1, 8, 0)), flood);
        assert!(check("image/png", &png(12_000, 1, 8, 0)).is_ok());
        assert_eq!(check("image/png", &png(8_000, 5_001, 8, 0)), flood);
        assert!(check("image/png", &png(8_000, 5_000, 8, 0)).is_ok());
    }

    #[test]
    fn what_decoding_costs_is_counted() {
        let cost = |declared, bytes: &[u8]| check(declared, bytes).map(|header| header.decoding);
        let small = [0x22, 0x11, 0x11];
        assert_eq!(
            cost("image/jpeg", &jpeg(6000, 4000, 0xc0, &small)),
            Ok(72_000_000)
        );
        assert_eq!(
            cost("image/jpeg", &jpeg(4000, 3000, 0xc2, &small)),
            Ok(12_000_000 * 3 + 12_000_000 * 3)
        );
        assert_eq!(
            cost("image/jpeg", &jpeg(6000, 4000, 0xc2, &small)),
            Err(Refusal::TooManyPixels)
        );
        assert_eq!(cost("image/png", &png(1000, 1000, 16, 6)), Ok(8_000_000));
        assert_eq!(
            cost("image/png", &png(6000, 4000, 16, 2)),
            Err(Refusal::TooManyPixels)
        );
    }

    #[test]
    fn a_progressive_jpeg_has_a_sane_number_of_scans() {
        let with_scans = |marker, scans: usize| {
            let head = jpeg(40, 30, marker, &[0x11; 3]);
            check("image/jpeg", &[head, [0xff, 0xda, 0, 2].repeat(scans)].concat())
        };
        assert!(with_scans(0xc2, MAX_SCANS).is_ok());
        assert_eq!(with_scans(0xc2, MAX_SCANS + 1), Err(Refusal::Broken));
        // A baseline picture is decoded in one pass, whatever follows.
        assert!(with_scans(0xc0, MAX_SCANS + 1).is_ok());
    }

    #[test]
    fn a_side_of_nothing_and_a_header_that_ends_early_are_broken() {
        assert_eq!(check("image/png", &png(0, 5, 8, 2)), Err(Refusal::Broken));
        assert_eq!(
            check("image/jpeg", &jpeg(5, 0, 0xc0, &[0x11])),
            Err(Refusal::Broken)
        );
        let lossless = jpeg(5, 5, 0xc3, &[0x11]);
        assert_eq!(check("image/jpeg", &lossless), Err(Refusal::Broken));
        for whole in [png(5, 5, 8, 2), jpeg(5, 5, 0xc0, &[0x11; 3]), gif(5, 5)] {
            let format = Format::sniff(&whole).unwrap();
            // The last bytes of PNG and JPEG here say nothing about the size.
            for length in 6..whole.len() - 4 {
                let cut = check(format.media_type(), &whole[..length]);
                assert!(
                    matches!(cut, Err(Refusal::Broken | Refusal::NotAnImage)),
                    "{format:?} of {length} bytes: {cut:?}"
                );
            }
        }
    }

    #[test]
    fn waiting_doubles_up_to_a_quarter_of_an_hour() {
        let waits = [1, 2, 3, 5, 6, 1_000].map(retry_seconds);
        assert_eq!(waits, [30, 60, 120, 480, 900, 900]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(format in 0..4_usize, tail in prop::collection::vec(any::<u8>(), 0..80)) {
            let starts: [&[u8]; 4] = [&[0xff, 0xd8, 0xff], b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8", b"GIF89a"];
            let bytes = [starts[format], tail.as_slice()].concat();
            if let Ok(header) = check(Format::ALL[format].media_type(), &bytes) {
                prop_assert!(header.decoding <= MAX_DECODING && header.width <= MAX_SIDE);
            }
        }
    }
}
