//! Folding: case, width and common traditional characters made one, invisible characters and the
//! separators between Han characters left out, with the way back to the original.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::LazyLock;

/// Traditional characters that are common in everyday and business talk, each followed by its
/// simplified form.
const TRADITIONAL: &str = "\
    來来係系個个們们側侧偵侦備备傭佣傳传債债傷伤僅仅價价億亿償偿優优儲储內内兩两冊册凍冻別别剛刚創创劃划劇剧動动務务勝胜勞劳勢势匯汇區区協协卻却參参員员問问啟启單单嗎吗嚴严國国園园圓圆圖图團团執执報报場场\
    塊块壓压壞坏夠够奪夺妳你媽妈學学實实審审寫写寶宝對对導导層层屬属師师帳账帶带幣币幫帮幹干幾几廠厂廣广張张強强彈弹後后徑径從从復复恆恒惡恶態态慘惨慣惯憂忧憑凭應应懲惩懷怀戰战戲戏戶户掃扫採采揚扬換换損损\
    搶抢擁拥擇择擊击擋挡擔担據据擴扩攝摄敗败敵敌數数斷断時时暫暂會会東东條条楊杨業业極极構构標标樣样橋桥機机檔档檢检權权歡欢歲岁歸归殘残殺杀氣气決决沒没況况洩泄減减測测滿满漢汉潔洁濕湿濟济灣湾為为烏乌無无\
    煩烦熱热營营爭争爺爷牆墙狀状獎奖獨独獲获現现環环產产畫画異异當当療疗發发盜盗監监盤盘眾众碼码禮礼種种稱称穩稳窮穷競竞節节範范築筑籤签糧粮約约紅红納纳純纯紙纸級级細细終终組组結结絡络給给統统經经綠绿維维\
    網网緊紧線线編编緩缓練练總总績绩繳缴續续罰罚聯联聲声職职聽听肅肃腦脑與与興兴舉举舊旧艙舱華华著着藝艺藥药蘋苹處处虛虚號号虧亏螢荧補补裝装裡里製制複复規规視视親亲覺觉觀观訂订計计訊讯討讨託托記记訟讼設设\
    許许訴诉詐诈詢询話话詳详認认誤误說说誰谁課课調调談谈請请論论講讲謝谢證证識识譯译議议護护讀读讓让負负財财貢贡貨货責责買买貸贷費费資资賠赔賢贤賣卖質质賬账賴赖賺赚購购贈赠贏赢贓赃趕赶跡迹蹤踪車车軟软較较\
    輕轻輛辆輪轮輸输轉转辦办農农這这進进運运過过達达遞递遠远適适選选遺遗還还邊边郵邮鄰邻醫医釋释針针釣钓鈔钞銀银鋪铺錄录錢钱錯错鍵键鎖锁鏈链鐵铁鑰钥長长門门閉闭開开閒闲間间關关陰阴陽阳隊队階阶際际隨随險险\
    隱隐雖虽雙双雜杂離离難难雲云電电靈灵靜静響响頁页頂顶項项順顺須须預预領领頭头頻频顆颗題题額额願愿類类顧顾顯显風风飛飞飯饭養养餘余館馆馬马騙骗騷骚驅驱驗验驚惊驟骤髒脏體体鬥斗魚鱼麗丽麼么黃黄點点齊齐龍龙";

/// A text folded for matching, with the way back to the original.
#[derive(Debug, Clone)]
pub struct Folded<'a> {
    original: &'a str,
    text: String,
    /// For every character: where it begins in the folded text, and its range in the original. Worked
    /// out when first asked for, since most texts have nothing in them that one would look for.
    chars: OnceCell<Vec<(u32, u32, u32)>>,
}

impl<'a> Folded<'a> {
    /// Folds a text.
    #[must_use]
    pub fn new(original: &'a str) -> Self {
        let mut text = String::with_capacity(original.len());
        // English needs nothing but small letters.
        if original.is_ascii() && !original.contains("  ") && !original.contains('\t') {
            text.push_str(original);
            text.make_ascii_lowercase();
        } else {
            fold(original, |c, _, _| text.push(c));
        }
        Self { original, text, chars: OnceCell::new() }
    }

    /// The folded text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The folded text, kept.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// The bytes of the original that a range of bytes of the folded text stands for.
    #[must_use]
    pub fn original(&self, range: Range<usize>) -> Range<u32> {
        let chars = self.chars();
        let char_at = |byte: usize| chars.partition_point(|(start, _, _)| (*start as usize) < byte);
        let first = chars.get(char_at(range.start));
        let last = char_at(range.end).checked_sub(1).and_then(|index| chars.get(index));
        match (first, last) {
            (Some(first), Some(last)) if range.start < range.end => first.1..last.2,
            (Some(first), _) => first.1..first.1,
            (None, _) => chars.last().map_or(0..0, |last| last.2..last.2),
        }
    }

    fn chars(&self) -> &[(u32, u32, u32)] {
        self.chars.get_or_init(|| {
            let (mut chars, mut made) = (Vec::with_capacity(self.text.len()), 0);
            fold(self.original, |c, start, end| {
                chars.push((narrow(made), narrow(start), narrow(end)));
                made += c.len_utf8();
            });
            chars
        })
    }
}

/// Gives every character of the folded text, with the range that it has in the original.
fn fold(original: &str, mut put: impl FnMut(char, usize, usize)) {
    let mut before = None;
    for (at, c) in original.char_indices() {
        let end = at + c.len_utf8();
        if is_ideograph(c) {
            let c = simplified(c);
            put(c, at, end);
            before = Some(c);
            continue;
        }
        if is_invisible(c) {
            continue;
        }
        let c = fold_char(c);
        let hides = is_separator(c) && before.is_some_and(is_han) && joins_han(original.get(at..).unwrap_or_default());
        let repeats = c == ' ' && before == Some(' ');
        if !hides && !repeats {
            put(c, at, end);
            before = Some(c);
        }
    }
}

/// Whether a character stands in the block of unified ideographs, as most of Chinese does.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}')
}

/// Whether a character is a Han character or kana, written without separators between words.
#[must_use]
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn is_invisible(c: char) -> bool {
    !c.is_ascii()
        && matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}'
        )
}

fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return if c == '\t' { ' ' } else { c.to_ascii_lowercase() };
    }
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).map_or(c, |c| c.to_ascii_lowercase()),
        '\u{3000}' | '\u{a0}' => ' ',
        '’' => '\'',
        _ if is_han(c) => simplified(c),
        _ => c.to_lowercase().next().unwrap_or(c),
    }
}

fn simplified(c: char) -> char {
    // Few characters have a simplified form, and one bit of the table tells.
    let place = (c as usize).wrapping_sub(0x4e00);
    if LISTED.get(place / 64).is_none_or(|bits| bits >> (place % 64) & 1 == 0) {
        return c;
    }
    PAIRS.binary_search_by_key(&c, |pair| pair.0).ok().and_then(|at| PAIRS.get(at)).map_or(c, |pair| pair.1)
}

static PAIRS: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    let mut chars = TRADITIONAL.chars();
    let mut pairs: Vec<_> = std::iter::from_fn(|| Some((chars.next()?, chars.next()?))).collect();
    pairs.sort_unstable();
    pairs
});

/// What people put between the characters of a word to hide it.
/// A bit for each character of the block of unified ideographs (U+4E00 to U+9FFF) that [`PAIRS`] has.
static LISTED: LazyLock<[u64; 328]> = LazyLock::new(|| {
    let mut bits = [0; 328];
    for (traditional, _) in PAIRS.iter() {
        let place = (*traditional as usize).wrapping_sub(0x4e00);
        if let Some(word) = bits.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }
    bits
});

fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '.' | '*' | '-' | '_' | '~' | '|' | '/' | '+' | '·' | '•' | '^' | '=')
}

/// Whether a text begins with up to three separators and a Han character after them.
fn joins_han(text: &str) -> bool {
    let mut visible = text.chars().filter(|c| !is_invisible(*c)).map(fold_char);
    visible.by_ref().take(4).find(|c| !is_separator(*c)).is_some_and(is_han)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn case_width_variants_and_separators_fold_away() {
        for (text, folded) in [
            ("ＡｂＣ　x", "abc x"),
            ("驗證碼", "验证码"),
            ("验 证·码", "验证码"),
            ("验\u{200b}证码", "验证码"),
            ("加 vx  now", "加 vx now"),
            ("好。 再见", "好。 再见"),
        ] {
            assert_eq!(Folded::new(text).text(), folded, "{text}");
        }
    }

    #[test]
    fn ranges_lead_back_to_the_original() {
        let text = "请把驗\u{200b}證 碼给我";
        let folded = Folded::new(text);
        let at = folded.text().find("验证码").unwrap();
        let range = folded.original(at..at + 9);
        assert_eq!(text.get(range.start as usize..range.end as usize).unwrap(), "驗\u{200b}證 碼");
        assert_eq!(folded.original(0..folded.text().len()).end as usize, text.len());
    }

    #[test]
    fn the_table_of_characters_is_made_of_pairs() {
        assert_eq!(TRADITIONAL.chars().count() % 2, 0);
        assert!(TRADITIONAL.chars().all(is_han));
    }
}
