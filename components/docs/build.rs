//! Packs what the component serves: the published document, made from the code by `crates/openapi`; our
//! page; Swagger UI, from the package that carries its files. Writes `assets.rs`, a table of them.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
/// The path, where the file is, its media type.
const PAGE: [(&str, &str, &str); 3] = [
    ("/docs", "index.html", HTML),
    ("/docs/start.js", "start.js", SCRIPT),
    ("/docs/page.css", "page.css", STYLE),
];
const SWAGGER_UI: [(&str, &str, &str); 2] = [
    ("/docs/swagger-ui.js", "dist/swagger-ui-bundle.js", SCRIPT),
    ("/docs/swagger-ui.css", "dist/swagger-ui.css", STYLE),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut table = Table { folder: env::var("OUT_DIR")?.into(), rows: String::new() };
    table.add("/openapi.json", "application/json", openapi::document().to_json()?.as_bytes())?;
    for (path, file, media_type) in PAGE {
        table.add(path, media_type, &fs::read(Path::new("src/page").join(file))?)?;
    }
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    for (path, file, media_type) in SWAGGER_UI {
        table.add(path, media_type, &unzipped(&mut archive, file)?)?;
    }
    table.write()
}

/// The file, whatever the folder around all of them is called.
fn unzipped(archive: &mut ZipArchive<Cursor<&[u8]>>, file: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let inside = |name: &str| name.split_once('/').is_some_and(|(_, inside)| inside == file);
    let mut names = archive.file_names().flatten();
    let name =
        names.find(|name| inside(name)).ok_or_else(|| format!("Swagger UI has no {file}"))?.into_owned();
    drop(names);
    let mut bytes = Vec::new();
    archive.by_name(&name)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

struct Table {
    folder: PathBuf,
    rows: String,
}

impl Table {
    fn add(&mut self, path: &str, media_type: &str, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
        let file = self.folder.join(format!("{}.gz", path.replace('/', "_")));
        let mut encoder = GzEncoder::new(fs::File::create(&file)?, Compression::best());
        encoder.write_all(bytes)?;
        encoder.finish()?;
        // The tag is weak: packed or not, it is the same file (RFC 9110, section 8.8.1).
        let hash: String = Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let tag = format!("W/\"{hash}\"");
        writeln!(
            self.rows,
            "Asset {{ path: {path:?}, media_type: {media_type:?}, tag: {tag:?}, packed: include_bytes!({file:?}) }},"
        )?;
        Ok(())
    }

    fn write(self) -> Result<(), Box<dyn Error>> {
        Ok(fs::write(self.folder.join("assets.rs"), format!("&[{}]", self.rows))?)
    }
}
