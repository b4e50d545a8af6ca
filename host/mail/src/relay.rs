//! One relay: so many letters in a minute, over so many connections, each from its first command to the reply
//! that says what became of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use warbler_domain::{Clock, Letter, MailError, Posted, TenantId};

use crate::connect::Connector;
use crate::pool::{Carrier, Pool};
use crate::reply::{CLOSING, Stage, away, meaning, status, tidy, without};
use crate::{Composed, MailSetupError, RelayOptions, Sender};

/// One relay.
pub(crate) struct Relay {
    name: String,
    options: RelayOptions,
    sender: Sender,
    connector: Connector,
    clock: Arc<dyn Clock>,
    all: DefaultDirectRateLimiter,
    each: DefaultKeyedRateLimiter<TenantId>,
    places: Semaphore,
    pool: Pool,
}

/// A letter was not taken.
struct Trouble {
    error: MailError,
    /// Whether the relay waits for the next command.
    usable: bool,
    /// Whether it hung up before it was told anything.
    hung_up: bool,
}

impl Relay {
    pub(crate) fn new(name: String, options: RelayOptions, clock: Arc<dyn Clock>) -> Result<Self, MailSetupError> {
        let sender = Sender::parse(&options.from)?;
        Ok(Self {
            name,
            connector: Connector::new(&options, &sender)?,
            sender,
            clock,
            all: RateLimiter::direct(Quota::per_minute(options.letters_per_minute)),
            each: RateLimiter::keyed(Quota::per_minute(options.tenant_letters_per_minute)),
            places: Semaphore::new(options.connections.clamp(1, Semaphore::MAX_PERMITS)),
            pool: Pool::default(),
            options,
        })
    }

    /// Whether the operator lets `tenant` use it.
    pub(crate) fn admits(&self, tenant: TenantId) -> bool {
        self.options.tenants.is_empty() || self.options.tenants.contains(&tenant)
    }

    /// Hands a letter of `tenant`'s over.
    pub(crate) async fn send(&self, tenant: TenantId, letter: &Letter) -> Result<Posted, MailError> {
        let sent = self.try_to_send(tenant, letter).await;
        let outcome = match &sent {
            Ok(_) => "accepted",
            Err(MailError::Invalid { .. }) => "invalid",
            Err(MailError::UnknownMailbox { .. }) => "unknown-mailbox",
            Err(MailError::Unavailable { .. }) => "unavailable",
            Err(MailError::Misconfigured { .. }) => "misconfigured",
            Err(_) => "refused",
        };
        metrics::counter!("mail_letters_total", "relay" => self.name.clone(), "outcome" => outcome).increment(1);
        sent
    }

    async fn try_to_send(&self, tenant: TenantId, letter: &Letter) -> Result<Posted, MailError> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(self.clock.now().as_millis());
        let composed = Composed::write(letter, &self.sender, now)?;
        self.take_turn(tenant)?;
        // The semaphore is never closed.
        let _place = self.places.acquire().await.map_err(|_| away("it is closed"))?;
        let carried = self.carry(&composed).await.map_err(|error| without(composed.to.as_ref(), error));
        let response = carried.inspect_err(|error| self.tell_of(tenant, error))?;
        let words = tidy(&response.message().collect::<Vec<_>>().join(" "));
        Ok(Posted { message_id: composed.message_id, answer: format!("{} {words}", response.code()) })
    }

    /// A line for the operator. There are no more of them than letters in a minute, and no addresses in them.
    fn tell_of(&self, tenant: TenantId, error: &MailError) {
        if matches!(error, MailError::Misconfigured { .. } | MailError::Unavailable { .. }) {
            tracing::warn!(relay = %self.name, %tenant, %error, "a letter was not sent");
        }
    }

    /// Counts the letter, unless there were too many.
    fn take_turn(&self, tenant: TenantId) -> Result<(), MailError> {
        let now = DefaultClock::default().now();
        let own = self.each.check_key(&tenant).map_err(|until| until.wait_time_from(now));
        let waited = own.and_then(|()| self.all.check().map_err(|until| until.wait_time_from(now)));
        waited.map_err(|after| MailError::Unavailable { after, why: "too many letters in this minute".to_owned() })
    }

    /// Sends over a connection that waits, or a new one.
    async fn carry(&self, letter: &Composed) -> Result<Response, MailError> {
        if let Some(carrier) = self.pool.take() {
            match self.carry_by(carrier, letter).await {
                // It hung up while it waited, which says nothing of the letter.
                Err(trouble) if trouble.hung_up => {}
                other => return other.map_err(|trouble| trouble.error),
            }
        }
        let carrier = Carrier::new(self.connector.connect().await?);
        self.carry_by(carrier, letter).await.map_err(|trouble| trouble.error)
    }

    async fn carry_by(&self, mut carrier: Carrier, letter: &Composed) -> Result<Response, Trouble> {
        let handed = self.hand_over(&mut carrier.connection, letter).await;
        let usable = match &handed {
            Ok(_) => true,
            Err(trouble) if trouble.usable => {
                let reset = timeout(self.options.answer_timeout, carrier.connection.command(Rset)).await;
                matches!(reset, Ok(Ok(_)))
            }
            Err(_) => false,
        };
        if usable {
            self.pool.put(carrier);
        }
        handed
    }

    async fn hand_over(&self, to: &mut AsyncSmtpConnection, letter: &Composed) -> Result<Response, Trouble> {
        let parameters = parameters(to, letter)?;
        let from = Mail::new(Some(letter.from.clone()), parameters);
        self.answer(Stage::Sender, to.command(from)).await?;
        self.answer(Stage::Recipient, to.command(Rcpt::new(letter.to.clone(), Vec::new()))).await?;
        self.answer(Stage::Content, to.command(Data)).await?;
        self.answer(Stage::Content, to.message(&letter.bytes)).await
    }

    /// Waits for the relay's answer, for so long.
    async fn answer(
        &self,
        stage: Stage,
        asked: impl Future<Output = Result<Response, Error>>,
    ) -> Result<Response, Trouble> {
        match timeout(self.options.answer_timeout, asked).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                let code = status(&error);
                let gone = code.is_none_or(|code| code == CLOSING);
                let hung_up = gone && stage == Stage::Sender;
                Err(Trouble { error: meaning(stage, &error), usable: !gone, hung_up })
            }
            Err(_) => {
                let error = away("it takes too long to answer");
                Err(Trouble { error, usable: false, hung_up: false })
            }
        }
    }
}

/// What the relay has to be told of a letter with an address that is not ASCII (RFC 6531).
fn parameters(to: &AsyncSmtpConnection, letter: &Composed) -> Result<Vec<MailParameter>, Trouble> {
    let address: &str = letter.to.as_ref();
    if address.is_ascii() {
        return Ok(Vec::new());
    }
    if !to.server_info().supports_feature(Extension::SmtpUtfEight) {
        let error = MailError::Refused { answer: "it takes no addresses with other letters than ASCII".to_owned() };
        return Err(Trouble { error, usable: true, hung_up: false });
    }
    Ok(vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)])
}
