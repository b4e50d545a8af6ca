//! Look-alikes: letters that are read as Latin ones. Which of them are folded, and when, is decided
//! by `fold` (always), `normalise` (in words of mixed script) and `view` (in the strict view).

/// The Latin letter for a shape that no language writes for itself: small capitals, letters in
/// boxes and circles, regional indicators.
pub(crate) fn always(c: char) -> Option<char> {
    const BOXED: [(u32, u32); 4] = [(0x1f130, 26), (0x1f150, 26), (0x1f170, 26), (0x1f1e6, 26)];
    let code = c as u32;
    for (first, count) in BOXED {
        if (first..first + count).contains(&code) {
            return char::from_u32('a' as u32 + code - first);
        }
    }
    let latin = match c {
        'ᴀ' | 'ɑ' => 'a',
        'ʙ' => 'b',
        'ᴄ' => 'c',
        'ᴅ' => 'd',
        'ᴇ' => 'e',
        'ꜰ' => 'f',
        'ɢ' | 'ɡ' => 'g',
        'ʜ' => 'h',
        'ɪ' | 'ı' => 'i',
        'ᴊ' | 'ȷ' => 'j',
        'ᴋ' => 'k',
        'ʟ' => 'l',
        'ᴍ' => 'm',
        'ɴ' => 'n',
        'ᴏ' => 'o',
        'ᴘ' => 'p',
        'ʀ' => 'r',
        'ꜱ' => 's',
        'ᴛ' => 't',
        'ᴜ' => 'u',
        'ᴠ' => 'v',
        'ᴡ' => 'w',
        'ʏ' => 'y',
        'ᴢ' => 'z',
        _ => return None,
    };
    Some(latin)
}

/// The Latin letter that a (folded) Cyrillic, Greek or Armenian letter is mistaken for.
pub(crate) const fn of_script(c: char) -> Option<char> {
    let latin = match c {
        'а' | 'α' => 'a',
        'в' | 'β' | 'ь' => 'b',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'ε' | 'ё' => 'e',
        'г' => 'r',
        'ɡ' | 'ց' => 'g',
        'н' | 'һ' | 'հ' => 'h',
        'і' | 'ι' | 'ї' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'ӏ' => 'l',
        'м' => 'm',
        'п' | 'η' | 'ո' => 'n',
        'о' | 'ο' | 'օ' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' | 'ш' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        _ => return None,
    };
    Some(latin)
}

/// The letter that a digit or sign stands for in leet writing.
pub(crate) const fn leet(c: char) -> Option<char> {
    let latin = match c {
        '0' => 'o',
        // `l` folds to `i` in the strict view, since `1` is written for both.
        '1' | '!' | '|' | 'l' => 'i',
        '2' => 'z',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '6' | '9' => 'g',
        '7' => 't',
        '8' => 'b',
        _ => return None,
    };
    Some(latin)
}
