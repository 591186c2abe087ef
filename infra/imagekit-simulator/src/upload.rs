//! The upload API, V1, for servers.

use crate::answer;
use crate::world::{File, Sim};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{StatusCode, header};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Largest picture of the free plan.
const LARGEST: usize = 25 * 1024 * 1024;

pub(crate) async fn upload(State(sim): State<Arc<Sim>>, request: Request) -> Response {
    sim.world().uploads += 1;
    match take(&sim, request).await {
        Ok(file) => answer::answer(StatusCode::OK, &file.uploaded(&sim.endpoint)),
        Err(message) => answer::error(StatusCode::BAD_REQUEST, &message),
    }
}

async fn take(sim: &Sim, request: Request) -> Result<File, String> {
    let fields = read(request).await?;
    let text = |name: &str| {
        fields
            .get(name)
            .map(|part| String::from_utf8_lossy(&part.bytes).into_owned())
    };
    let flag = |name: &str, default: bool| match text(name).as_deref() {
        None | Some("") => Ok(default),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(format!("Your request contains invalid {name} parameter.")),
    };
    let bytes = contents(fields.get("file"))?;
    if bytes.len() > LARGEST {
        return Err("Your file size exceeds the limit of your plan.".to_owned());
    }
    let name = text("fileName").filter(|name| !name.is_empty());
    let name = name.ok_or("Missing fileName parameter for upload")?;
    let unique = flag("useUniqueFileName", true)?;
    let overwrite = flag("overwriteFile", true)?;
    let private = flag("isPrivateFile", false)?;
    let tags = text("tags").filter(|tags| !tags.is_empty());
    if tags
        .as_ref()
        .is_some_and(|tags| tags.len() > 500 || tags.contains('%'))
    {
        return Err("Your request contains invalid tags parameter.".to_owned());
    }
    let path = path(&text("folder").unwrap_or_default(), &name, unique);
    let size = imagesize::blob_size(&bytes).ok();
    let media_type = media_type(&bytes);
    let mut world = sim.world();
    let older = world.files.get(&path);
    if older.is_some() && !overwrite {
        return Err("A file with the same name already exists at the exact location.".to_owned());
    }
    let now = jiff::Timestamp::now();
    let file = File {
        id: older.map_or_else(new_id, |older| older.id.clone()),
        path: path.clone(),
        bytes,
        media_type,
        size: size.map(|size| (size.width, size.height)),
        private,
        tags: tags.map(|tags| tags.split(',').map(|tag| tag.trim().to_owned()).collect()),
        versions: older.map_or(1, |older| older.versions + 1),
        created_at: older.map_or(now, |older| older.created_at),
        updated_at: now,
    };
    world.files.insert(path, file.clone());
    Ok(file)
}

struct Part {
    is_file: bool,
    bytes: Bytes,
}

async fn read(request: Request) -> Result<BTreeMap<String, Part>, String> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or("");
    let boundary = multer::parse_boundary(content_type)
        .map_err(|_| "Your request is not multipart/form-data.".to_owned())?;
    let body: Body = request.into_body();
    let body = to_bytes(body, LARGEST + 1024 * 1024)
        .await
        .map_err(|_| "Your file size exceeds the limit of your plan.".to_owned())?;
    let stream = futures_util::stream::once(std::future::ready(Ok::<_, std::io::Error>(body)));
    let mut form = multer::Multipart::new(stream, boundary);
    let mut fields = BTreeMap::new();
    let invalid = |error: multer::Error| format!("Your request contains invalid multipart data: {error}");
    while let Some(field) = form.next_field().await.map_err(invalid)? {
        let name = field.name().unwrap_or_default().to_owned();
        let is_file = field.file_name().is_some();
        let bytes = field.bytes().await.map_err(invalid)?;
        fields.insert(name, Part { is_file, bytes });
    }
    Ok(fields)
}

/// A binary part, base64, or a data URI. A URL, which ImageKit would fetch, is refused.
fn contents(part: Option<&Part>) -> Result<Bytes, String> {
    let missing = || "Missing file parameter for upload".to_owned();
    let part = part.filter(|part| !part.bytes.is_empty()).ok_or_else(missing)?;
    if part.is_file {
        return Ok(part.bytes.clone());
    }
    let text = std::str::from_utf8(&part.bytes).map_err(|_| missing())?;
    if text.starts_with("http://") || text.starts_with("https://") {
        return Err("The simulator fetches no files from URLs.".to_owned());
    }
    let encoded = match text.strip_prefix("data:") {
        Some(uri) => uri.split_once("base64,").map_or("", |(_, encoded)| encoded),
        None => text,
    };
    let decoded = STANDARD
        .decode(encoded)
        .map_err(|_| "Your request contains invalid file parameter.".to_owned())?;
    Ok(decoded.into())
}

/// What is not allowed in a name becomes `_`.
fn path(folder: &str, name: &str, unique: bool) -> String {
    let kept = |text: &str, also: &str| -> String {
        let keep = |c: char| c.is_alphanumeric() || also.contains(c);
        text.chars().map(|c| if keep(c) { c } else { '_' }).collect()
    };
    let folder = kept(folder.trim_matches('/'), "/_-");
    let mut name = kept(name, "._-");
    if unique {
        let suffix: String = Uuid::new_v4().simple().to_string().chars().take(9).collect();
        name = match name.rsplit_once('.') {
            Some((stem, extension)) => format!("{stem}_{suffix}.{extension}"),
            None => format!("{name}_{suffix}"),
        };
    }
    if folder.is_empty() {
        format!("/{name}")
    } else {
        format!("/{folder}/{name}")
    }
}

fn new_id() -> String {
    Uuid::new_v4().simple().to_string().chars().take(24).collect()
}

fn media_type(bytes: &[u8]) -> &'static str {
    match imagesize::image_type(bytes) {
        Ok(imagesize::ImageType::Jpeg) => "image/jpeg",
        Ok(imagesize::ImageType::Png) => "image/png",
        Ok(imagesize::ImageType::Gif) => "image/gif",
        Ok(imagesize::ImageType::Webp) => "image/webp",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned_and_made_unique() {
        assert_eq!(path("", "a b?.jpg", false), "/a_b_.jpg");
        assert_eq!(path("/x/y z/", "é.jpg", false), "/x/y_z/é.jpg");
        let unique = path("", "a.jpg", true);
        assert!(
            unique.starts_with("/a_") && unique.len() == "/a_123456789.jpg".len(),
            "{unique}"
        );
        assert_ne!(unique, path("", "a.jpg", true));
    }
}
