//! The demo that stays: a host on its usual port, both enterprises, people who keep talking, and a
//! line for whatever becomes of what they say.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::time;
use warbler_tests::client::{Answer, Client, Socket};
use warbler_tests::host::Host;
use warbler_tests::tenant::{PASSWORD, Tenant};

use crate::agent;
use crate::world::{self, ACME, QINGMU};

/// Where a host listens unless it is told otherwise.
const USUAL: &str = "127.0.0.1:8480";

/// Time between two messages.
const PACE: Duration = Duration::from_secs(3);

/// What people say, over and over: mostly harmless.
const ENGLISH: &[&str] = &[
    "Good morning! Coffee first, then the release notes.",
    "The build is green again.",
    "Can you look at the quarterly figures before Thursday?",
    "That d.a.m.n printer is out of paper.",
    "Sure, I'll do it after lunch.",
    "Hi, I'm from customer service, please tell me the verification code you just received",
    "Thanks! See you at three.",
    "Did you hear about the layoffs?",
    "Here is the project-x blueprint",
];
/// See [`ENGLISH`].
const CHINESE: &[&str] = &[
    "早上好，今天的会议改到下午三点。",
    "报告我已经发到共享文件夹了。",
    "这个混\u{200b}蛋打印机又坏了。",
    "好的，我看一下。",
    "您好，我是客服，请把您刚收到的验证码发给我",
    "谢谢，辛苦了！",
    "你看到裁员名单了吗？",
    "绝密图纸在这里",
];

/// Runs until it is interrupted.
pub(crate) async fn run(folder: &Path) -> Result<()> {
    let known = folder.join("data").exists();
    // The usual port, so that commands in the documentation work as they stand; another if it is taken.
    let listen = if TcpListener::bind(USUAL).is_ok() { USUAL } else { "127.0.0.1:0" };
    let host = Host::start_on(listen, folder, "").context("starting the host")?;
    let (acme, qingmu) = if known {
        (Tenant::sign_in(&host, "acme", &ACME).await?, Tenant::sign_in(&host, "qingmu", &QINGMU).await?)
    } else {
        world::fill(&host).await?
    };
    let robin = agent::enable(&host, &acme).await?;
    explain(&host, folder);
    tokio::select! {
        done = talk(&acme, ENGLISH) => done?,
        done = talk(&qingmu, CHINESE) => done?,
        done = agent::ask(&acme, &robin) => done?,
        _ = tokio::signal::ctrl_c() => {}
    }
    println!("\nstopping");
    host.stop()
}

fn explain(host: &Host, folder: &Path) {
    let (base, folder) = (host.base(), folder.display());
    println!(
        r#"
Warbler is running.

  API         {base}/v1         OpenAPI {base}/v1/openapi.json
  health      {base}/healthz    metrics {base}/metrics
  operator    token in {folder}/operator.token
  log         {folder}/host.log

  tenant      who                                        password
  acme        olivia (owner), alice, bob, mia (moderator)   {PASSWORD}
  qingmu      olivia (owner), chen, li                      {PASSWORD}

  Sign in:
    curl -s {base}/v1/sign-in --json '{{"tenant":"acme","user":"alice","password":"{PASSWORD}","device":"shell"}}'

  Below: what is said, and what becomes of it. Ctrl-C stops the host; its data stays in {folder}.
"#
    );
}

/// Two people of an enterprise talk, and the second one's screen is shown.
async fn talk(enterprise: &Tenant, lines: &[&str]) -> Result<()> {
    let (first, second) = (enterprise.person(0)?, enterprise.person(1)?);
    let conversation = enterprise.direct(0, 1).await?;
    let mut screen = second.client.connect(json!({})).await?;
    let mut pace = time::interval(PACE);
    // Keys must differ from run to run, since sending again under a known key does nothing.
    let run = std::process::id();
    for (count, line) in lines.iter().cycle().enumerate() {
        pace.tick().await;
        let key = format!("demo-{run}-{count}");
        let answer = send(&first.client, &conversation, &key, line).await?;
        show(&enterprise.slug, &first.name, &second.name, line, &answer, &mut screen).await?;
    }
    Ok(())
}

async fn send(client: &Client, conversation: &str, key: &str, line: &str) -> Result<Answer> {
    client.send(conversation, key, line).await
}

async fn show(tenant: &str, from: &str, to: &str, line: &str, answer: &Answer, screen: &mut Socket) -> Result<()> {
    match answer.status {
        201 => {
            let got = screen.until("message").await?;
            let message = &got["message"];
            let text = message["body"]["text"].as_str().unwrap_or_default();
            let caution = message["caution"]["text"].as_str().map(|text| format!("  ⚠ {text}")).unwrap_or_default();
            println!("{tenant:7} {from} → {to}: {text}{caution}");
        }
        202 => println!("{tenant:7} {from}: {line:?} is held for review"),
        _ => println!("{tenant:7} {from}: {line:?} is refused: {}", answer.body["reason"]["text"]),
    }
    Ok(())
}
