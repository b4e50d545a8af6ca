//! A host for unit tests, in place of the real one. It exists off WebAssembly only.
//!
//! ```
//! use warbler_sdk::{lexicons, testing};
//!
//! let host = testing::Host::new().with_lexicon("fraud", &[("safe account", "transfer")]).start();
//! let hits = lexicons::find(&["fraud".to_owned()], "use the safe account")?;
//! assert_eq!((hits[0].start, hits[0].end), (8, 20));
//! assert!(host.logs().is_empty());
//! # Ok::<(), String>(())
//! ```

mod imports;
mod room;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::marker::PhantomData;

use crate::http::{Error as HttpError, Request, Response};
use crate::log::Level;
use crate::mail::{Error as MailError, Letter, Posted};
use crate::models::{Error as ModelError, Part, Prompt};
use crate::{Body, ConversationKind, Endpoint, Message, Notification, Party, Role, Timestamp, Urgency};

pub use room::Room;

pub(crate) use imports::{folders, http, lexicons, log, mail, models, secrets, storage, system};

thread_local! {
    static HOST: RefCell<Host> = RefCell::new(Host::new());
}

/// Answers HTTP requests.
type Responder = Box<dyn FnMut(&Request) -> Result<Response, HttpError>>;
/// Takes letters, with the relay's name.
type Postman = Box<dyn FnMut(&str, &Letter) -> Result<Posted, MailError>>;
/// Answers prompts, with the model's name.
type Answerer = Box<dyn FnMut(&str, &Prompt) -> Result<VecDeque<Result<Part, ModelError>>, ModelError>>;
/// Turns texts into vectors, with the model's name.
type Embedder = Box<dyn FnMut(&str, &[String]) -> Result<Vec<Vec<f32>>, ModelError>>;

/// What the plugin under test is lent. Nothing, until it is given.
#[derive(Default)]
pub struct Host {
    now: Timestamp,
    randoms: u8,
    lexicons: BTreeMap<String, Vec<(String, String)>>,
    secrets: BTreeMap<String, String>,
    storage: BTreeMap<String, Vec<u8>>,
    quota: Option<usize>,
    folders: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    http: Option<Responder>,
    mail: Option<Postman>,
    models: Option<Answerer>,
    embedder: Option<Embedder>,
    logs: Vec<(Level, String)>,
}

impl Host {
    /// A host that lends nothing, at the Unix epoch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the clock.
    #[must_use]
    pub fn with_now(mut self, now: Timestamp) -> Self {
        self.now = now;
        self
    }

    /// Adds a word list: words with their categories. Words are matched as they are written; the
    /// real host also normalises.
    #[must_use]
    pub fn with_lexicon(mut self, name: &str, words: &[(&str, &str)]) -> Self {
        let words = words.iter().map(|(word, category)| ((*word).to_owned(), (*category).to_owned())).collect();
        self.lexicons.insert(name.to_owned(), words);
        self
    }

    /// Adds a secret.
    #[must_use]
    pub fn with_secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Puts a value into the storage.
    #[must_use]
    pub fn with_stored(mut self, key: &str, value: &[u8]) -> Self {
        self.storage.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds an empty folder of the operator's.
    #[must_use]
    pub fn with_folder(mut self, name: &str) -> Self {
        self.folders.insert(name.to_owned(), BTreeMap::new());
        self
    }

    /// Limits the storage to so many bytes of keys and values.
    #[must_use]
    pub fn with_quota(mut self, bytes: usize) -> Self {
        self.quota = Some(bytes);
        self
    }

    /// Answers HTTP requests.
    #[must_use]
    pub fn with_http(mut self, respond: impl FnMut(&Request) -> Result<Response, HttpError> + 'static) -> Self {
        self.http = Some(Box::new(respond));
        self
    }

    /// Takes letters, by relay.
    #[must_use]
    pub fn with_mail(mut self, take: impl FnMut(&str, &Letter) -> Result<Posted, MailError> + 'static) -> Self {
        self.mail = Some(Box::new(take));
        self
    }

    /// Answers prompts, by model.
    #[must_use]
    pub fn with_models(
        mut self,
        mut answer: impl FnMut(&str, &Prompt) -> Result<Vec<Part>, ModelError> + 'static,
    ) -> Self {
        self.models = Some(Box::new(move |model, prompt| Ok(answer(model, prompt)?.into_iter().map(Ok).collect())));
        self
    }

    /// Answers prompts, by model, with answers that may break off: an error ends one.
    #[must_use]
    pub fn with_model_parts(
        mut self,
        mut answer: impl FnMut(&str, &Prompt) -> Result<Vec<Result<Part, ModelError>>, ModelError> + 'static,
    ) -> Self {
        self.models = Some(Box::new(move |model, prompt| answer(model, prompt).map(VecDeque::from)));
        self
    }

    /// Turns texts into vectors, by model.
    #[must_use]
    pub fn with_embeddings(
        mut self,
        embed: impl FnMut(&str, &[String]) -> Result<Vec<Vec<f32>>, ModelError> + 'static,
    ) -> Self {
        self.embedder = Some(Box::new(embed));
        self
    }

    /// Makes this the host of the present thread, until what is returned is dropped.
    #[must_use]
    pub fn start(self) -> Running {
        HOST.set(self);
        Running { thread: PhantomData }
    }
}

/// A host that is the present thread's.
pub struct Running {
    /// Not `Send`: it belongs to the thread that started it.
    thread: PhantomData<*const ()>,
}

impl Running {
    /// The lines that were written so far.
    #[must_use]
    pub fn logs(&self) -> Vec<(Level, String)> {
        let Self { thread: PhantomData } = self;
        HOST.with_borrow(|host| host.logs.clone())
    }

    /// The value that is stored under `key`.
    #[must_use]
    pub fn stored(&self, key: &str) -> Option<Vec<u8>> {
        let Self { thread: PhantomData } = self;
        HOST.with_borrow(|host| host.storage.get(key).cloned())
    }

    /// Moves the clock.
    pub fn set_now(&self, now: Timestamp) {
        let Self { thread: PhantomData } = self;
        HOST.with_borrow_mut(|host| host.now = now);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        HOST.set(Host::new());
    }
}

/// A text message from a member, in a direct conversation, before the commit.
#[must_use]
pub fn message(text: &str) -> Message {
    Message {
        id: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
        conversation: "01890a5d-ac96-774b-bcce-b302099a8058".to_owned(),
        kind: ConversationKind::Direct,
        sequence: None,
        sender: Party {
            id: "01890a5d-ac96-774b-bcce-b302099a8059".to_owned(),
            name: String::new(),
            role: Role::Member,
        },
        sent_at: 1_700_000_000_000,
        body: Body::Text(text.to_owned()),
        reply_to: None,
        mentions: Vec::new(),
        edit: false,
    }
}

/// A notification of an ordinary message for one device, whose `address` is the provider's own, as JSON.
#[must_use]
pub fn notification(kind: &str, address: &str) -> Notification {
    Notification {
        id: "01890a5d-ac96-774b-bcce-b302099a805a".to_owned(),
        endpoint: Endpoint {
            id: "01890a5d-ac96-774b-bcce-b302099a805b".to_owned(),
            kind: kind.to_owned(),
            address: address.to_owned(),
            locale: "en".to_owned(),
        },
        title: "Ann".to_owned(),
        body: "See you at noon".to_owned(),
        conversation: "01890a5d-ac96-774b-bcce-b302099a8058".to_owned(),
        collapse_key: None,
        badge: 1,
        urgency: Urgency::Normal,
        expires_at: 1_700_003_600_000,
        secret: false,
    }
}
