//! Packs what the component serves: the published document in both its forms, which `crates/openapi` generates from
//! the code; our page; and Swagger UI, from the package that has its files.

use std::error::Error;
use std::io::{Cursor, Read as _};
use std::path::Path;
use std::{env, fs};

use openapi::AuthMode;
use pack::Table;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

/// The path of each file, and where the file is. The issuer redirects back to the last one. It takes the place of
/// Swagger UI's own page, which accepts a code even if `state` is wrong.
const PAGE: [(&str, &str); 4] = [
    ("/docs", "index.html"),
    ("/docs/start.js", "start.js"),
    ("/docs/page.css", "page.css"),
    ("/docs/oauth2-redirect.js", "oauth2-redirect.js"),
];
const SWAGGER_UI: [(&str, &str); 3] = [
    ("/docs/swagger-ui.js", "dist/swagger-ui-bundle.js"),
    ("/docs/swagger-ui.css", "dist/swagger-ui.css"),
    ("/docs/oauth2-redirect.html", "dist/oauth2-redirect.html"),
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let mut table = Table::begin()?;
    table.add("/openapi.json", openapi::document(AuthMode::Header).to_json()?.as_bytes())?;
    table.add("by-token.json", openapi::document(AuthMode::Jwt).to_json()?.as_bytes())?;
    let out = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    fs::write(Path::new(&out).join("issuer.rs"), format!("{:?}", openapi::ISSUER))?;
    for (path, file) in PAGE {
        table.add_file(path, &Path::new("src/page").join(file))?;
    }
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    for (path, file) in SWAGGER_UI {
        table.add(path, &unzip(&mut archive, file)?)?;
    }
    Ok(table.write()?)
}

/// A file of the archive, whatever the archive's top folder is called.
fn unzip(archive: &mut ZipArchive<Cursor<&[u8]>>, file: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let inside = |name: &str| name.split_once('/').is_some_and(|(_, inside)| inside == file);
    let mut names = archive.file_names().flatten();
    let name =
        names.find(|name| inside(name)).ok_or_else(|| format!("Swagger UI has no {file}"))?.into_owned();
    drop(names);
    let mut bytes = Vec::new();
    archive.by_name(&name)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}
