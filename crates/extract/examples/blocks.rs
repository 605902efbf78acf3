//! Writes what is known of the blocks of pages, for `tests/bench/train_blocks.py`: `blocks OUT FOLDER` makes `OUT.jsonl`
//! (file stem and texts of blocks, a page a line), `OUT.f32` and `OUT.u32` (their numbers and groups, little endian, in the same
//! order).

use std::{env, fs, io::Write, path::PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().collect();
    let [_, out, folder] = &arguments[..] else { return Err("usage: blocks OUT FOLDER".into()) };
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|it| it.path())).collect::<Result<_, _>>()?;
    paths.sort();
    let mut texts = std::io::BufWriter::new(fs::File::create(format!("{out}.jsonl"))?);
    let mut numbers = std::io::BufWriter::new(fs::File::create(format!("{out}.f32"))?);
    let mut groups = std::io::BufWriter::new(fs::File::create(format!("{out}.u32"))?);
    for path in paths {
        let bytes = fs::read(&path)?;
        let blocks = extract::blocks(&extract::decode(&bytes, None).text);
        let id = path.file_stem().unwrap_or_default().to_string_lossy();
        let page = serde_json::json!({ "id": id, "texts": blocks.iter().map(|(text, ..)| text).collect::<Vec<_>>() });
        writeln!(texts, "{page}")?;
        for (_, row, own_groups) in &blocks {
            row.iter().try_for_each(|it| numbers.write_all(&it.to_le_bytes()))?;
            own_groups.iter().try_for_each(|it| groups.write_all(&it.to_le_bytes()))?;
        }
    }
    Ok(())
}
