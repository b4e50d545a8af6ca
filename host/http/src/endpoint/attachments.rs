//! `/v1/attachments`: files, streamed both ways.

use axum::Json;
use axum::body::Body as AxumBody;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::{AttachmentId, ByteStream, StoreError};
use warbler_service::NewAttachment;

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::{Path, Query};
use crate::problem::Problem;
use crate::wire::body::AttachmentView;

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(upload)).routes(routes!(download))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Named {
    /// The name that the sender gives the file.
    name: String,
}

/// A file that is kept.
#[derive(Serialize, ToSchema)]
struct Uploaded<'a> {
    /// The file.
    attachment: AttachmentView<'a>,
}

/// Keeps a file: its bytes are the body, its media type the content type. A message of type `file` then carries it.
#[utoipa::path(post, path = "/attachments", tag = "attachments", params(Named),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = Uploaded)))]
async fn upload(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Query(Named { name }): Query<Named>,
    request: Request,
) -> Result<Response, Problem> {
    let limit = api.options().attachment.0;
    if announced(request.headers()).is_some_and(|length| length > limit) {
        return Err(Problem::too_large("the file", limit));
    }
    let media_type = media_type(request.headers());
    let bytes: ByteStream = request
        .into_body()
        .into_data_stream()
        .map(|chunk| chunk.map_err(|error| StoreError::Io { doing: "reading the upload", source: error.into_inner() }))
        .boxed();
    let kept = api.service().attachments().put(&caller, NewAttachment { name, media_type }, bytes).await?;
    Ok((StatusCode::CREATED, Json(Uploaded { attachment: (&kept).into() })).into_response())
}

/// Gets a file's bytes, for its owner and for members of a conversation that it was sent in.
#[utoipa::path(get, path = "/attachments/{id}", tag = "attachments", params(("id" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream")))]
async fn download(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<AttachmentId>,
) -> Result<Response, Problem> {
    let (file, bytes) = api.service().attachments().get(&caller, id).await?;
    let mut response = AxumBody::from_stream(bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(file.size));
    let media_type = HeaderValue::from_str(&file.media_type);
    headers.insert(header::CONTENT_TYPE, media_type.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    // Never shown within a page of this origin, whatever it says that it is.
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename*=UTF-8''{}", percent(&file.name))) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The media type without parameters; what is not said is bytes.
fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.and_then(|value| value.split(';').next()).unwrap_or("application/octet-stream").trim().to_owned()
}

/// The extended notation of RFC 8187: what is not plainly safe is percent-encoded.
fn percent(name: &str) -> String {
    use std::fmt::Write as _;
    name.bytes().fold(String::with_capacity(name.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
            text.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_of_files_cannot_leave_their_header() {
        assert_eq!(super::percent("报告\"; x=\r\n.pdf"), "%E6%8A%A5%E5%91%8A%22%3B%20x%3D%0D%0A.pdf");
    }
}
