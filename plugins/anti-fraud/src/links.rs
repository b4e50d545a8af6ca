//! Links: finding them, and telling those that hide where they lead or claim to be another's.

/// A link in a folded text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) suspect: bool,
}

/// Services that shorten addresses.
const SHORTENERS: &[&str] = &[
    "bit.ly",
    "tinyurl.com",
    "t.cn",
    "dwz.cn",
    "url.cn",
    "suo.im",
    "suo.nz",
    "mrw.so",
    "u.nu",
    "is.gd",
    "v.gd",
    "ow.ly",
    "rb.gy",
    "cutt.ly",
    "goo.gl",
    "t.ly",
    "shorturl.at",
    "tiny.cc",
    "rebrand.ly",
    "buff.ly",
    "s.id",
    "6du.in",
    "sourl.cn",
    "985.so",
    "3.cn.hn",
    "qrco.de",
    "lnkd.in",
    "adf.ly",
    "bl.ink",
    "soo.gd",
    "clck.ru",
    "x.gd",
    "shrtco.de",
];

/// Names that are often feigned, each with the domains that are truly theirs.
const BRANDS: &[(&str, &[&str])] = &[
    ("paypal", &["paypal.com", "paypal.me", "paypalobjects.com"]),
    ("appleid", &["apple.com"]),
    ("apple", &["apple.com", "apple.com.cn", "apple.news", "apple.co"]),
    ("icloud", &["icloud.com", "icloud.com.cn"]),
    (
        "amazon",
        &[
            "amazon.com",
            "amazon.cn",
            "amazon.co.uk",
            "amazon.co.jp",
            "amazon.de",
            "amazon.fr",
            "amazonaws.com",
            "amazon.in",
            "amazon.ca",
        ],
    ),
    ("netflix", &["netflix.com"]),
    ("microsoft", &["microsoft.com", "microsoftonline.com"]),
    ("whatsapp", &["whatsapp.com", "whatsapp.net"]),
    ("telegram", &["telegram.org", "telegram.me"]),
    ("facebook", &["facebook.com"]),
    ("instagram", &["instagram.com"]),
    ("coinbase", &["coinbase.com"]),
    ("binance", &["binance.com"]),
    ("metamask", &["metamask.io"]),
    ("usps", &["usps.com"]),
    ("fedex", &["fedex.com"]),
    ("royalmail", &["royalmail.com"]),
    ("chase", &["chase.com"]),
    ("wellsfargo", &["wellsfargo.com"]),
    ("citibank", &["citibank.com", "citi.com"]),
    ("hsbc", &["hsbc.com", "hsbc.co.uk", "hsbc.com.cn", "hsbc.com.hk"]),
    ("alipay", &["alipay.com", "alipay.cn", "alipayobjects.com", "alipayplus.com"]),
    ("taobao", &["taobao.com"]),
    ("tmall", &["tmall.com"]),
    ("weixin", &["qq.com"]),
    ("wechat", &["wechat.com"]),
    ("icbc", &["icbc.com.cn"]),
    ("95588", &["icbc.com.cn"]),
    ("bankofchina", &["bankofchina.com", "boc.cn"]),
    ("abchina", &["abchina.com", "abchina.com.cn"]),
    ("cmbchina", &["cmbchina.com"]),
    ("unionpay", &["unionpay.com", "95516.com"]),
    ("12306", &["12306.cn", "12306.com"]),
    ("sfexpress", &["sf-express.com"]),
];

/// Endings that honest senders rarely use and that are given away or cheap.
const CHEAP_ENDINGS: &[&str] = &[
    "top", "xyz", "vip", "icu", "tk", "ml", "ga", "cf", "gq", "buzz", "click", "loan", "win", "bid", "cyou", "sbs",
    "cfd", "rest", "work", "monster", "quest", "bond", "lol",
];

/// Endings that make a bare name a link.
const ENDINGS: &[&str] = &[
    "com", "cn", "net", "org", "info", "biz", "io", "me", "cc", "co", "app", "shop", "site", "online", "store", "club",
    "link", "live", "ly", "gl", "gd", "gy", "uk", "ru", "de", "in", "hk", "tw", "us", "ai", "to", "tv", "im", "so",
    "id", "at",
];

/// The links of a folded text. Those to trusted hosts are none.
pub(crate) fn links(text: &str, trusted: &[String]) -> Vec<Link> {
    let mut found = Vec::new();
    let mut at = 0;
    // A link has the dot of a host or the colon of a scheme, so that text is only looked at around those.
    while let Some(sign) = text.get(at..).and_then(|rest| rest.bytes().position(|byte| matches!(byte, b'.' | b':'))) {
        let (before, after) = text.split_at_checked(at + sign).unwrap_or_default();
        // Han characters and blanks end a link.
        let start = before.trim_end_matches(is_link_char).len();
        let end = text.len() - after.trim_start_matches(is_link_char).len();
        let token = text.get(start..end).unwrap_or_default();
        let token = token.trim_end_matches(['.', ',', '!', '?', ')', ':', ';', '\'']);
        let lead = token.len() - token.trim_start_matches(['(', '.', ',', ':', '\'', '-']).len();
        if let Some(suspect) = token.get(lead..).and_then(|token| judge(token, trusted)) {
            found.push(Link { start: start + lead, end: start + token.len(), suspect });
        }
        at = end;
    }
    found
}

fn is_link_char(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '|' | '\\' | '^' | '`' | '{' | '}' | '[' | ']');
    }
    !warbler_phrases::is_han(c) && c.is_alphanumeric()
}

/// Whether a token is a link, and then whether it is suspect.
fn judge(token: &str, trusted: &[String]) -> Option<bool> {
    // Most words are no links, and have neither the dot of a host nor the colon of a scheme.
    if !token.bytes().any(|byte| matches!(byte, b'.' | b':')) {
        return None;
    }
    let after_scheme = ["https://", "http://", "hxxp://"].iter().find_map(|scheme| token.split_once(scheme));
    let written = after_scheme.map_or(token, |(_, rest)| rest);
    let authority = written.split(['/', '?', '#']).next().unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    if user.is_some() && after_scheme.is_none() {
        // An e-mail address.
        return None;
    }
    let host = host.split(':').next().unwrap_or_default().trim_end_matches('.');
    let is_address = is_ip(host);
    let ending = host.rsplit('.').next().unwrap_or_default();
    let known = ENDINGS.contains(&ending) || CHEAP_ENDINGS.contains(&ending);
    let named = host.contains('.') && known && host.split('.').all(is_label);
    if !named && after_scheme.is_none() || host.is_empty() {
        return None;
    }
    if trusted.iter().any(|name| is_below(host, name)) {
        return None;
    }
    let hides = SHORTENERS.iter().any(|name| is_below(host, name)) || CHEAP_ENDINGS.contains(&ending);
    Some(hides || user.is_some() || is_address || host.contains("xn--") || !host.is_ascii() || feigns(host))
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-')
}

fn is_ip(host: &str) -> bool {
    host.split('.').count() == 4 && host.split('.').all(|part| part.parse::<u8>().is_ok())
}

fn is_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Whether a host bears a brand's name, plainly or in look-alike digits, without being the brand's.
fn feigns(host: &str) -> bool {
    let plain: String = host.chars().map(unleet).collect();
    let plain = plain.replace("rn", "m").replace("vv", "w");
    BRANDS.iter().any(|(brand, domains)| {
        let bears =
            [host, &plain].iter().any(|host| host.split('.').any(|label| label == *brand || bears_part(label, brand)));
        bears && !domains.iter().any(|domain| is_below(host, domain))
    })
}

/// Whether a brand stands in a label on its own or at its beginning: `paypal-secure`, `paypalsupport`.
fn bears_part(label: &str, brand: &str) -> bool {
    label.split('-').any(|part| part == brand) || brand.len() >= 6 && label.starts_with(brand)
}

fn unleet(c: char) -> char {
    match c {
        '0' | 'о' => 'o',
        '1' => 'l',
        '3' | 'е' => 'e',
        '5' => 's',
        'а' => 'a',
        'р' => 'p',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Vec<(&str, bool)> {
        links(text, &["intranet.example.com".to_owned()])
            .iter()
            .map(|link| (&text[link.start..link.end], link.suspect))
            .collect()
    }

    #[test]
    fn links_are_found_and_judged() {
        for (text, link, suspect) in [
            ("see https://www.example.com/a?b.", "https://www.example.com/a?b", false),
            ("点击www.example.cn查看", "www.example.cn", false),
            ("点击http://t.cn/a1b2c3领取", "http://t.cn/a1b2c3", true),
            ("go bit.ly/xyz now", "bit.ly/xyz", true),
            ("http://192.168.3.4:80/x", "http://192.168.3.4:80/x", true),
            ("http://apple.com@evil.net/", "http://apple.com@evil.net/", true),
            ("paypa1.com", "paypa1.com", true),
            ("secure.paypal-login.com", "secure.paypal-login.com", true),
            ("arnazon.com/deal", "arnazon.com/deal", true),
            ("www.paypal.com/home", "www.paypal.com/home", false),
            ("icbc-95588.cc", "icbc-95588.cc", true),
            ("xn--pypl-53d.com", "xn--pypl-53d.com", true),
            ("win888.top", "win888.top", true),
            ("pineapple.com", "pineapple.com", false),
        ] {
            assert_eq!(seen(text), [(link, suspect)], "{text}");
        }
    }

    #[test]
    fn what_is_no_link_is_left_alone() {
        for text in
            ["a.b", "e.g. this", "me@example.com", "3.5元", "hello.World", "https://intranet.example.com/x", "v1.2.3"]
        {
            assert_eq!(seen(text), [], "{text}");
        }
    }
}
