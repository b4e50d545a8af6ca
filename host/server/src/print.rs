//! What commands say on standard output: tables and lines for people, or JSON for programs.

use serde_json::Value;

use crate::client::cell;

/// Prints one line.
#[allow(clippy::print_stdout)] // What a command says to its user.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// Prints an answer as JSON.
pub(crate) fn json(value: &Value) {
    line(&format!("{value:#}"));
}

/// Prints rows as a table. A column is its title and the JSON pointer of its cells.
pub(crate) fn table(rows: &[Value], columns: &[(&str, &str)]) {
    let mut lines = vec![columns.iter().map(|(title, _)| (*title).to_owned()).collect::<Vec<_>>()];
    lines.extend(rows.iter().map(|row| columns.iter().map(|(_, pointer)| cell(row, pointer)).collect()));
    let widths: Vec<usize> = (0..columns.len())
        .map(|at| lines.iter().filter_map(|line| line.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    for cells in lines {
        let padded: Vec<_> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        line(padded.join("  ").trim_end());
    }
}

/// The list called `name` in an answer.
pub(crate) fn list(answer: &Value, name: &str) -> Vec<Value> {
    answer.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
}
