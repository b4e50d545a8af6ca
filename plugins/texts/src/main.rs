//! Fetches the texts that tests measure filters on, and says where they are.

fn main() -> std::io::Result<()> {
    let cache = warbler_texts::cache();
    warbler_texts::fetch(&cache)?;
    println!("{}", cache.display());
    Ok(())
}
