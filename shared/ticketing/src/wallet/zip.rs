//! An archive of files as they are, uncompressed: pictures are packed already, and the rest of a pass is a few kilobytes. The same
//! files give the same bytes.

use std::borrow::Cow;

/// A file of an archive. Its name is in ASCII.
pub(super) struct File {
    pub(super) name: &'static str,
    pub(super) content: Cow<'static, [u8]>,
}

/// First day that the format knows, 1980-01-01; nobody looks at the times of files in a pass.
const DAY: u16 = 1 << 5 | 1;
/// The version of the format that knows folders.
const VERSION: u16 = 20;

/// The archive of these files, in this order. They are few and small, far from what its 16 and 32 bits can count.
pub(super) fn archive(files: &[File]) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for file in files {
        let at = u32_of(archive.len());
        let mut crc = flate2::Crc::new();
        crc.update(&file.content);
        let size = u32_of(file.content.len());
        // What the header of a file and its entry in the directory have in common: from the version to the length of the name.
        let mut common = Vec::with_capacity(26);
        push16(&mut common, &[VERSION, 0, 0, 0, DAY]);
        push32(&mut common, &[crc.sum(), size, size]);
        push16(&mut common, &[u16_of(file.name.len()), 0]);
        archive.extend_from_slice(b"PK\x03\x04");
        archive.extend_from_slice(&common);
        archive.extend_from_slice(file.name.as_bytes());
        archive.extend_from_slice(&file.content);
        directory.extend_from_slice(b"PK\x01\x02");
        push16(&mut directory, &[VERSION]);
        directory.extend_from_slice(&common);
        push16(&mut directory, &[0, 0, 0]);
        push32(&mut directory, &[0, at]);
        directory.extend_from_slice(file.name.as_bytes());
    }
    let (start, count) = (u32_of(archive.len()), u16_of(files.len()));
    archive.extend_from_slice(&directory);
    archive.extend_from_slice(b"PK\x05\x06");
    push16(&mut archive, &[0, 0, count, count]);
    push32(&mut archive, &[u32_of(directory.len()), start]);
    push16(&mut archive, &[0]);
    archive
}

fn push16(bytes: &mut Vec<u8>, numbers: &[u16]) {
    numbers
        .iter()
        .for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
}

fn push32(bytes: &mut Vec<u8>, numbers: &[u32]) {
    numbers
        .iter()
        .for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
}

fn u16_of(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

fn u32_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
