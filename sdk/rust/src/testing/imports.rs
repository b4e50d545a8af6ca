//! The host's side of every import, answered from the thread's [`Host`](super::Host).

pub(crate) mod log {
    use crate::log::Level;
    use crate::testing::HOST;

    pub(crate) fn write(level: Level, text: &str) {
        HOST.with_borrow_mut(|host| host.logs.push((level, text.to_owned())));
    }
}

pub(crate) mod system {
    use crate::Timestamp;
    use crate::testing::HOST;

    pub(crate) fn now() -> Timestamp {
        HOST.with_borrow(|host| host.now)
    }

    /// Counts, so that tests see the same bytes every time.
    pub(crate) fn random(bytes: u32) -> Vec<u8> {
        HOST.with_borrow_mut(|host| {
            let mut next = || {
                host.randoms = host.randoms.wrapping_add(1);
                host.randoms
            };
            (0..bytes).map(|_| next()).collect()
        })
    }
}

pub(crate) mod secrets {
    use crate::testing::HOST;

    pub(crate) fn get(name: &str) -> Option<String> {
        HOST.with_borrow(|host| host.secrets.get(name).cloned())
    }
}

pub(crate) mod storage {
    use crate::testing::HOST;

    pub(crate) fn get(key: &str) -> Option<Vec<u8>> {
        HOST.with_borrow(|host| host.storage.get(key).cloned())
    }

    pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), String> {
        HOST.with_borrow_mut(|host| {
            let others = host.storage.iter().filter(|(other, _)| *other != key);
            let used: usize = others.map(|(key, value)| key.len() + value.len()).sum();
            if let Some(quota) = host.quota.filter(|quota| used + key.len() + value.len() > *quota) {
                return Err(format!("the storage quota of {quota} bytes would be passed"));
            }
            host.storage.insert(key.to_owned(), value.to_owned());
            Ok(())
        })
    }

    pub(crate) fn delete(key: &str) {
        HOST.with_borrow_mut(|host| host.storage.remove(key));
    }

    pub(crate) fn keys(prefix: &str, after: Option<&str>, limit: u32) -> Vec<String> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        HOST.with_borrow(|host| {
            let keys = host.storage.keys().filter(|key| key.starts_with(prefix));
            keys.filter(|key| after.is_none_or(|after| key.as_str() > after)).take(limit).cloned().collect()
        })
    }
}

pub(crate) mod lexicons {
    use crate::lexicons::Hit;
    use crate::testing::HOST;

    /// What the contract allows in one answer.
    const MOST_HITS: usize = 1_000;

    pub(crate) fn find(lists: &[String], text: &str) -> Result<Vec<Hit>, String> {
        HOST.with_borrow(|host| {
            let mut hits = Vec::new();
            for list in lists {
                let words = host.lexicons.get(list).ok_or_else(|| format!("there is no word list {list:?}"))?;
                for (word, category) in words {
                    hits.extend(text.match_indices(word.as_str()).map(|(start, found)| Hit {
                        word: word.clone(),
                        category: category.clone(),
                        start: offset(start),
                        end: offset(start + found.len()),
                    }));
                }
            }
            hits.sort_by_key(|hit| (hit.start, hit.end));
            hits.truncate(MOST_HITS);
            Ok(hits)
        })
    }

    fn offset(bytes: usize) -> u32 {
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

pub(crate) mod folders {
    use std::collections::BTreeMap;

    use crate::folders::{Error, FileInfo};
    use crate::testing::HOST;

    fn with<T>(folder: &str, work: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> T) -> Result<T, Error> {
        HOST.with_borrow_mut(|host| match host.folders.get_mut(folder) {
            Some(files) => Ok(work(files)),
            None => Err(Error::NoFolder(format!("the operator named no folder {folder:?}"))),
        })
    }

    pub(crate) fn put(folder: &str, name: &str, bytes: &[u8]) -> Result<(), Error> {
        with(folder, |files| drop(files.insert(name.to_owned(), bytes.to_owned())))
    }

    pub(crate) fn get(folder: &str, name: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, Error> {
        let number = |number| usize::try_from(number).unwrap_or(usize::MAX);
        let part = |bytes: &Vec<u8>| bytes.iter().copied().skip(number(offset)).take(number(length)).collect();
        with(folder, |files| files.get(name).map(part))
    }

    pub(crate) fn list(folder: &str, prefix: &str, after: Option<&str>) -> Result<Vec<FileInfo>, Error> {
        with(folder, |files| {
            let chosen = files.iter().filter(|(name, _)| name.starts_with(prefix));
            let chosen = chosen.filter(|(name, _)| after.is_none_or(|after| name.as_str() > after));
            let info = |(name, bytes): (&String, &Vec<u8>)| FileInfo { name: name.clone(), size: bytes.len() as u64 };
            chosen.take(1_000).map(info).collect()
        })
    }

    pub(crate) fn delete(folder: &str, name: &str) -> Result<(), Error> {
        with(folder, |files| drop(files.remove(name)))
    }
}

pub(crate) mod mail {
    use crate::mail::{Error, Letter, Posted};
    use crate::testing::HOST;

    pub(crate) fn send(relay: &str, letter: &Letter) -> Result<Posted, Error> {
        // Taken out while it answers, so that it may use the host itself.
        let postman = HOST.with_borrow_mut(|host| host.mail.take());
        let Some(mut take) = postman else {
            return Err(Error::NoRelay(format!("the mail relay {relay:?} was not granted")));
        };
        let posted = take(relay, letter);
        HOST.with_borrow_mut(|host| host.mail = Some(take));
        posted
    }

    pub(crate) fn send_all(relay: &str, letters: &[Letter]) -> Vec<Result<Posted, Error>> {
        letters.iter().map(|letter| send(relay, letter)).collect()
    }
}

pub(crate) mod http {
    use crate::http::{Error, Request, Response};
    use crate::testing::HOST;

    pub(crate) fn fetch(request: &Request) -> Result<Response, Error> {
        // Taken out while it answers, so that it may use the host itself.
        let responder = HOST.with_borrow_mut(|host| host.http.take());
        let Some(mut respond) = responder else {
            return Err(Error::Denied(format!("no host was granted for {}", request.url)));
        };
        let response = respond(request);
        HOST.with_borrow_mut(|host| host.http = Some(respond));
        response
    }

    pub(crate) fn fetch_all(requests: &[Request]) -> Vec<Result<Response, Error>> {
        requests.iter().map(fetch).collect()
    }
}

pub(crate) mod models {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use crate::models::{Error, Part, Prompt};
    use crate::testing::HOST;

    pub(crate) struct Completion(RefCell<VecDeque<Result<Part, Error>>>);

    impl Completion {
        pub(crate) fn next(&self) -> Option<Result<Part, Error>> {
            self.0.borrow_mut().pop_front()
        }
    }

    pub(crate) fn complete(model: &str, prompt: &Prompt) -> Result<Completion, Error> {
        let answerer = HOST.with_borrow_mut(|host| host.models.take());
        let Some(mut answer) = answerer else {
            return Err(Error::Denied(format!("the model {model:?} was not granted")));
        };
        let parts = answer(model, prompt);
        HOST.with_borrow_mut(|host| host.models = Some(answer));
        parts.map(|parts| Completion(RefCell::new(parts)))
    }

    pub(crate) fn embed(model: &str, texts: &[String]) -> Result<Vec<Vec<f32>>, Error> {
        let embedder = HOST.with_borrow_mut(|host| host.embedder.take());
        let Some(mut embed) = embedder else {
            return Err(Error::Denied(format!("the model {model:?} was not granted")));
        };
        let vectors = embed(model, texts);
        HOST.with_borrow_mut(|host| host.embedder = Some(embed));
        vectors
    }
}
