//! Lists the scenarios and the rules of advice, so that a new one is a new file and nothing else.

use std::{env, fmt::Write as _, fs, io, path::Path};

fn main() -> io::Result<()> {
    let var = |name: &str| env::var(name).map_err(io::Error::other);
    let (here, out) = (var("CARGO_MANIFEST_DIR")?, var("OUT_DIR")?);
    for folder in ["profiles/advice", "scenarios", "scenarios/advice", "scenarios/controls"] {
        let from = Path::new(&here).join("..").join(folder);
        // Cargo looks at every file of a folder, and at what comes and goes.
        println!("cargo::rerun-if-changed={}", from.display());
        let to = Path::new(&out).join(folder.replace('/', "-")).with_extension("rs");
        fs::write(to, list(&from)?)?;
    }
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}

/// Names and texts of the TOML files of a folder, by name. There may be no folder.
fn list(folder: &Path) -> io::Result<String> {
    let mut paths = match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    paths.sort();
    let mut text = "&[\n".to_owned();
    for path in paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "({name:?}, include_str!({:?})),", path.display().to_string());
    }
    Ok(text + "]\n")
}
