//! The `OpenAPI` document: what the routes say of themselves, with what holds for all of them.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, ResponseBuilder, SecurityRequirement,
};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::{MEDIA_TYPE, Problem};
use crate::socket::frame;

/// The name under which the bearer token stands in the document.
const BEARER: &str = "bearer";

/// What is said before any route is known.
pub(crate) fn base() -> OpenApi {
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let info = InfoBuilder::new()
        .title("Warbler")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "A multi-tenant messaging host. Errors are RFC 9457 problem details with a stable `code`. Identifiers are \
             UUIDs, times RFC 3339 in UTC. Unknown fields are refused.",
        ))
        .license(Some(license))
        .build();
    OpenApiBuilder::new().info(info).build()
}

/// Adds what holds for all routes: the token, the problems, and the frames of the socket.
pub(crate) fn complete(mut api: OpenApi) -> OpenApi {
    let components = api.components.get_or_insert_default();
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A session's or the operator's token."))
        .build();
    components.add_security_scheme(BEARER, SecurityScheme::Http(scheme));
    let mut schemas = Vec::new();
    Problem::schemas(&mut schemas);
    frame::HostFrame::schemas(&mut schemas);
    for (name, schema) in [
        (Problem::name(), Problem::schema()),
        (frame::HostFrame::name(), frame::HostFrame::schema()),
        ("HelloFrame".into(), frame::Hello::schema()),
        ("SendFrame".into(), frame::Send::schema()),
        ("ReadFrame".into(), frame::Read::schema()),
        ("TypingFrame".into(), frame::Typing::schema()),
        ("StopFrame".into(), frame::Stop::schema()),
    ] {
        schemas.push((name.into_owned(), schema));
    }
    frame::Send::schemas(&mut schemas);
    components.schemas.extend(schemas);

    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    let problem = ResponseBuilder::new().description("What went wrong.").content(MEDIA_TYPE, content).build();
    let bearer = SecurityRequirement::new::<_, [&str; 0], &str>(BEARER, []);
    for item in api.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            operation.responses.responses.insert("default".into(), problem.clone().into());
            operation.security.get_or_insert_with(|| vec![bearer.clone()]);
        }
    }
    api
}
