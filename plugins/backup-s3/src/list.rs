//! Lists: as many pages of the store's as make one page of the host's.

use sink_kit::PAGE;
use warbler_sdk::{BlobInfo, Failure};

use crate::store::{Ask, Store};
use crate::{fault, xml};

/// Pages of the store that one list may take. A store may send fewer than were asked for, and an empty one
/// with the promise of more; one that never ends is broken.
const MAX_PAGES: usize = 200;

impl Store<'_> {
    /// Blobs that start with `prefix`, after `after`, in byte order.
    pub(crate) fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobInfo>, Failure> {
        let mut blobs: Vec<BlobInfo> = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let page = self.page(prefix, after, token.as_deref(), PAGE.saturating_sub(blobs.len()))?;
            for object in page.objects {
                let Some(name) = self.config.prefix.strip(&object.key) else { return Err(disorder(&object.key)) };
                let last = blobs.last().map(|blob| blob.name.as_str()).or(after);
                // What is out of order or out of range would make the host take blobs for gone.
                if !name.starts_with(prefix) || last.is_some_and(|last| name <= last) {
                    return Err(disorder(name));
                }
                blobs.push(BlobInfo { name: name.to_owned(), size: object.size });
            }
            token = match (page.truncated, page.next) {
                (false, _) => return Ok(blobs),
                (true, _) if blobs.len() >= PAGE => return Ok(blobs),
                (true, Some(next)) => Some(next),
                (true, None) => return Err(Failure::Unavailable(1_000)),
            };
        }
        Err(Failure::Unsupported(format!("the store's list did not end after {MAX_PAGES} pages")))
    }

    fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        token: Option<&str>,
        most: usize,
    ) -> Result<xml::Listing, Failure> {
        let place = &self.config.prefix;
        let (prefix, most) = (place.join(prefix), most.to_string());
        let after = after.map(|after| place.join(after));
        let mut query = vec![("list-type", "2"), ("max-keys", most.as_str()), ("prefix", prefix.as_str())];
        if let Some(token) = token {
            query.push(("continuation-token", token));
        } else if let Some(after) = &after {
            query.push(("start-after", after));
        }
        let response = self.send(&Ask { method: "GET", name: None, query: &query, range: None, body: &[] })?;
        if response.status != 200 {
            return Err(fault::read(&response));
        }
        // A page that was cut off must not pass for the whole.
        xml::read(&response.body, "ListBucketResult").ok_or(Failure::Unavailable(1_000))
    }
}

fn disorder(key: &str) -> Failure {
    Failure::Unsupported(format!("the store lists {key:?} out of order or out of range"))
}
