//! Passwords that a person types: from the environment, a terminal without echo, or standard input. Never from
//! the command line, which other users of the machine can read.

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::Context as _;
use zeroize::Zeroizing;

/// Asks for the password of `whom`. The environment variable `WARBLER_PASSWORD` answers first; a pipe gives
/// one line.
///
/// # Errors
/// Nothing was given, or two entries differ.
pub(crate) fn ask(whom: &str, twice: bool) -> anyhow::Result<Zeroizing<String>> {
    if let Ok(password) = std::env::var("WARBLER_PASSWORD") {
        return Ok(Zeroizing::new(password));
    }
    if !std::io::stdin().is_terminal() {
        let mut line = Zeroizing::new(String::new());
        std::io::stdin().lock().read_line(&mut line).context("cannot read the password from standard input")?;
        let password = Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned());
        anyhow::ensure!(!password.is_empty(), "no password: set WARBLER_PASSWORD, or give it on standard input");
        return Ok(password);
    }
    let password = Zeroizing::new(rpassword::prompt_password(format!("Password for {whom}: "))?);
    if twice {
        let again = Zeroizing::new(rpassword::prompt_password("Once more: ")?);
        anyhow::ensure!(password == again, "the two passwords differ");
    }
    Ok(password)
}
